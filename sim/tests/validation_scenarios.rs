//! The scenarios of `sim validate` are files like all others: each can be read, and each is used by a case.

use std::path::Path;

use minibit_sim::scenario::load;

#[test]
fn each_file_can_be_read_and_is_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = std::fs::read_dir(root.join("src/validate/cases")).unwrap();
    let cases: String =
        sources.map(|source| std::fs::read_to_string(source.unwrap().path()).unwrap()).collect();
    for entry in std::fs::read_dir(root.join("../scenarios/validation")).unwrap() {
        let path = entry.unwrap().path();
        load(&path, &[]).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(cases.contains(&format!("\"validation/{name}\"")), "{name} is used by no case");
    }
}

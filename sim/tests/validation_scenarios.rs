//! The scenarios of `sim validate` are files like all others: each can be read, and each is used by a case.

use std::path::Path;

use minibit_sim::scenario::load;

#[test]
fn each_file_can_be_read_and_is_used() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cases = std::fs::read_to_string(root.join("src/validate/cases.rs")).unwrap();
    for entry in std::fs::read_dir(root.join("../scenarios/validation")).unwrap() {
        let path = entry.unwrap().path();
        load(&path, &[]).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let name = path.file_stem().unwrap().to_str().unwrap();
        assert!(cases.contains(&format!("\"validation/{name}\"")), "{name} is used by no case");
    }
}

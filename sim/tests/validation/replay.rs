//! O18 with the real program: the same seed gives the same bytes in two processes, in every file and in the trace, whatever the number
//! of workers.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use tempfile::tempdir;

/// Runs the program with so many workers; all files that it has written, by name.
fn files(scenario: &Path, workers: &str, arguments: &[&str]) -> BTreeMap<String, Vec<u8>> {
    let dir = tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_sim"))
        .args(["run", "--out", "report"])
        .args(arguments)
        .arg(scenario)
        .current_dir(dir.path())
        .env("RAYON_NUM_THREADS", workers)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let entries = |folder: &str| std::fs::read_dir(dir.path().join(folder)).unwrap();
    let folders = [".", "report", "report/figures"];
    let written = folders.into_iter().flat_map(entries).map(|entry| entry.unwrap().path());
    written
        .filter(|path| path.is_file())
        .map(|path| (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap()))
        .collect()
}

#[test]
fn two_processes_write_the_same_bytes() {
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/validation/o18_replay.json");
    let trace = |workers, seed| {
        files(&scenario, workers, &["--runs", "1", "--seed", seed, "--trace", "trace.ndjson"])
    };
    let (first, again, other) = (trace("1", "5"), trace("4", "5"), trace("1", "6"));
    assert!(first["trace.ndjson"].len() > 100_000, "the trace says what happened");
    assert!(first == again, "the same seed, and other bytes");
    for name in ["trace.ndjson", "peers.csv", "timeline.csv", "messages.csv"] {
        assert!(first[name] != other[name], "{name} of another seed is the same");
    }
    let runs = |workers| files(&scenario, workers, &["--runs", "6"]);
    let (one, four) = (runs("1"), runs("4"));
    assert!(one.len() > 15 && one == four, "the same runs on other numbers of workers, and other bytes");
}

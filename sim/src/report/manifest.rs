//! `manifest.json`: what was run, and the fingerprints of what came out.
//!
//! Whoever has the manifest can repeat the run and compare byte for byte. It says nothing of the machine, the date or
//! the time that it took, for those are no part of the result.

use std::fmt::Write as _;

use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{ReportError, ReportInput, hex};
use crate::results::RunResult;

/// Version of the layout of `manifest.json`.
pub const SCHEMA: u32 = 2;

#[derive(Serialize)]
struct Manifest<'a, R> {
    schema: u32,
    minibit: &'static str,
    command: &'a str,
    runs: R,
    files: Vec<File<'a>>,
}

#[derive(Serialize)]
struct RunEntry {
    run: u32,
    seed: u64,
    digest: String,
    events: u64,
}

#[derive(Serialize)]
struct File<'a> {
    name: &'a str,
    bytes: usize,
    sha256: String,
}

/// SHA-256 in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(bytes) {
        write!(text, "{byte:02x}").expect("a string takes everything");
    }
    text
}

/// The manifest of a report that consists of these files.
///
/// # Errors
/// When a value cannot be encoded, which would be a bug.
pub fn manifest(input: &ReportInput<'_>, files: &[(String, Vec<u8>)]) -> Result<Vec<u8>, ReportError> {
    of(input.command, input.runs.iter(), files)
}

/// The manifest of some runs by this command.
///
/// # Errors
/// When a value cannot be encoded, which would be a bug.
pub fn of<'a>(
    command: &str,
    runs: impl Iterator<Item = &'a RunResult>,
    files: &[(String, Vec<u8>)],
) -> Result<Vec<u8>, ReportError> {
    let entry = |run: &RunResult| RunEntry {
        run: run.run,
        seed: run.seed,
        digest: hex(run.digest),
        events: run.events,
    };
    saying(command, runs.map(entry).collect::<Vec<RunEntry>>(), files)
}

/// The manifest of what this command made out of these runs, whatever is to be said of them.
///
/// # Errors
/// When a value cannot be encoded, which would be a bug.
pub fn saying(
    command: &str,
    runs: impl Serialize,
    files: &[(String, Vec<u8>)],
) -> Result<Vec<u8>, ReportError> {
    let manifest = Manifest {
        schema: SCHEMA,
        minibit: env!("CARGO_PKG_VERSION"),
        command,
        runs,
        files: files
            .iter()
            .map(|(name, bytes)| File { name, bytes: bytes.len(), sha256: sha256(bytes) })
            .collect(),
    };
    super::json(&manifest)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, text};
    use super::*;

    #[test]
    fn tells_how_to_repeat_the_run() {
        let files = [("peers.csv".to_owned(), b"abc".to_vec())];
        insta::assert_snapshot!("manifest", text(manifest(&Case::tiny().input(), &files)));
    }
}

//! Everything that a run leaves behind: one folder with tables, a summary, pictures and a page.
//!
//! | file | what |
//! |---|---|
//! | `runs.csv` | a row per run: what comparisons are made of |
//! | `peers.csv` | a row per peer and run |
//! | `timeline.csv` | the swarm over time |
//! | `messages.csv` | messages by peer, kind and direction |
//! | `summary.json` | the figures that one looks at first |
//! | `figures/*.svg`, `*.png` | the pictures of [`plot`] |
//! | `scenario.json` | the scenario as used, with every default filled in |
//! | `index.html` | all of it on one page that needs nothing else |
//! | `manifest.json` | the command, seeds, version, and the digest of each file |
//!
//! The same input gives the same bytes on every machine; nothing here knows the date, the machine or how long it took.
//! Files appear whole or not at all ([`atomic`]).

pub mod atomic;
pub mod bound;
pub mod command;
pub mod csv;
pub mod findings;
pub mod format;
pub mod html;
pub mod index;
pub mod manifest;
pub mod parts;
pub mod plot;
pub mod summary;
pub mod template;
#[cfg(test)]
pub(crate) mod testing;
pub mod validation;

use std::io;
use std::path::{Path, PathBuf};

use crate::compare::rows::{self, Labelled, Row};
use crate::results::{PeerResult, RunResult};
use crate::scenario::{Scenario, Verdict};
use plot::Figures;
use summary::Summary;

/// The group that the seeding tracker is shown in.
pub const TRACKER_GROUP: &str = "tracker";

/// What a report is made of.
#[derive(Clone, Copy, Debug)]
pub struct ReportInput<'a> {
    /// What was simulated.
    pub scenario: &'a Scenario,
    /// What came out, in the order of the runs.
    pub runs: &'a [RunResult],
    /// What came of the scenario's `expect` rules.
    pub verdicts: &'a [Verdict],
    /// The scenario as used, with every default filled in, for the manifest.
    pub resolved: &'a serde_json::Value,
    /// The command that repeats the run. Must not name the machine or its folders.
    pub command: &'a str,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// The disk said no.
    #[error("cannot write {}", path.display())]
    Io {
        /// Which file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// What a list is to be made of cannot be read.
    #[error("cannot read {}\n  hint: name the folder that has the folders of the reports", path.display())]
    Unreadable {
        /// Which file or folder.
        path: PathBuf,
        /// What the disk said.
        source: io::Error,
    },
    /// There is nothing to list.
    #[error("there is no report in {}\n  hint: name the folder that has the folders of the reports", path.display())]
    NoReports {
        /// The folder.
        path: PathBuf,
    },
    /// A row could not be encoded.
    #[error("cannot encode a table")]
    Csv(#[from] ::csv::Error),
    /// A value could not be encoded.
    #[error("cannot encode JSON")]
    Json(#[from] serde_json::Error),
    /// A picture could not be drawn.
    #[error("cannot draw a figure")]
    Draw(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The page could not be filled in.
    #[error("cannot write the page")]
    Page(#[from] minijinja::Error),
    /// A picture could not be rasterised.
    #[error("cannot rasterise a figure")]
    Raster,
}

/// Writes the report of some runs into the folder `dir`, which is made when it is not there. A report that is there is
/// replaced; other files are left alone. Returns the paths of all files, the manifest's last.
///
/// # Errors
/// When a file cannot be written or a picture cannot be drawn; then what was in the folder is still there.
pub fn write(dir: &Path, input: &ReportInput<'_>) -> Result<Vec<PathBuf>, ReportError> {
    atomic::write_all(dir, &files(input)?)
}

/// Names and contents of all files, the manifest last.
///
/// # Errors
/// When a picture cannot be drawn.
pub(crate) fn files(input: &ReportInput<'_>) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    let summary = Summary::new(input);
    let mut files = vec![
        ("runs.csv".to_owned(), runs(input)?),
        ("peers.csv".to_owned(), csv::peers(input)?),
        ("timeline.csv".to_owned(), csv::timeline(input)?),
        ("messages.csv".to_owned(), csv::messages(input)?),
        ("summary.json".to_owned(), json(&summary)?),
    ];
    let figures = Figures::new(input, &summary)?;
    files.extend(figures.files()?);
    files.push(("scenario.json".to_owned(), json(input.resolved)?));
    files.push(("index.html".to_owned(), html::page(input, &summary, &figures)?));
    let manifest = manifest::manifest(input, &files)?;
    files.push(("manifest.json".to_owned(), manifest));
    Ok(files)
}

/// `runs.csv`: the runs as the only variant of a case, so that they can be the baseline of a comparison.
fn runs(input: &ReportInput<'_>) -> Result<Vec<u8>, ReportError> {
    let bound = bound::of(input.scenario);
    let row = |run| Row::new(run, input.scenario, bound.as_ref());
    let rows: Vec<Row> = input.runs.iter().map(row).collect();
    let name = &input.scenario.name;
    rows::write([Labelled { case: name, variant: name, rows: &rows }].into_iter())
}

pub(crate) fn json(value: &impl serde::Serialize) -> Result<Vec<u8>, ReportError> {
    let mut bytes = serde_json::to_vec_pretty(value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// A digest as people compare it: 16 hexadecimal digits.
pub(crate) fn hex(digest: u64) -> String {
    format!("{digest:016x}")
}

pub(crate) fn group_name<'a>(scenario: &'a Scenario, peer: &PeerResult) -> &'a str {
    peer.group.map_or(TRACKER_GROUP, |group| &scenario.groups[group].name)
}

/// Number of pieces of the content.
#[expect(clippy::cast_possible_truncation, reason = "a checked scenario has at most 2^21 pieces")]
pub(crate) fn piece_count(scenario: &Scenario) -> u32 {
    scenario.content.len.div_ceil(scenario.content.piece_len.into()) as u32
}

#[cfg(test)]
mod tests {
    use super::testing::Case;
    use super::*;

    #[test]
    fn same_input_same_bytes() {
        let case = Case::swarm(&[("fast", 8), ("slow", 6)], 2, 30).with_losses(5);
        let all = || files(&case.input()).unwrap();
        assert!(all() == all());
    }

    /// Sample reports to look at: `cargo test -p minibit-sim gallery -- --ignored`, then `target/gallery`.
    #[test]
    #[ignore = "for eyes"]
    fn gallery() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/gallery");
        let groups = [("fibre", 60), ("cable", 80), ("mobile", 60)];
        let cases = [
            ("five", Case::swarm(&[("peer", 5)], 1, 126)),
            ("groups", Case::swarm(&groups, 1, 200).with_losses(9)),
            ("thousand", Case::swarm(&[("peer", 1000)], 1, 600)),
            ("nobody", Case::swarm(&[("peer", 8)], 1, 60).with_losses(1)),
            ("one", Case::swarm(&[("leecher", 1)], 1, 40)),
            ("runs", Case::swarm(&groups, 10, 100)),
            ("few_runs", Case::swarm(&[("peer", 3)], 3, 50).with_losses(2)),
            ("losses", Case::swarm(&[("peer", 12)], 1, 100).with_losses(4)),
            ("stuck", Case::swarm(&[("peer", 20)], 1, 100).stuck()),
            (
                "mixed",
                Case::swarm(&[("home", 3), ("a group with a very long name", 4)], 1, 90)
                    .counted_until_complete(),
            ),
            ("ten_thousand", Case::swarm(&[("peer", 10_000)], 1, 300)),
            ("tiny", Case::tiny()),
        ];
        for (name, case) in cases {
            write(&root.join(name), &case.input()).unwrap();
        }
    }

    #[test]
    fn the_manifest_has_the_digest_of_every_other_file() {
        let dir = tempfile::tempdir().unwrap();
        let paths = write(dir.path(), &Case::tiny().input()).unwrap();
        let read = |path: &PathBuf| std::fs::read(path).unwrap();
        let (manifest, others) = paths.split_last().unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&read(manifest)).unwrap();
        let listed = manifest["files"].as_array().unwrap();
        assert_eq!(listed.len(), others.len());
        for (entry, path) in listed.iter().zip(others) {
            assert_eq!(entry["name"], path.strip_prefix(dir.path()).unwrap().to_str().unwrap());
            assert_eq!(entry["sha256"], manifest::sha256(&read(path)));
        }
    }
}

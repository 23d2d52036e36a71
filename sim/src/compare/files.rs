//! The files of a comparison's report.
//!
//! | file | what |
//! |---|---|
//! | `index.html` | all of it on one page that needs nothing else |
//! | `summary.json`, `summary.md` | the figures that one looks at first, for programs and for a pull request |
//! | `runs.csv` | a row per case, variant and run; a later comparison reads it as its baseline |
//! | `peers.csv` | a row per peer and run |
//! | `messages.csv` | messages by run and kind |
//! | `figures/` | the pictures, as SVG and as PNG |
//! | `scenario.json` | the scenario of each variant, with every default filled in |
//! | `manifest.json` | the command, seeds, version, and the digest of each file |

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::evidence::Evidence;
use super::execute::{CaseRuns, VariantRuns};
use super::notes;
use super::page;
use super::rows::{self, Labelled};
use super::summary::{Summary, markdown};
use crate::report::csv::table;
use crate::report::format::{exact_ratio, exact_seconds};
use crate::report::plot::{self, Figure, versus};
use crate::report::{ReportError, atomic, group_name, json, manifest};
use crate::results::{KINDS, PeerResult, RunResult, Tally, kind_name};
use crate::scenario::{Verdict, evaluate, resolved_json};

/// What the report of a comparison is made of.
#[derive(Clone, Copy, Debug)]
pub struct Comparison<'a> {
    /// The cases that were run.
    pub cases: &'a [CaseRuns],
    /// What they say.
    pub evidence: &'a [Evidence],
    /// The command that repeats it. Must not name the machine or its folders.
    pub command: &'a str,
}

/// A variant in `scenario.json`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Recorded {
    /// The case.
    pub case: String,
    /// The variant.
    pub variant: String,
    /// Its scenario, resolved.
    pub scenario: serde_json::Value,
}

/// Writes the report into the folder `dir`, like [`report::write`](crate::report::write).
///
/// # Errors
/// When a file cannot be written or a picture cannot be drawn; then what was in the folder is still there.
pub fn write(dir: &Path, comparison: &Comparison<'_>) -> Result<Vec<PathBuf>, ReportError> {
    atomic::write_all(dir, &files(comparison)?)
}

/// Names and contents of all files, the manifest last.
///
/// # Errors
/// When a picture cannot be drawn, which would be a bug.
pub fn files(comparison: &Comparison<'_>) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    let Comparison { cases, evidence, command } = *comparison;
    let figures: Vec<Vec<Figure>> = cases
        .iter()
        .zip(evidence)
        .map(|(case, evidence)| versus::figures(case, evidence, &prefix(cases, case)))
        .collect::<Result<_, _>>()?;
    let mut files = vec![
        ("summary.json".to_owned(), json(&Summary::new(cases, evidence))?),
        (
            "summary.md".to_owned(),
            markdown(evidence, command, &notes::markdown(cases, evidence)).into_bytes(),
        ),
        ("runs.csv".to_owned(), rows::write(variants(cases).map(labelled))?),
        ("peers.csv".to_owned(), peers(cases)?),
        ("messages.csv".to_owned(), messages(cases)?),
        ("scenario.json".to_owned(), json(&recorded(cases))?),
    ];
    for figures in &figures {
        files.extend(plot::files(figures)?);
    }
    files.push(("index.html".to_owned(), page::page(comparison, &figures)?));
    let runs = cases.iter().flat_map(|case| &case.variants).flat_map(|variant| &variant.runs);
    let manifest = manifest::of(command, runs, &files)?;
    files.push(("manifest.json".to_owned(), manifest));
    Ok(files)
}

/// What stands before the names of a case's figures, when there are several.
pub fn prefix(cases: &[CaseRuns], case: &CaseRuns) -> String {
    if cases.len() == 1 {
        return String::new();
    }
    let plain = |c: char| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '_' };
    format!("{}-", case.name.chars().map(plain).collect::<String>())
}

/// What came of the `expect` rules of a variant's scenario.
pub fn verdicts(variant: &VariantRuns) -> Vec<Verdict> {
    evaluate(&variant.scenario.expect, &variant.scenario, &variant.runs)
}

fn variants(cases: &[CaseRuns]) -> impl Iterator<Item = (&CaseRuns, &VariantRuns)> {
    cases.iter().flat_map(|case| case.variants.iter().map(move |variant| (case, variant)))
}

fn labelled<'a>((case, variant): (&'a CaseRuns, &'a VariantRuns)) -> Labelled<'a> {
    Labelled { case: &case.name, variant: &variant.label, rows: &variant.rows }
}

fn recorded(cases: &[CaseRuns]) -> Vec<Recorded> {
    let record = |(case, variant): (&CaseRuns, &VariantRuns)| Recorded {
        case: case.name.clone(),
        variant: variant.label.clone(),
        scenario: resolved_json(&variant.scenario),
    };
    variants(cases).map(record).collect()
}

/// `peers.csv`: a row per peer and run.
fn peers(cases: &[CaseRuns]) -> Result<Vec<u8>, ReportError> {
    const HEADER: [&str; 14] = [
        "case",
        "variant",
        "run",
        "seed",
        "peer",
        "group",
        "joined_s",
        "download_s",
        "outcome",
        "messages_sent",
        "payload_up_bytes",
        "payload_down_bytes",
        "pieces",
        "share_ratio",
    ];
    let row = |case: &CaseRuns, variant: &VariantRuns, run: &RunResult, peer: &PeerResult| {
        let nanos = |nanos: Option<u64>| nanos.map(exact_seconds).unwrap_or_default();
        vec![
            case.name.clone(),
            variant.label.clone(),
            run.run.to_string(),
            run.seed.to_string(),
            peer.name.clone(),
            group_name(&variant.scenario, peer).to_owned(),
            nanos(peer.joined.map(minibit_core::Instant::as_nanos)),
            nanos(peer.download_time().map(minibit_core::time::nanos)),
            peer.outcome.name().to_owned(),
            peer.messages_sent.to_string(),
            peer.payload_up.to_string(),
            peer.payload_down.to_string(),
            peer.pieces.to_string(),
            exact_ratio(peer.payload_up.into(), peer.payload_down.into(), 6),
        ]
    };
    let rows = variants(cases).flat_map(|(case, variant)| {
        variant
            .runs
            .iter()
            .flat_map(move |run| run.peers.iter().map(move |peer| row(case, variant, run, peer)))
    });
    table(&HEADER, rows)
}

/// `messages.csv`: number and encoded bytes of the messages that all peers sent, by run and kind.
fn messages(cases: &[CaseRuns]) -> Result<Vec<u8>, ReportError> {
    const HEADER: [&str; 7] = ["case", "variant", "run", "seed", "kind", "count", "bytes"];
    let sent = |run: &RunResult, kind: usize| {
        run.peers.iter().fold(Tally::default(), |sum, peer| Tally {
            count: sum.count + peer.sent[kind].count,
            bytes: sum.bytes + peer.sent[kind].bytes,
        })
    };
    let rows = variants(cases).flat_map(|(case, variant)| {
        variant.runs.iter().flat_map(move |run| {
            (0..KINDS).map(move |kind| (kind, sent(run, kind))).filter(|(_, tally)| tally.count > 0).map(
                move |(kind, tally)| {
                    vec![
                        case.name.clone(),
                        variant.label.clone(),
                        run.run.to_string(),
                        run.seed.to_string(),
                        kind_name(kind).to_owned(),
                        tally.count.to_string(),
                        tally.bytes.to_string(),
                    ]
                },
            )
        })
    });
    table(&HEADER, rows)
}

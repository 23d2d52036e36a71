//! What a scenario's author has to say about variants, beside what was measured of them.
//!
//! The reasons are text of the scenario, so that whoever wrote them answers for them; each figure is taken from the runs.

use std::fmt::Write as _;

use serde::Serialize;

use super::evidence::Evidence;
use super::execute::CaseRuns;
use super::measures::Measure;
use super::{summary, words};

/// A note on a variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Note {
    /// Which one.
    pub variant: String,
    /// What was measured of it, in a line.
    pub figures: String,
    /// What is said about it.
    pub text: String,
}

/// The notes of a case's first scenario that are about one of its variants, in the order of these.
pub fn notes(case: &CaseRuns, evidence: &Evidence) -> Vec<Note> {
    let notes = &case.variants[0].scenario.notes;
    let of = |(number, variant): (usize, &super::evidence::VariantEvidence)| {
        let text = notes.get(&variant.label)?.clone();
        Some(Note { variant: variant.label.clone(), figures: figures(evidence, number), text })
    };
    evidence.variants.iter().enumerate().filter_map(of).collect()
}

fn figures(evidence: &Evidence, variant: usize) -> String {
    let mut parts = Vec::new();
    for measure in [Measure::MedianDownload, Measure::Messages, Measure::FromSeeds] {
        let Some(estimated) = evidence.variants[variant].estimated(measure) else { continue };
        let mut part = format!("{} {}", measure.title(), summary::shown(measure, estimated));
        if let Some(finding) = evidence.finding(variant, measure) {
            let _infallible = write!(part, ", {}", measure.shown_change(finding.change.estimate.value));
            if let Some(interval) = words::interval(finding) {
                let _infallible = write!(part, " ({interval})");
            }
        }
        parts.push(part);
    }
    parts.join("; ")
}

/// The same as text of `summary.md`; empty where there are none.
pub fn markdown(cases: &[CaseRuns], evidence: &[Evidence]) -> String {
    let mut text = String::new();
    for Note { variant, figures, text: note } in
        cases.iter().zip(evidence).flat_map(|(case, evidence)| notes(case, evidence))
    {
        let _infallible = write!(text, "\n**{variant}**: {figures}.\n{note}\n");
    }
    text
}

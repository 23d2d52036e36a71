//! Validation: the simulator against results that nobody on this project produced.
//!
//! Closed forms, published models, and an independent piece-level reference model ("ref"). Each case runs scenarios of
//! `scenarios/validation/` and holds the mean of a figure over their seeds against the range that is expected. Times are counted in P, the time
//! in which a peer uploads a piece; in these scenarios a second.

mod cases;
mod figures;

use std::ops::RangeInclusive;

use serde::Serialize;

use crate::report::plot::Curve;

/// What came of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The mean is in the range.
    InRange,
    /// The mean is not in the range.
    OutOfRange,
    /// Not measured here: a test holds it.
    ByTest,
    /// The simulator cannot express it.
    NotBuilt,
}

/// One figure and what it should be.
#[derive(Clone, Debug)]
pub struct Row {
    /// What is measured, with its unit.
    pub what: &'static str,
    /// The least and the greatest mean that is accepted.
    pub accepted: RangeInclusive<f64>,
    /// What the source or the reference model says, in words.
    pub expected: &'static str,
    /// A value for each seed.
    pub values: Vec<f64>,
}

/// A case: where its expectation comes from, and its figures.
#[derive(Clone, Debug)]
pub struct Case {
    /// `O1` to `O19`.
    pub id: &'static str,
    /// What it is about.
    pub title: &'static str,
    /// Who says so.
    pub source: &'static str,
    /// The formula or the model.
    pub formula: &'static str,
    /// Scenario, or the test that holds it.
    pub scenario: &'static str,
    /// The figures; none when the case is not measured here.
    pub rows: Vec<Row>,
    /// What is to be said besides: why it is out of range, or why it is not measured.
    pub note: &'static str,
    /// Verdict of a case without figures.
    pub unmeasured: Verdict,
    /// Curves of download times, if there is something to see.
    pub picture: Option<Picture>,
}

/// Curves over download times.
#[derive(Clone, Debug)]
pub struct Picture {
    /// File name without ending.
    pub name: &'static str,
    /// What it shows.
    pub title: String,
    /// Under which conditions.
    pub subtitle: &'static str,
    /// The curves.
    pub curves: Vec<Curve>,
    /// The least possible last completion in seconds, where it is defined.
    pub least: Option<f64>,
}

impl Row {
    /// The mean over seeds.
    #[expect(clippy::cast_precision_loss, reason = "some seeds")]
    pub fn mean(&self) -> f64 {
        self.values.iter().sum::<f64>() / self.values.len() as f64
    }

    /// The least and the greatest value of a seed.
    pub fn range(&self) -> (f64, f64) {
        self.values
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)))
    }

    /// Is the mean in the range?
    pub fn verdict(&self) -> Verdict {
        if self.accepted.contains(&self.mean()) { Verdict::InRange } else { Verdict::OutOfRange }
    }
}

impl Case {
    /// The worst verdict of its figures.
    pub fn verdict(&self) -> Verdict {
        if self.rows.is_empty() {
            self.unmeasured
        } else if self.rows.iter().all(|row| row.verdict() == Verdict::InRange) {
            Verdict::InRange
        } else {
            Verdict::OutOfRange
        }
    }
}

/// Names of all cases, in order.
pub fn names() -> Vec<&'static str> {
    cases::ALL.iter().map(|(name, _)| *name).collect()
}

/// Runs the cases that are asked for; all when `only` is empty.
pub fn run(only: &[String]) -> Vec<Case> {
    let wanted = |name: &str| only.is_empty() || only.iter().any(|only| only.eq_ignore_ascii_case(name));
    cases::ALL.iter().filter(|(name, _)| wanted(name)).map(|(_, case)| case()).collect()
}

//! Validation: the simulator against results that nobody on this project produced.
//!
//! Closed forms, published models, and an independent piece-level reference model ("ref"). Each case runs scenarios of
//! `scenarios/validation/` and holds the mean of a figure over their seeds against the range that is expected. Times are counted in P, the time
//! in which a peer uploads a piece; in these scenarios a second. This is the one place where the cases are defined: the report
//! shows them, the tests assert them.

mod cases;
mod figures;
mod lab;

use std::ops::RangeInclusive;

use rayon::prelude::*;
use serde::Serialize;

use crate::report::plot::Curve;
use crate::report::plot::heat::Heat;
use crate::report::plot::track::Tracks;
use crate::statistics::bootstrap::{Centre, Estimate};
use lab::Lab;

/// What came of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The mean is in the range, and no seed breaks a hard bound.
    InRange,
    /// The mean is not in the range.
    OutOfRange,
    /// A run is better than possible, which is a bug whatever the mean.
    BoundBroken,
}

/// One figure and what it should be.
#[derive(Clone, Debug)]
pub struct Row {
    /// What is measured, with its unit.
    pub what: String,
    /// The least and the greatest mean that is accepted.
    pub accepted: RangeInclusive<f64>,
    /// No single value may be below this, whatever the mean.
    pub bound: Option<f64>,
    /// What the source or the reference model says, in words.
    pub expected: &'static str,
    /// A value for each seed.
    pub values: Vec<f64>,
}

/// A case: where its expectation comes from, and its figures.
#[derive(Clone, Debug)]
pub struct Case {
    /// `O1` to `O19`, and `CL`.
    pub id: &'static str,
    /// What it is about.
    pub title: &'static str,
    /// Who says so.
    pub source: &'static str,
    /// The formula or the model.
    pub formula: &'static str,
    /// Its scenarios.
    pub scenario: &'static str,
    /// The figures.
    pub rows: Vec<Row>,
    /// What is to be said besides, such as why a figure is where it is.
    pub note: &'static str,
    /// What there is to see.
    pub pictures: Vec<Picture>,
}

/// Something to see.
#[derive(Clone, Debug)]
pub struct Picture {
    /// File name without ending.
    pub name: &'static str,
    /// What it shows.
    pub title: String,
    /// Under which conditions.
    pub subtitle: String,
    /// What is drawn.
    pub drawing: Drawing,
}

/// What is drawn.
#[derive(Clone, Debug)]
pub enum Drawing {
    /// Distributions of download times.
    Times {
        /// The curves.
        curves: Vec<Curve>,
        /// The least possible last completion in seconds, where it is defined.
        least: Option<f64>,
    },
    /// Measurements beside what a model says.
    Tracks(Tracks),
    /// Cells that are read one by one.
    Heat(Heat),
}

impl Row {
    /// The mean over seeds.
    pub fn mean(&self) -> f64 {
        figures::mean(&self.values)
    }

    /// The mean and where it may lie; `None` when nothing was measured. The interval is there with six seeds or more.
    pub fn estimate(&self) -> Option<Estimate> {
        Estimate::new(&self.values, Centre::Mean, 0)
    }

    /// The least and the greatest value of a seed.
    pub fn range(&self) -> (f64, f64) {
        self.values
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)))
    }

    /// Is the mean in the range, and no value below the bound?
    pub fn verdict(&self) -> Verdict {
        if self.bound.is_some_and(|bound| self.range().0 < bound) {
            Verdict::BoundBroken
        } else if self.accepted.contains(&self.mean()) {
            Verdict::InRange
        } else {
            Verdict::OutOfRange
        }
    }
}

impl Case {
    /// The worst verdict of its figures.
    pub fn verdict(&self) -> Verdict {
        let verdicts: Vec<Verdict> = self.rows.iter().map(Row::verdict).collect();
        let worst = [Verdict::BoundBroken, Verdict::OutOfRange];
        worst.into_iter().find(|worst| verdicts.contains(worst)).unwrap_or(Verdict::InRange)
    }
}

/// Names of all cases, in order.
pub fn names() -> Vec<&'static str> {
    cases::ALL.iter().map(|(name, _)| *name).collect()
}

/// Runs the cases that are asked for; all when `only` is empty. Scenarios are run with no more than so many `seeds`, where that is
/// said: quicker, and the judgement is less sure.
pub fn run(only: &[String], seeds: Option<u32>) -> Vec<Case> {
    let wanted = |name: &str| only.is_empty() || only.iter().any(|only| only.eq_ignore_ascii_case(name));
    let lab = Lab { seeds };
    let cases: Vec<_> = cases::ALL.iter().filter(|(name, _)| wanted(name)).collect();
    cases.par_iter().map(|(_, case)| case(lab)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(values: &[f64]) -> Row {
        let values = values.to_vec();
        Row { what: String::new(), accepted: 1.0..=1.2, bound: Some(1.0), expected: "", values }
    }

    #[test]
    fn a_bound_is_held_by_each_seed_and_a_range_by_their_mean() {
        assert_eq!(row(&[1.0, 1.3]).verdict(), Verdict::InRange);
        assert_eq!(row(&[1.1, 1.4]).verdict(), Verdict::OutOfRange);
        assert_eq!(row(&[0.99, 1.3]).verdict(), Verdict::BoundBroken);
        assert_eq!(row(&[f64::INFINITY]).verdict(), Verdict::OutOfRange);
        assert_eq!(row(&[]).verdict(), Verdict::OutOfRange, "what was not measured is not right");
        assert_eq!(row(&[f64::NAN]).verdict(), Verdict::OutOfRange);
    }

    #[test]
    fn six_seeds_have_an_interval() {
        let interval = |values: &[f64]| row(values).estimate().unwrap().interval;
        assert_eq!(interval(&[1.0, 1.1, 1.2, 1.0, 1.1]), None);
        let six = interval(&[1.0, 1.1, 1.2, 1.0, 1.1, 1.2]).unwrap();
        assert!(six.low > 1.0 && six.low < 1.1 && six.high > 1.1 && six.high < 1.2, "{six:?}");
    }
}

//! `summary.json` and `summary.md` of a comparison: the figures for programs, and a table for a pull request.
//!
//! A value that a seed did not reach is `null`, and so is an interval's end that was not; `not_reached` says of how many seeds.

use std::fmt::Write as _;

use serde::Serialize;

use super::evidence::{Estimated, Evidence, Finding};
use super::execute::CaseRuns;
use super::measures::Measure;
use super::words;
use crate::report::bound::Bound;
use crate::statistics::bootstrap::{self, Interval};
use crate::statistics::paired::Scale;
use crate::statistics::{Estimate, rounded};

/// Version of the layout of `summary.json` of a comparison.
pub const SCHEMA: u32 = 1;

/// The whole file.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    schema: u32,
    kind: &'static str,
    /// What was found, in one sentence.
    pub headline: String,
    statistics: Method,
    cases: Vec<Case>,
}

#[derive(Clone, Debug, Serialize)]
struct Method {
    interval: &'static str,
    confidence: f64,
    resamples: usize,
    least_seeds: usize,
}

#[derive(Clone, Debug, Serialize)]
struct Case {
    name: String,
    headline: String,
    pairing: String,
    seeds: Vec<u64>,
    variants: Vec<Variant>,
    changes: Vec<Change>,
}

#[derive(Clone, Debug, Serialize)]
struct Variant {
    name: String,
    t_min_s: Option<f64>,
    downloads: u64,
    unfinished: u64,
    measures: Vec<Values>,
}

#[derive(Clone, Debug, Serialize)]
struct Values {
    measure: &'static str,
    mean: Option<f64>,
    mean_interval: Option<[Option<f64>; 2]>,
    median: Option<f64>,
    median_interval: Option<[Option<f64>; 2]>,
    not_reached: usize,
}

#[derive(Clone, Debug, Serialize)]
struct Change {
    from: String,
    to: String,
    measure: &'static str,
    scale: &'static str,
    centre: &'static str,
    value: Option<f64>,
    interval: Option<[Option<f64>; 2]>,
    lower: usize,
    equal: usize,
    higher: usize,
    verdict: &'static str,
}

impl Summary {
    /// The summary of some cases.
    pub fn new(cases: &[CaseRuns], evidence: &[Evidence]) -> Self {
        Self {
            schema: SCHEMA,
            kind: "comparison",
            headline: words::headline(evidence),
            statistics: Method {
                interval: "percentile bootstrap over seeds",
                confidence: 0.95,
                resamples: bootstrap::RESAMPLES,
                least_seeds: bootstrap::LEAST_SEEDS,
            },
            cases: cases.iter().zip(evidence).map(|(case, evidence)| Case::new(case, evidence)).collect(),
        }
    }
}

impl Case {
    fn new(case: &CaseRuns, evidence: &Evidence) -> Self {
        let variants = case.variants.iter().zip(&evidence.variants).map(|(runs, variant)| Variant {
            name: variant.label.clone(),
            t_min_s: runs.bound.map(|Bound { seconds, .. }| rounded(seconds)),
            downloads: variant.downloads,
            unfinished: variant.unfinished,
            measures: variant.estimates.iter().map(Values::new).collect(),
        });
        Self {
            name: case.name.clone(),
            headline: words::of_case(evidence),
            pairing: case.pairing.clone(),
            seeds: evidence.seeds.clone(),
            variants: variants.collect(),
            changes: evidence.findings.iter().map(|finding| Change::new(evidence, finding)).collect(),
        }
    }
}

impl Values {
    fn new(estimated: &Estimated) -> Self {
        Self {
            measure: estimated.measure.name(),
            mean: reached(&estimated.mean),
            mean_interval: ends(&estimated.mean),
            median: reached(&estimated.median),
            median_interval: ends(&estimated.median),
            not_reached: estimated.not_reached,
        }
    }
}

impl Change {
    fn new(evidence: &Evidence, finding: &Finding) -> Self {
        let change = &finding.change;
        Self {
            from: evidence.variants[0].label.clone(),
            to: evidence.variants[finding.variant].label.clone(),
            measure: finding.measure.name(),
            scale: match change.scale {
                Scale::Relative => "relative",
                Scale::Difference => "difference",
            },
            centre: change.estimate.centre.name(),
            value: reached(&change.estimate),
            interval: ends(&change.estimate),
            lower: change.lower,
            equal: change.equal,
            higher: change.higher,
            verdict: change.verdict().name(),
        }
    }
}

fn reached(estimate: &Estimate) -> Option<f64> {
    estimate.reached().map(rounded)
}

fn ends(estimate: &Estimate) -> Option<[Option<f64>; 2]> {
    let end = |value: f64| Some(value).filter(|value| value.is_finite()).map(rounded);
    estimate.interval.map(|Interval { low, high }| [end(low), end(high)])
}

/// `summary.md`: a table per case, and then the `notes`. Variants stand side by side when there are two, below each other when there are more.
pub fn markdown(evidence: &[Evidence], command: &str, notes: &str) -> String {
    let mut text = format!("**{}**\n", words::headline(evidence));
    for case in evidence {
        let _infallible = write!(text, "\n### {}\n\n{}.\n\n", case.name, words::of_case(case));
        if case.variants.len() > 2 {
            stacked(&mut text, case);
        } else {
            side_by_side(&mut text, case);
        }
    }
    text.push_str(notes);
    let seeds = evidence.first().map_or(0, |case| case.seeds.len());
    let _infallible = write!(
        text,
        "\n{seeds} seeds, paired. Values are means over seeds, or medians where a seed did not reach them; intervals are \
         percentile bootstrap. Repeat with\n\n```sh\n{command}\n```\n"
    );
    text
}

fn side_by_side(text: &mut String, case: &Evidence) {
    text.push_str("| |");
    for variant in &case.variants {
        let _infallible = write!(text, " {} |", variant.label);
    }
    for variant in case.variants.iter().skip(1) {
        let _infallible = write!(text, " change to {}, 95 % interval | |", variant.label);
    }
    text.push_str("\n|---|");
    text.push_str(&"--:|".repeat(case.variants.len()));
    text.push_str(&"--:|---|".repeat(case.variants.len().saturating_sub(1)));
    text.push('\n');
    for measure in measured(case) {
        let _infallible = write!(text, "| {} |", measure.title());
        for variant in 0..case.variants.len() {
            let _infallible = write!(text, " {} |", value(case, variant, measure));
        }
        for variant in 1..case.variants.len() {
            text.push_str(&change(case, variant, measure));
        }
        text.push('\n');
    }
}

fn stacked(text: &mut String, case: &Evidence) {
    text.push_str("| | variant | | change, 95 % interval | |\n|---|---|--:|--:|---|\n");
    for measure in measured(case) {
        for (number, variant) in case.variants.iter().enumerate() {
            let title = if number == 0 { measure.title() } else { "" };
            let value = value(case, number, measure);
            let _infallible = write!(text, "| {title} | {} | {value} |", variant.label);
            text.push_str(&if number == 0 { " | |".to_owned() } else { change(case, number, measure) });
            text.push('\n');
        }
    }
}

/// The measures of which some variant has a value.
fn measured(case: &Evidence) -> impl Iterator<Item = Measure> {
    let some = |measure: &Measure| case.variants.iter().any(|variant| variant.estimated(*measure).is_some());
    Measure::ALL.into_iter().filter(some)
}

fn value(case: &Evidence, variant: usize, measure: Measure) -> String {
    let estimated = case.variants[variant].estimated(measure);
    estimated.map_or_else(|| "–".to_owned(), |estimated| shown(measure, estimated))
}

/// The two cells of a change against the first variant.
fn change(case: &Evidence, variant: usize, measure: Measure) -> String {
    let Some(finding) = case.finding(variant, measure) else { return " – | |".to_owned() };
    let change = measure.shown_change(finding.change.estimate.value);
    let interval = words::interval(finding).map_or_else(String::new, |interval| format!(" ({interval})"));
    format!(" {change}{interval} | {} |", words::verdict(finding))
}

/// A value for a table: what is shown first, and of how many seeds it was not reached.
pub fn shown(measure: Measure, estimated: &Estimated) -> String {
    let value = measure.shown(estimated.shown().value);
    match estimated.not_reached {
        0 => value,
        seeds if estimated.shown().reached().is_none() => format!("{value} ({seeds} seeds)"),
        seeds => format!("{value} (not in {seeds} seeds)"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::rows;
    use super::*;

    fn evidence() -> Vec<Evidence> {
        let (a, mut b) = ([10.0, 11.0, 12.0, 13.0, 14.0, 15.0], [12.0, 13.0, 15.0, 16.0, 17.0, 18.0]);
        b[5] = f64::INFINITY;
        vec![Evidence::new("swarm", &[("rarest-first", &rows(&a)), ("random", &rows(&b))])]
    }

    #[test]
    fn a_table_for_a_pull_request() {
        insta::assert_snapshot!(
            "markdown",
            markdown(&evidence(), "sim compare swarm.json --vary pieces=rarest-first,random", "")
        );
    }

    #[test]
    fn more_than_two_variants_stand_below_each_other() {
        let rows = [[10.0, 11.0, 12.0], [12.0, 13.0, 15.0], [9.0, 9.5, 9.0]].map(|values| rows(&values));
        let [a, b, c] = &rows;
        let evidence = [Evidence::new("swarm", &[("a", a), ("b", b), ("c", c)])];
        insta::assert_snapshot!("markdown_of_three", markdown(&evidence, "sim compare", "\n**a**: a note\n"));
    }

    #[test]
    fn what_was_not_reached_is_null_and_counted() {
        let evidence = evidence();
        let estimated = evidence[0].variants[1].estimated(Measure::MedianDownload).unwrap();
        let values = Values::new(estimated);
        assert_eq!((values.mean, values.median, values.not_reached), (None, Some(15.5), 1));
        assert_eq!(shown(Measure::MedianDownload, estimated), "15.5 s (not in 1 seeds)");
    }
}

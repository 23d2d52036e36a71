//! The pictures of a comparison: variants in colours of their own, the same in all of them.

mod download;
mod fairness;
mod messages;
mod paired;

use super::ecdf::Series;
use super::palette::{self, Colour};
use super::throughput::Line;
use super::{CURVES, Figure, Frame, copies, swarm, throughput};
use crate::compare::{CaseRuns, Evidence, VariantRuns};
use crate::report::format::{byte_unit, bytes, count, number as in_short, shortened};
use crate::report::{ReportError, ReportInput};
use crate::results::RunResult;
use crate::statistics::{Distribution, float};

/// Up to so many variants have their swarms shown.
const SWARMS: usize = 4;

/// Draws all figures of a case. `prefix` stands before the names of their files.
///
/// # Errors
/// When one cannot be drawn, which would be a bug.
pub fn figures(case: &CaseRuns, evidence: &Evidence, prefix: &str) -> Result<Vec<Figure>, ReportError> {
    let mut figures =
        vec![download::figure(case, evidence, prefix)?, paired::figure(case, evidence, prefix)?];
    let end =
        case.variants.iter().take(SWARMS).filter_map(|variant| variant.runs.first()).map(|run| run.end).max();
    for (number, variant) in case.variants.iter().take(SWARMS).enumerate() {
        let prefix = format!("{prefix}{}-", number + 1);
        let label = shortened(&variant.label, 40);
        let frame = Frame { prefix: &prefix, label: &label, end };
        let input = ReportInput {
            scenario: &variant.scenario,
            runs: &variant.runs,
            verdicts: &[],
            resolved: &serde_json::Value::Null,
            command: "",
        };
        figures.push(swarm::figure(&input, &frame)?);
        figures.push(copies::figure(&input, &frame)?);
    }
    figures.push(rates(case, prefix)?);
    figures.push(messages::figure(case, prefix)?);
    figures.push(fairness::figure(case, prefix)?);
    Ok(figures)
}

/// The variants that have curves of their own, and what is said of the others.
fn shown(case: &CaseRuns) -> (&[VariantRuns], String) {
    let all = case.variants.len();
    let note = if all > CURVES { format!(" · the first {CURVES} of {all} variants") } else { String::new() };
    (&case.variants[..all.min(CURVES)], note)
}

/// Peers, size and seeds in words.
fn scope(case: &CaseRuns) -> String {
    let Some(first) = case.variants.first() else { return String::new() };
    let peers: u64 = first.scenario.groups.iter().map(|group| u64::from(group.count)).sum();
    let peers = count(usize::try_from(peers).unwrap_or(usize::MAX), "peer");
    format!("{peers}, {} · {}", bytes(first.scenario.content.len), count(first.rows.len(), "seed"))
}

fn colour(variant: usize) -> Colour {
    palette::series(variant)
}

/// A curve per variant: the values of all peers, and those of each run for the band.
fn series(
    variants: &[VariantRuns],
    of_run: impl Fn(&RunResult) -> Distribution,
    notes: impl Fn(&Distribution) -> Vec<String>,
) -> Vec<Series> {
    let curve = |(number, variant): (usize, &VariantRuns)| {
        let runs: Vec<Distribution> = variant.runs.iter().map(&of_run).collect();
        let pooled = runs.iter().flat_map(Distribution::finite).copied().collect();
        let values = Distribution::new(pooled, runs.iter().map(Distribution::infinite).sum());
        Series {
            name: variant.label.clone(),
            colour: colour(number),
            dashed: number % 2 == 1,
            notes: notes(&values),
            values,
            runs,
        }
    };
    variants.iter().enumerate().map(curve).collect()
}

/// `throughput`: who sends how much over time, in the first run of each variant.
fn rates(case: &CaseRuns, prefix: &str) -> Result<Figure, ReportError> {
    let name = format!("{prefix}throughput");
    let (variants, note) = shown(case);
    let mut lines = Vec::new();
    let mut peaks = Vec::new();
    for (number, variant) in variants.iter().enumerate() {
        let Some(run) = variant.runs.first() else { continue };
        lines.push(Line::new(run, &variant.label, colour(number), true));
        lines.push(Line::new(run, &format!("seeds, {}", variant.label), colour(number), false));
        let (divisor, unit) = byte_unit(peak(run));
        peaks.push(format!(
            "{} {unit}/s with {}",
            in_short(peak(run) / divisor),
            shortened(&variant.label, 40)
        ));
    }
    let title = format!("The swarm's peak is {}", peaks.join(", "));
    let seed = variants.first().and_then(|variant| variant.rows.first()).map_or(0, |row| row.seed);
    let subtitle =
        format!("Block data per second in the run with seed {seed}, thick: all, thin: from the seeds{note}");
    throughput::of_lines(&name, &title, &subtitle, &lines)
}

/// The highest rate between two samples.
fn peak(run: &RunResult) -> f64 {
    let rate = |pair: &[crate::results::Sample]| {
        let seconds = (pair[1].time - pair[0].time).as_secs_f64();
        if seconds > 0.0 { float(pair[1].payload - pair[0].payload) / seconds } else { 0.0 }
    };
    run.timeline.windows(2).map(rate).fold(0.0, f64::max)
}

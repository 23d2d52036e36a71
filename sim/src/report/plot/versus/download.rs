//! `download_time`: the share of peers that finished within a time, a curve per variant.

use super::super::Figure;
use super::super::axis::Unit;
use super::super::ecdf::{self, Band, Mark, Plot};
use super::{scope, series, shown};
use crate::compare::evidence::VariantEvidence;
use crate::compare::{CaseRuns, Evidence, Measure, VariantRuns, words};
use crate::report::ReportError;
use crate::report::bound::Bound;
use crate::report::format::{duration, grouped, shortened};
use crate::report::summary::downloads;
use crate::results::PeerResult;
use crate::statistics::{Distribution, LEAST_SEEDS, Verdict};

/// Draws the figure.
///
/// # Errors
/// When it cannot be drawn.
pub(super) fn figure(case: &CaseRuns, evidence: &Evidence, prefix: &str) -> Result<Figure, ReportError> {
    let name = format!("{prefix}download_time");
    let (variants, note) = shown(case);
    let mut curves = series(
        variants,
        |run| {
            let downloading = run.peers.iter().filter(|peer| downloads(peer));
            Distribution::of_times(downloading.map(PeerResult::download_time))
        },
        |_| Vec::new(),
    );
    for (curve, variant) in curves.iter_mut().zip(&evidence.variants) {
        curve.notes = notes(variant);
    }
    let seeds = evidence.seeds.len();
    let band = if seeds >= LEAST_SEEDS { Band::Interval } else { Band::Range };
    let meaning = match band {
        Band::Interval => " · band = 95 % bootstrap interval of the mean over seeds",
        Band::Range if seeds > 1 => " · band = range over the seeds",
        Band::Range => "",
    };
    let marks = least_times(variants);
    let subtitle = format!("Share of peers that finished within a time · {}{meaning}{note}", scope(case));
    let plot = Plot { unit: Unit::Time, axis: "download time", reach: 0.0, marks: &marks, band };
    let figure = Figure::new(&name, &title(evidence), &subtitle, ecdf::BODY, |canvas| {
        ecdf::draw(canvas, &curves, &plot);
    })?;
    Ok(figure.with_hover(ecdf::told(&curves, &plot)))
}

/// The values of the tables, so over seeds, beside the curve.
fn notes(variant: &VariantEvidence) -> Vec<String> {
    let value = |measure: Measure, name: &str| {
        variant
            .estimated(measure)
            .map(|estimated| format!("{name} {}", measure.shown(estimated.shown().value)))
    };
    let mut notes: Vec<String> =
        [value(Measure::MedianDownload, "median"), value(Measure::P95Download, "p95")]
            .into_iter()
            .flatten()
            .collect();
    if variant.unfinished > 0 {
        notes.push(format!("{} of {} not finished", grouped(variant.unfinished), grouped(variant.downloads)));
    }
    notes
}

/// The lower bounds of the variants that have one; once, when it is the same for all.
fn least_times(variants: &[VariantRuns]) -> Vec<Mark> {
    let bounds: Vec<(&VariantRuns, Bound)> =
        variants.iter().filter_map(|variant| Some((variant, variant.bound?))).collect();
    let text = |bound: &Bound| format!("T_min {}", duration(bound.seconds));
    match bounds.as_slice() {
        [(_, first), rest @ ..]
            if bounds.len() == variants.len() && rest.iter().all(|(_, bound)| bound == first) =>
        {
            vec![Mark { value: first.seconds, text: text(first) }]
        }
        _ => bounds
            .iter()
            .map(|(variant, bound)| Mark {
                value: bound.seconds,
                text: format!("{}, {}", text(bound), shortened(&variant.label, 30)),
            })
            .collect(),
    }
}

/// What the data say: of the tail, as the headline has the median.
fn title(evidence: &Evidence) -> String {
    let measure = Measure::LastDownload;
    let [_, second] = evidence.variants.as_slice() else {
        return format!("Download times of {} variants", evidence.variants.len());
    };
    let Some(finding) = evidence.finding(1, measure) else { return "Download times".to_owned() };
    match finding.change.verdict() {
        _ if evidence.anybody_unfinished() => {
            let whole = evidence.variants.iter().map(|variant| {
                let done = grouped(variant.downloads - variant.unfinished);
                format!("{done} of {} with {}", grouped(variant.downloads), variant.label)
            });
            format!("Downloads that finished: {}", whole.collect::<Vec<_>>().join(", "))
        }
        Verdict::NotShown => "No difference shown in when the last peer finishes".to_owned(),
        Verdict::TooFewSeeds => "Too few seeds to tell when the last peer finishes".to_owned(),
        word @ (Verdict::Lower | Verdict::Higher) => {
            let word = if word == Verdict::Lower { "earlier" } else { "later" };
            let interval = words::interval(finding).unwrap_or_default();
            let amount = words::amount(&finding.change);
            format!("With {} the last peer finishes {amount} {word} (95 % interval {interval})", second.label)
        }
    }
}

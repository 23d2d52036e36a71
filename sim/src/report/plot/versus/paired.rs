//! `paired`: the median download time of each seed, a line from variant to variant. It shows that a difference is none of the
//! average alone, and how much of the spread all variants have in common.

use super::super::Figure;
use super::super::axis::{Scale, Unit};
use super::super::canvas::{Canvas, MARGIN, TICK, Type, WIDTH, width_of};
use super::super::hover::{Hover, Point};
use super::super::palette::{AXIS, INK, MUTED};
use super::{colour, shown};
use crate::compare::{CaseRuns, Evidence, Measure, VariantRuns, words};
use crate::report::ReportError;
use crate::report::format::{count, shortened};
use crate::statistics::{Estimate, float_len};

const MEASURE: Measure = Measure::MedianDownload;
const TOP: f64 = 34.0;
const PLOT: f64 = 340.0;
const LEFT: f64 = MARGIN + 76.0;
const RIGHT: f64 = WIDTH - MARGIN - 220.0;
/// Most lines of a variant's name.
const LABEL_LINES: usize = 4;

/// Draws the figure.
///
/// # Errors
/// When it cannot be drawn.
pub(super) fn figure(case: &CaseRuns, evidence: &Evidence, prefix: &str) -> Result<Figure, ReportError> {
    let name = format!("{prefix}paired");
    let (variants, note) = shown(case);
    let value =
        |variant: &VariantRuns, seed: usize| variant.rows[seed].value(MEASURE).unwrap_or(f64::INFINITY);
    let seeds = evidence.seeds.len();
    let finite = || {
        let all = variants.iter().flat_map(|variant| (0..seeds).map(move |seed| value(variant, seed)));
        all.filter(|value| value.is_finite())
    };
    let (low, high) =
        finite().fold((f64::INFINITY, 0.0), |(low, high), value| (value.min(low), value.max(high)));
    let never = variants.iter().any(|variant| (0..seeds).any(|seed| value(variant, seed).is_infinite()));
    let low = if low > 0.4 * high && low.is_finite() { low.min(0.97 * high) } else { 0.0 };
    let y = Scale::new((low, high), (PLOT, TOP), Unit::Time, 5.0, true);
    let at = |value: f64| if value.is_finite() { y.at(value) } else { 8.0 };
    let columns: Vec<f64> = (0..variants.len()).map(|number| column(number, variants.len())).collect();
    let subtitle = format!(
        "Median download time of each seed, a line per seed, large dot = all seeds with 95 % interval{note}"
    );
    let mut points = Vec::new();
    let figure = Figure::new(
        &name,
        &title(evidence),
        &subtitle,
        PLOT + 32.0 + 18.0 * label_lines(variants),
        |canvas| {
            y.draw_left(canvas, (LEFT, RIGHT));
            canvas.path(&[(LEFT, PLOT), (RIGHT, PLOT)], 1.0, AXIS);
            if never {
                canvas.text(LEFT - 8.0, 8.0, "not reached", TICK.right());
                canvas.dashes((LEFT, 8.0), (RIGHT, 8.0), 1.0, AXIS);
            }
            for seed in 0..seeds {
                let line: Vec<(f64, f64)> = variants
                    .iter()
                    .zip(&columns)
                    .map(|(variant, &x)| (x, at(value(variant, seed))))
                    .collect();
                canvas.path(&line, 1.0, AXIS.faded(0.6));
            }
            for (number, (variant, &x)) in variants.iter().zip(&columns).enumerate() {
                for (seed, row) in variant.rows.iter().enumerate() {
                    let place = (x, at(value(variant, seed)));
                    canvas.dot(place, 2.2, colour(number), colour(number));
                    let text = format!(
                        "seed {} · {}: {}",
                        row.seed,
                        variant.label,
                        MEASURE.shown(value(variant, seed))
                    );
                    points.push(Point { x: place.0, y: place.1, text });
                }
                if let Some(estimated) = evidence.variants[number].estimated(MEASURE) {
                    centre(canvas, estimated.shown(), (number, x), &at, variants.len());
                }
                // What several axes have made of it stands on lines of its own.
                for (line, part) in variant.label.split(", ").take(LABEL_LINES).enumerate() {
                    let y = PLOT + 20.0 + 18.0 * float_len(line);
                    let style = Type::new(13.5, colour(number)).bold().centred();
                    canvas.text(x, y, &shortened(part, if variants.len() > 4 { 14 } else { 22 }), style);
                }
            }
            notes(canvas, evidence, variants.len());
        },
    )?;
    Ok(figure.with_hover(Hover::Points { points }))
}

/// Lines of the longest name.
fn label_lines(variants: &[VariantRuns]) -> f64 {
    let lines = variants.iter().map(|variant| variant.label.split(", ").count());
    float_len(lines.max().unwrap_or(1).min(LABEL_LINES))
}

/// Where a variant's column stands.
fn column(number: usize, of: usize) -> f64 {
    LEFT + (RIGHT - LEFT) * (float_len(number) + 0.5) / float_len(of)
}

/// The estimate of a variant, to the left of its column; of two, the second's to the right, outside of the lines.
fn centre(
    canvas: &mut Canvas<'_>,
    estimate: &Estimate,
    (number, x): (usize, f64),
    at: &dyn Fn(f64) -> f64,
    of: usize,
) {
    let right = number == 1 && of == 2;
    let x = if right { x + 22.0 } else { x - 22.0 };
    if let Some(interval) = estimate.interval {
        canvas.path(&[(x, at(interval.low)), (x, at(interval.high))], 2.0, colour(number));
        for end in [interval.low, interval.high] {
            canvas.path(&[(x - 5.0, at(end)), (x + 5.0, at(end))], 2.0, colour(number));
        }
    }
    canvas.dot((x, at(estimate.value)), 4.0, colour(number), colour(number));
    let style = Type::new(13.0, INK).bold();
    let text = MEASURE.shown(estimate.value);
    if right {
        canvas.text(x + 12.0, at(estimate.value), &text, style);
    } else if x - 12.0 - width_of(&text, style) < LEFT {
        // It would run into the axis.
        canvas.text(x, at(estimate.value) - 14.0, &text, style.centred());
    } else {
        canvas.text(x - 12.0, at(estimate.value), &text, style.right());
    }
}

/// The changes against the first variant, at the right.
fn notes(canvas: &mut Canvas<'_>, evidence: &Evidence, shown: usize) {
    let mut y = TOP + 10.0;
    // Many stand closer together.
    let pitch = ((PLOT + 40.0 - TOP) / float_len(shown.saturating_sub(1).max(1))).min(84.0);
    let leading = if pitch < 84.0 { 16.0 } else { 18.0 };
    for number in 1..shown {
        let Some(finding) = evidence.finding(number, MEASURE) else { continue };
        let change = &finding.change;
        canvas.text(
            RIGHT + 18.0,
            y,
            &shortened(&evidence.variants[number].label, 24),
            Type::new(13.5, colour(number)).bold(),
        );
        let lines = [
            MEASURE.shown_change(change.estimate.value),
            words::interval(finding).unwrap_or_default(),
            words::signs(change),
        ];
        for (line, text) in lines.iter().filter(|text| !text.is_empty()).enumerate() {
            let style = if line == 0 { Type::new(13.0, INK).bold() } else { Type::new(12.0, MUTED) };
            canvas.text(RIGHT + 18.0, y + leading + 2.0 + leading * float_len(line), text, style);
        }
        y += pitch;
    }
}

/// What the data say.
fn title(evidence: &Evidence) -> String {
    let [_, second] = evidence.variants.as_slice() else {
        return format!(
            "The same {} under {}",
            count(evidence.seeds.len(), "seed"),
            count(evidence.variants.len(), "variant")
        );
    };
    let Some(finding) = evidence.finding(1, MEASURE) else { return "Seed by seed".to_owned() };
    let all = evidence.seeds.len();
    let (lower, higher) = (finding.change.lower, finding.change.higher);
    let (number, word) = if higher >= lower { (higher, "longer") } else { (lower, "less time") };
    match number {
        0 => format!("With {} the median download takes the same time on every seed", second.label),
        _ if number == all => {
            format!(
                "With {} the median download takes {word} on every one of {}",
                second.label,
                count(all, "seed")
            )
        }
        _ => format!(
            "With {} the median download takes {word} on {number} of {}",
            second.label,
            count(all, "seed")
        ),
    }
}

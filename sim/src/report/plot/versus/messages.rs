//! `messages_sent`: messages by kind, a bar per variant. What carries or asks for blocks stands apart from what does not: the
//! two differ by so much that one scale would hide the second.

use super::super::axis::{Scale, Unit};
use super::super::canvas::{Canvas, LABEL, MARGIN, TICK, Type, WIDTH, width_of};
use super::super::messages::class_of;
use super::super::palette::{AXIS, Colour, INK, MUTED};
use super::super::{Figure, bars, empty};
use super::{colour, scope, shown};
use crate::compare::{CaseRuns, VariantRuns};
use crate::report::ReportError;
use crate::report::format::{grouped, shortened};
use crate::results::{KINDS, RunResult, kind_name};
use crate::statistics::bootstrap::Centre;
use crate::statistics::{Estimate, float, float_len};

/// Height of a bar, of the space between kinds, and of what belongs to a panel besides.
const BAR: f64 = 13.0;
const SPACE: f64 = 9.0;
const PANEL: f64 = 62.0;

/// A kind of message: its name, and what was estimated for each variant.
struct Kind {
    name: String,
    data: bool,
    estimates: Vec<Estimate>,
}

/// Draws the figure.
///
/// # Errors
/// When it cannot be drawn.
pub(super) fn figure(case: &CaseRuns, prefix: &str) -> Result<Figure, ReportError> {
    let name = format!("{prefix}messages_sent");
    let (variants, note) = shown(case);
    let kinds = kinds(variants);
    if kinds.is_empty() {
        return empty(&name, "Nobody sent anything", "There were no messages.");
    }
    let title = title(variants, &kinds);
    let subtitle = format!(
        "Messages sent per run by kind, mean over seeds, whisker = 95 % interval · {}{note}",
        scope(case)
    );
    let panels: Vec<(&str, Vec<&Kind>)> = [("blocks and requests", true), ("everything else", false)]
        .into_iter()
        .map(|(name, data)| (name, kinds.iter().filter(|kind| kind.data == data).collect::<Vec<_>>()))
        .filter(|(_, kinds)| !kinds.is_empty())
        .collect();
    let height = |kinds: &[&Kind]| float_len(kinds.len()) * (BAR * float_len(variants.len()) + SPACE) + PANEL;
    let body = 30.0 + panels.iter().map(|(_, kinds)| height(kinds)).sum::<f64>();
    Figure::new(&name, &title, &subtitle, body, |canvas| {
        let labels: Vec<String> = variants.iter().map(|variant| shortened(&variant.label, 30)).collect();
        let key: Vec<(&str, Colour)> =
            labels.iter().enumerate().map(|(number, label)| (label.as_str(), colour(number))).collect();
        bars::key(canvas, 4.0, &key);
        let mut top = 30.0;
        for (name, kinds) in &panels {
            canvas.shifted(top, |canvas| panel(canvas, name, kinds));
            top += height(kinds);
        }
    })
}

/// The kinds that occur, by purpose.
fn kinds(variants: &[VariantRuns]) -> Vec<Kind> {
    let mut order: Vec<usize> = (0..KINDS).collect();
    order.sort_by_key(|&kind| (class_of(kind), kind));
    let kind = |kind: usize| {
        let sent = |run: &RunResult| float(run.peers.iter().map(|peer| peer.sent[kind].count).sum());
        let estimate = |variant: &VariantRuns| {
            let values: Vec<f64> = variant.runs.iter().map(sent).collect();
            Estimate::new(&values, Centre::Mean, u32::try_from(kind).unwrap_or(0))
        };
        let estimates = variants.iter().map(estimate).collect::<Option<Vec<_>>>()?;
        let name = kind_name(kind).replace('_', " ");
        Some(Kind { name, data: class_of(kind) <= 1, estimates })
    };
    let occurs = |kind: &Kind| kind.estimates.iter().any(|estimate| estimate.value > 0.0);
    order.into_iter().filter_map(kind).filter(occurs).collect()
}

fn panel(canvas: &mut Canvas<'_>, name: &str, kinds: &[&Kind]) {
    let left = MARGIN + kinds.iter().map(|kind| width_of(&kind.name, LABEL)).fold(70.0, f64::max) + 14.0;
    let right = WIDTH - MARGIN - 90.0;
    let high = |estimate: &Estimate| estimate.interval.map_or(estimate.value, |interval| interval.high);
    let most = kinds.iter().flat_map(|kind| &kind.estimates).map(high).fold(0.0, f64::max);
    let variants = kinds.first().map_or(0, |kind| kind.estimates.len());
    let row = BAR * float_len(variants) + SPACE;
    let bottom = 20.0 + row * float_len(kinds.len());
    let x = Scale::new((0.0, most), (left, right), Unit::Number, 6.0, false);
    canvas.text(MARGIN, 8.0, name, Type::new(13.0, MUTED).bold());
    x.draw_below(canvas, bottom, Some(20.0));
    canvas.path(&[(left, 20.0), (left, bottom)], 1.0, AXIS);
    for (number, kind) in kinds.iter().enumerate() {
        let top = 20.0 + row * float_len(number) + SPACE / 2.0;
        canvas.text(left - 10.0, top + (row - SPACE) / 2.0, &kind.name, LABEL.right());
        for (variant, estimate) in kind.estimates.iter().enumerate() {
            let top = top + BAR * float_len(variant);
            let middle = top + BAR / 2.0;
            canvas.rect((left, top + 1.0), (x.at(estimate.value), top + BAR - 1.0), colour(variant));
            let mut end = x.at(estimate.value);
            if let Some(interval) = estimate.interval.filter(|interval| interval.low < interval.high) {
                let (low, high) = (x.at(interval.low), x.at(interval.high));
                canvas.path(&[(low, middle), (high, middle)], 1.25, INK);
                for at in [low, high] {
                    canvas.path(&[(at, middle - 3.0), (at, middle + 3.0)], 1.25, INK);
                }
                end = end.max(high);
            }
            canvas.text(end + 8.0, middle, &grouped(rounded(estimate.value)), TICK);
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of messages")]
fn rounded(value: f64) -> u64 {
    value.round() as u64
}

/// What the data say: of all messages together.
fn title(variants: &[VariantRuns], kinds: &[Kind]) -> String {
    let total = |variant: usize| kinds.iter().map(|kind| kind.estimates[variant].value).sum::<f64>();
    let totals = variants.iter().enumerate().map(|(number, variant)| {
        format!("{} with {}", grouped(rounded(total(number))), shortened(&variant.label, 40))
    });
    format!("Messages in a run: {}", totals.collect::<Vec<_>>().join(", "))
}

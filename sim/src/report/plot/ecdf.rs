//! Empirical distribution functions as steps, with a label beside them instead of a legend.
//!
//! A curve of peers some of which did not finish ends below 100 %: nobody is dropped. With several runs the curve is that
//! of all runs together, and the band spans the curves of the single runs or says how sure their mean is.

use super::axis::{Scale, Unit};
use super::canvas::{Canvas, MARGIN, TICK, Type, WIDTH, width_of};
use super::hover::{self, Hover};
use super::palette::{AXIS, Colour, INK, MUTED};
use crate::report::format;
use crate::statistics::Distribution;
use crate::statistics::bootstrap::band_of_means;

/// Height of the plot, of what is below it, and the width of the labels.
const PLOT: f64 = 400.0;
/// Height of a figure without its head.
pub(super) const BODY: f64 = PLOT + 66.0;
const LABELS: f64 = 180.0;
const LEFT: f64 = MARGIN + 46.0;
const RIGHT: f64 = WIDTH - MARGIN - LABELS;

/// One curve.
#[derive(Debug)]
pub(super) struct Series {
    /// Its name.
    pub(super) name: String,
    /// Its colour.
    pub(super) colour: Colour,
    /// Broken: a second means to tell curves apart, for paper.
    pub(super) dashed: bool,
    /// The values of all runs.
    pub(super) values: Distribution,
    /// The values of each run, for the band.
    pub(super) runs: Vec<Distribution>,
    /// What is written below the name.
    pub(super) notes: Vec<String>,
}

/// A line at a value that is worth knowing.
#[derive(Debug)]
pub(super) struct Mark {
    /// Where.
    pub(super) value: f64,
    /// What it is.
    pub(super) text: String,
}

/// What the band around a curve shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Band {
    /// From the lowest to the highest run.
    Range,
    /// Where the mean of the runs lies with 95 % confidence.
    Interval,
}

/// What curves are drawn over.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plot<'a> {
    /// What the values are.
    pub(super) unit: Unit,
    /// What the axis is called.
    pub(super) axis: &'a str,
    /// The axis reaches at least so far.
    pub(super) reach: f64,
    /// Lines at values that are worth knowing.
    pub(super) marks: &'a [Mark],
    /// What bands show.
    pub(super) band: Band,
}

/// The axis of the values.
fn scale(series: &[Series], plot: &Plot<'_>) -> Scale {
    let finite = || series.iter().flat_map(|series| series.values.finite()).copied();
    let marked = || plot.marks.iter().map(|mark| mark.value);
    let low = finite().chain(marked()).fold(f64::INFINITY, f64::min);
    let high = finite().chain(marked()).fold(plot.reach, f64::max);
    let close = low > 0.4 * high && low.is_finite() && plot.unit != Unit::Share;
    // Values that are all but equal are shown as such: the axis spans a twentieth of them at least.
    let low = if close { low.min(0.95 * high) } else { 0.0 };
    Scale::new((low, high), (LEFT, RIGHT), plot.unit, 6.0, true)
}

/// What the page's script says of the curves.
pub(super) fn told(series: &[Series], plot: &Plot<'_>) -> Hover {
    let x = scale(series, plot);
    let share = |series: &Series, at| series.values.share_up_to(at) * 100.0;
    hover::curves(series, (&x, " %"), (LEFT, RIGHT, 0.0, PLOT), |series| series.name.clone(), share)
}

/// Draws curves.
pub(super) fn draw(canvas: &mut Canvas<'_>, series: &[Series], plot: &Plot<'_>) {
    let x = scale(series, plot);
    let y = Scale::new((0.0, 1.0), (PLOT, 6.0), Unit::Share, 5.0, false);
    y.draw_left(canvas, (LEFT, RIGHT));
    canvas.path(&[(LEFT, PLOT), (RIGHT, PLOT)], 1.0, AXIS);
    x.draw_below(canvas, PLOT, None);
    canvas.text(f64::midpoint(LEFT, RIGHT), PLOT + 42.0, plot.axis, TICK.centred());
    for (number, mark) in plot.marks.iter().enumerate() {
        let lower = 16.0 * crate::statistics::float_len(number);
        let at = x.at(mark.value);
        canvas.dashes((at, 6.0), (at, PLOT), 1.25, MUTED);
        // Where no curve is: above them to the left of the line, or below them to its right.
        let width = width_of(&mark.text, TICK) + 14.0;
        let highest = series.iter().map(|series| series.values.share_up_to(mark.value)).fold(0.0, f64::max);
        let above = highest < 0.9;
        let left = (above && at - width > LEFT) || at + width > RIGHT;
        let (x, style) = if left { (at - 7.0, TICK.right()) } else { (at + 7.0, TICK) };
        let y = if above { 24.0 + lower } else { PLOT - 14.0 - lower };
        canvas.text(x, y, &mark.text, style);
    }
    for series in series.iter().filter(|series| series.runs.len() > 1) {
        band(canvas, series, &x, &y, plot.band);
    }
    for series in series {
        let points = steps(&series.values, &x, &y);
        if series.dashed {
            canvas.dashed_path(&points, 2.5, series.colour);
        } else {
            canvas.path(&points, 2.5, series.colour);
        }
        if let Some(median) = series.values.median() {
            canvas.dot((x.at(median), y.at(0.5)), 4.0, series.colour, series.colour);
        }
    }
    labels(canvas, series);
}

/// The corners of a step function.
fn steps(values: &Distribution, x: &Scale, y: &Scale) -> Vec<(f64, f64)> {
    let mut points = vec![(LEFT, y.at(0.0))];
    let finite = values.finite();
    let mut height = y.at(0.0);
    for (i, &value) in finite.iter().enumerate() {
        let at = x.at(value);
        // Steps within the same quarter of a pixel are one step.
        let same = |other: f64| (x.at(other) * 4.0).floor() - (at * 4.0).floor() < 0.5;
        if finite.get(i + 1).is_some_and(|&next| same(next)) {
            continue;
        }
        points.push((at, height));
        height = y.at(values.share_up_to(value));
        points.push((at, height));
    }
    points.push((RIGHT, height));
    points
}

fn band(canvas: &mut Canvas<'_>, series: &Series, x: &Scale, y: &Scale, band: Band) {
    let at = |run: &Distribution| {
        hover::columns(LEFT, RIGHT).map(|pixel| run.share_up_to(x.value(pixel))).collect()
    };
    let curves: Vec<Vec<f64>> = series.runs.iter().map(at).collect();
    let ends: Vec<(f64, f64)> = match band {
        Band::Interval => {
            band_of_means(&curves).iter().map(|interval| (interval.low, interval.high)).collect()
        }
        Band::Range => (0..curves[0].len())
            .map(|column| {
                let shares = curves.iter().map(|curve| curve[column]);
                shares.fold((1.0, 0.0), |(low, high), share| (share.min(low), share.max(high)))
            })
            .collect(),
    };
    let (mut upper, mut lower) = (Vec::new(), Vec::new());
    for (pixel, (low, high)) in hover::columns(LEFT, RIGHT).zip(ends) {
        upper.push((pixel, y.at(high)));
        lower.push((pixel, y.at(low)));
    }
    if upper.is_empty() {
        return;
    }
    lower.reverse();
    upper.extend(lower);
    canvas.polygon(&upper, series.colour.faded(0.18));
}

/// Names beside the plot, from the fastest to the slowest, spread around the middle.
fn labels(canvas: &mut Canvas<'_>, series: &[Series]) {
    let mut order: Vec<&Series> = series.iter().collect();
    let rank = |series: &Series| series.values.median().unwrap_or(f64::INFINITY);
    order.sort_by(|a, b| rank(a).total_cmp(&rank(b)));
    let height = |series: &Series| 40.0 + 18.0 * crate::statistics::float_len(series.notes.len());
    let total: f64 = order.iter().map(|series| height(series)).sum();
    let mut y = ((PLOT - total) / 2.0).max(8.0) + 10.0;
    for series in order {
        let name = format::shortened(&series.name, 17);
        canvas.text(RIGHT + 18.0, y, &name, Type::new(15.0, series.colour).bold());
        for (line, note) in series.notes.iter().enumerate() {
            let style = Type::new(12.5, if line == 0 { INK } else { MUTED });
            canvas.text(RIGHT + 18.0, y + 20.0 + 18.0 * crate::statistics::float_len(line), note, style);
        }
        // Many stand closer together.
        y += height(series) * (PLOT / total).min(1.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_rise_by_one_share_each_and_end_where_the_unfinished_begin() {
        let x = Scale::new((0.0, 10.0), (LEFT, RIGHT), Unit::Time, 5.0, true);
        let y = Scale::new((0.0, 1.0), (100.0, 0.0), Unit::Share, 5.0, false);
        let points = steps(&Distribution::new(vec![5.0, 10.0], 2), &x, &y);
        let half = f64::midpoint(LEFT, RIGHT);
        let expected =
            [(LEFT, 100.0), (half, 100.0), (half, 75.0), (RIGHT, 75.0), (RIGHT, 50.0), (RIGHT, 50.0)];
        assert_eq!(points, expected);
    }

    #[test]
    fn many_values_make_few_points_and_the_same_curve() {
        let values = Distribution::new((0..100_000_u32).map(|i| f64::from(i) / 10_000.0).collect(), 0);
        let x = Scale::new((0.0, 10.0), (LEFT, RIGHT), Unit::Time, 5.0, true);
        let y = Scale::new((0.0, 1.0), (100.0, 0.0), Unit::Share, 5.0, false);
        let points = steps(&values, &x, &y);
        assert!(points.len() < 8000, "{}", points.len());
        for (pixel, height) in points {
            assert!((height - (100.0 - x.value(pixel) * 10.0)).abs() < 0.1, "{pixel}");
        }
    }
}

//! `throughput`: how fast data moved, and who sent it.

use super::axis::{Scale, Unit};
use super::canvas::{Canvas, MARGIN, TICK, Type, WIDTH};
use super::palette::{self, AXIS, Colour};
use super::{Figure, first_run_of};
use crate::report::format::{byte_unit, duration, number, percent};
use crate::report::summary::Summary;
use crate::report::{ReportError, ReportInput};
use crate::results::Sample;
use crate::statistics::float;

const NAME: &str = "throughput";
const PLOT: f64 = 250.0;
const LEFT: f64 = MARGIN + 78.0;
const RIGHT: f64 = WIDTH - MARGIN - 130.0;
/// Most intervals that are drawn; more are put together.
const INTERVALS: usize = 360;

/// Draws the figure: of the first run, when there are several.
///
/// # Errors
/// When it cannot be drawn.
pub(super) fn figure(input: &ReportInput<'_>, summary: &Summary) -> Result<Figure, ReportError> {
    let rates = input.runs.first().map(|run| rates(&run.timeline)).unwrap_or_default();
    let peak = rates.iter().map(|rate| rate.all).fold(0.0, f64::max);
    if peak <= 0.0 {
        return super::empty(NAME, "No data moved", "Not a single block arrived.");
    }
    let (unit, name) = byte_unit(peak);
    let title = format!("{}; the peak is {} {name}/s", who_served(input, summary), number(peak / unit));
    let subtitle = format!("Block data per second{}", first_run_of(input));
    Figure::new(NAME, &title, &subtitle, PLOT + 60.0, |canvas| draw(canvas, &rates, peak))
}

/// Rates between two samples.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Rate {
    from: f64,
    to: f64,
    all: f64,
    seeds: f64,
}

fn rates(timeline: &[Sample]) -> Vec<Rate> {
    let stride = timeline.len().div_ceil(INTERVALS).max(1);
    let last = timeline.len().saturating_sub(1);
    let mut kept: Vec<&Sample> = timeline.iter().step_by(stride).collect();
    if !last.is_multiple_of(stride) {
        kept.push(&timeline[last]);
    }
    let mut rates: Vec<Rate> = Vec::with_capacity(kept.len());
    for pair in kept.windows(2) {
        let seconds = (pair[1].time - pair[0].time).as_secs_f64();
        if seconds <= 0.0 {
            continue;
        }
        let per_second = |before: u64, after: u64| float(after.saturating_sub(before)) / seconds;
        rates.push(Rate {
            from: pair[0].time.as_secs_f64(),
            to: pair[1].time.as_secs_f64(),
            all: per_second(pair[0].payload, pair[1].payload),
            seeds: per_second(pair[0].payload_from_seeds, pair[1].payload_from_seeds),
        });
    }
    rates
}

fn draw(canvas: &mut Canvas<'_>, rates: &[Rate], peak: f64) {
    let end = rates.last().map_or(1.0, |rate| rate.to);
    let x = Scale::new((0.0, end), (LEFT, RIGHT), Unit::Time, 8.0, false);
    let y = Scale::new((0.0, peak), (PLOT, 8.0), Unit::Rate, 6.0, true);
    y.draw_left(canvas, (LEFT, RIGHT));
    let steps = |field: fn(&Rate) -> f64| -> Vec<(f64, f64)> {
        let corners =
            |rate: &Rate| [(x.at(rate.from), y.at(field(rate))), (x.at(rate.to), y.at(field(rate)))];
        rates.iter().flat_map(corners).collect()
    };
    let (all, seeds) = (steps(|rate| rate.all), steps(|rate| rate.seeds));
    let area = |canvas: &mut Canvas<'_>, points: &[(f64, f64)], colour: Colour| {
        let ends = [(x.at(end), PLOT), (x.at(rates.first().map_or(0.0, |rate| rate.from)), PLOT)];
        canvas.polygon(&[points, &ends].concat(), colour);
    };
    area(canvas, &all, palette::series(0).faded(0.12));
    area(canvas, &seeds, palette::series(1).faded(0.15));
    canvas.path(&all, 2.25, palette::series(0));
    canvas.path(&seeds, 2.25, palette::series(1));
    canvas.path(&[(LEFT, PLOT), (RIGHT, PLOT)], 1.0, AXIS);
    x.draw_below(canvas, PLOT, None);
    canvas.text(f64::midpoint(LEFT, RIGHT), PLOT + 40.0, "time", TICK.centred());
    // Labels stand at the height of the curves' means, apart from each other.
    let mean = |field: fn(&Rate) -> f64| {
        y.at(rates.iter().map(|rate| field(rate) * (rate.to - rate.from)).sum::<f64>() / end)
    };
    let upper = mean(|rate| rate.all).min(PLOT - 60.0);
    let lower = mean(|rate| rate.seeds).max(upper + 44.0).min(PLOT - 16.0);
    let totals: [(f64, &str, usize); 2] = [(upper, "all", 0), (lower, "from seeds", 1)];
    for (at, name, index) in totals {
        canvas.text(RIGHT + 14.0, at, name, Type::new(15.0, palette::series(index)).bold());
    }
}

fn who_served(input: &ReportInput<'_>, summary: &Summary) -> String {
    let last = |field: fn(&Sample) -> u64| -> u64 {
        input.runs.iter().filter_map(|run| run.timeline.last()).map(field).sum()
    };
    let (all, seeds) = (last(|sample| sample.payload), last(|sample| sample.payload_from_seeds));
    if all == 0 || summary.overall.seeds == 0 {
        let end = input.runs.first().map_or(0.0, |run| run.end.as_secs_f64());
        return format!("Data moves for {}", duration(end));
    }
    let share = float(all.saturating_sub(seeds)) / float(all);
    format!("The peers serve {} of the data themselves", percent(share))
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Case;
    use super::*;

    #[test]
    fn rates_are_differences_over_time_and_add_up() {
        let case = Case::tiny();
        let rates = rates(&case.runs[0].timeline);
        assert_eq!(rates[0], Rate { from: 0.0, to: 10.0, all: 9830.4, seeds: 6553.6 });
        assert_eq!(rates[1], Rate { from: 10.0, to: 11.0, all: 32768.0, seeds: 16384.0 });
        let long = Case::swarm(&[("peer", 3)], 1, 1999);
        let timeline = &long.runs[0].timeline;
        let rates = super::rates(timeline);
        assert!(rates.len() <= INTERVALS + 1);
        let moved: f64 = rates.iter().map(|rate| rate.all * (rate.to - rate.from)).sum();
        let first = float(timeline[0].payload);
        let last = float(timeline.last().unwrap().payload);
        assert!((moved / (last - first) - 1.0).abs() < 1e-9);
    }
}

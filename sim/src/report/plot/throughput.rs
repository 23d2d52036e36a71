//! `throughput`: how fast data moved, and who sent it.

use super::axis::{Scale, Unit};
use super::canvas::{Canvas, MARGIN, TICK, Type, WIDTH};
use super::hover;
use super::palette::{self, AXIS, Colour};
use super::{Figure, first_run_of};
use crate::report::format::{byte_unit, duration, number, percent, shortened};
use crate::report::summary::Summary;
use crate::report::{ReportError, ReportInput};
use crate::results::{RunResult, Sample};
use crate::statistics::{float, float_len};

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
    let lines: Vec<Line> = input
        .runs
        .first()
        .map(|run| {
            let line = |name, index, whole| Line::new(run, name, palette::series(index), whole);
            vec![line("all", 0, true), line("from seeds", 1, false)]
        })
        .unwrap_or_default();
    let peak = lines.iter().map(Line::peak).fold(0.0, f64::max);
    let (unit, name) = byte_unit(peak);
    let title = format!("{}; the peak is {} {name}/s", who_served(input, summary), number(peak / unit));
    let subtitle = format!("Block data per second{}", first_run_of(input));
    of_lines(NAME, &title, &subtitle, &lines)
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

/// A line to draw: its name, colour and width, and the rates.
pub(super) struct Line {
    /// What it is called.
    pub(super) name: String,
    /// Its colour.
    pub(super) colour: Colour,
    /// All data, rather than the seeds' share of it.
    pub(super) whole: bool,
    rates: Vec<Rate>,
}

impl Line {
    /// The rates of a run: of all data, or of what the seeds sent.
    pub(super) fn new(run: &RunResult, name: &str, colour: Colour, whole: bool) -> Self {
        Self { name: name.to_owned(), colour, whole, rates: rates(&run.timeline) }
    }

    fn value(&self, rate: &Rate) -> f64 {
        if self.whole { rate.all } else { rate.seeds }
    }

    fn peak(&self) -> f64 {
        self.rates.iter().map(|rate| self.value(rate)).fold(0.0, f64::max)
    }

    fn mean(&self) -> f64 {
        let end = self.rates.last().map_or(1.0, |rate| rate.to);
        self.rates.iter().map(|rate| self.value(rate) * (rate.to - rate.from)).sum::<f64>() / end
    }

    /// Its value at a time; none before its start and after its end.
    fn at(&self, time: f64) -> f64 {
        let rate = self.rates.iter().find(|rate| rate.from <= time && time < rate.to);
        rate.map_or(0.0, |rate| self.value(rate))
    }
}

/// A figure of these lines.
///
/// # Errors
/// When it cannot be drawn.
pub(super) fn of_lines(
    name: &str,
    title: &str,
    subtitle: &str,
    lines: &[Line],
) -> Result<Figure, ReportError> {
    let peak = lines.iter().map(Line::peak).fold(0.0, f64::max);
    if peak <= 0.0 {
        return super::empty(name, "No data moved", "Not a single block arrived.");
    }
    let end = lines.iter().filter_map(|line| line.rates.last()).map(|rate| rate.to).fold(0.0, f64::max);
    let x = Scale::new((0.0, end), (LEFT, RIGHT), Unit::Time, 8.0, false);
    let y = Scale::new((0.0, peak), (PLOT, 8.0), Unit::Rate, 6.0, true);
    let (divisor, unit) = (y.divisor(), y.unit().to_owned());
    let told = hover::curves(
        lines,
        (&x, &unit),
        (LEFT, RIGHT, 0.0, PLOT),
        |line| line.name.clone(),
        |line, at| line.at(at) / divisor,
    );
    let figure = Figure::new(name, title, subtitle, PLOT + 60.0, |canvas| draw(canvas, lines, &x, &y))?;
    Ok(figure.with_hover(told))
}

fn draw(canvas: &mut Canvas<'_>, lines: &[Line], x: &Scale, y: &Scale) {
    y.draw_left(canvas, (LEFT, RIGHT));
    let steps = |line: &Line| -> Vec<(f64, f64)> {
        let corners = |rate: &Rate| {
            [(x.at(rate.from), y.at(line.value(rate))), (x.at(rate.to), y.at(line.value(rate)))]
        };
        line.rates.iter().flat_map(corners).collect()
    };
    for line in lines {
        let points = steps(line);
        if let (Some(first), Some(last)) = (points.first(), points.last()) {
            let ends = [(last.0, PLOT), (first.0, PLOT)];
            canvas.polygon(&[&points[..], &ends].concat(), line.colour.faded(0.1));
        }
    }
    for line in lines {
        canvas.path(&steps(line), if line.whole { 2.25 } else { 1.25 }, line.colour);
    }
    canvas.path(&[(LEFT, PLOT), (RIGHT, PLOT)], 1.0, AXIS);
    x.draw_below(canvas, PLOT, None);
    canvas.text(f64::midpoint(LEFT, RIGHT), PLOT + 40.0, "time", TICK.centred());
    // Labels stand at the height of the lines' means where there is room, and in any case apart from each other.
    let mut order: Vec<&Line> = lines.iter().collect();
    order.sort_by(|a, b| b.mean().total_cmp(&a.mean()));
    let between = float_len(lines.len().saturating_sub(1).max(1));
    let gap = if lines.len() > 2 { ((PLOT - 24.0) / between).min(24.0) } else { 44.0 };
    let lowest = |number: usize| PLOT - 16.0 - gap * float_len(lines.len() - 1 - number);
    let mut above = f64::NEG_INFINITY;
    for (number, line) in order.into_iter().enumerate() {
        let at = y.at(line.mean()).min(lowest(number)).max(above + gap);
        above = at;
        let size = if lines.len() > 2 { 12.5 } else { 15.0 };
        let style = Type::new(size, line.colour);
        let style = if line.whole { style.bold() } else { style };
        canvas.text(RIGHT + 14.0, at, &shortened(&line.name, 19), style);
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

//! What was measured beside what a model predicts: dots or lines with their intervals, and the model as a thin dashed line.

use super::axis::{Scale, Unit};
use super::canvas::{Canvas, MARGIN, TICK, Type, WIDTH};
use super::hover::{Hover, Point};
use super::palette::{self, AXIS, Colour, MUTED, WHITE};
use super::{Figure, hover};
use crate::report::ReportError;
use crate::report::format::shortened;
use crate::statistics::float_len;

/// Upper edge of the plot, below the name of the axis, and its lower edge.
const TOP: f64 = 26.0;
const PLOT: f64 = 350.0;
const BODY: f64 = PLOT + 66.0;
/// Width of the numbers to the left of a panel, and of the names to its right.
const NUMBERS: f64 = 52.0;
const NAMES: f64 = 138.0;
/// Least distance of two names.
const APART: f64 = 44.0;

/// Panels beside each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Tracks {
    /// The panels from left to right.
    pub panels: Vec<Panel>,
}

/// Measurements over a common axis.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// What the axes are called.
    pub axes: [&'static str; 2],
    /// What their values are.
    pub over: Over,
    /// What was measured.
    pub tracks: Vec<Track>,
}

/// What is measured over what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    /// A number over seconds.
    Time,
    /// Seconds over a number.
    TimeOverNumber,
    /// A number over a number.
    Number,
}

/// One series of measurements, and what a model says of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Track {
    /// Its name.
    pub name: String,
    /// What is written below it.
    pub note: String,
    /// What was measured, from left to right.
    pub measured: Vec<Measured>,
    /// Points of the model's curve.
    pub model: Vec<(f64, f64)>,
}

/// A measurement.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    /// Where on the axis.
    pub at: f64,
    /// The value.
    pub value: f64,
    /// Where it may lie.
    pub low: f64,
    /// Up to where.
    pub high: f64,
}

/// So many measurements are a line with a band; fewer are dots with whiskers.
const LINE: usize = 40;

/// Draws measurements and models.
///
/// # Errors
/// When it cannot be drawn, which would be a bug.
pub fn figure(name: &str, title: &str, subtitle: &str, tracks: &Tracks) -> Result<Figure, ReportError> {
    let frames: Vec<Frame> = (0..tracks.panels.len()).map(|number| Frame::new(tracks, number)).collect();
    let figure = Figure::new(name, title, subtitle, BODY, |canvas| {
        for (panel, frame) in tracks.panels.iter().zip(&frames) {
            draw(canvas, panel, frame);
        }
    })?;
    Ok(figure.with_hover(told(&tracks.panels, &frames)))
}

/// Where a panel is, and its scales.
struct Frame {
    left: f64,
    right: f64,
    x: Scale,
    y: Scale,
}

impl Frame {
    fn new(tracks: &Tracks, number: usize) -> Self {
        let panel = &tracks.panels[number];
        let room = (WIDTH - 2.0 * MARGIN) / float_len(tracks.panels.len());
        let left = MARGIN + room * float_len(number) + NUMBERS;
        let right = left + room - NUMBERS - NAMES;
        let (over, value) = match panel.over {
            Over::Time => (Unit::Time, Unit::Number),
            Over::TimeOverNumber => (Unit::Number, Unit::Time),
            Over::Number => (Unit::Number, Unit::Number),
        };
        let models = || panel.tracks.iter().flat_map(|track| &track.model);
        let measured = || panel.tracks.iter().flat_map(|track| &track.measured);
        let end = measured().map(|it| it.at).chain(models().map(|it| it.0)).fold(0.0, f64::max);
        let low = measured().map(|it| it.low).chain(models().map(|it| it.1)).fold(f64::MAX, f64::min);
        let high = measured().map(|it| it.high).chain(models().map(|it| it.1)).fold(0.0, f64::max);
        // From zero, unless that would press everything together.
        let low = if low > 0.6 * high { low * 0.9 } else { 0.0 };
        let ticks = (right - left) / 80.0;
        Self {
            left,
            right,
            x: Scale::new((0.0, end), (left, right), over, ticks, panel.over != Over::Time),
            y: Scale::new((low, high), (PLOT, TOP), value, 6.0, true),
        }
    }

    fn point(&self, at: f64, value: f64) -> (f64, f64) {
        (self.x.at(at), self.y.at(value))
    }
}

fn draw(canvas: &mut Canvas<'_>, panel: &Panel, frame: &Frame) {
    frame.y.draw_left(canvas, (frame.left, frame.right));
    canvas.path(&[(frame.left, PLOT), (frame.right, PLOT)], 1.0, AXIS);
    frame.x.draw_below(canvas, PLOT, None);
    canvas.text(f64::midpoint(frame.left, frame.right), PLOT + 42.0, panel.axes[0], TICK.centred());
    canvas.text(frame.left - 44.0, 4.0, panel.axes[1], TICK);
    for (rank, track) in panel.tracks.iter().enumerate() {
        let colour = palette::series(rank);
        let model: Vec<_> = track.model.iter().map(|&(at, value)| frame.point(at, value)).collect();
        if track.measured.len() >= LINE {
            line(canvas, track, frame, colour);
            canvas.dashed_path(&model, 1.5, colour);
        } else {
            canvas.dashed_path(&model, 1.5, colour);
            dots(canvas, track, frame, colour);
        }
    }
    names(canvas, panel, frame);
}

fn line(canvas: &mut Canvas<'_>, track: &Track, frame: &Frame, colour: Colour) {
    let along = |value: fn(&Measured) -> f64| -> Vec<(f64, f64)> {
        track.measured.iter().map(|it| frame.point(it.at, value(it))).collect()
    };
    let mut band = along(|it| it.high);
    band.extend(along(|it| it.low).into_iter().rev());
    canvas.polygon(&band, colour.faded(0.18));
    canvas.path(&along(|it| it.value), 2.5, colour);
}

fn dots(canvas: &mut Canvas<'_>, track: &Track, frame: &Frame, colour: Colour) {
    for it in &track.measured {
        let (low, high) = (frame.point(it.at, it.low), frame.point(it.at, it.high));
        canvas.path(&[low, high], 2.0, colour);
        for (x, y) in [low, high] {
            canvas.path(&[(x - 5.0, y), (x + 5.0, y)], 2.0, colour);
        }
        canvas.dot(frame.point(it.at, it.value), 4.5, colour, WHITE);
    }
}

/// Names beside the ends of the tracks, from top to bottom, far enough from each other to be read.
fn names(canvas: &mut Canvas<'_>, panel: &Panel, frame: &Frame) {
    let end = |track: &Track| track.measured.last().map_or(PLOT / 2.0, |it| frame.y.at(it.value));
    let mut order: Vec<(f64, usize)> = panel.tracks.iter().map(end).zip(0..).collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut next = TOP + 4.0;
    for (y, rank) in order {
        let (track, y) = (&panel.tracks[rank], y.max(next));
        let x = frame.right + 12.0;
        canvas.text(x, y, &shortened(&track.name, 17), Type::new(14.0, palette::series(rank)).bold());
        canvas.text(x, y + 18.0, &shortened(&track.note, 22), Type::new(12.0, MUTED));
        next = y + APART;
    }
}

/// What the page's script says: of lines at each place, of dots at each dot.
fn told(panels: &[Panel], frames: &[Frame]) -> Hover {
    if let ([panel], [frame]) = (panels, frames)
        && panel.tracks.iter().all(|track| track.measured.len() >= LINE)
    {
        let value = |track: &Track, at: f64| {
            let next = track.measured.iter().find(|it| it.at >= at);
            next.or(track.measured.last()).map_or(0.0, |it| it.value)
        };
        let area = (frame.left, frame.right, TOP, PLOT);
        return hover::curves(&panel.tracks, (&frame.x, ""), area, |track| track.name.clone(), value);
    }
    let mut points = Vec::new();
    for (panel, frame) in panels.iter().zip(frames) {
        for (track, it) in
            panel.tracks.iter().flat_map(|track| track.measured.iter().map(move |it| (track, it)))
        {
            let (x, y) = frame.point(it.at, it.value);
            let text = format!(
                "{}\n{} {:.2}\n{:.2} ({:.2} to {:.2})",
                track.name, panel.axes[0], it.at, it.value, it.low, it.high
            );
            points.push(Point { x, y, text });
        }
    }
    Hover::Points { points }
}

#[cfg(test)]
mod tests {
    use super::super::{canvas, raster};
    use super::*;

    fn track(name: &str, count: u32) -> Track {
        let at = |i: u32| f64::from(i) * 10.0;
        let measured = |i| Measured { at: at(i), value: 500.0 + at(i), low: 490.0, high: 520.0 + at(i) };
        Track {
            name: name.to_owned(),
            note: "predicted +1.00 per s".to_owned(),
            measured: (0..count).map(measured).collect(),
            model: vec![(0.0, 500.0), (at(count), 500.0 + at(count))],
        }
    }

    #[test]
    fn nothing_runs_out_of_the_picture() {
        for (panels, count) in [(1, 100), (2, 5), (1, 1)] {
            let panel = || Panel {
                axes: ["arrivals per second", "leechers"],
                over: if count > 50 { Over::Time } else { Over::Number },
                tracks: vec![
                    track("one of the names", count),
                    track("another", count),
                    track("third", count),
                ],
            };
            let tracks = Tracks { panels: (0..panels).map(|_| panel()).collect() };
            let figure = figure("drift", "A title", "and what it means", &tracks).unwrap();
            let (left, right) = raster::text_extent(&figure.svg);
            let limit = canvas::WIDTH * canvas::FINENESS;
            assert!(left >= 0.0 && right <= limit, "{panels} × {count}: {left} to {right}");
            assert_eq!(raster::missing_glyphs(&figure.svg), [""; 0]);
            let curves = matches!(figure.hover, Some(Hover::Curves(_)));
            assert_eq!(curves, count > 50, "lines are told along the axis, dots one by one");
        }
    }
}

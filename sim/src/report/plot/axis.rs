//! Scales from values to pixels, with ticks at round values.

use super::canvas::{Canvas, TICK};
use super::palette::{AXIS, GRID};
use crate::report::format;

/// What values mean, so how their ticks are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Seconds: ticks in the unit that suits the longest.
    Time,
    /// Bytes per second, in binary units.
    Rate,
    /// Plain numbers.
    Number,
    /// Shares: 1 is 100 %.
    Share,
}

impl Unit {
    /// Divisor and name of what ticks are written in when the largest value is `max`.
    fn shown(self, max: f64) -> (f64, String) {
        let (divisor, name) = match self {
            Self::Time if max < 1e-3 => (1e-6, " µs"),
            Self::Time if max < 1.0 => (1e-3, " ms"),
            Self::Time if max <= 600.0 => (1.0, " s"),
            Self::Time if max <= 7200.0 => (60.0, " min"),
            Self::Time => (3600.0, " h"),
            Self::Rate => {
                let (divisor, name) = format::byte_unit(max);
                return (divisor, format!(" {name}/s"));
            }
            Self::Number => (1.0, ""),
            Self::Share => (0.01, " %"),
        };
        (divisor, name.to_owned())
    }
}

/// A linear scale.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    values: (f64, f64),
    pixels: (f64, f64),
    step: f64,
    divisor: f64,
    name: String,
}

impl Scale {
    /// From `values` onto `pixels`, with about `ticks` ticks. The range is widened to whole steps where `round` says so.
    pub(super) fn new(values: (f64, f64), pixels: (f64, f64), unit: Unit, ticks: f64, round: bool) -> Self {
        let (low, high) = (values.0, if values.1 > values.0 { values.1 } else { values.0 + 1.0 });
        let (divisor, name) = unit.shown(high);
        let step = nice_step((high - low) / divisor / ticks) * divisor;
        let values = if round {
            ((low / step).floor() * step, (high / step - 1e-9).ceil() * step)
        } else {
            (low, high)
        };
        Self { values, pixels, step, divisor, name }
    }

    /// The pixel of a value; beyond the ends it stays at the end.
    pub(super) fn at(&self, value: f64) -> f64 {
        let share = ((value - self.values.0) / (self.values.1 - self.values.0)).clamp(0.0, 1.0);
        self.pixels.0 + (self.pixels.1 - self.pixels.0) * share
    }

    /// The value of a pixel.
    pub(super) fn value(&self, pixel: f64) -> f64 {
        let share = (pixel - self.pixels.0) / (self.pixels.1 - self.pixels.0);
        self.values.0 + (self.values.1 - self.values.0) * share
    }

    /// What values are divided by to be shown.
    pub(super) fn divisor(&self) -> f64 {
        self.divisor
    }

    /// What is written behind them then.
    pub(super) fn unit(&self) -> &str {
        &self.name
    }

    /// The largest value.
    pub(super) fn end(&self) -> f64 {
        self.values.1
    }

    /// Tick values and their labels.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        // The sum makes a plain zero of a negative one.
        let first = (self.values.0 / self.step - 1e-9).ceil() + 0.0;
        let mut ticks = Vec::new();
        let mut number = first;
        while number * self.step <= self.values.1 + self.step * 1e-6 {
            let value = number * self.step;
            ticks.push((value, format!("{}{}", short(value / self.divisor), self.name)));
            number += 1.0;
        }
        ticks
    }

    /// Ticks below a plot at `y`, with grid lines up to `top` when there is one.
    pub(super) fn draw_below(&self, canvas: &mut Canvas<'_>, y: f64, grid_top: Option<f64>) {
        for (value, label) in self.ticks() {
            let x = self.at(value);
            match grid_top {
                Some(top) => canvas.path(&[(x, top), (x, y)], 1.0, GRID),
                None => canvas.path(&[(x, y), (x, y + 4.0)], 1.0, AXIS),
            }
            canvas.text(x, y + 15.0, &label, TICK.centred());
        }
    }

    /// Ticks to the left of a plot whose left and right edge are given, with grid lines across it.
    pub(super) fn draw_left(&self, canvas: &mut Canvas<'_>, (left, right): (f64, f64)) {
        for (value, label) in self.ticks() {
            let y = self.at(value);
            canvas.path(&[(left, y), (right, y)], 1.0, GRID);
            canvas.text(left - 8.0, y, &label, TICK.right());
        }
    }
}

/// The smallest of 1, 2, 2.5, 5 times a power of ten that is at least `raw`.
fn nice_step(raw: f64) -> f64 {
    let power = libm::pow(10.0, libm::floor(libm::log10(raw.max(1e-12)) + 1e-9));
    let factor = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|factor| factor * power >= raw * 0.999);
    factor.unwrap_or(10.0) * power
}

/// A tick's number: no more digits than it needs.
fn short(value: f64) -> String {
    let text = format!("{value:.3}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if value >= 1000.0 { format::number(value) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(values: (f64, f64), unit: Unit) -> Vec<String> {
        let scale = Scale::new(values, (0.0, 100.0), unit, 5.0, true);
        scale.ticks().into_iter().map(|(_, label)| label).collect()
    }

    #[test]
    fn ticks_are_round_and_have_units() {
        assert_eq!(labels((20.0, 118.0), Unit::Time), ["20 s", "40 s", "60 s", "80 s", "100 s", "120 s"]);
        assert_eq!(labels((0.0, 1.0), Unit::Share), ["0 %", "20 %", "40 %", "60 %", "80 %", "100 %"]);
        assert_eq!(labels((0.0, 0.02), Unit::Time), ["0 ms", "5 ms", "10 ms", "15 ms", "20 ms"]);
        assert_eq!(
            labels((0.0, 3000.0), Unit::Time),
            ["0 min", "10 min", "20 min", "30 min", "40 min", "50 min"]
        );
        assert_eq!(labels((0.0, 3_000_000.0), Unit::Rate), ["0 MiB/s", "1 MiB/s", "2 MiB/s", "3 MiB/s"]);
        assert_eq!(labels((0.0, 7300.0), Unit::Number), ["0", "2,000", "4,000", "6,000", "8,000"]);
    }

    #[test]
    fn nothing_breaks_a_scale() {
        for values in [(0.0, 0.0), (5.0, 5.0), (0.0, 1e-15), (0.0, 1e15)] {
            let scale = Scale::new(values, (0.0, 100.0), Unit::Time, 5.0, true);
            assert!((1..20).contains(&scale.ticks().len()), "{values:?}");
            assert!(scale.at(values.1).is_finite());
        }
    }
}

//! Horizontal bars: a row per item with its value at the end, for what is few enough to be read one by one.

use super::axis::{Scale, Unit};
use super::canvas::{Canvas, LABEL, MARGIN, TICK, Type, WIDTH, width_of};
use super::palette::{AXIS, Colour, INK, MUTED};
use crate::report::format;
use crate::statistics::float_len;

/// Most characters of a label.
const LABEL_CHARS: usize = 30;

/// One row.
#[derive(Debug)]
pub(super) struct Row {
    /// At the left.
    pub(super) label: String,
    /// Lengths and colours, from left to right.
    pub(super) segments: Vec<(f64, Colour)>,
    /// At the end of the bar.
    pub(super) text: String,
    /// Smaller, after it.
    pub(super) note: String,
    /// A tick across the bar.
    pub(super) tick: Option<f64>,
    /// From where to where a thin line reaches across the end: the range over the runs.
    pub(super) whisker: Option<(f64, f64)>,
}

impl Row {
    fn length(&self) -> f64 {
        self.segments.iter().map(|(length, _)| length).sum()
    }
}

/// Height of one of `count` rows.
fn row_height(count: usize) -> f64 {
    match count {
        0..=6 => 40.0,
        7..=12 => 32.0,
        13..=20 => 26.0,
        _ => 20.0,
    }
}

/// Height of a figure of so many rows, without its head.
pub(super) fn body(count: usize) -> f64 {
    row_height(count) * float_len(count) + 66.0
}

/// Draws rows over a scale of this unit; `mark` is a line at a value that is worth knowing, with its name.
pub(super) fn draw(
    canvas: &mut Canvas<'_>,
    rows: &[Row],
    unit: Unit,
    axis: &str,
    mark: Option<&(f64, String)>,
) {
    let names: Vec<_> = rows.iter().map(|row| format::shortened(&row.label, LABEL_CHARS)).collect();
    let widest = |texts: &mut dyn Iterator<Item = f64>| texts.fold(0.0, f64::max);
    let left = MARGIN + widest(&mut names.iter().map(|name| width_of(name, LABEL))) + 14.0;
    let tail = |row: &Row| width_of(&row.text, value_type()) + width_of(&row.note, TICK) + 30.0;
    let right = (WIDTH - MARGIN - widest(&mut rows.iter().map(tail))).max(left + 200.0);
    let height = row_height(rows.len());
    let bottom = height * float_len(rows.len()) + 6.0;
    let reach = |row: &Row| row.whisker.map_or(0.0, |(_, high)| high).max(row.length());
    let high = rows.iter().map(reach).chain(mark.map(|mark| mark.0)).fold(0.0, f64::max);
    let x = Scale::new((0.0, high), (left, right), unit, 6.0, false);
    x.draw_below(canvas, bottom, Some(0.0));
    canvas.path(&[(left, 0.0), (left, bottom)], 1.0, AXIS);
    canvas.text(f64::midpoint(left, right), bottom + 40.0, axis, TICK.centred());
    for (number, (row, name)) in rows.iter().zip(&names).enumerate() {
        let middle = 3.0 + height * (float_len(number) + 0.5);
        let half = height * 0.34;
        canvas.text(left - 10.0, middle, name, LABEL.right());
        let mut start = 0.0;
        for &(length, colour) in &row.segments {
            let end = start + length;
            canvas.rect((x.at(start), middle - half), (x.at(end), middle + half), colour);
            start = end;
        }
        let mut end = x.at(start);
        if let Some((low, high)) = row.whisker {
            let (low, high) = (x.at(low), x.at(high));
            canvas.path(&[(low, middle), (high, middle)], 1.5, INK);
            for at in [low, high] {
                canvas.path(&[(at, middle - 4.0), (at, middle + 4.0)], 1.5, INK);
            }
            end = end.max(high);
        }
        if let Some(tick) = row.tick {
            canvas.path(&[(x.at(tick), middle - half - 3.0), (x.at(tick), middle + half + 3.0)], 2.0, INK);
        }
        // The line at the mark does not run through numbers.
        let written = (end + 2.0, end + tail(row));
        if let Some((value, _)) = mark
            && !(written.0..written.1).contains(&x.at(*value))
        {
            let at = x.at(*value);
            canvas.dashes((at, middle - height / 2.0), (at, middle + height / 2.0), 1.25, MUTED);
        }
        canvas.text(end + 8.0, middle, &row.text, value_type());
        canvas.text(end + 20.0 + width_of(&row.text, value_type()), middle, &row.note, TICK);
    }
    if let Some((value, text)) = mark {
        let at = x.at(*value);
        let style = if at > f64::midpoint(left, right) { TICK.right() } else { TICK };
        canvas.text(at, bottom + 40.0, text, style);
    }
}

const fn value_type() -> Type {
    Type::new(13.0, INK).bold()
}

/// A key to the colours of segments, on one line of the head of the body: coloured words, no box.
pub(super) fn key(canvas: &mut Canvas<'_>, y: f64, entries: &[(&str, Colour)]) {
    let mut x = MARGIN;
    for &(name, colour) in entries {
        let style = Type::new(13.0, INK);
        canvas.rect((x, y - 6.0), (x + 12.0, y + 6.0), colour);
        canvas.text(x + 18.0, y, name, style);
        x += 18.0 + width_of(name, style) + 22.0;
    }
}

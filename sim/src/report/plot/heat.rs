//! Heat maps of a few cells that are read one by one: a value and its interval in each, its colour for those who look from afar.

use super::Figure;
use super::canvas::{Canvas, LABEL, MARGIN, TICK, Type, WIDTH, width_of};
use super::hover::{Hover, Point};
use super::palette::{ABOVE, BELOW, Colour, INK, MUTED, UNDECIDED, viridis};
use crate::report::{ReportError, format};
use crate::statistics::float_len;

/// Height of a row of cells.
const ROW: f64 = 48.0;
/// Cells are no wider than this.
const WIDEST: f64 = 150.0;
/// What stands between panels.
const GAP: f64 = 30.0;
/// Most characters of a label.
const LABEL_CHARS: usize = 24;

/// Panels of cells that share their rows, columns and colours.
#[derive(Clone, Debug, PartialEq)]
pub struct Heat {
    /// What the rows vary; empty when there is a single row.
    pub rows_name: String,
    /// The rows from top to bottom.
    pub rows: Vec<String>,
    /// What the columns vary.
    pub columns_name: String,
    /// The columns from left to right.
    pub columns: Vec<String>,
    /// The panels from top to bottom.
    pub panels: Vec<Panel>,
}

/// One map.
#[derive(Clone, Debug, PartialEq)]
pub struct Panel {
    /// What it shows; empty when there is nothing to tell it from.
    pub title: String,
    /// Its cells, row by row.
    pub cells: Vec<Cell>,
}

/// One cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Its value.
    pub text: String,
    /// Smaller, below it: how sure that is.
    pub note: String,
    /// Its colour.
    pub shade: Shade,
}

/// What a cell's colour says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shade {
    /// A share between 0 and 1 of the largest value.
    Level(f64),
    /// Between -1 and 1: how far below or above, as a share of the largest change.
    Change(f64),
    /// Nothing can be said.
    Undecided,
}

impl Shade {
    fn fill(self) -> Colour {
        match self {
            Self::Level(level) => Colour { rgb: viridis(byte(level)), alpha: 1.0 },
            Self::Change(change) if change < 0.0 => BELOW.tint(strength(change)),
            Self::Change(change) => ABOVE.tint(strength(change)),
            Self::Undecided => UNDECIDED,
        }
    }
}

/// Even a small change that is shown is not white.
fn strength(change: f64) -> f64 {
    0.12 + 0.88 * change.abs().min(1.0)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 255")]
fn byte(level: f64) -> u8 {
    (level.clamp(0.0, 1.0) * 255.0).round() as u8
}

/// Draws a heat map.
///
/// # Errors
/// When it cannot be drawn, which would be a bug.
pub fn figure(name: &str, title: &str, subtitle: &str, heat: &Heat) -> Result<Figure, ReportError> {
    let layout = Layout::new(heat);
    let figure = Figure::new(name, title, subtitle, layout.body, |canvas| {
        for (number, map) in heat.panels.iter().enumerate() {
            let top = layout.top(number);
            if layout.title > 0.0 {
                canvas.text(MARGIN, top - layout.title + 12.0, &map.title, LABEL.bold());
            }
            canvas.shifted(top, |canvas| draw(canvas, heat, map, &layout));
        }
        let middle = layout.left + layout.width * float_len(heat.columns.len()) / 2.0;
        canvas.text(middle, layout.body - 22.0, &heat.columns_name, TICK.centred());
    })?;
    Ok(figure.with_hover(Hover::Points { points: points(heat, &layout) }))
}

/// Where things are, in CSS pixels.
#[derive(Debug)]
struct Layout {
    /// Left edge of the cells.
    left: f64,
    /// Width of a cell.
    width: f64,
    /// Height of a panel's title.
    title: f64,
    /// Height of a panel with its title and what is below its cells.
    panel: f64,
    /// Height of everything.
    body: f64,
}

impl Layout {
    fn new(heat: &Heat) -> Self {
        let title = if heat.panels.iter().any(|panel| !panel.title.is_empty()) { 26.0 } else { 0.0 };
        let panel = title + ROW * float_len(heat.rows.len()) + 22.0;
        let labels = heat.rows.iter().map(|row| width_of(&format::shortened(row, LABEL_CHARS), LABEL));
        let left = MARGIN + labels.fold(0.0, f64::max).max(width_of(&heat.rows_name, TICK)) + 14.0;
        let width = ((WIDTH - MARGIN - left) / float_len(heat.columns.len())).min(WIDEST);
        let body = (panel + GAP) * float_len(heat.panels.len()) - GAP + 42.0;
        Self { left, width, title, panel, body }
    }

    /// Upper edge of the cells of a panel.
    fn top(&self, panel: usize) -> f64 {
        (self.panel + GAP) * float_len(panel) + self.title
    }

    /// Left and upper edge of a cell within its panel.
    fn corner(&self, row: usize, column: usize) -> (f64, f64) {
        (self.left + self.width * float_len(column), ROW * float_len(row))
    }
}

/// What is said of each cell.
fn points(heat: &Heat, layout: &Layout) -> Vec<Point> {
    let mut points = Vec::new();
    for (number, map) in heat.panels.iter().enumerate() {
        for (index, cell) in map.cells.iter().enumerate() {
            let (row, column) = (index / heat.columns.len(), index % heat.columns.len());
            let (x, y) = layout.corner(row, column);
            let (row, column) = (&heat.rows[row], &heat.columns[column]);
            let place = format!("{} {row}\n{} {column}", heat.rows_name, heat.columns_name);
            let lines = [&map.title, place.trim(), &cell.text, &cell.note].map(str::to_owned);
            let lines: Vec<String> = lines.into_iter().filter(|line| !line.is_empty()).collect();
            points.push(Point {
                x: x + layout.width / 2.0,
                y: layout.top(number) + y + ROW / 2.0,
                text: lines.join("\n"),
            });
        }
    }
    points
}

fn draw(canvas: &mut Canvas<'_>, heat: &Heat, map: &Panel, layout: &Layout) {
    let (left, width) = (layout.left, layout.width);
    for (row, cells) in map.cells.chunks(heat.columns.len()).enumerate() {
        let top = ROW * float_len(row);
        let label = format::shortened(&heat.rows[row], LABEL_CHARS);
        canvas.text(left - 10.0, top + ROW / 2.0, &label, LABEL.right());
        for (column, cell) in cells.iter().enumerate() {
            let (x, top) = layout.corner(row, column);
            let fill = cell.shade.fill();
            canvas.rect((x + 1.0, top + 1.0), (x + width - 1.0, top + ROW - 1.0), fill);
            inscribe(canvas, cell, (x + width / 2.0, top + ROW / 2.0), width - 6.0, fill.ink());
        }
    }
    let below = ROW * float_len(heat.rows.len());
    for (column, label) in heat.columns.iter().enumerate() {
        let x = left + width * (float_len(column) + 0.5);
        if width_of(label, TICK) < width - 2.0 || column % 2 == 0 {
            canvas.text(x, below + 14.0, label, Type::new(12.0, INK).centred());
        }
    }
    if !heat.rows_name.is_empty() {
        canvas.text(left - 10.0, below + 14.0, &heat.rows_name, Type::new(12.0, MUTED).right());
    }
}

/// Value and note, as far as they fit.
fn inscribe(canvas: &mut Canvas<'_>, cell: &Cell, (x, y): (f64, f64), room: f64, ink: Colour) {
    let value = Type::new(14.0, ink).bold().centred();
    let note = Type::new(11.0, ink).centred();
    let fits = |text: &str, style| width_of(text, style) <= room;
    if !fits(&cell.text, value) {
        return;
    }
    if !cell.note.is_empty() && fits(&cell.note, note) {
        canvas.text(x, y - 8.0, &cell.text, value);
        canvas.text(x, y + 11.0, &cell.note, note);
    } else {
        canvas.text(x, y, &cell.text, value);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{canvas, raster};
    use super::*;

    fn heat(rows: usize, columns: usize, panels: usize) -> Heat {
        let names = |count: usize, what: &str| (0..count).map(|i| format!("{what} {i}")).collect();
        let shades = [
            Shade::Level(0.0),
            Shade::Level(1.0),
            Shade::Change(-1.0),
            Shade::Change(0.01),
            Shade::Undecided,
        ];
        let cell = |i: usize| Cell {
            text: "+12.3 %".to_owned(),
            note: "+9.8 % to +14.0 %".to_owned(),
            shade: shades[i % shades.len()],
        };
        let panel = |i| Panel { title: format!("panel {i}"), cells: (0..rows * columns).map(cell).collect() };
        Heat {
            rows_name: "upload of the seed".to_owned(),
            rows: names(rows, "row"),
            columns_name: "upload of each peer".to_owned(),
            columns: names(columns, "column"),
            panels: (0..panels).map(panel).collect(),
        }
    }

    #[test]
    fn nothing_runs_out_of_the_picture() {
        for (rows, columns, panels) in [(1, 1, 1), (5, 5, 2), (3, 40, 1), (30, 2, 1)] {
            let figure =
                figure("change", "A title", "and what it means", &heat(rows, columns, panels)).unwrap();
            let (left, right) = raster::text_extent(&figure.svg);
            assert!(
                left >= 0.0 && right <= canvas::WIDTH * canvas::FINENESS,
                "{rows} × {columns}: {left} to {right}"
            );
            assert_eq!(raster::missing_glyphs(&figure.svg), [""; 0]);
        }
    }

    #[test]
    fn cells_too_narrow_for_words_have_their_colour_alone() {
        let wide = figure("change", "t", "s", &heat(2, 3, 1)).unwrap();
        let narrow = figure("change", "t", "s", &heat(2, 60, 1)).unwrap();
        assert_eq!(wide.svg.matches("to +14.0 %").count(), 6);
        assert_eq!(narrow.svg.matches("12.3 %").count(), 0);
        assert!(narrow.svg.matches("<rect").count() >= 120);
    }

    #[test]
    fn both_signs_and_no_sign_look_different() {
        let fills =
            [Shade::Change(-0.5), Shade::Undecided, Shade::Change(0.0), Shade::Change(0.5)].map(Shade::fill);
        for (i, fill) in fills.iter().enumerate() {
            assert!(!fills[..i].contains(fill));
        }
    }
}

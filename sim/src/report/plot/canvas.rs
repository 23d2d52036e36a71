//! What figures are drawn on: plotters' SVG backend with a head (title and subtitle), sizes in CSS pixels and one font.
//!
//! plotters knows whole pixels only; the canvas is four times as fine and shown at a quarter of its size. Its own charts
//! are not used: labels beside the lines, notes and rows of varying kinds need the plain shapes.

use std::io;
use std::sync::OnceLock;

use plotters::coord::Shift;
use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, register_font};

use super::palette::{Colour, INK, MUTED};
use crate::report::ReportError;

/// Width of every figure in CSS pixels.
pub(super) const WIDTH: f64 = 1000.0;
/// Space to the left of titles and to the right of labels.
pub(super) const MARGIN: f64 = 24.0;
/// Units of the backend per CSS pixel.
pub(super) const FINENESS: f64 = 4.0;
/// The face, and what viewers without it may take.
pub(super) const FAMILY: &str = "DejaVu Sans Condensed, DejaVu Sans, Arial, sans-serif";
/// Ascent and descent of the face in ems: plotters measures text at a size that includes both.
const LINE_HEIGHT: f64 = 1.164;
const TITLE_SIZE: f64 = 21.0;
const SUBTITLE_SIZE: f64 = 13.5;

/// The end of a text that its position names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    /// It begins there.
    Start,
    /// Its middle is there.
    Middle,
    /// It ends there.
    End,
}

/// How text is set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Type {
    /// Font size in CSS pixels.
    pub(super) size: f64,
    /// Its colour.
    pub(super) colour: Colour,
    /// Bold?
    pub(super) bold: bool,
    /// Which end of the text the position names.
    pub(super) anchor: Anchor,
}

impl Type {
    /// Plain text that starts at its position.
    pub(super) const fn new(size: f64, colour: Colour) -> Self {
        Self { size, colour, bold: false, anchor: Anchor::Start }
    }

    /// The same in bold.
    pub(super) const fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    /// The same, ending at its position.
    pub(super) const fn right(self) -> Self {
        Self { anchor: Anchor::End, ..self }
    }

    /// The same, centred at its position.
    pub(super) const fn centred(self) -> Self {
        Self { anchor: Anchor::Middle, ..self }
    }
}

/// Text of ticks and small notes.
pub(super) const TICK: Type = Type::new(12.0, MUTED);
/// Text of row labels.
pub(super) const LABEL: Type = Type::new(13.0, INK);

/// Where a figure is drawn. Positions are CSS pixels; y counts from below the head. The first failure is kept and comes
/// out at the end, so that drawing code has no error paths.
pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
    head: f64,
    failure: Option<DrawingAreaErrorKind<io::Error>>,
}

impl std::fmt::Debug for Canvas<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Canvas").field("head", &self.head).finish_non_exhaustive()
    }
}

/// An SVG document and the height of its head.
#[derive(Debug)]
pub(super) struct Drawing {
    /// The document.
    pub(super) svg: String,
    /// Its height in CSS pixels.
    pub(super) height: f64,
    /// Height of title and subtitle.
    pub(super) head: f64,
}

/// Draws a figure of this body height.
///
/// # Errors
/// When plotters cannot draw, which would be a bug.
pub(super) fn draw(
    title: &str,
    subtitle: &str,
    body: f64,
    figure: impl FnOnce(&mut Canvas<'_>),
) -> Result<Drawing, ReportError> {
    register_faces();
    let title_lines = wrapped(title, Type::new(TITLE_SIZE, INK).bold());
    let subtitle_lines = wrapped(subtitle, Type::new(SUBTITLE_SIZE, MUTED));
    let lines = |lines: &[String], each: f64| each * crate::statistics::float_len(lines.len());
    let subtitle_top = 18.0 + lines(&title_lines, 28.0);
    let head = (subtitle_top + lines(&subtitle_lines, 19.0) + 12.0).ceil();
    let height = (head + body).ceil();
    let mut svg = String::new();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few thousand")]
    let size = ((WIDTH * FINENESS) as u32, (height * FINENESS) as u32);
    let result = {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        let mut canvas = Canvas { area, head: 0.0, failure: None };
        let mut y = 30.0;
        for line in &title_lines {
            canvas.text(MARGIN, y, line, Type::new(TITLE_SIZE, INK).bold());
            y += 28.0;
        }
        y = subtitle_top + 10.0;
        for line in &subtitle_lines {
            canvas.text(MARGIN, y, line, Type::new(SUBTITLE_SIZE, MUTED));
            y += 19.0;
        }
        canvas.head = head;
        figure(&mut canvas);
        let presented = canvas.area.present();
        canvas.failure.map_or(presented, Err)
    };
    match result {
        Ok(()) => Ok(Drawing { svg, height, head }),
        Err(error) => Err(ReportError::Draw(error.into())),
    }
}

impl Canvas<'_> {
    fn place(&self, (x, y): (f64, f64)) -> (i32, i32) {
        (units(x), units(y + self.head))
    }

    fn attempt(&mut self, result: Result<(), DrawingAreaErrorKind<io::Error>>) {
        self.failure = self.failure.take().or(result.err());
    }

    /// Draws something lower by `down`.
    pub(super) fn shifted(&mut self, down: f64, draw: impl FnOnce(&mut Self)) {
        self.head += down;
        draw(self);
        self.head -= down;
    }

    /// Text, centred vertically at `y`.
    pub(super) fn text(&mut self, x: f64, y: f64, text: &str, style: Type) {
        let slant = if style.bold { FontStyle::Bold } else { FontStyle::Normal };
        let font = FontDesc::new(FontFamily::Name(FAMILY), style.size * FINENESS * 1.24, slant);
        let anchor = match style.anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let ink = colour(style.colour);
        let style = TextStyle::from(font).color(&ink).pos(Pos::new(anchor, VPos::Center));
        let result = self.area.draw_text(text, &style, self.place((x, y)));
        self.attempt(result);
    }

    /// Straight lines from point to point.
    pub(super) fn path(&mut self, points: &[(f64, f64)], width: f64, stroke: Colour) {
        let mut places: Vec<_> = points.iter().map(|&point| self.place(point)).collect();
        places.dedup();
        let style = colour(stroke).stroke_width(units(width).unsigned_abs());
        let result = self.area.draw(&PathElement::new(places, style));
        self.attempt(result);
    }

    /// A broken line from point to point.
    pub(super) fn dashed_path(&mut self, points: &[(f64, f64)], width: f64, stroke: Colour) {
        const DASH: f64 = 8.0;
        const GAP: f64 = 4.0;
        let (mut left, mut drawn) = (DASH, true);
        let mut dash: Vec<(f64, f64)> = points.first().copied().into_iter().collect();
        for pair in points.windows(2) {
            let (mut from, to) = (pair[0], pair[1]);
            let mut rest = libm::hypot(to.0 - from.0, to.1 - from.1);
            while rest > 0.0 {
                let step = rest.min(left);
                let share = step / rest;
                from = (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
                dash.push(from);
                rest -= step;
                left -= step;
                if left <= 0.0 {
                    if drawn {
                        self.path(&dash, width, stroke);
                    }
                    drawn = !drawn;
                    left = if drawn { DASH } else { GAP };
                    dash = vec![from];
                }
            }
        }
        if drawn {
            self.path(&dash, width, stroke);
        }
    }

    /// A filled polygon.
    pub(super) fn polygon(&mut self, points: &[(f64, f64)], fill: Colour) {
        let mut places: Vec<_> = points.iter().map(|&point| self.place(point)).collect();
        places.dedup();
        let result = self.area.draw(&Polygon::new(places, colour(fill).filled()));
        self.attempt(result);
    }

    /// A filled rectangle; nothing when it would be empty.
    pub(super) fn rect(&mut self, from: (f64, f64), to: (f64, f64), fill: Colour) {
        let corners = [self.place(from), self.place(to)];
        if corners[0].0 < corners[1].0 && corners[0].1 < corners[1].1 {
            let result = self.area.draw(&Rectangle::new(corners, colour(fill).filled()));
            self.attempt(result);
        }
    }

    /// A disc with an outline.
    pub(super) fn dot(&mut self, centre: (f64, f64), radius: f64, fill: Colour, outline: Colour) {
        let place = self.place(centre);
        let outer = Circle::new(place, units(radius + 1.0), colour(outline).filled());
        let inner = Circle::new(place, units(radius), colour(fill).filled());
        let result = self.area.draw(&outer).and_then(|()| self.area.draw(&inner));
        self.attempt(result);
    }

    /// A broken line, horizontal or vertical.
    pub(super) fn dashes(&mut self, from: (f64, f64), to: (f64, f64), width: f64, stroke: Colour) {
        const DASH: f64 = 5.0;
        let length = (to.0 - from.0).abs() + (to.1 - from.1).abs();
        let at = |s: f64| {
            let share = (s / length).min(1.0);
            (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share)
        };
        let mut s = 0.0;
        while s < length {
            self.path(&[at(s), at(s + DASH)], width, stroke);
            s += DASH + 4.0;
        }
    }
}

/// Width of a text in CSS pixels.
pub(super) fn width_of(text: &str, style: Type) -> f64 {
    register_faces();
    let slant = if style.bold { FontStyle::Bold } else { FontStyle::Normal };
    let font = FontDesc::new(FontFamily::Name(FAMILY), 1000.0 * LINE_HEIGHT, slant);
    font.box_size(text).map_or(0.0, |(width, _)| f64::from(width) / 1000.0 * style.size)
}

/// The text in lines that fit between the margins, also in the wider faces that a page may use.
fn wrapped(text: &str, style: Type) -> Vec<String> {
    let limit = (WIDTH - 2.0 * MARGIN) / 1.15;
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if width_of(&format!("{line} {word}"), style) <= limit => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[expect(clippy::cast_possible_truncation, reason = "a few thousand, and saturating")]
fn units(pixels: f64) -> i32 {
    (pixels * FINENESS).round() as i32
}

fn colour(colour: Colour) -> RGBAColor {
    let (red, green, blue) = colour.rgb;
    RGBAColor(red, green, blue, colour.alpha)
}

fn register_faces() {
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| {
        for (style, face) in
            [(FontStyle::Normal, super::raster::REGULAR), (FontStyle::Bold, super::raster::BOLD)]
        {
            assert!(register_font(FAMILY, style, face()).is_ok(), "the faces are part of the program");
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_titles_are_broken_between_words() {
        let style = Type::new(TITLE_SIZE, INK).bold();
        let title = "a title of words ".repeat(20);
        let lines = wrapped(&title, style);
        assert!(lines.len() > 2);
        assert!(lines.iter().all(|line| width_of(line, style) <= WIDTH - 2.0 * MARGIN));
        assert_eq!(lines.join(" "), title.trim_end());
    }

    #[test]
    fn text_is_as_wide_as_the_renderer_makes_it() {
        let style = Type::new(20.0, INK);
        let text = "Half of the 1,000 peers";
        let drawing = draw("t", "s", 50.0, |canvas| canvas.text(0.0, 20.0, text, style)).unwrap();
        let rendered = super::super::raster::text_widths(&drawing.svg).pop().unwrap();
        let estimate = width_of(text, style) * FINENESS;
        assert!((rendered / estimate - 1.0).abs() < 0.03, "{rendered} and {estimate}");
    }
}

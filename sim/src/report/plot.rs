//! The pictures. Each is drawn once as SVG and rasterised from that, so both show the same; titles are the findings,
//! made out of the data.

mod axis;
mod bars;
mod canvas;
mod copies;
mod curves;
mod download;
mod ecdf;
mod fairness;
pub mod heat;
pub mod hover;
mod messages;
pub mod palette;
mod raster;
mod swarm;
mod throughput;
pub mod track;
pub mod versus;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use minibit_core::Instant;
use rayon::prelude::*;

pub use curves::{Curve, curves};
pub use fairness::ratio;

use self::canvas::{Canvas, Drawing};
use self::ecdf::Series;
use self::hover::Hover;
use self::palette::Colour;
use self::raster::Cells;
use super::format::{bytes, count};
use super::summary::Summary;
use super::{ReportError, ReportInput};
use crate::results::RunResult;
use crate::statistics::Distribution;

/// Up to so many downloads are shown one by one.
const FEW: usize = 12;
/// Up to so many groups have curves of their own.
const CURVES: usize = 6;

/// One picture.
#[derive(Clone, Debug)]
pub struct Figure {
    /// Name of its files, without ending.
    pub name: String,
    /// What it shows, in a sentence.
    pub title: String,
    /// The document.
    pub svg: String,
    /// The same for a page, which gives the colours of text and lines.
    pub inline: String,
    /// Height of title and subtitle in CSS pixels.
    head: f64,
    /// What the page's script says of what is under the pointer.
    pub hover: Option<Hover>,
    cells: Option<Cells>,
}

/// All pictures in the order of the page.
#[derive(Debug)]
pub struct Figures {
    /// The pictures.
    pub list: Vec<Figure>,
}

impl Figures {
    /// Draws all of them.
    ///
    /// # Errors
    /// When one cannot be drawn, which would be a bug.
    pub fn new(input: &ReportInput<'_>, summary: &Summary) -> Result<Self, ReportError> {
        let list = vec![
            download::figure(input, summary)?,
            swarm::figure(input, &Frame::default())?,
            copies::figure(input, &Frame::default())?,
            throughput::figure(input, summary)?,
            messages::figure(input, summary)?,
            fairness::figure(input, summary)?,
        ];
        Ok(Self { list })
    }

    /// Names and contents of the files.
    ///
    /// # Errors
    /// When one cannot be rasterised, which would be a bug.
    pub fn files(&self) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
        files(&self.list)
    }
}

/// Names and contents of the files of some figures.
///
/// # Errors
/// When one cannot be rasterised, which would be a bug.
pub fn files(figures: &[Figure]) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    let pictures: Result<Vec<_>, _> =
        figures.par_iter().map(|figure| raster::png(&figure.svg, figure.cells.as_ref())).collect();
    let mut files = Vec::with_capacity(2 * figures.len());
    for (figure, picture) in figures.iter().zip(pictures?) {
        files.push((format!("figures/{}.svg", figure.name), figure.svg.clone().into_bytes()));
        files.push((format!("figures/{}.png", figure.name), picture));
    }
    Ok(files)
}

/// How a picture of one run is framed when several of them stand beside each other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Frame<'a> {
    /// Put before the name of its files.
    pub prefix: &'a str,
    /// Put before its title.
    pub label: &'a str,
    /// Where time ends; none: where the run does.
    pub end: Option<Instant>,
}

impl Frame<'_> {
    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    fn title(&self, title: &str) -> String {
        let mut rest = title.chars();
        match rest.next() {
            Some(first) if !self.label.is_empty() => {
                format!("With {}: {}{}", self.label, first.to_lowercase(), rest.as_str())
            }
            _ => title.to_owned(),
        }
    }

    fn end(&self, run: &RunResult) -> Instant {
        self.end.unwrap_or(run.end).max(run.end)
    }
}

impl Figure {
    fn new(
        name: &str,
        title: &str,
        subtitle: &str,
        body: f64,
        draw: impl FnOnce(&mut Canvas<'_>),
    ) -> Result<Self, ReportError> {
        Self::assemble(name, title, &canvas::draw(title, subtitle, body, draw)?, None)
    }

    /// A figure with cells below the drawing; their origin counts from below the head.
    fn with_cells(
        name: &str,
        title: &str,
        subtitle: &str,
        body: f64,
        mut cells: Cells,
        draw: impl FnOnce(&mut Canvas<'_>),
    ) -> Result<Self, ReportError> {
        let drawing = canvas::draw(title, subtitle, body, draw)?;
        #[expect(clippy::cast_possible_truncation, reason = "at most a few hundred")]
        let head = drawing.head as f32;
        cells.origin.1 += head;
        Self::assemble(name, title, &drawing, Some(cells))
    }

    fn assemble(
        name: &str,
        title: &str,
        drawing: &Drawing,
        cells: Option<Cells>,
    ) -> Result<Self, ReportError> {
        let (width, height) = (canvas::WIDTH, drawing.height);
        let fineness = canvas::FINENESS;
        let view = format!("viewBox=\"0 0 {} {}\"", width * fineness, height * fineness);
        let label = minijinja::HtmlEscape(title).to_string();
        // What plotters wrote in the first line is replaced: the drawing is shown at a quarter of its size.
        let body = drawing.svg.split_once('\n').map_or("", |(_, body)| body);
        let image = match &cells {
            Some(cells) => format!(
                "<image x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" preserveAspectRatio=\"none\" \
                 style=\"image-rendering:pixelated\" href=\"data:image/png;base64,{}\"/>\n",
                f64::from(cells.origin.0) * fineness,
                f64::from(cells.origin.1) * fineness,
                f64::from(cells.size.0) * fineness,
                f64::from(cells.size.1) * fineness,
                STANDARD.encode(cells.png()?)
            ),
            None => String::new(),
        };
        Ok(Self {
            name: name.to_owned(),
            title: title.to_owned(),
            svg: format!(
                "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" {view} \
                 style=\"background:#fff\" role=\"img\">\n<title>{label}</title>\n{image}{body}"
            ),
            inline: format!(
                "<svg {view} role=\"img\" id=\"figure-{name}\" aria-label=\"{label}\">\n{image}{body}"
            ),
            head: drawing.head,
            hover: None,
            cells,
        })
    }

    /// The same figure, of which the page's script can tell more.
    fn with_hover(self, hover: Hover) -> Self {
        let hover = hover.below(self.head);
        Self { hover: Some(hover), ..self }
    }
}

/// A figure that says why there is nothing to see.
fn empty(name: &str, title: &str, why: &str) -> Result<Figure, ReportError> {
    Figure::new(name, title, why, 12.0, |_| ())
}

/// Peers, size and runs in words, for subtitles.
fn spoken_scope(input: &ReportInput<'_>) -> String {
    let peers: u64 = input.scenario.groups.iter().map(|group| u64::from(group.count)).sum();
    let peers = count(usize::try_from(peers).unwrap_or(usize::MAX), "peer");
    let runs =
        if input.runs.len() > 1 { format!(" · {}", count(input.runs.len(), "run")) } else { String::new() };
    format!("{peers}, {}{runs}", bytes(input.scenario.content.len))
}

/// What is said where only the first of several runs is shown.
fn first_run_of(input: &ReportInput<'_>) -> String {
    match input.runs.first() {
        Some(run) if input.runs.len() > 1 => {
            format!(" · first of {} (seed {})", count(input.runs.len(), "run"), run.seed)
        }
        _ => String::new(),
    }
}

/// The colour of a group: they are counted among those in which somebody downloads.
fn group_colour(summary: &Summary, group: Option<usize>) -> Colour {
    let rank = summary.downloading().position(|(index, _)| Some(index) == group);
    palette::series(rank.unwrap_or(usize::MAX))
}

/// Names and colours of the groups above rows of peers, when there are several groups.
fn group_key(canvas: &mut Canvas<'_>, summary: &Summary) {
    if group_key_height(summary) > 0.0 {
        let names: Vec<_> = summary.downloading().map(|(_, group)| group.name.as_str()).collect();
        let entries: Vec<_> =
            names.iter().enumerate().map(|(rank, &name)| (name, palette::series(rank))).collect();
        bars::key(canvas, 4.0, &entries);
    }
}

fn group_key_height(summary: &Summary) -> f64 {
    if summary.downloading().count() > 1 { 26.0 } else { 0.0 }
}

/// A curve per group in which somebody downloads, or a single one when they are too many. `runs` gives the values of a
/// group (`None`: of all peers) in each run, `notes` what is written beside the curve.
fn curves_of(
    summary: &Summary,
    runs: impl Fn(Option<usize>) -> Vec<Distribution>,
    notes: impl Fn(&Distribution) -> Vec<String>,
) -> Vec<Series> {
    let curve = |name: &str, group: Option<usize>, colour| {
        let runs = runs(group);
        let pooled = runs.iter().flat_map(Distribution::finite).copied().collect();
        let values = Distribution::new(pooled, runs.iter().map(Distribution::infinite).sum());
        Series { name: name.to_owned(), colour, dashed: false, notes: notes(&values), values, runs }
    };
    let groups: Vec<_> = summary.downloading().collect();
    if groups.len() > CURVES {
        return vec![curve("all peers", None, palette::series(0))];
    }
    groups
        .into_iter()
        .map(|(index, group)| curve(&group.name, Some(index), group_colour(summary, Some(index))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::Case;
    use super::*;

    fn drawn(case: &Case) -> Vec<Figure> {
        Figures::new(&case.input(), &Summary::new(&case.input())).unwrap().list
    }

    fn cases() -> Vec<Case> {
        vec![
            Case::tiny(),
            Case::swarm(&[("peer", 5)], 1, 120),
            Case::swarm(&[("fast", 20), ("slow", 20)], 3, 50).with_losses(6),
            Case::swarm(&[("peer", 40)], 1, 50).stuck(),
            Case::swarm(&[("peer", 4)], 1, 50).stuck(),
        ]
    }

    #[test]
    fn the_faces_have_every_glyph() {
        for case in cases() {
            for figure in drawn(&case) {
                assert_eq!(raster::missing_glyphs(&figure.svg), [""; 0], "{}", figure.title);
            }
        }
        let mut case = Case::swarm(&[("peer", 2)], 1, 10);
        case.runs[0].peers[0].name = "\u{10FFFD}".to_owned();
        let missing: usize =
            drawn(&case).iter().map(|figure| raster::missing_glyphs(&figure.svg).len()).sum();
        assert!(missing > 0, "the check does see what is missing");
    }

    #[test]
    fn nothing_runs_out_of_the_picture() {
        for case in cases() {
            for figure in drawn(&case) {
                let (left, right) = raster::text_extent(&figure.svg);
                let limit = canvas::WIDTH * canvas::FINENESS;
                assert!(left >= 0.0 && right <= limit, "{}: {left} to {right}", figure.title);
            }
        }
    }

    #[test]
    fn names_are_text_and_not_markup() {
        let mut case = Case::swarm(&[("peer", 3)], 1, 10);
        case.runs[0].peers[0].name = "<script>&\"'".to_owned();
        for figure in drawn(&case) {
            assert!(!figure.svg.contains("<script"), "{}", figure.name);
            raster::png(&figure.svg, None).unwrap();
        }
    }
}

//! SVG to PNG with resvg, which sees our two faces and no others: the same picture on every machine.
//!
//! `DejaVu` Sans Condensed comes from the `dejavu` crate. Nothing is asked of the system: no fontconfig, no installed font.

use std::sync::{Arc, OnceLock};

use resvg::tiny_skia::{FilterQuality, IntSize, Pixmap, PixmapPaint, Transform};
use resvg::usvg::{self, fontdb};

use crate::report::ReportError;

/// The regular face.
pub(super) const REGULAR: fn() -> &'static [u8] = dejavu::sans_condensed::regular;
/// The bold face.
pub(super) const BOLD: fn() -> &'static [u8] = dejavu::sans_condensed::bold;
/// Pixels of a PNG per CSS pixel.
const ZOOM: f32 = 1.8;

/// A picture of cells below a drawing: the heat map, which would be too many shapes.
#[derive(Clone, Debug)]
pub(super) struct Cells {
    /// Left and top edge in CSS pixels.
    pub(super) origin: (f32, f32),
    /// Width and height in CSS pixels.
    pub(super) size: (f32, f32),
    /// Cells in a row.
    pub(super) columns: u32,
    /// Rows of cells.
    pub(super) rows: u32,
    /// Red, green, blue and opacity of each cell, row by row; colours are multiplied by the opacity.
    pub(super) rgba: Vec<u8>,
}

impl Cells {
    fn pixmap(&self) -> Option<Pixmap> {
        Pixmap::from_vec(self.rgba.clone(), IntSize::from_wh(self.columns, self.rows)?)
    }

    /// One pixel per cell as PNG.
    ///
    /// # Errors
    /// When there are no cells.
    pub(super) fn png(&self) -> Result<Vec<u8>, ReportError> {
        self.pixmap().and_then(|pixmap| pixmap.encode_png().ok()).ok_or(ReportError::Raster)
    }
}

fn options() -> usvg::Options<'static> {
    static FACES: OnceLock<Arc<fontdb::Database>> = OnceLock::new();
    let faces = FACES.get_or_init(|| {
        let mut faces = fontdb::Database::new();
        faces.load_font_data(REGULAR().to_vec());
        faces.load_font_data(BOLD().to_vec());
        Arc::new(faces)
    });
    usvg::Options { fontdb: Arc::clone(faces), ..usvg::Options::default() }
}

/// The picture of an SVG document on white, with cells below it.
///
/// # Errors
/// When the document is not one that we could have drawn.
pub(super) fn png(svg: &str, cells: Option<&Cells>) -> Result<Vec<u8>, ReportError> {
    let tree = usvg::Tree::from_str(svg, &options()).map_err(|error| ReportError::Draw(error.into()))?;
    let size = tree.size().to_int_size().scale_by(ZOOM).ok_or(ReportError::Raster)?;
    let mut picture = Pixmap::new(size.width(), size.height()).ok_or(ReportError::Raster)?;
    picture.fill(resvg::tiny_skia::Color::WHITE);
    if let Some(cells) = cells {
        let pixmap = cells.pixmap().ok_or(ReportError::Raster)?;
        #[expect(clippy::cast_precision_loss, reason = "at most a few thousand cells")]
        let scale = (cells.size.0 / cells.columns as f32, cells.size.1 / cells.rows as f32);
        let place = Transform::from_row(scale.0, 0.0, 0.0, scale.1, cells.origin.0, cells.origin.1);
        let paint = PixmapPaint { quality: FilterQuality::Nearest, ..PixmapPaint::default() };
        picture.draw_pixmap(0, 0, pixmap.as_ref(), &paint, place.post_scale(ZOOM, ZOOM), None);
    }
    resvg::render(&tree, Transform::from_scale(ZOOM, ZOOM), &mut picture.as_mut());
    picture.encode_png().map_err(|_| ReportError::Raster)
}

/// A text of a document as it is set.
#[cfg(test)]
struct Set {
    missing: Vec<String>,
    left: f64,
    right: f64,
}

/// The texts of a document, in its own units.
#[cfg(test)]
fn texts(svg: &str) -> Vec<Set> {
    fn walk(group: &usvg::Group, found: &mut Vec<Set>) {
        for node in group.children() {
            match node {
                usvg::Node::Group(group) => walk(group, found),
                usvg::Node::Text(text) => {
                    let glyphs = text.layouted().iter().flat_map(|span| &span.positioned_glyphs);
                    let missing = glyphs.filter(|glyph| glyph.id.0 == 0).map(|glyph| glyph.text.clone());
                    let bounds = text.bounding_box();
                    found.push(Set {
                        missing: missing.collect(),
                        left: bounds.left().into(),
                        right: bounds.right().into(),
                    });
                }
                _ => {}
            }
        }
    }
    let tree = usvg::Tree::from_str(svg, &options()).unwrap();
    let mut found = Vec::new();
    walk(tree.root(), &mut found);
    found
}

/// What the faces lack of the characters in a document.
#[cfg(test)]
pub(super) fn missing_glyphs(svg: &str) -> Vec<String> {
    texts(svg).into_iter().flat_map(|text| text.missing).collect()
}

/// Widths of the texts of a document.
#[cfg(test)]
pub(super) fn text_widths(svg: &str) -> Vec<f64> {
    texts(svg).into_iter().map(|text| text.right - text.left).collect()
}

/// How far the texts of a document reach to the left and to the right.
#[cfg(test)]
pub(super) fn text_extent(svg: &str) -> (f64, f64) {
    texts(svg)
        .iter()
        .fold((f64::INFINITY, 0.0), |(left, right), text| (text.left.min(left), text.right.max(right)))
}

//! `fairness`: what peers gave back of what they took, a curve per variant.

use super::super::axis::Unit;
use super::super::ecdf::{self, Band, Mark, Plot};
use super::super::{Figure, empty, ratio};
use super::{scope, series, shown};
use crate::compare::CaseRuns;
use crate::report::ReportError;
use crate::report::format::{number, shortened};
use crate::statistics::{Distribution, LEAST_SEEDS};

/// Draws the figure.
///
/// # Errors
/// When it cannot be drawn.
pub(super) fn figure(case: &CaseRuns, prefix: &str) -> Result<Figure, ReportError> {
    let name = format!("{prefix}fairness");
    let (variants, note) = shown(case);
    let share = |value: Option<f64>| value.map_or_else(|| "none".to_owned(), number);
    let curves = series(
        variants,
        |run| Distribution::new(run.peers.iter().filter_map(ratio).collect(), 0),
        |values| {
            vec![
                format!("median {}", share(values.median())),
                format!("5 % below {}", share(values.quantile(0.05))),
            ]
        },
    );
    if curves.iter().all(|curve| curve.values.is_empty()) {
        return empty(&name, "Nobody took anything", "No peer received a block.");
    }
    let medians = curves
        .iter()
        .map(|curve| format!("{} with {}", share(curve.values.median()), shortened(&curve.name, 40)));
    let title = format!("Share ratio of the median peer: {}", medians.collect::<Vec<_>>().join(", "));
    let seeds = case.variants.first().map_or(0, |variant| variant.rows.len());
    let band = if seeds >= LEAST_SEEDS { Band::Interval } else { Band::Range };
    let subtitle =
        format!("Share of peers that give at most so many times what they take · {}{note}", scope(case));
    let mark = Mark { value: 1.0, text: "as much given as taken".to_owned() };
    let plot =
        Plot { unit: Unit::Number, axis: "block data sent ÷ received", reach: 1.0, marks: &[mark], band };
    let figure =
        Figure::new(&name, &title, &subtitle, ecdf::BODY, |canvas| ecdf::draw(canvas, &curves, &plot))?;
    Ok(figure.with_hover(ecdf::told(&curves, &plot)))
}

//! Download times of several settings, as distributions over each other.

use super::axis::Unit;
use super::ecdf::{self, Band, Mark, Plot, Series};
use super::{Figure, palette};
use crate::report::{ReportError, format};
use crate::statistics::{Distribution, LEAST_SEEDS};

/// A curve of download times: one distribution for each run.
#[derive(Clone, Debug)]
pub struct Curve {
    /// Its name.
    pub name: String,
    /// Seconds, by run.
    pub runs: Vec<Distribution>,
}

/// A figure of download times as distributions, with bands that are intervals where there are runs enough for that, and with the least possible last completion in seconds where it is defined.
///
/// # Errors
/// When it cannot be drawn, which would be a bug.
pub fn curves(
    name: &str,
    title: &str,
    subtitle: &str,
    curves: &[Curve],
    least: Option<f64>,
) -> Result<Figure, ReportError> {
    let series: Vec<Series> = curves
        .iter()
        .enumerate()
        .map(|(rank, curve)| {
            let pooled = curve.runs.iter().flat_map(Distribution::finite).copied().collect();
            let values = Distribution::new(pooled, curve.runs.iter().map(Distribution::infinite).sum());
            let notes = values.median().map(|median| format!("median {}", format::duration(median)));
            Series {
                name: curve.name.clone(),
                colour: palette::series(rank),
                dashed: false,
                notes: notes.into_iter().collect(),
                values,
                runs: curve.runs.clone(),
            }
        })
        .collect();
    let mark = least.map(|value| Mark { value, text: format!("T_min {}", format::duration(value)) });
    let sure = curves.iter().all(|curve| curve.runs.len() >= LEAST_SEEDS);
    let band = if sure { Band::Interval } else { Band::Range };
    let plot = Plot { unit: Unit::Time, axis: "download time", reach: 0.0, marks: mark.as_slice(), band };
    let figure = Figure::new(name, title, subtitle, ecdf::BODY, |canvas| ecdf::draw(canvas, &series, &plot))?;
    Ok(figure.with_hover(ecdf::told(&series, &plot)))
}

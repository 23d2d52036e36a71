//! Distributions of times.

use super::super::DurationDist;
use super::super::path::FieldPath;
use super::super::problem::{Problem, ensure};
use super::super::values::{Dist, DistForm};

/// Checks a distribution.
pub(super) fn duration_dist(dist: &Dist, path: &FieldPath) -> Result<DurationDist, Problem> {
    Ok(match dist.0 {
        DistForm::Fixed(time) => DurationDist::Fixed(time.duration()),
        DistForm::Uniform([low, high]) => {
            ensure(low.0 <= high.0, || {
                Problem::new(&path.key("uniform"), "the lower bound is above the upper one")
                    .hint("the smaller one comes first")
            })?;
            DurationDist::Uniform(low.duration(), high.duration())
        }
        DistForm::Exponential { mean } => DurationDist::Exponential(mean.duration()),
        DistForm::Weibull { scale, shape } => {
            ensure((0.05..=100.0).contains(&shape), || {
                Problem::new(
                    &path.key("weibull").key("shape"),
                    format!("the shape {shape} is not between 0.05 and 100"),
                )
                .hint("measured session times have shapes of 0.3 to 0.7")
            })?;
            DurationDist::Weibull { scale: scale.duration(), shape }
        }
        DistForm::LogNormal { median, sigma } => {
            ensure((0.0..=10.0).contains(&sigma), || {
                Problem::new(
                    &path.key("log_normal").key("sigma"),
                    format!("the deviation {sigma} is not between 0 and 10"),
                )
                .hint("measured session times have deviations of 1.5 or so")
            })?;
            DurationDist::LogNormal { median: median.duration(), sigma }
        }
    })
}

/// The distribution of a drawn value divided by `by`.
pub(super) fn divided(dist: DurationDist, by: u32) -> DurationDist {
    match dist {
        DurationDist::Fixed(time) => DurationDist::Fixed(time / by),
        DurationDist::Uniform(low, high) => DurationDist::Uniform(low / by, high / by),
        DurationDist::Exponential(mean) => DurationDist::Exponential(mean / by),
        DurationDist::Weibull { scale, shape } => DurationDist::Weibull { scale: scale / by, shape },
        DurationDist::LogNormal { median, sigma } => DurationDist::LogNormal { median: median / by, sigma },
    }
}

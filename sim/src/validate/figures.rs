//! Runs of a validation scenario, and figures of them.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use crate::report::plot::Curve;
use crate::results::{Ending, RunResult};
use crate::run::run_all;
use crate::scenario;
use crate::statistics::Distribution;

/// All runs of a scenario that is part of the program, with these values replaced.
pub(super) fn runs(text: &str, overrides: &[&str]) -> Vec<RunResult> {
    let overrides: Vec<String> = overrides.iter().map(|&change| change.to_owned()).collect();
    let scenario = scenario::parse("validation.json", text, &overrides, Path::new(""))
        .expect("the scenarios of the program are checked by its tests");
    run_all(&scenario, &AtomicBool::new(false), &|_, _| ())
}

/// Seconds from joining to completion of those whose names begin so; infinite for who did not complete.
pub(super) fn times(run: &RunResult, name: &str) -> Vec<f64> {
    let chosen = run.peers.iter().filter(|peer| peer.name.starts_with(name) && peer.joined.is_some());
    chosen.map(|peer| peer.download_time().map_or(f64::INFINITY, |time| time.as_secs_f64())).collect()
}

/// The last completion of each run in seconds; infinite when somebody did not complete.
pub(super) fn lasts(runs: &[RunResult]) -> Vec<f64> {
    let last = |run: &RunResult| {
        let completed = run
            .peers
            .iter()
            .filter_map(|peer| peer.completed)
            .map(|at| (at - minibit_core::Instant::ZERO).as_secs_f64());
        if run.ending == Ending::Finished { completed.fold(0.0, f64::max) } else { f64::INFINITY }
    };
    runs.iter().map(last).collect()
}

/// Each value divided by another one.
pub(super) fn over(values: &[f64], divisor: f64) -> Vec<f64> {
    values.iter().map(|value| value / divisor).collect()
}

/// Values of the same seeds, one over the other.
pub(super) fn ratios(of: &[f64], to: &[f64]) -> Vec<f64> {
    of.iter().zip(to).map(|(of, to)| of / to).collect()
}

#[expect(clippy::cast_precision_loss, reason = "some hundreds of values")]
pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Block data that all received per second between two shares of the run.
#[expect(clippy::cast_precision_loss, reason = "files are small")]
pub(super) fn steady_rate(run: &RunResult) -> f64 {
    let at = |share: u64| {
        let time = run.end.as_nanos() / 10 * share;
        run.timeline
            .iter()
            .find(|sample| sample.time.as_nanos() >= time)
            .expect("the last sample is at the end")
    };
    let (from, to) = (at(2), at(8));
    (to.payload - from.payload) as f64 / (to.time - from.time).as_secs_f64()
}

/// A curve of download times.
pub(super) fn curve(name: &str, runs: &[RunResult], group: &str) -> Curve {
    let of = |run: &RunResult| {
        let (finite, infinite): (Vec<f64>, Vec<f64>) =
            times(run, group).into_iter().partition(|time| time.is_finite());
        Distribution::new(finite, infinite.len())
    };
    Curve { name: name.to_owned(), runs: runs.iter().map(of).collect() }
}

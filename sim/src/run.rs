//! Many runs of a scenario: in parallel over seeds, never inside one run, so that results do not depend on the number of threads.

use std::sync::atomic::{AtomicBool, Ordering};

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use crate::results::RunResult;
use crate::scenario::Scenario;
use crate::world::{Controls, Divergence, Progress, simulate, simulate_twice};

/// What is said of runs under way: the number of the run, and how far it is.
pub type OnProgress<'a> = &'a (dyn Fn(u32, Progress) + Sync);

/// All runs of a scenario, in order. Those that were interrupted are among them; those that were to begin later are not.
pub fn run_all(scenario: &Scenario, interrupted: &AtomicBool, progress: OnProgress<'_>) -> Vec<RunResult> {
    let one = |run| {
        let tell = |at| progress(run, at);
        simulate(
            scenario,
            run,
            Controls { interrupted: Some(interrupted), trace: None, progress: Some(&tell) },
        )
    };
    all(scenario, interrupted, one)
}

/// All runs of a scenario, each done twice side by side.
///
/// # Errors
/// The first difference of the first run that has one.
pub fn check_all(
    scenario: &Scenario,
    interrupted: &AtomicBool,
    progress: OnProgress<'_>,
) -> Result<Vec<RunResult>, Box<Divergence>> {
    let one = |run| {
        let tell = |at| progress(run, at);
        simulate_twice(
            scenario,
            run,
            &Controls { interrupted: Some(interrupted), trace: None, progress: Some(&tell) },
        )
    };
    all(scenario, interrupted, one).into_iter().collect()
}

/// Does one run after the other on each processor. Once interrupted none begins but the first: a report is of something.
fn all<T: Send>(scenario: &Scenario, interrupted: &AtomicBool, one: impl Fn(u32) -> T + Sync) -> Vec<T> {
    let begins = |run| run == 0 || !interrupted.load(Ordering::Relaxed);
    (0..scenario.runs).into_par_iter().filter_map(|run| begins(run).then(|| one(run))).collect()
}

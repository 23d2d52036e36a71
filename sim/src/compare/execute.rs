//! Runs all variants of all cases on their seeds: in parallel over runs, seed by seed, each run on one thread.

use std::sync::atomic::{AtomicBool, Ordering};

use rayon::iter::{IndexedParallelIterator as _, IntoParallelIterator as _, ParallelIterator as _};

use super::pairing;
use super::plan::Case;
use super::rows::Row;
use crate::report::bound::{self, Bound};
use crate::results::RunResult;
use crate::scenario::Scenario;
use crate::world::{Controls, Progress, simulate};

/// A case that was run.
#[derive(Clone, Debug)]
pub struct CaseRuns {
    /// Its name.
    pub name: String,
    /// What its variants have in common, in words.
    pub pairing: String,
    /// Its variants.
    pub variants: Vec<VariantRuns>,
}

/// A variant that was run.
#[derive(Clone, Debug)]
pub struct VariantRuns {
    /// What it is called.
    pub label: String,
    /// What was simulated.
    pub scenario: Scenario,
    /// The lower bound on its last completion, where there is one.
    pub bound: Option<Bound>,
    /// Its runs in figures.
    pub rows: Vec<Row>,
    /// Its runs. All but the first have lost what changes over time: that is shown of one run, and is large.
    pub runs: Vec<RunResult>,
}

/// What is said of runs under way: the number among all of them, and how far it is.
pub type OnProgress<'a> = &'a (dyn Fn(usize, Progress) + Sync);

/// Number of runs of all variants of all cases.
pub fn count(cases: &[Case]) -> usize {
    cases.iter().flat_map(|case| &case.variants).map(|variant| variant.scenario.runs as usize).sum()
}

/// Does all runs; `None` when they were interrupted: a comparison of some of them would be another one.
pub fn run_cases(
    cases: &[Case],
    interrupted: &AtomicBool,
    progress: OnProgress<'_>,
) -> Option<Vec<CaseRuns>> {
    let most = cases.iter().flat_map(|case| &case.variants).map(|variant| variant.scenario.runs).max()?;
    // Seed by seed, so that long and short variants mix.
    let mut jobs = Vec::new();
    for run in 0..most {
        for (c, case) in cases.iter().enumerate() {
            for (v, variant) in case.variants.iter().enumerate() {
                if run < variant.scenario.runs {
                    jobs.push((c, v, run));
                }
            }
        }
    }
    let bounds: Vec<Vec<Option<Bound>>> = cases
        .iter()
        .map(|case| case.variants.iter().map(|variant| bound::of(&variant.scenario)).collect())
        .collect();
    let one = |(job, (c, v, run)): (usize, (usize, usize, u32))| {
        if interrupted.load(Ordering::Relaxed) {
            return None;
        }
        let scenario = &cases[c].variants[v].scenario;
        let tell = |at| progress(job, at);
        let controls = Controls { interrupted: Some(interrupted), trace: None, progress: Some(&tell) };
        let mut result = simulate(scenario, run, controls);
        let row = Row::new(&result, scenario, bounds[c][v].as_ref());
        if run > 0 {
            result.timeline = Vec::new();
            result.progress = Vec::new();
            result.copies = crate::results::Copies::default();
        }
        Some((c, v, row, result))
    };
    let done: Option<Vec<_>> = jobs.into_par_iter().enumerate().map(one).collect();
    let done = done.filter(|_| !interrupted.load(Ordering::Relaxed))?;
    let mut results: Vec<CaseRuns> =
        cases.iter().zip(&bounds).map(|(case, bounds)| empty(case, bounds)).collect();
    for (c, v, row, result) in done {
        let variant = &mut results[c].variants[v];
        variant.rows.push(row);
        variant.runs.push(result);
    }
    Some(results)
}

fn empty(case: &Case, bounds: &[Option<Bound>]) -> CaseRuns {
    let variants = case.variants.iter().zip(bounds).map(|(variant, bound)| VariantRuns {
        label: variant.label.clone(),
        scenario: variant.scenario.clone(),
        bound: *bound,
        rows: Vec::new(),
        runs: Vec::new(),
    });
    CaseRuns { name: case.name.clone(), pairing: pairing::spoken(case), variants: variants.collect() }
}

//! Does the runs of a shard that have no row yet.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::iter::{IntoParallelIterator as _, ParallelIterator as _};

use super::SweepError;
use super::plan::Plan;
use super::read::Sweep;
use super::row::Table;
use super::shard::Shard;
use super::store::{Part, enter};
use crate::results::{Ending, RunResult};
use crate::world::{Controls, simulate};

/// What became of a shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It had been committed before: nothing was done.
    Already,
    /// It is committed now.
    Committed {
        /// Runs that were done.
        done: u64,
        /// Runs whose rows were there.
        found: u64,
    },
    /// The user stopped it; what was done stays.
    Interrupted {
        /// Runs of the shard that are still to be done.
        to_do: u64,
    },
}

/// The indices of a shard's runs.
pub fn indices(plan: &Plan, shard: Shard) -> impl Iterator<Item = u64> {
    (0..plan.groups()).filter(move |&group| shard.has(group)).flat_map(|group| plan.indices(group))
}

/// One run of a sweep.
pub fn run(sweep: &Sweep, index: u64, interrupted: Option<&AtomicBool>) -> RunResult {
    let place = sweep.plan.place(index);
    let mut scenario = sweep.scenarios[sweep.plan.variant(place)].clone();
    scenario.seed = sweep.plan.first_seed;
    simulate(&scenario, place.seed, Controls { interrupted, ..Controls::default() })
}

/// Who is told what happens.
#[derive(Clone, Copy)]
pub struct Told<'a> {
    /// After each run: how many of how many have their rows.
    pub progress: &'a (dyn Fn(u64, u64) + Sync),
    /// Another process is at the shard, and is waited for.
    pub waiting: &'a (dyn Fn() + Sync),
}

impl std::fmt::Debug for Told<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Told").finish_non_exhaustive()
    }
}

/// Does what is left of a shard in the folder `dir`, on the threads of the pool that it is called in.
///
/// # Errors
/// When the folder belongs to another plan, or the disk says no; rows that are written stay.
///
/// # Panics
/// When a run panics.
pub fn execute(
    sweep: &Sweep,
    shard: Shard,
    dir: &Path,
    interrupted: &AtomicBool,
    told: &Told<'_>,
) -> Result<Outcome, SweepError> {
    let plan = &sweep.plan;
    enter(dir, plan)?;
    let Some(part) = Part::open(dir, plan, shard, told.waiting)? else { return Ok(Outcome::Already) };
    let all = indices(plan, shard).count() as u64;
    let to_do: Vec<u64> = indices(plan, shard).filter(|index| !part.done().contains(index)).collect();
    let found = all - to_do.len() as u64;
    let table = Table::new(plan);
    let state = Mutex::new((part, found));
    to_do.into_par_iter().try_for_each(|index| {
        if interrupted.load(Ordering::Relaxed) {
            return Ok(());
        }
        let result = run(sweep, index, Some(interrupted));
        if result.ending == Ending::Interrupted {
            return Ok(());
        }
        let scenario = &sweep.scenarios[plan.variant(plan.place(index))];
        let row = table.row(index, &result, scenario);
        let mut state = state.lock().expect("nobody panics with the file in hand");
        let (part, done) = &mut *state;
        part.append(&row)?;
        *done += 1;
        (told.progress)(*done, all);
        Ok::<(), SweepError>(())
    })?;
    let (part, done) = state.into_inner().expect("nobody panics with the file in hand");
    if done < all {
        return Ok(Outcome::Interrupted { to_do: all - done });
    }
    part.commit()?;
    Ok(Outcome::Committed { done: done - found, found })
}

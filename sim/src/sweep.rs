//! Sweeps: a scenario with every combination of some values, on many seeds, that may be too much for one machine.
//!
//! A sweep file ([`mod@file`]) becomes a [`plan`]: every run has an index, and a key that says what it is a run of. The plan is cut into
//! shards ([`shard`]); whoever does one ([`execute`]) leaves a file of rows ([`row`], [`store`]) in a folder that all share. [`merge`] puts the
//! files together and accepts nothing but the whole: every key once. What is in the result does not depend on how the plan
//! was cut, by whom the shards were done, or how often somebody was killed while doing so.
//!
//! Nothing here knows of clusters. An engine (Slurm, or a shell loop) has only to start `sim sweep run` for each shard number, as often
//! as it likes: what is done is not done again.

pub mod cells;
pub mod cost;
pub mod engine;
pub mod execute;
pub mod file;
pub mod merge;
pub mod plan;
pub mod read;
pub mod report;
pub mod row;
pub mod shard;
pub mod status;
pub mod store;
pub mod words;

pub use self::file::schema;
pub use self::plan::Plan;
pub use self::read::{Sweep, load};
pub use self::shard::Shard;

use std::io;
use std::path::{Path, PathBuf};

/// Name of the plan in a folder of shards.
pub const PLAN_FILE: &str = "plan.json";
/// Name of the merged rows.
pub const RUNS_FILE: &str = "runs.csv";

/// Why a folder of shards cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SweepError {
    /// The disk said no.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// With which file or folder.
        path: PathBuf,
        /// What it said.
        source: io::Error,
    },
    /// There is no plan in the folder.
    #[error(
        "there is no {PLAN_FILE} in {}: nobody has worked there yet\n  hint: sim sweep run FILE.json --out {}",
        path.display(), path.display()
    )]
    NoPlan {
        /// The folder.
        path: PathBuf,
    },
    /// The plan in the folder is damaged.
    #[error("{} is not as it was written: {what}", path.display())]
    BadPlan {
        /// Which file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// The folder holds the shards of another plan.
    #[error(
        "{} holds runs of plan {there}, engine {there_engine}; this is plan {here}, engine {here_engine}\n  hint: choose another folder",
        path.display()
    )]
    OtherPlan {
        /// The folder.
        path: PathBuf,
        /// The plan there.
        there: String,
        /// The engine that made it.
        there_engine: String,
        /// The plan that was to be carried out.
        here: String,
        /// The engine that was to do so.
        here_engine: String,
    },
    /// A row is none of the plan's.
    #[error("{}, line {line}: {what}\n  hint: the file was not written for this plan; move it elsewhere", path.display())]
    BadRow {
        /// Which file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
        /// What is wrong with it.
        what: String,
    },
    /// The same run gave two results.
    #[error(
        "determinism broken: run {index} gave two results\n  {}: {first}\n  {}: {second}",
        first_path.display(), second_path.display()
    )]
    DeterminismBroken {
        /// The run's index.
        index: u64,
        /// One result.
        first: String,
        /// Where it stands.
        first_path: PathBuf,
        /// The other.
        second: String,
        /// Where that stands.
        second_path: PathBuf,
    },
    /// Runs are missing.
    #[error("{missing} of {runs} runs are missing{}", shards_to_do(shards.as_ref()))]
    Incomplete {
        /// How many.
        missing: u64,
        /// How many there should be.
        runs: u64,
        /// Numbers of the shards that are not committed, and of how many, where that can be told.
        shards: Option<(String, u32)>,
    },
    /// Nothing has been merged yet.
    #[error("there is no {RUNS_FILE} in {}\n  hint: sim merge {}", path.display(), path.display())]
    NotMerged {
        /// The folder.
        path: PathBuf,
    },
    /// A table could not be written.
    #[error(transparent)]
    Report(#[from] crate::report::ReportError),
}

impl SweepError {
    /// Is it the command line that is wrong, or what it names?
    pub const fn is_usage(&self) -> bool {
        matches!(self, Self::OtherPlan { .. } | Self::NoPlan { .. })
    }
}

fn shards_to_do(shards: Option<&(String, u32)>) -> String {
    shards.map_or_else(String::new, |(numbers, of)| format!("\n  hint: do shards {numbers} of {of} again"))
}

/// Says what was tried with a file when that failed.
fn failed(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SweepError {
    let path = path.to_owned();
    move |source| SweepError::Io { what, path, source }
}

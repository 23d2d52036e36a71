//! `sim sweep` and `sim merge`: a sweep from its plan to its rows.

use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};

use super::progress::Counter;
use super::{Format, INTERRUPTED, STOP, Usage, listen_to_interrupts, print, tell, writable};
use crate::report::format::{count, duration, grouped};
use crate::statistics::float;
use crate::sweep::cost::Cost;
use crate::sweep::execute::{Outcome, Told, execute};
use crate::sweep::merge::merge;
use crate::sweep::status::Status;
use crate::sweep::{Plan, Shard, load};

/// A shard should take at least so many seconds: then the second or so that a scheduler needs for it does not matter.
const SHARD_SECONDS: f64 = 30.0;

#[derive(Debug, Subcommand)]
#[command(after_long_help = EXAMPLES)]
pub(super) enum Sweep {
    /// Say how many runs there are, what they will cost, and the hash of the plan.
    Plan(PlanOf),
    /// Do the runs of a shard that have not been done yet. Stopped or killed, it goes on where it was.
    Run(Run),
    /// Print the numbers of the shards that are missing, as engines take them: `13,57-60`.
    Status(StatusOf),
}

const EXAMPLES: &str = "\
Examples:
  sim sweep plan scenarios/sweeps/seed_capacity.json
      how many runs, and what they will cost
  sim sweep run scenarios/sweeps/seed_capacity.json --out runs
      all of them on this machine; then `sim merge runs` and `sim report runs`
  sim sweep run scenarios/sweeps/seed_capacity.json --out runs --shard 13/100
      a part of them: each of a hundred parts may be done anywhere, at any time, and again
  sim sweep status runs
      the parts that are missing";

impl Sweep {
    pub(super) fn execute(&self) -> anyhow::Result<ExitCode> {
        match self {
            Self::Plan(plan) => plan.execute(),
            Self::Run(run) => run.execute(),
            Self::Status(status) => status.execute(),
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct PlanOf {
    /// The sweep file.
    sweep: PathBuf,
    /// How to print it; as JSON it is the plan in full.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

impl PlanOf {
    fn execute(&self) -> anyhow::Result<ExitCode> {
        let sweep = load(&self.sweep)?;
        let plan = &sweep.plan;
        if self.format == Format::Json {
            print(&String::from_utf8_lossy(&plan.to_json()))?;
            return Ok(ExitCode::SUCCESS);
        }
        let mut text = format!(
            "{}: {} = {} × {}",
            plan.name,
            count_runs(plan.runs()),
            count(plan.cells(), "cell"),
            count(plan.seeds as usize, "seed"),
        );
        if let Some(axis) = &plan.policies {
            let _infallible = write!(text, " × {} policies", axis.values.len());
        }
        text.push('\n');
        for axis in plan.axes.iter().chain(&plan.policies) {
            let _infallible =
                writeln!(text, "  {}: {}", axis.title(), axis.labels().collect::<Vec<_>>().join(", "));
        }
        let cost = Cost::estimate(&sweep);
        let processors = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let _infallible = writeln!(
            text,
            "cost about {} of processor time, estimated from {} here; {} on the {} of this machine",
            duration(cost.total),
            count(cost.samples.len(), "run"),
            duration(cost.total / float(processors as u64)),
            count(processors, "processor"),
        );
        let _infallible =
            writeln!(text, "at most {} of at least {SHARD_SECONDS} s", count(shards(&cost, plan), "shard"));
        let _infallible = writeln!(text, "engine {}", plan.engine);
        let _infallible = writeln!(text, "plan {}", plan.hash());
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small number, and saturating")]
fn shards(cost: &Cost, plan: &Plan) -> usize {
    let groups = usize::try_from(plan.groups()).unwrap_or(usize::MAX);
    ((cost.total / SHARD_SECONDS) as usize).clamp(1, groups)
}

fn count_runs(runs: u64) -> String {
    format!("{} run{}", grouped(runs), if runs == 1 { "" } else { "s" })
}

#[derive(Debug, Args)]
pub(super) struct Run {
    /// The sweep file.
    sweep: PathBuf,
    /// Folder that all shards share.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Which part of the runs: number, from 0, and how many parts there are.
    #[arg(long, value_name = "I/N", default_value_t = Shard::WHOLE)]
    shard: Shard,
    /// Number of runs that are done at the same time. Default: the processors of this machine.
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

impl Run {
    fn execute(&self) -> anyhow::Result<ExitCode> {
        let sweep = load(&self.sweep)?;
        writable(&self.out)?;
        listen_to_interrupts()?;
        let threads = self.jobs.map_or(0, NonZeroUsize::get);
        let pool =
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().context("cannot start threads")?;
        let counter = Counter::new();
        let outcome = pool.install(|| {
            let told = Told { progress: &|done, of| counter.advance(done, of), waiting: &|| self.wait() };
            execute(&sweep, self.shard, &self.out, &STOP, &told)
        })?;
        counter.finish();
        let (shard, file) = (self.shard, self.out.join(self.shard.file_name()));
        match outcome {
            Outcome::Already => tell(&format!("shard {shard} had been done: {}", file.display())),
            Outcome::Committed { done, found } => {
                let resumed =
                    if found > 0 { format!(", {found} had been done before") } else { String::new() };
                tell(&format!("shard {shard} is done ({}{resumed}): {}", count_runs(done), file.display()));
            }
            Outcome::Interrupted { to_do } => {
                tell(&format!("interrupted: {} to do\n  hint: the same command goes on", count_runs(to_do)));
                return Ok(ExitCode::from(INTERRUPTED));
            }
        }
        Ok(ExitCode::SUCCESS)
    }

    fn wait(&self) {
        tell(&format!("another process is doing shard {}: waiting until it is done or gone", self.shard));
    }
}

#[derive(Debug, Args)]
pub(super) struct StatusOf {
    /// The folder that all shards share.
    dir: PathBuf,
    /// Into how many shards the plan is cut. Default: as the files there say.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=i64::from(crate::sweep::shard::MOST)))]
    of: Option<u32>,
}

impl StatusOf {
    fn execute(&self) -> anyhow::Result<ExitCode> {
        let plan = Plan::read(&self.dir)?;
        let status = Status::read(&self.dir, &plan, self.of)?;
        let Some(of) = status.of else {
            return Err(
                Usage("it cannot be told into how many shards the plan is cut\n  hint: add --of N").into()
            );
        };
        if status.missing.is_empty() {
            tell(&format!(
                "all {} are done\n  hint: sim merge {}",
                count(of as usize, "shard"),
                self.dir.display()
            ));
        } else {
            let done = of as usize - status.missing.len();
            tell(&format!("{} of {} are done; missing:", grouped(done as u64), count(of as usize, "shard")));
            print(&format!("{}\n", status.missing_array()))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

#[derive(Debug, Args)]
#[command(after_long_help = "Example:\n  sim merge runs\n      runs/runs.csv, or what is missing for it")]
pub(super) struct Merge {
    /// The folder that all shards share.
    dir: PathBuf,
}

impl Merge {
    pub(super) fn execute(&self) -> anyhow::Result<ExitCode> {
        let path = merge(&self.dir)?;
        print(&format!("{}\n", path.display()))?;
        tell(&format!("hint: sim report {}", self.dir.display()));
        Ok(ExitCode::SUCCESS)
    }
}

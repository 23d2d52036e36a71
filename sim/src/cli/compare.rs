//! `sim compare`: variants on the same seeds, or now against an earlier report.

mod overview;
mod since;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use rayon::ThreadPoolBuilder;

use super::clock::ProcessWall;
use super::progress::Bar;
use super::{Format, INTERRUPTED, STOP, Usage, listen_to_interrupts, print, tell, warn, writable};
use crate::compare::files::{self, Comparison};
use crate::compare::summary::Summary;
use crate::compare::{Axis, Case, CaseRuns, Evidence, execute, plan, run_cases};
use crate::report::command::{named, quoted};
use crate::report::json;

/// Seeds per variant, unless `--runs` says otherwise.
const RUNS: u32 = 30;

#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Compare {
    /// Scenario files: with `--vary`, each is a case of its own; without, they are compared with each other.
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<PathBuf>,
    /// Compare these values of a field: `pieces`, `slots`, `optimistic`, `parallel` or any field of groups, in all of them; or a path
    /// as in `--set`. The first value is what the others are held against. Several times: all combinations.
    #[arg(long, value_name = "FIELD=VALUE,VALUE")]
    vary: Vec<String>,
    /// Seeds of each variant. Default: 30; with a baseline, as many as it has.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    runs: Option<u32>,
    /// The first seed; the others are the numbers that follow. Default: the scenario's.
    #[arg(long)]
    seed: Option<u64>,
    /// Replace a value in all variants, as in `sim run`. May be given several times.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    overrides: Vec<String>,
    /// Folder of the report. Default: `reports/` and the names of what is compared.
    #[arg(long, value_name = "DIR", conflicts_with = "baseline")]
    out: Option<PathBuf>,
    /// Most processors to use. Default: all. The results are the same with any number.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    threads: Option<u16>,
    /// Compare with this earlier report instead, on its seeds: its own variants when no scenario is given. Writes no report.
    #[arg(long, value_name = "DIR")]
    baseline: Option<PathBuf>,
    /// With a baseline: what makes the command fail. May be given several times. Default: `median_download > +5%` and
    /// `unfinished > 0`.
    #[arg(long, value_name = "RULE", requires = "baseline")]
    fail_on: Vec<String>,
    /// How to print the result; as JSON it is the report's `summary.json`.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

const EXAMPLES: &str = "\
Examples:
  sim compare scenarios/flash_crowd.json --vary pieces=rarest-first,random
      which choice of pieces is better, by how much, and how sure that is
  sim compare scenarios/free_riders.json --vary slots=3,4,8 --vary pieces=rarest-first,random --runs 10
      six variants
  sim compare --baseline reports/rarest_vs_random --fail-on 'median_download > +5%'
      the same runs with the program as it is now: exit code 1 when they got worse

Measures of --fail-on: median_download, p95_download, last_download, mean_download_of_finished,
messages_per_peer (changes in per cent), unfinished (peers in a run), waste, from_seeds,
efficiency (changes in percentage points).";

impl Compare {
    pub(super) fn execute(&self) -> anyhow::Result<ExitCode> {
        match &self.baseline {
            Some(dir) => since::execute(self, dir),
            None => self.compare(),
        }
    }

    fn compare(&self) -> anyhow::Result<ExitCode> {
        let cases = self.cases()?;
        if cases.iter().all(|case| case.variants.len() < 2) {
            return Err(Usage(
                "there is nothing to compare with\n  hint: add --vary pieces=rarest-first,random, or a second scenario",
            )
            .into());
        }
        let dir = self.out.clone().unwrap_or_else(|| self.folder(&cases));
        writable(&dir)?;
        listen_to_interrupts()?;
        let wall = ProcessWall::start();
        let Some(results) = self.simulate(&cases)? else {
            tell("interrupted: nothing is written");
            return Ok(ExitCode::from(INTERRUPTED));
        };
        let evidence = evidence(&results);
        let command = self.command(&cases);
        let comparison = Comparison { cases: &results, evidence: &evidence, command: &command };
        let written = self.in_pool(|| files::write(&dir, &comparison))??;
        match self.format {
            Format::Human => print(&overview::render(&comparison, wall.stop(), &dir, written.len()))?,
            Format::Json => print(&String::from_utf8_lossy(&json(&Summary::new(&results, &evidence))?))?,
        }
        Ok(ExitCode::SUCCESS)
    }

    /// What is compared.
    fn cases(&self) -> anyhow::Result<Vec<Case>> {
        if self.scenarios.is_empty() {
            return Err(Usage("which scenario?\n  hint: sim compare scenarios/flash_crowd.json --vary pieces=rarest-first,random").into());
        }
        let axes: Vec<Axis> = self.vary.iter().map(|axis| Axis::parse(axis)).collect::<Result<_, _>>()?;
        let mut overrides = self.overrides.clone();
        overrides.push(format!("runs={}", self.runs.unwrap_or(RUNS)));
        overrides.extend(self.seed.map(|seed| format!("seed={seed}")));
        let cases = if axes.is_empty() && self.scenarios.len() > 1 {
            let paths: Vec<&Path> = self.scenarios.iter().map(PathBuf::as_path).collect();
            vec![plan::versus(&paths, &overrides)?]
        } else {
            let vary = |path: &PathBuf| plan::vary(path, &overrides, &axes);
            self.scenarios.iter().map(vary).collect::<Result<Vec<_>, _>>()?
        };
        for (i, case) in cases.iter().enumerate() {
            if cases[..i].iter().any(|other| other.name == case.name) {
                return Err(Usage("two scenarios have the same name\n  hint: leave --vary out to compare them with each other").into());
            }
            case.variants.first().into_iter().for_each(|variant| warn(&variant.scenario));
        }
        Ok(cases)
    }

    /// All runs, on as many processors as there may be.
    fn simulate(&self, cases: &[Case]) -> anyhow::Result<Option<Vec<CaseRuns>>> {
        let bar = Bar::new(execute::count(cases));
        let results = self.in_pool(|| run_cases(cases, &STOP, &|run, at| bar.advance(run, at)))?;
        bar.finish();
        Ok(results)
    }

    fn in_pool<T: Send>(&self, work: impl FnOnce() -> T + Send) -> anyhow::Result<T> {
        let threads = self.threads.map_or(0, usize::from);
        let pool = ThreadPoolBuilder::new().num_threads(threads).build().context("cannot start threads")?;
        Ok(pool.install(work))
    }

    /// The command that repeats the comparison: what was typed, without the folders of this machine.
    fn command(&self, cases: &[Case]) -> String {
        let mut words = "sim compare".to_owned();
        for path in &self.scenarios {
            let _infallible = write!(words, " {}", named(path));
        }
        let flags = [("--vary", &self.vary), ("--set", &self.overrides)];
        for (flag, values) in flags {
            for value in values {
                let _infallible = write!(words, " {flag} {}", quoted(value));
            }
        }
        if let Some(variant) = cases.first().and_then(|case| case.variants.first()) {
            let _infallible = write!(words, " --runs {}", variant.scenario.runs);
        }
        // Without the flag each scenario has a seed of its own.
        if let Some(seed) = self.seed {
            let _infallible = write!(words, " --seed {seed}");
        }
        words
    }

    /// The default folder: the names of what is compared, and of what is varied.
    fn folder(&self, cases: &[Case]) -> PathBuf {
        let mut name = cases.iter().map(|case| case.name.as_str()).collect::<Vec<_>>().join("_and_");
        for axis in &self.vary {
            let field = axis.split('=').next().unwrap_or_default();
            let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
            let _infallible = write!(name, "_by_{}", field.trim().chars().map(plain).collect::<String>());
        }
        Path::new("reports").join(name)
    }
}

/// The statistics of all cases.
fn evidence(results: &[CaseRuns]) -> Vec<Evidence> {
    let of = |case: &CaseRuns| {
        let variants: Vec<_> =
            case.variants.iter().map(|variant| (variant.label.as_str(), variant.rows.as_slice())).collect();
        Evidence::new(&case.name, &variants)
    };
    results.iter().map(of).collect()
}

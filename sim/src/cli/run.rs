//! `sim run`: simulates a scenario and writes its report.

use std::fmt::Write as _;
use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::Ordering;

use anyhow::Context as _;
use clap::Args;

use super::clock::ProcessWall;
use super::progress::Bar;
use super::table::Overview;
use super::{FAILED, Format, INTERRUPTED, STOP, Source, Usage, listen_to_interrupts, print, tell, writable};
use crate::report::command::{named, quoted};
use crate::report::summary::Summary;
use crate::report::{self, ReportInput};
use crate::results::{Ending, RunResult};
use crate::run::{check_all, run_all};
use crate::scenario::{Scenario, evaluate, resolved_json};
use crate::world::{Controls, Trace, simulate};

#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Run {
    #[command(flatten)]
    source: Source,
    /// Folder of the report. Default: `reports/` and the scenario's name.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Do each run twice, side by side, and stop at the first difference.
    #[arg(long, conflicts_with = "trace")]
    check: bool,
    /// How to print the result; as JSON it is the report's `summary.json`.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Write every event of the run into this file, one JSON object per line. For one run.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  sim run scenarios/5peers_mp4.json
      twenty runs of the shipped example; see reports/5peers_mp4/index.html
  sim run scenarios/free_riders.json --set defaults.choking=none --out reports/nobody_is_choked
      the same swarm without tit for tat, beside the report of the one with it
  sim run scenarios/churn.json --runs 1 --seed 7 --trace events.ndjson
      every event of one run, a JSON object per line";

impl Run {
    pub(super) fn execute(&self) -> anyhow::Result<ExitCode> {
        let scenario = self.source.load()?;
        if self.trace.is_some() && scenario.runs > 1 {
            return Err(Usage("a trace is of one run\n  hint: add --runs 1").into());
        }
        if self.trace.as_ref().is_some_and(|path| path.is_dir()) {
            return Err(Usage(
                "a trace is written into a file, and this is a folder\n  hint: --trace events.ndjson",
            )
            .into());
        }
        let dir = self.out.clone().unwrap_or_else(|| Path::new("reports").join(&scenario.name));
        writable(&dir)?;
        listen_to_interrupts()?;
        let wall = ProcessWall::start();
        let results = self.simulate(&scenario)?;
        let cost = wall.stop();

        let verdicts = evaluate(&scenario.expect, &scenario, &results);
        let resolved = resolved_json(&scenario);
        let command = self.command(&scenario);
        let input = ReportInput {
            scenario: &scenario,
            runs: &results,
            verdicts: &verdicts,
            resolved: &resolved,
            command: &command,
        };
        let files = report::write(&dir, &input)?;
        let summary = Summary::new(&input);
        match self.format {
            Format::Human => {
                let overview = Overview {
                    input: &input,
                    summary: &summary,
                    cost,
                    dir: &dir,
                    files: files.len(),
                    checked: self.check,
                };
                print(&overview.render())?;
            }
            Format::Json => print(&String::from_utf8_lossy(&report::json(&summary)?))?,
        }
        Ok(exit_code(&scenario, &results, verdicts.iter().all(|verdict| verdict.passed)))
    }

    fn simulate(&self, scenario: &Scenario) -> anyhow::Result<Vec<RunResult>> {
        let bar = Bar::new(scenario.runs as usize);
        let progress = |run: u32, at| bar.advance(run as usize, at);
        let results = if self.check {
            check_all(scenario, &STOP, &progress).map_err(|difference| *difference)?
        } else if let Some(path) = &self.trace {
            vec![traced(scenario, path)?]
        } else {
            run_all(scenario, &STOP, &progress)
        };
        bar.finish();
        let begun = u32::try_from(results.len()).expect("no more than were asked for");
        if begun < scenario.runs {
            tell(&format!("interrupted: {begun} of {} runs had begun", scenario.runs));
        }
        Ok(results)
    }

    /// The command that repeats the run: what was typed, without the folders of this machine.
    fn command(&self, scenario: &Scenario) -> String {
        let mut words = format!("sim run {}", named(&self.source.scenario));
        for change in &self.source.overrides {
            let _infallible = write!(words, " --set {}", quoted(change));
        }
        let _infallible = write!(words, " --seed {} --runs {}", scenario.seed, scenario.runs);
        words
    }
}

/// One run with a trace. The file appears when it is whole.
fn traced(scenario: &Scenario, path: &Path) -> anyhow::Result<RunResult> {
    let part = path.with_added_extension("part");
    let file = File::create(&part)
        .with_context(|| format!("cannot write {}\n  hint: is its folder there?", part.display()))?;
    let mut out = BufWriter::new(file);
    let mut error = None;
    let trace = Trace::new(&mut out, &mut error);
    let result =
        simulate(scenario, 0, Controls { interrupted: Some(&STOP), trace: Some(trace), progress: None });
    if let Some(error) = error {
        return Err(error).with_context(|| format!("cannot write {}", part.display()));
    }
    std::fs::rename(&part, path).with_context(|| format!("cannot write {}", path.display()))?;
    tell(&format!("the events are in {}", path.display()));
    Ok(result)
}

/// How the command ends: rules decide where there are any, else whether the swarms finished.
fn exit_code(scenario: &Scenario, results: &[RunResult], passed: bool) -> ExitCode {
    let finished = results.iter().all(|run| run.ending == Ending::Finished);
    if STOP.load(Ordering::Relaxed) {
        ExitCode::from(INTERRUPTED)
    } else if !passed || (scenario.expect.is_empty() && !finished) {
        ExitCode::from(FAILED)
    } else {
        ExitCode::SUCCESS
    }
}

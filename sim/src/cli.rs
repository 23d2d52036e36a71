//! The command line: a plain parse, then the commands, one per file.
//!
//! Standard output carries the result alone; progress and errors go to standard error. Exit codes: 0 done; 1 the run failed, that is
//! an `expect` rule does not hold, runs with the same seed differ, a replay differs from its record, a swarm without rules did not
//! finish, or a sweep cannot be merged; 2 wrong usage, a wrong scenario or no record; 130 interrupted.

mod bench;
mod clock;
mod compare;
mod progress;
mod replay;
mod report;
mod run;
mod sweep;
mod table;
mod validate;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use clap::{Parser, Subcommand, ValueEnum};

use crate::report::{ReportError, atomic};

/// The run failed.
const FAILED: u8 = 1;
/// Wrong usage, or a wrong scenario.
const WRONG: u8 = 2;
/// Ctrl+C.
const INTERRUPTED: u8 = 130;

static STOP: AtomicBool = AtomicBool::new(false);

/// Simulates BitTorrent swarms in virtual time, with the same protocol core that the real node runs.
///
/// The same scenario, seed and version give the same bytes in every file, on every machine.
#[derive(Debug, Parser)]
#[command(version, propagate_version = true, after_long_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// When to use colour.
    // Last but for `--help`, however many commands there are.
    #[arg(long, global = true, value_enum, default_value_t = Colour::Auto, value_name = "WHEN", display_order = 100)]
    color: Colour,
}

const EXAMPLES: &str = "\
Examples:
  sim run scenarios/5peers_mp4.json
      five peers and a seeding tracker trade a file of 131 pieces;
      see reports/5peers_mp4/index.html
  sim run scenarios/flash_crowd.json --runs 5 --set groups.crowd.piece_selection=random
      the same swarm with another strategy
  sim compare scenarios/flash_crowd.json --vary pieces=rarest-first,random
      which is better, by how much, and how sure that is
  sim replay film.ndjson
      once more what a node did that was started with --trace film.ndjson
  sim bench scenarios/bench/w-ps-1000.json
      how fast the simulator is
  sim sweep run scenarios/sweeps/seed_capacity.json --out runs
      2,000 small swarms; then `sim merge runs` and `sim report runs` map where the choice of
      pieces matters

Exit codes:
  0    done
  1    an `expect` rule does not hold; or two runs with the same seed differ, or a replay from its
       record; or, in a scenario without rules, the swarm got stuck or reached a limit; or parts of
       a sweep are missing; or a comparison is worse than its baseline; or a disk failed
  2    wrong usage, a wrong scenario, or no record: nothing is written
  130  interrupted: the report of `run` says how far the runs had come, a shard goes on where it
       was, other commands write nothing";

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Colour {
    /// On a terminal, unless `NO_COLOR` is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Simulate a scenario and write its report.
    Run(run::Run),
    /// Compare variants of a scenario on the same seeds.
    Compare(compare::Compare),
    /// Measure how fast the simulator is on a scenario.
    Bench(bench::Bench),
    /// Feed what a node recorded to the same core again, and compare what it says.
    Replay(replay::Command),
    /// Run a scenario with every combination of some values, in parts, on any number of machines.
    #[command(subcommand)]
    Sweep(sweep::Sweep),
    /// Put the parts of a sweep together.
    Merge(sweep::Merge),
    /// Write the report of a merged sweep, or list the reports that are there.
    Report(report::Report),
    /// Hold the simulator against results that nobody on this project produced.
    Validate(validate::Validate),
    /// Print the JSON Schema of scenario files, or of sweep files.
    Schema {
        /// Of which files.
        #[arg(value_enum, default_value_t = Files::Scenario)]
        of: Files,
    },
}

/// Kinds of files that have a schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Files {
    /// Scenarios.
    Scenario,
    /// Sweeps.
    Sweep,
}

/// How results are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Tables for people.
    Human,
    /// One JSON object.
    Json,
}

/// A scenario and what is changed of it.
#[derive(Debug, clap::Args)]
struct Source {
    /// The scenario file.
    scenario: PathBuf,
    /// Seed of the first run; the others take the numbers that follow. Default: the scenario's.
    #[arg(long)]
    seed: Option<u64>,
    /// Number of runs. Default: the scenario's.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..))]
    runs: Option<u32>,
    /// Replace a value of the scenario, such as `groups.peer.count=50` or `network.latency.one_way="20 ms"`.
    /// May be given several times.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    overrides: Vec<String>,
}

impl Source {
    /// The checked scenario. What is odd about it, but no error, is said on standard error.
    fn load(&self) -> Result<crate::scenario::Scenario, crate::scenario::ScenarioError> {
        let mut overrides = self.overrides.clone();
        overrides.extend(self.seed.map(|seed| format!("seed={seed}")));
        overrides.extend(self.runs.map(|runs| format!("runs={runs}")));
        let scenario = crate::scenario::load(&self.scenario, &overrides)?;
        warn(&scenario);
        Ok(scenario)
    }
}

/// Says on standard error what is odd about a scenario.
fn warn(scenario: &crate::scenario::Scenario) {
    for warning in crate::scenario::warnings(scenario) {
        tell(&format!("warning: {warning}"));
    }
}

/// Parses the command line, does what it says, and gives the exit code.
pub fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.color {
        Colour::Auto => {}
        Colour::Always => anstream::ColorChoice::Always.write_global(),
        Colour::Never => anstream::ColorChoice::Never.write_global(),
    }
    let result = match arguments.command {
        Command::Run(run) => run.execute(),
        Command::Compare(compare) => compare.execute(),
        Command::Bench(bench) => bench.execute(),
        Command::Replay(replay) => replay.execute(),
        Command::Sweep(sweep) => sweep.execute(),
        Command::Merge(merge) => merge.execute(),
        Command::Report(report) => report.execute(),
        Command::Validate(validate) => validate.execute(),
        Command::Schema { of } => schema(of),
    };
    result.unwrap_or_else(|error| fail(&error))
}

fn schema(of: Files) -> anyhow::Result<ExitCode> {
    print(&match of {
        Files::Scenario => crate::scenario::schema(),
        Files::Sweep => crate::sweep::schema(),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a result to standard output. A reader that has gone away is no error.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = anstream::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        result => result.context("cannot write to standard output"),
    }
}

/// Writes a line for people to standard error. When that is gone, nobody is there to be told.
fn tell(text: &str) {
    let _nobody_listens = writeln!(anstream::stderr().lock(), "{text}");
}

fn fail(error: &anyhow::Error) -> ExitCode {
    if let Some(error) = error.downcast_ref::<crate::scenario::ScenarioError>() {
        tell(&render(error));
        ExitCode::from(WRONG)
    } else {
        tell(&format!("error: {}", in_words(error)));
        ExitCode::from(if is_usage(error) { WRONG } else { FAILED })
    }
}

/// What went wrong, why, and last what to do about it: a message may end in a hint, and the causes belong before that.
fn in_words(error: &anyhow::Error) -> String {
    let whole = error.to_string();
    let (what, hint) =
        whole.split_once(HINT).map_or((whole.as_str(), None), |(what, hint)| (what, Some(hint)));
    let mut words = what.to_owned();
    for cause in error.chain().skip(1).map(ToString::to_string) {
        // Some errors say their cause themselves.
        if !words.contains(&cause) {
            let _infallible = write!(words, ": {cause}");
        }
    }
    if let Some(hint) = hint {
        words.extend([HINT, hint]);
    }
    words
}

/// What a hint begins with.
const HINT: &str = "\n  hint: ";

/// Is it the command line that is wrong, or what it names?
fn is_usage(error: &anyhow::Error) -> bool {
    use crate::compare::baseline::{BadRule, BaselineError};
    error.is::<Usage>()
        || error.is::<NoFolder>()
        || matches!(
            error.downcast_ref(),
            Some(ReportError::NoReports { .. } | ReportError::Unreadable { .. })
        )
        || error.is::<crate::compare::plan::BadAxis>()
        || error.is::<BadRule>()
        || error.is::<BaselineError>()
        || error.downcast_ref().is_some_and(crate::sweep::SweepError::is_usage)
}

/// The command line contradicts itself.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Usage(&'static str);

/// The folder for what is to be written cannot be written to.
#[derive(Debug, thiserror::Error)]
#[error("cannot write into the folder {}\n  hint: name another one with --out", path.display())]
struct NoFolder {
    path: PathBuf,
    source: std::io::Error,
}

/// Makes sure that a folder can be written to: better now than after an hour of runs.
fn writable(dir: &Path) -> Result<(), NoFolder> {
    atomic::try_out(dir).map_err(|source| NoFolder { path: dir.to_owned(), source })
}

/// A scenario's error with its source frame.
fn render(error: &crate::scenario::ScenarioError) -> String {
    let coloured = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
    let theme =
        if coloured { miette::GraphicalTheme::unicode() } else { miette::GraphicalTheme::unicode_nocolor() };
    let mut text = String::new();
    let handler = miette::GraphicalReportHandler::new_themed(theme).with_width(100);
    match handler.render_report(&mut text, error) {
        Ok(()) => text,
        Err(_) => error.to_string(),
    }
}

/// From here on Ctrl+C ends runs cleanly; a second one ends the program at once.
fn listen_to_interrupts() -> anyhow::Result<()> {
    ctrlc::set_handler(|| {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(i32::from(INTERRUPTED));
        }
    })
    .context("cannot listen to Ctrl+C")
}

//! `sim bench`: how fast the simulator is on a scenario, and how much memory it takes.

use std::fmt::Write as _;
use std::process::ExitCode;

use anyhow::bail;
use clap::Args;

use super::clock::{Cost, ProcessWall};
use super::{INTERRUPTED, STOP, Source, listen_to_interrupts, print, tell};
use crate::report::format::grouped;
use crate::results::{Ending, KINDS, RunResult, Sample, kind_name};
use crate::scenario::Content;
use crate::world::{Controls, simulate};

#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Bench {
    #[command(flatten)]
    source: Source,
}

const EXAMPLES: &str = "\
Examples:
  sim bench scenarios/bench/w-ps-1000.json
      a thousand peers, on one processor
  sim bench scenarios/flash_crowd.json --runs 1
      any other scenario";

impl Bench {
    /// The runs one after the other, on one processor, without a report.
    pub(super) fn execute(&self) -> anyhow::Result<ExitCode> {
        let scenario = self.source.load()?;
        listen_to_interrupts()?;
        let mut text = format!("{} ({} runs)\n", scenario.name, scenario.runs);
        for run in 0..scenario.runs {
            let clock = ProcessWall::start();
            let result =
                simulate(&scenario, run, Controls { interrupted: Some(&STOP), ..Controls::default() });
            let cost = clock.stop();
            match result.ending {
                Ending::Finished => {}
                Ending::Interrupted => {
                    tell("interrupted: nothing was measured");
                    return Ok(ExitCode::from(INTERRUPTED));
                }
                _ => bail!(
                    "the swarm of seed {} did not finish: its speed says nothing\n  hint: `sim run` says what happened",
                    result.seed
                ),
            }
            describe(&mut text, &result, cost, scenario.content);
        }
        if let Some(peak) = peak_memory() {
            let _infallible = writeln!(text, "peak memory {} MB", grouped(peak / 1_000_000));
        }
        print(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "shown with a few digits"
)]
fn describe(text: &mut String, run: &RunResult, cost: Cost, content: Content) {
    let mut kinds = [0_u64; KINDS];
    for (kind, total) in kinds.iter_mut().enumerate() {
        *total = run.peers.iter().map(|peer| peer.sent[kind].count).sum();
    }
    let messages: u64 = kinds.iter().sum();
    let copies = |sample: Option<&Sample>| sample.map_or(0, |sample| sample.total_copies);
    let completed = copies(run.timeline.last()).saturating_sub(copies(run.timeline.first()));
    let useful = completed * u64::from(content.piece_len.div_ceil(content.block_len));
    let received: u64 =
        run.peers.iter().map(|peer| peer.payload_down).sum::<u64>() / u64::from(content.block_len);
    let _infallible = writeln!(
        text,
        "seed {}: {:.2} CPU-s, {:.2} s; until all are complete {:.1} virtual s; digest {:016x}",
        run.seed,
        cost.cpu,
        cost.wall,
        run.end.as_secs_f64(),
        run.digest,
    );
    let _infallible = writeln!(
        text,
        "  {} messages, {} per CPU-s, {:.0} ns each; {} events",
        grouped(messages),
        grouped(per_second(messages, cost)),
        cost.cpu * 1e9 / messages as f64,
        grouped(run.events),
    );
    let _infallible = writeln!(
        text,
        "  {} useful blocks, {} per CPU-s; {:.1} % more were received twice or in vain",
        grouped(useful),
        grouped((useful as f64 / cost.cpu) as u64),
        received.saturating_sub(useful) as f64 * 100.0 / useful.max(1) as f64,
    );
    let mix: Vec<String> = (0..KINDS)
        .filter(|&kind| kinds[kind] > 0)
        .map(|kind| format!("{} {:.1} %", kind_name(kind), kinds[kind] as f64 * 100.0 / messages as f64))
        .collect();
    let _infallible = writeln!(text, "  {}", mix.join(", "));
}

/// How many of something there were in each second of processor time.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate above 2⁵³ per second is out of reach, and neither figure is negative"
)]
fn per_second(count: u64, cost: Cost) -> u64 {
    (count as f64 / cost.cpu) as u64
}

/// The largest resident set of this process so far, in bytes; where the system tells it.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}

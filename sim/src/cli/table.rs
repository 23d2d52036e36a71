//! What `sim run` prints for people: a table of peers, a summary, what it cost, where the report is.

use std::fmt::Write as _;
use std::path::Path;

use owo_colors::OwoColorize as _;

use super::clock::Cost;
use crate::report::format::{bytes, duration, grouped, percent};
use crate::report::summary::{Summary, downloads};
use crate::report::{ReportInput, hex};
use crate::results::{Ending, PeerResult, RunResult};
use crate::statistics::Distribution;

/// Rows of the first run that are shown before the rest is left to `peers.csv`.
const ROWS: usize = 24;

/// What is printed.
#[derive(Debug)]
pub(super) struct Overview<'a> {
    pub(super) input: &'a ReportInput<'a>,
    pub(super) summary: &'a Summary,
    pub(super) cost: Cost,
    pub(super) dir: &'a Path,
    pub(super) files: usize,
    pub(super) checked: bool,
}

impl Overview<'_> {
    pub(super) fn render(&self) -> String {
        let mut text = String::new();
        self.peers(&mut text);
        self.summary(&mut text);
        text
    }

    fn peers(&self, text: &mut String) {
        let Some(run) = self.input.runs.first() else { return };
        let width =
            run.peers.iter().take(ROWS).map(|peer| peer.name.chars().count()).max().unwrap_or(0).max(4);
        let head = format!(
            "{:width$}  {:>14}  {:>13}  {:>10}  {:>10}  outcome",
            "peer", "download time", "messages sent", "up", "down"
        );
        let _infallible = writeln!(text, "{}", head.bold());
        for peer in run.peers.iter().take(ROWS) {
            let time =
                peer.download_time().map_or_else(String::new, |time| format!("{:.3} s", time.as_secs_f64()));
            let _infallible = writeln!(
                text,
                "{:width$}  {time:>14}  {:>13}  {:>10}  {:>10}  {}",
                peer.name,
                grouped(peer.messages_sent),
                bytes(peer.payload_up),
                bytes(peer.payload_down),
                peer.outcome.name().replace('_', " "),
            );
        }
        if run.peers.len() > ROWS {
            let _infallible =
                writeln!(text, "… and {} more in peers.csv", grouped((run.peers.len() - ROWS) as u64));
        }
        if self.input.runs.len() > 1 {
            let _infallible =
                writeln!(text, "(the first of {} runs, seed {})", self.input.runs.len(), run.seed);
        }
        text.push('\n');
    }

    fn summary(&self, text: &mut String) {
        let runs = self.input.runs;
        let downloading = || runs.iter().flat_map(|run| &run.peers).filter(|peer| downloads(peer));
        let times = Distribution::of_times(downloading().map(PeerResult::download_time));
        let of = times.len();
        let done = of - times.infinite();
        let shown =
            |value: Option<f64>| value.map_or_else(|| "—".to_owned(), |value| format!("{value:.3} s"));
        let messages: u64 = downloading().map(|peer| peer.messages_sent).sum();
        let mean = if of == 0 { 0 } else { messages / of as u64 };
        let _infallible = writeln!(
            text,
            "{done} of {of} downloads completed: median {}, p95 {}, mean {}; {} messages sent per peer",
            shown(times.median()),
            shown(times.quantile(0.95)),
            shown(times.mean()),
            grouped(mean),
        );
        if let Some(bound) = &self.summary.bound {
            let efficiency = bound.efficiency.map_or_else(|| "—".to_owned(), percent);
            let _infallible = writeln!(
                text,
                "nobody could have had it all before {} (T_min): efficiency {efficiency}",
                duration(bound.t_min_s)
            );
        }
        for run in runs {
            if let Some(trouble) = trouble(run) {
                let _infallible =
                    writeln!(text, "{} seed {}: {trouble}", "did not finish".red().bold(), run.seed);
            }
        }
        for verdict in self.input.verdicts {
            let mark =
                if verdict.passed { "✓".green().to_string() } else { "✗".red().bold().to_string() };
            let measured =
                verdict.measured.map_or_else(|| "nothing to measure".into(), crate::report::format::number);
            let _infallible = writeln!(text, "{mark} {}  ({measured})", verdict.text);
        }
        let events: u64 = runs.iter().map(|run| run.events).sum();
        let virtual_time: f64 = runs.iter().map(|run| run.end.as_secs_f64()).sum();
        let Cost { wall, cpu } = self.cost;
        #[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
        let rate = events as f64 / cpu.max(1e-9);
        let _infallible = writeln!(
            text,
            "virtual time {virtual_time:.1} s in {wall:.2} s ({cpu:.2} CPU-s); {} events, {} per CPU-s",
            grouped(events),
            crate::report::format::number(rate.round()),
        );
        let digests: Vec<String> = runs.iter().take(4).map(|run| hex(run.digest)).collect();
        let more = if runs.len() > digests.len() { " …" } else { "" };
        let checked = if self.checked { "  (each run done twice: equal)" } else { "" };
        let _infallible = writeln!(text, "digest {}{more}{checked}", digests.join(" "));
        let _infallible = writeln!(text, "{} files in {}/, see index.html", self.files, self.dir.display());
    }
}

/// What went wrong with a run, in words.
fn trouble(run: &RunResult) -> Option<String> {
    let at = format!("at {:.1} s", run.end.as_secs_f64());
    match &run.ending {
        Ending::Finished => None,
        Ending::TimeLimit => Some(format!("the limit on virtual time was reached {at}")),
        Ending::EventLimit => Some(format!("the limit on events was reached {at}")),
        Ending::Interrupted => Some(format!("interrupted {at}")),
        Ending::Stuck(stuck) => {
            let mut words = format!(
                "stuck: {} incomplete, no block since {:.1} s",
                peers(stuck.incomplete),
                stuck.since.as_secs_f64()
            );
            match stuck.missing.as_slice() {
                [] => words.push_str("; every piece is there, but nobody sends"),
                [first, more @ ..] => {
                    let _infallible = write!(words, "; nobody has piece {}", first.piece);
                    if !more.is_empty() {
                        let _infallible = write!(words, " (and {} others)", more.len());
                    }
                    match &first.last_holder {
                        Some((name, when)) => {
                            let _infallible =
                                write!(words, ", last held by {name} until {:.1} s", when.as_secs_f64());
                        }
                        None => words.push_str(", nobody ever had it"),
                    }
                }
            }
            Some(words)
        }
    }
}

fn peers(count: u32) -> String {
    if count == 1 { "1 peer".into() } else { format!("{count} peers") }
}

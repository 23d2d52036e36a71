//! The progress bar: on a terminal only, on standard error.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;
use std::sync::Mutex;

use super::tell;
use crate::world::Progress;

/// How far all runs are, in thousandths of a run.
#[derive(Debug)]
pub(super) struct Bar {
    bar: ProgressBar,
    runs: Mutex<Vec<u64>>,
}

impl Bar {
    /// Of so many runs.
    pub(super) fn new(runs: usize) -> Self {
        let bar = ProgressBar::new(runs as u64 * 1000);
        if !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style =
            ProgressStyle::with_template("{bar:40} {percent:>3}%  {elapsed} elapsed, {eta} to go  {msg}");
        bar.set_style(style.expect("a template that is right"));
        Self { bar, runs: Mutex::new(vec![0; runs]) }
    }

    /// A run has come this far.
    pub(super) fn advance(&self, run: usize, at: Progress) {
        let Ok(mut runs) = self.runs.lock() else { return };
        if let Some(thousandths) = runs.get_mut(run) {
            *thousandths = at.pieces * 1000 / at.of.max(1);
        }
        self.bar.set_position(runs.iter().sum());
        self.bar.set_message(format!("virtual time {:.0} s", at.time.as_secs_f64()));
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// Counts runs: a bar on a terminal, elsewhere a line per tenth.
#[derive(Debug)]
pub(super) struct Counter {
    bar: ProgressBar,
    told: Mutex<u64>,
}

impl Counter {
    pub(super) fn new() -> Self {
        let bar = ProgressBar::new(1);
        if !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        }
        let style =
            ProgressStyle::with_template("{bar:40} {pos} of {len} runs  {elapsed} elapsed, {eta} to go");
        bar.set_style(style.expect("a template that is right"));
        Self { bar, told: Mutex::new(0) }
    }

    /// So many are done.
    pub(super) fn advance(&self, done: u64, of: u64) {
        self.bar.set_length(of);
        self.bar.set_position(done);
        let Ok(mut told) = self.told.lock() else { return };
        let tenths = done * 10 / of.max(1);
        if tenths > *told {
            *told = tenths;
            if self.bar.is_hidden() {
                tell(&format!("{} % ({done} of {of} runs)", tenths * 10));
            }
        }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

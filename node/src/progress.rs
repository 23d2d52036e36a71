//! How far something has come: a bar with rate and remaining time on a terminal, a line for each tenth elsewhere.

use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::show;

/// A terminal is redrawn no more often than this per second.
const REDRAWS: u8 = 10;
/// Fields of a bar, as indicatif names them.
const BAR: &str = "{prefix} {wide_bar} {bytes}/{total_bytes} {msg} {binary_bytes_per_sec} {eta}";

/// A display of progress on standard error.
#[derive(Debug)]
pub(crate) struct Progress {
    shown: Shown,
    len: u64,
}

#[derive(Debug)]
enum Shown {
    /// The user does not want to see it.
    Nothing,
    Bar(ProgressBar),
    /// Tenths that were told.
    Lines {
        what: String,
        tenths: u64,
    },
}

impl Progress {
    /// A display of `what`, which has `len` bytes.
    pub(crate) fn start(what: &str, len: u64, quiet: bool) -> Self {
        let shown = if quiet {
            Shown::Nothing
        } else if io::stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(Some(len), ProgressDrawTarget::stderr_with_hz(REDRAWS));
            let style = ProgressStyle::with_template(BAR).unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(style);
            bar.set_prefix(what.to_owned());
            Shown::Bar(bar)
        } else {
            Shown::Lines { what: what.into(), tenths: 0 }
        };
        Self { shown, len }
    }

    /// So many bytes are done; `note` goes with them.
    pub(crate) fn at(&mut self, done: u64, note: &str) {
        match &mut self.shown {
            Shown::Nothing => {}
            Shown::Bar(bar) => {
                bar.set_message(note.to_owned());
                bar.set_position(done);
            }
            Shown::Lines { what, tenths } => {
                let now = u128::from(done) * 10 / u128::from(self.len.max(1));
                let now = u64::try_from(now).unwrap_or(10);
                if now > *tenths {
                    *tenths = now;
                    let (done, len) = (show::size(done), show::size(self.len));
                    // Who closes standard error does not want to know.
                    let _ = writeln!(io::stderr(), "{what}: {}0 %, {done} of {len}, {note}", *tenths);
                }
            }
        }
    }

    /// Takes the bar off the screen.
    pub(crate) fn finish(&self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

/// `5.2 MiB/s`.
pub(crate) fn rate(bytes: u64, time: Duration) -> String {
    let nanos = time.as_nanos().max(1);
    let per_second = u128::from(bytes) * 1_000_000_000 / nanos;
    format!("{}/s", show::size(u64::try_from(per_second).unwrap_or(u64::MAX)))
}

/// `1.24 s`, `12 min 4 s`.
pub(crate) fn duration(time: Duration) -> String {
    if time < Duration::from_mins(1) {
        format!("{:.2} s", time.as_secs_f64())
    } else {
        format!("{} min {} s", time.as_secs() / 60, time.as_secs() % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_times_are_written_for_people() {
        assert_eq!(rate(3 << 20, Duration::from_secs(2)), "1.5 MiB/s");
        assert_eq!(rate(1, Duration::ZERO), "953.7 MiB/s");
        assert_eq!(duration(Duration::from_millis(1_239)), "1.24 s");
        assert_eq!(duration(Duration::from_secs(724)), "12 min 4 s");
    }
}

//! How far hashing is: a bar on a terminal, a line per tenth where the output is kept.

use std::io::{self, IsTerminal as _, Write as _};

use indicatif::{ProgressBar, ProgressStyle};

/// Bytes that take long enough to be worth lines in a log.
const WORTH_TELLING: u64 = 256 * 1024 * 1024;

/// Told of every piece; the bar goes away with it.
#[derive(Debug)]
pub(super) struct Progress {
    bar: Option<ProgressBar>,
    done: u64,
    total: u64,
}

impl Progress {
    /// At the start of so many bytes.
    pub(super) fn new(total: u64) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let template = "hashing {wide_bar} {percent:>3} %  {binary_bytes_per_sec}  {eta} left";
            let style = ProgressStyle::with_template(template).expect("a sound template");
            ProgressBar::new(total).with_style(style)
        });
        Self { bar, done: 0, total }
    }

    /// So many bytes more are hashed.
    pub(super) fn advance(&mut self, bytes: u64) {
        let tenth = |done: u64| done.saturating_mul(10) / self.total.max(1);
        let before = tenth(self.done);
        self.done += bytes;
        let now = tenth(self.done);
        if let Some(bar) = &self.bar {
            bar.set_position(self.done);
        } else if now > before && self.total >= WORTH_TELLING {
            // Who has closed standard error does not want to know.
            let _ = writeln!(io::stderr(), "hashed {} %", now * 10);
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

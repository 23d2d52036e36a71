//! `sim replay`: what a node recorded, fed to the same core again.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Args;
use minibit_core::trace::{Malformed, Replay, ReplayError, Summary};

use super::{FAILED, WRONG, in_words, print, tell};
use crate::report::format::grouped;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(super) struct Command {
    /// The record, as `node --trace FILE` writes it.
    file: PathBuf,
}

const EXAMPLE: &str = "\
Example:
  node get film.torrent --trace film.ndjson
  sim replay film.ndjson
      the node's decisions once more, without its network and disk

Exit codes:
  0  everything was said again as it was recorded
  1  something else was said: the line, the time and both versions are named
  2  the file is no record, or cannot be read";

impl Command {
    /// Replays the file line by line, as it may be longer than memory.
    pub(super) fn execute(&self) -> anyhow::Result<ExitCode> {
        match replayed(&self.file) {
            Ok(summary) => {
                print(&described(&summary))?;
                Ok(ExitCode::SUCCESS)
            }
            Err(error) => {
                let diverged = matches!(error.downcast_ref(), Some(ReplayError::Divergence { .. }));
                let file = self.file.display();
                match error.downcast_ref() {
                    Some(ReplayError::Divergence { line, time, expected, got }) => tell(&format!(
                        "error: {file} was recorded by other code, or changed\n  line      {line}\n  time      {time}\n  \
                         expected  {expected}\n  got       {got}"
                    )),
                    _ => tell(&format!(
                        "error: {file}: {}\n  hint: a record is what `node --trace FILE` writes",
                        in_words(&error)
                    )),
                }
                Ok(ExitCode::from(if diverged { FAILED } else { WRONG }))
            }
        }
    }
}

fn replayed(file: &Path) -> anyhow::Result<Summary> {
    let mut lines = BufReader::new(File::open(file).context("cannot be opened")?).lines();
    let empty = ReplayError::Malformed { line: 1, problem: Malformed::Empty };
    let mut replay = Replay::new(&lines.next().ok_or(empty)?.context("cannot be read")?)?;
    for line in lines {
        replay.line(&line.context("cannot be read")?)?;
    }
    Ok(replay.summary())
}

fn described(summary: &Summary) -> String {
    let Summary { inputs, outputs, start, end, pieces, piece_count, stats } = summary;
    format!(
        "{} inputs and {} outputs in {:.3} s, all as recorded\n{} of {} pieces, {} bytes received, {} sent\n",
        grouped(*inputs),
        grouped(*outputs),
        (*end - *start).as_secs_f64(),
        grouped((*pieces).into()),
        grouped((*piece_count).into()),
        grouped(stats.downloaded),
        grouped(stats.uploaded),
    )
}

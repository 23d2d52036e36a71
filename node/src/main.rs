//! `node`: the command line for torrent files. It makes them and looks into them; it does not move files yet.
//!
//! Arguments are parsed in [`cli`]; each command is a file of its own, which writes its result to standard output and what it
//! has to say about it to standard error; [`failure`] says what the exit codes mean.

mod announce;
mod cli;
mod clock;
mod create;
mod failure;
mod inspect;
mod limits;
mod nodejs;
mod registry;
mod show;
mod tracker;

use std::io::{self, Write as _};
use std::process::ExitCode;

use crate::cli::Command;

fn main() -> ExitCode {
    let done = nodejs::guard().and_then(|()| match cli::parse() {
        Command::Create(options) => create::run(&options),
        Command::Inspect(options) => inspect::run(&options),
        Command::Tracker(options) => tracker::run(&options),
    });
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) if failure.is_closed_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            // Nobody is left to be told when standard error is closed, too.
            let _ = write!(io::stderr(), "{failure}");
            failure.code()
        }
    }
}

/// The name that the program was called by, for everything that is to be typed.
fn called_as() -> String {
    std::env::args_os().next().map_or_else(|| "node".into(), |name| name.to_string_lossy().into_owned())
}

//! `node`: a peer of real swarms, and the command line for torrent files.
//!
//! Arguments are parsed in [`cli`]; each command is a file of its own, which writes its result to standard output and what it
//! has to say about it to standard error; [`failure`] says what the exit codes mean.

mod announce;
mod cli;
mod clock;
mod create;
mod engine;
mod failure;
mod fit;
mod frames;
mod get;
mod inspect;
mod interrupt;
mod lan;
mod limits;
mod listener;
mod names;
mod nodejs;
mod progress;
mod prompt;
mod registry;
mod search;
mod seed;
mod session;
mod show;
mod sizes;
mod storage;
mod summary;
mod systems;
mod tracker;
mod whole;

use std::io::{self, Write as _};
use std::process::ExitCode;

use crate::cli::Command;
use crate::failure::Failure;

fn main() -> ExitCode {
    let done =
        nodejs::guard().and_then(|()| if prompt::is_wanted() { prompt::run() } else { run(cli::parse()) });
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

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Create(options) => create::run(&options),
        Command::Inspect(options) => inspect::run(&options),
        Command::Tracker(options) => tracker::run(&options),
        Command::Seed(options) => seed::run(&options),
        Command::Get(options) => get::run(&options),
        Command::Search(options) => search::search(&options),
        Command::List(options) => search::list(&options),
        Command::Completions(options) => cli::papers::completions(&options),
        Command::Man(options) => cli::papers::man(&options),
    }
}

/// The name that the program was called by, for everything that is to be typed.
fn called_as() -> String {
    std::env::args_os().next().map_or_else(|| "node".into(), |name| name.to_string_lossy().into_owned())
}

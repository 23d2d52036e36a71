//! `sim`: simulates swarms and reports on them.

use std::process::ExitCode;

fn main() -> ExitCode {
    minibit_sim::cli::main()
}

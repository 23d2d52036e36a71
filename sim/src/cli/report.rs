//! `sim report`: what is made of reports that are there.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::print;
use crate::report::index;

#[derive(Debug, Args)]
pub(super) struct Report {
    /// Write `index.html` into the folder: which reports it has, and what each of them found.
    #[arg(long, required = true)]
    index: bool,
    /// The folder of the reports.
    #[arg(value_name = "DIR", default_value = "reports")]
    dir: PathBuf,
}

impl Report {
    pub(super) fn execute(&self) -> anyhow::Result<ExitCode> {
        let (path, count) = index::write(&self.dir)?;
        print(&format!("{count} reports in {}\n", path.display()))?;
        Ok(ExitCode::SUCCESS)
    }
}

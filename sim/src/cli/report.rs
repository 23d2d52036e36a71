//! `sim report`: what is made of results that are there.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::{print, writable};
use crate::report::format::count;
use crate::report::index;
use crate::sweep::{Plan, report};

#[derive(Debug, Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Report {
    /// Folder of a merged sweep; with `--index` that of the reports, by default `reports`.
    #[arg(value_name = "DIR", required_unless_present = "index")]
    dir: Option<PathBuf>,
    /// Folder of the sweep's report. Default: `reports/` and the sweep's name.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Instead, write `index.html` into the folder: which reports it has, and what each of them found.
    #[arg(long, conflicts_with = "out")]
    index: bool,
}

const EXAMPLES: &str = "\
Examples:
  sim report runs
      the page, pictures and tables of the sweep that was merged there
  sim report --index
      reports/index.html: which reports there are, and what each of them found";

impl Report {
    pub(super) fn execute(&self) -> anyhow::Result<ExitCode> {
        let dir = self.dir.as_deref().unwrap_or(Path::new("reports"));
        if self.index {
            let (path, count) = index::write(dir)?;
            print(&format!("{count} reports in {}\n", path.display()))?;
        } else {
            let plan = Plan::read(dir)?;
            let out = self.out.clone().unwrap_or_else(|| Path::new("reports").join(&plan.name));
            writable(&out)?;
            let files = report::write(dir, &plan, &out)?;
            print(&format!("{} in {}/, see index.html\n", count(files.len(), "file"), out.display()))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

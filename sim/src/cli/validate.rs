//! `sim validate`: the cases of [`validate`](crate::validate), as a table and as a page.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::{FAILED, Usage, print};
use crate::report::{atomic, validation};
use crate::validate::{Verdict, names, run};

#[derive(Debug, Args)]
pub(super) struct Validate {
    /// Only these cases, such as `O9`. May be given several times. Without `--out` nothing is written then.
    #[arg(long = "case", value_name = "CASE")]
    cases: Vec<String>,
    /// At most so many seeds of each scenario: quicker, and less sure. Without `--out` nothing is written then.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    seeds: Option<u32>,
    /// Folder of the report. Default, when all cases are run with all seeds: `reports/validation`.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Validate {
    /// Exit code 1 when a figure is out of its range.
    pub(super) fn execute(&self) -> anyhow::Result<ExitCode> {
        let known = names();
        if self.cases.iter().any(|case| !known.iter().any(|name| name.eq_ignore_ascii_case(case))) {
            return Err(Usage("the cases are O1 to O19, and CL").into());
        }
        let cases = run(&self.cases, self.seeds);
        let whole = self.cases.is_empty() && self.seeds.is_none();
        let default = || whole.then(|| PathBuf::from("reports/validation"));
        let mut text = validation::table(&cases);
        if let Some(out) = self.out.clone().or_else(default) {
            let files = atomic::write_all(&out, &validation::files(&cases)?)?;
            let _infallible = writeln!(text, "{} files in {}, see index.html", files.len(), out.display());
        }
        print(&text)?;
        let failed = cases.iter().any(|case| case.verdict() != Verdict::InRange);
        Ok(if failed { ExitCode::from(FAILED) } else { ExitCode::SUCCESS })
    }
}

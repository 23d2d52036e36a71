//! `sim compare --baseline`: the runs of an earlier report, done again.

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use owo_colors::OwoColorize as _;
use serde::Serialize;

use super::super::{FAILED, Format, INTERRUPTED, Usage, listen_to_interrupts, print, tell};
use super::{Compare, overview};
use crate::compare::Measure;
use crate::compare::baseline::{self, Rule, Since};
use crate::report::json;

/// What is printed as JSON.
#[derive(Serialize)]
struct Report<'a> {
    schema: u32,
    kind: &'static str,
    failures: &'a [String],
    variants: Vec<Entry<'a>>,
}

#[derive(Serialize)]
struct Entry<'a> {
    name: &'a str,
    unchanged: bool,
    /// The change of each measure; `null` where it is infinite.
    changes: Vec<(&'static str, Option<f64>, &'static str)>,
}

pub(super) fn execute(compare: &Compare, dir: &Path) -> anyhow::Result<ExitCode> {
    let texts: Vec<&str> = if compare.fail_on.is_empty() {
        Rule::USUAL.to_vec()
    } else {
        compare.fail_on.iter().map(String::as_str).collect()
    };
    let rules: Vec<Rule> = texts.into_iter().map(Rule::parse).collect::<Result<_, _>>()?;
    let baseline = baseline::read(dir)?;
    let mut cases = if compare.scenarios.is_empty() {
        if !compare.vary.is_empty()
            || !compare.overrides.is_empty()
            || compare.runs.is_some()
            || compare.seed.is_some()
        {
            return Err(Usage(
                "a baseline without a scenario is run as recorded\n  hint: name the scenario, too",
            )
            .into());
        }
        baseline.cases()
    } else {
        compare.cases()?
    };
    baseline.adopt(&mut cases)?;
    listen_to_interrupts()?;
    let Some(results) = compare.simulate(&cases)? else {
        tell("interrupted: nothing is compared");
        return Ok(ExitCode::from(INTERRUPTED));
    };
    let since = baseline.against(&results)?;
    let failures: Vec<String> =
        since.iter().flat_map(|since| rules.iter().filter_map(|rule| rule.failure(since))).collect();
    match compare.format {
        Format::Human => print(&human(&since, &rules, &failures))?,
        Format::Json => print(&String::from_utf8_lossy(&json(&machine(&since, &failures))?))?,
    }
    Ok(if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(FAILED) })
}

fn human(since: &[Since], rules: &[Rule], failures: &[String]) -> String {
    let mut text = String::new();
    for since in since {
        if since.unchanged {
            let _infallible = writeln!(text, "{}: unchanged, event by event", since.name.bold());
        } else {
            let _infallible = writeln!(text, "{}", since.name.bold());
            overview::table(&mut text, &since.evidence);
            text.push('\n');
        }
    }
    for failure in failures {
        let _infallible = writeln!(text, "{} {failure}", "✗".red().bold());
    }
    if failures.is_empty() {
        let rules: Vec<&str> = rules.iter().map(|rule| rule.text.as_str()).collect();
        let _infallible =
            writeln!(text, "{} nothing is worse than the baseline by {}", "✓".green(), rules.join(" or "));
    }
    text
}

fn machine<'a>(since: &'a [Since], failures: &'a [String]) -> Report<'a> {
    let entry = |since: &'a Since| Entry {
        name: &since.name,
        unchanged: since.unchanged,
        changes: Measure::ALL
            .into_iter()
            .filter_map(|measure| {
                let change = &since.evidence.finding(1, measure)?.change;
                Some((measure.name(), change.estimate.reached(), change.verdict().name()))
            })
            .collect(),
    };
    Report { schema: 1, kind: "baseline", failures, variants: since.iter().map(entry).collect() }
}

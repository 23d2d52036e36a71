//! What `sim compare` prints for people: a table per case, and where the report is.

use std::fmt::Write as _;
use std::path::Path;

use owo_colors::OwoColorize as _;

use super::super::clock::Cost;
use crate::compare::files::Comparison;
use crate::compare::{Evidence, Measure, summary, words};
use crate::report::format::grouped;

/// All of it.
pub(super) fn render(comparison: &Comparison<'_>, cost: Cost, dir: &Path, files: usize) -> String {
    let mut text = String::new();
    if comparison.evidence.len() > 1 {
        let _infallible = writeln!(text, "{}\n", words::headline(comparison.evidence).bold());
    }
    for evidence in comparison.evidence {
        let _infallible = writeln!(text, "{}", evidence.name.bold());
        table(&mut text, evidence);
        let _infallible = writeln!(text, "{}\n", words::of_case(evidence));
    }
    let runs = || comparison.cases.iter().flat_map(|case| &case.variants).flat_map(|variant| &variant.rows);
    let events: u64 = runs().map(|row| row.events).sum();
    let _infallible = writeln!(
        text,
        "{} runs in {:.2} s ({:.2} CPU-s); {} events",
        grouped(runs().count() as u64),
        cost.wall,
        cost.cpu,
        grouped(events)
    );
    let _infallible = writeln!(text, "{files} files in {}/, see index.html", dir.display());
    text
}

/// The measures of all variants, with the changes against the first.
pub(super) fn table(text: &mut String, evidence: &Evidence) {
    let mut rows: Vec<Vec<String>> =
        vec![["", "variant", "value", "change", "95 % interval", ""].map(str::to_owned).into()];
    for measure in Measure::ALL {
        for (number, variant) in evidence.variants.iter().enumerate() {
            let Some(estimated) = variant.estimated(measure) else { continue };
            let mut row = vec![
                if number == 0 { measure.title().to_owned() } else { String::new() },
                variant.label.clone(),
                summary::shown(measure, estimated),
            ];
            if let Some(finding) = evidence.finding(number, measure) {
                row.push(measure.shown_change(finding.change.estimate.value));
                row.push(words::interval(finding).unwrap_or_default());
                row.push(words::verdict(finding).to_owned());
            }
            row.resize(6, String::new());
            rows.push(row);
        }
    }
    let widths: Vec<usize> =
        (0..6).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    for row in rows {
        let mut line = String::new();
        for (column, (cell, width)) in row.iter().zip(&widths).enumerate() {
            let pad = " ".repeat(width - cell.chars().count());
            // Values and changes stand at the right of their columns.
            let (left, right) = if matches!(column, 2 | 3) { (pad.as_str(), "") } else { ("", pad.as_str()) };
            let _infallible = write!(line, "{left}{cell}{right}  ");
        }
        let _infallible = writeln!(text, "{}", line.trim_end());
    }
}

//! `cells.csv`, the two summaries and `manifest.json`.

use std::fmt::Write as _;

use serde_json::json;

use super::Material;
use crate::compare::Measure;
use crate::report::manifest::sha256;
use crate::report::{ReportError, csv};
use crate::statistics::{Estimate, Verdict};
use crate::sweep::words;

/// A row per cell and policy.
pub(super) fn cells(material: &Material<'_>) -> Result<Vec<u8>, ReportError> {
    let plan = material.plan;
    let axes = plan.axes.iter().map(|axis| axis.path.as_str());
    let header: Vec<&str> = axes
        .chain(["policy", "measure", "seeds", "centre", "value", "low", "high"])
        .chain([
            "change",
            "change_low",
            "change_high",
            "verdict",
            "seeds_lower",
            "seeds_equal",
            "seeds_higher",
            "efficiency",
        ])
        .collect();
    let rows = material.cells.iter().flat_map(|cell| {
        (0..plan.policy_count()).map(move |policy| {
            let value = &cell.values[policy];
            let mut row = cell.labels.clone();
            row.extend([
                plan.policy_label(policy),
                plan.measure.name().to_owned(),
                plan.seeds.to_string(),
                value.centre.name().to_owned(),
            ]);
            row.extend(figures(value));
            match policy.checked_sub(1).map(|other| &cell.changes[other]) {
                None => row.extend(std::iter::repeat_n(String::new(), 7)),
                Some(change) => {
                    row.extend(figures(&change.estimate));
                    row.push(change.verdict().name().to_owned());
                    row.extend([change.lower, change.equal, change.higher].map(|seeds| seeds.to_string()));
                }
            }
            row.push(cell.efficiencies[policy].map_or_else(String::new, number));
            row
        })
    });
    csv::table(&header, rows)
}

/// A value and the ends of its interval.
fn figures(estimate: &Estimate) -> [String; 3] {
    let end = |end: Option<f64>| end.map_or_else(String::new, number);
    let interval = estimate.interval;
    [number(estimate.value), end(interval.map(|it| it.low)), end(interval.map(|it| it.high))]
}

/// A number with six digits, which is not worth more.
fn number(value: f64) -> String {
    // The sum makes a plain zero of a negative one.
    if value.is_finite() { format!("{:.6}", (value * 1e6).round() / 1e6 + 0.0) } else { value.to_string() }
}

/// The report in a screenful, for a pull request.
pub(super) fn markdown(material: &Material<'_>) -> String {
    let plan = material.plan;
    let mut text = format!("## {}: {}\n\n", plan.name, material.headline);
    for sentence in &material.details {
        let _infallible = writeln!(text, "{sentence}");
    }
    let names = plan.axes.iter().map(|axis| escaped(axis.title()));
    let policies = (0..plan.policy_count()).map(|policy| match plan.policies {
        Some(_) => escaped(&plan.policy_label(policy)),
        None => plan.measure.title().to_owned(),
    });
    let changes =
        (1..plan.policy_count()).map(|policy| format!("change with {}", escaped(&plan.policy_label(policy))));
    let efficiencies = (0..plan.policy_count()).filter(|_| material.has_efficiencies());
    let efficiency_heads = efficiencies.clone().map(|policy| escaped(&material.efficiency_title(policy)));
    let columns: Vec<String> = names.chain(policies).chain(changes).chain(efficiency_heads).collect();
    let rule = vec!["---"; columns.len()].join(" | ");
    let _infallible = write!(
        text,
        "\n{}, {}.\n\n| {} |\n| {rule} |\n",
        plan.measure.title(),
        material.scope(),
        columns.join(" | ")
    );
    for cell in material.cells {
        let labels = cell.labels.iter().map(|label| escaped(label));
        let values = cell.values.iter().map(|value| plan.measure.shown(value.value));
        let changes = cell.changes.iter().map(|change| match (change.verdict(), change.estimate.interval) {
            (Verdict::NotShown, Some(interval)) => {
                format!("no difference shown ({})", words::range_of(plan.measure, interval))
            }
            _ => words::shown(plan.measure, &change.estimate),
        });
        let efficiencies = efficiencies.clone().map(|policy| {
            cell.efficiencies[policy].map_or_else(String::new, |value| Measure::Efficiency.shown(value))
        });
        let cells: Vec<String> = labels.chain(values).chain(changes).chain(efficiencies).collect();
        let _infallible = writeln!(text, "| {} |", cells.join(" | "));
    }
    let _infallible = write!(text, "\n```sh\n{}\n```\n", material.command());
    text
}

/// `summary.json`: the sentences, for programs; the figures are in `cells.csv`.
pub(super) fn summary(material: &Material<'_>) -> Result<Vec<u8>, ReportError> {
    let plan = material.plan;
    crate::report::json(&json!({
        "schema": 1,
        "headline": material.headline,
        "details": material.details,
        "sweep": plan.name,
        "measure": plan.measure.name(),
        "runs": plan.runs(),
        "cells": plan.cells(),
        "seeds": plan.seeds,
    }))
}

/// What stands in a cell of a table.
fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('\n', " ")
}

/// The plan, and the digest of each file.
pub(super) fn manifest(material: &Material<'_>, files: &[(String, Vec<u8>)]) -> Result<Vec<u8>, ReportError> {
    let plan: serde_json::Value = serde_json::from_slice(&material.plan.to_json())?;
    let files = files
        .iter()
        .map(|(name, bytes)| json!({ "name": name, "bytes": bytes.len(), "sha256": sha256(bytes) }));
    crate::report::json(&json!({
        "schema": 1,
        "minibit": env!("CARGO_PKG_VERSION"),
        "command": material.command(),
        "runs": material.plan.runs(),
        "files": files.collect::<Vec<_>>(),
        "plan": plan,
    }))
}

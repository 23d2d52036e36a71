//! `index.html`: the report on one page that needs nothing else.

use serde::Serialize;

use super::Material;
use crate::compare::Measure;
use crate::report::ReportError;
use crate::report::format::{between, count, grouped};
use crate::report::parts::{Cell, Table};
use crate::report::plot::Figure;
use crate::report::template::{self, Picture};
use crate::statistics::{Estimate, Verdict};

/// What the template is filled with.
#[derive(Serialize)]
struct Page<'a> {
    headline: &'a str,
    name: &'a str,
    description: &'a str,
    facts: Vec<String>,
    details: &'a [String],
    figures: Vec<Picture<'a>>,
    table: Table,
    command: String,
}

/// The page.
///
/// # Errors
/// When the template fails, which would be a bug.
pub(super) fn page(material: &Material<'_>, figures: &[Figure]) -> Result<Vec<u8>, ReportError> {
    let plan = material.plan;
    template::render(
        "sweep.html",
        &Page {
            headline: &material.headline,
            name: &plan.name,
            description: &plan.description,
            facts: vec![
                format!("{} runs", grouped(plan.runs())),
                count(plan.cells(), "cell"),
                material.scope(),
                format!("engine {}", plan.engine),
                format!("plan {}", plan.short_hash()),
            ],
            details: &material.details,
            figures: figures.iter().map(Picture::new).collect::<Result<_, _>>()?,
            table: Table { columns: columns(material), rows: rows(material) },
            command: material.command(),
        },
    )
}

fn columns(material: &Material<'_>) -> Vec<(String, bool)> {
    let plan = material.plan;
    let axes = plan.axes.iter().map(|axis| (axis.title().to_owned(), false));
    let values = (0..plan.policy_count()).flat_map(|policy| {
        let title = match plan.policies {
            Some(_) => plan.policy_label(policy),
            None => plan.measure.title().to_owned(),
        };
        [(title, true), ("95 % interval".to_owned(), true)]
    });
    let changes = (1..plan.policy_count()).flat_map(|policy| {
        let title = format!("change with {}", plan.policy_label(policy));
        [(title, true), ("95 % interval".to_owned(), true), ("verdict".to_owned(), false)]
    });
    let efficiencies = (0..plan.policy_count()).filter(|_| material.has_efficiencies());
    let efficiencies = efficiencies.map(|policy| (material.efficiency_title(policy), true));
    axes.chain(values).chain(changes).chain(efficiencies).collect()
}

fn rows(material: &Material<'_>) -> Vec<Vec<Cell>> {
    let measure = material.plan.measure;
    material
        .cells
        .iter()
        .map(|cell| {
            let mut row: Vec<Cell> = cell.labels.iter().map(Cell::text).collect();
            row.extend(cell.values.iter().flat_map(|value| estimate(measure, value, Measure::shown)));
            for change in &cell.changes {
                row.extend(estimate(measure, &change.estimate, Measure::shown_change));
                let verdict = change.verdict();
                let seeds = match verdict {
                    Verdict::Lower => format!(" on {} of {} seeds", change.lower, material.plan.seeds),
                    Verdict::Higher => format!(" on {} of {} seeds", change.higher, material.plan.seeds),
                    Verdict::NotShown | Verdict::TooFewSeeds => String::new(),
                };
                row.push(Cell::text(format!("{}{seeds}", verdict.name())));
            }
            if material.has_efficiencies() {
                let shown = |value: f64| Measure::Efficiency.shown(value);
                row.extend(cell.efficiencies.iter().map(|&value| Cell::number_or("–", value, shown)));
            }
            row
        })
        .collect()
}

/// An estimate and its interval.
fn estimate(measure: Measure, estimate: &Estimate, shown: fn(Measure, f64) -> String) -> [Cell; 2] {
    let interval = estimate.interval.map_or_else(
        || Cell::text("too few seeds"),
        |interval| {
            let ends = between(&shown(measure, interval.low), &shown(measure, interval.high));
            Cell::number(ends, interval.high - interval.low)
        },
    );
    [Cell::number(shown(measure, estimate.value), estimate.value), interval]
}

//! `index.html`: the report on one page that needs nothing else.

use serde::Serialize;

use super::Material;
use crate::compare::Measure;
use crate::report::ReportError;
use crate::report::format::{count, grouped};
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
    columns: Vec<Column>,
    rows: Vec<Vec<Entry>>,
    command: String,
}

#[derive(Serialize)]
struct Column {
    title: String,
    numeric: bool,
}

/// A cell of the table: what is shown, and what it is sorted by.
#[derive(Serialize)]
struct Entry {
    text: String,
    key: Option<f64>,
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
            columns: columns(material),
            rows: rows(material),
            command: material.command(),
        },
    )
}

fn columns(material: &Material<'_>) -> Vec<Column> {
    let plan = material.plan;
    let column = |title: String, numeric| Column { title, numeric };
    let axes = plan.axes.iter().map(|axis| column(axis.title().to_owned(), false));
    let values = (0..plan.policy_count()).flat_map(|policy| {
        let title = match plan.policies {
            Some(_) => plan.policy_label(policy),
            None => plan.measure.title().to_owned(),
        };
        [column(title, true), column("95 % interval".to_owned(), true)]
    });
    let changes = (1..plan.policy_count()).flat_map(|policy| {
        let title = format!("change with {}", plan.policy_label(policy));
        [column(title, true), column("95 % interval".to_owned(), true), column("verdict".to_owned(), false)]
    });
    let efficiencies = (0..plan.policy_count()).filter(|_| material.has_efficiencies());
    let efficiencies = efficiencies.map(|policy| column(material.efficiency_title(policy), true));
    axes.chain(values).chain(changes).chain(efficiencies).collect()
}

fn rows(material: &Material<'_>) -> Vec<Vec<Entry>> {
    let measure = material.plan.measure;
    let text = |text: &str| Entry { text: text.to_owned(), key: None };
    material
        .cells
        .iter()
        .map(|cell| {
            let mut row: Vec<Entry> = cell.labels.iter().map(|label| text(label)).collect();
            row.extend(cell.values.iter().flat_map(|value| estimate(measure, value, Measure::shown)));
            for change in &cell.changes {
                row.extend(estimate(measure, &change.estimate, Measure::shown_change));
                let verdict = change.verdict();
                let seeds = match verdict {
                    Verdict::Lower => format!(" on {} of {} seeds", change.lower, material.plan.seeds),
                    Verdict::Higher => format!(" on {} of {} seeds", change.higher, material.plan.seeds),
                    Verdict::NotShown | Verdict::TooFewSeeds => String::new(),
                };
                row.push(text(&format!("{}{seeds}", verdict.name())));
            }
            if material.has_efficiencies() {
                row.extend(cell.efficiencies.iter().map(|&value| Entry {
                    text: value.map_or_else(|| "–".to_owned(), |value| Measure::Efficiency.shown(value)),
                    key: value,
                }));
            }
            row
        })
        .collect()
}

/// An estimate and its interval.
fn estimate(measure: Measure, estimate: &Estimate, shown: fn(Measure, f64) -> String) -> [Entry; 2] {
    let interval = estimate.interval.map_or_else(
        || "too few seeds".to_owned(),
        |interval| format!("{} to {}", shown(measure, interval.low), shown(measure, interval.high)),
    );
    let width =
        estimate.interval.map(|interval| interval.high - interval.low).filter(|width| width.is_finite());
    [
        Entry { text: shown(measure, estimate.value), key: estimate.reached() },
        Entry { text: interval, key: width },
    ]
}

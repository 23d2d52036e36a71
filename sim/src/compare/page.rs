//! `index.html` of a comparison.

use serde::Serialize;

use super::evidence::{Evidence, Finding, VariantEvidence};
use super::execute::CaseRuns;
use super::files::{Comparison, verdicts};
use super::measures::{Better, Measure};
use super::notes::{Note, notes};
use super::{summary, words};
use crate::report::format::{bytes, count, duration, grouped, number};
use crate::report::plot::Figure;
use crate::report::template::{self, Picture};
use crate::report::{ReportError, piece_count};
use crate::scenario;
use crate::statistics::{LEAST_SEEDS, Verdict};

#[derive(Serialize)]
struct Page<'a> {
    headline: String,
    facts: Vec<String>,
    several: bool,
    cases: Vec<Case<'a>>,
    columns: Vec<(String, bool)>,
    rows: Vec<Vec<Cell>>,
    command: &'a str,
    least_seeds: usize,
}

#[derive(Serialize)]
struct Case<'a> {
    name: &'a str,
    headline: String,
    description: &'a str,
    facts: Vec<String>,
    notes: Vec<Note>,
    cards: Vec<Card>,
    checks: Vec<Check>,
    table: Table,
    figures: Vec<Picture<'a>>,
}

#[derive(Serialize)]
struct Card {
    label: String,
    value: String,
    note: String,
    /// `good`, `bad` or nothing.
    class: &'static str,
}

#[derive(Serialize)]
struct Check {
    variant: String,
    text: String,
    measured: String,
    passed: bool,
}

/// The measures of all variants.
#[derive(Serialize)]
struct Table {
    columns: Vec<(String, bool)>,
    rows: Vec<Vec<Cell>>,
}

/// A cell: what is shown, what it is sorted by, and how.
#[derive(Serialize)]
struct Cell {
    text: String,
    key: Option<f64>,
    class: &'static str,
}

impl Cell {
    fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), key: None, class: "" }
    }

    fn number(text: String, key: f64) -> Self {
        Self { text, key: Some(key).filter(|key| key.is_finite()), class: "" }
    }
}

/// The page; the figures are by case.
///
/// # Errors
/// When the template fails, which would be a bug.
pub fn page(comparison: &Comparison<'_>, figures: &[Vec<Figure>]) -> Result<Vec<u8>, ReportError> {
    let Comparison { cases, evidence, command } = *comparison;
    let (columns, rows) = runs(cases);
    let page = Page {
        headline: words::headline(evidence),
        facts: facts(cases),
        several: cases.len() > 1,
        cases: cases
            .iter()
            .zip(evidence)
            .zip(figures)
            .map(|((case, evidence), figures)| Case::new(case, evidence, figures))
            .collect::<Result<_, _>>()?,
        columns,
        rows,
        command,
        least_seeds: LEAST_SEEDS,
    };
    template::render("compare.html", &page)
}

/// The line below the headline.
fn facts(cases: &[CaseRuns]) -> Vec<String> {
    let runs: usize = cases.iter().flat_map(|case| &case.variants).map(|variant| variant.rows.len()).sum();
    let mut facts = vec![count(runs, "run")];
    let rows = cases.first().and_then(|case| case.variants.first()).map(|variant| variant.rows.as_slice());
    if let Some([first, .., last]) = rows {
        facts.push(format!(
            "{}, {} to {}",
            count(rows.map_or(0, <[_]>::len), "paired seed"),
            first.seed,
            last.seed
        ));
    }
    facts.push(format!("minibit {}", env!("CARGO_PKG_VERSION")));
    facts
}

impl<'a> Case<'a> {
    fn new(case: &'a CaseRuns, evidence: &Evidence, figures: &'a [Figure]) -> Result<Self, ReportError> {
        let first = &case.variants[0].scenario;
        let peers: u64 = first.groups.iter().map(|group| u64::from(group.count)).sum();
        let mut facts = vec![
            count(usize::try_from(peers).unwrap_or(usize::MAX), "peer"),
            format!("{} in {}", bytes(first.content.len), count(piece_count(first) as usize, "piece")),
            case.pairing.clone(),
        ];
        if let Some(bound) = case.variants[0].bound {
            facts.push(format!("no protocol is faster than T_min = {}", duration(bound.seconds)));
        }
        Ok(Self {
            name: &case.name,
            headline: words::of_case(evidence),
            description: &first.description,
            facts,
            notes: notes(case, evidence),
            cards: cards(evidence),
            checks: checks(case),
            table: table(evidence),
            figures: figures.iter().map(Picture::new).collect::<Result<_, _>>()?,
        })
    }
}

/// What one looks at first: of the first two variants.
fn cards(evidence: &Evidence) -> Vec<Card> {
    let mut cards = Vec::new();
    let shown = |measure: Measure| {
        let value = |variant: usize| {
            let estimated = evidence.variants.get(variant)?.estimated(measure)?;
            Some(measure.shown(estimated.shown().value))
        };
        let label = |variant: usize| &evidence.variants[variant].label;
        let note =
            value(1).map_or_else(String::new, |other| format!("{}; {other} with {}", label(0), label(1)));
        value(0).map(|value| Card { label: measure.title().to_owned(), value, note, class: "" })
    };
    cards.extend(shown(Measure::MedianDownload));
    if let Some(finding) = evidence.finding(1, Measure::MedianDownload) {
        let interval = words::interval(finding).map(|interval| format!("95 % interval {interval}"));
        cards.push(Card {
            label: format!("paired change to {}", evidence.variants[1].label),
            value: finding.measure.shown_change(finding.change.estimate.value),
            note: format!(
                "{}; {}",
                words::verdict(finding),
                interval.unwrap_or_else(|| format!("fewer than {LEAST_SEEDS} seeds"))
            ),
            class: class(finding),
        });
    }
    cards.extend(shown(Measure::P95Download));
    cards.extend(shown(Measure::Messages));
    if evidence.anybody_unfinished() {
        cards.extend(shown(Measure::Unfinished));
    } else {
        cards.extend(shown(Measure::Efficiency));
    }
    cards
}

/// How a change is coloured.
fn class(finding: &Finding) -> &'static str {
    match (finding.change.verdict(), finding.measure.better()) {
        (Verdict::Lower, Better::Lower) | (Verdict::Higher, Better::Higher) => "good",
        (Verdict::Lower, Better::Higher) | (Verdict::Higher, Better::Lower) => "bad",
        _ => "",
    }
}

fn checks(case: &CaseRuns) -> Vec<Check> {
    let several = case.variants.len() > 1;
    let of = |variant: &super::VariantRuns| {
        let label = if several { variant.label.clone() } else { String::new() };
        let check = move |verdict: scenario::Verdict| Check {
            variant: label.clone(),
            text: verdict.text,
            measured: verdict.measured.map_or_else(|| "nothing to measure".to_owned(), number),
            passed: verdict.passed,
        };
        verdicts(variant).into_iter().map(check).collect::<Vec<_>>()
    };
    case.variants.iter().flat_map(of).collect()
}

/// The measures: of two variants side by side, of more of them below each other; and each change against the first.
fn table(evidence: &Evidence) -> Table {
    let stacked = evidence.variants.len() > 2;
    let mut columns = vec![("measure".to_owned(), false)];
    if stacked {
        columns.extend([("variant", false), ("value", true)].map(|(head, number)| (head.to_owned(), number)));
    } else {
        columns.extend(evidence.variants.iter().map(|variant| (variant.label.clone(), true)));
    }
    if evidence.variants.len() > 1 {
        let heads = [("change", true), ("95 % interval", false), ("seeds", false), ("verdict", false)];
        columns.extend(heads.map(|(head, number)| (head.to_owned(), number)));
    }
    let mut rows = Vec::new();
    for measure in Measure::ALL {
        let value = |variant: &VariantEvidence| match variant.estimated(measure) {
            None => Cell::text("–"),
            Some(estimated) => Cell::number(summary::shown(measure, estimated), estimated.shown().value),
        };
        let name = || Cell::text(measure.title());
        let change = |variant| match evidence.finding(variant, measure) {
            None => ["–", "", "", ""].map(Cell::text),
            Some(finding) => changes(finding),
        };
        if evidence.variants.iter().all(|variant| variant.estimated(measure).is_none()) {
            continue;
        }
        if stacked {
            for (number, variant) in evidence.variants.iter().enumerate() {
                let cells = [name(), Cell::text(&variant.label), value(variant)];
                rows.push(cells.into_iter().chain(change(number)).collect());
            }
        } else {
            let cells = [name()].into_iter().chain(evidence.variants.iter().map(value));
            rows.push(cells.chain((1..evidence.variants.len()).flat_map(change)).collect());
        }
    }
    Table { columns, rows }
}

fn changes(finding: &Finding) -> [Cell; 4] {
    let value = finding.change.estimate.value;
    [
        Cell::number(finding.measure.shown_change(value), value),
        Cell::text(words::interval(finding).unwrap_or_else(|| "too few seeds".to_owned())),
        Cell::text(words::arrows(&finding.change)),
        Cell { text: words::verdict(finding).to_owned(), key: None, class: class(finding) },
    ]
}

/// The table of all runs.
fn runs(cases: &[CaseRuns]) -> (Vec<(String, bool)>, Vec<Vec<Cell>>) {
    let several = cases.len() > 1;
    let used: Vec<Measure> = Measure::ALL
        .into_iter()
        .filter(|&measure| {
            let rows = || cases.iter().flat_map(|case| &case.variants).flat_map(|variant| &variant.rows);
            rows().any(|row| row.value(measure).is_some())
        })
        .collect();
    let mut columns = Vec::new();
    if several {
        columns.push(("scenario".to_owned(), false));
    }
    columns.extend(
        [("variant", false), ("seed", true), ("ending", false)].map(|(name, n)| (name.to_owned(), n)),
    );
    columns.extend(used.iter().map(|measure| (measure.title().to_owned(), true)));
    let mut rows = Vec::new();
    for case in cases {
        for variant in &case.variants {
            for row in &variant.rows {
                let mut cells = Vec::new();
                if several {
                    cells.push(Cell::text(&case.name));
                }
                cells.push(Cell::text(&variant.label));
                #[expect(clippy::cast_precision_loss, reason = "for sorting")]
                cells.push(Cell::number(grouped(row.seed), row.seed as f64));
                cells.push(Cell::text(row.ending.replace('_', " ")));
                cells.extend(used.iter().map(|&measure| match row.value(measure) {
                    None => Cell::text("–"),
                    Some(value) => Cell::number(measure.shown(value), value),
                }));
                rows.push(cells);
            }
        }
    }
    (columns, rows)
}

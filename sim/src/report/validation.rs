//! The report of `sim validate`: a page with a row per figure, the same as a table in Markdown and CSV, and pictures.

use std::fmt::Write as _;

use serde::Serialize;

use super::ReportError;
use super::plot::{self, Figure};
use super::template::{self, Picture};
use crate::validate::{Case, Row, Verdict};

#[derive(Serialize)]
struct Page<'a> {
    headline: String,
    cases: Vec<PageCase<'a>>,
}

#[derive(Serialize)]
struct PageCase<'a> {
    id: &'a str,
    title: &'a str,
    source: &'a str,
    formula: &'a str,
    scenario: &'a str,
    note: &'a str,
    verdict: &'static str,
    class: &'static str,
    rows: Vec<PageRow>,
    figure: Option<Picture<'a>>,
}

#[derive(Serialize)]
struct PageRow {
    what: &'static str,
    expected: &'static str,
    accepted: String,
    measured: String,
    range: String,
    verdict: &'static str,
    class: &'static str,
}

const fn word(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::InRange => ("in range", "good"),
        Verdict::OutOfRange => ("out of range", "bad"),
        Verdict::ByTest => ("by test", "muted"),
        Verdict::NotBuilt => ("not built", "bad"),
    }
}

/// A figure with as many digits as are of use.
fn figure(value: f64) -> String {
    if value >= 1_000.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

/// The range in words.
fn accepted(row: &Row) -> String {
    let (low, high) = (*row.accepted.start(), *row.accepted.end());
    match (low.is_finite(), high.is_finite()) {
        (true, true) => format!("{} to {}", figure(low), figure(high)),
        (true, false) => format!("at least {}", figure(low)),
        _ => format!("at most {}", figure(high)),
    }
}

fn range(row: &Row) -> String {
    let (low, high) = row.range();
    format!("{} to {} ({})", figure(low), figure(high), super::format::count(row.values.len(), "seed"))
}

fn headline(cases: &[Case]) -> String {
    let count = |verdict| cases.iter().filter(|case| case.verdict() == verdict).count();
    format!(
        "{} of {} cases in range, {} out of range, {} held by tests, {} not built",
        count(Verdict::InRange),
        cases.len(),
        count(Verdict::OutOfRange),
        count(Verdict::ByTest),
        count(Verdict::NotBuilt),
    )
}

/// The table for a terminal.
pub fn table(cases: &[Case]) -> String {
    let mut text = String::new();
    for case in cases {
        let (verdict, _) = word(case.verdict());
        let _infallible = writeln!(text, "{:4} {} [{verdict}]", case.id, case.title);
        for row in &case.rows {
            let _infallible = writeln!(
                text,
                "       {:46} {:>22}  {:>10}  {}",
                row.what,
                accepted(row),
                figure(row.mean()),
                word(row.verdict()).0
            );
        }
    }
    let _infallible = writeln!(text, "{}", headline(cases));
    text
}

/// Names and contents of all files, the page last.
///
/// # Errors
/// When a file cannot be made, which would be a bug.
pub fn files(cases: &[Case]) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    let mut files =
        vec![("summary.md".to_owned(), markdown(cases).into_bytes()), ("cases.csv".to_owned(), csv(cases)?)];
    let drawn = |picture: &crate::validate::Picture| {
        plot::curves(picture.name, &picture.title, picture.subtitle, &picture.curves, picture.least)
    };
    let pictures = cases.iter().filter_map(|case| case.picture.as_ref());
    let figures: Vec<Figure> = pictures.map(drawn).collect::<Result<_, _>>()?;
    files.extend(plot::files(&figures)?);
    files.push(("index.html".to_owned(), page(cases, &figures)?));
    Ok(files)
}

fn page(cases: &[Case], figures: &[Figure]) -> Result<Vec<u8>, ReportError> {
    let page = Page {
        headline: headline(cases),
        cases: cases.iter().map(|case| page_case(case, figures)).collect::<Result<_, _>>()?,
    };
    template::render("validation.html", &page)
}

fn page_case<'a>(case: &'a Case, figures: &'a [Figure]) -> Result<PageCase<'a>, ReportError> {
    let (verdict, class) = word(case.verdict());
    let drawn = case.picture.as_ref().and_then(|picture| figures.iter().find(|fig| fig.name == picture.name));
    Ok(PageCase {
        id: case.id,
        title: case.title,
        source: case.source,
        formula: case.formula,
        scenario: case.scenario,
        note: case.note,
        verdict,
        class,
        rows: case.rows.iter().map(page_row).collect(),
        figure: drawn.map(Picture::new).transpose()?,
    })
}

fn page_row(row: &Row) -> PageRow {
    let (verdict, class) = word(row.verdict());
    PageRow {
        what: row.what,
        expected: row.expected,
        accepted: accepted(row),
        measured: figure(row.mean()),
        range: range(row),
        verdict,
        class,
    }
}

fn markdown(cases: &[Case]) -> String {
    let mut text = format!(
        "# Validation\n\n{}.\n\n| case | figure | expected | accepted | measured (mean) | least to greatest | verdict |\n|---|---|---|---|---|---|---|\n",
        headline(cases)
    );
    for case in cases {
        for row in &case.rows {
            let _infallible = writeln!(
                text,
                "| {} {} | {} | {} | {} | {} | {} | {} |",
                case.id,
                case.title,
                row.what,
                row.expected,
                accepted(row),
                figure(row.mean()),
                range(row),
                word(row.verdict()).0
            );
        }
        if case.rows.is_empty() {
            let _infallible = writeln!(
                text,
                "| {} {} | {} | | | | | {} |",
                case.id,
                case.title,
                case.formula,
                word(case.verdict()).0
            );
        }
    }
    text
}

fn csv(cases: &[Case]) -> Result<Vec<u8>, ReportError> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    writer.write_record(["case", "figure", "accepted_low", "accepted_high", "seed", "value", "verdict"])?;
    for case in cases {
        for row in &case.rows {
            for (seed, value) in row.values.iter().enumerate() {
                writer.write_record([
                    case.id,
                    row.what,
                    &row.accepted.start().to_string(),
                    &row.accepted.end().to_string(),
                    &(seed + 1).to_string(),
                    &format!("{value:.6}"),
                    word(row.verdict()).0,
                ])?;
            }
        }
    }
    writer.into_inner().map_err(|error| ReportError::Csv(error.into_error().into()))
}

#[cfg(test)]
mod tests {
    use super::super::plot::Curve;
    use super::*;
    use crate::statistics::Distribution;
    use crate::validate;

    fn cases() -> Vec<Case> {
        let measured = Case {
            id: "O1",
            title: "A case <measured>",
            source: "closed form",
            formula: "F / u",
            scenario: "o1.json",
            rows: vec![Row {
                what: "download, s",
                accepted: 40.0..=41.0,
                expected: "40",
                values: vec![40.25, 40.75],
            }],
            note: "",
            unmeasured: Verdict::ByTest,
            picture: Some(validate::Picture {
                name: "o1",
                title: "Both take forty seconds".to_owned(),
                subtitle: "two seeds",
                curves: vec![Curve {
                    name: "all".to_owned(),
                    runs: vec![Distribution::new(vec![40.25], 0), Distribution::new(vec![40.75], 1)],
                }],
                least: Some(40.0),
            }),
        };
        let by_test = Case { id: "O2", rows: Vec::new(), picture: None, ..measured.clone() };
        vec![measured, by_test]
    }

    #[test]
    fn the_page_has_every_case_with_its_picture() {
        let files = files(&cases()).unwrap();
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["summary.md", "cases.csv", "figures/o1.svg", "figures/o1.png", "index.html"]);
        let page = String::from_utf8(files[4].1.clone()).unwrap();
        assert!(
            page.contains("<h1>1 of 2 cases in range, 0 out of range, 1 held by tests, 0 not built</h1>")
        );
        assert!(page.contains("40.000 to 41.000") && page.contains("A case &lt;measured&gt;"));
        assert_eq!(page.matches("<svg").count(), 1);
        assert!(page.contains("data-hover=\"figure-o1\"") && page.contains("<section id=\"O2\">"));
    }

    #[test]
    fn every_value_is_in_the_table() {
        let table = String::from_utf8(csv(&cases()).unwrap()).unwrap();
        assert_eq!(
            table.lines().skip(1).collect::<Vec<_>>(),
            [
                "O1,\"download, s\",40,41,1,40.250000,in range",
                "O1,\"download, s\",40,41,2,40.750000,in range",
            ]
        );
    }
}

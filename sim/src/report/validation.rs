//! The report of `sim validate`: a page with a row per figure, the same as a table in Markdown and CSV, and pictures.

use std::fmt::Write as _;

use serde::Serialize;

use super::plot::{self, Figure, heat, track};
use super::template::{self, Picture};
use super::{ReportError, format, manifest};
use crate::validate::{self, Case, Drawing, Row, Verdict};

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
    good: String,
    rows: Vec<PageRow<'a>>,
    figures: Vec<Picture<'a>>,
}

#[derive(Serialize)]
struct PageRow<'a> {
    what: &'a str,
    expected: &'static str,
    accepted: String,
    measured: String,
    interval: String,
    range: String,
    verdict: &'static str,
    class: &'static str,
}

const fn word(verdict: Verdict) -> (&'static str, &'static str) {
    match verdict {
        Verdict::InRange => ("in range", "good"),
        Verdict::OutOfRange => ("out of range", "bad"),
        Verdict::BoundBroken => ("better than possible", "bad"),
    }
}

/// A figure with as many digits as are of use.
fn figure(value: f64) -> String {
    let text = if value.abs() >= 1_000.0 { format!("{value:.0}") } else { format!("{value:.3}") };
    text.replace('-', "−")
}

/// The range in words.
fn accepted(row: &Row) -> String {
    let (low, high) = (*row.accepted.start(), *row.accepted.end());
    let each = if row.bound.is_some() { ", each at least the first" } else { "" };
    match (low.is_finite(), high.is_finite()) {
        (true, true) if low.to_bits() == high.to_bits() => figure(low),
        (true, true) => format!("{} to {}{each}", figure(low), figure(high)),
        (true, false) if row.bound.is_some() => format!("each at least {}", figure(low)),
        (true, false) => format!("at least {}", figure(low)),
        _ => format!("at most {}", figure(high)),
    }
}

/// Where the mean may lie, with 95 % confidence.
fn interval(row: &Row) -> String {
    let interval = row.estimate().and_then(|estimate| estimate.interval);
    interval.map_or_else(|| "–".to_owned(), |it| format!("{} to {}", figure(it.low), figure(it.high)))
}

fn range(row: &Row) -> String {
    let (low, high) = row.range();
    match row.values.len() {
        1 => "1 run".to_owned(),
        count => format!("{} to {} ({count})", figure(low), figure(high)),
    }
}

fn headline(cases: &[Case]) -> String {
    let figures: Vec<Verdict> = cases.iter().flat_map(|case| &case.rows).map(Row::verdict).collect();
    let good = |verdicts: &[Verdict]| verdicts.iter().filter(|&&it| it == Verdict::InRange).count();
    let cases: Vec<Verdict> = cases.iter().map(Case::verdict).collect();
    let broken = figures.iter().filter(|&&verdict| verdict == Verdict::BoundBroken).count();
    let broken = match broken {
        0 => "no bound is broken".to_owned(),
        1 => "one bound is broken".to_owned(),
        _ => format!("{broken} bounds are broken"),
    };
    format!(
        "{} of {} cases agree: {} of {} figures are in their ranges, {broken}",
        good(&cases),
        cases.len(),
        good(&figures),
        figures.len()
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
                "       {:52} {:>10}  {:>20}  {}",
                row.what,
                figure(row.mean()),
                interval(row),
                word(row.verdict()).0
            );
        }
    }
    let _infallible = writeln!(text, "{}", headline(cases));
    text
}

/// What the list of reports shows.
#[derive(Serialize)]
struct Summary {
    schema: u32,
    headline: String,
}

/// Names and contents of all files, the manifest last.
///
/// # Errors
/// When a file cannot be made, which would be a bug.
pub fn files(cases: &[Case]) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
    let mut files =
        vec![("summary.md".to_owned(), markdown(cases).into_bytes()), ("cases.csv".to_owned(), csv(cases)?)];
    let figures: Vec<Figure> =
        cases.iter().flat_map(|case| &case.pictures).map(drawn).collect::<Result<_, _>>()?;
    files.extend(plot::files(&figures)?);
    files.push(("summary.json".to_owned(), super::json(&Summary { schema: 1, headline: headline(cases) })?));
    files.push(("index.html".to_owned(), page(cases, &figures)?));
    let manifest = manifest::saying("sim validate", format::count(cases.len(), "case"), &files)?;
    files.push(("manifest.json".to_owned(), manifest));
    Ok(files)
}

fn drawn(picture: &validate::Picture) -> Result<Figure, ReportError> {
    let validate::Picture { name, title, subtitle, drawing } = picture;
    match drawing {
        Drawing::Times { curves, least } => plot::curves(name, title, subtitle, curves, *least),
        Drawing::Tracks(tracks) => track::figure(name, title, subtitle, tracks),
        Drawing::Heat(map) => heat::figure(name, title, subtitle, map),
    }
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
    let good = case.rows.iter().filter(|row| row.verdict() == Verdict::InRange).count();
    let of_case = |picture: &validate::Picture| figures.iter().find(|figure| figure.name == picture.name);
    Ok(PageCase {
        id: case.id,
        title: case.title,
        source: case.source,
        formula: case.formula,
        scenario: case.scenario,
        note: case.note,
        verdict,
        class,
        good: format!("{good} of {}", case.rows.len()),
        rows: case.rows.iter().map(page_row).collect(),
        figures: case.pictures.iter().filter_map(of_case).map(Picture::new).collect::<Result<_, _>>()?,
    })
}

fn page_row(row: &Row) -> PageRow<'_> {
    let (verdict, class) = word(row.verdict());
    PageRow {
        what: &row.what,
        expected: row.expected,
        accepted: accepted(row),
        measured: figure(row.mean()),
        interval: interval(row),
        range: range(row),
        verdict,
        class,
    }
}

fn markdown(cases: &[Case]) -> String {
    let mut text = format!(
        "# Validation\n\n{}.\n\n| case | figure | expected | accepted | mean | 95 % interval | least to greatest (runs) | verdict |\n|---|---|---|---|---|---|---|---|\n",
        headline(cases)
    );
    for case in cases {
        for row in &case.rows {
            let _infallible = writeln!(
                text,
                "| {} {} | {} | {} | {} | {} | {} | {} | {} |",
                case.id,
                case.title,
                row.what,
                row.expected,
                accepted(row),
                figure(row.mean()),
                interval(row),
                range(row),
                word(row.verdict()).0
            );
        }
    }
    text
}

fn csv(cases: &[Case]) -> Result<Vec<u8>, ReportError> {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    writer.write_record(["case", "figure", "accepted_low", "accepted_high", "run", "value", "verdict"])?;
    for case in cases {
        for row in &case.rows {
            for (run, value) in row.values.iter().enumerate() {
                writer.write_record([
                    case.id,
                    &row.what,
                    &row.accepted.start().to_string(),
                    &row.accepted.end().to_string(),
                    &(run + 1).to_string(),
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

    fn row(what: &str, values: &[f64]) -> Row {
        Row {
            what: what.to_owned(),
            accepted: 40.0..=41.0,
            bound: Some(40.0),
            expected: "40",
            values: values.to_vec(),
        }
    }

    fn cases() -> Vec<Case> {
        let drawing = Drawing::Times {
            curves: vec![Curve {
                name: "all".to_owned(),
                runs: vec![Distribution::new(vec![40.25], 0), Distribution::new(vec![40.75], 1)],
            }],
            least: Some(40.0),
        };
        let good = Case {
            id: "O1",
            title: "A case <measured>",
            source: "closed form",
            formula: "F / u",
            scenario: "o1.json",
            rows: vec![
                row("download, s", &[40.25, 40.75]),
                row("six seeds", &[40.0, 40.0, 40.0, 40.0, 40.0, 40.0]),
            ],
            note: "",
            pictures: vec![validate::Picture {
                name: "o1",
                title: "Both take forty seconds".to_owned(),
                subtitle: "two seeds".to_owned(),
                drawing,
            }],
        };
        let bad = Case {
            id: "O2",
            rows: vec![row("too fast", &[39.9, 40.3]), row("too slow", &[50.0])],
            pictures: Vec::new(),
            ..good.clone()
        };
        vec![good, bad]
    }

    #[test]
    fn the_page_has_every_case_with_its_picture() {
        let files = files(&cases()).unwrap();
        let names: Vec<&str> = files.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "summary.md",
                "cases.csv",
                "figures/o1.svg",
                "figures/o1.png",
                "summary.json",
                "index.html",
                "manifest.json"
            ]
        );
        let page = String::from_utf8(files[5].1.clone()).unwrap();
        assert!(page.contains(
            "<h1>1 of 2 cases agree: 2 of 4 figures are in their ranges, one bound is broken</h1>"
        ));
        assert!(page.contains("40.000 to 41.000") && page.contains("A case &lt;measured&gt;"));
        assert!(page.contains("better than possible") && page.contains("out of range"));
        assert_eq!(page.matches("<svg").count(), 1);
        assert!(page.contains("data-hover=\"figure-o1\"") && page.contains("<section id=\"O2\">"));
    }

    #[test]
    fn six_seeds_have_an_interval_and_fewer_a_range() {
        let table = markdown(&cases());
        assert!(table.contains("| 40.500 | – | 40.250 to 40.750 (2) | in range |"), "{table}");
        assert!(table.contains("| 40.000 | 40.000 to 40.000 | 40.000 to 40.000 (6) | in range |"), "{table}");
        assert!(table.contains("| 50.000 | – | 1 run | out of range |"), "{table}");
    }

    #[test]
    fn every_value_is_in_the_table() {
        let table = String::from_utf8(csv(&cases()).unwrap()).unwrap();
        assert_eq!(table.lines().count(), 1 + 2 + 6 + 2 + 1);
        assert_eq!(
            table.lines().skip(1).take(2).collect::<Vec<_>>(),
            [
                "O1,\"download, s\",40,41,1,40.250000,in range",
                "O1,\"download, s\",40,41,2,40.750000,in range",
            ]
        );
    }
}

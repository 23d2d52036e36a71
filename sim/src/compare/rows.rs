//! `runs.csv`: a row per run, with all that is compared of it. What writes it reads it, too: a report that was kept is the
//! baseline of a later comparison.

use std::io::Read;

use csv::{ReaderBuilder, StringRecord};

use super::measures::Measure;
use crate::report::bound::Bound;
use crate::report::csv::table;
use crate::report::summary::{downloads, ending_name};
use crate::report::{ReportError, format, hex};
use crate::results::RunResult;
use crate::scenario::Scenario;

/// One run in figures.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its number.
    pub run: u32,
    /// Its seed.
    pub seed: u64,
    /// `finished`, `stuck`, `time_limit`, `event_limit` or `interrupted`.
    pub ending: String,
    /// Virtual time at the end, in nanoseconds.
    pub end: u64,
    /// Peers that joined incomplete and finished.
    pub completed: u64,
    /// Events processed.
    pub events: u64,
    /// Hash of all events, in hexadecimal.
    pub digest: String,
    /// In the order of [`Measure::ALL`].
    pub values: [Option<f64>; Measure::ALL.len()],
}

impl Row {
    /// The row of a run.
    pub fn new(run: &RunResult, scenario: &Scenario, bound: Option<&Bound>) -> Self {
        Self {
            run: run.run,
            seed: run.seed,
            ending: ending_name(&run.ending).to_owned(),
            end: run.end.as_nanos(),
            completed: run.peers.iter().filter(|peer| downloads(peer) && peer.completed.is_some()).count()
                as u64,
            events: run.events,
            digest: hex(run.digest),
            values: Measure::ALL.map(|measure| measure.of(run, scenario, bound).map(rounded)),
        }
    }

    /// Its value of a measure.
    pub fn value(&self, measure: Measure) -> Option<f64> {
        self.values[measure as usize]
    }
}

/// Nine digits after the point are enough for nanoseconds, and read back as they were.
fn rounded(value: f64) -> f64 {
    if value.is_finite() { (value * 1e9).round() / 1e9 } else { value }
}

/// What stands in a file for a value that was not reached.
pub const NEVER: &str = "inf";

/// Rows of variants of cases.
#[derive(Clone, Debug, PartialEq)]
pub struct Labelled<'a> {
    /// The case.
    pub case: &'a str,
    /// The variant.
    pub variant: &'a str,
    /// Its rows.
    pub rows: &'a [Row],
}

const FIXED: [&str; 9] =
    ["case", "variant", "run", "seed", "ending", "end_s", "completed", "events", "digest"];

/// The file.
///
/// # Errors
/// When a row cannot be written.
pub fn write<'a>(variants: impl Iterator<Item = Labelled<'a>>) -> Result<Vec<u8>, ReportError> {
    let header: Vec<&str> = FIXED.into_iter().chain(Measure::ALL.map(Measure::name)).collect();
    let number = |value: Option<f64>| match value {
        None => String::new(),
        Some(value) if value.is_finite() => value.to_string(),
        Some(_) => NEVER.to_owned(),
    };
    let rows = variants.flat_map(|labelled| {
        labelled.rows.iter().map(move |row| {
            let fixed = [
                labelled.case.to_owned(),
                labelled.variant.to_owned(),
                row.run.to_string(),
                row.seed.to_string(),
                row.ending.clone(),
                format::exact_seconds(row.end),
                row.completed.to_string(),
                row.events.to_string(),
                row.digest.clone(),
            ];
            fixed.into_iter().chain(row.values.map(number)).collect()
        })
    });
    table(&header, rows)
}

/// A row that was read, with its case and variant.
#[derive(Clone, Debug, PartialEq)]
pub struct Found {
    /// The case.
    pub case: String,
    /// The variant.
    pub variant: String,
    /// The row.
    pub row: Row,
}

/// Why a file of rows cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadRows {
    /// It is no CSV.
    #[error("it is no CSV file")]
    Csv(#[from] csv::Error),
    /// A column is missing.
    #[error("the column `{0}` is missing: another version of sim wrote it")]
    Column(&'static str),
    /// A cell cannot be read.
    #[error("line {line}: {cell:?} is no value of `{column}`")]
    Cell {
        /// Which line.
        line: u64,
        /// Which column.
        column: &'static str,
        /// What stands there.
        cell: String,
    },
}

/// Reads the file back. Columns are found by their names; unknown ones are left alone.
///
/// # Errors
/// When it is no such file.
pub fn read(file: impl Read) -> Result<Vec<Found>, BadRows> {
    let mut reader = ReaderBuilder::new().from_reader(file);
    let header = reader.headers()?.clone();
    let column =
        |name: &'static str| header.iter().position(|column| column == name).ok_or(BadRows::Column(name));
    let fixed: Vec<usize> = FIXED.into_iter().map(column).collect::<Result<_, _>>()?;
    let measures: Vec<usize> =
        Measure::ALL.into_iter().map(|measure| column(measure.name())).collect::<Result<_, _>>()?;
    let mut rows = Vec::new();
    for record in reader.records() {
        rows.push(row(&record?, &fixed, &measures)?);
    }
    Ok(rows)
}

/// The value of a measure that stands in a cell; `None` when it is none.
pub fn value(cell: &str) -> Option<Option<f64>> {
    match cell {
        "" => Some(None),
        NEVER => Some(Some(f64::INFINITY)),
        number => number.parse().ok().filter(|value: &f64| value.is_finite()).map(Some),
    }
}

fn row(record: &StringRecord, fixed: &[usize], measures: &[usize]) -> Result<Found, BadRows> {
    let line = record.position().map_or(0, csv::Position::line);
    let text = |column: usize| record.get(column).unwrap_or_default().to_owned();
    let bad = |column: usize, name: &'static str| BadRows::Cell { line, column: name, cell: text(column) };
    let integer =
        |index: usize| text(fixed[index]).parse::<u64>().map_err(|_| bad(fixed[index], FIXED[index]));
    let seconds = || {
        let text = text(fixed[5]);
        let (whole, part) = text.split_once('.')?;
        let nanos = whole.parse::<u64>().ok()?.checked_mul(1_000_000_000)?;
        nanos.checked_add(part.parse::<u64>().ok().filter(|_| part.len() == 9)?)
    };
    let mut values = [None; Measure::ALL.len()];
    for ((value, measure), &column) in values.iter_mut().zip(Measure::ALL).zip(measures) {
        let cell = record.get(column).unwrap_or_default();
        *value = self::value(cell).ok_or_else(|| bad(column, measure.name()))?;
    }
    Ok(Found {
        case: text(fixed[0]),
        variant: text(fixed[1]),
        row: Row {
            run: u32::try_from(integer(2)?).map_err(|_| bad(fixed[2], FIXED[2]))?,
            seed: integer(3)?,
            ending: text(fixed[4]),
            end: seconds().ok_or_else(|| bad(fixed[5], FIXED[5]))?,
            completed: integer(6)?,
            events: integer(7)?,
            digest: text(fixed[8]),
            values,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::testing::Case;

    #[test]
    fn what_is_written_is_read_back() {
        let case = Case::swarm(&[("peer", 9)], 4, 10).with_losses(4);
        let rows: Vec<Row> = case.runs.iter().map(|run| Row::new(run, &case.scenario, None)).collect();
        assert!(rows[0].value(Measure::LastDownload).unwrap().is_infinite());
        assert_eq!(rows[0].value(Measure::Efficiency), None);
        let labelled = Labelled { case: "a, b", variant: "\"x\"", rows: &rows };
        let file = write([labelled].into_iter()).unwrap();
        let back = read(file.as_slice()).unwrap();
        assert_eq!(back.len(), 4);
        for (read, row) in back.iter().zip(&rows) {
            assert_eq!((read.case.as_str(), read.variant.as_str(), &read.row), ("a, b", "\"x\"", row));
        }
    }

    #[test]
    fn another_file_is_refused_with_the_place() {
        let case = Case::tiny();
        let rows = [Row::new(&case.runs[0], &case.scenario, None)];
        let file = write([Labelled { case: "c", variant: "v", rows: &rows }].into_iter()).unwrap();
        let text = String::from_utf8(file).unwrap();
        let error = |text: &str| read(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(
            error(&text.replacen("waste", "trash", 1)),
            "the column `waste` is missing: another version of sim wrote it"
        );
        assert_eq!(
            error(&text.replace(",9.25,", ",NaN,")),
            "line 2: \"NaN\" is no value of `median_download`"
        );
    }
}

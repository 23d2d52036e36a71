//! A row per run: what it is a run of, how it ended, and its figures.
//!
//! The columns: the plan's short hash, index and key; a column per axis; the policy; seed, ending, virtual time, events, digest, peers that
//! finished; then the measures. The same run gives the same bytes: numbers have nine digits after the point, what was not reached is `inf`, and
//! what does not exist, such as the efficiency where no bound is known, is empty.

use csv::{ReaderBuilder, StringRecord, Terminator, WriterBuilder};

use super::plan::Plan;
use crate::compare::Measure;
use crate::compare::rows::{self, NEVER};
use crate::report::bound;
use crate::report::format::exact_seconds;
use crate::results::RunResult;
use crate::scenario::Scenario;

/// Columns before those of the axes.
const BEFORE: [&str; 3] = ["plan", "index", "key"];
/// Columns between those of the axes and the measures.
const AFTER: [&str; 6] = ["seed", "ending", "end_s", "events", "digest", "completed"];

/// The table of a plan's runs: writes its rows and reads them.
#[derive(Clone, Debug)]
pub struct Table<'a> {
    plan: &'a Plan,
    /// The plan's short hash, which stands in every row.
    hash: String,
}

impl<'a> Table<'a> {
    /// The table of a plan.
    pub fn new(plan: &'a Plan) -> Self {
        Self { plan, hash: plan.short_hash() }
    }

    /// The first line of every file of rows, with its newline.
    pub fn header(&self) -> String {
        let axes = self.plan.axes.iter().map(|axis| axis.path.as_str());
        let policies = self.plan.policies.iter().map(|axis| axis.path.as_str());
        let measures = Measure::ALL.map(Measure::name);
        line(BEFORE.into_iter().chain(axes).chain(policies).chain(AFTER).chain(measures))
    }

    /// The row of a run, with its newline.
    pub fn row(&self, index: u64, result: &RunResult, scenario: &Scenario) -> String {
        let row = rows::Row::new(result, scenario, bound::of(scenario).as_ref());
        let figures = [
            row.seed.to_string(),
            row.ending,
            exact_seconds(row.end),
            row.events.to_string(),
            row.digest,
            row.completed.to_string(),
        ];
        let measures = row.values.map(|value| match value {
            None => String::new(),
            Some(value) if value.is_finite() => format!("{value:.9}"),
            Some(_) => NEVER.to_owned(),
        });
        line(self.identity(index).into_iter().chain(figures).chain(measures))
    }

    /// What a row says about which run it is of.
    fn identity(&self, index: u64) -> Vec<String> {
        let place = self.plan.place(index);
        let mut cells = vec![self.hash.clone(), index.to_string(), self.plan.key(index)];
        cells.extend(self.plan.cell_labels(place.cell));
        cells.extend(self.plan.policies.is_some().then(|| self.plan.policy_label(place.policy)));
        cells
    }

    /// Reads a line of a file of rows, and makes sure that it is of a run of the plan.
    ///
    /// # Errors
    /// What is wrong with it, in words.
    pub fn parse(&self, text: &str) -> Result<Row, String> {
        let plan = self.plan;
        let mut record = StringRecord::new();
        let mut reader = ReaderBuilder::new().has_headers(false).from_reader(text.as_bytes());
        let some = reader.read_record(&mut record).map_err(|error| error.to_string())?;
        let axes = plan.axes.len() + usize::from(plan.policies.is_some());
        let columns = BEFORE.len() + axes + AFTER.len() + Measure::ALL.len();
        if !some || record.len() != columns {
            return Err(format!("a row has {columns} columns, and this one {}", record.len()));
        }
        if record[0] != self.hash {
            return Err(format!("a row of plan {:?}, not of {}", &record[0], self.hash));
        }
        let index = record[1].parse().ok().filter(|&index| index < plan.runs());
        let index: u64 = index.ok_or_else(|| format!("the plan has no run {:?}", &record[1]))?;
        if record.iter().zip(self.identity(index)).any(|(cell, own)| cell != own) {
            return Err(format!("this is not run {index} of the plan: its key is another"));
        }
        let figures = BEFORE.len() + axes + AFTER.len();
        let mut values = [None; Measure::ALL.len()];
        for ((value, measure), cell) in values.iter_mut().zip(Measure::ALL).zip(record.iter().skip(figures)) {
            *value =
                rows::value(cell).ok_or_else(|| format!("{cell:?} is no value of {}", measure.name()))?;
        }
        Ok(Row { index, ending: record[BEFORE.len() + axes + 1].to_owned(), values })
    }
}

fn line(cells: impl IntoIterator<Item = impl AsRef<[u8]>>) -> String {
    let mut writer = WriterBuilder::new().terminator(Terminator::Any(b'\n')).from_writer(Vec::new());
    writer.write_record(cells).expect("memory takes everything");
    let bytes = writer.into_inner().expect("memory takes everything");
    String::from_utf8(bytes).expect("made of strings")
}

/// A row that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Index of its run.
    pub index: u64,
    /// How the run ended.
    pub ending: String,
    /// Its figures in the order of [`Measure::ALL`]; infinite where they were not reached, `None` where there is no such figure.
    pub values: [Option<f64>; Measure::ALL.len()],
}

#[cfg(test)]
mod tests {
    use super::super::plan::testing::plan;
    use super::*;
    use crate::report::testing::Case;

    #[test]
    fn what_is_written_is_read_back() {
        let plan = plan();
        let case = Case::swarm(&[("peer", 4)], 1, 10).with_losses(1);
        let text = Table::new(&plan).row(29, &case.runs[0], &case.scenario);
        assert_eq!(text.matches('\n').count(), 1);
        let columns = |text: &str| text.trim_end().split(',').count();
        assert_eq!(columns(&text), columns(&Table::new(&plan).header()));
        let read = Table::new(&plan).parse(&text).unwrap();
        assert_eq!((read.index, read.ending.as_str()), (29, "finished"));
        let bound = bound::of(&case.scenario);
        for (measure, value) in Measure::ALL.into_iter().zip(read.values) {
            let own = measure.of(&case.runs[0], &case.scenario, bound.as_ref());
            assert!(value == own || (value.unwrap() - own.unwrap()).abs() < 1e-9, "{}", measure.name());
        }
        assert_eq!(read.values[Measure::LastDownload as usize], Some(f64::INFINITY));
    }

    #[test]
    fn rows_of_other_plans_and_engines_are_refused() {
        let plan = plan();
        let case = Case::tiny();
        let text = Table::new(&plan).row(29, &case.runs[0], &case.scenario);
        let mut other = plan.clone();
        other.engine = "9-test".to_owned();
        assert!(Table::new(&other).parse(&text).unwrap_err().contains("a row of plan"));
        let forged = text.replace(&plan.short_hash(), &other.short_hash());
        assert!(Table::new(&other).parse(&forged).unwrap_err().contains("its key is another"));
        assert!(
            Table::new(&plan)
                .parse(&text.replace(",29,", ",30,"))
                .unwrap_err()
                .contains("its key is another")
        );
        assert!(
            Table::new(&plan).parse(&text.replace(",29,", ",48,")).unwrap_err().contains("no run \"48\"")
        );
        assert!(Table::new(&plan).parse(&text[..text.len() / 2]).is_err());
    }
}

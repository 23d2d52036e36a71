//! Puts the files of all shards together: every run once, in the order of the plan.
//!
//! Shards may have been cut in different ways, and done twice: rows that agree are one row. Rows of the same run that differ mean that the
//! engine is not deterministic, or a disk lies; then nothing is written.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::plan::Plan;
use super::row::Table;
use super::status::Status;
use super::store::committed;
use super::{RUNS_FILE, SweepError, failed};
use crate::report::atomic;

/// Merges the committed shards of a folder into `runs.csv` beside them; returns its path.
///
/// # Errors
/// When a run is missing, a row is none of the plan's, two rows of a run differ, or the disk says no.
pub fn merge(dir: &Path) -> Result<PathBuf, SweepError> {
    let plan = Plan::read(dir)?;
    let rows = rows(dir, &plan)?;
    if rows.len() as u64 != plan.runs() {
        let status = Status::read(dir, &plan, None)?;
        return Err(SweepError::Incomplete {
            missing: plan.runs() - rows.len() as u64,
            runs: plan.runs(),
            shards: status.of.map(|of| (status.missing_array(), of)),
        });
    }
    let mut text = Table::new(&plan).header();
    text.extend(rows.into_values().map(|(row, _)| row));
    let mut paths = atomic::write_all(dir, &[(RUNS_FILE.to_owned(), text.into_bytes())])?;
    Ok(paths.remove(0))
}

/// The rows of all committed shards by index, each with the file where it was first seen.
fn rows(dir: &Path, plan: &Plan) -> Result<BTreeMap<u64, (String, PathBuf)>, SweepError> {
    let mut rows: BTreeMap<u64, (String, PathBuf)> = BTreeMap::new();
    for shard in committed(dir)? {
        let path = dir.join(shard.file_name());
        for (index, row) in read(&path, plan)? {
            match rows.get(&index) {
                Some((first, _)) if *first == row => {}
                Some((first, first_path)) => {
                    return Err(SweepError::DeterminismBroken {
                        index,
                        first: first.trim_end().to_owned(),
                        first_path: first_path.clone(),
                        second: row.trim_end().to_owned(),
                        second_path: path,
                    });
                }
                None => {
                    rows.insert(index, (row, path.clone()));
                }
            }
        }
    }
    Ok(rows)
}

/// The rows of a file with their indices, as they stand there.
///
/// # Errors
/// When it cannot be read, or a row is none of the plan's.
pub fn read(path: &Path, plan: &Plan) -> Result<Vec<(u64, String)>, SweepError> {
    let text = std::fs::read_to_string(path).map_err(failed("read", path))?;
    let bad =
        |line: usize, what: &str| SweepError::BadRow { path: path.to_owned(), line, what: what.to_owned() };
    let table = Table::new(plan);
    let mut lines = text.split_inclusive('\n');
    if lines.next() != Some(&table.header()) {
        return Err(bad(1, "its columns are others"));
    }
    lines
        .enumerate()
        .map(|(number, line)| {
            let row = table.parse(line).map_err(|what| bad(number + 2, &what))?;
            if !line.ends_with('\n') {
                return Err(bad(number + 2, "the row is torn"));
            }
            Ok((row.index, line.to_owned()))
        })
        .collect()
}

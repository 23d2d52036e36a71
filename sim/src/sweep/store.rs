//! The file of a shard: rows are appended while it is called `….part`; the last name is the commit.
//!
//! A process may be killed at any moment. Each row is written by one call, so what is left is whole rows and at most one torn at its
//! end, which is cut off before the work goes on. The rename comes after the rows have reached the disk: a file with its last name
//! is complete. A lock keeps a second process, such as a requeued job whose first life is not quite over, waiting until the
//! first is done.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::plan::Plan;
use super::row::Table;
use super::shard::Shard;
use super::{PLAN_FILE, SweepError, failed};

/// A shard that is being done.
#[derive(Debug)]
pub struct Part {
    file: File,
    path: PathBuf,
    committed: PathBuf,
    done: BTreeSet<u64>,
}

/// Puts the plan into a folder, which is made when it is not there.
///
/// # Errors
/// When the folder belongs to another plan, or the disk says no.
pub fn enter(dir: &Path, plan: &Plan) -> Result<(), SweepError> {
    std::fs::create_dir_all(dir).map_err(failed("make", dir))?;
    match Plan::read(dir) {
        Ok(there) if there.hash() == plan.hash() => return Ok(()),
        Ok(there) => {
            return Err(SweepError::OtherPlan {
                path: dir.to_owned(),
                there: there.short_hash(),
                there_engine: there.engine,
                here: plan.short_hash(),
                here_engine: plan.engine.clone(),
            });
        }
        Err(SweepError::NoPlan { .. }) => {}
        Err(other) => return Err(other),
    }
    // Others may be doing the same at this moment: each writes a file of its own, and all of them are alike.
    let (path, part) = (dir.join(PLAN_FILE), dir.join(format!("{PLAN_FILE}.{}.part", std::process::id())));
    let write = || {
        let mut file = File::create(&part)?;
        file.write_all(&plan.to_json())?;
        file.sync_all()?;
        std::fs::rename(&part, &path)
    };
    write().map_err(failed("write", &path))?;
    sync_folder(dir)
}

impl Part {
    /// Opens a shard's file to go on with it; `None` when the shard is committed. While another process is at it, says so to `waiting` and
    /// waits until that one is done or gone.
    ///
    /// # Errors
    /// When the file has rows of another plan, or the disk says no.
    pub fn open(
        dir: &Path,
        plan: &Plan,
        shard: Shard,
        waiting: &dyn Fn(),
    ) -> Result<Option<Self>, SweepError> {
        let committed = dir.join(shard.file_name());
        if committed.exists() {
            return Ok(None);
        }
        let path = committed.with_added_extension("part");
        let open = OpenOptions::new().read(true).append(true).create(true).open(&path);
        let file = open.map_err(failed("open", &path))?;
        // Where files cannot be locked there is still the append: rows stay whole, and a run that was done twice does no harm.
        if let Err(TryLockError::WouldBlock) = file.try_lock() {
            waiting();
            file.lock().map_err(failed("lock", &path))?;
        }
        if committed.exists() {
            // The other process was done between the two looks; what was just opened is its file under the new name, or a new one.
            match std::fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(failed("remove", &path)(error));
                }
                _ => return Ok(None),
            }
        }
        let mut part = Self { file, path, committed, done: BTreeSet::new() };
        part.resume(plan, shard)?;
        Ok(Some(part))
    }

    /// Reads the rows that are there, and cuts off what a killed process left behind them.
    fn resume(&mut self, plan: &Plan, shard: Shard) -> Result<(), SweepError> {
        let mut bytes = Vec::new();
        self.file.read_to_end(&mut bytes).map_err(failed("read", &self.path))?;
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |newline| newline + 1);
        let table = Table::new(plan);
        let head = table.header();
        let bad = |line: usize, what: String| SweepError::BadRow { path: self.path.clone(), line, what };
        let text = std::str::from_utf8(&bytes[..whole]).map_err(|error| bad(1, error.to_string()))?;
        for (number, line) in text.split_inclusive('\n').enumerate() {
            if number == 0 {
                if line != head {
                    return Err(bad(1, "its columns are others".to_owned()));
                }
                continue;
            }
            let row = table.parse(line).map_err(|what| bad(number + 1, what))?;
            if !shard.has(plan.group(row.index)) {
                return Err(bad(number + 1, format!("run {} is not of shard {shard}", row.index)));
            }
            self.done.insert(row.index);
        }
        let write = |file: &mut File| {
            file.set_len(whole as u64)?;
            file.seek(SeekFrom::End(0))?;
            if whole == 0 { file.write_all(head.as_bytes()) } else { Ok(()) }
        };
        write(&mut self.file).map_err(failed("write", &self.path))
    }

    /// The runs that have their rows.
    pub fn done(&self) -> &BTreeSet<u64> {
        &self.done
    }

    /// Adds a row, which ends in its newline.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn append(&mut self, row: &str) -> Result<(), SweepError> {
        self.file.write_all(row.as_bytes()).map_err(failed("write", &self.path))
    }

    /// All rows are there: brings them to the disk and gives the file its last name.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn commit(self) -> Result<(), SweepError> {
        self.file.sync_all().map_err(failed("write", &self.path))?;
        std::fs::rename(&self.path, &self.committed).map_err(failed("write", &self.committed))?;
        sync_folder(self.committed.parent().unwrap_or(Path::new(".")))
    }
}

/// Makes renames durable, where folders can be opened.
fn sync_folder(dir: &Path) -> Result<(), SweepError> {
    if cfg!(unix) {
        File::open(dir).and_then(|folder| folder.sync_all()).map_err(failed("write", dir))?;
    }
    Ok(())
}

/// The shards that are committed in a folder, by how many there are, then by number.
///
/// # Errors
/// When the folder cannot be read.
pub fn committed(dir: &Path) -> Result<Vec<Shard>, SweepError> {
    let mut shards = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed("read", dir))? {
        let name = entry.map_err(failed("read", dir))?.file_name();
        shards.extend(name.to_str().and_then(Shard::of_file_name));
    }
    shards.sort_by_key(|shard| (shard.of(), shard.number()));
    Ok(shards)
}

#[cfg(test)]
mod tests {
    use super::super::plan::testing::plan;
    use super::*;
    use crate::report::testing::Case;

    fn rows(plan: &Plan, indices: &[u64]) -> String {
        let case = Case::tiny();
        indices.iter().map(|&index| Table::new(plan).row(index, &case.runs[0], &case.scenario)).collect()
    }

    fn open(dir: &Path, plan: &Plan, shard: Shard) -> Result<Option<Part>, SweepError> {
        Part::open(dir, plan, shard, &|| panic!("nobody else is at it"))
    }

    #[test]
    fn a_torn_row_is_cut_off_and_the_others_count() {
        let (dir, plan, shard) = (tempfile::tempdir().unwrap(), plan(), Shard::new(1, 2).unwrap());
        let path = dir.path().join("shard-1-of-2.csv.part");
        let whole = format!("{}{}", Table::new(&plan).header(), rows(&plan, &[2, 7, 3]));
        for torn in [1, 20, rows(&plan, &[6]).len() - 1] {
            std::fs::write(&path, format!("{whole}{}", &rows(&plan, &[6])[..torn])).unwrap();
            let part = open(dir.path(), &plan, shard).unwrap().unwrap();
            assert_eq!(part.done(), &BTreeSet::from([2, 3, 7]));
            assert_eq!(std::fs::read_to_string(&path).unwrap(), whole);
        }
        // Even the header may be torn.
        std::fs::write(&path, &Table::new(&plan).header()[..9]).unwrap();
        let mut part = open(dir.path(), &plan, shard).unwrap().unwrap();
        assert!(part.done().is_empty());
        part.append(&rows(&plan, &[2])).unwrap();
        part.commit().unwrap();
        assert!(open(dir.path(), &plan, shard).unwrap().is_none(), "committed");
        let committed = std::fs::read_to_string(dir.path().join("shard-1-of-2.csv")).unwrap();
        assert_eq!(committed, format!("{}{}", Table::new(&plan).header(), rows(&plan, &[2])));
        assert_eq!(super::committed(dir.path()).unwrap(), [shard]);
    }

    #[test]
    fn rows_that_are_not_of_the_shard_are_not_taken_over() {
        let (dir, plan, shard) = (tempfile::tempdir().unwrap(), plan(), Shard::new(1, 2).unwrap());
        let path = dir.path().join("shard-1-of-2.csv.part");
        std::fs::write(&path, format!("{}{}", Table::new(&plan).header(), rows(&plan, &[2, 4]))).unwrap();
        let error = open(dir.path(), &plan, shard).unwrap_err();
        assert!(matches!(error, SweepError::BadRow { line: 3, .. }), "{error}");
        let mut other = plan.clone();
        other.first_seed += 1;
        std::fs::write(&path, format!("{}{}", Table::new(&other).header(), rows(&other, &[2]))).unwrap();
        assert!(matches!(open(dir.path(), &plan, shard), Err(SweepError::BadRow { line: 2, .. })));
    }

    #[test]
    fn who_comes_second_waits_for_the_first_and_has_nothing_left_to_do() {
        let (dir, plan) = (tempfile::tempdir().unwrap(), plan());
        let first = open(dir.path(), &plan, Shard::WHOLE).unwrap().unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            let second = scope.spawn(|| {
                let waiting = || sender.send(()).unwrap();
                Part::open(dir.path(), &plan, Shard::WHOLE, &waiting).unwrap().is_none()
            });
            receiver.recv().unwrap();
            first.commit().unwrap();
            assert!(second.join().unwrap(), "the shard is committed");
        });
        let left: Vec<_> =
            std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["shard-0-of-1.csv"]);
    }

    #[test]
    fn a_folder_belongs_to_one_plan() {
        let (dir, plan) = (tempfile::tempdir().unwrap(), plan());
        let folder = dir.path().join("a/b");
        enter(&folder, &plan).unwrap();
        enter(&folder, &plan).unwrap();
        let mut other = plan.clone();
        other.seeds += 1;
        assert!(matches!(enter(&folder, &other), Err(SweepError::OtherPlan { .. })));
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 1, "nothing but the plan is left");
    }
}

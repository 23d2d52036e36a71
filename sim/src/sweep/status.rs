//! How far the shards of a folder are.

use std::path::Path;

use super::plan::Plan;
use super::shard::{Shard, array};
use super::store::committed;
use super::{SweepError, failed};

/// How far the shards of a folder are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Into how many shards the plan is cut; `None` when nobody has said so yet, or several ways were tried.
    pub of: Option<u32>,
    /// The shards that are committed, however they were cut.
    pub committed: Vec<Shard>,
    /// Numbers of the shards that are not committed, ascending.
    pub missing: Vec<u32>,
}

impl Status {
    /// Looks into a folder. `of` says into how many shards the plan is cut; without it the files there must agree.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn read(dir: &Path, plan: &Plan, of: Option<u32>) -> Result<Self, SweepError> {
        let committed = committed(dir)?;
        let mut cuts: Vec<u32> = begun(dir)?.iter().map(|shard| shard.of()).collect();
        cuts.dedup();
        let of = of.or(match cuts.as_slice() {
            [only] => Some(*only),
            _ => None,
        });
        // A shard beyond the last group has nothing to do, and is not missing.
        let numbers = 0..of.map_or(0, |of| u64::from(of).min(plan.groups()));
        let numbers = numbers.filter_map(|number| u32::try_from(number).ok());
        let missing =
            |&number: &u32| !committed.iter().any(|shard| (Some(shard.of()), shard.number()) == (of, number));
        Ok(Self { of, missing: numbers.filter(missing).collect(), committed })
    }

    /// The numbers of the missing shards as engines read them: `13,57-60`.
    pub fn missing_array(&self) -> String {
        array(self.missing.iter().copied())
    }
}

/// The shards that have a file, committed or not, in order.
fn begun(dir: &Path) -> Result<Vec<Shard>, SweepError> {
    let mut shards = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed("read", dir))? {
        let name = entry.map_err(failed("read", dir))?.file_name();
        let name = name.to_string_lossy();
        shards.extend(Shard::of_file_name(name.strip_suffix(".part").unwrap_or(&name)));
    }
    shards.sort_by_key(|shard| (shard.of(), shard.number()));
    Ok(shards)
}

#[cfg(test)]
mod tests {
    use super::super::plan::testing::plan;
    use super::*;

    fn status(files: &[&str], of: Option<u32>) -> Status {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            std::fs::write(dir.path().join(file), "").unwrap();
        }
        Status::read(dir.path(), &plan(), of).unwrap()
    }

    #[test]
    fn what_is_not_committed_is_missing() {
        let files = ["shard-0-of-5.csv", "shard-2-of-5.csv.part", "shard-3-of-5.csv"];
        let found = status(&files, None);
        assert_eq!((found.of, found.missing_array().as_str(), found.committed.len()), (Some(5), "1-2,4", 2));
        assert_eq!(status(&[], None).of, None);
        assert_eq!(status(&[], Some(3)).missing_array(), "0-2");
        let two_ways = ["shard-0-of-1.csv", "shard-0-of-2.csv.part"];
        assert_eq!(status(&two_ways, None).of, None);
        assert_eq!(status(&two_ways, Some(1)).missing_array(), "");
        // There are 24 groups: of a hundred shards most have nothing to do.
        assert_eq!(status(&[], Some(100)).missing_array(), "0-23");
    }
}

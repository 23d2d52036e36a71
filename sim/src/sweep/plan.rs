//! The plan: all runs of a sweep in one order, each with its key.
//!
//! A *cell* is a combination of the axes' values, the last axis varying fastest; a *variant* is a cell with a policy. Runs are ordered by cell, then
//! seed, then policy, so the runs of one cell on one seed stand together: that is a *group*. The plan, hashed, names all of it; whatever
//! changes a result changes the hash, and two plans with the same hash are the same work.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::file::{Axis, label};
use super::{PLAN_FILE, SweepError, failed};
use crate::compare::Measure;
use crate::report::manifest::sha256;

/// Version of the layout of `plan.json`.
pub const SCHEMA: u32 = 1;
/// Most runs of a plan.
pub const MAX_RUNS: u64 = 10_000_000;
/// Most variants of a plan.
pub const MAX_VARIANTS: usize = 100_000;

/// All runs of a sweep. Two plans are the same work when their [hashes](Self::hash) are equal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The [engine](super::engine) that it is made for.
    pub engine: String,
    /// Name of the sweep.
    pub name: String,
    /// What it is to find out.
    pub description: String,
    /// What is varied.
    pub axes: Vec<Axis>,
    /// What is compared.
    pub policies: Option<Axis>,
    /// What the report is about.
    pub measure: Measure,
    /// The first seed; the others follow.
    pub first_seed: u64,
    /// Number of seeds in each cell.
    pub seeds: u32,
    /// SHA-256 of the canonical scenario of each variant, in order.
    pub variants: Vec<String>,
    /// The scenario before anything is varied, resolved.
    pub scenario: Value,
    /// The file that it was made of, as commands name it. Not in the hash: where a file lies changes no result.
    #[serde(skip)]
    pub file: String,
}

/// What one run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Its cell.
    pub cell: usize,
    /// Its policy.
    pub policy: usize,
    /// Number of its seed, from 0.
    pub seed: u32,
}

/// `plan.json`: the plan under its hash.
#[derive(Serialize, Deserialize)]
struct Written {
    plan: String,
    file: String,
    #[serde(flatten)]
    contents: Plan,
}

impl Plan {
    /// SHA-256 of everything in it that decides a result, in hexadecimal.
    ///
    /// # Panics
    /// Never: a plan is JSON.
    pub fn hash(&self) -> String {
        sha256(&serde_json::to_vec(self).expect("a plan is JSON"))
    }

    /// The beginning of [`hash`](Self::hash), which stands in every row.
    pub fn short_hash(&self) -> String {
        let mut hash = self.hash();
        hash.truncate(16);
        hash
    }

    /// Number of policies; 1 when none are compared.
    pub fn policy_count(&self) -> usize {
        self.policies.as_ref().map_or(1, |policies| policies.values.len())
    }

    /// Number of combinations of the axes' values.
    pub fn cells(&self) -> usize {
        self.axes.iter().map(|axis| axis.values.len()).product()
    }

    /// Number of runs of a cell on one seed, and so of a cell's runs.
    fn policies(&self) -> u64 {
        self.policy_count() as u64
    }

    /// Number of runs.
    pub fn runs(&self) -> u64 {
        self.groups() * self.policies()
    }

    /// Number of groups, the runs of one cell on one seed.
    pub fn groups(&self) -> u64 {
        self.cells() as u64 * u64::from(self.seeds)
    }

    /// The group of a run.
    pub fn group(&self, index: u64) -> u64 {
        index / self.policies()
    }

    /// The indices of a group's runs.
    pub fn indices(&self, group: u64) -> std::ops::Range<u64> {
        group * self.policies()..(group + 1) * self.policies()
    }

    /// What the run with this index is.
    ///
    /// # Panics
    /// When there is no such run.
    pub fn place(&self, index: u64) -> Place {
        assert!(index < self.runs(), "there is no run {index}");
        let (group, seeds) = (self.group(index), u64::from(self.seeds));
        let small = |number: u64| usize::try_from(number).expect("a plan has few cells");
        Place {
            cell: small(group / seeds),
            policy: small(index % self.policies()),
            seed: u32::try_from(group % seeds).expect("seeds are counted by u32"),
        }
    }

    /// The index of a run.
    pub fn index(&self, place: Place) -> u64 {
        let group = place.cell as u64 * u64::from(self.seeds) + u64::from(place.seed);
        group * self.policies() + place.policy as u64
    }

    /// Number of the variant of a run.
    pub fn variant(&self, place: Place) -> usize {
        place.cell * self.policy_count() + place.policy
    }

    /// The seed of a run.
    pub fn seed(&self, place: Place) -> u64 {
        self.first_seed + u64::from(place.seed)
    }

    /// For each axis the number of its value in a cell.
    pub fn coordinates(&self, cell: usize) -> Vec<usize> {
        let mut rest = cell;
        let mut numbers: Vec<usize> = self
            .axes
            .iter()
            .rev()
            .map(|axis| {
                let number = rest % axis.values.len();
                rest /= axis.values.len();
                number
            })
            .collect();
        numbers.reverse();
        numbers
    }

    /// For each axis the label of its value in a cell.
    pub fn cell_labels(&self, cell: usize) -> Vec<String> {
        let values = self.axes.iter().zip(self.coordinates(cell));
        values.map(|(axis, number)| label(&axis.values[number])).collect()
    }

    /// The label of a policy; empty when none are compared.
    pub fn policy_label(&self, policy: usize) -> String {
        self.policies.as_ref().map_or_else(String::new, |policies| label(&policies.values[policy]))
    }

    /// The key of a run: SHA-256 of the engine, the digest of its canonical scenario, its policy and its seed, a line each.
    pub fn key(&self, index: u64) -> String {
        let place = self.place(index);
        let policy =
            self.policies.as_ref().map_or(String::new(), |axis| axis.values[place.policy].to_string());
        let variant = &self.variants[self.variant(place)];
        sha256(format!("{}\n{variant}\n{policy}\n{}\n", self.engine, self.seed(place)).as_bytes())
    }

    /// `plan.json`.
    ///
    /// # Panics
    /// Never: a plan is JSON.
    pub fn to_json(&self) -> Vec<u8> {
        let written = Written { plan: self.hash(), file: self.file.clone(), contents: self.clone() };
        let mut bytes = serde_json::to_vec_pretty(&written).expect("a plan is JSON");
        bytes.push(b'\n');
        bytes
    }

    /// Reads the plan of a folder.
    ///
    /// # Errors
    /// When there is none, or it was changed.
    pub fn read(dir: &Path) -> Result<Self, SweepError> {
        let path = dir.join(PLAN_FILE);
        let bytes = std::fs::read(&path).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => SweepError::NoPlan { path: dir.to_owned() },
            _ => failed("read", &path)(error),
        })?;
        let bad = |what: String| SweepError::BadPlan { path: path.clone(), what };
        let written: Written = serde_json::from_slice(&bytes).map_err(|error| bad(error.to_string()))?;
        let plan = Self { file: written.file, ..written.contents };
        if plan.schema != SCHEMA {
            return Err(bad(format!("its layout is number {}, not {SCHEMA}", plan.schema)));
        }
        if plan.hash() != written.plan {
            return Err(bad("its hash does not fit".to_owned()));
        }
        Ok(plan)
    }
}

/// What of a resolved scenario decides the course of a run with a given seed.
///
/// # Panics
/// Never: a resolved scenario is a JSON object.
pub fn canonical(mut resolved: Value) -> String {
    let map = resolved.as_object_mut().expect("a scenario is an object");
    for key in ["name", "description", "seed", "runs", "expect"] {
        map.shift_remove(key);
    }
    resolved.to_string()
}

#[cfg(test)]
pub(super) mod testing {
    use super::*;

    /// Two axes of two and three values, two policies, four seeds: 48 runs of nothing.
    pub(in crate::sweep) fn plan() -> Plan {
        let axis = |path: &str, values: Value| Axis {
            path: path.to_owned(),
            name: None,
            values: values.as_array().cloned().unwrap_or_default(),
        };
        Plan {
            schema: SCHEMA,
            engine: "0-test".to_owned(),
            name: "test".to_owned(),
            description: String::new(),
            axes: vec![
                axis("groups.seed.up", serde_json::json!(["1 Mbit/s", "2 Mbit/s"])),
                axis("slots", serde_json::json!([2, 3, 4])),
            ],
            policies: Some(axis("pieces", serde_json::json!(["rarest-first", "random"]))),
            measure: Measure::LastDownload,
            first_seed: 5,
            seeds: 4,
            variants: (0..12).map(|variant| sha256(&[variant])).collect(),
            scenario: Value::Null,
            file: "sweeps/test.json".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::testing::plan;
    use super::*;

    #[test]
    fn every_run_has_its_place_and_its_own_key() {
        let plan = plan();
        assert_eq!((plan.cells(), plan.groups(), plan.runs()), (6, 24, 48));
        for index in 0..plan.runs() {
            assert_eq!(plan.index(plan.place(index)), index);
            assert!(plan.indices(plan.group(index)).contains(&index));
        }
        let keys: BTreeSet<String> = (0..plan.runs()).map(|index| plan.key(index)).collect();
        assert_eq!(keys.len(), 48);
        assert_eq!(plan.place(29), Place { cell: 3, policy: 1, seed: 2 });
        assert_eq!(plan.cell_labels(3), ["2 Mbit/s", "2"]);
        assert_eq!((plan.policy_label(1).as_str(), plan.seed(plan.place(29))), ("random", 7));
    }

    #[test]
    fn a_key_says_engine_scenario_policy_and_seed() {
        let plan = plan();
        let scenario = &plan.variants[0];
        assert_eq!(plan.key(0), sha256(format!("0-test\n{scenario}\n\"rarest-first\"\n5\n").as_bytes()));
        let mut other = plan.clone();
        other.engine = "1-test".to_owned();
        assert!((0..48).all(|index| plan.key(index) != other.key(index)));
    }

    #[test]
    fn a_plan_survives_the_disk_and_a_changed_one_does_not() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(Plan::read(dir.path()), Err(SweepError::NoPlan { .. })));
        let file = dir.path().join(PLAN_FILE);
        std::fs::write(&file, plan().to_json()).unwrap();
        assert_eq!(Plan::read(dir.path()).unwrap(), plan());
        let changed = String::from_utf8(plan().to_json()).unwrap().replace("\"seeds\": 4", "\"seeds\": 5");
        std::fs::write(&file, changed).unwrap();
        assert!(matches!(Plan::read(dir.path()), Err(SweepError::BadPlan { .. })));
    }
}

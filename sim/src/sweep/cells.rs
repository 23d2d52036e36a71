//! What the runs of a sweep say: per cell and policy a figure over its seeds, and the paired change from the first policy.

use super::plan::{Place, Plan};
use super::row::Row;
use crate::compare::Measure;
use crate::statistics::bootstrap::Centre;
use crate::statistics::{Change, Estimate, mean};

/// A cell of the sweep.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Label of its value on each axis.
    pub labels: Vec<String>,
    /// For each policy what its seeds give.
    pub values: Vec<Estimate>,
    /// For each policy but the first the change from the first, seed by seed.
    pub changes: Vec<Change>,
    /// For each policy `T_min / T_last`, the mean over its seeds, where a lower bound is known.
    pub efficiencies: Vec<Option<f64>>,
    /// Runs of it that did not end as they should: stuck, or at a limit.
    pub unfinished: usize,
}

/// The cells of a plan in order. `rows` are those of all its runs, in order.
///
/// # Panics
/// When a row is missing: what was merged has all.
pub fn cells(plan: &Plan, rows: &[Row]) -> Vec<Cell> {
    assert_eq!(rows.len() as u64, plan.runs(), "every run has its row");
    (0..plan.cells()).map(|cell| of(plan, rows, cell)).collect()
}

fn of(plan: &Plan, rows: &[Row], cell: usize) -> Cell {
    let row = |policy: usize, seed: u32| {
        let index = plan.index(Place { cell, policy, seed });
        &rows[usize::try_from(index).expect("as many as there are rows")]
    };
    let runs = |policy: usize| (0..plan.seeds).map(move |seed| row(policy, seed));
    let policies = 0..plan.policy_count();
    let samples: Vec<Vec<f64>> =
        policies.clone().map(|policy| runs(policy).map(|row| row.value(plan.measure)).collect()).collect();
    // Each cell resamples in its own way, so that one unlucky draw does not show in all of them; its policies in the same.
    let owner = u32::try_from(cell).expect("a plan has few cells");
    let estimate =
        |values: &Vec<f64>| Estimate::new(values, Centre::suited(values), owner).expect("a cell has a seed");
    let change = |values: &Vec<f64>| {
        Change::new(&samples[0], values, plan.measure.scale(), owner).expect("a cell has a seed")
    };
    let efficiency = |policy: usize| {
        let values: Option<Vec<f64>> =
            runs(policy).map(|row| row.values[Measure::Efficiency as usize]).collect();
        mean(&values?)
    };
    Cell {
        labels: plan.cell_labels(cell),
        values: samples.iter().map(estimate).collect(),
        changes: samples[1..].iter().map(change).collect(),
        efficiencies: policies.clone().map(efficiency).collect(),
        unfinished: policies.flat_map(runs).filter(|row| row.ending != "finished").count(),
    }
}

impl Row {
    /// Its figure.
    ///
    /// # Panics
    /// When there is none: a plan has only a measure that all of its runs have.
    pub fn value(&self, measure: Measure) -> f64 {
        self.values[measure as usize].expect("the plan's measure is defined")
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::testing::plan;
    use super::*;
    use crate::statistics::Verdict;

    /// Cell c, seed s takes 10 c + s seconds with the first policy; the second takes a tenth more, but in cell 5 it never ends.
    fn rows(plan: &Plan) -> Vec<Row> {
        (0..plan.runs())
            .map(|index| {
                let place = plan.place(index);
                let seconds =
                    10.0 * f64::from(u32::try_from(place.cell).unwrap() + 1) + f64::from(place.seed);
                let never = place.cell == 5 && place.policy == 1;
                let value = if never { f64::INFINITY } else { seconds * [1.0, 1.1][place.policy] };
                let ending = if never { "stuck" } else { "finished" }.to_owned();
                Row { index, ending, values: [Some(value); Measure::ALL.len()] }
            })
            .collect()
    }

    #[test]
    fn cells_by_hand() {
        let mut plan = plan();
        plan.seeds = 8;
        let cells = cells(&plan, &rows(&plan));
        assert_eq!(cells.len(), 6);
        // Seconds 30 to 37: the mean is 33.5.
        assert_eq!(cells[2].labels, ["1 Mbit/s", "4"]);
        assert!((cells[2].values[0].value - 33.5).abs() < 1e-9);
        assert!((cells[2].changes[0].estimate.value - 0.1).abs() < 1e-9);
        assert_eq!((cells[2].changes[0].verdict(), cells[2].unfinished), (Verdict::Higher, 0));
        assert!(cells[5].values[1].value.is_infinite() && cells[5].changes[0].estimate.value.is_infinite());
        assert_eq!(cells[5].unfinished, 8);
    }

    #[test]
    #[should_panic(expected = "every run has its row")]
    fn half_a_sweep_is_none() {
        let plan = plan();
        cells(&plan, &rows(&plan)[1..]);
    }
}

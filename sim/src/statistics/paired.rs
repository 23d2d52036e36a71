//! Two variants compared seed by seed.
//!
//! Both ran on the same seeds, so with the same arrivals, capacities and latencies: what all of them have in common cancels
//! in the change of each seed, and a difference shows that would drown in the spread between seeds. A change is relative,
//! `b / a - 1`; where a value may be zero, the difference `b - a` is taken instead.
//!
//! A run that did not reach what the other one did is infinitely worse, and a seed on which neither did is a tie: neither is
//! left out. With infinite changes the median stands in for the mean, which would say nothing.

use super::bootstrap::{Centre, Estimate, Interval};

/// What the data allow to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The second variant's value is lower, and the interval of the change excludes zero.
    Lower,
    /// It is higher, likewise.
    Higher,
    /// The interval contains zero: no difference shown. That is not proof of equality.
    NotShown,
    /// There are too few seeds for an interval.
    TooFewSeeds,
}

impl Verdict {
    /// The word in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lower => "lower",
            Self::Higher => "higher",
            Self::NotShown => "no difference shown",
            Self::TooFewSeeds => "too few seeds",
        }
    }
}

/// How changes are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// `b / a - 1`: for what cannot be zero.
    Relative,
    /// `b - a`: for shares and counts.
    Difference,
}

/// The change from one variant to another over all seeds.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// How it is measured.
    pub scale: Scale,
    /// Mean (or median) of the changes of all seeds.
    pub estimate: Estimate,
    /// Seeds on which the second variant's value is lower.
    pub lower: usize,
    /// Seeds on which both are equal, or neither was reached.
    pub equal: usize,
    /// Seeds on which it is higher.
    pub higher: usize,
}

impl Change {
    /// The change from `before` to `after`, whose values belong to the same seeds in the same order; `None` when there are none.
    ///
    /// # Panics
    /// When they are not of the same number: then they are no pairs.
    pub fn new(before: &[f64], after: &[f64], scale: Scale, owner: u32) -> Option<Self> {
        assert_eq!(before.len(), after.len(), "each seed has both values");
        let changes: Vec<f64> = before.iter().zip(after).map(|(&a, &b)| change(a, b, scale)).collect();
        let count = |wanted: fn(f64) -> bool| changes.iter().filter(|&&change| wanted(change)).count();
        let lower = count(|change| change < 0.0);
        let higher = count(|change| change > 0.0);
        let reached = before.iter().chain(after).all(|value| value.is_finite());
        let centre = if reached { Centre::suited(&changes) } else { Centre::Median };
        Some(Self {
            scale,
            estimate: Estimate::new(&changes, centre, owner)?,
            lower,
            equal: changes.len() - lower - higher,
            higher,
        })
    }

    /// What the data allow to say.
    pub fn verdict(&self) -> Verdict {
        match self.estimate.interval {
            None => Verdict::TooFewSeeds,
            Some(interval) if interval.contains(0.0) => Verdict::NotShown,
            Some(Interval { high, .. }) if high < 0.0 => Verdict::Lower,
            Some(_) => Verdict::Higher,
        }
    }
}

/// The change of one seed.
fn change(before: f64, after: f64, scale: Scale) -> f64 {
    match (before.is_finite(), after.is_finite(), scale) {
        (false, false, _) => 0.0,
        (true, false, _) => f64::INFINITY,
        (false, true, Scale::Relative) => -1.0,
        (false, true, Scale::Difference) => f64::NEG_INFINITY,
        (true, true, Scale::Relative) if before == 0.0 && after == 0.0 => 0.0,
        (true, true, Scale::Relative) => after / before - 1.0,
        (true, true, Scale::Difference) => after - before,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(a: f64, b: f64) {
        assert!((a - b).abs() < 1e-12, "{a} is not {b}");
    }

    #[test]
    fn a_small_but_steady_difference_is_shown_though_the_seeds_differ_widely() {
        // Seeds between 10 and 80 s; the second variant takes 10 % less on each of them.
        let before = [10.0, 20.0, 30.0, 40.0, 50.0, 60.0, 70.0, 80.0];
        let after = before.map(|seconds| seconds * 0.9);
        let change = Change::new(&before, &after, Scale::Relative, 1).unwrap();
        near(change.estimate.value, -0.1);
        assert_eq!((change.lower, change.equal, change.higher), (8, 0, 0));
        assert_eq!(change.verdict(), Verdict::Lower);
        // The same values with the pairs torn apart: 72/10 - 1 = 6.2, then 2.15, 0.8, 0.125,
        // -0.28, -0.55, -52/70 and -0.8875, together 6.814…, an eighth of which is 0.8518…: nothing is shown.
        let mut torn = after;
        torn.reverse();
        let change = Change::new(&before, &torn, Scale::Relative, 1).unwrap();
        near(change.estimate.value, 0.851_830_357_142_857_2);
        assert_eq!(change.verdict(), Verdict::NotShown);
    }

    #[test]
    fn changes_by_hand() {
        // +50 %, -25 %, 0, +100 %, -10 %, +5 %: mean 120/6 = 20 %; 3 higher, 2 lower, 1 equal.
        let before = [2.0, 4.0, 3.0, 1.0, 10.0, 20.0];
        let after = [3.0, 3.0, 3.0, 2.0, 9.0, 21.0];
        let relative = Change::new(&before, &after, Scale::Relative, 1).unwrap();
        near(relative.estimate.value, 0.2);
        assert_eq!((relative.lower, relative.equal, relative.higher), (2, 1, 3));
        // +1, -1, 0, +1, -1, +1: mean 1/6.
        let difference = Change::new(&before, &after, Scale::Difference, 1).unwrap();
        near(difference.estimate.value, 1.0 / 6.0);
        assert_eq!(difference.verdict(), Verdict::NotShown);
    }

    #[test]
    fn who_does_not_finish_is_worse_than_who_does_and_two_that_do_not_are_a_tie() {
        let never = f64::INFINITY;
        let before = [10.0, 10.0, 10.0, 10.0, 10.0, never, 10.0];
        let after = [never, never, never, never, 11.0, never, never];
        let change = Change::new(&before, &after, Scale::Relative, 1).unwrap();
        assert_eq!((change.lower, change.equal, change.higher), (0, 1, 6));
        assert_eq!(change.estimate.centre, Centre::Median);
        assert!(change.estimate.value.is_infinite());
        let back = Change::new(&after, &before, Scale::Relative, 1).unwrap();
        assert_eq!((back.lower, back.equal, back.higher), (6, 1, 0));
        near(back.estimate.value, -1.0);
        assert_eq!(back.verdict(), Verdict::Lower);
    }

    /// A broken aggregate must not get through: each of these mistakes gives another figure on this sample.
    #[test]
    fn a_wrong_aggregate_is_caught() {
        let never = f64::INFINITY;
        let before = [10.0, 20.0, 40.0, 10.0, 20.0, 40.0, 10.0];
        let after = [11.0, 30.0, never, 9.0, 22.0, never, never];
        // Per seed: +10 %, +50 %, ∞, -10 %, +10 %, ∞, ∞; sorted -10, 10, 10, 50, ∞, ∞, ∞: the median is the fourth.
        let right = Change::new(&before, &after, Scale::Relative, 1).unwrap().estimate.value;
        near(right, 0.5);
        let finished: Vec<(f64, f64)> =
            before.into_iter().zip(after).filter(|(_, after)| after.is_finite()).collect();
        let dropped = finished.iter().map(|(a, b)| b / a - 1.0).sum::<f64>() / 4.0;
        near(dropped, 0.15);
        let of_sums = finished.iter().map(|pair| pair.1).sum::<f64>()
            / finished.iter().map(|pair| pair.0).sum::<f64>()
            - 1.0;
        near(of_sums, 0.2);
        for wrong in [dropped, of_sums] {
            assert!((right - wrong).abs() > 0.1);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn signs_are_counted_as_a_plain_loop_counts_them(
            pairs in prop::collection::vec((1..40_u32, 1..40_u32), 6..40)
        ) {
            let before: Vec<f64> = pairs.iter().map(|pair| f64::from(pair.0)).collect();
            let after: Vec<f64> = pairs.iter().map(|pair| f64::from(pair.1)).collect();
            let (mut lower, mut equal, mut higher, mut sum) = (0, 0, 0, 0.0);
            for &(a, b) in &pairs {
                match b.cmp(&a) {
                    std::cmp::Ordering::Less => lower += 1,
                    std::cmp::Ordering::Equal => equal += 1,
                    std::cmp::Ordering::Greater => higher += 1,
                }
                sum += (f64::from(b) - f64::from(a)) / f64::from(a);
            }
            let change = Change::new(&before, &after, Scale::Relative, 1).unwrap();
            prop_assert_eq!((change.lower, change.equal, change.higher), (lower, equal, higher));
            prop_assert!((change.estimate.value - sum / f64::from(u32::try_from(pairs.len()).unwrap())).abs() < 1e-9);
        }

        #[test]
        fn a_variant_compared_with_itself_shows_no_difference(
            values in prop::collection::vec(prop_oneof![4 => 1.0..1e4_f64, 1 => Just(f64::INFINITY)], 6..40)
        ) {
            for scale in [Scale::Relative, Scale::Difference] {
                let change = Change::new(&values, &values, scale, 1).unwrap();
                prop_assert_eq!(change.verdict(), Verdict::NotShown);
                prop_assert_eq!(change.equal, values.len());
                prop_assert!(change.estimate.value.abs() < f64::EPSILON);
            }
        }
    }
}

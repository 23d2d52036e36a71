//! What the runs of a case say: an estimate per variant and measure, and the change from the first variant to each other one.

use super::measures::Measure;
use super::rows::Row;
use crate::statistics::bootstrap::Centre;
use crate::statistics::{Change, Estimate};

/// The statistics of a case.
#[derive(Clone, Debug, PartialEq)]
pub struct Evidence {
    /// Its name.
    pub name: String,
    /// The seeds, in order; the same for all variants.
    pub seeds: Vec<u64>,
    /// The variants; the first is what the others are held against.
    pub variants: Vec<VariantEvidence>,
    /// The changes, by variant, then by measure.
    pub findings: Vec<Finding>,
}

/// The statistics of a variant.
#[derive(Clone, Debug, PartialEq)]
pub struct VariantEvidence {
    /// What it is called.
    pub label: String,
    /// Downloads that were begun, in all runs.
    pub downloads: u64,
    /// Of these, downloads that were not finished.
    pub unfinished: u64,
    /// Each measure that the scenario has.
    pub estimates: Vec<Estimated>,
}

/// A measure over all seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimated {
    /// Which one.
    pub measure: Measure,
    /// Mean over the seeds.
    pub mean: Estimate,
    /// Median over the seeds.
    pub median: Estimate,
    /// Seeds in which it was not reached.
    pub not_reached: usize,
}

impl Estimated {
    /// What is shown first: the mean where every seed has reached it, the median otherwise.
    pub fn shown(&self) -> &Estimate {
        if self.not_reached == 0 { &self.mean } else { &self.median }
    }
}

/// How a variant differs from the first one in a measure.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The variant.
    pub variant: usize,
    /// The measure.
    pub measure: Measure,
    /// The change, paired by seed.
    pub change: Change,
}

impl Evidence {
    /// The statistics of these variants: names, and rows of the same seeds in the same order.
    ///
    /// # Panics
    /// When the variants have not the same seeds.
    pub fn new(name: &str, variants: &[(&str, &[Row])]) -> Self {
        let seeds: Vec<u64> = variants.first().map_or_else(Vec::new, |(_, rows)| seeds(rows));
        for (_, rows) in variants {
            assert!(self::seeds(rows) == seeds, "variants are compared on the same seeds");
        }
        let findings = variants.iter().enumerate().skip(1).flat_map(|(variant, (_, rows))| {
            let before = variants[0].1;
            Measure::ALL.into_iter().filter_map(move |measure| {
                let (before, after) = (values(before, measure)?, values(rows, measure)?);
                let change = Change::new(&before, &after, measure.scale(), measure as u32)?;
                Some(Finding { variant, measure, change })
            })
        });
        Self {
            name: name.to_owned(),
            seeds,
            variants: variants.iter().map(|(label, rows)| VariantEvidence::new(label, rows)).collect(),
            findings: findings.collect(),
        }
    }

    /// The change of a measure from the first variant to this one.
    pub fn finding(&self, variant: usize, measure: Measure) -> Option<&Finding> {
        self.findings.iter().find(|finding| finding.variant == variant && finding.measure == measure)
    }

    /// Is somebody's download unfinished in any variant?
    pub fn anybody_unfinished(&self) -> bool {
        self.variants.iter().any(|variant| variant.unfinished > 0)
    }
}

impl VariantEvidence {
    fn new(label: &str, rows: &[Row]) -> Self {
        let unfinished: f64 = rows.iter().filter_map(|row| row.value(Measure::Unfinished)).sum();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a sum of counts")]
        let unfinished = unfinished as u64;
        let completed: u64 = rows.iter().map(|row| row.completed).sum();
        let estimates = Measure::ALL.into_iter().filter_map(|measure| {
            let values = values(rows, measure)?;
            Some(Estimated {
                measure,
                mean: Estimate::new(&values, Centre::Mean, measure as u32)?,
                median: Estimate::new(&values, Centre::Median, measure as u32)?,
                not_reached: values.iter().filter(|value| value.is_infinite()).count(),
            })
        });
        Self {
            label: label.to_owned(),
            downloads: completed + unfinished,
            unfinished,
            estimates: estimates.collect(),
        }
    }

    /// A measure over all seeds.
    pub fn estimated(&self, measure: Measure) -> Option<&Estimated> {
        self.estimates.iter().find(|estimated| estimated.measure == measure)
    }
}

fn seeds(rows: &[Row]) -> Vec<u64> {
    rows.iter().map(|row| row.seed).collect()
}

/// The values of all seeds, when the scenario has this measure.
pub fn values(rows: &[Row], measure: Measure) -> Option<Vec<f64>> {
    rows.iter().map(|row| row.value(measure)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::rows;
    use super::*;
    use crate::statistics::Verdict;

    #[test]
    fn variants_are_held_against_the_first_one() {
        let a = rows(&[10.0, 12.0, 14.0, 16.0, 18.0, 20.0]);
        let b = rows(&[11.0, 13.2, 15.4, 17.6, 19.8, 22.0]);
        let evidence = Evidence::new("case", &[("a", &a), ("b", &b)]);
        assert_eq!(evidence.seeds, [1, 2, 3, 4, 5, 6]);
        let median = evidence.variants[1].estimated(Measure::MedianDownload).unwrap();
        // (11 + 13.2 + 15.4 + 17.6 + 19.8 + 22) / 6 = 16.5, and by chance the median is the same.
        assert!((median.mean.value - 16.5).abs() < 1e-9 && (median.median.value - 16.5).abs() < 1e-9);
        let finding = evidence.finding(1, Measure::MedianDownload).unwrap();
        assert!((finding.change.estimate.value - 0.1).abs() < 1e-9, "each seed takes 10 % longer");
        assert_eq!((finding.change.higher, finding.change.verdict()), (6, Verdict::Higher));
        assert_eq!(evidence.finding(0, Measure::MedianDownload), None);
        assert_eq!(evidence.finding(1, Measure::Efficiency), None, "there is no bound");
    }

    #[test]
    fn a_value_that_some_seeds_did_not_reach_is_shown_as_a_median() {
        let a = rows(&[10.0, f64::INFINITY, 14.0]);
        let evidence = Evidence::new("case", &[("a", &a)]);
        let median = evidence.variants[0].estimated(Measure::MedianDownload).unwrap();
        assert_eq!(median.not_reached, 1);
        assert_eq!(median.shown().reached(), Some(14.0), "of 10, 14 and never");
        assert_eq!(median.mean.reached(), None);
    }

    #[test]
    #[should_panic(expected = "the same seeds")]
    fn other_seeds_are_no_pairs() {
        let (a, mut b) = (rows(&[1.0, 2.0]), rows(&[1.0, 2.0]));
        b[1].seed = 9;
        Evidence::new("case", &[("a", &a), ("b", &b)]);
    }
}

//! How far a mean or a median of seeds may be off: percentile bootstrap intervals.
//!
//! The seeds are resampled with replacement, [`RESAMPLES`] times; the interval reaches from the 2.5 % to the 97.5 % quantile
//! of what the resamples give (the percentile interval of Efron and Tibshirani, "An Introduction to the Bootstrap", 1993,
//! chapter 13). It assumes no shape of the distribution, and unlike the accelerated interval (`BCa`) and those of Student's t it
//! can be told of values that are infinite. For small samples it is a little too short (Hesterberg, "What Teachers Should
//! Know About the Bootstrap", 2015), so none is given for fewer than [`LEAST_SEEDS`]: below that not even a unanimous sign
//! test would be significant.
//!
//! The generator is the project's own with a purpose of its own: the same values give the same interval on every machine.

use minibit_core::Seed;
use minibit_core::rng::{Purpose, Rng};

use super::distribution::{float_len, quantile};

/// Resamples per interval.
pub const RESAMPLES: usize = 10_000;
/// Resamples per band: a picture shows no third digit.
pub const BAND_RESAMPLES: usize = 1000;
/// With five pairs all of one sign, chance alone does as much in 2 of 32 cases, which is more than 5 %; with six, in 2 of 64.
pub const LEAST_SEEDS: usize = 6;
/// What the interval leaves out on each side.
const TAIL: f64 = 0.025;

/// What is estimated of the values of all seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Centre {
    /// The arithmetic mean; infinite as soon as one value is.
    Mean,
    /// The 0.5 quantile; infinite when half of the values are.
    Median,
}

impl Centre {
    /// The mean where it exists, that is where all values are finite, and the median otherwise.
    pub fn suited(values: &[f64]) -> Self {
        if values.iter().all(|value| value.is_finite()) { Self::Mean } else { Self::Median }
    }

    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Median => "median",
        }
    }

    /// Of these values, which it may put into another order; `None` when there are none.
    fn of(self, values: &mut [f64]) -> Option<f64> {
        match self {
            Self::Mean => super::mean(values),
            Self::Median => {
                values.sort_unstable_by(f64::total_cmp);
                quantile(values, 0.5)
            }
        }
    }
}

/// From where to where the true value may lie, with 95 % confidence. The ends may be infinite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// Does it contain this value, its ends included?
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }
}

/// A value made of the values of all seeds, and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// What was taken.
    pub centre: Centre,
    /// The value; infinite when it was not reached.
    pub value: f64,
    /// Where it may lie; `None` with fewer than [`LEAST_SEEDS`] seeds.
    pub interval: Option<Interval>,
}

impl Estimate {
    /// The estimate of a mean or median from one value per seed; `None` when there are none.
    ///
    /// `owner` chooses the stream of resamples. Equal owners resample alike, so that values which depend on each other
    /// keep doing so.
    pub fn new(values: &[f64], centre: Centre, owner: u32) -> Option<Self> {
        let value = centre.of(&mut values.to_vec())?;
        let interval = (values.len() >= LEAST_SEEDS).then(|| interval(values, centre, owner));
        Some(Self { centre, value, interval })
    }

    /// The value when it was reached.
    pub fn reached(&self) -> Option<f64> {
        Some(self.value).filter(|value| value.is_finite())
    }
}

/// The generator of resamples.
pub fn resampler(owner: u32) -> Rng {
    Seed::from_number(0).stream(Purpose::Bootstrap, owner)
}

/// For curves that are given at common points, one per seed: the interval of their mean at each point. The seeds are
/// resampled as a whole, [`BAND_RESAMPLES`] times. Empty with fewer than [`LEAST_SEEDS`].
///
/// # Panics
/// When the curves are not of the same length.
pub fn band_of_means(curves: &[Vec<f64>]) -> Vec<Interval> {
    if curves.len() < LEAST_SEEDS {
        return Vec::new();
    }
    let points = curves[0].len();
    let mut rng = resampler(u32::MAX);
    // How often each seed was drawn.
    let resamples: Vec<Vec<f64>> = (0..BAND_RESAMPLES)
        .map(|_| {
            let mut times = vec![0.0; curves.len()];
            for _ in curves {
                times[rng.index(curves.len())] += 1.0;
            }
            times
        })
        .collect();
    let at = |point: usize| {
        let values: Vec<f64> = curves.iter().map(|curve| curve[point]).collect();
        if values.iter().all(|value| value.to_bits() == values[0].to_bits()) {
            return Interval { low: values[0], high: values[0] };
        }
        let mean = |times: &Vec<f64>| {
            times.iter().zip(&values).map(|(times, value)| times * value).sum::<f64>()
                / float_len(values.len())
        };
        let mut means: Vec<f64> = resamples.iter().map(mean).collect();
        means.sort_unstable_by(f64::total_cmp);
        let end = |q| quantile(&means, q).expect("there are resamples");
        Interval { low: end(TAIL), high: end(1.0 - TAIL) }
    };
    (0..points).map(at).collect()
}

fn interval(values: &[f64], centre: Centre, owner: u32) -> Interval {
    if values.iter().all(|value| value.to_bits() == values[0].to_bits()) {
        return Interval { low: values[0], high: values[0] };
    }
    let mut rng = resampler(owner);
    let mut resample = vec![0.0; values.len()];
    let mut estimates: Vec<f64> = (0..RESAMPLES)
        .map(|_| {
            resample.fill_with(|| values[rng.index(values.len())]);
            centre.of(&mut resample).expect("there are values")
        })
        .collect();
    estimates.sort_unstable_by(f64::total_cmp);
    let end = |q| quantile(&estimates, q).expect("there are resamples");
    Interval { low: end(TAIL), high: end(1.0 - TAIL) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(a: f64, b: f64, tolerance: f64) {
        assert!((a - b).abs() <= tolerance, "{a} is not {b} ± {tolerance}");
    }

    #[test]
    fn the_mean_of_zeros_and_ones_has_the_interval_of_the_binomial() {
        // Ten values, half of them 1. A resample's sum is binomial(10, 1/2): P(≤ 1) = 11/1024 = 1.07 %, P(≤ 2) = 56/1024 =
        // 5.47 %. So the 2.5 % quantile of the mean is 0.2, and by symmetry the 97.5 % quantile 0.8.
        let values = [0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0];
        let estimate = Estimate::new(&values, Centre::Mean, 1).unwrap();
        near(estimate.value, 0.5, 1e-12);
        let interval = estimate.interval.unwrap();
        near(interval.low, 0.2, 1e-12);
        near(interval.high, 0.8, 1e-12);
    }

    #[test]
    fn a_median_beyond_what_was_reached_is_infinite_and_so_is_its_interval() {
        // Eight seeds of which three did not finish: median (3 + 4) / 2 + … by hand: sorted 1 2 3 4 5 ∞ ∞ ∞, positions 3 and 4.
        let infinite = f64::INFINITY;
        let values = [infinite, 1.0, 2.0, infinite, 3.0, 4.0, 5.0, infinite];
        assert_eq!(Centre::suited(&values), Centre::Median);
        let estimate = Estimate::new(&values, Centre::Median, 1).unwrap();
        near(estimate.value, 4.5, 1e-12);
        // A resample's median is infinite when at least four of eight draws are: binomial(8, 3/8) gives 1 - 0.65 = 35 %.
        let interval = estimate.interval.unwrap();
        assert!(interval.high.is_infinite() && interval.low.is_finite(), "{interval:?}");
        assert_eq!(Estimate::new(&values, Centre::Mean, 1).unwrap().reached(), None);
    }

    #[test]
    fn a_band_is_as_wide_as_the_intervals_of_its_points() {
        // The first point is that of the binomial above, the second the same in all curves.
        let curves: Vec<Vec<f64>> =
            (0..10).map(|seed| vec![if seed < 5 { 0.0 } else { 1.0 }, 0.25]).collect();
        let band = band_of_means(&curves);
        near(band[0].low, 0.2, 1e-9);
        near(band[0].high, 0.8, 1e-9);
        assert_eq!(band[1], Interval { low: 0.25, high: 0.25 });
        assert_eq!(band_of_means(&curves[..5]), []);
    }

    #[test]
    fn equal_values_are_certain_and_few_seeds_give_no_interval() {
        let same = Estimate::new(&[7.0; 30], Centre::Mean, 1).unwrap();
        assert_eq!(same.interval, Some(Interval { low: 7.0, high: 7.0 }));
        let few = Estimate::new(&[1.0, 2.0, 3.0, 4.0, 5.0], Centre::Mean, 1).unwrap();
        assert_eq!((few.value, few.interval), (3.0, None));
        assert_eq!(Estimate::new(&[], Centre::Mean, 1), None);
    }

    /// The promise of 95 %, kept: of 400 samples of 30 exponential values, whose mean is known, the interval misses few.
    #[test]
    fn the_interval_covers_the_truth_as_often_as_it_says() {
        let mut rng = Seed::from_number(1).stream(Purpose::Test, 0);
        let mut covered = 0;
        for _ in 0..400 {
            let values: Vec<f64> = (0..30).map(|_| rng.exponential(5.0)).collect();
            let interval = Estimate::new(&values, Centre::Mean, 1).unwrap().interval.unwrap();
            covered += i32::from(interval.contains(5.0));
        }
        // The percentile interval of 30 such skewed values covers about 92 %: 368 ± 16 (three standard deviations).
        assert!((352..=392).contains(&covered), "{covered} of 400");
    }

    #[test]
    fn the_figures_are_those_of_every_machine() {
        // A change of the generator, of the number of resamples or of the quantile changes every report: here it shows first.
        let values = [41.2, 40.0, 43.5, 39.9, 44.1, 42.0, 40.7, 41.9];
        let interval = Estimate::new(&values, Centre::Mean, 1).unwrap().interval.unwrap();
        assert_eq!(format!("{:.6} {:.6}", interval.low, interval.high), "40.700000 42.687812");
    }

    /// As the text says it: draw, take the mean, sort, count off.
    fn naive(values: &[f64], owner: u32) -> (f64, f64) {
        let mut rng = resampler(owner);
        let mut means = Vec::new();
        for _ in 0..RESAMPLES {
            let mut sum = 0.0;
            for _ in values {
                sum += values[usize::try_from(rng.below(values.len() as u64)).unwrap()];
            }
            means.push(sum / float_len(values.len()));
        }
        means.sort_by(|a, b| a.partial_cmp(b).unwrap());
        // Positions 0.025 · 9999 = 249.975 and 0.975 · 9999 = 9749.025.
        let low = means[249] + (means[250] - means[249]) * 0.975;
        let high = means[9749] + (means[9750] - means[9749]) * 0.025;
        (low, high)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn agrees_with_the_naive_implementation(values in prop::collection::vec(0.1..1e4_f64, 6..40), owner in 0..9_u32) {
            let estimate = Estimate::new(&values, Centre::Mean, owner).unwrap();
            let interval = estimate.interval.unwrap();
            let (low, high) = naive(&values, owner);
            prop_assert!((interval.low - low).abs() < 1e-6 && (interval.high - high).abs() < 1e-6);
            prop_assert!(interval.contains(estimate.value));
        }
    }
}

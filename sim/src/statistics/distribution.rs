//! Quantiles and means: the one definition that every file, figure and sentence of a report uses.
//!
//! A quantile is the linear interpolation between order statistics that R, `NumPy` and pandas use by default
//! (type 7 of Hyndman and Fan, "Sample quantiles in statistical packages", 1996), so that
//! `pandas.read_csv("peers.csv").download_s.median()` gives the figure of the report when everybody finished. A peer that
//! did not finish counts as an infinitely long download: it moves the quantiles up and is never dropped.

use std::time::Duration;

use minibit_core::time::nanos;

/// A whole number as a float, for figures that are shown and never decide anything.
#[expect(clippy::cast_precision_loss, reason = "reports show at most nine digits")]
pub fn float(value: u64) -> f64 {
    value as f64
}

/// A count as a float, like [`float`].
#[expect(clippy::cast_precision_loss, reason = "reports show at most nine digits")]
pub fn float_len(value: usize) -> f64 {
    value as f64
}

/// The quantile `q`, between 0 and 1, of values in ascending order; `None` when there are none. Infinite values are
/// allowed: what falls between a finite and an infinite one is infinite.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a position within the slice, which is not negative"
)]
pub fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let position = float_len(sorted.len().checked_sub(1)?) * q.clamp(0.0, 1.0);
    let below = position.floor();
    let weight = position - below;
    let low = sorted[below as usize];
    if weight == 0.0 {
        return Some(low);
    }
    let high = sorted[below as usize + 1];
    Some(if high.is_infinite() { high } else { low + (high - low) * weight })
}

/// The arithmetic mean; `None` when there are no values.
pub fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / float_len(values.len()))
}

/// `value` with at most six digits after the point: what files show of a computed figure.
pub fn rounded(value: f64) -> f64 {
    (value * 1e6).round() / 1e6
}

/// Values in ascending order, some of them infinite: the common form of download times, message counts and ratios.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Distribution {
    sorted: Vec<f64>,
    finite: usize,
}

impl Distribution {
    /// The finite `values` and, above them, so many infinite ones.
    pub fn new(mut values: Vec<f64>, infinite: usize) -> Self {
        values.sort_by(f64::total_cmp);
        let finite = values.len();
        values.resize(finite + infinite, f64::INFINITY);
        Self { sorted: values, finite }
    }

    /// Download times in seconds; `None` is a peer that did not finish.
    pub fn of_times(times: impl IntoIterator<Item = Option<Duration>>) -> Self {
        let mut infinite = 0;
        let mut values = Vec::new();
        for time in times {
            match time {
                Some(time) => values.push(nanos(time)),
                None => infinite += 1,
            }
        }
        Self::new(values.into_iter().map(|nanos| float(nanos) / 1e9).collect(), infinite)
    }

    /// Number of values, the infinite ones included.
    pub fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Are there no values at all?
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The finite values in ascending order.
    pub fn finite(&self) -> &[f64] {
        &self.sorted[..self.finite]
    }

    /// Number of infinite values.
    pub fn infinite(&self) -> usize {
        self.sorted.len() - self.finite
    }

    /// The quantile, when it is finite.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        quantile(&self.sorted, q).filter(|value| value.is_finite())
    }

    /// The 0.5 quantile, when it is finite.
    pub fn median(&self) -> Option<f64> {
        self.quantile(0.5)
    }

    /// The mean of the finite values.
    pub fn mean(&self) -> Option<f64> {
        mean(self.finite())
    }

    /// The share of all values that are at most `limit`.
    pub fn share_up_to(&self, limit: f64) -> f64 {
        if self.is_empty() {
            return 0.0;
        }
        float_len(self.finite().partition_point(|&value| value <= limit)) / float_len(self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_those_of_type_seven() {
        // By hand: positions (n - 1) q = 1.5 and 2.85.
        let values = [10.0, 20.0, 40.0, 80.0];
        assert_eq!(quantile(&values, 0.5), Some(30.0));
        assert!((quantile(&values, 0.95).unwrap() - 74.0).abs() < 1e-9);
        assert_eq!(quantile(&values, 0.0), Some(10.0));
        assert_eq!(quantile(&values, 1.0), Some(80.0));
        assert_eq!(quantile(&[7.0], 0.95), Some(7.0));
        assert_eq!(quantile(&[], 0.5), None);
    }

    #[test]
    fn who_does_not_finish_is_never_dropped() {
        let second = Duration::from_secs(1);
        let times =
            Distribution::of_times([Some(second * 4), None, Some(second * 2), Some(second * 3), None]);
        assert_eq!((times.len(), times.infinite()), (5, 2));
        assert_eq!(times.median(), Some(4.0));
        assert_eq!(times.quantile(0.6), None, "lies between a finite and an infinite download");
        assert_eq!(times.quantile(1.0), None);
        assert_eq!(times.mean(), Some(3.0), "the mean is of those who finished");
        assert!((times.share_up_to(3.0) - 0.4).abs() < 1e-12);
        assert!((times.share_up_to(1e9) - 0.6).abs() < 1e-12);
    }

    #[test]
    fn the_table_of_s5_gives_its_means() {
        let times = Distribution::new(vec![125.37, 125.66, 123.58, 126.14], 0);
        assert!((rounded(times.mean().unwrap()) - 125.1875).abs() < 1e-9);
        assert!((rounded(times.median().unwrap()) - 125.515).abs() < 1e-9);
    }
}

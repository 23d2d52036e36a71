//! One-way delays: fixed for a connection, or drawn for each message.

use minibit_core::Rng;
use minibit_core::time::nanos;

use crate::scenario::DurationDist;

/// The time that a message travels in one direction, beside what the access links take.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Delay {
    /// So many nanoseconds, always.
    Fixed(u64),
    /// Drawn for each message from the sending host's own stream.
    PerMessage(DurationDist),
}

impl Delay {
    /// The fixed delay, or the mean of those that are drawn, in nanoseconds.
    pub fn mean_nanos(&self) -> u64 {
        match *self {
            Self::Fixed(nanos) => nanos,
            Self::PerMessage(dist) => mean_nanos(dist),
        }
    }
}

/// Draws a duration, in nanoseconds.
pub fn draw_nanos(dist: DurationDist, rng: &mut Rng) -> u64 {
    match dist {
        DurationDist::Fixed(duration) => nanos(duration),
        DurationDist::Uniform(low, high) => rng.between(nanos(low), nanos(high)),
        DurationDist::Exponential(mean) => round(rng.exponential(float(nanos(mean)))),
        DurationDist::Weibull { scale, shape } => {
            round(float(nanos(scale)) * libm::pow(rng.exponential(1.0), 1.0 / shape))
        }
        DurationDist::LogNormal { median, sigma } => {
            round(float(nanos(median)) * libm::exp(sigma * rng.normal()))
        }
    }
}

/// The mean of a distribution, in nanoseconds.
pub fn mean_nanos(dist: DurationDist) -> u64 {
    match dist {
        DurationDist::Fixed(duration) | DurationDist::Exponential(duration) => nanos(duration),
        DurationDist::Uniform(low, high) => nanos(low).midpoint(nanos(high)),
        DurationDist::Weibull { scale, shape } => {
            round(float(nanos(scale)) * libm::tgamma(1.0 + 1.0 / shape))
        }
        DurationDist::LogNormal { median, sigma } => {
            round(float(nanos(median)) * libm::exp(sigma * sigma / 2.0))
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a drawn duration needs no more than 53 bits")]
const fn float(nanos: u64) -> f64 {
    nanos as f64
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "`as` saturates at both ends")]
fn round(nanos: f64) -> u64 {
    libm::round(nanos) as u64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use minibit_core::Seed;
    use minibit_core::rng::Purpose;

    use super::*;

    #[test]
    fn drawn_delays_have_the_stated_mean() {
        let ms = Duration::from_millis;
        let mut rng = Seed::from_number(1).stream(Purpose::Test, 0);
        for dist in [
            DurationDist::Fixed(ms(20)),
            DurationDist::Uniform(ms(10), ms(50)),
            DurationDist::Exponential(ms(30)),
            DurationDist::Weibull { scale: ms(30), shape: 0.8 },
            DurationDist::LogNormal { median: ms(20), sigma: 0.5 },
        ] {
            let draws = 50_000;
            let sum: u64 = (0..draws).map(|_| draw_nanos(dist, &mut rng)).sum();
            let ratio = float(sum / draws) / float(mean_nanos(dist));
            assert!((ratio - 1.0).abs() < 0.02, "{dist:?}: {ratio}");
        }
    }
}

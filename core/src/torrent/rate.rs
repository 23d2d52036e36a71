//! Transfer rates over a sliding window.

use crate::time::{Instant, NANOS_PER_SEC};

/// Bytes per second over the last 10 to 20 seconds: the current window of 10 s and the one before.
///
/// Legout et al. 2007 describe the mainline client's choker with a window of 20 s.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    window_start: Instant,
    current: u64,
    previous: u64,
    /// Length of what `previous` covers: zero for a new meter.
    previous_nanos: u64,
}

const WINDOW: u64 = 10 * NANOS_PER_SEC;

impl Rate {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { window_start: now, current: 0, previous: 0, previous_nanos: 0 }
    }

    pub(crate) fn add(&mut self, now: Instant, bytes: u32) {
        self.roll(now);
        self.current += u64::from(bytes);
    }

    /// Bytes per second.
    pub(crate) fn get(&mut self, now: Instant) -> u64 {
        self.roll(now);
        let span = (now.nanos_since(self.window_start) + self.previous_nanos).max(NANOS_PER_SEC);
        mul_div(self.current + self.previous, NANOS_PER_SEC, span)
    }

    fn roll(&mut self, now: Instant) {
        let elapsed = now.nanos_since(self.window_start);
        if elapsed < WINDOW {
            return;
        }
        let recent = elapsed < 2 * WINDOW;
        self.previous = if recent { self.current } else { 0 };
        self.previous_nanos = WINDOW;
        self.current = 0;
        self.window_start = Instant::from_nanos(now.as_nanos() - elapsed % WINDOW);
    }
}

/// `value * numerator / denominator` without overflow in between, saturating.
pub(crate) fn mul_div(value: u64, numerator: u64, denominator: u64) -> u64 {
    match value.checked_mul(numerator) {
        Some(product) => product / denominator,
        None => u64::try_from(u128::from(value) * u128::from(numerator) / u128::from(denominator))
            .unwrap_or(u64::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_steady_stream_is_measured_exactly() {
        let mut rate = Rate::new(Instant::ZERO);
        for second in 0..40 {
            rate.add(Instant::from_secs(second), 1_000);
        }
        assert_eq!(rate.get(Instant::from_secs(40)), 1_000);
    }

    #[test]
    fn old_traffic_is_forgotten() {
        let mut rate = Rate::new(Instant::ZERO);
        rate.add(Instant::from_secs(1), 100_000);
        assert_eq!(rate.get(Instant::from_secs(5)), 20_000);
        assert_eq!(rate.get(Instant::from_secs(15)), 100_000 / 15);
        assert_eq!(rate.get(Instant::from_secs(20)), 0);
        assert_eq!(rate.get(Instant::from_secs(1_000)), 0);
    }
}

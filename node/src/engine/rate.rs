//! A limit on bytes per second that the user has set, for all connections together.
//!
//! It delays reads and writes and decides nothing: the core sees a slower network. Whoever moves bytes pays for them
//! afterwards and waits until the debt is settled, so that limits far below a block's length work, too.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use minibit_core::Instant;
use minibit_core::time::NANOS_PER_SEC;

use crate::clock::Clock;

/// Bytes that are moved at a time reach this far: shorter is smoother, longer is fewer system calls.
const STEP: u64 = NANOS_PER_SEC / 20;
/// An idle limiter saves up no more than this.
const BURST: Duration = Duration::from_millis(100);

/// So many bytes per second.
#[derive(Debug)]
pub(crate) struct Limiter {
    bytes_per_sec: u64,
    clock: Clock,
    /// When everything that was moved so far is paid for.
    settled: Mutex<Instant>,
}

impl Limiter {
    /// A limiter of `bytes_per_sec`, which is at least one.
    pub(crate) fn new(bytes_per_sec: u64, clock: Clock) -> Self {
        Self { bytes_per_sec: bytes_per_sec.max(1), clock, settled: Mutex::new(clock.now()) }
    }

    /// The most bytes to move at a time.
    pub(crate) fn step(&self) -> usize {
        let bytes = u128::from(self.bytes_per_sec) * u128::from(STEP) / u128::from(NANOS_PER_SEC);
        usize::try_from(bytes).unwrap_or(usize::MAX).max(1024)
    }

    /// Bytes were moved: waits until the next ones may be.
    pub(crate) async fn pay(&self, bytes: usize) {
        let now = self.clock.now();
        let settled = self.charge(now, bytes as u64);
        if settled > now {
            tokio::time::sleep(settled - now).await;
        }
    }

    fn charge(&self, now: Instant, bytes: u64) -> Instant {
        let cost = u128::from(bytes) * u128::from(NANOS_PER_SEC) / u128::from(self.bytes_per_sec);
        let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        let saved_up = Instant::from_nanos(now.nanos_since(Instant::ZERO + BURST));
        *settled = (*settled).max(saved_up).after_nanos(u64::try_from(cost).unwrap_or(u64::MAX));
        *settled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_moved_is_paid_for_and_little_is_saved_up() {
        let limiter = Limiter::new(1_000_000, Clock::start());
        let start = Instant::from_secs(100);
        assert!(limiter.charge(start, 100_000) <= start, "a tenth of a second is saved up");
        let settled = limiter.charge(start, 500_000);
        assert_eq!(settled, start + Duration::from_millis(500));
        assert_eq!(limiter.charge(settled, 250_000), settled + Duration::from_millis(250));
        assert_eq!(limiter.step(), 50_000);
    }

    #[test]
    fn the_slowest_and_the_fastest_limit_do_not_overflow() {
        let clock = Clock::start();
        assert_eq!((Limiter::new(0, clock).bytes_per_sec, Limiter::new(0, clock).step()), (1, 1024));
        let fast = Limiter::new(u64::MAX, clock);
        assert!(fast.step() > 1 << 40);
        assert!(fast.charge(Instant::from_secs(1), u64::MAX) <= Instant::from_secs(2));
    }
}

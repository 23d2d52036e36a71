//! Time as the core sees it. This is the only file that asks the operating system what time it is.
//!
//! The core's epoch is the start of the clock. The system's monotonic clock stands behind it, so setting the date moves
//! nothing. It is taken as the runtime's timers have it: in a test that lets time stand still, both do.

use minibit_core::Instant;
use minibit_core::time::nanos;
use tokio::time::Instant as SystemInstant;

/// Moments since the program, or its part, began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    epoch: SystemInstant,
}

impl Clock {
    /// A clock that shows zero now.
    pub(crate) fn start() -> Self {
        Self { epoch: SystemInstant::now() }
    }

    /// Now.
    pub(crate) fn now(&self) -> Instant {
        Instant::from_nanos(nanos(self.epoch.elapsed()))
    }

    /// The system's name for a moment, to set a timer by; `None` when it is too far away to ever come.
    pub(crate) fn system(&self, moment: Instant) -> Option<SystemInstant> {
        self.epoch.checked_add(moment - Instant::ZERO)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_translate_both_ways() {
        let clock = Clock::start();
        let (before, after) = (clock.now(), clock.now());
        assert!(before <= after);
        let second = Instant::from_secs(1);
        assert_eq!(
            clock.system(second).unwrap() - clock.system(Instant::ZERO).unwrap(),
            second - Instant::ZERO
        );
    }
}

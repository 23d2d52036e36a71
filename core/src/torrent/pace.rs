//! How fast connections are opened: so many a second, and a burst at the start, so that nobody can make us knock at many
//! doors by naming them.

use crate::time::{Instant, NANOS_PER_SEC};

/// After a rest so many are allowed at once: a LAN's swarm is dialled without waiting.
const BURST: u64 = 20;

/// A limit on how often something is done.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Between two of them in the long run.
    interval: u64,
    /// When as much will be allowed as after a long rest.
    rested_at: Instant,
}

impl Pace {
    /// At most `per_second` in the long run; `None`: without limit.
    pub(crate) fn new(per_second: Option<u32>) -> Self {
        let interval = per_second.map_or(0, |rate| NANOS_PER_SEC / u64::from(rate.max(1)));
        Self { interval, rested_at: Instant::ZERO }
    }

    /// From when on the next one is allowed.
    pub(crate) fn next(&self) -> Instant {
        Instant::from_nanos(self.rested_at.as_nanos().saturating_sub((BURST - 1) * self.interval))
    }

    /// One more is done.
    pub(crate) fn take(&mut self, now: Instant) {
        self.rested_at = self.rested_at.max(now).after_nanos(self.interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many are done by each of these seconds, when it is tried every millisecond.
    fn done_by(rate: Option<u32>, seconds: [u64; 3]) -> [u32; 3] {
        let mut pace = Pace::new(rate);
        let mut done = 0;
        let mut by = [0; 3];
        for millis in 0..=seconds[2] * 1_000 {
            let now = Instant::from_millis(millis);
            while pace.next() <= now && done < 1_000 {
                pace.take(now);
                done += 1;
            }
            for (by, second) in by.iter_mut().zip(seconds) {
                if second * 1_000 == millis {
                    *by = done;
                }
            }
        }
        by
    }

    #[test]
    fn a_burst_and_then_so_many_a_second() {
        assert_eq!(done_by(Some(10), [0, 1, 5]), [20, 30, 70]);
        assert_eq!(done_by(None, [0, 1, 5]), [1_000; 3]);
    }
}

//! How many requests to keep outstanding on a connection.
//!
//! The depth follows the bandwidth-delay product: measured rate × (smallest measured delay + slack), and a block of the usual
//! length to spare. While a connection is new its depth grows by one with each block, as TCP's slow start does, until the rate
//! stops growing; so a fast LAN link is filled within a few round trips and a slow one is never flooded.

use crate::config::Requests;
use crate::geometry::BLOCK_LEN;
use crate::time::{Instant, NANOS_PER_SEC, nanos};
use crate::torrent::rate::mul_div;

/// The rate is measured over periods of at least this.
const PERIOD: u64 = NANOS_PER_SEC / 2;

/// State of one connection's pipeline.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pipeline {
    depth: u32,
    slow_start: bool,
    smallest_delay: u64,
    period_start: Instant,
    period_bytes: u64,
    last_rate: u64,
}

impl Pipeline {
    pub(crate) fn new(requests: Requests, block_len: u32, now: Instant) -> Self {
        let depth = match requests {
            Requests::Pipelined { min, .. } => least(min, block_len),
            Requests::Fixed(depth) => depth,
            Requests::Paced { .. } => 0,
        };
        Self {
            depth,
            slow_start: true,
            smallest_delay: u64::MAX,
            period_start: now,
            period_bytes: 0,
            last_rate: 0,
        }
    }

    /// Most outstanding requests at present.
    pub(crate) const fn depth(&self) -> u32 {
        self.depth
    }

    /// Requests begin after a pause: the pause says nothing about the rate.
    pub(crate) fn resume(&mut self, now: Instant) {
        self.period_start = now;
        self.period_bytes = 0;
    }

    /// A block of `bytes` has arrived that was asked for at `asked`.
    pub(crate) fn on_block(
        &mut self,
        requests: Requests,
        now: Instant,
        asked: Instant,
        bytes: u32,
        block_len: u32,
    ) {
        let Requests::Pipelined { min, max, slack } = requests else { return };
        self.smallest_delay = self.smallest_delay.min(now.nanos_since(asked));
        self.period_bytes += u64::from(bytes);
        if self.slow_start {
            self.depth = (self.depth + 1).min(max);
        }
        let elapsed = now.nanos_since(self.period_start);
        if elapsed < PERIOD {
            return;
        }
        let rate = mul_div(self.period_bytes, NANOS_PER_SEC, elapsed);
        if rate < self.last_rate + self.last_rate / 8 {
            self.slow_start = false;
        }
        if !self.slow_start {
            let reach = self.smallest_delay.saturating_add(nanos(slack));
            // No more than a usual block: a spare one of 256 KiB would bind a whole piece to this neighbour.
            let spare = u64::from(BLOCK_LEN.min(block_len));
            let blocks = (mul_div(rate, reach, NANOS_PER_SEC) + spare).div_ceil(u64::from(block_len));
            self.depth = u32::try_from(blocks).unwrap_or(max).clamp(least(min, block_len), max);
        }
        self.last_rate = rate;
        self.period_start = now;
        self.period_bytes = 0;
    }

    /// Requests went unanswered: begin again from the smallest depth.
    pub(crate) fn on_timeout(&mut self, requests: Requests, block_len: u32) {
        if let Requests::Pipelined { min, .. } = requests {
            self.depth = least(min, block_len);
            self.slow_start = false;
        }
    }
}

/// The smallest depth: `min` blocks of the usual length, or fewer longer ones. A pipeline of four blocks of 256 KiB would bind four
/// pieces to a neighbour before it has sent the first.
fn least(min: u32, block_len: u32) -> u32 {
    u32::try_from(u64::from(min) * u64::from(BLOCK_LEN) / u64::from(block_len.max(1)))
        .unwrap_or(min)
        .clamp(min.min(1), min)
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use super::*;

    const PIPELINED: Requests = Requests::Pipelined { min: 4, max: 128, slack: Duration::from_millis(500) };
    const BLOCK: u32 = 16 * 1024;

    /// A link of `blocks_per_sec` and a round trip of `rtt` milliseconds, kept full by the pipeline.
    fn settle(blocks_per_sec: u64, rtt: u64, requests: Requests) -> u32 {
        settle_with(BLOCK, blocks_per_sec, rtt, requests)
    }

    fn settle_with(block: u32, blocks_per_sec: u64, rtt: u64, requests: Requests) -> u32 {
        let mut pipeline = Pipeline::new(requests, block, Instant::ZERO);
        let mut asked = std::collections::VecDeque::new();
        let (mut now, mut link_free) = (Instant::ZERO, Instant::ZERO);
        while now < Instant::from_secs(30) {
            while asked.len() < pipeline.depth() as usize {
                asked.push_back(now);
            }
            let request = asked.pop_front().unwrap();
            let start = link_free.max(request.after_nanos(rtt * 500_000));
            link_free = start.after_nanos(NANOS_PER_SEC / blocks_per_sec);
            now = now.max(link_free.after_nanos(rtt * 500_000));
            pipeline.on_block(requests, now, request, block, block);
        }
        pipeline.depth()
    }

    #[test]
    fn depth_covers_the_bandwidth_delay_product() {
        let needed = 64 * (100 + 16) / 1000 + 1;
        let depth = settle(64, 100, PIPELINED);
        assert!(depth >= needed && depth <= 64, "{depth}");
    }

    #[test]
    fn a_slow_link_keeps_a_short_queue_and_a_fast_one_the_longest() {
        assert!(settle(4, 20, PIPELINED) <= 6);
        assert_eq!(settle(10_000, 10, PIPELINED), 128);
    }

    #[test]
    fn long_blocks_make_a_short_pipeline() {
        assert_eq!([4, 16, 32, 256].map(|kib| least(4, kib * 1024)), [4, 4, 2, 1]);
        // A block in a second, and half a second ahead: one that comes, one that waits.
        assert_eq!(settle_with(256 * 1024, 1, 20, PIPELINED), 2);
        // No shorter than the round trip asks for.
        assert!(settle_with(256 * 1024, 8, 500, PIPELINED) > 5);
    }

    #[test]
    fn fixed_stays_fixed() {
        assert_eq!(settle(64, 100, Requests::Fixed(7)), 7);
    }
}

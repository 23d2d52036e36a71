//! A limit on bytes per second that the user has set, for all connections together.
//!
//! It delays reads and writes and decides nothing: the core sees a slower network. It is the link of the simulator's model: it serves one
//! connection at a time, in turns of a block or of what is shorter, and what it serves has passed at the end of
//! its time. So what was simulated with such an uplink is what happens.

use std::sync::Arc;
use std::time::Duration;

use minibit_core::Instant;
use minibit_core::geometry::BLOCK_LEN;
use minibit_core::time::NANOS_PER_SEC;
use tokio::sync::{Mutex, MutexGuard};

use crate::clock::Clock;

/// A turn: a block with its header. What is longer takes several, and others have theirs in between.
const TURN: usize = BLOCK_LEN as usize + 64;
/// Where a turn is shorter than this, more is moved at a time: system calls would cost more than the limit is worth.
const SHORTEST: u64 = NANOS_PER_SEC / 1000;
/// Timers ring late on a busy machine. What a connection had to wait for longer than its turn took is made up for, up to this.
const LATEST: Duration = Duration::from_millis(100);

/// So many bytes per second.
#[derive(Debug)]
pub(crate) struct Limiter {
    bytes_per_sec: u64,
    clock: Clock,
    /// When the link is free again; locked while it serves somebody. Who waits gets it in the order of coming.
    free_at: Mutex<Instant>,
}

impl Limiter {
    /// A limiter of `bytes_per_sec`, which is at least one.
    pub(crate) fn new(bytes_per_sec: u64, clock: Clock) -> Self {
        Self { bytes_per_sec: bytes_per_sec.max(1), clock, free_at: Mutex::new(clock.now()) }
    }

    fn cost(&self, bytes: usize) -> u64 {
        let cost = u128::from(bytes as u64) * u128::from(NANOS_PER_SEC) / u128::from(self.bytes_per_sec);
        u64::try_from(cost).unwrap_or(u64::MAX)
    }
}

/// One direction of a connection, which waits for its turns.
#[derive(Debug)]
pub(crate) struct Paced {
    limiter: Arc<Limiter>,
    /// When its last turn ended, unless it has had nothing to move since.
    last: Option<Instant>,
}

impl Paced {
    pub(crate) const fn new(limiter: Arc<Limiter>) -> Self {
        Self { limiter, last: None }
    }

    /// The most bytes to move in a turn.
    pub(crate) fn most(&self) -> usize {
        let bytes = u128::from(self.limiter.bytes_per_sec) * u128::from(SHORTEST) / u128::from(NANOS_PER_SEC);
        usize::try_from(bytes).unwrap_or(usize::MAX).max(TURN)
    }

    /// It has nothing to move: its next turn is counted from when it has. At rates at which more is moved at a time, who keeps up has
    /// nothing to move while the other end has not heard of the last turn, and that is no rest.
    pub(crate) fn rest(&mut self) {
        if self.most() == TURN {
            self.last = None;
        }
    }

    /// Waits for its turn.
    pub(crate) async fn turn(&mut self) -> Turn<'_> {
        let Self { limiter, last } = self;
        let (free_at, since) = match limiter.free_at.try_lock() {
            Ok(free_at) => (free_at, last.unwrap_or(Instant::MAX)),
            // Who has waited goes on where the one before has ended.
            Err(_) => (limiter.free_at.lock().await, Instant::ZERO),
        };
        Turn { now: limiter.clock.now(), since, free_at, limiter, last }
    }
}

/// It is a connection's turn. Nobody else is served before it is over.
#[derive(Debug)]
pub(crate) struct Turn<'a> {
    now: Instant,
    /// It could have begun at this time, had the clock been exact.
    since: Instant,
    free_at: MutexGuard<'a, Instant>,
    limiter: &'a Limiter,
    last: &'a mut Option<Instant>,
}

impl Turn<'_> {
    /// Takes it for so many bytes: waits until they have passed.
    pub(crate) async fn take(mut self, bytes: usize) {
        let end = self.end(bytes);
        // What is shorter than a timer can tell is not waited for.
        if end.nanos_since(self.now) >= SHORTEST {
            tokio::time::sleep(end - self.now).await;
        }
    }

    fn end(&mut self, bytes: usize) -> Instant {
        let latest = Instant::from_nanos(self.now.nanos_since(Instant::ZERO + LATEST));
        let begin = self.free_at.max(self.since.clamp(latest, self.now));
        let end = begin.after_nanos(self.limiter.cost(bytes));
        *self.free_at = end;
        *self.last = Some(end);
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);
    const START: Instant = Instant::from_secs(100);

    fn paced(bytes_per_sec: u64) -> Paced {
        let mut limiter = Limiter::new(bytes_per_sec, Clock::start());
        *limiter.free_at.get_mut() = Instant::ZERO;
        Paced::new(Arc::new(limiter))
    }

    /// The end of a turn that comes `at` some time after the start.
    async fn end(paced: &mut Paced, at: Duration, bytes: usize) -> Duration {
        let mut turn = paced.turn().await;
        turn.now = START + at;
        turn.end(bytes) - START
    }

    #[tokio::test]
    async fn nothing_is_saved_up_and_a_late_timer_costs_nothing() {
        let mut paced = paced(1_000_000);
        assert_eq!(end(&mut paced, Duration::ZERO, 10_000).await, 10 * MS, "an idle link is no faster");
        assert_eq!(end(&mut paced, 15 * MS, 10_000).await, 20 * MS, "the timer rang late");
        assert_eq!(end(&mut paced, 500 * MS, 10_000).await, 410 * MS, "very late");
        paced.rest();
        assert_eq!(end(&mut paced, 600 * MS, 10_000).await, 610 * MS);
        paced.rest();
        assert_eq!(end(&mut paced, 605 * MS, 10_000).await, 620 * MS, "the link is not free before");
    }

    #[tokio::test(start_paused = true)]
    async fn connections_are_served_in_turns() {
        let limiter = Arc::new(Limiter::new(1_000, Clock::start()));
        let served = Arc::new(std::sync::Mutex::new(Vec::new()));
        let connections = ["a", "b", "c"].map(|name| {
            let (mut paced, served) = (Paced::new(Arc::clone(&limiter)), Arc::clone(&served));
            tokio::spawn(async move {
                for _ in 0..3 {
                    paced.turn().await.take(1_000).await;
                    served.lock().unwrap().push(name);
                }
            })
        });
        for connection in connections {
            connection.await.unwrap();
        }
        assert_eq!(served.lock().unwrap().concat(), "abcabcabc");
    }

    #[tokio::test]
    async fn the_slowest_and_the_fastest_limit_do_not_overflow() {
        assert_eq!((paced(0).limiter.bytes_per_sec, paced(0).most()), (1, TURN));
        let mut fast = paced(u64::MAX);
        assert!(fast.most() > 1 << 40);
        assert!(end(&mut fast, Duration::ZERO, usize::MAX).await <= Duration::from_secs(1));
    }
}

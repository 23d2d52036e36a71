//! Seeding: everyone in turn, so that all interested peers get the same service over time.
//!
//! After the *new* seed choke of mainline 4.0 (Legout et al. 2007): peers are ordered by the time of
//! their last unchoke, not by how fast they take, so that a fast free rider cannot keep a seeder to itself. A peer keeps
//! its slot for one [`Choking::optimistic_interval`]; after that it gives way as soon as somebody waits, those served
//! longest first; of those unchoked at the same time, the one that takes fastest stays. Theirs draws one slot at random;
//! here who waits longest is next, so that every peer is served within `optimistic_interval * ceil(waiting / slots)`.
//! A connection starts at the end of the queue: nothing is won by connecting again.

use core::cmp::Reverse;

use super::{Candidate, interested};
use crate::config::Choking;
use crate::id::ConnId;
use crate::rng::Rng;
use crate::time::{Instant, nanos};

/// Those who wait, and how long a turn is.
#[derive(Debug)]
pub(super) struct RoundRobin {
    /// Nanoseconds after which a served peer gives way. Half a round short of the configured time: a round that comes a
    /// little early must not double the turn.
    turn: u64,
    /// Interested and choked at the last round, who waits longest first.
    queue: Vec<ConnId>,
}

impl RoundRobin {
    pub(super) fn new(choking: &Choking) -> Self {
        let turn = nanos(choking.optimistic_interval).saturating_sub(nanos(choking.interval) / 2);
        Self { turn, queue: Vec::new() }
    }

    /// A round: adds those whose turn is not over, then those who wait, then those who may stay for lack of others.
    pub(super) fn fill(
        &mut self,
        now: Instant,
        slots: usize,
        candidates: &[Candidate],
        rng: &mut Rng,
        unchoke: &mut Vec<ConnId>,
    ) {
        let mut peers: Vec<&Candidate> = interested(candidates).collect();
        rng.shuffle(&mut peers);
        let (mut served, waiting): (Vec<&Candidate>, Vec<&Candidate>) =
            peers.into_iter().partition(|peer| peer.unchoked);

        self.queue.retain(|&conn| waiting.iter().any(|peer| peer.conn == conn));
        for peer in waiting {
            if !self.queue.contains(&peer.conn) {
                self.queue.push(peer.conn);
            }
        }

        // Most recently unchoked first; one that was unchoked at an unknown time has had its turn.
        served.sort_by_key(|peer| Reverse((peer.unchoked_at, peer.upload_rate)));
        let in_turn =
            |peer: &&Candidate| peer.unchoked_at.is_some_and(|since| now.nanos_since(since) < self.turn);
        let (keep, over): (Vec<&Candidate>, Vec<&Candidate>) = served.into_iter().partition(in_turn);
        unchoke.extend(keep.iter().map(|peer| peer.conn));
        unchoke.truncate(slots);
        let next = self.queue.len().min(slots - unchoke.len());
        unchoke.extend(self.queue.drain(..next));
        // Those who give way are choked in the next round, and join the queue there.
        let free = slots - unchoke.len();
        unchoke.extend(over.iter().take(free).map(|peer| peer.conn));
    }

    /// The connection is gone.
    pub(super) fn forget(&mut self, conn: ConnId) {
        self.queue.retain(|&other| other != conn);
    }
}

//! Whom to serve: which of the interested peers are unchoked until the next round.
//!
//! A [`Choker`] holds rounds. Each looks at all connections and names those to serve from then on; the caller sends
//! `choke` and `unchoke` to those whose state changes. Between rounds a free slot may be given away at once
//! ([`Choker::admits`]), so that nobody waits ten seconds for a slot that stands empty.
//!
//! Read first: BEP 3, the paragraphs on choking; Cohen 2003, *Choking Algorithms*; Legout et al. 2007 for seeders.
//!
//! | algorithm | regular slots | optimistic slots |
//! |---|---|---|
//! | [`TitForTat`](ChokeAlgorithm::TitForTat) | the fastest senders; not who snubs us | drawn; regular slots that stay free as well |
//! | the same, seeding | all slots take turns | |
//! | [`RandomSlots`](ChokeAlgorithm::RandomSlots) | all slots are drawn anew in each round | |
//! | [`Contribution`](ChokeAlgorithm::Contribution) | who has sent most; nobody who has sent nothing | drawn |
//! | the same, seeding | as `RandomSlots`: nobody can contribute to a seeder | |
//! | [`Rarity`](ChokeAlgorithm::Rarity) | who holds the rarest pieces | drawn |
//! | [`None`](ChokeAlgorithm::None) | everyone who is interested | |
//!
//! # Peers that are not interested
//! are never named by a round, so the caller chokes them: as libtorrent does, and unlike mainline, where fast peers
//! stay unchoked without interest and later push another one out. A slot is for those who use it. One that loses
//! interest may stay unchoked until the next round, but must be let in again by [`Choker::admits`] when it comes back:
//! its slot may be taken.

mod contribution;
mod optimistic;
mod random_slots;
mod ranking;
mod rarity;
mod round_robin;
#[cfg(test)]
mod tests;
mod tit_for_tat;

use optimistic::Optimistic;
use round_robin::RoundRobin;

use crate::config::{ChokeAlgorithm, Choking};
use crate::id::ConnId;
use crate::rng::Rng;
use crate::time::Instant;

/// One connection as the choker sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts about a connection, as the protocol has them"
)]
pub struct Candidate {
    /// The connection.
    pub conn: ConnId,
    /// The peer wants something from us.
    pub interested: bool,
    /// We serve the peer now.
    pub unchoked: bool,
    /// The peer was asked for blocks and has sent none for [`Choking::snub_after`].
    pub snubbed: bool,
    /// The connection is young: three times the chance of an optimistic slot (BEP 3).
    pub newly_connected: bool,
    /// Bytes per second of block data from the peer, over a sliding window.
    pub download_rate: u64,
    /// Bytes per second of block data to the peer, over a sliding window.
    pub upload_rate: u64,
    /// Bytes of block data from the peer since the connection opened.
    pub downloaded: u64,
    /// When the peer was last unchoked, whether or not it still is.
    pub unchoked_at: Option<Instant>,
    /// The higher, the rarer are the pieces that the peer holds. Looked at only if [`Choker::wants_rarity`].
    pub rarity: u64,
}

/// Decides whom to serve.
#[derive(Debug)]
pub struct Choker {
    choking: Choking,
    next_round: Instant,
    optimistic: Optimistic,
    turns: RoundRobin,
}

impl Choker {
    /// A choker whose first round is one interval after `now`.
    pub fn new(choking: Choking, now: Instant) -> Self {
        Self {
            choking,
            next_round: now + choking.interval,
            optimistic: Optimistic::new(&choking),
            turns: RoundRobin::new(&choking),
        }
    }

    /// When the next round is due. `None` when nobody is ever choked ([`ChokeAlgorithm::None`]).
    pub fn next_round(&self) -> Option<Instant> {
        (self.choking.algorithm != ChokeAlgorithm::None).then_some(self.next_round)
    }

    /// Does the algorithm look at [`Candidate::rarity`]?
    pub fn wants_rarity(&self) -> bool {
        self.choking.algorithm == ChokeAlgorithm::Rarity
    }

    /// Holds a round: fills `unchoke`, which is cleared first, with the connections to serve from now on. All others
    /// among the candidates are to be choked.
    ///
    /// Names interested candidates only, none twice, and at most as many as there are regular and optimistic slots
    /// (except for [`ChokeAlgorithm::None`]). `seeding`: we have every piece.
    pub fn round(
        &mut self,
        now: Instant,
        seeding: bool,
        candidates: &[Candidate],
        rng: &mut Rng,
        unchoke: &mut Vec<ConnId>,
    ) {
        unchoke.clear();
        self.next_round = now + self.choking.interval;
        let Choking { algorithm, slots, optimistic_slots, .. } = self.choking;
        let (slots, lucky) = (slots as usize, optimistic_slots as usize);
        match (algorithm, seeding) {
            (ChokeAlgorithm::TitForTat, true) => {
                self.turns.fill(now, slots + lucky, candidates, rng, unchoke);
            }
            (ChokeAlgorithm::TitForTat, false) => {
                ranking::fill(slots, candidates, tit_for_tat::merit, rng, unchoke);
                let free = slots - unchoke.len();
                self.optimistic.fill(lucky + free, candidates, rng, unchoke);
            }
            (ChokeAlgorithm::RandomSlots, _) | (ChokeAlgorithm::Contribution, true) => {
                random_slots::fill(slots + lucky, candidates, rng, unchoke);
            }
            (ChokeAlgorithm::Contribution, false) => {
                ranking::fill(slots, candidates, contribution::merit, rng, unchoke);
                self.optimistic.fill(lucky, candidates, rng, unchoke);
            }
            (ChokeAlgorithm::Rarity, _) => {
                ranking::fill(slots, candidates, rarity::merit, rng, unchoke);
                self.optimistic.fill(lucky, candidates, rng, unchoke);
            }
            (ChokeAlgorithm::None, _) => {
                unchoke.extend(interested(candidates).map(|candidate| candidate.conn));
            }
        }
    }

    /// May this peer, which has just become interested, be served at once? To be asked also when it is unchoked still
    /// from an earlier interest; if not, it is to be choked. When true, the caller unchokes it: the slot counts as taken.
    ///
    /// `unchoked_interested`: how many *other* peers are interested and unchoked now.
    ///
    /// True for [`ChokeAlgorithm::None`]. Else only if [`Choking::immediate`], and there is a free slot that the peer may
    /// have: at the start of a swarm, when nobody has merits, the first ones get an optimistic slot each and keep
    /// it as long as if it had been drawn, the next ones get regular slots, which the next round gives to whom they belong.
    pub fn admits(&mut self, seeding: bool, candidate: &Candidate, unchoked_interested: u32) -> bool {
        let Choking { algorithm, slots, optimistic_slots, immediate, .. } = self.choking;
        if algorithm == ChokeAlgorithm::None {
            return true;
        }
        if !immediate || unchoked_interested >= slots.saturating_add(optimistic_slots) {
            return false;
        }
        match (algorithm, seeding) {
            (ChokeAlgorithm::TitForTat, false) | (ChokeAlgorithm::Rarity, _) => {
                self.optimistic.admit(candidate.conn);
                true
            }
            (ChokeAlgorithm::Contribution, false) => {
                contribution::merit(candidate).is_some() || self.optimistic.admit(candidate.conn)
            }
            _ => true,
        }
    }

    /// The connection is gone.
    pub fn forget(&mut self, conn: ConnId) {
        self.optimistic.forget(conn);
        self.turns.forget(conn);
    }
}

/// Those that a slot is of use to.
fn interested(candidates: &[Candidate]) -> impl Iterator<Item = &Candidate> {
    candidates.iter().filter(|candidate| candidate.interested)
}

//! Slots by luck (BEP 3; Cohen 2003, *Optimistic Unchoking*): the way to find better partners, and for newcomers the
//! way to get something to trade.
//!
//! A slot is kept for [`Choking::optimistic_interval`], counted in rounds so that late timers do not stretch it: long
//! enough for the peer to reciprocate and earn a regular slot. Then, or when the peer earns one or loses interest, another
//! peer is drawn.
//!
//! Peers are drawn *without putting back*: uniformly among those that wait and were not drawn in this cycle, newly
//! connected ones with weight three; when there are none, a new cycle begins. Every waiting peer is equally likely as with
//! plain draws, but none is forgotten by chance: who becomes interested is served after at most as many draws as there are
//! interested peers, and waits between two turns for less than twice as many.

use super::{Candidate, interested};
use crate::config::Choking;
use crate::id::ConnId;
use crate::rng::Rng;
use crate::time::nanos;

/// How much likelier a newly connected peer is drawn (BEP 3: "three times as likely").
const NEWCOMER_WEIGHT: u64 = 3;

/// The optimistic slots and who has had one.
#[derive(Debug)]
pub(super) struct Optimistic {
    slots: usize,
    /// How many rounds a slot is kept.
    rounds: u64,
    held: Vec<Held>,
    /// Those drawn in this cycle, in order of their ids.
    drawn: Vec<ConnId>,
}

/// A slot that is taken, for so many rounds more.
#[derive(Debug)]
struct Held {
    conn: ConnId,
    rounds_left: u64,
}

impl Optimistic {
    pub(super) fn new(choking: &Choking) -> Self {
        let rounds = nanos(choking.optimistic_interval).div_ceil(nanos(choking.interval).max(1)).max(1);
        Self { slots: choking.optimistic_slots as usize, rounds, held: Vec::new(), drawn: Vec::new() }
    }

    /// A round, after the regular slots: adds the peers in `slots` slots to `unchoke`, which holds the regular ones.
    pub(super) fn fill(
        &mut self,
        slots: usize,
        candidates: &[Candidate],
        rng: &mut Rng,
        unchoke: &mut Vec<ConnId>,
    ) {
        let mut waiting: Vec<(ConnId, u64)> = interested(candidates)
            .filter(|candidate| !unchoke.contains(&candidate.conn))
            .map(|candidate| (candidate.conn, if candidate.newly_connected { NEWCOMER_WEIGHT } else { 1 }))
            .collect();
        self.held.retain_mut(|held| {
            held.rounds_left = held.rounds_left.saturating_sub(1);
            held.rounds_left > 0 && waiting.iter().any(|&(conn, _)| conn == held.conn)
        });
        self.held.truncate(slots);
        waiting.retain(|&(conn, _)| self.held.iter().all(|held| held.conn != conn));
        while self.held.len() < slots
            && let Some(conn) = self.draw(&mut waiting, rng)
        {
            self.held.push(Held { conn, rounds_left: self.rounds });
        }
        unchoke.extend(self.held.iter().map(|held| held.conn));
    }

    /// Between rounds: gives the peer a slot if one is free, or if it has one already.
    pub(super) fn admit(&mut self, conn: ConnId) -> bool {
        if self.held.iter().any(|held| held.conn == conn) {
            return true;
        }
        let free = self.held.len() < self.slots;
        if free {
            self.held.push(Held { conn, rounds_left: self.rounds });
            self.mark_drawn(conn);
        }
        free
    }

    /// The connection is gone.
    pub(super) fn forget(&mut self, conn: ConnId) {
        self.held.retain(|held| held.conn != conn);
        if let Ok(at) = self.drawn.binary_search(&conn) {
            self.drawn.remove(at);
        }
    }

    /// Takes one of those who wait, by weight, among those whose turn in this cycle is still to come.
    fn draw(&mut self, waiting: &mut Vec<(ConnId, u64)>, rng: &mut Rng) -> Option<ConnId> {
        if waiting.iter().all(|(conn, _)| self.drawn.binary_search(conn).is_ok()) {
            self.drawn.clear();
        }
        let to_come = |conn: &ConnId, drawn: &[ConnId]| drawn.binary_search(conn).is_err();
        let total: u64 = waiting.iter().filter(|(conn, _)| to_come(conn, &self.drawn)).map(|&(_, w)| w).sum();
        if total == 0 {
            return None;
        }
        let mut ticket = rng.below(total);
        let at = waiting.iter().position(|&(ref conn, weight)| {
            let (turn, here) = (to_come(conn, &self.drawn), ticket < weight);
            ticket -= if turn && !here { weight } else { 0 };
            turn && here
        })?;
        let (conn, _) = waiting.remove(at);
        self.mark_drawn(conn);
        Some(conn)
    }

    fn mark_drawn(&mut self, conn: ConnId) {
        if let Err(at) = self.drawn.binary_search(&conn) {
            self.drawn.insert(at, conn);
        }
    }
}

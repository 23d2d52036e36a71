//! Turns: how a participant without a choke algorithm serves no more than so many peers at a time.
//!
//! With [`ChokeAlgorithm::None`] nobody is choked for cause. With a limit on parallel uploads besides, an interested peer is
//! unchoked for one piece, and then the turn goes to the one whose last turn is longest ago, of equals to one drawn uniformly. One more than are served holds a turn, so that its
//! request is here when a service ends.
//!
//! Why not unchoke everybody: everybody's request would wait in our queue, so that a piece is chosen long before it is sent. What was rare
//! then is common by now; the same piece is asked of its first holder by all, who serves them one by one while those that have it
//! already are asked for nothing, and copies grow linearly instead of doubling.

use core::time::Duration;

use crate::boundary::{Env, Outbox};
use crate::config::ChokeAlgorithm;
use crate::id::ConnId;
use crate::time::{Instant, NANOS_PER_SEC, nanos};
use crate::torrent::Torrent;
use crate::torrent::peer::Peer;

/// Who holds a turn and asks for nothing for so long loses it to somebody who waits: longer than most round trips. For a peer whose
/// request comes when its turn is lost it is doubled.
pub(crate) const PATIENCE: Duration = Duration::from_millis(200);
/// It is not doubled beyond this.
const MOST_PATIENCE: u64 = 5 * NANOS_PER_SEC;

impl<E: Env> Torrent<E> {
    /// Most holders of a turn; `None` when there are no turns.
    pub(crate) fn turn_holders(&self) -> Option<u32> {
        let choking = &self.config.choking;
        let limit = choking.parallel_uploads.filter(|_| choking.algorithm == ChokeAlgorithm::None);
        let limit = limit.filter(|_| self.config.interest);
        limit.map(|parallel| parallel.saturating_add(1))
    }

    /// May one more peer hold a turn? Who is still being served counts.
    pub(crate) fn room_for_turn(&mut self, now: Instant, newcomer: ConnId) -> bool {
        let Some(most) = self.turn_holders() else { return true };
        let holds = |peer: &Peer<E>| peer.is_being_served() || (!peer.am_choking && peer.peer_interested);
        let holders =
            self.conns.iter().filter(|&(conn, peer)| conn != newcomer && peer.is_open() && holds(peer));
        let room = holders.count() < most as usize;
        self.timers.turn.get_or_insert(now + PATIENCE);
        room
    }

    /// A peer has been handed a piece's worth: its turn is over, if somebody waits for it.
    pub(crate) fn on_turn_used(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        if self.turn_holders().is_some() && !self.pass_on(now, conn, out) {
            if let Some(peer) = self.conns.get_mut(conn) {
                peer.unchoked_at = Some(now);
            }
            self.suggest(now, conn, out);
        }
    }

    /// A peer is no longer being served: there may be room for another one.
    pub(crate) fn on_drained(&mut self, now: Instant, out: &mut Outbox<E>) {
        if self.turn_holders().is_some() {
            self.fill_slots(now, out);
        }
    }

    /// A request has come from a peer that is choked. If it has just lost its turn, it lives farther away than was thought.
    pub(crate) fn on_late_request(&mut self, conn: ConnId) {
        if let Some(peer) = self.conns.get_mut(conn)
            && core::mem::take(&mut peer.lost_turn)
        {
            peer.turn_patience = peer.turn_patience.saturating_mul(2).min(MOST_PATIENCE);
        }
    }

    /// Chokes a peer if others wait for its turn.
    fn pass_on(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) -> bool {
        let wanted = self.somebody_waits();
        if wanted {
            self.choke(now, conn, out);
        }
        wanted
    }

    /// Are there turns, and does somebody wait for one? Then who is served is choked after a piece.
    pub(crate) fn turns_are_awaited(&self) -> bool {
        self.turn_holders().is_some() && self.somebody_waits()
    }

    /// Takes the turns of those who do not use them.
    pub(crate) fn take_idle_turns(&mut self, now: Instant, out: &mut Outbox<E>) {
        self.timers.turn = None;
        let mut next: Option<Instant> = None;
        for slot in 0..self.conns.slot_count() {
            let Some((conn, peer)) = self.conns.at_mut(slot) else { continue };
            let holds = peer.is_open() && !peer.am_choking && peer.peer_interested;
            if !holds || !peer.queue.is_empty() || peer.is_being_served() {
                continue;
            }
            let ends = peer.unchoked_at.unwrap_or(now).after_nanos(peer.turn_patience);
            peer.lost_turn = ends <= now;
            if ends > now {
                next = Some(next.map_or(ends, |next| next.min(ends)));
            } else if !self.pass_on(now, conn, out) {
                return;
            }
        }
        self.fill_slots(now, out);
        let soon = now.after_nanos(nanos(PATIENCE) / 2);
        self.timers.turn = self.timers.turn.or(next).map(|next| next.max(soon));
    }
}

//! Slots that nobody uses, and who gets them.
//!
//! A slot is the only thing of ours that a peer can hold without doing anything: it says that it is interested, is unchoked, and asks
//! for nothing; or it asks, and reads nothing of what is sent. A few dozen of these would keep everybody else
//! waiting for a round of the choker each time. So where [`Timeouts::unused_slot`](crate::config::Timeouts) is set and
//! somebody waits, such a slot is passed on.
//!
//! So is the slot of a host's crowd that has been used, when it has been for a moment and nothing has come back for it: hundreds of connections of
//! one host that take a block now and then use every slot that they are given, and would keep it until the next round.
//!
//! It goes to the host first that has fewest slots, there to who has wasted fewest, and of these by turns to who has asked last and to who
//! has waited longest: a newcomer is served in spite of a crowd before it, and nobody is forgotten for a crowd behind it. What a peer has wasted
//! is forgiven when it takes a block.

use core::cmp::Reverse;
use core::time::Duration;

use crate::boundary::{DisconnectReason, Env, Outbox};
use crate::config::ChokeAlgorithm;
use crate::id::ConnId;
use crate::time::{Instant, NANOS_PER_SEC, nanos};
use crate::torrent::Torrent;
use crate::torrent::peer::Peer;

/// One of a crowd keeps a slot for so long when others wait.
const CROWD_TURN: u64 = NANOS_PER_SEC;
/// Slots are looked over so often while somebody waits.
const LOOK: Duration = Duration::from_millis(250);
/// A peer that has taken no block of what it is being sent for so long does not read, unless we held it back. A block in this time is 8 KiB/s.
const STUCK: u64 = 2 * NANOS_PER_SEC;
/// Block data that waits for peers that do not read and have lost their slots for it. Beyond, they lose their connections.
const STUCK_BYTES: u64 = 4 << 20;

/// What a peer makes of the slots that it is given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotUse {
    /// When it last got a slot, began to be served, or took a block.
    used: Instant,
    /// It is interested since.
    asked: Instant,
    /// It is choked and interested since.
    waits_since: Instant,
    /// Slots that were passed on since it last took a block.
    wasted: u32,
}

impl SlotUse {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { used: now, asked: now, waits_since: now, wasted: 0 }
    }

    /// It has become interested.
    pub(crate) const fn ask(&mut self, now: Instant) {
        self.asked = now;
    }

    /// It is unchoked, or asks for something while nothing is being sent to it.
    pub(crate) const fn begin(&mut self, now: Instant) {
        self.used = now;
    }

    /// What is being sent to it waits, and it is we who let it wait.
    pub(crate) const fn held_back(&mut self, now: Instant) {
        self.used = now;
    }

    /// A block has left for it.
    pub(crate) const fn took(&mut self, now: Instant) {
        self.used = now;
        self.wasted = 0;
    }
}

impl<E: Env> Peer<E> {
    /// Has it made nothing of its slot for so many nanoseconds?
    pub(crate) fn wastes_slot(&self, now: Instant, patience: u64) -> bool {
        let unused = now.nanos_since(self.slot.used);
        if self.in_flight > 0 && !self.has_wasted_slot() {
            unused >= patience.max(STUCK)
        } else if self.in_flight > 0 {
            unused >= patience
        } else {
            self.queue.is_empty() && self.reading == 0 && unused >= patience
        }
    }

    /// Is it choked, and interested?
    pub(crate) fn waits_for_slot(&self) -> bool {
        self.is_open() && self.am_choking && self.peer_interested
    }

    /// Has a slot been taken from it because it did not use it, and has it taken nothing since?
    pub(crate) const fn has_wasted_slot(&self) -> bool {
        self.slot.wasted > 0
    }
}

impl<E: Env> Torrent<E> {
    /// A peer is interested and choked from now on.
    pub(crate) fn wait_for_slot(&mut self, now: Instant, conn: ConnId) {
        let Some(peer) = self.conns.get_mut(conn).filter(|peer| peer.peer_interested) else { return };
        peer.slot.waits_since = now;
        if self.config.timeouts.unused_slot.is_some() {
            self.timers.slots.get_or_insert(now + LOOK);
        }
    }

    /// Gives slots that are not used, and those that a crowd has used for a while, to those who wait for one.
    pub(crate) fn pass_slots_on(&mut self, now: Instant, out: &mut Outbox<E>) {
        let choking = self.config.choking;
        let passes = choking.immediate && choking.algorithm != ChokeAlgorithm::None && self.config.uploads;
        let Some(patience) = self.config.timeouts.unused_slot.filter(|_| passes && self.running) else {
            return;
        };
        let crowds = self.crowds();
        for slot in 0..self.conns.slot_count() {
            let Some((holder, peer)) = self.conns.at(slot) else { continue };
            if !peer.peer_interested || peer.am_choking {
                continue;
            }
            let wasted = peer.wastes_slot(now, nanos(patience));
            let had_its_turn = || {
                peer.downloaded == 0
                    && peer.unchoked_at.is_some_and(|since| now.nanos_since(since) >= CROWD_TURN)
                    && crowds.contains(&peer.host())
            };
            if !wasted && !had_its_turn() {
                continue;
            }
            let Some(next) = self.next_for_slot() else { break };
            if let Some(peer) = self.conns.get_mut(holder).filter(|_| wasted) {
                peer.slot.wasted = peer.slot.wasted.saturating_add(1);
            }
            self.choker.forget(holder);
            self.choke(now, holder, out);
            self.give_slot(now, next, out);
        }
        self.drop_stuck(now, out);
        self.timers.slots = self.somebody_waits().then_some(now + LOOK);
    }

    /// Gives free slots to those who wait, the next ones first.
    pub(crate) fn give_slots(&mut self, now: Instant, out: &mut Outbox<E>) {
        while let Some(next) = self.next_for_slot()
            && self.give_slot(now, next, out)
        {}
    }

    fn give_slot(&mut self, now: Instant, next: ConnId, out: &mut Outbox<E>) -> bool {
        let given = self.admit(now, next, out);
        // The other kind has its turn.
        self.newest_next ^= given;
        given
    }

    /// Is anybody choked and interested?
    pub(crate) fn somebody_waits(&self) -> bool {
        self.conns.iter().any(|(_, peer)| peer.waits_for_slot())
    }

    /// Who gets the next slot.
    fn next_for_slot(&self) -> Option<ConnId> {
        let hosts = self.hosts(|peer| peer.peer_interested && !peer.am_choking);
        let waiting = self.conns.iter().filter(|(_, peer)| peer.waits_for_slot());
        let rank = |peer: &Peer<E>| (hosts.get(&peer.host()).copied().unwrap_or(0), peer.slot.wasted);
        let next = if self.newest_next {
            waiting.min_by_key(|(conn, peer)| (rank(peer), Reverse((peer.slot.asked, *conn))))
        } else {
            waiting.min_by_key(|(conn, peer)| (rank(peer), peer.slot.waits_since, *conn))
        };
        next.map(|(conn, _)| conn)
    }

    /// What peers do not read is memory of ours: of those that have lost their slots, the ones that have been stuck longest go
    /// when it is too much.
    fn drop_stuck(&mut self, now: Instant, out: &mut Outbox<E>) {
        let is_stuck = |peer: &Peer<E>| peer.am_choking && peer.in_flight > 0 && peer.wastes_slot(now, STUCK);
        let mut stuck: Vec<(Instant, ConnId, u64)> = self
            .conns
            .iter()
            .filter(|(_, peer)| is_stuck(peer))
            .map(|(conn, peer)| (peer.slot.used, conn, u64::from(peer.in_flight)))
            .collect();
        stuck.sort_unstable();
        let mut waiting: u64 = stuck.iter().map(|(_, _, bytes)| bytes).sum();
        for (_, conn, bytes) in stuck {
            if waiting <= STUCK_BYTES {
                break;
            }
            waiting -= bytes;
            self.close(now, conn, Some(DisconnectReason::Replaced), out);
        }
    }
}

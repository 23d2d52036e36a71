//! Slots that nobody uses, and who gets them.
//!
//! A slot is the only thing of ours that a peer can hold without doing anything: it says that it is interested, is unchoked, and asks
//! for nothing; or it asks, and reads nothing of what is sent. A few dozen of these would keep everybody else
//! waiting for a round of the choker each time. So where [`Timeouts::unused_slot`](crate::config::Timeouts) is set and
//! somebody waits, such a slot is passed on.
//!
//! It goes to the host first that has fewest slots, there to who has wasted fewest, and of these by turns to who has come last and to who
//! has waited longest: a newcomer is served in spite of a crowd before it, and nobody is forgotten for a crowd behind it. What a peer has wasted
//! is forgiven when it takes a block.

use core::cmp::Reverse;
use core::net::IpAddr;
use core::time::Duration;
use std::collections::BTreeMap;

use crate::boundary::{DisconnectReason, Env, Outbox};
use crate::config::ChokeAlgorithm;
use crate::id::ConnId;
use crate::time::{Instant, NANOS_PER_SEC, nanos};
use crate::torrent::Torrent;
use crate::torrent::peer::Peer;

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
    /// It is choked and interested since.
    waits_since: Instant,
    /// Slots that were passed on since it last took a block.
    wasted: u32,
}

impl SlotUse {
    pub(crate) const fn new(now: Instant) -> Self {
        Self { used: now, waits_since: now, wasted: 0 }
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

    /// Gives slots that are not used to those who wait for one.
    pub(crate) fn pass_slots_on(&mut self, now: Instant, out: &mut Outbox<E>) {
        let choking = self.config.choking;
        let passes = choking.immediate && choking.algorithm != ChokeAlgorithm::None && self.config.uploads;
        let Some(patience) = self.config.timeouts.unused_slot.filter(|_| passes && self.running) else {
            return;
        };
        for slot in 0..self.conns.slot_count() {
            let wasted = |peer: &Peer<E>| {
                peer.peer_interested && !peer.am_choking && peer.wastes_slot(now, nanos(patience))
            };
            let Some((idler, _)) = self.conns.at(slot).filter(|(_, peer)| wasted(peer)) else { continue };
            let Some(next) = self.next_for_slot() else { break };
            if let Some(peer) = self.conns.get_mut(idler) {
                peer.slot.wasted = peer.slot.wasted.saturating_add(1);
            }
            self.choker.forget(idler);
            self.choke(now, idler, out);
            self.admit(now, next, out);
        }
        self.drop_stuck(now, out);
        self.timers.slots = self.next_for_slot().map(|_| now + LOOK);
    }

    /// Who gets the next slot.
    pub(crate) fn next_for_slot(&mut self) -> Option<ConnId> {
        let mut hosts: BTreeMap<IpAddr, u32> = BTreeMap::new();
        for (_, peer) in self.conns.iter().filter(|(_, peer)| peer.peer_interested && !peer.am_choking) {
            *hosts.entry(peer.host()).or_default() += 1;
        }
        let waits = |peer: &Peer<E>| peer.is_open() && peer.am_choking && peer.peer_interested;
        let waiting = self.conns.iter().filter(|(_, peer)| waits(peer));
        let rank = |peer: &Peer<E>| (hosts.get(&peer.host()).copied().unwrap_or(0), peer.slot.wasted);
        self.newest_next = !self.newest_next;
        let next = if self.newest_next {
            waiting.min_by_key(|(conn, peer)| (rank(peer), Reverse((peer.slot.waits_since, *conn))))
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

//! The peers of one swarm: found by address, chosen at random, forgotten in the order in which they fell silent.
//!
//! A peer keeps its slot for as long as it is there. Three structures refer to slots: an index by address; `order`, a dense
//! list with the seeders in front, out of which answers are drawn; and a doubly linked list by the time of the last
//! announce, whose head is the next to expire. An announce costs one look-up in the index, O(log peers), and everything
//! else O(1), apart from the peers that are handed out.
//!
//! Memory per peer: 48 bytes in the slab with a simulated address and 80 with a socket address, 4 in `order`, and an entry
//! of the index.

use std::collections::BTreeMap;

use super::{Announcer, sample};
use crate::boundary::Address;
use crate::id::PeerId;
use crate::rng::Rng;
use crate::time::Instant;
use core::time::Duration;

/// No slot: the end of a list.
const NIL: u32 = u32::MAX;

#[derive(Clone, Debug)]
struct Peer<A> {
    seen: Instant,
    addr: A,
    id: PeerId,
    /// The slot whose peer was heard of next before this one; in a free slot, the next free one.
    older: u32,
    /// The slot whose peer was heard of next after this one.
    newer: u32,
    /// Where `order` names this slot.
    position: u32,
    /// Its completion is counted.
    counted: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Swarm<A> {
    peers: Vec<Peer<A>>,
    index: BTreeMap<A, u32>,
    order: Vec<u32>,
    seeders: u32,
    oldest: u32,
    newest: u32,
    free: u32,
    downloaded: u64,
    empty_since: Instant,
}

impl<A: Address> Swarm<A> {
    pub(super) const fn new(now: Instant) -> Self {
        Self {
            peers: Vec::new(),
            index: BTreeMap::new(),
            order: Vec::new(),
            seeders: 0,
            oldest: NIL,
            newest: NIL,
            free: NIL,
            downloaded: 0,
            empty_since: now,
        }
    }

    pub(super) const fn seeders(&self) -> u32 {
        self.seeders
    }

    pub(super) fn leechers(&self) -> u32 {
        self.len() - self.seeders
    }

    pub(super) const fn downloaded(&self) -> u64 {
        self.downloaded
    }

    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.order.len()).expect("slots are numbered with a u32")
    }

    /// Forgets the peers that have been silent for `timeout` or longer.
    pub(super) fn expire(&mut self, now: Instant, timeout: Duration) {
        while self.oldest != NIL && now - self.peers[self.oldest as usize].seen >= timeout {
            self.remove_slot(self.oldest, now);
        }
    }

    /// When the next peer, or the empty swarm itself, will have been silent for `timeout`.
    pub(super) fn expires(&self, timeout: Duration) -> Instant {
        self.peers.get(self.oldest as usize).map_or(self.empty_since, |peer| peer.seen) + timeout
    }

    /// Nobody was here for `timeout` or longer.
    pub(super) fn is_abandoned(&self, now: Instant, timeout: Duration) -> bool {
        self.order.is_empty() && now - self.empty_since >= timeout
    }

    /// A peer was heard of. A newcomer is registered if the swarm has room for it. `completed` counts once for each peer
    /// id at an address, so that a repeated announce does not count twice.
    pub(super) fn register(
        &mut self,
        now: Instant,
        who: Announcer<A>,
        seeder: bool,
        completed: bool,
        room: u32,
    ) {
        let slot = match self.index.get(&who.addr) {
            Some(&slot) => {
                self.unlink(slot);
                slot
            }
            None if self.len() < room => self.admit(who),
            None => return,
        };
        let peer = &mut self.peers[slot as usize];
        peer.seen = now;
        peer.counted &= peer.id == who.id;
        peer.id = who.id;
        if completed && !peer.counted {
            peer.counted = true;
            self.downloaded += 1;
        }
        self.link_newest(slot);
        self.set_seeder(slot, seeder);
    }

    /// A peer was heard of and has nothing new to say. False when it is not registered.
    pub(super) fn touch(&mut self, now: Instant, addr: A) -> bool {
        let Some(&slot) = self.index.get(&addr) else { return false };
        self.unlink(slot);
        self.peers[slot as usize].seen = now;
        self.link_newest(slot);
        true
    }

    /// A peer is gone.
    pub(super) fn remove(&mut self, addr: A, now: Instant) {
        if let Some(&slot) = self.index.get(&addr) {
            self.remove_slot(slot, now);
        }
    }

    /// Up to `count` peers for `asker`, each subset equally likely, in random order: for a seeder leechers only, because
    /// two seeders have nothing to say to each other; for a leecher anyone but itself.
    pub(super) fn choose(&self, rng: &mut Rng, asker: A, seeder: bool, count: u32) -> Vec<A> {
        let first = if seeder { self.seeders } else { 0 };
        let own = self.index.get(&asker).map(|&slot| self.peers[slot as usize].position);
        let own = own.filter(|&position| position >= first);
        let bound = self.len() - first - u32::from(own.is_some());
        let address = |drawn: u32| {
            let position = first + drawn;
            let position = position + u32::from(own.is_some_and(|own| position >= own));
            self.peers[self.order[position as usize] as usize].addr
        };
        sample::distinct(rng, bound, count).into_iter().map(address).collect()
    }

    /// Gives a newcomer a slot and the last place, which is a leecher's.
    fn admit(&mut self, who: Announcer<A>) -> u32 {
        let peer = Peer {
            seen: Instant::ZERO,
            addr: who.addr,
            id: who.id,
            older: NIL,
            newer: NIL,
            position: self.len(),
            counted: false,
        };
        let slot = self.free;
        let slot = if let Some(place) = self.peers.get_mut(slot as usize) {
            self.free = place.older;
            *place = peer;
            slot
        } else {
            self.peers.push(peer);
            u32::try_from(self.peers.len() - 1).expect("a swarm is bounded by a u32")
        };
        self.order.push(slot);
        self.index.insert(who.addr, slot);
        slot
    }

    fn remove_slot(&mut self, slot: u32, now: Instant) {
        self.unlink(slot);
        self.set_seeder(slot, false);
        self.swap_positions(self.peers[slot as usize].position, self.len() - 1);
        self.order.pop();
        self.index.remove(&self.peers[slot as usize].addr);
        self.peers[slot as usize].older = self.free;
        self.free = slot;
        if self.order.is_empty() {
            // What a crowd needed is given back.
            *self = Self { downloaded: self.downloaded, ..Self::new(now) };
        }
    }

    /// Moves a peer to the right side of the border between seeders and leechers.
    fn set_seeder(&mut self, slot: u32, seeder: bool) {
        let position = self.peers[slot as usize].position;
        if seeder && position >= self.seeders {
            self.swap_positions(position, self.seeders);
            self.seeders += 1;
        } else if !seeder && position < self.seeders {
            self.seeders -= 1;
            self.swap_positions(position, self.seeders);
        }
    }

    fn swap_positions(&mut self, a: u32, b: u32) {
        self.order.swap(a as usize, b as usize);
        self.peers[self.order[a as usize] as usize].position = a;
        self.peers[self.order[b as usize] as usize].position = b;
    }

    fn unlink(&mut self, slot: u32) {
        let Peer { older, newer, .. } = self.peers[slot as usize];
        match self.peers.get_mut(older as usize) {
            Some(peer) => peer.newer = newer,
            None => self.oldest = newer,
        }
        match self.peers.get_mut(newer as usize) {
            Some(peer) => peer.older = older,
            None => self.newest = older,
        }
    }

    fn link_newest(&mut self, slot: u32) {
        let older = core::mem::replace(&mut self.newest, slot);
        match self.peers.get_mut(older as usize) {
            Some(peer) => peer.newer = slot,
            None => self.oldest = slot,
        }
        let peer = &mut self.peers[slot as usize];
        (peer.older, peer.newer) = (older, NIL);
    }
}

#[cfg(test)]
impl<A: Address> Swarm<A> {
    /// Panics unless all structures tell the same.
    pub(super) fn check(&self) {
        assert_eq!(self.index.len(), self.order.len());
        for (addr, &slot) in &self.index {
            let peer = &self.peers[slot as usize];
            assert_eq!(peer.addr, *addr);
            assert_eq!(self.order[peer.position as usize], slot);
        }
        let (mut slot, mut older, mut count) = (self.oldest, NIL, 0);
        while let Some(peer) = self.peers.get(slot as usize) {
            assert_eq!(peer.older, older);
            assert!(self.peers.get(older as usize).is_none_or(|older| older.seen <= peer.seen));
            (older, slot, count) = (slot, peer.newer, count + 1);
        }
        assert_eq!((self.newest, count), (older, self.order.len()));
        let (mut free, mut unused) = (self.free, 0);
        while let Some(place) = self.peers.get(free as usize) {
            (free, unused) = (place.older, unused + 1);
        }
        assert_eq!(self.order.len() + unused, self.peers.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boundary::SimAddr;
    use core::net::SocketAddr;

    #[test]
    fn records_are_small() {
        assert_eq!(size_of::<Peer<SimAddr>>(), 48);
        assert_eq!(size_of::<Peer<SocketAddr>>(), 80);
        assert!(size_of::<Swarm<SocketAddr>>() <= 200);
    }
}

//! Addresses of peers: who is known, who may be dialled when, who is banned.
//!
//! A *connection* is not a *known address*: an address stays known after its connection has ended, with what it has earned.

use std::collections::BTreeMap;

use crate::rng::Rng;
use crate::time::{Instant, nanos};

#[cfg(test)]
mod tests;

/// A known address: its place and the place's generation. Blame is kept by it, and must not fall upon the next address in the
/// same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct PeerKey {
    place: u32,
    generation: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Can be dialled from this moment on.
    Idle { not_before: Instant },
    /// Being dialled or connected; so many connections.
    Busy(u32),
    /// Sent a wrong byte, or is ourselves.
    Banned,
    /// Has everything, as we have: it may come to us, and we have no reason to go to it.
    Seed,
    /// Forgotten: the place is free.
    Nobody,
}

#[derive(Debug)]
struct Known<A> {
    addr: A,
    generation: u32,
    state: State,
    /// Can this address be dialled, or has it only come to us?
    dialable: bool,
    failures: u32,
    /// A connection to it has been open since it last failed.
    answered: bool,
    /// Position in `idle`, when there.
    idle_at: u32,
}

/// How we come to know an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// Somebody says that it can be dialled.
    Rumour,
    /// Somebody comes from there.
    Visit,
}

/// An address is banned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BannedThere;

const NOT_IDLE: u32 = u32::MAX;

/// The known addresses of one `Torrent`.
#[derive(Debug)]
pub(crate) struct KnownPeers<A> {
    peers: Vec<Known<A>>,
    by_addr: BTreeMap<A, u32>,
    /// Dialable addresses without a connection.
    idle: Vec<u32>,
    /// Places of forgotten addresses.
    free: Vec<u32>,
    limit: u32,
    /// Where the search for an address to forget goes on.
    oldest: u32,
}

impl<A: Copy + Ord> KnownPeers<A> {
    pub(crate) const fn new(limit: u32) -> Self {
        Self {
            peers: Vec::new(),
            by_addr: BTreeMap::new(),
            idle: Vec::new(),
            free: Vec::new(),
            limit,
            oldest: 0,
        }
    }

    /// The address, unless it was forgotten.
    pub(crate) fn addr(&self, key: PeerKey) -> Option<A> {
        self.get(key).map(|known| known.addr)
    }

    fn get(&self, key: PeerKey) -> Option<&Known<A>> {
        self.peers.get(key.place as usize).filter(|known| known.generation == key.generation)
    }

    fn get_mut(&mut self, key: PeerKey) -> Option<&mut Known<A>> {
        self.peers.get_mut(key.place as usize).filter(|known| known.generation == key.generation)
    }

    fn key(&self, place: u32) -> PeerKey {
        PeerKey { place, generation: self.peers[place as usize].generation }
    }

    /// Hears of an address that can be dialled.
    pub(crate) fn learn(&mut self, addr: A) {
        if let Some(&at) = self.by_addr.get(&addr) {
            let peer = &mut self.peers[at as usize];
            if !peer.dialable {
                peer.dialable = true;
                if matches!(peer.state, State::Idle { .. }) {
                    self.set_idle(at);
                }
            }
        } else if let Some(at) = self.add(addr, Source::Rumour) {
            self.set_idle(at);
        }
    }

    fn add(&mut self, addr: A, source: Source) -> Option<u32> {
        let dialable = source == Source::Rumour;
        let state = State::Idle { not_before: Instant::ZERO };
        let mut known =
            Known { addr, generation: 0, state, dialable, failures: 0, answered: false, idle_at: NOT_IDLE };
        let at = if let Some(at) = self.free.pop() {
            known.generation = self.peers[at as usize].generation;
            self.peers[at as usize] = known;
            at
        } else if let Some(at) = u32::try_from(self.peers.len()).ok().filter(|&at| at < self.limit) {
            self.peers.push(known);
            at
        } else {
            let at = self.forgettable(source)?;
            self.unset_idle(at);
            let forgotten = &mut self.peers[at as usize];
            known.generation = forgotten.generation.wrapping_add(1);
            self.by_addr.remove(&forgotten.addr);
            *forgotten = known;
            at
        };
        self.by_addr.insert(addr, at);
        Some(at)
    }

    /// The address to forget when there is no room: first one that has only come to us, and gone, as it cannot be dialled and most
    /// come from a new port each time; then one that did not answer. For a peer that is at the door, any that has no
    /// connection, those that were banned last: otherwise names of peers that do not exist would lock out those that do.
    /// Of equal ones about the oldest.
    fn forgettable(&mut self, source: Source) -> Option<u32> {
        let count = u32::try_from(self.peers.len()).expect("bounded by the limit");
        let worth = |at: &u32| {
            let known = &self.peers[*at as usize];
            match known.state {
                State::Busy(_) | State::Nobody => None,
                State::Idle { .. } if !known.dialable => Some(0),
                State::Idle { .. } if known.failures > 0 => Some(1),
                _ if source == Source::Rumour => None,
                State::Seed => Some(2),
                State::Idle { .. } => Some(3),
                State::Banned => Some(4),
            }
        };
        let order = (self.oldest..count).chain(0..self.oldest.min(count));
        let (_, at) = order.filter_map(|at| Some((worth(&at)?, at))).min_by_key(|(worth, _)| *worth)?;
        self.oldest = at + 1;
        Some(at)
    }

    fn set_idle(&mut self, at: u32) {
        let peer = &mut self.peers[at as usize];
        if peer.idle_at == NOT_IDLE && peer.dialable {
            peer.idle_at = u32::try_from(self.idle.len()).expect("bounded by the limit");
            self.idle.push(at);
        }
    }

    fn unset_idle(&mut self, at: u32) {
        let position = core::mem::replace(&mut self.peers[at as usize].idle_at, NOT_IDLE);
        if position != NOT_IDLE {
            self.idle.swap_remove(position as usize);
            if let Some(&moved) = self.idle.get(position as usize) {
                self.peers[moved as usize].idle_at = position;
            }
        }
    }

    /// An address to dial now, uniformly drawn; it counts as busy from here on.
    pub(crate) fn dial(&mut self, now: Instant, rng: &mut Rng) -> Option<(PeerKey, A)> {
        let due = |at: u32| match self.peers[at as usize].state {
            State::Idle { not_before } => not_before <= now,
            State::Busy(_) | State::Banned | State::Seed | State::Nobody => false,
        };
        if self.idle.is_empty() {
            return None;
        }
        let drawn = self.idle[rng.index(self.idle.len())];
        let at = if due(drawn) {
            drawn
        } else {
            let ready: Vec<u32> = self.idle.iter().copied().filter(|&at| due(at)).collect();
            *rng.choose(&ready)?
        };
        self.unset_idle(at);
        self.peers[at as usize].state = State::Busy(1);
        Some((self.key(at), self.peers[at as usize].addr))
    }

    /// May it be gone to now for a piece, as often as there are pieces? Not while it is left alone after a failure.
    pub(crate) fn may_go_to(&self, addr: A, now: Instant) -> bool {
        let known = self.by_addr.get(&addr).map(|&at| &self.peers[at as usize]);
        known.is_none_or(|known| match known.state {
            State::Idle { not_before } => known.failures == 0 || not_before <= now,
            State::Busy(_) => known.failures == 0,
            State::Banned | State::Nobody => false,
            State::Seed => true,
        })
    }

    /// Has a connection to it been open, and none failed since?
    pub(crate) fn has_answered(&self, addr: A) -> bool {
        let known = self.by_addr.get(&addr).map(|&at| &self.peers[at as usize]);
        known.is_some_and(|known| known.answered)
    }

    /// Somebody comes from this address; `None` when it is banned or there is no room to remember it.
    pub(crate) fn incoming(&mut self, addr: A) -> Option<PeerKey> {
        let at = match self.by_addr.get(&addr) {
            Some(&at) => at,
            None => self.add(addr, Source::Visit)?,
        };
        self.unset_idle(at);
        let peer = &mut self.peers[at as usize];
        peer.state = match peer.state {
            State::Banned => return None,
            State::Busy(connections) => State::Busy(connections + 1),
            State::Idle { .. } | State::Seed | State::Nobody => State::Busy(1),
        };
        Some(self.key(at))
    }

    /// A peer that is connected under `key` says that it listens at this address: there is no point in dialling it there as long.
    /// The key of that address, when it is another one and there is room to remember it.
    ///
    /// # Errors
    /// When the address is banned.
    pub(crate) fn also_at(&mut self, key: PeerKey, addr: A) -> Result<Option<PeerKey>, BannedThere> {
        let at = match self.by_addr.get(&addr) {
            Some(&at) if at == key.place => {
                self.peers[at as usize].dialable = true;
                return Ok(None);
            }
            Some(&at) if self.peers[at as usize].state == State::Banned => return Err(BannedThere),
            Some(&at) => at,
            None => match self.add(addr, Source::Rumour) {
                Some(at) => at,
                None => return Ok(None),
            },
        };
        self.peers[at as usize].dialable = true;
        Ok(self.incoming(addr))
    }

    /// A connection has opened: earlier failures are forgotten.
    pub(crate) fn opened(&mut self, key: PeerKey) {
        if let Some(peer) = self.get_mut(key) {
            peer.failures = 0;
            peer.answered = true;
        }
    }

    /// A connection has ended. The address may be dialled again after `delay`, doubled for each failure in a row.
    pub(crate) fn closed(&mut self, key: PeerKey, now: Instant, failed: bool, delay: core::time::Duration) {
        let Some(peer) = self.get_mut(key) else { return };
        if failed {
            peer.failures += 1;
            peer.answered = false;
        }
        match peer.state {
            State::Busy(connections) if connections > 1 => peer.state = State::Busy(connections - 1),
            State::Busy(_) => {
                let wait = nanos(delay).saturating_mul(1 << peer.failures.saturating_sub(1).min(6));
                peer.state = State::Idle { not_before: now.after_nanos(wait) };
                self.set_idle(key.place);
            }
            State::Idle { .. } | State::Banned | State::Seed | State::Nobody => {}
        }
    }

    /// Forgets an address that has no connection and is not banned, as if it had never been heard of.
    pub(crate) fn forget(&mut self, key: PeerKey) {
        let Some(known) = self.get_mut(key) else { return };
        if matches!(known.state, State::Busy(_) | State::Banned) {
            return;
        }
        known.state = State::Nobody;
        known.generation = known.generation.wrapping_add(1);
        let addr = known.addr;
        self.unset_idle(key.place);
        self.by_addr.remove(&addr);
        self.free.push(key.place);
    }

    /// Never dials or accepts this address again.
    pub(crate) fn ban(&mut self, key: PeerKey) {
        if self.get(key).is_some() {
            self.unset_idle(key.place);
            self.peers[key.place as usize].state = State::Banned;
        }
    }

    /// We parted because both have everything.
    pub(crate) fn part_as_seeds(&mut self, key: PeerKey) {
        if let Some(peer) = self.get_mut(key)
            && peer.state == State::Busy(1)
        {
            peer.state = State::Seed;
        }
    }

    /// The addresses that can be dialled and are not banned, in no order that means anything.
    pub(crate) fn dialable(&self) -> impl Iterator<Item = A> {
        let sound =
            |known: &&Known<A>| known.dialable && !matches!(known.state, State::Banned | State::Nobody);
        self.peers.iter().filter(sound).map(|known| known.addr)
    }

    pub(crate) fn is_banned(&self, key: PeerKey) -> bool {
        self.get(key).is_some_and(|known| known.state == State::Banned)
    }
}

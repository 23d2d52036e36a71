//! The peers of one swarm and one address family: found by address, drawn by position, forgotten in the order in which they
//! fell silent.
//!
//! A peer is a position in two parallel lists with the seeders in front, partial seeds behind them and downloaders last: its address,
//! and what else is known of it. Answers
//! are drawn out of the addresses alone, so they touch six bytes per peer handed out. A doubly linked list runs through the
//! records by the time of the last announce; its head is the next to expire. An [`Index`] finds the position of an address.
//! An announce costs O(1), apart from the peers that are handed out.
//!
//! Memory per IPv4 peer: 6 bytes of address, 20 of record, and 8 to 16 of the index: 34 to 42, with a quarter of the first
//! two more while a list has room to grow. An IPv6 address takes 12 bytes more.

mod index;

use core::fmt;

use siphasher::sip::SipHasher13;

use super::compact::Kept;
use crate::id::PeerId;
use crate::rng::Rng;
use crate::time::Instant;
use core::time::Duration;
use index::Index;

/// No position: the end of a list.
const NIL: u32 = u32::MAX;

/// A keyed hash of addresses and of names (SipHash-1-3, Aumasson and Bernstein 2012).
#[derive(Clone)]
pub(super) struct Key(SipHasher13);

impl Key {
    pub(super) fn draw(rng: &mut Rng) -> Self {
        Self(SipHasher13::new_with_keys(rng.next_u64(), rng.next_u64()))
    }

    fn of(&self, bytes: &[u8]) -> u64 {
        self.0.hash(bytes)
    }

    /// 32 bits that stand for a name, never 0. Two names with the same bits would cost a tracker one count of a download.
    fn name(&self, id: PeerId) -> u32 {
        let [.., a, b, c, d] = self.of(&id.0).to_be_bytes();
        u32::from_be_bytes([a, b, c, d]).max(1)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// What a peer is in its swarm, in the order in which the lists have them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Role {
    /// It has everything.
    Seeder,
    /// It lacks something and wants nothing (BEP 21).
    PartialSeed,
    Downloader,
}

/// What is known of a peer besides its address.
#[derive(Clone, Copy, Debug)]
struct Record {
    /// Nanoseconds, as bytes: so the record is aligned to four and has twenty bytes.
    seen: [u8; 8],
    /// The position whose peer was heard of next before this one.
    older: u32,
    /// The position whose peer was heard of next after this one.
    newer: u32,
    /// The name whose completion is counted ([`Key::name`]); 0 when none is.
    counted: u32,
}

impl Record {
    const fn seen(self) -> Instant {
        Instant::from_nanos(u64::from_ne_bytes(self.seen))
    }
}

/// The peers of one family.
#[derive(Clone, Debug)]
pub(super) struct Pool<K> {
    addrs: Vec<K>,
    records: Vec<Record>,
    index: Index,
    seeders: u32,
    /// Seeders and partial seeds.
    sated: u32,
    oldest: u32,
    newest: u32,
}

impl<K: Kept> Pool<K> {
    pub(super) fn new() -> Self {
        Self {
            addrs: Vec::new(),
            records: Vec::new(),
            index: Index::default(),
            seeders: 0,
            sated: 0,
            oldest: NIL,
            newest: NIL,
        }
    }

    pub(super) const fn seeders(&self) -> u32 {
        self.seeders
    }

    /// How many want nothing: the first ones.
    pub(super) const fn sated(&self) -> u32 {
        self.sated
    }

    pub(super) fn len(&self) -> u32 {
        u32::try_from(self.addrs.len()).expect("a swarm is bounded by a u32")
    }

    /// The address at a position; the first [`seeders`](Self::seeders) are those of seeders.
    pub(super) fn addr(&self, position: u32) -> K {
        self.addrs[position as usize]
    }

    pub(super) fn position(&self, key: &Key, addr: K) -> Option<u32> {
        self.index.find(key.of(addr.as_ref()), |position| self.addrs[position as usize] == addr)
    }

    /// When the peer that has been silent for longest was heard of.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.records.get(self.oldest as usize).map(|record| record.seen())
    }

    /// Forgets the peers that have been silent for `timeout` or longer.
    pub(super) fn expire(&mut self, key: &Key, now: Instant, timeout: Duration) {
        while self.oldest().is_some_and(|seen| now - seen >= timeout) {
            self.remove(key, self.oldest);
        }
    }

    /// A peer was heard of. A newcomer is registered if there is `room`. Its position, if it has one, and whether its completion
    /// is to be counted.
    pub(super) fn register(
        &mut self,
        key: &Key,
        now: Instant,
        (addr, id): (K, PeerId),
        (role, completed): (Role, bool),
        room: bool,
    ) -> (Option<u32>, bool) {
        let position = match self.position(key, addr) {
            Some(position) => {
                self.unlink(position);
                position
            }
            None if room => self.admit(key, addr),
            None => return (None, false),
        };
        let record = &mut self.records[position as usize];
        record.seen = now.as_nanos().to_ne_bytes();
        let mut counts = false;
        if record.counted != 0 || completed {
            let name = key.name(id);
            counts = completed && record.counted != name;
            record.counted = if completed || record.counted == name { name } else { 0 };
        }
        // Before it is linked: so a move has fewer neighbours to tell.
        let position = self.set_role(key, position, role);
        self.link_newest(position);
        (Some(position), counts)
    }

    /// A peer was heard of and has nothing new to say. False when it is not here.
    pub(super) fn touch(&mut self, key: &Key, now: Instant, addr: K) -> bool {
        let Some(position) = self.position(key, addr) else { return false };
        self.unlink(position);
        self.records[position as usize].seen = now.as_nanos().to_ne_bytes();
        self.link_newest(position);
        true
    }

    /// Forgets a peer.
    pub(super) fn remove(&mut self, key: &Key, position: u32) {
        self.unlink(position);
        let position = self.set_role(key, position, Role::Downloader);
        let last = self.len() - 1;
        self.swap(key, position, last);
        let addrs = &self.addrs;
        let hash_of = |position: u32| key.of(addrs[position as usize].as_ref());
        self.index.remove(hash_of(last), last, hash_of);
        self.addrs.pop();
        self.records.pop();
    }

    /// Gives a newcomer the last position, which is a downloader's.
    fn admit(&mut self, key: &Key, addr: K) -> u32 {
        let position = self.len();
        if self.addrs.len() == self.addrs.capacity() {
            // By a quarter, not twofold: a million peers are to have their memory and not that of two millions.
            let more = 4 + self.addrs.len() / 4;
            self.addrs.reserve_exact(more);
            self.records.reserve_exact(more);
        }
        let addrs = &self.addrs;
        self.index
            .insert(key.of(addr.as_ref()), position, |position| key.of(addrs[position as usize].as_ref()));
        self.addrs.push(addr);
        self.records.push(Record { seen: [0; 8], older: NIL, newer: NIL, counted: 0 });
        position
    }

    const fn role(&self, position: u32) -> Role {
        match position {
            position if position < self.seeders => Role::Seeder,
            position if position < self.sated => Role::PartialSeed,
            _ => Role::Downloader,
        }
    }

    /// Moves a peer across the borders to where those of its role are; gives its new position.
    fn set_role(&mut self, key: &Key, mut position: u32, role: Role) -> u32 {
        while self.role(position) > role {
            let border = if position < self.sated { &mut self.seeders } else { &mut self.sated };
            let first = *border;
            *border += 1;
            self.swap(key, position, first);
            position = first;
        }
        while self.role(position) < role {
            let border = if position < self.seeders { &mut self.seeders } else { &mut self.sated };
            *border -= 1;
            let last = *border;
            self.swap(key, position, last);
            position = last;
        }
        position
    }

    fn swap(&mut self, key: &Key, a: u32, b: u32) {
        if a == b {
            return;
        }
        let hash = |position: u32| key.of(self.addrs[position as usize].as_ref());
        self.index.swap((hash(a), a), (hash(b), b));
        self.addrs.swap(a as usize, b as usize);
        self.swap_links(a, b);
    }

    /// Swaps two records and leads their neighbours in the list of times to where they are now.
    fn swap_links(&mut self, a: u32, b: u32) {
        self.records.swap(a as usize, b as usize);
        let renamed = |position: u32| {
            if position == a {
                b
            } else if position == b {
                a
            } else {
                position
            }
        };
        for position in [a, b] {
            let record = &mut self.records[position as usize];
            (record.older, record.newer) = (renamed(record.older), renamed(record.newer));
        }
        for position in [a, b] {
            let Record { older, newer, .. } = self.records[position as usize];
            if let Some(record) = self.records.get_mut(older as usize) {
                record.newer = position;
            }
            if let Some(record) = self.records.get_mut(newer as usize) {
                record.older = position;
            }
        }
        (self.oldest, self.newest) = (renamed(self.oldest), renamed(self.newest));
    }

    fn unlink(&mut self, position: u32) {
        let Record { older, newer, .. } = self.records[position as usize];
        match self.records.get_mut(older as usize) {
            Some(record) => record.newer = newer,
            None => self.oldest = newer,
        }
        match self.records.get_mut(newer as usize) {
            Some(record) => record.older = older,
            None => self.newest = older,
        }
        let record = &mut self.records[position as usize];
        (record.older, record.newer) = (NIL, NIL);
    }

    fn link_newest(&mut self, position: u32) {
        let older = core::mem::replace(&mut self.newest, position);
        match self.records.get_mut(older as usize) {
            Some(record) => record.newer = position,
            None => self.oldest = position,
        }
        let record = &mut self.records[position as usize];
        (record.older, record.newer) = (older, NIL);
    }
}

#[cfg(test)]
impl<K: Kept> Pool<K> {
    /// Panics unless all structures tell the same.
    pub(super) fn check(&self, key: &Key) {
        assert_eq!((self.records.len(), self.index.len()), (self.addrs.len(), self.addrs.len()));
        assert!(self.seeders <= self.sated && self.sated <= self.len());
        for (position, &addr) in (0..).zip(&self.addrs) {
            assert_eq!(self.position(key, addr), Some(position));
        }
        let (mut position, mut older, mut count) = (self.oldest, NIL, 0);
        while let Some(record) = self.records.get(position as usize) {
            assert_eq!(record.older, older);
            assert!(self.records.get(older as usize).is_none_or(|older| older.seen() <= record.seen()));
            (older, position, count) = (position, record.newer, count + 1);
        }
        assert_eq!((self.newest, count), (older, self.addrs.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Seed};

    #[test]
    fn records_are_small() {
        assert_eq!(size_of::<Record>(), 20);
        assert!(size_of::<Pool<[u8; 6]>>() <= 96);
    }

    /// R16, at the worst of all sizes on the way: lists that have just grown, and a table that has just doubled.
    #[test]
    fn a_peer_takes_64_bytes_at_most() {
        fn most<const N: usize>() -> usize {
            let key = Key::draw(&mut Seed::from_number(1).stream(Purpose::Test, 0));
            let mut pool = Pool::<[u8; N]>::new();
            let mut most = 0;
            for number in 0..150_000_usize {
                let mut addr = [0; N];
                addr[..4].copy_from_slice(&number.to_be_bytes()[4..]);
                pool.register(&key, Instant::ZERO, (addr, PeerId([1; 20])), (Role::Downloader, false), true);
                if number >= 1_000 {
                    let bytes = pool.addrs.capacity() * N + pool.records.capacity() * size_of::<Record>();
                    most = most.max((bytes + pool.index.bytes()) / (number + 1));
                }
            }
            most
        }
        assert_eq!((most::<6>(), most::<18>()), (48, 63));
    }
}

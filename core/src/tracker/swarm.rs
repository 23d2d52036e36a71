//! One swarm: a [`Pool`] of peers for each address family, and what outlives them.
//!
//! A family that nobody uses takes a pointer, so a swarm without peers is 32 bytes.

use super::Announcer;
use super::compact::{Compact, Family, Kept, Packed, PackedOf};
use super::pool::{Key, Pool, Role};
use super::sample::Sample;
use crate::rng::Rng;
use crate::time::Instant;
use core::time::Duration;

#[derive(Clone, Debug)]
pub(super) struct Swarm<A: Compact> {
    v4: Option<Box<Pool<A::V4>>>,
    v6: Option<Box<Pool<A::V6>>>,
    downloaded: u64,
    empty_since: Instant,
}

/// What is asked of the peers of a swarm.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Of whom.
    pub(super) of: Who,
    /// So many at most.
    pub(super) count: u32,
    /// Of this family, or of any.
    pub(super) family: Option<Family>,
}

/// Which peers may be handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// All.
    All,
    /// To a seeder, or a partial one: two of them have nothing to say to each other.
    Downloaders,
    /// To who asks for nobody else (S4).
    Seeders,
}

/// Room for the peers of one answer, which is used again for the next one.
#[derive(Clone, Debug)]
pub(super) struct Room<A: Compact> {
    sample: Sample,
    v4: Vec<A::V4>,
    v6: Vec<A::V6>,
}

impl<A: Compact> Room<A> {
    pub(super) fn new() -> Self {
        Self { sample: Sample::default(), v4: Vec::new(), v6: Vec::new() }
    }
}

/// The peers of one answer, in random order.
#[derive(Clone, Copy, Debug)]
pub struct Chosen<'a, A: Compact> {
    v4: &'a [A::V4],
    v6: &'a [A::V6],
    /// A number for each of both: below `of_v4`, it stands for the next one of `v4`.
    drawn: &'a [u32],
    of_v4: u32,
}

impl<'a, A: Compact> Chosen<'a, A> {
    /// Nobody.
    pub(super) const fn nobody() -> Self {
        Self { v4: &[], v6: &[], drawn: &[], of_v4: 0 }
    }

    /// Those with an address of [`Family::V4`].
    pub const fn v4(&self) -> &'a [A::V4] {
        self.v4
    }

    /// Those with an address of [`Family::V6`].
    pub const fn v6(&self) -> &'a [A::V6] {
        self.v6
    }

    /// Those of both families.
    pub fn iter(&self) -> impl Iterator<Item = PackedOf<A>> + use<'a, A> {
        let (mut v4, mut v6, of_v4) = (self.v4.iter(), self.v6.iter(), self.of_v4);
        self.drawn.iter().filter_map(move |&drawn| {
            if drawn < of_v4 {
                v4.next().map(|&addr| Packed::V4(addr))
            } else {
                v6.next().map(|&addr| Packed::V6(addr))
            }
        })
    }
}

/// The positions of a pool that may be handed out: `first..end` without `own`.
#[derive(Clone, Copy, Debug, Default)]
struct Range {
    first: u32,
    end: u32,
    own: Option<u32>,
}

impl Range {
    fn of<K: Kept>(pool: Option<&Pool<K>>, wanted: Wanted, own: Option<u32>) -> Self {
        let Some(pool) = pool else { return Self::default() };
        let (first, end) = match wanted.of {
            Who::All => (0, pool.len()),
            Who::Downloaders => (pool.sated(), pool.len()),
            Who::Seeders => (0, pool.seeders()),
        };
        Self { first, end, own: own.filter(|&own| (first..end).contains(&own)) }
    }

    fn len(self) -> u32 {
        self.end - self.first - u32::from(self.own.is_some())
    }

    fn position(self, drawn: u32) -> u32 {
        let position = self.first + drawn;
        position + u32::from(self.own.is_some_and(|own| position >= own))
    }
}

impl<A: Compact> Swarm<A> {
    pub(super) const fn new(now: Instant) -> Self {
        Self { v4: None, v6: None, downloaded: 0, empty_since: now }
    }

    pub(super) fn seeders(&self) -> u32 {
        self.v4.as_ref().map_or(0, |pool| pool.seeders()) + self.v6.as_ref().map_or(0, |pool| pool.seeders())
    }

    pub(super) fn leechers(&self) -> u32 {
        self.len() - self.seeders()
    }

    pub(super) fn downloaders(&self) -> u32 {
        let v4 = self.v4.as_ref().map_or(0, |pool| pool.len() - pool.sated());
        v4 + self.v6.as_ref().map_or(0, |pool| pool.len() - pool.sated())
    }

    pub(super) const fn downloaded(&self) -> u64 {
        self.downloaded
    }

    fn len(&self) -> u32 {
        self.v4.as_ref().map_or(0, |pool| pool.len()) + self.v6.as_ref().map_or(0, |pool| pool.len())
    }

    /// Forgets the peers that have been silent for `timeout` or longer.
    pub(super) fn expire(&mut self, key: &Key, now: Instant, timeout: Duration) {
        if let Some(pool) = &mut self.v4 {
            pool.expire(key, now, timeout);
        }
        if let Some(pool) = &mut self.v6 {
            pool.expire(key, now, timeout);
        }
        self.give_back(now);
    }

    /// When the next peer, or the empty swarm itself, will have been silent for `timeout`.
    pub(super) fn expires(&self, timeout: Duration) -> Instant {
        let v4 = self.v4.as_ref().and_then(|pool| pool.oldest());
        let v6 = self.v6.as_ref().and_then(|pool| pool.oldest());
        v4.into_iter().chain(v6).min().unwrap_or(self.empty_since) + timeout
    }

    /// Nobody was here for `timeout` or longer.
    pub(super) fn is_abandoned(&self, now: Instant, timeout: Duration) -> bool {
        self.len() == 0 && now - self.empty_since >= timeout
    }

    /// A peer was heard of. A newcomer is registered if the swarm has room for it. `completed` counts once for each peer
    /// id at an address, so that a repeated announce does not count twice. Its position among those of its family, if it has
    /// one now.
    pub(super) fn register(
        &mut self,
        key: &Key,
        now: Instant,
        who: Announcer<A>,
        (role, completed): (Role, bool),
        room: u32,
    ) -> Option<u32> {
        let room = self.len() < room;
        let (position, counts) = match who.addr.pack() {
            Packed::V4(addr) => self.v4.get_or_insert_with(|| Box::new(Pool::new())).register(
                key,
                now,
                (addr, who.id),
                (role, completed),
                room,
            ),
            Packed::V6(addr) => self.v6.get_or_insert_with(|| Box::new(Pool::new())).register(
                key,
                now,
                (addr, who.id),
                (role, completed),
                room,
            ),
        };
        self.downloaded += u64::from(counts);
        position
    }

    /// A peer was heard of and has nothing new to say. False when it is not registered.
    pub(super) fn touch(&mut self, key: &Key, now: Instant, addr: A) -> bool {
        match addr.pack() {
            Packed::V4(addr) => self.v4.as_mut().is_some_and(|pool| pool.touch(key, now, addr)),
            Packed::V6(addr) => self.v6.as_mut().is_some_and(|pool| pool.touch(key, now, addr)),
        }
    }

    /// Does the peer have everything? `None`: it is not registered.
    pub(super) fn is_seeder(&self, key: &Key, addr: A) -> Option<bool> {
        match addr.pack() {
            Packed::V4(addr) => is_seeder(self.v4.as_deref()?, key, addr),
            Packed::V6(addr) => is_seeder(self.v6.as_deref()?, key, addr),
        }
    }

    /// A peer is gone.
    pub(super) fn remove(&mut self, key: &Key, addr: A, now: Instant) {
        match addr.pack() {
            Packed::V4(addr) => remove(self.v4.as_deref_mut(), key, addr),
            Packed::V6(addr) => remove(self.v6.as_deref_mut(), key, addr),
        }
        self.give_back(now);
    }

    /// Where a peer stands among those of its family; `None`: it is not registered.
    pub(super) fn position(&self, key: &Key, addr: A) -> Option<u32> {
        match addr.pack() {
            Packed::V4(addr) => self.v4.as_ref()?.position(key, addr),
            Packed::V6(addr) => self.v6.as_ref()?.position(key, addr),
        }
    }

    /// Some peers, each subset equally likely, in random order, and never the asker itself, of which family and position are
    /// given where it is registered. They replace what is in `room`.
    ///
    /// Their addresses are fetched one directly after another, and looked at later: most of the time of an announce to a large swarm is
    /// spent waiting for memory, which this lets do several things at a time.
    pub(super) fn choose<'a>(
        &self,
        rng: &mut Rng,
        asker: (Family, Option<u32>),
        wanted: Wanted,
        room: &'a mut Room<A>,
    ) -> Chosen<'a, A> {
        let (own_v4, own_v6) = match asker {
            (Family::V4, position) => (position, None),
            (Family::V6, position) => (None, position),
        };
        let v4 = self.v4.as_deref().filter(|_| wanted.family != Some(Family::V6));
        let v6 = self.v6.as_deref().filter(|_| wanted.family != Some(Family::V4));
        let (v4_range, v6_range) = (Range::of(v4, wanted, own_v4), Range::of(v6, wanted, own_v6));
        let of_v4 = v4_range.len();
        let drawn = room.sample.draw(rng, of_v4 + v6_range.len(), wanted.count);
        room.v4.clear();
        if let Some(pool) = v4 {
            let drawn = drawn.iter().filter(|&&drawn| drawn < of_v4);
            room.v4.extend(drawn.map(|&drawn| pool.addr(v4_range.position(drawn))));
        }
        room.v6.clear();
        if let Some(pool) = v6 {
            let drawn = drawn.iter().filter_map(|drawn| drawn.checked_sub(of_v4));
            room.v6.extend(drawn.map(|drawn| pool.addr(v6_range.position(drawn))));
        }
        Chosen { v4: &room.v4, v6: &room.v6, drawn, of_v4 }
    }

    /// What a crowd needed is given back.
    fn give_back(&mut self, now: Instant) {
        let some = self.v4.is_some() || self.v6.is_some();
        self.v4.take_if(|pool| pool.len() == 0);
        self.v6.take_if(|pool| pool.len() == 0);
        if some && self.v4.is_none() && self.v6.is_none() {
            self.empty_since = now;
        }
    }
}

fn is_seeder<K: Kept>(pool: &Pool<K>, key: &Key, addr: K) -> Option<bool> {
    pool.position(key, addr).map(|position| position < pool.seeders())
}

fn remove<K: Kept>(pool: Option<&mut Pool<K>>, key: &Key, addr: K) {
    if let Some(pool) = pool
        && let Some(position) = pool.position(key, addr)
    {
        pool.remove(key, position);
    }
}

#[cfg(test)]
impl<A: Compact> Swarm<A> {
    /// Panics unless all structures tell the same.
    pub(super) fn check(&self, key: &Key) {
        self.v4.iter().for_each(|pool| pool.check(key));
        self.v6.iter().for_each(|pool| pool.check(key));
        assert!(self.v4.as_ref().is_none_or(|pool| pool.len() > 0), "an empty pool is given back");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::SocketAddr;

    #[test]
    fn an_empty_swarm_is_small() {
        assert_eq!(size_of::<Swarm<SocketAddr>>(), 32);
    }
}

//! The server side of a tracker: who is in which swarm, and whom to tell of whom.
//!
//! Read BEP 3, *trackers*, and BEP 48 (scrape) first. There is no transport here: [`http`] and [`udp`] read requests,
//! refuse those that name port 0, and write the answers; drivers move the bytes. The rules:
//!
//! - A peer is an address. What announces from it last is what is registered; `stopped` removes it at once.
//! - Nobody is handed out after [`TrackerConfig::timeout`] without an announce, never the asker itself, and never more than
//!   asked for. Before anything is answered, those who fell silent are removed: no answer depends on when the last sweep was.
//! - Leechers get a uniform choice of all others, seeders a uniform choice of the leechers. S2's rule, to send everyone
//!   while fewer than five are known, is the same: who asks for five gets all of four.
//! - Who asks for inventories hears of all that it may be told of who has what (S1, S3); who asks for holders, only of those who
//!   have everything (S4).
//! - The counters in every answer are those of the swarm as it is after this announce.
//! - Swarms and peers are bounded. A full swarm still answers newcomers, without registering them, so that they can join
//!   by dialling; a new swarm beyond the bound is refused.
//!
//! An announce costs O(log swarms + peers handed out), whatever the size of the swarm. A peer costs about 40 bytes with an
//! IPv4 address and 60 with an IPv6 one.

mod compact;
pub mod directory;
pub mod http;
mod inventories;
pub mod json;
mod peers;
mod pool;
mod query;
mod sample;
mod swarm;
pub mod systems;
pub mod udp;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use core::time::Duration;

use crate::announce::{AnnounceError, AnnounceEvent, AnnounceRequest, AnnounceResponse};
use crate::bitfield::Bitfield;
use crate::config::Lists;
use crate::id::{InfoHash, PeerId};
use crate::rng::{Purpose, Rng, Seed};
use crate::time::Instant;
use inventories::Inventories;
use pool::{Key, Role};
use swarm::{Room, Swarm, Wanted, Who};

pub use compact::{Compact, Family, Kept, Packed, PackedOf};
pub use query::{DEFAULT_NUMWANT, Query};
pub use swarm::Chosen;

/// Sweeps for those who fell silent are at least so far apart.
const SWEEP: Duration = Duration::from_mins(1);
/// No timer is set further ahead.
const FURTHEST: Duration = Duration::from_hours(1);

/// What can be chosen about a tracker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrackerConfig {
    /// Peers are asked to announce again after this.
    pub interval: Duration,
    /// And not sooner than after this.
    pub min_interval: Duration,
    /// A peer that was silent for so long is forgotten; so is a swarm without peers, and its count of downloads.
    pub timeout: Duration,
    /// Most peers in one answer.
    pub max_peers: u32,
    /// Most swarms, those without peers included.
    pub max_swarms: u32,
    /// Most peers registered in one swarm.
    pub max_peers_per_swarm: u32,
}

impl Default for TrackerConfig {
    /// Half an hour between announces, as trackers of the field ask for, and one may be missed; 200 peers in an answer.
    fn default() -> Self {
        Self {
            interval: Duration::from_mins(30),
            min_interval: Duration::from_mins(1),
            timeout: Duration::from_mins(61),
            max_peers: 200,
            max_swarms: 100_000,
            max_peers_per_swarm: 1_000_000,
        }
    }
}

/// Who announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announcer<A> {
    /// Where it can be reached.
    pub addr: A,
    /// What it calls itself. Another name at the same address is another peer, which takes the place of the first.
    pub id: PeerId,
}

/// Why a tracker refuses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrackerError {
    /// The swarm is not known, and there is no room for another one.
    #[error("the tracker already serves {limit} swarms, the most that it may")]
    TooManySwarms {
        /// [`TrackerConfig::max_swarms`].
        limit: u32,
    },
}

impl From<TrackerError> for AnnounceError {
    fn from(error: TrackerError) -> Self {
        Self::Refused(error.to_string())
    }
}

/// What a tracker says of a swarm (BEP 48).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scrape {
    /// Peers that have everything: `complete`.
    pub seeders: u32,
    /// Peers that do not: `incomplete`.
    pub leechers: u32,
    /// Those of them that are downloading, and not partial seeds (BEP 21): `downloaders`.
    pub downloaders: u32,
    /// Downloads that were reported complete: `downloaded`.
    pub downloaded: u64,
}

impl Scrape {
    fn of<A: Compact>(swarm: &Swarm<A>) -> Self {
        Self {
            seeders: swarm.seeders(),
            leechers: swarm.leechers(),
            downloaders: swarm.downloaders(),
            downloaded: swarm.downloaded(),
        }
    }
}

/// A registry of swarms.
#[derive(Clone, Debug)]
pub struct Tracker<A: Compact> {
    config: TrackerConfig,
    swarms: BTreeMap<InfoHash, Swarm<A>>,
    inventories: Inventories<A>,
    rng: Rng,
    key: Key,
    room: Room<A>,
    /// When to look for those who fell silent; `None` while there is nobody.
    sweep: Option<Instant>,
}

impl<A: Compact> Tracker<A> {
    /// A tracker that knows nobody. Its choices are drawn from the seed's stream for trackers.
    pub fn new(config: TrackerConfig, seed: Seed) -> Self {
        Self {
            config,
            swarms: BTreeMap::new(),
            inventories: Inventories::new(),
            rng: seed.stream(Purpose::Tracker, 0),
            key: Key::draw(&mut seed.stream(Purpose::Tracker, 1)),
            room: Room::new(),
            sweep: None,
        }
    }

    /// What was chosen.
    pub const fn config(&self) -> &TrackerConfig {
        &self.config
    }

    /// Swarms in the registry, those without peers included.
    pub fn swarm_count(&self) -> usize {
        self.swarms.len()
    }

    /// The swarms and their counters, in order of their info-hashes. Who has been silent for too long is still counted
    /// until the next sweep. O(swarms).
    pub fn swarms(&self) -> impl Iterator<Item = (InfoHash, Scrape)> {
        self.swarms.iter().map(|(&info_hash, swarm)| (info_hash, Scrape::of(swarm)))
    }

    /// Registers, updates or removes a peer, and tells it of others.
    ///
    /// `left` decides who is a seeder: with 0 everything is there. Of the others `paused` tells partial seeds (BEP 21).
    ///
    /// # Errors
    /// When the swarm is new and there is no room for it.
    pub fn announce(
        &mut self,
        now: Instant,
        info_hash: InfoHash,
        who: Announcer<A>,
        request: &AnnounceRequest,
    ) -> Result<AnnounceResponse<A>, TrackerError> {
        let TrackerConfig { interval, min_interval, .. } = self.config;
        let (scrape, peers) = self.announce_packed(now, info_hash, who, request, None)?;
        let Scrape { seeders, leechers, .. } = scrape;
        let peers: Vec<A> = peers.iter().map(A::unpack).collect();
        if request.event == AnnounceEvent::Stopped {
            self.inventories.forget(info_hash, who.addr);
        } else if let Some(pieces) = request.have.as_deref()
            && self.is_registered(info_hash, who.addr)
        {
            self.inventories.tell(info_hash, who.addr, pieces.clone());
        }
        let inventories = match (request.lists, request.have.as_deref()) {
            (Lists::Inventories, Some(own)) => peers
                .iter()
                .filter_map(|&peer| Some((peer, self.inventory(info_hash, peer, own.len())?)))
                .collect(),
            _ => Vec::new(),
        };
        Ok(AnnounceResponse {
            interval,
            min_interval: Some(min_interval),
            peers,
            seeders,
            leechers,
            inventories,
        })
    }

    /// What a registered peer has, in a torrent of so many pieces, as far as it is known: what it has told last, or everything when it lacks nothing.
    pub fn inventory(&self, info_hash: InfoHash, addr: A, pieces: u32) -> Option<Bitfield> {
        let swarm = self.swarms.get(&info_hash)?;
        if swarm.is_seeder(&self.key, addr)? {
            return Some(Bitfield::all(pieces));
        }
        self.inventories.of(info_hash, addr).filter(|told| told.len() == pieces).cloned()
    }

    fn is_registered(&self, info_hash: InfoHash, addr: A) -> bool {
        self.swarms.get(&info_hash).is_some_and(|swarm| swarm.is_seeder(&self.key, addr).is_some())
    }

    /// The same without an allocation: counters, and peers of one family or of any, in random order.
    ///
    /// # Errors
    /// Those of [`announce`](Self::announce).
    pub fn announce_packed(
        &mut self,
        now: Instant,
        info_hash: InfoHash,
        who: Announcer<A>,
        request: &AnnounceRequest,
        family: Option<Family>,
    ) -> Result<(Scrape, Chosen<'_, A>), TrackerError> {
        let TrackerConfig { timeout, max_peers, max_swarms, max_peers_per_swarm, .. } = self.config;
        let stopped = request.event == AnnounceEvent::Stopped;
        let full = self.swarms.len() >= max_swarms as usize;
        let swarm = match self.swarms.entry(info_hash) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(_) if stopped => return Ok((Scrape::default(), Chosen::nobody())),
            Entry::Vacant(_) if full => return Err(TrackerError::TooManySwarms { limit: max_swarms }),
            Entry::Vacant(new) => {
                self.sweep.get_or_insert(now + timeout.clamp(SWEEP, FURTHEST));
                new.insert(Swarm::new(now))
            }
        };
        let key = &self.key;
        swarm.expire(key, now, timeout);
        if stopped {
            swarm.remove(key, who.addr, now);
            return Ok((Scrape::of(swarm), Chosen::nobody()));
        }
        let role = match request.event {
            _ if request.left == 0 => Role::Seeder,
            AnnounceEvent::Paused => Role::PartialSeed,
            _ => Role::Downloader,
        };
        let completed = role == Role::Seeder && request.event == AnnounceEvent::Completed;
        let position = swarm.register(key, now, who, (role, completed), max_peers_per_swarm);
        let of = match request.lists {
            Lists::Holders => Who::Seeders,
            _ if role == Role::Downloader => Who::All,
            _ => Who::Downloaders,
        };
        let wanted = Wanted { of, count: request.numwant.min(max_peers), family };
        let asker = (who.addr.pack().family(), position);
        Ok((Scrape::of(swarm), swarm.choose(&mut self.rng, asker, wanted, &mut self.room)))
    }

    /// What an announce of a leecher would be answered, without registering anybody. `asker` is not handed out; nobody is
    /// when the swarm is not known.
    pub fn peers(
        &mut self,
        now: Instant,
        info_hash: InfoHash,
        asker: A,
        numwant: u32,
    ) -> AnnounceResponse<A> {
        let TrackerConfig { interval, min_interval, timeout, max_peers, .. } = self.config;
        let (mut peers, mut scrape) = (Vec::new(), Scrape::default());
        if let Some(swarm) = self.swarms.get_mut(&info_hash) {
            swarm.expire(&self.key, now, timeout);
            let wanted = Wanted { of: Who::All, count: numwant.min(max_peers), family: None };
            let asker = (asker.pack().family(), swarm.position(&self.key, asker));
            peers =
                swarm.choose(&mut self.rng, asker, wanted, &mut self.room).iter().map(A::unpack).collect();
            scrape = Scrape::of(swarm);
        }
        let Scrape { seeders, leechers, .. } = scrape;
        let inventories = Vec::new();
        AnnounceResponse { interval, min_interval: Some(min_interval), peers, seeders, leechers, inventories }
    }

    /// A peer is still there, and as it was. False when it is not registered: it has to announce.
    pub fn heartbeat(&mut self, now: Instant, info_hash: InfoHash, addr: A) -> bool {
        let Some(swarm) = self.swarms.get_mut(&info_hash) else { return false };
        swarm.expire(&self.key, now, self.config.timeout);
        swarm.touch(&self.key, now, addr)
    }

    /// Is this peer in the swarm, and was it heard of lately enough?
    pub fn has(&mut self, now: Instant, info_hash: InfoHash, addr: A) -> bool {
        let Some(swarm) = self.swarms.get_mut(&info_hash) else { return false };
        swarm.expire(&self.key, now, self.config.timeout);
        swarm.is_seeder(&self.key, addr).is_some()
    }

    /// The counters of a swarm; `None` when it is not known.
    pub fn scrape(&mut self, now: Instant, info_hash: InfoHash) -> Option<Scrape> {
        let swarm = self.swarms.get_mut(&info_hash)?;
        swarm.expire(&self.key, now, self.config.timeout);
        Some(Scrape::of(swarm))
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.sweep
    }

    /// Gives back the memory of peers and swarms that fell silent, a minute after their time at the latest. Harmless when
    /// called too early or too late. O(swarms), and O(1) for each peer that goes.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.sweep.is_none_or(|sweep| sweep > now) {
            return;
        }
        let (timeout, key) = (self.config.timeout, &self.key);
        let mut next: Option<Instant> = None;
        self.swarms.retain(|_, swarm| {
            swarm.expire(key, now, timeout);
            if swarm.is_abandoned(now, timeout) {
                return false;
            }
            let expires = swarm.expires(timeout);
            next = Some(next.map_or(expires, |next| next.min(expires)));
            true
        });
        let (swarms, key) = (&self.swarms, &self.key);
        let here = |info_hash, addr| {
            swarms.get(&info_hash).is_some_and(|swarm: &Swarm<A>| swarm.is_seeder(key, addr).is_some())
        };
        self.inventories.retain(here);
        self.sweep = next.map(|next| next.clamp(now + SWEEP, now + FURTHEST));
    }
}

#[cfg(test)]
mod tests;

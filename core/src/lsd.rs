//! Local service discovery: peers on the same network, found by multicast (BEP 14).
//!
//! There are no sockets here. A driver gives every datagram that it hears to [`Lsd::hear`], sends what [`Lsd::poll`] names on
//! all its interfaces, and waits until [`Lsd::poll_timeout`]. The rules:
//!
//! - A swarm is announced when it is joined, once more after a minute because datagrams get lost, and then every five minutes.
//!   Never more often than once a minute: BEP 14 forbids it.
//! - Several swarms go into one datagram, which is no longer than [`MAX_SENT`] bytes.
//! - What carries our own cookie is our own, come back by way of another interface.
//! - A peer is told to the driver for the swarms that we are in, once a minute at most. Datagrams are read at a bounded rate,
//!   and little is remembered of them: who floods the network costs it its discovery, and us nothing else.
//! - Private torrents are not for this (BEP 27): the driver does not announce them.
//!
//! # Names without a tracker
//! Nodes that have files to give are in one more swarm, [`CATALOGUE`]. Who looks for a name announces it, and each of them
//! answers the asker alone, with an ordinary announcement of this swarm; then it is asked by [JSON](crate::tracker::json) over
//! TCP what it has. An asker may repeat itself after half a second and after two, a node answers each address once in
//! [`ANSWER_GAP`]; that is more often than BEP 14 has it, and only this swarm, in which there are no other clients. An
//! answer is no longer than a question, so nobody is flooded with them in another's name. Who asks and does not listen names
//! port 0.

mod announcement;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use core::net::SocketAddr;
use core::time::Duration;

use crate::id::InfoHash;
use crate::rng::{Purpose, Seed};
use crate::time::Instant;

pub use announcement::{
    Announcement, AnnouncementError, GROUP_V4, GROUP_V6, MAX_HEARD, MAX_SENT, MAX_SWARMS_HEARD,
    MAX_SWARMS_SENT, PORT,
};

/// The swarm of those who have files to give: SHA-1 of `MiniBit catalogue of a local network`.
pub const CATALOGUE: InfoHash = InfoHash([
    0xc7, 0x2c, 0xae, 0xc2, 0x06, 0x7d, 0xfa, 0x2a, 0x55, 0xea, 0xcc, 0x76, 0x2e, 0x86, 0xe8, 0xfa, 0x0a,
    0x7d, 0x4f, 0xc5,
]);

/// Announces of a swarm are so far apart (BEP 14).
pub const INTERVAL: Duration = Duration::from_mins(5);
/// And never closer (BEP 14). The second announce comes after this.
pub const MIN_GAP: Duration = Duration::from_mins(1);
/// A node answers the same asker no sooner than after this: less than there is between two questions of one asker.
pub const ANSWER_GAP: Duration = Duration::from_millis(300);
/// Questions are so far apart.
const ASK_GAP: Duration = Duration::from_millis(500);
/// A question is repeated after these pauses, the last one first.
const ASK_AGAIN: [Duration; 2] = [Duration::from_millis(1500), ASK_GAP];

/// Datagrams that are read at once after silence, and those of one second: thousands of nodes announce at a lower rate.
const BURST: u64 = 100;
const PER_SECOND: u64 = 50;
/// Peers, and askers, that are remembered, so as not to repeat ourselves. What is beyond waits until others are forgotten.
const MAX_REMEMBERED: usize = 1000;

/// A peer that was heard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// The swarm that it is in.
    pub info_hash: InfoHash,
    /// Where it listens.
    pub addr: SocketAddr,
    /// What it marks its announcements with, the same on all its interfaces; empty if it does not.
    pub cookie: String,
}

/// What follows from a datagram.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reaction {
    /// Peers that are new, or were not heard for a minute.
    pub peers: Vec<Heard>,
    /// The sender is to be sent an announcement of [`CATALOGUE`], from us to it alone.
    pub answer: bool,
}

/// When a swarm is announced.
#[derive(Clone, Debug, Default)]
struct Schedule {
    due: Option<Instant>,
    sent: Option<Instant>,
    /// We are in it. Otherwise it is only asked for.
    joined: bool,
    /// The pauses before the announces to come, the last one first; then [`INTERVAL`] if joined, and nothing if not.
    pauses: Vec<Duration>,
}

impl Schedule {
    /// An announce is due at `when`, or `gap` after the last one, whichever is later; or earlier, if it was already.
    fn bring_forward(&mut self, when: Instant, gap: Duration) {
        let when = self.sent.map_or(when, |sent| when.max(sent + gap));
        self.due = Some(self.due.map_or(when, |due| due.min(when)));
    }

    fn sent(&mut self, now: Instant) {
        let pause = self.pauses.pop().or(self.joined.then_some(INTERVAL));
        self.due = pause.map(|pause| now + pause);
        self.sent = Some(now);
    }
}

/// One node's part in local service discovery.
#[derive(Clone, Debug)]
pub struct Lsd {
    port: u16,
    cookie: String,
    swarms: BTreeMap<InfoHash, Schedule>,
    /// Datagrams that may be read now, and since when that is so.
    tokens: u64,
    counted: Instant,
    told: BTreeMap<(InfoHash, SocketAddr), Instant>,
    answered: BTreeMap<SocketAddr, Instant>,
}

impl Lsd {
    /// A node that listens for peers at `port`, and has joined nothing. The seed gives it its cookie.
    ///
    /// Port 0 is for a node that does not listen: it can [ask](Self::ask) and hear, and is no peer.
    pub fn new(port: u16, now: Instant, seed: Seed) -> Self {
        Self {
            port,
            cookie: format!("minibit-{:016x}", seed.stream(Purpose::Identity, 0).next_u64()),
            swarms: BTreeMap::new(),
            tokens: BURST,
            counted: now,
            told: BTreeMap::new(),
            answered: BTreeMap::new(),
        }
    }

    /// What our announcements are marked with.
    pub fn cookie(&self) -> &str {
        &self.cookie
    }

    /// Joins a swarm: it is announced now. Announced again when it was joined before, if a minute has passed.
    ///
    /// Not for private torrents.
    pub fn join(&mut self, now: Instant, info_hash: InfoHash) {
        let schedule = self.swarms.entry(info_hash).or_default();
        schedule.joined = true;
        if schedule.pauses.is_empty() {
            schedule.pauses.push(MIN_GAP);
        }
        schedule.bring_forward(now, MIN_GAP);
    }

    /// Leaves a swarm: nothing is announced, and nobody is told of it.
    pub fn leave(&mut self, info_hash: InfoHash) {
        self.swarms.remove(&info_hash);
    }

    /// Asks who has files to give; the answers come as peers of [`CATALOGUE`], those of peers that were told before, too. The
    /// question is repeated twice, and then, unless we have joined it, not any more.
    pub fn ask(&mut self, now: Instant) {
        self.told.retain(|(info_hash, _), _| *info_hash != CATALOGUE);
        let schedule = self.swarms.entry(CATALOGUE).or_default();
        schedule.pauses = ASK_AGAIN.into();
        schedule.bring_forward(now, ASK_GAP);
    }

    /// There is a new interface, on which nothing was announced: all swarms are due, those excepted that were announced less
    /// than a minute ago; they are when that minute is over.
    pub fn renew(&mut self, now: Instant) {
        for schedule in self.swarms.values_mut().filter(|schedule| schedule.joined) {
            schedule.bring_forward(now, MIN_GAP);
        }
    }

    /// When [`poll`](Self::poll) is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.swarms.values().filter_map(|schedule| schedule.due).min()
    }

    /// The swarms to announce now, on all interfaces, as many as go into one datagram. To be called until it gives nothing.
    pub fn poll(&mut self, now: Instant) -> Option<Announcement> {
        let due = self.swarms.iter_mut().filter(|(_, schedule)| schedule.due.is_some_and(|due| due <= now));
        let info_hashes: Vec<_> = due
            .take(MAX_SWARMS_SENT)
            .map(|(&info_hash, schedule)| {
                schedule.sent(now);
                info_hash
            })
            .collect();
        (!info_hashes.is_empty()).then(|| self.announcement(info_hashes))
    }

    /// The answer to one who asks who has files to give.
    pub fn answer(&self) -> Announcement {
        self.announcement(vec![CATALOGUE])
    }

    fn announcement(&self, info_hashes: Vec<InfoHash>) -> Announcement {
        Announcement { port: self.port, info_hashes, cookie: self.cookie.clone() }
    }

    /// A datagram has come from `from`: to the group, or as an answer to us alone, which is not answered in turn.
    pub fn hear(&mut self, now: Instant, from: SocketAddr, to_group: bool, datagram: &[u8]) -> Reaction {
        let mut reaction = Reaction::default();
        if !self.may_read(now) {
            return reaction;
        }
        let Ok(Announcement { port, info_hashes, cookie }) = Announcement::parse(datagram) else {
            return reaction;
        };
        if cookie == self.cookie {
            return reaction;
        }
        let mut addr = from;
        addr.set_port(port);
        for info_hash in info_hashes {
            let Some(schedule) = self.swarms.get(&info_hash) else { continue };
            if info_hash == CATALOGUE && to_group && self.port != 0 && schedule.joined {
                reaction.answer = once(&mut self.answered, from, now, ANSWER_GAP);
            }
            if port != 0 && once(&mut self.told, (info_hash, addr), now, MIN_GAP) {
                reaction.peers.push(Heard { info_hash, addr, cookie: cookie.clone() });
            }
        }
        reaction
    }

    /// Takes one of the datagrams that may be read, if there is one.
    fn may_read(&mut self, now: Instant) -> bool {
        let nanos_per_token = crate::time::NANOS_PER_SEC / PER_SECOND;
        let gained = now.nanos_since(self.counted) / nanos_per_token;
        self.counted += Duration::from_nanos(gained * nanos_per_token);
        self.tokens = self.tokens.saturating_add(gained).min(BURST);
        let may = self.tokens > 0;
        self.tokens = self.tokens.saturating_sub(1);
        may
    }
}

/// Whether something is new, or was not done for as long as `gap`; remembers that it is done now. With too much to remember, no.
fn once<K: Ord>(done: &mut BTreeMap<K, Instant>, key: K, now: Instant, gap: Duration) -> bool {
    if done.len() >= MAX_REMEMBERED {
        done.retain(|_, when| now - *when < gap);
    }
    match done.get_mut(&key) {
        Some(when) if now - *when < gap => false,
        Some(when) => {
            *when = now;
            true
        }
        None => done.len() < MAX_REMEMBERED && done.insert(key, now).is_none(),
    }
}

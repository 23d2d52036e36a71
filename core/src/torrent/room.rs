//! Room for connections, and who gives way when there is none.
//!
//! A participant on a network of strangers keeps places for those that it dials itself, and shuts nobody out as long as
//! somebody is there who neither gives nor takes. Connections of one host that has a large part of the table are taken to
//! be a crowd: they go first, and need not be proved useless; a newcomer gets a place among them at once. Others are given the
//! time to show what they are there for. Who gives, takes, or has asked of late is never sent away.

use core::cmp::Reverse;
use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};

use crate::boundary::{Address as _, DisconnectReason, Env, Outbox};
use crate::time::{Instant, NANOS_PER_SEC, nanos};
use crate::torrent::Torrent;
use crate::torrent::peer::{Peer, Stage};

/// A host with more than one in so many of all connections is a crowd …
const CROWD: u32 = 8;
/// … but never with so few.
const COMPANY: u32 = 4;
/// Who has come to us and has not said who it is for so long is of no use.
const GREETING_TIME: u64 = 2 * NANOS_PER_SEC;

/// How easily a connection is given up, the easiest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Worth {
    /// It has had the time to give or to take something and has not.
    None,
    /// It wants nothing, so far.
    Unknown,
    /// It waits to be served, or says that it has something for us and has sent none of it.
    Claimed,
}

impl<E: Env> Peer<E> {
    /// Where it comes from, whatever its port.
    pub(crate) fn host(&self) -> IpAddr {
        self.addr.to_socket().ip().to_canonical()
    }

    /// `None`: it stays.
    fn worth(&mut self, now: Instant, patience: u64, in_crowd: bool) -> Option<Worth> {
        let age = now.nanos_since(self.since);
        let unless_crowd = |worth| in_crowd.then_some(worth);
        match self.stage {
            Stage::Dialling => None,
            Stage::Handshaking if self.dialled => None,
            Stage::Handshaking if age >= GREETING_TIME => Some(Worth::None),
            Stage::Open if self.useful > 0 => {
                let gives = self.dialled || self.downloaded > 0 || age < patience;
                if gives { None } else { unless_crowd(Worth::Claimed) }
            }
            Stage::Open if self.has_wasted_slot() => Some(Worth::None),
            Stage::Open if self.is_being_served() || !self.queue.is_empty() || self.upload.get(now) > 0 => {
                None
            }
            Stage::Open if self.peer_interested && self.am_choking => unless_crowd(Worth::Claimed),
            Stage::Open if self.peer_interested => self.wastes_slot(now, patience).then_some(Worth::None),
            Stage::Open if age >= patience => Some(Worth::None),
            Stage::Handshaking | Stage::Open => unless_crowd(Worth::Unknown),
        }
    }
}

impl<E: Env> Torrent<E> {
    /// May somebody be let in who comes to us?
    pub(crate) fn has_room(&self) -> bool {
        let limits = self.config.limits;
        if self.config.timeouts.useless.is_none() {
            return self.conns.len() < limits.connections;
        }
        let came = self.conns.iter().filter(|(_, peer)| !peer.dialled).count();
        let places = limits.connections - limits.dial_target.min(limits.connections / 2);
        self.conns.len() < limits.connections && came < places as usize
    }

    /// Do we open more connections ourselves? Among strangers, who comes to us and has nothing for us does not count.
    pub(crate) fn wants_more(&self) -> bool {
        let limits = self.config.limits;
        let (counted, half_open) = if self.config.timeouts.useless.is_none() {
            (self.conns.len() as usize, self.half_open as usize)
        } else {
            let count = |counts: &dyn Fn(&Peer<E>) -> bool| {
                self.conns.iter().filter(|(_, peer)| counts(peer)).count()
            };
            let counted = count(&|peer| peer.dialled || peer.useful > 0);
            (counted, count(&|peer| peer.dialled && !peer.is_open()))
        };
        self.conns.len() < limits.connections
            && counted < limits.dial_target as usize
            && half_open < limits.half_open as usize
    }

    /// How many connections there are of each host, of those that count.
    pub(crate) fn hosts(&self, counts: impl Fn(&Peer<E>) -> bool) -> BTreeMap<IpAddr, u32> {
        let mut hosts = BTreeMap::new();
        for (_, peer) in self.conns.iter().filter(|(_, peer)| counts(peer)) {
            *hosts.entry(peer.host()).or_default() += 1;
        }
        hosts
    }

    /// More connections of one host than this are a crowd.
    fn company(&self) -> u32 {
        (self.config.limits.connections / CROWD).max(COMPANY)
    }

    /// The hosts that have a large part of the table.
    pub(crate) fn crowds(&self) -> BTreeSet<IpAddr> {
        let company = self.company();
        self.hosts(|_| true)
            .into_iter()
            .filter(|&(_, number)| number > company)
            .map(|(host, _)| host)
            .collect()
    }

    /// The connection that is of least use gives way to a newcomer.
    pub(crate) fn make_room(&mut self, now: Instant, out: &mut Outbox<E>) -> bool {
        let Some(patience) = self.config.timeouts.useless else { return false };
        let (hosts, company) = (self.hosts(|_| true), self.company());
        let mut least = None;
        for slot in 0..self.conns.slot_count() {
            let Some((conn, peer)) = self.conns.at_mut(slot) else { continue };
            let from_there = hosts.get(&peer.host()).copied().unwrap_or(0);
            let in_crowd = from_there > company;
            let Some(worth) = peer.worth(now, nanos(patience), in_crowd) else { continue };
            // The oldest has had most time to show what it is there for.
            let rank = (!in_crowd, worth, Reverse(from_there), peer.since, conn);
            if least.is_none_or(|least| rank < least) {
                least = Some(rank);
            }
        }
        let Some((.., conn)) = least else { return false };
        self.close(now, conn, Some(DisconnectReason::Replaced), out);
        self.has_room()
    }
}

//! Who is registered for as long as a connection lasts.

use core::net::SocketAddr;
use core::time::Duration;
use std::collections::BTreeMap;

use super::after;
use crate::bitfield::Bitfield;
use crate::config::Encoding;
use crate::id::InfoHash;
use crate::time::Instant;

/// Registrations of one connection.
const MOST_OF_ONE: usize = 64;
/// Registrations in all.
const MOST: usize = 20_000;

/// A driver's name for a connection. It gives none twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// Somebody in a swarm.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) system: Encoding,
    pub(super) info_hash: InfoHash,
    pub(super) addr: SocketAddr,
    pub(super) id: String,
    pub(super) file: String,
    pub(super) have: Bitfield,
}

/// All of them.
#[derive(Debug)]
pub(super) struct Members {
    by_ticket: BTreeMap<Ticket, Vec<Member>>,
    /// Whose registration counts, where somebody has come again on another connection.
    by_addr: BTreeMap<(InfoHash, SocketAddr), Ticket>,
    due: Option<Instant>,
}

impl Members {
    pub(super) const fn new() -> Self {
        Self { by_ticket: BTreeMap::new(), by_addr: BTreeMap::new(), due: None }
    }

    /// May this connection register once more?
    pub(super) fn has_room(&self, ticket: Ticket) -> bool {
        let own = self.by_ticket.get(&ticket).map_or(0, Vec::len);
        own < MOST_OF_ONE && self.by_addr.len() < MOST
    }

    pub(super) fn insert(&mut self, now: Instant, ticket: Ticket, member: Member) {
        let of_ticket = self.by_ticket.entry(ticket).or_default();
        of_ticket.retain(|other| other.info_hash != member.info_hash || other.addr != member.addr);
        self.by_addr.insert((member.info_hash, member.addr), ticket);
        of_ticket.push(member);
        self.due.get_or_insert(after(now, Duration::from_secs(1)));
    }

    /// What a connection has registered last, for this file if one is named.
    pub(super) fn of(&self, ticket: Ticket, file: Option<&str>) -> Option<&Member> {
        let members = self.by_ticket.get(&ticket)?;
        members.iter().rev().find(|member| file.is_none_or(|file| file == member.file))
    }

    pub(super) fn of_mut(&mut self, ticket: Ticket, file: Option<&str>) -> Option<&mut Member> {
        let members = self.by_ticket.get_mut(&ticket)?;
        members.iter_mut().rev().find(|member| file.is_none_or(|file| file == member.file))
    }

    /// Who is registered at an address.
    pub(super) fn at(&self, info_hash: InfoHash, addr: SocketAddr) -> Option<&Member> {
        let ticket = self.by_addr.get(&(info_hash, addr))?;
        let members = self.by_ticket.get(ticket)?;
        members.iter().find(|member| (member.info_hash, member.addr) == (info_hash, addr))
    }

    /// The other connections that have registered for a swarm.
    pub(super) fn in_swarm(
        &self,
        system: Encoding,
        info_hash: InfoHash,
        but: Ticket,
    ) -> impl Iterator<Item = Ticket> {
        let here = move |member: &Member| member.system == system && member.info_hash == info_hash;
        let others = self.by_ticket.iter().filter(move |(ticket, _)| **ticket != but);
        others.filter(move |(_, members)| members.iter().any(here)).map(|(&ticket, _)| ticket)
    }

    /// Ends all registrations of a connection. Who has registered again since stays.
    pub(super) fn close(&mut self, ticket: Ticket) -> Vec<Member> {
        let mut gone = self.by_ticket.remove(&ticket).unwrap_or_default();
        gone.retain(|member| {
            let key = (member.info_hash, member.addr);
            let counts = self.by_addr.get(&key) == Some(&ticket);
            if counts {
                self.by_addr.remove(&key);
            }
            counts
        });
        if self.by_addr.is_empty() {
            self.due = None;
        }
        gone
    }

    /// When the registry is to be told that they are still there.
    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Who is still there, when it is time to tell. Who is not heard of for `timeout` would be forgotten.
    pub(super) fn refresh(&mut self, now: Instant, timeout: Duration) -> Vec<(InfoHash, SocketAddr)> {
        if self.due.is_none_or(|due| due > now) {
            return Vec::new();
        }
        self.due = Some(after(now, timeout.checked_div(3).unwrap_or_default()));
        self.by_addr.keys().copied().collect()
    }
}

//! Peer exchange (BEP 11): once a minute each peer hears whom we have met and lost since.
//!
//! Told are peers that are connected and can be dialled: those that we have dialled ourselves, and those that have said where
//! they listen. Heard are as many as BEP 11 allows; what is told of them is a rumour. A peer on another host that names a
//! loopback address names one of ours, and is not believed.

use std::collections::BTreeSet;

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use crate::boundary::{Address, Env, Outbox};
use crate::extension::{MAX_PEX_PEERS, PexFlags, PexMessage};
use crate::id::ConnId;
use crate::time::{Instant, nanos};
use crate::torrent::Torrent;

/// A peer is told of others at most so often, and may tell us of [`MAX_PEX_PEERS`] in so long (BEP 11).
const INTERVAL: Duration = Duration::from_mins(1);

impl<E: Env> Torrent<E> {
    /// Tells of changes whoever wants to hear of them and has not for a while.
    pub(crate) fn exchange_peers(&mut self, now: Instant, out: &mut Outbox<E>) {
        if !self.exchanges_peers() || self.conns.slot_count() == 0 {
            return;
        }
        let mut contacts = self.contacts();
        if !contacts.is_empty() {
            // Where there are more than fit, everybody has the same chance to be told of.
            let first = self.rng.index(contacts.len());
            contacts.rotate_left(first);
        }
        for slot in 0..self.conns.slot_count() {
            let Some((conn, peer)) = self.conns.at_mut(slot) else { continue };
            let own = peer.listens().map(|addr| addr.to_socket());
            let loopback = is_loopback(peer.addr.to_socket());
            let open = peer.is_open();
            let Some(extended) = peer.extended.as_mut().filter(|extended| open && extended.ut_pex != 0)
            else {
                continue;
            };
            if extended.tell_at > now {
                continue;
            }
            let fits = |addr: SocketAddr| Some(addr) != own && (loopback || !is_loopback(addr));
            let new = contacts.iter().filter(|(addr, _)| fits(*addr) && !extended.told.contains(addr));
            let added: Vec<(SocketAddr, PexFlags)> = new.copied().take(MAX_PEX_PEERS).collect();
            let gone = |told: &&SocketAddr| contacts.iter().all(|(addr, _)| addr != *told);
            let dropped: Vec<SocketAddr> =
                extended.told.iter().filter(gone).copied().take(MAX_PEX_PEERS).collect();
            if added.is_empty() && dropped.is_empty() {
                continue;
            }
            extended.tell_at = now + INTERVAL;
            extended.told.extend(added.iter().map(|(addr, _)| addr));
            for addr in &dropped {
                extended.told.remove(addr);
            }
            let id = extended.ut_pex;
            self.send_extended(now, conn, id, || PexMessage { added, dropped }.to_payload(), out);
        }
    }

    /// Peers that are connected and can be dialled, in the order of their slots.
    fn contacts(&self) -> Vec<(SocketAddr, PexFlags)> {
        let mut seen = BTreeSet::new();
        let mut contacts = Vec::new();
        for (_, peer) in self.conns.iter().filter(|(_, peer)| peer.is_open()) {
            let Some(addr) = peer.listens().filter(Address::is_dialable) else { continue };
            let addr = addr.to_socket();
            // An address of the link means nothing to those who are not on it.
            let of_the_link = matches!(addr.ip(), IpAddr::V6(ip) if ip.is_unicast_link_local());
            let upload_only =
                peer.pieces.is_full() || peer.extended.as_ref().is_some_and(|extended| extended.upload_only);
            if !of_the_link && seen.insert(addr) {
                contacts.push((addr, PexFlags { upload_only, reachable: peer.dialled }));
            }
        }
        contacts
    }

    /// A peer tells us of others.
    pub(crate) fn on_pex(&mut self, now: Instant, conn: ConnId, told: &PexMessage, out: &mut Outbox<E>) {
        let Some(peer) = self.conns.get_mut(conn) else { return };
        let loopback = is_loopback(peer.addr.to_socket());
        let Some(extended) = &mut peer.extended else { return };
        if now.nanos_since(extended.heard_since) >= nanos(INTERVAL) {
            (extended.heard_since, extended.heard) = (now, 0);
        }
        let room = MAX_PEX_PEERS.saturating_sub(extended.heard);
        extended.heard += told.added.len().min(room);
        let believed = told.added.iter().take(room).filter(|(addr, _)| loopback || !is_loopback(*addr));
        let addrs: Vec<E::Addr> = believed.filter_map(|&(addr, _)| E::Addr::from_socket(addr)).collect();
        self.learn(now, &addrs, out);
    }
}

fn is_loopback(addr: SocketAddr) -> bool {
    addr.ip().to_canonical().is_loopback()
}

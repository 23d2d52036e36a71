//! The server: one datagram in, at most one out.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::{ANNOUNCE, CONNECT, ConnectionIds, ERROR, MAX_REPLY, SCRAPE, UdpRequest};
use crate::id::InfoHash;
use crate::time::Instant;
use crate::tracker::{Announcer, Compact as _, Family, Query, Scrape, Tracker};

/// Bytes of an announce's answer before its peers.
const ANNOUNCE_HEADER: usize = 20;

/// Answers datagrams out of a [`Tracker`].
#[derive(Clone, Debug)]
pub struct Server {
    ids: ConnectionIds,
    port: u16,
}

impl Server {
    /// A server whose connection ids are made under 16 random bytes. `port` is ours: where we are a peer ourselves, we are one there.
    pub fn new(secret: [u8; 16], port: u16) -> Self {
        Self { ids: ConnectionIds::new(secret), port }
    }

    /// Answers a datagram that came from `from`: what `reply` held is replaced by the answer, of [`MAX_REPLY`] bytes at
    /// most, or by nothing.
    ///
    /// A peer without an address is ourselves, over IPv4 and over IPv6; `own` tells by which address the asker reaches us. Where it
    /// cannot, that peer is left out.
    ///
    /// With room for it in `reply`, an announce is answered without an allocation.
    pub fn answer(
        &self,
        tracker: &mut Tracker<SocketAddr>,
        now: Instant,
        from: SocketAddr,
        datagram: &[u8],
        own: impl FnOnce(SocketAddr) -> Option<IpAddr>,
        reply: &mut Vec<u8>,
    ) {
        reply.clear();
        let Some(transaction) = UdpRequest::transaction(datagram) else { return };
        match UdpRequest::parse(datagram) {
            Ok(UdpRequest::Connect { transaction }) => {
                header(CONNECT, transaction, reply);
                reply.extend_from_slice(&self.ids.issue(from, now).to_be_bytes());
            }
            Ok(UdpRequest::Announce { connection, .. } | UdpRequest::Scrape { connection, .. })
                if !self.ids.check(from, now, connection) =>
            {
                error(transaction, "bad connection id", datagram, reply);
            }
            Ok(UdpRequest::Announce { query, .. }) => {
                header(ANNOUNCE, transaction, reply);
                if let Err(words) = self.announce(tracker, now, from, &query, own, reply) {
                    error(transaction, &words, datagram, reply);
                }
            }
            Ok(UdpRequest::Scrape { swarms, .. }) => {
                header(SCRAPE, transaction, reply);
                for swarm in swarms {
                    scrape(tracker, now, swarm, reply);
                }
            }
            // Without a connection id there is no telling who would get the answer, and what is too short is not worth one.
            Err(_) => {}
        }
    }

    /// Appends what follows the header. The words with which it is refused otherwise.
    fn announce(
        &self,
        tracker: &mut Tracker<SocketAddr>,
        now: Instant,
        from: SocketAddr,
        query: &Query,
        own: impl FnOnce(SocketAddr) -> Option<IpAddr>,
        reply: &mut Vec<u8>,
    ) -> Result<(), String> {
        if query.port == 0 {
            return Err("port 0 cannot be dialled".into());
        }
        let addr = SocketAddr::new(from.ip().to_canonical(), query.port);
        let family = addr.pack().family();
        let room = match family {
            Family::V4 => (MAX_REPLY - ANNOUNCE_HEADER) / 6,
            Family::V6 => (MAX_REPLY - ANNOUNCE_HEADER) / 18,
        };
        let mut request = query.request.clone();
        request.numwant = request.numwant.min(u32::try_from(room).unwrap_or(u32::MAX));
        // We are registered once, and not as a peer of IPv6; a seeder has no use for us.
        let asks_for_us = family == Family::V6 && request.left > 0 && request.numwant > 0;
        let ourselves = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), self.port);
        let over_v6 = asks_for_us && tracker.has(now, query.info_hash, ourselves);
        request.numwant = request.numwant.saturating_sub(over_v6.into());
        let interval = tracker.config().interval.as_secs();
        let who = Announcer { addr, id: query.peer_id };
        let (scrape, peers) = tracker
            .announce_packed(now, query.info_hash, who, &request, Some(family))
            .map_err(|error| error.to_string())?;
        for number in [u32::try_from(interval).unwrap_or(u32::MAX), scrape.leechers, scrape.seeders] {
            reply.extend_from_slice(&number.to_be_bytes());
        }
        let is_ours = |peer: &[u8; 6]| peer.starts_with(&[0; 4]);
        let at_ours = peers.v4().iter().position(is_ours).and_then(|at| peers.v4().split_at_checked(at));
        // We are in a swarm once at most.
        if let Some((before, [[.., high, low], after @ ..])) = at_ours {
            reply.extend_from_slice(before.as_flattened());
            if let Some(IpAddr::V4(ip)) = own(from) {
                reply.extend_from_slice(&ip.octets());
                reply.extend_from_slice(&[*high, *low]);
            }
            reply.extend_from_slice(after.as_flattened());
        } else {
            reply.extend_from_slice(peers.v4().as_flattened());
            reply.extend_from_slice(peers.v6().as_flattened());
            if over_v6 && let Some(IpAddr::V6(ip)) = own(from) {
                reply.extend_from_slice(&ip.octets());
                reply.extend_from_slice(&self.port.to_be_bytes());
            }
        }
        Ok(())
    }
}

fn scrape(tracker: &mut Tracker<SocketAddr>, now: Instant, swarm: InfoHash, reply: &mut Vec<u8>) {
    let Scrape { seeders, leechers, downloaded, .. } = tracker.scrape(now, swarm).unwrap_or_default();
    for number in [seeders, u32::try_from(downloaded).unwrap_or(u32::MAX), leechers] {
        reply.extend_from_slice(&number.to_be_bytes());
    }
}

fn header(action: u32, transaction: u32, reply: &mut Vec<u8>) {
    reply.extend_from_slice(&action.to_be_bytes());
    reply.extend_from_slice(&transaction.to_be_bytes());
}

/// An error is never longer than what it answers: it may go to somebody who has not asked.
fn error(transaction: u32, words: &str, request: &[u8], reply: &mut Vec<u8>) {
    reply.clear();
    header(ERROR, transaction, reply);
    reply.extend_from_slice(words.as_bytes());
    reply.truncate(request.len());
}

//! What is said through the extension protocol (BEP 10): how many requests are queued, where a peer listens, who does not want
//! to download (BEP 21), and the metadata for those who have a magnet link only (BEP 9).
//!
//! Metadata is given out by credit, as blocks are: a few pieces are under way to a peer, the next goes when one has left,
//! and what waits is bounded. A peer gets each piece a few times at most; beyond that it is refused, so that a small
//! question asked for ever does not cost us a large answer for ever.

use std::collections::{BTreeSet, VecDeque};

use core::net::SocketAddr;

use crate::boundary::{Address as _, DisconnectReason, Env, Outbox};
use crate::extension::{
    ExtensionHandshake, HANDSHAKE, METADATA_PIECE_LEN, MetadataMessage, PexMessage, UT_METADATA, UT_PEX,
    metadata_piece_count, metadata_piece_len,
};
use crate::id::ConnId;
use crate::message::{Extended, Message};
use crate::payload::Payload;
use crate::time::Instant;
use crate::torrent::Torrent;
use crate::torrent::known::PeerKey;

/// Questions for metadata of one peer that wait; further ones are refused. A client asks for a few at a time.
const METADATA_QUEUE: usize = 64;
/// Bytes of extension messages on their way to one peer, above which its next piece of metadata waits.
const METADATA_CREDIT: u32 = 4 * METADATA_PIECE_LEN;
/// A peer gets the whole metadata so many times on one connection.
const METADATA_ROUNDS: u32 = 3;

/// What a peer has said through the extension protocol, and what it has got.
#[derive(Debug)]
pub(crate) struct ExtendedPeer<A> {
    /// Its number for metadata messages; 0: it does not want any.
    ut_metadata: u8,
    /// Its number for peer exchange; 0: it does not want any.
    pub(crate) ut_pex: u8,
    /// It queues so many of our requests.
    pub(crate) reqq: u32,
    pub(crate) upload_only: bool,
    pub(crate) client: Option<String>,
    /// Where it says that it listens.
    pub(crate) listens: Option<A>,
    /// That address among the known ones.
    pub(crate) alias: Option<PeerKey>,
    /// Pieces of metadata that it waits for.
    asked: VecDeque<u32>,
    /// Pieces of metadata that it has got.
    served: u32,
    /// Bytes handed to the network and not yet reported as sent.
    in_flight: u32,
    /// Peers that it has heard of from us.
    pub(crate) told: BTreeSet<SocketAddr>,
    /// It is not told of others before this.
    pub(crate) tell_at: Instant,
    /// Since when the peers are counted that it tells us of …
    pub(crate) heard_since: Instant,
    /// … and how many these are.
    pub(crate) heard: usize,
}

impl<A> ExtendedPeer<A> {
    pub(crate) const fn new(now: Instant) -> Self {
        Self {
            ut_metadata: 0,
            ut_pex: 0,
            reqq: u32::MAX,
            upload_only: false,
            client: None,
            listens: None,
            alias: None,
            asked: VecDeque::new(),
            served: 0,
            in_flight: 0,
            told: BTreeSet::new(),
            tell_at: now,
            heard_since: now,
            heard: 0,
        }
    }
}

impl<E: Env> Torrent<E> {
    /// Are peers exchanged in this swarm? Not when it is private (BEP 27).
    pub(crate) const fn exchanges_peers(&self) -> bool {
        self.config.extensions && self.config.pex && !self.particulars.private
    }

    /// The extension handshake: when the connection opens, and again when there is nothing left to download.
    pub(crate) fn say_extensions(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        let Some(peer) = self.conns.get(conn).filter(|peer| peer.is_open()) else { return };
        let size = Some(Payload::len(&self.particulars.info)).filter(|&size| size > 0);
        let client = Some(self.particulars.client.clone()).filter(|client| !client.is_empty());
        let handshake = ExtensionHandshake {
            metadata_size: size,
            port: self.particulars.port,
            reqq: Some(self.config.limits.queued_requests),
            upload_only: self.wants_nothing().then_some(true),
            client,
            your_ip: Some(peer.addr.to_socket().ip()),
            ..ExtensionHandshake::offering(size.is_some(), self.exchanges_peers())
        };
        self.send_extended(now, conn, HANDSHAKE, || handshake.to_payload(), out);
    }

    /// Sends an extension message to a peer that speaks the protocol.
    pub(crate) fn send_extended(
        &mut self,
        now: Instant,
        conn: ConnId,
        id: u8,
        payload: impl FnOnce() -> bytes::Bytes,
        out: &mut Outbox<E>,
    ) {
        let Some(peer) = self.conns.get_mut(conn) else { return };
        let Some(extended) = &mut peer.extended else { return };
        let payload = payload();
        extended.in_flight = extended.in_flight.saturating_add(Payload::len(&payload));
        peer.last_sent = now;
        out.send(conn, Message::Extended(Box::new(Extended { id, payload })));
    }

    /// An extension's message. Of those that cannot be read, or answer no question, there may be as many as of other useless
    /// ones.
    pub(crate) fn on_extended(
        &mut self,
        now: Instant,
        conn: ConnId,
        message: &Extended,
        out: &mut Outbox<E>,
    ) {
        if self.conns.get(conn).is_none_or(|peer| peer.extended.is_none()) {
            return;
        }
        let understood = match message.id {
            HANDSHAKE => match ExtensionHandshake::parse(&message.payload) {
                Ok(theirs) => {
                    self.on_extension_handshake(now, conn, theirs, out);
                    true
                }
                Err(_) => false,
            },
            UT_METADATA => match MetadataMessage::parse(&message.payload) {
                Ok(Some(MetadataMessage::Request { piece })) => {
                    self.on_metadata_request(now, conn, piece, out);
                    true
                }
                // We have asked for nothing: this is not how a Torrent gets its metadata.
                Ok(Some(_)) | Err(_) => false,
                Ok(None) => true,
            },
            UT_PEX if self.exchanges_peers() => match PexMessage::parse(&message.payload) {
                Ok(told) => {
                    self.on_pex(now, conn, &told, out);
                    true
                }
                Err(_) => false,
            },
            // Some clients say things that we have not asked for.
            _ => true,
        };
        if !understood {
            self.nuisance(now, conn, out);
        }
    }

    fn on_extension_handshake(
        &mut self,
        now: Instant,
        conn: ConnId,
        theirs: ExtensionHandshake,
        out: &mut Outbox<E>,
    ) {
        let Some(peer) = self.conns.get_mut(conn) else { return };
        let Some(extended) = &mut peer.extended else { return };
        let set = |place: &mut u8, id: Option<u8>| *place = id.unwrap_or(*place);
        set(&mut extended.ut_metadata, theirs.ut_metadata);
        set(&mut extended.ut_pex, theirs.ut_pex);
        extended.reqq = theirs.reqq.unwrap_or(extended.reqq);
        extended.upload_only = theirs.upload_only.unwrap_or(extended.upload_only);
        extended.client = theirs.client.or(extended.client.take());
        if let Some(port) = theirs.port
            && !peer.dialled
            && extended.listens.is_none()
        {
            let listens = peer.addr.with_port(port);
            let Ok(alias) = self.known.also_at(peer.key, listens) else {
                self.close(now, conn, Some(DisconnectReason::Banned), out);
                return;
            };
            extended.listens = Some(listens);
            extended.alias = alias;
        }
        self.part_if_both_seed(now, conn, out);
    }

    fn on_metadata_request(&mut self, now: Instant, conn: ConnId, piece: u32, out: &mut Outbox<E>) {
        let size = Payload::len(&self.particulars.info);
        let most = metadata_piece_count(size).saturating_mul(METADATA_ROUNDS);
        let Some(extended) = self.conns.get_mut(conn).and_then(|peer| peer.extended.as_mut()) else { return };
        if extended.ut_metadata == 0 {
            return;
        }
        let waiting = u32::try_from(extended.asked.len()).unwrap_or(u32::MAX);
        let exists = metadata_piece_len(size, piece).is_some();
        if exists && extended.asked.len() < METADATA_QUEUE && extended.served + waiting < most {
            extended.asked.push_back(piece);
            self.serve_metadata(now, conn, out);
        } else {
            let id = extended.ut_metadata;
            self.send_extended(now, conn, id, || MetadataMessage::Reject { piece }.to_payload(), out);
            self.nuisance(now, conn, out);
        }
    }

    /// Gives a peer the pieces of metadata that it waits for, as far as there is credit.
    fn serve_metadata(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        let info = self.particulars.info.clone();
        let total_size = Payload::len(&info);
        loop {
            let Some(extended) = self.conns.get_mut(conn).and_then(|peer| peer.extended.as_mut()) else {
                return;
            };
            if extended.in_flight >= METADATA_CREDIT {
                return;
            }
            let Some(piece) = extended.asked.pop_front() else { return };
            extended.served += 1;
            let id = extended.ut_metadata;
            let begin = (piece * METADATA_PIECE_LEN) as usize;
            let end = info.len().min(begin + METADATA_PIECE_LEN as usize);
            let data = MetadataMessage::Data { piece, total_size, data: info.slice(begin..end) };
            self.send_extended(now, conn, id, || data.to_payload(), out);
        }
    }

    /// Data has left: what of it was not an extension's message. These are taken to leave first, which is wrong for as long as
    /// both kinds are under way, and right in the sum.
    pub(crate) fn on_extended_sent(
        &mut self,
        now: Instant,
        conn: ConnId,
        bytes: u32,
        out: &mut Outbox<E>,
    ) -> u32 {
        let Some(extended) = self.conns.get_mut(conn).and_then(|peer| peer.extended.as_mut()) else {
            return bytes;
        };
        let own = bytes.min(extended.in_flight);
        extended.in_flight -= own;
        self.serve_metadata(now, conn, out);
        bytes - own
    }
}

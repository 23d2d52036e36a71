//! Asking for metadata, and what becomes of the answers.

use core::time::Duration;

use bytes::Bytes;

use super::assembly::Assembly;
use super::source::Stage;
use super::{MetadataFetch, State};
use crate::boundary::{Address as _, DisconnectReason, Env, Event, Outbox, Violation};
use crate::extension::{ExtensionHandshake, HANDSHAKE, MetadataMessage, UT_METADATA};
use crate::id::ConnId;
use crate::message::{Extended, Message};
use crate::time::{Instant, nanos};
use crate::torrent::known::PeerKey;

/// Pieces that one peer is asked for at a time: 64 KiB under way fill a LAN's round trip and flood nobody.
const DEPTH: usize = 4;
/// A piece that does not come within this is asked of others, too.
const LATE_AFTER: Duration = Duration::from_secs(10);
/// A peer that refuses, or is late, is left alone for so long: BEP 9 has clients refuse who ask for too much.
const PAUSE: Duration = Duration::from_secs(3);
/// A peer that has failed so often is let go.
const MAX_FAILURES: u32 = 4;

impl<E: Env> MetadataFetch<E> {
    pub(super) fn on_message(
        &mut self,
        now: Instant,
        conn: ConnId,
        message: Message<E::Data>,
        out: &mut Outbox<E>,
    ) {
        let Some(source) = self.conns.get_mut(conn) else { return };
        source.last_received = now;
        match (source.stage, message) {
            (Stage::Handshaking, Message::Handshake(theirs)) => self.on_handshake(now, conn, &theirs, out),
            (_, Message::KeepAlive) => {}
            (Stage::Dialling | Stage::Handshaking, _) | (Stage::Open, Message::Handshake(_)) => {
                let reason = DisconnectReason::ProtocolViolation(Violation::Handshake);
                self.close(now, conn, Some(reason), out);
            }
            (Stage::Open, Message::Extended(extended)) => self.on_extended(now, conn, &extended, out),
            // What a peer has, and whom it serves, is of no use before the lengths are known.
            (Stage::Open, _) => {}
        }
    }

    /// What we are able to say: nothing of the torrent, but that we want its metadata.
    pub(super) fn say_extensions(&self, conn: ConnId, out: &mut Outbox<E>) {
        let Some(source) = self.conns.get(conn) else { return };
        let handshake = ExtensionHandshake {
            port: self.particulars.port,
            client: Some(self.particulars.client.clone()).filter(|client| !client.is_empty()),
            your_ip: Some(source.addr.to_socket().ip()),
            ..ExtensionHandshake::offering(true, false)
        };
        send(conn, HANDSHAKE, handshake.to_payload(), out);
        if source.fast {
            out.send(conn, Message::HaveNone);
        }
    }

    fn on_extended(&mut self, now: Instant, conn: ConnId, message: &Extended, out: &mut Outbox<E>) {
        match message.id {
            HANDSHAKE => match ExtensionHandshake::parse(&message.payload) {
                Ok(theirs) => {
                    let Some(source) = self.conns.get_mut(conn) else { return };
                    source.ut_metadata = theirs.ut_metadata.unwrap_or(source.ut_metadata);
                    // What is being asked for is not changed under our hands.
                    source.size = source.size.or(theirs.metadata_size);
                    if let Some(port) = theirs.port.filter(|_| !source.dialled) {
                        let addr = source.addr.with_port(port);
                        // Banned or not, the connection is here: what it sends is judged by its hash.
                        if addr.is_dialable() {
                            self.known.learn(addr);
                        }
                    }
                    self.pursue(now, out);
                }
                Err(_) => self.fail(now, conn, out),
            },
            UT_METADATA => match MetadataMessage::parse(&message.payload) {
                Ok(Some(MetadataMessage::Data { piece, total_size, data })) => {
                    self.on_data(now, conn, piece, total_size, data, out);
                }
                Ok(Some(MetadataMessage::Reject { piece })) => {
                    if self.answered(conn, piece) {
                        self.fail(now, conn, out);
                    }
                }
                Ok(Some(MetadataMessage::Request { piece })) => {
                    let id = self.conns.get(conn).map_or(0, |source| source.ut_metadata);
                    if id != 0 {
                        send(conn, id, MetadataMessage::Reject { piece }.to_payload(), out);
                    }
                }
                Ok(None) => {}
                Err(_) => self.fail(now, conn, out),
            },
            _ => {}
        }
    }

    /// Crosses out a question; false when it was not asked.
    fn answered(&mut self, conn: ConnId, piece: u32) -> bool {
        let Some(source) = self.conns.get_mut(conn) else { return false };
        let at = source.asked.iter().position(|(asked, _)| *asked == piece);
        at.map(|at| source.asked.remove(at)).is_some()
    }

    fn on_data(
        &mut self,
        now: Instant,
        conn: ConnId,
        piece: u32,
        total_size: u32,
        data: Bytes,
        out: &mut Outbox<E>,
    ) {
        let asked = self.answered(conn, piece);
        let Some(source) = self.conns.get_mut(conn) else { return };
        let fits = |assembly: &&mut Assembly| {
            assembly.size == total_size && assembly.alone.is_none_or(|alone| alone == conn)
        };
        let Some(assembly) = self.assembly.as_mut().filter(|assembly| asked && fits(assembly)) else {
            // It was not asked, or was asked too long ago, or says another size than before.
            self.fail(now, conn, out);
            return;
        };
        if !assembly.add(piece, data, source.key) {
            self.pursue(now, out);
            return;
        }
        let Some(assembly) = self.assembly.take() else { return };
        for slot in 0..self.conns.slot_count() {
            if let Some((_, source)) = self.conns.at_mut(slot) {
                source.asked.clear();
            }
        }
        match assembly.finish(self.identity.info_hash) {
            Ok(metadata) => self.finish(now, metadata, out),
            Err(senders) => {
                if let [liar] = senders[..] {
                    self.ban(now, liar, out);
                } else {
                    self.distrust = true;
                }
                self.pursue(now, out);
            }
        }
    }

    /// A single peer has sent metadata that is wrong.
    fn ban(&mut self, now: Instant, liar: PeerKey, out: &mut Outbox<E>) {
        let Some(addr) = self.known.addr(liar) else { return };
        self.known.ban(liar);
        out.event(Event::Banned { addr });
        for slot in 0..self.conns.slot_count() {
            if let Some((conn, source)) = self.conns.at(slot)
                && source.key == liar
            {
                self.close(now, conn, Some(DisconnectReason::Banned), out);
            }
        }
    }

    /// A source has not done what it was asked for: it is left alone for a while, and when that happens too often for good.
    fn fail(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        let Some(source) = self.conns.get_mut(conn) else { return };
        source.failures += 1;
        source.not_before = now + PAUSE;
        if source.failures >= MAX_FAILURES {
            self.close(now, conn, Some(DisconnectReason::NoMetadata), out);
        } else {
            self.pursue(now, out);
        }
    }

    /// Questions that were not answered in time.
    pub(super) fn take_back_late(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        let Some(source) = self.conns.get_mut(conn) else { return };
        let before = source.asked.len();
        source.asked.retain(|(_, asked)| now.nanos_since(*asked) < nanos(LATE_AFTER));
        if source.asked.len() < before {
            self.fail(now, conn, out);
        }
    }

    /// Asks for what is missing, of everyone who has it.
    pub(super) fn pursue(&mut self, now: Instant, out: &mut Outbox<E>) {
        if self.state != State::Running {
            return;
        }
        let alive = |assembly: &Assembly| {
            self.conns.iter().any(|(conn, source)| {
                source.offers() == Some(assembly.size) && assembly.alone.is_none_or(|alone| alone == conn)
            })
        };
        if !self.assembly.as_ref().is_some_and(alive) {
            self.assembly = self.choose();
        }
        let Some(assembly) = &self.assembly else { return };
        for slot in 0..self.conns.slot_count() {
            while let Some((conn, source)) = self.conns.at(slot) {
                let suits = source.offers() == Some(assembly.size)
                    && assembly.alone.is_none_or(|alone| alone == conn)
                    && source.not_before <= now
                    && source.asked.len() < DEPTH;
                let asked = |piece: u32| {
                    self.conns.iter().any(|(_, source)| source.asked.iter().any(|(asked, _)| *asked == piece))
                };
                let Some(piece) = (if suits { assembly.missing(asked) } else { None }) else { break };
                let id = source.ut_metadata;
                if let Some((_, source)) = self.conns.at_mut(slot) {
                    source.asked.push((piece, now));
                }
                send(conn, id, MetadataMessage::Request { piece }.to_payload(), out);
            }
        }
    }

    /// What to try next: the size that most sources have; when they were wrong together, one of them alone. Ties at random.
    fn choose(&mut self) -> Option<Assembly> {
        let mut offers: Vec<(ConnId, u32)> =
            self.conns.iter().filter_map(|(conn, source)| Some((conn, source.offers()?))).collect();
        self.rng.shuffle(&mut offers);
        if self.distrust {
            return offers.first().map(|&(conn, size)| Assembly::new(size, Some(conn)));
        }
        let votes = |size: u32| offers.iter().filter(|(_, other)| *other == size).count();
        let &(_, size) = offers.iter().max_by_key(|(_, size)| votes(*size))?;
        Some(Assembly::new(size, None))
    }
}

fn send<E: Env>(conn: ConnId, id: u8, payload: Bytes, out: &mut Outbox<E>) {
    out.send(conn, Message::Extended(Box::new(Extended { id, payload })));
}

//! Super-seeding (BEP 16): a seeder shows each peer one piece at a time, and the next one when it has seen the first
//! at somebody else's. So the first copies leave it once each.
//!
//! A peer that knows nobody to pass a piece on to must not wait for ever. When nobody else lacks what it was shown, it is
//! shown the next piece as soon as it fetches; when nothing has been seen of a fetched piece for half a minute, the peer
//! counts as one that keeps to itself, and is served as by any seeder until something of it is seen elsewhere.
//!
//! When everything has been shown to somebody and the last pieces are on their way, the others wait until these are seen: what they
//! would be shown would be sent a second time. They do not wait longer than the half minute, either, and then not for any other
//! piece before one of those that are on their way has come somewhere.

use crate::bitfield::Bitfield;
use crate::boundary::{Env, Outbox};
use crate::id::{ConnId, PieceIndex};
use crate::message::Message;
use crate::time::{Instant, NANOS_PER_SEC};
use crate::torrent::Torrent;

/// A fetched piece is waited for at others' for so long.
const PATIENCE: u64 = 30 * NANOS_PER_SEC;

/// How often each piece has been shown.
#[derive(Debug)]
pub(crate) struct SuperSeed {
    shown: Vec<u32>,
}

impl SuperSeed {
    pub(crate) fn new(pieces: u32) -> Self {
        Self { shown: vec![0; pieces as usize] }
    }

    /// A peer is gone, before it had fetched the last piece that it was shown, and with all those that are `nowhere_else`.
    pub(crate) fn forget(&mut self, gone: &Shown, nowhere_else: impl Fn(PieceIndex) -> bool) {
        for piece in gone.all.iter().filter(|&piece| gone.last == Some(piece) || nowhere_else(piece)) {
            self.shown[piece.index()] = self.shown[piece.index()].saturating_sub(1);
        }
    }
}

/// What one peer has been shown.
#[derive(Debug)]
pub(crate) struct Shown {
    /// The last piece.
    pub(crate) last: Option<PieceIndex>,
    /// When a block of it was last sent.
    sent: Option<Instant>,
    /// All of them: a peer does not announce to us what it has from us.
    all: Bitfield,
    /// Nothing of what it has fetched was seen elsewhere in time.
    keeps_to_itself: bool,
    /// Since when there is nothing to show but what is on its way to somebody else, and nothing of that has come there.
    waits: Option<Instant>,
}

impl Shown {
    fn nothing(pieces: u32) -> Self {
        Self { last: None, sent: None, all: Bitfield::none(pieces), keeps_to_itself: false, waits: None }
    }
}

impl<E: Env> Torrent<E> {
    /// Shows a peer a piece that it lacks: one of those that were shown least, and are rarest.
    pub(crate) fn show_next(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        let Some(super_seed) = &mut self.super_seed else { return };
        let Some(peer) = self.conns.get_mut(conn) else { return };
        let rank = |piece: PieceIndex| (super_seed.shown[piece.index()], self.picker.availability(piece));
        let shown = peer.shown.get_or_insert_with(|| Box::new(Shown::nothing(self.geometry.piece_count())));
        (shown.last, shown.sent) = (None, None);
        let new = || peer.pieces.missing().filter(|&piece| !shown.all.contains(piece));
        let Some(least) = new().map(rank).min() else { return };
        let on_its_way = least.0 > 0 && least.1 == 0;
        if !on_its_way {
            shown.waits = None;
        } else if now.nanos_since(*shown.waits.get_or_insert(now)) < PATIENCE {
            return;
        }
        let best: Vec<PieceIndex> = new().filter(|&piece| rank(piece) == least).collect();
        let Some(&piece) = self.rng.choose(&best) else { return };
        super_seed.shown[piece.index()] += 1;
        shown.all.insert(piece);
        shown.last = Some(piece);
        peer.last_sent = now;
        out.send(conn, Message::Have { index: piece.get() });
    }

    /// A peer has announced a piece: whoever was shown it has passed it on, and is shown the next.
    pub(crate) fn on_seen_elsewhere(
        &mut self,
        now: Instant,
        announcer: ConnId,
        piece: PieceIndex,
        out: &mut Outbox<E>,
    ) {
        if self.super_seed.is_none() {
            return;
        }
        // When nobody else lacks the piece, nobody will pass it on.
        let first_seen = self.picker.availability(piece) == 1;
        let passed_on = self.conns.iter().all(|(_, peer)| !peer.is_open() || peer.pieces.contains(piece));
        for slot in 0..self.conns.slot_count() {
            let Some((conn, peer)) = self.conns.at_mut(slot) else { continue };
            let Some(shown) = peer.shown.as_mut() else { continue };
            if first_seen && shown.waits.is_some() && shown.last.is_none() {
                self.show_next(now, conn, out);
                continue;
            }
            if first_seen {
                shown.waits = None;
            }
            if shown.last != Some(piece) {
                continue;
            }
            if conn != announcer || passed_on {
                shown.keeps_to_itself &= conn == announcer;
                self.show_next(now, conn, out);
            }
        }
    }

    /// A block was sent: is it of the piece that the peer was shown?
    pub(crate) fn on_shown_sent(&mut self, now: Instant, conn: ConnId, index: u32, out: &mut Outbox<E>) {
        let Some(shown) = self.conns.get_mut(conn).and_then(|peer| peer.shown.as_mut()) else { return };
        let Some(piece) = shown.last.filter(|piece| piece.get() == index) else { return };
        shown.sent = Some(now);
        let keeps = shown.keeps_to_itself;
        let nobody_lacks_it = || {
            self.conns
                .iter()
                .all(|(other, peer)| other == conn || !peer.is_open() || peer.pieces.contains(piece))
        };
        if keeps || nobody_lacks_it() {
            self.show_next(now, conn, out);
        }
    }

    /// Has the peer kept a piece to itself for too long?
    pub(crate) fn lose_patience(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        let Some(shown) = self.conns.get_mut(conn).and_then(|peer| peer.shown.as_mut()) else { return };
        let for_long = |since: Option<Instant>| since.is_some_and(|since| now.nanos_since(since) >= PATIENCE);
        let keeps = for_long(shown.sent);
        shown.keeps_to_itself |= keeps;
        let waits_in_vain = shown.last.is_none() && for_long(shown.waits);
        if keeps || waits_in_vain {
            self.show_next(now, conn, out);
        }
    }
}

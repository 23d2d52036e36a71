//! What a first seeder recommends (BEP 6, *suggest piece*: "super-seeding without throughput reduction, to avoid redundant
//! downloads").
//!
//! While some pieces are nowhere but here, two peers that choose at random among them may fetch the same one, and what the seeder
//! sends twice everybody waits for. So each peer that is served is promised another such piece, one ahead of what it fetches. A peer
//! with rarest first takes the promised piece where it would else have drawn lots; other strategies are free to ignore it.

use crate::boundary::{Env, Outbox};
use crate::geometry::Geometry;
use crate::id::{ConnId, PieceIndex};
use crate::message::Message;
use crate::rng::Rng;
use crate::time::Instant;
use crate::torrent::Torrent;
use crate::torrent::peer::Peer;

/// Which pieces have been promised to somebody.
#[derive(Debug)]
pub(crate) struct Suggestions {
    promised: Box<[bool]>,
    /// Pieces not promised yet, in random order; others may be among them.
    order: Vec<PieceIndex>,
}

impl Suggestions {
    pub(crate) fn new(geometry: &Geometry, rng: &mut Rng) -> Self {
        let mut order: Vec<PieceIndex> = geometry.pieces().collect();
        rng.shuffle(&mut order);
        Self { promised: vec![false; order.len()].into(), order }
    }

    /// Takes back a promise that was not made use of.
    pub(crate) fn take_back(&mut self, piece: PieceIndex) {
        self.promised[piece.index()] = false;
        self.order.push(piece);
    }

    /// The next piece that is promised to nobody, is `nowhere_else`, and is not `asked_for` already.
    fn next(
        &mut self,
        nowhere_else: impl Fn(PieceIndex) -> bool,
        asked_for: impl Fn(PieceIndex) -> bool,
    ) -> Option<PieceIndex> {
        let promised = &self.promised;
        self.order.retain(|&piece| !promised[piece.index()] && nowhere_else(piece));
        let at = self.order.iter().rposition(|&piece| !asked_for(piece))?;
        let piece = self.order.remove(at);
        self.promised[piece.index()] = true;
        Some(piece)
    }
}

impl<E: Env> Torrent<E> {
    /// Promises a piece to a peer that has no promise open.
    pub(crate) fn suggest(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        // What a peer asks for beyond its turn is refused at the end of it.
        let turn = self.turns_are_awaited().then(|| self.geometry.nominal_piece_len());
        let Some(suggestions) = &mut self.suggestions else { return };
        let Some(peer) = self.conns.get(conn) else { return };
        if !peer.fast || peer.promised.is_some() || peer.pieces.is_full() {
            return;
        }
        let (picker, conns) = (&self.picker, &self.conns);
        let asks = |peer: &Peer<E>, piece: PieceIndex| {
            let mut room = turn.map_or(u32::MAX, |turn| turn.saturating_sub(peer.turn_bytes));
            peer.queue.iter().any(|span| {
                let served = room > 0;
                room = room.saturating_sub(span.length);
                served && span.index == piece.get()
            })
        };
        let next = suggestions.next(
            |piece| picker.availability(piece) == 0,
            |piece| conns.iter().any(|(_, peer)| asks(peer, piece)),
        );
        let Some(piece) = next else { return };
        let Some(peer) = self.conns.get_mut(conn) else { return };
        peer.promised = Some(piece);
        peer.last_sent = now;
        out.send(conn, Message::SuggestPiece { index: piece.get() });
    }

    /// A peer is choked: what it was promised and has not been given may go to others.
    pub(crate) fn withdraw_promise(&mut self, conn: ConnId) {
        if let Some(suggestions) = &mut self.suggestions
            && let Some(peer) = self.conns.get_mut(conn)
            && let Some(promised) = peer.promised.take()
            && peer.begun.is_none_or(|begun| begun.piece != promised)
        {
            suggestions.take_back(promised);
        }
    }

    /// A peer is given a block: nobody else needs to be promised that piece, and if it was this peer's, it gets the next.
    pub(crate) fn on_promise_used(&mut self, now: Instant, conn: ConnId, index: u32, out: &mut Outbox<E>) {
        let Some(piece) = self.geometry.piece(index) else { return };
        let Some(suggestions) = &mut self.suggestions else { return };
        suggestions.promised[piece.index()] = true;
        if let Some(peer) = self.conns.get_mut(conn)
            && peer.promised == Some(piece)
        {
            peer.promised = None;
            // Where peers wait for a turn, the next piece is somebody else's.
            if !self.turns_are_awaited() {
                self.suggest(now, conn, out);
            }
        }
    }
}

//! What peers say. Numbers are checked here; whoever breaks the protocol is let go.

use crate::bitfield::Bitfield;
use crate::boundary::{DisconnectReason, Env, Outbox, Violation};
use crate::config::Inventory;
use crate::id::{BlockSpan, ConnId, PieceIndex};
use crate::message::Message;
use crate::time::Instant;
use crate::torrent::Torrent;
use crate::torrent::meeting::Meeting;
use crate::torrent::peer::{Peer, Stage};

/// Rejects, requests to be rejected and unasked blocks that are forgiven between two chokes of one connection: more than a peer
/// ever has under way.
const NUISANCE_LIMIT: u32 = 500;
/// Allowed-fast pieces that are remembered of one peer.
const HINT_LIMIT: usize = 64;

impl<E: Env> Torrent<E> {
    pub(crate) fn on_message(
        &mut self,
        now: Instant,
        conn: ConnId,
        message: Message<E::Data>,
        out: &mut Outbox<E>,
    ) {
        let Some(peer) = self.conns.get_mut(conn) else { return };
        peer.last_received = now;
        if let Message::Handshake(theirs) = &message {
            self.on_handshake(now, conn, theirs, out);
            self.end_meeting(now, conn, out);
            return;
        }
        if peer.stage != Stage::Open {
            // Keep-alives before the handshake's answer are harmless (rtorrent sends two).
            if !matches!(message, Message::KeepAlive) {
                self.violation(now, conn, Violation::Handshake, out);
            }
            return;
        }
        let fast = peer.fast;
        match message {
            Message::Handshake(_) | Message::KeepAlive | Message::Port(_) => {}
            Message::Extended(extended) => self.on_extended(now, conn, &extended, out),
            Message::Have { index } => self.on_have(now, conn, index, out),
            Message::Request(span) => self.on_request(now, conn, span, out),
            Message::Piece { index, begin, data } => self.on_block(now, conn, index, begin, data, out),
            Message::Choke => self.on_choke(now, conn, out),
            Message::Unchoke => self.on_unchoke(now, conn, out),
            Message::Interested => self.on_interested(now, conn, out),
            Message::NotInterested => self.on_not_interested(now, conn, out),
            Message::Bitfield(inventory) => {
                if inventory.peer_id.is_none_or(|theirs| self.introduced(now, conn, theirs, out)) {
                    self.on_inventory(now, conn, inventory.pieces, out);
                }
            }
            Message::Cancel(span) => self.on_cancel(conn, span, out),
            Message::HaveAll if fast => {
                self.on_inventory(now, conn, Bitfield::all(self.geometry.piece_count()), out);
            }
            Message::HaveNone if fast => {
                self.on_inventory(now, conn, Bitfield::none(self.geometry.piece_count()), out);
            }
            Message::SuggestPiece { index } if fast => self.on_suggest(now, conn, index, out),
            Message::AllowedFast { index } if fast => self.on_allowed_fast(now, conn, index, out),
            Message::RejectRequest(span) if fast => self.on_reject(now, conn, span, out),
            Message::HaveAll
            | Message::HaveNone
            | Message::SuggestPiece { .. }
            | Message::AllowedFast { .. }
            | Message::RejectRequest(_) => self.violation(now, conn, Violation::NotNegotiated, out),
        }
        self.end_meeting(now, conn, out);
    }

    fn on_have(&mut self, now: Instant, conn: ConnId, index: u32, out: &mut Outbox<E>) {
        let Some(piece) = self.geometry.piece(index) else {
            self.violation(now, conn, Violation::PieceIndex, out);
            return;
        };
        let is_wanted = !self.wants_nothing() && !self.have.contains(piece);
        let Some(peer) = self.conns.get_mut(conn) else { return };
        if !peer.pieces.insert(piece) {
            return;
        }
        self.picker.add_piece(piece);
        if is_wanted {
            peer.useful += 1;
            self.update_interest(now, conn, out);
            self.fill(now, conn, out);
        }
        self.on_seen_elsewhere(now, conn, piece, out);
        self.part_if_both_seed(now, conn, out);
    }

    /// A whole inventory: at the beginning, instead of many `have` (aria2), or as a broadcast (S2, S5).
    pub(crate) fn on_inventory(&mut self, now: Instant, conn: ConnId, pieces: Bitfield, out: &mut Outbox<E>) {
        if pieces.len() != self.geometry.piece_count() {
            self.violation(now, conn, Violation::Bitfield, out);
            return;
        }
        let useful = if self.wants_nothing() { 0 } else { pieces.difference_count(&self.have) };
        let Some(peer) = self.conns.get_mut(conn) else { return };
        self.picker.remove_peer(&peer.pieces);
        self.picker.add_peer(&pieces);
        peer.useful = useful;
        let new: Vec<PieceIndex> = match self.super_seed {
            Some(_) => pieces.difference(&peer.pieces).collect(),
            None => Vec::new(),
        };
        peer.pieces = pieces;
        peer.meeting = peer.meeting.map(Meeting::told);
        for piece in new {
            self.on_seen_elsewhere(now, conn, piece, out);
        }
        self.update_interest(now, conn, out);
        self.fill(now, conn, out);
        self.part_if_both_seed(now, conn, out);
    }

    /// Two seeders have nothing to say to each other, nor have two of which neither wants to download, whatever they lack (BEP 21),
    /// unless inventories are broadcast all the same.
    pub(crate) fn part_if_both_seed(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        let wants_nothing = |peer: &Peer<E>| {
            peer.pieces.is_full() || peer.extended.as_ref().is_some_and(|extended| extended.upload_only)
        };
        if self.wants_nothing()
            && self.conns.get(conn).is_some_and(wants_nothing)
            && matches!(self.config.inventory, Inventory::Have | Inventory::HaveToAll)
        {
            self.close(now, conn, Some(DisconnectReason::BothSeeds), out);
        }
    }

    fn on_suggest(&mut self, now: Instant, conn: ConnId, index: u32, out: &mut Outbox<E>) {
        let Some(piece) = self.geometry.piece(index) else {
            self.violation(now, conn, Violation::PieceIndex, out);
            return;
        };
        if let Some(peer) = self.conns.get_mut(conn) {
            peer.suggested = Some(piece);
        }
    }

    fn on_allowed_fast(&mut self, now: Instant, conn: ConnId, index: u32, out: &mut Outbox<E>) {
        let Some(piece) = self.geometry.piece(index) else {
            self.violation(now, conn, Violation::PieceIndex, out);
            return;
        };
        let Some(peer) = self.conns.get_mut(conn) else { return };
        if peer.allowed_to_us.len() < HINT_LIMIT && !peer.allowed_to_us.contains(&piece) {
            peer.allowed_to_us.push(piece);
        }
        self.fill(now, conn, out);
    }

    fn on_reject(&mut self, now: Instant, conn: ConnId, span: BlockSpan, out: &mut Outbox<E>) {
        let Some(block) = self.geometry.block(span) else {
            self.nuisance(now, conn, out);
            return;
        };
        let Some(peer) = self.conns.get_mut(conn) else { return };
        if let Some(at) = peer.expected.iter().position(|&expected| expected == block) {
            // The answer to our own cancel.
            peer.expected.remove(at);
            return;
        }
        let choking = peer.peer_choking;
        if let Some(at) = peer.outstanding.iter().position(|request| request.block == block) {
            peer.outstanding.remove(at);
            peer.settle();
            if choking {
                // A piece that it rejects while it chokes us is not allowed after all.
                let before = peer.allowed_to_us.len();
                peer.allowed_to_us.retain(|&piece| piece != block.piece);
                let taken_back = peer.allowed_to_us.len() < before;
                peer.let_downs = peer.let_downs.saturating_add(taken_back.into());
            } else {
                peer.refuse(block.piece);
            }
            self.release(block);
            self.abandon_source(now, conn, |piece| piece == block.piece, out);
            self.fill_all_but(now, conn, out);
            if choking {
                return;
            }
        }
        self.nuisance(now, conn, out);
    }

    /// Something useless has come; too much of it ends the connection.
    pub(crate) fn nuisance(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        let Some(peer) = self.conns.get_mut(conn) else { return };
        peer.nuisance += 1;
        if peer.nuisance > NUISANCE_LIMIT {
            self.violation(now, conn, Violation::Flood, out);
        }
    }
}

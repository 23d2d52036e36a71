//! Serving: which of the connections with requests are sent blocks now.
//!
//! A bounded number of bytes per connection is between the disk and the network, so that a choke or a cancel still finds its
//! blocks unsent. With a limit on parallel uploads, connections are served in turns of a piece's worth, in the order in which they
//! asked: ten peers that get a tenth of ten pieces each have nothing to pass on, one that gets the first of them has.

use crate::boundary::{DiskOp, Env, Outbox, Output};
use crate::geometry::BLOCK_LEN;
use crate::id::ConnId;
use crate::time::Instant;
use crate::torrent::Torrent;

impl<E: Env> Torrent<E> {
    /// A request has come in.
    pub(crate) fn on_queued(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        if self.conns.get(conn).is_some_and(|peer| peer.in_turn) {
            self.feed(now, conn, out);
        } else {
            self.enlist(conn);
        }
        self.pump(now, out);
    }

    /// Puts a connection with requests into the ring of those that wait for service.
    fn enlist(&mut self, conn: ConnId) {
        let Some(peer) = self.conns.get_mut(conn) else { return };
        if !peer.in_ring && !peer.in_turn && !peer.queue.is_empty() {
            peer.in_ring = true;
            self.upload_ring.push_back(conn);
        }
    }

    /// Begins turns for the connections that wait, as far as the number of parallel uploads allows.
    pub(crate) fn pump(&mut self, now: Instant, out: &mut Outbox<E>) {
        let parallel = self.config.choking.parallel_uploads.unwrap_or(u32::MAX);
        while self.serving < parallel {
            let Some(conn) = self.upload_ring.pop_front() else { return };
            let Some(peer) = self.conns.get_mut(conn) else { continue };
            peer.in_ring = false;
            peer.in_turn = true;
            self.serving += 1;
            self.feed(now, conn, out);
        }
    }

    /// Reads blocks for a connection whose turn it is, as far as its credit allows. The turn is over when nothing is left to send,
    /// or, where others have to wait for it, with a piece's worth.
    fn feed(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        let limited = self.config.choking.parallel_uploads.is_some();
        let turn = if limited { self.geometry.nominal_piece_len() } else { u32::MAX };
        let credit = self.config.limits.send_credit;
        let geometry = self.geometry;
        let Some(peer) = self.conns.get_mut(conn) else { return };
        while peer.turn_bytes < turn
            && let Some(&span) = peer.queue.front()
        {
            if !peer.has_credit(span.length, credit, geometry.nominal_block_len()) {
                break;
            }
            peer.queue.pop_front();
            peer.begin_read(span);
            peer.turn_bytes = peer.turn_bytes.saturating_add(span.length);
            if let Some(piece) = geometry.piece(span.index) {
                peer.note_begun(piece, geometry.piece_len(piece), span.length);
            }
            out.push(Output::Disk(DiskOp::Read { conn, span }));
        }
        // Without the fast extension a choke would overtake what is being read.
        let used_up = peer.turn_bytes >= turn && (peer.fast || peer.reading == 0);
        let newly_used_up = used_up && !core::mem::replace(&mut peer.turn_used, used_up);
        // The next turn begins with the last block of this one, or when that has left if it is long.
        let over = used_up && peer.reading + peer.in_flight <= BLOCK_LEN;
        if over || (peer.queue.is_empty() && !peer.is_being_served()) {
            peer.in_turn = false;
            self.serving -= 1;
            if core::mem::take(&mut peer.turn_used) {
                peer.turn_bytes = 0;
            }
        }
        let in_turn = peer.in_turn;
        if newly_used_up {
            self.on_turn_used(now, conn, out);
        }
        if !in_turn {
            self.enlist(conn);
        }
    }

    /// Credit has come back: the connection goes on with its turn, or makes room for others.
    pub(crate) fn after_service(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        let Some(peer) = self.conns.get(conn) else { return };
        let drained = !peer.is_being_served();
        if peer.in_turn {
            self.feed(now, conn, out);
        }
        if drained {
            self.on_drained(now, out);
            self.part_after_piece(now, conn, out);
        }
        self.pump(now, out);
    }
}

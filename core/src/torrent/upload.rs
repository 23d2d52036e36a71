//! Who is served: choking, the queue of requests, sending by credit.
//!
//! Who sends when is the business of `service` and `turns`.

use crate::boundary::{DisconnectReason, Env, Outbox, Violation};
use crate::choker::Candidate;
use crate::geometry::BLOCK_LEN;
use crate::id::{BlockSpan, ConnId, PieceIndex};
use crate::message::Message;
use crate::payload::Payload as _;
use crate::time::{Instant, NANOS_PER_SEC};
use crate::torrent::Torrent;
use crate::torrent::peer::Peer;

/// A peer counts as newly connected for so long: it is three times as likely to be unchoked optimistically (Cohen 2003).
const NEW_FOR: u64 = 45 * NANOS_PER_SEC;

impl<E: Env> Torrent<E> {
    pub(crate) fn on_interested(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        let Some(peer) = self.conns.get_mut(conn) else { return };
        if core::mem::replace(&mut peer.peer_interested, true) {
            return;
        }
        peer.slot.ask(now);
        let was_choking = peer.am_choking;
        let admitted = self.admit(now, conn, out);
        if !was_choking && !admitted {
            // It had kept an unchoke from an earlier interest, and its place is taken.
            self.choke(now, conn, out);
        }
        if !admitted {
            self.wait_for_slot(now, conn);
        }
    }

    pub(crate) fn on_not_interested(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        let Some(peer) = self.conns.get_mut(conn) else { return };
        if core::mem::replace(&mut peer.peer_interested, false) && !peer.am_choking {
            self.fill_slots(now, out);
        }
    }

    /// Gives a free slot to an interested peer, if there is one of its kind.
    pub(crate) fn admit(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) -> bool {
        if !self.config.uploads || !self.running {
            return false;
        }
        let served = |peer: &Peer<E>| !peer.am_choking && peer.peer_interested;
        let unchoked = self.conns.iter().filter(|(other, peer)| *other != conn && served(peer)).count();
        let unchoked = u32::try_from(unchoked).expect("connections are limited");
        let seeding = self.wants_nothing();
        let Some(peer) = self.conns.get_mut(conn) else { return false };
        let candidate = candidate(now, conn, peer, 0);
        let room = self.room_for_turn(now, conn);
        let Some(peer) = self.conns.get_mut(conn) else { return false };
        let admitted = room && self.choker.admits(seeding, &candidate, unchoked);
        if admitted && candidate.unchoked {
            peer.unchoked_at = Some(now);
        } else if admitted {
            self.unchoke(now, conn, out);
        }
        admitted
    }

    /// Slots have become free: whoever waits gets them, in a random order unless slots are passed on; a turn goes to whose last one
    /// is longest ago.
    pub(crate) fn fill_slots(&mut self, now: Instant, out: &mut Outbox<E>) {
        let at_once = self.config.choking.immediate || self.turn_holders().is_some();
        if !at_once || !self.config.uploads {
            return;
        }
        if self.config.timeouts.unused_slot.is_some() && self.turn_holders().is_none() {
            self.give_slots(now, out);
            return;
        }
        let mut waiting: Vec<ConnId> =
            self.conns.iter().filter(|(_, peer)| peer.waits_for_slot()).map(|(conn, _)| conn).collect();
        self.rng.shuffle(&mut waiting);
        if self.turn_holders().is_some() {
            waiting.sort_by_key(|&conn| self.conns.get(conn).map(|peer| peer.unchoked_at));
        }
        for conn in waiting {
            if !self.admit(now, conn, out) {
                break;
            }
        }
    }

    /// A choke round: the choker decides, the differences are sent.
    pub(crate) fn choke_round(&mut self, now: Instant, out: &mut Outbox<E>) {
        let mut candidates = core::mem::take(&mut self.candidates);
        let mut chosen = core::mem::take(&mut self.chosen);
        candidates.clear();
        let wants_rarity = self.choker.wants_rarity();
        for slot in 0..self.conns.slot_count() {
            let Some((conn, peer)) = self.conns.at_mut(slot) else { continue };
            if !peer.is_open() {
                continue;
            }
            let rarity = if wants_rarity {
                let rarest = |piece| (1 << 20) / u64::from(self.picker.availability(piece).max(1));
                peer.pieces.iter().map(rarest).sum()
            } else {
                0
            };
            candidates.push(candidate(now, conn, peer, rarity));
        }
        self.choker.round(now, self.wants_nothing(), &candidates, &mut self.rng, &mut chosen);
        if !self.config.uploads {
            chosen.clear();
        }
        for known in &candidates {
            let keep = chosen.contains(&known.conn);
            if known.unchoked && !keep {
                self.choke(now, known.conn, out);
            }
        }
        for &conn in &chosen {
            if self.conns.get(conn).is_some_and(|peer| peer.am_choking) {
                self.unchoke(now, conn, out);
            }
        }
        self.candidates = candidates;
        self.chosen = chosen;
        self.pump(now, out);
    }

    pub(crate) fn unchoke(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        self.suggest(now, conn, out);
        let Some(peer) = self.conns.get_mut(conn) else { return };
        peer.am_choking = false;
        peer.unchoked_at = Some(now);
        peer.slot.begin(now);
        (peer.turn_bytes, peer.turn_used) = (0, false);
        peer.last_sent = now;
        out.send(conn, Message::Unchoke);
    }

    /// Serves a peer no longer. With the fast extension it may finish what it has begun, when it had a turn of a piece, and when
    /// nobody else has the piece: its first half would have to be sent twice. Other pieces it finds elsewhere, and finishing them would
    /// make every choke a slow one.
    pub(crate) fn choke(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        self.withdraw_promise(conn);
        let Some(peer) = self.conns.get_mut(conn) else { return };
        peer.am_choking = true;
        let by_turns = self.config.choking.parallel_uploads.is_some();
        peer.begun = peer.begun.filter(|begun| by_turns || self.picker.availability(begun.piece) == 0);
        if let Some(begun) = peer.begun.filter(|begun| peer.fast && (begun.left > 0 || peer.reading > 0)) {
            out.send(conn, Message::AllowedFast { index: begun.piece.get() });
        }
        // Requests cross the choke on their way; they are no offence.
        peer.nuisance = 0;
        peer.last_sent = now;
        out.send(conn, Message::Choke);
        let mut waiting = core::mem::take(&mut peer.queue);
        waiting.retain(|span| {
            let keep = peer.may_ask_while_choked(PieceIndex(span.index));
            if !keep && peer.fast {
                out.send(conn, Message::RejectRequest(*span));
            }
            keep
        });
        peer.queue = waiting;
        self.wait_for_slot(now, conn);
    }

    pub(crate) fn on_request(&mut self, now: Instant, conn: ConnId, span: BlockSpan, out: &mut Outbox<E>) {
        let longest = BLOCK_LEN.max(self.geometry.nominal_block_len());
        let Some(piece) = self.geometry.checked_span(span).filter(|_| span.length <= longest) else {
            self.violation(now, conn, Violation::RequestRange, out);
            return;
        };
        let Some(peer) = self.conns.get_mut(conn) else { return };
        let admitted = !peer.am_choking || peer.may_ask_while_choked(piece);
        let full = peer.queue.len() >= self.config.limits.queued_requests as usize;
        if !admitted {
            self.on_late_request(conn);
            if self.conns.get(conn).is_some_and(|peer| !peer.fast) {
                // Who asks is interested, whether or not it has a word for that (S1). It is to ask again when it is unchoked.
                self.on_interested(now, conn, out);
            }
        }
        let Some(peer) = self.conns.get_mut(conn) else { return };
        if !admitted || full || !self.config.uploads || !self.have.contains(piece) {
            if peer.fast {
                peer.last_sent = now;
                out.send(conn, Message::RejectRequest(span));
                self.nuisance(now, conn, out);
            } else if full {
                self.violation(now, conn, Violation::TooManyRequests, out);
            } else if self.config.told_by_tracker_alone() {
                self.close(now, conn, Some(DisconnectReason::NotHere), out);
            }
            return;
        }
        if !peer.queue.push(span) {
            return;
        }
        if !peer.is_being_served() {
            peer.slot.begin(now);
        }
        self.on_queued(now, conn, out);
    }

    pub(crate) fn on_cancel(&mut self, conn: ConnId, span: BlockSpan, out: &mut Outbox<E>) {
        let Some(peer) = self.conns.get_mut(conn) else { return };
        if peer.cancel(span) && peer.fast {
            out.send(conn, Message::RejectRequest(span));
        }
    }

    pub(crate) fn on_read(
        &mut self,
        now: Instant,
        conn: ConnId,
        index: u32,
        begin: u32,
        data: E::Data,
        out: &mut Outbox<E>,
    ) {
        let len = data.len();
        let span = BlockSpan { index, begin, length: len };
        let Some(peer) = self.conns.get_mut(conn) else { return };
        let Some(wanted) = peer.end_read(span) else { return };
        if !wanted {
            self.after_service(now, conn, out);
            return;
        }
        let allowed = peer.allowed_to_peer.iter().any(|piece| piece.get() == index)
            || peer.begun.is_some_and(|begun| peer.fast && begun.piece.get() == index);
        peer.last_sent = now;
        if peer.am_choking && !allowed {
            // The choke has overtaken the read: never a block while choking.
            if peer.fast {
                out.send(conn, Message::RejectRequest(span));
            }
            self.after_service(now, conn, out);
            return;
        }
        peer.begin_sending(len);
        peer.upload.add(now, len);
        self.stats.uploaded += u64::from(len);
        // What is suggested next is to be there before the peer asks.
        self.on_promise_used(now, conn, index, out);
        out.send(conn, Message::Piece { index, begin, data });
        self.on_shown_sent(now, conn, index, out);
        self.after_service(now, conn, out);
    }

    pub(crate) fn on_read_failed(
        &mut self,
        now: Instant,
        conn: ConnId,
        span: BlockSpan,
        out: &mut Outbox<E>,
    ) {
        let Some(peer) = self.conns.get_mut(conn) else { return };
        let Some(wanted) = peer.end_read(span) else { return };
        if wanted && peer.fast {
            peer.last_sent = now;
            out.send(conn, Message::RejectRequest(span));
        }
        self.after_service(now, conn, out);
    }

    pub(crate) fn on_sent(&mut self, now: Instant, conn: ConnId, bytes: u32, out: &mut Outbox<E>) {
        if bytes == 0 {
            if let Some(peer) = self.conns.get_mut(conn) {
                peer.slot.held_back(now);
            }
            return;
        }
        let bytes = self.on_extended_sent(now, conn, bytes, out);
        let Some(peer) = self.conns.get_mut(conn).filter(|peer| peer.in_flight > 0) else { return };
        peer.end_sending(bytes);
        peer.slot.took(now);
        self.after_service(now, conn, out);
    }
}

fn candidate<E: Env>(now: Instant, conn: ConnId, peer: &mut Peer<E>, rarity: u64) -> Candidate {
    Candidate {
        conn,
        interested: peer.peer_interested,
        unchoked: !peer.am_choking,
        snubbed: peer.snubbing,
        newly_connected: now.nanos_since(peer.since) < NEW_FOR,
        download_rate: peer.download.get(now),
        upload_rate: peer.upload.get(now),
        downloaded: peer.downloaded,
        unchoked_at: peer.unchoked_at,
        rarity,
    }
}

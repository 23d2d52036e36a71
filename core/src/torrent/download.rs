//! What is asked of whom: interest, the request pipeline, arriving blocks, finished pieces, the endgame.
//!
//! For each connection that lets us ask, requests are kept outstanding up to its pipeline's depth. A block is taken from the piece
//! that the connection has begun, then from another open piece or a new one, whichever the picker prefers; what is
//! left for a connection for which there is nothing more is the business of `late`.

use std::collections::VecDeque;

use crate::boundary::{DisconnectReason, DiskOp, Env, Event, Outbox, Output, Violation};
use crate::config::{Connections, Inventory, Requests};
use crate::id::{BlockRef, BlockSpan, ConnId, PieceIndex};
use crate::message::Message;
use crate::payload::Payload as _;
use crate::time::Instant;
use crate::torrent::Torrent;
use crate::torrent::meeting::Meeting;
use crate::torrent::partials::Arrival;
use crate::torrent::peer::Outstanding;

impl<E: Env> Torrent<E> {
    /// Says whether the peer has anything that we want, when that has changed.
    pub(crate) fn update_interest(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        let Some(peer) = self.conns.get_mut(conn).filter(|peer| peer.is_open()) else { return };
        let interested = peer.useful > 0 && peer.meeting.is_none_or(Meeting::takes);
        if peer.am_interested == interested {
            return;
        }
        peer.am_interested = interested;
        if self.config.interest {
            peer.last_sent = now;
            out.send(conn, if interested { Message::Interested } else { Message::NotInterested });
        }
    }

    pub(crate) fn on_choke(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        let Some(peer) = self.conns.get_mut(conn) else { return };
        let for_nothing = !peer.peer_choking && !peer.has_given && !peer.outstanding.is_empty();
        peer.let_downs = peer.let_downs.saturating_add(for_nothing.into());
        peer.peer_choking = true;
        peer.owing_since = None;
        if peer.fast {
            // The peer rejects each request that it will not answer (BEP 6).
            if self.abandon_source(now, conn, |_| true, out) {
                self.fill_all(now, out);
            }
            return;
        }
        let lost = core::mem::take(&mut peer.outstanding);
        for request in &lost {
            peer.expect(request.block);
        }
        for request in lost {
            self.release(request.block);
        }
        self.partials.lose_source(conn, |_| true);
        self.fill_all(now, out);
    }

    pub(crate) fn on_unchoke(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        let Some(peer) = self.conns.get_mut(conn) else { return };
        if core::mem::replace(&mut peer.peer_choking, false) {
            peer.has_given = false;
        }
        self.fill(now, conn, out);
    }

    /// Offers free blocks to every connection, in an order that favours nobody.
    pub(crate) fn fill_all(&mut self, now: Instant, out: &mut Outbox<E>) {
        if self.config.connections != Connections::Lasting {
            self.dial(now, out);
        }
        let slots = self.conns.slot_count();
        if slots == 0 {
            return;
        }
        let first = self.rng.index(slots);
        for slot in (first..slots).chain(0..first) {
            if let Some((conn, _)) = self.conns.at(slot) {
                self.fill(now, conn, out);
            }
        }
    }

    /// The same, but a connection that has just given a block back gets no new one at once.
    pub(crate) fn fill_all_but(&mut self, now: Instant, but: ConnId, out: &mut Outbox<E>) {
        for slot in 0..self.conns.slot_count() {
            if let Some((conn, _)) = self.conns.at(slot)
                && conn != but
            {
                self.fill(now, conn, out);
            }
        }
    }

    /// Asks for blocks until the connection's pipeline is full or it has nothing for us.
    pub(crate) fn fill(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        if matches!(self.config.requests, Requests::Paced { .. }) || self.go_on_with_errand(now, conn, out) {
            return;
        }
        while self.disk_takes_more() {
            let Some(peer) = self.conns.get_mut(conn) else { return };
            if peer.useful == 0 || !peer.can_be_asked() {
                return;
            }
            if peer.outstanding.len() >= peer.depth() as usize {
                return;
            }
            if peer.outstanding.is_empty() {
                peer.pipeline.resume(now);
            }
            let block = self.next_block(conn).or_else(|| self.steal(now, conn, out));
            let Some(block) = block.or_else(|| self.endgame_block(now, conn, out)) else { return };
            self.ask(now, conn, block, out);
        }
    }

    /// Sends a request for a block that already counts as asked for.
    pub(crate) fn ask(&mut self, now: Instant, conn: ConnId, block: BlockRef, out: &mut Outbox<E>) {
        let Some(peer) = self.conns.get_mut(conn) else { return };
        peer.outstanding.push_back(Outstanding { block, asked: now });
        peer.meeting = peer.meeting.map(|meeting| meeting.begun(block.piece));
        peer.owing_since.get_or_insert(now);
        peer.last_sent = now;
        out.send(conn, Message::Request(self.geometry.span(block)));
    }

    /// The block to ask this peer for next; it counts as asked for from here on.
    ///
    /// A piece is finished by the connection that it was opened for. A connection without one joins an open piece, unless the
    /// picker would rather have a new one: with rarest first, a new piece that is rarer than all open ones. Cohen's strict
    /// priority for open pieces, taken to the letter, makes the only seeder send blocks that others could send as well.
    fn next_block(&mut self, conn: ConnId) -> Option<BlockRef> {
        let peer = self.conns.get(conn)?;
        let open =
            self.partials.best(conn, |piece| peer.would_send(piece), |piece| self.picker.availability(piece));
        if let Some(best) = open.filter(|best| best.own) {
            return self.partials.take(conn, best.piece);
        }
        let new = self.new_piece(conn);
        if let Some(best) = open
            && new.is_none_or(|new| !self.picker.prefers(new, best.piece))
        {
            return self.partials.take(conn, best.piece);
        }
        if let Some(piece) = new {
            self.open(piece, conn);
            return self.partials.take(conn, piece);
        }
        None
    }

    pub(crate) fn new_piece(&mut self, conn: ConnId) -> Option<PieceIndex> {
        if self.picker.wanted_count() == 0 {
            return None;
        }
        let peer = self.conns.get_mut(conn)?;
        if peer.peer_choking {
            let candidates = peer.allowed_to_us.iter().copied();
            return candidates.filter(|&p| peer.would_send(p)).find(|&p| self.picker.is_wanted(p));
        }
        if peer.meeting.is_some_and(Meeting::has_begun) {
            return None;
        }
        let drawn = if peer.refused.is_empty() {
            self.picker.pick(&peer.pieces, &mut self.rng)?
        } else {
            let mut pieces = peer.pieces.clone();
            for &piece in &peer.refused {
                pieces.remove(piece);
            }
            self.picker.pick(&pieces, &mut self.rng)?
        };
        let Some(suggested) = peer.suggested else { return Some(drawn) };
        let possible = peer.would_send(suggested) && self.picker.is_wanted(suggested);
        if !possible {
            peer.suggested = None;
        }
        Some(if possible && self.picker.accepts(suggested, drawn) { suggested } else { drawn })
    }

    pub(crate) fn open(&mut self, piece: PieceIndex, conn: ConnId) {
        self.picker.open(piece);
        self.partials.open(&self.geometry, piece, conn, self.blame.is_disputed(piece));
    }

    /// A single source does not deliver pieces that were to come from it alone: another one gets its turn, all that was
    /// asked for is taken back. True if there was such a piece.
    pub(crate) fn abandon_source(
        &mut self,
        now: Instant,
        conn: ConnId,
        concerns: impl Fn(PieceIndex) -> bool,
        out: &mut Outbox<E>,
    ) -> bool {
        let lost = self.partials.lose_source(conn, concerns);
        let Some(peer) = self.conns.get_mut(conn).filter(|_| !lost.is_empty()) else { return false };
        let (taken_back, kept): (VecDeque<Outstanding>, VecDeque<Outstanding>) =
            core::mem::take(&mut peer.outstanding)
                .into_iter()
                .partition(|request| lost.contains(&request.block.piece));
        peer.outstanding = kept;
        for request in taken_back {
            peer.expect(request.block);
            peer.last_sent = now;
            out.send(conn, Message::Cancel(self.geometry.span(request.block)));
        }
        true
    }

    /// A request was taken back, rejected or lost; a piece that nothing has come of is chosen anew.
    pub(crate) fn release(&mut self, block: BlockRef) {
        self.partials.release(block);
        if self.partials.close_untouched(block.piece) {
            self.picker.reopen(block.piece);
        }
    }

    /// Takes back all requests of a connection that does not answer.
    pub(crate) fn time_out_requests(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        let Some(peer) = self.conns.get_mut(conn) else { return };
        peer.pipeline.on_timeout(self.config.requests, self.geometry.nominal_block_len());
        peer.unresponsive = true;
        let lost = core::mem::take(&mut peer.outstanding);
        self.stats.request_timeouts += lost.len() as u64;
        for request in lost {
            peer.expect(request.block);
            out.send(conn, Message::Cancel(self.geometry.span(request.block)));
            self.partials.release(request.block);
        }
        self.partials.lose_source(conn, |_| true);
        self.fill_all_but(now, conn, out);
        self.fill(now, conn, out);
    }

    pub(crate) fn on_block(
        &mut self,
        now: Instant,
        conn: ConnId,
        index: u32,
        begin: u32,
        data: E::Data,
        out: &mut Outbox<E>,
    ) {
        let len = data.len();
        self.stats.downloaded += u64::from(len);
        let Some(peer) = self.conns.get_mut(conn) else { return };
        peer.downloaded += u64::from(len);
        peer.download.add(now, len);
        peer.last_block = now;
        peer.owing_since = peer.owing_since.map(|_| now);
        peer.snubbing = false;
        peer.unresponsive = false;
        let Some(block) = self.geometry.block(BlockSpan { index, begin, length: len }) else {
            self.stats.wasted += u64::from(len);
            self.violation(now, conn, Violation::BlockRange, out);
            return;
        };
        let key = peer.key;
        let outstanding = peer.outstanding.iter().position(|request| request.block == block);
        if let Some(at) = outstanding {
            let request = peer.outstanding.remove(at).expect("just found");
            peer.has_given = true;
            let block_len = self.geometry.nominal_block_len();
            peer.pipeline.on_block(self.config.requests, now, request.asked, len, block_len);
        } else if let Some(at) = peer.expected.iter().position(|&expected| expected == block) {
            peer.expected.remove(at);
        } else {
            self.stats.wasted += u64::from(len);
            self.nuisance(now, conn, out);
            return;
        }
        peer.settle();
        if self.picker.is_wanted(block.piece) {
            // It is late, and the piece was given up meanwhile: begun anew with this block.
            self.open(block.piece, conn);
        }
        match self.partials.arrived(block, conn, key, outstanding.is_some()) {
            Arrival::Useless => self.stats.wasted += u64::from(len),
            Arrival::New { others } => {
                if others > 0 {
                    self.cancel_elsewhere(now, conn, block, out);
                }
                self.disk.writes(u64::from(len), self.config.limits.disk_high_water);
                out.push(Output::Disk(DiskOp::Write { block, data }));
            }
        }
        self.fill(now, conn, out);
    }

    /// A block has come from one peer: the others need not send it. Paced systems have no word for that.
    fn cancel_elsewhere(&mut self, now: Instant, from: ConnId, block: BlockRef, out: &mut Outbox<E>) {
        let cancels = !matches!(self.config.requests, Requests::Paced { .. });
        for slot in 0..self.conns.slot_count() {
            let Some((conn, peer)) = self.conns.at_mut(slot) else { continue };
            if conn == from {
                continue;
            }
            if let Some(at) = peer.outstanding.iter().position(|request| request.block == block) {
                peer.outstanding.remove(at);
                peer.expect(block);
                peer.settle();
                if cancels {
                    peer.last_sent = now;
                    out.send(conn, Message::Cancel(self.geometry.span(block)));
                }
                self.fill(now, conn, out);
            }
        }
    }

    pub(crate) fn on_piece_right(&mut self, now: Instant, piece: PieceIndex, out: &mut Outbox<E>) {
        if self.partials.close(piece).is_none() || !self.have.insert(piece) {
            return;
        }
        self.left -= u64::from(self.geometry.piece_len(piece));
        self.picker.done(piece);
        out.event(Event::PieceCompleted { piece });
        if self.blame.is_disputed(piece) {
            out.push(Output::Disk(DiskOp::Fingerprint { piece }));
        }
        self.tell_about(now, piece, out);
        self.end_meetings(now, out);
        if self.have.is_full() {
            self.on_complete(now, out);
        } else if let Some(announce) = &mut self.announce {
            announce.piece(now);
            self.poll_announce(now, out);
        }
    }

    /// `have` to those who lack the piece, or to everyone, and no more interest in those who had nothing else.
    fn tell_about(&mut self, now: Instant, piece: PieceIndex, out: &mut Outbox<E>) {
        let to_all = self.config.inventory == Inventory::HaveToAll;
        let announces = (to_all || self.config.inventory == Inventory::Have) && self.super_seed.is_none();
        for slot in 0..self.conns.slot_count() {
            let Some((conn, peer)) = self.conns.at_mut(slot) else { continue };
            if !peer.is_open() {
                continue;
            }
            let has_it = peer.pieces.contains(piece);
            if has_it {
                peer.useful -= 1;
                if peer.useful == 0 {
                    self.update_interest(now, conn, out);
                }
            }
            let Some(peer) = self.conns.get_mut(conn) else { continue };
            if announces && (to_all || !has_it) {
                peer.last_sent = now;
                out.send(conn, Message::Have { index: piece.get() });
            }
        }
    }

    fn on_complete(&mut self, now: Instant, out: &mut Outbox<E>) {
        out.event(Event::Completed);
        self.timers.pull = None;
        if let Some(announce) = &mut self.announce {
            announce.completed(now);
        }
        self.poll_announce(now, out);
        for slot in 0..self.conns.slot_count() {
            if let Some((conn, _)) = self.conns.at(slot) {
                self.part_if_both_seed(now, conn, out);
                self.part_from_source(now, conn, out);
                self.say_extensions(now, conn, out);
            }
        }
    }

    /// Everything is here: whom we have called for it has no more to give, and cannot be told what we have.
    fn part_from_source(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        let called = self.conns.get(conn).is_some_and(|peer| peer.dialled);
        if called && self.config.told_by_tracker_alone() {
            self.close(now, conn, Some(DisconnectReason::Done), out);
        }
    }

    pub(crate) fn on_piece_wrong(&mut self, now: Instant, piece: PieceIndex, out: &mut Outbox<E>) {
        let Some(partial) = self.partials.close(piece) else { return };
        self.stats.hash_failures += 1;
        self.stats.wasted += u64::from(self.geometry.piece_len(piece));
        out.event(Event::PieceFailed { piece });
        if let Some(liar) = self.blame.failed(piece, partial.senders()) {
            self.picker.reopen(piece);
            self.ban(now, liar, out);
            self.fill_all(now, out);
        } else {
            // The piece is not fetched again before its blocks on the disk are told apart.
            out.push(Output::Disk(DiskOp::Fingerprint { piece }));
        }
    }

    pub(crate) fn on_fingerprints(
        &mut self,
        now: Instant,
        piece: PieceIndex,
        blocks: Box<[u64]>,
        out: &mut Outbox<E>,
    ) {
        if self.have.contains(piece) {
            for liar in self.blame.explain(piece, &blocks) {
                self.ban(now, liar, out);
            }
        } else if self.blame.remember(piece, blocks) {
            self.picker.reopen(piece);
            self.fill_all(now, out);
        }
    }
}

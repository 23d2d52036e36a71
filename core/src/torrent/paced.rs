//! One request per interval over all connections: the rhythm of S1 and S5.
//!
//! A missing block of the rarest piece that somebody is known to have and would send; ties at random; of its holders one at
//! random. In S5, while nobody is known to have anything, everyone is asked for the same block: whoever is connected, and whoever
//! connects before the answer. So a request may have no answer there, and what was asked for and did not come within an interval is
//! missing like any other. In S1 it is on its way: it is not asked for again before its time-out, or a link on which a block takes
//! longer than an interval would carry each of them several times.

use core::time::Duration;

use crate::boundary::{Env, Event, Outbox};
use crate::id::{BlockRef, ConnId, PieceIndex};
use crate::time::{Instant, nanos};
use crate::torrent::Torrent;
use crate::torrent::peer::{Outstanding, Peer};

impl<E: Env> Torrent<E> {
    /// The moment of a request.
    pub(crate) fn pull(&mut self, now: Instant, interval: Duration, ask_all: bool, out: &mut Outbox<E>) {
        if self.wants_nothing() || !self.disk_takes_more() {
            return;
        }
        if ask_all {
            self.forget_unanswered(|request, _| now.nanos_since(request.asked) >= nanos(interval));
        } else {
            let patience = self.request_timeout();
            self.forget_unanswered(|request, last_block| {
                now.nanos_since(request.asked.max(last_block)) >= patience
            });
        }
        self.blind_question = None;
        if let Some((holder, block)) = self.paced_block(out) {
            self.ask(now, holder, block, out);
        } else if ask_all {
            self.ask_everyone(now, out);
        }
    }

    /// Nobody is known to have anything that we miss: whoever is there is asked for the same block.
    fn ask_everyone(&mut self, now: Instant, out: &mut Outbox<E>) {
        let everyone = self.askable();
        let Some(&first) = everyone.first() else { return };
        let Some(piece) = self.picker.pick_blind(&mut self.rng) else { return };
        self.open(piece, first);
        let Some(block) = self.partials.take(first, piece) else { return };
        self.blind_question = Some(block);
        self.ask(now, first, block, out);
        for conn in everyone {
            if conn != first {
                self.join_blind_question(now, conn, out);
            }
        }
    }

    /// The block that everyone is being asked for, if there is one, is asked of this peer as well.
    pub(crate) fn join_blind_question(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        let Some(block) = self.blind_question else { return };
        if self.partials.may_ask_anyone(block) && self.conns.get(conn).is_some_and(Peer::sends_all) {
            self.partials.ask_again(block);
            self.ask(now, conn, block, out);
        }
    }

    /// Requests that are too old, by when the connection's last block has come, are not waited for; pieces that nothing has come of
    /// are chosen anew.
    fn forget_unanswered(&mut self, too_old: impl Fn(&Outstanding, Instant) -> bool) {
        let mut touched: Vec<PieceIndex> = Vec::new();
        for slot in 0..self.conns.slot_count() {
            let Some((_, peer)) = self.conns.at_mut(slot) else { continue };
            while let Some(request) = peer.outstanding.front()
                && too_old(request, peer.last_block)
            {
                let block = request.block;
                peer.outstanding.pop_front();
                peer.expect(block);
                self.partials.release(block);
                touched.push(block.piece);
            }
        }
        for piece in touched {
            if self.partials.close_untouched(piece) {
                self.picker.reopen(piece);
            }
        }
    }

    /// A free block of an open piece, or of a new piece, and one of those who would send it.
    fn paced_block(&mut self, out: &mut Outbox<E>) -> Option<(ConnId, BlockRef)> {
        let piece = if let Some(piece) = self.paced_open_piece() {
            piece
        } else {
            let piece = self.paced_piece()?;
            let opener = *self.holders(piece).first()?;
            self.open(piece, opener);
            piece
        };
        let holders = self.holders(piece);
        out.event(Event::Picked { piece, holders: self.picker.availability(piece) });
        let holder = *self.rng.choose(&holders)?;
        self.partials.take(holder, piece).map(|block| (holder, block))
    }

    /// An open piece with a free block that somebody would send.
    fn paced_open_piece(&self) -> Option<PieceIndex> {
        let rank = |piece| self.picker.availability(piece);
        let best = |(conn, peer): (ConnId, &Peer<E>)| {
            self.partials.best(conn, |piece| peer.would_send(piece), rank).map(|best| best.piece)
        };
        self.conns.iter().filter(|(_, peer)| peer.can_be_asked()).find_map(best)
    }

    /// The rarest wanted piece among those that somebody would send.
    fn paced_piece(&mut self) -> Option<PieceIndex> {
        if self.conns.iter().all(|(_, peer)| peer.sends_all()) {
            return self.picker.pick_any(&mut self.rng);
        }
        let mut best: Vec<PieceIndex> = Vec::new();
        for slot in 0..self.conns.slot_count() {
            let Some((conn, _)) = self.conns.at(slot).filter(|(_, peer)| peer.can_be_asked()) else {
                continue;
            };
            let Some(piece) = self.new_piece(conn) else { continue };
            let availability = self.picker.availability(piece);
            match best.first().map(|&best| self.picker.availability(best)) {
                Some(least) if availability > least => {}
                Some(least) if availability == least => best.push(piece),
                _ => best = vec![piece],
            }
        }
        self.rng.choose(&best).copied()
    }

    /// Connections that let us ask for anything.
    fn askable(&self) -> Vec<ConnId> {
        self.conns.iter().filter(|(_, peer)| peer.sends_all()).map(|(conn, _)| conn).collect()
    }

    /// Connections that would send us a block of the piece, as far as it may be asked of them: a piece that has failed is
    /// fetched again from one alone.
    fn holders(&self, piece: PieceIndex) -> Vec<ConnId> {
        let would = |&(conn, peer): &(ConnId, &Peer<E>)| {
            peer.can_be_asked() && peer.would_send(piece) && self.partials.may_ask(conn, piece)
        };
        self.conns.iter().filter(would).map(|(conn, _)| conn).collect()
    }
}

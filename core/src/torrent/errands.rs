//! One connection for each piece: how S3 downloads.
//!
//! An *errand* is a connection that is opened for one piece. The piece is chosen first, the rarest of the tracker's list, and then
//! one of those who have it, at random. When the piece has come, or the peer has hung up without it, the connection is over and
//! the next errand begins. Who serves closes a connection when it has handed a piece over, or when it is asked for one that it
//! has not got: there is no other way to say so.

use crate::bitfield::Bitfield;
use crate::boundary::{Address as _, DisconnectReason, Env, Event, Outbox, Output};
use crate::config::Connections;
use crate::id::{ConnId, PieceIndex};
use crate::time::Instant;
use crate::torrent::Torrent;
use crate::torrent::peer::Peer;

impl<E: Env> Torrent<E> {
    /// Begins errands until as many are under way as may be, or there is nothing to go for.
    pub(crate) fn run_errands(&mut self, now: Instant, parallel: u32, out: &mut Outbox<E>) {
        while !self.wants_nothing()
            && self.errands() < parallel
            && self.wants_more()
            && self.disk_takes_more()
        {
            let Some((piece, addr)) = self.next_errand(now) else { return };
            if self.dialling.next() > now && !self.known.has_answered(addr) {
                self.timers.dial = Some(self.dialling.next());
                return;
            }
            // Who is listed is known, unless there was no room to remember it.
            self.known.learn(addr);
            let Some(key) = self.known.incoming(addr) else { return };
            if self.bans.is_banned(addr.to_socket()) {
                self.known.ban(key);
                continue;
            }
            self.dialling.take(now);
            let mut peer = Peer::new(addr, key, true, &self.geometry, &self.config, now);
            peer.errand = Some(piece);
            let conn = self.conns.insert(peer);
            self.half_open += 1;
            out.event(Event::Picked { piece, holders: self.picker.availability(piece) });
            if self.picker.is_wanted(piece) {
                self.open(piece, conn);
            }
            out.push(Output::Connect { conn, addr });
        }
    }

    /// How many are under way.
    fn errands(&self) -> u32 {
        let count = self.conns.iter().filter(|(_, peer)| peer.errand.is_some()).count();
        u32::try_from(count).expect("connections are limited")
    }

    /// The piece to go for, and to whom: one that was begun and whose connection was lost, or else the picker's choice among all
    /// that can be had; of those who have it, one at random.
    fn next_errand(&mut self, now: Instant) -> Option<(PieceIndex, E::Addr)> {
        let mut to_be_had = Bitfield::none(self.geometry.piece_count());
        for (addr, pieces) in self.told.iter() {
            if self.known.may_go_to(addr, now) {
                pieces.difference(&self.have).for_each(|piece| {
                    to_be_had.insert(piece);
                });
            }
        }
        let busy = |piece| self.conns.iter().any(|(_, peer)| peer.errand == Some(piece));
        let begun = self.partials.any_of(|piece| to_be_had.contains(piece) && !busy(piece));
        let piece = begun.or_else(|| self.picker.pick(&to_be_had, &mut self.rng))?;
        let holds = |&(addr, pieces): &(E::Addr, &Bitfield)| {
            pieces.contains(piece) && self.known.may_go_to(addr, now)
        };
        let holders: Vec<E::Addr> = self.told.iter().filter(holds).map(|(addr, _)| addr).collect();
        Some((piece, *self.rng.choose(&holders)?))
    }

    /// Asks for what is missing of an errand's piece, or ends the connection: true when it is an errand, or somebody else's.
    pub(crate) fn go_on_with_errand(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) -> bool {
        if !matches!(self.config.connections, Connections::PerPiece { .. }) {
            return false;
        }
        while let Some(peer) = self.conns.get(conn).filter(|peer| peer.is_open())
            && let Some(piece) = peer.errand
        {
            if peer.outstanding.len() >= peer.depth() as usize || !peer.can_be_asked() {
                break;
            }
            if let Some(block) = self.partials.take(conn, piece) {
                self.ask(now, conn, block, out);
            } else {
                if peer.outstanding.is_empty() {
                    self.end_errand(now, conn, out);
                }
                break;
            }
        }
        true
    }

    /// All of the piece is here.
    fn end_errand(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        if let Some(peer) = self.conns.get_mut(conn) {
            peer.errand = None;
            self.close(now, conn, Some(DisconnectReason::Done), out);
        }
    }

    /// An errand's connection is gone and the piece is not here. `asked`: there was a peer that let us ask, and it did not give it.
    pub(crate) fn errand_failed(&mut self, addr: E::Addr, piece: PieceIndex, asked: bool) {
        if self.partials.close_untouched(piece) {
            self.picker.reopen(piece);
        }
        if asked {
            self.told.deny(addr, piece, &mut self.picker);
        }
    }

    /// A peer has been handed all that was read for it. When that was a whole piece, it has what it came for.
    pub(crate) fn part_after_piece(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        let handed_over = |peer: &&Peer<E>| {
            let whole = peer.begun.is_some_and(|begun| begun.left == 0);
            whole && peer.errand.is_none() && peer.queue.is_empty() && !peer.is_being_served()
        };
        if matches!(self.config.connections, Connections::PerPiece { .. })
            && self.conns.get(conn).as_ref().is_some_and(handed_over)
        {
            self.close(now, conn, Some(DisconnectReason::Done), out);
        }
    }
}

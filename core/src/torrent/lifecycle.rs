//! How connections open and close: dialling, handshakes, doubles, goodbyes.

use crate::boundary::{Address as _, DisconnectReason, Env, Event, Outbox, Output, Violation};
use crate::config::{Connections, Inventory, Requests};
use crate::id::{ConnId, PeerId};
use crate::message::{Handshake, Message};
use crate::time::{Instant, NANOS_PER_SEC};
use crate::torrent::Torrent;
use crate::torrent::allowed_fast::allowed_fast_set;
use crate::torrent::extended::ExtendedPeer;
use crate::torrent::known::PeerKey;
use crate::torrent::peer::{Peer, Stage};

/// A connection that nothing has come on for so long gives way when its peer connects anew. Two connections that both ends open
/// at the same time are younger.
const STALE_AFTER: u64 = 10 * NANOS_PER_SEC;

/// Of two connections to the same peer, does the newer one stay? Both ends see the same two and must keep the same one: that
/// which the smaller id has opened.
pub(crate) fn newer_stays(ours: PeerId, theirs: PeerId, newer_dialled: bool, older_dialled: bool) -> bool {
    let keep_ours = ours < theirs;
    newer_dialled != older_dialled && newer_dialled == keep_ours
}

impl<E: Env> Torrent<E> {
    /// Hears of addresses and dials as many as there is room for.
    pub(crate) fn learn(&mut self, now: Instant, addrs: &[E::Addr], out: &mut Outbox<E>) {
        for &addr in addrs {
            if addr.is_dialable() && !self.bans.is_banned(addr.to_socket()) {
                self.known.learn(addr);
            }
        }
        self.dial(now, out);
    }

    /// Opens connections until there are enough, or nobody is left to dial. A seeder dials too: peers behind
    /// a full table would wait for it otherwise.
    pub(crate) fn dial(&mut self, now: Instant, out: &mut Outbox<E>) {
        if self.config.told_by_tracker_alone() && self.wants_nothing() {
            // Nobody can be told anything, and there is nothing to ask for.
            return;
        }
        match self.config.connections {
            Connections::Lasting | Connections::Contacts => self.dial_known(now, out),
            Connections::PerPiece { parallel } if self.running => self.run_errands(now, parallel, out),
            Connections::PerPiece { .. } => {}
        }
        if self.running
            && let Some(announcing) = &self.config.announcing
            && self.conns.len() < announcing.low_peers
            && let Some(announce) = &mut self.announce
        {
            announce.want_peers(now);
        }
    }

    fn dial_known(&mut self, now: Instant, out: &mut Outbox<E>) {
        while self.running && self.wants_more() {
            if self.dialling.next() > now {
                self.timers.dial = Some(self.dialling.next());
                break;
            }
            let Some((key, addr)) = self.known.dial(now, &mut self.rng) else { break };
            if self.bans.is_banned(addr.to_socket()) {
                self.known.ban(key);
                continue;
            }
            self.dialling.take(now);
            let peer = Peer::new(addr, key, true, &self.geometry, &self.config, now);
            let conn = self.conns.insert(peer);
            self.half_open += 1;
            out.push(Output::Connect { conn, addr });
        }
    }

    pub(crate) fn on_incoming(&mut self, now: Instant, ticket: u32, addr: E::Addr, out: &mut Outbox<E>) {
        let welcome = self.running && !self.bans.is_banned(addr.to_socket());
        let room = welcome && (self.has_room() || self.make_room(now, out));
        let Some(key) = (if room { self.known.incoming(addr) } else { None }) else {
            out.push(Output::Refuse { ticket });
            return;
        };
        let peer = Peer::new(addr, key, false, &self.geometry, &self.config, now);
        let conn = self.conns.insert(peer);
        self.half_open += 1;
        out.push(Output::Accept { ticket, conn });
        if !self.config.handshake {
            self.opened(now, conn, out);
        }
    }

    pub(crate) fn on_connected(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        let Some(peer) = self.conns.get_mut(conn).filter(|peer| peer.stage == Stage::Dialling) else {
            return;
        };
        peer.stage = Stage::Handshaking;
        peer.since = now;
        if self.config.handshake {
            self.send_handshake(now, conn, out);
        } else {
            // When both ends have dialled at the same time there are two connections now: see `doubles`.
            self.opened(now, conn, out);
        }
    }

    fn send_handshake(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        let Some(peer) = self.conns.get_mut(conn) else { return };
        peer.last_sent = now;
        let handshake = Handshake {
            info_hash: self.identity.info_hash,
            peer_id: self.identity.peer_id,
            fast: self.config.fast_extension,
            extended: self.config.extensions,
        };
        out.send(conn, Message::Handshake(Box::new(handshake)));
    }

    pub(crate) fn on_handshake(
        &mut self,
        now: Instant,
        conn: ConnId,
        theirs: &Handshake,
        out: &mut Outbox<E>,
    ) {
        let Some(peer) = self.conns.get_mut(conn) else { return };
        if peer.stage != Stage::Handshaking || !self.config.handshake {
            self.violation(now, conn, Violation::Handshake, out);
            return;
        }
        let (key, dialled) = (peer.key, peer.dialled);
        peer.fast = theirs.fast && self.config.fast_extension;
        peer.extended = (theirs.extended && self.config.extensions).then(|| Box::new(ExtendedPeer::new(now)));
        peer.peer_id = Some(theirs.peer_id);
        if theirs.info_hash != self.identity.info_hash {
            self.close(now, conn, Some(DisconnectReason::WrongInfoHash), out);
            return;
        }
        if theirs.peer_id == self.identity.peer_id {
            self.known.ban(key);
            self.close(now, conn, Some(DisconnectReason::SelfConnection), out);
            return;
        }
        let double =
            self.conns.iter().find(|(other, peer)| *other != conn && peer.peer_id == Some(theirs.peer_id));
        if let Some((other, old)) = double {
            // Who comes again has lost the connection that we have heard nothing on for a while, and will hear nothing more.
            let stale = old.is_open() && now.nanos_since(old.last_received) >= STALE_AFTER;
            let keep_new = stale || newer_stays(self.identity.peer_id, theirs.peer_id, dialled, old.dialled);
            let reason = if stale { DisconnectReason::Replaced } else { DisconnectReason::Duplicate };
            self.note_where_it_listens(conn, other);
            self.close(now, if keep_new { other } else { conn }, Some(reason), out);
            if !keep_new {
                return;
            }
        }
        if !dialled {
            self.send_handshake(now, conn, out);
        }
        self.opened(now, conn, out);
    }

    /// Two connections lead to the same peer: where one was dialled is where it listens.
    fn note_where_it_listens(&mut self, one: ConnId, other: ConnId) {
        let dialled =
            [one, other].into_iter().filter_map(|conn| self.conns.get(conn)).find_map(Peer::listens);
        for conn in [one, other] {
            if let Some(peer) = self.conns.get_mut(conn) {
                peer.listed_as = peer.listed_as.or(dialled);
            }
        }
    }

    /// The connection is ready for messages: says what we have.
    fn opened(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        let Some(peer) = self.conns.get_mut(conn) else { return };
        peer.stage = Stage::Open;
        peer.since = now;
        peer.last_received = now;
        peer.last_sent = now;
        self.half_open -= 1;
        let (key, fast, addr) = (peer.key, peer.fast, peer.addr);
        self.known.opened(key);
        self.say_extensions(now, conn, out);
        let silent = matches!(
            self.config.inventory,
            Inventory::Broadcast { on_connect: false, .. } | Inventory::Tracker
        );
        if silent {
            // The first broadcast will tell, or the tracker does.
        } else if self.super_seed.is_some() {
            if fast {
                out.send(conn, Message::HaveNone);
            }
            self.show_next(now, conn, out);
        } else if fast && self.have.is_full() {
            out.send(conn, Message::HaveAll);
        } else if fast && self.have.is_empty() {
            out.send(conn, Message::HaveNone);
        } else if !self.have.is_empty() || !self.config.handshake {
            out.send(conn, self.inventory());
        }
        if fast && self.config.allowed_fast > 0 && self.config.uploads {
            let set =
                allowed_fast_set(addr, &self.identity.info_hash, &self.geometry, self.config.allowed_fast);
            for &piece in &set {
                out.send(conn, Message::AllowedFast { index: piece.get() });
            }
            if let Some(peer) = self.conns.get_mut(conn) {
                peer.allowed_to_peer = set;
            }
        }
        if let Requests::Paced { .. } = self.config.requests
            && !self.wants_nothing()
        {
            self.timers.pull.get_or_insert(now);
            self.join_blind_question(now, conn, out);
        }
        if !self.go_on_with_errand(now, conn, out) {
            self.apply_told(now, conn, out);
        }
    }

    pub(crate) fn on_disconnected(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        self.close(now, conn, None, out);
    }

    /// The peer broke the protocol: good-bye, and not soon again.
    pub(crate) fn violation(
        &mut self,
        now: Instant,
        conn: ConnId,
        violation: Violation,
        out: &mut Outbox<E>,
    ) {
        self.close(now, conn, Some(DisconnectReason::ProtocolViolation(violation)), out);
    }

    /// A peer that sent wrong bytes is not spoken to again.
    pub(crate) fn ban(&mut self, now: Instant, key: PeerKey, out: &mut Outbox<E>) {
        if self.known.is_banned(key) {
            return;
        }
        let Some(addr) = self.known.addr(key) else { return };
        self.known.ban(key);
        self.bans.strike(addr.to_socket());
        out.event(Event::Banned { addr });
        for slot in 0..self.conns.slot_count() {
            let Some((conn, peer)) = self.conns.at(slot) else { continue };
            if peer.key == key || self.bans.is_banned(peer.addr.to_socket()) {
                self.close(now, conn, Some(DisconnectReason::Banned), out);
            }
        }
    }

    pub(crate) fn close_all(&mut self, now: Instant, out: &mut Outbox<E>) {
        for slot in 0..self.conns.slot_count() {
            if let Some((conn, _)) = self.conns.at(slot) {
                self.close(now, conn, Some(DisconnectReason::Stopped), out);
            }
        }
    }

    /// Ends a connection: by us for a `reason`, or by the network. Its requests go to others.
    pub(crate) fn close(
        &mut self,
        now: Instant,
        conn: ConnId,
        reason: Option<DisconnectReason>,
        out: &mut Outbox<E>,
    ) {
        let Some(peer) = self.conns.remove(conn) else { return };
        if let Some(reason) = reason {
            out.push(Output::Disconnect { conn, reason });
        }
        let was_open = peer.is_open();
        if !was_open {
            self.half_open -= 1;
        }
        let alias = peer.extended.as_ref().and_then(|extended| extended.alias);
        if self.wants_nothing() && peer.pieces.is_full() {
            for key in [Some(peer.key), alias].into_iter().flatten() {
                self.known.part_as_seeds(key);
            }
        }
        let failed = !was_open || matches!(reason, Some(DisconnectReason::ProtocolViolation(_)));
        // Nobody is there, and who was just called may be about to come.
        let alone = peer.stage == Stage::Dialling && !self.conns.iter().any(|(_, other)| other.is_open());
        let delay = self.config.timeouts.redial(alone);
        for key in [Some(peer.key), alias].into_iter().flatten() {
            self.known.closed(key, now, failed, delay);
            if self.config.connections == Connections::Contacts {
                self.known.forget(key);
            }
        }
        self.picker.remove_peer(&peer.pieces);
        self.choker.forget(conn);
        if peer.in_turn {
            self.serving -= 1;
        }
        if let (Some(shown), Some(super_seed)) = (&peer.shown, &mut self.super_seed) {
            super_seed.forget(shown, |piece| self.picker.availability(piece) == 0);
        }
        if let (Some(piece), Some(suggestions)) = (peer.promised, &mut self.suggestions) {
            suggestions.take_back(piece);
        }
        let errand = peer.errand.map(|piece| (piece, peer.addr, was_open && !peer.peer_choking));
        let freed = !peer.outstanding.is_empty();
        for request in &peer.outstanding {
            self.release(request.block);
        }
        self.partials.lose_source(conn, |_| true);
        if let Some((piece, addr, asked)) = errand {
            self.errand_failed(addr, piece, asked);
        }
        if !self.running {
            return;
        }
        if freed {
            self.fill_all(now, out);
        }
        if !peer.am_choking && peer.peer_interested {
            self.fill_slots(now, out);
        }
        self.pump(now, out);
        self.dial(now, out);
    }
}

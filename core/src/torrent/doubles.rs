//! Two connections to the same peer where there is no handshake: both ends have dialled at the same time (S2, S5).
//!
//! Inventories say whose they are. The connection that the smaller id has dialled stays, and who has dialled the other one closes
//! it. So both ends agree, whatever each hears first; and a client that does not know of this keeps what it has dialled itself,
//! which it may have for its own requests.

use crate::boundary::{Address as _, DisconnectReason, Env, Outbox};
use crate::id::{ConnId, PeerId};
use crate::message::{Inventory, Message};
use crate::time::Instant;
use crate::torrent::Torrent;

impl<E: Env> Torrent<E> {
    /// All that is here, and, where there is no handshake, whose it is.
    pub(crate) fn inventory(&self) -> Message<E::Data> {
        let peer_id = (!self.config.handshake).then_some(self.identity.peer_id);
        Message::Bitfield(Box::new(Inventory { pieces: self.have.clone(), peer_id }))
    }

    /// The peer has said who it is, along with what it has. Is the connection still there?
    pub(crate) fn introduced(
        &mut self,
        now: Instant,
        conn: ConnId,
        theirs: PeerId,
        out: &mut Outbox<E>,
    ) -> bool {
        let Some(peer) = self.conns.get_mut(conn) else { return false };
        if self.config.handshake || peer.peer_id.is_some() {
            return true;
        }
        peer.peer_id = Some(theirs);
        let (host, key, we_dialled) = (peer.addr.to_socket().ip(), peer.key, peer.dialled);
        if theirs == self.identity.peer_id {
            self.known.ban(key);
            self.close(now, conn, Some(DisconnectReason::SelfConnection), out);
            return false;
        }
        // From another host anybody could say that it is this one.
        let double = self.conns.iter().find(|(_, other)| {
            other.peer_id == Some(theirs)
                && other.dialled != we_dialled
                && other.addr.to_socket().ip() == host
        });
        let Some((other, _)) = double.filter(|_| theirs < self.identity.peer_id) else { return true };
        let (ours, stays) = if we_dialled { (conn, other) } else { (other, conn) };
        self.move_in(stays, ours);
        self.close(now, ours, Some(DisconnectReason::Duplicate), out);
        stays == conn
    }

    /// The connection that stays is known by the address that was dialled: as long as it is there, there is no point in dialling
    /// that again.
    fn move_in(&mut self, stays: ConnId, goes: ConnId) {
        let Some((dialled, addr)) = self.conns.get(goes).map(|peer| (peer.key, peer.addr)) else { return };
        let Some(peer) = self.conns.get_mut(stays) else { return };
        let came_from = core::mem::replace(&mut peer.key, dialled);
        peer.listed_as = Some(addr);
        if let Some(peer) = self.conns.get_mut(goes) {
            peer.key = came_from;
        }
    }
}

//! What the tracker says of the pieces of others, where it keeps inventories: S1, S3, S4.
//!
//! Each list of the tracker replaces the one before. Who is not in it any more is gone as far as the list is concerned; what a peer has
//! said itself counts for as long as its connection is open. A tracker is believed as little as a peer is: who turns out not to have
//! what was said of it is not asked for that again before the next list. Whom the user names as a source has everything, as if
//! each list said so.

use std::collections::{BTreeMap, BTreeSet};

use crate::bitfield::Bitfield;
use crate::boundary::{Address as _, Env, Outbox};
use crate::config::{Connections, Lists};
use crate::id::{ConnId, PieceIndex};
use crate::picker::Picker;
use crate::time::Instant;
use crate::torrent::Torrent;

/// The inventories of the last list.
#[derive(Debug)]
pub(crate) struct Told<A> {
    inventories: BTreeMap<A, Bitfield>,
    /// Who has everything, as the user says.
    sources: BTreeSet<A>,
}

impl<A: Copy + Ord> Told<A> {
    pub(crate) const fn new() -> Self {
        Self { inventories: BTreeMap::new(), sources: BTreeSet::new() }
    }

    pub(crate) fn of(&self, addr: A) -> Option<&Bitfield> {
        self.inventories.get(&addr)
    }

    /// Everyone of whom something is known, by address.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (A, &Bitfield)> {
        self.inventories.iter().map(|(&addr, pieces)| (addr, pieces))
    }

    /// The peer has not got the piece after all.
    pub(crate) fn deny(&mut self, addr: A, piece: PieceIndex, picker: &mut Picker) {
        if let Some(pieces) = self.inventories.get_mut(&addr) {
            picker.remove_peer(pieces);
            pieces.remove(piece);
            picker.add_peer(pieces);
        }
    }

    /// A new list. With a `picker`, what it counts are these inventories and not those of connections.
    fn replace(&mut self, list: BTreeMap<A, Bitfield>, picker: Option<&mut Picker>) {
        if let Some(picker) = picker {
            for pieces in self.inventories.values() {
                picker.remove_peer(pieces);
            }
            for pieces in list.values() {
                picker.add_peer(pieces);
            }
        }
        self.inventories = list;
    }
}

impl<E: Env> Torrent<E> {
    /// The tracker has answered an announce that asked for peers: whom it lists, and with what.
    pub(crate) fn hear_list(
        &mut self,
        now: Instant,
        peers: &[E::Addr],
        inventories: Vec<(E::Addr, Bitfield)>,
        out: &mut Outbox<E>,
    ) {
        let lists = self.config.announcing.map_or(Lists::Addresses, |announcing| announcing.lists);
        let (count, most) = (self.geometry.piece_count(), self.config.limits.known_peers as usize);
        let mut list: BTreeMap<E::Addr, Bitfield> = match lists {
            Lists::Addresses => return,
            Lists::Holders => peers.iter().take(most).map(|&addr| (addr, Bitfield::all(count))).collect(),
            Lists::Inventories => {
                let sound =
                    |(addr, pieces): &(E::Addr, Bitfield)| pieces.len() == count && addr.is_dialable();
                inventories.into_iter().filter(sound).take(most).collect()
            }
        };
        list.extend(self.told.sources.iter().map(|&addr| (addr, Bitfield::all(count))));
        self.apply_list(now, list, out);
    }

    /// The user says that these have everything.
    pub(crate) fn hear_of_sources(&mut self, now: Instant, addrs: &[E::Addr], out: &mut Outbox<E>) {
        if !self.config.told_by_tracker_alone() {
            return;
        }
        let most = self.config.limits.known_peers as usize;
        let sound = addrs.iter().filter(|addr| addr.is_dialable()).take(most);
        self.told.sources.extend(sound);
        let mut list = self.told.inventories.clone();
        let count = self.geometry.piece_count();
        list.extend(self.told.sources.iter().map(|&addr| (addr, Bitfield::all(count))));
        self.apply_list(now, list, out);
    }

    /// What is known of others from now on.
    fn apply_list(&mut self, now: Instant, list: BTreeMap<E::Addr, Bitfield>, out: &mut Outbox<E>) {
        if let Connections::PerPiece { .. } = self.config.connections {
            self.told.replace(list, Some(&mut self.picker));
            return;
        }
        self.told.replace(list, None);
        for slot in 0..self.conns.slot_count() {
            if let Some((conn, _)) = self.conns.at(slot) {
                self.apply_told(now, conn, out);
            }
        }
    }

    /// The peer at the other end has at least what the tracker says of it.
    pub(crate) fn apply_told(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        let Some(peer) = self.conns.get(conn).filter(|peer| peer.is_open()) else { return };
        let Some(told) = peer.listens().and_then(|addr| self.told.of(addr)) else { return };
        if told.difference_count(&peer.pieces) > 0 {
            let mut pieces = peer.pieces.clone();
            for piece in told.difference(&peer.pieces) {
                pieces.insert(piece);
            }
            self.on_inventory(now, conn, pieces, out);
        }
    }
}

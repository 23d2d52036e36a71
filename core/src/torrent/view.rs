//! What a torrent shows of itself: totals, and how its connections stand.

use crate::bitfield::Bitfield;
use crate::boundary::Env;
use crate::config::Config;
use crate::geometry::Geometry;
use crate::id::{ConnId, PieceIndex};
use crate::torrent::Torrent;

/// Totals of one participant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Bytes of block data handed to the network.
    pub uploaded: u64,
    /// Bytes of block data received, useless ones included.
    pub downloaded: u64,
    /// Bytes of block data received that were not needed: duplicates, and pieces that failed.
    pub wasted: u64,
    /// Pieces that failed their hash check.
    pub hash_failures: u64,
    /// Requests that were not answered in time.
    pub request_timeouts: u64,
}

/// A look at one connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "choke and interest in both directions are the protocol's own flags"
)]
pub struct ConnectionView<A> {
    /// Which one.
    pub conn: ConnId,
    /// The other end.
    pub addr: A,
    /// Messages flow.
    pub open: bool,
    /// We do not serve it.
    pub am_choking: bool,
    /// It has something that we want.
    pub am_interested: bool,
    /// It does not serve us.
    pub peer_choking: bool,
    /// We have something that it wants.
    pub peer_interested: bool,
    /// It has been asked and sends nothing.
    pub snubbing: bool,
    /// Pieces that it has.
    pub pieces: u32,
    /// Our requests that it has not answered.
    pub outstanding: u32,
    /// Its requests that we have not answered.
    pub queued: u32,
}

impl<E: Env> Torrent<E> {
    /// The pieces that are complete and verified.
    pub const fn have(&self) -> &Bitfield {
        &self.have
    }

    /// Is everything here?
    pub const fn is_complete(&self) -> bool {
        self.have.is_full()
    }

    /// Is nothing wanted of others? Everything is here, or what is here is all there shall be.
    pub const fn wants_nothing(&self) -> bool {
        self.particulars.upload_only || self.have.is_full()
    }

    /// Totals so far.
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    /// Is the torrent private (BEP 27)? Then a driver feeds it no peers that it has discovered, and does not announce it by such
    /// means.
    pub const fn is_private(&self) -> bool {
        self.particulars.private
    }

    /// What the peer at the other end calls its program, if it has said so.
    pub fn client(&self, conn: ConnId) -> Option<&str> {
        self.conns.get(conn)?.extended.as_ref()?.client.as_deref()
    }

    /// Is there room for another request of this peer? Where there is none, one that does not understand a reject (BEP 6) loses its
    /// connection; a driver that can reads nothing more from it until there is, and TCP slows it down. rtorrent keeps as many
    /// requests open as its rate calls for, ten thousand at 50 MiB/s.
    pub fn takes_request(&self, conn: ConnId) -> bool {
        let most = self.config.limits.queued_requests as usize;
        self.conns.get(conn).is_none_or(|peer| peer.fast || peer.queue.len() < most)
    }

    /// The torrent's lengths.
    pub const fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The choices that it was made with.
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// How many connected peers have a piece.
    pub fn availability(&self, piece: PieceIndex) -> u32 {
        self.picker.availability(piece)
    }

    /// The connections in the order of their slots.
    ///
    /// # Panics
    /// Never: the queues of a connection are bounded far below 2³² entries.
    pub fn connections(&self) -> impl Iterator<Item = ConnectionView<E::Addr>> {
        let count = |len: usize| u32::try_from(len).unwrap_or(u32::MAX);
        self.conns.iter().map(move |(conn, peer)| ConnectionView {
            conn,
            addr: peer.addr,
            open: peer.is_open(),
            am_choking: peer.am_choking,
            am_interested: peer.am_interested,
            peer_choking: peer.peer_choking,
            peer_interested: peer.peer_interested,
            snubbing: peer.snubbing,
            pieces: peer.pieces.count(),
            outstanding: count(peer.outstanding.len()),
            queued: count(peer.queue.len()),
        })
    }
}

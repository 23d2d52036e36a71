//! The state machine that a swarm is driven by: that of a torrent or, before anything but its info-hash is known, that which
//! fetches its metadata. Both stand at the same boundary.

use minibit_core::boundary::Net;
use minibit_core::metadata::MetadataFetch;
use minibit_core::torrent::Torrent;
use minibit_core::{ConnId, Input, Instant, Outbox, wire};

/// One of the core's state machines.
#[derive(Debug)]
pub(crate) enum Machine {
    Torrent(Box<Torrent<Net>>),
    Fetch(Box<MetadataFetch<Net>>),
}

impl Machine {
    pub(crate) fn handle_input(&mut self, now: Instant, input: Input<Net>, out: &mut Outbox<Net>) {
        match self {
            Self::Torrent(torrent) => torrent.handle_input(now, input, out),
            Self::Fetch(fetch) => fetch.handle_input(now, input, out),
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Torrent(torrent) => torrent.poll_timeout(),
            Self::Fetch(fetch) => fetch.poll_timeout(),
        }
    }

    /// Has it done all that it ever will?
    pub(crate) fn is_over(&self) -> bool {
        matches!(self, Self::Fetch(fetch) if fetch.is_over())
    }

    /// Is it known to be private (BEP 27)?
    pub(crate) const fn is_private(&self) -> bool {
        matches!(self, Self::Torrent(torrent) if torrent.is_private())
    }

    /// Is there room for another request of a peer?
    pub(crate) fn takes_request(&self, conn: ConnId) -> bool {
        match self {
            Self::Torrent(torrent) => torrent.takes_request(conn),
            Self::Fetch(_) => true,
        }
    }

    /// What connections may bring.
    pub(crate) const fn limits(&self) -> wire::Limits {
        match self {
            Self::Torrent(torrent) => wire::Limits::of(&torrent.geometry()),
            Self::Fetch(_) => wire::Limits::without_metadata(),
        }
    }
}

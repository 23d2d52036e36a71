//! Connections that are opened for a single piece.
//!
//! Who has called gives, who was called takes one piece and hangs up; at once when there is nothing for it. What each of them is at
//! stands here; that only the chosen piece is asked for is seen to where blocks are chosen.

use crate::boundary::{DisconnectReason, Env, Outbox};
use crate::config::Connections;
use crate::id::{ConnId, PieceIndex};
use crate::time::Instant;
use crate::torrent::Torrent;

/// What we are at on such a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Meeting {
    /// We have called, and give.
    Giving,
    /// We were called, and do not know yet what there is.
    Waiting,
    /// We know, and have asked for nothing.
    Choosing,
    /// We have asked for blocks of this piece.
    Taking(PieceIndex),
}

impl Meeting {
    /// Of a connection that we have dialled, or that has come to us; `None` when it is to last.
    pub(crate) fn new(connections: Connections, dialled: bool) -> Option<Self> {
        match connections {
            Connections::Lasting | Connections::PerPiece { .. } => None,
            Connections::Contacts if dialled => Some(Self::Giving),
            Connections::Contacts => Some(Self::Waiting),
        }
    }

    /// The other one has said what it has.
    pub(crate) fn told(self) -> Self {
        if self == Self::Waiting { Self::Choosing } else { self }
    }

    /// A block of this piece is asked for.
    pub(crate) fn begun(self, piece: PieceIndex) -> Self {
        if self == Self::Choosing { Self::Taking(piece) } else { self }
    }

    /// Have we chosen the piece?
    pub(crate) fn has_begun(self) -> bool {
        matches!(self, Self::Taking(_))
    }

    /// Is anything for us to come of it?
    pub(crate) fn takes(self) -> bool {
        self != Self::Giving
    }

    /// May blocks of this piece be asked for?
    pub(crate) fn takes_of(self, piece: PieceIndex) -> bool {
        match self {
            Self::Giving => false,
            Self::Waiting | Self::Choosing => true,
            Self::Taking(chosen) => chosen == piece,
        }
    }
}

impl<E: Env> Torrent<E> {
    /// Parts when there is nothing to give, nothing to take, or when all that was asked for has come.
    pub(crate) fn end_meeting(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        if self.config.connections != Connections::Contacts {
            return;
        }
        let Some(peer) = self.conns.get(conn).filter(|peer| peer.is_open()) else { return };
        let over = match peer.meeting {
            None | Some(Meeting::Waiting) => false,
            Some(Meeting::Giving) => self.have.is_empty() || !self.config.uploads,
            Some(Meeting::Choosing) => peer.useful == 0,
            Some(Meeting::Taking(_)) => peer.outstanding.is_empty(),
        };
        if over {
            self.close(now, conn, Some(DisconnectReason::Done), out);
        }
    }

    /// The same for all connections: what we were missing has come from elsewhere.
    pub(crate) fn end_meetings(&mut self, now: Instant, out: &mut Outbox<E>) {
        if self.config.connections != Connections::Contacts {
            return;
        }
        for slot in 0..self.conns.slot_count() {
            if let Some((conn, _)) = self.conns.at(slot) {
                self.end_meeting(now, conn, out);
            }
        }
    }
}

//! What is worth knowing, and needs nothing to be done.

use bytes::Bytes;

use crate::id::PieceIndex;

/// Something worth knowing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<A> {
    /// A piece is complete, verified and can be shared.
    PieceCompleted {
        /// Which piece.
        piece: PieceIndex,
    },
    /// A piece did not match its hash and is fetched again.
    PieceFailed {
        /// Which piece.
        piece: PieceIndex,
    },
    /// A peer sent a wrong byte and is not spoken to again.
    Banned {
        /// Who.
        addr: A,
    },
    /// All pieces are complete.
    Completed,
    /// Writing has failed: nothing more is asked for, what is there is shared, and it is tried again from time to time.
    DiskFailed,
    /// Writing works again.
    DiskRecovered,
    /// The metadata is here, and its hash is the info-hash: the last thing that a
    /// [`MetadataFetch`](crate::metadata::MetadataFetch) says.
    Metadata(Box<Bytes>),
    /// A piece that a paced participant picked, and in how many inventories it was (S5 logs the frequencies).
    Picked {
        /// Which piece.
        piece: PieceIndex,
        /// Known holders.
        holders: u32,
    },
}

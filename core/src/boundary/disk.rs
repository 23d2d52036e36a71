//! Work for the disk, and what has come of it.

use crate::id::{BlockRef, BlockSpan, ConnId, PieceIndex};

/// Work for the disk. The operation's own names are its token: completions repeat them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskOp<D> {
    /// Read bytes that a peer asked for.
    Read {
        /// For which connection.
        conn: ConnId,
        /// Which bytes.
        span: BlockSpan,
    },
    /// Write a block.
    Write {
        /// Which block.
        block: BlockRef,
        /// Its bytes.
        data: D,
    },
    /// Hash a piece, all of whose blocks are written, and compare.
    Verify {
        /// Which piece.
        piece: PieceIndex,
    },
    /// Tell the blocks of a piece on the disk apart: a 64-bit fingerprint of each, equal for equal bytes. Asked only after a
    /// failed hash check, to find who sent what was wrong.
    Fingerprint {
        /// Which piece.
        piece: PieceIndex,
    },
}

/// The outcome of a [`DiskOp`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskDone<D> {
    /// Bytes are read.
    Read {
        /// For which connection.
        conn: ConnId,
        /// Index of the piece.
        index: u32,
        /// Byte offset within the piece.
        begin: u32,
        /// The bytes.
        data: D,
    },
    /// Bytes could not be read.
    ReadFailed {
        /// For which connection.
        conn: ConnId,
        /// Which bytes.
        span: BlockSpan,
    },
    /// A block is written.
    Written {
        /// Which block.
        block: BlockRef,
    },
    /// A block could not be written: the disk is full or broken.
    WriteFailed {
        /// Which block.
        block: BlockRef,
    },
    /// A piece was hashed.
    Verified {
        /// Which piece.
        piece: PieceIndex,
        /// Its hash is the metainfo's.
        ok: bool,
    },
    /// A piece could not be hashed: the disk is broken. That is nobody's lie.
    VerifyFailed {
        /// Which piece.
        piece: PieceIndex,
    },
    /// The blocks of a piece are fingerprinted; empty when the disk failed.
    Fingerprints {
        /// Which piece.
        piece: PieceIndex,
        /// One per block, in order.
        blocks: Box<[u64]>,
    },
}

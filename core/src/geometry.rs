//! How a torrent's length divides into pieces and blocks, with the short last ones.
//!
//! A number out of a message becomes a [`PieceIndex`] only here.

use crate::id::{BlockRef, BlockSpan, PieceIndex};

/// The largest number of pieces a torrent may have (libtorrent's limit).
pub const MAX_PIECES: u32 = 2_097_152;
/// The block length that every client of today uses and serves: 16 KiB.
pub const BLOCK_LEN: u32 = 16 * 1024;

/// Sizes that no torrent can have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GeometryError {
    /// There is nothing to share.
    #[error("the content is empty")]
    Empty,
    /// The piece length is zero or does not fit.
    #[error("piece length {0} is not between 1 and 2^31")]
    PieceLength(u64),
    /// The block length is zero or larger than a piece.
    #[error("block length {block} is not between 1 and the piece length {piece}")]
    BlockLength {
        /// Bytes per block.
        block: u32,
        /// Bytes per piece.
        piece: u32,
    },
    /// More pieces than [`MAX_PIECES`].
    #[error("{0} pieces are more than {MAX_PIECES}")]
    TooManyPieces(u64),
}

/// Content length, piece length, block length; all conversions between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    len: u64,
    piece_len: u32,
    block_len: u32,
    pieces: u32,
}

impl Geometry {
    /// Checks the three lengths, all in bytes.
    ///
    /// # Errors
    /// When one is zero or out of range, or there would be too many pieces.
    pub fn new(len: u64, piece_len: u32, block_len: u32) -> Result<Self, GeometryError> {
        if len == 0 {
            return Err(GeometryError::Empty);
        }
        if piece_len == 0 || piece_len > 1 << 31 {
            return Err(GeometryError::PieceLength(piece_len.into()));
        }
        if block_len == 0 || block_len > piece_len {
            return Err(GeometryError::BlockLength { block: block_len, piece: piece_len });
        }
        let count = len.div_ceil(piece_len.into());
        let pieces = u32::try_from(count).ok().filter(|&n| n <= MAX_PIECES);
        let pieces = pieces.ok_or(GeometryError::TooManyPieces(count))?;
        Ok(Self { len, piece_len, block_len, pieces })
    }

    /// Length of the content in bytes.
    pub const fn len(&self) -> u64 {
        self.len
    }

    /// Never: content has at least one byte. Here because `len` is.
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Number of pieces.
    pub const fn piece_count(&self) -> u32 {
        self.pieces
    }

    /// Nominal bytes per piece; the last one may be shorter.
    pub const fn nominal_piece_len(&self) -> u32 {
        self.piece_len
    }

    /// Nominal bytes per block; the last one of a piece may be shorter.
    pub const fn nominal_block_len(&self) -> u32 {
        self.block_len
    }

    /// The piece of that number, when there is one.
    pub const fn piece(&self, index: u32) -> Option<PieceIndex> {
        if index < self.pieces { Some(PieceIndex(index)) } else { None }
    }

    /// All pieces in order.
    pub fn pieces(&self) -> impl ExactSizeIterator<Item = PieceIndex> + use<> {
        (0..self.pieces).map(PieceIndex)
    }

    /// Bytes of a piece.
    #[expect(clippy::cast_possible_truncation, reason = "the remainder is below a u32 piece length")]
    pub fn piece_len(&self, piece: PieceIndex) -> u32 {
        if piece.0 + 1 < self.pieces {
            self.piece_len
        } else {
            (self.len - u64::from(self.pieces - 1) * u64::from(self.piece_len)) as u32
        }
    }

    /// Byte offset of a piece in the content.
    pub fn piece_offset(&self, piece: PieceIndex) -> u64 {
        u64::from(piece.0) * u64::from(self.piece_len)
    }

    /// Number of blocks of a piece.
    pub fn block_count(&self, piece: PieceIndex) -> u32 {
        self.piece_len(piece).div_ceil(self.block_len)
    }

    /// The bytes of a block.
    pub fn span(&self, block: BlockRef) -> BlockSpan {
        let begin = block.block * self.block_len;
        let length = self.block_len.min(self.piece_len(block.piece) - begin);
        BlockSpan { index: block.piece.0, begin, length }
    }

    /// The block with exactly these bytes, when there is one on our grid.
    pub fn block(&self, span: BlockSpan) -> Option<BlockRef> {
        let piece = self.piece(span.index)?;
        if !span.begin.is_multiple_of(self.block_len) || span.begin >= self.piece_len(piece) {
            return None;
        }
        let block = BlockRef { piece, block: span.begin / self.block_len };
        (self.span(block) == span).then_some(block)
    }

    /// The piece of a span that lies within it and is not empty: what a peer may ask for.
    pub fn checked_span(&self, span: BlockSpan) -> Option<PieceIndex> {
        let piece = self.piece(span.index)?;
        let end = u64::from(span.begin) + u64::from(span.length);
        (span.length > 0 && end <= u64::from(self.piece_len(piece))).then_some(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_piece_and_block_are_short() {
        let geometry = Geometry::new(1_000, 300, 128).unwrap();
        assert_eq!(geometry.piece_count(), 4);
        let last = geometry.piece(3).unwrap();
        assert_eq!(geometry.piece_len(last), 100);
        assert_eq!(geometry.block_count(last), 1);
        let first = geometry.piece(0).unwrap();
        assert_eq!(geometry.block_count(first), 3);
        let span = geometry.span(BlockRef { piece: first, block: 2 });
        assert_eq!(span, BlockSpan { index: 0, begin: 256, length: 44 });
        assert_eq!(geometry.block(span), Some(BlockRef { piece: first, block: 2 }));
        assert_eq!(geometry.piece(4), None);
    }

    #[test]
    fn spans_off_the_grid_are_no_blocks_but_may_be_served() {
        let geometry = Geometry::new(1_000, 300, 128).unwrap();
        let odd = BlockSpan { index: 1, begin: 1, length: 10 };
        assert_eq!(geometry.block(odd), None);
        assert!(geometry.checked_span(odd).is_some());
        for bad in [(4, 0, 1), (0, 300, 1), (0, 0, 0), (0, 200, 101), (3, 0, 101), (0, u32::MAX, u32::MAX)] {
            let span = BlockSpan { index: bad.0, begin: bad.1, length: bad.2 };
            assert_eq!(geometry.checked_span(span), None, "{span:?}");
            assert_eq!(geometry.block(span), None, "{span:?}");
        }
    }

    #[test]
    fn impossible_lengths_are_refused() {
        assert_eq!(Geometry::new(0, 1, 1), Err(GeometryError::Empty));
        assert_eq!(Geometry::new(1, 0, 1), Err(GeometryError::PieceLength(0)));
        assert_eq!(Geometry::new(1, 4, 5), Err(GeometryError::BlockLength { block: 5, piece: 4 }));
        assert_eq!(Geometry::new(u64::MAX, 1, 1), Err(GeometryError::TooManyPieces(u64::MAX)));
    }
}

//! A virtual disk: what was written is there, block by block; it can be slow, full, broken, or a liar's.

use std::collections::BTreeMap;

use minibit_core::boundary::{DiskDone, DiskOp};
use minibit_core::{Bitfield, BlockRef, BlockSpan, Geometry, PieceIndex, Rng};

use super::Medium;

/// What a member's disk gives out instead of what it holds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Lies {
    /// The truth.
    #[default]
    None,
    /// All blocks wrong.
    All,
    /// The block of this number is wrong, in every piece.
    Block(u32),
    /// One block in so many is wrong.
    OneIn(u64),
}

/// One member's disk.
#[derive(Debug)]
pub(crate) struct Disk<E: Medium> {
    geometry: Geometry,
    blocks: BTreeMap<BlockRef, E::Data>,
    pub(crate) lies: Lies,
    /// No block can be written.
    pub(crate) full: bool,
    /// No block can be read.
    pub(crate) unreadable: bool,
}

impl<E: Medium> Disk<E> {
    pub(crate) fn new(geometry: Geometry, have: &Bitfield) -> Self {
        let mut blocks = BTreeMap::new();
        for piece in have.iter() {
            for block in 0..geometry.block_count(piece) {
                let block = BlockRef { piece, block };
                blocks.insert(block, E::original(&geometry, geometry.span(block)));
            }
        }
        Self { geometry, blocks, lies: Lies::None, full: false, unreadable: false }
    }

    /// Does the operation; its outcome.
    pub(crate) fn act(&mut self, op: DiskOp<E::Data>, rng: &mut Rng) -> DiskDone<E::Data> {
        match op {
            DiskOp::Read { conn, span } if self.unreadable => DiskDone::ReadFailed { conn, span },
            DiskOp::Read { conn, span } => {
                let BlockSpan { index, begin, .. } = span;
                DiskDone::Read { conn, index, begin, data: self.read(span, rng) }
            }
            DiskOp::Write { block, .. } if self.full => DiskDone::WriteFailed { block },
            DiskOp::Write { block, data } => {
                self.blocks.insert(block, data);
                DiskDone::Written { block }
            }
            DiskOp::Verify { piece } => DiskDone::Verified { piece, ok: self.is_right(piece) },
            DiskOp::Fingerprint { piece } => {
                let prints =
                    self.blocks_of(piece).map(|block| self.blocks.get(&block).map_or(0, E::fingerprint));
                DiskDone::Fingerprints { piece, blocks: prints.collect() }
            }
        }
    }

    fn read(&self, span: BlockSpan, rng: &mut Rng) -> E::Data {
        let piece = self.geometry.checked_span(span).expect("only what lies within a piece is read");
        assert!(self.is_right(piece), "a piece is read that is not there: {piece:?}");
        let data = E::original(&self.geometry, span);
        let lie = match self.lies {
            Lies::None => false,
            Lies::All => true,
            Lies::Block(number) => span.begin / self.geometry.nominal_block_len() == number,
            Lies::OneIn(blocks) => rng.chance(1, blocks),
        };
        if lie { E::spoiled(&data) } else { data }
    }

    fn blocks_of(&self, piece: PieceIndex) -> impl Iterator<Item = BlockRef> + use<E> {
        (0..self.geometry.block_count(piece)).map(move |block| BlockRef { piece, block })
    }

    /// Are the piece's bytes those of the content?
    pub(crate) fn is_right(&self, piece: PieceIndex) -> bool {
        self.blocks_of(piece).all(|block| {
            self.blocks
                .get(&block)
                .is_some_and(|data| *data == E::original(&self.geometry, self.geometry.span(block)))
        })
    }
}

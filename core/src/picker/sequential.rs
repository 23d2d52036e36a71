//! The lowest piece first, for those who play the file while it arrives. Poor for the swarm: neighbours have the same
//! pieces and nothing to trade.

use super::holders::{Holders, common, pieces};
use crate::bitfield::Bitfield;
use crate::id::PieceIndex;

/// The wanted piece with the lowest index that the holders have.
pub(super) fn pick(wanted: &Bitfield, holders: &impl Holders) -> Option<PieceIndex> {
    let (at, word) = common(wanted, holders).next()?;
    pieces(at, word).next()
}

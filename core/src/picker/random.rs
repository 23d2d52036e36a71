//! Any piece, uniformly: what rarest first is compared with, and how newcomers begin.

use super::holders::{Holders, common, pieces};
use crate::bitfield::Bitfield;
use crate::id::PieceIndex;
use crate::rng::Rng;

/// A wanted piece that the holders have, each with the same probability.
///
/// Counts them, draws a number below the count, and finds the piece of that rank: uniform because the draw is.
pub(super) fn pick(wanted: &Bitfield, holders: &impl Holders, rng: &mut Rng) -> Option<PieceIndex> {
    let count: u32 = common(wanted, holders).map(|(_, word)| word.count_ones()).sum();
    if count == 0 {
        return None;
    }
    let mut rank = rng.index(count as usize);
    for (at, word) in common(wanted, holders) {
        let here = word.count_ones() as usize;
        if rank < here {
            return pieces(at, word).nth(rank);
        }
        rank -= here;
    }
    unreachable!("the rank is below the number of pieces")
}

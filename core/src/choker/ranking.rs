//! Regular slots by merit: what tit-for-tat, contribution and rarity have in common. They differ in one function, which
//! gives a peer's merit, or nothing for a peer that must not have a regular slot.

use core::cmp::Reverse;

use super::{Candidate, interested};
use crate::id::ConnId;
use crate::rng::Rng;

/// Adds the interested candidates of highest merit, at most `slots`; of equals, each is equally likely.
pub(super) fn fill(
    slots: usize,
    candidates: &[Candidate],
    merit: impl Fn(&Candidate) -> Option<u64>,
    rng: &mut Rng,
    unchoke: &mut Vec<ConnId>,
) {
    let mut ranked: Vec<(u64, ConnId)> =
        interested(candidates).filter_map(|candidate| Some((merit(candidate)?, candidate.conn))).collect();
    // A stable sort leaves equals in the order of the shuffle.
    rng.shuffle(&mut ranked);
    ranked.sort_by_key(|&(merit, _)| Reverse(merit));
    unchoke.extend(ranked.iter().take(slots).map(|&(_, conn)| conn));
}

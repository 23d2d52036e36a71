//! Serve those who hold what is rare (S5's "top 4 of peers by the rarity of the blocks that they hold"): they are who can
//! give us, or pass on to others, what is hardest to get.

use super::Candidate;

/// How rare the pieces are that the peer holds.
#[expect(
    clippy::unnecessary_wraps,
    reason = "one of the merits of `ranking::fill`; this one excludes nobody"
)]
pub(super) fn merit(candidate: &Candidate) -> Option<u64> {
    Some(candidate.rarity)
}

//! Serve those who have given (S2): the regular slots go to the peers that have sent most in total, and stay empty before
//! they go to a peer that has sent nothing. Such a peer has to wait for an optimistic slot.
//!
//! Unlike a rate, a total never decays: an early giver keeps its rank. That is the point of having both to compare.

use super::Candidate;

/// Bytes that the peer has sent to us, if any.
pub(super) fn merit(candidate: &Candidate) -> Option<u64> {
    (candidate.downloaded > 0).then_some(candidate.downloaded)
}

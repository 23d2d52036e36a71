//! Serve those who serve us (BEP 3; Cohen 2003): the regular slots go to the peers from which data comes fastest.
//!
//! A peer that has given nothing yet has rate zero and may still have a slot that nobody else has earned. A peer that
//! *snubs* us may not: in Cohen's words it is uploaded to as an optimistic unchoke only, and "this frequently results in
//! more than one concurrent optimistic unchoke": slots that nobody may have by merit are given by luck.

use super::Candidate;

/// The rate at which the peer sends to us.
pub(super) fn merit(candidate: &Candidate) -> Option<u64> {
    (!candidate.snubbed).then_some(candidate.download_rate)
}

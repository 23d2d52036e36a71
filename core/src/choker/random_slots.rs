//! A fresh draw in every round (S1): all interested peers are shuffled, the first ones are served, whatever they do for us.

use super::{Candidate, interested};
use crate::id::ConnId;
use crate::rng::Rng;

/// Adds `slots` of the interested candidates, each set of them equally likely.
pub(super) fn fill(slots: usize, candidates: &[Candidate], rng: &mut Rng, unchoke: &mut Vec<ConnId>) {
    unchoke.extend(interested(candidates).map(|candidate| candidate.conn));
    rng.shuffle(unchoke);
    unchoke.truncate(slots);
}

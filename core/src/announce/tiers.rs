//! Which tracker to ask first, and whom when it does not answer (BEP 12).
//!
//! Trackers come in tiers. Within a tier the order is drawn once, so that a swarm spreads over its trackers; all of a tier
//! are tried before the next tier is; and who answers goes to the front of its tier, to be the first one next time.

use crate::rng::Rng;

/// Trackers of one torrent that are kept. A torrent file may name any number of them, and each that is dead costs time.
const MAX_TRACKERS: usize = 64;

/// The trackers of one torrent, in the order in which to ask them.
#[derive(Clone, Debug)]
pub struct Tiers(Vec<Vec<String>>);

impl Tiers {
    /// Draws the order within each tier. A URL that comes again is left out.
    pub fn new(tiers: impl IntoIterator<Item = Vec<String>>, rng: &mut Rng) -> Self {
        let mut seen = std::collections::BTreeSet::new();
        let mut fresh = |tier: Vec<String>| -> Vec<String> {
            tier.into_iter().filter(|url| seen.len() < MAX_TRACKERS && seen.insert(url.clone())).collect()
        };
        let mut tiers: Vec<_> = tiers.into_iter().map(&mut fresh).filter(|tier| !tier.is_empty()).collect();
        for tier in &mut tiers {
            rng.shuffle(tier);
        }
        Self(tiers)
    }

    /// The URLs, those to ask first in front.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flatten().map(String::as_str)
    }

    /// A tracker has answered.
    pub fn answered(&mut self, url: &str) {
        for tier in &mut self.0 {
            if let Some(place) = tier.iter().position(|candidate| candidate == url) {
                tier[..=place].rotate_right(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Seed};

    fn tiers(text: &[&str], seed: u64) -> Tiers {
        let tiers = text.iter().map(|tier| tier.split_whitespace().map(Into::into).collect());
        Tiers::new(tiers, &mut Seed::from_number(seed).stream(Purpose::Test, 0))
    }

    fn order(tiers: &Tiers) -> String {
        tiers.iter().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn the_order_within_a_tier_is_drawn_and_that_of_the_tiers_stays() {
        let orders: std::collections::BTreeSet<_> =
            (0..50).map(|seed| order(&tiers(&["a b c", "", "d e"], seed))).collect();
        assert_eq!(orders.len(), 12, "6 of the first tier by 2 of the second");
        assert!(
            orders.iter().all(|order| order[..5].chars().all(|letter| " abc".contains(letter))),
            "{orders:?}"
        );
    }

    #[test]
    fn who_answers_goes_to_the_front_of_its_tier() {
        let mut tiers = Tiers(vec![vec!["a".into(), "b".into(), "c".into()], vec!["d".into(), "e".into()]]);
        tiers.answered("c");
        assert_eq!(order(&tiers), "c a b d e");
        tiers.answered("e");
        tiers.answered("c");
        tiers.answered("x");
        assert_eq!(order(&tiers), "c a b e d");
    }

    #[test]
    fn doubles_are_left_out_and_the_number_is_bounded() {
        assert_eq!(order(&tiers(&["a", "a b", "b"], 1)), "a b");
        let many: Vec<String> = (0..200).map(|number| format!("t{number}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(tiers(&many, 1).iter().count(), MAX_TRACKERS);
    }
}

//! A uniform choice of `k` out of `n` whose cost depends on `k` alone.

use crate::rng::Rng;

/// Places for each number: with fewer of them numbers meet more often, with more of them there is more to walk through.
const SPACIOUS: u64 = 8;
/// Places that one word of marks tells of.
const WORD: usize = u64::BITS as usize;

/// Draws numbers, in room that is used again.
///
/// To find repetitions and to have the numbers in order, they lie in a table with room for eight times as many, in order and
/// each where it belongs, as they are spread evenly, or as near behind as there was a place. Most find theirs free, so a number
/// costs a few steps without a decision that a processor could guess wrong.
#[derive(Clone, Debug, Default)]
pub(super) struct Sample {
    /// What is at a place that is not marked means nothing.
    table: Vec<u32>,
    /// A bit for each place that is taken.
    marks: Vec<u64>,
    drawn: Vec<u32>,
}

impl Sample {
    /// Draws `count` different numbers below `bound`, each subset equally likely (Floyd's algorithm: Bentley and Floyd 1987, "A
    /// sample of brilliance"), and in random order. All of them, when there are no more.
    pub(super) fn draw(&mut self, rng: &mut Rng, bound: u32, count: u32) -> &[u32] {
        self.ascending(rng, bound, count.min(bound));
        rng.shuffle(&mut self.drawn);
        &self.drawn
    }

    fn ascending(&mut self, rng: &mut Rng, bound: u32, count: u32) {
        self.drawn.clear();
        if count == bound {
            self.drawn.extend(0..bound);
            return;
        }
        let homes = (SPACIOUS * u64::from(count)).min(bound.into());
        // In the worst case all have the last home, and the places behind it take them.
        let places =
            usize::try_from(homes + u64::from(count)).expect("a small multiple of an answer's length");
        if self.table.len() < places {
            self.table.resize(places, 0);
        }
        self.marks.clear();
        self.marks.resize(places.div_ceil(WORD), 0);
        let spread = (homes << 32) / u64::from(bound);
        for last in bound - count..bound {
            let number = u32::try_from(rng.below(u64::from(last) + 1)).expect("the bound is a u32");
            if !self.insert(spread, number) {
                // `last` is new: it is larger than everything that could be drawn before.
                self.insert(spread, last);
            }
        }
        for (word, &marks) in self.marks.iter().enumerate() {
            let mut left = marks;
            while left != 0 {
                self.drawn.push(self.table[word * WORD + left.trailing_zeros() as usize]);
                left &= left - 1;
            }
        }
    }

    /// False when the number is there already.
    #[inline]
    fn insert(&mut self, spread: u64, number: u32) -> bool {
        let home = (u64::from(number) * spread) >> 32;
        let mut place = usize::try_from(home).expect("it is a place of the table");
        while self.is_taken(place) && self.table[place] < number {
            place += 1;
        }
        if self.is_taken(place) && self.table[place] == number {
            return false;
        }
        let mut number = number;
        while self.is_taken(place) {
            core::mem::swap(&mut number, &mut self.table[place]);
            place += 1;
        }
        self.table[place] = number;
        self.marks[place / WORD] |= 1 << (place % WORD);
        true
    }

    #[inline]
    fn is_taken(&self, place: usize) -> bool {
        self.marks[place / WORD] >> (place % WORD) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Rng, Seed};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn distinct(rng: &mut Rng, bound: u32, count: u32) -> Vec<u32> {
        Sample::default().draw(rng, bound, count).to_vec()
    }

    /// The algorithm as it is published, and a shuffle of the ordered set: other draws would move every result of the simulator.
    fn model(rng: &mut Rng, bound: u32, count: u32) -> Vec<u32> {
        let count = count.min(bound);
        let mut set = BTreeSet::new();
        if count == bound {
            set.extend(0..bound);
        }
        for last in bound - count..if count == bound { 0 } else { bound } {
            let number = u32::try_from(rng.below(u64::from(last) + 1)).unwrap();
            if !set.insert(number) {
                set.insert(last);
            }
        }
        let mut drawn: Vec<_> = set.into_iter().collect();
        rng.shuffle(&mut drawn);
        drawn
    }

    proptest! {
        /// One table serves all, whatever it held before.
        #[test]
        fn it_draws_what_the_published_algorithm_draws(
            sizes in proptest::collection::vec((prop_oneof![0_u32..400, any::<u32>()], 0_u32..300), 1..20),
            seed: u64,
        ) {
            let mut rng = Seed::from_number(seed).stream(Purpose::Test, 0);
            let (mut other, mut sample) = (rng.clone(), Sample::default());
            for (bound, count) in sizes {
                prop_assert_eq!(sample.draw(&mut rng, bound, count), model(&mut other, bound, count));
            }
            prop_assert_eq!(rng.next_u64(), other.next_u64());
        }

        /// Numbers that are not spread evenly meet in one place, and are in order all the same.
        #[test]
        fn crowded_places_keep_their_order(numbers in proptest::collection::vec(0_u32..1_000, 1..50)) {
            let mut sample = Sample { table: vec![0; 64], marks: vec![0], drawn: Vec::new() };
            let mut model = BTreeSet::new();
            for &number in &numbers {
                // Ten homes for a thousand numbers.
                prop_assert_eq!(sample.insert((10 << 32) / 1_000, number), model.insert(number));
            }
            let taken = (0..64).filter(|&place| sample.is_taken(place)).map(|place| sample.table[place]);
            prop_assert!(taken.eq(model));
        }
    }

    /// Every number is equally likely at every place of the answer: 7 of 20, 40 000 times, each cell of 7 × 20 expects
    /// 2 000 and has a standard deviation of about 44.
    #[test]
    fn every_number_is_equally_likely_at_every_place() {
        let mut rng = Seed::from_number(5).stream(Purpose::Test, 0);
        let mut counts = [[0_u32; 20]; 7];
        for _ in 0..40_000 {
            for (place, number) in distinct(&mut rng, 20, 7).into_iter().enumerate() {
                counts[place][number as usize] += 1;
            }
        }
        for (place, row) in counts.iter().enumerate() {
            for (number, &count) in row.iter().enumerate() {
                assert!((1_780..=2_220).contains(&count), "{number} at {place}: {count}");
            }
        }
    }

    /// Pairs, too, are equally likely: 2 of 5, ten pairs.
    #[test]
    fn every_pair_is_equally_likely() {
        let mut rng = Seed::from_number(6).stream(Purpose::Test, 0);
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..20_000 {
            let mut pair = distinct(&mut rng, 5, 2);
            pair.sort_unstable();
            *counts.entry(pair).or_insert(0_u32) += 1;
        }
        assert_eq!(counts.len(), 10);
        assert!(counts.values().all(|count| (1_790..=2_210).contains(count)), "{counts:?}");
    }

    #[test]
    fn numbers_are_distinct_and_all_come_when_all_are_wanted() {
        let mut rng = Seed::from_number(7).stream(Purpose::Test, 0);
        for (bound, count) in [(0, 0), (0, 5), (1, 1), (5, 9), (5, 5), (5, 4), (1_000, 200)] {
            let mut drawn = distinct(&mut rng, bound, count);
            assert_eq!(drawn.len(), count.min(bound) as usize);
            drawn.sort_unstable();
            drawn.dedup();
            assert_eq!(drawn.len(), count.min(bound) as usize);
            assert!(drawn.iter().all(|&number| number < bound));
        }
    }
}

//! A uniform choice of `k` out of `n` whose cost depends on `k` alone.

use crate::rng::Rng;

/// An empty place. No number is as large.
const EMPTY: u32 = u32::MAX;

/// Draws `count` different numbers below `bound`, each subset equally likely (Floyd's algorithm: Bentley and Floyd 1987, "A
/// sample of brilliance"). All of them, when there are no more. They replace what is in `drawn`, in ascending order.
///
/// To find repetitions, the numbers lie in a table of three places for each, in order and each about where it belongs, as
/// they are spread evenly. So a number costs a few steps to insert, and afterwards they are sorted.
pub(super) fn ascending(rng: &mut Rng, bound: u32, count: u32, drawn: &mut Vec<u32>) {
    let count = count.min(bound);
    drawn.clear();
    if count == bound {
        drawn.extend(0..bound);
    } else {
        // Homes are in the first two thirds. In the worst case all have the last one, and the last third takes them.
        drawn.resize(3 * count as usize, EMPTY);
        let spread = ((2 * u64::from(count)) << 32) / u64::from(bound);
        for last in bound - count..bound {
            let number = u32::try_from(rng.below(u64::from(last) + 1)).expect("the bound is a u32");
            if !insert(drawn, spread, number) {
                // `last` is new: it is larger than everything that could be drawn before.
                insert(drawn, spread, last);
            }
        }
        drawn.retain(|&number| number != EMPTY);
    }
}

/// False when the number is there already.
fn insert(table: &mut [u32], spread: u64, number: u32) -> bool {
    let home = (u64::from(number) * spread) >> 32;
    let mut place = usize::try_from(home).expect("it is less than twice the count");
    while table[place] < number {
        place += 1;
    }
    if table[place] == number {
        return false;
    }
    let mut number = number;
    while number != EMPTY {
        core::mem::swap(&mut number, &mut table[place]);
        place += 1;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{Purpose, Seed};

    fn distinct(rng: &mut Rng, bound: u32, count: u32) -> Vec<u32> {
        let mut drawn = vec![99];
        super::ascending(rng, bound, count, &mut drawn);
        assert!(drawn.is_sorted());
        rng.shuffle(&mut drawn);
        drawn
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

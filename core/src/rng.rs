//! The only file that names a random generator.
//!
//! One stream per purpose and owner, all derived from one seed: `ChaCha8` keyed by SHA-256 of the seed, with the
//! stream number made of (purpose, owner). A policy that draws more often therefore shifts nobody else's luck,
//! and two variants of a scenario are compared under the same arrivals, capacities and latencies.
//!
//! Only `next_u64` of the pinned `rand_chacha` is used; ranges, shuffles and distributions are ours, because `rand`
//! promises no values across minor versions. `exp` and `log` come from `libm`: the platforms' own differ in the last bit.

use core::fmt;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};
use sha2::{Digest as _, Sha256};

/// Names this derivation; a change of it changes every result.
const DERIVATION: &[u8] = b"minibit-v1";

/// Where all randomness of a run comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Seed([u8; 32]);

impl Seed {
    /// The seed of a numbered run.
    pub fn from_number(number: u64) -> Self {
        Self(Sha256::new().chain_update(DERIVATION).chain_update(number.to_be_bytes()).finalize().into())
    }

    /// A seed out of 32 random bytes, as a real node takes them from its operating system.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes that [`from_bytes`](Self::from_bytes) makes the same seed of: for a record of what a node did.
    pub const fn to_bytes(self) -> [u8; 32] {
        self.0
    }

    /// A generator for one purpose of one owner. Streams of different (purpose, owner) are independent.
    pub fn stream(&self, purpose: Purpose, owner: u32) -> Rng {
        let mut generator = ChaCha8Rng::from_seed(self.0);
        generator.set_stream(u64::from(purpose as u32) << 32 | u64::from(owner));
        Rng(generator)
    }
}

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seed({:02x}{:02x}…)", self.0[0], self.0[1])
    }
}

/// What a stream is drawn for. The numbers are part of every published result: add, never renumber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Purpose {
    /// When peers join.
    Arrivals = 1,
    /// When peers leave.
    Departures = 2,
    /// Link capacities of peers.
    Capacities = 3,
    /// Latency of pairs of peers.
    Latencies = 4,
    /// Latency of single messages.
    MessageDelays = 5,
    /// Which pieces a peer starts with.
    InitialPieces = 6,
    /// Explicit neighbourhoods that are drawn.
    Adjacency = 7,
    /// Decisions of one participant's `Torrent`: pieces, optimistic slots, jitter.
    Torrent = 8,
    /// A tracker's choice of the peers that it hands out.
    Tracker = 9,
    /// Identities: peer ids, info-hashes.
    Identity = 10,
    /// Faults that are injected.
    Faults = 11,
    /// Resampling in statistics.
    Bootstrap = 12,
    /// Test code.
    Test = 13,
    /// Decisions of one participant's search for metadata.
    Metadata = 14,
    /// When a peer calls another one, and whom, where contacts are random.
    Contacts = 15,
}

/// A random generator: one stream of one seed.
#[derive(Clone)]
pub struct Rng(ChaCha8Rng);

impl Rng {
    /// 64 random bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A generator of its own for somebody else, seeded with what this one draws.
    pub fn fork(&mut self) -> Self {
        let mut seed = [0; 32];
        for part in seed.as_chunks_mut::<8>().0 {
            *part = self.next_u64().to_be_bytes();
        }
        Self(ChaCha8Rng::from_seed(seed))
    }

    /// A uniform number in `0..bound`, without bias (Lemire 2019).
    ///
    /// # Panics
    /// When `bound` is zero.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the halves of a 128-bit product are wanted")]
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "a range must hold at least one value");
        let mut product = u128::from(self.next_u64()) * u128::from(bound);
        if (product as u64) < bound {
            let threshold = bound.wrapping_neg() % bound;
            while (product as u64) < threshold {
                product = u128::from(self.next_u64()) * u128::from(bound);
            }
        }
        (product >> 64) as u64
    }

    /// A uniform index into a collection of `len` elements.
    ///
    /// # Panics
    /// When `len` is zero.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "the result is below a usize")]
    pub fn index(&mut self, len: usize) -> usize {
        self.below(len as u64) as usize
    }

    /// A uniform number in `low..=high`.
    ///
    /// # Panics
    /// When `low > high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        assert!(low <= high, "an empty range has no value");
        match (high - low).checked_add(1) {
            Some(span) => low + self.below(span),
            None => self.next_u64(),
        }
    }

    /// True with probability `numerator / denominator`.
    ///
    /// # Panics
    /// When `denominator` is zero.
    pub fn chance(&mut self, numerator: u64, denominator: u64) -> bool {
        self.below(denominator) < numerator
    }

    /// A uniform element, or `None` of an empty slice.
    pub fn choose<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        if items.is_empty() { None } else { items.get(self.index(items.len())) }
    }

    /// Puts the items into a uniformly random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.index(last + 1));
        }
    }

    /// A uniform number in `0.0..1.0` with 53 random bits.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit a double exactly")]
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// An exponentially distributed number with the given mean.
    pub fn exponential(&mut self, mean: f64) -> f64 {
        -mean * libm::log(1.0 - self.unit())
    }

    /// A standard normal number (Box and Muller; the second one is thrown away).
    pub fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(1.0 - self.unit()));
        radius * libm::cos(core::f64::consts::TAU * self.unit())
    }
}

impl fmt::Debug for Rng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rng(stream {:#x}, word {})", self.0.get_stream(), self.0.get_word_pos())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rng() -> Rng {
        Seed::from_number(7).stream(Purpose::Test, 0)
    }

    #[test]
    fn the_generator_gives_the_published_values() {
        let mut generator = ChaCha8Rng::seed_from_u64(42);
        assert_eq!(generator.next_u64(), 0xae90_bfb5_395d_5ba1);
    }

    #[test]
    fn our_derivation_is_pinned() {
        let mut rng = rng();
        let drawn: Vec<u64> = (0..4).map(|_| rng.next_u64()).collect();
        insta::assert_debug_snapshot!(drawn);
        let below: Vec<u64> = (0..8).map(|_| rng.below(100)).collect();
        insta::assert_debug_snapshot!(below);
        insta::assert_debug_snapshot!((rng.exponential(10.0).to_bits(), rng.normal().to_bits()));
    }

    #[test]
    fn streams_differ_by_purpose_and_owner() {
        let seed = Seed::from_number(1);
        let first = |purpose, owner| seed.stream(purpose, owner).next_u64();
        assert_ne!(first(Purpose::Torrent, 0), first(Purpose::Torrent, 1));
        assert_ne!(first(Purpose::Torrent, 0), first(Purpose::Arrivals, 0));
        assert_ne!(first(Purpose::Torrent, 0), Seed::from_number(2).stream(Purpose::Torrent, 0).next_u64());
    }

    #[test]
    fn forks_differ_from_each_other_and_from_their_origin() {
        let mut rng = rng();
        let drawn = [rng.fork().next_u64(), rng.fork().next_u64(), rng.next_u64()];
        assert!(drawn[0] != drawn[1] && drawn[1] != drawn[2] && drawn[0] != drawn[2]);
    }

    #[test]
    fn below_is_uniform() {
        let mut rng = rng();
        let mut counts = [0_u32; 7];
        for _ in 0..70_000 {
            counts[rng.index(7)] += 1;
        }
        assert!(counts.iter().all(|&count| (9_600..=10_400).contains(&count)), "{counts:?}");
    }

    #[test]
    fn shuffle_reaches_every_order_alike() {
        let mut rng = rng();
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..6_000 {
            let mut items = [1, 2, 3];
            rng.shuffle(&mut items);
            *counts.entry(items).or_insert(0_u32) += 1;
        }
        assert_eq!(counts.len(), 6);
        assert!(counts.values().all(|&count| (850..=1_150).contains(&count)), "{counts:?}");
    }

    #[test]
    fn distributions_have_their_moments() {
        let mut rng = rng();
        let n = 100_000;
        let mean: f64 = (0..n).map(|_| rng.exponential(5.0)).sum::<f64>() / f64::from(n);
        assert!((mean - 5.0).abs() < 0.1, "{mean}");
        let square: f64 = (0..n).map(|_| rng.normal()).map(|x| x * x).sum::<f64>() / f64::from(n);
        assert!((square - 1.0).abs() < 0.03, "{square}");
    }
}

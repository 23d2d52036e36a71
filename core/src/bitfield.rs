//! A set of pieces over 64-bit words. The order of bits on the wire is the codecs' business.

use core::fmt;

use crate::id::PieceIndex;

/// Which pieces a participant has.
///
/// Word-wise, so that "does this peer have anything I need" costs a word per 64 pieces.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Bitfield {
    words: Box<[u64]>,
    len: u32,
    ones: u32,
}

impl Bitfield {
    /// The empty set out of `len` pieces.
    pub fn none(len: u32) -> Self {
        Self { words: vec![0; (len as usize).div_ceil(64)].into(), len, ones: 0 }
    }

    /// All of `len` pieces.
    pub fn all(len: u32) -> Self {
        let mut set = Self::none(len);
        set.words.fill(u64::MAX);
        if let Some(last) = set.words.last_mut()
            && !len.is_multiple_of(64)
        {
            *last = (1 << (len % 64)) - 1;
        }
        set.ones = len;
        set
    }

    /// The set out of words of 64 pieces, lowest bit first; `None` when a bit past `len` is set or a word is missing.
    pub fn from_words(words: Box<[u64]>, len: u32) -> Option<Self> {
        let spare = words.last().is_some_and(|last| !len.is_multiple_of(64) && last >> (len % 64) != 0);
        if words.len() != (len as usize).div_ceil(64) || spare {
            return None;
        }
        let ones = words.iter().map(|word| word.count_ones()).sum();
        Some(Self { words, len, ones })
    }

    /// How many pieces there are to have.
    pub const fn len(&self) -> u32 {
        self.len
    }

    /// No piece is in the set.
    pub const fn is_empty(&self) -> bool {
        self.ones == 0
    }

    /// Every piece is in the set.
    pub const fn is_full(&self) -> bool {
        self.ones == self.len
    }

    /// How many pieces are in the set.
    pub const fn count(&self) -> u32 {
        self.ones
    }

    /// Is the piece in the set? Pieces past the end are not.
    pub fn contains(&self, piece: PieceIndex) -> bool {
        self.words.get(piece.index() / 64).is_some_and(|word| word >> (piece.index() % 64) & 1 == 1)
    }

    /// Puts the piece in; true when it was not in before.
    ///
    /// # Panics
    /// When the piece belongs to another, longer torrent.
    pub fn insert(&mut self, piece: PieceIndex) -> bool {
        assert!(piece.0 < self.len, "a piece of this torrent");
        let word = &mut self.words[piece.index() / 64];
        let bit = 1 << (piece.index() % 64);
        let new = *word & bit == 0;
        *word |= bit;
        self.ones += u32::from(new);
        new
    }

    /// Takes the piece out; true when it was in.
    pub fn remove(&mut self, piece: PieceIndex) -> bool {
        let Some(word) = self.words.get_mut(piece.index() / 64) else { return false };
        let bit = 1 << (piece.index() % 64);
        let old = *word & bit != 0;
        *word &= !bit;
        self.ones -= u32::from(old);
        old
    }

    /// The pieces in the set, in order.
    pub fn iter(&self) -> impl Iterator<Item = PieceIndex> + '_ {
        self.words.iter().enumerate().flat_map(|(at, &word)| ones(at, word))
    }

    /// The pieces that are not in the set, in order.
    pub fn missing(&self) -> impl Iterator<Item = PieceIndex> + '_ {
        let len = self.len;
        let absent = self.words.iter().enumerate().flat_map(|(at, &word)| ones(at, !word));
        absent.take_while(move |piece| piece.0 < len)
    }

    /// The pieces in this set and not in `other`, in order.
    pub fn difference<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = PieceIndex> + 'a {
        self.words
            .iter()
            .zip(&other.words)
            .enumerate()
            .flat_map(|(at, (&mine, &theirs))| ones(at, mine & !theirs))
    }

    /// The pieces in both sets, in order.
    pub fn intersection<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = PieceIndex> + 'a {
        self.words
            .iter()
            .zip(&other.words)
            .enumerate()
            .flat_map(|(at, (&mine, &theirs))| ones(at, mine & theirs))
    }

    /// How many pieces are in this set and not in `other`; a word per 64 pieces.
    pub fn difference_count(&self, other: &Self) -> u32 {
        self.words.iter().zip(&other.words).map(|(mine, theirs)| (mine & !theirs).count_ones()).sum()
    }

    /// The words, 64 pieces each, lowest bit first.
    pub fn words(&self) -> &[u64] {
        &self.words
    }
}

/// The set bits of the word that stands at position `at`, lowest first.
#[expect(clippy::cast_possible_truncation, reason = "a bitfield has at most 2^32 bits")]
fn ones(at: usize, mut word: u64) -> impl Iterator<Item = PieceIndex> {
    core::iter::from_fn(move || {
        if word == 0 {
            return None;
        }
        let bit = word.trailing_zeros();
        word &= word - 1;
        Some(PieceIndex(at as u32 * 64 + bit))
    })
}

impl fmt::Debug for Bitfield {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bitfield({}/{})", self.ones, self.len)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    use super::*;

    fn set(len: u32, pieces: &[u32]) -> Bitfield {
        let mut set = Bitfield::none(len);
        for &piece in pieces {
            set.insert(PieceIndex(piece));
        }
        set
    }

    #[test]
    fn edges_of_words() {
        for len in [1, 63, 64, 65, 128, 131] {
            let all = Bitfield::all(len);
            assert!(all.is_full());
            assert_eq!(all.iter().count(), len as usize);
            assert_eq!(all.missing().count(), 0);
            assert_eq!(Bitfield::none(len).missing().count(), len as usize);
            assert_eq!(Bitfield::from_words(all.words().into(), len), Some(all));
        }
        assert_eq!(Bitfield::from_words([0b1000].into(), 3), None);
        assert_eq!(Bitfield::from_words([0, 0].into(), 64), None);
    }

    proptest! {
        #[test]
        fn agrees_with_a_tree_set(len in 1_u32..200, a: Vec<u32>, b: Vec<u32>, gone: Vec<u32>) {
            let clip = |pieces: &[u32]| pieces.iter().map(|p| p % len).collect::<Vec<_>>();
            let (a, b, gone) = (clip(&a), clip(&b), clip(&gone));
            let (mut x, y) = (set(len, &a), set(len, &b));
            let mut mx: BTreeSet<u32> = a.iter().copied().collect();
            let my: BTreeSet<u32> = b.iter().copied().collect();
            for piece in gone {
                prop_assert_eq!(x.remove(PieceIndex(piece)), mx.remove(&piece));
            }
            let list = |pieces: &mut dyn Iterator<Item = PieceIndex>| pieces.map(PieceIndex::get).collect::<Vec<_>>();
            prop_assert_eq!(list(&mut x.iter()), mx.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(list(&mut x.difference(&y)), mx.difference(&my).copied().collect::<Vec<_>>());
            prop_assert_eq!(list(&mut x.intersection(&y)), mx.intersection(&my).copied().collect::<Vec<_>>());
            prop_assert_eq!(x.difference_count(&y) as usize, mx.difference(&my).count());
            prop_assert_eq!(x.count() as usize, mx.len());
        }
    }
}

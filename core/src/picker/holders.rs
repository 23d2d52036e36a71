//! From whom a piece could come: one peer, any connected peer, or anyone at all.

use super::availability::Availability;
use crate::bitfield::Bitfield;
use crate::id::PieceIndex;

/// A set of pieces that can be had, asked piece by piece or 64 at a time.
pub(super) trait Holders {
    /// Can the piece be had?
    fn has(&self, piece: PieceIndex) -> bool;

    /// The pieces `64 * at ..` as bits, lowest first. Bits past the last piece may be set.
    fn word(&self, at: usize) -> u64;
}

/// One peer, by its bitfield.
impl Holders for Bitfield {
    fn has(&self, piece: PieceIndex) -> bool {
        self.contains(piece)
    }

    fn word(&self, at: usize) -> u64 {
        self.words().get(at).copied().unwrap_or(0)
    }
}

/// Any of the connected peers.
#[derive(Debug)]
pub(super) struct Connected<'a>(pub(super) &'a Availability);

impl Holders for Connected<'_> {
    fn has(&self, piece: PieceIndex) -> bool {
        self.0.of(piece) > 0
    }

    fn word(&self, at: usize) -> u64 {
        self.0.held_word(at)
    }
}

/// Somebody, it is not known who.
#[derive(Debug)]
pub(super) struct Anyone;

impl Holders for Anyone {
    fn has(&self, _piece: PieceIndex) -> bool {
        true
    }

    fn word(&self, _at: usize) -> u64 {
        u64::MAX
    }
}

/// The words of `wanted` that have a piece in common with `holders`: (position, common pieces), lowest first.
pub(super) fn common<'a>(
    wanted: &'a Bitfield,
    holders: &'a impl Holders,
) -> impl Iterator<Item = (usize, u64)> + 'a {
    let words = wanted.words().iter().enumerate().filter(|&(_, &word)| word != 0);
    words.map(|(at, &word)| (at, word & holders.word(at))).filter(|&(_, word)| word != 0)
}

/// The pieces in a word of [`common`], lowest first.
#[expect(clippy::cast_possible_truncation, reason = "a bitfield has at most 2^32 bits")]
pub(super) fn pieces(at: usize, mut word: u64) -> impl Iterator<Item = PieceIndex> {
    core::iter::from_fn(move || {
        let bit = (word != 0).then(|| word.trailing_zeros())?;
        word &= word - 1;
        Some(PieceIndex(at as u32 * 64 + bit))
    })
}

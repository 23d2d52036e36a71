//! How many connected peers have each piece.
//!
//! Two bytes per piece, because a torrent has fewer than 65 536 connections, and one number for seeds: a peer that comes
//! with every piece raises that number and touches no piece.

use crate::bitfield::Bitfield;
use crate::id::PieceIndex;

/// Copies of each piece among the connected peers.
///
/// Invariant: `counts[piece] + seeds` is the number of connected peers that have the piece, and `seeds` is at most the
/// number of connected peers that have everything. Which of those peers stand in `seeds` is not known and need not be:
/// a peer that came with every piece and one that completed by single `have`s each add one to every sum. So a complete
/// peer that leaves is taken out of `seeds` while there are any, else out of every count. Either keeps the invariant,
/// and so `counts[piece]` is never below the number of *incomplete* peers that have the piece: no count underflows.
#[derive(Debug)]
pub(super) struct Availability {
    counts: Box<[u16]>,
    seeds: u32,
}

impl Availability {
    pub(super) fn new(pieces: u32) -> Self {
        Self { counts: vec![0; pieces as usize].into(), seeds: 0 }
    }

    /// One more peer has the piece. The hottest function of a simulation.
    pub(super) fn add(&mut self, piece: PieceIndex) {
        let count = &mut self.counts[piece.index()];
        *count = count.checked_add(1).expect("a torrent has fewer than 65 536 connections");
    }

    /// One more peer has all of these.
    pub(super) fn add_all(&mut self, pieces: &Bitfield) {
        if pieces.is_full() {
            self.seeds += 1;
        } else {
            pieces.iter().for_each(|piece| self.add(piece));
        }
    }

    /// A peer with these pieces is gone: true when it had everything and could be taken off in one step. Otherwise
    /// nothing has changed, and each piece is to be [removed](Self::remove).
    pub(super) fn remove_seed(&mut self, pieces: &Bitfield) -> bool {
        let one_step = pieces.is_full() && self.seeds > 0;
        self.seeds -= u32::from(one_step);
        one_step
    }

    /// One peer less has the piece; returns what [`counted`](Self::counted) is now.
    pub(super) fn remove(&mut self, piece: PieceIndex) -> u16 {
        let count = &mut self.counts[piece.index()];
        *count = count.saturating_sub(1);
        *count
    }

    /// How many peers have the piece.
    pub(super) fn of(&self, piece: PieceIndex) -> u32 {
        u32::from(self.counted(piece)) + self.seeds
    }

    /// How many peers have the piece, without those in `seeds`. As these have every piece, the order is the same.
    pub(super) fn counted(&self, piece: PieceIndex) -> u16 {
        self.counts[piece.index()]
    }

    /// The 64 pieces of the word at `at` as bits: set for those that somebody has.
    pub(super) fn held_word(&self, at: usize) -> u64 {
        if self.seeds > 0 {
            return u64::MAX;
        }
        let counts = self.counts.iter().skip(at * 64).take(64);
        counts.enumerate().fold(0, |word, (bit, &count)| word | u64::from(count > 0) << bit)
    }
}

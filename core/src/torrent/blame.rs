//! Who sent the wrong block: a piece that failed its hash check finds its liar, and nobody else.
//!
//! When one peer had sent the whole piece, it lied. Otherwise the blocks on the disk are fingerprinted, the piece is fetched
//! again from a single peer, and when that one is right the fingerprints are compared: who sent a block that differs, lied.
//! A peer all of whose blocks were right is never banned (the idea of libtorrent's *smart ban*).

use std::collections::BTreeMap;

use crate::id::PieceIndex;
use crate::torrent::known::PeerKey;

/// A failed attempt at a piece.
#[derive(Debug)]
struct Attempt {
    senders: Vec<PeerKey>,
    fingerprints: Box<[u64]>,
}

/// Failed attempts that are not yet explained.
#[derive(Debug, Default)]
pub(crate) struct Blame {
    waiting: BTreeMap<PieceIndex, Vec<PeerKey>>,
    attempts: BTreeMap<PieceIndex, Vec<Attempt>>,
}

/// More failed attempts at one piece than this are not remembered: the first ones name enough liars.
const MAX_ATTEMPTS: usize = 8;

impl Blame {
    /// The piece failed; its blocks came from these peers, in order. The only sender, when there is just one.
    pub(crate) fn failed(&mut self, piece: PieceIndex, senders: Vec<PeerKey>) -> Option<PeerKey> {
        let first = *senders.first()?;
        if senders.iter().all(|&sender| sender == first) {
            return Some(first);
        }
        self.waiting.insert(piece, senders);
        None
    }

    /// Is the piece right now, after having failed?
    pub(crate) fn is_disputed(&self, piece: PieceIndex) -> bool {
        self.attempts.contains_key(&piece)
    }

    /// The fingerprints of a failed attempt's blocks.
    pub(crate) fn remember(&mut self, piece: PieceIndex, fingerprints: Box<[u64]>) -> bool {
        let Some(senders) = self.waiting.remove(&piece) else { return false };
        let attempts = self.attempts.entry(piece).or_default();
        if attempts.len() < MAX_ATTEMPTS {
            attempts.push(Attempt { senders, fingerprints });
        }
        true
    }

    /// The fingerprints of the right piece: who had sent blocks that differ.
    pub(crate) fn explain(&mut self, piece: PieceIndex, right: &[u64]) -> Vec<PeerKey> {
        let mut liars = Vec::new();
        for attempt in self.attempts.remove(&piece).into_iter().flatten() {
            let blocks = attempt.senders.iter().zip(&attempt.fingerprints).zip(right);
            liars.extend(blocks.filter(|((_, wrong), right)| wrong != right).map(|((sender, _), _)| *sender));
        }
        liars.sort_unstable();
        liars.dedup();
        liars
    }
}

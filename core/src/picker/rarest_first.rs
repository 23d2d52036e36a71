//! Rarest first: of the wanted pieces that can be had, one that the fewest connected peers have.
//!
//! All wanted pieces stand in one array, in groups of equal availability, rarest group first, as in libtorrent's piece
//! picker. A piece moves to the neighbouring group by changing places with the group's outermost piece and shifting the
//! boundary between the two by one.
//!
//! Unlike libtorrent's, the order is *lazy upwards*. A piece stands in the group of its availability **or below**: a
//! `have` changes the count alone, and a piece that is found in too low a group, while one is picked, is moved up then.
//! Each step up was paid for by a `have`. A count that falls (a peer leaves) is followed at once. Why: most `have`s are
//! for pieces that we hold already or never look at again before their count has changed once more.
//!
//! # Uniform ties
//! A group is looked through in a random order that is drawn as one goes: one of the pieces not yet looked at, each with
//! the same probability, is exchanged to the front of them (Fisher and Yates). The first piece in a uniformly random order
//! that can be had is uniform among all those that can be had. Pieces that are moved up meanwhile were no candidates, and
//! leave the order of the others as random as it was.
//!
//! A peer may have none of the rarest pieces, so the search has a budget. When it is used up, one pass over the pieces in
//! question finds the least count and how often it occurs, and a draw decides. The candidates are alike in all that has
//! happened so far (none was looked at), hence still equally likely.

use super::availability::Availability;
use super::holders::{Holders, common, pieces};
use crate::bitfield::Bitfield;
use crate::id::PieceIndex;
use crate::rng::Rng;

/// Pieces that are looked at one by one before the pass over all; and one more per [`PIECES_PER_LOOK`] of those that it
/// would pass over.
const LOOKS: u32 = 32;
/// A look (a draw and an exchange) costs about as much as passing over eight pieces, so the searches that end in
/// the pass cost at most half as much again.
const PIECES_PER_LOOK: u32 = 16;
/// The place of a piece that is not in the order.
const NOWHERE: u32 = u32::MAX;

/// The wanted pieces in groups by availability, as far as it was known when the piece was last looked at.
#[derive(Debug)]
pub(super) struct Order {
    /// The wanted pieces, those of group 0 first.
    sorted: Vec<PieceIndex>,
    /// Where in `sorted` each piece stands.
    places: Box<[u32]>,
    /// Where each group ends. Group `g` is `sorted[ends[g - 1]..ends[g]]`; the last end is the length of `sorted`.
    ends: Vec<u32>,
}

impl Order {
    /// All of `wanted`, which nobody has yet.
    pub(super) fn new(wanted: &Bitfield) -> Self {
        let mut order = Self {
            sorted: Vec::with_capacity(wanted.count() as usize),
            places: vec![NOWHERE; wanted.len() as usize].into(),
            ends: vec![wanted.count()],
        };
        for (place, piece) in (0..).zip(wanted.iter()) {
            order.sorted.push(piece);
            order.places[piece.index()] = place;
        }
        order
    }

    /// A piece that stands nowhere is wanted again, and `count` peers have it.
    pub(super) fn insert(&mut self, piece: PieceIndex, count: u16) {
        let group = usize::from(count);
        self.grow(group);
        // The gap at the end wanders down: each group above gives its first place for one behind its last.
        let mut gap = *self.ends.last().expect("group 0 exists");
        self.sorted.push(piece);
        for above in (group + 1..self.ends.len()).rev() {
            let first = self.start(above);
            if first != gap {
                self.put(self.sorted[first as usize], gap);
            }
            self.ends[above] += 1;
            gap = first;
        }
        self.put(piece, gap);
        self.ends[group] += 1;
    }

    /// The piece is not wanted any more.
    pub(super) fn remove(&mut self, piece: PieceIndex) {
        let mut gap = self.places[piece.index()];
        for group in self.group_at(gap)..self.ends.len() {
            self.ends[group] -= 1;
            let last = self.ends[group];
            if last != gap {
                self.put(self.sorted[last as usize], gap);
            }
            gap = last;
        }
        self.sorted.pop();
        self.places[piece.index()] = NOWHERE;
    }

    /// One peer less has the piece, `count` now: moves it down if it stands above that, which is by one group at most.
    /// Without effect if it stands nowhere.
    pub(super) fn lower(&mut self, piece: PieceIndex, count: u16) {
        let place = self.places[piece.index()];
        if place == NOWHERE {
            return;
        }
        let group = self.group_at(place);
        if group > usize::from(count) {
            self.exchange(self.start(group), place);
            self.ends[group - 1] += 1;
        }
    }

    /// Moves a piece up to the group where it belongs.
    fn raise(&mut self, piece: PieceIndex, from: usize, to: usize) {
        self.grow(to);
        for group in from..to {
            self.ends[group] -= 1;
            self.exchange(self.ends[group], self.places[piece.index()]);
        }
    }

    /// Makes sure that the group exists.
    fn grow(&mut self, group: usize) {
        let end = *self.ends.last().expect("group 0 exists");
        if self.ends.len() <= group {
            self.ends.resize(group + 1, end);
        }
    }

    /// Where the group begins.
    fn start(&self, group: usize) -> u32 {
        group.checked_sub(1).map_or(0, |below| self.ends[below])
    }

    /// The group in which a place lies.
    fn group_at(&self, place: u32) -> usize {
        self.ends.partition_point(|&end| end <= place)
    }

    /// Asserts what the order promises: it holds exactly the wanted pieces, each where `places` says, and none stands in
    /// a group above its availability.
    #[cfg(test)]
    pub(super) fn check(&self, wanted: &Bitfield, availability: &Availability) {
        assert_eq!(self.sorted.len(), wanted.count() as usize);
        assert_eq!(self.ends.last(), Some(&wanted.count()));
        assert!(self.ends.is_sorted());
        for (piece, &place) in (0..).map(PieceIndex).zip(&self.places) {
            assert_eq!(place != NOWHERE, wanted.contains(piece));
            if place != NOWHERE {
                assert_eq!(self.sorted[place as usize], piece);
                assert!(self.group_at(place) <= usize::from(availability.counted(piece)), "{piece:?}");
            }
        }
    }

    fn put(&mut self, piece: PieceIndex, place: u32) {
        self.sorted[place as usize] = piece;
        self.places[piece.index()] = place;
    }

    fn exchange(&mut self, a: u32, b: u32) {
        let (at_a, at_b) = (self.sorted[a as usize], self.sorted[b as usize]);
        self.put(at_a, b);
        self.put(at_b, a);
    }
}

/// A wanted piece that the holders have and that the fewest connected peers have, ties uniformly.
pub(super) fn pick(
    order: &mut Order,
    wanted: &Bitfield,
    availability: &Availability,
    holders: &impl Holders,
    rng: &mut Rng,
) -> Option<PieceIndex> {
    let candidates: u32 = common(wanted, holders).map(|(_, word)| word.count_ones()).sum();
    if candidates == 0 {
        return None;
    }
    let mut looks = LOOKS + candidates / PIECES_PER_LOOK;
    let mut group = 0;
    while group < order.ends.len() {
        let mut next = order.start(group);
        while next < order.ends[group] {
            let place = next + draw(order.ends[group] - next, rng);
            let piece = order.sorted[place as usize];
            let count = usize::from(availability.counted(piece));
            if count > group {
                order.raise(piece, group, count);
            } else if holders.has(piece) {
                return Some(piece);
            } else if looks == 0 {
                return pass(wanted, availability, holders, rng);
            } else {
                order.exchange(next, place);
                next += 1;
                looks -= 1;
            }
        }
        group += 1;
    }
    unreachable!("one of the wanted pieces can be had")
}

/// The same by looking at every piece in question.
fn pass(
    wanted: &Bitfield,
    availability: &Availability,
    holders: &impl Holders,
    rng: &mut Rng,
) -> Option<PieceIndex> {
    let candidates = || common(wanted, holders).flat_map(|(at, word)| pieces(at, word));
    let (mut least, mut ties) = (u16::MAX, 0);
    for piece in candidates() {
        let count = availability.counted(piece);
        if count < least {
            (least, ties) = (count, 0);
        }
        ties += u32::from(count == least);
    }
    let rank = draw(ties, rng);
    candidates().filter(|&piece| availability.counted(piece) == least).nth(rank as usize)
}

/// A uniform number below `bound`.
#[expect(clippy::cast_possible_truncation, reason = "the result is below a u32")]
fn draw(bound: u32, rng: &mut Rng) -> u32 {
    rng.below(bound.into()) as u32
}

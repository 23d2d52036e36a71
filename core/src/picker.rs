//! Which piece to fetch next: the state of every piece of one torrent, and the strategies that choose among them.
//!
//! The picker knows pieces only. A piece is *wanted* (nobody has been asked for it), *open* (being fetched; its blocks
//! are the request pipeline's business) or *done*. Read first: Cohen 2003, *Piece Selection*; Legout et
//! al. 2006 for what rarest first achieves; `src/piece_picker.cpp` of libtorrent for the classic data structure.
//!
//! # Cost
//! `have` messages are the bulk of all messages of a swarm, so one of them costs a single addition here
//! ([`Picker::add_piece`]), whatever the state of the piece. All else is paid for when pieces are chosen, of which there
//! is one per piece and not one per piece and connection:
//!
//! | call | cost |
//! |---|---|
//! | [`add_piece`](Picker::add_piece) | one addition |
//! | [`add_peer`](Picker::add_peer), [`remove_peer`](Picker::remove_peer) | a step per piece that the peer has; a seed: one addition |
//! | [`pick`](Picker::pick), rarest first | a word per 64 pieces, a few draws; at worst a pass over the wanted pieces that the peer has |
//! | [`pick`](Picker::pick), other strategies | a word per 64 pieces |
//! | [`open`](Picker::open), [`reopen`](Picker::reopen), [`done`](Picker::done) | rarest first: a step per level of availability; else O(1) |
//!
//! Memory: 2 bytes per piece, 8 more for rarest first, and two bits.
//!
//! # Ties
//! Pieces that the strategy holds equal are equally likely, exactly. Walking the pieces from a random start would not do:
//! it prefers pieces that follow a gap, and such a bias, the same for all peers, changes the results of whole swarms.

mod availability;
mod holders;
mod random;
mod rarest_first;
mod sequential;
#[cfg(test)]
mod tests;

use availability::Availability;
use holders::{Anyone, Connected, Holders};
use rarest_first::Order;

use crate::bitfield::Bitfield;
use crate::config::PieceSelection;
use crate::id::PieceIndex;
use crate::rng::Rng;

/// So many pieces are fetched at random before rarest first begins. A newcomer needs something to trade soon, and rare
/// pieces come slowly (Cohen 2003, *Random First Piece*). Four as in mainline's `rarest_first_cutoff`, once per torrent.
const RANDOM_FIRST_PIECES: u32 = 4;

/// The strategy with what it has to remember.
#[derive(Debug)]
enum Strategy {
    RarestFirst(Order),
    Random,
    Sequential,
    RandomFirstThenRarest(Order),
}

/// The pieces of one torrent as one participant sees them: which it wants, and how many of its peers have each.
///
/// Pieces and bitfields must be of the torrent that the picker was made for; a longer one panics.
#[derive(Debug)]
pub struct Picker {
    wanted: Bitfield,
    done: Bitfield,
    availability: Availability,
    strategy: Strategy,
}

impl Picker {
    /// A picker without peers, that wants every piece that is not in `have`.
    pub fn new(selection: PieceSelection, have: &Bitfield) -> Self {
        let mut wanted = Bitfield::none(have.len());
        for piece in have.missing() {
            wanted.insert(piece);
        }
        let strategy = match selection {
            PieceSelection::RarestFirst => Strategy::RarestFirst(Order::new(&wanted)),
            PieceSelection::Random => Strategy::Random,
            PieceSelection::Sequential => Strategy::Sequential,
            PieceSelection::RandomFirstThenRarest => Strategy::RandomFirstThenRarest(Order::new(&wanted)),
        };
        Self { wanted, done: have.clone(), availability: Availability::new(have.len()), strategy }
    }

    /// A connected peer that lacked the piece has it now (one `have`). One addition.
    ///
    /// Nothing special is to be done when this was the last piece that the peer lacked: see [`Picker::remove_peer`].
    pub fn add_piece(&mut self, piece: PieceIndex) {
        self.availability.add(piece);
    }

    /// A peer with these pieces has connected, or has shown them for the first time.
    pub fn add_peer(&mut self, pieces: &Bitfield) {
        self.availability.add_all(pieces);
    }

    /// A peer is gone that had these pieces: what was given to [`Picker::add_peer`] and every
    /// [`Picker::add_piece`] since. Also right for a peer that became a seed in the meantime.
    pub fn remove_peer(&mut self, pieces: &Bitfield) {
        if self.availability.remove_seed(pieces) {
            return;
        }
        for piece in pieces.iter() {
            let count = self.availability.remove(piece);
            if let Some(order) = self.order() {
                order.lower(piece, count);
            }
        }
    }

    /// Should a connection that has finished its own piece begin this wanted one, rather than help with an open one? With
    /// rarest first when it is rarer; the other strategies finish what is open first (Cohen 2003, *strict priority*).
    pub fn prefers(&self, wanted: PieceIndex, open: PieceIndex) -> bool {
        match self.strategy {
            Strategy::RarestFirst(_) | Strategy::RandomFirstThenRarest(_) => {
                self.availability(wanted) < self.availability(open)
            }
            Strategy::Random | Strategy::Sequential => false,
        }
    }

    /// Is a wanted piece that the peer suggests as good as the one that was picked? With rarest first when it is not more common:
    /// the suggestion takes the place of the draw. The other strategies keep their own choice.
    pub fn accepts(&self, suggested: PieceIndex, picked: PieceIndex) -> bool {
        match self.strategy {
            Strategy::RarestFirst(_) | Strategy::RandomFirstThenRarest(_) => {
                self.availability(suggested) <= self.availability(picked)
            }
            Strategy::Random | Strategy::Sequential => false,
        }
    }

    /// How many connected peers have the piece.
    pub fn availability(&self, piece: PieceIndex) -> u32 {
        self.availability.of(piece)
    }

    /// The piece is being fetched from now on, and is not picked again. Without effect when it is open or done.
    pub fn open(&mut self, piece: PieceIndex) {
        if self.wanted.remove(piece)
            && let Some(order) = self.order()
        {
            order.remove(piece);
        }
    }

    /// The piece is wanted again: it was given up, or its hash was wrong. Without effect when it is wanted.
    pub fn reopen(&mut self, piece: PieceIndex) {
        self.done.remove(piece);
        if self.wanted.insert(piece) {
            let count = self.availability.counted(piece);
            if let Some(order) = self.order() {
                order.insert(piece, count);
            }
        }
    }

    /// We have the piece. Without effect when we had it before.
    pub fn done(&mut self, piece: PieceIndex) {
        self.open(piece);
        self.done.insert(piece);
    }

    /// How many pieces are wanted, open ones not counted.
    pub fn wanted_count(&self) -> u32 {
        self.wanted.count()
    }

    /// Is the piece wanted, that is neither open nor done?
    pub fn is_wanted(&self, piece: PieceIndex) -> bool {
        self.wanted.contains(piece)
    }

    /// A wanted piece that `remote` has, by the strategy, ties uniformly at random; `None` exactly if there is none.
    /// The piece stays wanted until [`Picker::open`].
    pub fn pick(&mut self, remote: &Bitfield, rng: &mut Rng) -> Option<PieceIndex> {
        let Self { wanted, done, availability, strategy } = self;
        choose(strategy, wanted, done, availability, remote, rng)
    }

    /// A wanted piece that any connected peer has, by the strategy, ties uniformly at random; `None` if there is none.
    ///
    /// For participants that choose the piece before the peer (S5: "the rarest among those with a known holder").
    pub fn pick_any(&mut self, rng: &mut Rng) -> Option<PieceIndex> {
        let Self { wanted, done, availability, strategy } = self;
        choose(strategy, wanted, done, availability, &Connected(availability), rng)
    }

    /// A wanted piece, uniformly, whether or not any peer is known to have it; `None` if no piece is wanted.
    pub fn pick_blind(&mut self, rng: &mut Rng) -> Option<PieceIndex> {
        random::pick(&self.wanted, &Anyone, rng)
    }

    /// Asserts that the parts agree with each other.
    #[cfg(test)]
    fn check(&self) {
        assert!(self.wanted.intersection(&self.done).next().is_none());
        if let Strategy::RarestFirst(order) | Strategy::RandomFirstThenRarest(order) = &self.strategy {
            order.check(&self.wanted, &self.availability);
        }
    }

    fn order(&mut self) -> Option<&mut Order> {
        match &mut self.strategy {
            Strategy::RarestFirst(order) | Strategy::RandomFirstThenRarest(order) => Some(order),
            Strategy::Random | Strategy::Sequential => None,
        }
    }
}

/// Lets the strategy choose among the wanted pieces that the holders have.
fn choose(
    strategy: &mut Strategy,
    wanted: &Bitfield,
    done: &Bitfield,
    availability: &Availability,
    holders: &impl Holders,
    rng: &mut Rng,
) -> Option<PieceIndex> {
    match strategy {
        Strategy::Random => random::pick(wanted, holders, rng),
        Strategy::RandomFirstThenRarest(_) if done.count() < RANDOM_FIRST_PIECES => {
            random::pick(wanted, holders, rng)
        }
        Strategy::Sequential => sequential::pick(wanted, holders),
        Strategy::RarestFirst(order) | Strategy::RandomFirstThenRarest(order) => {
            rarest_first::pick(order, wanted, availability, holders, rng)
        }
    }
}

//! Tests of all piece selections: drawn cases, one suite for every selection, and a naive model.

mod drawn;
mod model;
mod suite;

use crate::bitfield::Bitfield;
use crate::config::PieceSelection;
use crate::id::PieceIndex;
use crate::rng::{Purpose, Rng, Seed};

const SELECTIONS: [PieceSelection; 4] = [
    PieceSelection::RarestFirst,
    PieceSelection::Random,
    PieceSelection::Sequential,
    PieceSelection::RandomFirstThenRarest,
];

fn rng(owner: u32) -> Rng {
    Seed::from_number(2026).stream(Purpose::Test, owner)
}

fn bits(len: u32, pieces: impl IntoIterator<Item = u32>) -> Bitfield {
    let mut set = Bitfield::none(len);
    for piece in pieces {
        set.insert(PieceIndex(piece));
    }
    set
}

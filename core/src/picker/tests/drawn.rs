//! Small cases, drawn: a character per piece, as in libtorrent's `test_piece_picker.cpp`.

use std::collections::BTreeSet;

use super::{bits, rng};
use crate::bitfield::Bitfield;
use crate::config::PieceSelection;
use crate::id::PieceIndex;
use crate::picker::Picker;

/// The set that a drawing shows: every character but a blank is a member.
fn drawn(pieces: &str) -> Bitfield {
    let members = (0..).zip(pieces.chars()).filter(|&(_, mark)| mark != ' ').map(|(piece, _)| piece);
    bits(u32::try_from(pieces.len()).unwrap(), members)
}

/// A picker that has the pieces drawn as `*`, fetches those drawn as `o`, and whose peers have so many of each.
fn setup(selection: PieceSelection, availability: &str, state: &str) -> Picker {
    let mut picker = Picker::new(selection, &drawn(&state.replace('o', " ")));
    for (piece, count) in (0..).zip(availability.chars()) {
        (0..count.to_digit(10).unwrap()).for_each(|_| picker.add_piece(PieceIndex(piece)));
    }
    for (piece, _) in (0..).zip(state.chars()).filter(|&(_, mark)| mark == 'o') {
        picker.open(PieceIndex(piece));
    }
    picker
}

/// All that may be picked from `remote`, drawn as `*`.
fn picks(picker: &mut Picker, remote: &str) -> String {
    let (remote, mut rng) = (drawn(remote), rng(0));
    let seen: BTreeSet<u32> =
        (0..500).filter_map(|_| picker.pick(&remote, &mut rng)).map(PieceIndex::get).collect();
    (0..remote.len()).map(|piece| if seen.contains(&piece) { '*' } else { ' ' }).collect()
}

use PieceSelection::{Random, RandomFirstThenRarest, RarestFirst, Sequential};

#[test]
fn rarest_first_picks_all_of_the_rarest_and_nothing_else() {
    for (availability, state, remote, expected) in [
        ("2223333", "* * *  ", "*******", " *     "),
        ("2223333", "       ", "*******", "***    "),
        ("1234567", "       ", "   ****", "   *   "),
        ("1111111", "*o*o*o*", "*******", "       "),
        ("3121321", "       ", "*** ***", " *    *"),
        ("3121321", " o    o", "*** ***", "  *  * "),
        ("0000000", "  *    ", "* * * *", "*   * *"),
        ("9999991", "       ", "****** ", "****** "),
        ("5555555", "*******", "*******", "       "),
        ("2213333", "  o    ", "       ", "       "),
    ] {
        let mut picker = setup(RarestFirst, availability, state);
        assert_eq!(picks(&mut picker, remote), expected, "{availability} {state} {remote}");
    }
}

#[test]
fn random_picks_everything_and_sequential_the_first() {
    let cases = [(Random, " *   * "), (Sequential, " *     "), (RarestFirst, "     * ")];
    for (selection, expected) in cases {
        let mut picker = setup(selection, "2523311", "* *o*  ");
        assert_eq!(picks(&mut picker, "****** "), expected, "{selection:?}");
    }
}

#[test]
fn random_first_turns_to_the_rarest_after_four_pieces() {
    let mut picker = setup(RandomFirstThenRarest, "55512345", "***     ");
    assert_eq!(picks(&mut picker, "********"), "   *****");
    picker.done(PieceIndex(7));
    assert_eq!(picks(&mut picker, "********"), "   *    ");
    picker.reopen(PieceIndex(7));
    assert_eq!(picks(&mut picker, "********"), "   *****", "a piece whose hash was wrong does not count");
}

#[test]
fn peers_that_come_and_go_change_what_is_rare() {
    let mut picker = setup(RarestFirst, "4444", "    ");
    assert_eq!(picks(&mut picker, "****"), "****");
    picker.remove_peer(&drawn("  * "));
    assert_eq!(picks(&mut picker, "****"), "  * ");
    picker.add_peer(&drawn(" *  "));
    picker.add_peer(&drawn("  **"));
    assert_eq!(picks(&mut picker, "****"), "* * ");
    picker.add_peer(&drawn("****"));
    assert_eq!(picks(&mut picker, "****"), "* * ", "a seed has everything and changes no order");
}

#[test]
fn without_a_holder_only_a_blind_pick_finds_something() {
    let mut rng = rng(1);
    for selection in super::SELECTIONS {
        let mut picker = setup(selection, "000", "*  ");
        assert_eq!(picker.pick_any(&mut rng), None);
        let blind: BTreeSet<u32> =
            (0..100).filter_map(|_| picker.pick_blind(&mut rng)).map(PieceIndex::get).collect();
        assert_eq!(blind, BTreeSet::from([1, 2]));
        picker.add_piece(PieceIndex(0));
        assert_eq!(picker.pick_any(&mut rng), None, "we have the only piece that is known");
        picker.add_piece(PieceIndex(2));
        assert_eq!(picker.pick_any(&mut rng), Some(PieceIndex(2)));
    }
}

#[test]
fn a_peer_that_became_a_seed_by_single_pieces_is_taken_off_whole() {
    // One peer comes as a seed, one becomes one; each may go first, and each order leaves nothing behind.
    for remaining in ["came", "became"] {
        let mut picker = setup(RarestFirst, "000", "   ");
        picker.add_peer(&drawn("***"));
        picker.add_peer(&drawn("*  "));
        picker.add_piece(PieceIndex(1));
        picker.add_piece(PieceIndex(2));
        picker.add_peer(&drawn("*  "));
        for expected in [[3, 2, 2], [2, 1, 1]] {
            assert_eq!(
                [0, 1, 2].map(|piece| picker.availability(PieceIndex(piece))),
                expected,
                "{remaining}"
            );
            picker.remove_peer(&drawn("***"));
        }
        assert_eq!([0, 1, 2].map(|piece| picker.availability(PieceIndex(piece))), [1, 0, 0]);
        picker.remove_peer(&drawn("*  "));
        assert_eq!([0, 1, 2].map(|piece| picker.availability(PieceIndex(piece))), [0, 0, 0]);
    }
}

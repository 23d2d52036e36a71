//! What holds for every selection; and that equals are equally likely, by a chi-square test on a fixed seed.

use super::{SELECTIONS, bits, rng};
use crate::bitfield::Bitfield;
use crate::config::PieceSelection;
use crate::id::PieceIndex;
use crate::picker::Picker;
use crate::rng::Rng;

/// Sum of squared deviations over expectation when each of `candidates` was drawn as often as `counts` says.
fn chi_square(counts: &[u32], candidates: &[u32]) -> f64 {
    let drawn: u32 = counts.iter().sum();
    let expected = f64::from(drawn) / f64::from(u32::try_from(candidates.len()).unwrap());
    candidates.iter().map(|&piece| (f64::from(counts[piece as usize]) - expected).powi(2) / expected).sum()
}

/// Draws often and asserts that just the candidates come, and that no one of them comes more often than luck allows:
/// chi-square with n - 1 degrees of freedom has mean n - 1 and variance 2 (n - 1), and stays below five deviations.
fn assert_uniform(what: &str, candidates: &[u32], len: u32, mut draw: impl FnMut() -> Option<PieceIndex>) {
    let mut counts = vec![0; len as usize];
    for _ in 0..400 * candidates.len() {
        counts[draw().expect("there are candidates").index()] += 1;
    }
    let on_candidates: u32 = candidates.iter().map(|&piece| counts[piece as usize]).sum();
    assert_eq!(on_candidates as usize, 400 * candidates.len(), "{what}: others were picked");
    let freedom = f64::from(u32::try_from(candidates.len() - 1).unwrap());
    let chi_square = chi_square(&counts, candidates);
    assert!(chi_square < freedom + 5.0 * (2.0 * freedom).sqrt(), "{what}: {chi_square} for {freedom}");
}

#[test]
fn downloads_everything_once_and_nothing_that_the_remote_lacks() {
    for selection in SELECTIONS {
        let mut rng = rng(1);
        let mut picker = Picker::new(selection, &bits(200, [3, 64, 199]));
        let remote = bits(200, (0..200).filter(|piece| piece % 7 != 0));
        picker.add_peer(&remote);
        let mut taken = bits(200, [3, 64, 199]);
        while let Some(piece) = picker.pick(&remote, &mut rng) {
            assert!(remote.contains(piece) && taken.insert(piece), "{selection:?}: {piece:?}");
            picker.open(piece);
            if piece.get() % 2 == 0 {
                picker.done(piece);
            }
        }
        assert_eq!(remote.difference(&taken).next(), None, "{selection:?} left something that could be had");
        let left = 200 - taken.count();
        assert_eq!(picker.wanted_count(), left);
        assert_eq!(picker.pick_any(&mut rng), None);
        assert!(picker.pick_blind(&mut rng).is_some_and(|piece| piece.get() % 7 == 0));
    }
}

#[test]
fn a_whole_torrent_has_nothing_to_pick() {
    for selection in SELECTIONS {
        let mut picker = Picker::new(selection, &Bitfield::all(65));
        picker.add_peer(&Bitfield::all(65));
        assert_eq!(picker.pick(&Bitfield::all(65), &mut rng(2)), None);
        assert_eq!(picker.pick_any(&mut rng(2)), None);
        assert_eq!(picker.pick_blind(&mut rng(2)), None);
        assert_eq!(picker.wanted_count(), 0);
    }
}

#[test]
fn equals_are_equally_likely() {
    // Dense; a few behind gaps, which a walk from a random start would prefer; few among many, which ends in the pass.
    let cases: [(&str, u32, Vec<u32>); 4] = [
        ("dense", 40, (0..40).collect()),
        ("behind gaps", 70, vec![0, 1, 2, 40, 69]),
        ("few among many", 1_000, vec![17, 18, 500, 999]),
        ("across words", 300, (0..300).filter(|piece| piece % 3 == 0).collect()),
    ];
    for selection in SELECTIONS {
        if selection == PieceSelection::Sequential {
            continue;
        }
        for (what, len, candidates) in &cases {
            let mut rng = rng(3);
            let mut picker = Picker::new(selection, &Bitfield::none(*len));
            picker.add_peer(&Bitfield::all(*len));
            let remote = bits(*len, candidates.iter().copied());
            assert_uniform(what, candidates, *len, || picker.pick(&remote, &mut rng));
        }
    }
}

#[test]
fn any_and_blind_picks_are_uniform() {
    for selection in SELECTIONS {
        let mut rng = rng(4);
        let mut picker = Picker::new(selection, &Bitfield::none(90));
        assert_uniform("blind", &(0..90).collect::<Vec<u32>>(), 90, || picker.pick_blind(&mut rng));
        if selection != PieceSelection::Sequential {
            picker.add_peer(&bits(90, [4, 5, 6, 80]));
            assert_uniform("any", &[4, 5, 6, 80], 90, || picker.pick_any(&mut rng));
        }
    }
}

/// The rarest pieces in the course of a swarm: counts rise between picks, and each pick works on a fresh order, so that
/// pieces standing too low are among those that are looked through.
#[test]
fn a_lagging_order_is_uniform_too() {
    let rarest = [2, 30, 31, 32, 77];
    let grown = |rng: &mut Rng| {
        let mut picker = Picker::new(PieceSelection::RarestFirst, &Bitfield::none(80));
        let mut haves: Vec<u32> = (0..80).flat_map(|piece| [piece; 3]).collect();
        haves.extend((0..80).filter(|piece| !rarest.contains(piece)));
        rng.shuffle(&mut haves);
        for piece in haves {
            picker.add_piece(PieceIndex(piece));
            if rng.chance(1, 16) {
                picker.pick_any(rng);
            }
        }
        picker
    };
    let mut rng = rng(5);
    assert_uniform("lagging", &rarest, 80, || grown(&mut rng).pick(&Bitfield::all(80), &mut rng));
}

#[test]
fn the_same_seed_gives_the_same_picks() {
    for selection in SELECTIONS {
        let run = |owner| {
            let (mut rng, remote) = (rng(owner), Bitfield::all(100));
            let mut picker = Picker::new(selection, &Bitfield::none(100));
            picker.add_peer(&remote);
            core::iter::from_fn(|| {
                let piece = picker.pick(&remote, &mut rng)?;
                picker.open(piece);
                Some(piece)
            })
            .collect::<Vec<PieceIndex>>()
        };
        assert_eq!(run(6), run(6));
        assert_eq!(run(6) == run(7), selection == PieceSelection::Sequential, "{selection:?}");
    }
}

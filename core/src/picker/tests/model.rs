//! Random lives of a picker, compared step by step with a model that recounts everything from the peers' bitfields.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};

use super::{SELECTIONS, bits, rng};
use crate::bitfield::Bitfield;
use crate::config::PieceSelection;
use crate::id::PieceIndex;
use crate::picker::{Picker, RANDOM_FIRST_PIECES};
use crate::rng::Rng;

/// Something that happens to a picker. Numbers are taken modulo what there is.
#[derive(Clone, Debug)]
enum Step {
    Peer(Vec<u32>),
    Seed,
    Have { peer: usize, piece: u32 },
    Completes { peer: usize },
    Leaves { peer: usize },
    Open(u32),
    Reopen(u32),
    Done(u32),
    Pick(Vec<u32>),
    PickFrom { peer: usize },
    PickAny,
    PickBlind,
}

fn step() -> impl Strategy<Value = Step> {
    let some = |most| proptest::collection::vec(any::<u32>(), 0..most);
    prop_oneof![
        2 => some(60).prop_map(Step::Peer),
        1 => Just(Step::Seed),
        9 => (any::<usize>(), any::<u32>()).prop_map(|(peer, piece)| Step::Have { peer, piece }),
        1 => any::<usize>().prop_map(|peer| Step::Completes { peer }),
        2 => any::<usize>().prop_map(|peer| Step::Leaves { peer }),
        3 => any::<u32>().prop_map(Step::Open),
        2 => any::<u32>().prop_map(Step::Reopen),
        1 => any::<u32>().prop_map(Step::Done),
        3 => some(12).prop_map(Step::Pick),
        3 => any::<usize>().prop_map(|peer| Step::PickFrom { peer }),
        2 => Just(Step::PickAny),
        1 => Just(Step::PickBlind),
    ]
}

fn life() -> impl Strategy<Value = (u32, Vec<u32>, Vec<Step>)> {
    // Small torrents, where groups are often empty, and some of several words.
    let len = prop_oneof![3 => 1_u32..10, 2 => 10_u32..140];
    (len, proptest::collection::vec(any::<u32>(), 0..6), proptest::collection::vec(step(), 1..150))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Wanted,
    Open,
    Done,
}

/// A way in which the model is wrong on purpose, to see that it would be noticed; or none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    Faithful,
    PeersNeverLeave,
    ReopenedStaysOpen,
    CommonestFirst,
}

struct Model {
    selection: PieceSelection,
    states: Vec<State>,
    peers: Vec<Bitfield>,
    flaw: Flaw,
}

impl Model {
    fn availability(&self, piece: u32) -> u32 {
        self.peers.iter().map(|peer| u32::from(peer.contains(PieceIndex(piece)))).sum()
    }

    /// All that may be picked of the wanted pieces that can be had.
    fn allowed(&self, can_be_had: impl Fn(u32) -> bool) -> Vec<u32> {
        let pieces = (0..).zip(&self.states).filter(|&(_, &state)| state == State::Wanted);
        let mut allowed: Vec<u32> =
            pieces.map(|(piece, _)| piece).filter(|&piece| can_be_had(piece)).collect();
        let done = self.states.iter().filter(|&&state| state == State::Done).count();
        let rarest = match self.selection {
            PieceSelection::RarestFirst => true,
            PieceSelection::RandomFirstThenRarest => done >= RANDOM_FIRST_PIECES as usize,
            PieceSelection::Random => false,
            PieceSelection::Sequential => {
                allowed.truncate(1);
                false
            }
        };
        if rarest {
            let counts = allowed.iter().map(|&piece| self.availability(piece));
            let wanted = if self.flaw == Flaw::CommonestFirst { counts.max() } else { counts.min() };
            allowed.retain(|&piece| Some(self.availability(piece)) == wanted);
        }
        allowed
    }
}

fn expect(picked: Option<PieceIndex>, allowed: &[u32]) -> Result<(), TestCaseError> {
    match picked {
        Some(piece) => prop_assert!(allowed.contains(&piece.get()), "{piece:?} is none of {allowed:?}"),
        None => prop_assert!(allowed.is_empty(), "nothing picked of {allowed:?}"),
    }
    Ok(())
}

fn live(
    selection: PieceSelection,
    flaw: Flaw,
    (len, have, steps): (u32, Vec<u32>, Vec<Step>),
    rng: &mut Rng,
) -> Result<(), TestCaseError> {
    let clip = |pieces: &[u32]| bits(len, pieces.iter().map(|piece| piece % len));
    let have = clip(&have);
    let mut picker = Picker::new(selection, &have);
    let states =
        (0..len).map(|piece| if have.contains(PieceIndex(piece)) { State::Done } else { State::Wanted });
    let mut model = Model { selection, states: states.collect(), peers: Vec::new(), flaw };
    for step in steps {
        apply(&mut picker, &mut model, step, len, rng)?;
        picker.check();
        for piece in 0..len {
            let wanted = model.states[piece as usize] == State::Wanted;
            prop_assert_eq!(picker.is_wanted(PieceIndex(piece)), wanted, "#{} wanted", piece);
            prop_assert_eq!(
                picker.availability(PieceIndex(piece)),
                model.availability(piece),
                "copies of #{}",
                piece
            );
        }
        let wanted = model.states.iter().filter(|&&state| state == State::Wanted).count();
        prop_assert_eq!(picker.wanted_count() as usize, wanted);
    }
    Ok(())
}

fn apply(
    picker: &mut Picker,
    model: &mut Model,
    step: Step,
    len: u32,
    rng: &mut Rng,
) -> Result<(), TestCaseError> {
    let clip = |pieces: &[u32]| bits(len, pieces.iter().map(|piece| piece % len));
    let index = |peer: usize| (!model.peers.is_empty()).then(|| peer % model.peers.len());
    match step {
        Step::Peer(pieces) => {
            model.peers.push(clip(&pieces));
            picker.add_peer(model.peers.last().unwrap());
        }
        Step::Seed => {
            model.peers.push(Bitfield::all(len));
            picker.add_peer(model.peers.last().unwrap());
        }
        Step::Have { peer, piece } => {
            if let Some(at) = index(peer)
                && model.peers[at].insert(PieceIndex(piece % len))
            {
                picker.add_piece(PieceIndex(piece % len));
            }
        }
        Step::Completes { peer } => {
            if let Some(at) = index(peer) {
                model.peers[at].missing().for_each(|piece| picker.add_piece(piece));
                model.peers[at] = Bitfield::all(len);
            }
        }
        Step::Leaves { peer } => {
            if let Some(at) = index(peer) {
                picker.remove_peer(&model.peers[at]);
                if model.flaw != Flaw::PeersNeverLeave {
                    model.peers.swap_remove(at);
                }
            }
        }
        Step::Open(piece) => {
            picker.open(PieceIndex(piece % len));
            let state = &mut model.states[(piece % len) as usize];
            *state = if *state == State::Done { State::Done } else { State::Open };
        }
        Step::Reopen(piece) => {
            picker.reopen(PieceIndex(piece % len));
            if model.flaw != Flaw::ReopenedStaysOpen {
                model.states[(piece % len) as usize] = State::Wanted;
            }
        }
        Step::Done(piece) => {
            picker.done(PieceIndex(piece % len));
            model.states[(piece % len) as usize] = State::Done;
        }
        Step::Pick(pieces) => {
            let remote = clip(&pieces);
            let allowed = model.allowed(|piece| remote.contains(PieceIndex(piece)));
            expect(picker.pick(&remote, rng), &allowed)?;
        }
        Step::PickFrom { peer } => {
            if let Some(at) = index(peer) {
                let remote = &model.peers[at];
                let allowed = model.allowed(|piece| remote.contains(PieceIndex(piece)));
                expect(picker.pick(remote, rng), &allowed)?;
            }
        }
        Step::PickAny => {
            let allowed = model.allowed(|piece| model.availability(piece) > 0);
            expect(picker.pick_any(rng), &allowed)?;
        }
        Step::PickBlind => {
            let wanted = (0..).zip(&model.states).filter(|&(_, &state)| state == State::Wanted);
            expect(picker.pick_blind(rng), &wanted.map(|(piece, _)| piece).collect::<Vec<u32>>())?;
        }
    }
    Ok(())
}

#[test]
fn every_selection_agrees_with_the_model() {
    for selection in SELECTIONS {
        let mut runner = TestRunner::new(Config { cases: 1_000, ..Config::with_source_file(file!()) });
        let result = runner.run(&life(), |life| live(selection, Flaw::Faithful, life, &mut rng(0)));
        if let Err(error) = result {
            panic!("{selection:?}: {error}");
        }
    }
}

#[test]
fn a_model_that_is_wrong_is_noticed() {
    for flaw in [Flaw::PeersNeverLeave, Flaw::ReopenedStaysOpen, Flaw::CommonestFirst] {
        let config = Config { failure_persistence: None, max_shrink_iters: 0, ..Config::default() };
        let mut runner = TestRunner::new(config);
        let result = runner.run(&life(), |life| live(PieceSelection::RarestFirst, flaw, life, &mut rng(0)));
        assert!(matches!(result, Err(TestError::Fail(..))), "{flaw:?} went unnoticed");
    }
}

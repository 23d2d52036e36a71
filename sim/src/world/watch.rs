//! Watches over a run: copies of pieces, who is present, when it ends, and whether it is stuck.

use minibit_core::{Bitfield, Geometry, Instant, PieceIndex, Seed};

use crate::results::{Ending, MissingPiece, Stuck};
use crate::scenario::Scenario;
use crate::world::World;
use crate::world::coming::Acquaintance;
use crate::world::copies::Recorder;
use crate::world::participant::Participant;

/// With all that there is spread to everyone and a piece missing, silence of so long is proof enough.
const QUIET: u64 = 60 * minibit_core::time::NANOS_PER_SEC;

/// What is known of the swarm as a whole.
#[derive(Debug)]
pub(super) struct Watch {
    when_complete: bool,
    /// Participants that have yet to join.
    to_come: u32,
    leechers: u32,
    seeds: u32,
    pub(super) completed: u32,
    /// Copies of each piece among those present.
    copies: Vec<u32>,
    /// Who took the last copy of a piece away, and when.
    last_holder: Vec<Option<(u32, Instant)>>,
    pub(super) last_payload: Instant,
    pub(super) acquaintance: Acquaintance,
    pub(super) ending: Option<Ending>,
}

impl Watch {
    pub(super) fn new(
        scenario: &Scenario,
        geometry: &Geometry,
        participants: &[Participant],
        seed: &Seed,
    ) -> Self {
        let pieces = geometry.piece_count() as usize;
        let to_come = participants.iter().filter(|participant| participant.plan.join.is_some()).count();
        Self {
            when_complete: scenario.stop.when_complete,
            to_come: u32::try_from(to_come).expect("peers are numbered by u32"),
            leechers: 0,
            seeds: 0,
            completed: 0,
            copies: vec![0; pieces],
            last_holder: vec![None; pieces],
            last_payload: Instant::ZERO,
            acquaintance: Acquaintance::new(scenario.neighbours.as_ref(), participants.len(), seed),
            ending: None,
        }
    }

    pub(super) fn joined(&mut self, have: &Bitfield) {
        self.to_come -= 1;
        for piece in have.iter() {
            self.copies[piece.index()] += 1;
        }
        *(if have.is_full() { &mut self.seeds } else { &mut self.leechers }) += 1;
    }

    pub(super) fn left(&mut self, now: Instant, peer: u32, have: &Bitfield) {
        for piece in have.iter() {
            self.copies[piece.index()] -= 1;
            if self.copies[piece.index()] == 0 {
                self.last_holder[piece.index()] = Some((peer, now));
            }
        }
        *(if have.is_full() { &mut self.seeds } else { &mut self.leechers }) -= 1;
    }

    pub(super) fn piece_completed(&mut self, piece: PieceIndex) {
        self.copies[piece.index()] += 1;
    }

    pub(super) fn completed(&mut self) {
        self.completed += 1;
        self.leechers -= 1;
        self.seeds += 1;
    }

    /// Ends the run when nobody present misses anything and nobody is to come.
    pub(super) fn check_complete(&mut self) {
        if self.when_complete && self.leechers == 0 && self.to_come == 0 {
            self.ending = Some(Ending::Finished);
        }
    }

    pub(super) const fn leechers(&self) -> u32 {
        self.leechers
    }

    pub(super) const fn seeds(&self) -> u32 {
        self.seeds
    }

    /// Notes how many copies of the pieces there are.
    pub(super) fn record_copies(&self, now: Instant, recorder: &mut Recorder) {
        recorder.record(now, self.leechers + self.seeds, &self.copies);
    }

    pub(super) fn min_copies(&self) -> u32 {
        self.copies.iter().copied().min().unwrap_or(0)
    }

    pub(super) fn total_copies(&self) -> u64 {
        self.copies.iter().map(|&copies| u64::from(copies)).sum()
    }
}

impl World<'_> {
    /// Ends the run when the swarm can no longer finish: nobody is to come, somebody misses something, and either no
    /// block has arrived for the scenario's patience, or everything that there is has spread to everyone.
    pub(super) fn check_stuck(&mut self) {
        let watch = &self.watch;
        if watch.leechers == 0 || watch.to_come > 0 || !watch.when_complete {
            return;
        }
        let quiet = self.now.nanos_since(watch.last_payload);
        let patience = minibit_core::time::nanos(self.scenario.stop.stuck_after);
        let stuck = quiet >= patience || (quiet >= QUIET.min(patience) && self.all_has_spread());
        if stuck {
            self.watch.ending = Some(Ending::Stuck(self.why_stuck()));
        }
    }

    /// Some piece is nowhere, and everyone has all the others.
    fn all_has_spread(&self) -> bool {
        let available = self.watch.copies.iter().filter(|&&copies| copies > 0).count();
        let missing = available < self.watch.copies.len();
        let leechers = self.participants.iter().filter(|participant| participant.is_leeching());
        missing && leechers.into_iter().all(|leecher| leecher.pieces() as usize == available)
    }

    fn why_stuck(&self) -> Stuck {
        let nowhere = (0..).zip(&self.watch.copies).filter(|(_, copies)| **copies == 0);
        let missing = nowhere.map(|(piece, _): (u32, _)| MissingPiece {
            piece,
            last_holder: self.watch.last_holder[piece as usize]
                .map(|(peer, when)| (self.participants[peer as usize].plan.name.clone(), when)),
        });
        Stuck { since: self.watch.last_payload, missing: missing.collect(), incomplete: self.watch.leechers }
    }
}

//! The timeline, and a participant's results at the end.

use minibit_core::Instant;

use crate::results::{Outcome, PeerResult, Sample};
use crate::scenario::MessageCount;
use crate::world::copies::Recorder;
use crate::world::participant::Presence;
use crate::world::{Event, World};

/// The swarm over time, and the running totals that it shows.
#[derive(Debug, Default)]
pub(super) struct Timeline {
    pub(super) samples: Vec<Sample>,
    pub(super) progress: Vec<Vec<u32>>,
    pub(super) copies: Recorder,
    pub(super) messages: u64,
    pub(super) payload: u64,
    pub(super) payload_from_seeds: u64,
    pub(super) between_groups: Vec<Vec<u64>>,
}

impl Timeline {
    /// Nothing yet, of so many groups and the seeding tracker.
    pub(super) fn new(groups: usize) -> Self {
        Self { between_groups: vec![vec![0; groups + 1]; groups + 1], ..Self::default() }
    }

    /// Block data has come from somebody of a group to somebody of a group.
    pub(super) fn give(&mut self, from: usize, to: usize, payload: u64) {
        self.between_groups[from][to] += payload;
    }
}

impl World<'_> {
    /// A row is due: takes it, and looks whether the swarm is stuck.
    pub(super) fn on_sample(&mut self) {
        self.sample();
        self.check_stuck();
        self.queue.push(self.now + self.scenario.timeline, Event::Sample);
    }

    pub(super) fn sample(&mut self) {
        let sample = Sample {
            time: self.now,
            leechers: self.watch.leechers(),
            seeds: self.watch.seeds(),
            completed: self.watch.completed,
            payload: self.timeline.payload,
            payload_from_seeds: self.timeline.payload_from_seeds,
            messages: self.timeline.messages,
            min_copies: self.watch.min_copies(),
            total_copies: self.watch.total_copies(),
        };
        self.watch.record_copies(self.now, &mut self.timeline.copies);
        let held = self.participants.iter().map(|peer| if peer.is_here() { peer.pieces() } else { u32::MAX });
        let row = held.collect();
        if self.timeline.samples.last().is_some_and(|last| last.time == self.now && self.now > Instant::ZERO)
        {
            self.timeline.samples.pop();
            self.timeline.progress.pop();
        }
        self.timeline.samples.push(sample);
        self.timeline.progress.push(row);
    }

    pub(super) fn result_of(&self, peer: usize) -> PeerResult {
        let participant = &self.participants[peer];
        let rule = participant
            .plan
            .group
            .map_or(MessageCount::WholeRun, |group| self.scenario.groups[group].message_count);
        let whole = (participant.messages_sent, participant.messages_received);
        let (messages_sent, messages_received) = match rule {
            MessageCount::WholeRun => whole,
            MessageCount::UntilComplete => participant.at_completion.unwrap_or(whole),
        };
        let outcome = if participant.started_full(&self.geometry) && participant.joined.is_some() {
            Outcome::Seed
        } else if participant.completed.is_some() {
            Outcome::Completed
        } else {
            match participant.presence {
                Presence::ToCome => Outcome::NotJoined,
                Presence::Here => Outcome::Incomplete,
                Presence::Left => Outcome::Aborted,
                Presence::Crashed => Outcome::Crashed,
            }
        };
        let wire = |encoded: u64| {
            let bytes = u128::from(encoded) * u128::from(self.scenario.network.overhead_ppm) / 1_000_000;
            u64::try_from(bytes).expect("an overhead is a small factor")
        };
        PeerResult {
            name: participant.plan.name.clone(),
            group: participant.plan.group,
            initial_pieces: participant.plan.have.count(),
            joined: participant.joined,
            completed: participant.completed,
            left: participant.left,
            outcome,
            pieces: participant.pieces(),
            messages_sent,
            messages_received,
            payload_up: participant.payload_up,
            payload_down: participant.payload_down,
            wire_up: wire(participant.wire_up),
            wire_down: wire(participant.wire_down),
            sent: *participant.sent,
            received: *participant.received,
        }
    }
}

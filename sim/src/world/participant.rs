//! One participant: its plan, its state machine while it is present, and what it has done.

use std::collections::VecDeque;

use minibit_core::boundary::{DiskDone, Simulated};
use minibit_core::config::Encoding;
use minibit_core::payload::Virtual;
use minibit_core::torrent::Torrent;
use minibit_core::{Bitfield, Geometry, Instant};

use crate::network::{FlowId, HostId};
use crate::population::Plan;
use crate::results::{KINDS, Tally};

/// Where a participant stands in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Presence {
    /// It has not joined.
    ToCome,
    /// It is here.
    Here,
    /// It has left with a goodbye.
    Left,
    /// It has vanished without one.
    Crashed,
}

/// One participant. What each message looks at comes first: two lines of the cache.
#[derive(Debug)]
#[repr(C, align(64))]
pub(super) struct Participant {
    pub(super) torrent: Option<Box<Torrent<Simulated>>>,
    /// When its timer is set; [`Instant::MAX`] when it is not.
    pub(super) wake_at: Instant,
    /// The outgoing flow of each connection, by the connection's slot.
    pub(super) flows: Vec<Option<FlowId>>,
    pub(super) sent: Box<[Tally; KINDS]>,
    pub(super) received: Box<[Tally; KINDS]>,
    pub(super) presence: Presence,
    /// That of its plan.
    pub(super) encoding: Encoding,

    pub(super) messages_sent: u64,
    pub(super) messages_received: u64,
    pub(super) wire_up: u64,
    pub(super) wire_down: u64,
    pub(super) payload_up: u64,
    pub(super) payload_down: u64,
    /// Block data of it that others have received.
    pub(super) delivered: u64,
    pub(super) host: HostId,

    /// What its disk is doing, in the order in which it will be done.
    pub(super) disk: VecDeque<DiskDone<Virtual>>,
    /// Blocks on its disk that have a wrong byte, as (piece, block); empty unless somebody corrupts.
    pub(super) corrupt: Vec<(u32, u32)>,
    /// Its flow to the tracker.
    pub(super) to_tracker: Option<FlowId>,
    pub(super) joined: Option<Instant>,
    pub(super) completed: Option<Instant>,
    pub(super) left: Option<Instant>,
    /// Messages sent and received when it completed.
    pub(super) at_completion: Option<(u64, u64)>,
    pub(super) plan: Plan,
}

impl Participant {
    pub(super) fn new(plan: Plan, host: HostId) -> Self {
        Self {
            encoding: plan.config.encoding,
            plan,
            host,
            presence: Presence::ToCome,
            torrent: None,
            wake_at: Instant::MAX,
            flows: Vec::new(),
            to_tracker: None,
            joined: None,
            completed: None,
            left: None,
            payload_up: 0,
            payload_down: 0,
            delivered: 0,
            wire_up: 0,
            wire_down: 0,
            at_completion: None,
            sent: Box::new([Tally::default(); KINDS]),
            received: Box::new([Tally::default(); KINDS]),
            messages_sent: 0,
            messages_received: 0,
            disk: VecDeque::new(),
            corrupt: Vec::new(),
        }
    }

    /// What it has, or had when it left.
    pub(super) fn have(&self) -> &Bitfield {
        self.torrent.as_ref().map_or(&self.plan.have, |torrent| torrent.have())
    }

    pub(super) fn is_here(&self) -> bool {
        self.presence == Presence::Here
    }

    /// Present, and something is missing.
    pub(super) fn is_leeching(&self) -> bool {
        self.is_here() && !self.have().is_full()
    }

    /// The whole content has been passed on so many times over, in bytes.
    pub(super) fn has_uploaded(&self, bytes: Option<u64>) -> bool {
        bytes.is_some_and(|bytes| self.delivered >= bytes)
    }

    /// Bytes of the pieces that it has.
    pub(super) fn pieces(&self) -> u32 {
        self.have().count()
    }

    pub(super) fn started_full(&self, geometry: &Geometry) -> bool {
        self.plan.have.count() == geometry.piece_count()
    }

    pub(super) fn flow(&self, slot: usize) -> Option<FlowId> {
        self.flows.get(slot).copied().flatten()
    }

    pub(super) fn set_flow(&mut self, slot: usize, flow: Option<FlowId>) {
        if self.flows.len() <= slot {
            self.flows.resize(slot + 1, None);
        }
        self.flows[slot] = flow;
    }
}

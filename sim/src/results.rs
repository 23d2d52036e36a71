//! What a run measured.

use std::time::Duration;

use minibit_core::{Instant, MessageKind};

/// Kinds of messages that are counted: those of the peer protocol, then the tracker's.
pub const KINDS: usize = MessageKind::ALL.len() + 2;
/// Index of a peer's announce among the kinds.
pub const ANNOUNCE: usize = MessageKind::ALL.len();
/// Index of the tracker's answer among the kinds.
pub const ANNOUNCE_RESPONSE: usize = MessageKind::ALL.len() + 1;

/// The name of a kind of message in files: `have`, `request`, …, `announce`, `announce_response`.
///
/// # Panics
/// When there is no such kind.
pub fn kind_name(kind: usize) -> &'static str {
    match kind {
        ANNOUNCE => "announce",
        ANNOUNCE_RESPONSE => "announce_response",
        _ => MessageKind::ALL[kind].name(),
    }
}

/// Number and encoded bytes of some messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Messages.
    pub count: u64,
    /// Encoded bytes, without transport overhead.
    pub bytes: u64,
}

/// What a peer did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerResult {
    /// Name: the group's and the number within it, `leecher-3`; a group of one peer gives its bare name.
    pub name: String,
    /// Index of its group in the scenario; `None`: the seeding tracker.
    pub group: Option<usize>,
    /// Pieces that it joined with.
    pub initial_pieces: u32,
    /// When it joined; `None`: it never did.
    pub joined: Option<Instant>,
    /// When its last piece was verified; `None` also for peers that joined complete.
    pub completed: Option<Instant>,
    /// When it left.
    pub left: Option<Instant>,
    /// How it ended.
    pub outcome: Outcome,
    /// Pieces at the end.
    pub pieces: u32,
    /// Messages sent, under the group's [`MessageCount`](crate::scenario::MessageCount).
    pub messages_sent: u64,
    /// Messages received, under the same rule.
    pub messages_received: u64,
    /// Block data sent.
    pub payload_up: u64,
    /// Block data received, duplicates and corrupt blocks included.
    pub payload_down: u64,
    /// All bytes sent, with headers and the stated transport overhead.
    pub wire_up: u64,
    /// All bytes received, likewise.
    pub wire_down: u64,
    /// Sent, by kind, over the whole run.
    pub sent: [Tally; KINDS],
    /// Received, by kind, over the whole run.
    pub received: [Tally; KINDS],
}

/// How a peer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It completed its download.
    Completed,
    /// It joined with everything.
    Seed,
    /// It was still incomplete when the run ended.
    Incomplete,
    /// It left incomplete, as planned.
    Aborted,
    /// It crashed incomplete, as planned.
    Crashed,
    /// It never joined before the run ended.
    NotJoined,
}

impl Outcome {
    /// The word in files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Completed => "completed",
            Self::Seed => "seed",
            Self::Incomplete => "incomplete",
            Self::Aborted => "aborted",
            Self::Crashed => "crashed",
            Self::NotJoined => "not_joined",
        }
    }
}

/// The swarm at one time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// When.
    pub time: Instant,
    /// Present and incomplete.
    pub leechers: u32,
    /// Present and complete, the seeding tracker included.
    pub seeds: u32,
    /// Have completed so far, those who left included.
    pub completed: u32,
    /// Block data received by all so far.
    pub payload: u64,
    /// Of this, block data that was sent by those who joined with everything.
    pub payload_from_seeds: u64,
    /// Messages sent by all so far.
    pub messages: u64,
    /// Copies of the rarest piece among those present.
    pub min_copies: u32,
    /// Copies of all pieces among those present.
    pub total_copies: u64,
}

/// Copies of the pieces over time, in a size that is bounded: neighbouring pieces share a bin, and long runs are looked at less
/// often.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copies {
    /// When it was looked.
    pub times: Vec<Instant>,
    /// Peers that were present then.
    pub present: Vec<u32>,
    /// Per time and bin of pieces, in the pieces' order: copies of the rarest piece of the bin among those present.
    pub rarest: Vec<Vec<u32>>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The stop rule was met.
    Finished,
    /// The swarm can no longer finish.
    Stuck(Stuck),
    /// The limit on virtual time was reached.
    TimeLimit,
    /// The limit on events was reached.
    EventLimit,
    /// The user interrupted the run.
    Interrupted,
}

/// Why a swarm can no longer finish.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stuck {
    /// Since when no block has arrived.
    pub since: Instant,
    /// Pieces that nobody present has, lowest first; empty when all are there but nobody sends.
    pub missing: Vec<MissingPiece>,
    /// Peers that are present and incomplete.
    pub incomplete: u32,
}

/// A piece that nobody has any more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingPiece {
    /// Which one.
    pub piece: u32,
    /// Who had it last, and until when; `None`: nobody ever had it.
    pub last_holder: Option<(String, Instant)>,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunResult {
    /// Number of the run, from 0.
    pub run: u32,
    /// Its seed.
    pub seed: u64,
    /// How it ended.
    pub ending: Ending,
    /// Virtual time at the end.
    pub end: Instant,
    /// Events processed.
    pub events: u64,
    /// Running hash of all events: equal digests mean equal runs.
    pub digest: u64,
    /// The peers, in order; the seeding tracker, when there is one, comes last.
    pub peers: Vec<PeerResult>,
    /// The swarm over time, one sample per timeline interval, the first at zero and one more at the end.
    pub timeline: Vec<Sample>,
    /// Per sample and peer: pieces held, `u32::MAX` while absent. Same order as `timeline` and `peers`.
    pub progress: Vec<Vec<u32>>,
    /// Copies of the pieces over time.
    pub copies: Copies,
    /// Block data received, by the group of who sent it (rows) and of who received it (columns). The seeding tracker is a
    /// group of its own, the last.
    pub between_groups: Vec<Vec<u64>>,
}

impl PeerResult {
    /// Time from joining to completion.
    pub fn download_time(&self) -> Option<Duration> {
        Some(self.completed? - self.joined?)
    }
}

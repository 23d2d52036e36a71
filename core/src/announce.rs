//! The client side of a tracker: when to announce, what to say, when to try again.

use core::time::Duration;

/// What happened since the last announce (BEP 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AnnounceEvent {
    /// A regular announce.
    None,
    /// The first one.
    Started,
    /// The download has completed.
    Completed,
    /// We are going.
    Stopped,
}

/// What is asked of a tracker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnounceRequest {
    /// What happened.
    pub event: AnnounceEvent,
    /// Bytes of block data sent since `Started`.
    pub uploaded: u64,
    /// Bytes of block data received since `Started`.
    pub downloaded: u64,
    /// Bytes still missing.
    pub left: u64,
    /// Peers wanted; 0 with `Stopped`.
    pub numwant: u32,
}

/// What a tracker answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnounceResponse<A> {
    /// Announce again after this.
    pub interval: Duration,
    /// Never announce sooner than this, but for events.
    pub min_interval: Option<Duration>,
    /// Other peers.
    pub peers: Vec<A>,
    /// How many have everything.
    pub seeders: u32,
    /// How many do not.
    pub leechers: u32,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnnounceError {
    /// The tracker did not answer, or not in a way that can be read.
    #[error("the tracker cannot be reached")]
    Unreachable,
    /// The tracker refused, with its own words.
    #[error("the tracker refused: {0}")]
    Refused(String),
}

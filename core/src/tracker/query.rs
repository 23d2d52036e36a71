//! An announce as it travels: what is told, and who tells it of what.

use crate::announce::AnnounceRequest;
use crate::id::{InfoHash, PeerId};

/// Peers for those who do not say how many they want (BEP 15's `-1`, an HTTP query without `numwant`).
pub const DEFAULT_NUMWANT: u32 = 50;

/// One announce, in either protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// The swarm.
    pub info_hash: InfoHash,
    /// What the announcer calls itself.
    pub peer_id: PeerId,
    /// Where it listens. Its address is the one that the announce comes from.
    pub port: u16,
    /// A random number by which a tracker may know a client again whose address has changed.
    pub key: u32,
    /// What it tells and asks.
    pub request: AnnounceRequest,
}

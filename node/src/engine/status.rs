//! How a transfer goes, for those who watch it.

use std::net::SocketAddr;
use std::path::PathBuf;

use bytes::Bytes;
use minibit_core::MessageKind;
use minibit_core::torrent::Stats;

/// A look at one swarm.
#[derive(Clone, Debug, Default)]
pub(crate) struct Status {
    pub(crate) phase: Phase,
    /// Pieces that are complete and verified.
    pub(crate) pieces: u32,
    /// Bytes still missing.
    pub(crate) left: u64,
    /// Bytes that are verified from the beginning on, up to the first that is missing.
    pub(crate) unbroken: u64,
    pub(crate) stats: Stats,
    /// Open connections.
    pub(crate) peers: usize,
    /// Connections that have given us blocks.
    pub(crate) sources: u32,
    pub(crate) sent: Counts,
    pub(crate) received: Counts,
}

/// How far it has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Phase {
    #[default]
    Running,
    /// The metadata has come, and these peers may have the rest (BEP 9).
    Described { info: Bytes, peers: Vec<SocketAddr> },
    /// Everything is here and verified, under this path.
    Complete(PathBuf),
    /// The disk takes nothing any more, in words. What is here is shared, and writing is tried again from time to time.
    Stalled(String),
    /// Everything is here, but it cannot get its final name; in words.
    Failed(String),
}

/// Messages by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts([u64; MessageKind::ALL.len()]);

impl Counts {
    pub(crate) const fn count(&mut self, kind: MessageKind) {
        self.0[kind as usize] += 1;
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.iter().sum()
    }

    /// The kinds that there were any of.
    pub(crate) fn by_kind(&self) -> impl Iterator<Item = (MessageKind, u64)> {
        MessageKind::ALL.into_iter().zip(self.0).filter(|&(_, count)| count > 0)
    }
}

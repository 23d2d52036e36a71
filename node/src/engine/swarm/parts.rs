//! What a swarm is made of, and how it is when nothing has happened yet.

use std::collections::{BTreeSet, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use minibit_core::boundary::{DiskDone, Outbox};
use minibit_core::wire::Names;
use minibit_core::{Config, Instant};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::Swarm;
use crate::announce::Trackers;
use crate::engine::event::SwarmId;
use crate::engine::link::Shared;
use crate::engine::machine::Machine;
use crate::engine::recording::Recording;
use crate::engine::status::Status;
use crate::show;
use crate::storage::Disk;

/// What a swarm is made of.
#[derive(Debug)]
pub(crate) struct Parts {
    pub(crate) id: SwarmId,
    /// What messages name.
    pub(crate) names: Names,
    /// For people.
    pub(crate) name: String,
    pub(crate) config: Config,
    pub(crate) machine: Machine,
    pub(crate) recording: Option<Recording>,
    pub(crate) disk: Option<Disk>,
    pub(crate) done: mpsc::UnboundedReceiver<Vec<DiskDone<Bytes>>>,
    pub(crate) trackers: Option<Trackers>,
    pub(crate) dial_from: Option<IpAddr>,
    pub(crate) verbose: bool,
    pub(crate) shared: Shared,
}

impl Swarm {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts {
            id,
            names,
            name,
            config,
            machine,
            recording,
            disk,
            done,
            trackers,
            dial_from,
            verbose,
            shared,
        } = parts;
        Self {
            id,
            names: Arc::new(names),
            name: show::harmless(&name),
            config,
            machine,
            recording,
            outbox: Outbox::new(),
            links: Vec::new(),
            disk: disk.map(Arc::new),
            done,
            ops: Vec::new(),
            unflushed: Vec::new(),
            holding: Vec::new(),
            followups: VecDeque::new(),
            arriving: None,
            came_along: None,
            sources: BTreeSet::new(),
            trackers: trackers.map(Arc::new),
            announces: JoinSet::new(),
            dial_from,
            verbose,
            shared,
            status: watch::Sender::default(),
            seen: Status::default(),
            told_at: Instant::ZERO,
            untold: false,
        }
    }
}

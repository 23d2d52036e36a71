//! What a tracker knows, shared by all protocols that ask it.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use minibit_core::tracker::Tracker;

/// Swarms and their peers.
#[derive(Debug)]
pub(crate) struct Registry {
    /// Who is in which swarm.
    pub(crate) tracker: Tracker<SocketAddr>,
}

/// The registry as it is shared. It is locked for one request, or for one batch of datagrams.
pub(crate) type Shared = Arc<Mutex<Registry>>;

/// A thread that panics in the middle of a request leaves a registry that others can go on with.
pub(crate) fn lock(registry: &Mutex<Registry>) -> MutexGuard<'_, Registry> {
    registry.lock().unwrap_or_else(PoisonError::into_inner)
}

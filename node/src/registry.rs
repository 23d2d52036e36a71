//! What is known of swarms and files: a tracker's registry, or a plain node's of what it gives itself.
//!
//! The rules are the core's. This adds the time, and is shared by all that is asked: HTTP, UDP, and JSON commands. Nobody holds
//! the lock while waiting for anything.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use minibit_core::announce::{AnnounceEvent, AnnounceRequest, Totals};
use minibit_core::catalogue::{Catalogue, CatalogueConfig, CatalogueError, Description};
use minibit_core::config::Encoding;
use minibit_core::metainfo::Metainfo;
use minibit_core::tracker::directory::{Directory, Ends};
use minibit_core::tracker::json::{Answer, Command};
use minibit_core::tracker::systems::{Systems, Ticket, Turn};
use minibit_core::tracker::{Announcer, Tracker, TrackerConfig};
use minibit_core::{InfoHash, Instant, PeerId, Seed};
use tokio::sync::Semaphore;

use crate::clock::Clock;
use crate::limits::LARGE_FRAMES;

/// The registry as all connections share it. It is locked for one request, or for one batch of datagrams.
pub(crate) type Shared = Arc<Mutex<Registry>>;

/// Swarms and files.
#[derive(Debug)]
pub(crate) struct Registry {
    /// Who is in which swarm.
    pub(crate) tracker: Tracker<SocketAddr>,
    /// What the swarms' files are called.
    pub(crate) catalogue: Catalogue<SocketAddr>,
    /// The trackers of the five systems, over the same swarms and files.
    systems: Systems,
    open: bool,
    clock: Clock,
    large: Arc<Semaphore>,
}

impl Registry {
    /// A tracker's: others register.
    pub(crate) fn of_tracker(config: TrackerConfig, clock: Clock, seed: Seed, secret: [u8; 16]) -> Self {
        Self::new(config, CatalogueConfig::default(), clock, seed, Systems::new(secret), true)
    }

    /// A plain node's: it has what the node gives itself, for as long as it gives it.
    pub(crate) fn of_node(clock: Clock, seed: Seed) -> Self {
        let tracker = TrackerConfig { timeout: Duration::MAX, ..TrackerConfig::default() };
        let catalogue = CatalogueConfig { timeout: Duration::MAX, ..CatalogueConfig::default() };
        // A node has no tracker's UDP port, so there are no cookies to be guessed.
        Self::new(tracker, catalogue, clock, seed, Systems::new([0; 16]), false)
    }

    fn new(
        tracker: TrackerConfig,
        catalogue: CatalogueConfig,
        clock: Clock,
        seed: Seed,
        systems: Systems,
        open: bool,
    ) -> Self {
        Self {
            tracker: Tracker::new(tracker, seed),
            catalogue: Catalogue::new(catalogue),
            systems,
            open,
            clock,
            large: Arc::new(Semaphore::new(LARGE_FRAMES)),
        }
    }

    /// For all connections.
    pub(crate) fn shared(self) -> Shared {
        Arc::new(Mutex::new(self))
    }

    /// Others may register.
    pub(crate) const fn is_open(&self) -> bool {
        self.open
    }

    /// Places for commands and answers that are long.
    pub(crate) fn large_frames(&self) -> Arc<Semaphore> {
        Arc::clone(&self.large)
    }

    /// Does what is asked by somebody at `peer`, who reached us at `local`.
    pub(crate) fn handle(&mut self, peer: IpAddr, local: IpAddr, command: Command) -> Answer {
        self.with_systems(|now, directory, _| directory.handle(now, Ends { peer, local }, command))
    }

    /// Answers a frame of S1, S2 or S5, which has come on the connection of this ticket.
    pub(crate) fn ask(&mut self, ends: Ends, ticket: Ticket, system: Encoding, frame: &[u8]) -> Turn {
        self.with_systems(|now, directory, systems| {
            systems.handle(now, directory, ends, ticket, system, frame)
        })
    }

    /// The swarm for which somebody is registered over the connection of this ticket.
    pub(crate) fn registered(&self, ticket: Ticket) -> Option<InfoHash> {
        self.systems.registered(ticket)
    }

    /// The connection of this ticket is closed.
    pub(crate) fn closed(&mut self, ticket: Ticket) {
        self.with_systems(|now, directory, systems| systems.closed(now, directory, ticket));
    }

    /// Answers a line of S4.
    pub(crate) fn ask_line(&mut self, ends: Ends, line: &str) -> String {
        self.with_systems(|now, directory, systems| systems.line(now, directory, ends, line))
    }

    /// Answers a datagram of S3. `own` is the address at which the sender reaches us.
    pub(crate) fn ask_datagram(
        &mut self,
        from: SocketAddr,
        own: Option<IpAddr>,
        datagram: &[u8],
        reply: &mut Vec<u8>,
    ) {
        self.with_systems(|now, directory, systems| {
            systems.datagram(now, directory, from, own, datagram, reply);
        });
    }

    fn with_systems<T>(&mut self, act: impl FnOnce(Instant, &mut Directory<'_>, &mut Systems) -> T) -> T {
        let now = self.clock.now();
        let Self { tracker, catalogue, systems, open, .. } = self;
        act(now, &mut Directory { tracker, catalogue, open: *open }, systems)
    }

    /// A plain node gives this torrent, or as much as it has of it: `left` is in bytes. Private torrents are not for those
    /// who ask around (BEP 27), and are left out. To be called again when `left` reaches 0.
    ///
    /// # Errors
    /// When the registry is full, or the metainfo too long.
    pub(crate) fn give(
        &mut self,
        metainfo: &Metainfo,
        (port, id): (u16, PeerId),
        left: u64,
    ) -> Result<(), CatalogueError> {
        if metainfo.is_private() {
            return Ok(());
        }
        let (now, addr) = (self.clock.now(), our_own(port));
        let description = Description::of(metainfo, metainfo.to_bytes().into());
        self.catalogue.publish(now, description, addr, left == 0)?;
        self.systems.own.get_or_insert(metainfo.info_hash());
        // A full registry of swarms would have a full catalogue beside it.
        let _registered =
            self.tracker.announce(now, metainfo.info_hash(), Announcer { addr, id }, &request(left, false));
        Ok(())
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let due = [self.tracker.poll_timeout(), self.catalogue.poll_timeout(), self.systems.poll_timeout()];
        due.into_iter().flatten().min()
    }

    /// Forgets who fell silent.
    pub(crate) fn handle_timeout(&mut self) {
        let now = self.clock.now();
        self.tracker.handle_timeout(now);
        self.catalogue.handle_timeout(now);
        self.with_systems(|now, directory, systems| systems.handle_timeout(now, directory));
    }
}

/// Ourselves, whoever asks: they are told the address that they have reached.
fn our_own(port: u16) -> SocketAddr {
    SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port)
}

fn request(left: u64, stopped: bool) -> AnnounceRequest {
    let event = if stopped { AnnounceEvent::Stopped } else { AnnounceEvent::None };
    AnnounceRequest::plain(event, Totals { left, ..Totals::default() }, 0)
}

/// The registry. A panic of another task has left it whole: it is changed by the core alone, between two awaits.
pub(crate) fn lock(registry: &Mutex<Registry>) -> MutexGuard<'_, Registry> {
    registry.lock().unwrap_or_else(PoisonError::into_inner)
}

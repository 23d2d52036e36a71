//! The engine: one task that owns the state machines of all torrents and drives them.
//!
//! It waits for news from connections, disks, trackers and the user, takes in what is there, acts on what the core says, and
//! hands gathered work over: blocks to the disk, messages to the writers. It never waits for a peer, a disk or a
//! tracker, so a slow one slows nobody else. It decides nothing about the protocol: that is the core's.

mod buffers;
mod dial;
mod event;
mod handle;
mod link;
mod machine;
mod outbound;
mod rate;
mod recording;
mod status;
mod stream;
mod swarm;

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use minibit_core::boundary::DiskDone;
use minibit_core::config::Encoding;
use minibit_core::metadata::MetadataFetch;
use minibit_core::metainfo::Metainfo;
use minibit_core::rng::Purpose;
use minibit_core::torrent::{Identity, Particulars};
use minibit_core::trace::Origin;
use minibit_core::wire::Names;
use minibit_core::{Bitfield, Command, Config, InfoHash, Input, Instant, PeerId, Seed};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::{Sleep, sleep};

use self::event::{Arrival, Event, SwarmId};
use self::handle::Order;
use self::link::Shared;
use self::machine::Machine;
use self::recording::Recording;
use self::swarm::{Parts, Swarm};
use crate::announce::{About, Me, Shelf, Trackers};
use crate::clock::Clock;
use crate::limits::{EVENTS, EVENTS_AT_ONCE, NEWCOMERS_CALL, TRACKER_NEWS};
use crate::listener::incoming_limit;
use crate::storage::Storage;

pub(crate) use self::handle::Handle;
pub(crate) use self::rate::Limiter;
pub(crate) use self::status::{Phase, Status};

/// What other clients show of us.
const CLIENT: &str = concat!("MiniBit ", env!("CARGO_PKG_VERSION"));

/// What the user has chosen for all torrents.
#[derive(Debug, Default)]
pub(crate) struct Options {
    /// Our own address to speak from; any, when `None`.
    pub(crate) from: Option<IpAddr>,
    /// The port that others reach us at.
    pub(crate) port: u16,
    pub(crate) down: Option<Arc<Limiter>>,
    pub(crate) up: Option<Arc<Limiter>>,
    /// Where to record what the first torrent's state machine is told and says.
    pub(crate) trace: Option<PathBuf>,
    /// Say on standard error who comes and goes, and why.
    pub(crate) verbose: bool,
}

/// A torrent to take part in.
#[derive(Debug)]
pub(crate) struct NewTorrent {
    pub(crate) metainfo: Arc<Metainfo>,
    pub(crate) config: Config,
    pub(crate) storage: Storage,
    pub(crate) have: Bitfield,
    /// Nothing is to be fetched, whatever is missing (BEP 21): the content is not to be written to.
    pub(crate) upload_only: bool,
    /// Peers that are known beforehand.
    pub(crate) peers: Vec<SocketAddr>,
    /// Those of whom the user says that they have it.
    pub(crate) sources: Vec<SocketAddr>,
    /// Trackers in tiers (BEP 12).
    pub(crate) trackers: Vec<Vec<String>>,
}

/// A torrent of which nothing but the info-hash is known.
#[derive(Debug)]
pub(crate) struct Unknown {
    pub(crate) info_hash: InfoHash,
    /// What to call it meanwhile.
    pub(crate) name: String,
    pub(crate) config: Config,
    /// Peers that are known beforehand.
    pub(crate) peers: Vec<SocketAddr>,
    /// Trackers in tiers (BEP 12).
    pub(crate) trackers: Vec<Vec<String>>,
}

/// The owner of all torrents.
#[derive(Debug)]
pub(crate) struct Engine {
    clock: Clock,
    peer_id: PeerId,
    options: Options,
    shared: Shared,
    /// What all torrents give together.
    shelf: Shelf,
    events: mpsc::Receiver<Event>,
    orders: mpsc::Receiver<Order>,
    swarms: Vec<Swarm>,
    timer: Pin<Box<Sleep>>,
    /// When the timer rings.
    rings_at: Instant,
    inbox: Inbox,
    stopping: bool,
}

/// What has come in and was not acted on.
#[derive(Debug, Default)]
struct Inbox {
    done: Vec<(SwarmId, Vec<DiskDone<Bytes>>)>,
    events: Vec<Event>,
    orders: Vec<Order>,
    rang: bool,
}

/// Where descriptors are short, fewer connections than the protocol would allow: the core finds out who gives way to a newcomer, so
/// the listener must have a place for it still.
fn bound_connections(config: &mut Config) {
    let most = u32::try_from(incoming_limit() / 4 * 3).unwrap_or(u32::MAX);
    let limits = &mut config.limits;
    limits.connections = limits.connections.min(most);
    limits.dial_target = limits.dial_target.min(limits.connections / 2);
    limits.half_open = limits.half_open.min(limits.dial_target);
}

impl Engine {
    /// An engine without torrents, and the handle to it.
    ///
    /// # Errors
    /// When the system has no randomness.
    pub(crate) fn new(clock: Clock, options: Options) -> io::Result<(Self, Handle)> {
        let (events_in, events) = mpsc::channel(EVENTS);
        let (orders_in, orders) = mpsc::channel(EVENTS);
        let shared = Shared {
            events: events_in.clone(),
            buffers: Arc::default(),
            down: options.down.clone(),
            up: options.up.clone(),
        };
        let peer_id = peer_id()?;
        let engine = Self {
            clock,
            peer_id,
            options,
            shared,
            shelf: Shelf::default(),
            events,
            orders,
            swarms: Vec::new(),
            timer: Box::pin(tokio::time::sleep(crate::limits::STATUS_EVERY)),
            rings_at: Instant::ZERO,
            inbox: Inbox::default(),
            stopping: false,
        };
        Ok((engine, Handle::new(orders_in, events_in, peer_id)))
    }

    /// Drives everything until it is told to stop.
    pub(crate) async fn run(mut self) {
        while !self.stopping {
            poll_fn(|context| self.gather(context)).await;
            let now = self.clock.now();
            self.take_in(now);
            self.flush(now);
        }
        self.close().await;
    }

    /// Waits for news, and takes all that is there.
    fn gather(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut any = false;
        for (id, swarm) in self.swarms.iter_mut().enumerate() {
            while let Poll::Ready(Some(done)) = swarm.done().poll_recv(context) {
                self.inbox.done.push((id, done));
                any = true;
            }
        }
        any |= self.events.poll_recv_many(context, &mut self.inbox.events, EVENTS_AT_ONCE).is_ready();
        any |= self.orders.poll_recv_many(context, &mut self.inbox.orders, EVENTS_AT_ONCE).is_ready();
        self.inbox.rang = self.timer.as_mut().poll(context).is_ready();
        if any || self.inbox.rang { Poll::Ready(()) } else { Poll::Pending }
    }

    fn take_in(&mut self, now: Instant) {
        let mut inbox = std::mem::take(&mut self.inbox);
        for (id, done) in inbox.done.drain(..) {
            for done in done {
                self.swarms[id].input(now, Input::Disk(done));
            }
        }
        for event in inbox.events.drain(..) {
            self.on_event(now, event);
        }
        for order in inbox.orders.drain(..) {
            self.on_order(now, order);
        }
        for swarm in &mut self.swarms {
            if swarm.poll_timeout().is_some_and(|due| due <= now) {
                swarm.input(now, Input::Timeout);
            }
        }
        // The vectors keep their memory.
        self.inbox = inbox;
    }

    fn on_event(&mut self, now: Instant, event: Event) {
        match event {
            Event::Messages { swarm, conn, messages } => self.swarms[swarm].messages(now, conn, messages),
            Event::Sent { swarm, conn, bytes } => {
                self.swarms[swarm].input(now, Input::Sent { to: conn, bytes });
            }
            Event::Gone { swarm, conn } => self.swarms[swarm].gone(now, conn),
            Event::Dialled { swarm, conn, stream } => self.swarms[swarm].dialled(now, conn, stream),
            Event::Arrived(arrival) => {
                if let Some(swarm) = self.swarm_of(&arrival) {
                    swarm.arrived(now, arrival);
                }
            }
            Event::Announced { swarm, answer } => self.swarms[swarm].input(now, Input::Announced(answer)),
            Event::Joined { swarm, addr } => {
                self.swarms[swarm].input(now, Input::Command(Command::AddPeers(vec![addr])));
            }
            Event::Finished { swarm, result } => {
                let phase = match result {
                    Ok(path) => Phase::Complete(path),
                    Err(error) => Phase::Failed(error.to_string()),
                };
                self.swarms[swarm].enter(now, phase);
            }
        }
    }

    fn swarm_of(&mut self, arrival: &Arrival) -> Option<&mut Swarm> {
        let Arrival { opened, info_hash, file, .. } = arrival;
        let mut wanted = self.swarms.iter_mut().filter(|swarm| {
            !swarm.is_over()
                && swarm.understands(opened.encoding)
                && swarm.is_called(*info_hash, file.as_deref())
        });
        let first = wanted.next()?;
        // Who names none means the only one.
        let unclear = info_hash.is_none() && file.is_none() && wanted.next().is_some();
        if unclear { None } else { Some(first) }
    }

    fn on_order(&mut self, now: Instant, order: Order) {
        match order {
            Order::Add(torrent, answer) => {
                let status = self.add(now, *torrent);
                // Who asked may have gone meanwhile.
                let _ = answer.send(status);
            }
            Order::Describe(unknown, answer) => {
                let status = self.describe(now, *unknown);
                // Who asked may have gone meanwhile.
                let _ = answer.send(status);
            }
            Order::AddPeers(info_hash, peers) => {
                // A private torrent has its peers from its trackers alone (BEP 27).
                let wanted = |swarm: &&mut Swarm| {
                    swarm.info_hash() == info_hash && !swarm.is_over() && !swarm.is_private()
                };
                if let Some(swarm) = self.swarms.iter_mut().find(wanted) {
                    swarm.input(now, Input::Command(Command::AddPeers(peers)));
                }
            }
            Order::LengthOf(file, answer) => {
                let mut named = self
                    .swarms
                    .iter()
                    .filter(|swarm| swarm.understands(Encoding::S4) && swarm.is_called(None, Some(&file)));
                // Who asked may have gone meanwhile.
                let _ = answer.send(named.next().and_then(Swarm::length));
            }
            Order::TakesPart(info_hash, encoding, answer) => {
                let is_it = |swarm: &Swarm| {
                    !swarm.is_over() && swarm.info_hash() == info_hash && swarm.understands(encoding)
                };
                // Who asked may have gone meanwhile.
                let _ = answer.send(self.swarms.iter().any(is_it));
            }
            Order::Stop => self.stopping = true,
        }
    }

    fn add(&mut self, now: Instant, new: NewTorrent) -> io::Result<watch::Receiver<Status>> {
        let NewTorrent { metainfo, mut config, storage, have, upload_only, peers, sources, trackers } = new;
        bound_connections(&mut config);
        if trackers.is_empty() {
            config.announcing = None;
        }
        let info_hash = metainfo.info_hash();
        let identity = Identity { info_hash, peer_id: self.peer_id, stream: 0 };
        let seed = Seed::from_bytes(random()?);
        let complete = have.is_full();
        let about = About {
            file: metainfo.name().to_owned(),
            geometry: metainfo.geometry(),
            metainfo: metainfo.to_bytes().into(),
            shelf: self.shelf.clone(),
        };
        let trackers = self.trackers(info_hash, trackers)?.map(|trackers| trackers.about(about, self.news()));
        let particulars = Particulars {
            info: metainfo.info().clone(),
            private: metainfo.is_private(),
            port: Some(self.options.port),
            client: CLIENT.into(),
            upload_only,
        };
        let geometry = metainfo.geometry();
        let names = Names {
            info_hash,
            peer_id: self.peer_id,
            port: self.options.port,
            file: metainfo.name().to_owned().into(),
            geometry: Some(geometry),
        };
        let origin = Origin { config, geometry, identity, particulars, have, start: now, seed };
        let recording = self.options.trace.take().map(|path| Recording::begin(&path, &origin)).transpose()?;
        let torrent = origin.torrent();
        let (done_in, done) = mpsc::unbounded_channel();
        let mut swarm = Swarm::new(Parts {
            id: self.swarms.len(),
            names,
            name: metainfo.name().to_owned(),
            config,
            machine: Machine::Torrent(Box::new(torrent)),
            recording,
            disk: Some(storage.start(done_in)?),
            done,
            trackers,
            dial_from: self.options.from,
            verbose: self.options.verbose,
            shared: self.shared.clone(),
        });
        swarm.input(now, Input::Command(Command::AddSources(sources)));
        swarm.input(now, Input::Command(Command::AddPeers(peers)));
        swarm.input(now, Input::Command(Command::Start));
        if complete {
            swarm.finish();
        }
        swarm.tell(now);
        let status = swarm.status();
        self.swarms.push(swarm);
        Ok(status)
    }

    fn describe(&mut self, now: Instant, unknown: Unknown) -> io::Result<watch::Receiver<Status>> {
        let Unknown { info_hash, name, mut config, peers, trackers } = unknown;
        bound_connections(&mut config);
        if trackers.is_empty() {
            config.announcing = None;
        }
        let identity = Identity { info_hash, peer_id: self.peer_id, stream: 0 };
        let trackers = self.trackers(info_hash, trackers)?;
        let particulars =
            Particulars { port: Some(self.options.port), client: CLIENT.into(), ..Particulars::default() };
        let seed = Seed::from_bytes(random()?);
        let names = Names { info_hash, peer_id: self.peer_id, port: self.options.port, ..Names::USUAL };
        let mut swarm = Swarm::new(Parts {
            id: self.swarms.len(),
            names,
            name,
            config,
            machine: Machine::Fetch(Box::new(MetadataFetch::new(config, identity, particulars, seed))),
            recording: None,
            disk: None,
            // Nothing is ever done on no disk.
            done: mpsc::unbounded_channel().1,
            trackers,
            dial_from: self.options.from,
            verbose: self.options.verbose,
            shared: self.shared.clone(),
        });
        swarm.input(now, Input::Command(Command::AddPeers(peers)));
        swarm.input(now, Input::Command(Command::Start));
        swarm.tell(now);
        let status = swarm.status();
        self.swarms.push(swarm);
        Ok(status)
    }

    /// Where a tracker of the swarm that is added next tells of somebody without being asked.
    fn news(&self) -> mpsc::Sender<SocketAddr> {
        let (news, mut told) = mpsc::channel(TRACKER_NEWS);
        let (swarm, events) = (self.swarms.len(), self.shared.events.clone());
        tokio::spawn(async move {
            let mut joined = Vec::new();
            while told.recv_many(&mut joined, TRACKER_NEWS).await > 0 {
                // Who joins is told of all who are there and calls them. Were we to call as well, there would be two connections.
                sleep(NEWCOMERS_CALL).await;
                for addr in joined.drain(..) {
                    if events.send(Event::Joined { swarm, addr }).await.is_err() {
                        return;
                    }
                }
            }
        });
        news
    }

    fn trackers(&self, info_hash: InfoHash, tiers: Vec<Vec<String>>) -> io::Result<Option<Trackers>> {
        if tiers.is_empty() {
            return Ok(None);
        }
        let me = Me {
            info_hash,
            peer_id: self.peer_id,
            key: u32::from_be_bytes(random()?),
            port: self.options.port,
            from: self.options.from,
        };
        let rng = Seed::from_bytes(random()?).stream(Purpose::Torrent, 0);
        Ok(Some(Trackers::new(tiers, me, self.clock, rng)))
    }

    /// Hands gathered work over, and sets the timer.
    fn flush(&mut self, now: Instant) {
        for swarm in &mut self.swarms {
            swarm.flush(now);
        }
        let next = self.swarms.iter().filter_map(Swarm::wakes_at).min().unwrap_or(Instant::MAX);
        // A timer that rings too early does no harm and is cheaper than one that is set anew at each turn.
        if next < self.rings_at || self.rings_at <= now {
            let next = next.min(now + crate::limits::LONGEST_SLEEP);
            if let Some(system) = self.clock.system(next) {
                self.timer.as_mut().reset(system);
            }
            self.rings_at = next;
        }
    }

    async fn close(mut self) {
        let now = self.clock.now();
        for swarm in &mut self.swarms {
            swarm.input(now, Input::Command(Command::Stop));
            swarm.flush(now);
            swarm.tell(now);
        }
        let Self { swarms, events, .. } = self;
        // What the connections still have to say is not listened to.
        drop(events);
        let closing: JoinSet<()> = swarms.into_iter().map(Swarm::close).collect();
        closing.join_all().await;
    }
}

/// What we call ourselves: client and version in Azureus style (BEP 20), then random bytes.
fn peer_id() -> io::Result<PeerId> {
    let mut id = *b"-MB0100-            ";
    let random: [u8; 12] = random()?;
    id[8..].copy_from_slice(&random);
    Ok(PeerId(id))
}

/// Random bytes of the operating system.
///
/// # Errors
/// When it has none.
pub(crate) fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}

//! The engine: one task that owns the state machines of all torrents and drives them.
//!
//! It waits for news from connections, disks, trackers and the user, takes in what is there, acts on what the core says, and
//! hands gathered work over: blocks to the disk, messages to the writers. It never waits for a peer, a disk or a
//! tracker, so a slow one slows nobody else. It decides nothing about the protocol: that is the core's.

mod buffers;
mod dial;
mod entry;
mod event;
mod handle;
mod identity;
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
use std::net::IpAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use minibit_core::boundary::DiskDone;
use minibit_core::config::Encoding;
use minibit_core::{Command, Input, Instant, PeerId};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Sleep;

use self::event::{Arrival, Event, SwarmId};
use self::handle::Order;
use self::identity::peer_id;
use self::link::Shared;
use self::swarm::Swarm;
use crate::announce::Shelf;
use crate::clock::Clock;
use crate::limits::{EVENTS, EVENTS_AT_ONCE};

pub(crate) use self::entry::{NewTorrent, Unknown};
pub(crate) use self::handle::Handle;
pub(crate) use self::identity::random;
pub(crate) use self::rate::Limiter;
pub(crate) use self::status::{Phase, Status};

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

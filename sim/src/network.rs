//! The network: messages of known size travel between hosts in virtual time. It knows nothing of the protocol.
//!
//! # The model
//! Each host has an access link: an uplink and a downlink, or one capacity that both share. Beyond the access links nothing is
//! scarce; there are only delays. A connection is two *flows*, one per direction.
//!
//! - **Units.** A message is cut into units of at most 16 KiB; a block with its header is one unit. A message is delivered with
//!   its last unit. A unit occupies a link for `bytes · overhead · 8 / capacity`, rounded up to the nanosecond.
//! - **Turns.** A link serves in round-robin between the flows that have something for it, in turns of one unit or of several
//!   small ones up to the size of one (deficit round robin: fair in bytes). A flow that becomes active joins at the end. Service is
//!   not interrupted.
//! - **Small messages.** A message of up to 512 bytes on a flow of which nothing waits at the receiver's link does not wait there
//!   for the units of others: on a real link it goes between two packets of these. It is delivered at once, and the next turn
//!   begins later by its service. A link that is behind by more than two turns lets nothing slip in.
//! - **Delay.** A unit whose service at the uplink lasts from `a` to `b` comes in at the downlink from `a + delay` to
//!   `b + delay`. Delays may differ from message to message; a flow keeps its order all the same, as TCP does: what is early
//!   waits.
//! - **Downlink.** It works while the bytes come in (cut-through): a unit that finds it idle is delivered at the later of the
//!   arrival of its last byte and the end of a service that began with its first. Other units wait in the ring.
//! - **Back-pressure.** Of one flow at most `capacity · delay + 4 units` are on their way (sent, and not delivered), with the
//!   capacity of the narrower of the two links and the longest delay so far. That never limits a flow that has its path for
//!   itself, however long and fat it is. It does stop a flow whose receiver is the bottleneck: its turns at the uplink then go
//!   to the others. Round robin with such windows on both sides gives max-min fair rates (Hahne 1991). A unit may leave as soon
//!   as another is delivered: the sender is taken to know, for it is the outcome of congestion control, and not its
//!   transients, that is modelled.
//! - **Window.** If there is one, at most so many encoded bytes of a flow are unacknowledged, from the start of their service at
//!   the uplink until one delay after their delivery: a rate of at most window / RTT. A unit is cut where the window ends.
//!
//! Not modelled: loss and retransmission, slow start and the search for the right rate, bytes and time of acknowledgements on
//! links (the overhead factor stands for them), bottlenecks inside the network, set-up of connections (the caller's).
//!
//! # Cost
//! A unit costs an event when it leaves and one when it arrives, and a third only where it has to wait for a downlink; small
//! messages that leave together share the first. The list of events holds one entry per busy link and one per flow with
//! something on its way. Nothing is allocated per message.

use minibit_core::rng::Purpose;
use minibit_core::{Instant, Rng, Seed};

use crate::scenario;

mod delay;
mod flow;
mod link;
mod receiving;
mod sending;
#[cfg(test)]
mod tests;

pub use delay::{Delay, draw_nanos, mean_nanos};
use flow::{Flow, Sending};
use link::Link;

/// A host: a place with an access link. Hosts are numbered from 0 in the order in which they were added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostId(pub u32);

/// One direction of a connection. The two directions of connection `c` are `2 c` and `2 c + 1`. Numbers are dense; the
/// number of a closed connection is given out again, but not before all its events have passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowId(pub u32);

impl FlowId {
    /// The other direction of the same connection.
    #[must_use]
    pub const fn reverse(self) -> Self {
        Self(self.0 ^ 1)
    }

    /// The number as an index of a slice.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// Something that happens inside the network: to be handed to [`Network::handle`] when its time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetEvent {
    /// A turn on this link is over.
    LinkFree(u32),
    /// The last byte of a unit reaches the receiver's link.
    Arrival(FlowId),
    /// An acknowledgement arrives that makes room in a full window.
    Window(FlowId),
}

/// What the network has to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery<M> {
    /// A message has wholly left its sender. Told at the end of the turn that it was sent in, or when it arrives, if that is
    /// earlier.
    Sent {
        /// On which flow.
        flow: FlowId,
        /// Its encoded length.
        message_bytes: u32,
        /// As given to [`Network::send`].
        tag: u32,
    },
    /// A message has wholly arrived at its receiver.
    Delivered {
        /// On which flow.
        flow: FlowId,
        /// The message.
        message: M,
        /// Its encoded length.
        bytes: u32,
    },
}

/// The network.
#[derive(Debug)]
pub struct Network<M> {
    seed: Seed,
    window: Option<u64>,
    overhead_ppm: u64,
    hosts: Vec<Host>,
    links: Vec<Link>,
    flows: Vec<Flow<M>>,
    /// Connections whose numbers may be given out again.
    free: Vec<u32>,
}

#[derive(Debug)]
struct Host {
    uplink: u32,
    downlink: u32,
    /// For delays that are drawn for each message.
    delays: Option<Box<Rng>>,
}

impl Host {
    fn delays(&mut self, seed: &Seed, id: u32) -> &mut Rng {
        self.delays.get_or_insert_with(|| Box::new(seed.stream(Purpose::MessageDelays, id)))
    }
}

impl<M> Network<M> {
    /// A network without hosts. `window` limits the unacknowledged encoded bytes of each flow; `overhead_ppm` are wire bytes per
    /// million encoded bytes.
    pub const fn new(seed: &Seed, window: Option<u64>, overhead_ppm: u64) -> Self {
        Self {
            seed: *seed,
            window,
            overhead_ppm,
            hosts: Vec::new(),
            links: Vec::new(),
            flows: Vec::new(),
            free: Vec::new(),
        }
    }

    /// Adds a host. A capacity of zero is a link that moves nothing, ever.
    ///
    /// # Panics
    /// With more than 2³¹ hosts.
    pub fn add_host(&mut self, link: scenario::Link) -> HostId {
        let id = number(self.hosts.len());
        let uplink = number(self.links.len());
        let downlink = match link {
            scenario::Link::Duplex { up, down } => {
                self.links.extend([Link::new(up), Link::new(down)]);
                uplink + 1
            }
            scenario::Link::Shared(rate) => {
                self.links.push(Link::new(Some(rate)));
                uplink
            }
        };
        self.hosts.push(Host { uplink, downlink, delays: None });
        HostId(id)
    }

    /// Opens a connection with the same delay in both directions and returns the direction `from` → `to`. Nothing is sent, and
    /// no time passes: set-up is the caller's.
    ///
    /// The number may be that of a connection that was closed before: take all [`Delivery`] of an event out before opening.
    ///
    /// # Panics
    /// When a host does not exist, or both are the same.
    pub fn open(&mut self, from: HostId, to: HostId, delay: Delay) -> FlowId {
        self.open_asymmetric(from, to, delay, delay)
    }

    /// As [`Network::open`], with a delay of its own for the way back.
    ///
    /// # Panics
    /// When a host does not exist, or both are the same.
    pub fn open_asymmetric(&mut self, from: HostId, to: HostId, there: Delay, back: Delay) -> FlowId {
        assert_ne!(from, to, "a connection has two ends");
        let flows = [self.new_flow(from.0, to.0, there), self.new_flow(to.0, from.0, back)];
        if let Some(connection) = self.free.pop() {
            let first = 2 * connection;
            for (index, flow) in (first as usize..).zip(flows) {
                self.flows[index].reopen(flow);
            }
            FlowId(first)
        } else {
            let first = number(self.flows.len());
            self.flows.extend(flows);
            FlowId(first)
        }
    }

    fn new_flow(&self, from: u32, to: u32, delay: Delay) -> Flow<M> {
        let uplink = self.hosts[from as usize].uplink;
        let downlink = self.hosts[to as usize].downlink;
        let encoded = |bits: u64| {
            let bytes = u128::from(bits) * 125_000 / u128::from(self.overhead_ppm.max(1));
            u64::try_from(bytes).unwrap_or(u64::MAX)
        };
        let path_rate = self.links[downlink as usize]
            .rate
            .map(|down| encoded(self.links[uplink as usize].rate.unwrap_or(u64::MAX).min(down)));
        let window = self.window.map(|_| Box::default());
        Flow::new(from, (uplink, downlink), path_rate, delay, window)
    }

    /// Closes both directions of a connection. Messages that wait or travel are dropped; returns their encoded bytes that were
    /// not delivered. A turn that is under way goes on, for nobody.
    ///
    /// # Panics
    /// When the flow does not exist or is closed.
    pub fn close(&mut self, flow: FlowId) -> u64 {
        let mut dropped = 0;
        for id in [flow.0, flow.0 ^ 1] {
            let flow = &mut self.flows[id as usize];
            assert_ne!(flow.sending, Sending::Closed, "flow {id} is closed twice");
            dropped += flow.close();
            for link in [flow.uplink, flow.downlink] {
                self.links[link as usize].forget(id);
            }
        }
        self.reuse(flow);
        dropped
    }

    /// A closed connection's number is free when no event names it any more.
    fn reuse(&mut self, flow: FlowId) {
        let connection = flow.0 / 2;
        let done = |flow: &Flow<M>| flow.sending == Sending::Closed && !flow.has_event();
        if done(&self.flows[flow.index()]) && done(&self.flows[flow.reverse().index()]) {
            self.free.push(connection);
        }
    }

    /// Acts on an event whose time has come, and appends what there is to tell, in order.
    pub fn handle(
        &mut self,
        now: Instant,
        event: NetEvent,
        schedule: &mut impl FnMut(Instant, NetEvent),
        out: &mut Vec<Delivery<M>>,
    ) {
        match event {
            NetEvent::LinkFree(link) => {
                self.turn_over(link, out);
                let receiver = self.links[link as usize].receiver.take();
                if !receiver.is_some_and(|id| self.received(now, id, schedule, out)) {
                    self.serve(now, link, schedule);
                }
            }
            NetEvent::Arrival(id) => {
                if self.flows[id.index()].sending == Sending::Closed {
                    self.flows[id.index()].arrival_event = false;
                    self.reuse(id);
                } else {
                    self.arrive(now, id.0, schedule, out);
                }
            }
            NetEvent::Window(id) => {
                let flow = &mut self.flows[id.index()];
                if let Some(window) = flow.window.as_deref_mut() {
                    window.event = false;
                }
                if flow.sending == Sending::Closed {
                    self.reuse(id);
                } else {
                    self.unblock(now, id.0, schedule);
                }
            }
        }
    }

    /// Takes back the messages that match and of which nothing has left. Returns how many. O(queued messages).
    pub fn retract(&mut self, flow: FlowId, matches: impl FnMut(&M) -> bool) -> usize {
        self.flows[flow.index()].retract(matches)
    }

    /// Encoded bytes of this direction that have not begun to leave.
    pub fn queued_bytes(&self, flow: FlowId) -> u64 {
        self.flows[flow.index()].queued_bytes
    }

    /// Encoded bytes of this direction that have left, or are leaving, and are not delivered.
    pub fn in_flight_bytes(&self, flow: FlowId) -> u64 {
        self.flows[flow.index()].in_flight
    }

    /// One-way delay of this direction, or its mean, in nanoseconds.
    pub fn delay_nanos(&self, flow: FlowId) -> u64 {
        self.flows[flow.index()].delay
    }

    /// Bytes that the host has sent so far, with overhead. A unit counts when it begins to leave.
    pub fn wire_sent(&self, host: HostId) -> u64 {
        self.wire_bytes(self.links[self.hosts[host.0 as usize].uplink as usize].sent)
    }

    /// Bytes that the host has received so far, with overhead. A unit counts when it is delivered.
    pub fn wire_received(&self, host: HostId) -> u64 {
        self.wire_bytes(self.links[self.hosts[host.0 as usize].downlink as usize].received)
    }

    fn wire_bytes(&self, encoded: u64) -> u64 {
        let wire = u128::from(encoded) * u128::from(self.overhead_ppm) / 1_000_000;
        u64::try_from(wire).unwrap_or(u64::MAX)
    }
}

/// Hosts, links and flows are named by 32 bits.
fn number(len: usize) -> u32 {
    u32::try_from(len).expect("fewer than 2³² hosts, links and flows")
}

//! Set-up and end of connections in the simulated network.
//!
//! A dial is a 40-byte segment there and one back; then both ends may talk. An end that closes because it is done
//! says so with one more, after all that it has sent before. An end that closes for another reason tells the other one delay later, and what
//! was on its way is lost. A host that has crashed answers nothing: the other ends find out by their time-outs.

use minibit_core::boundary::{DisconnectReason, SimAddr};
use minibit_core::rng::Purpose;
use minibit_core::{ConnId, Input, Instant};

use crate::network::{Delay, FlowId, draw_nanos};
use crate::scenario::Latency;
use crate::world::participant::Presence;
use crate::world::{Event, Packet, World};

/// Bytes of a segment that opens a connection or accepts it: TCP/IP headers alone.
const SEGMENT: u32 = 40;

/// Who hears what a flow carries.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) peer: u32,
    /// `None` until the connection is accepted, and for the tracker's flows.
    pub(super) conn: Option<ConnId>,
}

/// A participant hears that a connection is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gone {
    pub(super) peer: u32,
    pub(super) conn: ConnId,
}

impl World<'_> {
    /// The delay between two participants' places.
    pub(super) fn delay_between(&self, a: u32, b: u32, place_a: usize, place_b: usize) -> (Delay, Delay) {
        match &self.scenario.network.latency {
            Latency::Constant(delay) => {
                let delay = Delay::Fixed(minibit_core::time::nanos(*delay));
                (delay, delay)
            }
            Latency::Places(matrix) => {
                let delay =
                    |from: usize, to: usize| Delay::Fixed(minibit_core::time::nanos(matrix[from][to]));
                (delay(place_a, place_b), delay(place_b, place_a))
            }
            Latency::PerPair(dist) => {
                // One stream per pair: spread over the 32-bit owners; pairs that meet in one draw the same delay.
                let (low, high) = (a.min(b), a.max(b));
                let owner = low.wrapping_mul(0x9e37_79b1).rotate_left(16) ^ high;
                let nanos = draw_nanos(*dist, &mut self.seed.stream(Purpose::Latencies, owner));
                (Delay::Fixed(nanos), Delay::Fixed(nanos))
            }
            Latency::PerMessage(dist) => (Delay::PerMessage(*dist), Delay::PerMessage(*dist)),
        }
    }

    pub(super) fn set_end(&mut self, flow: FlowId, end: End) {
        if self.ends.len() <= flow.index() {
            self.ends.resize(flow.index() + 1, End { peer: u32::MAX, conn: None });
        }
        self.ends[flow.index()] = end;
    }

    pub(super) fn transmit(&mut self, flow: FlowId, packet: Packet, bytes: u32, tag: u32) {
        let queue = &mut self.queue;
        let mut schedule = |at: Instant, event| queue.push(at, Event::Net(event));
        self.network.send(self.now, flow, packet, bytes, tag, &mut schedule);
    }

    /// A participant dials another.
    pub(super) fn dial(&mut self, peer: u32, conn: ConnId, addr: SimAddr) {
        let to = addr.0;
        if let Some(trace) = &mut self.trace {
            let name = |peer: u32| self.participants[peer as usize].plan.name.as_str();
            trace.connect(self.now, name(peer), name(to));
        }
        let (here, there) = (&self.participants[peer as usize], &self.participants[to as usize]);
        let (delay, back) = self.delay_between(peer, to, here.plan.place, there.plan.place);
        if here.host == there.host || matches!(there.presence, Presence::ToCome | Presence::Left) {
            self.participants[peer as usize].set_flow(conn.slot(), None);
            let round_trip = delay.mean_nanos() + back.mean_nanos();
            self.queue.push(self.now.after_nanos(round_trip), Event::Gone(Gone { peer, conn }));
            return;
        }
        let flow = self.network.open_asymmetric(here.host, there.host, delay, back);
        self.set_end(flow, End { peer: to, conn: None });
        self.set_end(flow.reverse(), End { peer, conn: Some(conn) });
        self.participants[peer as usize].set_flow(conn.slot(), Some(flow));
        self.segment(peer, flow, Packet::Syn);
    }

    /// A dial has arrived.
    pub(super) fn on_syn(&mut self, flow: FlowId) {
        let (to, from) = (self.ends[flow.index()].peer, self.ends[flow.reverse().index()].peer);
        self.participants[to as usize].wire_down += u64::from(SEGMENT);
        match self.participants[to as usize].presence {
            Presence::Here => self.drive(to, Input::Incoming { ticket: flow.0, addr: SimAddr(from) }),
            Presence::Crashed => {}
            Presence::ToCome | Presence::Left => self.hang_up(flow.reverse()),
        }
    }

    pub(super) fn accept(&mut self, peer: u32, ticket: u32, conn: ConnId) {
        let flow = FlowId(ticket);
        self.ends[flow.index()].conn = Some(conn);
        self.participants[peer as usize].set_flow(conn.slot(), Some(flow.reverse()));
        self.segment(peer, flow.reverse(), Packet::SynAck);
    }

    /// Sends a segment of connection set-up: bytes on the wire, but no message of the protocol.
    fn segment(&mut self, peer: u32, flow: FlowId, packet: Packet) {
        self.participants[peer as usize].wire_up += u64::from(SEGMENT);
        self.transmit(flow, packet, SEGMENT, 0);
    }

    pub(super) fn on_syn_ack(&mut self, flow: FlowId) {
        let End { peer, conn } = self.ends[flow.index()];
        self.participants[peer as usize].wire_down += u64::from(SEGMENT);
        if let Some(conn) = conn {
            self.drive(peer, Input::Connected { conn });
        }
    }

    /// A participant closes a connection.
    pub(super) fn disconnect(&mut self, peer: u32, conn: ConnId, reason: DisconnectReason) {
        if let Some(trace) = &mut self.trace {
            trace.disconnect(self.now, &self.participants[peer as usize].plan.name, reason);
        }
        let Some(flow) = self.participants[peer as usize].flow(conn.slot()) else { return };
        if reason == DisconnectReason::Done {
            // What was sent before still arrives.
            self.participants[peer as usize].set_flow(conn.slot(), None);
            self.ends[flow.reverse().index()].conn = None;
            self.segment(peer, flow, Packet::Fin);
        } else {
            self.hang_up(flow);
        }
    }

    /// The other end has closed a connection, and all that it had sent is here.
    pub(super) fn on_fin(&mut self, flow: FlowId) {
        let End { peer, conn } = self.ends[flow.index()];
        self.participants[peer as usize].wire_down += u64::from(SEGMENT);
        if let Some(conn) = conn {
            self.participants[peer as usize].set_flow(conn.slot(), None);
            self.on_gone(Gone { peer, conn });
        }
        self.network.close(flow);
    }

    /// Closes the connection whose nearer end sends on `flow`; the farther end hears of it one delay later.
    pub(super) fn hang_up(&mut self, flow: FlowId) {
        let far = self.ends[flow.index()];
        let near = self.ends[flow.reverse().index()];
        for end in [far, near] {
            if let Some(conn) = end.conn {
                self.participants[end.peer as usize].set_flow(conn.slot(), None);
            }
        }
        if let Some(conn) = far.conn {
            let at = self.now.after_nanos(self.network.delay_nanos(flow));
            self.queue.push(at, Event::Gone(Gone { peer: far.peer, conn }));
        }
        self.network.close(flow);
    }

    pub(super) fn on_gone(&mut self, gone: Gone) {
        if self.participants[gone.peer as usize].is_here() {
            self.drive(gone.peer, Input::Disconnected { conn: gone.conn });
        }
    }
}

//! The receiver's side: arrivals, and turns on downlinks.
//!
//! A downlink is cut-through: it works while the bytes of a unit come in, so an idle one that is as fast as the sender delivers
//! each unit at the moment when its last byte arrives, in the very event of the arrival. A small message slips in between the
//! packets of whatever is being received. Only a larger unit that finds the link busy, or that the link is too slow for, costs
//! another event.

use minibit_core::Instant;

use super::flow::Sending;
use super::link::{Left, Turn};
use super::{Delivery, FlowId, NetEvent, Network};

impl<M> Network<M> {
    /// The last byte of a unit, or of several, has come.
    pub(super) fn arrive(
        &mut self,
        now: Instant,
        id: u32,
        schedule: &mut impl FnMut(Instant, NetEvent),
        out: &mut Vec<Delivery<M>>,
    ) {
        loop {
            let flow = &mut self.flows[id as usize];
            if flow.arrived == flow.left {
                flow.arrival_event = false;
                return;
            }
            let unit = &flow.units[flow.arrived as usize];
            if unit.last_byte > now {
                return schedule(unit.last_byte, NetEvent::Arrival(FlowId(id)));
            }
            let link = &mut self.links[flow.downlink as usize];
            if !link.busy {
                let service = link.service_nanos(unit.bytes, self.overhead_ppm);
                let done = link.free_at.max(unit.first_byte).after_nanos(service);
                if done <= now {
                    link.free_at = done;
                    self.deliver(now, id, schedule, out);
                    continue;
                }
            }
            if !flow.receiving && link.lets_slip_in(now, unit.bytes, self.overhead_ppm) {
                let service = link.service_nanos(unit.bytes, self.overhead_ppm);
                link.free_at = link.free_at.max(unit.first_byte).after_nanos(service);
                self.deliver(now, id, schedule, out);
                continue;
            }
            flow.arrived += 1;
            if !flow.receiving {
                flow.receiving = true;
                link.ring.push_back(Turn::Receive(id));
                if !link.busy {
                    let downlink = flow.downlink;
                    self.serve(now, downlink, schedule);
                }
            }
        }
    }

    /// The link takes the next unit of the flow whose turn it is.
    pub(super) fn receive_next(
        &mut self,
        now: Instant,
        id: u32,
        schedule: &mut impl FnMut(Instant, NetEvent),
    ) {
        let flow = &mut self.flows[id as usize];
        let link = &mut self.links[flow.downlink as usize];
        let unit = flow.units.front().expect("a flow in the ring has a unit that has arrived");
        flow.receive_credit -= unit.bytes;
        let service = link.service_nanos(unit.bytes, self.overhead_ppm);
        link.free_at = link.free_at.max(unit.first_byte).after_nanos(service).max(now);
        link.busy = true;
        link.receiver = Some(id);
        schedule(link.free_at, NetEvent::LinkFree(flow.downlink));
    }

    /// A unit is received. Returns whether the flow's turn goes on.
    pub(super) fn received(
        &mut self,
        now: Instant,
        id: u32,
        schedule: &mut impl FnMut(Instant, NetEvent),
        out: &mut Vec<Delivery<M>>,
    ) -> bool {
        self.flows[id as usize].arrived -= 1;
        self.deliver(now, id, schedule, out);
        let flow = &mut self.flows[id as usize];
        if flow.arrived == 0 {
            flow.receive_credit = 0;
            flow.receiving = false;
        } else if flow.units.front().is_some_and(|unit| unit.bytes <= flow.receive_credit) {
            self.receive_next(now, id, schedule);
            return true;
        } else {
            self.links[flow.downlink as usize].ring.push_back(Turn::Receive(id));
        }
        false
    }

    /// The first unit on its way is at the receiver: its message is handed over if it is complete, and the sender has room again.
    fn deliver(
        &mut self,
        now: Instant,
        id: u32,
        schedule: &mut impl FnMut(Instant, NetEvent),
        out: &mut Vec<Delivery<M>>,
    ) {
        let flow = &mut self.flows[id as usize];
        let unit = flow.deliver();
        self.links[flow.downlink as usize].received += u64::from(unit.bytes);
        if self.window.is_some() {
            let back = now.after_nanos(self.flows[id as usize ^ 1].delay);
            self.flows[id as usize].acknowledge_at(back, unit.bytes);
        }
        if let Some((message, bytes)) = unit.message {
            self.tell_what_left(id, out);
            out.push(Delivery::Delivered { flow: FlowId(id), message, bytes });
        }
        if self.flows[id as usize].sending == Sending::Blocked {
            self.unblock(now, id, schedule);
        }
    }

    /// A message has arrived, so it has left: that is told first, although the turn in which it left may go on with messages of
    /// others. The receiver may close the connection now, and the turn would end without it.
    fn tell_what_left(&mut self, id: u32, out: &mut Vec<Delivery<M>>) {
        let flow = &self.flows[id as usize];
        let left = &mut self.links[flow.uplink as usize].left;
        let untold = left.iter().filter(|left| left.flow == id).count();
        if untold == 0 {
            return;
        }
        let under_way =
            flow.units.iter().take(flow.left as usize).filter(|unit| unit.message.is_some()).count();
        if untold > under_way
            && let Some(first) = left.iter().position(|left| left.flow == id)
        {
            let Left { bytes, tag, .. } = left.remove(first);
            out.push(Delivery::Sent { flow: FlowId(id), message_bytes: bytes, tag });
        }
    }
}

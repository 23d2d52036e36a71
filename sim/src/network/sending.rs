//! The sender's side: turns on uplinks.
//!
//! A turn is decided when it begins and ends with one event, however many small messages are in it: the times at which they
//! leave are exact, only [`Delivery::Sent`] is told at the end of the turn (before the message's arrival in any case). For the same reason flows that have next to
//! nothing to send (a HAVE to each of eighty neighbours) are served in one go, up to one turn's worth of bytes in total.

use minibit_core::Instant;

use super::flow::Sending;
use super::link::{Left, QUANTUM, Turn};
use super::{Delivery, FlowId, NetEvent, Network};

impl<M> Network<M> {
    /// Sends a message of `bytes` encoded bytes after those that were sent before on this flow. `tag` comes back with
    /// [`Delivery::Sent`].
    ///
    /// # Panics
    /// When the flow is closed.
    pub fn send(
        &mut self,
        now: Instant,
        flow: FlowId,
        message: M,
        bytes: u32,
        tag: u32,
        schedule: &mut impl FnMut(Instant, NetEvent),
    ) {
        let sender = &mut self.flows[flow.index()];
        sender.push(message, bytes, tag);
        match sender.sending {
            Sending::Idle => self.join(now, flow.0, schedule),
            Sending::Waiting | Sending::Served | Sending::Blocked => {}
            Sending::Closed => panic!("{flow:?} is closed"),
        }
    }

    /// A flow that has something to send and room for it joins the ring of its uplink; there is no waiting for one without
    /// limit.
    fn join(&mut self, now: Instant, id: u32, schedule: &mut impl FnMut(Instant, NetEvent)) {
        let flow = &mut self.flows[id as usize];
        let index = flow.uplink;
        let link = &mut self.links[index as usize];
        if link.rate.is_some() {
            flow.sending = Sending::Waiting;
            link.ring.push_back(Turn::Send(id));
            if !link.busy {
                self.serve(now, index, schedule);
            }
        } else {
            while self.take_turn(now, now, id, schedule).is_some() {}
            let link = &mut self.links[index as usize];
            if !link.busy && !link.left.is_empty() {
                link.busy = true;
                schedule(now, NetEvent::LinkFree(index));
            }
        }
    }

    /// A blocked flow goes on when there is room.
    pub(super) fn unblock(&mut self, now: Instant, id: u32, schedule: &mut impl FnMut(Instant, NetEvent)) {
        let window = self.window;
        let flow = &mut self.flows[id as usize];
        if flow.sending != Sending::Blocked {
        } else if flow.next_unit(now, window).is_some() {
            self.join(now, id, schedule);
        } else {
            flow.await_acknowledgement(id, schedule);
        }
    }

    /// Gives the link to whoever is next in its ring, and lets it rest when nobody is.
    pub(super) fn serve(&mut self, now: Instant, index: u32, schedule: &mut impl FnMut(Instant, NetEvent)) {
        let mut until = now.max(self.links[index as usize].free_at);
        let mut budget = u64::from(QUANTUM);
        loop {
            let link = &mut self.links[index as usize];
            match link.ring.front() {
                Some(&Turn::Receive(id)) if link.senders.is_empty() => {
                    link.ring.pop_front();
                    self.flows[id as usize].receive_credit += QUANTUM;
                    return self.receive_next(now, id, schedule);
                }
                Some(&Turn::Send(id))
                    if link.senders.is_empty() || self.flows[id as usize].queued_bytes <= budget =>
                {
                    link.ring.pop_front();
                    if let Some((end, bytes)) = self.take_turn(now, until, id, schedule) {
                        until = end;
                        budget = budget.saturating_sub(bytes);
                        self.links[index as usize].senders.push(id);
                    }
                }
                _ => break,
            }
        }
        let link = &mut self.links[index as usize];
        link.busy = !link.senders.is_empty();
        if link.busy {
            link.free_at = until;
            schedule(until, NetEvent::LinkFree(index));
        }
    }

    /// One flow's turn, from `start` on: returns when it ends and how many bytes leave, or `None` when none may.
    fn take_turn(
        &mut self,
        now: Instant,
        start: Instant,
        id: u32,
        schedule: &mut impl FnMut(Instant, NetEvent),
    ) -> Option<(Instant, u64)> {
        let flow = &mut self.flows[id as usize];
        flow.send_credit += QUANTUM;
        let (mut until, mut bytes, mut units) = (start, 0, 0);
        while let Some(unit) = self.flows[id as usize].next_unit(now, self.window)
            && unit <= self.flows[id as usize].send_credit
        {
            until = self.depart(until, id, unit, schedule);
            bytes += u64::from(unit);
            units += 1;
        }
        let flow = &mut self.flows[id as usize];
        if units > 0 {
            flow.sending = Sending::Served;
            return Some((until, bytes));
        }
        flow.send_credit = 0;
        if flow.is_idle() {
            flow.sending = Sending::Idle;
        } else {
            flow.sending = Sending::Blocked;
            flow.await_acknowledgement(id, schedule);
        }
        None
    }

    /// One unit leaves, from `start` until the time that is returned.
    fn depart(
        &mut self,
        start: Instant,
        id: u32,
        bytes: u32,
        schedule: &mut impl FnMut(Instant, NetEvent),
    ) -> Instant {
        let flow = &mut self.flows[id as usize];
        let link = &mut self.links[flow.uplink as usize];
        if !flow.mid_message
            && let Some(drawn) = flow.drawn.as_deref_mut()
        {
            drawn.draw(self.hosts[drawn.host as usize].delays(&self.seed, drawn.host));
        }
        let end = start.after_nanos(link.service_nanos(bytes, self.overhead_ppm));
        let (first_byte, last_byte) = flow.travel(start, end);
        let unit = flow.leave(bytes);
        (unit.first_byte, unit.last_byte) = (first_byte, last_byte);
        link.sent += u64::from(bytes);
        if let Some((_, bytes)) = unit.message {
            link.left.push(Left { flow: id, bytes, tag: unit.tag });
        }
        if !flow.arrival_event {
            flow.arrival_event = true;
            schedule(last_byte, NetEvent::Arrival(FlowId(id)));
        }
        end
    }

    /// A turn is over: what has left is told, and who has more to send joins the ring again, after those who came meanwhile.
    pub(super) fn turn_over(&mut self, index: u32, out: &mut Vec<Delivery<M>>) {
        let link = &mut self.links[index as usize];
        out.extend(link.left.drain(..).map(|Left { flow, bytes, tag }| Delivery::Sent {
            flow: FlowId(flow),
            message_bytes: bytes,
            tag,
        }));
        for id in link.senders.drain(..) {
            let flow = &mut self.flows[id as usize];
            if flow.is_idle() {
                flow.send_credit = 0;
                flow.sending = Sending::Idle;
            } else {
                flow.sending = Sending::Waiting;
                link.ring.push_back(Turn::Send(id));
            }
        }
    }
}

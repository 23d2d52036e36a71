//! What becomes of a participant's outputs, and what reaches it.

use minibit_core::boundary::{DiskDone, DiskOp, SimAddr, Simulated};
use minibit_core::payload::Virtual;
use minibit_core::wire::encoded_len;
use minibit_core::{BlockRef, BlockSpan, ConnId, Event as CoreEvent, Input, Instant, Message, Output};

use crate::network::FlowId;
use crate::results::ANNOUNCE_RESPONSE;
use crate::world::{Event, Packet, World};

impl World<'_> {
    /// Hands an input to a participant, acts on all that comes of it, and sets its timer.
    pub(super) fn drive(&mut self, peer: u32, input: Input<Simulated>) {
        let mut next = Some(input);
        while let Some(input) = next {
            let Some(torrent) = &mut self.participants[peer as usize].torrent else { return };
            torrent.handle_input(self.now, input, &mut self.outbox);
            while let Some(output) = self.outbox.pop() {
                self.act(peer, output);
            }
            next = self.done.pop_front();
        }
        let participant = &mut self.participants[peer as usize];
        let due = participant.torrent.as_ref().and_then(|torrent| torrent.poll_timeout());
        if let Some(due) = due.filter(|due| *due < participant.wake_at) {
            participant.wake_at = due;
            self.queue.push(due.max(self.now), Event::Wake(peer));
        }
    }

    /// A timer goes off; one that was set earlier since is harmless.
    pub(super) fn on_wake(&mut self, peer: u32) {
        let participant = &mut self.participants[peer as usize];
        if participant.wake_at > self.now || !participant.is_here() {
            return;
        }
        participant.wake_at = Instant::MAX;
        self.drive(peer, Input::Timeout);
    }

    fn act(&mut self, peer: u32, output: Output<Simulated>) {
        match output {
            Output::Send { to, message } => self.send(peer, to, message),
            Output::Disk(op) => {
                let done = self.disk(peer, &op);
                if self.scenario.disk.is_zero() {
                    self.done.push_back(Input::Disk(done));
                } else {
                    self.participants[peer as usize].disk.push_back(done);
                    self.queue.push(self.now + self.scenario.disk, Event::Disk(peer));
                }
            }
            Output::Connect { conn, addr } => self.dial(peer, conn, addr),
            Output::Accept { ticket, conn } => self.accept(peer, ticket, conn),
            Output::Refuse { ticket } => self.hang_up(FlowId(ticket).reverse()),
            Output::Announce(request) => self.announce(peer, request),
            Output::Disconnect { conn, reason } => self.disconnect(peer, conn, reason),
            Output::Event(event) => self.on_core_event(peer, &event),
        }
    }

    fn send(&mut self, peer: u32, to: ConnId, message: Message<Virtual>) {
        let participant = &mut self.participants[peer as usize];
        let bytes = encoded_len(participant.encoding, &message);
        if bytes == 0 {
            // The encoding has no word for it.
            return;
        }
        let kind = message.kind() as usize;
        self.digest.add(self.now, u64::from(peer) << 40 | (kind as u64) << 32 | bytes);
        let flow = participant.flow(to.slot());
        self.count_sent(peer, kind, bytes);
        if self.trace.is_some() {
            self.trace_send(peer, flow, &message);
        }
        // Without a flow the connection is gone already, and this participant will hear of it.
        let Some(flow) = flow else { return };
        let payload = message.payload_len();
        let bytes = u32::try_from(bytes).expect("messages are bounded far below 4 GiB");
        self.transmit(flow, Packet::Message(message), bytes, payload);
    }

    fn trace_send(&mut self, peer: u32, flow: Option<FlowId>, message: &Message<Virtual>) {
        let to = flow.map(|flow| self.ends[flow.index()].peer as usize);
        let to = to.and_then(|to| self.participants.get(to)).map(|to| to.plan.name.as_str());
        if let Some(trace) = &mut self.trace {
            trace.send(self.now, &self.participants[peer as usize].plan.name, to, message);
        }
    }

    /// Block data has left for the network.
    pub(super) fn on_sent(&mut self, flow: FlowId, payload: u32) {
        if payload == 0 {
            return;
        }
        let end = self.ends[flow.reverse().index()];
        let participant = &mut self.participants[end.peer as usize];
        participant.payload_up += u64::from(payload);
        if let Some(to) = end.conn.filter(|_| participant.is_here()) {
            self.drive(end.peer, Input::Sent { to, bytes: payload });
        }
    }

    /// Something has wholly arrived.
    pub(super) fn on_delivered(&mut self, flow: FlowId, packet: Packet, bytes: u32) {
        match packet {
            Packet::Syn => self.on_syn(flow),
            Packet::SynAck => self.on_syn_ack(flow),
            Packet::Fin => self.on_fin(flow),
            Packet::Message(message) => self.on_message(flow, message, bytes),
            Packet::Announce(request) => self.on_announce(flow, &request, bytes),
            Packet::Response(response) => {
                let peer = self.ends[flow.index()].peer;
                self.count_received(peer, ANNOUNCE_RESPONSE, bytes);
                if self.participants[peer as usize].is_here() {
                    self.drive(peer, Input::Announced(Box::new(Ok(*response))));
                }
            }
        }
    }

    pub(super) fn count_received(&mut self, peer: u32, kind: usize, bytes: u32) {
        let participant = &mut self.participants[peer as usize];
        let tally = &mut participant.received[kind];
        tally.count += 1;
        tally.bytes += u64::from(bytes);
        participant.messages_received += 1;
        participant.wire_down += u64::from(bytes);
    }

    fn on_message(&mut self, flow: FlowId, message: Message<Virtual>, bytes: u32) {
        let end = self.ends[flow.index()];
        let from = self.ends[flow.reverse().index()].peer;
        // What a crashed host had under way is lost with it, and so is what is sent to it.
        let lost = self.crashed[from as usize];
        let Some(conn) = end.conn.filter(|_| !lost && self.participants[end.peer as usize].is_here()) else {
            return;
        };
        self.count_received(end.peer, message.kind() as usize, bytes);
        let payload = u64::from(message.payload_len());
        if payload > 0 {
            self.participants[end.peer as usize].payload_down += payload;
            self.participants[from as usize].delivered += payload;
            self.timeline.payload += payload;
            self.timeline.give(self.group_of(from), self.group_of(end.peer), payload);
            if self.participants[from as usize].started_full(&self.geometry) {
                self.timeline.payload_from_seeds += payload;
            }
            self.watch.last_payload = self.now;
        }
        self.digest.add(self.now, u64::from(end.peer) << 40 | 1 << 39 | u64::from(bytes));
        self.drive(end.peer, Input::Message { from: conn, message });
        if payload > 0 {
            self.leave_if_uploaded(from);
        }
    }

    /// The disk has done what it was asked for longest ago.
    pub(super) fn on_disk(&mut self, peer: u32) {
        let participant = &mut self.participants[peer as usize];
        let done = participant.disk.pop_front().expect("one for each event");
        if participant.is_here() {
            self.drive(peer, Input::Disk(done));
        }
    }

    /// What becomes of it; what the disk holds of corrupt blocks is remembered for the hash check.
    fn disk(&mut self, peer: u32, op: &DiskOp<Virtual>) -> DiskDone<Virtual> {
        let participant = &mut self.participants[peer as usize];
        match *op {
            DiskOp::Read { conn, span: BlockSpan { index, begin, length } } => {
                DiskDone::Read { conn, index, begin, data: Virtual::new(length) }
            }
            DiskOp::Write { block, data } => {
                let place = place(block);
                participant.corrupt.retain(|&corrupt| corrupt != place);
                if data.is_corrupt() {
                    participant.corrupt.push(place);
                }
                DiskDone::Written { block }
            }
            DiskOp::Verify { piece } => {
                let ok = participant.corrupt.iter().all(|&(corrupt, _)| corrupt != piece.get());
                DiskDone::Verified { piece, ok }
            }
            DiskOp::Fingerprint { piece } => {
                let wrong = |block| u64::from(participant.corrupt.contains(&(piece.get(), block)));
                DiskDone::Fingerprints {
                    piece,
                    blocks: (0..self.geometry.block_count(piece)).map(wrong).collect(),
                }
            }
        }
    }

    fn on_core_event(&mut self, peer: u32, event: &CoreEvent<SimAddr>) {
        if let Some(trace) = &mut self.trace {
            trace.event(self.now, &self.participants[peer as usize].plan.name, event);
        }
        match *event {
            CoreEvent::PieceCompleted { piece } => self.watch.piece_completed(piece),
            CoreEvent::Completed => self.on_completed(peer),
            _ => {}
        }
    }

    /// The number of its group; the seeding tracker is the last.
    fn group_of(&self, peer: u32) -> usize {
        self.participants[peer as usize].plan.group.unwrap_or(self.scenario.groups.len())
    }

    /// Counts a message that a participant sends.
    pub(super) fn count_sent(&mut self, peer: u32, kind: usize, bytes: u64) {
        let participant = &mut self.participants[peer as usize];
        let tally = &mut participant.sent[kind];
        tally.count += 1;
        tally.bytes += bytes;
        participant.messages_sent += 1;
        participant.wire_up += bytes;
        self.timeline.messages += 1;
    }
}

fn place(block: BlockRef) -> (u32, u32) {
    (block.piece.get(), block.block)
}

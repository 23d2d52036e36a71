//! The laws of one participant, checked after every input (the reliability goals' I3, I5, I6, I7, I9, I10, I15 and I17).
//!
//! The witness sees what goes in and what comes out, and nothing else: it keeps its own books of who has what, who chokes
//! whom and which requests are open, and compares them with what the `Torrent` shows.

use core::net::SocketAddr;
use std::collections::{BTreeMap, BTreeSet};

use core::time::Duration;

use minibit_core::announce::AnnounceResponse;
use minibit_core::boundary::{Address, DiskDone, DiskOp, Env, Event};
use minibit_core::config::{ChokeAlgorithm, Connections, Inventory, Lists, Requests};
use minibit_core::payload::Payload as _;
use minibit_core::torrent::Torrent;
use minibit_core::{
    Bitfield, BlockRef, BlockSpan, Command, ConnId, Geometry, Input, Instant, Message, Output,
};

/// One connection in the witness's books.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "as in the protocol")]
struct Line {
    /// Where it was dialled; `None`: it came to us.
    dialled: Option<SocketAddr>,
    open: bool,
    fast: bool,
    has: Bitfield,
    peer_choking: bool,
    am_choking: bool,
    allowed_to_us: BTreeSet<u32>,
    allowed_to_peer: BTreeSet<u32>,
    /// Our requests that are open.
    asked: Vec<BlockSpan>,
    /// Our requests that were taken back.
    taken_back: Vec<BlockSpan>,
    /// The peer's requests that are open; true: being read.
    wanted: Vec<(BlockSpan, bool)>,
}

/// The books of one participant.
#[derive(Debug)]
pub(crate) struct Witness {
    geometry: Geometry,
    lines: BTreeMap<ConnId, Line>,
    /// What the tracker says of the pieces of others.
    told: BTreeMap<SocketAddr, Bitfield>,
    /// Who has everything, as the user says where the tracker alone tells of pieces.
    sources: BTreeSet<SocketAddr>,
    /// The announce under way asks for peers.
    asking: bool,
    /// Blocks on their way to the disk.
    writing: BTreeSet<BlockRef>,
    /// Outputs that one input may cause on one connection.
    burst: usize,
}

/// Takes the first that fits out of a list.
fn take<T>(list: &mut Vec<T>, fits: impl Fn(&T) -> bool) -> Option<T> {
    let at = list.iter().position(fits)?;
    Some(list.remove(at))
}

impl Witness {
    pub(crate) fn new<E: Env>(torrent: &Torrent<E>) -> Self {
        let config = torrent.config();
        let depth = match config.requests {
            Requests::Pipelined { max, .. } => max,
            Requests::Fixed(depth) => depth,
            Requests::Paced { .. } => 1,
        };
        // A choke rejects what is queued. A time-out takes a whole pipeline back and may fill another. On top: choke, unchoke,
        // interest, have, keep-alive, a greeting with its allowed-fast pieces, a close.
        let burst = config.limits.queued_requests.max(2 * depth) + config.allowed_fast + 8;
        Self {
            geometry: torrent.geometry(),
            lines: BTreeMap::new(),
            told: BTreeMap::new(),
            sources: BTreeSet::new(),
            asking: false,
            writing: BTreeSet::new(),
            burst: burst as usize,
        }
    }

    /// Notes an input before the participant has it.
    pub(crate) fn hears<E: Env>(&mut self, torrent: &Torrent<E>, input: &Input<E>) {
        match input {
            Input::Disconnected { conn } => {
                self.lines.remove(conn);
            }
            Input::Disk(DiskDone::Written { block } | DiskDone::WriteFailed { block }) => {
                assert!(self.writing.remove(block), "a harness writes what it was asked to write");
            }
            Input::Disk(DiskDone::ReadFailed { conn, span }) => self.read_for_nothing(*conn, *span, false),
            Input::Disk(DiskDone::Read { conn, index, begin, data }) => {
                let span = BlockSpan { index: *index, begin: *begin, length: data.len() };
                self.read_for_nothing(*conn, span, true);
            }
            Input::Message { from, message } => {
                let (geometry, config) = (self.geometry, *torrent.config());
                if let Some(line) = self.lines.get_mut(from) {
                    line.hears::<E>(&geometry, config.fast_extension, message);
                }
            }
            Input::Announced(result) => {
                if let (Ok(response), true) = (&**result, self.asking) {
                    self.told = self.list(torrent, response);
                    self.trust_sources();
                    let lasting = !matches!(torrent.config().connections, Connections::PerPiece { .. });
                    for line in self.lines.values_mut().filter(|line| line.open && lasting) {
                        line.adopt(&self.told);
                    }
                }
            }
            Input::Command(Command::AddSources(addrs))
                if torrent.config().inventory == Inventory::Tracker =>
            {
                self.sources.extend(addrs.iter().map(Address::to_socket));
                self.trust_sources();
            }
            _ => {}
        }
    }

    fn trust_sources(&mut self) {
        let all = Bitfield::all(self.geometry.piece_count());
        self.told.extend(self.sources.iter().map(|&addr| (addr, all.clone())));
    }

    /// What an answer says of others' pieces.
    fn list<E: Env>(
        &self,
        torrent: &Torrent<E>,
        response: &AnnounceResponse<E::Addr>,
    ) -> BTreeMap<SocketAddr, Bitfield> {
        let all = Bitfield::all(self.geometry.piece_count());
        match torrent.config().announcing.map(|announcing| announcing.lists) {
            Some(Lists::Inventories) => {
                response.inventories.iter().map(|(addr, set)| (addr.to_socket(), set.clone())).collect()
            }
            Some(Lists::Holders) => {
                response.peers.iter().map(|addr| (addr.to_socket(), all.clone())).collect()
            }
            _ => BTreeMap::new(),
        }
    }

    /// A read is done of which nothing will be sent: it has failed, or, if not, a choke has overtaken it.
    fn read_for_nothing(&mut self, conn: ConnId, span: BlockSpan, only_if_choked: bool) {
        let Some(line) = self.lines.get_mut(&conn) else { return };
        let choked = line.am_choking && !line.allowed_to_peer.contains(&span.index);
        if (choked || !only_if_choked)
            && let Some(entry) = line.wanted.iter_mut().find(|entry| **entry == (span, true))
        {
            entry.1 = false;
        }
    }

    /// Checks the outputs to an input.
    pub(crate) fn sees<E: Env>(&mut self, now: Instant, torrent: &Torrent<E>, outputs: &[Output<E>]) {
        let config = torrent.config();
        let mut bursts: BTreeMap<ConnId, usize> = BTreeMap::new();
        for output in outputs {
            let conn = match output {
                Output::Connect { conn, .. } | Output::Accept { conn, .. } => {
                    let mut line = Line::new(self.geometry.piece_count(), config.has_no_choking());
                    if let Output::Connect { addr, .. } = output {
                        line.dialled = Some(addr.to_socket());
                    }
                    assert!(
                        self.lines.insert(*conn, line).is_none(),
                        "ids of connections are not used twice"
                    );
                    Some(*conn)
                }
                Output::Disconnect { conn, .. } => {
                    assert!(self.lines.remove(conn).is_some(), "only what is there is closed");
                    Some(*conn)
                }
                Output::Send { to, message } => {
                    self.says(torrent, *to, message);
                    Some(*to)
                }
                Output::Disk(DiskOp::Read { conn, span }) => {
                    let line = self.lines.get_mut(conn).expect("reads are for connections that are there");
                    let wanted = line.wanted.iter_mut().find(|(wanted, reading)| wanted == span && !reading);
                    wanted.unwrap_or_else(|| panic!("nobody asks for {span:?}")).1 = true;
                    Some(*conn)
                }
                Output::Disk(DiskOp::Write { block, data }) => {
                    assert_eq!(data.len(), self.geometry.span(*block).length);
                    assert!(self.writing.insert(*block), "{block:?} is written twice at the same time");
                    None
                }
                Output::Announce(request) => {
                    self.asking = request.numwant > 0;
                    None
                }
                Output::Event(Event::PieceCompleted { piece }) => {
                    assert!(torrent.have().contains(*piece));
                    None
                }
                _ => None,
            };
            if let Some(conn) = conn {
                let burst = bursts.entry(conn).or_default();
                *burst += 1;
                assert!(*burst <= self.burst, "I17: {burst} actions on one connection after one input");
            }
        }
        self.compare(now, torrent);
    }

    fn says<E: Env>(&mut self, torrent: &Torrent<E>, to: ConnId, message: &Message<E::Data>) {
        let config = torrent.config();
        let blind = matches!(config.requests, Requests::Paced { ask_all_when_unknown: true, .. });
        let paced = matches!(config.requests, Requests::Paced { .. });
        let copies = if config.endgame { 3 } else { 1 };
        let geometry = self.geometry;
        if let Message::Request(span) = message {
            let others =
                self.lines.values().flat_map(|line| &line.asked).filter(|asked| *asked == span).count();
            // A paced participant gives up silently what was not answered within its interval.
            assert!(paced || others < copies, "I10: {span:?} is asked of {others} peers already");
        }
        let line = self.lines.get_mut(&to).unwrap_or_else(|| panic!("{message:?} to nobody"));
        let told = line.dialled.and_then(|addr| self.told.get(&addr));
        match message {
            Message::Request(span) => {
                let block = geometry.block(*span).unwrap_or_else(|| panic!("I5: {span:?} is no block"));
                let has =
                    line.has.contains(block.piece) || told.is_some_and(|told| told.contains(block.piece));
                assert!(blind || has, "I5: {span:?} of one who has not got it");
                assert!(!torrent.have().contains(block.piece), "I5: {span:?} is here");
                let may = !line.peer_choking || line.allowed_to_us.contains(&span.index);
                assert!(may, "I5: {span:?} of one who chokes us");
                line.asked.push(*span);
            }
            Message::Cancel(span) => {
                assert!(take(&mut line.asked, |asked| asked == span).is_some(), "{span:?} was not asked for");
                line.taken_back.push(*span);
            }
            Message::Choke => {
                line.am_choking = true;
                let allowed = &line.allowed_to_peer;
                let fast = line.fast;
                line.wanted.retain(|(span, reading)| fast || *reading || allowed.contains(&span.index));
            }
            Message::Unchoke => line.am_choking = false,
            Message::AllowedFast { index } => {
                line.allowed_to_peer.insert(*index);
            }
            Message::Piece { index, begin, data } => {
                let span = BlockSpan { index: *index, begin: *begin, length: data.len() };
                let answered = take(&mut line.wanted, |&(wanted, reading)| wanted == span && reading);
                assert!(answered.is_some(), "I6: nobody waits for {span:?}");
                let may = !line.am_choking || line.allowed_to_peer.contains(index);
                assert!(may, "I6: {span:?} to one whom we choke");
            }
            Message::RejectRequest(span) => {
                assert!(line.fast);
                let waiting = take(&mut line.wanted, |(wanted, reading)| wanted == span && !reading);
                let refused = waiting.or_else(|| take(&mut line.wanted, |(wanted, _)| wanted == span));
                assert!(refused.is_some(), "{span:?} was not asked for, or answered before");
            }
            Message::Have { index } => {
                let piece = geometry.piece(*index).expect("a piece of the torrent");
                assert!(torrent.have().contains(piece), "I3: piece {index} is not here");
                let to_all = config.super_seeding || config.inventory == Inventory::HaveToAll;
                let telling = to_all || !line.has.contains(piece);
                assert!(telling, "have {index} to one who has it");
            }
            Message::Bitfield(inventory) => assert_eq!(inventory.pieces, *torrent.have(), "I3"),
            Message::HaveAll => assert!(torrent.is_complete(), "I3"),
            _ => {}
        }
        let fast_only = matches!(
            message,
            Message::HaveAll
                | Message::HaveNone
                | Message::RejectRequest(_)
                | Message::AllowedFast { .. }
                | Message::SuggestPiece { .. }
        );
        assert!(line.fast || !fast_only, "{:?} without the fast extension", message.kind());
    }

    /// The books against what the participant shows.
    fn compare<E: Env>(&mut self, now: Instant, torrent: &Torrent<E>) {
        let config = torrent.config();
        let paced = matches!(config.requests, Requests::Paced { .. });
        let lasting = !matches!(config.connections, Connections::PerPiece { .. });
        let mut served = 0;
        let mut shown = 0;
        for view in torrent.connections() {
            shown += 1;
            let line = self.lines.get_mut(&view.conn).expect("connections come from Connect and Accept");
            let opens = view.open && !core::mem::replace(&mut line.open, view.open);
            if !view.open {
                continue;
            }
            if opens && lasting {
                line.adopt(&self.told);
            }
            assert_eq!(view.pieces, line.has.count(), "{view:?}");
            assert_eq!(view.am_choking, line.am_choking, "{view:?}");
            assert_eq!(view.peer_choking, line.peer_choking, "{view:?}");
            assert!(paced || view.outstanding as usize == line.asked.len(), "{view:?} and {:?}", line.asked);
            assert!(view.queued <= config.limits.queued_requests, "I8: {view:?}");
            let gives_only = line.dialled.is_some() && config.connections == Connections::Contacts;
            let useful =
                !torrent.wants_nothing() && line.has.difference_count(torrent.have()) > 0 && !gives_only;
            assert_eq!(view.am_interested, useful, "interest follows need: {view:?}");
            served += u32::from(!view.am_choking && view.peer_interested);
        }
        assert_eq!(self.lines.len(), shown);
        assert!(shown <= config.limits.connections as usize, "I8: {shown} connections");
        if config.choking.algorithm != ChokeAlgorithm::None {
            let slots = config.choking.slots + config.choking.optimistic_slots;
            assert!(served <= slots, "I7: {served} are served in {slots} slots");
        }
        for piece in self.geometry.pieces() {
            if lasting {
                let count = self.lines.values().filter(|line| line.has.contains(piece)).count();
                assert_eq!(torrent.availability(piece) as usize, count, "I9: {piece:?}");
            } else {
                // Who turned out not to have it does not count.
                let count = self.told.values().filter(|told| told.contains(piece)).count();
                assert!(torrent.availability(piece) as usize <= count, "I9: {piece:?}");
            }
        }
        if let Some(due) = torrent.poll_timeout() {
            let ahead = due.saturating_since(now);
            assert!(ahead <= Duration::from_hours(1), "I15: the next timer is at {due}, now is {now}");
        }
    }

    /// After a `Timeout` nothing that was due is left.
    pub(crate) fn woke<E: Env>(now: Instant, torrent: &Torrent<E>) {
        let due = torrent.poll_timeout();
        assert!(due.is_none_or(|due| due >= now), "I15: {due:?} is before {now} and was not acted on");
    }
}

impl Line {
    /// The tracker says what the peer has, at least.
    fn adopt(&mut self, told: &BTreeMap<SocketAddr, Bitfield>) {
        if let Some(told) = self.dialled.and_then(|addr| told.get(&addr)) {
            told.iter().for_each(|piece| {
                self.has.insert(piece);
            });
        }
    }

    fn new(pieces: u32, no_choking: bool) -> Self {
        Self {
            dialled: None,
            open: false,
            fast: false,
            has: Bitfield::none(pieces),
            peer_choking: !no_choking,
            am_choking: !no_choking,
            allowed_to_us: BTreeSet::new(),
            allowed_to_peer: BTreeSet::new(),
            asked: Vec::new(),
            taken_back: Vec::new(),
            wanted: Vec::new(),
        }
    }

    fn hears<E: Env>(&mut self, geometry: &Geometry, speaks_fast: bool, message: &Message<E::Data>) {
        if let Message::Handshake(theirs) = message {
            self.fast |= speaks_fast && theirs.fast;
            return;
        }
        if !self.open {
            return;
        }
        match message {
            Message::Have { index } => {
                if let Some(piece) = geometry.piece(*index) {
                    self.has.insert(piece);
                }
            }
            Message::Bitfield(inventory) if inventory.pieces.len() == geometry.piece_count() => {
                self.has = inventory.pieces.clone();
            }
            Message::HaveAll if self.fast => self.has = Bitfield::all(geometry.piece_count()),
            Message::HaveNone if self.fast => self.has = Bitfield::none(geometry.piece_count()),
            Message::Choke => {
                self.peer_choking = true;
                if !self.fast {
                    self.taken_back.append(&mut self.asked);
                }
            }
            Message::Unchoke => self.peer_choking = false,
            Message::AllowedFast { index } => {
                self.allowed_to_us.insert(*index);
            }
            Message::Piece { index, begin, data } => {
                let span = BlockSpan { index: *index, begin: *begin, length: data.len() };
                if take(&mut self.asked, |asked| *asked == span).is_none() {
                    take(&mut self.taken_back, |asked| *asked == span);
                }
            }
            Message::RejectRequest(span) if self.fast => {
                let late = take(&mut self.taken_back, |asked| asked == span);
                late.or_else(|| take(&mut self.asked, |asked| asked == span));
            }
            Message::Request(span) => self.wanted.push((*span, false)),
            Message::Cancel(span) => {
                let waiting = take(&mut self.wanted, |(wanted, reading)| wanted == span && !reading);
                if !self.fast && waiting.is_none() {
                    take(&mut self.wanted, |(wanted, _)| wanted == span);
                }
                if self.fast
                    && let Some(cancelled) = waiting
                {
                    // To be rejected.
                    self.wanted.push(cancelled);
                }
            }
            _ => {}
        }
    }
}

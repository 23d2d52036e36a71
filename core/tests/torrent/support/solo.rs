//! A single `Torrent`; the test plays everybody else, message by message.

use core::time::Duration;

use minibit_core::boundary::{DisconnectReason, DiskOp, SimAddr, Simulated};
use minibit_core::config::Config;
use minibit_core::extension::ExtensionHandshake;
use minibit_core::message::{Extended, Handshake, MessageKind};
use minibit_core::payload::Virtual;
use minibit_core::rng::Purpose;
use minibit_core::torrent::{ConnectionView, Identity, Particulars, Torrent};
use minibit_core::{
    Bitfield, BlockSpan, Command, ConnId, Event, Geometry, InfoHash, Input, Instant, Message, Outbox, Output,
    Rng, Seed,
};

use super::{Disk, SWARM, Witness, peer_id};

/// The output to one input, or to several.
pub(crate) type Said = Vec<Output<Simulated>>;

/// One participant under test, with a disk that answers at once unless told otherwise.
pub(crate) struct Solo {
    pub(crate) torrent: Torrent<Simulated>,
    pub(crate) now: Instant,
    pub(crate) disk: Disk<Simulated>,
    /// Disk operations wait in `held` until [`Solo::release`].
    pub(crate) hold_disk: bool,
    pub(crate) held: Vec<DiskOp<Virtual>>,
    /// Blocks that are sent do not leave: no `Sent`.
    pub(crate) clogged: bool,
    outbox: Outbox<Simulated>,
    witness: Witness,
    rng: Rng,
    pub(crate) strangers: u32,
}

impl Solo {
    /// Number 0, started, at time zero.
    pub(crate) fn new(config: Config, geometry: Geometry, have: &Bitfield) -> Self {
        Self::with_particulars(config, geometry, have, Particulars::default())
    }

    /// The same with something to say of itself.
    pub(crate) fn with_particulars(
        config: Config,
        geometry: Geometry,
        have: &Bitfield,
        particulars: Particulars,
    ) -> Self {
        Self::of_swarm(SWARM, config, geometry, have, particulars)
    }

    /// The same in another swarm.
    pub(crate) fn of_swarm(
        info_hash: InfoHash,
        config: Config,
        geometry: Geometry,
        have: &Bitfield,
        particulars: Particulars,
    ) -> Self {
        let identity = Identity { info_hash, peer_id: peer_id(0), stream: 0 };
        let seed = Seed::from_number(1);
        let torrent = Torrent::new(config, geometry, identity, have.clone(), Instant::ZERO, seed)
            .with_particulars(particulars);
        let mut solo = Self {
            witness: Witness::new(&torrent),
            torrent,
            now: Instant::ZERO,
            disk: Disk::new(geometry, have),
            hold_disk: false,
            held: Vec::new(),
            clogged: false,
            outbox: Outbox::new(),
            rng: seed.stream(Purpose::Test, 0),
            strangers: 0,
        };
        solo.input(Input::Command(Command::Start));
        solo
    }

    /// One that has nothing.
    pub(crate) fn leecher(config: Config, geometry: Geometry) -> Self {
        Self::new(config, geometry, &Bitfield::none(geometry.piece_count()))
    }

    /// One that has everything.
    pub(crate) fn seeder(config: Config, geometry: Geometry) -> Self {
        Self::new(config, geometry, &Bitfield::all(geometry.piece_count()))
    }

    /// Everything that follows from one input: disk operations are done, blocks have left.
    pub(crate) fn input(&mut self, input: Input<Simulated>) -> Said {
        let mut said = Vec::new();
        let mut inputs = std::collections::VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            let timeout = matches!(input, Input::Timeout);
            self.witness.hears(&self.torrent, &input);
            self.torrent.handle_input(self.now, input, &mut self.outbox);
            let mut outputs = Vec::new();
            while let Some(output) = self.outbox.pop() {
                outputs.push(output);
            }
            self.witness.sees(self.now, &self.torrent, &outputs);
            if timeout {
                Witness::woke(self.now, &self.torrent);
            }
            for output in outputs {
                match &output {
                    Output::Disk(op) if self.hold_disk => self.held.push(op.clone()),
                    Output::Disk(op) => {
                        inputs.push_back(Input::Disk(self.disk.act(op.clone(), &mut self.rng)));
                    }
                    Output::Send { to, message } if message.credited_len() > 0 && !self.clogged => {
                        inputs.push_back(Input::Sent { to: *to, bytes: message.credited_len() });
                    }
                    _ => {}
                }
                said.push(output);
            }
        }
        said
    }

    /// Does the oldest of the disk operations that are held.
    pub(crate) fn release(&mut self) -> Said {
        let op = self.held.remove(0);
        let done = self.disk.act(op, &mut self.rng);
        self.input(Input::Disk(done))
    }

    /// A message comes.
    pub(crate) fn hear(&mut self, from: ConnId, message: Message<Virtual>) -> Said {
        self.input(Input::Message { from, message })
    }

    /// A block that was asked for comes, and is right.
    pub(crate) fn give(&mut self, from: ConnId, span: BlockSpan) -> Said {
        let BlockSpan { index, begin, length } = span;
        self.hear(from, Message::Piece { index, begin, data: Virtual::new(length) })
    }

    /// The same with a wrong byte.
    pub(crate) fn give_wrong(&mut self, from: ConnId, span: BlockSpan) -> Said {
        let BlockSpan { index, begin, length } = span;
        self.hear(from, Message::Piece { index, begin, data: Virtual::new(length).corrupted() })
    }

    /// Time goes by, timers are served when they are due.
    pub(crate) fn wait(&mut self, time: Duration) -> Said {
        let end = self.now + time;
        let mut said = Vec::new();
        while let Some(due) = self.torrent.poll_timeout().filter(|&due| due <= end) {
            self.now = self.now.max(due);
            said.extend(self.input(Input::Timeout));
        }
        self.now = end;
        said
    }

    /// Somebody new connects, and says nothing yet. Strangers are numbered from 1.
    pub(crate) fn accept(&mut self) -> ConnId {
        self.strangers += 1;
        let addr = SimAddr(self.strangers);
        let said = self.input(Input::Incoming { ticket: self.strangers, addr });
        accepted(&said).expect("there is room")
    }

    /// Somebody new connects and shakes hands, with the fast extension or without. What it hears after the handshake.
    pub(crate) fn greet_saying(&mut self, fast: bool) -> (ConnId, Said) {
        let conn = self.accept();
        let said = self.hear(conn, handshake(self.strangers, fast));
        (conn, said)
    }

    /// The same, where it does not matter what is heard.
    pub(crate) fn greet(&mut self, fast: bool) -> ConnId {
        self.greet_saying(fast).0
    }

    /// Somebody new connects who speaks the extension protocol, and says this. What it hears after both handshakes.
    pub(crate) fn greet_extended(&mut self, theirs: &ExtensionHandshake) -> (ConnId, Said) {
        let conn = self.accept();
        let said = self.hear(conn, extended_handshake(self.strangers));
        let answer = self.hear(conn, extension(0, theirs.to_payload()));
        (conn, said.into_iter().chain(answer).collect())
    }

    /// Somebody who has these pieces, and lets itself be asked; what it is asked for.
    pub(crate) fn meet(&mut self, fast: bool, pieces: &Bitfield) -> (ConnId, Vec<BlockSpan>) {
        let conn = self.greet(fast);
        self.hear(conn, Message::bitfield(pieces.clone()));
        let said = self.hear(conn, Message::Unchoke);
        (conn, requests(&said, conn))
    }

    /// The same with all pieces.
    pub(crate) fn meet_seed(&mut self, fast: bool) -> (ConnId, Vec<BlockSpan>) {
        self.meet(fast, &Bitfield::all(self.torrent.geometry().piece_count()))
    }

    /// Somebody who has nothing and wants everything; is it unchoked at once?
    pub(crate) fn meet_taker(&mut self, fast: bool) -> (ConnId, bool) {
        let conn = self.greet(fast);
        let said = self.hear(conn, Message::Interested);
        (conn, kinds(&said, conn).contains(&MessageKind::Unchoke))
    }

    pub(crate) fn view(&self, conn: ConnId) -> Option<ConnectionView<SimAddr>> {
        self.torrent.connections().find(|view| view.conn == conn)
    }
}

/// The handshake of a stranger.
pub(crate) fn handshake(stranger: u32, fast: bool) -> Message<Virtual> {
    Message::Handshake(Box::new(Handshake {
        info_hash: SWARM,
        peer_id: peer_id(stranger as usize),
        fast,
        extended: false,
    }))
}

/// The handshake of a stranger who speaks the extension protocol and the fast extension.
pub(crate) fn extended_handshake(stranger: u32) -> Message<Virtual> {
    Message::Handshake(Box::new(Handshake {
        info_hash: SWARM,
        peer_id: peer_id(stranger as usize),
        fast: true,
        extended: true,
    }))
}

/// An extension's message.
pub(crate) fn extension(id: u8, payload: impl Into<bytes::Bytes>) -> Message<Virtual> {
    Message::Extended(Box::new(Extended { id, payload: payload.into() }))
}

/// The extension messages to a connection under a number of its choice.
pub(crate) fn extensions(said: &[Output<Simulated>], conn: ConnId, id: u8) -> Vec<bytes::Bytes> {
    let payload = |message: Message<Virtual>| match message {
        Message::Extended(extended) if extended.id == id => Some(extended.payload),
        _ => None,
    };
    messages(said, conn).into_iter().filter_map(payload).collect()
}

pub(crate) fn accepted(said: &[Output<Simulated>]) -> Option<ConnId> {
    said.iter().find_map(|output| if let Output::Accept { conn, .. } = output { Some(*conn) } else { None })
}

/// The messages to a connection.
pub(crate) fn messages(said: &[Output<Simulated>], conn: ConnId) -> Vec<Message<Virtual>> {
    let to = |output: &Output<Simulated>| match output {
        Output::Send { to, message } if *to == conn => Some(message.clone()),
        _ => None,
    };
    said.iter().filter_map(to).collect()
}

/// The kinds of messages to a connection.
pub(crate) fn kinds(said: &[Output<Simulated>], conn: ConnId) -> Vec<MessageKind> {
    messages(said, conn).iter().map(Message::kind).collect()
}

/// What a connection is asked for.
pub(crate) fn requests(said: &[Output<Simulated>], conn: ConnId) -> Vec<BlockSpan> {
    let span =
        |message: Message<Virtual>| if let Message::Request(span) = message { Some(span) } else { None };
    messages(said, conn).into_iter().filter_map(span).collect()
}

/// Why a connection was closed.
pub(crate) fn closed(said: &[Output<Simulated>], conn: ConnId) -> Option<DisconnectReason> {
    said.iter().find_map(|output| match output {
        Output::Disconnect { conn: closed, reason } if *closed == conn => Some(*reason),
        _ => None,
    })
}

/// Who was banned.
pub(crate) fn banned(said: &[Output<Simulated>]) -> Vec<SimAddr> {
    let addr = |output: &Output<Simulated>| match output {
        Output::Event(Event::Banned { addr }) => Some(*addr),
        _ => None,
    };
    said.iter().filter_map(addr).collect()
}

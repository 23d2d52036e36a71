//! A single `Torrent` on a real network: addresses are sockets. The test plays the strangers.

use core::net::SocketAddr;

use bytes::Bytes;
use minibit_core::boundary::{Net, Outbox};
use minibit_core::config::Config;
use minibit_core::extension::{PexFlags, PexMessage, UT_PEX};
use minibit_core::message::{Extended, Handshake};
use minibit_core::torrent::{Identity, Torrent};
use minibit_core::{Bitfield, Command, ConnId, Geometry, Input, Instant, Message, Output, Seed};

use super::{SWARM, peer_id};

/// A socket address.
pub(crate) fn socket(text: &str) -> SocketAddr {
    text.parse().expect("an address of a test")
}

/// A leecher without a disk.
pub(crate) struct Lone {
    pub(crate) now: Instant,
    torrent: Torrent<Net>,
    outbox: Outbox<Net>,
    strangers: usize,
}

impl Lone {
    pub(crate) fn new(config: Config, geometry: Geometry) -> Self {
        let identity = Identity { info_hash: SWARM, peer_id: peer_id(0), stream: 0 };
        let have = Bitfield::none(geometry.piece_count());
        let torrent = Torrent::new(config, geometry, identity, have, Instant::ZERO, Seed::from_number(1));
        let mut lone = Self { now: Instant::ZERO, torrent, outbox: Outbox::new(), strangers: 0 };
        lone.input(Input::Command(Command::Start));
        lone
    }

    pub(crate) fn input(&mut self, input: Input<Net>) -> Vec<Output<Net>> {
        self.torrent.handle_input(self.now, input, &mut self.outbox);
        core::iter::from_fn(|| self.outbox.pop()).collect()
    }

    /// Somebody knocks; `None` when the door stays shut.
    pub(crate) fn knock(&mut self, from: &str) -> Option<ConnId> {
        let said = self.input(Input::Incoming { ticket: 1, addr: socket(from) });
        match said[..] {
            [Output::Accept { conn, .. }] => Some(conn),
            [Output::Refuse { .. }] => None,
            _ => panic!("{said:?}"),
        }
    }

    /// Somebody comes and shakes hands.
    pub(crate) fn greet(&mut self, from: &str) -> ConnId {
        let conn = self.knock(from).expect("there is room");
        self.strangers += 1;
        let theirs =
            Handshake { info_hash: SWARM, peer_id: peer_id(self.strangers), fast: true, extended: true };
        self.input(Input::Message { from: conn, message: Message::Handshake(Box::new(theirs)) });
        conn
    }

    /// Whom it dials when it hears an extension's message.
    pub(crate) fn dials(&mut self, from: ConnId, id: u8, payload: Bytes) -> Vec<SocketAddr> {
        let message = Message::Extended(Box::new(Extended { id, payload }));
        dialled(&self.input(Input::Message { from, message }))
    }

    /// Whom it dials when it is told of these.
    pub(crate) fn dials_told(&mut self, from: ConnId, addrs: &[&str]) -> Vec<SocketAddr> {
        let added = addrs.iter().map(|text| (socket(text), PexFlags::default())).collect();
        self.dials(from, UT_PEX, PexMessage { added, dropped: Vec::new() }.to_payload())
    }
}

/// Who is dialled.
pub(crate) fn dialled(said: &[Output<Net>]) -> Vec<SocketAddr> {
    let addr =
        |output: &Output<Net>| if let Output::Connect { addr, .. } = output { Some(*addr) } else { None };
    said.iter().filter_map(addr).collect()
}

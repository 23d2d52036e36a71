//! The whole boundary between the core and its drivers, on one page.
//!
//! One input → drain the [`Outbox`] to empty → ask [`poll_timeout`](crate::torrent::Torrent::poll_timeout) → next input.
//! The order of outputs is part of the contract. A spurious or late [`Input::Timeout`] is harmless, equal instants are
//! legal, time never goes back.

use core::fmt::Debug;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::collections::VecDeque;

use bytes::Bytes;

use crate::announce::{AnnounceError, AnnounceRequest, AnnounceResponse};
use crate::id::{BlockRef, BlockSpan, ConnId, PieceIndex};
use crate::message::Message;
use crate::payload::Payload;

/// What differs between the worlds: how peers are addressed and what a block carries.
pub trait Env: Clone + Debug + 'static {
    /// Where a peer can be reached.
    type Addr: Address;
    /// The data of a block.
    type Data: Payload;
}

/// Where a peer can be reached: a socket address, or a number in the simulator.
pub trait Address: Copy + Ord + Debug {
    /// The IPv4 address out of which BEP 6 makes the allowed-fast set; `None` where there is none.
    fn ipv4(&self) -> Option<[u8; 4]>;

    /// As peers tell each other of it (BEP 11).
    fn to_socket(&self) -> SocketAddr;

    /// The address that a peer has told us of; `None` when there is no such address in this world.
    fn from_socket(socket: SocketAddr) -> Option<Self>;

    /// The same host under another port: where a peer listens that has come to us from a port of the moment.
    fn with_port(&self, port: u16) -> Self;

    /// May it be dialled when a stranger has named it? Not when no single host can be meant by it: whoever names it would have us
    /// knock at nobody's door, or at everybody's.
    fn is_dialable(&self) -> bool;
}

/// The simulated world: peers are numbered, blocks have no bytes.
#[derive(Clone, Copy, Debug)]
pub enum Simulated {}

impl Env for Simulated {
    type Addr = SimAddr;
    type Data = crate::payload::Virtual;
}

/// All simulated peers listen on this port.
const SIM_PORT: u16 = 6881;

/// A simulated peer's address: its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimAddr(pub u32);

impl Address for SimAddr {
    fn ipv4(&self) -> Option<[u8; 4]> {
        Some(self.0.to_be_bytes())
    }

    fn to_socket(&self) -> SocketAddr {
        (Ipv4Addr::from_bits(self.0), SIM_PORT).into()
    }

    fn from_socket(socket: SocketAddr) -> Option<Self> {
        match socket.ip() {
            IpAddr::V4(ip) if socket.port() == SIM_PORT => Some(Self(ip.to_bits())),
            _ => None,
        }
    }

    fn with_port(&self, _: u16) -> Self {
        *self
    }

    fn is_dialable(&self) -> bool {
        true
    }
}

/// The real world: sockets and bytes.
#[derive(Clone, Copy, Debug)]
pub enum Net {}

impl Env for Net {
    type Addr = SocketAddr;
    type Data = Bytes;
}

impl Address for SocketAddr {
    fn ipv4(&self) -> Option<[u8; 4]> {
        match self.ip().to_canonical() {
            IpAddr::V4(ip) => Some(ip.octets()),
            IpAddr::V6(_) => None,
        }
    }

    fn to_socket(&self) -> SocketAddr {
        *self
    }

    fn from_socket(socket: SocketAddr) -> Option<Self> {
        Some(socket)
    }

    fn with_port(&self, port: u16) -> Self {
        let mut addr = *self;
        addr.set_port(port);
        addr
    }

    fn is_dialable(&self) -> bool {
        // An IPv6 address of the link means nothing without the link.
        let scope = if let Self::V6(addr) = self { addr.scope_id() } else { 0 };
        let host = match self.ip().to_canonical() {
            // The last term: 240.0.0.0/4 is reserved, the broadcast address is the last of it.
            IpAddr::V4(ip) => ip.octets()[0] != 0 && !ip.is_multicast() && ip.octets()[0] < 240,
            IpAddr::V6(ip) => {
                !(ip.is_unspecified() || ip.is_multicast() || ip.is_unicast_link_local() && scope == 0)
            }
        };
        host && self.port() != 0
    }
}

/// What the driver tells a `Torrent`.
#[derive(Clone, Debug)]
pub enum Input<E: Env> {
    /// Time has passed.
    Timeout,
    /// Somebody connected to us; answered by [`Output::Accept`] or [`Output::Refuse`] with the same ticket.
    Incoming {
        /// The driver's name for the connection until it has a [`ConnId`].
        ticket: u32,
        /// Where it comes from.
        addr: E::Addr,
    },
    /// A connection that we asked for is open.
    Connected {
        /// The id of [`Output::Connect`].
        conn: ConnId,
    },
    /// A connection is gone, or could not be opened.
    Disconnected {
        /// Which one.
        conn: ConnId,
    },
    /// A message has arrived.
    Message {
        /// On which connection.
        from: ConnId,
        /// The message.
        message: Message<E::Data>,
    },
    /// Data has left for the network: new credit to send. Or none has because of a limit of ours, and not because the peer does not read;
    /// a driver with such a limit says so every second while data waits for it.
    Sent {
        /// On which connection.
        to: ConnId,
        /// Bytes of blocks and of extension messages: the sum of their [`Message::credited_len`]. 0: they are held back.
        bytes: u32,
    },
    /// A disk operation is done.
    Disk(DiskDone<E::Data>),
    /// The tracker has answered, or has failed to.
    Announced(Box<Result<AnnounceResponse<E::Addr>, AnnounceError>>),
    /// The user, or the scenario, wants something.
    Command(Command<E::Addr>),
}

/// What the user, or the scenario, may want.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<A> {
    /// Begin: announce, and dial what is known.
    Start,
    /// Addresses of peers from elsewhere than the tracker: an explicit neighbourhood, a magnet link, discovery (BEP 14). A
    /// private torrent takes peers from its trackers alone (BEP 27): what was discovered is not for it, see
    /// [`Torrent::is_private`](crate::torrent::Torrent::is_private).
    AddPeers(Vec<A>),
    /// The same of peers of whom the user says that they have everything. Where the tracker alone tells who has what (S3, S4), these
    /// can be asked, and those of [`AddPeers`](Self::AddPeers) cannot; elsewhere peers say themselves what they have.
    AddSources(Vec<A>),
    /// Say goodbye to the tracker and to all peers.
    Stop,
}

/// What a `Torrent` wants done.
#[derive(Clone, Debug)]
pub enum Output<E: Env> {
    /// Open a connection; answered by [`Input::Connected`] or [`Input::Disconnected`].
    Connect {
        /// Its id from now on.
        conn: ConnId,
        /// Where to.
        addr: E::Addr,
    },
    /// Keep an incoming connection.
    Accept {
        /// The ticket of [`Input::Incoming`].
        ticket: u32,
        /// Its id from now on.
        conn: ConnId,
    },
    /// Close an incoming connection.
    Refuse {
        /// The ticket of [`Input::Incoming`].
        ticket: u32,
    },
    /// Send a message after those that were sent before on this connection.
    Send {
        /// On which connection.
        to: ConnId,
        /// The message.
        message: Message<E::Data>,
    },
    /// Read, write or verify; answered by [`Input::Disk`] in any order, at any later time.
    Disk(DiskOp<E::Data>),
    /// Ask the tracker; answered by [`Input::Announced`].
    Announce(Box<AnnounceRequest>),
    /// Close a connection; it is forgotten, so there is no answer.
    Disconnect {
        /// Which one.
        conn: ConnId,
        /// Why.
        reason: DisconnectReason,
    },
    /// Something worth knowing happened; nothing needs to be done.
    Event(Event<E::Addr>),
}

/// Work for the disk. The operation's own names are its token: completions repeat them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskOp<D> {
    /// Read bytes that a peer asked for.
    Read {
        /// For which connection.
        conn: ConnId,
        /// Which bytes.
        span: BlockSpan,
    },
    /// Write a block.
    Write {
        /// Which block.
        block: BlockRef,
        /// Its bytes.
        data: D,
    },
    /// Hash a piece, all of whose blocks are written, and compare.
    Verify {
        /// Which piece.
        piece: PieceIndex,
    },
    /// Tell the blocks of a piece on the disk apart: a 64-bit fingerprint of each, equal for equal bytes. Asked only after a
    /// failed hash check, to find who sent what was wrong.
    Fingerprint {
        /// Which piece.
        piece: PieceIndex,
    },
}

/// The outcome of a [`DiskOp`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiskDone<D> {
    /// Bytes are read.
    Read {
        /// For which connection.
        conn: ConnId,
        /// Index of the piece.
        index: u32,
        /// Byte offset within the piece.
        begin: u32,
        /// The bytes.
        data: D,
    },
    /// Bytes could not be read.
    ReadFailed {
        /// For which connection.
        conn: ConnId,
        /// Which bytes.
        span: BlockSpan,
    },
    /// A block is written.
    Written {
        /// Which block.
        block: BlockRef,
    },
    /// A block could not be written: the disk is full or broken.
    WriteFailed {
        /// Which block.
        block: BlockRef,
    },
    /// A piece was hashed.
    Verified {
        /// Which piece.
        piece: PieceIndex,
        /// Its hash is the metainfo's.
        ok: bool,
    },
    /// A piece could not be hashed: the disk is broken. That is nobody's lie.
    VerifyFailed {
        /// Which piece.
        piece: PieceIndex,
    },
    /// The blocks of a piece are fingerprinted; empty when the disk failed.
    Fingerprints {
        /// Which piece.
        piece: PieceIndex,
        /// One per block, in order.
        blocks: Box<[u64]>,
    },
}

/// Why the core closes a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The handshake names another swarm.
    WrongInfoHash,
    /// We have connected to ourselves.
    SelfConnection,
    /// There is another connection to this peer.
    Duplicate,
    /// The peer broke the protocol.
    ProtocolViolation(Violation),
    /// The peer was banned: it sent wrong bytes.
    Banned,
    /// No handshake in time.
    HandshakeTimeout,
    /// Nothing was heard for too long.
    Idle,
    /// Both sides have everything.
    BothSeeds,
    /// What the connection was for has been handed over, or there is nothing of it to give: a piece, or the last one that was missing
    /// (S3, S4). A driver closes it after what it has been given to send.
    Done,
    /// The peer asks for what is not here, and there is no other way to say so (S3, S4).
    NotHere,
    /// The peer does not give us the metadata that we have nothing but the info-hash of.
    NoMetadata,
    /// A newcomer needs the place, or the same peer has come again on another connection.
    Replaced,
    /// We are going.
    Stopped,
}

/// How the peer broke the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Violation {
    /// Something came before the handshake, or a second handshake.
    Handshake,
    /// A piece index that the torrent does not have.
    PieceIndex,
    /// A bitfield of another length than the torrent's.
    Bitfield,
    /// A request that is empty, too long or out of range.
    RequestRange,
    /// A block that the torrent does not have: nobody can have asked for it.
    BlockRange,
    /// More waiting requests than are allowed.
    TooManyRequests,
    /// A fast-extension message without the fast extension.
    NotNegotiated,
    /// Rejects, or blocks that nobody asked for, again and again.
    Flood,
}

/// Something worth knowing.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event<A> {
    /// A piece is complete, verified and can be shared.
    PieceCompleted {
        /// Which piece.
        piece: PieceIndex,
    },
    /// A piece did not match its hash and is fetched again.
    PieceFailed {
        /// Which piece.
        piece: PieceIndex,
    },
    /// A peer sent a wrong byte and is not spoken to again.
    Banned {
        /// Who.
        addr: A,
    },
    /// All pieces are complete.
    Completed,
    /// Writing has failed: nothing more is asked for, what is there is shared, and it is tried again from time to time.
    DiskFailed,
    /// Writing works again.
    DiskRecovered,
    /// The metadata is here, and its hash is the info-hash: the last thing that a
    /// [`MetadataFetch`](crate::metadata::MetadataFetch) says.
    Metadata(Box<Bytes>),
    /// A piece that a paced participant picked, and in how many inventories it was (S5 logs the frequencies).
    Picked {
        /// Which piece.
        piece: PieceIndex,
        /// Known holders.
        holders: u32,
    },
}

/// Where a `Torrent` puts what it wants done: owned by the caller, shared by all participants of a simulation.
#[derive(Debug)]
pub struct Outbox<E: Env> {
    queue: VecDeque<Output<E>>,
}

impl<E: Env> Outbox<E> {
    /// An empty outbox.
    pub const fn new() -> Self {
        Self { queue: VecDeque::new() }
    }

    /// The oldest output; the driver calls this until there is none.
    pub fn pop(&mut self) -> Option<Output<E>> {
        self.queue.pop_front()
    }

    /// Has everything been taken out?
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn push(&mut self, output: Output<E>) {
        self.queue.push_back(output);
    }

    pub(crate) fn send(&mut self, to: ConnId, message: Message<E::Data>) {
        self.push(Output::Send { to, message });
    }

    pub(crate) fn event(&mut self, event: Event<E::Addr>) {
        self.push(Output::Event(event));
    }
}

impl<E: Env> Default for Outbox<E> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_single_hosts_are_dialled() {
        for good in
            ["10.0.0.1:6881", "127.0.0.1:1", "[::1]:80", "[2001:db8::1]:9", "[fe80::1%2]:9", "223.0.0.1:5"]
        {
            assert!(good.parse::<SocketAddr>().unwrap().is_dialable(), "{good}");
        }
        let nobody =
            ["0.0.0.0:80", "0.1.2.3:80", "10.0.0.1:0", "224.0.0.1:80", "255.255.255.255:80", "240.0.0.1:80"];
        for bad in
            nobody.into_iter().chain(["[::]:80", "[ff02::1]:80", "[fe80::1]:9", "[::ffff:224.0.0.1]:80"])
        {
            assert!(!bad.parse::<SocketAddr>().unwrap().is_dialable(), "{bad}");
        }
    }

    #[test]
    fn inputs_and_outputs_stay_small() {
        assert!(size_of::<Input<Simulated>>() <= 32, "{}", size_of::<Input<Simulated>>());
        assert!(size_of::<Output<Simulated>>() <= 32, "{}", size_of::<Output<Simulated>>());
    }
}

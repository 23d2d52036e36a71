//! The engine as the rest of the program sees it: orders go in, a status to watch comes out.

use std::io;
use std::net::SocketAddr;

use bytes::BytesMut;
use minibit_core::config::Encoding;
use minibit_core::tracker::systems::Opening;
use minibit_core::{InfoHash, PeerId};
use tokio::io::DuplexStream;
use tokio::sync::{mpsc, oneshot, watch};

#[cfg(doc)]
use super::Phase;
use super::dial::tune;
use super::event::{Arrival, Event};
use super::link::Opened;
use super::stream::Stream;
use super::{NewTorrent, Status, Unknown};
use crate::listener::Visitor;

/// What the rest of the program wants of the engine.
#[derive(Debug)]
pub(super) enum Order {
    Add(Box<NewTorrent>, oneshot::Sender<io::Result<watch::Receiver<Status>>>),
    Describe(Box<Unknown>, oneshot::Sender<io::Result<watch::Receiver<Status>>>),
    AddPeers(InfoHash, Vec<SocketAddr>),
    LengthOf(String, oneshot::Sender<Option<u64>>),
    TakesPart(InfoHash, Encoding, oneshot::Sender<bool>),
    Stop,
}

/// The engine as the rest of the program sees it.
#[derive(Clone, Debug)]
pub(crate) struct Handle {
    orders: mpsc::Sender<Order>,
    events: mpsc::Sender<Event>,
    peer_id: PeerId,
}

impl Handle {
    pub(super) const fn new(
        orders: mpsc::Sender<Order>,
        events: mpsc::Sender<Event>,
        peer_id: PeerId,
    ) -> Self {
        Self { orders, events, peer_id }
    }

    /// What we call ourselves.
    pub(crate) const fn peer_id(&self) -> PeerId {
        self.peer_id
    }

    /// Takes part in a torrent.
    ///
    /// # Errors
    /// When the system has no threads for its disk, or the engine has ended.
    pub(crate) async fn add(&self, torrent: NewTorrent) -> io::Result<watch::Receiver<Status>> {
        let (answer, status) = oneshot::channel();
        // Where the engine has ended the answer does not come.
        let _ = self.orders.send(Order::Add(Box::new(torrent), answer)).await;
        status.await.map_err(io::Error::other)?
    }

    /// Fetches the metadata of a torrent from its peers (BEP 9), until the status is [`Phase::Described`].
    ///
    /// # Errors
    /// When the system gives no random numbers, or the engine has ended.
    pub(crate) async fn describe(&self, unknown: Unknown) -> io::Result<watch::Receiver<Status>> {
        let (answer, status) = oneshot::channel();
        // Where the engine has ended the answer does not come.
        let _ = self.orders.send(Order::Describe(Box::new(unknown), answer)).await;
        status.await.map_err(io::Error::other)?
    }

    /// Peers of a torrent that were discovered. A private torrent does not take them.
    pub(crate) async fn add_peers(&self, info_hash: InfoHash, peers: Vec<SocketAddr>) {
        let _ = self.orders.send(Order::AddPeers(info_hash, peers)).await;
    }

    /// The length of a file that is given under this name to clients of S4, in bytes.
    pub(crate) async fn length_of(&self, file: String) -> Option<u64> {
        let (answer, length) = oneshot::channel();
        let _ = self.orders.send(Order::LengthOf(file, answer)).await;
        length.await.ok()?
    }

    /// Is this swarm here, for peers that speak so?
    pub(crate) async fn takes_part(&self, info_hash: InfoHash, encoding: Encoding) -> bool {
        let (answer, takes_part) = oneshot::channel();
        let _ = self.orders.send(Order::TakesPart(info_hash, encoding, answer)).await;
        takes_part.await.unwrap_or(false)
    }

    /// Says good-bye to everyone; [`Engine::run`](super::Engine::run) returns soon after.
    pub(crate) async fn stop(&self) {
        let _ = self.orders.send(Order::Stop).await;
    }

    /// Somebody has connected who speaks the peer protocol. Where the engine is behind, it waits: as many as the listener has places
    /// for.
    pub(crate) async fn arrived(&self, visitor: Visitor) {
        let Visitor { stream, prefix, mut addr, opening, place } = visitor;
        if let Opening::Peer { encoding, info_hash, file, port } = opening {
            if let Some(port) = port {
                addr.set_port(port.get());
            }
            tune(&stream);
            let stream = Stream::Socket(stream);
            let opened = Opened { stream, prefix, encoding, place: Some(place) };
            // Closed with the rest when the engine has ended.
            let _ = self.events.send(Event::Arrived(Arrival { opened, addr, info_hash, file })).await;
        }
    }

    /// Somebody at this address speaks the peer protocol of a system on a connection that is not its own; `stream` has its part of
    /// it. It means this swarm.
    pub(crate) async fn arrived_beside(
        &self,
        stream: DuplexStream,
        addr: SocketAddr,
        encoding: Encoding,
        info_hash: InfoHash,
    ) {
        let (stream, prefix) = (Stream::Part(stream, addr), BytesMut::new());
        let opened = Opened { stream, prefix, encoding, place: None };
        let arrival = Arrival { opened, addr, info_hash: Some(info_hash), file: None };
        // Closed with the rest when the engine has ended.
        let _ = self.events.send(Event::Arrived(arrival)).await;
    }
}

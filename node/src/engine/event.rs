//! What the engine hears of: everything that happens outside of it arrives as one of these.

use std::net::SocketAddr;
use std::path::PathBuf;

use bytes::Bytes;
use minibit_core::announce::{AnnounceError, AnnounceResponse};
use minibit_core::{ConnId, InfoHash, Message};
use tokio::net::TcpStream;

use super::link;
use crate::storage::StorageError;

/// The number of a swarm within the engine, never used again.
pub(crate) type SwarmId = usize;

/// News of a connection, or of a task that works for the engine.
#[derive(Debug)]
pub(crate) enum Event {
    /// Messages have come, in this order.
    Messages { swarm: SwarmId, conn: ConnId, messages: Vec<Message<Bytes>> },
    /// So many bytes of credit have left; 0: a limit holds them back.
    Sent { swarm: SwarmId, conn: ConnId, bytes: u32 },
    /// The connection has ended, or has brought what makes no sense.
    Gone { swarm: SwarmId, conn: ConnId },
    /// A dial has ended; `None`: in vain.
    Dialled { swarm: SwarmId, conn: ConnId, stream: Option<TcpStream> },
    /// Somebody has connected and speaks the peer protocol.
    Arrived(Arrival),
    /// The tracker has answered, or has failed to.
    Announced { swarm: SwarmId, answer: Box<Result<AnnounceResponse<SocketAddr>, AnnounceError>> },
    /// A tracker has told of somebody without being asked.
    Joined { swarm: SwarmId, addr: SocketAddr },
    /// The complete content has got its final name.
    Finished { swarm: SwarmId, result: Result<PathBuf, StorageError> },
}

/// Somebody who has connected to us.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) opened: link::Opened,
    /// Where it listens, if it says so, or else where it comes from.
    pub(crate) addr: SocketAddr,
    /// The swarm that its first message names.
    pub(crate) info_hash: Option<InfoHash>,
    /// The file that it names.
    pub(crate) file: Option<String>,
}

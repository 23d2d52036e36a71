//! The whole boundary between the core and its drivers, on one page; its words have files of their own.
//!
//! One input → drain the [`Outbox`] to empty → ask [`poll_timeout`](crate::torrent::Torrent::poll_timeout) → next input.
//! The order of outputs is part of the contract. A spurious or late [`Input::Timeout`] is harmless, equal instants are
//! legal, time never goes back.

mod address;
mod disconnect;
mod disk;
mod event;
mod outbox;
mod world;

use crate::announce::{AnnounceError, AnnounceRequest, AnnounceResponse};
use crate::id::ConnId;
use crate::message::Message;

pub use self::address::{Address, SimAddr};
pub use self::disconnect::{DisconnectReason, Violation};
pub use self::disk::{DiskDone, DiskOp};
pub use self::event::Event;
pub use self::outbox::Outbox;
pub use self::world::{Env, Net, Simulated};

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_and_outputs_stay_small() {
        assert!(size_of::<Input<Simulated>>() <= 32, "{}", size_of::<Input<Simulated>>());
        assert!(size_of::<Output<Simulated>>() <= 32, "{}", size_of::<Output<Simulated>>());
    }
}

//! The messages that peers exchange, whatever their encoding.
//!
//! BEP 3 (*peer protocol*), BEP 6 (fast extension) and the frame of BEP 10. Numbers are as they came off the wire:
//! unchecked. The receiver validates them against its [`Geometry`](crate::geometry::Geometry).

use bytes::Bytes;

use crate::bitfield::Bitfield;
use crate::id::{BlockSpan, InfoHash, PeerId};
use crate::payload::Payload;

/// What a peer says of itself before anything else (BEP 3; the reserved bits of BEP 6 and BEP 10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// The swarm that is meant.
    pub info_hash: InfoHash,
    /// The sender.
    pub peer_id: PeerId,
    /// Speaks the fast extension (BEP 6): reserved\[7\] & 0x04.
    pub fast: bool,
    /// Speaks the extension protocol (BEP 10): reserved\[5\] & 0x10.
    pub extended: bool,
}

/// All the pieces that a peer has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inventory {
    /// The pieces.
    pub pieces: Bitfield,
    /// Whose they are, where that is said along with them and there is no handshake to say it (S2, S5).
    pub peer_id: Option<PeerId>,
}

/// One message of the peer protocol. `D` is the data of a block.
///
/// Rare and large parts are boxed, so that the frequent messages stay small: 16 bytes in the simulator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message<D> {
    /// The opening of a connection, once in each direction.
    Handshake(Box<Handshake>),
    /// Nothing to say; keeps the connection from idling out.
    KeepAlive,
    /// No more requests will be answered.
    Choke,
    /// Requests will be answered.
    Unchoke,
    /// The receiver has something the sender wants.
    Interested,
    /// It has not.
    NotInterested,
    /// The sender has completed a piece.
    Have {
        /// Index of the piece.
        index: u32,
    },
    /// All the pieces that the sender has. The first message, or at any time where inventories are broadcast (S2, S5).
    Bitfield(Box<Inventory>),
    /// Asks for a block.
    Request(BlockSpan),
    /// A block.
    Piece {
        /// Index of the piece.
        index: u32,
        /// Byte offset within the piece.
        begin: u32,
        /// The bytes.
        data: D,
    },
    /// Takes a request back.
    Cancel(BlockSpan),
    /// The sender's DHT port (BEP 5): read, and ignored.
    Port(u16),
    /// BEP 6: this piece would be a good one to ask for.
    SuggestPiece {
        /// Index of the piece.
        index: u32,
    },
    /// BEP 6: in place of a full bitfield.
    HaveAll,
    /// BEP 6: in place of an empty bitfield.
    HaveNone,
    /// BEP 6: this request will not be answered.
    RejectRequest(BlockSpan),
    /// BEP 6: this piece may be asked for even while choked.
    AllowedFast {
        /// Index of the piece.
        index: u32,
    },
    /// BEP 10: an extension's message, not looked into here.
    Extended(Box<Extended>),
}

/// A message of an extension (BEP 10).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extended {
    /// The receiver's number for the extension; 0 is the extension handshake.
    pub id: u8,
    /// A bencoded dictionary, for some extensions followed by raw bytes.
    pub payload: Bytes,
}

/// What sort of message it is: for counting and for traces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum MessageKind {
    /// Opening of a connection.
    Handshake,
    /// Keep-alive.
    KeepAlive,
    /// Choke.
    Choke,
    /// Unchoke.
    Unchoke,
    /// Interested.
    Interested,
    /// Not interested.
    NotInterested,
    /// Have.
    Have,
    /// Bitfield.
    Bitfield,
    /// Request.
    Request,
    /// Piece: a block of data.
    Piece,
    /// Cancel.
    Cancel,
    /// Port.
    Port,
    /// Suggest piece.
    SuggestPiece,
    /// Have all.
    HaveAll,
    /// Have none.
    HaveNone,
    /// Reject request.
    RejectRequest,
    /// Allowed fast.
    AllowedFast,
    /// Extension message.
    Extended,
}

impl MessageKind {
    /// All kinds, in the order of their numbers.
    pub const ALL: [Self; 18] = [
        Self::Handshake,
        Self::KeepAlive,
        Self::Choke,
        Self::Unchoke,
        Self::Interested,
        Self::NotInterested,
        Self::Have,
        Self::Bitfield,
        Self::Request,
        Self::Piece,
        Self::Cancel,
        Self::Port,
        Self::SuggestPiece,
        Self::HaveAll,
        Self::HaveNone,
        Self::RejectRequest,
        Self::AllowedFast,
        Self::Extended,
    ];

    /// The name in files and traces: BEP 3's, with underscores.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::KeepAlive => "keep_alive",
            Self::Choke => "choke",
            Self::Unchoke => "unchoke",
            Self::Interested => "interested",
            Self::NotInterested => "not_interested",
            Self::Have => "have",
            Self::Bitfield => "bitfield",
            Self::Request => "request",
            Self::Piece => "piece",
            Self::Cancel => "cancel",
            Self::Port => "port",
            Self::SuggestPiece => "suggest_piece",
            Self::HaveAll => "have_all",
            Self::HaveNone => "have_none",
            Self::RejectRequest => "reject_request",
            Self::AllowedFast => "allowed_fast",
            Self::Extended => "extended",
        }
    }
}

impl<D> Message<D> {
    /// An inventory that does not say whose it is.
    pub fn bitfield(pieces: Bitfield) -> Self {
        Self::Bitfield(Box::new(Inventory { pieces, peer_id: None }))
    }

    /// The sort of message.
    pub const fn kind(&self) -> MessageKind {
        match self {
            Self::Handshake(_) => MessageKind::Handshake,
            Self::KeepAlive => MessageKind::KeepAlive,
            Self::Choke => MessageKind::Choke,
            Self::Unchoke => MessageKind::Unchoke,
            Self::Interested => MessageKind::Interested,
            Self::NotInterested => MessageKind::NotInterested,
            Self::Have { .. } => MessageKind::Have,
            Self::Bitfield(_) => MessageKind::Bitfield,
            Self::Request(_) => MessageKind::Request,
            Self::Piece { .. } => MessageKind::Piece,
            Self::Cancel(_) => MessageKind::Cancel,
            Self::Port(_) => MessageKind::Port,
            Self::SuggestPiece { .. } => MessageKind::SuggestPiece,
            Self::HaveAll => MessageKind::HaveAll,
            Self::HaveNone => MessageKind::HaveNone,
            Self::RejectRequest(_) => MessageKind::RejectRequest,
            Self::AllowedFast { .. } => MessageKind::AllowedFast,
            Self::Extended(_) => MessageKind::Extended,
        }
    }

    /// Bytes of it that a driver reports with [`Input::Sent`](crate::boundary::Input::Sent) once they have left: those of a
    /// block, and those of an extension's message, of which one who asks for metadata can ask for many.
    pub fn credited_len(&self) -> u32
    where
        D: Payload,
    {
        if let Self::Extended(extended) = self { Payload::len(&extended.payload) } else { self.payload_len() }
    }

    /// Bytes of block data in it: zero for all but [`Message::Piece`].
    pub fn payload_len(&self) -> u32
    where
        D: Payload,
    {
        if let Self::Piece { data, .. } = self { data.len() } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::payload::Virtual;

    #[test]
    fn kinds_are_numbered_in_order_and_named_once() {
        for (at, kind) in MessageKind::ALL.into_iter().enumerate() {
            assert_eq!(kind as usize, at);
        }
        let names: std::collections::BTreeSet<_> = MessageKind::ALL.map(MessageKind::name).into();
        assert_eq!(names.len(), MessageKind::ALL.len());
    }

    #[test]
    fn messages_are_small() {
        assert!(size_of::<Message<Virtual>>() <= 16, "{}", size_of::<Message<Virtual>>());
    }
}

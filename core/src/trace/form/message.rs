//! Messages of the peer protocol as a trace has them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use super::{Encoded, Pieces, block, block_span, bytes, fixed};
use crate::id::{InfoHash, PeerId};
use crate::message::{Extended, Handshake, Inventory, Message};
use crate::payload::Virtual;
use crate::trace::replay::Malformed;

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
/// A message; of blocks there are the lengths alone.
pub(in crate::trace) enum MessageForm {
    Handshake {
        info_hash: Encoded,
        peer_id: Encoded,
        fast: bool,
        extended: bool,
    },
    KeepAlive,
    Choke,
    Unchoke,
    Interested,
    NotInterested,
    Have(u32),
    Bitfield(Pieces),
    /// A bitfield, and whose it is.
    Inventory(Pieces, Encoded),
    Request(u32, u32, u32),
    Piece(u32, u32, u32),
    Cancel(u32, u32, u32),
    Port(u16),
    SuggestPiece(u32),
    HaveAll,
    HaveNone,
    RejectRequest(u32, u32, u32),
    AllowedFast(u32),
    Extended(u8, Encoded),
}

impl MessageForm {
    pub(super) fn of<D: crate::payload::Payload>(message: &Message<D>) -> Self {
        match message {
            Message::Handshake(handshake) => Self::Handshake {
                info_hash: STANDARD.encode(handshake.info_hash.0),
                peer_id: STANDARD.encode(handshake.peer_id.0),
                fast: handshake.fast,
                extended: handshake.extended,
            },
            Message::KeepAlive => Self::KeepAlive,
            Message::Choke => Self::Choke,
            Message::Unchoke => Self::Unchoke,
            Message::Interested => Self::Interested,
            Message::NotInterested => Self::NotInterested,
            Message::Have { index } => Self::Have(*index),
            Message::Bitfield(inventory) => {
                let pieces = Pieces::of(&inventory.pieces);
                match inventory.peer_id {
                    Some(peer_id) => Self::Inventory(pieces, STANDARD.encode(peer_id.0)),
                    None => Self::Bitfield(pieces),
                }
            }
            Message::Request(span) => Self::Request(span.index, span.begin, span.length),
            Message::Piece { index, begin, data } => Self::Piece(*index, *begin, data.len()),
            Message::Cancel(span) => Self::Cancel(span.index, span.begin, span.length),
            Message::Port(port) => Self::Port(*port),
            Message::SuggestPiece { index } => Self::SuggestPiece(*index),
            Message::HaveAll => Self::HaveAll,
            Message::HaveNone => Self::HaveNone,
            Message::RejectRequest(span) => Self::RejectRequest(span.index, span.begin, span.length),
            Message::AllowedFast { index } => Self::AllowedFast(*index),
            Message::Extended(extended) => Self::Extended(extended.id, STANDARD.encode(&extended.payload)),
        }
    }

    pub(super) fn read(self) -> Result<Message<Virtual>, Malformed> {
        Ok(match self {
            Self::Handshake { info_hash, peer_id, fast, extended } => {
                let (info_hash, peer_id) = (InfoHash(fixed(&info_hash)?), PeerId(fixed(&peer_id)?));
                Message::Handshake(Box::new(Handshake { info_hash, peer_id, fast, extended }))
            }
            Self::KeepAlive => Message::KeepAlive,
            Self::Choke => Message::Choke,
            Self::Unchoke => Message::Unchoke,
            Self::Interested => Message::Interested,
            Self::NotInterested => Message::NotInterested,
            Self::Have(index) => Message::Have { index },
            Self::Bitfield(set) => Message::bitfield(set.read()?),
            Self::Inventory(set, peer_id) => {
                let (pieces, peer_id) = (set.read()?, Some(PeerId(fixed(&peer_id)?)));
                Message::Bitfield(Box::new(Inventory { pieces, peer_id }))
            }
            Self::Request(index, begin, length) => Message::Request(block_span((index, begin, length))),
            Self::Piece(index, begin, length) => Message::Piece { index, begin, data: block(length)? },
            Self::Cancel(index, begin, length) => Message::Cancel(block_span((index, begin, length))),
            Self::Port(port) => Message::Port(port),
            Self::SuggestPiece(index) => Message::SuggestPiece { index },
            Self::HaveAll => Message::HaveAll,
            Self::HaveNone => Message::HaveNone,
            Self::RejectRequest(index, begin, length) => {
                Message::RejectRequest(block_span((index, begin, length)))
            }
            Self::AllowedFast(index) => Message::AllowedFast { index },
            Self::Extended(id, payload) => {
                Message::Extended(Box::new(Extended { id, payload: bytes(&payload)?.into() }))
            }
        })
    }
}

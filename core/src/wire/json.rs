//! Messages as JSON: four bytes of big-endian length, then one object whose `type` is the [name of the kind]. Each is shown in
//! `core/PROTOCOLS.md`.
//!
//! Read strictly: a key that the type does not have, a key twice, a missing key, `null`, and base64 that is not canonical are
//! errors. Objects do not nest, so depth is no matter. White space between tokens is allowed, a little of it.
//!
//! [name of the kind]: MessageKind::name

use bytes::{Buf as _, Bytes, BytesMut};

use super::sink::base64_len;
use super::{Limits, bits};
use crate::id::BlockSpan;
use crate::message::{Extended, Handshake, Message, MessageKind};

mod fields;
mod write;

use fields::Fields;
pub(super) use write::{encode, encoded_len};

/// What an object may have beside its base64: keys, numbers, white space. The longest is the handshake, 151 bytes.
const ROOM: u32 = 512;

/// Bytes that are no message of this encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// A frame is empty, or longer than any message of this torrent.
    #[error("a frame of {len} bytes, where 1 to {max} are legal")]
    Length {
        /// The length prefix.
        len: u32,
        /// The longest that is legal.
        max: u32,
    },
    /// It is not JSON.
    #[error("no JSON at line {line}, column {column}")]
    Syntax {
        /// Line within the frame, from 1.
        line: usize,
        /// Column within the line, from 1.
        column: usize,
    },
    /// It is JSON, but not an object.
    #[error("the message is not an object")]
    NotAnObject,
    /// A key is unknown or there twice, a value has the wrong type or is out of range, or there is no `type`.
    #[error("unknown or repeated key, or wrong value, at line {line}, column {column}")]
    Field {
        /// Line within the frame, from 1.
        line: usize,
        /// Column within the line, from 1.
        column: usize,
    },
    /// No message that we know has this type. The stream can be read on.
    #[error("unknown type of message")]
    UnknownType,
    /// A key is missing.
    #[error("{} without {key:?}", kind.name())]
    Missing {
        /// The kind of message.
        kind: MessageKind,
        /// The key.
        key: &'static str,
    },
    /// A key of another type of message.
    #[error("{} with {key:?}", kind.name())]
    Unexpected {
        /// The kind of message.
        kind: MessageKind,
        /// The key.
        key: &'static str,
    },
    /// The text is not canonical base64: padded, and without stray bits.
    #[error("{key:?} of {} is not base64", kind.name())]
    Base64 {
        /// The kind of message.
        kind: MessageKind,
        /// The key.
        key: &'static str,
    },
    /// The text is not forty hexadecimal digits.
    #[error("{key:?} of {} is not forty hexadecimal digits", kind.name())]
    Hex {
        /// The kind of message.
        kind: MessageKind,
        /// The key.
        key: &'static str,
    },
    /// The bytes behind the base64 are too few or too many.
    #[error("{key:?} of {} has the wrong length: {min} to {max} bytes are legal", kind.name())]
    DataLength {
        /// The kind of message.
        kind: MessageKind,
        /// The key.
        key: &'static str,
        /// Fewest bytes.
        min: u32,
        /// Most bytes.
        max: u32,
    },
    /// A bit of a bitfield is set that belongs to no piece.
    #[error("a spare bit of the bitfield is set")]
    SpareBits,
    /// A piece in a list that the torrent does not have.
    #[error("piece {index} in a list, where there are {pieces}")]
    PieceIndex {
        /// The index.
        index: u32,
        /// How many pieces there are.
        pieces: u32,
    },
    /// A name of nobody: empty, or longer than [`MAX_ID`](super::MAX_ID).
    #[error("{key:?} of {} is no name", kind.name())]
    Id {
        /// The kind of message.
        kind: MessageKind,
        /// The key.
        key: &'static str,
    },
    /// The handshake names another file.
    #[error("the handshake names another file")]
    OtherFile,
    /// The connection opens with something else than a handshake.
    #[error("a message before the handshake")]
    NoHandshake,
    /// A handshake in the middle of a connection.
    #[error("a second handshake")]
    SecondHandshake,
}

/// The longest frame, without its length prefix.
fn longest(limits: &Limits, opening: bool) -> u32 {
    if opening {
        return ROOM;
    }
    let data = limits.block_len.max(limits.extended_len).max(limits.bitfield_len().1);
    u32::try_from(base64_len(data.into())).unwrap_or(u32::MAX).saturating_add(ROOM)
}

/// Most bytes that are kept while a message is incomplete.
pub(super) fn max_buffered(limits: &Limits, opening: bool) -> usize {
    (longest(limits, opening) as usize).saturating_add(4)
}

/// Takes a message off the front of `source`, when all of it is there. An object of unknown type is taken off, too.
///
/// `opening`: it must be a handshake; otherwise it must not be one.
pub(super) fn decode(
    source: &mut BytesMut,
    limits: &Limits,
    opening: bool,
) -> Result<Option<Message<Bytes>>, JsonError> {
    let Some((prefix, body)) = source.split_first_chunk::<4>() else { return Ok(None) };
    let len = u32::from_be_bytes(*prefix);
    let max = longest(limits, opening);
    if !(1..=max).contains(&len) {
        return Err(JsonError::Length { len, max });
    }
    let Some(text) = body.get(..len as usize) else { return Ok(None) };
    let message = parse(text, limits, opening);
    source.advance((len as usize).saturating_add(4));
    message.map(Some)
}

fn parse(text: &[u8], limits: &Limits, opening: bool) -> Result<Message<Bytes>, JsonError> {
    let mut fields = Fields::parse(text)?;
    let kind = fields.kind();
    match (opening, kind == Ok(MessageKind::Handshake)) {
        (true, false) => return Err(JsonError::NoHandshake),
        (false, true) => return Err(JsonError::SecondHandshake),
        _ => {}
    }
    let kind = kind?;
    let message = match kind {
        MessageKind::Handshake => Message::Handshake(Box::new(Handshake {
            info_hash: fields.info_hash(kind)?,
            peer_id: fields.peer_id(kind)?,
            fast: fields.fast(kind)?,
            extended: fields.extended(kind)?,
        })),
        MessageKind::KeepAlive => Message::KeepAlive,
        MessageKind::Choke => Message::Choke,
        MessageKind::Unchoke => Message::Unchoke,
        MessageKind::Interested => Message::Interested,
        MessageKind::NotInterested => Message::NotInterested,
        MessageKind::Have => Message::Have { index: fields.index(kind)? },
        MessageKind::Bitfield => {
            let bytes = fields.bits(kind, limits.bitfield_len())?;
            let pieces = limits.pieces_of_bitfield(bytes.len());
            let set = bits::from_wire(&bytes, pieces).ok_or(JsonError::SpareBits)?;
            Message::bitfield(set)
        }
        MessageKind::Request => Message::Request(span(&mut fields, kind)?),
        MessageKind::Piece => Message::Piece {
            index: fields.index(kind)?,
            begin: fields.begin(kind)?,
            data: fields.data(kind, (0, limits.block_len))?.into(),
        },
        MessageKind::Cancel => Message::Cancel(span(&mut fields, kind)?),
        MessageKind::Port => Message::Port(fields.port(kind)?),
        MessageKind::SuggestPiece => Message::SuggestPiece { index: fields.index(kind)? },
        MessageKind::HaveAll => Message::HaveAll,
        MessageKind::HaveNone => Message::HaveNone,
        MessageKind::RejectRequest => Message::RejectRequest(span(&mut fields, kind)?),
        MessageKind::AllowedFast => Message::AllowedFast { index: fields.index(kind)? },
        MessageKind::Extended => Message::Extended(Box::new(Extended {
            id: fields.id(kind)?,
            payload: fields.payload(kind, (0, limits.extended_len))?.into(),
        })),
    };
    fields.nothing_left(kind)?;
    Ok(message)
}

fn span(fields: &mut Fields<'_>, kind: MessageKind) -> Result<BlockSpan, JsonError> {
    Ok(BlockSpan { index: fields.index(kind)?, begin: fields.begin(kind)?, length: fields.length(kind)? })
}

//! BEP 3's binary messages (*peer protocol*): a handshake of 68 bytes, then frames of a four-byte big-endian length, a
//! one-byte id and the fields. With the ids of BEP 5 (port), BEP 6 (fast extension) and BEP 10 (extension protocol).
//!
//! A frame is judged by its first five bytes: the length must be one that the id can have, so nothing is ever waited for,
//! or kept, that could not become a message.

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};

use super::{Limits, bits};
use crate::id::{BlockSpan, InfoHash, PeerId};
use crate::message::{Extended, Handshake, Message, MessageKind};
use crate::payload::Payload;

/// Length of the handshake in bytes.
pub const HANDSHAKE_LEN: usize = 68;
/// Length of what precedes the data of a [`Message::Piece`]: length prefix, id, index and begin.
pub const PIECE_HEADER_LEN: usize = 13;

/// A handshake opens with the length of the protocol's name, and the name.
const PROTOCOL: [u8; 20] = *b"\x13BitTorrent protocol";
/// In byte 7 of the reserved ones: the fast extension (BEP 6).
const FAST: u8 = 0x04;
/// In byte 5 of the reserved ones: the extension protocol (BEP 10).
const EXTENDED: u8 = 0x10;

/// Bytes that are no message of this encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Bep3Error {
    /// The connection does not open with a handshake.
    #[error("byte {at} of the handshake is {received:#04x} and not {expected:#04x}")]
    Handshake {
        /// Position of the first wrong byte.
        at: usize,
        /// The byte that the protocol's name has there.
        expected: u8,
        /// The byte that came.
        received: u8,
    },
    /// A frame is longer than any message of this torrent.
    #[error("a frame of {len} bytes is longer than the longest message, {max} bytes")]
    TooLong {
        /// The length prefix.
        len: u32,
        /// The longest that is legal.
        max: u32,
    },
    /// A message of this kind cannot have this length.
    #[error("{} of {len} bytes, where {min} to {max} are legal", kind.name())]
    Length {
        /// The kind that the id stands for.
        kind: MessageKind,
        /// The length prefix: id and fields.
        len: u32,
        /// The shortest that is legal.
        min: u32,
        /// The longest that is legal.
        max: u32,
    },
    /// No message that we know has this id. The stream can be read on: the frame is skipped.
    #[error("unknown message id {id}, {len} bytes")]
    UnknownId {
        /// The id.
        id: u8,
        /// The length prefix: id and fields.
        len: u32,
    },
    /// A bit of a bitfield is set that belongs to no piece.
    #[error("a spare bit of the bitfield is set")]
    SpareBits,
}

/// The id of a kind of message; `None` for those that have none: handshake and keep-alive.
const fn id(kind: MessageKind) -> Option<u8> {
    Some(match kind {
        MessageKind::Handshake | MessageKind::KeepAlive => return None,
        MessageKind::Choke => 0,
        MessageKind::Unchoke => 1,
        MessageKind::Interested => 2,
        MessageKind::NotInterested => 3,
        MessageKind::Have => 4,
        MessageKind::Bitfield => 5,
        MessageKind::Request => 6,
        MessageKind::Piece => 7,
        MessageKind::Cancel => 8,
        MessageKind::Port => 9,
        MessageKind::SuggestPiece => 13,
        MessageKind::HaveAll => 14,
        MessageKind::HaveNone => 15,
        MessageKind::RejectRequest => 16,
        MessageKind::AllowedFast => 17,
        MessageKind::Extended => 20,
    })
}

/// The kind of message with this id.
fn kind(wanted: u8) -> Option<MessageKind> {
    MessageKind::ALL.into_iter().find(|&kind| id(kind) == Some(wanted))
}

/// Legal lengths of a message, its id included: shortest and longest.
fn legal_len(kind: MessageKind, limits: &Limits) -> (u32, u32) {
    let exactly = |len| (len, len);
    match kind {
        MessageKind::Handshake | MessageKind::KeepAlive => exactly(0),
        MessageKind::Choke
        | MessageKind::Unchoke
        | MessageKind::Interested
        | MessageKind::NotInterested
        | MessageKind::HaveAll
        | MessageKind::HaveNone => exactly(1),
        MessageKind::Port => exactly(3),
        MessageKind::Have | MessageKind::SuggestPiece | MessageKind::AllowedFast => exactly(5),
        MessageKind::Request | MessageKind::Cancel | MessageKind::RejectRequest => exactly(13),
        MessageKind::Bitfield => {
            let (min, max) = limits.bitfield_len();
            (min.saturating_add(1), max.saturating_add(1))
        }
        MessageKind::Piece => (9, limits.block_len.saturating_add(9)),
        MessageKind::Extended => (2, limits.extended_len.saturating_add(2)),
    }
}

/// The longest frame, without its length prefix.
fn longest(limits: &Limits) -> u32 {
    MessageKind::ALL.into_iter().map(|kind| legal_len(kind, limits).1).max().unwrap_or(0)
}

/// Most bytes that are kept while a message is incomplete.
pub(super) fn max_buffered(limits: &Limits, opening: bool) -> usize {
    if opening { HANDSHAKE_LEN } else { (longest(limits) as usize).saturating_add(4) }
}

/// The length of the encoded message.
pub(super) fn encoded_len<D: Payload>(message: &Message<D>) -> u64 {
    match message {
        Message::Handshake(_) => HANDSHAKE_LEN as u64,
        Message::KeepAlive => 4,
        Message::Choke
        | Message::Unchoke
        | Message::Interested
        | Message::NotInterested
        | Message::HaveAll
        | Message::HaveNone => 5,
        Message::Have { .. } | Message::SuggestPiece { .. } | Message::AllowedFast { .. } => 9,
        Message::Bitfield(set) => u64::from(bits::byte_len(set.pieces.len())).saturating_add(5),
        Message::Request(_) | Message::Cancel(_) | Message::RejectRequest(_) => 17,
        Message::Piece { data, .. } => u64::from(data.len()).saturating_add(PIECE_HEADER_LEN as u64),
        Message::Port(_) => 7,
        Message::Extended(extended) => (extended.payload.len() as u64).saturating_add(6),
    }
}

/// Appends the encoded message.
pub(super) fn encode(message: &Message<Bytes>, out: &mut BytesMut) {
    if let Message::Handshake(handshake) = message {
        return encode_handshake(handshake, out);
    }
    let len = encoded_len(message).saturating_sub(4);
    out.put_u32(u32::try_from(len).expect("a message is shorter than 4 GiB"));
    if let Some(id) = id(message.kind()) {
        out.put_u8(id);
    }
    match message {
        Message::Handshake(_)
        | Message::KeepAlive
        | Message::Choke
        | Message::Unchoke
        | Message::Interested
        | Message::NotInterested
        | Message::HaveAll
        | Message::HaveNone => {}
        Message::Have { index } | Message::SuggestPiece { index } | Message::AllowedFast { index } => {
            out.put_u32(*index);
        }
        Message::Bitfield(set) => out.extend(bits::to_wire(&set.pieces)),
        Message::Request(span) | Message::Cancel(span) | Message::RejectRequest(span) => {
            out.put_u32(span.index);
            out.put_u32(span.begin);
            out.put_u32(span.length);
        }
        Message::Piece { index, begin, data } => {
            out.put_u32(*index);
            out.put_u32(*begin);
            out.put_slice(data);
        }
        Message::Port(port) => out.put_u16(*port),
        Message::Extended(extended) => {
            out.put_u8(extended.id);
            out.put_slice(&extended.payload);
        }
    }
}

fn encode_handshake(handshake: &Handshake, out: &mut BytesMut) {
    out.put_slice(&PROTOCOL);
    let extended = if handshake.extended { EXTENDED } else { 0 };
    let fast = if handshake.fast { FAST } else { 0 };
    out.put_slice(&[0, 0, 0, 0, 0, extended, 0, fast]);
    out.put_slice(&handshake.info_hash.0);
    out.put_slice(&handshake.peer_id.0);
}

/// What precedes a block's data, so that a driver can send header and data as two slices without copying the data.
///
/// # Panics
/// When the data is 4 GiB long or longer.
pub fn piece_header(index: u32, begin: u32, data_len: u32) -> [u8; PIECE_HEADER_LEN] {
    let len = data_len.checked_add(9).expect("a message is shorter than 4 GiB");
    let [l0, l1, l2, l3] = len.to_be_bytes();
    let [i0, i1, i2, i3] = index.to_be_bytes();
    let [b0, b1, b2, b3] = begin.to_be_bytes();
    [l0, l1, l2, l3, 7, i0, i1, i2, i3, b0, b1, b2, b3]
}

/// Takes the handshake off the front of `source`, when all of it is there.
pub(super) fn decode_handshake(source: &mut BytesMut) -> Result<Option<Message<Bytes>>, Bep3Error> {
    for (at, (&received, expected)) in source.iter().zip(PROTOCOL).enumerate() {
        if received != expected {
            return Err(Bep3Error::Handshake { at, expected, received });
        }
    }
    let Some(bytes) = source.first_chunk::<HANDSHAKE_LEN>() else { return Ok(None) };
    let mut fields = bytes.iter().skip(PROTOCOL.len()).copied();
    let reserved: [u8; 8] = take(&mut fields);
    let [_, _, _, _, _, extended, _, fast] = reserved;
    let handshake = Handshake {
        info_hash: InfoHash(take(&mut fields)),
        peer_id: PeerId(take(&mut fields)),
        fast: fast & FAST != 0,
        extended: extended & EXTENDED != 0,
    };
    source.advance(HANDSHAKE_LEN);
    Ok(Some(Message::Handshake(Box::new(handshake))))
}

/// The next `N` bytes.
fn take<const N: usize>(bytes: &mut impl Iterator<Item = u8>) -> [u8; N] {
    core::array::from_fn(|_| bytes.next().unwrap_or(0))
}

/// Takes a message off the front of `source`, when all of it is there. After an unknown id, the rest of its frame is left.
pub(super) fn decode(source: &mut BytesMut, limits: &Limits) -> Result<Option<Message<Bytes>>, Bep3Error> {
    let Some((prefix, body)) = source.split_first_chunk::<4>() else { return Ok(None) };
    let len = u32::from_be_bytes(*prefix);
    if len == 0 {
        source.advance(4);
        return Ok(Some(Message::KeepAlive));
    }
    let max = longest(limits);
    if len > max {
        return Err(Bep3Error::TooLong { len, max });
    }
    let Some(&id) = body.first() else { return Ok(None) };
    let Some(kind) = kind(id) else {
        source.advance(5);
        return Err(Bep3Error::UnknownId { id, len });
    };
    let (min, max) = legal_len(kind, limits);
    if !(min..=max).contains(&len) {
        return Err(Bep3Error::Length { kind, len, min, max });
    }
    let Some(fields) = body.get(1..len as usize) else { return Ok(None) };
    let message = match kind {
        // These two have no id.
        MessageKind::Handshake | MessageKind::KeepAlive => Message::KeepAlive,
        MessageKind::Choke => Message::Choke,
        MessageKind::Unchoke => Message::Unchoke,
        MessageKind::Interested => Message::Interested,
        MessageKind::NotInterested => Message::NotInterested,
        MessageKind::Have => Message::Have { index: number(fields) },
        MessageKind::Bitfield => {
            let pieces = limits.pieces_of_bitfield(fields.len());
            let set = bits::from_wire(fields, pieces).ok_or(Bep3Error::SpareBits)?;
            Message::bitfield(set)
        }
        MessageKind::Request => Message::Request(span(fields)),
        MessageKind::Piece => {
            let [index, begin] = numbers(fields);
            source.advance(PIECE_HEADER_LEN);
            let data = source.split_to((len as usize).saturating_sub(9)).freeze();
            return Ok(Some(Message::Piece { index, begin, data }));
        }
        MessageKind::Cancel => Message::Cancel(span(fields)),
        MessageKind::Port => Message::Port(fields.first_chunk().copied().map_or(0, u16::from_be_bytes)),
        MessageKind::SuggestPiece => Message::SuggestPiece { index: number(fields) },
        MessageKind::HaveAll => Message::HaveAll,
        MessageKind::HaveNone => Message::HaveNone,
        MessageKind::RejectRequest => Message::RejectRequest(span(fields)),
        MessageKind::AllowedFast => Message::AllowedFast { index: number(fields) },
        MessageKind::Extended => {
            let id = fields.first().copied().unwrap_or(0);
            source.advance(6);
            let payload = source.split_to((len as usize).saturating_sub(2)).freeze();
            return Ok(Some(Message::Extended(Box::new(Extended { id, payload }))));
        }
    };
    source.advance((len as usize).saturating_add(4));
    Ok(Some(message))
}

/// The first `N` numbers; the caller has checked that they are there.
fn numbers<const N: usize>(fields: &[u8]) -> [u32; N] {
    let mut numbers = [0; N];
    for (number, bytes) in numbers.iter_mut().zip(fields.as_chunks().0) {
        *number = u32::from_be_bytes(*bytes);
    }
    numbers
}

fn number(fields: &[u8]) -> u32 {
    let [number] = numbers(fields);
    number
}

fn span(fields: &[u8]) -> BlockSpan {
    let [index, begin, length] = numbers(fields);
    BlockSpan { index, begin, length }
}

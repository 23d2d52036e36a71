//! Messages as bytes: seven encodings of the same [`Message`], and a decoder that takes a stream as it comes.
//!
//! [`bep3`] is the binary encoding that every client speaks, [`json`] the one that can be read with any packet tool; the other
//! five are those of the systems S1 to S5, with their own words. S1, S2 and S5 are JSON, too, S3 and S4 are [text] and bare bytes.
//! All but BEP 3's are described to the byte in `core/PROTOCOLS.md`, and its examples are run by a test.
//!
//! The simulator asks [`encoded_len`] alone; the node encodes, and decodes with one [`Decoder`] per connection. Some messages of the
//! systems have [names](Names) in them that a [`Message`] has not, so who has them encodes a [`Speech`] and not only an
//! [`Encoding`]. What an encoding has no word for is not written; [`Config::unspoken`](crate::Config::unspoken) finds out
//! beforehand.
//!
//! ```
//! use bytes::{Bytes, BytesMut};
//! use minibit_core::Message;
//! use minibit_core::config::Encoding;
//! use minibit_core::wire::{Decoder, Limits, encode, encoded_len};
//!
//! let have: Message<Bytes> = Message::Have { index: 3 };
//! let mut stream = BytesMut::new();
//! encode(Encoding::Bep3, &have, &mut stream)?;
//! assert_eq!(stream, [0, 0, 0, 5, 4, 0, 0, 0, 3][..]);
//! assert_eq!(encoded_len(Encoding::Bep3, &have), 9);
//! assert_eq!(encoded_len(Encoding::Json, &have), 29);
//!
//! let limits = Limits { pieces: Some(10), block_len: 16_384, extended_len: 0 };
//! let mut decoder = Decoder::new(Encoding::Bep3, false, limits);
//! let mut start = stream.split_to(7);
//! assert_eq!(decoder.decode(&mut start), Ok(None));
//! start.unsplit(stream);
//! assert_eq!(decoder.decode(&mut start), Ok(Some(have)));
//! # Ok::<(), minibit_core::wire::Unspoken>(())
//! ```
//!
//! What a peer can make us keep is bounded by [`Limits`]: a length prefix is judged before anything is waited for, and
//! nothing is allocated for bytes that have not arrived.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects))]

pub mod bep3;
mod bits;
mod framed;
mod in_order;
pub mod json;
mod sink;
mod speech;
#[cfg(test)]
mod tests;
pub mod text;

use bytes::{Buf as _, Bytes, BytesMut};

use crate::config::Encoding;
use crate::geometry::{BLOCK_LEN, Geometry, MAX_PIECES};
use crate::message::Message;
use crate::payload::Payload;
use framed::Words;

pub use bep3::Bep3Error;
pub use in_order::InOrder;
pub use json::JsonError;
pub use speech::{MAX_ID, MAX_WHOLE_PIECE, Names, Speech, Unspoken, peer_id};
pub use text::TextError;

/// The longest payload of an extension message in bytes: 64 KiB, above what BEP 9 and BEP 11 send.
pub const MAX_EXTENDED_LEN: u32 = 64 * 1024;

/// A stream that is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The binary encoding is broken.
    #[error(transparent)]
    Bep3(#[from] Bep3Error),
    /// The JSON encoding is broken.
    #[error(transparent)]
    Json(#[from] JsonError),
    /// A line of S3 or S4 makes no sense, or asks for what is not there.
    #[error(transparent)]
    Text(#[from] TextError),
    /// The first bytes open no encoding that we know.
    #[error("the connection opens with neither a BitTorrent handshake nor a JSON message")]
    UnknownProtocol,
}

impl WireError {
    /// Was it only a message of a kind that we do not know? Then the decoder skips it and can be asked on; after any
    /// other error it keeps returning that error.
    pub const fn is_unknown_message(&self) -> bool {
        matches!(self, Self::Bep3(Bep3Error::UnknownId { .. }) | Self::Json(JsonError::UnknownType))
    }
}

/// The longest messages that a connection may bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Pieces of the torrent: a bitfield has exactly so many bits. `None` while the metadata is not known (BEP 9): then
    /// every length up to [`MAX_PIECES`] is legal, and the set is as long as its bytes have bits.
    pub pieces: Option<u32>,
    /// Longest block in bytes.
    pub block_len: u32,
    /// Longest payload of an extension message in bytes.
    pub extended_len: u32,
}

impl Limits {
    /// What peers of this torrent may send to one who asks for blocks of its geometry.
    pub const fn of(geometry: &Geometry) -> Self {
        Self {
            pieces: Some(geometry.piece_count()),
            block_len: geometry.nominal_block_len(),
            extended_len: MAX_EXTENDED_LEN,
        }
    }

    /// What peers may send as long as nothing but the info-hash is known.
    pub const fn without_metadata() -> Self {
        Self { pieces: None, block_len: BLOCK_LEN, extended_len: MAX_EXTENDED_LEN }
    }

    /// Legal lengths of a bitfield in bytes: shortest and longest.
    const fn bitfield_len(&self) -> (u32, u32) {
        match self.pieces {
            Some(pieces) => (bits::byte_len(pieces), bits::byte_len(pieces)),
            None => (0, bits::byte_len(MAX_PIECES)),
        }
    }

    /// How many pieces a bitfield of so many bytes, a legal number, is for.
    fn pieces_of_bitfield(&self, bytes: usize) -> u32 {
        self.pieces.unwrap_or_else(|| u32::try_from(bytes.saturating_mul(8)).unwrap_or(u32::MAX))
    }
}

/// The length in bytes of the encoded message, all framing included, without encoding it; 0 when there is no word for it. Never
/// looks at block data.
pub fn encoded_len<'a, D: Payload>(speech: impl Into<Speech<'a>>, message: &Message<D>) -> u64 {
    let speech = speech.into();
    match (speech.encoding, Words::of(speech.encoding)) {
        (_, Some(words)) => framed::encoded_len(words, speech, message).unwrap_or(0),
        (Encoding::Bep3, _) => bep3::encoded_len(message),
        (Encoding::S3 | Encoding::S4, _) => text::encoded_len(speech, message).unwrap_or(0),
        _ => json::encoded_len(message),
    }
}

/// Appends the encoded message.
///
/// # Errors
/// When the encoding has no word for it. Nothing is written then.
///
/// # Panics
/// When the message is 4 GiB long or longer.
pub fn encode<'a>(
    speech: impl Into<Speech<'a>>,
    message: &Message<Bytes>,
    out: &mut BytesMut,
) -> Result<(), Unspoken> {
    let speech = speech.into();
    out.reserve(usize::try_from(encoded_len(speech, message)).unwrap_or(0));
    match (speech.encoding, Words::of(speech.encoding)) {
        (_, Some(words)) => framed::encode(words, speech, message, out)?,
        (Encoding::Bep3, _) => bep3::encode(message, out),
        (Encoding::S3 | Encoding::S4, _) => text::encode(speech, message, out)?,
        _ => json::encode(message, out),
    }
    Ok(())
}

/// Tells the encoding from the first bytes of a connection; `None` when more are needed, at most five.
///
/// A binary connection is told by its handshake. JSON is told by the length prefix, whose first byte is zero, and the
/// brace after it.
///
/// # Errors
/// [`WireError::UnknownProtocol`] when it is neither.
pub fn detect(first: &[u8]) -> Result<Option<Encoding>, WireError> {
    match first {
        [] | [0] | [0, _] | [0, _, _] | [0, _, _, _] => Ok(None),
        [19, ..] => Ok(Some(Encoding::Bep3)),
        [0, _, _, _, b'{' | b' ' | b'\t' | b'\n' | b'\r', ..] => Ok(Some(Encoding::Json)),
        _ => Err(WireError::UnknownProtocol),
    }
}

/// Turns the bytes of one direction of a connection into messages.
#[derive(Debug)]
pub struct Decoder {
    reader: Reader,
    limits: Limits,
    state: State,
}

/// What differs between the encodings.
#[derive(Debug)]
enum Reader {
    Bep3,
    Json,
    Framed(Box<framed::Reader>),
    Text(Box<text::Reader>),
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// The handshake comes next.
    Opening,
    /// A frame comes next.
    Open,
    /// So many bytes of a frame that nobody wants come next.
    Skipping(usize),
    /// The stream makes no sense any more.
    Broken(WireError),
}

impl Decoder {
    /// A decoder at the start of a stream. `handshake`: does the stream open with one ([`Config::handshake`])?
    ///
    /// [`Config::handshake`]: crate::config::Config::handshake
    pub fn new<'a>(speech: impl Into<Speech<'a>>, handshake: bool, limits: Limits) -> Self {
        let speech = speech.into();
        let reader = match (speech.encoding, Words::of(speech.encoding)) {
            (_, Some(words)) => Reader::Framed(Box::new(framed::Reader::new(words, speech.names))),
            (Encoding::Bep3, _) => Reader::Bep3,
            (Encoding::S3 | Encoding::S4, _) => Reader::Text(Box::new(text::Reader::new(speech))),
            _ => Reader::Json,
        };
        Self { reader, limits, state: if handshake { State::Opening } else { State::Open } }
    }

    /// A message is about to be sent on this connection. Where [answers are bare bytes](Encoding::answers_bare) this is how they
    /// are understood; otherwise it has no effect.
    pub fn sent<D>(&mut self, message: &Message<D>) {
        if let (Reader::Text(reader), Message::Request(span)) = (&mut self.reader, message) {
            reader.asked(*span);
        }
    }

    /// Takes the next message off the front of `source`; `None` when more bytes are needed.
    ///
    /// A driver appends what it reads to `source` and calls this until there is nothing more. Where the stream is cut
    /// makes no difference. Block data is a slice of `source`'s memory, not a copy (JSON: base64, so a new allocation).
    ///
    /// # Errors
    /// What is wrong with the stream. After [a message of an unknown kind](WireError::is_unknown_message) the decoder can
    /// be asked on; after anything else the connection is of no more use.
    pub fn decode(&mut self, source: &mut BytesMut) -> Result<Option<Message<Bytes>>, WireError> {
        let decoded = match self.state {
            State::Broken(error) => return Err(error),
            State::Skipping(left) => {
                let skipped = left.min(source.len());
                source.advance(skipped);
                self.state = State::Skipping(left.saturating_sub(skipped));
                if skipped < left {
                    return Ok(None);
                }
                self.state = State::Open;
                self.decode_frame(source, false)
            }
            State::Opening => self.decode_frame(source, true),
            State::Open => self.decode_frame(source, false),
        };
        match decoded {
            Ok(Some(_)) => self.state = State::Open,
            Ok(None) => {}
            Err(WireError::Bep3(Bep3Error::UnknownId { len, .. })) => {
                self.state = State::Skipping((len as usize).saturating_sub(1));
            }
            Err(error) if error.is_unknown_message() => {}
            Err(error) => self.state = State::Broken(error),
        }
        decoded
    }

    /// After [`decode`](Self::decode) has returned `None`, fewer than so many bytes are left in `source`. Who reads no more
    /// than what is missing keeps a peer's share of memory below this.
    pub fn max_buffered(&self) -> usize {
        let opening = matches!(self.state, State::Opening);
        match self.reader {
            Reader::Bep3 => bep3::max_buffered(&self.limits, opening),
            Reader::Json => json::max_buffered(&self.limits, opening),
            Reader::Framed(_) => framed::max_buffered(&self.limits, opening),
            Reader::Text(_) => text::max_buffered(&self.limits),
        }
    }

    fn decode_frame(
        &mut self,
        source: &mut BytesMut,
        opening: bool,
    ) -> Result<Option<Message<Bytes>>, WireError> {
        Ok(match &mut self.reader {
            Reader::Bep3 if opening => bep3::decode_handshake(source)?,
            Reader::Bep3 => bep3::decode(source, &self.limits)?,
            Reader::Json => json::decode(source, &self.limits, opening)?,
            Reader::Framed(reader) => reader.decode(source, &self.limits, opening)?,
            Reader::Text(reader) => reader.decode(source, &self.limits)?,
        })
    }
}

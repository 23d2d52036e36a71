//! The JSON messages of S1, S2 and S5: four bytes of big-endian length, then an object. What differs between the three is the
//! [words](Words).
//!
//! A piece is asked for as a whole, so there are no offsets. Read as the systems read them: keys that are not known are passed
//! over, and so are messages of unknown types; what is known has to be of its type and in range, and stand there once.

mod read;
mod words;

use bytes::{Buf as _, Bytes, BytesMut};

use self::read::Object;
pub(super) use self::words::Words;
use super::sink::{Length, Sink, base64_len, prefix};
use super::speech::peer_id;
use super::{JsonError, Limits, Names, Speech, Unspoken};
use crate::bitfield::Bitfield;
use crate::geometry::Geometry;
use crate::id::{BlockSpan, InfoHash, PieceIndex};
use crate::message::{Handshake, Inventory, Message, MessageKind};
use crate::payload::Payload;

/// What an object may have beside its base64 or its list: keys, numbers, names, white space.
const ROOM: u32 = 1024;
/// An index in a list: seven digits, a comma, a space.
const LISTED: u32 = 9;

/// The length of the encoded message.
pub(super) fn encoded_len<D: Payload>(
    words: &Words,
    speech: Speech<'_>,
    message: &Message<D>,
) -> Result<u64, Unspoken> {
    let mut len = Length(4);
    object(words, speech, message, &mut len)?;
    Ok(len.0)
}

/// Appends the encoded message.
pub(super) fn encode(
    words: &Words,
    speech: Speech<'_>,
    message: &Message<Bytes>,
    out: &mut BytesMut,
) -> Result<(), Unspoken> {
    prefix(encoded_len(words, speech, message)?.saturating_sub(4), out);
    object(words, speech, message, out)
}

fn object<D: Payload>(
    words: &Words,
    Speech { encoding, names }: Speech<'_>,
    message: &Message<D>,
    sink: &mut impl Sink<D>,
) -> Result<(), Unspoken> {
    let kind = message.kind();
    let name = words.name(kind).ok_or(Unspoken { encoding, kind })?;
    sink.text("{");
    key(sink, words.kind);
    sink.text("\"");
    sink.text(name);
    sink.text("\"");
    match message {
        Message::Handshake(handshake) => {
            next(sink, words.id);
            hex(sink, &handshake.peer_id.0);
            next(sink, "info_hash");
            hex(sink, &handshake.info_hash.0);
            next(sink, "interest");
            sink.text("true");
        }
        Message::Bitfield(inventory) => {
            if words.inventory_has_id {
                next(sink, words.id);
                hex(sink, &inventory.peer_id.unwrap_or(names.peer_id).0);
            }
            if let Some(port) = words.inventory_port {
                next(sink, port);
                sink.number(names.port.into());
            }
            next(sink, words.blocks);
            sink.text("[");
            sink.indices(&inventory.pieces);
            sink.text("]");
        }
        Message::Have { index } => {
            next(sink, words.index);
            sink.number((*index).into());
        }
        Message::Request(span) | Message::Cancel(span) => {
            next(sink, words.index);
            sink.number(span.index.into());
        }
        Message::Piece { index, data, .. } => {
            next(sink, words.index);
            sink.number((*index).into());
            next(sink, words.data);
            sink.text("\"");
            sink.data(data);
            sink.text("\"");
        }
        _ => {}
    }
    sink.text("}");
    Ok(())
}

fn key<D>(sink: &mut impl Sink<D>, key: &str) {
    sink.text("\"");
    sink.text(key);
    sink.text("\":");
}

fn next<D>(sink: &mut impl Sink<D>, name: &str) {
    sink.text(",");
    key(sink, name);
}

fn hex<D>(sink: &mut impl Sink<D>, bytes: &[u8; 20]) {
    sink.text("\"");
    sink.hex(bytes);
    sink.text("\"");
}

/// Reads one direction of a connection.
#[derive(Debug)]
pub(super) struct Reader {
    words: &'static Words,
    info_hash: InfoHash,
    file: Box<str>,
    geometry: Option<Geometry>,
    /// What a message says beside itself.
    then: Option<Message<Bytes>>,
}

impl Reader {
    pub(super) fn new(words: &'static Words, names: &Names) -> Self {
        let Names { info_hash, geometry, ref file, .. } = *names;
        Self { words, info_hash, file: file.as_ref().into(), geometry, then: None }
    }

    /// Takes a message off the front of `source`, when all of it is there. An object of unknown type is taken off, too.
    ///
    /// `opening`: it must be a handshake; otherwise it must not be one.
    pub(super) fn decode(
        &mut self,
        source: &mut BytesMut,
        limits: &Limits,
        opening: bool,
    ) -> Result<Option<Message<Bytes>>, JsonError> {
        if let Some(then) = self.then.take() {
            return Ok(Some(then));
        }
        let Some((prefix, body)) = source.split_first_chunk::<4>() else { return Ok(None) };
        let len = u32::from_be_bytes(*prefix);
        let max = longest(limits, opening);
        if !(1..=max).contains(&len) {
            return Err(JsonError::Length { len, max });
        }
        let Some(text) = body.get(..len as usize) else { return Ok(None) };
        let message = self.parse(text, limits, opening);
        source.advance((len as usize).saturating_add(4));
        message.map(Some)
    }

    fn parse(&mut self, text: &[u8], limits: &Limits, opening: bool) -> Result<Message<Bytes>, JsonError> {
        let mut object = Object::parse(text, self.words)?;
        let name = object.kind.take();
        let kind = name.and_then(|name| self.words.named(&name)).ok_or(JsonError::UnknownType)?;
        match (opening, kind == MessageKind::Handshake) {
            (true, false) => return Err(JsonError::NoHandshake),
            (false, true) => return Err(JsonError::SecondHandshake),
            _ => {}
        }
        Ok(match kind {
            MessageKind::Handshake => self.handshake(&object)?,
            MessageKind::Choke => Message::Choke,
            MessageKind::Unchoke => Message::Unchoke,
            MessageKind::Interested => Message::Interested,
            MessageKind::NotInterested => Message::NotInterested,
            MessageKind::Have => Message::Have { index: self.index(&object, kind)? },
            MessageKind::Bitfield => {
                let listed = object.blocks.take().ok_or(missing(kind, self.words.blocks))?;
                let id = object.id.as_deref().filter(|_| self.words.inventory_has_id);
                let (pieces, peer_id) = (bitfield(&listed, limits)?, id.and_then(peer_id));
                Message::Bitfield(Box::new(Inventory { pieces, peer_id }))
            }
            MessageKind::Request => Message::Request(self.whole(self.index(&object, kind)?, limits)),
            MessageKind::Cancel => Message::Cancel(self.whole(self.index(&object, kind)?, limits)),
            MessageKind::Piece => {
                let index = self.index(&object, kind)?;
                let key = self.words.data;
                let text = object.data.take().ok_or(missing(kind, key))?;
                let data = read::base64(&text, kind, key, limits.block_len)?.into();
                Message::Piece { index, begin: 0, data }
            }
            // No other kind has a name.
            _ => Message::KeepAlive,
        })
    }

    /// Who does not say that it will speak of its interest is interested: S1 has no such messages of its own.
    fn handshake(&mut self, object: &Object<'_>) -> Result<Message<Bytes>, JsonError> {
        let kind = MessageKind::Handshake;
        let id = object.id.as_deref().ok_or(missing(kind, self.words.id))?;
        let peer_id = peer_id(id).ok_or(JsonError::Id { kind, key: self.words.id })?;
        let info_hash = match (&object.info_hash, &object.file) {
            (Some(digits), _) => {
                InfoHash::from_hex(digits).ok_or(JsonError::Hex { kind, key: "info_hash" })?
            }
            (None, Some(file)) if **file != *self.file => return Err(JsonError::OtherFile),
            (None, _) => self.info_hash,
        };
        if object.interest != Some(true) {
            self.then = Some(Message::Interested);
        }
        Ok(Message::Handshake(Box::new(Handshake { info_hash, peer_id, fast: false, extended: false })))
    }

    fn index(&self, object: &Object<'_>, kind: MessageKind) -> Result<u32, JsonError> {
        object.index.ok_or(missing(kind, self.words.index))
    }

    /// A whole piece. One that does not exist is as long as all others; the receiver of the message refuses it.
    fn whole(&self, index: u32, limits: &Limits) -> BlockSpan {
        let piece = self.geometry.and_then(|geometry| Some(geometry.piece_len(geometry.piece(index)?)));
        BlockSpan { index, begin: 0, length: piece.unwrap_or(limits.block_len) }
    }
}

const fn missing(kind: MessageKind, key: &'static str) -> JsonError {
    JsonError::Missing { kind, key }
}

/// The pieces in a list, each of which exists.
fn bitfield(listed: &[u32], limits: &Limits) -> Result<Bitfield, JsonError> {
    let pieces = limits.pieces.unwrap_or(0);
    let mut set = Bitfield::none(pieces);
    for &index in listed {
        if index >= pieces {
            return Err(JsonError::PieceIndex { index, pieces });
        }
        set.insert(PieceIndex(index));
    }
    Ok(set)
}

/// The longest frame, without its length prefix.
fn longest(limits: &Limits, opening: bool) -> u32 {
    if opening {
        return ROOM;
    }
    let data = u32::try_from(base64_len(limits.block_len.into())).unwrap_or(u32::MAX);
    data.max(limits.pieces.unwrap_or(0).saturating_mul(LISTED)).saturating_add(ROOM)
}

/// Most bytes that are kept while a message is incomplete.
pub(super) fn max_buffered(limits: &Limits, opening: bool) -> usize {
    (longest(limits, opening) as usize).saturating_add(4)
}

//! Reading: the keys of all types of message in one flat object, each at most once, and taken out one by one.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer};

use super::{JsonError, base64_len};
use crate::id::{InfoHash, PeerId};
use crate::message::MessageKind;

/// A text, borrowed from the frame unless it has escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// A value that is there; without this, `null` would pass as an absent key.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// All keys that a message can have.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fields<'a> {
    #[serde(rename = "type", borrow)]
    kind: Text<'a>,
    #[serde(default, deserialize_with = "given")]
    index: Option<u32>,
    #[serde(default, deserialize_with = "given")]
    begin: Option<u32>,
    #[serde(default, deserialize_with = "given")]
    length: Option<u32>,
    #[serde(default, deserialize_with = "given")]
    port: Option<u16>,
    #[serde(default, deserialize_with = "given")]
    id: Option<u8>,
    #[serde(default, deserialize_with = "given")]
    fast: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    extended: Option<bool>,
    #[serde(default, borrow, deserialize_with = "given")]
    info_hash: Option<Text<'a>>,
    #[serde(default, borrow, deserialize_with = "given")]
    peer_id: Option<Text<'a>>,
    #[serde(default, borrow, deserialize_with = "given")]
    bits: Option<Text<'a>>,
    #[serde(default, borrow, deserialize_with = "given")]
    data: Option<Text<'a>>,
    #[serde(default, borrow, deserialize_with = "given")]
    payload: Option<Text<'a>>,
}

/// Takes a value out, which must be there.
macro_rules! take {
    ($($key:ident: $type:ty),+) => {
        $(pub(super) fn $key(&mut self, kind: MessageKind) -> Result<$type, JsonError> {
            self.$key.take().ok_or(JsonError::Missing { kind, key: stringify!($key) })
        })+
    };
}

/// Takes a name of twenty bytes out, written as hexadecimal digits.
macro_rules! take_hex {
    ($($key:ident: $type:ident),+) => {
        $(pub(super) fn $key(&mut self, kind: MessageKind) -> Result<$type, JsonError> {
            let key = stringify!($key);
            let text = self.$key.take().ok_or(JsonError::Missing { kind, key })?;
            $type::from_hex(&text.0).ok_or(JsonError::Hex { kind, key })
        })+
    };
}

/// Takes bytes out, fewest and most of which are given, written in base64.
macro_rules! take_base64 {
    ($($key:ident),+) => {
        $(pub(super) fn $key(&mut self, kind: MessageKind, legal: (u32, u32)) -> Result<Vec<u8>, JsonError> {
            let key = stringify!($key);
            let text = self.$key.take().ok_or(JsonError::Missing { kind, key })?;
            bytes(&text.0, kind, key, legal)
        })+
    };
}

impl<'a> Fields<'a> {
    /// Reads one object, and nothing beside it.
    pub(super) fn parse(text: &'a [u8]) -> Result<Self, JsonError> {
        // Derived code would also take an array, with the values in the order of the fields.
        if text.trim_ascii_start().first().is_some_and(|&first| first != b'{') {
            return Err(JsonError::NotAnObject);
        }
        serde_json::from_slice(text).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            if error.is_data() {
                JsonError::Field { line, column }
            } else {
                JsonError::Syntax { line, column }
            }
        })
    }

    /// Does `type` name this?
    pub(super) fn names(&self, name: &str) -> bool {
        self.kind.0 == name
    }

    /// The swarm and the port of an introduction.
    pub(super) fn introduction(self) -> Option<(InfoHash, u16)> {
        let Self { info_hash, port, .. } = self;
        Some((InfoHash::from_hex(&info_hash?.0)?, port?))
    }

    /// The kind that `type` names.
    pub(super) fn kind(&self) -> Result<MessageKind, JsonError> {
        let named = |kind: &MessageKind| kind.name() == self.kind.0;
        MessageKind::ALL.into_iter().find(named).ok_or(JsonError::UnknownType)
    }

    take!(index: u32, begin: u32, length: u32, port: u16, id: u8, fast: bool, extended: bool);
    take_hex!(info_hash: InfoHash, peer_id: PeerId);
    take_base64!(bits, data, payload);

    /// All values have been taken out.
    pub(super) fn nothing_left(&self, kind: MessageKind) -> Result<(), JsonError> {
        let there = [
            ("index", self.index.is_some()),
            ("begin", self.begin.is_some()),
            ("length", self.length.is_some()),
            ("port", self.port.is_some()),
            ("id", self.id.is_some()),
            ("fast", self.fast.is_some()),
            ("extended", self.extended.is_some()),
            ("info_hash", self.info_hash.is_some()),
            ("peer_id", self.peer_id.is_some()),
            ("bits", self.bits.is_some()),
            ("data", self.data.is_some()),
            ("payload", self.payload.is_some()),
        ];
        match there.into_iter().find(|&(_, is_there)| is_there) {
            Some((key, _)) => Err(JsonError::Unexpected { kind, key }),
            None => Ok(()),
        }
    }
}

/// The bytes behind base64, whose length is judged before it is decoded.
fn bytes(
    text: &str,
    kind: MessageKind,
    key: &'static str,
    (min, max): (u32, u32),
) -> Result<Vec<u8>, JsonError> {
    let wrong_len = JsonError::DataLength { kind, key, min, max };
    if text.len() as u64 > base64_len(max.into()) {
        return Err(wrong_len);
    }
    let bytes = STANDARD.decode(text).map_err(|_| JsonError::Base64 { kind, key })?;
    if (min as usize..=max as usize).contains(&bytes.len()) { Ok(bytes) } else { Err(wrong_len) }
}

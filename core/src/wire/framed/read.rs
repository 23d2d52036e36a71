//! Reading: the keys that a system has, each at most once, out of one flat object.

use core::fmt;
use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use serde::de::{Deserializer as _, IgnoredAny, MapAccess, Visitor};

use super::Words;
use crate::message::MessageKind;
use crate::wire::JsonError;
use crate::wire::sink::base64_len;

/// A text, borrowed from the frame unless it has escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The values of all keys that a message can have.
#[derive(Debug, Default)]
pub(super) struct Object<'a> {
    pub(super) kind: Option<Cow<'a, str>>,
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) index: Option<u32>,
    pub(super) blocks: Option<Vec<u32>>,
    pub(super) data: Option<Cow<'a, str>>,
    pub(super) info_hash: Option<Cow<'a, str>>,
    pub(super) file: Option<Cow<'a, str>>,
    pub(super) interest: Option<bool>,
}

impl<'a> Object<'a> {
    /// Reads one object, and nothing beside it.
    pub(super) fn parse(text: &'a [u8], words: &'static Words) -> Result<Self, JsonError> {
        if text.trim_ascii_start().first().is_some_and(|&first| first != b'{') {
            return Err(JsonError::NotAnObject);
        }
        let mut source = serde_json::Deserializer::from_slice(text);
        let object = source.deserialize_map(Keys(words)).and_then(|object| source.end().map(|()| object));
        object.map_err(|error| {
            let (line, column) = (error.line(), error.column());
            if error.is_data() {
                JsonError::Field { line, column }
            } else {
                JsonError::Syntax { line, column }
            }
        })
    }
}

struct Keys(&'static Words);

impl<'de> Visitor<'de> for Keys {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a message")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
        let words = self.0;
        let mut object = Object::default();
        while let Some(Text(key)) = map.next_key()? {
            let key = &*key;
            if key == words.kind {
                once(&mut object.kind, text(&mut map)?)?;
            } else if key == words.id {
                once(&mut object.id, text(&mut map)?)?;
            } else if key == words.index {
                once(&mut object.index, map.next_value()?)?;
            } else if key == words.blocks {
                once(&mut object.blocks, map.next_value()?)?;
            } else if key == words.data {
                once(&mut object.data, text(&mut map)?)?;
            } else if key == "info_hash" {
                once(&mut object.info_hash, text(&mut map)?)?;
            } else if key == "file" {
                once(&mut object.file, text(&mut map)?)?;
            } else if key == "interest" {
                once(&mut object.interest, map.next_value()?)?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(object)
    }
}

fn text<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Cow<'de, str>, A::Error> {
    map.next_value::<Text<'de>>().map(|text| text.0)
}

fn once<T, E: serde::de::Error>(slot: &mut Option<T>, value: T) -> Result<(), E> {
    if slot.replace(value).is_some() { Err(E::custom("a key stands twice")) } else { Ok(()) }
}

/// The bytes behind base64, whose length is judged before it is decoded.
pub(super) fn base64(
    text: &str,
    kind: MessageKind,
    key: &'static str,
    max: u32,
) -> Result<Vec<u8>, JsonError> {
    let wrong_len = JsonError::DataLength { kind, key, min: 0, max };
    if text.len() as u64 > base64_len(max.into()) {
        return Err(wrong_len);
    }
    let bytes = STANDARD.decode(text).map_err(|_| JsonError::Base64 { kind, key })?;
    if bytes.len() <= max as usize { Ok(bytes) } else { Err(wrong_len) }
}

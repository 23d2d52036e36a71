//! Reading: the keys of all questions and answers of a system, each at most once, out of one object.

use core::fmt;
use core::net::IpAddr;
use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::{Neighbour, Words};
use crate::tracker::json::{CommandError, MAX_PEERS};

/// A text, borrowed from the frame unless it has escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The values of all keys.
#[derive(Debug, Default)]
pub(super) struct Object<'a> {
    pub(super) question: Option<Cow<'a, str>>,
    pub(super) answer: Option<Cow<'a, str>>,
    pub(super) message: Option<Cow<'a, str>>,
    pub(super) id: Option<Cow<'a, str>>,
    pub(super) ip: Option<IpAddr>,
    pub(super) port: Option<u16>,
    pub(super) file: Option<Cow<'a, str>>,
    pub(super) info_hash: Option<Cow<'a, str>>,
    pub(super) size: Option<u64>,
    pub(super) block_size: Option<u32>,
    pub(super) total_blocks: Option<u32>,
    pub(super) hashes: Option<Cow<'a, str>>,
    pub(super) hash: Option<Cow<'a, str>>,
    pub(super) metainfo: Option<Cow<'a, str>>,
    pub(super) blocks: Option<Vec<u32>>,
    pub(super) peers: Option<Vec<Neighbour>>,
}

impl<'a> Object<'a> {
    /// Reads one object, and nothing beside it.
    pub(super) fn parse(text: &'a [u8], words: &'static Words) -> Result<Self, CommandError> {
        if text.trim_ascii_start().first().is_some_and(|&first| first != b'{') {
            return Err(CommandError::NotAnObject);
        }
        let mut source = serde_json::Deserializer::from_slice(text);
        let object = Keys(words).deserialize(&mut source).and_then(|it| source.end().map(|()| it));
        object.map_err(|error| {
            let (line, column) = (error.line(), error.column());
            if error.is_data() {
                CommandError::Value { line, column }
            } else {
                CommandError::Syntax { line, column }
            }
        })
    }
}

#[derive(Clone, Copy)]
struct Keys(&'static Words);

impl<'de> DeserializeSeed<'de> for Keys {
    type Value = Object<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Object<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Keys {
    type Value = Object<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Object<'de>, A::Error> {
        let words = self.0;
        let mut object = Object::default();
        while let Some(Text(key)) = map.next_key()? {
            match &*key {
                key if key == words.question => once(&mut object.question, text(&mut map)?)?,
                key if key == words.answer => once(&mut object.answer, text(&mut map)?)?,
                key if key == words.message => once(&mut object.message, text(&mut map)?)?,
                key if key == words.id => once(&mut object.id, text(&mut map)?)?,
                key if key == words.port => once(&mut object.port, map.next_value()?)?,
                key if key == words.file => once(&mut object.file, text(&mut map)?)?,
                key if key == words.size => once(&mut object.size, map.next_value()?)?,
                key if key == words.block_size => once(&mut object.block_size, map.next_value()?)?,
                key if key == words.total_blocks => once(&mut object.total_blocks, map.next_value()?)?,
                key if key == words.blocks => once(&mut object.blocks, map.next_value()?)?,
                // Whatever a request says of its address is not read: it may be anything.
                "ip" => {
                    let ip = map.next_value::<Option<Text<'de>>>()?.map(|text| text.0.parse());
                    once(&mut object.ip, ip.and_then(Result::ok).unwrap_or(UNREAD))?;
                }
                "info_hash" => once(&mut object.info_hash, text(&mut map)?)?,
                "hashes" => once(&mut object.hashes, text(&mut map)?)?,
                "hash" => once(&mut object.hash, text(&mut map)?)?,
                "metainfo" => once(&mut object.metainfo, text(&mut map)?)?,
                "peers" => once(&mut object.peers, map.next_value_seed(Peers(words))?)?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(object)
    }
}

/// An address that nobody can be dialled at stands for what is no address.
const UNREAD: IpAddr = IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED);

/// The peers of an answer. Those that cannot be dialled are left out.
struct Peers(&'static Words);

impl<'de> DeserializeSeed<'de> for Peers {
    type Value = Vec<Neighbour>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Vec<Neighbour>, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Peers {
    type Value = Vec<Neighbour>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of peers")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<Neighbour>, A::Error> {
        let mut peers = Vec::new();
        while let Some(mut object) = list.next_element_seed(Keys(self.0))? {
            let peer = object.neighbour(self.0).map_err(A::Error::custom)?;
            if peers.len() == MAX_PEERS {
                return Err(A::Error::custom("too many peers"));
            }
            if peer.addr.port() != 0 && peer.addr.ip() != UNREAD {
                peers.push(peer);
            }
        }
        Ok(peers)
    }
}

fn text<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Cow<'de, str>, A::Error> {
    map.next_value::<Text<'de>>().map(|text| text.0)
}

fn once<T, E: serde::de::Error>(slot: &mut Option<T>, value: T) -> Result<(), E> {
    if slot.replace(value).is_some() { Err(E::custom("a key stands twice")) } else { Ok(()) }
}

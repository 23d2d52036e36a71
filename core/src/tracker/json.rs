//! What a tracker is asked for as JSON over TCP, and what it answers: swarms and files by name.
//!
//! Four bytes of big-endian length, then one object. Requests have a `command`, by which a listener tells them from the
//! [messages of peers](crate::wire), which have a `type`. Each is answered with one object, which has either `ok` or `error`;
//! a connection may ask as often as it likes, one thing after the other. A plain node answers the same questions about what it
//! seeds itself.
//!
//! The addresses of peers are never taken from a request: a peer is where the connection comes from, with the port that it
//! names. Nobody can publish the address of another.
//!
//! | command | for | answer |
//! |---|---|---|
//! | `register` | joining a swarm and publishing its file | `peers` |
//! | `update` | having more than before, or everything | `peers` |
//! | `get-peers` | peers of a swarm, without joining it | `peers` |
//! | `heartbeat` | staying in a swarm, or in all that were joined from this address and port | `alive` |
//! | `unregister` | leaving one swarm, or all | `done` |
//! | `list` | all files | `files` |
//! | `search` | files by a part of their name, or the first digits of their info-hash | `files` |
//! | `metainfo` | the `.torrent` file of a name or info-hash | `metainfo`, or the error `ambiguous` |
//!
//! # The bytes
//! Every command and answer is shown in `core/PROTOCOLS.md`. Optional are `metainfo` in `register`, and `info_hash` in
//! `heartbeat` and `unregister`; `left` is in bytes, and 0 is a seeder. The longest frame is one of [`MAX_FRAME`] bytes; a server
//! takes more than [`MAX_SMALL_FRAME`] for `register` only.
//!
//! `interval` is in seconds: the time between two announces, or two heartbeats. `age` is the time since the file was first
//! published, in seconds. With `more`, there are files that found no room in the answer. Whole frames:
//!
//! ```
//! use bytes::BytesMut;
//! use minibit_core::tracker::json::{self, Command};
//!
//! let mut stream = BytesMut::new();
//! Command::Search { text: "mov".into() }.encode(&mut stream);
//! assert_eq!(stream[..], *b"\0\0\0\x21{\"command\":\"search\",\"text\":\"mov\"}");
//!
//! let frame = json::take_frame(&mut stream, json::MAX_SMALL_FRAME)?.expect("all of it is there");
//! assert_eq!(Command::parse(&frame)?, Command::Search { text: "mov".into() });
//! # Ok::<(), json::CommandError>(())
//! ```
//!
//! Read strictly, as the messages of peers are: a key that the command does not have, a key twice, a missing key, `null`, and
//! base64 that is not canonical are errors. White space between tokens is allowed.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects))]

mod answers;
mod commands;
#[cfg(test)]
mod tests;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use serde::{Deserialize, Deserializer, Serialize};

use crate::catalogue::QueryError;
use crate::metainfo;

pub use answers::{Answer, File, MAX_FILES, MAX_PEERS, Peers, Refusal};
pub use commands::{Command, Registration};

/// The longest frame, without its length prefix: the longest metainfo in base64, with a command around it.
pub const MAX_FRAME: u32 = 14_000_000;
/// The longest frame of what is no metainfo to be registered: a name may be 255 bytes, of six characters each.
pub const MAX_SMALL_FRAME: u32 = 4096;

const _: () = assert!(MAX_FRAME as usize >= metainfo::MAX_LEN.div_ceil(3) * 4 + MAX_SMALL_FRAME as usize);

/// Bytes that are no command, or no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// A frame is empty, or longer than is legal.
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
    #[error("it is not an object")]
    NotAnObject,
    /// A key of a question that takes any other keys is there twice, or has a wrong value.
    #[error("a key that is there twice, or a wrong value, at line {line}, column {column}")]
    Value {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// A key is unknown or there twice, or a value has the wrong type or is out of range.
    #[error("unknown or repeated key, or wrong value, at line {line}, column {column}")]
    Field {
        /// Line within the frame, from 1.
        line: usize,
        /// Column within the line, from 1.
        column: usize,
    },
    /// There is no such command, or no such answer.
    #[error("unknown {key:?}")]
    Unknown {
        /// The key whose value is not known.
        key: &'static str,
    },
    /// A key is missing.
    #[error("{key:?} is missing")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// A key that belongs to something else.
    #[error("{key:?} does not belong here")]
    Unexpected {
        /// The key.
        key: &'static str,
    },
    /// The text is not forty hexadecimal digits.
    #[error("{key:?} is not forty hexadecimal digits")]
    Hex {
        /// The key.
        key: &'static str,
    },
    /// The text is not canonical base64, or more than metainfo can be.
    #[error("{key:?} is not base64 of metainfo")]
    Base64 {
        /// The key.
        key: &'static str,
    },
    /// A name of nobody: empty, or longer than [`MAX_ID`](crate::wire::MAX_ID).
    #[error("that is no name of a peer")]
    Id,
    /// Nobody listens at port 0.
    #[error("the port is 0")]
    Port,
    /// There is nothing to look for, or too much.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// There are more of them than an answer may have.
    #[error("more than {max} {key}")]
    TooMany {
        /// The key.
        key: &'static str,
        /// The most that are legal.
        max: usize,
    },
}

/// Takes the text of an object off the front of `source`, when all of it is there. Nothing is reserved for what has not come.
///
/// # Errors
/// When the length is 0, or more than `max`. The stream cannot be read on.
pub fn take_frame(source: &mut BytesMut, max: u32) -> Result<Option<Bytes>, CommandError> {
    let Some(len) = frame_len(source, max)? else { return Ok(None) };
    if source.len() < len.saturating_add(4) {
        return Ok(None);
    }
    source.advance(4);
    Ok(Some(source.split_to(len).freeze()))
}

/// The length of the text that comes next, when its prefix is there.
///
/// # Errors
/// When it is 0, or more than `max`.
pub fn frame_len(source: &[u8], max: u32) -> Result<Option<usize>, CommandError> {
    let Some((prefix, _)) = source.split_first_chunk::<4>() else { return Ok(None) };
    let len = u32::from_be_bytes(*prefix);
    if (1..=max).contains(&len) { Ok(Some(len as usize)) } else { Err(CommandError::Length { len, max }) }
}

/// Appends an object with its length before it.
fn put_frame(object: &impl Serialize, out: &mut BytesMut) {
    let text = serde_json::to_vec(object).expect("texts, numbers and lists of them are always JSON");
    out.put_u32(u32::try_from(text.len()).expect("an object is shorter than 4 GiB"));
    out.put_slice(&text);
}

/// Reads one object, and nothing beside it.
fn read<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, CommandError> {
    // Derived code would also take an array, with the values in the order of the fields.
    if text.trim_ascii_start().first().is_some_and(|&first| first != b'{') {
        return Err(CommandError::NotAnObject);
    }
    serde_json::from_slice(text).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        if error.is_data() {
            CommandError::Field { line, column }
        } else {
            CommandError::Syntax { line, column }
        }
    })
}

/// A value that is there; without this, `null` would pass as an absent key.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// The metainfo behind base64, whose length is judged before it is decoded.
pub(super) fn metainfo(text: &str) -> Result<Bytes, CommandError> {
    let error = CommandError::Base64 { key: "metainfo" };
    if text.len() > metainfo::MAX_LEN.div_ceil(3).saturating_mul(4) {
        return Err(error);
    }
    STANDARD.decode(text).map(Bytes::from).map_err(|_| error)
}

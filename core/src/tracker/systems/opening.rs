//! Telling the systems, and what else comes to the same port, apart by the first bytes of a connection.
//!
//! BEP 3 opens with 19 and a name. All JSON has a length before it whose first byte is zero; a key says whose it is. Text is
//! HTTP when its target begins with a slash, S3 when it asks for a number, and S4 otherwise.

use core::num::NonZeroU16;

use bytes::BytesMut;

use crate::config::Encoding;
use crate::id::InfoHash;
use crate::wire::text::s3::Get;
use crate::wire::text::s4::Line;
use crate::wire::text::take_line;

/// What a connection is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opening {
    /// One of a peer.
    Peer {
        /// What it speaks.
        encoding: Encoding,
        /// The swarm, where it names one.
        info_hash: Option<InfoHash>,
        /// The file, where it names one.
        file: Option<String>,
        /// Where the peer listens, where it says so before anything else (S5). With no handshake, this alone tells that somebody is
        /// connected already.
        port: Option<NonZeroU16>,
    },
    /// S4: a peer asks for the length of a file; a `GET` may follow.
    Size,
    /// Questions to the tracker of a system.
    Tracker(Encoding),
    /// Questions in the native JSON.
    Command,
    /// HTTP.
    Http,
}

/// What the first bytes say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// It is known.
    Opening(Opening),
    /// More bytes are needed.
    More,
    /// It is nothing of ours.
    Nothing,
}

/// In the handshake of BEP 3 the info-hash stands here.
const INFO_HASH_AT: core::ops::Range<usize> = 28..48;
const HANDSHAKE: &[u8] = b"\x13BitTorrent protocol";

/// Tells what a connection is by what has come on it; `all`: no more bytes are waited for.
pub fn tell(first: &[u8], all: bool) -> Told {
    let told = match first.first() {
        None => Told::More,
        Some(19) => bep3(first),
        Some(0) => framed(first, all),
        Some(_) => text(first),
    };
    if all && told == Told::More { Told::Nothing } else { told }
}

fn peer(encoding: Encoding, info_hash: Option<InfoHash>, file: Option<String>) -> Told {
    Told::Opening(Opening::Peer { encoding, info_hash, file, port: None })
}

fn bep3(first: &[u8]) -> Told {
    if first.iter().zip(HANDSHAKE).any(|(a, b)| a != b) {
        return Told::Nothing;
    }
    let info_hash = first.get(INFO_HASH_AT).and_then(|bytes| bytes.try_into().ok()).map(InfoHash);
    info_hash.map_or(Told::More, |info_hash| peer(Encoding::Bep3, Some(info_hash), None))
}

/// JSON may be longer than what is looked at: the keys are searched, not parsed. Whoever takes over reads it in earnest.
fn framed(first: &[u8], all: bool) -> Told {
    let Some((prefix, object)) = first.split_first_chunk::<4>() else { return Told::More };
    match object.first() {
        None => return Told::More,
        Some(b'{' | b' ' | b'\t' | b'\n' | b'\r') => {}
        Some(_) => return Told::Nothing,
    }
    let len = u32::from_be_bytes(*prefix) as usize;
    let all = all || object.len() >= len;
    let object = object.get(..len).unwrap_or(object);
    let named = ["command", "tipo", "type"].into_iter().filter_map(|key| value(object, key));
    let Some((_, key, name)) = named.min_by_key(|&(at, ..)| at) else {
        return if all { Told::Nothing } else { Told::More };
    };
    match (key, name) {
        ("command", b"REGISTER" | b"GET_PEERS" | b"UPDATE_BLOCKS") => {
            Told::Opening(Opening::Tracker(Encoding::S1))
        }
        ("command", _) => Told::Opening(Opening::Command),
        ("tipo", b"REGISTRO") => Told::Opening(Opening::Tracker(Encoding::S5)),
        ("tipo", _) => match after(object, "porta").and_then(|(_, value)| number(value)) {
            None if !all => Told::More,
            port => {
                Told::Opening(Opening::Peer { encoding: Encoding::S5, info_hash: None, file: None, port })
            }
        },
        (_, b"register_peer" | b"get_peers") => Told::Opening(Opening::Tracker(Encoding::S2)),
        (_, b"have_blocks" | b"announce_block" | b"block_request" | b"block_data") => {
            peer(Encoding::S2, None, None)
        }
        _ if !all => Told::More,
        _ => {
            let text = |key| value(object, key).and_then(|(_, _, text)| core::str::from_utf8(text).ok());
            let info_hash = text("info_hash").and_then(InfoHash::from_hex);
            // The native handshake says whether it knows BEP 6 and BEP 10, which S1 never heard of.
            let is_native = position(object, b"\"fast\"").is_some() || name != b"handshake";
            let file = || {
                let (at, ..) = value(object, "file")?;
                let quoted = object.get(at..)?;
                let mut values = serde_json::Deserializer::from_slice(quoted).into_iter::<String>();
                values.next()?.ok()
            };
            if is_native {
                peer(Encoding::Json, info_hash, None)
            } else {
                peer(Encoding::S1, info_hash, file())
            }
        }
    }
}

/// Where the text after a key begins, with its quotation mark, and what it is up to the next one.
fn value<'a>(object: &'a [u8], key: &'static str) -> Option<(usize, &'static str, &'a [u8])> {
    let (at, rest) = after(object, key)?;
    let text = rest.strip_prefix(b"\"")?;
    let end = text.iter().position(|&byte| byte == b'"')?;
    Some((at, key, text.get(..end)?))
}

/// Where the value of a key of the object itself begins, and all from there on.
fn after<'a>(object: &'a [u8], key: &str) -> Option<(usize, &'a [u8])> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
    let (mut at, mut depth) = (0_usize, 0_usize);
    while let Some((&byte, rest)) = object.get(at..).and_then(<[u8]>::split_first) {
        at = at.checked_add(1)?;
        match byte {
            b'{' | b'[' => depth = depth.checked_add(1)?,
            b'}' | b']' => depth = depth.saturating_sub(1),
            b'"' => {
                let len = string_len(rest)?;
                let text = rest.get(..len)?;
                at = at.checked_add(len)?.checked_add(1)?;
                let behind = object.get(at..)?;
                let spaces = behind.iter().take_while(|byte| blank(byte)).count();
                if depth == 1 && text == key.as_bytes() && behind.get(spaces) == Some(&b':') {
                    let value = behind.get(spaces.checked_add(1)?..)?;
                    let skipped = value.iter().take_while(|byte| blank(byte)).count();
                    let begins = at.checked_add(spaces)?.checked_add(1)?.checked_add(skipped)?;
                    return Some((begins, value.get(skipped..)?));
                }
            }
            _ => {}
        }
    }
    None
}

/// The length of a string behind its quotation mark, when its end is there.
fn string_len(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    text.iter().position(|&byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

/// The number that stands first, if something stands behind it.
fn number(value: &[u8]) -> Option<NonZeroU16> {
    let digits = value.iter().position(|byte| !byte.is_ascii_digit())?;
    core::str::from_utf8(value.get(..digits)?).ok()?.parse().ok()
}

fn position(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn text(first: &[u8]) -> Told {
    const METHODS: [&[u8]; 3] = [b"GET ", b"HEAD ", b"POST "];
    const COMMANDS: [&[u8]; 7] =
        [b"register ", b"unregister ", b"update ", b"heartbeat ", b"search ", b"list", b"SIZE "];
    let begins = |words: &[&[u8]]| words.iter().any(|word| first.iter().zip(*word).all(|(a, b)| a == b));
    let is_whole = |word: &[u8]| first.starts_with(word);
    if let Some(method) = METHODS.into_iter().find(|method| is_whole(method)) {
        match first.get(method.len()) {
            None => return Told::More,
            Some(b'/') => return Told::Opening(Opening::Http),
            Some(_) if method != b"GET " => return Told::Nothing,
            Some(_) => {}
        }
        let line = match take_line(&mut BytesMut::from(first)) {
            Ok(Some(line)) => line,
            Ok(None) => return Told::More,
            Err(_) => return Told::Nothing,
        };
        let Ok(line) = core::str::from_utf8(&line) else { return Told::Nothing };
        if let Ok(Get { info_hash, .. }) = Get::parse(line) {
            return peer(Encoding::S3, info_hash, None);
        }
        return match Line::parse(line) {
            Ok(Line::Get { file, .. }) => peer(Encoding::S4, None, Some(file.into_owned())),
            _ if line.starts_with("GET http://") => Told::Opening(Opening::Http),
            _ => Told::Nothing,
        };
    }
    match COMMANDS.into_iter().find(|command| is_whole(command)) {
        Some(b"SIZE ") => Told::Opening(Opening::Size),
        Some(_) => Told::Opening(Opening::Tracker(Encoding::S4)),
        None if begins(&METHODS) || begins(&COMMANDS) => Told::More,
        None => Told::Nothing,
    }
}

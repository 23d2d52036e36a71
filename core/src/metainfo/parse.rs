//! From bytes to [`Metainfo`]. Each dictionary is walked once, as its values may be large.

use sha1::{Digest as _, Sha1};

use super::path::{collisions, name, path};
use super::{
    Extra, File, HASH_LEN, MAX_FILES, MAX_LEN, MAX_NAMES, MAX_PIECE_LEN, MAX_TRACKERS, Metainfo,
    MetainfoError,
};
use crate::bencode::{self, Dict, Encoded, List, Value};
use crate::geometry::{BLOCK_LEN, Geometry};
use crate::id::InfoHash;

type Result<T> = core::result::Result<T, MetainfoError>;

/// Reads a `.torrent` file.
pub(super) fn metainfo(bytes: &[u8]) -> Result<Metainfo> {
    let top = checked(bytes)?;
    let mut info = None;
    let mut extra = Extra::default();
    for (key, value) in top.iter() {
        match key {
            b"announce" => extra.announce = Some(text("announce", value)?).filter(|url| !url.is_empty()),
            b"announce-list" => extra.announce_list = tiers(value)?,
            b"comment" => extra.comment = Some(remark("comment", value)?),
            b"created by" => extra.created_by = Some(remark("created by", value)?),
            b"creation date" => extra.creation_date = Some(integer("creation date", value)?),
            b"info" => info = Some(value.as_dict().ok_or(MetainfoError::Type { key: "info" })?),
            _ => {}
        }
    }
    let info = Encoded::from(info.ok_or(MetainfoError::Missing { key: "info" })?);
    let info_hash = info_hash(info.as_bytes());
    build(info, info_hash, extra)
}

/// Reads a bare `info` dictionary. Nothing is read before the hash is right.
pub(super) fn info(bytes: &[u8], expected: InfoHash) -> Result<Metainfo> {
    let received = info_hash(bytes);
    if received != expected {
        return Err(MetainfoError::InfoHash { expected, received });
    }
    build(checked(bytes)?.into(), received, Extra::default())
}

fn checked(bytes: &[u8]) -> Result<Dict<'_>> {
    if bytes.len() > MAX_LEN {
        return Err(MetainfoError::TooLong { len: bytes.len() });
    }
    bencode::parse(bytes)?.as_dict().ok_or(MetainfoError::Type { key: "" })
}

fn info_hash(bytes: &[u8]) -> InfoHash {
    InfoHash(Sha1::digest(bytes).into())
}

/// The values of the `info` dictionary that mean something here.
#[derive(Default)]
struct Info<'a> {
    files: Option<Value<'a>>,
    length: Option<Value<'a>>,
    meta_version: Option<Value<'a>>,
    name: Option<Value<'a>>,
    piece_length: Option<Value<'a>>,
    pieces: Option<Value<'a>>,
    private: Option<Value<'a>>,
    sha1: Option<Value<'a>>,
}

fn build(info_bytes: Encoded, info_hash: InfoHash, extra: Extra) -> Result<Metainfo> {
    let mut info = Info::default();
    for (key, value) in info_bytes.as_dict().into_iter().flat_map(Dict::iter) {
        match key {
            b"files" => info.files = Some(value),
            b"length" => info.length = Some(value),
            b"meta version" => info.meta_version = Some(value),
            b"name" => info.name = Some(value),
            b"piece length" => info.piece_length = Some(value),
            b"pieces" => info.pieces = Some(value),
            b"private" => info.private = Some(value),
            b"sha1" => info.sha1 = Some(value),
            _ => {}
        }
    }
    if info.pieces.is_none() && info.meta_version == Some(Value::Integer(2)) {
        return Err(MetainfoError::OnlyV2);
    }

    let torrent_name = bytes("name", there("name", info.name)?)?;
    let torrent_name = name(torrent_name).map_err(MetainfoError::Name)?.to_owned();
    let piece_len = integer("piece length", there("piece length", info.piece_length)?)?;
    let piece_len = u32::try_from(piece_len)
        .ok()
        .filter(|len| (1..=MAX_PIECE_LEN).contains(len))
        .ok_or(MetainfoError::Range { key: "piece length", value: piece_len.into() })?;
    let private = match info.private.map(|value| integer("private", value)).transpose()? {
        None | Some(0) => false,
        Some(1) => true,
        Some(value) => return Err(MetainfoError::Range { key: "private", value: value.into() }),
    };

    let files = match (info.length, info.files) {
        (Some(_), Some(_)) => return Err(MetainfoError::FileAndDirectory),
        (None, None) => return Err(MetainfoError::Missing { key: "length" }),
        (Some(len), None) => {
            let (path, len) = (vec![torrent_name.clone()], length(len)?);
            vec![File { path, len, offset: 0, padding: false, sha1: info.sha1.and_then(digest) }]
        }
        (None, Some(list)) => files(list.as_list().ok_or(MetainfoError::Type { key: "files" })?)?,
    };
    let content = files.last().map_or(0, |last| last.offset.saturating_add(last.len));
    let geometry = Geometry::new(content, piece_len, BLOCK_LEN.min(piece_len))?;
    let pieces = bytes("pieces", there("pieces", info.pieces)?)?;
    if !pieces.len().is_multiple_of(HASH_LEN) {
        return Err(MetainfoError::Hashes { len: pieces.len() });
    }
    let (expected, received) = (geometry.piece_count(), pieces.as_chunks::<HASH_LEN>().0.len());
    if received != expected as usize {
        return Err(MetainfoError::HashCount { expected, received });
    }

    Ok(Metainfo {
        // A part of the dictionary that is kept: no second copy.
        hashes: info_bytes.as_bytes().slice_ref(pieces),
        directory: info.files.is_some(),
        info: info_bytes,
        info_hash,
        name: torrent_name,
        files,
        geometry,
        private,
        extra,
    })
}

fn files(list: List<'_>) -> Result<Vec<File>> {
    let mut files: Vec<File> = Vec::new();
    let (mut offset, mut names) = (0_u64, 0_usize);
    for (number, value) in list.iter().enumerate() {
        if number == MAX_FILES {
            return Err(MetainfoError::TooManyFiles);
        }
        let entry = value.as_dict().ok_or(MetainfoError::Type { key: "files" })?;
        let file = file(number, offset, entry)?;
        names = names.saturating_add(file.path.len());
        if names > MAX_NAMES {
            return Err(MetainfoError::TooManyNames);
        }
        let end = offset.checked_add(file.len).filter(|&end| i64::try_from(end).is_ok());
        offset = end.ok_or(MetainfoError::Range { key: "length", value: file.len.into() })?;
        files.push(file);
    }
    collisions(&files)?;
    Ok(files)
}

fn file(number: usize, offset: u64, entry: Dict<'_>) -> Result<File> {
    let (mut attributes, mut len, mut elements, mut sha1) = (&b""[..], None, None, None);
    for (key, value) in entry.iter() {
        match key {
            b"attr" => attributes = bytes("attr", value)?,
            b"length" => len = Some(length(value)?),
            b"path" => elements = Some(value.as_list().ok_or(MetainfoError::Type { key: "path" })?),
            b"sha1" => sha1 = digest(value),
            _ => {}
        }
    }
    if attributes.contains(&b'l') {
        return Err(MetainfoError::Symlink { file: number });
    }
    let len = len.ok_or(MetainfoError::Missing { key: "length" })?;
    let elements = elements.ok_or(MetainfoError::Missing { key: "path" })?;
    if elements.iter().any(|element| element.as_bytes().is_none()) {
        return Err(MetainfoError::Type { key: "path" });
    }
    let path = path(elements.iter().filter_map(Value::as_bytes));
    let path = path.map_err(|error| MetainfoError::Path { file: number, error })?;
    Ok(File { path, len, offset, padding: attributes.contains(&b'p'), sha1 })
}

/// The hash of a whole file (BEP 47). Programs older than that wrote it in other forms, which mean nothing here and are no
/// reason to refuse.
fn digest(value: Value<'_>) -> Option<[u8; HASH_LEN]> {
    value.as_bytes()?.try_into().ok()
}

/// Trackers that are not empty, in tiers that are not.
fn tiers(value: Value<'_>) -> Result<Vec<Vec<String>>> {
    let key = "announce-list";
    let (mut tiers, mut count) = (Vec::new(), 0_usize);
    for tier in value.as_list().ok_or(MetainfoError::Type { key })?.iter() {
        let mut urls = Vec::new();
        for url in tier.as_list().ok_or(MetainfoError::Type { key })?.iter() {
            let url = text(key, url)?;
            if url.is_empty() {
                continue;
            }
            count = count.saturating_add(1);
            if count > MAX_TRACKERS {
                return Err(MetainfoError::TooManyTrackers);
            }
            urls.push(url);
        }
        if !urls.is_empty() {
            tiers.push(urls);
        }
    }
    Ok(tiers)
}

fn there<'a>(key: &'static str, value: Option<Value<'a>>) -> Result<Value<'a>> {
    value.ok_or(MetainfoError::Missing { key })
}

fn integer(key: &'static str, value: Value<'_>) -> Result<i64> {
    value.as_integer().ok_or(MetainfoError::Type { key })
}

fn length(value: Value<'_>) -> Result<u64> {
    let value = integer("length", value)?;
    u64::try_from(value).map_err(|_| MetainfoError::Range { key: "length", value: value.into() })
}

fn bytes<'a>(key: &'static str, value: Value<'a>) -> Result<&'a [u8]> {
    value.as_bytes().ok_or(MetainfoError::Type { key })
}

fn text(key: &'static str, value: Value<'_>) -> Result<String> {
    let text = core::str::from_utf8(bytes(key, value)?).map_err(|_| MetainfoError::NotText { key })?;
    Ok(text.to_owned())
}

/// A text for people alone: old programs wrote these in the encoding of their country, which is no reason to refuse.
fn remark(key: &'static str, value: Value<'_>) -> Result<String> {
    Ok(String::from_utf8_lossy(bytes(key, value)?).into_owned())
}

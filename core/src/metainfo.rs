//! Metainfo: what a `.torrent` file says (BEP 3 *metainfo files*, BEP 12 tiers of trackers, BEP 27 private torrents).
//!
//! A [`Metainfo`] is checked when it is made: its numbers fit together, and its path names are harmless, so they may be
//! joined to a directory as they are. What is not is refused, never repaired: two programs would repair it differently.
//!
//! The `info` dictionary is kept byte for byte. The info-hash is the hash of these bytes, and they are what BEP 9 serves.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects))]

mod create;
mod parse;
mod path;
#[cfg(test)]
mod tests;

use bytes::Bytes;

use crate::bencode::{BencodeError, Encoded, Item};
use crate::geometry::{Geometry, GeometryError, MAX_PIECES};
use crate::id::{InfoHash, PieceIndex};

pub use create::{Builder, PieceHasher};
pub use path::PathError;
pub(crate) use path::name as sound_name;

/// The longest metainfo that is read: 10 MB (libtorrent's limit).
pub const MAX_LEN: usize = 10_000_000;
/// So many files a torrent may have.
pub const MAX_FILES: usize = 100_000;
/// So many names the paths of all files may have: memory for names grows with their number, not with their length alone.
pub const MAX_NAMES: usize = 4 * MAX_FILES;
/// So many trackers a torrent may name.
pub const MAX_TRACKERS: usize = 1000;
/// The longest piece: 512 MiB, as far as a client has been seen to go.
pub const MAX_PIECE_LEN: u32 = 512 * 1024 * 1024;

/// Bytes of a piece's SHA-1.
pub(crate) const HASH_LEN: usize = 20;

// The file's limit is the one that binds: no list of hashes that fits is longer than the geometry allows.
const _: () = assert!(MAX_LEN / HASH_LEN < MAX_PIECES as usize);

/// Metainfo that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MetainfoError {
    /// It is longer than [`MAX_LEN`].
    #[error("{len} bytes of metainfo are more than {MAX_LEN}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// It is not bencoded.
    #[error(transparent)]
    Bencode(#[from] BencodeError),
    /// A key is missing.
    #[error("{key:?} is missing")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// A value is of the wrong type.
    #[error("{key:?} has a value of the wrong type")]
    Type {
        /// The key.
        key: &'static str,
    },
    /// A text is not UTF-8.
    #[error("{key:?} is not UTF-8")]
    NotText {
        /// The key.
        key: &'static str,
    },
    /// A number is out of range.
    #[error("{key:?} cannot be {value}")]
    Range {
        /// The key.
        key: &'static str,
        /// The number.
        value: i128,
    },
    /// Both `length` and `files` are there: is it one file, or a directory?
    #[error("both \"length\" and \"files\" are there")]
    FileAndDirectory,
    /// Version 2 alone (BEP 52), without what version 1 needs.
    #[error("a torrent of version 2 alone is not supported")]
    OnlyV2,
    /// More than [`MAX_FILES`].
    #[error("more than {MAX_FILES} files")]
    TooManyFiles,
    /// More than [`MAX_NAMES`].
    #[error("more than {MAX_NAMES} names in paths")]
    TooManyNames,
    /// More than [`MAX_TRACKERS`].
    #[error("more than {MAX_TRACKERS} trackers")]
    TooManyTrackers,
    /// The torrent's name is no name for a file or directory.
    #[error("the torrent's name: {0}")]
    Name(PathError),
    /// A path that leads nowhere good.
    #[error("path of file {file}: {error}")]
    Path {
        /// The file's number, from 0.
        file: usize,
        /// What is wrong with it.
        error: PathError,
    },
    /// A file that is a symbolic link (BEP 47).
    #[error("file {file} is a symbolic link")]
    Symlink {
        /// The file's number, from 0.
        file: usize,
    },
    /// Two files have one path, or the path of one is a directory in the path of the other.
    #[error("files {first} and {second} are in each other's way")]
    Collision {
        /// The number of one.
        first: usize,
        /// The number of the other.
        second: usize,
    },
    /// The lengths do not make a torrent.
    #[error(transparent)]
    Geometry(#[from] GeometryError),
    /// The list of hashes is not a multiple of 20 bytes long.
    #[error("{len} bytes of hashes are not a multiple of 20")]
    Hashes {
        /// Its length in bytes.
        len: usize,
    },
    /// There is not one hash per piece.
    #[error("{received} hashes for {expected} pieces")]
    HashCount {
        /// Number of pieces.
        expected: u32,
        /// Number of hashes.
        received: usize,
    },
    /// It is another torrent's.
    #[error("the info-hash is {} and not {}", received.to_hex(), expected.to_hex())]
    InfoHash {
        /// The one that was asked for.
        expected: InfoHash,
        /// The one that it has.
        received: InfoHash,
    },
    /// The content that was hashed is not as long as it was said to be.
    #[error("{received} bytes of content where {expected} were expected")]
    ContentLength {
        /// Length of all files in bytes.
        expected: u64,
        /// Bytes that were hashed; at the first one too many, hashing stops.
        received: u64,
    },
}

/// What a torrent is: its content's names, lengths and hashes, and where to ask for peers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metainfo {
    info: Encoded,
    info_hash: InfoHash,
    name: String,
    directory: bool,
    files: Vec<File>,
    geometry: Geometry,
    hashes: Bytes,
    private: bool,
    extra: Extra,
}

/// What stands outside of the `info` dictionary: not part of what the info-hash names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Extra {
    announce: Option<String>,
    announce_list: Vec<Vec<String>>,
    comment: Option<String>,
    created_by: Option<String>,
    creation_date: Option<i64>,
}

/// One file of a torrent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Directories and name; below [`Metainfo::directory`] when there is one. Harmless: no element is empty, `.` or `..`,
    /// or has a separator, and no other file is in the way.
    pub path: Vec<String>,
    /// Length in bytes.
    pub len: u64,
    /// Position of its first byte in the content.
    pub offset: u64,
    /// Only there to align the next file (BEP 47): its bytes are zeros, it is not to be written, and its path is not unique.
    pub padding: bool,
    /// SHA-1 of the whole file, where whoever made the torrent has put it in (BEP 47).
    pub sha1: Option<[u8; HASH_LEN]>,
}

impl Metainfo {
    /// Reads a `.torrent` file.
    ///
    /// # Errors
    /// When it is not metainfo, contradicts itself, or has a path that could do harm.
    pub fn parse(bytes: &[u8]) -> Result<Self, MetainfoError> {
        parse::metainfo(bytes)
    }

    /// Reads the bare `info` dictionary that peers have sent (BEP 9), if it is the one that was asked for.
    ///
    /// # Errors
    /// Those of [`parse`](Self::parse), and [`MetainfoError::InfoHash`].
    pub fn from_info(bytes: &[u8], expected: InfoHash) -> Result<Self, MetainfoError> {
        parse::info(bytes, expected)
    }

    /// The `.torrent` file, with the `info` dictionary as it was read. Keys that are not known here are not kept.
    pub fn to_bytes(&self) -> Vec<u8> {
        let Extra { announce, announce_list, comment, created_by, creation_date } = &self.extra;
        let mut entries = vec![("info", Item::Encoded(&self.info))];
        let single = [("announce", announce), ("comment", comment), ("created by", created_by)];
        entries.extend(single.into_iter().filter_map(|(key, text)| Some((key, text.as_deref()?.into()))));
        if !announce_list.is_empty() {
            entries.push(("announce-list", announce_list.iter().map(|tier| texts(tier)).collect()));
        }
        entries.extend(creation_date.map(|date| ("creation date", date.into())));
        Item::dict(entries).to_bytes()
    }

    /// The swarm's name.
    pub const fn info_hash(&self) -> InfoHash {
        self.info_hash
    }

    /// The `info` dictionary as it was read: what BEP 9 serves.
    pub const fn info(&self) -> &Bytes {
        self.info.as_bytes()
    }

    /// The name of the file, or of the directory. Harmless like [`File::path`].
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The directory that all files are in; `None` when the torrent is a single file.
    pub fn directory(&self) -> Option<&str> {
        self.directory.then_some(&self.name)
    }

    /// The files in the order of the content; at least one.
    pub fn files(&self) -> &[File] {
        &self.files
    }

    /// The lengths, with blocks of 16 KiB, or of a piece when that is shorter, until [`in_blocks_of`](Self::in_blocks_of) says
    /// otherwise.
    pub const fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// The same, to be asked for in blocks of this length in bytes.
    ///
    /// # Errors
    /// When there can be no such blocks.
    pub fn in_blocks_of(mut self, block_len: u32) -> Result<Self, GeometryError> {
        self.geometry = Geometry::new(self.geometry.len(), self.geometry.nominal_piece_len(), block_len)?;
        Ok(self)
    }

    /// SHA-1 of a piece; `None` when the piece is another, longer torrent's.
    pub fn piece_hash(&self, piece: PieceIndex) -> Option<&[u8; HASH_LEN]> {
        self.hashes.as_chunks().0.get(piece.index())
    }

    /// Peers are to be had from these trackers alone (BEP 27).
    pub const fn is_private(&self) -> bool {
        self.private
    }

    /// The tracker, when there is one. Untrusted like all URLs here: any scheme, any host.
    pub fn announce(&self) -> Option<&str> {
        self.extra.announce.as_deref()
    }

    /// The trackers in tiers (BEP 12), none of them empty; out of `announce` alone where there is no `announce-list`.
    pub fn trackers(&self) -> Vec<Vec<&str>> {
        let listed = self.extra.announce_list.iter();
        let listed: Vec<Vec<_>> = listed.map(|tier| tier.iter().map(String::as_str).collect()).collect();
        if listed.is_empty() { self.announce().map(|url| vec![url]).into_iter().collect() } else { listed }
    }

    /// What its maker says of it.
    pub fn comment(&self) -> Option<&str> {
        self.extra.comment.as_deref()
    }

    /// The program that made it.
    pub fn created_by(&self) -> Option<&str> {
        self.extra.created_by.as_deref()
    }

    /// When it was made, in seconds since 1970.
    pub const fn creation_date(&self) -> Option<i64> {
        self.extra.creation_date
    }
}

fn texts(texts: &[String]) -> Item<'_> {
    texts.iter().map(|text| Item::from(text.as_str())).collect()
}

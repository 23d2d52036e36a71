//! Making metainfo. The caller reads the files; here they get hashed and described.

use sha1::{Digest as _, Sha1};

use super::{HASH_LEN, Metainfo, MetainfoError, texts};
use crate::bencode::Item;
use crate::geometry::{BLOCK_LEN, Geometry};

/// A piece length is chosen so that there are at most so many pieces, …
const WANTED_PIECES: u64 = 2048;
/// … as long as it stays below this.
const LONGEST_CHOSEN: u32 = 16 * 1024 * 1024;

/// A torrent in the making: [`geometry`](Self::geometry) → hash the content → [`build`](Self::build).
#[derive(Clone, Debug)]
pub struct Builder {
    name: String,
    content: Content,
    piece_len: Option<u32>,
    sha1: Vec<[u8; HASH_LEN]>,
    private: bool,
    tiers: Vec<Vec<String>>,
    comment: Option<String>,
    created_by: Option<String>,
    creation_date: Option<i64>,
}

#[derive(Clone, Debug)]
enum Content {
    File(u64),
    Directory(Vec<(Vec<String>, u64)>),
}

impl Builder {
    /// Of one file, with its length in bytes.
    pub fn file(name: impl Into<String>, len: u64) -> Self {
        Self::new(name.into(), Content::File(len))
    }

    /// Of a directory: the paths below it, and lengths in bytes, of its files in the order of the content.
    pub fn directory(name: impl Into<String>, files: Vec<(Vec<String>, u64)>) -> Self {
        Self::new(name.into(), Content::Directory(files))
    }

    const fn new(name: String, content: Content) -> Self {
        Self {
            name,
            content,
            piece_len: None,
            sha1: Vec::new(),
            private: false,
            tiers: Vec::new(),
            comment: None,
            created_by: None,
            creation_date: None,
        }
    }

    /// The length of a piece in bytes. Without this: the shortest power of two from 16 KiB to 16 MiB that makes at most 2048
    /// pieces.
    pub fn piece_len(mut self, len: u32) -> Self {
        self.piece_len = Some(len);
        self
    }

    /// SHA-1 of each whole file, in the order of the content (BEP 47).
    pub fn sha1(mut self, files: Vec<[u8; HASH_LEN]>) -> Self {
        self.sha1 = files;
        self
    }

    /// Peers are to be had from the trackers alone (BEP 27).
    pub fn private(mut self, private: bool) -> Self {
        self.private = private;
        self
    }

    /// A tier of trackers (BEP 12) after those that were given before.
    pub fn tier<U: Into<String>>(mut self, urls: impl IntoIterator<Item = U>) -> Self {
        self.tiers.push(urls.into_iter().map(Into::into).collect());
        self
    }

    /// A word to those who see it.
    pub fn comment(mut self, text: impl Into<String>) -> Self {
        self.comment = Some(text.into());
        self
    }

    /// The program that makes it.
    pub fn created_by(mut self, program: impl Into<String>) -> Self {
        self.created_by = Some(program.into());
        self
    }

    /// When it is made, in seconds since 1970.
    pub fn creation_date(mut self, unix_seconds: i64) -> Self {
        self.creation_date = Some(unix_seconds);
        self
    }

    /// The lengths: how the content is to be hashed.
    ///
    /// # Errors
    /// When there is no content, or too much of it for the piece length.
    pub fn geometry(&self) -> Result<Geometry, MetainfoError> {
        let len = match &self.content {
            Content::File(len) => *len,
            Content::Directory(files) => files.iter().fold(0, |sum, (_, len)| len.saturating_add(sum)),
        };
        let piece_len = self.piece_len.unwrap_or_else(|| choose_piece_len(len));
        Ok(Geometry::new(len, piece_len, BLOCK_LEN.min(piece_len.max(1)))?)
    }

    /// The metainfo, out of the hashes of all pieces in order.
    ///
    /// # Errors
    /// Those of [`Metainfo::parse`]: nothing is made here that would not be read.
    pub fn build(&self, hashes: &[[u8; HASH_LEN]]) -> Result<Metainfo, MetainfoError> {
        let piece_len = self.geometry()?.nominal_piece_len();
        let mut info = vec![
            ("name", self.name.as_str().into()),
            ("piece length", i64::from(piece_len).into()),
            ("pieces", hashes.as_flattened().into()),
        ];
        let mut digests = self.sha1.iter();
        match &self.content {
            Content::File(len) => {
                info.push(("length", length(*len)?));
                info.extend(digests.next().map(sha1));
            }
            Content::Directory(files) => {
                let files = files.iter().map(|named| file(named, digests.next()));
                info.push(("files", files.collect::<Result<_, _>>()?));
            }
        }
        if self.private {
            info.push(("private", 1.into()));
        }
        let mut top = vec![("info", Item::dict(info))];
        let mut urls = self.tiers.iter().flatten();
        if let Some(first) = urls.next() {
            top.push(("announce", first.as_str().into()));
            if urls.next().is_some() {
                top.push(("announce-list", self.tiers.iter().map(|tier| texts(tier)).collect()));
            }
        }
        top.extend(self.comment.as_deref().map(|text| ("comment", text.into())));
        top.extend(self.created_by.as_deref().map(|text| ("created by", text.into())));
        top.extend(self.creation_date.map(|date| ("creation date", date.into())));
        Metainfo::parse(&Item::dict(top).to_bytes())
    }
}

fn choose_piece_len(len: u64) -> u32 {
    let mut piece_len = BLOCK_LEN;
    while piece_len < LONGEST_CHOSEN && u64::from(piece_len).saturating_mul(WANTED_PIECES) < len {
        piece_len = piece_len.saturating_mul(2);
    }
    piece_len
}

fn length(len: u64) -> Result<Item<'static>, MetainfoError> {
    let out_of_range = |_| MetainfoError::Range { key: "length", value: len.into() };
    i64::try_from(len).map(Item::from).map_err(out_of_range)
}

fn file<'a>(
    (path, len): &'a (Vec<String>, u64),
    digest: Option<&'a [u8; HASH_LEN]>,
) -> Result<Item<'a>, MetainfoError> {
    let entries = [("length", length(*len)?), ("path", texts(path))];
    Ok(Item::dict(entries.into_iter().chain(digest.map(sha1))))
}

fn sha1(digest: &[u8; HASH_LEN]) -> (&'static str, Item<'_>) {
    ("sha1", digest[..].into())
}

/// Hashes content that comes in order, in parts of any length. For one thread; who has several hashes whole pieces apart.
#[derive(Clone, Debug)]
pub struct PieceHasher {
    geometry: Geometry,
    hash: Sha1,
    /// Bytes of the piece that are still to come.
    missing: u32,
    hashes: Vec<[u8; HASH_LEN]>,
}

impl PieceHasher {
    /// At the start of the content.
    pub fn new(geometry: Geometry) -> Self {
        let missing = geometry.piece(0).map_or(0, |first| geometry.piece_len(first));
        Self { geometry, hash: Sha1::new(), missing, hashes: Vec::new() }
    }

    /// Takes the next bytes.
    ///
    /// # Errors
    /// [`MetainfoError::ContentLength`] when there are more than the geometry has: a file has grown.
    pub fn update(&mut self, mut bytes: &[u8]) -> Result<(), MetainfoError> {
        while !bytes.is_empty() {
            if self.missing == 0 {
                let expected = self.geometry.len();
                return Err(MetainfoError::ContentLength { expected, received: expected.saturating_add(1) });
            }
            let (part, rest) = bytes.split_at_checked(self.missing as usize).unwrap_or((bytes, &[]));
            self.hash.update(part);
            self.missing = self.missing.saturating_sub(u32::try_from(part.len()).unwrap_or(u32::MAX));
            bytes = rest;
            if self.missing == 0 {
                self.hashes.push(self.hash.finalize_reset().into());
                let next = u32::try_from(self.hashes.len()).ok().and_then(|next| self.geometry.piece(next));
                self.missing = next.map_or(0, |next| self.geometry.piece_len(next));
            }
        }
        Ok(())
    }

    /// The hashes of all pieces.
    ///
    /// # Errors
    /// [`MetainfoError::ContentLength`] when bytes are missing: a file has shrunk.
    pub fn finish(self) -> Result<Vec<[u8; HASH_LEN]>, MetainfoError> {
        if self.hashes.len() == self.geometry.piece_count() as usize {
            return Ok(self.hashes);
        }
        let piece = u32::try_from(self.hashes.len()).ok().and_then(|piece| self.geometry.piece(piece));
        let received = piece.map_or(0, |piece| {
            let into_piece = self.geometry.piece_len(piece).saturating_sub(self.missing);
            self.geometry.piece_offset(piece).saturating_add(into_piece.into())
        });
        Err(MetainfoError::ContentLength { expected: self.geometry.len(), received })
    }
}

//! Metadata being put together: pieces as they come, and who sent which.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use sha1::{Digest as _, Sha1};

use crate::extension::{metadata_piece_count, metadata_piece_len};
use crate::id::{ConnId, InfoHash};
use crate::torrent::known::PeerKey;

/// An attempt at the metadata. Nothing is set aside for its size before the bytes are here.
#[derive(Debug)]
pub(super) struct Assembly {
    /// Bytes of the whole, as its sources have it.
    pub(super) size: u32,
    /// It is to come from this source alone.
    pub(super) alone: Option<ConnId>,
    parts: BTreeMap<u32, (Bytes, PeerKey)>,
}

impl Assembly {
    pub(super) const fn new(size: u32, alone: Option<ConnId>) -> Self {
        Self { size, alone, parts: BTreeMap::new() }
    }

    /// The first piece that is not here and not `asked` for.
    pub(super) fn missing(&self, asked: impl Fn(u32) -> bool) -> Option<u32> {
        (0..metadata_piece_count(self.size)).find(|piece| !self.parts.contains_key(piece) && !asked(*piece))
    }

    /// A piece has come; is it the last?
    pub(super) fn add(&mut self, piece: u32, data: Bytes, from: PeerKey) -> bool {
        if metadata_piece_len(self.size, piece).is_some_and(|len| len as usize == data.len()) {
            self.parts.entry(piece).or_insert((data, from));
        }
        self.parts.len() == metadata_piece_count(self.size) as usize
    }

    /// The whole, when its hash is the right one.
    ///
    /// # Errors
    /// When it is not: those who sent it, each once.
    pub(super) fn finish(self, expected: InfoHash) -> Result<Bytes, Vec<PeerKey>> {
        let len = self.parts.values().map(|(data, _)| data.len()).sum();
        let mut whole = BytesMut::with_capacity(len);
        let mut senders: Vec<PeerKey> = Vec::new();
        for (data, from) in self.parts.into_values() {
            whole.extend_from_slice(&data);
            senders.push(from);
        }
        if Sha1::digest(&whole).as_slice() == expected.0 {
            return Ok(whole.freeze());
        }
        senders.sort_unstable();
        senders.dedup();
        Err(senders)
    }
}

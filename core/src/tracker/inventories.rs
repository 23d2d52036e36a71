//! Who has which pieces: what peers have told beyond how much they lack (S1, S3).
//!
//! An inventory is kept for as long as its peer is registered, and all of them together take no more than [`MOST_BYTES`]. Nobody
//! has to tell: without an inventory a peer that lacks nothing has everything, and one that lacks something has nothing as far as is
//! known.

use std::collections::BTreeMap;

use crate::bitfield::Bitfield;
use crate::id::InfoHash;

/// Bytes of all inventories together; what does not fit is not kept. A thousand peers with files of a gigabyte in pieces of 256 KiB take
/// 512 KB.
const MOST_BYTES: u64 = 32 << 20;
/// What an entry takes besides its bits, about.
const ENTRY: u64 = 96;

#[derive(Clone, Debug)]
pub(super) struct Inventories<A> {
    kept: BTreeMap<(InfoHash, A), Bitfield>,
    bytes: u64,
}

fn size(pieces: &Bitfield) -> u64 {
    ENTRY + u64::from(pieces.len().div_ceil(8))
}

impl<A: Copy + Ord> Inventories<A> {
    pub(super) const fn new() -> Self {
        Self { kept: BTreeMap::new(), bytes: 0 }
    }

    /// A peer has these pieces now.
    pub(super) fn tell(&mut self, info_hash: InfoHash, addr: A, pieces: Bitfield) {
        self.forget(info_hash, addr);
        let size = size(&pieces);
        if self.bytes + size <= MOST_BYTES {
            self.bytes += size;
            self.kept.insert((info_hash, addr), pieces);
        }
    }

    pub(super) fn of(&self, info_hash: InfoHash, addr: A) -> Option<&Bitfield> {
        self.kept.get(&(info_hash, addr))
    }

    /// The peer is gone.
    pub(super) fn forget(&mut self, info_hash: InfoHash, addr: A) {
        if let Some(pieces) = self.kept.remove(&(info_hash, addr)) {
            self.bytes -= size(&pieces);
        }
    }

    /// Forgets all but those who are `here`.
    pub(super) fn retain(&mut self, mut here: impl FnMut(InfoHash, A) -> bool) {
        let bytes = &mut self.bytes;
        self.kept.retain(|&(info_hash, addr), pieces| {
            let stays = here(info_hash, addr);
            *bytes -= if stays { 0 } else { size(pieces) };
            stays
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SWARM: InfoHash = InfoHash([1; 20]);

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let mut inventories = Inventories::new();
        let pieces = Bitfield::all(1 << 20);
        for addr in 0..1_000_u32 {
            inventories.tell(SWARM, addr, pieces.clone());
            inventories.tell(SWARM, addr, pieces.clone());
        }
        assert!(
            inventories.bytes <= MOST_BYTES && inventories.kept.len() == 255,
            "{}",
            inventories.kept.len()
        );
        inventories.retain(|_, addr| addr >= 200);
        assert_eq!(inventories.kept.len(), 55);
        inventories.tell(SWARM, 5_000, pieces);
        assert!(inventories.of(SWARM, 5_000).is_some() && inventories.of(SWARM, 3).is_none());
        inventories.retain(|_, _| false);
        assert_eq!(inventories.bytes, 0);
    }
}

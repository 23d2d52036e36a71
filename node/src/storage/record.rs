//! What a download knows of itself after it was interrupted: which pieces are verified, and which of them the disk has taken.
//!
//! A hidden file beside the partial one, of a fixed size that follows from the number of pieces. A header says whose it is;
//! then come two sets of pieces, *verified* and *synced*, in slots of 64 bytes: 448 pieces and a checksum. A slot is written in
//! place by one small write at a multiple of its size. A process that is killed leaves the page cache as it is, so what was
//! recorded before a piece is announced is there when it starts again; a crash of the system may lose or tear slots, which costs
//! the pieces of that slot a new check, or may keep slots and lose content, which is why only *synced* counts then.
//!
//! Nothing here is trusted that does not look right in every respect ([`trusted`]): the price of doubt is a new check, the price
//! of a wrong belief would be wrong bytes for others.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use minibit_core::bitfield::Bitfield;
use minibit_core::id::{InfoHash, PieceIndex};
use sha1::{Digest as _, Sha1};

use super::error::StorageError;
use super::files::{Facts, changed};
use super::place::{Access, Place};

/// What the file begins with, and the version of all that follows.
const MAGIC: &[u8; 8] = b"MBresum1";
/// Bytes of the header, its checksum included.
const HEADER: usize = 128;
/// Bytes of a slot, its checksum included: a divisor of every sector's size, so that none is in two.
const SLOT: usize = 64;
/// Words of 64 pieces in a slot.
const SLOT_WORDS: usize = SLOT / 8 - 1;
/// The content may have been changed so much later than the record, in nanoseconds: a block that is written after the last
/// record is followed by the next within [`SYNC_INTERVAL`](super::sync::SYNC_INTERVAL). What is changed later was changed by
/// somebody else.
const LAG: i128 = 15_000_000_000;

/// What identifies this run of the system; page caches do not survive it. All zeros where it cannot be told.
pub(super) type Boot = [u8; 36];

/// This run of the system.
pub(super) fn boot() -> Boot {
    let text = std::fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    text.first_chunk().copied().unwrap_or([0; 36])
}

/// The hidden name of a torrent's record.
pub(super) fn name(info_hash: InfoHash) -> String {
    format!(".minibit-{}.resume", info_hash.to_hex())
}

/// What a record said when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    boot: Boot,
    inode: u64,
    /// When it was written to last, in nanoseconds since 1970.
    changed: i128,
    verified: Bitfield,
    synced: Bitfield,
}

/// Reads the record of a torrent. `None` when there is none, or it is not sound.
pub(super) fn read(place: &Place, info_hash: InfoHash, pieces: u32) -> Option<Found> {
    let file = place.file(&name(info_hash), Access::Read).ok()?;
    let metadata = file.metadata().ok()?;
    let len = HEADER + 2 * slots(pieces) * SLOT;
    if metadata.len() != len as u64 {
        return None;
    }
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, 0).ok()?;
    parse(&bytes, info_hash, pieces, changed(&metadata))
}

fn parse(bytes: &[u8], info_hash: InfoHash, pieces: u32, changed: i128) -> Option<Found> {
    let (header, sets) = bytes.split_first_chunk::<HEADER>()?;
    let mut fields = header.get(MAGIC.len() + 20 + 4..)?;
    let boot: Boot = take(&mut fields)?;
    let inode = u64::from_le_bytes(take(&mut fields)?);
    if *header != header_of(info_hash, pieces, &boot, inode) {
        return None;
    }
    let (verified, synced) = sets.split_at_checked(sets.len() / 2)?;
    Some(Found {
        boot,
        inode,
        changed,
        verified: set(verified, info_hash, Set::Verified, pieces)?,
        synced: set(synced, info_hash, Set::Synced, pieces)?,
    })
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

/// The pieces of all slots that are whole.
fn set(bytes: &[u8], info_hash: InfoHash, which: Set, pieces: u32) -> Option<Bitfield> {
    let mut words = Vec::new();
    for (number, slot) in bytes.as_chunks::<SLOT>().0.iter().enumerate() {
        let (bits, sum) = slot.split_last_chunk::<8>()?;
        let sound = checksum(info_hash, which, number, bits) == *sum;
        let read = bits.as_chunks().0.iter().map(|&word| if sound { u64::from_le_bytes(word) } else { 0 });
        words.extend(read);
    }
    words.truncate((pieces as usize).div_ceil(64));
    Bitfield::from_words(words.into(), pieces)
}

/// The pieces that need no new check, and those of them that the disk has taken.
///
/// All of the record counts only if the content is the one that it was written for (the same inode), has its full length and
/// was not changed since; and the pieces that were not synced only while the system has run on since then.
pub(super) fn trusted(
    found: Option<Found>,
    facts: &Facts,
    boot: &Boot,
    now: i128,
    pieces: u32,
) -> (Bitfield, Bitfield) {
    let nothing = || (Bitfield::none(pieces), Bitfield::none(pieces));
    let Some(found) = found else { return nothing() };
    let from_the_future = found.changed > now.saturating_add(LAG);
    let changed_since = facts.changed > found.changed.saturating_add(LAG);
    if found.inode != facts.inode || !facts.sized || from_the_future || changed_since {
        return nothing();
    }
    let same_boot = found.boot == *boot && *boot != [0; 36];
    let verified = if same_boot { found.verified } else { found.synced.clone() };
    let mut synced = Bitfield::none(pieces);
    for piece in found.synced.intersection(&verified) {
        synced.insert(piece);
    }
    (verified, synced)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Set {
    Verified,
    Synced,
}

/// The record of a download that is going on.
#[derive(Debug)]
pub(super) struct Record {
    file: File,
    info_hash: InfoHash,
    verified: Bitfield,
    synced: Bitfield,
}

impl Record {
    /// Writes a new record in the place of the one that was there; whole, or not at all.
    pub(super) fn create(
        place: &Place,
        info_hash: InfoHash,
        inode: u64,
        verified: Bitfield,
        synced: Bitfield,
    ) -> Result<Self, StorageError> {
        let name = name(info_hash);
        let fresh = format!("{name}.new");
        let path = place.path().join(&name);
        let mut bytes = header_of(info_hash, verified.len(), &boot(), inode).to_vec();
        for (which, set) in [(Set::Verified, &verified), (Set::Synced, &synced)] {
            for number in 0..slots(set.len()) {
                bytes.extend(slot(info_hash, which, number, set));
            }
        }
        place.remove(&fresh)?;
        let file = place.file(&fresh, Access::New)?;
        let mut written = file.write_all_at(&bytes, 0);
        if written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::StorageFull) {
            // The old one makes room for it; when this fails, too, there is none, and everything is checked the next time.
            place.remove(&name)?;
            written = file.write_all_at(&bytes, 0);
        }
        written.map_err(StorageError::io("write", &path))?;
        place.replace(&fresh, &name).map_err(StorageError::io("write", &path))?;
        Ok(Self { file, info_hash, verified, synced })
    }

    /// Notes that a piece is verified. When this returns, a new process knows it.
    pub(super) fn verify(&mut self, piece: PieceIndex) -> Result<(), StorageError> {
        if self.verified.insert(piece) {
            let written = self.write(Set::Verified, piece.index() / (64 * SLOT_WORDS));
            written.map_err(StorageError::io("write", name(self.info_hash)))?;
        }
        Ok(())
    }

    /// The pieces that are verified.
    pub(super) const fn verified(&self) -> &Bitfield {
        &self.verified
    }

    /// Notes that the disk has taken these pieces. Writes at least one slot: that it is written shows when we were last at work.
    pub(super) fn sync(&mut self, pieces: impl IntoIterator<Item = PieceIndex>) -> io::Result<()> {
        let mut changed = BTreeSet::from([0]);
        for piece in pieces {
            if self.synced.insert(piece) {
                changed.insert(piece.index() / (64 * SLOT_WORDS));
            }
        }
        changed.into_iter().try_for_each(|number| self.write(Set::Synced, number))
    }

    /// A descriptor to sync the record by, while it goes on being written to.
    pub(super) fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    fn write(&self, which: Set, number: usize) -> io::Result<()> {
        let (set, before) = match which {
            Set::Verified => (&self.verified, 0),
            Set::Synced => (&self.synced, slots(self.synced.len())),
        };
        let offset = HEADER + (before + number) * SLOT;
        self.file.write_all_at(&slot(self.info_hash, which, number, set), offset as u64)
    }
}

/// Slots that a set of pieces takes.
const fn slots(pieces: u32) -> usize {
    (pieces as usize).div_ceil(64 * SLOT_WORDS)
}

fn slot(info_hash: InfoHash, which: Set, number: usize, set: &Bitfield) -> [u8; SLOT] {
    let mut bytes = [0; SLOT];
    let (bits, sum) = bytes.split_at_mut(SLOT - 8);
    let words = set.words().iter().skip(number * SLOT_WORDS);
    for (place, word) in bits.as_chunks_mut().0.iter_mut().zip(words) {
        *place = word.to_le_bytes();
    }
    sum.copy_from_slice(&checksum(info_hash, which, number, bits));
    bytes
}

/// Different for each place in each torrent's record, so that no slot passes for another.
fn checksum(info_hash: InfoHash, which: Set, number: usize, bits: &[u8]) -> [u8; 8] {
    let mut hash = Sha1::new();
    hash.update(info_hash.0);
    hash.update([which as u8]);
    hash.update((number as u64).to_le_bytes());
    hash.update(bits);
    *hash.finalize().first_chunk().expect("20 bytes")
}

fn header_of(info_hash: InfoHash, pieces: u32, boot: &Boot, inode: u64) -> [u8; HEADER] {
    let mut fields = [&MAGIC[..], &info_hash.0, &pieces.to_le_bytes(), boot, &inode.to_le_bytes()].concat();
    fields.resize(HEADER - 8, 0);
    let sum: [u8; 20] = Sha1::digest(&fields).into();
    fields.extend_from_slice(&sum[..8]);
    fields.try_into().expect("padded to its length")
}

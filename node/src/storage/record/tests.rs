use std::fs;

use minibit_core::geometry::Geometry;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

const OURS: InfoHash = InfoHash(*b"info-hash of a swarm");
const PIECES: u32 = 1000;
const INODE: u64 = 77;
const BOOT: Boot = [b'b'; 36];
const NOW: i128 = 1_800_000_000_000_000_000;
const SECOND: i128 = 1_000_000_000;

fn set(pieces: impl IntoIterator<Item = u32>) -> Bitfield {
    let geometry = Geometry::new(u64::from(PIECES), 1, 1).unwrap();
    let mut set = Bitfield::none(PIECES);
    for piece in pieces {
        set.insert(geometry.piece(piece).unwrap());
    }
    set
}

fn verified() -> Bitfield {
    set((0..PIECES).filter(|piece| piece % 3 != 0))
}

fn synced() -> Bitfield {
    set((0..PIECES).filter(|piece| piece % 3 == 1))
}

/// A record as it is on the disk.
fn bytes(info_hash: InfoHash) -> Vec<u8> {
    let dir = TempDir::new().unwrap();
    let place = Place::open(dir.path()).unwrap();
    Record::create(&place, info_hash, INODE, verified(), synced()).unwrap();
    fs::read(dir.path().join(name(info_hash))).unwrap()
}

fn is_subset(small: &Bitfield, large: &Bitfield) -> bool {
    small.difference_count(large) == 0
}

#[test]
fn what_was_recorded_is_read() {
    let dir = TempDir::new().unwrap();
    let place = Place::open(dir.path()).unwrap();
    let mut record = Record::create(&place, OURS, INODE, set([]), set([])).unwrap();
    for piece in verified().iter() {
        record.verify(piece).unwrap();
    }
    record.sync(synced().iter()).unwrap();
    let found = read(&place, OURS, PIECES).unwrap();
    assert_eq!((found.inode, found.boot), (INODE, boot()));
    assert_eq!((found.verified, found.synced), (verified(), synced()));
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    assert_eq!(read(&place, OURS, PIECES + 448), None, "a longer torrent's record is longer");
    assert_eq!(read(&place, InfoHash([0; 20]), PIECES), None);
}

/// A crash of the system may leave any part of the record older than the rest, or garbage.
#[test]
fn torn_at_any_byte_it_loses_pieces_and_invents_none() {
    let new = bytes(OURS);
    let garbage = vec![0xa5; new.len()];
    let zeros = vec![0; new.len()];
    for old in [garbage, zeros] {
        for at in 0..new.len() {
            for torn in [[&new[..at], &old[at..]].concat(), [&old[..at], &new[at..]].concat()] {
                let Some(found) = parse(&torn, OURS, PIECES, NOW) else { continue };
                assert!(is_subset(&found.verified, &verified()), "torn at {at}");
                assert!(is_subset(&found.synced, &synced()), "torn at {at}");
            }
        }
    }
    for at in 0..new.len() {
        let mut flipped = new.clone();
        flipped[at] ^= 1 << (at % 8);
        let Some(found) = parse(&flipped, OURS, PIECES, NOW) else {
            assert!(at < HEADER);
            continue;
        };
        assert!(at >= HEADER, "a header with a wrong bit at {at}");
        let lost = verified().count() + synced().count() - found.verified.count() - found.synced.count();
        assert!(is_subset(&found.verified, &verified()) && is_subset(&found.synced, &synced()));
        assert!(
            (1..=448).contains(&lost),
            "a slot is lost and no other, but {lost} are with a wrong bit at {at}"
        );
    }
}

#[test]
fn slots_do_not_pass_for_others() {
    let ours = bytes(OURS);
    let theirs = bytes(InfoHash(*b"another swarm's hash"));
    assert_eq!(parse(&theirs, OURS, PIECES, NOW), None);
    let mixed = [&ours[..HEADER], &theirs[HEADER..]].concat();
    let found = parse(&mixed, OURS, PIECES, NOW).unwrap();
    assert!(found.verified.is_empty() && found.synced.is_empty());
    // The verified set in the place of the synced one would be believed after a crash.
    let (sets, half) = (&ours[HEADER..], (ours.len() - HEADER) / 2);
    let swapped = [&ours[..HEADER], &sets[half..], &sets[..half]].concat();
    let found = parse(&swapped, OURS, PIECES, NOW).unwrap();
    assert!(found.verified.is_empty() && found.synced.is_empty());
}

#[test]
fn a_later_version_is_not_understood() {
    let mut bytes = bytes(OURS);
    assert!(parse(&bytes, OURS, PIECES, NOW).is_some());
    bytes[7] += 1;
    let sum = Sha1::digest(&bytes[..HEADER - 8]);
    bytes[HEADER - 8..HEADER].copy_from_slice(&sum[..8]);
    assert_eq!(parse(&bytes, OURS, PIECES, NOW), None);
}

#[test]
fn what_is_doubtful_is_not_trusted() {
    let found = || Found { boot: BOOT, inode: INODE, changed: NOW, verified: verified(), synced: synced() };
    let facts = Facts { inode: INODE, sized: true, longer: false, changed: NOW, allocated: 1 };
    let trust = |found, facts: &Facts, boot: &Boot, now| trusted(found, facts, boot, now, PIECES);
    let nothing = (set([]), set([]));

    assert_eq!(trust(Some(found()), &facts, &BOOT, NOW), (verified(), synced()));
    assert_eq!(trust(None, &facts, &BOOT, NOW), nothing);
    // After a restart of the system, or where that cannot be told, only what the disk had taken counts.
    assert_eq!(trust(Some(found()), &facts, &[b'c'; 36], NOW), (synced(), synced()));
    let unknown = Found { boot: [0; 36], ..found() };
    assert_eq!(trust(Some(unknown), &facts, &[0; 36], NOW), (synced(), synced()));

    let replaced = Facts { inode: INODE + 1, ..facts.clone() };
    let shorter = Facts { sized: false, ..facts.clone() };
    let changed_since = Facts { changed: NOW + LAG + 1, ..facts.clone() };
    for doubtful in [replaced, shorter, changed_since] {
        assert_eq!(trust(Some(found()), &doubtful, &BOOT, NOW + 2 * LAG), nothing, "{doubtful:?}");
    }
    // A block that was written after the last record.
    let written = Facts { changed: NOW + 4 * SECOND, ..facts.clone() };
    assert_eq!(trust(Some(found()), &written, &BOOT, NOW), (verified(), synced()));
    let from_the_future = Found { changed: NOW + LAG + 1, ..found() };
    assert_eq!(trust(Some(from_the_future), &facts, &BOOT, NOW), nothing);
    // Synced without being verified makes no sense; neither set gets it.
    let strange = Found { verified: set([1]), synced: set([1, 2]), ..found() };
    assert_eq!(trust(Some(strange), &facts, &BOOT, NOW), (set([1]), set([1])));
}

proptest! {
    #[test]
    fn any_bytes_can_be_read(bytes in proptest::collection::vec(any::<u8>(), 0..600), header: bool) {
        let bytes = if header { [&super::tests::bytes(OURS)[..HEADER], &bytes].concat() } else { bytes };
        if let Some(found) = parse(&bytes, OURS, PIECES, NOW) {
            prop_assert!(found.verified.is_empty() && found.synced.is_empty());
        }
    }
}

//! A disk that is slow, full, broken, or answers for those who are gone.

use core::time::Duration;

use minibit_core::boundary::{DiskDone, DiskOp, SimAddr};
use minibit_core::config::{Config, Limits};
use minibit_core::payload::Virtual;
use minibit_core::{BlockSpan, Event, Input, Message, Output};

use crate::support::solo::{Said, requests};
use crate::support::{BLOCK, Solo, fixed, geometry, pieces, plain};

/// Asking stops above three blocks that are not written, and goes on at one.
fn three_and_one() -> Config {
    let blocks = |count: u32| u64::from(count * BLOCK);
    let limits = Limits { disk_high_water: blocks(3), disk_low_water: blocks(1), ..plain().limits };
    Config { limits, ..fixed(2) }
}

#[test]
fn a_disk_that_falls_behind_stops_the_asking() {
    let mut solo = Solo::leecher(three_and_one(), geometry(4, 8));
    let (conn, mut asked) = solo.meet_seed(true);
    solo.hold_disk = true;
    for _ in 0..100 {
        if asked.is_empty() {
            break;
        }
        let span = asked.remove(0);
        asked.extend(requests(&solo.give(conn, span), conn));
    }
    assert_eq!(solo.held.len(), 5, "three and those that were asked for by then");
    for left in (2..5).rev() {
        assert!(requests(&solo.release(), conn).is_empty(), "{left} blocks are not written");
    }
    assert_eq!(requests(&solo.release(), conn).len(), 2);
}

#[test]
fn a_full_disk_ends_the_asking_and_not_the_sharing() {
    let mut solo = Solo::new(fixed(2), geometry(4, 2), &pieces("*..."));
    let (conn, asked) = solo.meet_seed(true);
    solo.disk.full = true;
    let said = solo.give(conn, asked[0]);
    let failures = |said: &[Output<_>]| {
        said.iter().filter(|output| matches!(output, Output::Event(Event::DiskFailed))).count()
    };
    assert_eq!(failures(&said), 1);
    let said = solo.give(conn, asked[1]);
    assert!(failures(&said) == 0 && requests(&said, conn).is_empty(), "said once: {said:?}");
    let (taker, unchoked) = solo.meet_taker(true);
    assert!(unchoked);
    let said = solo.hear(taker, Message::Request(BlockSpan { index: 0, begin: 0, length: BLOCK }));
    assert!(said.iter().any(|output| matches!(output, Output::Send { message: Message::Piece { .. }, .. })));
}

fn events(said: &Said) -> Vec<&Event<SimAddr>> {
    said.iter()
        .filter_map(|output| if let Output::Event(event) = output { Some(event) } else { None })
        .collect()
}

/// Every ten seconds one block is tried; when it is written, everything goes on and nothing is lost.
#[test]
fn a_full_disk_is_tried_again_with_one_block() {
    let mut solo = Solo::leecher(fixed(4), geometry(4, 4));
    let (conn, mut asked) = solo.meet_seed(true);
    solo.disk.full = true;
    while let Some(span) = asked.pop() {
        // What comes is passed on to the disk, and the next block asked for, before the disk has failed.
        asked.extend(requests(&solo.give(conn, span), conn));
    }
    assert!(requests(&solo.wait(Duration::from_secs(9)), conn).is_empty());
    for _ in 0..3 {
        asked = requests(&solo.wait(Duration::from_secs(10)), conn);
        assert_eq!(asked.len(), 1);
        let said = solo.give(conn, asked[0]);
        assert!(events(&said).is_empty() && requests(&said, conn).is_empty(), "still full: {said:?}");
    }
    solo.disk.full = false;
    asked = requests(&solo.wait(Duration::from_secs(10)), conn);
    let said = solo.give(conn, asked[0]);
    assert_eq!(events(&said), [&Event::DiskRecovered]);
    asked = requests(&said, conn);
    assert_eq!(asked.len(), 4);
    while let Some(span) = asked.pop() {
        asked.extend(requests(&solo.give(conn, span), conn));
    }
    assert!(solo.torrent.is_complete());
}

/// No peer pays for a disk that cannot be read back.
#[test]
fn a_piece_that_cannot_be_hashed_is_fetched_again_and_nobody_is_banned() {
    let mut solo = Solo::leecher(fixed(2), geometry(1, 2));
    let (conn, asked) = solo.meet_seed(true);
    solo.hold_disk = true;
    for span in asked {
        solo.give(conn, span);
    }
    solo.release();
    solo.release();
    let Some(&DiskOp::Verify { piece }) = solo.held.first() else { panic!("{:?}", solo.held) };
    solo.held.clear();
    solo.hold_disk = false;
    let said = solo.input(Input::Disk(DiskDone::VerifyFailed { piece }));
    assert_eq!(events(&said), [&Event::DiskFailed]);
    let mut asked = requests(&solo.wait(Duration::from_secs(10)), conn);
    while let Some(span) = asked.pop() {
        asked.extend(requests(&solo.give(conn, span), conn));
    }
    assert!(solo.torrent.is_complete() && solo.view(conn).is_none(), "two seeders part");
}

/// What a slow disk answers for a connection that is closed does not reach the next one in its place.
#[test]
fn late_completions_miss() {
    let mut solo = Solo::seeder(plain(), geometry(4, 2));
    let (gone, _) = solo.meet_taker(true);
    solo.hold_disk = true;
    solo.hear(gone, Message::Request(BlockSpan { index: 0, begin: 0, length: BLOCK }));
    solo.input(Input::Disconnected { conn: gone });
    let (next, _) = solo.meet_taker(true);
    assert_eq!(next.slot(), gone.slot(), "the place is taken again");
    solo.hear(next, Message::Request(BlockSpan { index: 1, begin: 0, length: BLOCK }));
    assert!(solo.release().is_empty());
    assert!(!solo.release().is_empty(), "its own is answered");
    let read = DiskDone::Read { conn: gone, index: 0, begin: 0, data: Virtual::new(BLOCK) };
    assert!(solo.input(Input::Disk(read)).is_empty());
    assert!(solo.input(Input::Disconnected { conn: gone }).is_empty());
    assert!(solo.hear(gone, Message::Have { index: 77 }).is_empty());
    assert!(solo.view(next).is_some());
}

/// A piece is announced when it is verified, not before.
#[test]
fn a_piece_counts_when_it_is_verified() {
    let mut solo = Solo::leecher(fixed(2), geometry(2, 2));
    let other = solo.greet(true);
    let (conn, asked) = solo.meet(true, &pieces("*."));
    solo.hold_disk = true;
    for span in asked {
        solo.give(conn, span);
    }
    while !matches!(solo.held[..], [DiskOp::Verify { .. }]) {
        assert!(solo.release().iter().all(|output| matches!(output, Output::Disk(_))));
    }
    assert!(solo.torrent.have().is_empty());
    let said = solo.release();
    assert!(said.iter().any(|output| {
        matches!(output, Output::Send { to, message: Message::Have { index: 0 } } if *to == other)
    }));
}

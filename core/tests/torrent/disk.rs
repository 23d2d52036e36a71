//! A disk that is slow, full, broken, or answers for those who are gone.

use minibit_core::boundary::{DiskDone, DiskOp};
use minibit_core::config::{Config, Limits};
use minibit_core::payload::Virtual;
use minibit_core::{BlockSpan, Event, Input, Message, Output};

use crate::support::solo::requests;
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

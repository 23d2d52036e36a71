//! Turns without a choke algorithm, and requests that move to whoever can serve them now.

use core::time::Duration;

use minibit_core::config::{ChokeAlgorithm, Choking, Config, Limits, Requests};
use minibit_core::message::MessageKind;
use minibit_core::{BlockSpan, ConnId, Message};

use crate::support::solo::{Said, kinds, messages};
use crate::support::{BLOCK, Solo, geometry, pieces, plain};

fn by_turns() -> Config {
    let choking = Choking { algorithm: ChokeAlgorithm::None, parallel_uploads: Some(1), ..plain().choking };
    Config { choking, ..plain() }
}

fn block(index: u32, number: u32) -> BlockSpan {
    BlockSpan { index, begin: number * BLOCK, length: BLOCK }
}

fn unchoked(solo: &Solo, conns: &[ConnId]) -> Vec<ConnId> {
    conns.iter().copied().filter(|&conn| !solo.view(conn).unwrap().am_choking).collect()
}

/// One more than is served holds a turn; with a whole piece it passes to one who waits, and nobody else is told anything.
#[test]
fn a_turn_is_a_piece() {
    let mut solo = Solo::seeder(by_turns(), geometry(9, 4));
    let conns: Vec<ConnId> = (0..4).map(|_| solo.meet_taker(true).0).collect();
    assert_eq!(unchoked(&solo, &conns), conns[..2]);
    for number in 0..3 {
        assert_eq!(
            kinds(&solo.hear(conns[0], Message::Request(block(0, number))), conns[0]),
            [MessageKind::Piece]
        );
    }
    let said = solo.hear(conns[0], Message::Request(block(0, 3)));
    let expected = [MessageKind::AllowedFast, MessageKind::Choke, MessageKind::Piece];
    assert_eq!(kinds(&said, conns[0]), expected, "the last block is on its way when the turn ends");
    let now = unchoked(&solo, &conns);
    assert!(now.len() == 2 && now.contains(&conns[1]) && !now.contains(&conns[0]), "{now:?}");
}

/// Alone, a peer is never choked.
#[test]
fn nobody_loses_a_turn_that_nobody_waits_for() {
    let mut solo = Solo::seeder(by_turns(), geometry(9, 4));
    let (conn, _) = solo.meet_taker(true);
    for index in 0..8 {
        for number in 0..4 {
            let said = solo.hear(conn, Message::Request(block(index, number)));
            assert_eq!(kinds(&said, conn), [MessageKind::Piece]);
        }
    }
    assert!(kinds(&solo.wait(Duration::from_secs(5)), conn).is_empty());
}

/// An unused turn is lost after a while; whose request was only late keeps the next one for longer.
#[test]
fn an_unused_turn_is_lost() {
    let mut solo = Solo::seeder(by_turns(), geometry(9, 4));
    let conns: Vec<ConnId> = (0..3).map(|_| solo.meet_taker(true).0).collect();
    let until_lost = |solo: &mut Solo| {
        let begin = unchoked(solo, &conns);
        (1..100).find(|_| {
            solo.wait(Duration::from_millis(50));
            unchoked(solo, &conns) != begin
        })
    };
    let first = until_lost(&mut solo).expect("others wait");
    assert!((4..=6).contains(&first), "{first} times 50 ms");
    let mut longest = first;
    for _ in 0..12 {
        for &conn in &conns {
            if solo.view(conn).unwrap().am_choking {
                let said = solo.hear(conn, Message::Request(block(0, 0)));
                assert_eq!(kinds(&said, conn), [MessageKind::RejectRequest]);
            }
        }
        longest = longest.max(until_lost(&mut solo).expect("others wait"));
    }
    assert!(longest > 3 * first, "{longest} and {first} times 50 ms");
}

/// A connection without anything to ask takes over from the back of the longest queue.
#[test]
fn requests_move_to_whoever_is_idle() {
    let config = Config { requests: Requests::Fixed(9), endgame: false, ..plain() };
    let mut solo = Solo::leecher(config, geometry(2, 9));
    let (slow, all) = solo.meet(true, &pieces("*."));
    let (idle, asked) = solo.meet(true, &pieces("*."));
    assert_eq!(all.len(), 9);
    let blocks: Vec<u32> = asked.iter().map(|span| span.begin / BLOCK).collect();
    assert_eq!(blocks, [8, 7, 6, 5]);
    assert_eq!(solo.view(slow).unwrap().outstanding, 5, "nearly level");
    assert!(messages(&solo.give(idle, asked[0]), slow).is_empty());
    let said = solo.give(idle, asked[1]);
    let cancelled: Vec<_> = messages(&said, slow);
    assert_eq!(cancelled, [Message::Cancel(block(0, 4))]);
}

/// While somebody waits for a turn, a first seeder promises the piece that comes next to who comes next, and not to who is served
/// and has to wait by then, nor does it matter what that one asks for beyond its turn: neither when it has had its turn, nor in the
/// middle of it.
#[test]
fn the_last_piece_is_promised_to_whoever_comes_next() {
    for blocks in [1, 2] {
        let limits = Limits { send_credit: BLOCK, ..by_turns().limits };
        let mut solo = Solo::seeder(Config { suggest: true, limits, ..by_turns() }, geometry(4, blocks));
        let other = solo.greet(true);
        solo.hear(other, Message::Have { index: 3 });
        let promised = |said: &Said, conn| {
            messages(said, conn).iter().find_map(|message| match message {
                Message::SuggestPiece { index } => Some(*index),
                _ => None,
            })
        };
        let meet = |solo: &mut Solo| {
            let conn = solo.greet(true);
            let said = solo.hear(conn, Message::Interested);
            (conn, promised(&said, conn))
        };
        let (first, one) = meet(&mut solo);
        let (second, two) = meet(&mut solo);
        let (third, none) = meet(&mut solo);
        let (one, two) = (one.expect("it holds a turn"), two.expect("it holds one, too"));
        assert_eq!(none, None, "it has to wait");
        let last = 3 - one - two;
        solo.hold_disk = true;
        for (conn, index) in [(second, two), (first, one), (first, last)] {
            for number in 0..blocks {
                solo.hear(conn, Message::Request(block(index, number)));
            }
        }
        let said: Said = (0..blocks).flat_map(|_| solo.release()).collect();
        assert_eq!(promised(&said, second), None, "its turn is over");
        assert_eq!(promised(&said, third), Some(last), "{blocks}: {:?}", messages(&said, third));
    }
}

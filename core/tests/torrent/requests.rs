//! What is asked of whom: the pipeline, time-outs, rejects, the endgame.

use core::time::Duration;
use std::collections::BTreeSet;

use minibit_core::boundary::{DisconnectReason, Violation};
use minibit_core::config::{Config, Requests};
use minibit_core::message::MessageKind;
use minibit_core::{BlockSpan, ConnId, Instant, Message};

use crate::support::solo::{closed, kinds, messages, requests};
use crate::support::{BLOCK, Solo, fixed, geometry, pieces, plain, without_fast};

fn outstanding(solo: &Solo, conn: ConnId) -> u32 {
    solo.view(conn).unwrap().outstanding
}

#[test]
fn a_fixed_number_is_outstanding_exactly() {
    let mut solo = Solo::leecher(fixed(3), geometry(4, 4));
    let (conn, mut asked) = solo.meet_seed(true);
    assert_eq!(asked.len(), 3);
    for _ in 0..10 {
        let said = solo.give(conn, asked.remove(0));
        let more = requests(&said, conn);
        assert_eq!(more.len(), 1);
        asked.extend(more);
        assert_eq!(outstanding(&solo, conn), 3);
    }
}

/// As TCP's slow start: one more with each block that comes.
#[test]
fn the_pipeline_grows_while_blocks_come() {
    let mut solo = Solo::leecher(plain(), geometry(8, 8));
    let (conn, mut asked) = solo.meet_seed(true);
    let first = asked.len();
    for _ in 0..6 {
        solo.now += Duration::from_millis(10);
        let said = solo.give(conn, asked.remove(0));
        asked.extend(requests(&said, conn));
    }
    assert_eq!(asked.len(), first + 6);
}

#[test]
fn nothing_is_asked_of_a_peer_that_chokes_us() {
    let mut solo = Solo::leecher(plain(), geometry(3, 2));
    let conn = solo.greet(true);
    assert!(requests(&solo.hear(conn, Message::HaveAll), conn).is_empty());
    assert!(!requests(&solo.hear(conn, Message::Unchoke), conn).is_empty());
}

/// Who lets us ask and sends nothing, over and over, is left alone for a while: it would be asked as often as there is time.
#[test]
fn nobody_is_asked_without_end_by_chokes() {
    for fast in [true, false] {
        let config = if fast { fixed(3) } else { Config { fast_extension: false, ..fixed(3) } };
        let mut solo = Solo::leecher(config, geometry(4, 4));
        let (conn, mut asked) = solo.meet_seed(fast);
        let tease = |solo: &mut Solo, asked: Vec<BlockSpan>| {
            solo.hear(conn, Message::Choke);
            for span in asked.into_iter().filter(|_| fast) {
                solo.hear(conn, Message::RejectRequest(span));
            }
            requests(&solo.hear(conn, Message::Unchoke), conn)
        };
        let mut in_all = 0;
        for _ in 0..100 {
            in_all += asked.len();
            asked = tease(&mut solo, asked);
        }
        assert_eq!(in_all, 8 * 3);
        // Who gives a block each time is no such peer.
        let mut asked = requests(&solo.wait(Duration::from_secs(5)), conn);
        for _ in 0..12 {
            let said = solo.give(conn, asked.remove(0));
            asked.extend(requests(&said, conn));
            asked = tease(&mut solo, asked);
            assert!(!asked.is_empty());
        }
    }
}

/// The same with pieces that are allowed while we are choked, and then are not.
#[test]
fn nobody_is_asked_without_end_by_allowed_pieces() {
    let mut solo = Solo::leecher(fixed(3), geometry(20, 1));
    let conn = solo.greet(true);
    solo.hear(conn, Message::HaveAll);
    let mut in_all = 0;
    for index in (0..20).cycle().take(100) {
        let asked = requests(&solo.hear(conn, Message::AllowedFast { index }), conn);
        in_all += asked.len();
        for span in asked {
            in_all += requests(&solo.hear(conn, Message::RejectRequest(span)), conn).len();
        }
    }
    assert_eq!(in_all, 8);
}

/// Without the fast extension a choke drops all requests: others are asked at once.
#[test]
fn a_choke_gives_the_blocks_to_others() {
    let config = Config { fast_extension: false, endgame: false, ..fixed(2) };
    let mut solo = Solo::leecher(config, geometry(1, 4));
    let (first, asked) = solo.meet_seed(false);
    let (second, others) = solo.meet_seed(false);
    assert!(asked.iter().all(|span| !others.contains(span)), "each block is asked for once");
    for span in others {
        solo.give(second, span);
    }
    let said = solo.hear(first, Message::Choke);
    assert_eq!(outstanding(&solo, first), 0);
    assert_eq!(BTreeSet::from_iter(begins(&requests(&said, second))), BTreeSet::from_iter(begins(&asked)));
}

fn begins(spans: &[BlockSpan]) -> Vec<u32> {
    spans.iter().map(|span| span.begin).collect()
}

#[test]
fn what_is_not_answered_in_twenty_seconds_is_asked_of_others() {
    let mut solo = Solo::leecher(Config { endgame: false, ..fixed(2) }, geometry(1, 4));
    let (silent, asked) = solo.meet_seed(true);
    let (other, more) = solo.meet_seed(true);
    for span in more {
        solo.give(other, span);
    }
    let said = solo.wait(Duration::from_secs(19));
    assert!(kinds(&said, silent).is_empty() && kinds(&said, other).is_empty());
    let said = solo.wait(Duration::from_secs(6));
    assert_eq!(kinds(&said, silent), [MessageKind::Cancel; 2]);
    assert_eq!(requests(&said, other), asked);
    assert_eq!(solo.torrent.stats().request_timeouts, 2);
}

/// A block that was given up and comes all the same is welcome.
#[test]
fn a_late_block_is_taken() {
    let mut solo = Solo::leecher(Config { endgame: false, ..fixed(1) }, geometry(1, 2));
    let (silent, asked) = solo.meet_seed(true);
    solo.wait(Duration::from_secs(25));
    assert_eq!(outstanding(&solo, silent), 1, "for lack of others the same one is asked again");
    let (other, _) = solo.meet_seed(true);
    let said = solo.give(silent, asked[0]);
    assert_eq!(solo.torrent.stats().wasted, 0);
    assert!(closed(&said, silent).is_none() && closed(&said, other).is_none());
}

/// Cohen's anti-snubbing: it takes a minute, and one block ends it.
#[test]
fn a_minute_without_a_block_is_snubbing() {
    let mut solo = Solo::leecher(fixed(1), geometry(2, 4));
    let (conn, asked) = solo.meet_seed(true);
    solo.wait(Duration::from_secs(55));
    assert!(!solo.view(conn).unwrap().snubbing);
    solo.hear(conn, Message::KeepAlive);
    solo.wait(Duration::from_secs(10));
    assert!(solo.view(conn).unwrap().snubbing);
    solo.give(conn, asked[0]);
    assert!(!solo.view(conn).unwrap().snubbing);
}

/// Who chokes us owes us nothing.
#[test]
fn a_peer_that_chokes_us_does_not_snub_us() {
    let mut solo = Solo::leecher(Config { fast_extension: false, ..fixed(1) }, geometry(2, 4));
    let (conn, _) = solo.meet_seed(false);
    solo.hear(conn, Message::Choke);
    solo.wait(Duration::from_secs(100));
    assert!(!solo.view(conn).unwrap().snubbing);
}

#[test]
fn a_silent_peer_is_asked_for_one_block_at_a_time() {
    let mut solo = Solo::leecher(Config { endgame: false, ..fixed(8) }, geometry(4, 4));
    let (conn, asked) = solo.meet_seed(true);
    assert_eq!(asked.len(), 8);
    solo.wait(Duration::from_secs(25));
    assert_eq!(outstanding(&solo, conn), 1);
}

#[test]
fn the_endgame_asks_three_peers_and_takes_the_late_requests_back() {
    let mut solo = Solo::leecher(fixed(2), geometry(1, 2));
    let (first, asked) = solo.meet_seed(true);
    let (second, again) = solo.meet_seed(true);
    let (third, once_more) = solo.meet_seed(true);
    assert_eq!((asked.len(), again.len(), once_more.len()), (2, 1, 1));
    let (_, too_many) = solo.meet_seed(true);
    let block = again[0];
    let copies = 1 + u32::from(once_more[0] == block) + u32::from(too_many.first() == Some(&block));
    let said = solo.give(second, block);
    let cancels: usize = [first, third]
        .iter()
        .map(|&conn| messages(&said, conn))
        .map(|said| said.iter().filter(|&message| *message == Message::Cancel(block)).count())
        .sum();
    assert!(cancels >= 1 && cancels <= copies as usize, "{cancels} of {copies}");
    assert!(kinds(&said, first).contains(&MessageKind::Cancel));
}

/// Three that claim everything and send nothing hold all places of the endgame: who does send has what they owe within two looks.
#[test]
fn the_silent_do_not_hold_up_the_end() {
    for silent in 1..=6 {
        let mut solo = Solo::leecher(fixed(2).for_lan(), geometry(2, 4));
        (0..silent).for_each(|_| drop(solo.meet_seed(true)));
        let (honest, mut asked) = solo.meet_seed(true);
        (0..silent).for_each(|_| drop(solo.meet_seed(true)));
        while !solo.torrent.is_complete() {
            let said = match asked.pop() {
                Some(span) => solo.give(honest, span),
                None => solo.wait(Duration::from_millis(100)),
            };
            asked.extend(requests(&said, honest));
            assert!(solo.now < Instant::from_secs(11), "{silent} silent ones on each side hold it up");
        }
    }
}

/// Who is asked for nothing any more owes nothing.
#[test]
fn the_silent_that_are_relieved_do_not_snub() {
    let mut config = fixed(1).for_lan();
    config.choking.snub_after = Duration::from_secs(6);
    let mut solo = Solo::leecher(config, geometry(1, 2));
    let (honest, asked) = solo.meet_seed(true);
    let silent: Vec<ConnId> = (0..5).map(|_| solo.meet_seed(true).0).collect();
    assert!(requests(&solo.give(honest, asked[0]), honest).is_empty(), "three are asked for the other block");
    let owing = |solo: &Solo| silent.iter().filter(|&&conn| outstanding(solo, conn) > 0).count();
    assert_eq!(owing(&solo), 3);
    assert_eq!(requests(&solo.wait(Duration::from_secs(6)), honest).len(), 1);
    solo.wait(Duration::from_secs(5));
    assert_eq!(owing(&solo), 2);
    for &conn in &silent {
        assert_eq!(solo.view(conn).unwrap().snubbing, outstanding(&solo, conn) > 0, "{conn:?}");
    }
}

#[test]
fn without_endgame_no_block_is_asked_for_twice() {
    let mut solo = Solo::leecher(Config { endgame: false, ..fixed(2) }, geometry(1, 2));
    solo.meet_seed(true);
    assert!(solo.meet_seed(true).1.is_empty());
}

/// One client re-requested a rejected block 460 000 times in four seconds.
#[test]
fn a_rejected_block_is_not_asked_for_in_a_loop() {
    let mut solo = Solo::leecher(plain(), geometry(4, 4));
    let mut peers: Vec<(ConnId, Vec<BlockSpan>)> = (0..2).map(|_| solo.meet_seed(true)).collect();
    let mut asked = 0;
    for _ in 0..10_000 {
        let Some((at, span)) =
            peers.iter().enumerate().find_map(|(at, (_, open))| Some((at, *open.first()?)))
        else {
            break;
        };
        asked += 1;
        peers[at].1.remove(0);
        let said = solo.hear(peers[at].0, Message::RejectRequest(span));
        for (conn, open) in &mut peers {
            open.extend(requests(&said, *conn));
        }
    }
    assert!(asked <= 40, "{asked} requests without a moment passing");
}

/// The last hope is not given up: later the same peer is asked again.
#[test]
fn a_rejected_block_is_asked_for_again_later() {
    let mut solo = Solo::leecher(fixed(1), geometry(2, 2));
    let (conn, asked) = solo.meet_seed(true);
    assert!(requests(&solo.hear(conn, Message::RejectRequest(asked[0])), conn).is_empty());
    assert!(!requests(&solo.wait(Duration::from_secs(10)), conn).is_empty());
}

#[test]
fn rejects_of_nothing_end_the_connection() {
    let mut solo = Solo::leecher(plain(), geometry(2, 2));
    let conn = solo.greet(true);
    let span = BlockSpan { index: 0, begin: 0, length: BLOCK };
    let end = (0..2_000).find_map(|_| closed(&solo.hear(conn, Message::RejectRequest(span)), conn));
    assert_eq!(end, Some(DisconnectReason::ProtocolViolation(Violation::Flood)));
}

#[test]
fn blocks_that_nobody_asked_for_are_wasted_and_then_too_many() {
    let mut solo = Solo::leecher(plain(), geometry(2, 2));
    let conn = solo.greet(false);
    let span = BlockSpan { index: 0, begin: 0, length: BLOCK };
    let said = solo.give(conn, span);
    assert!(said.is_empty(), "not written: {said:?}");
    assert_eq!(solo.torrent.stats().wasted, u64::from(BLOCK));
    let end = (0..2_000).find_map(|_| closed(&solo.give(conn, span), conn));
    assert_eq!(end, Some(DisconnectReason::ProtocolViolation(Violation::Flood)));
}

/// Nobody can have asked for it: its requests go to others at once.
#[test]
fn what_is_no_block_of_the_torrent_ends_the_connection() {
    let span = |index, begin, length| BlockSpan { index, begin, length };
    for span in [span(0, 0, BLOCK - 1), span(0, 1, BLOCK), span(2, 0, BLOCK), span(1, BLOCK, BLOCK)] {
        let mut solo = Solo::leecher(fixed(1), geometry(2, 2));
        let (liar, asked) = solo.meet_seed(true);
        let (_, others) = solo.meet_seed(true);
        assert!(!others.contains(&asked[0]));
        let said = solo.give(liar, span);
        let end = DisconnectReason::ProtocolViolation(Violation::BlockRange);
        assert_eq!(closed(&said, liar), Some(end), "{span:?}");
        assert_eq!(solo.torrent.stats().wasted, u64::from(span.length));
    }
}

#[test]
fn a_block_that_comes_twice_is_written_once() {
    let mut solo = Solo::leecher(fixed(1), geometry(2, 2));
    let (conn, asked) = solo.meet_seed(true);
    solo.give(conn, asked[0]);
    let wasted = solo.torrent.stats().wasted;
    solo.give(conn, asked[0]);
    assert_eq!(solo.torrent.stats().wasted, wasted + u64::from(BLOCK));
}

#[test]
fn an_allowed_piece_is_asked_for_while_choked() {
    let mut solo = Solo::leecher(fixed(2), geometry(4, 2));
    let conn = solo.greet(true);
    solo.hear(conn, Message::HaveAll);
    let said = solo.hear(conn, Message::AllowedFast { index: 2 });
    let asked = requests(&said, conn);
    assert!(asked.len() == 2 && asked.iter().all(|span| span.index == 2), "{asked:?}");
    let said = solo.hear(conn, Message::RejectRequest(asked[0]));
    assert!(requests(&said, conn).is_empty(), "not allowed after all");
}

#[test]
fn what_a_lost_connection_was_asked_for_is_asked_of_others() {
    let mut solo = Solo::leecher(Config { requests: Requests::Fixed(4), ..without_fast() }, geometry(1, 4));
    let (first, asked) = solo.meet_seed(false);
    let (second, _) = solo.meet_seed(false);
    let said = solo.input(minibit_core::Input::Disconnected { conn: first });
    let more = requests(&said, second);
    assert!(more.len() >= 3 && more.iter().all(|span| asked.contains(span)), "{more:?}");
}

#[test]
fn pieces_that_the_peer_lacks_are_not_asked_of_it() {
    let mut solo = Solo::leecher(fixed(9), geometry(4, 2));
    let (_, asked) = solo.meet(true, &pieces(".*.*"));
    assert!(asked.len() == 4 && asked.iter().all(|span| span.index % 2 == 1), "{asked:?}");
}

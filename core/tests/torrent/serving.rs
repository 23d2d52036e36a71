//! Who is served: slots, chokes, the queue of requests, credit.

use core::time::Duration;

use minibit_core::boundary::{DisconnectReason, DiskOp, Violation};
use minibit_core::config::{Choking, Config};
use minibit_core::message::MessageKind;
use minibit_core::{BlockSpan, ConnId, Input, Message};

use crate::support::solo::{Said, closed, kinds, messages};
use crate::support::{BLOCK, Solo, geometry, pieces, plain};

fn block(index: u32, number: u32) -> BlockSpan {
    BlockSpan { index, begin: number * BLOCK, length: BLOCK }
}

/// Two regular slots and none by luck.
fn two_slots() -> Config {
    let choking = Choking { slots: 2, optimistic_slots: 0, ..plain().choking };
    Config { choking, ..plain() }
}

fn served(said: &Said, conn: ConnId) -> usize {
    kinds(said, conn).iter().filter(|&&kind| kind == MessageKind::Piece).count()
}

fn reads(solo: &Solo, of: ConnId) -> usize {
    let for_it = |op: &&DiskOp<_>| matches!(op, DiskOp::Read { conn, .. } if *conn == of);
    solo.held.iter().filter(for_it).count()
}

#[test]
fn a_free_slot_is_given_at_once() {
    let mut solo = Solo::seeder(two_slots(), geometry(4, 4));
    assert!(solo.meet_taker(true).1);
    let (second, unchoked) = solo.meet_taker(true);
    assert!(unchoked);
    let (third, unchoked) = solo.meet_taker(true);
    assert!(!unchoked, "there are two slots");
    let said = solo.hear(second, Message::NotInterested);
    assert_eq!(kinds(&said, third), [MessageKind::Unchoke]);
}

#[test]
fn a_slot_of_one_who_leaves_is_given_at_once() {
    let mut solo = Solo::seeder(two_slots(), geometry(4, 4));
    let (first, _) = solo.meet_taker(true);
    solo.meet_taker(true);
    let (third, _) = solo.meet_taker(true);
    let said = solo.input(Input::Disconnected { conn: first });
    assert_eq!(kinds(&said, third), [MessageKind::Unchoke]);
}

#[test]
fn without_immediate_slots_everyone_waits_for_the_round() {
    let choking = Choking { immediate: false, ..plain().choking };
    let mut solo = Solo::seeder(Config { choking, ..plain() }, geometry(4, 4));
    let (conn, unchoked) = solo.meet_taker(true);
    assert!(!unchoked);
    assert_eq!(kinds(&solo.wait(Duration::from_secs(10)), conn), [MessageKind::Unchoke]);
}

/// Nobody starves (L3): with two slots for six, each is served within three turns of half a minute.
#[test]
fn a_seed_serves_everyone_in_turn() {
    let mut solo = Solo::seeder(two_slots(), geometry(4, 4));
    let conns: Vec<ConnId> = (0..6).map(|_| solo.meet_taker(true).0).collect();
    let mut lucky = vec![0; 6];
    for _ in 0..24 {
        solo.wait(Duration::from_secs(5));
        for (conn, turns) in conns.iter().zip(&mut lucky) {
            solo.hear(*conn, Message::KeepAlive);
            *turns += u32::from(!solo.view(*conn).unwrap().am_choking);
        }
    }
    assert!(lucky.iter().all(|&turns| turns > 0), "{lucky:?}");
}

#[test]
fn a_snubbing_peer_gets_no_regular_slot() {
    let mut solo = Solo::new(two_slots(), geometry(4, 4), &pieces("*..."));
    let (snubbing, asked) = solo.meet(true, &pieces("..**"));
    assert!(!asked.is_empty());
    let said = solo.hear(snubbing, Message::Interested);
    assert!(kinds(&said, snubbing).is_empty() || kinds(&said, snubbing) == [MessageKind::Unchoke]);
    let mut last = Vec::new();
    for _ in 0..8 {
        last.extend(solo.wait(Duration::from_secs(10)));
        solo.hear(snubbing, Message::KeepAlive);
    }
    let view = solo.view(snubbing).unwrap();
    assert!(view.snubbing);
    // With nobody else about, the slots that nobody has earned go by luck: see the choker. With somebody who gives, not.
    let (giver, asked) = solo.meet(true, &pieces(".*.."));
    let (other, more) = solo.meet(true, &pieces(".*.."));
    for conn in [giver, other] {
        solo.hear(conn, Message::Interested);
    }
    for span in asked {
        solo.give(giver, span);
    }
    for span in more {
        solo.give(other, span);
    }
    solo.wait(Duration::from_secs(10));
    assert!(solo.view(snubbing).unwrap().am_choking);
    assert!(!solo.view(giver).unwrap().am_choking);
}

#[test]
fn a_request_is_answered_once() {
    let mut solo = Solo::seeder(plain(), geometry(4, 4));
    let (conn, _) = solo.meet_taker(true);
    let said = solo.hear(conn, Message::Request(block(1, 2)));
    assert_eq!(kinds(&said, conn), [MessageKind::Piece]);
    assert_eq!(solo.torrent.stats().uploaded, u64::from(BLOCK));
    let odd = BlockSpan { index: 1, begin: 5, length: 100 };
    let said = solo.hear(conn, Message::Request(odd));
    assert_eq!(served(&said, conn), 1, "blocks off our grid are served as well");
}

#[test]
fn requests_while_choked_are_rejected_or_dropped() {
    for fast in [true, false] {
        let mut solo = Solo::seeder(plain(), geometry(4, 4));
        let conn = solo.greet(fast);
        let said = solo.hear(conn, Message::Request(block(0, 0)));
        // Without the fast extension nothing says that it is not answered; it counts as interest, and there is room.
        let expected = if fast { MessageKind::RejectRequest } else { MessageKind::Unchoke };
        assert_eq!(kinds(&said, conn), [expected]);
        let (conn, _) = solo.meet_taker(fast);
        assert_eq!(served(&solo.hear(conn, Message::Request(block(0, 0))), conn), 1);
    }
}

#[test]
fn what_is_not_here_is_rejected() {
    let mut solo = Solo::new(plain(), geometry(4, 4), &pieces("*..."));
    let (conn, _) = solo.meet_taker(true);
    let said = solo.hear(conn, Message::Request(block(1, 0)));
    assert_eq!(messages(&said, conn), [Message::RejectRequest(block(1, 0))]);
}

/// Somebody asks for single bytes and reads none of them: what is under way is bounded in number, too.
#[test]
fn single_bytes_do_not_pile_up() {
    let mut solo = Solo::seeder(plain(), geometry(4, 4));
    let (conn, _) = solo.meet_taker(true);
    let byte = |begin: u32| BlockSpan { index: 0, begin, length: 1 };
    solo.hold_disk = true;
    for begin in 0..100 {
        solo.hear(conn, Message::Request(byte(begin)));
    }
    assert_eq!(reads(&solo, conn), 64);
    solo.hold_disk = false;
    solo.clogged = true;
    let mut sent = 0;
    while !solo.held.is_empty() {
        sent += served(&solo.release(), conn);
    }
    assert_eq!(sent, 64);
    for begin in 100..200 {
        assert_eq!(served(&solo.hear(conn, Message::Request(byte(begin))), conn), 0);
    }
    assert_eq!(served(&solo.input(Input::Sent { to: conn, bytes: 10 }), conn), 10);
    assert_eq!(served(&solo.input(Input::Sent { to: conn, bytes: 64 }), conn), 64);
}

/// A bounded number of bytes is under way; a choke finds the rest unsent and drops it. What is left of the piece that was begun may be
/// fetched all the same, with the fast extension.
#[test]
fn a_choke_drops_what_waits() {
    for fast in [true, false] {
        let choking = Choking { slots: 1, optimistic_slots: 0, ..plain().choking };
        let mut solo = Solo::seeder(Config { choking, ..plain() }, geometry(4, 4));
        let (conn, _) = solo.meet_taker(fast);
        solo.clogged = true;
        let mut sent = 0;
        for index in 0..3 {
            sent += served(&solo.hear(conn, Message::Request(block(index, 0))), conn);
        }
        assert_eq!(sent, 2, "32 KiB of credit");
        solo.meet_taker(fast);
        let said = solo.wait(Duration::from_secs(40));
        let expected: &[MessageKind] = if fast {
            &[MessageKind::AllowedFast, MessageKind::Choke, MessageKind::RejectRequest]
        } else {
            &[MessageKind::Choke]
        };
        assert_eq!(kinds(&said, conn), expected);
        let said = solo.input(Input::Sent { to: conn, bytes: 2 * BLOCK });
        assert_eq!(served(&said, conn), 0);
        solo.clogged = false;
        let mut finished = 0;
        for number in 1..4 {
            finished += served(&solo.hear(conn, Message::Request(block(1, number))), conn);
        }
        assert_eq!(finished, if fast { 3 } else { 0 });
        assert_eq!(served(&solo.hear(conn, Message::Request(block(1, 0))), conn), 0, "the whole piece once");
        assert_eq!(served(&solo.hear(conn, Message::Request(block(0, 0))), conn), 0, "another piece");
    }
}

/// The choke comes while a block is being read: it is not sent, unless the peer may finish the piece.
#[test]
fn a_choke_overtakes_a_read() {
    for fast in [true, false] {
        let choking = Choking { slots: 1, optimistic_slots: 0, ..plain().choking };
        let mut solo = Solo::seeder(Config { choking, ..plain() }, geometry(4, 4));
        let (conn, _) = solo.meet_taker(fast);
        solo.hold_disk = true;
        solo.hear(conn, Message::Request(block(0, 0)));
        solo.meet_taker(fast);
        solo.wait(Duration::from_secs(40));
        assert!(solo.view(conn).unwrap().am_choking);
        let said = solo.release();
        let expected: &[MessageKind] = if fast { &[MessageKind::Piece] } else { &[] };
        assert_eq!(kinds(&said, conn), expected);
    }
}

#[test]
fn a_cancel_takes_a_waiting_request_back() {
    for fast in [true, false] {
        let mut solo = Solo::seeder(plain(), geometry(4, 4));
        let (conn, _) = solo.meet_taker(fast);
        solo.clogged = true;
        for number in 0..4 {
            solo.hear(conn, Message::Request(block(0, number)));
        }
        assert_eq!(solo.view(conn).unwrap().queued, 2);
        let said = solo.hear(conn, Message::Cancel(block(0, 2)));
        let answer: &[Message<_>] = if fast { &[Message::RejectRequest(block(0, 2))] } else { &[] };
        assert_eq!(messages(&said, conn), answer);
        let said = solo.input(Input::Sent { to: conn, bytes: 2 * BLOCK });
        assert_eq!(served(&said, conn), 1, "the one that was not taken back");
    }
}

/// BEP 6: a newcomer may fetch its set while it is choked, and a choke does not drop what it has asked for of it.
#[test]
fn allowed_pieces_are_served_to_the_choked() {
    let mut solo = Solo::seeder(Config { allowed_fast: 2, ..plain() }, geometry(16, 4));
    let (conn, said) = solo.greet_saying(true);
    let allowed: Vec<u32> = messages(&said, conn)
        .iter()
        .filter_map(|message| if let Message::AllowedFast { index } = message { Some(*index) } else { None })
        .collect();
    assert_eq!(allowed.len(), 2);
    let said = solo.hear(conn, Message::Request(block(allowed[0], 1)));
    assert_eq!(served(&said, conn), 1);
    let other = (0..16).find(|index| !allowed.contains(index)).unwrap();
    let said = solo.hear(conn, Message::Request(block(other, 1)));
    assert_eq!(kinds(&said, conn), [MessageKind::RejectRequest]);
}

#[test]
fn more_requests_than_are_allowed_to_wait() {
    for fast in [true, false] {
        let mut solo = Solo::seeder(plain(), geometry(40, 16));
        let (conn, _) = solo.meet_taker(fast);
        solo.clogged = true;
        let mut end = None;
        let mut rejects = 0;
        for number in 0..2_000 {
            let said = solo.hear(conn, Message::Request(block(number / 16 % 39, number % 16)));
            end = end.or(closed(&said, conn));
            rejects += kinds(&said, conn).iter().filter(|&&kind| kind == MessageKind::RejectRequest).count();
            if end.is_some() {
                break;
            }
            assert!(solo.view(conn).unwrap().queued <= 250);
        }
        let violation = if fast { Violation::Flood } else { Violation::TooManyRequests };
        assert_eq!(end, Some(DisconnectReason::ProtocolViolation(violation)), "after {rejects} rejects");
    }
}

/// Rejects are messages too: who keeps asking while choked is let go, and not after one choke that its requests had crossed.
#[test]
fn a_flood_of_requests_while_choked_ends_the_connection() {
    let mut solo = Solo::seeder(plain(), geometry(4, 4));
    let conn = solo.greet(true);
    let mut asked = 0;
    while closed(&solo.hear(conn, Message::Request(block(0, 0))), conn).is_none() {
        asked += 1;
        assert!(asked < 5_000, "5000 rejects, and no end");
    }
    assert!(asked >= 250, "a whole pipeline may have been under way when it was choked");
}

#[test]
fn a_read_that_fails_is_rejected() {
    for fast in [true, false] {
        let mut solo = Solo::seeder(plain(), geometry(4, 4));
        let (conn, _) = solo.meet_taker(fast);
        solo.disk.unreadable = true;
        let said = solo.hear(conn, Message::Request(block(0, 0)));
        let expected: &[MessageKind] = if fast { &[MessageKind::RejectRequest] } else { &[] };
        assert_eq!(kinds(&said, conn), expected);
        solo.disk.unreadable = false;
        assert_eq!(
            served(&solo.hear(conn, Message::Request(block(0, 1))), conn),
            1,
            "the slot is still its own"
        );
    }
}

/// With one upload at a time, connections take turns, of a piece each; the next one begins when the last block of the one before is
/// handed over.
#[test]
fn parallel_uploads_are_limited() {
    let choking = Choking { parallel_uploads: Some(1), ..plain().choking };
    let mut solo = Solo::seeder(Config { choking, ..plain() }, geometry(4, 4));
    let conns: Vec<ConnId> = (0..3).map(|_| solo.meet_taker(true).0).collect();
    solo.clogged = true;
    solo.hold_disk = true;
    for &conn in &conns {
        for number in 0..4 {
            solo.hear(conn, Message::Request(block(0, number)));
        }
    }
    let mut turns = Vec::new();
    while !solo.held.is_empty() {
        let busy: Vec<ConnId> = conns.iter().copied().filter(|&conn| reads(&solo, conn) > 0).collect();
        assert!(busy.len() <= 2, "one ends while the next one begins");
        let before: Vec<usize> = busy.iter().map(|&conn| reads(&solo, conn)).collect();
        assert!(before.iter().sum::<usize>() <= 4);
        for conn in busy {
            while reads(&solo, conn) > 0 {
                let said = solo.release();
                for &to in &conns {
                    for _ in 0..served(&said, to) {
                        turns.push(to);
                        solo.input(Input::Sent { to, bytes: BLOCK });
                    }
                }
            }
        }
    }
    let expected: Vec<ConnId> = conns.iter().flat_map(|&conn| [conn; 4]).collect();
    assert_eq!(turns, expected, "each has sent a whole piece");
}

/// One who leaves in the middle of being served makes room for the next one.
#[test]
fn an_upload_that_breaks_off_makes_room() {
    let choking = Choking { parallel_uploads: Some(1), ..plain().choking };
    let mut solo = Solo::seeder(Config { choking, ..plain() }, geometry(4, 4));
    let (first, _) = solo.meet_taker(true);
    let (second, _) = solo.meet_taker(true);
    solo.clogged = true;
    assert_eq!(served(&solo.hear(first, Message::Request(block(0, 0))), first), 1);
    assert_eq!(served(&solo.hear(second, Message::Request(block(0, 0))), second), 0);
    let said = solo.input(Input::Disconnected { conn: first });
    assert_eq!(served(&said, second), 1);
    assert!(
        solo.input(Input::Sent { to: first, bytes: BLOCK }).is_empty(),
        "late news of the closed one miss"
    );
}

/// A block that is taken back while it is read gives its turn to the next one.
#[test]
fn an_upload_that_is_taken_back_makes_room() {
    let choking = Choking { parallel_uploads: Some(1), ..plain().choking };
    let mut solo = Solo::seeder(Config { choking, ..plain() }, geometry(4, 4));
    let (first, _) = solo.meet_taker(true);
    let (second, _) = solo.meet_taker(true);
    solo.hold_disk = true;
    solo.hear(first, Message::Request(block(0, 0)));
    solo.hear(second, Message::Request(block(0, 1)));
    assert_eq!((reads(&solo, first), reads(&solo, second)), (1, 0));
    let said = solo.hear(first, Message::Cancel(block(0, 0)));
    assert_eq!(kinds(&said, first), [MessageKind::RejectRequest]);
    let said = solo.release();
    assert_eq!((served(&said, first), reads(&solo, second)), (0, 1));
    assert_eq!(served(&solo.release(), second), 1);
}

#[test]
fn a_free_rider_serves_nobody() {
    let mut solo = Solo::seeder(Config { uploads: false, ..plain() }, geometry(4, 4));
    let (conn, unchoked) = solo.meet_taker(true);
    assert!(!unchoked);
    let said = solo.wait(Duration::from_mins(1));
    assert!(!kinds(&said, conn).contains(&MessageKind::Unchoke));
}

/// BEP 6: while pieces are nowhere but here, each peer is promised another one, and the next when it has asked for that.
#[test]
fn a_first_seeder_suggests_each_piece_once() {
    let mut solo = Solo::seeder(Config { suggest: true, ..plain() }, geometry(4, 1));
    let mut promised = Vec::new();
    let suggested = |said: &Said, conn| {
        messages(said, conn).iter().find_map(|message| match message {
            Message::SuggestPiece { index } => Some(*index),
            _ => None,
        })
    };
    let mut last = None;
    for _ in 0..3 {
        let conn = solo.greet(true);
        let index = suggested(&solo.hear(conn, Message::Interested), conn);
        promised.extend(index);
        last = index.map(|index| (conn, index));
    }
    let (conn, index) = last.expect("a promise");
    let asked = Message::Request(BlockSpan { index, begin: 0, length: 100 });
    promised.extend(suggested(&solo.hear(conn, asked), conn));
    promised.sort_unstable();
    assert_eq!(promised, [0, 1, 2, 3]);
}

/// A block that is being read when its request is taken back is not sent (I6); and its credit comes back.
#[test]
fn a_cancel_overtakes_the_disk() {
    for fast in [true, false] {
        let mut solo = Solo::seeder(plain(), geometry(4, 4));
        let (conn, _) = solo.meet_taker(fast);
        solo.hold_disk = true;
        for number in 0..3 {
            solo.hear(conn, Message::Request(block(0, number)));
        }
        assert_eq!(reads(&solo, conn), 2, "two blocks of credit");
        let said = solo.hear(conn, Message::Cancel(block(0, 0)));
        let answer: &[MessageKind] = if fast { &[MessageKind::RejectRequest] } else { &[] };
        assert_eq!(kinds(&said, conn), answer);
        assert!(kinds(&solo.hear(conn, Message::Cancel(block(0, 0))), conn).is_empty(), "there is only one");
        assert_eq!(served(&solo.release(), conn), 0);
        assert_eq!(reads(&solo, conn), 2, "the next one is read instead");
        assert_eq!(served(&solo.release(), conn) + served(&solo.release(), conn), 2);
    }
}

/// rtorrent keeps thousands of requests open and understands no reject: on a node all of them wait, and all are served.
#[test]
fn thousands_of_requests_wait_and_are_served() {
    let mut solo = Solo::seeder(plain().for_lan(), geometry(40, 64));
    solo.hold_disk = true;
    let (conn, _) = solo.meet_taker(false);
    let mut got = 0;
    for number in 0..2_500 {
        for _ in 0..2 {
            let said = solo.hear(conn, Message::Request(block(number / 64, number % 64)));
            assert!(closed(&said, conn).is_none());
        }
    }
    while !solo.held.is_empty() {
        got += served(&solo.release(), conn);
    }
    // Each once, and again those that were asked for anew while the disk had them: they take half of the credit, 32 blocks.
    assert_eq!(got, 2_516);
}

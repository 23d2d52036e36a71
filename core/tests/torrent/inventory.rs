//! Who has what: bitfields, `have`, interest, and numbers that no torrent has.

use minibit_core::boundary::{DisconnectReason, Violation};
use minibit_core::message::MessageKind;
use minibit_core::{Bitfield, BlockSpan, ConnId, Message};

use crate::support::solo::{Said, closed, kinds, messages};
use crate::support::{BLOCK, Solo, geometry, pieces, plain};

fn bitfield(drawing: &str) -> Message<minibit_core::payload::Virtual> {
    Message::bitfield(pieces(drawing))
}

fn is_broken(said: &Said, conn: ConnId, violation: Violation) -> bool {
    closed(said, conn) == Some(DisconnectReason::ProtocolViolation(violation))
}

#[test]
fn interest_follows_need() {
    let mut solo = Solo::new(plain(), geometry(3, 1), &pieces("*.."));
    let conn = solo.greet(true);
    assert!(kinds(&solo.hear(conn, Message::Have { index: 0 }), conn).is_empty());
    assert_eq!(kinds(&solo.hear(conn, Message::Have { index: 1 }), conn), [MessageKind::Interested]);
    assert!(kinds(&solo.hear(conn, Message::Have { index: 1 }), conn).is_empty(), "said once");
    let (other, asked) = solo.meet(true, &pieces(".*."));
    let said = solo.give(other, asked[0]);
    assert_eq!(kinds(&said, conn), [MessageKind::NotInterested], "the piece came from elsewhere");
}

/// aria2 sends a bitfield in the middle of the stream instead of many `have`.
#[test]
fn a_bitfield_may_come_at_any_time() {
    let mut solo = Solo::leecher(plain(), geometry(4, 1));
    let conn = solo.greet(false);
    solo.hear(conn, bitfield("*..."));
    solo.hear(conn, Message::Have { index: 1 });
    let said = solo.hear(conn, bitfield("***."));
    assert!(closed(&said, conn).is_none());
    assert_eq!(solo.view(conn).unwrap().pieces, 3);
    let said = solo.hear(conn, bitfield("...."));
    assert_eq!(kinds(&said, conn), [MessageKind::NotInterested]);
}

#[test]
fn numbers_that_the_torrent_does_not_have_end_the_connection() {
    let span = |index, begin, length| BlockSpan { index, begin, length };
    let cases = [
        (Message::Have { index: 3 }, Violation::PieceIndex),
        (Message::Have { index: u32::MAX }, Violation::PieceIndex),
        (Message::SuggestPiece { index: 3 }, Violation::PieceIndex),
        (Message::AllowedFast { index: 3 }, Violation::PieceIndex),
        (bitfield("****"), Violation::Bitfield),
        (bitfield("**"), Violation::Bitfield),
        (Message::bitfield(Bitfield::none(0)), Violation::Bitfield),
        (Message::Request(span(3, 0, BLOCK)), Violation::RequestRange),
        (Message::Request(span(0, 0, 0)), Violation::RequestRange),
        (Message::Request(span(0, 0, BLOCK + 1)), Violation::RequestRange),
        (Message::Request(span(0, BLOCK, BLOCK + 1)), Violation::RequestRange),
        (Message::Request(span(0, 2 * BLOCK, 1)), Violation::RequestRange),
        (Message::Request(span(0, u32::MAX, u32::MAX)), Violation::RequestRange),
        (Message::Request(span(2, BLOCK, BLOCK)), Violation::RequestRange),
    ];
    for (message, violation) in cases {
        let mut solo = Solo::seeder(plain(), geometry(3, 2));
        let (conn, _) = solo.meet_taker(true);
        let said = solo.hear(conn, message.clone());
        assert!(is_broken(&said, conn, violation), "{message:?}: {said:?}");
    }
}

/// Nothing can be taken back, rejected or delivered that was never there.
#[test]
fn nonsense_without_a_number_out_of_range_is_borne() {
    let span = BlockSpan { index: u32::MAX, begin: 7, length: u32::MAX };
    let mut solo = Solo::leecher(plain(), geometry(3, 2));
    let conn = solo.greet(true);
    for message in [Message::Cancel(span), Message::RejectRequest(span), Message::Port(6881)] {
        assert!(closed(&solo.hear(conn, message), conn).is_none());
    }
}

#[test]
fn a_new_piece_is_told_to_those_who_lack_it() {
    let mut solo = Solo::leecher(plain(), geometry(3, 1));
    let (giver, asked) = solo.meet(true, &pieces("*.."));
    let (holder, lacking) = (solo.greet(true), solo.greet(true));
    solo.hear(holder, Message::Have { index: 0 });
    let said = solo.give(giver, asked[0]);
    assert_eq!(messages(&said, lacking), [Message::Have { index: 0 }]);
    for has_it in [giver, holder] {
        assert!(!kinds(&said, has_it).contains(&MessageKind::Have));
    }
}

#[test]
fn two_seeds_part() {
    let mut solo = Solo::seeder(plain(), geometry(3, 1));
    let conn = solo.greet(true);
    let said = solo.hear(conn, Message::HaveAll);
    assert_eq!(closed(&said, conn), Some(DisconnectReason::BothSeeds));

    let conn = solo.greet(false);
    solo.hear(conn, bitfield("**."));
    let said = solo.hear(conn, Message::Have { index: 2 });
    assert_eq!(closed(&said, conn), Some(DisconnectReason::BothSeeds));

    let mut solo = Solo::new(plain(), geometry(3, 1), &pieces("**."));
    let (seed, asked) = solo.meet_seed(true);
    let said = solo.give(seed, asked[0]);
    assert_eq!(closed(&said, seed), Some(DisconnectReason::BothSeeds), "when our last piece is here");
}

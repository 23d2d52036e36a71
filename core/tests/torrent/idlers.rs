//! Peers that hold slots and do nothing with them: who wants to be served is, whatever crowd there is.

use core::time::Duration;

use minibit_core::boundary::{DisconnectReason, SimAddr};
use minibit_core::config::{Config, Limits};
use minibit_core::message::MessageKind;
use minibit_core::{Bitfield, BlockSpan, ConnId, Input, Instant, Message};

use crate::support::solo::{Said, accepted, closed, handshake, kinds};
use crate::support::{BLOCK, Solo, geometry, pieces, plain};

/// Honest peers are served within this (R11).
const SERVED_WITHIN: Duration = Duration::from_secs(5);

/// With places for all that these tests send.
fn lan() -> Config {
    let config = plain().for_lan();
    Config { limits: Limits { connections: 2_000, known_peers: 5_000, ..config.limits }, ..config }
}

fn first_blocks(count: u32) -> impl Iterator<Item = BlockSpan> {
    (0..count).map(|number| BlockSpan { index: number / 4, begin: number % 4 * BLOCK, length: BLOCK })
}

fn has(said: &Said, conn: ConnId, kind: MessageKind) -> bool {
    kinds(said, conn).contains(&kind)
}

/// How long somebody waits that asks when it is unchoked, and again when it was rejected.
fn waits(solo: &mut Solo, honest: ConnId, mut said: Said) -> Duration {
    let since = solo.now;
    loop {
        if has(&said, honest, MessageKind::Unchoke) || has(&said, honest, MessageKind::RejectRequest) {
            let span = BlockSpan { index: 1, begin: 0, length: BLOCK };
            said = solo.hear(honest, Message::Request(span));
        }
        if has(&said, honest, MessageKind::Piece) {
            return solo.now - since;
        }
        assert!(solo.now - since < Duration::from_mins(2), "it waits in vain");
        said = solo.wait(Duration::from_millis(50));
    }
}

/// A seeder and a leecher that has something; the crowds are as many.
fn victims() -> impl Iterator<Item = (Solo, usize)> {
    let kinds = [60, 1_000].into_iter().flat_map(|crowd| [("********", crowd), ("****....", crowd)]);
    kinds.map(|(have, crowd)| (Solo::new(lan(), geometry(8, 4), &pieces(have)), crowd))
}

/// Somebody comes whose interest is heard a round trip later.
fn honest(solo: &mut Solo) -> (ConnId, Said) {
    let conn = solo.greet(true);
    let said = solo.hear(conn, Message::Interested);
    (conn, said)
}

#[test]
fn one_who_asks_is_served_among_those_who_do_not() {
    for (mut solo, crowd) in victims() {
        for _ in 0..crowd {
            solo.meet_taker(true);
        }
        let (conn, said) = honest(&mut solo);
        let waited = waits(&mut solo, conn, said);
        assert!(waited <= Duration::from_millis(1_500), "after {waited:?} among {crowd}");
        // Also when they have been there for long, and each had its turn.
        solo.wait(Duration::from_secs(30));
        let (late, said) = honest(&mut solo);
        let waited = waits(&mut solo, late, said);
        assert!(waited <= Duration::from_millis(1_500), "later, after {waited:?} among {crowd}");
    }
}

/// A crowd that comes behind it does not keep it waiting either.
#[test]
fn who_waits_is_not_forgotten_for_those_who_come_later() {
    let mut solo = Solo::seeder(lan(), geometry(8, 4));
    for _ in 0..20 {
        solo.meet_taker(true);
    }
    let (conn, _) = honest(&mut solo);
    let mut waited = Duration::ZERO;
    while solo.view(conn).unwrap().am_choking {
        solo.meet_taker(true);
        solo.wait(Duration::from_millis(50));
        waited += Duration::from_millis(50);
        assert!(waited < Duration::from_secs(30), "it is forgotten");
    }
}

/// A peer that reads nothing has blocks under way for ever.
#[test]
fn one_who_reads_is_served_among_those_who_do_not() {
    for (mut solo, crowd) in victims() {
        solo.clogged = true;
        for _ in 0..crowd {
            let (conn, unchoked) = solo.meet_taker(true);
            if unchoked {
                first_blocks(4).for_each(|span| drop(solo.hear(conn, Message::Request(span))));
            }
        }
        let (conn, said) = honest(&mut solo);
        let waited = waits(&mut solo, conn, said);
        assert!(waited <= SERVED_WITHIN, "after {waited:?} among {crowd}");
    }
}

/// Many connections of one host that take a block whenever they may, and one of the same host that is like them: somebody else
/// of that host is served soon, whether it is new or has been there all the time.
#[test]
fn one_who_asks_is_served_among_a_crowd_that_takes_blocks() {
    for have in ["********", "****...."] {
        let mut solo = Solo::new(lan(), geometry(8, 4), &pieces(have));
        let friend = of_the_crowd(&mut solo);
        let crowd: Vec<ConnId> = (0..1_000).map(|_| of_the_crowd(&mut solo)).collect();
        for &conn in &crowd {
            solo.hear(conn, Message::Interested);
        }
        crowd_takes_blocks(&mut solo, &crowd, Duration::from_secs(15), None);
        for round in 0..4 {
            for conn in [friend, of_the_crowd(&mut solo)] {
                let begun = solo.now;
                solo.hear(conn, Message::Interested);
                crowd_takes_blocks(&mut solo, &crowd, SERVED_WITHIN, Some(conn));
                let waited = solo.now - begun;
                assert!(waited < SERVED_WITHIN, "{have}: {conn:?} is not served in round {round}");
                solo.hear(conn, Message::NotInterested);
            }
        }
    }
}

/// One of many connections from the same host shakes hands.
fn of_the_crowd(solo: &mut Solo) -> ConnId {
    solo.strangers += 1;
    let said = solo.input(Input::Incoming { ticket: solo.strangers, addr: SimAddr(7) });
    let conn = accepted(&said).expect("there is room");
    solo.hear(conn, handshake(solo.strangers, true));
    conn
}

/// Every quarter of a second each of the crowd that may asks for a block; until this one is unchoked, or the time is over.
fn crowd_takes_blocks(solo: &mut Solo, crowd: &[ConnId], time: Duration, until: Option<ConnId>) {
    let end = solo.now + time;
    while solo.now < end && until.is_none_or(|conn| solo.view(conn).unwrap().am_choking) {
        let takers: Vec<ConnId> = solo
            .torrent
            .connections()
            .filter(|view| !view.am_choking && crowd.contains(&view.conn))
            .map(|view| view.conn)
            .collect();
        assert!(!takers.is_empty(), "the crowd is served as well");
        for conn in takers {
            let span = BlockSpan { index: 1, begin: 0, length: BLOCK };
            assert!(has(&solo.hear(conn, Message::Request(span)), conn, MessageKind::Piece));
        }
        solo.wait(Duration::from_millis(250));
    }
}

/// What those who do not read have asked for is not kept for ever either.
#[test]
fn what_is_not_read_is_bounded() {
    let mut solo = Solo::seeder(lan(), geometry(40, 4));
    solo.clogged = true;
    let conns: Vec<ConnId> = (0..100).map(|_| solo.meet_taker(true).0).collect();
    let mut gone = 0;
    let mut asked = vec![false; conns.len()];
    while solo.now < Instant::from_secs(90) {
        for (&conn, asked) in conns.iter().zip(&mut asked) {
            if !*asked && solo.view(conn).is_some_and(|view| !view.am_choking) {
                first_blocks(150).for_each(|span| drop(solo.hear(conn, Message::Request(span))));
                *asked = true;
            }
        }
        let said = solo.wait(Duration::from_millis(250));
        gone += conns.iter().filter(|conn| closed(&said, **conn) == Some(DisconnectReason::Replaced)).count();
    }
    let served = asked.iter().filter(|asked| **asked).count();
    assert!(served > 50, "only {served} had a turn");
    // Eight of half a MiB each, those with slots, and those whose time is not up.
    assert!(gone + 8 + 10 >= served, "{gone} of {served} are gone");
}

/// Who uses its slot keeps it, and so does who does not when nobody else wants it.
#[test]
fn slots_in_use_and_slots_that_nobody_wants_stay() {
    let mut solo = Solo::seeder(lan(), geometry(8, 4));
    let conns: Vec<ConnId> = (0..5).map(|_| honest(&mut solo).0).collect();
    let said = solo.wait(Duration::from_secs(8));
    assert!(conns.iter().all(|&conn| kinds(&said, conn).is_empty()), "nobody waits");
    let mut solo = Solo::seeder(lan(), geometry(8, 4));
    let conns: Vec<ConnId> = (0..5).map(|_| honest(&mut solo).0).collect();
    for _ in 0..10 {
        solo.meet_taker(true);
    }
    for (conn, span) in (0..16).flat_map(|number| {
        let span = BlockSpan { index: number / 4, begin: number % 4 * BLOCK, length: BLOCK };
        conns.iter().map(move |&conn| (conn, span))
    }) {
        let said = solo.hear(conn, Message::Request(span));
        assert!(has(&said, conn, MessageKind::Piece));
        solo.wait(Duration::from_millis(100));
    }
    assert!(conns.iter().all(|&conn| !solo.view(conn).unwrap().am_choking));
}

/// With a limit of a few KiB per second a block takes longer than a peer that does not read is waited for.
#[test]
fn one_that_we_hold_back_does_not_lose_its_slot() {
    let keeps_slot = |held_back: bool| {
        let mut solo = Solo::seeder(lan(), geometry(8, 4));
        solo.clogged = true;
        let (conn, _) = honest(&mut solo);
        for _ in 0..10 {
            solo.meet_taker(true);
        }
        first_blocks(4).for_each(|span| drop(solo.hear(conn, Message::Request(span))));
        for _ in 0..20 {
            solo.wait(Duration::from_secs(1));
            if held_back {
                solo.input(Input::Sent { to: conn, bytes: 0 });
            }
            if solo.view(conn).unwrap().am_choking {
                return false;
            }
        }
        true
    };
    assert!(keeps_slot(true));
    assert!(!keeps_slot(false));
}

/// A leecher passes slots on as well, and a simulated participant never: its results are those of the choker alone.
#[test]
fn only_where_it_is_asked_for() {
    let mut solo = Solo::new(plain(), geometry(8, 4), &Bitfield::all(8));
    for _ in 0..60 {
        solo.meet_taker(true);
    }
    let (conn, said) = honest(&mut solo);
    assert!(waits(&mut solo, conn, said) >= Duration::from_secs(9));
}

//! How connections open: handshakes, strangers, doubles, ourselves.

use core::time::Duration;

use minibit_core::boundary::{DisconnectReason, SimAddr, Simulated, Violation};
use minibit_core::config::Config;
use minibit_core::message::{Handshake, Inventory, MessageKind};
use minibit_core::{Command, InfoHash, Input, Message, Output, PeerId, Profile};

use crate::support::lone::{Lone, dialled as dials, socket};
use crate::support::solo::{accepted, closed, handshake, kinds};
use crate::support::{SWARM, Solo, Swarm, What, World, geometry, peer_id, plain};

fn broken(violation: Violation) -> DisconnectReason {
    DisconnectReason::ProtocolViolation(violation)
}

#[test]
fn another_swarm_is_refused_without_an_answer() {
    let mut solo = Solo::leecher(plain(), geometry(3, 2));
    let conn = solo.accept();
    let theirs = Handshake { info_hash: InfoHash([8; 20]), peer_id: peer_id(1), fast: true, extended: false };
    let said = solo.hear(conn, Message::Handshake(Box::new(theirs)));
    assert_eq!(closed(&said, conn), Some(DisconnectReason::WrongInfoHash));
    assert!(kinds(&said, conn).is_empty(), "a stranger learns nothing");
}

#[test]
fn ourselves_are_met_once_and_never_dialled_again() {
    let mut solo = Solo::leecher(plain(), geometry(3, 2));
    let said = solo.input(Input::Command(Command::AddPeers(vec![SimAddr(9)])));
    let Some(Output::Connect { conn, .. }) = said.first() else { panic!("{said:?}") };
    solo.input(Input::Connected { conn: *conn });
    let ours = Handshake { info_hash: SWARM, peer_id: peer_id(0), fast: true, extended: false };
    let said = solo.hear(*conn, Message::Handshake(Box::new(ours)));
    assert_eq!(closed(&said, *conn), Some(DisconnectReason::SelfConnection));
    let later = solo.wait(Duration::from_hours(10));
    assert!(!later.iter().any(|output| matches!(output, Output::Connect { .. })));
    let said = solo.input(Input::Incoming { ticket: 5, addr: SimAddr(9) });
    assert!(matches!(said[..], [Output::Refuse { ticket: 5 }]));
}

#[test]
fn the_handshake_comes_first_and_once() {
    let mut solo = Solo::leecher(plain(), geometry(3, 2));
    let hasty = solo.accept();
    let said = solo.hear(hasty, Message::Interested);
    assert_eq!(closed(&said, hasty), Some(broken(Violation::Handshake)));

    let doubly = solo.greet(true);
    let said = solo.hear(doubly, handshake(2, true));
    assert_eq!(closed(&said, doubly), Some(broken(Violation::Handshake)));
}

/// rtorrent sends two before anything else.
#[test]
fn keep_alives_before_the_handshake_are_harmless() {
    let mut solo = Solo::leecher(plain(), geometry(3, 2));
    let conn = solo.accept();
    assert!(solo.hear(conn, Message::KeepAlive).is_empty());
    let said = solo.hear(conn, handshake(1, true));
    assert_eq!(kinds(&said, conn), [MessageKind::Handshake, MessageKind::HaveNone]);
}

#[test]
fn who_says_nothing_is_gone_in_fifteen_seconds() {
    let mut solo = Solo::leecher(plain(), geometry(3, 2));
    let conn = solo.accept();
    assert_eq!(closed(&solo.wait(Duration::from_secs(9)), conn), None);
    let said = solo.wait(Duration::from_secs(6));
    assert_eq!(closed(&said, conn), Some(DisconnectReason::HandshakeTimeout));
}

#[test]
fn a_dial_that_is_not_answered_is_given_up_in_fifteen_seconds() {
    let mut solo = Solo::leecher(plain(), geometry(3, 2));
    let said = solo.input(Input::Command(Command::AddPeers(vec![SimAddr(9)])));
    let Some(Output::Connect { conn, .. }) = said.first() else { panic!("{said:?}") };
    let said = solo.wait(Duration::from_secs(15));
    assert_eq!(closed(&said, *conn), Some(DisconnectReason::HandshakeTimeout));
}

#[test]
fn a_second_connection_of_the_same_peer_is_closed() {
    let mut solo = Solo::leecher(plain(), geometry(3, 2));
    let first = solo.greet(true);
    let said = solo.input(Input::Incoming { ticket: 9, addr: SimAddr(77) });
    let second = accepted(&said).unwrap();
    let said = solo.hear(second, handshake(1, true));
    assert_eq!(closed(&said, second), Some(DisconnectReason::Duplicate));
    assert!(solo.view(first).is_some());
}

/// Its end of the first one is dead, and ours does not know it yet.
#[test]
fn who_comes_again_after_a_silence_is_let_in() {
    let mut solo = Solo::leecher(plain(), geometry(3, 2));
    let first = solo.greet(true);
    solo.wait(Duration::from_secs(9));
    let again = |solo: &mut Solo, ticket: u32| {
        let said = solo.input(Input::Incoming { ticket, addr: SimAddr(70 + ticket) });
        let conn = accepted(&said).unwrap();
        (conn, solo.hear(conn, handshake(1, true)))
    };
    let (early, said) = again(&mut solo, 1);
    assert_eq!(closed(&said, early), Some(DisconnectReason::Duplicate));
    solo.wait(Duration::from_secs(1));
    let (late, said) = again(&mut solo, 2);
    assert_eq!(closed(&said, first), Some(DisconnectReason::Replaced));
    assert_eq!(kinds(&said, late), [MessageKind::Handshake, MessageKind::HaveNone]);
    solo.wait(Duration::from_mins(1));
    solo.hear(late, Message::KeepAlive);
    let (_, said) = again(&mut solo, 3);
    assert_eq!(closed(&said, late), None, "the one that lives stays");
}

/// Two members dial each other at the same moment. Each has two connections for a while, and both keep the same one: that of
/// the smaller id. With and without a difference in when they learn of it.
#[test]
fn who_dial_each_other_keep_the_same_connection() {
    for head_start in [0, 5, 19, 21, 39, 41, 60] {
        let mut swarm = Swarm::<Simulated>::new(geometry(3, 2), World::default(), head_start);
        for _ in 0..2 {
            swarm.leecher(plain());
        }
        swarm.introduce(1, &[0]);
        swarm.run_for(Duration::from_millis(head_start));
        swarm.introduce(0, &[1]);
        swarm.run_for(Duration::from_secs(30));
        let dials = swarm.count(|entry| matches!(entry.what, What::Dialled(_)));
        assert_eq!(dials, if head_start < 20 { 2 } else { 1 }, "{head_start} ms");
        for member in 0..2 {
            let views: Vec<_> = swarm.torrent(member).connections().collect();
            assert!(views.len() == 1 && views[0].open, "{head_start} ms: {views:?}");
        }
    }
}

/// Without handshakes inventories say who speaks: that is enough to agree by.
#[test]
fn who_dial_each_other_keep_the_same_connection_even_without_handshakes() {
    for profile in [Profile::S2, Profile::S5] {
        let config = Config { announcing: None, ..profile.config() };
        for head_start in [0, 5, 19, 21, 39, 41, 60] {
            let mut swarm = Swarm::<Simulated>::new(geometry(3, 2), World::default(), head_start);
            for _ in 0..2 {
                swarm.leecher(config);
            }
            swarm.introduce(1, &[0]);
            swarm.run_for(Duration::from_millis(head_start));
            swarm.introduce(0, &[1]);
            swarm.run_for(Duration::from_mins(3));
            let dials = swarm.count(|entry| matches!(entry.what, What::Dialled(_)));
            let name = profile.name();
            assert_eq!(dials, if head_start < 20 { 2 } else { 1 }, "{name}, {head_start} ms");
            for member in 0..2 {
                let views: Vec<_> = swarm.torrent(member).connections().collect();
                assert!(views.len() == 1 && views[0].open, "{name}, {head_start} ms: {views:?}");
            }
        }
    }
}

/// S2 does not say where it listens: who has come is known by its id alone, and is not dialled again.
#[test]
fn who_closes_what_it_has_dialled_does_not_dial_that_again() {
    for (theirs, closes) in [(PeerId([0; 20]), true), (peer_id(3), false)] {
        let mut lone = Lone::new(Config { announcing: None, ..Profile::S2.config() }, geometry(3, 2));
        let says = |conn| {
            let inventory = Inventory { pieces: crate::support::pieces("..."), peer_id: Some(theirs) };
            Input::Message { from: conn, message: Message::Bitfield(Box::new(inventory)) }
        };
        let come = |lone: &mut Lone, from: &str| {
            let said = lone.input(Input::Incoming { ticket: 1, addr: socket(from) });
            let Some(&Output::Accept { conn, .. }) = said.first() else { panic!("{said:?}") };
            conn
        };
        let said = lone.input(Input::Command(Command::AddPeers(vec![socket("10.0.0.9:6881")])));
        let Some(&Output::Connect { conn: dialled, .. }) = said.first() else { panic!("{said:?}") };
        lone.input(Input::Connected { conn: dialled });
        let elsewhere = come(&mut lone, "10.0.0.8:40000");
        lone.input(says(elsewhere));
        let here = come(&mut lone, "10.0.0.9:40000");
        lone.input(says(here));
        let said = lone.input(says(dialled));
        let closing: Vec<_> = said
            .iter()
            .filter_map(|output| match output {
                Output::Disconnect { conn, reason } => Some((*conn, *reason)),
                _ => None,
            })
            .collect();
        // What they have dialled is theirs to close. And from another host anybody could say to be this one.
        let expected = [(dialled, DisconnectReason::Duplicate)];
        assert_eq!(closing, if closes { &expected[..] } else { &[] });
        for _ in 0..10 {
            lone.now += Duration::from_mins(1);
            lone.input(Input::Message { from: here, message: Message::KeepAlive });
            lone.input(Input::Message { from: dialled, message: Message::KeepAlive });
            assert_eq!(dials(&lone.input(Input::Timeout)), [], "{theirs:?}");
        }
        lone.input(Input::Disconnected { conn: here });
        lone.input(Input::Disconnected { conn: dialled });
        lone.now += Duration::from_mins(1);
        assert_eq!(dials(&lone.input(Input::Timeout)), [socket("10.0.0.9:6881")], "{theirs:?}");
    }
}

/// Nothing but its own id in an inventory tells a peer that it has reached itself.
#[test]
fn ourselves_are_known_by_the_inventory_where_there_is_no_handshake() {
    let mut solo = Solo::leecher(Config { announcing: None, ..Profile::S5.config() }, geometry(3, 2));
    let said = solo.input(Input::Command(Command::AddPeers(vec![SimAddr(9)])));
    let Some(Output::Connect { conn, .. }) = said.first() else { panic!("{said:?}") };
    solo.input(Input::Connected { conn: *conn });
    let ours = Inventory { pieces: crate::support::pieces("..."), peer_id: Some(peer_id(0)) };
    let said = solo.hear(*conn, Message::Bitfield(Box::new(ours)));
    assert_eq!(closed(&said, *conn), Some(DisconnectReason::SelfConnection));
    let later = solo.wait(Duration::from_hours(10));
    assert!(!later.iter().any(|output| matches!(output, Output::Connect { .. })));
}

#[test]
fn the_fast_extension_is_spoken_when_both_offer_it() {
    let without = Config { fast_extension: false, ..plain() };
    for (config, offered, first) in
        [(plain(), true, Some(MessageKind::HaveNone)), (plain(), false, None), (without, true, None)]
    {
        let mut solo = Solo::leecher(config, geometry(3, 2));
        let (conn, said) = solo.greet_saying(offered);
        assert_eq!(kinds(&said, conn).get(1).copied(), first);
        let said = solo.hear(conn, Message::HaveAll);
        let expected = if first.is_some() { None } else { Some(broken(Violation::NotNegotiated)) };
        assert_eq!(closed(&said, conn), expected);
    }
}

/// The inventory as it is: nothing at all where BEP 3 allows it.
#[test]
fn the_first_message_tells_what_is_here() {
    use MessageKind::{Bitfield, HaveAll, HaveNone};
    let cases = [("...", true, Some(HaveNone)), ("...", false, None), ("*..", true, Some(Bitfield))];
    let more = [("*..", false, Some(Bitfield)), ("***", true, Some(HaveAll)), ("***", false, Some(Bitfield))];
    for (drawing, fast, first) in cases.into_iter().chain(more) {
        let mut solo = Solo::new(plain(), geometry(3, 2), &crate::support::pieces(drawing));
        let (conn, said) = solo.greet_saying(fast);
        assert_eq!(kinds(&said, conn).get(1).copied(), first, "{drawing} {fast}");
    }
}

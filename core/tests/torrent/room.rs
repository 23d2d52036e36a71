//! Who gives way when the table is full.

use core::time::Duration;

use minibit_core::boundary::{DisconnectReason, SimAddr};
use minibit_core::config::{Config, Limits};
use minibit_core::{BlockSpan, Command, ConnId, Event, Input, Message, Output};

use crate::support::lone::Lone;
use crate::support::solo::{Said, accepted, closed, handshake};
use crate::support::{BLOCK, Solo, geometry, pieces, plain};

fn knock(solo: &mut Solo, number: u32) -> (Option<ConnId>, Said) {
    let said = solo.input(Input::Incoming { ticket: number, addr: SimAddr(100 + number) });
    (accepted(&said), said)
}

fn with_places(connections: u32) -> Config {
    let config = plain().for_lan();
    Config { limits: Limits { connections, dial_target: 0, ..config.limits }, ..config }
}

/// A table full of connections that are of no use to anybody lets everyone in who may be.
#[test]
fn the_useless_make_room_for_newcomers() {
    let mut solo = Solo::new(with_places(4), geometry(3, 2), &pieces("**."));
    let (giver, _) = solo.meet_seed(true);
    let (taker, unchoked) = solo.meet_taker(true);
    assert!(unchoked);
    let mute = solo.accept();
    solo.wait(Duration::from_secs(1));
    let idle = solo.greet(true);
    assert_eq!(knock(&mut solo, 1).0, None, "nobody is useless yet");
    solo.hear(taker, Message::Request(BlockSpan { index: 0, begin: 0, length: BLOCK }));
    solo.wait(Duration::from_secs(1));
    let (newcomer, said) = knock(&mut solo, 2);
    assert_eq!(closed(&said, mute), Some(DisconnectReason::Replaced), "it has not even said who it is");
    solo.hear(newcomer.unwrap(), handshake(102, true));
    solo.wait(Duration::from_secs(1));
    let (_, said) = knock(&mut solo, 3);
    assert_eq!(closed(&said, idle), Some(DisconnectReason::Replaced), "neither gives nor takes");
    assert!(solo.view(giver).is_some() && solo.view(taker).is_some());
    assert_eq!(knock(&mut solo, 4).0, None, "and no more than are useless");
}

/// One who had a slot and made nothing of it waits for another one no longer than until somebody new comes.
#[test]
fn who_has_wasted_a_slot_makes_room() {
    let mut solo = Solo::seeder(with_places(6), geometry(3, 2));
    let conns: Vec<ConnId> = (0..6).map(|_| solo.meet_taker(true).0).collect();
    assert_eq!(knock(&mut solo, 1).0, None, "all of them wait to be served, or may ask");
    solo.wait(Duration::from_millis(1_100));
    let waits = solo.torrent.connections().find(|view| view.am_choking).map(|view| view.conn);
    let (newcomer, said) = knock(&mut solo, 2);
    assert!(newcomer.is_some());
    assert!(conns.iter().any(|&conn| closed(&said, conn).is_some()));
    assert!(waits.is_some());
}

/// A crowd from one host lets somebody in at once, and nobody of another host goes for it.
#[test]
fn a_crowd_makes_room_at_once() {
    let config = plain().for_lan();
    let limits = Limits { connections: 40, dial_target: 20, ..config.limits };
    let mut lone = Lone::new(Config { limits, ..config }, geometry(1, 1));
    let friend = lone.greet("10.0.0.1:1000");
    for port in 1..=19 {
        lone.greet(&format!("10.0.0.2:{port}"));
    }
    for port in 1..=100 {
        let said = lone.input(Input::Incoming { ticket: 7, addr: ([10, 0, 0, 3], port).into() });
        let [Output::Disconnect { conn, .. }, Output::Accept { .. }] = said[..] else {
            panic!("the newcomer with port {port}: {said:?}")
        };
        assert_ne!(conn, friend);
    }
    // Half of the places are for those that it looks for itself.
    let addrs = (1..=15).map(|host| ([10, 0, 1, host], 80).into()).collect();
    let said = lone.input(Input::Command(Command::AddPeers(addrs)));
    assert_eq!(said.iter().filter(|output| matches!(output, Output::Connect { .. })).count(), 15);
    assert!(!said.iter().any(|output| matches!(output, Output::Event(Event::Banned { .. }))));
}

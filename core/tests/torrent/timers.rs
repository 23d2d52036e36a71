//! Time: keep-alives, silence, dialling again, timers that never lie in the past, and the goodbye.

use core::time::Duration;

use minibit_core::boundary::{DisconnectReason, SimAddr, Simulated};
use minibit_core::config::{Config, Limits};
use minibit_core::message::MessageKind;
use minibit_core::{Command, Input, Message, Output, Profile};

use crate::support::solo::{Said, closed, handshake, kinds};
use crate::support::{Solo, Swarm, World, geometry, plain};

fn dials(said: &Said) -> usize {
    said.iter().filter(|output| matches!(output, Output::Connect { .. })).count()
}

#[test]
fn silence_is_broken_after_a_hundred_seconds() {
    let mut solo = Solo::leecher(plain(), geometry(3, 2));
    let conn = solo.greet(true);
    assert!(kinds(&solo.wait(Duration::from_secs(99)), conn).is_empty());
    solo.hear(conn, Message::KeepAlive);
    assert_eq!(kinds(&solo.wait(Duration::from_secs(7)), conn), [MessageKind::KeepAlive]);
}

#[test]
fn who_says_nothing_for_two_minutes_is_gone() {
    let mut solo = Solo::leecher(plain(), geometry(3, 2));
    let (silent, living) = (solo.greet(true), solo.greet(true));
    solo.wait(Duration::from_mins(1));
    solo.hear(living, Message::KeepAlive);
    assert_eq!(closed(&solo.wait(Duration::from_secs(58)), silent), None);
    let said = solo.wait(Duration::from_secs(8));
    assert_eq!(closed(&said, silent), Some(DisconnectReason::Idle));
    assert_eq!(closed(&said, living), None);
}

/// Two that have nothing to say to each other stay connected.
#[test]
fn keep_alives_keep_a_connection() {
    let mut swarm = Swarm::<Simulated>::new(geometry(3, 2), World::default(), 1);
    swarm.leecher(plain());
    swarm.leecher(plain());
    swarm.mesh();
    swarm.run_for(Duration::from_hours(1));
    assert_eq!(swarm.conns(0).len(), 1);
    assert_eq!(swarm.count(|entry| entry.is(MessageKind::Handshake)), 2);
}

/// 60 s, then 120 s, then 240 s …, at most an hour and a bit.
#[test]
fn an_address_that_fails_is_dialled_ever_more_rarely() {
    let mut solo = Solo::leecher(plain(), geometry(3, 2));
    let mut said = solo.input(Input::Command(Command::AddPeers(vec![SimAddr(9)])));
    let mut gaps = Vec::new();
    for _ in 0..9 {
        let conn = said.iter().find_map(|output| match output {
            Output::Connect { conn, .. } => Some(*conn),
            _ => None,
        });
        solo.input(Input::Disconnected { conn: conn.expect("dialled") });
        let failed = solo.now;
        loop {
            said = solo.wait(Duration::from_secs(1));
            if dials(&said) > 0 {
                break;
            }
        }
        gaps.push((solo.now - failed).as_secs());
    }
    for (gap, expected) in gaps.iter().zip([60, 120, 240, 480, 960, 1920, 3840, 3840, 3840]) {
        assert!((expected..=expected + 6).contains(gap), "{gaps:?}");
    }
}

/// On a LAN, who calls somebody that is just starting does not wait for a minute; it does as long as there is anybody else.
#[test]
fn alone_an_address_that_does_not_answer_is_dialled_sooner() {
    for (company, expected) in [(false, &[5, 10, 15, 35][..]), (true, &[60])] {
        let mut solo = Solo::leecher(plain().for_lan(), geometry(3, 2));
        if company {
            solo.greet(true);
        }
        let mut said = solo.input(Input::Command(Command::AddPeers(vec![SimAddr(9)])));
        for &gap in expected {
            let dialled = said.iter().find_map(|output| match output {
                Output::Connect { conn, .. } => Some(*conn),
                _ => None,
            });
            solo.input(Input::Disconnected { conn: dialled.expect("dialled") });
            assert_eq!(dials(&solo.wait(Duration::from_secs(gap - 2))), 0, "before {gap} s");
            said = solo.wait(Duration::from_secs(7));
            assert_eq!(dials(&said), 1, "after {gap} s");
        }
    }
}

#[test]
fn connections_are_limited_and_the_next_one_is_let_in_when_one_goes() {
    let limits = Limits { connections: 3, dial_target: 2, half_open: 2, ..plain().limits };
    let mut solo = Solo::leecher(Config { limits, ..plain() }, geometry(3, 2));
    let said = solo.input(Input::Command(Command::AddPeers((10..20).map(SimAddr).collect())));
    assert_eq!(dials(&said), 2);
    solo.accept();
    let said = solo.input(Input::Incoming { ticket: 7, addr: SimAddr(5) });
    assert!(matches!(said[..], [Output::Refuse { ticket: 7 }]));
    let said = solo.wait(Duration::from_secs(15));
    assert_eq!(dials(&said), 2, "those that did not answer make room for others");
}

#[test]
fn half_open_connections_are_limited() {
    let limits = Limits { half_open: 4, ..plain().limits };
    let mut solo = Solo::leecher(Config { limits, ..plain() }, geometry(3, 2));
    let said = solo.input(Input::Command(Command::AddPeers((10..40).map(SimAddr).collect())));
    assert_eq!(dials(&said), 4);
    let Output::Connect { conn, .. } = said[0] else { panic!("{said:?}") };
    assert_eq!(dials(&solo.input(Input::Connected { conn })), 0, "not open before the handshake");
    let said = solo.hear(conn, handshake(10, true));
    assert!(kinds(&said, conn).contains(&MessageKind::HaveNone));
    assert_eq!(dials(&solo.wait(Duration::from_secs(5))), 1);
}

#[test]
fn connections_are_opened_in_a_burst_and_then_slowly() {
    let limits = Limits { half_open: 200, dial_target: 200, connections: 200, ..plain().for_lan().limits };
    let mut solo = Solo::leecher(Config { limits, ..plain() }, geometry(3, 2));
    let said = solo.input(Input::Command(Command::AddPeers((10..90).map(SimAddr).collect())));
    assert_eq!(dials(&said), 20);
    assert_eq!([1, 1, 2].map(|seconds| dials(&solo.wait(Duration::from_secs(seconds)))), [10, 10, 20]);
    assert_eq!(dials(&solo.wait(Duration::from_secs(4))), 20, "there are no more");
}

/// A node that runs for long meets many addresses once: they must not fill its memory, nor shut the door.
#[test]
fn strangers_that_came_and_went_do_not_shut_the_door() {
    let limits = Limits { known_peers: 20, ..plain().limits };
    let mut solo = Solo::leecher(Config { limits, ..plain() }, geometry(3, 2));
    for _ in 0..100 {
        let conn = solo.accept();
        solo.input(Input::Disconnected { conn });
        solo.wait(Duration::from_secs(1));
    }
}

#[test]
fn stop_says_goodbye_to_all_and_wakes_no_more() {
    let mut solo = Solo::seeder(plain(), geometry(3, 2));
    let (conn, _) = solo.meet_taker(true);
    let silent = solo.accept();
    let said = solo.input(Input::Command(Command::Stop));
    for conn in [conn, silent] {
        assert_eq!(closed(&said, conn), Some(DisconnectReason::Stopped));
    }
    assert_eq!(solo.torrent.poll_timeout(), None);
    let said = solo.input(Input::Incoming { ticket: 9, addr: SimAddr(70) });
    assert!(matches!(said[..], [Output::Refuse { ticket: 9 }]));
    assert!(solo.input(Input::Command(Command::Stop)).is_empty(), "once is enough");
}

/// A participant that is made long before it is started, or stopped for long, is not late when it starts.
#[test]
fn a_late_start_is_not_late() {
    for profile in Profile::ALL {
        let mut solo = Solo::leecher(profile.config(), geometry(3, 2));
        solo.wait(Duration::from_secs(3));
        solo.input(Input::Command(Command::Stop));
        solo.now += Duration::from_hours(3);
        solo.input(Input::Command(Command::Start));
        let due = solo.torrent.poll_timeout();
        assert!(due.is_none_or(|due| due >= solo.now), "{}: {due:?} at {}", profile.name(), solo.now);
    }
}

/// Woken early, or twice, it does nothing, and keeps its rhythm.
#[test]
fn a_spurious_timeout_changes_nothing() {
    for profile in Profile::ALL {
        let mut solo = Solo::leecher(profile.config(), geometry(3, 2));
        let conn = solo.accept();
        if profile.config().handshake {
            solo.hear(conn, handshake(1, false));
        }
        for _ in 0..1_000 {
            let due = solo.torrent.poll_timeout();
            solo.now += Duration::from_millis(7);
            if due.is_none_or(|due| due > solo.now) {
                assert!(solo.input(Input::Timeout).is_empty(), "{}", profile.name());
                assert_eq!(solo.torrent.poll_timeout(), due, "{}", profile.name());
            } else {
                solo.input(Input::Timeout);
                let again = solo.input(Input::Timeout);
                assert!(again.is_empty(), "{}: {again:?}", profile.name());
            }
        }
    }
}

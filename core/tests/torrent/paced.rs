//! The slow rhythm of S1 and S5: one request in so many seconds, inventories again and again.

use core::time::Duration;

use minibit_core::boundary::{SimAddr, Simulated};
use minibit_core::config::{Config, Limits, Requests};
use minibit_core::message::MessageKind;
use minibit_core::payload::Virtual;
use minibit_core::{BlockSpan, ConnId, Event, Input, Message, Output, Profile};

use crate::support::solo::{Said, accepted, kinds, requests};
use crate::support::{BLOCK, Lies, Solo, Swarm, What, World, geometry, pieces};

fn s5() -> Config {
    Config { announcing: None, ..Profile::S5.config() }
}

/// Somebody connects: S5 has no handshake. Its number is its address.
fn connect(solo: &mut Solo, number: u32) -> (ConnId, Said) {
    let said = solo.input(Input::Incoming { ticket: number, addr: SimAddr(number) });
    (accepted(&said).unwrap(), said)
}

fn bitfield(drawing: &str) -> Message<Virtual> {
    Message::bitfield(pieces(drawing))
}

#[test]
fn one_request_in_an_interval_over_all_connections() {
    let mut solo = Solo::leecher(s5(), geometry(8, 1));
    let (first, _) = connect(&mut solo, 1);
    let (second, _) = connect(&mut solo, 2);
    for conn in [first, second] {
        solo.hear(conn, bitfield("********"));
    }
    let mut times = Vec::new();
    let mut said = solo.wait(Duration::ZERO);
    for _ in 0..535 {
        for conn in [first, second] {
            for span in requests(&said, conn) {
                times.push(solo.now.as_nanos() / 1_000_000);
                solo.give(conn, span);
            }
        }
        said = solo.wait(Duration::from_millis(20));
    }
    let gaps: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(times.len(), 8);
    assert!(gaps.iter().all(|gap| (1_060..=1_080).contains(gap)), "{gaps:?}");
}

/// While no holder is known, everyone is asked for the same block, and so is whoever connects before the next request.
#[test]
fn while_no_holder_is_known_everyone_is_asked() {
    let mut solo = Solo::leecher(s5(), geometry(8, 1));
    let (first, _) = connect(&mut solo, 1);
    let (second, _) = connect(&mut solo, 2);
    let mut said = solo.wait(Duration::ZERO);
    let (third, more) = connect(&mut solo, 3);
    said.extend(more);
    said.extend(solo.wait(Duration::from_millis(500)));
    let asked: Vec<_> = [first, second, third].map(|conn| requests(&said, conn)).concat();
    assert_eq!(asked.len(), 3, "{said:?}");
    assert!(asked.iter().all(|&span| span == asked[0]));
    // Now one is known to have something.
    solo.hear(second, bitfield("...*...."));
    let said = solo.wait(Duration::from_millis(1_070));
    let span = BlockSpan { index: 3, begin: 0, length: BLOCK };
    assert_eq!(requests(&said, second), [span]);
    assert!(requests(&said, first).is_empty() && requests(&said, third).is_empty());
    let picked = Event::Picked { piece: solo.torrent.geometry().piece(3).unwrap(), holders: 1 };
    assert!(said.iter().any(|output| matches!(output, Output::Event(event) if *event == picked)));
}

/// More peers may be asked for one block than fit a byte.
#[test]
fn three_hundred_can_be_asked_for_the_same_block() {
    let limits = Limits { connections: 400, ..s5().limits };
    let mut solo = Solo::leecher(Config { limits, ..s5() }, geometry(8, 1));
    for number in 1..=300 {
        connect(&mut solo, number);
    }
    assert_eq!(solo.torrent.connections().map(|view| view.outstanding).sum::<u32>(), 0);
    solo.wait(Duration::ZERO);
    assert_eq!(solo.torrent.connections().map(|view| view.outstanding).sum::<u32>(), 300);
    solo.wait(Duration::from_millis(1_070));
    assert_eq!(solo.torrent.connections().map(|view| view.outstanding).sum::<u32>(), 300);
}

/// Every four seconds on the participant's own clock, whoever is connected since when; and once to whoever connects.
#[test]
fn inventories_are_broadcast_on_our_own_clock() {
    let mut solo = Solo::leecher(s5(), geometry(8, 1));
    solo.wait(Duration::from_secs(1));
    let (first, said) = connect(&mut solo, 1);
    assert_eq!(kinds(&said, first), [MessageKind::Bitfield]);
    solo.wait(Duration::from_secs(2));
    connect(&mut solo, 2);
    let inventories = |said: &Said| {
        said.iter()
            .filter(|output| matches!(output, Output::Send { message: Message::Bitfield(_), .. }))
            .count()
    };
    for at in 3..20 {
        let said = solo.wait(Duration::from_secs(1));
        assert_eq!(inventories(&said), if (at + 1) % 4 == 0 { 2 } else { 0 }, "after {at} s");
    }
    assert!(Profile::S5.tracker_seed_config().is_some());
    let config = Profile::S5.tracker_seed_config().unwrap();
    let mut tracker = Solo::seeder(config, geometry(8, 1));
    let (conn, said) = connect(&mut tracker, 1);
    assert!(kinds(&said, conn).is_empty(), "the tracker greets nobody");
}

/// A block that takes longer than the interval is not thrown away when it comes.
#[test]
fn blocks_that_take_longer_than_an_interval_count() {
    let world = World { latency: (20, 20), disk: (1, 1), uplink: Some(u64::from(BLOCK)) };
    let mut swarm = Swarm::<Simulated>::new(geometry(16, 1), world, 1);
    let requests = Requests::Paced { interval: Duration::from_millis(700), ask_all_when_unknown: true };
    let config = Config { requests, ..s5() };
    swarm.seed(config);
    swarm.leecher(config);
    swarm.mesh();
    swarm.finish(Duration::from_mins(1));
}

/// Blocks of a paced participant come from drawn holders. After a failed hash check one alone is asked all the same, so that
/// liars are found, and in the end the file is there.
#[test]
fn a_paced_participant_finds_its_liars() {
    for seed in 0..20 {
        let mut swarm = Swarm::<Simulated>::new(geometry(4, 3), World::default(), seed);
        let requests =
            Requests::Paced { interval: Duration::from_millis(200), ask_all_when_unknown: seed % 2 == 0 };
        let config = Config { requests, ..s5() };
        for _ in 0..3 {
            swarm.seed(config);
        }
        swarm.members[1].disk.lies = Lies::Block(1);
        let leecher = swarm.leecher(config);
        swarm.introduce(leecher, &[0, 1, 2]);
        swarm.finish(Duration::from_mins(5));
        swarm.run_for(Duration::from_secs(10));
        let failed = swarm.torrent(leecher).stats().hash_failures;
        let bans = swarm.count(|entry| matches!(entry.what, What::Event(Event::Banned { .. })));
        assert_eq!(bans > 0, failed > 0, "seed {seed}: {failed} failures");
        assert!(failed <= 6, "seed {seed}: {failed} failures");
    }
}

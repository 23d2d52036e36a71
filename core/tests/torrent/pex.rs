//! Peer exchange: who is told of, to whom, how often; and what is believed.

use core::net::SocketAddr;
use core::time::Duration;

use minibit_core::boundary::{Address as _, SimAddr};
use minibit_core::config::Config;
use minibit_core::extension::{ExtensionHandshake, PexFlags, PexMessage, UT_PEX};
use minibit_core::torrent::Particulars;
use minibit_core::{Bitfield, Command, ConnId, Input, Message, Output};

use crate::support::solo::{Said, extended_handshake, extension, extensions};
use crate::support::{Solo, geometry, plain};

/// The number that strangers give to peer exchange.
const THEIR_PEX: u8 = 9;
const MINUTE: Duration = Duration::from_mins(1);

fn solo() -> Solo {
    Solo::leecher(plain().for_lan(), geometry(3, 2))
}

fn sociable() -> ExtensionHandshake {
    ExtensionHandshake { ut_pex: Some(THEIR_PEX), ..ExtensionHandshake::default() }
}

fn listening() -> ExtensionHandshake {
    ExtensionHandshake { port: Some(6881), ..sociable() }
}

fn told(said: &Said, conn: ConnId) -> Vec<PexMessage> {
    extensions(said, conn, THEIR_PEX).iter().map(|payload| PexMessage::parse(payload).unwrap()).collect()
}

fn added(message: &PexMessage) -> Vec<u32> {
    let number = |addr: SocketAddr| SimAddr::from_socket(addr).unwrap().0;
    message.added.iter().map(|(addr, _)| number(*addr)).collect()
}

fn dialled(said: &Said) -> Vec<u32> {
    let number = |output: &Output<_>| match output {
        Output::Connect { addr: SimAddr(number), .. } => Some(*number),
        _ => None,
    };
    said.iter().filter_map(number).collect()
}

fn tell(solo: &mut Solo, from: ConnId, numbers: impl Iterator<Item = u32>) -> Said {
    let added = numbers.map(|number| (SimAddr(number).to_socket(), PexFlags::default())).collect();
    solo.hear(from, extension(UT_PEX, PexMessage { added, dropped: Vec::new() }.to_payload()))
}

#[test]
fn peers_hear_of_each_other_when_they_can_be_dialled() {
    let mut solo = solo();
    let (hidden, _) = solo.greet_extended(&sociable());
    let (open, _) = solo.greet_extended(&listening());
    let said = solo.wait(Duration::from_secs(5));
    let [message] = &told(&said, hidden)[..] else { panic!("{said:?}") };
    assert_eq!(added(message), [2], "the one that says where it listens");
    assert!(!message.added[0].1.reachable, "it has come to us");
    assert!(
        told(&said, open).is_empty(),
        "nobody is told of itself, and where the other listens is not known"
    );
}

#[test]
fn whom_we_have_dialled_is_told_as_reachable() {
    let mut solo = solo();
    let said = solo.input(Input::Command(Command::AddPeers(vec![SimAddr(50)])));
    let Some(Output::Connect { conn: dialled, .. }) = said.first() else { panic!("{said:?}") };
    solo.input(Input::Connected { conn: *dialled });
    solo.hear(*dialled, extended_handshake(50));
    solo.hear(*dialled, Message::HaveAll);
    let (curious, _) = solo.greet_extended(&sociable());
    let said = solo.wait(Duration::from_secs(5));
    let [message] = &told(&said, curious)[..] else { panic!("{said:?}") };
    assert_eq!(message.added, [(SimAddr(50).to_socket(), PexFlags { upload_only: true, reachable: true })]);
}

#[test]
fn only_changes_are_told_and_once_a_minute() {
    let mut solo = solo();
    let (curious, _) = solo.greet_extended(&sociable());
    let (first, _) = solo.greet_extended(&listening());
    assert_eq!(told(&solo.wait(Duration::from_secs(5)), curious).len(), 1);
    let (second, _) = solo.greet_extended(&listening());
    solo.input(Input::Disconnected { conn: first });
    assert!(told(&solo.wait(Duration::from_secs(50)), curious).is_empty());
    let said = solo.wait(Duration::from_secs(10));
    let [message] = &told(&said, curious)[..] else { panic!("{said:?}") };
    assert_eq!((added(message), &message.dropped[..]), (vec![3], &[SimAddr(2).to_socket()][..]));
    for conn in [curious, second] {
        solo.hear(conn, Message::KeepAlive);
    }
    assert!(told(&solo.wait(MINUTE), curious).is_empty(), "nothing is new");
}

#[test]
fn rumours_are_dialled_and_fifty_a_minute_are_enough() {
    let config = plain().for_lan();
    let limits =
        minibit_core::config::Limits { half_open: 300, dial_target: 300, connections: 300, ..config.limits };
    let mut solo = Solo::leecher(Config { limits, ..config }, geometry(3, 2));
    let (gossip, _) = solo.greet_extended(&sociable());
    let mut heard = Vec::new();
    for batch in 0..4 {
        heard.extend(dialled(&tell(&mut solo, gossip, (0..30).map(|number| 1_000 + 30 * batch + number))));
    }
    heard.extend(dialled(&solo.wait(Duration::from_secs(30))));
    heard.sort_unstable();
    heard.dedup();
    assert_eq!(heard, (1_000..1_050).collect::<Vec<_>>());
    solo.wait(Duration::from_secs(30));
    let mut heard = dialled(&tell(&mut solo, gossip, 2_000..2_010));
    heard.extend(dialled(&solo.wait(Duration::from_secs(10))));
    assert!(heard.contains(&2_000), "another minute: {heard:?}");
}

#[test]
fn in_a_private_torrent_nothing_is_told_and_nothing_believed() {
    let private = Particulars { private: true, ..Particulars::default() };
    let mut solo = Solo::with_particulars(plain().for_lan(), geometry(3, 2), &Bitfield::none(3), private);
    let (gossip, _) = solo.greet_extended(&sociable());
    solo.greet_extended(&listening());
    assert!(dialled(&tell(&mut solo, gossip, 100..110)).is_empty());
    let said = solo.wait(2 * MINUTE);
    assert!(dialled(&said).is_empty() && told(&said, gossip).is_empty());
}

//! Addresses of the real world: which are dialled, which are believed, which are banned.

use bytes::Bytes;
use minibit_core::boundary::{DiskDone, DiskOp};
use minibit_core::extension::ExtensionHandshake;
use minibit_core::{Event, Input, Instant, Message, Output};

use crate::support::lone::{Lone, dialled, socket};
use crate::support::{geometry, plain};

fn lone() -> Lone {
    Lone::new(plain().for_lan(), geometry(1, 1))
}

fn listening(port: u16) -> Bytes {
    ExtensionHandshake { port: Some(port), ..ExtensionHandshake::default() }.to_payload()
}

#[test]
fn nobody_is_sent_to_addresses_that_cannot_be_or_are_ours() {
    let told = ["10.0.0.9:0", "0.0.0.0:80", "224.0.0.1:80", "255.255.255.255:80", "127.0.0.1:22", "[::1]:22"];
    let mut lone = lone();
    let far = lone.greet("10.0.0.1:50000");
    assert_eq!(lone.dials_told(far, &told), []);
    assert_eq!(lone.dials_told(far, &["10.0.0.9:80"]), [socket("10.0.0.9:80")]);
    let near = lone.greet("127.0.0.1:50000");
    assert_eq!(lone.dials_told(near, &["127.0.0.1:22"]), [socket("127.0.0.1:22")], "it is on our host");
}

/// A peer that has come to us from a port of the moment and says where it listens is known there, and not dialled as long as
/// it stays.
#[test]
fn where_a_peer_listens_is_known_and_not_dialled_while_it_is_here() {
    let mut lone = lone();
    let here = lone.greet("10.0.0.1:50000");
    let other = lone.greet("10.0.0.2:50000");
    lone.dials(here, 0, listening(6881));
    assert_eq!(lone.dials_told(other, &["10.0.0.1:6881"]), []);
    lone.input(Input::Disconnected { conn: here });
    lone.now = Instant::from_secs(61);
    assert_eq!(dialled(&lone.input(Input::Timeout)), [socket("10.0.0.1:6881")]);
}

/// Comes from a port, sends the only piece with a wrong byte, and is banned.
fn lie(lone: &mut Lone, from: &str) {
    let conn = lone.greet(from);
    lone.input(Input::Message { from: conn, message: Message::HaveAll });
    let said = lone.input(Input::Message { from: conn, message: Message::Unchoke });
    let request = said.iter().find_map(|output| match output {
        Output::Send { message: Message::Request(span), .. } => Some(*span),
        _ => None,
    });
    let span = request.expect("it is asked");
    let data = Bytes::from(vec![0; span.length as usize]);
    let piece = Message::Piece { index: span.index, begin: span.begin, data };
    let said = lone.input(Input::Message { from: conn, message: piece });
    let [Output::Disk(DiskOp::Write { block, .. })] = said[..] else { panic!("{said:?}") };
    lone.input(Input::Disk(DiskDone::Written { block }));
    let said = lone.input(Input::Disk(DiskDone::Verified { piece: block.piece, ok: false }));
    let banned = Event::Banned { addr: socket(from) };
    assert!(said.iter().any(|output| matches!(output, Output::Event(event) if *event == banned)), "{said:?}");
}

/// A ban is of an address; who lies from port after port costs its host the right to come.
#[test]
fn a_host_that_lies_thrice_is_banned_whatever_its_port() {
    let mut lone = lone();
    let innocent = lone.greet("10.0.0.1:7");
    for port in 1..=2 {
        lie(&mut lone, &format!("10.0.0.1:{port}"));
        assert!(lone.knock(&format!("10.0.0.1:{port}")).is_none());
    }
    let bystander = lone.greet("10.0.0.2:50000");
    assert_eq!(lone.dials_told(bystander, &["10.0.0.1:8"]), [socket("10.0.0.1:8")]);
    lie(&mut lone, "10.0.0.1:3");
    assert!(lone.knock("10.0.0.1:4").is_none());
    assert_eq!(lone.dials_told(bystander, &["10.0.0.1:9"]), []);
    let gone = lone.input(Input::Message { from: innocent, message: Message::HaveAll });
    assert!(gone.is_empty(), "who shares its address goes, too");
    for port in 1..=9 {
        lie(&mut lone, &format!("127.0.0.1:{port}"));
    }
    assert!(lone.knock("127.0.0.1:10").is_some(), "our own host does not");
}

/// A banned peer that comes from another port is known by where it says that it listens.
#[test]
fn a_banned_peer_is_known_by_where_it_listens() {
    let mut lone = lone();
    lie(&mut lone, "10.0.0.1:6881");
    let again = lone.greet("10.0.0.1:50001");
    lone.dials(again, 0, listening(6881));
    assert!(lone.input(Input::Message { from: again, message: Message::HaveAll }).is_empty(), "it is gone");
}

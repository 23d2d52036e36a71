//! Connections for a single piece: who calls gives, who was called takes one piece and hangs up.

use core::time::Duration;

use minibit_core::boundary::{DisconnectReason, SimAddr};
use minibit_core::config::{Config, Connections};
use minibit_core::message::MessageKind;
use minibit_core::{Bitfield, Command, ConnId, Input, Message, Output};

use crate::support::solo::{Said, closed, handshake, kinds, requests};
use crate::support::{Solo, geometry, pieces, plain};

const PARTED: Option<DisconnectReason> = Some(DisconnectReason::Done);

fn brief() -> Config {
    Config { connections: Connections::Contacts, ..plain() }
}

fn bitfield(drawing: &str) -> Message<minibit_core::payload::Virtual> {
    Message::bitfield(pieces(drawing))
}

fn called(said: &Said) -> Option<(ConnId, SimAddr)> {
    said.iter().find_map(|output| {
        if let Output::Connect { conn, addr } = output { Some((*conn, *addr)) } else { None }
    })
}

/// Calls a stranger, who shakes hands; what is said then.
fn call(solo: &mut Solo, stranger: u32) -> (ConnId, Said) {
    let said = solo.input(Input::Command(Command::AddPeers(vec![SimAddr(stranger)])));
    let (conn, addr) = called(&said).expect("it is called at once");
    assert_eq!(addr, SimAddr(stranger));
    solo.input(Input::Connected { conn });
    let said = solo.hear(conn, handshake(stranger, true));
    (conn, said)
}

#[test]
fn who_was_called_takes_one_piece_of_several_blocks_and_hangs_up() {
    let mut solo = Solo::leecher(brief(), geometry(5, 3));
    let (conn, mut asked) = solo.meet_seed(true);
    let piece = asked[0].index;
    let mut given = 0;
    while let Some(span) = asked.pop() {
        assert_eq!(span.index, piece, "one piece, and no other");
        let said = solo.give(conn, span);
        given += 1;
        asked.extend(requests(&said, conn));
        assert_eq!(closed(&said, conn), if given == 3 { PARTED } else { None });
    }
    assert_eq!((given, solo.torrent.have().count()), (3, 1));
}

#[test]
fn it_hangs_up_at_once_when_there_is_nothing_for_it() {
    let mut solo = Solo::new(brief(), geometry(3, 1), &pieces("**."));
    let conn = solo.greet(true);
    assert_eq!(closed(&solo.hear(conn, bitfield("*..")), conn), PARTED);
    let conn = solo.greet(true);
    assert_eq!(closed(&solo.hear(conn, Message::HaveNone), conn), PARTED);
}

#[test]
fn it_hangs_up_when_what_it_lacked_comes_from_elsewhere_or_is_refused() {
    let mut solo = Solo::new(Config { endgame: false, ..brief() }, geometry(3, 1), &pieces("**."));
    let (first, asked) = solo.meet_seed(true);
    let (second, none) = solo.meet_seed(true);
    assert!(none.is_empty(), "it is asked for already");
    let said = solo.give(first, asked[0]);
    assert_eq!((closed(&said, first), closed(&said, second)), (PARTED, PARTED));

    let mut solo = Solo::leecher(brief(), geometry(3, 1));
    let (conn, asked) = solo.meet_seed(true);
    let said = solo.hear(conn, Message::RejectRequest(asked[0]));
    assert_eq!((closed(&said, conn), requests(&said, conn).len()), (PARTED, 0));
}

#[test]
fn who_calls_gives_and_does_not_take() {
    let mut solo = Solo::new(brief(), geometry(4, 1), &pieces("**.."));
    let (conn, said) = call(&mut solo, 9);
    assert!(kinds(&said, conn).contains(&MessageKind::Bitfield));
    let said = solo.hear(conn, bitfield("..**"));
    assert!(
        kinds(&said, conn).is_empty() && closed(&said, conn).is_none(),
        "no interest of its own: {said:?}"
    );
    let said = solo.hear(conn, Message::Unchoke);
    assert!(requests(&said, conn).is_empty());
    assert_eq!(kinds(&solo.hear(conn, Message::Interested), conn), [MessageKind::Unchoke]);
    let span = minibit_core::BlockSpan { index: 1, begin: 0, length: crate::support::BLOCK };
    assert_eq!(kinds(&solo.hear(conn, Message::Request(span)), conn), [MessageKind::Piece]);
}

#[test]
fn who_has_nothing_to_give_does_not_keep_the_other_waiting() {
    let free_rider = Config { uploads: false, ..brief() };
    for (config, have) in [(brief(), "..."), (free_rider, "**.")] {
        let mut solo = Solo::new(config, geometry(3, 1), &pieces(have));
        let (conn, said) = call(&mut solo, 9);
        assert_eq!(closed(&said, conn), PARTED);
    }
}

/// Nobody calls again of itself, and nobody is kept from calling again at once: the next contact is chance.
#[test]
fn nobody_is_remembered() {
    let mut solo = Solo::new(brief(), geometry(3, 1), &pieces("**."));
    for _ in 0..3 {
        let (conn, _) = call(&mut solo, 9);
        let said = solo.input(Input::Disconnected { conn });
        assert!(called(&said).is_none());
    }
    let conn = solo.greet(true);
    let said = solo.hear(conn, Message::bitfield(Bitfield::all(3)));
    assert!(closed(&said, conn).is_none());
    solo.input(Input::Disconnected { conn });
    assert!(called(&solo.wait(Duration::from_mins(10))).is_none());
    let (conn, _) = call(&mut solo, 1);
    assert!(solo.view(conn).is_some(), "who came before can be called, too");
}

//! What is said through the extension protocol: who hears it, what follows from it, and how much metadata a peer gets.

use core::time::Duration;

use bytes::Bytes;
use minibit_core::boundary::{DisconnectReason, Violation};
use minibit_core::config::Config;
use minibit_core::extension::{ExtensionHandshake, MetadataMessage, UT_METADATA, UT_PEX};
use minibit_core::message::MessageKind;
use minibit_core::torrent::Particulars;
use minibit_core::{Bitfield, Input, Message, Profile};

use crate::support::solo::{Said, closed, extension, extensions, handshake, kinds};
use crate::support::{Solo, fixed, geometry, pieces, plain};

/// Numbers that the stranger gives the extensions.
const THEIR_METADATA: u8 = 7;

fn node() -> Config {
    plain().for_lan()
}

fn particulars(info_len: usize) -> Particulars {
    let info = (0..info_len).map(|at| at.to_le_bytes()[0]).collect();
    Particulars { info, port: Some(6881), client: "MiniBit".into(), ..Particulars::default() }
}

fn seeder(info_len: usize) -> Solo {
    let geometry = geometry(3, 2);
    Solo::with_particulars(node(), geometry, &Bitfield::all(3), particulars(info_len))
}

fn curious() -> ExtensionHandshake {
    ExtensionHandshake { ut_metadata: Some(THEIR_METADATA), ..ExtensionHandshake::default() }
}

fn ask(solo: &mut Solo, conn: minibit_core::ConnId, piece: u32) -> Said {
    solo.hear(conn, extension(UT_METADATA, MetadataMessage::Request { piece }.to_payload()))
}

fn answers(said: &Said, conn: minibit_core::ConnId) -> Vec<MetadataMessage> {
    let read = |payload: Bytes| MetadataMessage::parse(&payload).unwrap().unwrap();
    extensions(said, conn, THEIR_METADATA).into_iter().map(read).collect()
}

#[test]
fn the_extension_handshake_is_for_those_who_speak_the_protocol() {
    let mut solo = seeder(20_000);
    let (conn, said) = solo.greet_extended(&curious());
    assert_eq!(
        kinds(&said, conn),
        [MessageKind::Handshake, MessageKind::Extended, MessageKind::HaveAll],
        "it comes first, as all clients send it"
    );
    let said = ExtensionHandshake::parse(&extensions(&said, conn, 0)[0]).unwrap();
    let expected = ExtensionHandshake {
        ut_metadata: Some(UT_METADATA),
        ut_pex: Some(UT_PEX),
        metadata_size: Some(20_000),
        port: Some(6881),
        reqq: Some(4_096),
        upload_only: Some(true),
        client: Some("MiniBit".into()),
        your_ip: Some([0, 0, 0, 1].into()),
    };
    assert_eq!(said, expected);

    let (conn, said) = solo.greet_saying(true);
    assert!(!kinds(&said, conn).contains(&MessageKind::Extended), "it does not");
    let mut simulated = Solo::seeder(plain(), geometry(3, 2));
    let (conn, said) = simulated.greet_extended(&curious());
    assert!(!kinds(&said, conn).contains(&MessageKind::Extended), "we do not");
}

#[test]
fn a_private_torrent_exchanges_no_peers() {
    let private = Particulars { private: true, ..particulars(100) };
    let mut solo = Solo::with_particulars(node(), geometry(3, 2), &Bitfield::none(3), private);
    assert!(solo.torrent.is_private());
    let (conn, said) = solo.greet_extended(&curious());
    let said = ExtensionHandshake::parse(&extensions(&said, conn, 0)[0]).unwrap();
    assert_eq!((said.ut_pex, said.ut_metadata), (None, Some(UT_METADATA)));
}

#[test]
fn no_more_requests_are_sent_than_a_peer_queues() {
    let mut solo = Solo::leecher(Config { requests: fixed(8).requests, ..node() }, geometry(3, 8));
    let (conn, _) = solo.greet_extended(&ExtensionHandshake { reqq: Some(3), ..curious() });
    solo.hear(conn, Message::HaveAll);
    solo.hear(conn, Message::Unchoke);
    assert_eq!(solo.view(conn).unwrap().outstanding, 3);
}

#[test]
fn metadata_is_given_to_whoever_asks() {
    let mut solo = seeder(20_000);
    let info = particulars(20_000).info;
    let (conn, _) = solo.greet_extended(&curious());
    for piece in [1, 0] {
        let begin = piece as usize * 16_384;
        let data = info.slice(begin..info.len().min(begin + 16_384));
        let said = ask(&mut solo, conn, piece);
        assert_eq!(answers(&said, conn), [MetadataMessage::Data { piece, total_size: 20_000, data }]);
    }
    for piece in [2, u32::MAX] {
        let said = ask(&mut solo, conn, piece);
        assert_eq!(answers(&said, conn), [MetadataMessage::Reject { piece }], "there is no such piece");
    }
    let mut without = Solo::seeder(node(), geometry(3, 2));
    let (conn, said) = without.greet_extended(&curious());
    let offer = ExtensionHandshake::parse(&extensions(&said, conn, 0)[0]).unwrap();
    assert_eq!((offer.ut_metadata, offer.metadata_size), (None, None));
    assert_eq!(answers(&ask(&mut without, conn, 0), conn), [MetadataMessage::Reject { piece: 0 }]);
}

/// What does not leave is not followed by more; what has left is.
#[test]
fn metadata_waits_for_the_network() {
    let mut solo = seeder(160 * 1024);
    solo.clogged = true;
    let (conn, _) = solo.greet_extended(&curious());
    let given: usize = (0..10).map(|piece| answers(&ask(&mut solo, conn, piece), conn).len()).sum();
    assert_eq!(given, 4, "64 KiB are under way");
    let said = solo.input(Input::Sent { to: conn, bytes: 40_000 });
    assert_eq!(answers(&said, conn).len(), 3, "until it is 64 KiB again");
}

#[test]
fn a_flood_of_questions_is_answered_a_few_times_and_then_not_at_all() {
    let mut solo = seeder(20_000);
    let (conn, _) = solo.greet_extended(&curious());
    let (mut given, mut asked, mut reason) = (0, 0, None);
    while reason.is_none() {
        let said = ask(&mut solo, conn, asked % 2);
        asked += 1;
        given += answers(&said, conn)
            .iter()
            .filter(|answer| matches!(answer, MetadataMessage::Data { .. }))
            .count();
        reason = closed(&said, conn);
        assert!(asked < 1_000);
    }
    assert_eq!(given, 6, "each piece three times");
    assert_eq!(reason, Some(DisconnectReason::ProtocolViolation(Violation::Flood)));
}

/// 64 wait, whatever a peer asks while nothing leaves.
#[test]
fn questions_that_wait_are_bounded() {
    let mut solo = seeder(100 * 16_384);
    solo.clogged = true;
    let (conn, _) = solo.greet_extended(&curious());
    let refused = (0..100).filter(|&piece| {
        let said = ask(&mut solo, conn, piece);
        matches!(answers(&said, conn)[..], [MetadataMessage::Reject { .. }])
    });
    assert_eq!(refused.count(), 100 - 64 - 4);
}

#[test]
fn a_seeder_parts_from_those_who_do_not_want_to_download() {
    let mut solo = seeder(0);
    let (conn, said) = solo.greet_extended(&ExtensionHandshake { upload_only: Some(true), ..curious() });
    assert_eq!(closed(&said, conn), Some(DisconnectReason::BothSeeds));
}

/// BEP 21: it has some pieces and shall not get the others.
#[test]
fn a_partial_seed_gives_what_it_has_and_asks_for_nothing() {
    for config in [node(), Config { requests: Profile::S5.config().requests, ..node() }] {
        let partial = Particulars { upload_only: true, ..particulars(0) };
        let mut solo = Solo::with_particulars(config, geometry(2, 1), &pieces("*."), partial);
        let (conn, said) = solo.greet_extended(&curious());
        let handshake = ExtensionHandshake::parse(&extensions(&said, conn, 0)[0]).unwrap();
        assert_eq!(handshake.upload_only, Some(true));
        assert!(kinds(&said, conn).contains(&MessageKind::Bitfield));
        // Another one has what is missing here, and could be asked.
        let mut heard = solo.hear(conn, Message::HaveNone);
        heard.extend(solo.hear(conn, Message::Have { index: 1 }));
        heard.extend(solo.hear(conn, Message::Unchoke));
        heard.extend(solo.hear(conn, Message::AllowedFast { index: 1 }));
        heard.extend(solo.wait(Duration::from_mins(1)));
        let asks = [MessageKind::Interested, MessageKind::Request];
        assert!(!kinds(&heard, conn).iter().any(|kind| asks.contains(kind)), "{heard:?}");
        assert_eq!(closed(&heard, conn), None);
        let said = solo.hear(conn, Message::Interested);
        assert!(kinds(&said, conn).contains(&MessageKind::Unchoke), "{said:?}");

        // Nobody has anything to say to a seeder, or to one who wants as little.
        let (seeder, _) = solo.greet_extended(&curious());
        let said = solo.hear(seeder, Message::HaveAll);
        assert_eq!(closed(&said, seeder), Some(DisconnectReason::BothSeeds));
        let (other, said) = solo.greet_extended(&ExtensionHandshake { upload_only: Some(true), ..curious() });
        assert_eq!(closed(&said, other), Some(DisconnectReason::BothSeeds));
    }
}

#[test]
fn that_nothing_more_is_wanted_is_said_when_it_becomes_so() {
    let mut solo = Solo::new(Config { requests: fixed(2).requests, ..node() }, geometry(2, 1), &pieces("*."));
    let (idle, said) = solo.greet_extended(&curious());
    let upload_only = |said: &Said, at: usize| {
        ExtensionHandshake::parse(&extensions(said, idle, 0)[at]).unwrap().upload_only
    };
    assert_eq!(upload_only(&said, 0), None);
    let (seed, asked) = solo.meet_seed(true);
    let said = solo.give(seed, asked[0]);
    assert!(solo.torrent.is_complete());
    assert_eq!(upload_only(&said, 0), Some(true));
}

#[test]
fn who_has_come_to_us_is_not_dialled_where_it_listens() {
    let mut solo = Solo::leecher(node(), geometry(3, 2));
    let (conn, _) = solo.greet_extended(&ExtensionHandshake { port: Some(7000), ..curious() });
    assert_eq!(solo.torrent.client(conn), None);
    let named = ExtensionHandshake { client: Some("other 1.0".into()), ..ExtensionHandshake::default() };
    solo.hear(conn, extension(0, named.to_payload()));
    assert_eq!(solo.torrent.client(conn), Some("other 1.0"));
}

#[test]
fn garbage_is_forgiven_until_it_is_a_flood() {
    for (id, closes) in [(0, true), (UT_METADATA, true), (UT_PEX, true), (99, false)] {
        let mut solo = seeder(100);
        let (conn, _) = solo.greet_extended(&curious());
        let mut reason = None;
        for _ in 0..600 {
            reason = reason.or(closed(&solo.hear(conn, extension(id, &b"\xff garbage"[..])), conn));
        }
        let flood = DisconnectReason::ProtocolViolation(Violation::Flood);
        assert_eq!(reason, closes.then_some(flood), "{id}");
    }
    let mut solo = seeder(100);
    let conn = solo.accept();
    solo.hear(conn, handshake(1, true));
    for _ in 0..600 {
        let said = solo.hear(conn, extension(0, &b"not negotiated"[..]));
        assert!(said.is_empty());
    }
}

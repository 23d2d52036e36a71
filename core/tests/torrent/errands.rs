//! S3: the tracker says who has what, a connection is opened for each piece, and nothing is said on it but `GET` and the bytes.

use core::time::Duration;

use minibit_core::announce::{AnnounceRequest, AnnounceResponse};
use minibit_core::boundary::{Command, DisconnectReason, SimAddr, Simulated};
use minibit_core::config::{ChokeAlgorithm, Choking, Config, Connections};
use minibit_core::message::MessageKind;
use minibit_core::payload::Virtual;
use minibit_core::{Bitfield, BlockSpan, ConnId, Input, Message, Output, Profile};

use crate::support::solo::{Said, closed, kinds, messages, requests};
use crate::support::{BLOCK, Solo, Swarm, What, World, geometry, pieces};

fn s3() -> Config {
    Profile::S3.config()
}

/// The tracker lists peers by their numbers, with what they have.
fn list(solo: &mut Solo, peers: &[(u32, &str)]) -> Said {
    let inventories: Vec<(SimAddr, Bitfield)> =
        peers.iter().map(|&(number, drawing)| (SimAddr(number), pieces(drawing))).collect();
    solo.input(Input::Announced(Box::new(Ok(AnnounceResponse {
        interval: Duration::from_mins(30),
        min_interval: None,
        peers: inventories.iter().map(|(addr, _)| *addr).collect(),
        seeders: 0,
        leechers: 0,
        inventories,
    }))))
}

/// Who is dialled.
fn dialled(said: &Said) -> Vec<(ConnId, u32)> {
    let dial = |output: &Output<Simulated>| match output {
        Output::Connect { conn, addr } => Some((*conn, addr.0)),
        _ => None,
    };
    said.iter().filter_map(dial).collect()
}

fn announced(said: &Said) -> Vec<AnnounceRequest> {
    let request = |output: &Output<Simulated>| match output {
        Output::Announce(request) => Some((**request).clone()),
        _ => None,
    };
    said.iter().filter_map(request).collect()
}

/// The dial succeeds: the piece that is asked for.
fn connect(solo: &mut Solo, conn: ConnId) -> BlockSpan {
    let said = solo.input(Input::Connected { conn });
    assert_eq!(kinds(&said, conn), [MessageKind::Request], "and nothing else");
    requests(&said, conn)[0]
}

#[test]
fn a_connection_is_for_one_piece() {
    let mut solo = Solo::leecher(s3(), geometry(2, 1));
    let said = list(&mut solo, &[(1, "**")]);
    let [(first, 1)] = dialled(&said)[..] else { panic!("one at a time: {said:?}") };
    let span = connect(&mut solo, first);
    assert_eq!(
        span.length,
        solo.torrent.geometry().piece_len(solo.torrent.geometry().piece(span.index).unwrap())
    );
    let said = solo.give(first, span);
    assert_eq!(closed(&said, first), Some(DisconnectReason::Done));
    // The piece is told to the tracker at once, and to nobody else.
    let update = announced(&said);
    assert_eq!((update.len(), update[0].numwant), (1, 0));
    assert_eq!(update[0].have.as_deref(), Some(solo.torrent.have()));
    let [(second, 1)] = dialled(&said)[..] else { panic!("the next one: {said:?}") };
    let other = connect(&mut solo, second);
    assert_ne!(span.index, other.index);
    let said = solo.give(second, other);
    assert!(solo.torrent.is_complete() && dialled(&said).is_empty() && messages(&said, second).is_empty());
}

#[test]
fn the_rarest_piece_of_the_list_comes_first() {
    for _ in 0..5 {
        let mut solo = Solo::leecher(s3(), geometry(4, 1));
        let said = list(&mut solo, &[(1, "****"), (2, "**.*"), (3, "*..*")]);
        let [(conn, 1)] = dialled(&said)[..] else { panic!("only one has it: {said:?}") };
        assert_eq!(connect(&mut solo, conn).index, 2);
    }
}

#[test]
fn as_many_pieces_at_a_time_as_are_chosen() {
    let config = Config { connections: Connections::PerPiece { parallel: 3 }, ..s3() };
    let mut solo = Solo::leecher(config, geometry(5, 1));
    let said = list(&mut solo, &[(1, "*****"), (2, "*****")]);
    let conns: Vec<ConnId> = dialled(&said).into_iter().map(|(conn, _)| conn).collect();
    assert_eq!(conns.len(), 3);
    let mut asked: Vec<u32> = conns.iter().map(|&conn| connect(&mut solo, conn).index).collect();
    asked.sort_unstable();
    asked.dedup();
    assert_eq!(asked.len(), 3, "three pieces");
}

/// Where holders choke, the piece is asked for when one lets us; who does not within a minute is left.
#[test]
fn with_chokers_the_piece_is_asked_for_after_the_unchoke() {
    let choking = Choking { algorithm: ChokeAlgorithm::RandomSlots, ..s3().choking };
    let mut solo = Solo::leecher(Config { choking, ..s3() }, geometry(1, 1));
    let [(first, 1)] = dialled(&list(&mut solo, &[(1, "*")]))[..] else { panic!("one") };
    assert_eq!(requests(&solo.input(Input::Connected { conn: first }), first), []);
    let said = solo.wait(Duration::from_mins(1) + Duration::from_secs(5));
    assert_eq!(closed(&said, first), Some(DisconnectReason::Idle));
    let [(second, 1)] = dialled(&said)[..] else { panic!("once more: {said:?}") };
    solo.input(Input::Connected { conn: second });
    let said = solo.input(Input::Message { from: second, message: Message::Unchoke });
    let span = requests(&said, second)[0];
    assert_eq!(closed(&solo.give(second, span), second), Some(DisconnectReason::Done));
}

/// Nobody has anything: nobody is dialled, until the next list says otherwise.
#[test]
fn without_a_holder_nobody_is_called() {
    let mut solo = Solo::leecher(s3(), geometry(2, 1));
    assert!(dialled(&list(&mut solo, &[(1, ".."), (2, "..")])).is_empty());
    let said = solo.wait(Duration::from_secs(30));
    assert!(dialled(&said).is_empty());
    let asking = announced(&said);
    assert_eq!(asking.len(), 1, "every thirty seconds");
    assert!(asking[0].numwant > 0 && asking[0].have.is_some());
    let said = list(&mut solo, &[(1, ".."), (2, ".*")]);
    assert!(matches!(dialled(&said)[..], [(_, 2)]));
}

/// Whom the user names has every piece, beside those of the tracker's list.
#[test]
fn whom_the_user_names_is_gone_to() {
    let mut solo = Solo::leecher(s3(), geometry(2, 1));
    let said = solo.input(Input::Command(Command::AddSources(vec![SimAddr(7)])));
    let (conn, to) = dialled(&said)[0];
    assert_eq!(to, 7);
    let first = connect(&mut solo, conn);
    list(&mut solo, &[(1, "..")]);
    let said = solo.give(conn, first);
    let next: Vec<u32> = dialled(&said).into_iter().map(|(_, to)| to).collect();
    assert_eq!(next, [7], "nobody else has the other piece");
}

/// A source that hangs up without the piece is not asked for it again before the next list; another holder is, at once.
#[test]
fn a_source_that_dies_in_the_middle_is_replaced() {
    let mut solo = Solo::leecher(s3(), geometry(2, 1));
    let said = list(&mut solo, &[(1, "*."), (2, "*.")]);
    let [(first, dead)] = dialled(&said)[..] else { panic!("{said:?}") };
    connect(&mut solo, first);
    let said = solo.input(Input::Disconnected { conn: first });
    let [(second, other)] = dialled(&said)[..] else { panic!("{said:?}") };
    assert_eq!(other, 3 - dead);
    connect(&mut solo, second);
    let said = solo.input(Input::Disconnected { conn: second });
    assert!(dialled(&said).is_empty() && dialled(&solo.wait(Duration::from_secs(20))).is_empty());
    solo.wait(Duration::from_secs(10));
    assert_eq!(dialled(&list(&mut solo, &[(1, "**"), (2, "*.")])).len(), 1, "the list is new");
}

/// An address that cannot be reached is left alone for a minute.
#[test]
fn a_source_that_cannot_be_reached_is_left_alone() {
    let mut solo = Solo::leecher(s3(), geometry(2, 1));
    let said = list(&mut solo, &[(1, "**")]);
    let [(conn, _)] = dialled(&said)[..] else { panic!("{said:?}") };
    assert!(dialled(&solo.input(Input::Disconnected { conn })).is_empty());
    assert!(dialled(&solo.wait(Duration::from_secs(58))).is_empty());
    assert_eq!(dialled(&solo.wait(Duration::from_secs(10))).len(), 1);
}

/// A source that says nothing is given up, and what it was asked for is asked of another.
#[test]
fn a_source_that_says_nothing_is_given_up() {
    let mut solo = Solo::leecher(s3(), geometry(1, 1));
    let said = list(&mut solo, &[(1, "*"), (2, "*")]);
    let [(conn, mute)] = dialled(&said)[..] else { panic!("{said:?}") };
    connect(&mut solo, conn);
    let said = solo.wait(Duration::from_secs(26));
    assert_eq!(closed(&said, conn), Some(DisconnectReason::Idle));
    assert!(matches!(dialled(&said)[..], [(_, other)] if other == 3 - mute));
}

/// Where a piece has several blocks, what came before the connection broke is kept.
#[test]
fn a_piece_goes_on_with_another_source() {
    let mut solo = Solo::leecher(s3(), geometry(2, 3));
    let said = list(&mut solo, &[(1, "*."), (2, "*.")]);
    let [(first, _)] = dialled(&said)[..] else { panic!("{said:?}") };
    let span = connect(&mut solo, first);
    let said = solo.give(first, span);
    assert_eq!(requests(&said, first).len(), 1, "the next block, on the same connection");
    let said = solo.input(Input::Disconnected { conn: first });
    let [(second, _)] = dialled(&said)[..] else { panic!("{said:?}") };
    let span = connect(&mut solo, second);
    assert_eq!(span.begin, BLOCK);
}

#[test]
fn who_serves_hangs_up_when_the_piece_has_left() {
    let mut solo = Solo::new(s3(), geometry(2, 1), &pieces("*."));
    let span = |index| BlockSpan { index, begin: 0, length: BLOCK };
    let conn = solo.accept();
    let said = solo.hear(conn, Message::Request(span(0)));
    assert_eq!(kinds(&said, conn), [MessageKind::Piece]);
    assert_eq!(closed(&said, conn), Some(DisconnectReason::Done));
    // What is not here is not answered.
    let conn = solo.accept();
    let said = solo.hear(conn, Message::Request(BlockSpan { length: BLOCK - 1_000, ..span(1) }));
    assert!(kinds(&said, conn).is_empty());
    assert_eq!(closed(&said, conn), Some(DisconnectReason::NotHere));
}

fn swarm(leechers: usize, pieces: u32, seed: u64) -> Swarm<Simulated> {
    let world = World { latency: (5, 30), disk: (0, 5), uplink: Some(1 << 20) };
    let mut swarm = Swarm::new(geometry(pieces, 1), world, seed);
    swarm.open_tracker(Duration::from_secs(90));
    swarm.seed(s3());
    for _ in 0..leechers {
        swarm.leecher(s3());
    }
    swarm
}

#[test]
fn a_swarm_says_nothing_but_requests_and_pieces() {
    let mut swarm = swarm(4, 12, 1);
    swarm.finish(Duration::from_mins(10));
    let said = |kind| swarm.count(|entry| entry.is(kind));
    assert_eq!(said(MessageKind::Piece), 4 * 12);
    assert_eq!(said(MessageKind::Request), said(MessageKind::Piece));
    assert_eq!(swarm.count(|entry| entry.message().is_some()), 2 * 4 * 12);
    assert_eq!(swarm.count(|entry| matches!(entry.what, What::Dialled(_))), 4 * 12, "a connection per piece");
    let from_leechers = swarm.count(|entry| entry.member > 0 && entry.is(MessageKind::Piece));
    assert!(from_leechers > 0, "the list says what leechers have");
    let told = |entry: &&crate::support::Entry<Simulated>| match &entry.what {
        What::Announced(request) => request.have.as_ref().is_some_and(|have| have.count() > 0),
        _ => false,
    };
    assert!(swarm.trace.iter().filter(|entry| entry.member == 1).filter(told).count() >= 11);
}

/// Who vanishes without a word is on the list until it has been silent for too long; its pieces come from others.
#[test]
fn a_member_that_vanishes_expires_and_the_others_finish() {
    for seed in 0..5 {
        let mut swarm = swarm(4, 20, seed);
        swarm.run_for(Duration::from_millis(300));
        swarm.crash(2);
        swarm.finish(Duration::from_mins(10));
        swarm.run_for(Duration::from_mins(2));
        let (now, tracker) = (swarm.now, swarm.tracker.as_mut().unwrap());
        let scrape = tracker.scrape(now, crate::support::SWARM).unwrap();
        assert_eq!((scrape.seeders, scrape.leechers), (4, 0), "the rest say that they are here every 30 s");
        assert!(tracker.inventory(crate::support::SWARM, SimAddr(2), 20).is_none());
    }
}

/// Connections that break again and again cost time and nothing else.
#[test]
fn broken_connections_do_no_harm() {
    for seed in 0..5 {
        let mut swarm = swarm(3, 16, seed);
        for _ in 0..40 {
            swarm.run_for(Duration::from_millis(45));
            for member in 0..4 {
                if let Some(&conn) = swarm.conns(member).first() {
                    swarm.cut(member, conn);
                }
            }
        }
        swarm.finish(Duration::from_mins(10));
    }
}

/// The same with wrong bytes: the liar is found and is not gone to again.
#[test]
fn a_liar_is_not_gone_to_again() {
    let mut solo = Solo::leecher(s3(), geometry(1, 1));
    let said = list(&mut solo, &[(1, "*"), (2, "*")]);
    let [(conn, liar)] = dialled(&said)[..] else { panic!("{said:?}") };
    let span = connect(&mut solo, conn);
    let said = solo.give_wrong(conn, span);
    assert_eq!(crate::support::solo::banned(&said), [SimAddr(liar)]);
    let [(conn, other)] = dialled(&said)[..] else { panic!("{said:?}") };
    assert_eq!(other, 3 - liar);
    let span = connect(&mut solo, conn);
    solo.hear(conn, Message::Piece { index: 0, begin: 0, data: Virtual::new(span.length) });
    assert!(solo.torrent.is_complete());
}

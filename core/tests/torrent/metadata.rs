//! From an info-hash to the metadata, among peers that have it, that have not, and that lie.

use core::time::Duration;

use bytes::Bytes;
use minibit_core::announce::AnnounceEvent;
use minibit_core::boundary::{DisconnectReason, SimAddr, Simulated, Violation};
use minibit_core::config::Config;
use minibit_core::extension::{ExtensionHandshake, MetadataMessage, UT_METADATA, metadata_piece_len};
use minibit_core::message::{Handshake, MessageKind};
use minibit_core::metadata::MetadataFetch;
use minibit_core::payload::Virtual;
use minibit_core::torrent::{Identity, Particulars};
use minibit_core::{
    Bitfield, Command, ConnId, Event, InfoHash, Input, Instant, Message, Outbox, Output, Profile, Seed,
};
use sha1::{Digest as _, Sha1};

use crate::support::solo::{Said, closed, extension, extensions, messages};
use crate::support::{Solo, geometry, peer_id, plain};

/// The number that peers give to metadata messages.
const THEIRS: u8 = 5;

fn info(len: usize) -> Bytes {
    (0..len).map(|at| (at * 7 / 5).to_le_bytes()[0]).collect()
}

/// A search, and the strangers around it, played by hand.
struct Hunt {
    fetch: MetadataFetch<Simulated>,
    now: Instant,
    outbox: Outbox<Simulated>,
    info: Bytes,
    strangers: u32,
}

impl Hunt {
    fn new(len: usize) -> Self {
        Self::with(len, plain().for_lan())
    }

    fn with(len: usize, config: Config) -> Self {
        let info = info(len);
        let info_hash = InfoHash(Sha1::digest(&info).into());
        let identity = Identity { info_hash, peer_id: peer_id(99), stream: 0 };
        let fetch = MetadataFetch::new(config, identity, Particulars::default(), Seed::from_number(1));
        let mut hunt = Self { fetch, now: Instant::ZERO, outbox: Outbox::new(), info, strangers: 0 };
        hunt.input(Input::Command(Command::Start));
        hunt
    }

    fn input(&mut self, input: Input<Simulated>) -> Said {
        self.fetch.handle_input(self.now, input, &mut self.outbox);
        core::iter::from_fn(|| self.outbox.pop()).collect()
    }

    fn hear(&mut self, from: ConnId, message: Message<Virtual>) -> Said {
        self.input(Input::Message { from, message })
    }

    fn wait(&mut self, time: Duration) -> Said {
        let end = self.now + time;
        let mut said = Vec::new();
        while let Some(due) = self.fetch.poll_timeout().filter(|&due| due <= end) {
            self.now = self.now.max(due);
            said.extend(self.input(Input::Timeout));
        }
        self.now = end;
        said
    }

    /// Somebody comes and shakes hands.
    fn greet(&mut self, extended: bool) -> (ConnId, Said) {
        self.strangers += 1;
        let ticket = self.strangers;
        let said = self.input(Input::Incoming { ticket, addr: SimAddr(ticket) });
        let [Output::Accept { conn, .. }] = said[..] else { panic!("{said:?}") };
        let info_hash = InfoHash(Sha1::digest(&self.info).into());
        let theirs = Handshake { info_hash, peer_id: peer_id(ticket as usize), fast: true, extended };
        (conn, self.hear(conn, Message::Handshake(Box::new(theirs))))
    }

    /// Somebody who says that it has so many bytes of metadata; the pieces that it is asked for.
    fn meet(&mut self, size: u32) -> (ConnId, Vec<u32>) {
        let (conn, _) = self.greet(true);
        let offer = ExtensionHandshake {
            ut_metadata: Some(THEIRS),
            metadata_size: Some(size),
            ..ExtensionHandshake::default()
        };
        let said = self.hear(conn, extension(0, offer.to_payload()));
        (conn, asked(&said, conn))
    }

    /// A piece comes: of the right metadata, or of one that is wrong everywhere.
    fn give(&mut self, from: ConnId, piece: u32, right: bool, size: u32) -> Said {
        let len = metadata_piece_len(size, piece).unwrap() as usize;
        let begin = piece as usize * 16_384;
        let data = if right { self.info.slice(begin..begin + len) } else { vec![0xff; len].into() };
        let data = MetadataMessage::Data { piece, total_size: size, data };
        self.hear(from, extension(UT_METADATA, data.to_payload()))
    }

    /// Everyone answers what it is asked, until there is nothing more to answer. Liars are among `liars`.
    fn answer_all(&mut self, mut questions: Vec<(ConnId, u32)>, liars: &[ConnId], size: u32) -> Said {
        let mut heard = Vec::new();
        while let Some((conn, piece)) = questions.pop() {
            let said = self.give(conn, piece, !liars.contains(&conn), size);
            questions.retain(|(other, _)| closed(&said, *other).is_none());
            questions.extend(all_asked(&said));
            heard.extend(said);
        }
        heard
    }
}

fn asked(said: &Said, conn: ConnId) -> Vec<u32> {
    all_asked(said).into_iter().filter(|(other, _)| *other == conn).map(|(_, piece)| piece).collect()
}

fn all_asked(said: &Said) -> Vec<(ConnId, u32)> {
    let question = |output: &Output<Simulated>| match output {
        Output::Send { to, message: Message::Extended(extended) } if extended.id == THEIRS => {
            match MetadataMessage::parse(&extended.payload) {
                Ok(Some(MetadataMessage::Request { piece })) => Some((*to, piece)),
                _ => None,
            }
        }
        _ => None,
    };
    said.iter().filter_map(question).collect()
}

fn found(said: &Said) -> Option<&Bytes> {
    said.iter().find_map(|output| match output {
        Output::Event(Event::Metadata(metadata)) => Some(&**metadata),
        _ => None,
    })
}

fn banned(said: &Said) -> Vec<SimAddr> {
    crate::support::solo::banned(said)
}

#[test]
fn metadata_comes_from_one_peer() {
    let mut hunt = Hunt::new(20_000);
    let (conn, said) = hunt.greet(true);
    let kinds: Vec<_> = messages(&said, conn).iter().map(Message::kind).collect();
    assert_eq!(kinds, [MessageKind::Handshake, MessageKind::Extended, MessageKind::HaveNone]);
    let said = ExtensionHandshake::parse(&extensions(&said, conn, 0)[0]).unwrap();
    assert_eq!((said.ut_metadata, said.ut_pex, said.metadata_size), (Some(UT_METADATA), None, None));

    let (conn, pieces) = hunt.meet(20_000);
    assert_eq!(pieces, [0, 1]);
    assert!(found(&hunt.give(conn, 1, true, 20_000)).is_none());
    let said = hunt.give(conn, 0, true, 20_000);
    assert!(found(&said) == Some(&info(20_000)));
    assert_eq!(closed(&said, conn), Some(DisconnectReason::Stopped));
    assert!(matches!(said.last(), Some(Output::Event(Event::Metadata(_)))), "it is the last thing");
    assert!(
        hunt.fetch.is_over() && hunt.fetch.poll_timeout().is_none() && hunt.fetch.connection_count() == 0
    );
    assert!(matches!(
        hunt.input(Input::Incoming { ticket: 9, addr: SimAddr(9) })[..],
        [Output::Refuse { .. }]
    ));
}

#[test]
fn several_peers_are_asked_for_different_pieces() {
    let size = 10 * 16_384;
    let mut hunt = Hunt::new(10 * 16_384);
    let (one, first) = hunt.meet(size);
    let (two, second) = hunt.meet(size);
    let (three, third) = hunt.meet(size);
    assert_eq!((&first[..], &second[..], &third[..]), (&[0, 1, 2, 3][..], &[4, 5, 6, 7][..], &[8, 9][..]));
    let questions = [(one, first), (two, second), (three, third)];
    let questions =
        questions.into_iter().flat_map(|(conn, pieces)| pieces.into_iter().map(move |piece| (conn, piece)));
    let said = hunt.answer_all(questions.collect(), &[], size);
    assert!(found(&said) == Some(&info(10 * 16_384)));
}

/// A liar alone is known at once. Among others it is found by asking each alone; nobody else is banned.
#[test]
fn liars_are_found_and_nobody_else() {
    let size = 100_000;
    let mut hunt = Hunt::new(100_000);
    let (liar, pieces) = hunt.meet(size);
    let questions = pieces.into_iter().map(|piece| (liar, piece)).collect();
    let said = hunt.answer_all(questions, &[liar], size);
    assert_eq!((banned(&said), closed(&said, liar)), (vec![SimAddr(1)], Some(DisconnectReason::Banned)));

    let (honest, first) = hunt.meet(size);
    let (liar, second) = hunt.meet(size);
    let (also, third) = hunt.meet(size);
    assert!(!first.is_empty() && !second.is_empty());
    let questions = [(honest, first), (liar, second), (also, third)];
    let questions =
        questions.into_iter().flat_map(|(conn, pieces)| pieces.into_iter().map(move |piece| (conn, piece)));
    let said = hunt.answer_all(questions.collect(), &[liar], size);
    assert!(found(&said) == Some(&info(100_000)));
    assert!(banned(&said).iter().all(|addr| *addr == SimAddr(3)), "{:?}", banned(&said));
}

#[test]
fn a_lone_claim_of_another_size_loses_the_vote_and_then_its_place() {
    let mut hunt = Hunt::new(20_000);
    let (liar, pieces) = hunt.meet(9_000_000);
    assert_eq!(pieces, [0, 1, 2, 3], "nobody else is here yet");
    for size in [20_000; 2] {
        assert!(hunt.meet(size).1.is_empty());
    }
    hunt.input(Input::Disconnected { conn: liar });
    let (liar, pieces) = hunt.meet(9_000_000);
    assert!(pieces.is_empty(), "there are two of the other size");
    let said = hunt.give(liar, 0, false, 9_000_000);
    assert!(found(&said).is_none());
    let said = hunt.wait(Duration::from_secs(15));
    assert!(!all_asked(&said).iter().any(|(conn, _)| *conn == liar));
}

#[test]
fn who_does_not_answer_or_refuses_is_left_for_others() {
    let mut hunt = Hunt::new(20_000);
    let (mute, pieces) = hunt.meet(20_000);
    assert_eq!(pieces, [0, 1]);
    let (other, pieces) = hunt.meet(20_000);
    assert!(pieces.is_empty(), "everything is asked for");
    let said = hunt.wait(Duration::from_secs(12));
    assert_eq!(asked(&said, other), [0, 1], "late after ten seconds");
    let refusal = MetadataMessage::Reject { piece: 0 }.to_payload();
    let said = hunt.hear(other, extension(UT_METADATA, refusal));
    assert!(asked(&said, other).is_empty(), "it has had enough for now");
    let said = hunt.wait(Duration::from_mins(1));
    assert_eq!(closed(&said, mute), Some(DisconnectReason::NoMetadata));
    assert!(asked(&said, other).contains(&0), "and is asked again");
}

#[test]
fn who_has_no_metadata_makes_room() {
    let mut hunt = Hunt::new(100);
    let (old, said) = hunt.greet(false);
    assert_eq!(closed(&said, old), Some(DisconnectReason::NoMetadata), "it does not speak the protocol");
    let (poor, _) = hunt.greet(true);
    hunt.hear(poor, extension(0, ExtensionHandshake::offering(true, false).to_payload()));
    let silent = {
        let said = hunt.input(Input::Incoming { ticket: 9, addr: SimAddr(9) });
        crate::support::solo::accepted(&said).unwrap()
    };
    let said = hunt.wait(Duration::from_secs(31));
    assert_eq!(closed(&said, poor), Some(DisconnectReason::NoMetadata));
    assert_eq!(closed(&said, silent), Some(DisconnectReason::HandshakeTimeout));
    let (hasty, _) = hunt.greet(true);
    let again = Handshake { info_hash: InfoHash([0; 20]), peer_id: peer_id(1), fast: false, extended: true };
    let said = hunt.hear(hasty, Message::Handshake(Box::new(again)));
    let reason = DisconnectReason::ProtocolViolation(Violation::Handshake);
    assert_eq!(closed(&said, hasty), Some(reason));
}

#[test]
fn a_size_beyond_all_torrents_is_not_believed() {
    let mut hunt = Hunt::new(100);
    for size in [0, 10_000_001, u32::MAX] {
        assert!(hunt.meet(size).1.is_empty(), "{size}");
    }
}

#[test]
fn what_nobody_asked_for_ends_the_connection() {
    let mut hunt = Hunt::new(40_000);
    let (conn, _) = hunt.meet(40_000);
    let mut reason = None;
    for _ in 0..5 {
        reason = reason.or(closed(&hunt.give(conn, 2, true, 40_000), conn));
    }
    assert_eq!(reason, Some(DisconnectReason::NoMetadata), "once asked, and four times not");
}

#[test]
fn the_tracker_takes_it_for_a_leecher_and_its_peers_are_dialled_and_handed_on() {
    let config = Config { announcing: Profile::Bittorrent.config().announcing, ..plain().for_lan() };
    let mut hunt = Hunt::with(100, config);
    let said = hunt.input(Input::Command(Command::AddPeers(vec![SimAddr(50), SimAddr(51)])));
    let dialled = said.iter().filter(|output| matches!(output, Output::Connect { .. })).count();
    assert_eq!(dialled, 2);
    let mut peers = hunt.fetch.peers();
    peers.sort_unstable();
    assert_eq!(peers, [SimAddr(50), SimAddr(51)]);
    let said = hunt.input(Input::Command(Command::Stop));
    let goodbye = said.iter().find_map(|output| match output {
        Output::Announce(request) => Some((request.event, request.left > 0)),
        _ => None,
    });
    assert_eq!(goodbye, Some((AnnounceEvent::Stopped, true)));
    assert!(hunt.fetch.is_over() && hunt.fetch.poll_timeout().is_none());
}

/// The two ends of our own: a search, and a seeder that gives the metadata away.
#[test]
fn a_search_and_a_seeder_understand_each_other() {
    let particulars = Particulars { info: info(70_000), ..Particulars::default() };
    let seeder_info = InfoHash(Sha1::digest(&particulars.info).into());
    let mut hunt = Hunt::new(70_000);
    let mut seeder =
        Solo::of_swarm(seeder_info, plain().for_lan(), geometry(3, 2), &Bitfield::all(3), particulars);
    let ours = {
        let said = hunt.input(Input::Command(Command::AddPeers(vec![SimAddr(9)])));
        let [Output::Connect { conn, .. }] = said[..] else { panic!("{said:?}") };
        conn
    };
    let theirs = seeder.accept();
    let mut to_seeder = messages(&hunt.input(Input::Connected { conn: ours }), ours);
    let mut metadata = None;
    while !to_seeder.is_empty() {
        let said: Said = to_seeder.drain(..).flat_map(|message| seeder.hear(theirs, message)).collect();
        for message in messages(&said, theirs) {
            let said = hunt.hear(ours, message);
            metadata = metadata.or(found(&said).cloned());
            to_seeder.extend(messages(&said, ours));
        }
    }
    assert!(metadata == Some(info(70_000)));
}

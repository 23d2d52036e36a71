//! The rules of the trackers: who is told of whom, who is gone when, and how much is said to whom.

use core::net::IpAddr;

use proptest::prelude::*;

use super::*;
use crate::bitfield::Bitfield;
use crate::catalogue::{Catalogue, CatalogueConfig};
use crate::metainfo::{Builder, PieceHasher};
use crate::rng::Seed;
use crate::tracker::TrackerConfig;
use crate::tracker::json::take_frame;

mod client;

fn metainfo(name: &str) -> Metainfo {
    let builder = Builder::file(name, 20).piece_len(8);
    let mut hasher = PieceHasher::new(builder.geometry().unwrap());
    hasher.update(name.repeat(20).as_bytes().get(..20).unwrap()).unwrap();
    builder.build(&hasher.finish().unwrap()).unwrap()
}

fn secs(secs: u64) -> Instant {
    Instant::from_secs(secs)
}

struct Host {
    tracker: Tracker<SocketAddr>,
    catalogue: Catalogue<SocketAddr>,
    systems: Systems,
}

impl Host {
    /// A tracker that gives one file itself.
    fn new(name: &str) -> Self {
        let tracker = Tracker::new(TrackerConfig::default(), Seed::from_number(1));
        let catalogue =
            Catalogue::new(CatalogueConfig { timeout: Duration::MAX, ..CatalogueConfig::default() });
        let mut host = Self { tracker, catalogue, systems: Systems::new([7; 16]) };
        host.give(name);
        host
    }

    fn give(&mut self, name: &str) {
        let metainfo = metainfo(name);
        let own = SocketAddr::from(([0, 0, 0, 0], 9000));
        let description = Description::of(&metainfo, metainfo.to_bytes().into());
        self.catalogue.publish(secs(0), description, own, true).unwrap();
        let request = AnnounceRequest::plain(AnnounceEvent::None, Totals::default(), 0);
        let who = Announcer { addr: own, id: PeerId([9; 20]) };
        self.tracker.announce(secs(0), metainfo.info_hash(), who, &request).unwrap();
    }

    fn with<T>(&mut self, act: impl FnOnce(&mut Systems, &mut Directory<'_>) -> T) -> T {
        let Self { tracker, catalogue, systems } = self;
        act(systems, &mut Directory { tracker, catalogue, open: true })
    }

    /// What connection `host`, from that host, is answered, and who is told.
    fn ask(&mut self, at: u64, system: Encoding, host: u8, question: &Question) -> (Reply, Vec<u64>) {
        let mut frame = BytesMut::new();
        question.encode(system, &mut frame);
        let ends = Ends { peer: [192, 0, 2, host].into(), local: [192, 0, 2, 99].into() };
        let turn = self.with(|systems, directory| {
            systems.handle(secs(at), directory, ends, Ticket(host.into()), system, &frame[4..])
        });
        let answer = take_frame(&mut BytesMut::from(&turn.answer[..]), u32::MAX).unwrap().unwrap();
        let told = turn.push.iter().map(|(Ticket(to), _)| *to).collect();
        (Reply::parse(system, &answer).unwrap(), told)
    }

    fn join(&mut self, system: Encoding, host: u8, blocks: &[u32]) -> (Reply, Vec<u64>) {
        self.ask(1, system, host, &join(host, blocks))
    }

    fn ids(&mut self, at: u64, system: Encoding, host: u8) -> Vec<(String, Vec<u32>)> {
        let question = Question::Peers { id: format!("p{host}"), file: None };
        let (Reply::Done { peers: Some(peers), .. }, _) = self.ask(at, system, host, &question) else {
            panic!()
        };
        let mut ids: Vec<_> = peers.into_iter().map(|peer| (peer.id, peer.blocks)).collect();
        ids.sort();
        ids
    }

    fn datagram(&mut self, at: u64, from: &str, text: &str) -> String {
        let mut reply = b"left from before".to_vec();
        let own = Some([192, 0, 2, 99].into());
        self.with(|systems, directory| {
            systems.datagram(secs(at), directory, from.parse().unwrap(), own, text.as_bytes(), &mut reply);
        });
        String::from_utf8(reply).unwrap()
    }

    fn line(&mut self, at: u64, host: u8, line: &str) -> String {
        let ends = Ends { peer: [192, 0, 2, host].into(), local: [192, 0, 2, 99].into() };
        self.with(|systems, directory| systems.line(secs(at), directory, ends, line))
    }
}

fn join(host: u8, blocks: &[u32]) -> Question {
    let id = format!("p{host}");
    Question::Join { id, port: 6000 + u16::from(host), file: None, blocks: blocks.to_vec(), metainfo: None }
}

#[test]
fn s1_tells_of_all_others_and_of_what_they_have_until_their_connection_is_lost() {
    let mut host = Host::new("a");
    host.join(Encoding::S1, 1, &[]);
    host.join(Encoding::S1, 2, &[0]);
    let update = Question::Update { id: "p2".into(), file: None, blocks: vec![2] };
    let (done, told) = host.ask(2, Encoding::S1, 2, &update);
    assert_eq!((done, told), (Reply::Done { file: None, peers: None }, vec![]));
    let others = [("p2".into(), vec![0, 2]), ("tracker".into(), vec![0, 1, 2])];
    assert_eq!(host.ids(3, Encoding::S1, 1), others);
    assert_eq!(host.ids(3, Encoding::S1, 4).len(), 3, "who has not registered may ask");
    // Nobody speaks for hours, and nobody is forgotten while connected.
    for hour in 1..4 {
        let due = host.systems.poll_timeout().unwrap();
        assert!(due <= secs(hour * 3600));
        host.with(|systems, directory| systems.handle_timeout(secs(hour * 3600), directory));
        host.give("a");
    }
    assert!(host.ids(3 * 3600, Encoding::S1, 1).contains(&others[0]));
    host.with(|systems, directory| systems.closed(secs(3 * 3600), directory, Ticket(2)));
    assert!(host.ids(3 * 3600, Encoding::S1, 1).iter().all(|(id, _)| id != "p2"));
}

#[test]
fn who_comes_again_is_not_gone_with_its_first_connection() {
    let mut host = Host::new("a");
    host.join(Encoding::S1, 1, &[]);
    let ends = Ends { peer: [192, 0, 2, 1].into(), local: [192, 0, 2, 99].into() };
    let mut frame = BytesMut::new();
    join(1, &[1]).encode(Encoding::S1, &mut frame);
    host.with(|systems, directory| {
        systems.handle(secs(2), directory, ends, Ticket(77), Encoding::S1, &frame[4..]);
        systems.closed(secs(3), directory, Ticket(1));
    });
    assert!(host.ids(4, Encoding::S1, 5).contains(&("p1".into(), vec![1])));
    host.with(|systems, directory| systems.closed(secs(5), directory, Ticket(77)));
    assert_eq!(host.ids(6, Encoding::S1, 5).len(), 1);
}

#[test]
fn s2_tells_of_all_when_there_are_few_and_of_five_when_there_are_many() {
    let mut host = Host::new("a");
    for joined in 1..=9_u8 {
        host.join(Encoding::S2, joined, &[]);
        // The others, and the tracker.
        assert_eq!(host.ids(1, Encoding::S2, 1).len(), usize::from(joined).min(5), "{joined}");
    }
    let lists: std::collections::BTreeSet<_> = (0..20).map(|_| host.ids(1, Encoding::S2, 1)).collect();
    assert!(lists.len() > 5 && lists.iter().all(|list| list.iter().all(|(id, _)| id != "p1")));
}

#[test]
fn s5_tells_those_who_are_there_of_each_newcomer() {
    let mut host = Host::new("a");
    assert!(host.join(Encoding::S5, 1, &[]).1.is_empty());
    assert_eq!(host.join(Encoding::S5, 2, &[]).1, [1]);
    host.join(Encoding::S1, 3, &[]);
    let (Reply::Done { file: Some(file), peers: Some(peers) }, told) = host.join(Encoding::S5, 4, &[]) else {
        panic!()
    };
    assert_eq!(
        (told, file.total_blocks, peers.len()),
        (vec![1, 2], 3, 4),
        "others of all kinds, the tracker too"
    );
    host.with(|systems, directory| systems.closed(secs(2), directory, Ticket(1)));
    assert_eq!(host.join(Encoding::S5, 5, &[]).1, [2, 4]);
}

#[test]
fn a_file_is_named_or_the_trackers_own_or_the_only_one_or_brought_along() {
    let mut host = Host::new("a");
    let named = |name: &str, metainfo| Question::Join {
        id: "p1".into(),
        port: 1,
        file: Some(name.into()),
        blocks: vec![],
        metainfo,
    };
    let name = |(reply, _): (Reply, Vec<u64>)| match reply {
        Reply::Done { file: Some(file), .. } => file.name,
        Reply::Error(words) => words,
        other => panic!("{other:?}"),
    };
    assert_eq!(name(host.join(Encoding::S2, 1, &[])), "a");
    assert_eq!(name(host.ask(1, Encoding::S2, 1, &named("b", None))), "no file of this name");
    let brought = Bytes::from(metainfo("b").to_bytes());
    assert_eq!(name(host.ask(1, Encoding::S2, 1, &named("b", Some(brought)))), "b");
    assert_eq!(name(host.ask(1, Encoding::S2, 2, &named("b", None))), "b");
    assert_eq!(name(host.join(Encoding::S2, 3, &[])), "there are several files: name one");
    host.systems.own = Some(metainfo("a").info_hash());
    assert_eq!(name(host.join(Encoding::S2, 3, &[])), "a");
    assert_eq!(name(host.join(Encoding::S1, 3, &[3])), "block 3 of a file of 3");
}

#[test]
fn s3_lists_others_with_their_pieces_and_forgets_the_silent() {
    let mut host = Host::new("a");
    assert_eq!(host.datagram(1, "127.0.0.1:9", "JOIN x 1"), "PEERLIST 192.0.2.99:9000[0-2]");
    assert_eq!(host.datagram(2, "127.0.0.1:8", "UPDATE x 2 [0,2]"), "");
    assert!(host.datagram(3, "127.0.0.1:9", "JOIN x 1").contains(" 127.0.0.1:2[0,2]"));
    assert_eq!(host.datagram(50, "127.0.0.1:8", "UPDATE x 2 [0, 1, 2]"), "");
    assert!(host.datagram(51, "127.0.0.1:9", "JOIN x 1").contains(" 127.0.0.1:2[0-2]"));
    host.datagram(100, "127.0.0.1:8", "UPDATE x 2 [0-2]");
    assert!(host.systems.poll_timeout().unwrap() <= secs(103));
    host.with(|systems, directory| systems.handle_timeout(secs(152), directory));
    let list = host.datagram(152, "127.0.0.1:7", "JOIN x 3");
    assert!(list.contains("127.0.0.1:2[") && !list.contains("127.0.0.1:1["), "{list}");
    host.with(|systems, directory| systems.handle_timeout(secs(300), directory));
    assert_eq!(host.datagram(300, "127.0.0.1:6", "JOIN x 4"), "PEERLIST 192.0.2.99:9000[0-2]");
}

#[test]
fn a_file_stays_while_peers_of_a_system_have_it_though_its_publisher_is_gone() {
    let mut host = Host::new("a");
    host.datagram(1, "127.0.0.1:9", "UPDATE x 1 [0]");
    host.join(Encoding::S1, 1, &[0]);
    let own = SocketAddr::from(([0, 0, 0, 0], 9000));
    host.with(|_, directory| leave(secs(2), directory, metainfo("a").info_hash(), own));
    assert!(host.datagram(3, "127.0.0.1:8", "JOIN x 2").contains("127.0.0.1:1[0]"));
    host.with(|systems, directory| {
        systems.closed(secs(4), directory, Ticket(1));
        systems.handle_timeout(secs(400), directory);
    });
    assert_eq!(host.datagram(401, "127.0.0.1:8", "JOIN x 2"), "ERR there is no file".get(..8).unwrap());
}

#[test]
fn s3_says_no_more_than_was_said_to_it_before_it_knows_to_whom() {
    let mut host = Host::new("a");
    for port in 1..=100 {
        host.datagram(1, "192.0.2.5:1", &format!("UPDATE x {port} [1]"));
    }
    let cookie = host.datagram(2, "192.0.2.7:1", "JOIN 192.0.2.7 7");
    let again = format!("JOIN 192.0.2.7 7 {}", cookie.strip_prefix("COOKIE ").unwrap());
    let list = host.datagram(3, "192.0.2.7:1", &again);
    assert_eq!(list.split(' ').count(), 102, "all of them, and the tracker: {list}");
    for (from, at) in [("192.0.2.8:1", 3), ("192.0.2.7:2", 3), ("192.0.2.7:1", 500)] {
        assert!(
            host.datagram(at, from, &again).len() <= again.len(),
            "the cookie of another, or of long ago"
        );
    }
    assert_eq!(host.datagram(4, "192.0.2.7:1", "JOIN x 7"), "PEERLIST", "not even a cookie fits");
    for port in 101..=1_000 {
        host.datagram(5, "192.0.2.5:1", &format!("UPDATE x {port} [0,2]"));
    }
    assert!(host.datagram(6, "127.0.0.1:1", "JOIN x 7").len() <= s3::MAX_PEERLIST);
}

#[test]
fn s4_shelves_are_searched_with_the_catalogue_and_forgotten_with_their_owners() {
    let mut host = Host::new("film");
    host.catalogue = Catalogue::new(CatalogueConfig::default());
    host.give("film");
    assert_eq!(host.line(1, 1, "register 0.0.0.0:7 film=20 a%20song"), "OK\n");
    assert_eq!(host.line(1, 2, "register 192.0.2.2:8"), "OK\n");
    assert_eq!(host.line(2, 2, "search FILM"), "OK 1\nfilm 20 192.0.2.1:7,192.0.2.99:9000\n");
    assert_eq!(host.line(2, 2, "search song"), "OK 1\na%20song - 192.0.2.1:7\n");
    assert_eq!(host.line(100, 2, "update 192.0.2.2:8 other"), "OK\n");
    assert_eq!(host.line(100, 2, "list"), "OK 2\n192.0.2.1:7 film=20 a%20song\n192.0.2.2:8 other\n");
    assert_eq!(host.line(201, 2, "list"), "OK 1\n192.0.2.2:8 other\n");
    assert_eq!(host.line(201, 1, "heartbeat x:7"), "ERR you have not registered\n");
    assert_eq!(host.line(299, 2, "heartbeat x:8"), "OK\n");
    assert_eq!(host.line(400, 2, "list"), "OK 1\n192.0.2.2:8 other\n");
    assert_eq!(host.line(401, 2, "unregister x:8"), "OK\n");
    assert_eq!(host.line(402, 2, "list"), "OK 0\n");
    for wrong in ["", "REGISTER x:1", "register", "register x", "register x:0", "register x:1 a=b", "search"]
    {
        assert!(host.line(403, 2, wrong).starts_with("ERR "), "{wrong:?}");
    }
}

#[test]
fn first_bytes_tell_whose_they_are_and_cut_ones_wait() {
    let framed = |text: &str| [&u32::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat();
    let peer = |encoding, file: Option<&str>| Opening::Peer {
        encoding,
        info_hash: None,
        file: file.map(Into::into),
        port: None,
    };
    let listening = |port: u16| Opening::Peer {
        encoding: Encoding::S5,
        info_hash: None,
        file: None,
        port: port.try_into().ok(),
    };
    let cases = [
        (framed(r#"{"peer_id":"a","command": "REGISTER"}"#), Opening::Tracker(Encoding::S1)),
        (framed(r#"{"command":"list"}"#), Opening::Command),
        (framed(r#"{"type" : "register_peer"}"#), Opening::Tracker(Encoding::S2)),
        (framed(r#"{"type":"have_blocks","blocks":[]}"#), peer(Encoding::S2, None)),
        (framed(r#"{"tipo":"REGISTRO"}"#), Opening::Tracker(Encoding::S5)),
        (framed(r#"{"tipo":"PEDIDO","bloco":1}"#), peer(Encoding::S5, None)),
        (framed(r#"{"tipo":"ESTOQUE","id":"p1","porta":9001,"blocos":[0]}"#), listening(9001)),
        (framed(r#"{"tipo":"ESTOQUE","blocos":[0],"porta": 90 }"#), listening(90)),
        (framed(r#"{"tipo":"ESTOQUE","porta":0,"blocos":[0]}"#), peer(Encoding::S5, None)),
        (
            framed(r#"{"type":"handshake","file":"a\"b.mp4","peer_id":"p"}"#),
            peer(Encoding::S1, Some("a\"b.mp4")),
        ),
        (framed(r#"{"type":"handshake","fast":true}"#), peer(Encoding::Json, None)),
        // What is deeper in it, or a value, is no key of it.
        (
            framed(r#"{"a":{"tipo":"x","type":["\"}"]},"type":"register_peer"}"#),
            Opening::Tracker(Encoding::S2),
        ),
        (framed(r#"{"id":"type","x":"\\","tipo":"REGISTRO"}"#), Opening::Tracker(Encoding::S5)),
        (b"GET 3\n".to_vec(), peer(Encoding::S3, None)),
        (b"GET a%20b 0 5\r\n".to_vec(), peer(Encoding::S4, Some("a b"))),
        (b"SIZE a\n".to_vec(), Opening::Size),
        (b"unregister 1.2.3.4:5\n".to_vec(), Opening::Tracker(Encoding::S4)),
        (b"GET /announce HTTP/1.1\r\n".to_vec(), Opening::Http),
        (b"POST / HTTP/1.1\r\n".to_vec(), Opening::Http),
    ];
    for (bytes, opening) in cases {
        assert_eq!(tell(&bytes, false), Told::Opening(opening.clone()));
        for len in 0..bytes.len() {
            let told = tell(&bytes[..len], false);
            assert!(
                told == Told::More || told == Told::Opening(opening.clone()),
                "{len} of {opening:?}: {told:?}"
            );
        }
    }
    for nothing in [&b"\x13BitTorrent protocoX"[..], b"hello", b"GET a\n", b"\0\0\0\x02[]", b"\x16\x03\x01"] {
        assert_eq!(tell(nothing, false), Told::Nothing, "{nothing:?}");
    }
    assert_eq!(tell(b"GE", true), Told::Nothing);
}

proptest! {
    /// Whatever a datagram says: without proof no answer is longer, and nothing panics.
    #[test]
    fn no_datagram_is_amplified(
        words in prop::collection::vec("(JOIN|UPDATE|x|[0-9]{1,5}|\\[[0-9,-]{0,9}\\]|#[0-9a-f]{40}|[0-9a-f]{8}|\\PC{0,9})", 0..6),
        bytes: Vec<u8>,
    ) {
        let mut host = Host::new("a");
        host.datagram(1, "192.0.2.5:1", "UPDATE x 5 [1]");
        let text = words.join(" ");
        prop_assert!(host.datagram(2, "192.0.2.7:1", &text).len() <= text.len());
        let mut reply = Vec::new();
        host.with(|systems, directory| {
            systems.datagram(secs(3), directory, "192.0.2.7:1".parse().unwrap(), None, &bytes, &mut reply);
        });
        prop_assert!(reply.len() <= bytes.len());
        let _read = (s3::Response::parse(&bytes), s3::is_text(&bytes));
    }

    /// Bytes from outside never panic, on either side.
    #[test]
    fn no_bytes_panic(bytes: Vec<u8>, text in "\\PC{0,60}", at: prop::sample::Index, byte: u8) {
        let ends = Ends { peer: IpAddr::from([192, 0, 2, 1]), local: [192, 0, 2, 99].into() };
        for system in [Encoding::S1, Encoding::S2, Encoding::S5] {
            let mut host = Host::new("a");
            let mut frame = BytesMut::new();
            join(1, &[0, 2]).encode(system, &mut frame);
            let at = 4 + at.index(frame.len() - 4);
            frame[at] = byte;
            for frame in [&frame[4..], &bytes, text.as_bytes()] {
                host.with(|systems, directory| {
                    systems.handle(secs(1), directory, ends, Ticket(1), system, frame);
                });
                let _refused = (Question::parse(system, frame), Reply::parse(system, frame));
            }
        }
        let mut host = Host::new("a");
        host.line(1, 1, &text);
        let _found = (s4::Found::parse(&text), tell(&bytes, false), tell(text.as_bytes(), true));
    }

    #[test]
    fn stretches_are_the_set(pieces in prop::collection::btree_set(0..200_u32, 0..100)) {
        let mut set = Bitfield::none(200);
        for piece in pieces {
            set.insert(PieceIndex(piece));
        }
        let stretches = s3::stretches_of(&set);
        prop_assert_eq!(s3::set_of(&stretches, 200), Some(set));
        let endless = vec![(0, 199); 1000];
        prop_assert_eq!(s3::set_of(&endless, 200), None, "no more work than there are pieces");
    }
}

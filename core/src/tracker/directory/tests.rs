use bytes::Bytes;

use super::super::TrackerConfig;
use super::*;
use crate::catalogue::CatalogueConfig;
use crate::metainfo::{Builder, Metainfo, PieceHasher};
use crate::rng::Seed;

const HASH: InfoHash = InfoHash([7; 20]);

struct Server {
    tracker: Tracker<SocketAddr>,
    catalogue: Catalogue<SocketAddr>,
    open: bool,
}

impl Server {
    fn new(open: bool) -> Self {
        let tracker = Tracker::new(TrackerConfig::default(), Seed::from_number(1));
        Self { tracker, catalogue: Catalogue::new(CatalogueConfig::default()), open }
    }

    /// What host `192.0.2.host` is answered.
    fn ask(&mut self, secs: u64, host: u8, command: Command) -> Answer {
        let ends = Ends { peer: [192, 0, 2, host].into(), local: [192, 0, 2, 99].into() };
        let mut directory =
            Directory { tracker: &mut self.tracker, catalogue: &mut self.catalogue, open: self.open };
        directory.handle(Instant::from_secs(secs), ends, command)
    }
}

fn registration(name: &str, left: u64) -> Registration {
    let name = name.to_owned();
    let peer_id = PeerId([1; 20]);
    Registration { info_hash: HASH, peer_id, port: 6881, name, size: 20, files: 1, left, metainfo: None }
}

fn register(registration: Registration) -> Command {
    Command::Register(Box::new(registration))
}

fn addr(host: u8, port: u16) -> SocketAddr {
    ([192, 0, 2, host], port).into()
}

fn torrent(name: &str) -> Metainfo {
    let builder = Builder::file(name, 20);
    let mut hasher = PieceHasher::new(builder.geometry().unwrap());
    hasher.update(&[7; 20]).unwrap();
    builder.build(&hasher.finish().unwrap()).unwrap()
}

fn peers_of(answer: Answer) -> (u32, u32, Vec<SocketAddr>) {
    let Answer::Peers(Peers { seeders, leechers, mut peers, .. }) = answer else { panic!("{answer:?}") };
    peers.sort_unstable();
    (seeders, leechers, peers)
}

fn names_of(answer: Answer) -> Vec<(String, u32, u32)> {
    let (Answer::Files { files, .. } | Answer::Error(Refusal::Ambiguous(files), _)) = answer else {
        panic!("{answer:?}")
    };
    files.into_iter().map(|file| (file.name, file.seeders, file.leechers)).collect()
}

fn refusal(answer: Answer) -> Refusal {
    let Answer::Error(refusal, _) = answer else { panic!("{answer:?}") };
    refusal
}

#[test]
fn who_registers_is_handed_out_and_the_file_listed_until_it_leaves() {
    let mut server = Server::new(true);
    assert_eq!(peers_of(server.ask(0, 1, register(registration("film", 0)))), (1, 0, vec![]));
    let second = server.ask(1, 2, register(registration("film", 20)));
    assert_eq!(peers_of(second), (1, 1, vec![addr(1, 6881)]));
    let third = Command::GetPeers { info_hash: HASH, port: 0, numwant: 50 };
    assert_eq!(peers_of(server.ask(2, 3, third.clone())), (1, 1, vec![addr(1, 6881), addr(2, 6881)]));
    let own = Command::GetPeers { info_hash: HASH, port: 6881, numwant: 50 };
    assert_eq!(peers_of(server.ask(2, 1, own)).2, [addr(2, 6881)], "not told of itself");
    assert_eq!(names_of(server.ask(2, 3, Command::List)), [("film".into(), 1, 1)], "asking is not joining");

    let done = Command::Update { info_hash: HASH, peer_id: PeerId([1; 20]), port: 6881, left: 0 };
    assert_eq!(peers_of(server.ask(3, 2, done)).0, 2);
    let search = Command::Search { text: "FIL".into() };
    assert_eq!(names_of(server.ask(3, 3, search)), [("film".into(), 2, 0)]);

    assert_eq!(server.ask(4, 1, Command::Unregister { port: 6881, info_hash: Some(HASH) }), Answer::Done);
    assert_eq!(peers_of(server.ask(4, 3, third.clone())).2, [addr(2, 6881)]);
    assert_eq!(server.ask(4, 3, Command::Unregister { port: 6881, info_hash: None }), Answer::Done);
    assert_eq!(names_of(server.ask(5, 3, Command::List)).len(), 1, "nobody leaves for another");
    assert_eq!(server.ask(5, 2, Command::Unregister { port: 6881, info_hash: None }), Answer::Done);
    assert_eq!(names_of(server.ask(5, 3, Command::List)), []);
    assert_eq!(peers_of(server.ask(5, 3, third)), (0, 0, vec![]));
}

#[test]
fn heartbeats_keep_peer_and_file_and_tell_who_has_to_come_again() {
    let config = TrackerConfig { timeout: core::time::Duration::from_mins(5), ..TrackerConfig::default() };
    let mut server = Server::new(true);
    server.tracker = Tracker::new(config, Seed::from_number(1));
    server.ask(0, 1, register(registration("film", 0)));
    for secs in [150, 300, 450, 600] {
        let Answer::Alive { swarms: 1, interval } =
            server.ask(secs, 1, Command::Heartbeat { port: 6881, info_hash: None })
        else {
            panic!("forgotten at {secs} s");
        };
        assert!(interval.as_secs() * 3 <= server.catalogue.config().timeout.as_secs());
    }
    let peers = Command::GetPeers { info_hash: HASH, port: 0, numwant: 9 };
    assert_eq!(peers_of(server.ask(799, 2, peers)).2, [addr(1, 6881)]);
    assert_eq!(names_of(server.ask(799, 2, Command::List)).len(), 1);
    assert_eq!(names_of(server.ask(800, 2, Command::List)), []);
    let late = server.ask(801, 1, Command::Heartbeat { port: 6881, info_hash: None });
    assert!(matches!(late, Answer::Alive { swarms: 0, .. }), "{late:?}");
    server.ask(801, 1, register(registration("film", 0)));
    let one = |info_hash| Command::Heartbeat { port: 6881, info_hash: Some(info_hash) };
    assert!(matches!(server.ask(802, 1, one(HASH)), Answer::Alive { swarms: 1, .. }));
    assert!(matches!(server.ask(802, 1, one(InfoHash([8; 20]))), Answer::Alive { swarms: 0, .. }));
}

#[test]
fn metainfo_is_served_by_name_and_hash_and_believed_only_if_it_is_the_swarms() {
    let mut server = Server::new(true);
    let metainfo = torrent("film");
    let bytes = Bytes::from(metainfo.to_bytes());
    let registration = Registration { metainfo: Some(bytes.clone()), ..registration("lie", 0) };
    let answer = server.ask(0, 1, register(registration.clone()));
    assert_eq!(refusal(answer), Refusal::Refused, "metainfo of another swarm");
    let info_hash = metainfo.info_hash();
    server.ask(0, 1, register(Registration { info_hash, ..registration }));
    assert_eq!(names_of(server.ask(0, 2, Command::List)), [("film".into(), 1, 0)], "its name, not the claim");

    let ask = |server: &mut Server, text: &str| server.ask(1, 2, Command::Metainfo { text: text.into() });
    let expected = Answer::Metainfo { info_hash, metainfo: bytes };
    for text in ["film", "FILM", "il", &info_hash.to_hex(), &info_hash.to_hex()[..8]] {
        assert_eq!(ask(&mut server, text), expected, "{text}");
    }
    assert_eq!(refusal(ask(&mut server, "song")), Refusal::NotFound);
    server.ask(1, 1, register(self::registration("song", 0)));
    assert_eq!(refusal(ask(&mut server, "song")), Refusal::NotFound, "published without metainfo");
    let other = Registration { info_hash: InfoHash([8; 20]), ..self::registration("film", 0) };
    server.ask(1, 3, register(other));
    assert_eq!(names_of(ask(&mut server, "film")).len(), 2, "ambiguous");
    assert_eq!(ask(&mut server, &info_hash.to_hex()), expected);
}

#[test]
fn a_plain_node_lets_nobody_in_and_gives_the_address_that_was_reached() {
    let mut server = Server::new(false);
    let unspecified = SocketAddr::from(([0, 0, 0, 0], 6881));
    let metainfo = torrent("film");
    let description = Description::of(&metainfo, metainfo.to_bytes().into());
    server.catalogue.publish(Instant::ZERO, description, unspecified, true).unwrap();
    let request = AnnounceRequest::plain(AnnounceEvent::Started, Totals::default(), 0);
    let who = Announcer { addr: unspecified, id: PeerId([9; 20]) };
    server.tracker.announce(Instant::ZERO, metainfo.info_hash(), who, &request).unwrap();

    let info_hash = metainfo.info_hash();
    let peers = Command::GetPeers { info_hash, port: 0, numwant: 50 };
    assert_eq!(peers_of(server.ask(0, 1, peers)), (1, 0, vec![addr(99, 6881)]));
    assert_eq!(names_of(server.ask(0, 1, Command::List)), [("film".into(), 1, 0)]);
    for command in [
        register(registration("mine", 0)),
        Command::Update { info_hash, peer_id: PeerId([1; 20]), port: 1, left: 0 },
        Command::Heartbeat { port: 6881, info_hash: None },
        Command::Unregister { port: 6881, info_hash: None },
    ] {
        assert_eq!(refusal(server.ask(1, 1, command)), Refusal::Refused);
    }
    assert_eq!(names_of(server.ask(1, 1, Command::List)).len(), 1);
}

#[test]
fn long_lists_are_cut_and_say_so() {
    let mut server = Server::new(true);
    for number in 0..=500_u16 {
        let [high, low] = number.to_be_bytes();
        let mut info_hash = [0; 20];
        (info_hash[0], info_hash[1]) = (high, low);
        let registration =
            Registration { info_hash: InfoHash(info_hash), ..registration(&format!("file {number:03}"), 0) };
        server.ask(0, 1, register(registration));
    }
    let Answer::Files { files, more: true } = server.ask(1, 1, Command::List) else { panic!() };
    assert_eq!((files.len(), files[499].name.as_str()), (500, "file 499"));
    let Answer::Files { files, more: false } = server.ask(1, 1, Command::Search { text: "file 5".into() })
    else {
        panic!()
    };
    assert_eq!(files.len(), 1);
    let Answer::Error(Refusal::Ambiguous(files), _) =
        server.ask(1, 1, Command::Metainfo { text: "file".into() })
    else {
        panic!()
    };
    assert_eq!(files.len(), 500);
}

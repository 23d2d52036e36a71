//! Commands over loopback: what is asked and answered, and what hostile clients and servers get.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use minibit_core::metainfo::{Builder, Metainfo, PieceHasher};
use minibit_core::tracker::TrackerConfig;
use minibit_core::tracker::json::{self, Answer, Command, MAX_FRAME, Refusal, Registration};
use minibit_core::{InfoHash, PeerId, Seed};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::connection::AskError;
use super::gather::Origin;
use super::*;
use crate::clock::Clock;
use crate::registry::{Registry, lock};

const ID: PeerId = PeerId([9; 20]);
const PATIENCE: Duration = Duration::from_secs(20);

/// A server at a port of its own; ends with the runtime.
async fn server(registry: Registry) -> (SocketAddr, Arc<Mutex<Registry>>) {
    let (listener, registry) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), registry.shared());
    let (addr, shared) = (listener.local_addr().unwrap(), Arc::clone(&registry));
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            tokio::spawn(serve(stream, BytesMut::new(), peer, Arc::clone(&shared)));
        }
    });
    (addr, registry)
}

fn tracker() -> Registry {
    Registry::of_tracker(TrackerConfig::default(), Clock::start(), Seed::from_number(1), [7; 16])
}

fn node() -> Registry {
    Registry::of_node(Clock::start(), Seed::from_number(2))
}

fn torrent(name: &str, private: bool) -> Metainfo {
    let builder = Builder::file(name, 20).private(private);
    let mut hasher = PieceHasher::new(builder.geometry().unwrap());
    hasher.update(&[7; 20]).unwrap();
    builder.build(&hasher.finish().unwrap()).unwrap()
}

fn registration(metainfo: &Metainfo, left: u64) -> Registration {
    Registration {
        info_hash: metainfo.info_hash(),
        peer_id: ID,
        port: 6881,
        name: metainfo.name().into(),
        size: 20,
        files: 1,
        left,
        metainfo: Some(metainfo.to_bytes().into()),
    }
}

fn sources(tracker: SocketAddr) -> Sources {
    Sources { trackers: vec![tracker.to_string().parse().unwrap()], lan: None, patience: PATIENCE }
}

/// Sends bytes and gives everything that comes back until the connection ends.
async fn send_raw(addr: SocketAddr, bytes: &[u8]) -> Vec<Answer> {
    let mut stream = TcpStream::connect(addr).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut received = BytesMut::new();
    while !matches!(stream.read_buf(&mut received).await, Ok(0) | Err(_)) {}
    let mut answers = Vec::new();
    while let Some(frame) = json::take_frame(&mut received, MAX_FRAME).unwrap() {
        answers.push(Answer::parse(&frame).unwrap());
    }
    assert!(received.is_empty(), "half an answer");
    answers
}

fn encoded(commands: &[Command]) -> BytesMut {
    let mut out = BytesMut::new();
    for command in commands {
        command.encode(&mut out);
    }
    out
}

fn refusals(answers: &[Answer]) -> Vec<&Refusal> {
    answers
        .iter()
        .filter_map(|it| if let Answer::Error(refusal, _) = it { Some(refusal) } else { None })
        .collect()
}

async fn standing(publisher: &Publisher, wanted: impl Fn(&Standing) -> bool) {
    let mut standing = publisher.standing();
    tokio::time::timeout(PATIENCE, standing.wait_for(wanted)).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_published_file_is_found_fetched_and_gone_when_it_is_taken_back() {
    let (addr, registry) = server(tracker()).await;
    let (film, song) = (torrent("film.mp4", false), torrent("song.ogg", false));
    let publisher = publish(addr.to_string().parse().unwrap(), registration(&film, 20));
    let other = publish(addr.to_string().parse().unwrap(), registration(&song, 0));
    standing(&publisher, |it| *it == Standing::Published).await;
    standing(&other, |it| *it == Standing::Published).await;

    let gathered = find("FILM", &sources(addr)).await.unwrap();
    assert!(gathered.tracker_error.is_none());
    let Choice::One(found) = choose("FILM", gathered.found).unwrap() else { panic!() };
    assert_eq!((found.name.as_str(), found.seeders, found.leechers), ("film.mp4", 0, 1));
    assert_eq!(metainfo(&found, PATIENCE).await, Some(film.clone()));
    assert_eq!(peers(&found, 0, PATIENCE).await, [SocketAddr::from(([127, 0, 0, 1], 6881))]);
    assert_eq!(list(&sources(addr)).await.found.len(), 2);
    let by_hash = find(&song.info_hash().to_hex()[..10], &sources(addr)).await.unwrap().found;
    assert_eq!(by_hash[0].name, "song.ogg");

    publisher.left(0);
    tokio::time::timeout(PATIENCE, async {
        while find("film.mp4", &sources(addr)).await.unwrap().found[0].seeders == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("the tracker is told at once");
    assert!(lock(&registry).poll_timeout().is_some());
    lock(&registry).handle_timeout();
    publisher.stop().await;
    other.stop().await;
    assert!(list(&sources(addr)).await.found.is_empty());
    assert_eq!(
        lock(&registry).tracker.peers(minibit_core::Instant::MAX, film.info_hash(), addr, 9).peers,
        []
    );
}

#[tokio::test]
async fn a_node_gives_its_own_files_under_the_address_that_was_reached_and_private_ones_never() {
    let mut registry = node();
    let (film, secret) = (torrent("film", false), torrent("secret", true));
    registry.give(&film, (6881, ID), 0).unwrap();
    registry.give(&secret, (6881, ID), 0).unwrap();
    let (addr, _registry) = server(registry).await;
    let gathered = list(&sources(addr)).await;
    let [found] = &gathered.found[..] else { panic!("{gathered:?}") };
    assert_eq!((found.name.as_str(), found.seeders), ("film", 1));
    assert_eq!(peers(found, 0, PATIENCE).await, [SocketAddr::from(([127, 0, 0, 1], 6881))]);
    assert_eq!(metainfo(found, PATIENCE).await, Some(film.clone()));
    let refused = ask_one(addr, &Command::Register(Box::new(registration(&film, 0)))).await;
    assert!(matches!(refused, Err(AskError::Refused(Refusal::Refused, _))), "{refused:?}");
}

async fn ask_one(addr: SocketAddr, command: &Command) -> Result<Answer, AskError> {
    Origin::Node(addr).ask(command, PATIENCE).await
}

#[tokio::test]
async fn several_commands_share_a_connection_however_they_arrive() {
    let (addr, _) = server(tracker()).await;
    let film = torrent("film", false);
    let commands = [
        Command::Register(Box::new(registration(&film, 0))),
        Command::List,
        Command::Heartbeat { port: 6881, info_hash: None },
    ];
    let bytes = encoded(&commands);
    let mut stream = TcpStream::connect(addr).await.unwrap();
    let mut received = BytesMut::new();
    for part in bytes.chunks(7) {
        stream.write_all(part).await.unwrap();
        stream.flush().await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut answers = Vec::new();
    while answers.len() < 3 {
        assert!(stream.read_buf(&mut received).await.unwrap() > 0);
        while let Some(frame) = json::take_frame(&mut received, MAX_FRAME).unwrap() {
            answers.push(Answer::parse(&frame).unwrap());
        }
    }
    assert!(matches!(
        &answers[..],
        [Answer::Peers(_), Answer::Files { files, .. }, Answer::Alive { swarms: 1, .. }] if files.len() == 1
    ));
}

#[tokio::test]
async fn what_was_read_before_is_not_lost() {
    let (listener, registry) = (TcpListener::bind("127.0.0.1:0").await.unwrap(), tracker().shared());
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (stream, peer) = listener.accept().await.unwrap();
    let mut prefix = encoded(&[Command::List, Command::List]);
    let rest = prefix.split_off(30);
    tokio::spawn(serve(stream, prefix, peer, registry));
    client.write_all(&rest).await.unwrap();
    client.shutdown().await.unwrap();
    let mut received = BytesMut::new();
    while client.read_buf(&mut received).await.unwrap() > 0 {}
    for _ in 0..2 {
        let frame = json::take_frame(&mut received, MAX_FRAME).unwrap().unwrap();
        assert_eq!(Answer::parse(&frame), Ok(Answer::Files { files: vec![], more: false }));
    }
}

#[tokio::test]
async fn hostile_clients_are_told_off_and_stop_nobody() {
    let (addr, _) = server(tracker()).await;
    let (plain, _) = server(node()).await;
    // These stay connected: they have begun and go on with nothing.
    let mut idle = Vec::new();
    for bytes in [&b""[..], b"\0", &[0, 0, 0, 200, b'{'], &MAX_FRAME.to_be_bytes()] {
        for _ in 0..5 {
            let mut stream = TcpStream::connect(addr).await.unwrap();
            stream.write_all(bytes).await.unwrap();
            idle.push(stream);
        }
    }
    for bytes in [
        &u32::MAX.to_be_bytes()[..],
        &[0; 4],
        b"\0\0\0\x02{}",
        b"\0\0\0\x04null",
        b"\0\0\0\x10{\"command\":\"x\"}  ",
        &[0, 0, 0, 9, 0xFF, 0xFE, 0xFF, 0xFE, 0xFF, 0xFE, 0xFF, 0xFE, 0xFF],
        &[0, 0, 0, 200, b'['].iter().copied().chain([b'['; 199]).collect::<Vec<_>>()[..],
    ] {
        let answers = send_raw(addr, bytes).await;
        assert_eq!(refusals(&answers), [&Refusal::BadRequest], "{bytes:?}");
    }
    // What a tracker has to read, a plain node has not.
    let answers = send_raw(plain, &5000_u32.to_be_bytes()).await;
    assert_eq!(refusals(&answers), [&Refusal::BadRequest]);
    // Long, and not metainfo. It has its turn when those who have announced so much and sent nothing are gone.
    let long = format!("{{\"command\":\"list\"{}}}", " ".repeat(5000));
    let bytes = [&u32::try_from(long.len()).unwrap().to_be_bytes()[..], long.as_bytes()].concat();
    assert_eq!(refusals(&send_raw(addr, &bytes).await), [&Refusal::BadRequest]);

    let film = torrent("film", false);
    let registered = ask_one(addr, &Command::Register(Box::new(registration(&film, 0)))).await;
    assert!(matches!(registered, Ok(Answer::Peers(_))), "{registered:?}");
    assert_eq!(list(&sources(addr)).await.found.len(), 1);
    drop(idle);
}

#[tokio::test(start_paused = true)]
async fn who_is_silent_or_drips_is_let_go() {
    let (addr, _) = server(tracker()).await;
    let mut silent = TcpStream::connect(addr).await.unwrap();
    let mut half = TcpStream::connect(addr).await.unwrap();
    half.write_all(&[0, 0, 0, 100, b'{']).await.unwrap();
    let mut dripping = TcpStream::connect(addr).await.unwrap();
    // Time passes by itself when everybody waits: what ends is ended by a time-out.
    let drip = async {
        dripping.write_all(&1000_u32.to_be_bytes()).await.unwrap();
        while dripping.write_all(b" ").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    };
    let mut byte = [0];
    let (silent, half, ()) = tokio::join!(silent.read(&mut byte), async { half.read(&mut [0]).await }, drip);
    assert_eq!((silent.unwrap_or(0), half.unwrap_or(0)), (0, 0));
}

/// A server that answers everything with these bytes, and then stays.
async fn liar(bytes: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((mut stream, _)) = listener.accept().await {
            let _gone = stream.write_all(&bytes).await;
            open.push(stream);
        }
    });
    addr
}

#[tokio::test]
async fn answers_of_liars_are_errors_and_not_believed() {
    let film = torrent("film", false);
    let answer = |answer: Answer| {
        let mut out = BytesMut::new();
        answer.encode(&mut out);
        out.to_vec()
    };
    for bytes in [
        u32::MAX.to_be_bytes().to_vec(),
        (2_u32 << 20).to_be_bytes().to_vec(),
        b"\0\0\0\x02{}".to_vec(),
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        answer(Answer::Done),
        answer(Answer::Error(Refusal::Refused, "\u{1b}[31mno".into())),
    ] {
        let gathered = list(&sources(liar(bytes.clone()).await)).await;
        assert!(gathered.found.is_empty() && gathered.tracker_error.is_some(), "{bytes:?}");
    }
    // A tracker that answers a search with what does not fit.
    let other = json::File {
        info_hash: film.info_hash(),
        name: "other".into(),
        size: 1,
        files: 1,
        seeders: 1,
        leechers: 0,
        age: Duration::ZERO,
    };
    let files = answer(Answer::Files { files: vec![other], more: false });
    let gathered = find("film", &sources(liar(files).await)).await.unwrap();
    assert!(gathered.found.is_empty());
    // Metainfo of something else, or none at all: the next one is asked.
    let (truthful, registry) = server(node()).await;
    lock(&registry).give(&film, (6881, ID), 0).unwrap();
    let wrong = torrent("wrong", false);
    let lie = Answer::Metainfo { info_hash: film.info_hash(), metainfo: wrong.to_bytes().into() };
    let garbage = Answer::Metainfo { info_hash: film.info_hash(), metainfo: Bytes::from_static(b"x") };
    let origins = [liar(answer(lie)).await, liar(answer(garbage)).await, truthful].map(Origin::Node).to_vec();
    let mut found = list(&sources(truthful)).await.found.remove(0);
    found.origins = origins;
    assert_eq!(metainfo(&found, PATIENCE).await, Some(film));
    found.info_hash = InfoHash([1; 20]);
    assert_eq!(metainfo(&found, PATIENCE).await, None);
}

#[tokio::test]
async fn a_tracker_that_is_not_there_is_said_to_be_so() {
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let gathered = find("film", &sources(nobody)).await.unwrap();
    assert!(matches!(gathered.tracker_error, Some((_, AskError::Io(_)))), "{gathered:?}");
    let film = torrent("film", false);
    let publisher = publish(nobody.to_string().parse().unwrap(), registration(&film, 0));
    standing(&publisher, |it| matches!(it, Standing::Failed(_))).await;
    publisher.stop().await;
    let nobody = Sources { trackers: Vec::new(), lan: None, patience: PATIENCE };
    assert!(list(&nobody).await.found.is_empty(), "and that at once");
    assert!(find(" ", &nobody).await.is_err());
}

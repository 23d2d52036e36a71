//! The servers over real sockets.

use std::net::Ipv4Addr;

use minibit_core::announce::{AnnounceEvent, AnnounceRequest, Totals};
use minibit_core::rng::Purpose;
use minibit_core::{InfoHash, Instant, PeerId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use super::*;
use crate::announce::{Me, Trackers};
use crate::listener::Visitor;

const HASH: &str = "aaaaaaaaaaaaaaaaaaaa";

/// A tracker on a free port of loopback.
struct World {
    addr: SocketAddr,
    _udp: UdpServer,
    registry: Shared,
}

impl World {
    fn start(config: TrackerConfig, room: usize) -> Self {
        let clock = Clock::start();
        let registry = Registry::of_tracker(config, clock, Seed::from_number(1), [7; 16]).shared();
        let tally = Arc::new(Tally::default());
        // The port that TCP gets may be somebody else's over UDP.
        let (listener, addr, udp) = loop {
            let listener = Listener::bind(Some(Ipv4Addr::LOCALHOST.into()), 0).unwrap();
            let addr = listener.local_addr().unwrap();
            let started = UdpServer::start(addr, [7; 16], clock, Arc::clone(&registry), Arc::clone(&tally));
            if let Ok(udp) = started {
                break (listener, addr, udp);
            }
        };
        let server = Server::new(clock, Arc::clone(&registry), tally, room);
        tokio::spawn(listener.run(move |Visitor { stream, prefix, addr, .. }| {
            tokio::spawn(serve_http(stream, prefix, addr, server.clone()));
        }));
        Self { addr, _udp: udp, registry }
    }

    fn usual() -> Self {
        Self::start(TrackerConfig::default(), 16)
    }

    /// The whole answer to a request, of a connection that is closed afterwards.
    async fn request(&self, request: &str) -> String {
        let mut stream = TcpStream::connect(self.addr).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A reset is an end, too.
        let _ = stream.read_to_end(&mut answer).await;
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn get(&self, target: &str) -> String {
        self.request(&format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await
    }

    fn client(url: String, port: u16) -> Trackers {
        let me = Me { info_hash: InfoHash([b'a'; 20]), peer_id: PeerId([1; 20]), key: 1, port, from: None };
        Trackers::new(
            vec![vec![url]],
            me,
            Clock::start(),
            Seed::from_number(port.into()).stream(Purpose::Test, 0),
        )
    }
}

fn request(event: AnnounceEvent, left: u64) -> AnnounceRequest {
    AnnounceRequest::plain(event, Totals { left, ..Totals::default() }, 50)
}

fn query(port: u16) -> String {
    format!("/announce?info_hash={HASH}&peer_id={HASH}&port={port}&left=1")
}

#[tokio::test]
async fn clients_of_both_protocols_meet() {
    let world = World::usual();
    let http = World::client(format!("http://{}/announce", world.addr), 1_001);
    let udp = World::client(format!("udp://{}/announce", world.addr), 1_002);
    let first = http.announce(request(AnnounceEvent::Started, 5)).await.unwrap();
    assert_eq!((first.peers.len(), first.leechers), (0, 1));
    let second = udp.announce(request(AnnounceEvent::Started, 0)).await.unwrap();
    assert_eq!(second.peers, ["127.0.0.1:1001".parse().unwrap()]);
    assert_eq!((second.seeders, second.leechers), (1, 1));
    let third = http.announce(request(AnnounceEvent::None, 5)).await.unwrap();
    assert_eq!(third.peers, ["127.0.0.1:1002".parse().unwrap()]);
    udp.announce(request(AnnounceEvent::Stopped, 0)).await.unwrap();
    let last = http.announce(request(AnnounceEvent::Completed, 0)).await.unwrap();
    assert_eq!((last.peers.len(), last.seeders), (0, 1));
    let scrape = world.get(&format!("/scrape?info_hash={HASH}")).await;
    let expected =
        format!("d5:filesd20:{HASH}d8:completei1e10:downloadedi1e11:downloadersi0e10:incompletei0eeee");
    assert!(scrape.ends_with(&expected), "{scrape}");
}

#[tokio::test]
async fn a_connection_is_kept_for_the_next_announce() {
    let world = World::usual();
    let mut stream = TcpStream::connect(world.addr).await.unwrap();
    for port in 1..=3 {
        stream
            .write_all(format!("GET {} HTTP/1.1\r\nHost: x\r\n\r\n", query(port)).as_bytes())
            .await
            .unwrap();
        let mut answer = String::new();
        while !answer.ends_with('e') {
            let mut buffer = [0; 1_024];
            let len = stream.read(&mut buffer).await.unwrap();
            assert!(len > 0, "closed");
            answer.push_str(&String::from_utf8_lossy(&buffer[..len]));
        }
        assert!(answer.contains(&format!("incompletei{port}e")), "{answer}");
    }
}

#[tokio::test]
async fn the_first_bytes_may_have_been_read_by_somebody_else() {
    let world = World::usual();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let server = Server::new(Clock::start(), Arc::clone(&world.registry), Arc::default(), 4);
    tokio::spawn(async move {
        let (mut stream, peer) = listener.accept().await.unwrap();
        let mut prefix = bytes::BytesMut::zeroed(4);
        stream.read_exact(&mut prefix).await.unwrap();
        serve_http(stream, prefix, peer, server).await;
    });
    let world = World { addr, ..world };
    assert!(world.get(&query(5)).await.contains("incompletei1e"));
}

#[tokio::test]
async fn people_and_programs_see_the_state() {
    let world = World::usual();
    world.get(&query(5)).await;
    world.get("/announce?port=1").await;
    let page = world.get("/").await;
    assert!(
        page.starts_with("HTTP/1.1 200 OK") && page.contains("content-security-policy: default-src 'none'"),
        "{page}"
    );
    assert!(
        page.contains("1 swarm, 0 seeders, 1 leecher, 0 completed") && page.contains(&"61".repeat(20)),
        "{page}"
    );
    let json = world.get("/status.json").await;
    let (_, body) = json.split_once("\r\n\r\n").unwrap();
    let value: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(
        (&value["schema"], &value["leechers"], &value["http"]["refused"]),
        (&1.into(), &1.into(), &1.into())
    );
    assert_eq!(value["largest_swarms"][0]["info_hash"], "61".repeat(20));
    let metrics = world.get("/metrics").await;
    for line in [
        "# TYPE minibit_tracker_announces_total counter",
        "minibit_tracker_announces_total{protocol=\"http\"} 1",
        "minibit_tracker_refused_total{protocol=\"http\"} 1",
        "minibit_tracker_peers{role=\"leecher\"} 1",
    ] {
        assert!(metrics.lines().any(|candidate| candidate == line), "{line}\n{metrics}");
    }
    assert!(world.get("/other").await.starts_with("HTTP/1.1 404"));
    assert!(
        world
            .request("POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .await
            .starts_with("HTTP/1.1 405")
    );
}

#[tokio::test]
async fn the_silent_are_not_handed_out_and_then_forgotten() {
    let timeout = Duration::from_millis(1);
    let world = World::start(TrackerConfig { timeout, ..TrackerConfig::default() }, 16);
    world.get(&query(5)).await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    let answer = world.get(&query(6)).await;
    assert!(answer.contains("incompletei1e") && answer.contains("5:peers0:"), "{answer}");
    let tracker = &mut lock(&world.registry).tracker;
    // The peer, and then the swarm without peers.
    tracker.handle_timeout(Instant::from_secs(1_000));
    tracker.handle_timeout(Instant::from_secs(2_000));
    assert_eq!(tracker.swarm_count(), 0);
}

#[tokio::test]
async fn what_is_no_http_is_closed_and_others_are_served() {
    let world = World::usual();
    let long = format!("GET /{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(20_000));
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "X-A: b\r\n".repeat(500));
    for request in
        ["\x13BitTorrent protocol", "\0\0\0\0\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", &long, &many]
    {
        let answer = world.request(request).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4"), "{answer}");
    }
    assert!(world.get(&query(5)).await.contains("incompletei1e"));
}

/// Four places, forty connections that say nothing or half a request: who asks properly is answered.
#[tokio::test]
async fn silent_connections_keep_nobody_out() {
    let world = World::start(TrackerConfig::default(), 4);
    let mut silent = Vec::new();
    for number in 0..40 {
        let mut stream = TcpStream::connect(world.addr).await.unwrap();
        if number % 2 == 0 {
            stream.write_all(b"GET /announce?").await.unwrap();
        }
        silent.push(stream);
        if number % 8 == 7 {
            assert!(world.get(&query(number)).await.contains("d8:complete"));
        }
    }
    // The first ones were shown out.
    assert_eq!(silent[0].read(&mut [0; 8]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn datagrams_of_any_sort_do_no_harm() {
    let world = World::usual();
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(world.addr).await.unwrap();
    let mut rng = Seed::from_number(4).stream(Purpose::Test, 0);
    for _ in 0..500 {
        let garbage: Vec<u8> = (0..rng.index(4_000)).map(|_| rng.next_u64().to_be_bytes()[0]).collect();
        // A full buffer loses some.
        let _ = socket.try_send(&garbage);
    }
    let client = World::client(format!("udp://{}", world.addr), 9);
    assert_eq!(client.announce(request(AnnounceEvent::Started, 5)).await.unwrap().leechers, 1);
    assert!(socket.try_recv(&mut [0; 64]).is_err(), "garbage gets no answer");
}

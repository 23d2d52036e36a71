//! Trackers that answer too much, too slowly, wrongly, or something else.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use minibit_core::announce::Totals;
use minibit_core::rng::Purpose;
use minibit_core::{Geometry, Seed};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::sleep;

use super::*;
use crate::limits::TRACKER_BODY;

const BODY: &str = "d8:completei1e10:incompletei2e8:intervali900e5:peers6:\x01\x02\x03\x04\x1a\x2be";

/// A tracker that treats every connection in the same way, after it has read the request's head.
struct Hostile {
    addr: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl Hostile {
    async fn start<F>(treat: impl Fn(TcpStream, String) -> F + Send + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let addr = listener.local_addr().unwrap();
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                count.fetch_add(1, Ordering::Relaxed);
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                tokio::spawn(treat(stream, String::from_utf8(head).unwrap()));
            }
        });
        Self { addr, asked }
    }

    /// One that answers with these bytes and closes.
    async fn saying(answer: impl Into<Vec<u8>>) -> Self {
        let answer: Arc<[u8]> = answer.into().into();
        Self::start(move |mut stream, _| {
            let answer = Arc::clone(&answer);
            async move {
                // It may be cut off in the middle.
                let _ = stream.write_all(&answer).await;
            }
        })
        .await
    }

    fn url(&self) -> String {
        format!("http://{}/announce", self.addr)
    }

    async fn announced(&self) -> Result<AnnounceResponse<SocketAddr>, TrackerFailure> {
        announced(&self.url()).await
    }
}

fn trackers(urls: &[&[&str]]) -> Trackers {
    let me =
        Me { info_hash: InfoHash([1; 20]), peer_id: PeerId([2; 20]), key: 0xabc, port: 6881, from: None };
    let tiers = urls.iter().map(|tier| tier.iter().map(|&url| url.into()).collect()).collect();
    Trackers::new(tiers, me, Clock::start(), Seed::from_number(1).stream(Purpose::Test, 0))
}

fn request(event: AnnounceEvent) -> AnnounceRequest {
    AnnounceRequest::plain(event, Totals { uploaded: 1, downloaded: 2, left: 3 }, 50)
}

/// What comes of an announce to one tracker.
async fn announced(url: &str) -> Result<AnnounceResponse<SocketAddr>, TrackerFailure> {
    let done = trackers(&[&[url]]).announce(request(AnnounceEvent::Started)).await;
    done.map_err(|mut failures| failures.0.pop().expect("one tracker, one failure").1)
}

fn http(head: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{head}\r\n{body}")
}

#[tokio::test]
async fn the_request_is_what_trackers_expect_and_answers_come_in_any_framing() {
    let tracker = Hostile::start(|mut stream, head| async move {
        let target = "GET /announce?info_hash=%01%01%01%01%01%01%01%01%01%01%01%01%01%01%01%01%01%01%01%01&peer_id=%02%02%02%02\
                      %02%02%02%02%02%02%02%02%02%02%02%02%02%02%02%02&port=6881&uploaded=1&downloaded=2&left=3&compact=1\
                      &numwant=50&key=00000abc&event=started HTTP/1.1\r\n";
        assert!(head.starts_with(target), "{head}");
        assert!(!head.to_lowercase().contains("accept-encoding"), "{head}");
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        let (first, second) = BODY.split_at(10);
        let chunks = format!("{chunked}a\r\n{first}\r\n{:x}\r\n{second}\r\n0\r\n\r\n", second.len());
        stream.write_all(chunks.as_bytes()).await.unwrap();
    })
    .await;
    let response = tracker.announced().await.unwrap();
    assert_eq!(response.peers, ["1.2.3.4:6699".parse().unwrap()]);
    assert_eq!((response.seeders, response.leechers, response.interval), (1, 2, Duration::from_mins(15)));
    for head in [format!("Content-Length: {}\r\n", BODY.len()), "Connection: close\r\n".into(), String::new()]
    {
        let response = Hostile::saying(http(&head, BODY)).await.announced().await.unwrap();
        assert_eq!(response.peers.len(), 1, "{head}");
    }
}

#[tokio::test]
async fn answers_that_are_none_are_typed_errors() {
    use TrackerFailure::{Answer, Encoded, Http, Status};

    let answer = async |text: String| Hostile::saying(text).await.announced().await;
    assert!(matches!(answer("HTTP/1.1 500 Oh\r\n\r\n".into()).await, Err(Status(_))));
    assert!(matches!(answer("HTTP/1.1 302 Found\r\n\r\n".into()).await, Err(Status(_))));
    assert!(matches!(answer(http("", "")).await, Err(Answer(ResponseError::Bencode(_)))));
    assert!(matches!(answer(http("", "<html>")).await, Err(Answer(ResponseError::Bencode(_)))));
    assert!(matches!(
        answer(http("", "d8:intervali-1ee")).await,
        Err(Answer(ResponseError::Malformed { .. }))
    ));
    assert!(matches!(answer(http("Content-Encoding: gzip\r\n", "\x1f")).await, Err(Encoded)));
    assert!(matches!(answer(http("Content-Length: 900\r\n", BODY)).await, Err(Http(_))), "cut off");
    for nonsense in ["", "\0\0\0\0\0\0\0\0\r\n\r\n", "SSH-2.0-x\r\n", "HTTP/1.1 999999 x\r\n\r\n"] {
        assert!(matches!(answer(nonsense.into()).await, Err(Http(_))), "{nonsense}");
    }
    let long = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "a".repeat(100_000));
    assert!(matches!(answer(long).await, Err(Http(_))));
}

#[tokio::test]
async fn no_more_is_read_than_an_answer_can_have() {
    let told = Hostile::saying(http("Content-Length: 999999999999\r\n", "d")).await.announced().await;
    assert!(matches!(told, Err(TrackerFailure::TooLong { .. })));
    let endless: [(&[u8], &[u8]); 3] = [
        (b"HTTP/1.1 200 OK\r\n\r\n", b"l"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nl\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ];
    for (head, again) in endless {
        let taken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&taken);
        let tracker = Hostile::start(move |mut stream, _| {
            let (count, many) = (Arc::clone(&count), again.repeat(1_000));
            async move {
                stream.write_all(head).await.unwrap();
                while stream.write_all(&many).await.is_ok() {
                    count.fetch_add(many.len(), Ordering::Relaxed);
                }
            }
        })
        .await;
        let told = tracker.announced().await;
        assert!(matches!(told, Err(TrackerFailure::TooLong { .. } | TrackerFailure::Http(_))), "{told:?}");
        // What lies in the kernel's buffers has left the tracker and not been read.
        assert!(taken.load(Ordering::Relaxed) < TRACKER_BODY + 16 * 1024 * 1024);
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_slow_is_given_up_however_it_is_slow() {
    let silent = Hostile::start(|stream, _| async move {
        sleep(Duration::from_hours(1)).await;
        drop(stream);
    })
    .await;
    assert!(matches!(silent.announced().await, Err(TrackerFailure::TimedOut)));
    let dripping = Hostile::start(|mut stream, _| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(b"l").await.is_ok() {
            sleep(Duration::from_secs(1)).await;
        }
    })
    .await;
    assert!(matches!(dripping.announced().await, Err(TrackerFailure::TimedOut)));
}

#[tokio::test]
async fn redirects_are_few_checked_and_not_in_circles() {
    let honest = Hostile::saying(http("", BODY)).await;
    let location = |url: &str| format!("HTTP/1.1 302 Found\r\nLocation: {url}\r\n\r\n");
    let once = Hostile::saying(location(&honest.url())).await;
    assert_eq!(once.announced().await.unwrap().peers.len(), 1);

    let circle = Hostile::start(|mut stream, head| async move {
        let longer =
            head.split('?').next().unwrap_or_default().trim_start_matches("GET ").to_owned() + "/more";
        let _ =
            stream.write_all(format!("HTTP/1.1 302 Found\r\nLocation: {longer}\r\n\r\n").as_bytes()).await;
    })
    .await;
    assert!(matches!(circle.announced().await, Err(TrackerFailure::Redirects)));
    assert_eq!(circle.asked.load(Ordering::Relaxed), 2);

    // To itself, with and without what was asked.
    for more in ["", "?", "?numwant=7&event=stopped"] {
        let itself = Hostile::saying(location(&format!("/announce{more}"))).await;
        assert!(matches!(itself.announced().await, Err(TrackerFailure::Redirects)), "{more}");
        assert_eq!(itself.asked.load(Ordering::Relaxed), 1, "{more}");
    }

    let mut chain = honest;
    for _ in 0..6 {
        chain = Hostile::saying(location(&chain.url())).await;
    }
    assert!(matches!(chain.announced().await, Err(TrackerFailure::Redirects)));

    for forbidden in
        ["https://a.lan/announce", "file:///etc/passwd", "udp://a.lan:1/", "ftp://a.lan/", "http://u@a.lan/"]
    {
        let failure = Hostile::saying(location(forbidden)).await.announced().await;
        assert!(matches!(failure, Err(TrackerFailure::RedirectTo(_))), "{forbidden}: {failure:?}");
    }
    let inside = Hostile::saying(http("", BODY)).await;
    let inwards = Hostile::saying(location(&format!("http://{}/admin", inside.addr))).await;
    assert!(matches!(inwards.announced().await, Err(TrackerFailure::Forbidden(_))));
    assert_eq!(inside.asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn services_of_this_machine_are_not_asked_for_other_paths() {
    let inside = Hostile::saying(http("", BODY)).await;
    let port = inside.addr.port();
    for host in ["127.0.0.1", "localhost", "0.0.0.0", "[::ffff:127.0.0.1]"] {
        let failure = announced(&format!("http://{host}:{port}/cgi-bin/admin?do=it")).await;
        assert!(matches!(failure, Err(TrackerFailure::Forbidden(_))), "{host}: {failure:?}");
    }
    assert_eq!(inside.asked.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn the_next_tracker_is_asked_and_who_answers_comes_first_next_time() {
    let (good, bad) = (Hostile::saying(http("", BODY)).await, Hostile::saying("nonsense").await);
    let (good_url, bad_url, bad_too) = (good.url(), bad.url(), bad.url() + "/2");
    let trackers = trackers(&[&[&bad_url], &[&bad_too, &good_url, "https://a.lan/announce"]]);
    for _ in 0..2 {
        trackers.announce(request(AnnounceEvent::None)).await.unwrap();
    }
    // Its second URL is not tried when its first has failed.
    assert_eq!((bad.asked.load(Ordering::Relaxed), good.asked.load(Ordering::Relaxed)), (2, 2));
    trackers.announce(request(AnnounceEvent::Stopped)).await.unwrap();
    assert_eq!(
        (bad.asked.load(Ordering::Relaxed), good.asked.load(Ordering::Relaxed)),
        (2, 3),
        "goodbye to one alone"
    );
}

#[tokio::test]
async fn all_failures_are_told_and_a_refusal_is_the_trackers_own() {
    let refusing = Hostile::saying(http("", "d14:failure reason9:go\x1b[31maye")).await;
    let url = refusing.url();
    let trackers = trackers(&[&["https://a.lan/announce"], &[&url]]);
    let failures = trackers.announce(request(AnnounceEvent::Started)).await.unwrap_err();
    let told = failures.to_string();
    assert!(told.starts_with("https://a.lan/announce: https is not supported"), "{told}");
    assert!(told.ends_with("answered: refused: go\\u{1b}[31may") && told.contains("; "), "{told}");
    assert_eq!(AnnounceError::from(failures), AnnounceError::Refused("go\x1b[31may".into()));
    let nobody = trackers.announce(request(AnnounceEvent::Stopped)).await.unwrap_err();
    assert_eq!(AnnounceError::from(nobody), AnnounceError::Unreachable, "nobody to say goodbye to");
}

/// A UDP tracker that answers each datagram with what `answer` makes of it.
async fn udp_tracker(answer: impl Fn(&[u8]) -> Vec<Vec<u8>> + Send + 'static) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let url = format!("udp://{}/announce", socket.local_addr().unwrap());
    tokio::spawn(async move {
        let mut buffer = [0; 2_048];
        loop {
            let (len, from) = socket.recv_from(&mut buffer).await.unwrap();
            for reply in answer(&buffer[..len]) {
                socket.send_to(&reply, from).await.unwrap();
            }
        }
    });
    url
}

fn reply(action: u8, transaction: &[u8], rest: &[u8]) -> Vec<u8> {
    [&[0, 0, 0, action], transaction, rest].concat()
}

#[tokio::test]
async fn udp_answers_count_when_they_are_ours() {
    let honest = udp_tracker(|datagram| {
        let transaction = &datagram[12..16];
        let wrong: Vec<u8> = transaction.iter().map(|byte| !byte).collect();
        let (action, rest) = match datagram[11] {
            0 => (0, b"12345678".to_vec()),
            _ => (1, [&[0, 0, 3, 0x84], &[0; 8][..], &[1, 2, 3, 4, 5, 6]].concat()),
        };
        let noise = reply(3, &wrong, b"not for you");
        vec![noise.clone(), b"x".to_vec(), reply(action, transaction, &rest), noise]
    })
    .await;
    let response = announced(&honest).await.unwrap();
    assert_eq!(response.peers, ["1.2.3.4:1286".parse().unwrap()]);
    assert_eq!(response.interval, Duration::from_mins(15));

    let refusing = udp_tracker(|datagram| vec![reply(3, &datagram[12..16], b"no")]).await;
    let refused = TrackerFailure::Udp(UdpTrackerError::Refused("no".into()));
    assert_eq!(announced(&refusing).await.unwrap_err().to_string(), refused.to_string());
    let broken = udp_tracker(|datagram| vec![reply(0, &datagram[12..16], b"1234")]).await;
    assert!(matches!(announced(&broken).await, Err(TrackerFailure::Udp(UdpTrackerError::Malformed(_)))));
    let noisy = udp_tracker(|_| vec![b"noise".to_vec(); 1_100]).await;
    assert!(matches!(announced(&noisy).await, Err(TrackerFailure::Noise)));
}

#[tokio::test]
async fn a_udp_port_that_nobody_has_is_told_at_once() {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let addr = socket.local_addr().unwrap();
    drop(socket);
    assert!(matches!(announced(&format!("udp://{addr}")).await, Err(TrackerFailure::Connect(_))));
}

/// What a hostile tracker makes of a request: datagrams, out of the request's transaction id and whether it is the first one.
type Answer = fn(transaction: &[u8], connects: bool) -> Vec<Vec<u8>>;

/// An honest answer to the first request, so that the second one is asked.
fn let_in(transaction: &[u8]) -> Vec<Vec<u8>> {
    vec![reply(0, transaction, b"12345678")]
}

/// A tracker that speaks UDP, by what `answer` says, and the honest one in the next tier that is asked instead.
async fn passed_over(answer: Answer) -> TrackerFailure {
    let hostile = udp_tracker(move |datagram| {
        let connects = datagram.get(8..12) == Some(&[0, 0, 0, 0]);
        answer(&datagram[12..16], connects)
    })
    .await;
    let honest = Hostile::saying(http("", BODY)).await;
    let both = trackers(&[&[&hostile], &[&honest.url()]]);
    let response = both.announce(request(AnnounceEvent::Started)).await.unwrap();
    assert_eq!(response.peers.len(), 1, "the honest one has answered");
    announced(&hostile).await.unwrap_err()
}

#[tokio::test]
async fn a_hostile_udp_tracker_is_a_typed_error_and_the_next_tier_is_asked() {
    use minibit_core::tracker::udp::ResponseError::{Action, Interval, Length};
    use minibit_core::tracker::udp::UdpTrackerError::{Malformed, Refused, Unasked};

    let table: [(&str, Answer, UdpTrackerError); 9] = [
        ("too short to connect", |t, _| vec![reply(0, t, b"1234567")], Malformed(Length { len: 15 })),
        (
            "an action that there is not",
            |t, _| vec![reply(7, t, b"12345678")],
            Malformed(Action { action: 7 }),
        ),
        ("peers before the id", |t, _| vec![reply(1, t, &[0; 12])], Unasked),
        ("an error at once", |t, _| vec![reply(3, t, b"go away")], Refused("go away".into())),
        (
            "an announce that is too short",
            |t, connects| if connects { let_in(t) } else { vec![reply(1, t, &[0; 11])] },
            Malformed(Length { len: 19 }),
        ),
        (
            "half a peer",
            |t, connects| if connects { let_in(t) } else { vec![reply(1, t, &[0; 15])] },
            Malformed(Length { len: 23 }),
        ),
        (
            "an interval in the past",
            |t, connects| if connects { let_in(t) } else { vec![reply(1, t, &[0xff; 12])] },
            Malformed(Interval { seconds: -1 }),
        ),
        (
            "counters that nobody has asked for",
            |t, connects| if connects { let_in(t) } else { vec![reply(2, t, &[0; 12])] },
            Unasked,
        ),
        (
            "an endless error",
            |t, connects| if connects { let_in(t) } else { vec![reply(3, t, &[b'!'; 8_000])] },
            Refused("!".repeat(512)),
        ),
    ];
    for (name, answer, expected) in table {
        match passed_over(answer).await {
            TrackerFailure::Udp(failure) => assert_eq!(failure, expected, "{name}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    let flood: Answer = |t, _| vec![reply(0, &[t[0] ^ 1, 0, 0, 0], b"12345678"); 1_100];
    assert!(matches!(passed_over(flood).await, TrackerFailure::Noise));
}

/// More peers than were wanted, in the longest datagram that there is: as many are kept as of any answer.
#[tokio::test]
async fn a_udp_tracker_cannot_name_more_peers_than_are_kept() {
    let generous = udp_tracker(|datagram| match datagram[11] {
        0 if datagram.len() == 16 => let_in(&datagram[12..16]),
        _ => vec![reply(1, &datagram[12..16], &[[0, 0, 3, 0x84].to_vec(), vec![9; 8 + 6 * 10_000]].concat())],
    })
    .await;
    assert!(announced(&generous).await.unwrap().peers.len() <= 1_000);
}

/// Time stands still but for the timers of those who wait.
#[tokio::test(start_paused = true)]
async fn a_udp_tracker_that_says_nothing_to_the_point_is_given_up() {
    let answers: [Answer; 3] = [
        |_, _| Vec::new(),
        |t, _| vec![reply(0, &[t[0] ^ 1, t[1], t[2], t[3]], b"12345678")],
        |_, _| vec![Vec::new(), b"\0\0\0".to_vec(), vec![0x5a; 900]],
    ];
    for answer in answers {
        assert!(matches!(passed_over(answer).await, TrackerFailure::TimedOut));
    }
}

/// A tracker of S5 that takes a connection in, reads what is asked, and says this.
async fn greet(listener: &TcpListener, frames: &[&str]) -> (TcpStream, String) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let len = stream.read_u32().await.unwrap();
    let mut question = vec![0; len as usize];
    stream.read_exact(&mut question).await.unwrap();
    for frame in frames {
        stream.write_u32(u32::try_from(frame.len()).unwrap()).await.unwrap();
        stream.write_all(frame.as_bytes()).await.unwrap();
    }
    (stream, String::from_utf8(question).unwrap())
}

#[tokio::test]
async fn a_registration_lasts_as_long_as_its_connection_and_is_renewed_with_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("s5://{}", listener.local_addr().unwrap());
    let geometry = Geometry::new(20, 8, 8).unwrap();
    let about = About {
        file: "movie.mp4".into(),
        geometry,
        metainfo: Bytes::from_static(b"de"),
        shelf: Shelf::default(),
    };
    let (news, mut told) = mpsc::channel(8);
    let trackers = Arc::new(trackers(&[&[&url]]).about(about, news));
    let asking = Arc::clone(&trackers);
    let answer = tokio::spawn(async move { asking.announce(request(AnnounceEvent::Started)).await });
    let listed = |host: u8| {
        format!(
            r#"{{"tipo":"LISTA_PEERS","arquivo":"movie.mp4","info_hash":"{}","tamanho":20,"tamanho_bloco":8,"total_blocos":3,"hashes":"{}","peers":[{{"id":"p","ip":"10.0.0.{host}","porta":9001}}]}}"#,
            "01".repeat(20),
            "A".repeat(80)
        )
    };
    let joined = r#"{"tipo":"NOVO_PEER","id":"p2","ip":"10.0.0.2","porta":9002}"#;
    let (stream, question) = greet(&listener, &[&listed(1), joined]).await;
    assert!(question.starts_with(r#"{"tipo":"REGISTRO","#), "{question}");
    assert_eq!(answer.await.unwrap().unwrap().peers, ["10.0.0.1:9001".parse().unwrap()]);
    assert_eq!(told.recv().await, Some("10.0.0.2:9002".parse().unwrap()));
    // The tracker is started anew: nobody has to ask for us to be registered again.
    drop(stream);
    let (_stream, again) = greet(&listener, &[&listed(3)]).await;
    assert_eq!(again, question);
    assert_eq!(told.recv().await, Some("10.0.0.3:9001".parse().unwrap()));
    // Without anybody who could ask, the connection closes.
    drop(trackers);
    assert_eq!(told.recv().await, None);
}

use core::net::SocketAddr;
use core::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::announce::{AnnounceEvent, AnnounceRequest, Totals};
use crate::id::{InfoHash, PeerId};
use crate::rng::Seed;
use crate::time::Instant;
use crate::tracker::directory::Ends;
use crate::tracker::{Announcer, Query, Scrape, Tracker, TrackerConfig};

const HASH: &str = "%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A";
const HASH_BYTES: [u8; 20] = *b"\x124Vx\x9a\xbc\xde\xf1#Eg\x89\xab\xcd\xef\x124Vx\x9a";

fn tracker() -> Tracker<SocketAddr> {
    Tracker::new(TrackerConfig::default(), Seed::from_number(1))
}

/// The shortest query that is answered, and what is to follow it.
fn query(rest: &str) -> Vec<u8> {
    format!("info_hash={HASH}&peer_id=-LT2110-abcdefghijkl&port=6881&left=5{rest}").into_bytes()
}

fn ask(tracker: &mut Tracker<SocketAddr>, from: &str, query: &[u8]) -> Vec<u8> {
    let ends = Ends { peer: from.parse().unwrap(), local: "192.0.2.9".parse().unwrap() };
    announce(tracker, Instant::ZERO, ends, query)
}

/// The query strings of five clients: what they add to the standard, and the escapes that they choose.
#[test]
fn what_real_clients_send_is_read() {
    let table: [(&str, &[u8; 20], u16, AnnounceEvent, u32); 5] = [
        (
            "info_hash=%124Vx%9a%bc%de%f1%23Eg%89%ab%cd%ef%124Vx%9a&peer_id=-LT2110-q%21sOXwVB%28wT_&port=6881&uploaded=0\
             &downloaded=0&left=0&corrupt=0&key=5BD30B08&event=started&numwant=200&compact=1&no_peer_id=1\
             &supportcrypto=1&redundant=0",
            b"-LT2110-q!sOXwVB(wT_",
            6881,
            AnnounceEvent::Started,
            200,
        ),
        (
            "info_hash=%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A&peer_id=-TR3000-0123456789ab&port=51413&uploaded=0\
             &downloaded=26214400&left=0&numwant=80&key=1431655765&compact=1&supportcrypto=1&requirecrypto=0&event=completed",
            b"-TR3000-0123456789ab",
            51413,
            AnnounceEvent::Completed,
            80,
        ),
        (
            "info_hash=%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A&peer_id=A2%2D1%2D36%2D0%2D%00%FF%01%02%03%04%05%06%07%08\
             &uploaded=0&downloaded=0&left=26214400&compact=1&key=A2-1-36-&numwant=50&no_peer_id=1&port=6999\
             &event=started&supportcrypto=1",
            b"A2-1-36-0-\x00\xff\x01\x02\x03\x04\x05\x06\x07\x08",
            6999,
            AnnounceEvent::Started,
            50,
        ),
        (
            "info_hash=%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A&peer_id=-lt0D80-%AA%BB%CC%DD%EE%FF%00%11%22%33%44%55\
             &key=01020304&ip=10.0.0.99&compact=1&port=6890&uploaded=0&downloaded=0&left=1&event=stopped",
            b"-lt0D80-\xaa\xbb\xcc\xdd\xee\xff\x00\x11\x22\x33\x44\x55",
            6890,
            AnnounceEvent::Stopped,
            50,
        ),
        (
            "info_hash=%124Vx%9A%BC%DE%F1%23Eg%89%AB%CD%EF%124Vx%9A&peer_id=-rQ9100-~~~~........&event=&port=4240\
             &uploaded=0&downloaded=0&left=1&compact=1",
            b"-rQ9100-~~~~........",
            4240,
            AnnounceEvent::None,
            50,
        ),
    ];
    for (text, peer_id, port, event, numwant) in table {
        let query = parse_announce(text.as_bytes()).unwrap();
        assert_eq!(query.info_hash, InfoHash(HASH_BYTES), "{text}");
        assert_eq!((&query.peer_id.0, query.port), (peer_id, port), "{text}");
        assert_eq!((query.request.event, query.request.numwant), (event, numwant), "{text}");
    }
}

#[test]
fn what_is_missing_or_malformed_is_named() {
    use QueryError::{Escape, Event, Length, Missing, Number, Twice};

    let hash = |hash: &str| {
        parse_announce(format!("info_hash={hash}&peer_id=01234567890123456789&port=1&left=0").as_bytes())
    };
    let key = "info_hash";
    assert_eq!(hash(&HASH[3..]), Err(Length { key, len: 19 }));
    assert_eq!(hash(&format!("{HASH}a")), Err(Length { key, len: 21 }));
    assert_eq!(hash(""), Err(Length { key, len: 0 }));
    for broken in ["%", "%1", "%zz", "%+1", "01234567890123456789%"] {
        assert_eq!(hash(broken), Err(Escape { key }), "{broken}");
    }
    assert_eq!(hash("++++++++++++++++++++").unwrap().info_hash, InfoHash([b'+'; 20]), "a plus is a plus");
    assert_eq!(parse_announce(b""), Err(Missing { key: "port" }));
    assert_eq!(parse_announce(b"port=1&left=0"), Err(Missing { key }));

    let rest = |rest: &str| parse_announce(&query(rest)).map(|query| query.request);
    assert_eq!(rest("&port=2"), Err(Twice { key: "port" }));
    for (text, key) in [
        ("&uploaded=", "uploaded"),
        ("&uploaded=-1", "uploaded"),
        ("&downloaded=1e3", "downloaded"),
        ("&downloaded=18446744073709551616", "downloaded"),
        ("&numwant=-x", "numwant"),
        ("&numwant=many", "numwant"),
    ] {
        assert_eq!(rest(text), Err(Number { key }), "{text}");
    }
    assert_eq!(rest("&event=gone"), Err(Event));
    assert_eq!(rest("&numwant=-1").unwrap().numwant, 50);
    assert_eq!(rest("&numwant=99999999999").unwrap().numwant, u32::MAX);
    assert_eq!(rest("&downloaded=%31%38").unwrap().downloaded, 18);
    for port in ["0", "65536", "x"] {
        let query = format!("info_hash={HASH}&peer_id=01234567890123456789&port={port}&left=0");
        assert_eq!(parse_announce(query.as_bytes()), Err(Number { key: "port" }), "{port}");
    }
}

#[test]
fn answers_are_compact_and_both_families_are_in_them() {
    let mut tracker = tracker();
    assert_eq!(
        ask(&mut tracker, "10.0.0.1", &query("&ip=9.9.9.9&compact=0")),
        b"d8:completei0e10:incompletei1e8:intervali1800e12:min intervali60e5:peers0:e"
    );
    ask(&mut tracker, "2001:db8::7", &query("&event=started"));
    let body = ask(&mut tracker, "::ffff:10.0.0.2", &query(""));
    let answer = parse_response(&body).unwrap();
    assert_eq!((answer.response.leechers, answer.response.seeders, answer.warning), (3, 0, None));
    let mut peers: Vec<_> = answer.response.peers.iter().map(ToString::to_string).collect();
    peers.sort_unstable();
    assert_eq!(peers, ["10.0.0.1:6881", "[2001:db8::7]:6881"], "not what `ip` said");
    assert_eq!(answer.response.interval, Duration::from_mins(30));
}

#[test]
fn a_refusal_says_why() {
    let body = ask(&mut tracker(), "10.0.0.1", b"port=1");
    assert_eq!(body, b"d14:failure reason20:info_hash is missinge");
}

#[test]
fn a_scrape_counts_the_swarms_that_are_known() {
    let mut tracker = tracker();
    ask(&mut tracker, "10.0.0.1", &query(""));
    let unknown = "%00".repeat(20);
    let query = format!("info_hash={unknown}&info_hash={HASH}");
    let body = scrape(&mut tracker, Instant::ZERO, query.as_bytes());
    let counters = Scrape { seeders: 0, leechers: 1, downloaders: 1, downloaded: 0 };
    assert_eq!(parse_scrape_response(&body), Ok(vec![(InfoHash(HASH_BYTES), counters)]));
    let refused = Err(ResponseError::Refused("info_hash is missing".into()));
    assert_eq!(parse_scrape_response(&scrape(&mut tracker, Instant::ZERO, b"")), refused);
    let mut many = String::new();
    scrape_query(&[InfoHash([1; 20]); MAX_SCRAPE], &mut many);
    assert_eq!(parse_scrape(many.as_bytes()).unwrap().len(), MAX_SCRAPE);
    assert_eq!(parse_scrape(format!("{many}&info_hash={HASH}").as_bytes()), Err(QueryError::TooMany));
}

#[test]
fn peers_as_dictionaries_are_read() {
    let body = b"d8:intervali900e5:peersld2:ip8:10.0.0.17:peer id20:aaaaaaaaaaaaaaaaaaaa4:porti6881eed2:ip3:::14:porti1eed2:ip\
                 9:localhost4:porti1eed2:ip7:1.2.3.44:porti0eed2:ip7:1.2.3.44:porti70000eeee";
    let answer = parse_response(body).unwrap().response;
    assert_eq!(answer.peers, ["10.0.0.1:6881".parse().unwrap(), "[::1]:1".parse::<SocketAddr>().unwrap()]);
    assert_eq!((answer.interval, answer.min_interval), (Duration::from_mins(15), None));
}

#[test]
fn what_a_hostile_tracker_says_is_a_typed_error() {
    use ResponseError::{Bencode, Malformed, Missing, NoDict, Refused};

    let malformed = |key| Err(Malformed { key });
    let table: [(&[u8], Result<Answer, ResponseError>); 11] = [
        (b"i1e", Err(NoDict)),
        (b"de", Err(Missing { key: "interval" })),
        (b"d8:intervali-1ee", malformed("interval")),
        (b"d8:interval3:900e", malformed("interval")),
        (b"d8:intervali1e12:min intervali-9223372036854775808ee", malformed("min interval")),
        (b"d8:intervali1e5:peers7:1234567e", malformed("peers")),
        (b"d8:intervali1e5:peersi5ee", malformed("peers")),
        (b"d8:intervali1e5:peersli5eee", malformed("peers")),
        (b"d8:intervali1e5:peersld2:ip7:1.2.3.4eee", malformed("peers")),
        (b"d8:intervali1e5:peers0:6:peers66:123456e", malformed("peers6")),
        (b"d14:failure reason4:gonee", Err(Refused("gone".into()))),
    ];
    for (body, expected) in table {
        assert_eq!(parse_response(body), expected, "{}", String::from_utf8_lossy(body));
    }
    for body in [
        &b""[..],
        b"<html>",
        b"d8:intervali99999999999999999999ee",
        b"d5:peers0:i1e8:intervali1ee",
        &[b'l'; 10_000],
    ] {
        assert!(matches!(parse_response(body), Err(Bencode(_))));
    }
    let endless =
        parse_response(b"d8:completei-1e10:incompletei9223372036854775807e8:intervali9223372036854775807ee");
    let endless = endless.unwrap().response;
    assert_eq!((endless.seeders, endless.leechers), (0, u32::MAX));

    let mut reason = b"d14:failure reason1000:".to_vec();
    reason.resize(reason.len() + 1_000, 0xff);
    reason.push(b'e');
    let Err(Refused(words)) = parse_response(&reason) else { panic!("it refused") };
    assert_eq!(words.chars().count(), 512);
}

/// Some trackers write the keys as they come to their minds, and other clients read that.
#[test]
fn an_answer_may_have_its_keys_in_any_order() {
    let body = b"d8:intervali900e5:peers6:\x01\x02\x03\x04\x1a\x2b8:completei3e10:incompletei4ee";
    let read = parse_response(body).unwrap().response;
    assert_eq!(read.peers, ["1.2.3.4:6699".parse().unwrap()]);
    assert_eq!((read.seeders, read.leechers, read.interval), (3, 4, core::time::Duration::from_mins(15)));
}

/// BEP 21: the fourth counter, and what its absence means.
#[test]
fn a_scrape_tells_partial_seeds_from_downloaders() {
    let mut tracker = tracker();
    ask(&mut tracker, "10.0.0.1", &query("&event=paused"));
    ask(&mut tracker, "10.0.0.2", &query(""));
    let body = scrape(&mut tracker, Instant::ZERO, format!("info_hash={HASH}").as_bytes());
    let end = b"d8:completei0e10:downloadedi0e11:downloadersi1e10:incompletei2eeee";
    assert!(body.ends_with(end), "{}", String::from_utf8_lossy(&body));
    let read = |body: &[u8]| parse_scrape_response(body).unwrap()[0].1;
    assert_eq!(read(&body), Scrape { seeders: 0, leechers: 2, downloaders: 1, downloaded: 0 });
    let silent = [b"d5:filesd20:", &HASH_BYTES[..], b"d8:completei0e10:incompletei2eeee"].concat();
    assert_eq!(read(&silent), Scrape { seeders: 0, leechers: 2, downloaders: 2, downloaded: 0 });
}

#[test]
fn of_many_peers_a_bounded_number_is_kept() {
    let mut body = b"d8:intervali1e5:peers600000:".to_vec();
    body.resize(body.len() + 600_000, 7);
    body.push(b'e');
    assert_eq!(parse_response(&body).unwrap().response.peers.len(), 1_000);
}

prop_compose! {
    fn queries()(
        info_hash: [u8; 20], peer_id: [u8; 20], port in 1_u16.., uploaded: u64, downloaded: u64, left: u64, numwant: u32,
        event in prop_oneof![
            Just(AnnounceEvent::None), Just(AnnounceEvent::Paused), Just(AnnounceEvent::Started), Just(AnnounceEvent::Completed), Just(AnnounceEvent::Stopped),
        ],
    ) -> Query {
        let request = AnnounceRequest::plain(event, Totals { uploaded, downloaded, left }, numwant);
        Query { info_hash: InfoHash(info_hash), peer_id: PeerId(peer_id), port, key: 0, request }
    }
}

proptest! {
    #[test]
    fn what_is_written_is_read(query in queries()) {
        let mut text = String::new();
        announce_query(&query, &mut text);
        prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
        prop_assert_eq!(parse_announce(text.as_bytes()), Ok(query));
    }

    #[test]
    fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse_response(&bytes);
        let _ = parse_scrape_response(&bytes);
        let _ = parse_announce(&bytes);
        let _ = parse_scrape(&bytes);
    }

    /// Queries and bodies that are nearly right, which random bytes never are.
    #[test]
    fn nothing_panics_with_one_byte_changed(at: prop::sample::Index, byte: u8) {
        let mut text = query("&event=started&numwant=5");
        let place = at.index(text.len());
        text[place] = byte;
        let mut tracker = tracker();
        let body = ask(&mut tracker, "10.0.0.1", &text);
        prop_assert!(matches!(parse_response(&body), Ok(_) | Err(ResponseError::Refused(_))));
        let mut body = ask(&mut tracker, "10.0.0.2", &query(""));
        let place = at.index(body.len());
        body[place] = byte;
        let _ = parse_response(&body);
    }
}

/// A tracker that seeds does not know by which of its addresses it is reached.
#[test]
fn we_are_where_the_asker_has_found_us() {
    let mut tracker = tracker();
    let ourselves = Announcer { addr: "0.0.0.0:6969".parse().unwrap(), id: PeerId([1; 20]) };
    let request = AnnounceRequest::plain(AnnounceEvent::None, Totals::default(), 0);
    tracker.announce(Instant::ZERO, InfoHash(HASH_BYTES), ourselves, &request).unwrap();
    for (local, expected) in [("192.0.2.9", "192.0.2.9:6969"), ("2001:db8::9", "[2001:db8::9]:6969")] {
        let ends = Ends { peer: "10.0.0.1".parse().unwrap(), local: local.parse().unwrap() };
        let body = announce(&mut tracker, Instant::ZERO, ends, &query(""));
        assert_eq!(parse_response(&body).unwrap().response.peers, [expected.parse().unwrap()]);
    }
}

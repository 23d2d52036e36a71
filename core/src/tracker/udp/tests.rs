use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::announce::{AnnounceEvent, AnnounceRequest, AnnounceResponse, Totals};
use crate::id::{InfoHash, PeerId};
use crate::rng::{Purpose, Rng, Seed};
use crate::time::Instant;
use crate::tracker::{Announcer, Family, Query, Scrape, Tracker, TrackerConfig};

/// A tracker behind its datagrams.
struct World {
    tracker: Tracker<SocketAddr>,
    server: Server,
    now: Instant,
    /// Our own address, as those know it who ask.
    own: Option<IpAddr>,
}

impl World {
    fn new() -> Self {
        let tracker = Tracker::new(TrackerConfig::default(), Seed::from_number(1));
        Self { tracker, server: Server::new([3; 16], 6969), now: Instant::from_secs(1_000), own: None }
    }

    fn answer(&mut self, from: &str, datagram: &[u8]) -> Vec<u8> {
        let mut reply = vec![0xee; 5];
        self.server.answer(
            &mut self.tracker,
            self.now,
            from.parse().unwrap(),
            datagram,
            |_| self.own,
            &mut reply,
        );
        assert!(reply.len() <= MAX_REPLY);
        reply
    }

    fn connect(&mut self, from: &str) -> u64 {
        let reply = self.answer(from, &UdpRequest::Connect { transaction: 5 }.to_bytes(b""));
        match UdpResponse::parse(&reply, Family::V4) {
            Ok((5, UdpResponse::Connect { connection })) => connection,
            other => panic!("{other:?}"),
        }
    }

    /// The whole conversation of a client, without loss.
    fn announce(
        &mut self,
        from: &str,
        query: Query,
    ) -> Result<AnnounceResponse<SocketAddr>, UdpTrackerError> {
        let family = if from.starts_with('[') { Family::V6 } else { Family::V4 };
        let mut exchange = Exchange::announce(self.now, query, "/announce", family, rng(1));
        loop {
            let datagram = exchange.poll_transmit(self.now)?.expect("it is the client's turn");
            let reply = self.answer(from, &datagram);
            if let Some(response) = exchange.handle_datagram(self.now, &reply)? {
                return Ok(response);
            }
        }
    }
}

fn rng(number: u64) -> Rng {
    Seed::from_number(number).stream(Purpose::Test, 0)
}

fn query(port: u16, left: u64) -> Query {
    let request =
        AnnounceRequest::plain(AnnounceEvent::Started, Totals { uploaded: 1, downloaded: 2, left }, 50);
    Query { info_hash: InfoHash([7; 20]), peer_id: PeerId([8; 20]), port, key: 9, request }
}

fn addrs(response: &AnnounceResponse<SocketAddr>) -> Vec<String> {
    let mut addrs: Vec<_> = response.peers.iter().map(ToString::to_string).collect();
    addrs.sort_unstable();
    addrs
}

#[test]
fn peers_learn_of_each_other_within_their_family() {
    let mut world = World::new();
    assert_eq!(addrs(&world.announce("10.0.0.1:999", query(1, 5)).unwrap()), [""; 0]);
    world.announce("[2001:db8::1]:999", query(2, 5)).unwrap();
    let response = world.announce("10.0.0.2:999", query(3, 0)).unwrap();
    assert_eq!((response.seeders, response.leechers), (1, 2), "of both families");
    assert_eq!(response.interval, Duration::from_mins(30));
    assert_eq!(addrs(&response), ["10.0.0.1:1"]);
    let response = world.announce("[2001:db8::2]:999", query(4, 5)).unwrap();
    assert_eq!(addrs(&response), ["[2001:db8::1]:2"]);
}

/// A tracker that seeds does not know by which of its addresses it is reached.
#[test]
fn we_are_where_the_asker_has_found_us() {
    let mut world = World::new();
    let ourselves = Announcer { addr: "0.0.0.0:6969".parse().unwrap(), id: PeerId([1; 20]) };
    world.tracker.announce(world.now, InfoHash([7; 20]), ourselves, &query(6969, 0).request).unwrap();
    assert_eq!(addrs(&world.announce("10.0.0.1:999", query(1, 5)).unwrap()), [""; 0]);
    world.own = Some([192, 0, 2, 9].into());
    assert_eq!(addrs(&world.announce("10.0.0.1:999", query(1, 5)).unwrap()), ["192.0.2.9:6969"]);
    assert_eq!(addrs(&world.announce("[2001:db8::1]:999", query(1, 5)).unwrap()), [""; 0], "by IPv4 alone");
    world.own = Some("2001:db8::9".parse().unwrap());
    let response = world.announce("[2001:db8::1]:999", query(1, 5)).unwrap();
    assert_eq!(addrs(&response), ["[2001:db8::9]:6969"]);
    assert_eq!((response.seeders, response.leechers), (1, 2), "counted once");
    assert_eq!(addrs(&world.announce("[2001:db8::2]:999", query(2, 0)).unwrap()), ["[2001:db8::1]:1"]);
    for (numwant, most) in [(0, 0), (1, 1), (u32::MAX, 3)] {
        let mut few = query(3, 5);
        few.request.numwant = numwant;
        assert_eq!(world.announce("[2001:db8::3]:999", few).unwrap().peers.len(), most);
    }
    let of_another_swarm = Query { info_hash: InfoHash([6; 20]), ..query(1, 5) };
    assert_eq!(addrs(&world.announce("[2001:db8::1]:999", of_another_swarm).unwrap()), [""; 0]);
}

#[test]
fn a_reply_fits_in_a_frame_whatever_is_wanted() {
    let mut world = World::new();
    for (from, most) in [("10.0.0.1:9", 200), ("[2001:db8::1]:9", 76)] {
        for port in 1..=300 {
            world.announce(from, query(port, 5)).unwrap();
        }
        let mut greedy = query(9_999, 5);
        greedy.request.numwant = u32::MAX;
        assert_eq!(world.announce(from, greedy.clone()).unwrap().peers.len(), most);
        let connection = world.connect(from);
        let datagram = UdpRequest::Announce { connection, transaction: 6, query: greedy };
        let mut datagram = datagram.to_bytes(b"");
        datagram[92..96].copy_from_slice(&[0xff; 4]);
        let reply = world.answer(from, &datagram);
        assert_eq!((reply.len() - 20) / if most == 200 { 6 } else { 18 }, 50, "-1 leaves it to the tracker");
    }
}

#[test]
fn a_scrape_answers_in_the_order_asked() {
    let mut world = World::new();
    world.announce("10.0.0.1:9", query(1, 5)).unwrap();
    world.announce("10.0.0.2:9", query(1, 0)).unwrap();
    let connection = world.connect("10.0.0.3:9");
    let swarms = vec![InfoHash([1; 20]), InfoHash([7; 20])];
    let request = UdpRequest::Scrape { connection, transaction: 77, swarms };
    let reply = world.answer("10.0.0.3:9", &request.to_bytes(b""));
    let known = Scrape { seeders: 1, leechers: 1, downloaders: 1, downloaded: 0 };
    let expected = (77, UdpResponse::Scrape(vec![Scrape::default(), known]));
    assert_eq!(UdpResponse::parse(&reply, Family::V4), Ok(expected));
}

/// BEP 15 has no number for BEP 21's event: libtorrent's is understood, and ours is not sent.
#[test]
fn a_partial_seed_is_understood_and_says_nothing() {
    let mut world = World::new();
    let mut query = query(1, 5);
    query.request.event = AnnounceEvent::Paused;
    let connection = world.connect("10.0.0.1:9");
    let mut datagram = UdpRequest::Announce { connection, transaction: 1, query }.to_bytes(b"");
    assert_eq!(datagram[80..84], [0; 4]);
    datagram[83] = 4;
    world.answer("10.0.0.1:9", &datagram);
    let counted = world.tracker.scrape(world.now, InfoHash([7; 20])).unwrap();
    assert_eq!((counted.leechers, counted.downloaders), (1, 0));
}

#[test]
fn who_has_not_shown_its_address_gets_no_peers_and_registers_nobody() {
    let mut world = World::new();
    let connection = world.connect("10.0.0.1:9");
    let datagram = UdpRequest::Announce { connection, transaction: 1, query: query(1, 5) }.to_bytes(b"");
    let refused = Ok((1, UdpResponse::Error("bad connection id".into())));
    assert_eq!(UdpResponse::parse(&world.answer("10.0.0.2:9", &datagram), Family::V4), refused);
    world.now += Duration::from_mins(5);
    assert_eq!(UdpResponse::parse(&world.answer("10.0.0.1:9", &datagram), Family::V4), refused);
    assert_eq!(world.tracker.swarm_count(), 0);
    let refused = world.announce("10.0.0.1:9", query(0, 5));
    assert_eq!(refused, Err(UdpTrackerError::Refused("port 0 cannot be dialled".into())));
}

/// R17: of datagrams without a proof of address, each gets at most as many bytes as it has.
#[test]
fn nothing_is_amplified_before_the_address_is_proven() {
    let mut world = World::new();
    for port in 1..=200 {
        world.announce("10.0.0.1:9", query(port, 5)).unwrap();
    }
    let mut rng = rng(2);
    let (mut taken, mut given, mut answered) = (0, 0, 0);
    for _ in 0..100_000 {
        let mut datagram = match rng.below(4) {
            0 => UdpRequest::Connect { transaction: 1 }.to_bytes(b""),
            1 => UdpRequest::Announce { connection: rng.next_u64(), transaction: 1, query: query(1, 5) }
                .to_bytes(b"/x"),
            2 => {
                let swarms = vec![InfoHash([7; 20]); 1 + rng.index(80)];
                UdpRequest::Scrape { connection: rng.next_u64(), transaction: 1, swarms }.to_bytes(b"")
            }
            _ => (0..rng.index(120)).map(|_| rng.next_u64().to_be_bytes()[0]).collect(),
        };
        if rng.chance(1, 2) && !datagram.is_empty() {
            let at = rng.index(datagram.len());
            datagram[at] = rng.next_u64().to_be_bytes()[0];
        }
        if rng.chance(1, 4) {
            datagram.truncate(rng.index(datagram.len() + 1));
        }
        let reply = world.answer("10.9.9.9:9", &datagram);
        assert!(reply.len() <= datagram.len(), "{} for {}", reply.len(), datagram.len());
        (taken, given) = (taken + datagram.len(), given + reply.len());
        answered += u32::from(!reply.is_empty());
    }
    assert!(answered > 20_000 && given < taken, "{answered} answers, {given} of {taken} bytes");
}

#[test]
fn datagrams_that_are_no_requests_are_named_and_get_no_reply() {
    use RequestError::{Action, Event, Options, Short};

    let mut world = World::new();
    let connection = world.connect("10.0.0.1:9");
    let whole =
        UdpRequest::Announce { connection, transaction: 1, query: query(1, 5) }.to_bytes(b"/announce?x=1");
    assert_eq!(whole.len(), 98 + 2 + 13, "options of BEP 41");
    let with = |at: usize, byte: u8| {
        let mut datagram = whole.clone();
        datagram[at] = byte;
        datagram
    };
    let scrape = |len: usize| {
        let mut datagram = whole[..16].to_vec();
        datagram[11] = 2;
        datagram.resize(16 + len, 0);
        datagram
    };
    let table = [
        (vec![], Short { len: 0 }),
        (whole[..15].to_vec(), Short { len: 15 }),
        (whole[..97].to_vec(), Short { len: 97 }),
        (with(11, 0), Action { action: 0 }),
        (with(11, 9), Action { action: 9 }),
        (with(83, 5), Event { event: 5 }),
        (with(98, 3), Options),
        (with(99, 14), Options),
        (scrape(0), RequestError::Scrape { len: 0 }),
        (scrape(21), RequestError::Scrape { len: 21 }),
        (scrape(75 * 20), RequestError::Scrape { len: 1_500 }),
    ];
    for (datagram, error) in table {
        assert_eq!(UdpRequest::parse(&datagram), Err(error));
        assert_eq!(world.answer("10.0.0.1:9", &datagram), b"");
    }
    for end in [&[][..], &[0, 9, 9], &[1, 1, 1], &[2, 0], &[1, 2, 1, b'x', 0]] {
        let datagram = [&whole[..98], end].concat();
        assert!(UdpRequest::parse(&datagram).is_ok(), "{end:?}");
    }
}

#[test]
fn an_exchange_is_patient_but_not_for_ever() {
    let start = Instant::from_secs(50);
    let mut exchange = Exchange::announce(start, query(1, 5), "", Family::V4, rng(1));
    let first = exchange.poll_transmit(start).unwrap().unwrap();
    assert_eq!(exchange.poll_transmit(start), Ok(None));
    assert_eq!(exchange.poll_timeout(), start + Duration::from_secs(15));
    let again = exchange.poll_transmit(exchange.poll_timeout()).unwrap();
    assert_eq!(again, Some(first), "the same transaction");
    assert_eq!(exchange.poll_timeout(), start + Duration::from_secs(45));
    assert_eq!(exchange.poll_transmit(exchange.poll_timeout()), Err(UdpTrackerError::Silent));
}

#[test]
fn answers_that_are_not_ours_are_ignored_and_others_must_make_sense() {
    let mut world = World::new();
    let open = || {
        let mut exchange = Exchange::announce(Instant::ZERO, query(1, 5), "", Family::V4, rng(1));
        let datagram = exchange.poll_transmit(Instant::ZERO).unwrap().unwrap();
        (exchange, datagram)
    };
    let (mut exchange, connect) = open();
    let connected = world.answer("10.0.0.1:9", &connect);
    let mut foreign = connected.clone();
    foreign[7] ^= 1;
    for ignored in [&foreign[..], b"", b"\0\0\0\0", &[0; 8]] {
        assert_eq!(exchange.handle_datagram(Instant::ZERO, ignored), Ok(None));
        assert_eq!(exchange.poll_transmit(Instant::ZERO), Ok(None), "it still waits");
    }
    assert_eq!(exchange.handle_datagram(Instant::ZERO, &connected), Ok(None));
    let announce = exchange.poll_transmit(Instant::ZERO).unwrap().unwrap();
    assert_ne!(announce[12..16], connect[12..16], "each request has a transaction id of its own");
    assert_eq!(exchange.handle_datagram(Instant::ZERO, &connected), Ok(None), "a late copy");

    let transaction = &connect[12..16];
    let answer = |rest: &[u8]| {
        let (mut exchange, _) = open();
        let mut datagram = rest[..4].to_vec();
        datagram.extend_from_slice(transaction);
        datagram.extend_from_slice(&rest[4..]);
        exchange.handle_datagram(Instant::ZERO, &datagram)
    };
    assert_eq!(answer(b"\0\0\0\x03no"), Err(UdpTrackerError::Refused("no".into())));
    assert_eq!(answer(b"\0\0\0\0short"), Err(ResponseError::Length { len: 13 }.into()));
    assert_eq!(answer(b"\0\0\0\x07"), Err(ResponseError::Action { action: 7 }.into()));
    assert_eq!(answer(&[&b"\0\0\0\x01"[..], &[0; 12]].concat()), Err(UdpTrackerError::Unasked));
    assert_eq!(
        answer(&[&b"\0\0\0\x01"[..], &[0; 13]].concat()),
        Err(ResponseError::Length { len: 21 }.into())
    );
    assert_eq!(
        answer(&[&b"\0\0\0\x01"[..], &[0xff; 12]].concat()),
        Err(ResponseError::Interval { seconds: -1 }.into())
    );
}

fn requests() -> impl Strategy<Value = UdpRequest> {
    let events = prop_oneof![
        Just(AnnounceEvent::None),
        Just(AnnounceEvent::Started),
        Just(AnnounceEvent::Completed),
        Just(AnnounceEvent::Stopped),
    ];
    let numbers = any::<(u64, u64, u64, u32, u16)>();
    let announce = (any::<(u64, u32, [u8; 20], [u8; 20])>(), numbers, events, 0..=i32::MAX.cast_unsigned())
        .prop_map(
            |(
                (connection, transaction, info_hash, peer_id),
                (uploaded, downloaded, left, key, port),
                event,
                numwant,
            )| {
                let request = AnnounceRequest::plain(event, Totals { uploaded, downloaded, left }, numwant);
                let query =
                    Query { info_hash: InfoHash(info_hash), peer_id: PeerId(peer_id), port, key, request };
                UdpRequest::Announce { connection, transaction, query }
            },
        );
    let scrape = (any::<(u64, u32)>(), proptest::collection::vec(any::<[u8; 20]>(), 1..=MAX_SCRAPE))
        .prop_map(|((connection, transaction), swarms)| {
            let swarms = swarms.into_iter().map(InfoHash).collect();
            UdpRequest::Scrape { connection, transaction, swarms }
        });
    prop_oneof![any::<u32>().prop_map(|transaction| UdpRequest::Connect { transaction }), announce, scrape]
}

proptest! {
    #[test]
    fn what_is_written_is_read(request in requests(), path in proptest::collection::vec(any::<u8>(), 0..600)) {
        prop_assert_eq!(UdpRequest::parse(&request.to_bytes(&path)), Ok(request));
    }

    #[test]
    fn nothing_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), v6: bool, action in 0_u8..5) {
        let family = if v6 { Family::V6 } else { Family::V4 };
        let _ = UdpRequest::parse(&bytes);
        let _ = UdpResponse::parse(&bytes, family);
        let _ = UdpResponse::parse(&[&[0, 0, 0, action], &bytes[..]].concat(), family);
        World::new().answer("10.0.0.1:9", &bytes);
    }
}

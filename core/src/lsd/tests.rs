use proptest::prelude::*;
use sha1::{Digest as _, Sha1};

use super::*;
use crate::tracker::Family;

const HOST: &str = "192.0.2.7:40000";

fn addr(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn hash(number: u8) -> InfoHash {
    InfoHash([number; 20])
}

fn millis(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

fn lsd(port: u16, number: u64) -> Lsd {
    Lsd::new(port, Instant::ZERO, Seed::from_number(number))
}

fn datagram(port: u16, hashes: &[InfoHash], cookie: &str) -> Vec<u8> {
    Announcement { port, info_hashes: hashes.to_vec(), cookie: cookie.into() }.to_bytes(Family::V4)
}

/// The times in seconds at which a swarm is announced until `end`, by a driver that sleeps as it is told to.
fn times(lsd: &mut Lsd, info_hash: InfoHash, end: Instant) -> Vec<f64> {
    let mut times = Vec::new();
    while let Some(now) = lsd.poll_timeout().filter(|&now| now <= end) {
        while let Some(announcement) = lsd.poll(now) {
            times.extend(announcement.info_hashes.contains(&info_hash).then(|| now.as_secs_f64()));
        }
    }
    times
}

#[test]
fn the_catalogue_swarm_is_the_hash_of_its_documented_name() {
    assert_eq!(CATALOGUE.0, <[u8; 20]>::from(Sha1::digest("MiniBit catalogue of a local network")));
}

#[test]
fn a_datagram_is_that_of_the_specification() {
    let announcement =
        Announcement { port: 6881, info_hashes: vec![hash(0xAB), hash(1)], cookie: "me".into() };
    let (ab, one) = ("ab".repeat(20), "01".repeat(20));
    let text = |host: &str| {
        format!(
            "BT-SEARCH * HTTP/1.1\r\nHost: {host}\r\nPort: 6881\r\nInfohash: {ab}\r\nInfohash: {one}\r\n\
             cookie: me\r\n\r\n\r\n"
        )
    };
    assert_eq!(announcement.to_bytes(Family::V4), text("239.192.152.143:6771").as_bytes());
    assert_eq!(announcement.to_bytes(Family::V6), text("[ff15::efc0:988f]:6771").as_bytes());
}

#[test]
fn the_largest_datagram_fits() {
    let info_hashes = vec![hash(1); MAX_SWARMS_SENT];
    let announcement = Announcement { port: u16::MAX, info_hashes, cookie: "x".repeat(64) };
    let len = announcement.to_bytes(Family::V4).len();
    assert!((1300..=MAX_SENT).contains(&len), "{len}");
}

#[test]
fn datagrams_of_the_field_are_read() {
    let digits = "0123456789abcdef0123456789ABCDEF01234567";
    let info_hash = InfoHash::from_hex(digits).unwrap();
    let read = |text: &str| {
        let Announcement { port, info_hashes, cookie } = Announcement::parse(text.as_bytes()).unwrap();
        assert_eq!(info_hashes, [info_hash], "{text}");
        (port, cookie)
    };
    // As libtorrent, Transmission and aria2 write it.
    let libtorrent = format!(
        "BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 6881\r\nInfohash: {digits}\r\ncookie: 1a2b3c\r\n\r\n\r\n"
    );
    assert_eq!(read(&libtorrent), (6881, "1a2b3c".into()));
    let aria2 = format!(
        "BT-SEARCH * HTTP/1.1\r\nHost: 239.192.152.143:6771\r\nPort: 6999\r\nInfohash: {digits}\r\n\r\n\r\n"
    );
    assert_eq!(read(&aria2), (6999, String::new()));
    let v6 = format!(
        "BT-SEARCH * HTTP/1.1\r\nHost: [ff15::efc0:988f]:6771\r\nPort: 1\r\nInfohash: {digits}\r\n\r\n\r\n"
    );
    assert_eq!(read(&v6).0, 1);
    // Other case, other order, no \r, no space, one empty line, unknown headers, a hash of BEP 52, the same hash twice.
    let odd = format!(
        "BT-SEARCH * HTTP/1.0\nINFOHASH:{digits}\nX-Other: 7\nInfohash: {}\ninfohash: {}\nPORT:65535\nCooKie: a:b\n\n",
        "ab".repeat(32),
        digits.to_lowercase(),
    );
    assert_eq!(read(&odd), (65535, "a:b".into()));
    let asker = format!("BT-SEARCH * HTTP/1.1\r\nPort: 0\r\nInfohash: {digits}\r\n");
    assert_eq!(read(&asker).0, 0);
}

#[test]
fn what_is_no_announcement_is_told_apart() {
    use AnnouncementError::{NoInfoHash, NotSearch, NotText, Port, TooLong};

    let digits = "ab".repeat(20);
    let parse = |text: &str| Announcement::parse(text.as_bytes());
    let with = |headers: &str| parse(&format!("BT-SEARCH * HTTP/1.1\r\n{headers}\r\n\r\n"));
    assert_eq!(parse(""), Err(NotSearch));
    assert_eq!(parse("GET / HTTP/1.1\r\n\r\n"), Err(NotSearch));
    assert_eq!(with(""), Err(Port));
    assert_eq!(with("Port: 6881"), Err(NoInfoHash));
    assert_eq!(with(&format!("Infohash: {digits}")), Err(Port));
    for port in ["", "+1", "-1", "65536", "0x10", "6881 6882", "99999999999999999999"] {
        assert_eq!(with(&format!("Port: {port}\r\nInfohash: {digits}")), Err(Port), "{port:?}");
    }
    assert_eq!(with(&format!("Port: 1\r\nPort: 2\r\nInfohash: {digits}")), Err(Port));
    for hash in ["", "zz", &digits[1..], &"zz".repeat(20)] {
        assert_eq!(with(&format!("Port: 1\r\nInfohash: {hash}")), Err(NoInfoHash), "{hash:?}");
    }
    let late = format!("\r\nPort: 1\r\nInfohash: {digits}");
    assert_eq!(with(&late), Err(Port), "after an empty line there are no headers");
    assert_eq!(Announcement::parse(&[0xFF; 40]), Err(NotText));
    assert_eq!(Announcement::parse(&[b'x'; 2049]), Err(TooLong { len: 2049 }));
    let hashes: Vec<_> = (0..=60).map(|number| format!("Infohash: {}\r\n", hash(number).to_hex())).collect();
    let hashes = hashes.concat();
    assert_eq!(Announcement::parse(format!("BT-SEARCH * HTTP/1.1\r\nPort: 1\r\n{hashes}").as_bytes()), {
        Err(TooLong { len: 3203 })
    });
    let cookie =
        with(&format!("Port: 1\r\nInfohash: {digits}\r\ncookie: {}", "é".repeat(40))).unwrap().cookie;
    assert_eq!(cookie, "é".repeat(32), "a long cookie is cut between characters");
}

#[test]
fn a_swarm_is_announced_at_once_after_a_minute_and_then_every_five() {
    let mut lsd = lsd(6881, 1);
    assert_eq!(lsd.poll_timeout(), None);
    lsd.join(Instant::from_secs(10), hash(1));
    assert_eq!(times(&mut lsd, hash(1), Instant::from_secs(1000)), [10.0, 70.0, 370.0, 670.0, 970.0]);
    lsd.join(Instant::from_secs(1000), hash(1));
    lsd.renew(Instant::from_secs(1000));
    assert_eq!(times(&mut lsd, hash(1), Instant::from_secs(1200)), [1030.0, 1090.0], "not twice in a minute");
    lsd.renew(Instant::from_secs(1300));
    assert_eq!(times(&mut lsd, hash(1), Instant::from_secs(1500)), [1300.0], "a new interface");
    lsd.leave(hash(1));
    assert_eq!(lsd.poll_timeout(), None);
}

#[test]
fn many_swarms_share_datagrams() {
    let mut lsd = lsd(6881, 1);
    for number in 0..50 {
        lsd.join(Instant::ZERO, hash(number));
    }
    let mut sizes = Vec::new();
    while let Some(announcement) = lsd.poll(Instant::ZERO) {
        assert_eq!((announcement.port, announcement.cookie.as_str()), (6881, lsd.cookie()));
        assert!(announcement.to_bytes(Family::V6).len() <= MAX_SENT);
        sizes.push(announcement.info_hashes.len());
    }
    assert_eq!(sizes, [23, 23, 4]);
}

#[test]
fn a_question_is_repeated_twice_and_then_no_more() {
    let mut asker = lsd(0, 1);
    asker.ask(Instant::ZERO);
    assert_eq!(times(&mut asker, CATALOGUE, Instant::from_secs(1000)), [0.0, 0.5, 2.0]);
    assert_eq!(asker.poll_timeout(), None);
    let mut node = lsd(6881, 2);
    node.join(Instant::ZERO, CATALOGUE);
    node.ask(millis(100));
    assert_eq!(
        times(&mut node, CATALOGUE, Instant::from_secs(400)),
        [0.0, 0.5, 2.0, 302.0],
        "who has joined goes on"
    );
}

#[test]
fn peers_of_our_swarms_are_told_and_ourselves_and_others_are_not() {
    let mut lsd = lsd(6881, 1);
    lsd.join(Instant::ZERO, hash(1));
    let heard = |lsd: &mut Lsd, secs: u64, bytes: &[u8]| {
        let reaction = lsd.hear(Instant::from_secs(secs), addr(HOST), true, bytes);
        assert!(!reaction.answer);
        reaction.peers.into_iter().map(|peer| (peer.info_hash, peer.addr, peer.cookie)).collect::<Vec<_>>()
    };
    let peer = |port: u16| (hash(1), SocketAddr::new(addr(HOST).ip(), port), "it".to_owned());
    assert_eq!(heard(&mut lsd, 0, &datagram(7000, &[hash(2), hash(1)], "it")), [peer(7000)]);
    assert_eq!(heard(&mut lsd, 59, &datagram(7000, &[hash(1)], "it")), [], "told a minute ago");
    assert_eq!(heard(&mut lsd, 59, &datagram(7001, &[hash(1)], "it")), [peer(7001)]);
    assert_eq!(heard(&mut lsd, 60, &datagram(7000, &[hash(1)], "it")), [peer(7000)]);
    assert_eq!(heard(&mut lsd, 60, &datagram(0, &[hash(1)], "it")), [], "it does not listen");
    let own = lsd.cookie().to_owned();
    assert_eq!(heard(&mut lsd, 60, &datagram(7002, &[hash(1)], &own)), []);
    assert_eq!(heard(&mut lsd, 60, b"garbage"), []);
    lsd.leave(hash(1));
    assert_eq!(heard(&mut lsd, 300, &datagram(7000, &[hash(1)], "it")), []);
}

#[test]
fn a_question_is_answered_by_those_who_have_files_to_give_and_an_answer_by_nobody() {
    let question = datagram(0, &[CATALOGUE], "asker");
    let (mut giver, mut asker) = (lsd(6881, 1), lsd(0, 2));
    giver.join(Instant::ZERO, CATALOGUE);
    asker.ask(Instant::ZERO);
    let answered =
        |lsd: &mut Lsd, at: u64, from: &str| lsd.hear(millis(at), addr(from), true, &question).answer;
    assert!(answered(&mut giver, 0, HOST));
    assert!(!answered(&mut giver, 299, HOST), "answered just now");
    assert!(answered(&mut giver, 299, "192.0.2.8:40000"));
    assert!(answered(&mut giver, 500, HOST));
    assert!(!answered(&mut asker, 0, HOST), "who only asks has nothing to give");

    let answer = giver.answer().to_bytes(Family::V4);
    assert!(answer.len() <= question.len() + 64);
    let reaction = asker.hear(millis(600), addr(HOST), false, &answer);
    assert_eq!((reaction.peers.len(), reaction.peers[0].addr), (1, addr("192.0.2.7:6881")));
    assert!(!giver.hear(millis(900), addr("192.0.2.9:1"), false, &answer).answer);
    let mut third = lsd(6882, 3);
    third.join(Instant::ZERO, CATALOGUE);
    assert!(!third.hear(millis(900), addr(HOST), false, &answer).answer, "answers are not answered");
    // Asked again, those who were told before are told again.
    asker.ask(millis(5_000));
    assert_eq!(asker.hear(millis(5_000), addr(HOST), false, &answer).peers.len(), 1);
}

#[test]
fn a_flood_is_read_at_a_bounded_rate_and_little_is_remembered_of_it() {
    let mut lsd = lsd(6881, 1);
    lsd.join(Instant::ZERO, hash(1));
    let read_in = |lsd: &mut Lsd, second: u64| -> usize {
        let flood = (1_u16..=2_000).map(|port| {
            lsd.hear(Instant::from_secs(second), addr(HOST), true, &datagram(port, &[hash(1)], "evil"))
                .peers
                .len()
        });
        flood.sum()
    };
    assert_eq!(read_in(&mut lsd, 0), 100);
    assert_eq!(read_in(&mut lsd, 1), 0, "50 are read, of ports that were told");
    for second in 2..60 {
        read_in(&mut lsd, second);
    }
    for number in 0..2_000_u16 {
        let [high, low] = number.to_be_bytes();
        let from = SocketAddr::from(([10, 0, high, low], 9));
        lsd.hear(
            Instant::from_secs(100 + u64::from(number) / 50),
            from,
            true,
            &datagram(9, &[hash(1)], "evil"),
        );
    }
    assert!(lsd.told.len() <= MAX_REMEMBERED);
}

proptest! {
    #[test]
    fn what_is_written_is_read(port: u16, numbers in prop::collection::btree_set(any::<[u8; 20]>(), 1..=23), cookie in "[a-z0-9]{0,16}") {
        let info_hashes = numbers.into_iter().map(InfoHash).collect();
        let announcement = Announcement { port, info_hashes, cookie };
        for family in [Family::V4, Family::V6] {
            prop_assert_eq!(Announcement::parse(&announcement.to_bytes(family)), Ok(announcement.clone()));
        }
    }

    /// Never a panic, and nothing unbounded out of a bounded datagram.
    #[test]
    fn anything_may_come(bytes: Vec<u8>, lines in prop::collection::vec("(?i)(port|infohash|cookie|x)?:? ?[0-9a-f:é]{0,44}\r?", 0..40)) {
        let _refused = Announcement::parse(&bytes);
        let text = format!("BT-SEARCH * HTTP/1.1\r\n{}", lines.join("\n"));
        if let Ok(announcement) = Announcement::parse(text.as_bytes()) {
            prop_assert!(announcement.info_hashes.len() <= MAX_SWARMS_HEARD && announcement.cookie.len() <= 64);
        }
    }
}

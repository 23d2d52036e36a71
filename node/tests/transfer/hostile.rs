//! Peers that break the protocol, flood, or are silent, while an honest one is served.

use std::net::{SocketAddr, TcpStream};

use bytes::Bytes;
use minibit_core::Message;
use minibit_core::bitfield::Bitfield;
use minibit_core::config::Encoding;
use minibit_core::id::BlockSpan;
use minibit_core::metainfo::Metainfo;

use crate::support::{Place, Program, Stranger, content};

struct Seeding {
    place: Place,
    metainfo: Metainfo,
    seeder: Program,
    addr: SocketAddr,
}

fn seeding() -> Seeding {
    let place = Place::new();
    place.write("file", content(200_000));
    let (_, metainfo) = place.create("file");
    let (seeder, addr) = place.seed("file.torrent", &[]);
    Seeding { place, metainfo, seeder, addr }
}

impl Seeding {
    /// An honest peer comes, and gets everything.
    #[track_caller]
    fn serves(&mut self) {
        assert!(self.seeder.is_running());
        let there = Place::new();
        there.get(&self.place.join("file.torrent"), self.addr, &[]).is_done();
        assert_eq!(there.read("file"), self.place.read("file"));
    }
}

#[test]
fn what_makes_no_sense_ends_the_connection_and_nothing_else() {
    let mut seeding = seeding();
    let (addr, metainfo) = (seeding.addr, &seeding.metainfo);
    let mut honest = Stranger::greet(addr, metainfo, 1);

    let too_long = [0x7f, 0xff, 0xff, 0xff, 7];
    let garbage = [0x55; 1000];
    let bitfield_of_other_length = [0, 0, 0, 3, 5, 0xff, 0xff];
    let spare_bits = [0, 0, 0, 2, 5, 0xff];
    let have_of_other_length = [0, 0, 0, 6, 4, 0, 0, 0, 0, 0];
    for bytes in [&too_long[..], &garbage, &bitfield_of_other_length, &spare_bits, &have_of_other_length] {
        let mut stranger = Stranger::greet(addr, metainfo, 2);
        stranger.send_bytes(bytes);
        stranger.is_let_go();
    }
    let other = Bitfield::none(metainfo.geometry().piece_count() + 40);
    let out_of_range: [Message<Bytes>; 4] = [
        Message::Have { index: 7 },
        Message::Request(BlockSpan { index: 7, begin: 0, length: 16_384 }),
        Message::Request(BlockSpan { index: 0, begin: u32::MAX, length: u32::MAX }),
        Message::bitfield(other),
    ];
    for message in out_of_range {
        let mut stranger = Stranger::greet(addr, metainfo, 2);
        stranger.send(&message);
        stranger.is_let_go();
    }
    for bytes in [&b"\x13BitTorrent protocok"[..], b"SSH-2.0-OpenSSH\r\n", &[0, 0, 0, 9, b'['], &[0xff; 2000]]
    {
        let mut stranger = Stranger::connect(addr, metainfo);
        stranger.send_bytes(bytes);
        stranger.is_let_go();
    }

    honest.send(&Message::Interested);
    honest.receive_until(|message| matches!(message, Message::Unchoke));
    let span = BlockSpan { index: 1, begin: 16_384, length: 16_384 };
    honest.send(&Message::Request(span));
    let block = honest.receive_until(|message| matches!(message, Message::Piece { .. }));
    let expected = &seeding.place.read("file")[49_152..65_536];
    assert_eq!(block, Message::Piece { index: 1, begin: 16_384, data: Bytes::copy_from_slice(expected) });
    seeding.serves();
}

#[test]
fn another_swarm_is_not_spoken_to() {
    let seeding = seeding();
    let place = Place::new();
    place.write("other", content(1_000));
    let (_, other) = place.create("other");
    let mut stranger = Stranger::connect(seeding.addr, &other);
    let mut handshake = b"\x13BitTorrent protocol\0\0\0\0\0\0\0\0".to_vec();
    handshake.extend(other.info_hash().0);
    handshake.extend([7; 20]);
    stranger.send_bytes(&handshake);
    stranger.is_let_go();
}

#[test]
fn blocks_that_nobody_asked_for_are_put_up_with_until_it_is_a_flood() {
    let mut seeding = seeding();
    let mut stranger = Stranger::greet(seeding.addr, &seeding.metainfo, 3);
    for _ in 0..600 {
        stranger.send(&Message::Piece { index: 0, begin: 0, data: Bytes::from_static(&[1; 16_384]) });
    }
    stranger.is_let_go();
    seeding.serves();
}

/// Asks for blocks again and again and never reads an answer.
#[test]
fn who_does_not_read_holds_nobody_up() {
    let mut seeding = seeding();
    let mut greedy: Vec<Stranger> =
        (10..13).map(|name| Stranger::greet(seeding.addr, &seeding.metainfo, name)).collect();
    for stranger in &mut greedy {
        stranger.send(&Message::Interested);
        stranger.receive_until(|message| matches!(message, Message::Unchoke));
        for at in 0..1000 {
            let span = BlockSpan { index: at % 6, begin: at / 6 % 2 * 16_384, length: 16_384 };
            stranger.send(&Message::Request(span));
        }
    }
    seeding.serves();
}

#[test]
fn hundreds_that_say_nothing_keep_nobody_out() {
    let mut seeding = seeding();
    let silent: Vec<TcpStream> = (0..300).map(|_| TcpStream::connect(seeding.addr).unwrap()).collect();
    seeding.serves();
    let mut half: Vec<Stranger> =
        (0..100).map(|_| Stranger::connect(seeding.addr, &seeding.metainfo)).collect();
    for stranger in &mut half {
        stranger.send_bytes(b"\x13BitTorrent");
    }
    seeding.serves();
    drop(silent);
}

/// rtorrent keeps as many requests open as its rate calls for, and does not understand a reject (BEP 6): it is read no further
/// until there is room, and gets every block that it has asked for.
#[test]
fn who_asks_for_more_than_is_queued_waits_and_gets_it_all() {
    let place = Place::new();
    let all = content(24_000_000);
    place.write("file", &all);
    let (_, metainfo) = place.create("file");
    let (_seeder, addr) = place.seed("file.torrent", &[]);
    let mut stranger = Stranger::connect(addr, &metainfo);
    stranger.shake_hands_plainly(&metainfo, 1);
    stranger.send(&Message::Interested);
    stranger.receive_until(|it| matches!(it, Message::Unchoke));
    let spans: Vec<BlockSpan> =
        (0..23_000_u32).map(|at| BlockSpan { index: at / 32, begin: at % 32 * 1024, length: 1024 }).collect();
    let mut bytes = bytes::BytesMut::new();
    for span in &spans {
        minibit_core::wire::encode(Encoding::Bep3, &Message::Request(*span), &mut bytes).unwrap();
    }
    stranger.send_bytes(&bytes);
    for (at, span) in spans.iter().enumerate() {
        let block = stranger.receive_until(|it| matches!(it, Message::Piece { .. }));
        let data = Bytes::copy_from_slice(&all[at * 1024..][..1024]);
        assert_eq!(block, Message::Piece { index: span.index, begin: span.begin, data });
    }
    // It is listened to again.
    stranger.send(&Message::Request(spans[0]));
    stranger.receive_until(|it| matches!(it, Message::Piece { .. }));
}

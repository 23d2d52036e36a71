//! What the attackers do.

use std::io::{self, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use minibit_core::config::Encoding;
use minibit_core::message::Extended;
use minibit_core::metainfo::Metainfo;
use minibit_core::{BlockSpan, Message, PeerId, wire};

use super::{closes, zeroes};
use crate::support::peer::{Peer, handshake};

/// Connections that an attacker still holds while others are to be served.
pub(super) type Kept = Vec<TcpStream>;
type Attack = fn(SocketAddr, &Metainfo) -> Kept;

/// A peer that breaks the protocol is let go within this.
const LET_GO: Duration = Duration::from_secs(3);

fn dial(addr: SocketAddr) -> TcpStream {
    TcpStream::connect(addr).expect("the victim listens")
}

/// After the handshake. Each time as somebody else: that the last one has gone may not have been noticed yet, and who seems to be there
/// twice is refused.
fn join(addr: SocketAddr, metainfo: &Metainfo) -> TcpStream {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let mut id = *b"-ATTACKER-0000000000";
    id[16..].copy_from_slice(&NUMBER.fetch_add(1, Ordering::Relaxed).to_be_bytes());
    Peer::connect_as(addr, metainfo, PeerId(id)).expect("handshakes are answered").voice()
}

pub(super) fn encoded(messages: &[Message<Bytes>]) -> Vec<u8> {
    let mut bytes = BytesMut::new();
    for message in messages {
        wire::encode(Encoding::Bep3, message, &mut bytes).expect("every message has its bytes");
    }
    bytes.to_vec()
}

/// Opens with these bytes; that must end the connection.
fn opens_with(addr: SocketAddr, bytes: &[u8]) -> Kept {
    let mut stream = dial(addr);
    let _ = stream.write_all(bytes);
    assert!(closes(&mut stream, LET_GO), "it is listened to");
    Vec::new()
}

/// Says this after the handshake; that must end the connection.
fn says(addr: SocketAddr, metainfo: &Metainfo, bytes: &[u8]) -> Kept {
    let mut stream = join(addr, metainfo);
    let _ = stream.write_all(bytes);
    assert!(closes(&mut stream, LET_GO), "it is listened to");
    Vec::new()
}

/// Says this after the handshake, whatever comes of it.
fn pours(addr: SocketAddr, metainfo: &Metainfo, bytes: &[u8]) -> Kept {
    let mut stream = join(addr, metainfo);
    stream.set_write_timeout(Some(Duration::from_secs(2))).unwrap();
    let _ = stream.write_all(bytes);
    vec![stream]
}

pub(super) fn request(index: u32, begin: u32, length: u32) -> Message<Bytes> {
    Message::Request(BlockSpan { index, begin, length })
}

fn extended(id: u8, payload: impl Into<Bytes>) -> Message<Bytes> {
    Message::Extended(Box::new(Extended { id, payload: payload.into() }))
}

/// A frame as it stands: length, number, body.
fn frame(len: u32, id: u8, body: &[u8]) -> Vec<u8> {
    [&len.to_be_bytes()[..], &[id], body].concat()
}

pub(super) const ON_ANYONE: &[(&str, Attack)] = &[
    ("garbage", |addr, _| opens_with(addr, &[0xa5; 4096])),
    ("zeroes", |addr, _| opens_with(addr, &[0; 100_000])),
    ("a length of 4 GiB in JSON", |addr, _| opens_with(addr, b"\xff\xff\xff\xff{\"type\":")),
    ("another protocol's name", |addr, _| {
        opens_with(addr, b"\x13BitTorrent protocoX0000000011111111111111111111")
    }),
    ("another swarm", |addr, _| {
        let hash = minibit_core::InfoHash([0; 20]);
        opens_with(addr, &encoded(&[handshake(hash, b'x')]))
    }),
    ("silence", |addr, _| vec![dial(addr)]),
    ("half a handshake", |addr, metainfo| {
        let mut stream = dial(addr);
        stream.write_all(&encoded(&[handshake(metainfo.info_hash(), b'x')])[..40]).unwrap();
        vec![stream]
    }),
    ("a handshake byte by byte, and no end", |addr, metainfo| {
        let mut stream = dial(addr);
        for byte in &encoded(&[handshake(metainfo.info_hash(), b'x')])[..30] {
            let _ = stream.write_all(&[*byte]);
            thread::sleep(Duration::from_millis(20));
        }
        vec![stream]
    }),
    ("a second handshake", |addr, metainfo| {
        says(addr, metainfo, &encoded(&[handshake(metainfo.info_hash(), b'x')]))
    }),
    ("a message of 4 GiB", |addr, metainfo| says(addr, metainfo, &frame(u32::MAX, 7, b"abc"))),
    ("a message of 2 GiB of data", |addr, metainfo| {
        let mut stream = join(addr, metainfo);
        let _ = stream.write_all(&(1_u32 << 31).to_be_bytes());
        let chunk = vec![7; 1 << 20];
        let taken = (0..64).take_while(|_| stream.write_all(&chunk).is_ok()).count();
        assert!(taken < 32, "{taken} MiB were taken in");
        Vec::new()
    }),
    ("a have that is too short", |addr, metainfo| says(addr, metainfo, &frame(3, 4, b"ab"))),
    ("a request that is too long", |addr, metainfo| says(addr, metainfo, &frame(14, 6, &[0; 13]))),
    ("a short bitfield", |addr, metainfo| says(addr, metainfo, &frame(2, 5, &[0]))),
    ("a long bitfield", |addr, metainfo| says(addr, metainfo, &frame(1001, 5, &[0; 1000]))),
    ("a bitfield with pieces beyond the last", |addr, metainfo| {
        let len = metainfo.geometry().piece_count().div_ceil(8);
        says(addr, metainfo, &frame(len + 1, 5, &vec![0xff; len as usize]))
    }),
    ("a piece that does not exist", |addr, metainfo| {
        says(addr, metainfo, &encoded(&[Message::Have { index: u32::MAX }]))
    }),
    ("a request beyond the last piece", |addr, metainfo| {
        says(addr, metainfo, &encoded(&[Message::Interested, request(100_000, 0, 16384)]))
    }),
    ("a request beyond a piece's end", |addr, metainfo| {
        says(addr, metainfo, &encoded(&[Message::Interested, request(0, 65_536, 16384)]))
    }),
    ("a request that wraps around", |addr, metainfo| {
        says(addr, metainfo, &encoded(&[Message::Interested, request(0, u32::MAX - 3, 16384)]))
    }),
    ("a request of nothing", |addr, metainfo| {
        says(addr, metainfo, &encoded(&[Message::Interested, request(0, 0, 0)]))
    }),
    ("a request of 2 GiB", |addr, metainfo| {
        says(addr, metainfo, &encoded(&[Message::Interested, request(0, 0, 1 << 31)]))
    }),
    ("a message of an unknown kind", |addr, metainfo| pours(addr, metainfo, &frame(5, 99, b"what"))),
    ("blocks that nobody asked for", |addr, metainfo| {
        let block = zeroes(BlockSpan { index: 0, begin: 0, length: 16384 });
        pours(addr, metainfo, &encoded(&vec![block; 1000]))
    }),
    ("requests without end, and no reading", |addr, metainfo| {
        let mut messages = vec![Message::Interested];
        messages.extend((0..200_000).map(|at| request(at % 60, 0, 16384)));
        pours(addr, metainfo, &encoded(&messages))
    }),
    ("requests for single bytes, and no reading", |addr, metainfo| {
        let mut messages = vec![Message::Interested];
        messages.extend((0..400_000).map(|at| request(at % 60, at / 60, 1)));
        pours(addr, metainfo, &encoded(&messages))
    }),
    ("a million keep-alives", |addr, metainfo| pours(addr, metainfo, &vec![0; 4_000_000])),
    ("interest, and none, and interest", |addr, metainfo| {
        let mut messages = Vec::new();
        for _ in 0..100_000 {
            messages.extend([Message::Interested, Message::NotInterested]);
        }
        pours(addr, metainfo, &encoded(&messages))
    }),
    ("chokes and unchokes", |addr, metainfo| {
        let mut messages = Vec::new();
        for _ in 0..100_000 {
            messages.extend([Message::Choke, Message::Unchoke]);
        }
        pours(addr, metainfo, &encoded(&messages))
    }),
    ("cancels of nothing", |addr, metainfo| {
        let cancel = Message::Cancel(BlockSpan { index: 1, begin: 0, length: 16384 });
        pours(addr, metainfo, &encoded(&vec![cancel; 200_000]))
    }),
    ("the same piece again and again", |addr, metainfo| {
        pours(addr, metainfo, &encoded(&vec![Message::Have { index: 1 }; 200_000]))
    }),
    ("extension messages that are no dictionary", |addr, metainfo| {
        pours(
            addr,
            metainfo,
            &encoded(&[extended(0, "le"), extended(0, "i1e"), extended(0, vec![b'd'; 60_000])]),
        )
    }),
    ("an extension handshake of hostile numbers", |addr, metainfo| {
        let text =
            "d1:md11:ut_metadatai-1e6:ut_pexi999999999999ee13:metadata_sizei-5e1:pi99999999e4:reqqi-1ee";
        pours(addr, metainfo, &encoded(&[extended(0, text)]))
    }),
    ("requests for metadata that is not there", |addr, metainfo| {
        let mut messages = vec![extended(0, "d1:md11:ut_metadatai3eee")];
        for piece in ["-1", "1000000000", "99999999999999999999"] {
            messages.push(extended(1, format!("d8:msg_typei0e5:piecei{piece}ee")));
        }
        pours(addr, metainfo, &encoded(&messages))
    }),
    ("requests for metadata without end", |addr, metainfo| {
        let mut messages = vec![extended(0, "d1:md11:ut_metadatai3eee")];
        messages.extend(vec![extended(1, "d8:msg_typei0e5:piecei0ee"); 50_000]);
        pours(addr, metainfo, &encoded(&messages))
    }),
    ("an exchange of ten thousand peers", |addr, metainfo| {
        let mut text = b"d5:added60000:".to_vec();
        text.extend((0..10_000_u32).flat_map(|at| [&at.to_be_bytes()[..], &[26, 225]].concat()));
        text.push(b'e');
        pours(addr, metainfo, &encoded(&[extended(0, "d1:md6:ut_pexi1eee"), extended(1, text)]))
    }),
    ("an extension message of 10 MiB", |addr, metainfo| {
        let mut stream = join(addr, metainfo);
        let _ = stream.write_all(&frame(10 << 20, 20, &[0; 4096]));
        assert!(closes(&mut stream, LET_GO), "10 MiB would be read");
        Vec::new()
    }),
    ("five hundred connections that close at once", |addr, _| {
        (0..500).for_each(|_| drop(dial(addr)));
        Vec::new()
    }),
    ("three hundred silent connections", |addr, _| {
        (0..300).filter_map(|_| TcpStream::connect(addr).ok()).collect()
    }),
    ("ten who ask for everything and read nothing", |addr, metainfo| {
        let slow = |number: u8| {
            let mut stream = TcpStream::connect(addr).ok()?;
            let mut messages = vec![handshake(metainfo.info_hash(), number), Message::Interested];
            messages.extend((0..240).map(|at| request(at % 60, 0, 16384)));
            stream.write_all(&encoded(&messages)).ok()?;
            Some(stream)
        };
        (200..210).filter_map(slow).collect()
    }),
];

type Lie = fn(&mut Peer, &Metainfo) -> io::Result<()>;

/// Claims everything and unchokes; then, for each request, this.
fn answers(
    peer: &mut Peer,
    mut answer: impl FnMut(&mut Peer, BlockSpan) -> io::Result<()>,
) -> io::Result<()> {
    peer.say(&Message::HaveAll)?;
    peer.say(&Message::Unchoke)?;
    loop {
        if let Message::Request(span) = peer.hear()? {
            answer(peer, span)?;
        }
    }
}

pub(super) const AS_A_SEEDER: &[(&str, Lie)] = &[
    ("every block is wrong", |peer, _| answers(peer, |peer, span| peer.say(&zeroes(span)))),
    ("no block ever comes", |peer, _| answers(peer, |_, _| Ok(()))),
    ("every request is rejected", |peer, _| {
        answers(peer, |peer, span| peer.say(&Message::RejectRequest(span)))
    }),
    ("blocks come shorter than asked", |peer, _| {
        answers(peer, |peer, span| peer.say(&zeroes(BlockSpan { length: span.length - 1, ..span })))
    }),
    ("blocks come from elsewhere", |peer, _| {
        answers(peer, |peer, span| peer.say(&zeroes(BlockSpan { index: span.index ^ 1, ..span })))
    }),
    ("choked at each request", |peer, _| {
        answers(peer, |peer, _| {
            peer.say(&Message::Choke)?;
            peer.say(&Message::Unchoke)
        })
    }),
    ("a block drips", |peer, _| {
        answers(peer, |peer, span| {
            let bytes = encoded(&[zeroes(span)]);
            for byte in bytes {
                peer.voice().write_all(&[byte])?;
                thread::sleep(Duration::from_millis(10));
            }
            Ok(())
        })
    }),
    ("everything is announced piece by piece, twice", |peer, metainfo| {
        peer.say(&Message::HaveNone)?;
        for index in (0..metainfo.geometry().piece_count()).chain(0..metainfo.geometry().piece_count()) {
            peer.say(&Message::Have { index })?;
        }
        answers(peer, |peer, span| peer.say(&zeroes(span)))
    }),
    ("the length of a block lies", |peer, _| {
        answers(peer, |peer, _| peer.voice().write_all(&frame(1 << 30, 7, &[0; 100])))
    }),
    ("metadata of 2 GiB", |peer, _| {
        peer.say(&extended(0, "d1:md11:ut_metadatai1ee13:metadata_sizei2147483648ee"))?;
        answers(peer, |_, _| Ok(()))
    }),
];

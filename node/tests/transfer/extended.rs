//! What is said through the extension protocol, and to trackers at the end.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use bytes::Bytes;
use minibit_core::extension::{ExtensionHandshake, HANDSHAKE, MetadataMessage};
use minibit_core::message::{Extended, Handshake, Message};
use minibit_core::metainfo::Metainfo;
use minibit_core::{BlockSpan, PeerId, PieceIndex};

use crate::support::{PATIENCE, Place, Stranger, content};

/// Shakes hands with the extension protocol, and gives what the other side says of itself.
fn greet(stranger: &mut Stranger, metainfo: &Metainfo) -> ExtensionHandshake {
    let info_hash = metainfo.info_hash();
    let handshake = Handshake { info_hash, peer_id: PeerId([b'x'; 20]), fast: true, extended: true };
    stranger.send(&Message::Handshake(Box::new(handshake)));
    assert!(matches!(stranger.receive(), Some(Message::Handshake(_))));
    let payload = ExtensionHandshake::offering(true, true).to_payload();
    stranger.send(&Message::Extended(Box::new(Extended { id: HANDSHAKE, payload })));
    let Message::Extended(said) = stranger.receive_until(|it| matches!(it, Message::Extended(_))) else {
        unreachable!("that was waited for")
    };
    assert_eq!(said.id, HANDSHAKE);
    ExtensionHandshake::parse(&said.payload).unwrap()
}

/// A tracker that knows of one peer, which it names when `gate` is opened and not before. What it is asked comes out of the
/// other end.
fn tracker(peer: Option<SocketAddr>, gate: Receiver<()>) -> (String, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/announce", listener.local_addr().unwrap());
    let (asked_in, asked) = channel();
    let packed = peer.map_or(Vec::new(), |peer| [&[127, 0, 0, 1][..], &peer.port().to_be_bytes()].concat());
    let body = [format!("d8:intervali1800e5:peers{}:", packed.len()).as_bytes(), &packed, b"e"].concat();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut head) = (stream.unwrap(), Vec::new());
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            // Closed: it was open before.
            let _ = gate.recv_timeout(PATIENCE);
            let answer =
                format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
            stream.write_all(&[answer.as_bytes(), &body].concat()).unwrap();
            let _ = asked_in.send(String::from_utf8(head).unwrap());
        }
    });
    (url, asked)
}

#[test]
fn a_tracker_is_told_good_bye() {
    let place = Place::new();
    place.write("file", content(100_000));
    let (url, asked) = tracker(None, channel().1);
    let arguments = ["create", "file", "--tracker", &url, "-o", "it.torrent"];
    assert!(place.command(&arguments).status().unwrap().success());
    let (seeder, _) = place.seed("it.torrent", &[]);
    assert!(asked.recv_timeout(PATIENCE).unwrap().contains("event=started"));
    seeder.signal("INT");
    seeder.wait().is_done();
    assert!(asked.recv_timeout(PATIENCE).unwrap().contains("event=stopped"));
}

/// BEP 27: not even to those who offer it. BEP 21: who has everything wants nothing.
#[test]
fn peers_of_a_private_torrent_are_not_exchanged() {
    let place = Place::new();
    place.write("file", content(100_000));
    let (_, open) = place.create("file");
    let arguments = ["create", "file", "--private", "--tracker", "http://127.0.0.1:1/", "-o", "p.torrent"];
    assert!(place.command(&arguments).status().unwrap().success());
    let private = Metainfo::parse(&place.read("p.torrent")).unwrap();
    for (torrent, metainfo, exchanges) in [("file.torrent", open, true), ("p.torrent", private, false)] {
        let (_seeder, addr) = place.seed(torrent, &[]);
        let said = greet(&mut Stranger::connect(addr, &metainfo), &metainfo);
        assert_eq!((said.ut_pex.is_some_and(|id| id > 0), said.upload_only), (exchanges, Some(true)));
        assert_eq!(said.metadata_size, Some(u32::try_from(metainfo.info().len()).unwrap()));
    }
}

/// BEP 21: who lacks something and wants nothing says so, as soon as the tracker knows it at all.
#[test]
fn a_tracker_is_told_of_a_partial_seed() {
    let place = Place::new();
    let mut content = content(100_000);
    place.write("file", &content);
    let (url, asked) = tracker(None, channel().1);
    let arguments = ["create", "file", "-l", "32 KiB", "--tracker", &url, "-o", "it.torrent"];
    assert!(place.command(&arguments).status().unwrap().success());
    content[40_000] ^= 1;
    place.write("file", &content);
    let (seeder, _) = place.seed("it.torrent", &[]);
    for event in ["started", "paused"] {
        let said = asked.recv_timeout(PATIENCE).unwrap();
        assert!(said.contains("&left=32768&") && said.contains(&format!("&event={event}")), "{said}");
    }
    seeder.signal("INT");
    seeder.wait().is_done();
    assert!(asked.recv_timeout(PATIENCE).unwrap().contains("event=stopped"));
}

/// BEP 21: of what the torrent describes one piece is wrong here. The seeder gives the others, and asks nobody for anything.
#[test]
fn a_seeder_of_a_part_gives_that_and_wants_nothing() {
    let here = Place::new();
    let all = content(100_000);
    here.write("file", &all);
    let (torrent, metainfo) = here.create("file");
    let mut damaged = all.clone();
    damaged[40_000] ^= 1;
    here.write("file", &damaged);
    let (mut seeder, addr) = here.seed("file.torrent", &["-v"]);

    let mut stranger = Stranger::connect(addr, &metainfo);
    assert_eq!(greet(&mut stranger, &metainfo).upload_only, Some(true));
    let has = stranger.receive_until(|it| matches!(it, Message::Bitfield(_)));
    let Message::Bitfield(has) = has else { unreachable!("that was waited for") };
    assert_eq!(has.pieces.iter().map(PieceIndex::get).collect::<Vec<_>>(), [0, 2, 3]);
    // What it lacks can be had here.
    stranger.send(&Message::Have { index: 1 });
    stranger.send(&Message::Unchoke);
    stranger.send(&Message::Interested);
    stranger.receive_until(|it| {
        assert!(!matches!(it, Message::Interested | Message::Request(_)), "{it:?}");
        matches!(it, Message::Unchoke)
    });
    let span = BlockSpan { index: 3, begin: 0, length: 1_696 };
    stranger.send(&Message::Request(span));
    let block = stranger.receive_until(|it| {
        assert!(!matches!(it, Message::Interested | Message::Request(_)), "{it:?}");
        matches!(it, Message::Piece { .. })
    });
    assert_eq!(block, Message::Piece { index: 3, begin: 0, data: Bytes::copy_from_slice(&all[98_304..]) });

    // Another one lacks something else; together they have it all.
    let other = Place::new();
    let mut damaged_too = all.clone();
    damaged_too[0] ^= 1;
    other.write("file", &damaged_too);
    std::fs::copy(&torrent, other.join("file.torrent")).unwrap();
    let (_other, other_addr) = other.seed("file.torrent", &["--peer", &addr.to_string()]);
    seeder.says("BothSeeds");
    let there = Place::new();
    there.get(&torrent, addr, &["--peer", &other_addr.to_string()]).is_done();
    assert_eq!(there.read("file"), all);
    assert_eq!((here.read("file"), other.read("file")), (damaged, damaged_too), "nothing is written to");
}

/// One peer gives metadata of the right length and wrong bytes; the other one's is taken.
#[test]
fn metadata_of_a_liar_is_not_taken() {
    let (here, there) = (Place::new(), Place::new());
    here.write("file", content(100_000));
    let (_, metainfo) = here.create("file");
    let (_seeder, addr) = here.seed("file.torrent", &[]);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let liar = listener.local_addr().unwrap();
    let (lied_in, lied) = channel();
    let theirs = metainfo.clone();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut liar = Stranger::over(stream.unwrap(), &theirs);
            let size = u32::try_from(theirs.info().len()).unwrap();
            let Some(Message::Handshake(_)) = liar.receive() else { continue };
            let (info_hash, peer_id) = (theirs.info_hash(), PeerId([b'l'; 20]));
            liar.send(&Message::Handshake(Box::new(Handshake {
                info_hash,
                peer_id,
                fast: true,
                extended: true,
            })));
            let offer =
                ExtensionHandshake { metadata_size: Some(size), ..ExtensionHandshake::offering(true, false) };
            liar.send(&Message::Extended(Box::new(Extended { id: HANDSHAKE, payload: offer.to_payload() })));
            let mut number = 0;
            while let Some(message) = liar.receive() {
                let Message::Extended(extended) = message else { continue };
                if extended.id == HANDSHAKE {
                    number = ExtensionHandshake::parse(&extended.payload).unwrap().ut_metadata.unwrap_or(0);
                } else if let Ok(Some(MetadataMessage::Request { piece })) =
                    MetadataMessage::parse(&extended.payload)
                {
                    let data = Bytes::from(vec![b'l'; size as usize]);
                    let payload = MetadataMessage::Data { piece, total_size: size, data }.to_payload();
                    liar.send(&Message::Extended(Box::new(Extended { id: number, payload })));
                    let _ = lied_in.send(());
                }
            }
        }
    });
    let (tracker, _asked) = tracker(Some(addr), lied);
    let magnet = format!("magnet:?xt=urn:btih:{}&x.pe={liar}", metainfo.info_hash().to_hex());
    let network = ["--no-lan", "--listen", "127.0.0.1", "--port", "0", "--timeout", "20s"];
    let getting = there.start(&[&["get", &magnet, "--tracker", &tracker][..], &network].concat());
    getting.wait().is_done();
    assert_eq!(there.read("file"), here.read("file"));
}

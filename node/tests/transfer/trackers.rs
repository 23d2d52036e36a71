//! Trackers in tiers (BEP 12): who cannot be asked, or does not answer as it should, is not the end.

use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::thread;

use crate::support::{Place, Program, content};

/// The datagrams with which a hostile tracker answers one that has this transaction id.
type Answer = fn(&[u8]) -> Vec<Vec<u8>>;

/// A tracker of our own, and its port.
fn tracker(place: &Place) -> (Program, u16) {
    let mut tracker = place.start(&["tracker", "--listen", "127.0.0.1:0"]);
    let line = tracker.says("listening on 127.0.0.1:");
    let port = line.split([':', ',']).nth(1).unwrap().parse().unwrap();
    (tracker, port)
}

/// A torrent of `file` with these trackers, each in a tier of its own.
fn described(place: &Place, trackers: &[String]) -> PathBuf {
    place.write("file", content(100_000));
    let mut arguments = vec!["create", "file", "--force", "-l", "32 KiB"];
    for tracker in trackers {
        arguments.extend(["--tracker", tracker]);
    }
    assert!(place.command(&arguments).output().unwrap().status.success());
    place.join("file.torrent")
}

/// Seeder and leecher know each other by the torrent's trackers alone.
#[track_caller]
fn finds(place: &Place, trackers: &[String]) {
    let there = Place::new();
    let torrent = described(place, trackers);
    let (_seeder, _) = place.seed("file.torrent", &[]);
    let arguments = ["get", torrent.to_str().unwrap(), "--no-lan", "--listen", "127.0.0.1", "--port", "0"];
    there.start(&[&arguments[..], &["--timeout", "20s"]].concat()).wait().is_done();
    assert_eq!(there.read("file"), place.read("file"), "{trackers:?}");
}

#[test]
fn the_first_tracker_is_dead() {
    let here = Place::new();
    let (_tracker, port) = tracker(&here);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody_either = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    finds(&here, &[format!("http://{nobody}/announce"), format!("http://127.0.0.1:{port}/announce")]);
    finds(&here, &[format!("udp://{nobody_either}"), format!("udp://127.0.0.1:{port}")]);
}

#[test]
fn the_first_tracker_speaks_udp_and_means_harm() {
    let here = Place::new();
    let (_tracker, port) = tracker(&here);
    let answers: [Answer; 2] = [
        |transaction| vec![[&[0, 0, 0, 3], transaction, &b"\x1b[2J"[..]].concat()],
        |transaction| vec![[&[0, 0, 0, 9], transaction].concat()],
    ];
    for answer in answers {
        let hostile = udp(answer);
        finds(&here, &[format!("udp://{hostile}/announce"), format!("http://127.0.0.1:{port}/announce")]);
    }
}

/// A tracker that answers each datagram so.
fn udp(answer: Answer) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let addr = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut request = [0; 2_048];
        while let Ok((len @ 16.., from)) = socket.recv_from(&mut request) {
            for reply in answer(&request[12..16.min(len)]) {
                let _ = socket.send_to(&reply, from);
            }
        }
    });
    addr
}

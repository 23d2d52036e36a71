//! What the flags do that are common to several commands.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{PATIENCE, Place, content};

/// A port that nobody has, as far as can be known.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Connects as soon as somebody listens.
#[track_caller]
fn connect(port: u16) -> TcpStream {
    let begun = Instant::now();
    loop {
        if let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) {
            return stream;
        }
        assert!(begun.elapsed() < PATIENCE, "nobody listens on port {port}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn the_quiet_say_nothing_but_results() {
    let (here, there) = (Place::new(), Place::new());
    here.write("file", content(100_000));
    let (torrent, _) = here.create("file");
    let (port, tracker_port) = (free_port().to_string(), free_port());
    let listen = format!("127.0.0.1:{tracker_port}");
    let tracker = here.start(&["tracker", "-q", "--listen", &listen, "--no-lan", "--seed", "file.torrent"]);
    let network = ["--no-lan", "--listen", "127.0.0.1", "--port"];
    let seeder = here.start(&[&["seed", "-q", "file.torrent"], &network[..], &[&port]].concat());
    for at in [port.parse().unwrap(), tracker_port] {
        drop(connect(at));
        let at = SocketAddr::from(([127, 0, 0, 1], at));
        let got = there.get(&torrent, at, &["-q", "-o", &at.port().to_string()]);
        assert_eq!((got.is_done().err.as_str(), &got.out), ("", &format!("{}/file\n", at.port())));
    }
    for program in [seeder, tracker] {
        program.signal("INT");
        let ended = program.wait();
        assert_eq!((ended.is_done().err.as_str(), ended.out.as_str()), ("", ""));
    }
}

#[test]
fn the_verbose_tell_who_comes_and_goes() {
    let (here, there) = (Place::new(), Place::new());
    here.write("file", content(100_000));
    let (torrent, _) = here.create("file");
    let (mut seeder, addr) = here.seed("file.torrent", &["-v"]);
    let got = there.get(&torrent, addr, &["-v"]);
    assert!(got.is_done().err.contains(&format!("file: dialling {addr}")), "{}", got.err);
    seeder.says(" has connected");
    let arguments = ["tracker", "-v", "--listen", "127.0.0.1:0", "--no-lan", "--seed", "file.torrent"];
    let mut tracker = here.start(&arguments);
    let line = tracker.says("listening on 127.0.0.1:");
    let port = line.split([':', ',']).nth(1).unwrap().parse().unwrap();
    tracker.says("seeding file");
    there.get(&torrent, SocketAddr::from(([127, 0, 0, 1], port)), &["-o", "again"]).is_done();
    tracker.says(" has connected");
}

/// A limit delays, and a busy machine only delays more: that it took so long at least can be relied on.
#[test]
fn rates_are_kept() {
    let here = Place::new();
    here.write("file", content(400_000));
    let (torrent, _) = here.create("file");
    let slow = "400 kB/s";
    let tracker = ["tracker", "--listen", "127.0.0.1:0", "--no-lan", "--seed", "file.torrent", "--up", slow];
    let mut tracker = here.start(&tracker);
    let line = tracker.says("listening on 127.0.0.1:");
    let port = line.split([':', ',']).nth(1).unwrap().parse().unwrap();
    tracker.says("seeding file");
    let (_slow_seeder, slow_addr) = here.seed("file.torrent", &["--up", slow]);
    let (_seeder, addr) = here.seed("file.torrent", &[]);
    let limits: [(&str, SocketAddr, &[&str]); 3] = [
        ("seed --up", slow_addr, &[]),
        ("tracker --up", ([127, 0, 0, 1], port).into(), &[]),
        ("get --down", addr, &["--down", slow]),
    ];
    for (name, from, more) in limits {
        let there = Place::new();
        let begun = Instant::now();
        there.get(&torrent, from, more).is_done();
        // At the rate it is 1 s, of which the socket's buffers and what was saved up take some.
        assert!(begun.elapsed() > Duration::from_millis(500), "{name}: {:?}", begun.elapsed());
    }
}

#[test]
fn flags_that_make_no_sense_together_are_wrong_usage() {
    let place = Place::new();
    place.write("file", content(1_000));
    place.create("file");
    for (arguments, part) in [
        (&["get", "file.torrent", "-q", "-v"][..], "--verbose"),
        (&["seed", "file", "-q", "-v"], "--verbose"),
        (&["tracker", "-q", "-v"], "--verbose"),
        (&["seed", "file", "--no-lan", "--interface", "lo"], "--interface"),
        (&["tracker", "--up", "1 MiB/s"], "--seed"),
        (&["tracker", "--interface", "lo"], "--seed"),
        (&["tracker", "--json"], "--seed"),
        (&["get", "file.torrent", "--down", "fast"], "expected a rate"),
        (&["seed", "file", "--up", "0"], "expected a rate"),
        (&["seed", "file", "--interface", "nosuch0"], "no network interface nosuch0"),
        (&["get", "file.torrent", "--interface", "nosuch0"], "no network interface nosuch0"),
        (
            &["tracker", "--listen", "127.0.0.1:0", "--seed", "file", "--interface", "nosuch0"],
            "no network interface nosuch0",
        ),
    ] {
        let ended = place.command(arguments).output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!((ended.status.code(), ended.stdout), (Some(2), Vec::new()), "{arguments:?}: {said}");
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
}

/// A torrent that is named twice is seeded once.
#[test]
fn what_is_given_twice_is_given_once() {
    let (here, there) = (Place::new(), Place::new());
    here.write("file", content(100_000));
    here.write("other", content(50_000));
    let (torrent, _) = here.create("file");
    let mut seeder = here.start(&[
        "seed",
        "file.torrent",
        "file.torrent",
        "other",
        "--no-lan",
        "--listen",
        "127.0.0.1",
        "--port",
        "0",
        "--json",
    ]);
    seeder.says("file is given already");
    let line = seeder.says("seeding on port ");
    let digits: String = line.chars().filter(char::is_ascii_digit).collect();
    let addr = SocketAddr::from(([127, 0, 0, 1], digits.parse().unwrap()));
    there.get(&torrent, addr, &[]).is_done();
    seeder.signal("INT");
    let ended = seeder.wait();
    let names: Vec<serde_json::Value> = ended
        .is_done()
        .out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["name"].clone())
        .collect();
    assert_eq!(names, ["file", "other"]);

    let arguments = [
        "tracker",
        "--listen",
        "127.0.0.1:0",
        "--no-lan",
        "--seed",
        "other",
        "--seed",
        "other",
        "--seed",
        "file",
    ];
    let mut tracker = here.start(&arguments);
    tracker.says("seeding other");
    tracker.says("other is given already");
    tracker.says("seeding file");
}

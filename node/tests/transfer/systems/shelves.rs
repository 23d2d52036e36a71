//! S4's catalogue of names: several files of one node, signs of life, and files of which nobody has metainfo.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use super::{S4, System, connect};
use crate::support::{PATIENCE, Place, Program, content};

/// Options of a node that finds nobody but by the tracker.
const ALONE: [&str; 5] = ["--no-lan", "--listen", "127.0.0.1", "--port", "0"];

/// A tracker without anything.
fn tracker(here: &Place, system: &System) -> (Program, SocketAddr) {
    let mut tracker = here.start(&super::tracker_options(system));
    let line = tracker.says("listening on ");
    let at = line.split_whitespace().nth(2).unwrap().trim_end_matches(',').parse().unwrap();
    (tracker, at)
}

/// Asks a tracker of S4 something; the first line of the answer, and as many as it says follow.
#[track_caller]
fn ask(at: SocketAddr, question: &str) -> Vec<String> {
    let mut stream = connect(at);
    stream.write_all(format!("{question}\n").as_bytes()).unwrap();
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().unwrap().unwrap();
    let count = first.strip_prefix("OK ").and_then(|count| count.parse().ok()).unwrap_or(0);
    let mut answer = vec![first];
    answer.extend(lines.take(count).map(Result::unwrap));
    answer
}

/// A peer in S4's words alone: it gives one file, whole, to whoever asks. Where it listens.
fn plain_peer(name: &'static str, bytes: Vec<u8>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (bytes, stream) = (bytes.clone(), stream.unwrap());
            std::thread::spawn(move || give(stream, name, &bytes));
        }
    });
    addr
}

fn give(mut stream: TcpStream, name: &str, bytes: &[u8]) {
    let lines = BufReader::new(stream.try_clone().unwrap()).lines();
    for line in lines.map_while(Result::ok) {
        let words: Vec<&str> = line.split(' ').collect();
        let answer = match words[..] {
            ["SIZE", file] if file == name => format!("OK {}\n", bytes.len()).into_bytes(),
            ["SIZE", _] => b"ERR not-found\n".to_vec(),
            ["GET", file, offset, size] if file == name => {
                let (offset, size): (usize, usize) = (offset.parse().unwrap(), size.parse().unwrap());
                bytes[offset..offset + size].to_vec()
            }
            _ => return,
        };
        if stream.write_all(&answer).is_err() {
            return;
        }
    }
}

#[test]
fn a_node_lists_all_files_that_it_shares() {
    let here = Place::new();
    let (_tracker, at) = tracker(&here, &S4);
    let names = ["a.bin", "b.bin", "c.bin"];
    for (number, name) in names.iter().enumerate() {
        here.write(name, content(100_000 + number));
    }
    let options = ["--profile", "s4", "--tracker", &at.to_string(), "--announce-interval", "1s"];
    let (_seeder, seeds_at) = here.seed("a.bin", &[&names[1..], &options].concat());
    let start = Instant::now();
    let expected = format!("{seeds_at} a.bin=100000 b.bin=100001 c.bin=100002");
    loop {
        let mut listed = ask(at, "list").pop().unwrap();
        if let Some((addr, files)) = listed.split_once(' ') {
            let mut files: Vec<&str> = files.split(' ').collect();
            files.sort_unstable();
            listed = format!("{addr} {}", files.join(" "));
        }
        if listed == expected {
            break;
        }
        assert!(start.elapsed() < PATIENCE, "{listed}");
        std::thread::sleep(Duration::from_millis(20));
    }
    // Each of them can be had, one after the other on one connection, and by a node that knows no more than the name.
    let mut stream = connect(seeds_at);
    for (number, name) in names.iter().enumerate() {
        stream.write_all(format!("SIZE {name}\n").as_bytes()).unwrap();
        let expected = format!("OK {}\n", 100_000 + number);
        let mut answer = vec![0; expected.len()];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(String::from_utf8_lossy(&answer), expected);
    }
    for name in names {
        let there = Place::new();
        let get = ["get", name, "--profile", "s4", "--tracker", &at.to_string(), "--timeout", "20s"];
        there.start(&[&get[..], &ALONE].concat()).wait().is_done();
        assert_eq!(there.read(name), here.read(name));
    }
}

/// A tracker of S4 that the test plays: it agrees to everything, and tells what it was asked.
fn agreeing_tracker() -> (SocketAddr, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let (lines_in, lines) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, lines_in) = (stream.unwrap(), lines_in.clone());
            std::thread::spawn(move || {
                let mut first = [0];
                // Commands of the native JSON begin with a zero: it does not know them.
                if stream.peek(&mut first).is_ok() && first[0] == 0 {
                    return;
                }
                for line in BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok) {
                    let answer = if line.starts_with("search") { "OK 0\n" } else { "OK\n" };
                    let _ = (lines_in.send(line), stream.write_all(answer.as_bytes()));
                }
            });
        }
    });
    (at, lines)
}

#[test]
fn signs_of_life_come_again_and_again() {
    let (at, lines) = agreeing_tracker();
    let here = Place::new();
    here.write("a.bin", content(1_000));
    let tracker = format!("s4://{at}");
    let options = ["--profile", "s4", "--tracker", &tracker, "--announce-interval", "1s"];
    let (seeder, addr) = here.seed("a.bin", &options);
    let next = || lines.recv_timeout(PATIENCE).unwrap();
    assert_eq!(next(), format!("register {addr} a.bin=1000"));
    for _ in 0..3 {
        assert_eq!(next(), format!("heartbeat {addr}"));
    }
    seeder.signal("INT");
    let last = std::iter::repeat_with(next).find(|line| !line.starts_with("heartbeat")).unwrap();
    assert_eq!(last, format!("unregister {addr}"));
    seeder.wait().is_done();
}

/// What is listed by its name alone is shown, and can be had from who lists it; that nothing can be verified is said.
#[test]
fn files_without_metainfo_are_shown_and_fetched() {
    let here = Place::new();
    let (_tracker, at) = tracker(&here, &S4);
    let song = content(3_000_001);
    let sources = [plain_peer("song.mp3", song.clone()), plain_peer("song.mp3", song.clone())];
    // One of them says how long it is.
    let mut shelves = connect(at);
    let lines = format!("register {} song.mp3\nregister {} song.mp3=3000001 notes\n", sources[0], sources[1]);
    shelves.write_all(lines.as_bytes()).unwrap();
    let mut answers = [0; 6];
    shelves.read_exact(&mut answers).unwrap();
    assert_eq!(&answers, b"OK\nOK\n");

    let at = at.to_string();
    let look = ["--tracker", &at, "--no-lan"];
    let listed = here.start(&[&["list"][..], &look].concat()).wait();
    let rows: Vec<Vec<&str>> =
        listed.is_done().out.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        rows,
        [vec!["notes", "-", "1", "0", "-", "-"], vec!["song.mp3", "2.9", "MiB", "2", "0", "-", "-"]]
    );
    let found = here.start(&[&["search", "SONG", "--json"][..], &look].concat()).wait();
    let found: serde_json::Value = serde_json::from_str(&found.is_done().out).unwrap();
    assert_eq!(found["files"], serde_json::json!([]), "{found}");
    let named = serde_json::json!([{ "name": "song.mp3", "size": 3_000_001, "sources": 2 }]);
    assert_eq!(found["named"], named, "{found}");

    let there = Place::new();
    let get = |more: &[&str]| {
        there.start(&[&["get", "song.mp3", "--timeout", "20s"], &ALONE[..], &look[..2], more].concat())
    };
    let ended = get(&[]).wait();
    assert!(ended.code == Some(3) && ended.err.contains("hint: --profile s4 gets it"), "{}", ended.err);
    let mut getting = get(&["--profile", "s4", "--json", "--seed-after", "1min"]);
    getting.says("not verified: no hash of it is known");
    assert!(there.read("song.mp3") == song);

    // It is a source now, in the system's words, and nobody has heard of an info-hash.
    let start = Instant::now();
    while ask(at.parse().unwrap(), "search song.mp3").concat().matches(':').count() < 3 {
        assert!(start.elapsed() < PATIENCE, "it does not register");
        std::thread::sleep(Duration::from_millis(20));
    }
    let listed = here.start(&[&["list", "--json"][..], &look].concat()).wait();
    let listed: serde_json::Value = serde_json::from_str(&listed.is_done().out).unwrap();
    assert_eq!(listed["files"], serde_json::json!([]), "{listed}");
    getting.signal("INT");
    let ended = getting.wait();
    let report: serde_json::Value =
        serde_json::from_str(ended.is_done().out.lines().next().unwrap()).unwrap();
    assert_eq!((&report["verified"], &report["pieces"]), (&false.into(), &12.into()), "{report}");
}

/// Nobody who is listed has it: that is said.
#[test]
fn a_name_that_nobody_gives_is_said_so() {
    let here = Place::new();
    let (_tracker, at) = tracker(&here, &S4);
    let other = plain_peer("other", vec![0; 10]);
    assert_eq!(ask(at, &format!("register {other} gone.mp3")), ["OK"]);
    let get = ["get", "gone.mp3", "--profile", "s4", "--tracker", &at.to_string(), "--timeout", "20s"];
    let ended = here.start(&[&get[..], &ALONE].concat()).wait();
    assert!(
        ended.code == Some(3) && ended.err.contains("none of those who are said to have it"),
        "{}",
        ended.err
    );
    assert_eq!(std::fs::read_dir(here.path()).unwrap().count(), 0);
}

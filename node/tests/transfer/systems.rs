//! The five systems for real: our nodes among themselves, and with clients that were written from `core/PROTOCOLS.md` alone.
//!
//! In each test a tracker of ours and a seeder, which for S2 and S5 are the same, give a file to a node of ours and to a client in
//! Python. Then they go, and a node that comes later has the file from the client. Rhythms of seconds are set to parts of them: it is
//! the messages that are tried here, the rhythms are tried where time is virtual.

mod begin;
mod beside;
mod client;
mod hostile;
mod options;
mod shelves;

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use self::client::{Client, has_python};
use crate::support::{PATIENCE, Place, Program, content};

/// A system, and the options that make it quick.
struct System {
    name: &'static str,
    /// Options of our nodes.
    options: &'static [&'static str],
    /// Options of its client: how it names the file, and more.
    client: &'static [&'static str],
    /// The tracker is the seed.
    tracker_seeds: bool,
}

const S1: System = System {
    name: "s1",
    options: &["--requests", "paced:10ms", "--choke-interval", "100ms"],
    client: &["--file", "movie.mp4"],
    tracker_seeds: false,
};
const S2: System = System {
    name: "s2",
    options: &["--choke-interval", "100ms"],
    client: &["--file", "movie.mp4"],
    tracker_seeds: true,
};
/// The same with a client that has one connection to the tracker.
const S2_ONE_CONNECTION: System = System { client: &["--file", "movie.mp4", "--one-connection"], ..S2 };
const S3: System =
    System { name: "s3", options: &[], client: &["--torrent", "movie.mp4.torrent"], tracker_seeds: false };
const S4: System =
    System { name: "s4", options: &[], client: &["--file", "movie.mp4"], tracker_seeds: false };
const S5: System =
    System { name: "s5", options: &["--requests", "paced:10ms"], client: &[], tracker_seeds: true };
/// The same with a client that has one connection to the tracker.
const S5_ONE_CONNECTION: System = System { client: &["--one-connection"], ..S5 };

/// A tracker, with the file when it is the seed, and a seeder otherwise.
struct World {
    system: &'static System,
    here: Place,
    torrent: PathBuf,
    tracker: Program,
    at: SocketAddr,
    seeder: Option<Program>,
    /// Where the seed is, which may be the tracker.
    seeds_at: SocketAddr,
}

impl World {
    fn start(system: &'static System) -> Self {
        Self::with(system, &content(300_001), "32 KiB")
    }

    /// With this file, in pieces of this length.
    fn with(system: &'static System, file: &[u8], piece_length: &str) -> Self {
        let here = Place::new();
        here.write("movie.mp4", file);
        let made = here.command(&["create", "movie.mp4", "-l", piece_length, "--sha1"]).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let torrent = here.join("movie.mp4.torrent");
        let seeds: &[&str] = if system.tracker_seeds { &["--seed", "movie.mp4.torrent"] } else { &[] };
        let mut tracker = here.start(&[&tracker_options(system)[..], seeds, system.options].concat());
        let line = tracker.says("listening on ");
        let at = line.split_whitespace().nth(2).unwrap().trim_end_matches(',').parse().unwrap();
        if system.tracker_seeds {
            tracker.says("seeding movie.mp4");
        }
        let mut world = Self { system, here, torrent, tracker, at, seeder: None, seeds_at: at };
        if !system.tracker_seeds {
            let options = world.options();
            let options: Vec<&str> = options.iter().map(String::as_str).collect();
            let (seeder, seeds_at) = world.here.seed("movie.mp4.torrent", &options);
            (world.seeder, world.seeds_at) = (Some(seeder), seeds_at);
            world.is_listed();
        }
        world
    }

    /// Waits until the seeder has told the tracker what it has.
    fn is_listed(&self) {
        let start = Instant::now();
        let mut stream = connect(self.at);
        while !ask(&mut stream, r#"{"command":"search","text":"movie.mp4"}"#).contains("movie.mp4") {
            assert!(start.elapsed() < PATIENCE, "the seeder does not register");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// What our nodes are started with.
    fn options(&self) -> Vec<String> {
        let own = ["--profile", self.system.name, "--tracker", &self.at.to_string()].map(str::to_owned);
        own.into_iter().chain(self.system.options.iter().map(|&option| option.to_owned())).collect()
    }

    /// A node that gets the file into a place of its own.
    fn leecher(&self, there: &Place, more: &[&str]) -> Program {
        self.get(self.torrent.to_str().unwrap(), there, more)
    }

    /// The same, with other words for the file.
    fn get(&self, what: &str, there: &Place, more: &[&str]) -> Program {
        let own = ["--no-lan", "--listen", "127.0.0.1", "--port", "0", "--timeout", "20s", "--json", "-v"];
        let options = self.options();
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        there.start(&[&["get", what][..], &own, &options, more].concat())
    }

    fn client(&self) -> Client {
        Client::start(self.system.name, &self.here, self.at, self.system.client)
    }
}

/// A stranger's connection.
fn connect(to: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&to, PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// The answer to a question in a frame.
#[track_caller]
fn ask(stream: &mut TcpStream, question: &str) -> String {
    stream.write_all(&frame(question)).unwrap();
    let mut len = [0; 4];
    stream.read_exact(&mut len).unwrap();
    let mut text = vec![0; u32::from_be_bytes(len) as usize];
    stream.read_exact(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

fn frame(text: &str) -> Vec<u8> {
    [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat()
}

fn tracker_options(system: &System) -> Vec<&'static str> {
    vec!["tracker", "--listen", "127.0.0.1:0", "--no-lan", "-v", "--profile", system.name]
}

/// The whole of it: see the module.
fn a_swarm_of_both(system: &'static System) {
    if !has_python() {
        return;
    }
    let mut world = World::start(system);
    let there = Place::new();
    let leecher = world.leecher(&there, &[]);
    let mut client = world.client();
    let ended = leecher.wait();
    let summary: serde_json::Value = serde_json::from_str(&ended.is_done().out).unwrap();
    assert_eq!(summary["whole_files_equal"], 1, "{summary}");
    // Of ten pieces, however many connections they took: the seeder, and the client, which may have called as well as been called.
    let sources = summary["peers_used"].as_u64().unwrap();
    assert!((1..=3).contains(&sources), "{summary}");
    assert_eq!(there.read("movie.mp4"), world.here.read("movie.mp4"));
    client.says("complete ");
    assert_eq!(client.file("movie.mp4"), world.here.read("movie.mp4"));

    // Whoever had it first is gone now.
    drop(world.seeder.take());
    let addr = client.addr.to_string();
    let mut more = Vec::new();
    if system.tracker_seeds {
        world.tracker.signal("INT");
        more = vec!["--peer", &addr];
    }
    let late = Place::new();
    let ended = world.leecher(&late, &more).wait();
    assert!(ended.code == Some(0), "{}\nthe client: {}", ended.err, client.log());
    assert_eq!(late.read("movie.mp4"), world.here.read("movie.mp4"));
    assert!(client.stop() > 0, "it was the client that gave it, or some of it");
}

/// Our nodes alone, which know the name of the file and the tracker and nothing else.
fn a_swarm_of_ours(system: &'static System) {
    let world = World::start(system);
    let places = [Place::new(), Place::new()];
    let leechers: Vec<Program> =
        places.iter().map(|there| world.get("movie.mp4", there, &["--seed-after", "500ms"])).collect();
    for (leecher, there) in leechers.into_iter().zip(&places) {
        let ended = leecher.wait();
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        assert_eq!(there.read("movie.mp4"), world.here.read("movie.mp4"));
    }
}

#[test]
fn s1_commands_and_choking() {
    a_swarm_of_both(&S1);
}

#[test]
fn s1_among_our_own() {
    a_swarm_of_ours(&S1);
}

#[test]
fn s2_the_tracker_is_a_seed_and_contributors_are_served() {
    a_swarm_of_both(&S2);
}

#[test]
fn s2_one_connection_for_all_that_is_said_to_the_tracker() {
    a_swarm_of_both(&S2_ONE_CONNECTION);
}

#[test]
fn s2_among_our_own() {
    a_swarm_of_ours(&S2);
}

#[test]
fn s3_datagrams_and_a_connection_for_each_piece() {
    a_swarm_of_both(&S3);
}

/// There is no message by which peers of S3 and S4 could tell what they have.
#[test]
fn s3_and_s4_need_a_tracker() {
    let here = Place::new();
    here.write("movie.mp4", content(1_000));
    let (torrent, _) = here.create("movie.mp4");
    for profile in ["s3", "s4"] {
        let ended = Place::new().get(&torrent, ([127, 0, 0, 1], 1).into(), &["--profile", profile]);
        assert_eq!(ended.code, Some(2), "{}", ended.err);
        assert!(ended.err.contains("a tracker alone tells who has what"), "{}", ended.err);
    }
}

#[test]
fn s3_among_our_own() {
    a_swarm_of_ours(&S3);
}

#[test]
fn s4_a_catalogue_and_chunks_from_many_sources() {
    a_swarm_of_both(&S4);
}

#[test]
fn s4_among_our_own() {
    a_swarm_of_ours(&S4);
}

#[test]
fn s5_a_full_mesh_around_a_tracker_that_seeds() {
    a_swarm_of_both(&S5);
}

#[test]
fn s5_one_connection_for_all_that_is_said_to_the_tracker() {
    a_swarm_of_both(&S5_ONE_CONNECTION);
}

#[test]
fn s5_among_our_own() {
    a_swarm_of_ours(&S5);
}

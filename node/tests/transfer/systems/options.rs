//! What the options mean in the systems, and what is said where they mean nothing.

use super::{S3, S4};
use crate::support::{Place, content};

/// Where the tracker alone tells who has what, a peer that the user names is asked, though no tracker lists it.
#[test]
fn a_peer_that_the_user_names_is_a_source() {
    for system in [&S3, &S4] {
        let (here, there) = (Place::new(), Place::new());
        here.write("movie.mp4", content(100_001));
        let (torrent, _) = here.create("movie.mp4");
        let mut tracker = here.start(&super::tracker_options(system));
        let line = tracker.says("listening on ");
        let at = line.split_whitespace().nth(2).unwrap().trim_end_matches(',').to_owned();
        let (_seeder, seeds_at) = here.seed("movie.mp4.torrent", &["--profile", system.name]);
        let more = ["--profile", system.name, "--tracker", &at];
        there.get(&torrent, seeds_at, &more).is_done();
        assert_eq!(there.read("movie.mp4"), here.read("movie.mp4"));
    }
}

/// No peer of the systems can send metadata: that is said before anybody is asked.
#[test]
fn magnet_links_are_not_enough() {
    let magnet = format!("magnet:?xt=urn:btih:{}&x.pe=127.0.0.1:1", "ab".repeat(20));
    for profile in ["s1", "s2", "s3", "s4", "s5"] {
        let here = Place::new();
        let ended = here.start(&["get", &magnet, "--no-lan", "--profile", profile]).wait();
        assert_eq!(ended.code, Some(2), "{}", ended.err);
        assert!(ended.err.contains("cannot send metadata"), "{}", ended.err);
        assert!(ended.err.contains("hint: give the torrent file"), "{}", ended.err);
    }
}

/// Trackers and their peers meet at the port of their system when none is named.
#[test]
fn each_system_has_its_port() {
    let here = Place::new();
    here.write("movie.mp4", content(1_000));
    let (torrent, _) = here.create("movie.mp4");
    for (profile, port) in [("s1", 6969), ("s2", 9000), ("s3", 10_000), ("s4", 6969), ("s5", 8001)] {
        // Where the port is taken that is said, with the port.
        here.start(&["tracker", "--no-lan", "--profile", profile]).says(&port.to_string());
        let get = ["get", torrent.to_str().unwrap(), "--profile", profile, "--tracker", "127.77.0.1", "-v"];
        let more = ["--no-lan", "--port", "0", "-o", profile, "--timeout", "20s"];
        here.start(&[&get[..], &more].concat()).says(&format!("{profile}://127.77.0.1:{port}: "));
    }
}

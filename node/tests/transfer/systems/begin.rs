//! S5's peers begin with a part of the file: the experiment of its report, with real nodes.

use super::{S5, World};
use crate::support::{Place, Program, content};

/// Pieces of 16 KiB in the file of these tests, and those that each peer begins with: those of the report's MP4.
const PIECES: usize = 131;
const INITIAL: &str = "14";

/// A tracker of S5 that seeds a file of as many pieces as the report's, and the file's place.
fn world() -> World {
    World::with(&S5, &content(PIECES * (16 << 10) - 5), "16 KiB")
}

/// Five peers, each with its own part, and the tracker: everyone gets what it lacks and no more, and reports its time and messages.
#[test]
fn five_peers_begin_with_random_pieces() {
    let world = world();
    let whole = world.here.join("movie.mp4");
    let begin = ["--initial-pieces", INITIAL, "--from", whole.to_str().unwrap(), "--seed-after", "1s"];
    let places: Vec<Place> = (0..5).map(|_| Place::new()).collect();
    let peers: Vec<Program> = places.iter().map(|there| world.leecher(there, &begin)).collect();
    for (peer, there) in peers.into_iter().zip(&places) {
        let ended = peer.wait();
        let report = ended.is_done().out.lines().next().unwrap();
        let report: serde_json::Value = serde_json::from_str(report).unwrap();
        assert_eq!((&report["pieces_before"], &report["pieces"]), (&14.into(), &PIECES.into()), "{report}");
        let fetched = report["downloaded"].as_u64().unwrap() - report["wasted"].as_u64().unwrap();
        let missing = (PIECES - 14) * (16 << 10);
        assert!((missing - 5..=missing).contains(&usize::try_from(fetched).unwrap()), "{report}");
        assert!(report["messages_sent"]["request"].as_u64() >= Some(117), "{report}");
        assert!(report["messages_sent"]["bitfield"].as_u64() >= Some(1), "its inventory: {report}");
        assert_eq!(report["whole_files_equal"], 1, "{report}");
        // One connection with each of the others: who joins calls those who are there, and is not called by them as well.
        assert!(report["peers_used"].as_u64() <= Some(5), "{report}");
        assert_eq!(there.read("movie.mp4"), world.here.read("movie.mp4"));
    }
}

/// What a download would begin with has to be right, and not in the way of something.
#[test]
fn what_it_begins_with_is_checked() {
    let world = world();
    let whole = world.here.join("movie.mp4");
    let whole = whole.to_str().unwrap();
    let get = |there: &Place, pieces: &str, from: &str| {
        world.leecher(there, &["--initial-pieces", pieces, "--from", from]).wait()
    };
    let there = Place::new();
    let ended = get(&there, "132", whole);
    assert!(ended.code == Some(2) && ended.err.contains("of a file of 131 pieces"), "{}", ended.err);
    there.write("other", content(PIECES * (16 << 10)).iter().map(|byte| !byte).collect::<Vec<u8>>());
    let other = there.join("other");
    let ended = get(&there, "131", other.to_str().unwrap());
    assert!(
        ended.code == Some(1) && ended.err.contains("is not what the torrent describes"),
        "{}",
        ended.err
    );
    assert_eq!(std::fs::read_dir(there.path()).unwrap().count(), 1, "nothing was begun");
    there.write("movie.mp4", "mine");
    let ended = get(&there, "14", whole);
    assert!(ended.code == Some(1) && ended.err.contains("is there already"), "{}", ended.err);
    assert_eq!(there.read("movie.mp4"), b"mine");
    // All of it is here then: nobody is needed.
    let there = Place::new();
    get(&there, "131", whole).is_done();
    assert_eq!(there.read("movie.mp4"), world.here.read("movie.mp4"));
    let ended = there.start(&["get", "x.torrent", "--initial-pieces", "3"]).wait();
    assert!(ended.code == Some(2) && ended.err.contains("--from"), "{}", ended.err);
}

/// One piece is missing, and one is asked for; for a second time only if the first answer took too long.
#[test]
fn what_is_here_is_not_asked_for() {
    let world = world();
    let whole = world.here.join("movie.mp4");
    let there = Place::new();
    let begin = ["--initial-pieces", "130", "--from", whole.to_str().unwrap()];
    let ended = world.leecher(&there, &begin).wait();
    let report: serde_json::Value = serde_json::from_str(&ended.is_done().out).unwrap();
    assert!(report["messages_sent"]["request"].as_u64() <= Some(2), "one piece is missing: {report}");
}

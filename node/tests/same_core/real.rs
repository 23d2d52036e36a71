//! The swarm as programs on loopback, with a tracker, which seeds where the profile's does.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use minibit_core::MessageKind;
use tempfile::TempDir;

use super::{Counts, Swarm};
use crate::content;
use crate::running::{Running, until};

const PATIENCE: Duration = Duration::from_mins(1);
const NAME: &str = "movie.mp4";

/// What all participants together send until the last one is complete, and when each of the five has begun, counted from the tracker.
pub(super) fn run(swarm: &Swarm) -> (Counts, [Duration; 5]) {
    let place = TempDir::new().unwrap();
    let bytes = content::bytes(7, swarm.len as usize);
    let origin = place.path().join("origin");
    content::write(&origin.join(NAME), &bytes);
    let torrent = origin.join("movie.mp4.torrent");
    let piece_len = swarm.piece_len.to_string();
    let created =
        program(&["create"]).arg(origin.join(NAME)).arg("-o").arg(&torrent).args(["-l", &piece_len]).status();
    assert!(created.is_ok_and(|status| status.success()));

    let profile = swarm.profile;
    let tracker = Node::start(place.path().join("tracker"), |node| {
        node.args(["tracker", "--listen", "127.0.0.1:0", "--no-udp", "--profile", profile.name()]);
        if profile.tracker_seeds() {
            node.arg("--json").arg("--seed").arg(&torrent);
        }
    });
    if profile.tracker_seeds() {
        tracker.says("seeding movie.mp4");
    }
    let url = tracker.says("to name in torrent files: ");
    let tracker_begun = Instant::now();
    let mut peers = Vec::new();
    let mut begun = [Duration::ZERO; 5];
    for pieces in &swarm.pieces {
        let peer = Node::start(place.path().join(format!("peer-{}", peers.len())), |node| {
            begin(swarm, pieces, node, &torrent, &bytes);
            node.args(["--json", "--no-lan", "--listen", "127.0.0.1", "--port", "0", "--tracker", &url]);
            // The trace begins when the peer does.
            node.args(["--trace", "trace"]);
        });
        until("it has begun", PATIENCE, || peer.place.join("trace").exists());
        begun[peers.len()] = tracker_begun.elapsed();
        peers.push(peer);
    }
    let is_leecher = |pieces: &BTreeSet<u32>| pieces.len() < swarm.piece_count() as usize;
    let leechers = || peers.iter().zip(&swarm.pieces).filter(|(_, pieces)| is_leecher(pieces));
    until("all are complete", PATIENCE, || leechers().all(|(peer, _)| !peer.out().is_empty()));
    for (peer, _) in leechers() {
        assert!(content::equal(&origin.join(NAME), &peer.place.join(NAME)), "other bytes came");
    }

    if profile.tracker_seeds() {
        peers.push(tracker);
    }
    for peer in &peers {
        peer.running.interrupt();
    }
    let mut counts = Counts::new();
    for peer in peers {
        peer.add_to(&mut counts);
    }
    (counts, begun)
}

/// What a peer is to do, in a directory that has its first pieces.
fn begin(swarm: &Swarm, pieces: &BTreeSet<u32>, node: &mut Command, torrent: &Path, bytes: &[u8]) {
    if pieces.len() == swarm.piece_count() as usize {
        node.arg("seed").arg(torrent);
    } else {
        let place = node.get_current_dir().expect("a place of its own");
        let partial = File::create(place.join("movie.mp4.part")).unwrap();
        partial.set_len(bytes.len() as u64).unwrap();
        for &piece in pieces {
            let start = (piece * swarm.piece_len) as usize;
            let end = bytes.len().min(start + swarm.piece_len as usize);
            partial.write_all_at(&bytes[start..end], start as u64).unwrap();
        }
        node.arg("get").arg(torrent).args(["--seed-after", "1h"]);
    }
    node.args(["--profile", swarm.profile.name()]);
    if let Some(up) = swarm.up {
        node.args(["--up", &up.to_string()]);
    }
}

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_node"));
    command.args(arguments).env("NO_COLOR", "1").env_remove("MINIBIT_TRACKER").stdin(Stdio::null());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// A program that writes what it says into files.
struct Node {
    running: Running,
    place: PathBuf,
}

impl Node {
    fn start(place: PathBuf, arguments: impl FnOnce(&mut Command)) -> Self {
        fs::create_dir(&place).unwrap();
        let mut command = program(&[]);
        let [out, err] = ["out", "err"].map(|name| File::create(place.join(name)).unwrap());
        command.current_dir(&place).stdout(out).stderr(err);
        arguments(&mut command);
        Self { running: Running::start(&mut command), place }
    }

    /// What it has written to standard output.
    fn out(&self) -> String {
        fs::read_to_string(self.place.join("out")).unwrap()
    }

    /// The first word after this on standard error, when it has come.
    fn says(&self, what: &str) -> String {
        let said = || fs::read_to_string(self.place.join("err")).unwrap();
        until(what, PATIENCE, || said().lines().any(|line| line.contains(what)));
        let said = said();
        let (_, rest) = said.split_once(what).expect("it was there");
        rest.split_whitespace().next().unwrap_or_default().to_owned()
    }

    /// Waits for its end and adds up what it has sent in all.
    fn add_to(mut self, counts: &mut Counts) {
        assert!(self.running.wait(PATIENCE).success());
        let out = self.out();
        let summary: serde_json::Value =
            serde_json::from_str(out.lines().last().expect("a summary")).unwrap();
        for kind in MessageKind::ALL {
            let sent = summary["messages_sent"][kind.name()].as_f64().unwrap_or(0.0);
            *counts.entry(kind).or_default() += sent;
        }
    }
}

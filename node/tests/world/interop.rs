//! Today's clients trade with ours: each as a seeder and as a leecher, with our tracker and with opentracker, over HTTP and
//! UDP, one file and many. What arrives is compared byte by byte.
//!
//! Every transfer has a network namespace of its own, with nothing in it but loopback and three addresses, so that nobody is
//! found but by the tracker. That needs root and `ip`; where these or a client are missing the test is skipped and says why.
//! `WORLD_VERBOSE=1` shows what the programs say. The clients' timers, not the transfers, take the time: run with many
//! test threads.

mod client;
mod lan;
mod tracker;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use crate::support::content;

use crate::support::netns::{Namespace, skipped};
use crate::support::running::{Running, until};
use client::{Client, Task};
use tracker::Tracker;

/// Transmission waits for its own ticks of ten seconds, more than once.
const PATIENCE: Duration = Duration::from_mins(2);

const TRACKER: &str = "10.77.0.1";
const OURS: &str = "10.77.0.2";
const THEIRS: &str = "10.77.0.3";

/// Who has the content at the beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seeder {
    Ours,
    Theirs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Content {
    OneFile,
    ManyFiles,
}

struct Exchange {
    client: Client,
    seeder: Seeder,
    tracker: Tracker,
    udp: bool,
    content: Content,
}

impl Exchange {
    fn run(&self) {
        let missing = self.client.missing().or_else(|| self.tracker.missing());
        let namespace = match missing.map_or_else(Namespace::new, Err) {
            Ok(namespace) => namespace,
            Err(reason) => {
                skipped(&reason);
                return;
            }
        };
        for address in [TRACKER, OURS, THEIRS] {
            namespace.ip(&["addr", "add", &format!("{address}/32"), "dev", "lo"]).unwrap();
        }
        let place = TempDir::new().unwrap();
        let shared = Shared::make(place.path(), self.content, self.udp);
        let at = format!("{TRACKER}:6969").parse().unwrap();
        let _tracker = self.tracker.start(&namespace, at, &shared.info_hash, &place.path().join("tracker"));
        let copy = place.path().join("copy");
        std::fs::create_dir_all(&copy).unwrap();
        let origin = shared.content.parent().expect("it is in a directory");
        let directory = if self.seeder == Seeder::Theirs { origin } else { &copy };
        let theirs = Task {
            namespace: &namespace,
            address: THEIRS,
            port: 6883,
            torrent: &shared.torrent,
            directory,
            scratch: place.path().join("client"),
            lan: false,
        };
        let mut ours = ours(&namespace);
        match self.seeder {
            Seeder::Theirs => {
                let _seeder = self.client.seed(&theirs);
                ours.arg("get").arg(&shared.torrent).arg("-o").arg(&copy);
                let mut leecher = Running::start(ours.args(["--listen", OURS, "--no-lan"]));
                assert!(leecher.wait(PATIENCE).success(), "our leecher ended badly");
                assert!(content::equal(&shared.content, &copy.join(shared.name)), "other bytes arrived");
                assert!(self.content == Content::OneFile || copy.join(shared.name).join("b/empty").is_file());
            }
            Seeder::Ours => {
                ours.arg("seed").arg(&shared.torrent).arg("--dir").arg(origin);
                let _seeder = Running::start(ours.args(["--listen", OURS, "--no-lan"]));
                let _leecher = self.client.leech(&theirs);
                until("their leecher has everything", PATIENCE, || {
                    content::equal(&shared.content, &copy.join(shared.name))
                });
            }
        }
    }
}

fn ours(namespace: &Namespace) -> Command {
    let mut command = namespace.command(env!("CARGO_BIN_EXE_node"));
    if std::env::var_os("WORLD_VERBOSE").is_some() {
        command.stdout(Stdio::inherit()).stderr(Stdio::inherit());
    }
    command
}

/// What is shared: some megabytes whose last piece is short.
struct Shared {
    content: PathBuf,
    torrent: PathBuf,
    name: &'static str,
    info_hash: String,
}

impl Shared {
    fn make(place: &Path, kind: Content, udp: bool) -> Self {
        let name = match kind {
            Content::OneFile => "movie.mp4",
            Content::ManyFiles => "photos",
        };
        let content = place.join("origin").join(name);
        match kind {
            Content::OneFile => content::write(&content, &content::bytes(1, 9_000_001)),
            Content::ManyFiles => {
                // Pieces that begin in one file and end in the next but one, and names that need care.
                for (number, (file, len)) in [
                    ("a.jpg", 3_000_000),
                    ("b/empty", 0),
                    ("b/one byte", 1),
                    ("b/ümläut", 70_000),
                    ("c/d/e.jpg", 2_500_003),
                    ("z", 262_144),
                ]
                .into_iter()
                .enumerate()
                {
                    content::write(&content.join(file), &content::bytes(number as u64, len));
                }
            }
        }
        let torrent = place.join("it.torrent");
        let url = Tracker::url(format!("{TRACKER}:6969").parse().unwrap(), udp);
        let node = || Command::new(env!("CARGO_BIN_EXE_node"));
        let made = node()
            .arg("create")
            .arg(&content)
            .arg("-o")
            .arg(&torrent)
            .args(["-l", "256 KiB", "--tracker", &url])
            .output();
        assert!(made.as_ref().is_ok_and(|output| output.status.success()), "{made:?}");
        let looked = node().args(["inspect", "--json"]).arg(&torrent).output().unwrap();
        let json: serde_json::Value = serde_json::from_slice(&looked.stdout).unwrap();
        let info_hash = json["info_hash"].as_str().expect("inspect tells the info-hash").to_owned();
        Self { content, torrent, name, info_hash }
    }
}

macro_rules! exchanges {
    ($($name:ident: $client:ident, $seeder:ident seed, $tracker:ident by $protocol:ident, $content:ident;)*) => {
        $(#[test]
        fn $name() {
            Exchange {
                client: Client::$client,
                seeder: Seeder::$seeder,
                tracker: Tracker::$tracker,
                udp: exchanges!(@udp $protocol),
                content: Content::$content,
            }
            .run();
        })*
    };
    (@udp http) => { false };
    (@udp udp) => { true };
}

// aria2 announces by UDP only with its DHT, so it is not asked to.
exchanges! {
    aria2_seeds_a_file: Aria2, Theirs seed, Ours by http, OneFile;
    aria2_seeds_files: Aria2, Theirs seed, Opentracker by http, ManyFiles;
    aria2_gets_a_file: Aria2, Ours seed, Opentracker by http, OneFile;
    aria2_gets_files: Aria2, Ours seed, Ours by http, ManyFiles;
    aria2_seeds_a_file_by_opentracker: Aria2, Theirs seed, Opentracker by http, OneFile;
    aria2_seeds_files_by_our_tracker: Aria2, Theirs seed, Ours by http, ManyFiles;
    aria2_gets_a_file_by_our_tracker: Aria2, Ours seed, Ours by http, OneFile;
    aria2_gets_files_by_opentracker: Aria2, Ours seed, Opentracker by http, ManyFiles;
    transmission_seeds_a_file: Transmission, Theirs seed, Ours by http, OneFile;
    transmission_seeds_files: Transmission, Theirs seed, Opentracker by udp, ManyFiles;
    transmission_gets_a_file: Transmission, Ours seed, Opentracker by http, OneFile;
    transmission_gets_files: Transmission, Ours seed, Ours by udp, ManyFiles;
    transmission_seeds_a_file_by_opentracker: Transmission, Theirs seed, Opentracker by http, OneFile;
    transmission_seeds_files_by_our_tracker: Transmission, Theirs seed, Ours by http, ManyFiles;
    transmission_gets_a_file_by_our_tracker: Transmission, Ours seed, Ours by http, OneFile;
    transmission_gets_files_by_opentracker: Transmission, Ours seed, Opentracker by http, ManyFiles;
    libtorrent_seeds_a_file: Libtorrent, Theirs seed, Ours by udp, OneFile;
    libtorrent_seeds_files: Libtorrent, Theirs seed, Opentracker by http, ManyFiles;
    libtorrent_gets_a_file: Libtorrent, Ours seed, Opentracker by udp, OneFile;
    libtorrent_gets_files: Libtorrent, Ours seed, Ours by http, ManyFiles;
    libtorrent_seeds_a_file_by_opentracker: Libtorrent, Theirs seed, Opentracker by http, OneFile;
    libtorrent_seeds_files_by_our_tracker: Libtorrent, Theirs seed, Ours by http, ManyFiles;
    libtorrent_gets_a_file_by_our_tracker: Libtorrent, Ours seed, Ours by http, OneFile;
    libtorrent_gets_files_by_opentracker: Libtorrent, Ours seed, Opentracker by http, ManyFiles;
    rtorrent_seeds_a_file: Rtorrent, Theirs seed, Ours by http, OneFile;
    rtorrent_gets_files: Rtorrent, Ours seed, Ours by http, ManyFiles;
    rqbit_seeds_a_file: Rqbit, Theirs seed, Ours by http, OneFile;
    rqbit_seeds_files: Rqbit, Theirs seed, Ours by udp, ManyFiles;
    rqbit_gets_a_file: Rqbit, Ours seed, Ours by udp, OneFile;
    rqbit_gets_files: Rqbit, Ours seed, Ours by http, ManyFiles;
}

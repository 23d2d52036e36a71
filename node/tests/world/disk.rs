//! A disk that is full: the download stops with a message, what is there is kept and given to others, and when somebody makes room
//! it goes on.
//!
//! The disk is a small tmpfs, which needs root; where it cannot be mounted the test is skipped and says so.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use minibit_core::metainfo::Metainfo;
use minibit_core::{BlockSpan, Message};
use tempfile::TempDir;

use crate::support::content;
use crate::support::netns::skipped;
use crate::support::peer::Peer;
use crate::support::running::{Running, until};

/// The core tries a disk again that has failed after ten seconds.
const PATIENCE: Duration = Duration::from_mins(1);
const LEN: usize = 3 << 20;
const BLOCK: u32 = 16 << 10;

/// A disk of our own; gone when dropped.
struct Disk(TempDir);

impl Disk {
    fn new(size: &str) -> Result<Self, String> {
        let disk = Self(TempDir::new().unwrap());
        disk.mount(&["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"])?;
        Ok(disk)
    }

    fn grow(&self, size: &str) {
        self.mount(&["-o", &format!("remount,size={size}")]).unwrap();
    }

    fn mount(&self, arguments: &[&str]) -> Result<(), String> {
        let output = Command::new("mount").args(arguments).arg(self.0.path()).output();
        match output {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => Err(format!("mount: {}", String::from_utf8_lossy(&output.stderr).trim())),
            Err(error) => Err(format!("mount: {error}")),
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn free_addr() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

#[test]
fn a_full_disk_stops_the_download_and_nothing_else() {
    let disk = match Disk::new("1536k") {
        Ok(disk) => disk,
        Err(reason) => {
            skipped(&reason);
            return;
        }
    };
    let place = TempDir::new().unwrap();
    let origin = place.path().join("movie.mp4");
    let bytes = content::bytes(8, LEN);
    content::write(&origin, &bytes);
    let torrent = place.path().join("movie.mp4.torrent");
    let node = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_node"));
        command
            .env_remove("MINIBIT_TRACKER")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    };
    let mut create = node();
    create.arg("create").arg(&origin).arg("-o").arg(&torrent).args(["-l", "64 KiB"]);
    assert!(create.status().unwrap().success());
    let metainfo = Metainfo::parse(&fs::read(&torrent).unwrap()).unwrap();
    let network = |addr: SocketAddr| {
        [
            "--no-lan".into(),
            "--listen".into(),
            addr.ip().to_string(),
            "--port".into(),
            addr.port().to_string(),
        ]
    };
    let (seeder_addr, getter_addr) = (free_addr(), free_addr());
    let _seeder = Running::start(node().arg("seed").arg(&torrent).args(network(seeder_addr)));
    until("it seeds", PATIENCE, || Peer::connect(seeder_addr, &metainfo, b'0').is_ok());

    let mut get = node();
    get.arg("get").arg(&torrent).arg("-o").arg(disk.path()).args(["--peer", &seeder_addr.to_string()]);
    let mut getter = get.args(network(getter_addr)).stderr(Stdio::piped()).spawn().unwrap();
    let mut said = BufReader::new(getter.stderr.take().unwrap()).lines().map(Result::unwrap);
    let mut getter = Running::of(getter, "node get");
    let mut says = |what: &str| said.any(|line| line.contains(what));
    assert!(says("warning: 3.0 MiB are still to be written and 1.5 MiB are free on the disk"));
    assert!(says("No space left on device (os error 28); trying again for 1 min 30 s"));

    // What is there is given to others.
    let mut friend = Peer::connect(getter_addr, &metainfo, b'f').unwrap();
    // What was written last may still be being checked.
    let piece = loop {
        match friend.hear().unwrap() {
            Message::Bitfield(has) => break has.pieces.iter().next().expect("some of it is here").get(),
            Message::Have { index } => break index,
            _ => {}
        }
    };
    friend.say(&Message::Interested).unwrap();
    while !friend.unchoked {
        friend.hear().unwrap();
    }
    friend.say(&Message::Request(BlockSpan { index: piece, begin: 0, length: BLOCK })).unwrap();
    let data = loop {
        if let Message::Piece { data, .. } = friend.hear().unwrap() {
            break data;
        }
    };
    let from = piece as usize * (64 << 10);
    assert!(data[..] == bytes[from..from + BLOCK as usize], "other bytes came");
    assert!(getter.ended().is_none(), "it waits for room");
    assert!(disk.path().join("movie.mp4.part").exists(), "what is there is kept");

    disk.grow("8m");
    assert!(says("verified"));
    assert!(getter.wait(PATIENCE).success());
    assert!(content::equal(&origin, &disk.path().join("movie.mp4")));
}

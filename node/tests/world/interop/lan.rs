//! Transmission and we find each other on a local network, without a tracker (BEP 14): two hosts on one switch.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

use super::client::{Client, Task};
use super::{PATIENCE, Seeder};
use crate::lan::network::{Network, address};
use crate::support::content;
use crate::support::netns::skipped;
use crate::support::running::{Running, until};

#[test]
fn transmission_is_found_by_multicast_and_seeds() {
    meet(Seeder::Theirs);
}

#[test]
fn transmission_finds_us_by_multicast_and_gets() {
    meet(Seeder::Ours);
}

fn meet(seeder: Seeder) {
    let network = match Client::Transmission.missing().map_or_else(|| Network::new(2), Err) {
        Ok(network) => network,
        Err(reason) => {
            skipped(&reason);
            return;
        }
    };
    let place = TempDir::new().unwrap();
    let (origin, copy) = (place.path().join("origin"), place.path().join("copy"));
    let content = origin.join("movie.mp4");
    content::write(&content, &content::bytes(3, 3_000_001));
    std::fs::create_dir_all(&copy).unwrap();
    let torrent = place.path().join("it.torrent");
    let mut create = Command::new(env!("CARGO_BIN_EXE_node"));
    create.arg("create").arg(&content).arg("-o").arg(&torrent).args(["-l", "64 KiB"]);
    assert!(create.output().unwrap().status.success());
    let theirs_is = if seeder == Seeder::Theirs { &origin } else { &copy };
    let theirs = Task {
        namespace: network.host(2),
        address: &address(2),
        port: 6883,
        torrent: &torrent,
        directory: theirs_is,
        scratch: place.path().join("client"),
        lan: true,
    };
    let node = |arguments: &[&str], path: &Path| {
        let mut command = network.host(1).command(env!("CARGO_BIN_EXE_node"));
        if std::env::var_os("WORLD_VERBOSE").is_some() {
            command.stdout(Stdio::inherit()).stderr(Stdio::inherit());
        }
        command.env_remove("MINIBIT_TRACKER").args(arguments).arg(path);
        command.args(["--interface", "eth0"]).arg(&torrent);
        Running::start(&mut command)
    };
    let arrived = || content::equal(&content, &copy.join("movie.mp4"));
    match seeder {
        Seeder::Theirs => {
            let mut getter = node(&["get", "-o"], &copy);
            let _seeder = Client::Transmission.seed(&theirs);
            assert!(getter.wait(PATIENCE).success(), "our leecher ended badly");
            assert!(arrived(), "other bytes arrived");
        }
        Seeder::Ours => {
            let _leecher = Client::Transmission.leech(&theirs);
            std::thread::sleep(Duration::from_secs(1));
            let _seeder = node(&["seed", "--dir"], &origin);
            until("their leecher has everything", PATIENCE, arrived);
        }
    }
}

//! Five machines on a local network: one has a file, four want it. One of these is killed in the middle and started again,
//! one is cut off for twenty seconds. Everybody gets everything.
//!
//! Machines are network namespaces on a bridge, with addresses of their own. That needs root and `ip` (Debian: iproute2);
//! where these are missing the tests are skipped and say so. `WORLD_VERBOSE=1` shows what the programs say.

pub(crate) mod network;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::support::content;

use crate::support::netns::skipped;
use crate::support::running::{Running, until};
use network::{Network, address};

const PATIENCE: Duration = Duration::from_secs(150);
/// So long the content takes through the seed's uplink, at least: there is time to disturb.
const LEN: usize = 48 << 20;
const UPLINK: &str = "2 MiB/s";

#[test]
fn five_machines_without_a_tracker() {
    swarm(None);
}

#[test]
fn five_machines_with_a_tracker() {
    swarm(Some("http://10.78.0.1:6969/announce"));
}

fn swarm(tracker: Option<&str>) {
    let network = match Network::new(5) {
        Ok(network) => network,
        Err(reason) => {
            skipped(&reason);
            return;
        }
    };
    let place = TempDir::new().unwrap();
    let origin = place.path().join("origin/movie.mp4");
    content::write(&origin, &content::bytes(5, LEN));
    let node = |host: usize| {
        let mut command = network.host(host).command(env!("CARGO_BIN_EXE_node"));
        if std::env::var_os("WORLD_VERBOSE").is_some() {
            command.stdout(Stdio::inherit()).stderr(Stdio::inherit());
        }
        command.env_remove("MINIBIT_TRACKER");
        command
    };
    // With a tracker nobody listens for others; without one there is nothing else.
    let finding = |command: &mut Command| match tracker {
        Some(url) => drop(command.args(["--no-lan", "--tracker", url])),
        None => drop(command.args(["--interface", "eth0"])),
    };
    let _tracker = tracker.map(|_| Running::start(node(1).args(["tracker", "--listen", "10.78.0.1:6969"])));
    let mut seed = node(1);
    seed.arg("seed").arg(&origin).args(["--up", UPLINK]);
    finding(&mut seed);
    let _seed = Running::start(&mut seed);
    // Who asks for a name before anybody has it is told so at once.
    until("the seed is found", PATIENCE, || {
        let mut list = node(2);
        list.args(["list", "--json"]);
        finding(&mut list);
        let listed = list.stdout(Stdio::piped()).output().unwrap();
        String::from_utf8_lossy(&listed.stdout).contains("movie.mp4")
    });

    let directory = |host: usize| -> PathBuf { place.path().join(format!("host{host}")) };
    let get = |host: usize| {
        fs::create_dir_all(directory(host)).unwrap();
        let mut command = node(host);
        command.args(["get", "movie.mp4", "--up", UPLINK, "--seed-after", "10m", "-o"]).arg(directory(host));
        finding(&mut command);
        Running::start(&mut command)
    };
    let mut getters: Vec<Running> = (2..=5).map(get).collect();
    let begun = |host: usize| bytes_below(&directory(host)) >= LEN as u64 / 5;
    until("machines 3 and 4 have a fifth", PATIENCE, || begun(3) && begun(4));

    getters[1].kill();
    network.plug(4, false);
    let cut = Instant::now();
    thread::sleep(Duration::from_secs(2));
    getters[1] = get(3);
    thread::sleep(Duration::from_secs(20).saturating_sub(cut.elapsed()));
    network.plug(4, true);

    for host in 2..=5 {
        let copy = directory(host).join("movie.mp4");
        until(&format!("machine {host} ({}) has everything", address(host)), PATIENCE, || {
            content::equal(&origin, &copy)
        });
    }
    for getter in &mut getters {
        assert!(getter.ended().is_none(), "it seeds on");
        getter.interrupt();
    }
    for getter in &mut getters {
        getter.wait(Duration::from_secs(5));
    }
}

/// Bytes on the disk in a directory: holes do not count.
fn bytes_below(directory: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    let Ok(entries) = fs::read_dir(directory) else { return 0 };
    let used = |entry: fs::DirEntry| entry.metadata().map_or(0, |metadata| metadata.blocks() * 512);
    entries.filter_map(Result::ok).map(used).sum()
}

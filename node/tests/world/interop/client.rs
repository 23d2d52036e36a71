//! Today's clients: how each is started as a seeder and as a leecher, with nothing but trackers to find others by.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::netns::Namespace;
use crate::support::running::Running;

/// A client of today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Client {
    /// aria2 (Debian: aria2).
    Aria2,
    /// Transmission (Debian: transmission-daemon). It ignores peers in 127.0.0.0/8, so hosts have other addresses here.
    Transmission,
    /// libtorrent (Debian: python3-libtorrent; `PyPI`: libtorrent).
    Libtorrent,
    /// rtorrent (Debian: rtorrent), which does not speak the fast extension.
    Rtorrent,
    /// rqbit (`cargo install rqbit`, which takes a quarter of an hour), which does not speak the fast extension either. Where it is
    /// not on the path, `RQBIT` says where it is.
    Rqbit,
}

/// Where and what a client shares or fetches.
#[derive(Debug)]
pub(crate) struct Task<'a> {
    /// The host.
    pub(crate) namespace: &'a Namespace,
    /// Its address.
    pub(crate) address: &'a str,
    /// Its port.
    pub(crate) port: u16,
    /// The torrent file.
    pub(crate) torrent: &'a Path,
    /// Where the content is, or is to be.
    pub(crate) directory: &'a Path,
    /// A place for its own files.
    pub(crate) scratch: PathBuf,
    /// Others are looked for on the local network (BEP 14); only Transmission does.
    pub(crate) lan: bool,
}

impl Client {
    /// What is missing to run it, in words; `None` when nothing is.
    pub(crate) fn missing(self) -> Option<String> {
        let (program, argument) = match self {
            Self::Aria2 => ("aria2c", "--version"),
            Self::Transmission => ("transmission-daemon", "--version"),
            Self::Libtorrent => {
                return python().is_none().then(|| "python3 has no module libtorrent".into());
            }
            Self::Rtorrent => ("rtorrent", "-h"),
            Self::Rqbit => {
                let found = rqbit().is_none();
                return found.then(|| "rqbit is not installed, and RQBIT does not say where it is".into());
            }
        };
        let found = Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status();
        found.err().map(|_| format!("{program} is not installed"))
    }

    /// Starts it with the content in its place.
    pub(crate) fn seed(self, task: &Task<'_>) -> Running {
        self.start(task, true)
    }

    /// Starts it with nothing.
    pub(crate) fn leech(self, task: &Task<'_>) -> Running {
        self.start(task, false)
    }

    fn start(self, task: &Task<'_>, seeds: bool) -> Running {
        fs::create_dir_all(&task.scratch).unwrap();
        let mut command = match self {
            Self::Aria2 => aria2(task, seeds),
            Self::Transmission => transmission(task),
            Self::Libtorrent => libtorrent(task),
            Self::Rtorrent => rtorrent(task),
            Self::Rqbit => rqbit_command(task),
        };
        if std::env::var_os("WORLD_VERBOSE").is_some() {
            command.stdout(Stdio::inherit()).stderr(Stdio::inherit());
        }
        Running::start(&mut command)
    }
}

/// A Python that has the module: the first of those on the path, or Debian's.
fn python() -> Option<&'static str> {
    ["python3", "/usr/bin/python3"].into_iter().find(|program| {
        let found = Command::new(program).args(["-c", "import libtorrent"]).stderr(Stdio::null()).status();
        found.is_ok_and(|status| status.success())
    })
}

fn aria2(task: &Task<'_>, seeds: bool) -> Command {
    let mut command = task.namespace.command("aria2c");
    command.args(["--no-conf", "--enable-dht=false", "--enable-dht6=false", "--bt-enable-lpd=false"]);
    command.args(["--enable-peer-exchange=false", "--disable-ipv6=true", "--file-allocation=none"]);
    command.arg(format!("--interface={}", task.address)).arg(format!("--listen-port={}", task.port));
    command.arg("--dir").arg(task.directory);
    if seeds {
        command.args(["--seed-ratio=0.0", "--bt-seed-unverified=true"]);
    } else {
        command.arg("--seed-time=0");
    }
    command.arg(task.torrent);
    command
}

fn transmission(task: &Task<'_>) -> Command {
    let settings = serde_json::json!({
        "bind-address-ipv4": task.address,
        "peer-port": task.port,
        "dht-enabled": false,
        "lpd-enabled": task.lan,
        "pex-enabled": false,
        "utp-enabled": false,
        "port-forwarding-enabled": false,
        "encryption": 0,
        "rpc-enabled": false,
        "download-dir": task.directory,
        "incomplete-dir-enabled": false,
        "rename-partial-files": false,
    });
    fs::write(task.scratch.join("settings.json"), settings.to_string()).unwrap();
    let torrents = task.scratch.join("torrents");
    fs::create_dir_all(&torrents).unwrap();
    fs::copy(task.torrent, torrents.join("it.torrent")).unwrap();
    let mut command = task.namespace.command("transmission-daemon");
    command.args(["-f", "-g"]).arg(&task.scratch);
    command
}

fn libtorrent(task: &Task<'_>) -> Command {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/world/interop/libtorrent_peer.py");
    let mut command = task.namespace.command(python().expect("it was looked for"));
    command.arg(script).arg(task.address).arg(task.port.to_string()).arg(task.torrent).arg(task.directory);
    command
}

/// Where it is: as `RQBIT` says, on the path, or where `cargo install --root /opt/rqbit` puts it.
fn rqbit() -> Option<OsString> {
    let places = std::env::var_os("RQBIT").into_iter().chain(["rqbit".into(), "/opt/rqbit/bin/rqbit".into()]);
    places.into_iter().find(|program| {
        let found =
            Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        found.is_ok_and(|status| status.success())
    })
}

/// It has no address of its own to dial from, so its tracker sees it where the way begins: at the namespace's first address. It
/// keeps its place in the home directory.
fn rqbit_command(task: &Task<'_>) -> Command {
    let mut command = task.namespace.command(rqbit().expect("it was looked for"));
    command.args([
        "--disable-dht",
        "--disable-dht-persistence",
        "--disable-upnp-port-forward",
        "--disable-lsd",
    ]);
    command.args(["--ipv4-only", "--listen-ip", "0.0.0.0", "--listen-port", &task.port.to_string()]);
    command
        .args(["download", "--disable-http-api", "--overwrite", "-o"])
        .arg(task.directory)
        .arg(task.torrent);
    command.env("HOME", &task.scratch);
    command
}

fn rtorrent(task: &Task<'_>) -> Command {
    let Task { address, port, .. } = task;
    let session = task.scratch.join("session");
    fs::create_dir_all(&session).unwrap();
    let settings = format!(
        "directory.default.set={}\nsession.path.set={}\nnetwork.port_range.set={port}-{port}\nnetwork.bind_address.set={address}\n\
         network.local_address.set={address}\ndht.mode.set=disable\nprotocol.pex.set=no\n\
         protocol.encryption.set=allow_incoming\nsystem.daemon.set=true\nschedule2=z,0,0,\"load.start={}\"\n",
        task.directory.display(),
        session.display(),
        task.torrent.display(),
    );
    let file = task.scratch.join("rtorrent.rc");
    fs::write(&file, settings).unwrap();
    let mut command = task.namespace.command("rtorrent");
    command.arg("-n").arg("-o").arg(format!("import={}", file.display()));
    command
}

//! The trackers that introduce the peers: ours, and opentracker.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::netns::Namespace;
use crate::support::running::Running;

/// Which tracker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tracker {
    /// `node tracker`.
    Ours,
    /// opentracker (Debian: opentracker, built to serve only the swarms of a list).
    Opentracker,
}

impl Tracker {
    /// What is missing to run it, in words; `None` when nothing is.
    pub(crate) fn missing(self) -> Option<String> {
        match self {
            Self::Ours => None,
            Self::Opentracker => {
                let found = Command::new("opentracker")
                    .arg("-h")
                    .stdout(Stdio::null())
                    .stderr(Stdio::null())
                    .status();
                found.err().map(|_| "opentracker is not installed".into())
            }
        }
    }

    /// Starts it for one swarm, whose info-hash is given in hexadecimal digits.
    pub(crate) fn start(
        self,
        namespace: &Namespace,
        at: SocketAddr,
        info_hash: &str,
        scratch: &Path,
    ) -> Running {
        fs::create_dir_all(scratch).unwrap();
        let mut command = match self {
            Self::Ours => {
                let mut command = namespace.command(env!("CARGO_BIN_EXE_node"));
                command.args(["tracker", "--listen", &at.to_string()]);
                command
            }
            Self::Opentracker => {
                fs::write(scratch.join("list"), format!("{info_hash}\n")).unwrap();
                // It gives up its rights and must find the list all the same.
                for directory in scratch.ancestors().take(2) {
                    fs::set_permissions(directory, fs::Permissions::from_mode(0o755)).unwrap();
                }
                let file = scratch.join("opentracker.conf");
                let settings = format!(
                    "listen.tcp_udp {at}\naccess.whitelist /list\ntracker.rootdir {}\ntracker.user nobody\n",
                    scratch.display()
                );
                fs::write(&file, settings).unwrap();
                let mut command = namespace.command("opentracker");
                command.arg("-f").arg(file);
                command
            }
        };
        if std::env::var_os("WORLD_VERBOSE").is_some() {
            command.stdout(Stdio::inherit()).stderr(Stdio::inherit());
        }
        Running::start(&mut command)
    }

    /// The URL to announce to, by HTTP or by UDP.
    pub(crate) fn url(at: SocketAddr, udp: bool) -> String {
        let IpAddr::V4(_) = at.ip() else { panic!("these networks are IPv4") };
        if udp { format!("udp://{at}/announce") } else { format!("http://{at}/announce") }
    }
}

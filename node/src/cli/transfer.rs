//! `seed` and `get`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use bytesize::ByteSize;
use clap::Args;

use super::choices::Choices;
use super::discovery::Discovery;
use super::tracker::Tracker;

/// Files to offer.
#[derive(Debug, Args)]
pub(crate) struct Seed {
    /// Files or directories to offer, or torrent files
    #[arg(required = true)]
    pub(crate) paths: Vec<PathBuf>,
    /// Where the content of torrent files is [default: beside each of them]
    #[arg(short, long, value_name = "DIR")]
    pub(crate) dir: Option<PathBuf>,
    /// One JSON object for each of them at the end: what was sent and received
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) network: Network,
    #[command(flatten)]
    pub(crate) choices: Choices,
}

/// Something to fetch.
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// A name or a part of it, a torrent file, a magnet link, or an info-hash or its beginning
    pub(crate) what: String,
    /// The directory to put it in; - writes a single file to standard output while it comes, and keeps nothing
    #[arg(short, long, value_name = "DIR|-", default_value = ".")]
    pub(crate) output: PathBuf,
    /// Go on seeding for so long when it is complete, such as "10min"
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) seed_after: Option<Duration>,
    /// End as soon as it is complete; the default unless --seed-after is given
    #[arg(long, conflicts_with = "seed_after")]
    pub(crate) exit_when_done: bool,
    /// Begin with so many pieces, drawn at random, of the content at --from (as the peers of s5 do)
    #[arg(long, hide_short_help = true, value_name = "N", requires = "from")]
    pub(crate) initial_pieces: Option<u32>,
    /// Where the pieces are that it begins with: the content itself, a file or a directory
    #[arg(long, hide_short_help = true, value_name = "PATH", requires = "initial_pieces")]
    pub(crate) from: Option<PathBuf>,
    /// Give up when it is not complete after so long, such as "30s"
    #[arg(long, value_name = "DURATION", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Option<Duration>,
    /// One JSON object in place of the path, not together with -o -; with --seed-after another one when seeding has ended
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) network: Network,
    #[command(flatten)]
    pub(crate) choices: Choices,
}

/// Where and how fast to speak with others.
#[derive(Debug, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct Network {
    /// A peer that is known beforehand, as IP:PORT; may be given again
    ///
    /// With --profile s3 or s4, where peers do not say what they have, it is one that has all of it.
    #[arg(long = "peer", value_name = "ADDR")]
    pub(crate) peers: Vec<SocketAddr>,
    /// Our own address: others reach us here, and we dial from it [default: all]
    #[arg(long, value_name = "IP")]
    pub(crate) listen: Option<IpAddr>,
    /// The port to listen on [default: the first free one of 6881 to 6889]
    #[arg(long, value_name = "PORT")]
    pub(crate) port: Option<u16>,
    /// Send no faster than this per second, such as "5 MiB/s"
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub(crate) up: Option<u64>,
    /// Receive no faster than this per second, such as "5 MiB/s"
    #[arg(long, value_name = "RATE", value_parser = rate)]
    pub(crate) down: Option<u64>,
    /// Record what the protocol is told and what it does, for `sim replay`; the first torrent only
    #[arg(long, value_name = "FILE", hide_short_help = true, help_heading = "Output")]
    pub(crate) trace: Option<PathBuf>,
    /// Say nothing but results and errors
    #[arg(short, long, conflicts_with = "verbose", help_heading = "Output")]
    pub(crate) quiet: bool,
    /// Say more: who connects, and why connections end
    #[arg(short, long, help_heading = "Output")]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) discovery: Discovery,
}

impl Network {
    /// A tracker asks no other one. What it seeds is announced on the local network as any seed is.
    pub(crate) fn of_tracker(options: &Tracker) -> Self {
        let discovery = Discovery {
            trackers: Vec::new(),
            interfaces: options.interfaces.clone(),
            no_lan: options.no_lan || options.seed.is_empty(),
        };
        Self {
            peers: Vec::new(),
            listen: options.listen.map(|addr| addr.ip()),
            port: None,
            discovery,
            up: options.up,
            down: None,
            trace: None,
            quiet: options.quiet,
            verbose: options.verbose,
        }
    }
}

/// Bytes per second.
pub(super) fn rate(text: &str) -> Result<u64, String> {
    let size = text.trim().strip_suffix("/s").unwrap_or(text).trim_end();
    match size.parse::<ByteSize>() {
        Ok(size) if size.as_u64() > 0 => Ok(size.as_u64()),
        _ => Err("expected a rate such as \"5 MiB/s\" or 500kB/s".into()),
    }
}

//! `tracker`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::choices::Choices;
use super::transfer::rate;

/// A tracker for a LAN.
#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Tracker {
    /// The address to listen on, such as 192.168.1.10:6969 [default: all addresses, port 6969;
    /// with --profile s2 9000, s3 10000, s5 8001]
    #[arg(short, long, value_name = "ADDR")]
    pub(crate) listen: Option<SocketAddr>,
    /// Speak UDP on the same port; this is the default
    #[arg(long, overrides_with = "no_udp")]
    pub(crate) udp: bool,
    /// Do not speak UDP
    #[arg(long)]
    pub(crate) no_udp: bool,
    /// Seed this as well: a file, a directory, or a torrent file whose content is beside it; may be given again
    #[arg(long, value_name = "PATH")]
    pub(crate) seed: Vec<PathBuf>,
    /// One JSON object for each file that it seeds, at the end: what was sent and received
    #[arg(long, requires = "seed")]
    pub(crate) json: bool,
    /// Send what it seeds no faster than this per second, such as "5 MiB/s"
    #[arg(long, value_name = "RATE", value_parser = rate, requires = "seed")]
    pub(crate) up: Option<u64>,
    /// A network interface, by name or address, on which what it seeds is announced; may be given again [default: all that can do
    /// multicast]
    #[arg(long = "interface", value_name = "NAME|ADDR", requires = "seed")]
    pub(crate) interfaces: Vec<String>,
    /// Do not announce on the local network what it seeds
    #[arg(long, conflicts_with = "interfaces")]
    pub(crate) no_lan: bool,
    /// Say nothing but results and errors
    #[arg(short, long, conflicts_with = "verbose")]
    pub(crate) quiet: bool,
    /// Say more of what it seeds: who connects, and why connections end
    #[arg(short, long)]
    pub(crate) verbose: bool,
    #[command(flatten)]
    pub(crate) choices: Choices,
}

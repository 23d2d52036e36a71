//! `tracker`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

use super::choices::Choices;

/// A tracker for a LAN.
#[derive(Debug, Args)]
pub(crate) struct Tracker {
    /// The address to listen on, such as 192.168.1.10:6969 [default: all addresses, port 6969]
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
    #[command(flatten)]
    pub(crate) choices: Choices,
}

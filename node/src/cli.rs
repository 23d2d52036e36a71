//! The command line.

pub(crate) mod choices;
pub(crate) mod discovery;
mod examples;
pub(crate) mod papers;
mod search;
mod tracker;
mod transfer;

use std::path::PathBuf;

use bytesize::ByteSize;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use minibit_core::geometry::BLOCK_LEN;
use minibit_core::metainfo::MAX_PIECE_LEN;

use crate::called_as;

pub(crate) use discovery::Discovery;
pub(crate) use papers::{Completions, Man};
pub(crate) use search::{List, Look, Search};
pub(crate) use tracker::Tracker;
pub(crate) use transfer::{Get, Network, Seed};

#[derive(Debug, Parser)]
#[command(
    name = "node",
    version,
    about = "Give files to others and get theirs, on a LAN and among BitTorrent clients",
    long_about = "Give files to others and get theirs, on a LAN and among BitTorrent clients.\n\nThis is MiniBit's node, not Node.js.",
    subcommand_required = true,
    args_override_self = true,
    arg_required_else_help = true
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a torrent file of a file or a directory
    Create(Create),
    /// Show what a torrent file says, after checking it
    Inspect(Inspect),
    /// Offer files to others, and keep offering them
    Seed(Box<Seed>),
    /// Fetch what somebody seeds
    Get(Box<Get>),
    /// Look for files by name, at the tracker and on the local network
    Search(Box<Search>),
    /// Show all files that somebody gives, at the tracker and on the local network
    List(Box<List>),
    /// Tell peers of each other
    Tracker(Box<Tracker>),
    /// Print a script by which a shell completes commands and options
    Completions(Completions),
    /// Print the manual page, or write those of all commands into a directory
    Man(Man),
}

#[derive(Debug, Args)]
pub(crate) struct Create {
    /// The file or directory to describe; it is read once, with --sha1 twice, and not changed
    pub(crate) path: PathBuf,
    /// The torrent file to write [default: PATH's name with .torrent after it, in the current directory]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// A tracker (http, https or udp); may be given again for others that are asked when the first ones fail
    #[arg(short, long = "tracker", value_name = "URL", value_parser = tracker_url)]
    pub(crate) trackers: Vec<String>,
    /// Length of a piece, a power of two from 16 KiB to 512 MiB, such as "1 MiB" [default: at most 2048 pieces, each of
    /// 16 KiB to 16 MiB]
    #[arg(short = 'l', long, value_name = "SIZE", value_parser = piece_length)]
    pub(crate) piece_length: Option<u32>,
    /// Peers are to be had from the trackers alone (BEP 27)
    #[arg(short, long, requires = "trackers")]
    pub(crate) private: bool,
    /// Put in the SHA-1 of each whole file, to be compared when a download is complete (BEP 47)
    #[arg(long)]
    pub(crate) sha1: bool,
    /// Replace the torrent file if there is one
    #[arg(short, long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The torrent file
    pub(crate) file: PathBuf,
    /// One JSON object in place of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// What was typed. Ends the program where that is help, the version or a mistake.
pub(crate) fn parse() -> Command {
    let matches = described(&called_as()).get_matches();
    Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit()).command.settled()
}

impl Command {
    /// With what one option says of another: where the trackers of a system are, when their port is not named.
    fn settled(mut self) -> Self {
        let (network, choices) = match &mut self {
            Self::Seed(options) => (&mut options.network, &options.choices),
            Self::Get(options) => (&mut options.network, &options.choices),
            _ => return self,
        };
        let (trackers, encoding) = (&mut network.discovery.trackers, choices.config().encoding);
        *trackers = std::mem::take(trackers).into_iter().map(|tracker| tracker.of(encoding)).collect();
        self
    }
}

/// All commands and options of a program that is called so.
fn described(name: &str) -> clap::Command {
    examples::add(Cli::command(), name).bin_name(name)
}

/// What a line of the interactive prompt says, with the words of a command line.
pub(crate) fn parse_line(arguments: &[String]) -> Result<Command, clap::Error> {
    let name = called_as();
    let words = std::iter::once(&name).chain(arguments);
    let matches = described(&name).try_get_matches_from(words)?;
    Ok(Cli::from_arg_matches(&matches)?.command.settled())
}

fn tracker_url(text: &str) -> Result<String, String> {
    let host = ["http://", "https://", "udp://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    match host {
        Some(host) if !host.is_empty() && !host.starts_with('/') && !text.contains(char::is_whitespace) => {
            Ok(text.into())
        }
        _ => Err("expected a URL such as http://HOST:PORT/announce or udp://HOST:PORT".into()),
    }
}

fn piece_length(text: &str) -> Result<u32, String> {
    let size = text.parse::<ByteSize>().map_err(|_| "expected a size such as \"1 MiB\" or 1048576")?.as_u64();
    let fits = size.is_power_of_two() && (BLOCK_LEN.into()..=MAX_PIECE_LEN.into()).contains(&size);
    let len = u32::try_from(size).ok().filter(|_| fits);
    len.ok_or_else(|| format!("{size} bytes are no power of two from 16 KiB to 512 MiB"))
}

//! `search` and `list`.

use std::time::Duration;

use clap::Args;

use super::discovery::Discovery;

/// Files to look for.
#[derive(Debug, Args)]
pub(crate) struct Search {
    /// A name or a part of it, in upper or lower case, or the first eight or more digits of an info-hash
    pub(crate) text: String,
    #[command(flatten)]
    pub(crate) look: Look,
}

/// All files.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) look: Look,
}

/// How to look for files, and how to show them.
#[derive(Clone, Debug, Args)]
pub(crate) struct Look {
    /// One JSON object in place of a table
    #[arg(long)]
    pub(crate) json: bool,
    /// How long to wait for answers; the local network is listened to for all of it
    #[arg(long, value_name = "DURATION", default_value = "2s", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Duration,
    #[command(flatten)]
    pub(crate) discovery: Discovery,
}

//! Where to look for names and peers: the flags of all commands that do.

use std::time::Duration;

use anyhow::anyhow;
use clap::Args;

use crate::failure::Failure;
use crate::lan;
use crate::names::{Sources, TrackerAddress};
use crate::show;

/// Whom to ask.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Finding others")]
pub(crate) struct Discovery {
    /// A tracker: HOST, HOST:PORT, http://HOST:PORT/announce or udp://HOST:PORT; files are registered and looked up there by
    /// name, over TCP; without a scheme, the profiles s1 to s5 speak to it as their systems do, as with s1://HOST:PORT; may
    /// be given again
    ///
    /// Without a port it is 6969, and with s2 9000, s3 10000, s5 8001.
    #[arg(long = "tracker", value_name = "URL", env = "MINIBIT_TRACKER")]
    pub(crate) trackers: Vec<TrackerAddress>,
    /// A network interface, by name or address, on which to look for others; may be given again [default: all that can do
    /// multicast]
    #[arg(long = "interface", value_name = "NAME|ADDR")]
    pub(crate) interfaces: Vec<String>,
    /// Do not look for others on the local network, and do not announce anything there
    #[arg(long, conflicts_with = "interfaces")]
    pub(crate) no_lan: bool,
}

impl Discovery {
    /// How to speak to the local network, if at all.
    pub(crate) fn lan(&self) -> Option<lan::Options> {
        (!self.no_lan).then(|| lan::Options { interfaces: self.interfaces.clone() })
    }

    /// Is there anybody who could be asked for a name?
    ///
    /// # Errors
    /// When there is not.
    pub(crate) fn has_somebody(&self) -> Result<(), Failure> {
        if self.no_lan && self.trackers.is_empty() {
            let error = anyhow!("there is nobody to ask: no tracker, and --no-lan");
            return Err(Failure::usage(error).hint("--tracker HOST:PORT names a tracker"));
        }
        Ok(())
    }

    /// These trackers, as options of another command.
    pub(crate) fn typed(&self) -> String {
        let option = |tracker: &TrackerAddress| format!(" --tracker {}", show::quoted(&tracker.typed()));
        self.trackers.iter().map(option).collect::<Vec<_>>().concat()
    }

    /// Whom to ask for a name.
    pub(crate) fn sources(&self, patience: Duration) -> Sources {
        Sources { trackers: self.trackers.clone(), lan: self.lan(), patience }
    }
}

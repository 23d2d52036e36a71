//! What the user wants: a torrent file, or something that others know by name or by info-hash.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use minibit_core::metainfo::Metainfo;

use crate::cli::Get;
use crate::failure::Failure;
use crate::names::{self, Choice, Found, Gathered};
use crate::{called_as, search, show};

/// How long answers are waited for when nothing else is said.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is known of it before the first peer is met.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) metainfo: Metainfo,
    /// Who has it, as far as was told.
    pub(crate) peers: Vec<SocketAddr>,
}

/// Finds out what is meant. `port` is our own, not to be told of ourselves.
pub(crate) async fn find(options: &Get, port: u16) -> Result<Wanted, Failure> {
    let what = &options.what;
    let path = Path::new(what);
    if path.is_file() || path.extension().is_some_and(|extension| extension == "torrent") {
        return Ok(Wanted { metainfo: read(path)?, peers: Vec::new() });
    }
    by_name(options, what, port).await
}

/// Reads a torrent file.
pub(crate) fn read(file: &Path) -> Result<Metainfo, Failure> {
    let bytes = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()));
    let bytes = bytes.map_err(Failure::usage)?;
    Ok(Metainfo::parse(&bytes).with_context(|| format!("{} is not a sound torrent file", file.display()))?)
}

async fn by_name(options: &Get, text: &str, port: u16) -> Result<Wanted, Failure> {
    let patience = options.timeout.unwrap_or(PATIENCE).min(PATIENCE);
    let sources = options.network.discovery.sources(patience);
    let gathered = names::find(text, &sources).await.map_err(|error| Failure::usage(error.into()))?;
    let Gathered { found, tracker_error, lan_error, .. } = gathered;
    let problems = [tracker_error.map(|error| error.to_string()), lan_error.map(|error| error.to_string())];
    match names::choose(text, found).map_err(|error| Failure::usage(error.into()))? {
        Choice::One(found) => described(*found, port, patience).await,
        Choice::Several(several) => Err(ambiguous(text, &several)?),
        Choice::Nothing => {
            let problems: Vec<_> = problems.into_iter().flatten().map(|text| show::harmless(&text)).collect();
            let nobody = format!("nobody has {:?}", show::harmless(text));
            let error = anyhow!("{}", [&[nobody], &problems[..]].concat().join("; "));
            let hint = format!("{} list shows what there is; --tracker URL asks a tracker, too", called_as());
            Err(Failure::not_found(error).hint(hint))
        }
    }
}

async fn described(found: Found, port: u16, patience: Duration) -> Result<Wanted, Failure> {
    let (metainfo, peers) =
        tokio::join!(names::metainfo(&found, patience), names::peers(&found, port, patience));
    let name = show::harmless(&found.name);
    let metainfo = metainfo.ok_or_else(|| Failure::not_found(anyhow!("nobody can say what is in {name}")))?;
    Ok(Wanted { metainfo, peers })
}

/// Shows what it could be.
fn ambiguous(text: &str, several: &[Found]) -> Result<Failure, Failure> {
    write!(io::stderr(), "{}", search::render(several))?;
    let error = anyhow!("{:?} is {} of these", show::harmless(text), several.len());
    Ok(Failure::not_found(error).hint("give the whole name, or the info-hash or its beginning"))
}

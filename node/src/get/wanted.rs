//! What the user wants: a torrent file, or something that others know by name or by info-hash.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use minibit_core::catalogue::MIN_DIGITS;
use minibit_core::magnet::{Magnet, PeerAddress};
use minibit_core::metainfo::Metainfo;
use minibit_core::{Config, InfoHash, MessageKind};
use tokio::time::timeout;

use super::plain;
use crate::cli::Get;
use crate::engine::{Phase, Unknown};
use crate::failure::Failure;
use crate::names::{self, Choice, Found, Gathered};
use crate::session::Session;
use crate::{called_as, search, show, torrent_file};

/// How long answers are waited for when nothing else is said.
const PATIENCE: Duration = Duration::from_secs(3);
/// Names of peers in a magnet link that are looked up.
const RESOLVED: usize = 20;

/// What is known of it when the download begins.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub(crate) metainfo: Metainfo,
    /// Who has it, as far as was told.
    pub(crate) peers: Vec<SocketAddr>,
    /// Who has all of it, as they say themselves.
    pub(crate) sources: Vec<SocketAddr>,
    /// Trackers that are not in the metainfo.
    pub(crate) trackers: Vec<Vec<String>>,
    /// The metainfo is made up: nobody knows hashes, and nobody is to be told of it but by the system's own words.
    pub(crate) unhashed: bool,
}

impl Wanted {
    /// A torrent, with peers and trackers that were told of beside it.
    const fn torrent(metainfo: Metainfo, peers: Vec<SocketAddr>, trackers: Vec<Vec<String>>) -> Self {
        Self { metainfo, peers, sources: Vec::new(), trackers, unhashed: false }
    }
}

/// Finds out what is meant.
pub(crate) async fn find(options: &Get, session: &Session) -> Result<Wanted, Failure> {
    let what = &options.what;
    let path = Path::new(what);
    if path.extension().is_some_and(|extension| extension == "torrent") || torrent_file::looks_like_one(path)
    {
        return Ok(Wanted::torrent(torrent_file::read(path)?, Vec::new(), Vec::new()));
    }
    if what.get(..7).is_some_and(|scheme| scheme.eq_ignore_ascii_case("magnet:")) {
        let magnet = what.parse::<Magnet>().map_err(|error| Failure::usage(error.into()))?;
        if let Some(failure) = cannot_describe(&options.choices.config()) {
            let hint = "give the torrent file, or a name or info-hash that the tracker lists; or leave out --profile";
            return Err(failure.hint(hint));
        }
        return by_magnet(options, magnet, session).await;
    }
    by_name(options, what, session).await
}

/// Asks peers for the metadata, with nothing but an info-hash to begin with.
async fn by_magnet(options: &Get, magnet: Magnet, session: &Session) -> Result<Wanted, Failure> {
    let Magnet { info_hash, name, trackers, peers } = magnet;
    let mut known = options.network.peers.clone();
    for PeerAddress { host, port } in peers.into_iter().take(RESOLVED) {
        // Who cannot be found is not there.
        known.extend(tokio::net::lookup_host((host, port)).await.into_iter().flatten());
    }
    let trackers: Vec<Vec<String>> = trackers.into_iter().map(|tracker| vec![tracker]).collect();
    let unknown = Unknown {
        info_hash,
        name: name.unwrap_or_else(|| info_hash.to_hex()),
        config: options.choices.config(),
        peers: known,
        trackers: trackers.clone(),
    };
    let mut status = session.describe(unknown).await?;
    let described = status.wait_for(|status| matches!(status.phase, Phase::Described { .. }));
    let phase = match options.timeout {
        Some(time) => timeout(time, described).await.map_err(|_| nobody_described(info_hash))?,
        None => described.await,
    };
    let phase = phase.context("the engine has crashed")?.phase.clone();
    let Phase::Described { info, peers } = phase else { return Err(nobody_described(info_hash)) };
    let metainfo = Metainfo::from_info(&info, info_hash).context("the metadata is not sound")?;
    if metainfo.is_private() {
        session.turned_out_private(info_hash);
        // Peers that others have named are not for it (BEP 27).
        return Ok(Wanted::torrent(metainfo, Vec::new(), trackers));
    }
    Ok(Wanted::torrent(metainfo, peers, trackers))
}

/// Peers that have no word for it cannot send metadata (BEP 9): an info-hash alone is not enough there.
fn cannot_describe(config: &Config) -> Option<Failure> {
    let error = || {
        anyhow!("peers that speak {:?} cannot send metadata, so an info-hash is not enough", config.encoding)
    };
    (!config.encoding.speaks(MessageKind::Extended)).then(|| Failure::usage(error()))
}

fn nobody_described(info_hash: InfoHash) -> Failure {
    Failure::not_found(anyhow!("nobody has sent the metadata of {} in time", info_hash.to_hex()))
}

async fn by_name(options: &Get, text: &str, session: &Session) -> Result<Wanted, Failure> {
    let patience = options.timeout.unwrap_or(PATIENCE).min(PATIENCE);
    let sources = options.network.discovery.sources(patience);
    let gathered = names::find(text, &sources).await.map_err(|error| Failure::usage(error.into()))?;
    let problems = gathered.problems();
    let Gathered { found, .. } = gathered;
    match names::choose(text, found).map_err(|error| Failure::usage(error.into()))? {
        Choice::One(found) => described(options, *found, session, patience).await,
        Choice::Several(several) => Err(ambiguous(text, &several)?),
        Choice::Nothing
            if let Some(info_hash) = InfoHash::from_hex(text)
                && cannot_describe(&options.choices.config()).is_none() =>
        {
            let magnet = Magnet { info_hash, name: None, trackers: Vec::new(), peers: Vec::new() };
            by_magnet(options, magnet, session).await
        }
        Choice::Nothing if let Some(wanted) = plain::find(options, text, &sources, patience).await? => {
            Ok(wanted)
        }
        Choice::Nothing => {
            options.network.discovery.has_somebody()?;
            let nobody = format!("nobody has {:?}", show::harmless(text));
            let error = anyhow!("{}", [&[nobody], &problems[..]].concat().join("; "));
            let is_short = text.len() < MIN_DIGITS && text.bytes().all(|byte| byte.is_ascii_hexdigit());
            let hint = if is_short && text.len() > 2 {
                format!(
                    "of an info-hash at least {MIN_DIGITS} digits are needed; {} list shows them",
                    called_as()
                )
            } else if options.network.discovery.trackers.is_empty() {
                format!("{} list shows what there is; --tracker URL asks a tracker, too", called_as())
            } else {
                format!("{} list shows what there is", called_as())
            };
            Err(Failure::not_found(error).hint(hint))
        }
    }
}

async fn described(
    options: &Get,
    found: Found,
    session: &Session,
    patience: Duration,
) -> Result<Wanted, Failure> {
    let peers = names::peers(&found, session.port, patience);
    let (metainfo, peers) = tokio::join!(names::metainfo(&found, patience), peers);
    if let Some(metainfo) = metainfo {
        return Ok(Wanted::torrent(metainfo, peers, Vec::new()));
    }
    if let Some(failure) = cannot_describe(&options.choices.config()) {
        return Err(failure.hint("whoever lists it has no metainfo of it: give the torrent file"));
    }
    // Who lists it has no metainfo; the peers do.
    let to_address = |addr: SocketAddr| PeerAddress { host: addr.ip().to_string(), port: addr.port() };
    let peers = peers.into_iter().map(to_address).collect();
    let magnet = Magnet { info_hash: found.info_hash, name: Some(found.name), trackers: Vec::new(), peers };
    by_magnet(options, magnet, session).await
}

/// Shows what it could be.
fn ambiguous(text: &str, several: &[Found]) -> Result<Failure, Failure> {
    write!(io::stderr(), "{}", search::render(several, &[]))?;
    let error = anyhow!("{:?} is {} of these", show::harmless(text), several.len());
    Ok(Failure::not_found(error).hint("give the whole name, or the info-hash or its beginning"))
}

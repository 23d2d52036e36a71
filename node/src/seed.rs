//! `node seed`: offer files, and keep offering them.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, anyhow};
use minibit_core::metainfo::Metainfo;
use minibit_core::{Config, Instant};
use tokio::sync::watch;

use crate::cli::Seed;
use crate::engine::{NewTorrent, Status};
use crate::failure::Failure;
use crate::fit::fit;
use crate::get;
use crate::session::{self, Publicity, Session};
use crate::storage::Mode;
use crate::{called_as, create, show, summary, torrent_file};

pub(crate) fn run(options: &Seed) -> Result<(), Failure> {
    session::run(seed(options))
}

async fn seed(options: &Seed) -> Result<(), Failure> {
    let mut session = Session::start(&options.network)?;
    let mut interrupt = session.interrupt.clone();
    let clock = session.clock;
    let mut given = Vec::new();
    let ended = tokio::select! {
        ended = offer_all(options, &mut session, &mut given) => ended,
        () = interrupt.asked() => Ok(()),
    };
    session.stop().await;
    if options.json {
        report(&given, clock.now())?;
    }
    ended
}

/// What is being seeded.
#[derive(Debug)]
pub(crate) struct Given {
    pub(crate) metainfo: Arc<Metainfo>,
    pub(crate) status: watch::Receiver<Status>,
    /// Since when.
    pub(crate) since: Instant,
}

/// Says what was sent and received of everything that was seeded, for programs.
pub(crate) fn report(given: &[Given], now: Instant) -> io::Result<()> {
    let mut out = io::stdout().lock();
    for Given { metainfo, status, since } in given {
        writeln!(out, "{}", summary::of(metainfo, &status.borrow(), now - *since))?;
    }
    Ok(())
}

/// Offers everything and then waits for ever.
async fn offer_all(options: &Seed, session: &mut Session, given: &mut Vec<Given>) -> Result<(), Failure> {
    let terms = Terms {
        config: options.choices.config(),
        peers: &options.network.peers,
        announced: true,
        publicity: Publicity::Name,
        quiet: options.network.quiet,
    };
    for path in &options.paths {
        let prepared = prepare(path, options.dir.as_deref(), &terms.config).await?;
        if let Some(new) = give(session, prepared, &terms, given).await?
            && !terms.quiet
        {
            announce(options, new)?;
        }
    }
    if !options.network.quiet {
        writeln!(io::stderr(), "seeding on port {}; Ctrl+C ends it", session.port)?;
    }
    std::future::pending().await
}

/// What is to be offered.
#[derive(Debug)]
pub(crate) struct Prepared {
    metainfo: Arc<Metainfo>,
    /// Where its content is.
    content: PathBuf,
    /// Is the content to be checked?
    mode: Mode,
}

/// Finds out what is to be offered, and where its content is. Hashes it on other threads when there is no torrent file.
pub(crate) async fn prepare(path: &Path, dir: Option<&Path>, config: &Config) -> Result<Prepared, Failure> {
    let (path, dir, config) = (path.to_owned(), dir.map(Path::to_owned), *config);
    tokio::task::spawn_blocking(move || what_is(&path, dir.as_deref(), &config))
        .await
        .context("hashing has crashed")?
}

/// The metainfo of a file or directory, or of what a torrent file describes; and where its content is: in `dir`, or else beside
/// the torrent file.
fn what_is(path: &Path, dir: Option<&Path>, config: &Config) -> Result<Prepared, Failure> {
    if path.extension().is_some_and(|extension| extension == "torrent") && path.is_file() {
        let metainfo = torrent_file::read(path)?;
        let dir = dir.or(path.parent()).unwrap_or(Path::new(""));
        let content = dir.join(metainfo.name());
        return Ok(Prepared { metainfo: Arc::new(fit(metainfo, config)?), content, mode: Mode::Seed });
    }
    let metainfo = Arc::new(fit(create::metainfo_of(path)?, config)?);
    Ok(Prepared { metainfo, content: path.into(), mode: Mode::SeedHashed })
}

/// On which terms something is given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms<'a> {
    pub(crate) config: Config,
    /// Peers that are known beforehand.
    pub(crate) peers: &'a [SocketAddr],
    /// Trackers are told of it, and asked for peers.
    pub(crate) announced: bool,
    pub(crate) publicity: Publicity,
    pub(crate) quiet: bool,
}

/// Gives something to others; what is given already is left as it is, and `None`.
///
/// # Errors
/// When nothing of the content is there, or it cannot be read.
pub(crate) async fn give<'a>(
    session: &mut Session,
    Prepared { metainfo, content, mode }: Prepared,
    terms: &Terms<'_>,
    given: &'a mut Vec<Given>,
) -> Result<Option<&'a Given>, Failure> {
    let &Terms { config, peers, announced, publicity, quiet } = terms;
    if given.iter().any(|other| other.metainfo.info_hash() == metainfo.info_hash()) {
        if !quiet {
            writeln!(io::stderr(), "{} is given already", show::harmless(metainfo.name()))?;
        }
        return Ok(None);
    }
    let opened = get::open(Arc::clone(&metainfo), content.clone(), mode, quiet).await?;
    if opened.have.is_empty() {
        return Err(anyhow!("nothing in {} is what the torrent says", content.display()).into());
    }
    let torrent = NewTorrent {
        metainfo: Arc::clone(&metainfo),
        config,
        storage: opened.storage,
        have: opened.have,
        upload_only: true,
        peers: Vec::new(),
        sources: peers.to_vec(),
        trackers: if announced { session.trackers(&metainfo, config.encoding) } else { Vec::new() },
    };
    let since = session.clock.now();
    let status = session.join(torrent, publicity).await?;
    given.push(Given { metainfo, status, since });
    Ok(given.last())
}

/// Tells what is given, and how others get it.
fn announce(options: &Seed, given: &Given) -> io::Result<()> {
    let Given { metainfo, status, .. } = given;
    let (name, pieces) = (show::harmless(metainfo.name()), metainfo.geometry().piece_count());
    let note = match status.borrow().pieces {
        right if right == pieces => String::new(),
        right => format!(", {right} of {pieces} pieces of it right"),
    };
    writeln!(
        io::stderr(),
        "{name}: {}{note}, info-hash {}\nothers get it with: {} get{}{} {}",
        show::size(metainfo.geometry().len()),
        metainfo.info_hash().to_hex(),
        called_as(),
        options.network.discovery.typed(),
        options.choices.flag(),
        show::quoted(&name),
    )
}

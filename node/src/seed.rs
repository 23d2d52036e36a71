//! `node seed`: offer files, and keep offering them.

use std::io::{self, Write as _};
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
use crate::{called_as, create, show, summary};

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
    for path in &options.paths {
        let prepared = prepare(path, options.dir.as_deref(), &options.choices.config()).await?;
        given.push(offer(options, session, prepared).await?);
    }
    if !options.network.quiet {
        writeln!(io::stderr(), "seeding on port {}; Ctrl+C ends it", session.port)?;
    }
    std::future::pending().await
}

/// What is to be offered.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) metainfo: Arc<Metainfo>,
    /// Where its content is.
    pub(crate) content: PathBuf,
    /// Is the content to be checked?
    pub(crate) mode: Mode,
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
        let metainfo = get::wanted::read(path)?;
        let dir = dir.or(path.parent()).unwrap_or(Path::new(""));
        let content = dir.join(metainfo.name());
        return Ok(Prepared { metainfo: Arc::new(fit(metainfo, config)?), content, mode: Mode::Seed });
    }
    let metainfo = Arc::new(fit(create::metainfo_of(path)?, config)?);
    Ok(Prepared { metainfo, content: path.into(), mode: Mode::SeedHashed })
}

async fn offer(
    options: &Seed,
    session: &mut Session,
    Prepared { metainfo, content, mode }: Prepared,
) -> Result<Given, Failure> {
    let opened = get::open(Arc::clone(&metainfo), content.clone(), mode, options.network.quiet).await?;
    if opened.have.is_empty() {
        let error = anyhow!("nothing in {} is what the torrent says", content.display());
        return Err(error.into());
    }
    let complete = opened.have.is_full();
    let config = options.choices.config();
    let torrent = NewTorrent {
        metainfo: Arc::clone(&metainfo),
        config,
        storage: opened.storage,
        have: opened.have,
        peers: options.network.peers.clone(),
        trackers: session.trackers(&metainfo, config.encoding),
    };
    let since = session.clock.now();
    let status = session.join(torrent, Publicity::Name).await?;
    if !options.network.quiet {
        let name = show::harmless(metainfo.name());
        let note = if complete { "" } else { ", not all of it right" };
        writeln!(
            io::stderr(),
            "{name}: {}{note}, info-hash {}\nothers get it with: {} get {}{}",
            show::size(metainfo.geometry().len()),
            metainfo.info_hash().to_hex(),
            called_as(),
            quoted(&name),
            options
                .network
                .discovery
                .trackers
                .first()
                .map(|url| format!(" --tracker {url}"))
                .unwrap_or_default(),
        )?;
    }
    Ok(Given { metainfo, status, since })
}

/// The name as a shell takes it.
fn quoted(name: &str) -> String {
    let plain = |character: char| character.is_alphanumeric() || "-._+,@%/:".contains(character);
    if name.chars().all(plain) && !name.starts_with('-') {
        return name.into();
    }
    let separator = if name.starts_with('-') { "-- " } else { "" };
    format!("{separator}'{}'", name.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_a_shell_would_not_take_them() {
        assert_eq!(quoted("movie.mp4"), "movie.mp4");
        assert_eq!(quoted("a film.mp4"), "'a film.mp4'");
        assert_eq!(quoted("it's; rm"), r"'it'\''s; rm'");
        assert_eq!(quoted("-rf"), "-- '-rf'");
    }
}

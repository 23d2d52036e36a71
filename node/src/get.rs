//! `node get`: fetch what somebody seeds.

mod plain;
mod pour;
mod wanted;

use std::fs::File;
use std::future::pending;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use minibit_core::config::Inventory;
use minibit_core::metainfo::Metainfo;
use minibit_core::rng::Purpose;
use minibit_core::{Instant, Seed};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

use self::wanted::Wanted;
use crate::cli::Get;
use crate::engine::{NewTorrent, Phase, Status, random};
use crate::failure::Failure;
use crate::fit::fit;
use crate::interrupt::Interrupt;
use crate::progress::{self, Progress};
use crate::session::{self, Publicity, Session};
use crate::storage::{self, Mode, OpenReport, Opened, Shortage};
use crate::{called_as, show, summary, whole};

/// How often the display is brought up to date.
const TICK: Duration = Duration::from_millis(100);
/// To check less than this takes a moment.
const WORTH_SHOWING: u64 = 1 << 30;
/// How long a full disk is waited for. The core tries again every few seconds.
const DISK_PATIENCE: Duration = Duration::from_secs(90);

pub(crate) fn run(options: &Get) -> Result<(), Failure> {
    session::run(get(options))
}

async fn get(options: &Get) -> Result<(), Failure> {
    pour::check(options)?;
    if options.output.exists() && !options.output.is_dir() && !pour::is_wanted(options) {
        return Err(Failure::usage(anyhow!("{} is no directory", options.output.display())));
    }
    let mut session = Session::start(&options.network)?;
    let (clock, start) = (session.clock, session.clock.now());
    let ended = fetch(options, &mut session, start).await;
    session.stop().await;
    let (metainfo, status) = ended?;
    if options.json && options.seed_after.is_some() {
        let summary = summary::of(&metainfo, &status.borrow(), clock.now() - start);
        writeln!(io::stdout(), "{summary}")?;
    }
    Ok(())
}

/// Fetches it, says so, and seeds it for as long as is wanted.
async fn fetch(
    options: &Get,
    session: &mut Session,
    start: Instant,
) -> Result<(Arc<Metainfo>, watch::Receiver<Status>), Failure> {
    let mut interrupt = session.interrupt.clone();
    // The time runs for the whole command.
    let deadline = async {
        match options.timeout {
            Some(time) => sleep(time).await,
            None => pending().await,
        }
    };
    let mut deadline = pin!(deadline);
    let Wanted { metainfo, peers, sources, trackers, unhashed } = tokio::select! {
        // The more exact message first.
        biased;
        wanted = wanted::find(options, session) => wanted?,
        () = &mut deadline => return Err(Failure::not_found(anyhow!("not found in time; nothing was begun"))),
        () = interrupt.asked() => return Err(Failure::interrupted(anyhow!("interrupted; nothing was begun"))),
    };
    let choices = &options.choices;
    let config = if pour::is_wanted(options) { choices.in_order_config() } else { choices.config() };
    let metainfo = Arc::new(fit(metainfo, &config)?);
    let named = if unhashed { Vec::new() } else { session.trackers(&metainfo, config.encoding) };
    let trackers = [named, trackers].concat();
    if config.inventory == Inventory::Tracker && trackers.is_empty() {
        let error = anyhow!("in this profile a tracker alone tells who has what, and there is none");
        return Err(Failure::usage(error).hint("--tracker HOST:PORT names one"));
    }
    let (opened, passed_on) = {
        let opening = prepare(options, &metainfo);
        tokio::select! {
            prepared = opening => prepared?,
            () = &mut deadline => return Err(Failure::not_found(anyhow!("not in time; what is there is still being checked"))),
            () = interrupt.asked() => return Err(Failure::interrupted(anyhow!("interrupted while checking what is there"))),
        }
    };
    warn(&opened.report, options.network.quiet)?;
    let had = Status { pieces: opened.have.count(), ..Status::default() };
    let torrent = NewTorrent {
        metainfo: Arc::clone(&metainfo),
        config,
        storage: if unhashed { opened.storage.unhashed() } else { opened.storage },
        have: opened.have,
        upload_only: false,
        peers,
        sources: [&options.network.peers[..], &sources].concat(),
        trackers,
    };
    let mut status =
        session.join(torrent, if unhashed { Publicity::System } else { Publicity::Swarm }).await?;
    let watched = watch(options, &metainfo, passed_on.clone(), &mut status, deadline, &mut interrupt).await;
    let seen = status.borrow().clone();
    let path = match watched {
        Ended::Complete(path) => path,
        Ended::NotTaken(error) => {
            return Err(anyhow!(error).context("cannot write to standard output").into());
        }
        Ended::Failed(why) => return Err(failed(options, &metainfo, &seen, &why)),
        Ended::TimedOut => return Err(too_slow(&metainfo, &seen)),
        Ended::Interrupted => return Err(interrupted(options, &metainfo, &seen)),
    };
    let took = session.clock.now() - start;
    let whole = whole_files(&metainfo, &path, passed_on).await?;
    report(options, &metainfo, &path, &had, &seen, took, (!unhashed).then_some(whole))?;
    if let Some(time) = options.seed_after {
        session.give(&metainfo, 0, if unhashed { Publicity::System } else { Publicity::Name });
        tokio::select! {
            () = sleep(time) => {}
            () = interrupt.asked() => {}
        }
    }
    Ok((metainfo, status))
}

/// A place for the content; with the file itself where it is to be passed on.
async fn prepare(options: &Get, metainfo: &Arc<Metainfo>) -> Result<(Opened, Option<Arc<File>>), Failure> {
    if !pour::is_wanted(options) {
        begin(options, metainfo).await?;
        let (output, quiet) = (options.output.clone(), options.network.quiet);
        return Ok((open(Arc::clone(metainfo), output, Mode::Download, quiet).await?, None));
    }
    pour::check_content(metainfo)?;
    let (opened, file) = storage::unnamed(metainfo)?;
    Ok((opened, Some(file)))
}

/// Puts the pieces there that it is to begin with, on a thread of its own.
async fn begin(options: &Get, metainfo: &Arc<Metainfo>) -> Result<(), Failure> {
    let (Some(count), Some(from)) = (options.initial_pieces, options.from.clone()) else { return Ok(()) };
    let pieces = metainfo.geometry().piece_count();
    if count > pieces {
        return Err(Failure::usage(anyhow!(
            "--initial-pieces {count} of a file of {}",
            show::count(pieces.into(), "piece")
        )));
    }
    let mut rng = Seed::from_bytes(random()?).stream(Purpose::InitialPieces, 0);
    let (metainfo, output) = (Arc::clone(metainfo), options.output.clone());
    let beginning =
        tokio::task::spawn_blocking(move || storage::begin_with(&metainfo, &output, &from, count, &mut rng));
    Ok(beginning.await.context("copying the pieces to begin with has crashed")??)
}

/// Finds out what is there already, on a thread of its own.
pub(crate) async fn open(
    metainfo: Arc<Metainfo>,
    path: PathBuf,
    mode: Mode,
    quiet: bool,
) -> Result<Opened, Failure> {
    let checking = tokio::task::spawn_blocking(move || {
        let mut shown: Option<Progress> = None;
        let what = format!("checking {}", show::harmless(metainfo.name()));
        let opened = storage::open(&metainfo, &path, mode, &mut |done, total| {
            let quiet = quiet || total < WORTH_SHOWING;
            shown.get_or_insert_with(|| Progress::start(&what, total, quiet)).at(done, "checked");
        });
        if let Some(shown) = shown {
            shown.finish();
        }
        opened
    });
    Ok(checking.await.context("the check has crashed")??)
}

/// Compares whole files, where the torrent has hashes of them, on a thread of its own. How many?
async fn whole_files(
    metainfo: &Arc<Metainfo>,
    path: &Path,
    passed_on: Option<Arc<File>>,
) -> Result<usize, Failure> {
    let (metainfo, path) = (Arc::clone(metainfo), path.to_owned());
    let comparing = tokio::task::spawn_blocking(move || match passed_on {
        Some(file) => whole::compare_passed_on(&metainfo, &file),
        None => whole::compare(&metainfo, &path),
    });
    comparing.await.context("the comparison has crashed")?
}

/// Says what was found, where that is of interest.
fn warn(report: &OpenReport, quiet: bool) -> io::Result<()> {
    if let Some(Shortage { needed, free }) = report.short_of_space {
        let (needed, free) = (show::size(needed), show::size(free));
        writeln!(io::stderr(), "warning: {needed} are still to be written and {free} are free on the disk")?;
    }
    if quiet {
        return Ok(());
    }
    if let Some(continued) = &report.continued {
        writeln!(io::stderr(), "going on with {}, which is not complete", continued.display())?;
    }
    if report.trusted > 0 {
        let pieces = show::count(report.trusted.into(), "piece");
        writeln!(io::stderr(), "going on with {}, {pieces} are here", report.path.display())?;
    }
    Ok(())
}

enum Ended {
    Complete(PathBuf),
    /// In words.
    Failed(String),
    /// Who was to get it while it came does not take it.
    NotTaken(io::Error),
    TimedOut,
    Interrupted,
}

/// Shows how it goes until there is nothing more to see.
async fn watch(
    options: &Get,
    metainfo: &Metainfo,
    passed_on: Option<Arc<File>>,
    status: &mut watch::Receiver<Status>,
    mut deadline: Pin<&mut impl Future<Output = ()>>,
    interrupt: &mut Interrupt,
) -> Ended {
    let len = metainfo.geometry().len();
    let mut shown = Progress::start(&show::harmless(metainfo.name()), len, options.network.quiet);
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let look = status.clone();
    let mut over = pin!(all_over(status, passed_on, len));
    let ended = loop {
        tokio::select! {
            ended = &mut over => break ended,
            _ = ticks.tick() => {
                let Status { left, peers, .. } = *look.borrow();
                shown.at(len - left.min(len), &show::count(peers as u64, "peer"));
            }
            () = &mut deadline => break Ended::TimedOut,
            () = interrupt.asked() => break Ended::Interrupted,
        }
    };
    shown.finish();
    ended
}

/// Waits until it is complete, and has been taken where it is to be passed on; or until that will never be.
async fn all_over(status: &mut watch::Receiver<Status>, passed_on: Option<Arc<File>>, len: u64) -> Ended {
    let Some(file) = passed_on else { return over(status).await };
    let mut poured = pin!(pour::pour(file, len, status.clone()));
    let complete = tokio::select! {
        poured = &mut poured => return poured.map_or_else(Ended::NotTaken, |()| Ended::Complete("-".into())),
        complete = over(status) => complete,
    };
    match complete {
        Ended::Complete(_) => poured.await.map_or_else(Ended::NotTaken, |()| complete),
        other => other,
    }
}

/// Waits until it is complete, or never will be. A disk that takes nothing is given some time: others are served meanwhile,
/// and who makes room need not start anew.
async fn over(status: &mut watch::Receiver<Status>) -> Ended {
    let crashed = || Ended::Failed("the engine has crashed".into());
    loop {
        let phase =
            status.wait_for(|status| status.phase != Phase::Running).await.map(|status| status.phase.clone());
        match phase {
            Ok(Phase::Complete(path)) => return Ended::Complete(path),
            Ok(Phase::Failed(why)) => return Ended::Failed(why),
            Ok(Phase::Stalled(why)) => {
                // Who closes standard error does not want to know.
                let _ =
                    writeln!(io::stderr(), "{why}; trying again for {}", progress::duration(DISK_PATIENCE));
                let recovered = status.wait_for(|status| !matches!(status.phase, Phase::Stalled(_)));
                match timeout(DISK_PATIENCE, recovered).await {
                    Ok(Ok(_)) => {}
                    Ok(Err(_)) => return crashed(),
                    Err(_) => return Ended::Failed(why),
                }
            }
            Ok(Phase::Running | Phase::Described { .. }) | Err(_) => return crashed(),
        }
    }
}

/// What was fetched, and how: the path for programs, the rest for people. `whole`: so many whole files have the hashes that they are
/// to have; `None` where no hash is known at all.
fn report(
    options: &Get,
    metainfo: &Metainfo,
    path: &Path,
    had: &Status,
    seen: &Status,
    took: Duration,
    whole: Option<usize>,
) -> Result<(), Failure> {
    let geometry = metainfo.geometry();
    let fetched = seen.stats.downloaded - seen.stats.wasted.min(seen.stats.downloaded);
    if options.json {
        let mut summary = summary::of(metainfo, seen, took);
        summary["path"] = path.to_string_lossy().into();
        summary["pieces_before"] = had.pieces.into();
        summary["verified"] = whole.is_some().into();
        summary["whole_files_equal"] = whole.unwrap_or(0).into();
        writeln!(io::stdout(), "{summary}")?;
    } else if !pour::is_wanted(options) {
        writeln!(io::stdout(), "{}", path.display())?;
    }
    if !options.network.quiet {
        let name = show::harmless(metainfo.name());
        let verified = match whole {
            None => "not verified: no hash of it is known",
            Some(0) => "verified",
            Some(_) => "verified, the SHA-1 of the whole is equal",
        };
        let text = if seen.stats.downloaded == 0 {
            format!("{name}: {} were here already, {verified}", show::size(geometry.len()))
        } else {
            format!(
                "{name}: {} in {}, {} on average, from {}, {} sent, {verified}",
                show::size(fetched),
                progress::duration(took),
                progress::rate(fetched, took),
                show::count(seen.sources.into(), "peer"),
                show::count(seen.sent.total(), "message"),
            )
        };
        writeln!(io::stderr(), "{text}")?;
    }
    Ok(())
}

/// How much has come, for those who want to go on later.
fn so_far(metainfo: &Metainfo, seen: &Status) -> String {
    format!("{} of {} pieces are here", seen.pieces, metainfo.geometry().piece_count())
}

/// How to go on, where something is kept.
fn resumable(options: &Get, failure: Failure) -> Failure {
    if pour::is_wanted(options) {
        return failure;
    }
    let mut output = show::harmless(&options.output.display().to_string());
    if output.starts_with('-') {
        // It is a place, and no option.
        output.insert_str(0, "./");
    }
    let peers: Vec<String> = options.network.peers.iter().map(|peer| format!(" --peer {peer}")).collect();
    failure.hint(format!(
        "{} get -o {}{}{}{} {} goes on from there",
        called_as(),
        show::quoted(&output),
        options.network.discovery.typed(),
        peers.concat(),
        options.choices.flag(),
        show::quoted(&show::harmless(&options.what)),
    ))
}

fn failed(options: &Get, metainfo: &Metainfo, seen: &Status, why: &str) -> Failure {
    resumable(options, anyhow!("{why}; {}", so_far(metainfo, seen)).into())
}

fn too_slow(metainfo: &Metainfo, seen: &Status) -> Failure {
    let error = anyhow!(
        "not complete in time; {}, {} connected",
        so_far(metainfo, seen),
        show::count(seen.peers as u64, "peer")
    );
    Failure::not_found(error)
}

fn interrupted(options: &Get, metainfo: &Metainfo, seen: &Status) -> Failure {
    resumable(options, Failure::interrupted(anyhow!("interrupted; {}", so_far(metainfo, seen))))
}

//! `node tracker`: one registry of swarms behind one port number.
//!
//! Over TCP it speaks HTTP: `/announce` and `/scrape` for clients, `/` for people, `/status.json` and `/metrics` for
//! programs. Over UDP it speaks BEP 15, on a thread of its own that moves many datagrams with each system call. Everything
//! that decides is in [`minibit_core::tracker`]; here bytes are moved, connections are bounded, and a timer forgets who
//! fell silent.

mod http;
mod page;
mod prefixed;
mod status;
#[cfg(test)]
mod tests;
mod udp;

use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use minibit_core::Seed;
use minibit_core::tracker::TrackerConfig;
use tokio::time::{sleep, sleep_until};

use crate::announce::port_of;
use crate::cli::{self, Network};
use crate::clock::Clock;
use crate::engine::random;
use crate::failure::Failure;
use crate::listener::Listener;
use crate::registry::{Registry, Shared, lock};
use crate::seed::{Given, Terms};
use crate::session::{self, Publicity, Session};
use crate::{called_as, seed, show};

pub(crate) use http::{Server, serve_http};
pub(crate) use udp::UdpServer;

/// What was asked of a tracker over one protocol.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    announces: AtomicU64,
    scrapes: AtomicU64,
    refused: AtomicU64,
}

impl Counters {
    /// Adds announces, scrapes and refusals.
    fn add(&self, announces: u64, scrapes: u64, refused: u64) {
        self.announces.fetch_add(announces, Ordering::Relaxed);
        self.scrapes.fetch_add(scrapes, Ordering::Relaxed);
        self.refused.fetch_add(refused, Ordering::Relaxed);
    }

    fn get(&self) -> [u64; 3] {
        [&self.announces, &self.scrapes, &self.refused].map(|counter| counter.load(Ordering::Relaxed))
    }
}

/// The counters of both protocols.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub(crate) http: Counters,
    pub(crate) udp: Counters,
}

/// What the tracker gives itself is announced to itself as often: well before it would be forgotten.
const GIVE_AGAIN: Duration = Duration::from_mins(10);

/// Runs until it is interrupted.
pub(crate) fn run(options: &cli::Tracker) -> Result<(), Failure> {
    session::run(serve(options))
}

async fn serve(options: &cli::Tracker) -> Result<(), Failure> {
    let clock = Clock::start();
    let seed = Seed::from_bytes(random()?);
    let registry = Registry::of_tracker(TrackerConfig::default(), clock, seed, random()?).shared();
    let tally = Arc::new(Tally::default());
    let usual = port_of(options.choices.config().encoding);
    let (ip, port) = options.listen.map_or((None, usual), |addr| (Some(addr.ip()), addr.port()));
    let listener = Listener::bind(ip, port).with_context(|| format!("cannot listen on port {port}"))?;
    let addr = listener.local_addr()?;
    let _udp = if options.no_udp {
        None
    } else {
        let started = UdpServer::start(addr, random()?, clock, Arc::clone(&registry), Arc::clone(&tally));
        Some(started.with_context(|| format!("cannot listen on UDP port {}", addr.port()))?)
    };
    let pages = Server::new(clock, Arc::clone(&registry), tally, http::room());
    let mut session =
        Session::over(listener, clock, Arc::clone(&registry), Some(pages), &Network::of_tracker(options))?;
    let mut interrupt = session.interrupt.clone();
    if !options.quiet {
        hello(addr, !options.no_udp, &options.choices.flag());
    }
    let mut given = Vec::new();
    let ended = tokio::select! {
        ended = give(options, &mut session, &mut given) => ended,
        () = expire(&registry, clock) => Ok(()),
        () = interrupt.asked() => Ok(()),
    };
    session.stop().await;
    if options.json {
        seed::report(&given, clock.now())?;
    }
    ended
}

/// Seeds what the user wants the tracker to seed, for ever.
async fn give(options: &cli::Tracker, session: &mut Session, given: &mut Vec<Given>) -> Result<(), Failure> {
    let terms = Terms {
        config: options.choices.tracker_seed_config(),
        peers: &[],
        announced: false,
        publicity: Publicity::Swarm,
        quiet: options.quiet,
    };
    for path in &options.seed {
        let prepared = seed::prepare(path, None, &terms.config).await?;
        if let Some(new) = seed::give(session, prepared, &terms, given).await?
            && !terms.quiet
        {
            writeln!(io::stderr(), "seeding {}", show::harmless(new.metainfo.name()))?;
        }
    }
    loop {
        sleep(GIVE_AGAIN).await;
        for Given { metainfo, status, .. } in &*given {
            let left = status.borrow().left;
            session.give(metainfo, left, Publicity::Swarm);
        }
    }
}

/// Forgets who fell silent, when it is time to.
async fn expire(registry: &Shared, clock: Clock) {
    loop {
        let due = {
            let mut registry = lock(registry);
            registry.handle_timeout();
            registry.poll_timeout()
        };
        match due.and_then(|due| clock.system(due)) {
            Some(due) => sleep_until(due).await,
            // Nobody is there; the first one who comes is not forgotten sooner than a minute later.
            None => sleep(Duration::from_mins(1)).await,
        }
    }
}

/// Says where the tracker is, and how others use it: with this `flag`, unless it is empty.
fn hello(addr: SocketAddr, udp: bool, flag: &str) {
    let port = addr.port();
    let host = match addr.ip() {
        ip if ip.is_unspecified() => "HOST".into(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let http = format!("http://{host}:{port}");
    let (and_udp, or_udp) =
        if udp { (" and UDP", format!(" or udp://{host}:{port}")) } else { ("", String::new()) };
    let tracker = if flag.is_empty() { format!("{http}/announce") } else { format!("{host}:{port}{flag}") };
    let text = format!(
        "listening on {addr}, TCP{and_udp}\n\
         to name in torrent files: {http}/announce{or_udp}\n\
         status: {http}/\n\
         on another machine: {} seed PATH --tracker {tracker}\n",
        called_as()
    );
    // A tracker whose output nobody reads is a tracker all the same.
    let _ = io::stderr().write_all(text.as_bytes());
}

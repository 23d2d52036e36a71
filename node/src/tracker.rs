//! `node tracker`: one registry of swarms behind one port number.
//!
//! Over TCP it speaks HTTP: `/announce` and `/scrape` for clients, `/` for people, `/status.json` and `/metrics` for
//! programs. Over UDP it speaks BEP 15, on a thread of its own that moves many datagrams with each system call. Everything
//! that decides is in [`minibit_core::tracker`]; here bytes are moved, connections are bounded, and a timer forgets who
//! fell silent.

mod http;
mod listen;
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

use anyhow::Context as _;
use minibit_core::Seed;
use minibit_core::tracker::{Tracker, TrackerConfig};
use tokio::time::{sleep, sleep_until};

use crate::called_as;
use crate::cli;
use crate::clock::Clock;
use crate::failure::Failure;
use crate::registry::{Registry, Shared, lock};

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

/// Runs until it is interrupted.
pub(crate) fn run(options: &cli::Tracker) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(serve(options))
}

async fn serve(options: &cli::Tracker) -> Result<(), Failure> {
    let clock = Clock::start();
    let tracker = Tracker::new(TrackerConfig::default(), Seed::from_bytes(random()?));
    let registry: Shared = Arc::new(Registry { tracker }.into());
    let tally = Arc::new(Tally::default());
    let listener = listen::bind(options.listen).context("cannot listen")?;
    let addr = listener.local_addr()?;
    let _udp = if options.no_udp {
        None
    } else {
        let started = UdpServer::start(addr, random()?, clock, Arc::clone(&registry), Arc::clone(&tally));
        Some(started.with_context(|| format!("cannot listen on UDP port {}", addr.port()))?)
    };
    let server = Server::new(clock, Arc::clone(&registry), tally, http::room());
    hello(addr, !options.no_udp);
    tokio::select! {
        () = listen::accept(listener, server) => {}
        () = expire(&registry, clock) => {}
        signal = interrupted() => signal?,
    }
    Ok(())
}

/// Forgets who fell silent, when it is time to.
async fn expire(registry: &Shared, clock: Clock) {
    loop {
        let now = clock.now();
        let due = {
            let tracker = &mut lock(registry).tracker;
            tracker.handle_timeout(now);
            tracker.poll_timeout()
        };
        match due.and_then(|due| clock.system(due)) {
            Some(due) => sleep_until(due.into()).await,
            // Nobody is there; the first one who comes is not forgotten sooner than a minute later.
            None => sleep(std::time::Duration::from_mins(1)).await,
        }
    }
}

async fn interrupted() -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

/// Says where the tracker is, and how others use it.
fn hello(addr: SocketAddr, udp: bool) {
    let port = addr.port();
    let host = match addr.ip() {
        ip if ip.is_unspecified() => "HOST".into(),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    };
    let http = format!("http://{host}:{port}");
    let (and_udp, or_udp) =
        if udp { (" and UDP", format!(" or udp://{host}:{port}")) } else { ("", String::new()) };
    let text = format!(
        "listening on {addr}, TCP{and_udp}\n\
         to name in torrent files: {http}/announce{or_udp}\n\
         status: {http}/\n\
         on another machine: {} seed PATH --tracker {http}/announce\n",
        called_as()
    );
    // A tracker whose output nobody reads is a tracker all the same.
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Random bytes of the operating system.
fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(bytes)
}

//! What `seed` and `get` have in common: the engine, the port that others reach it at, what they are told by name and on the local
//! network, and the end of it all.

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::sync::Arc;

use anyhow::Context as _;
use minibit_core::config::Encoding;
use minibit_core::lsd::{CATALOGUE, Heard};
use minibit_core::metainfo::Metainfo;
use minibit_core::tracker::json::Registration;
use minibit_core::tracker::systems::Opening;
use minibit_core::{Bitfield, InfoHash, Seed};
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};

use crate::announce::system_of;
use crate::cli::{Discovery, Network};
use crate::clock::Clock;
use crate::engine::{self, Engine, Limiter, NewTorrent, Status, Unknown};
use crate::failure::Failure;
use crate::interrupt::Interrupt;
use crate::lan::Lan;
use crate::listener::{Listener, Visitor};
use crate::names::{self, Publisher, Standing};
use crate::registry::{Registry, Shared, lock};
use crate::show;
use crate::sizes::serve_sizes;
use crate::systems::Desk;
use crate::tracker::{Server, serve_http};

const NO_RANDOMNESS: &str = "the system gives no random numbers";

/// A running engine that others can reach.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) clock: Clock,
    pub(crate) interrupt: Interrupt,
    /// The port that others reach us at.
    pub(crate) port: u16,
    engine: engine::Handle,
    running: JoinHandle<()>,
    discovery: Discovery,
    lan: Option<Lan>,
    /// What we give, for those who ask for names.
    registry: Shared,
    publishers: Vec<(InfoHash, Publisher)>,
    /// Torrents whose peers do not say who they are, and that have a tracker: they are not announced on the local network, or each of their
    /// peers would be found at each of its addresses, and taken for as many.
    nameless: BTreeSet<InfoHash>,
    /// From the first torrent on, who connects is answered. Until then the system keeps them waiting: a peer that is turned away while its
    /// torrent is still being looked at does not come again for a while.
    opening: Arc<Notify>,
}

impl Session {
    /// Binds the port and starts the engine.
    pub(crate) fn start(network: &Network) -> Result<Self, Failure> {
        let listener = match network.port {
            Some(port) => {
                Listener::bind(network.listen, port).with_context(|| format!("cannot listen on port {port}"))
            }
            None => Listener::bind_somewhere(network.listen).context("cannot listen on any port"),
        };
        let clock = Clock::start();
        let seed = Seed::from_bytes(engine::random().context(NO_RANDOMNESS)?);
        Self::over(listener?, clock, Registry::of_node(clock, seed).shared(), None, network)
    }

    /// Starts the engine behind a port that is bound. `pages` are those of a tracker.
    pub(crate) fn over(
        listener: Listener,
        clock: Clock,
        registry: Shared,
        pages: Option<Server>,
        network: &Network,
    ) -> Result<Self, Failure> {
        let interrupt = Interrupt::listen().context("cannot listen for signals")?;
        let port = listener.local_addr().context("cannot tell the port")?.port();
        let limiter = |rate: Option<u64>| rate.map(|rate| Arc::new(Limiter::new(rate, clock)));
        let options = engine::Options {
            from: network.listen,
            port,
            down: limiter(network.down),
            up: limiter(network.up),
            trace: network.trace.clone(),
            verbose: network.verbose,
        };
        let (engine, handle) = Engine::new(clock, options).context(NO_RANDOMNESS)?;
        let running = tokio::spawn(engine.run());
        let desk = Desk::new(Arc::clone(&registry), handle.clone());
        let opening = Arc::new(Notify::new());
        if pages.is_some() {
            opening.notify_one();
        }
        let door = Door { engine: handle.clone(), registry: Arc::clone(&registry), desk, pages };
        let opened = Arc::clone(&opening);
        tokio::spawn(async move {
            opened.notified().await;
            listener.run(move |visitor| door.open(visitor)).await;
        });
        let lan = lan(&network.discovery, port, clock, &handle)?;
        let discovery = network.discovery.clone();
        Ok(Self {
            clock,
            interrupt,
            port,
            engine: handle,
            running,
            discovery,
            lan,
            registry,
            publishers: Vec::new(),
            nameless: BTreeSet::new(),
            opening,
        })
    }

    /// Takes part in a torrent, announces it to its trackers and to the user's, on the local network, and by name.
    pub(crate) async fn join(
        &mut self,
        torrent: NewTorrent,
        publicity: Publicity,
    ) -> Result<watch::Receiver<Status>, Failure> {
        let metainfo = Arc::clone(&torrent.metainfo);
        if !torrent.config.handshake && !torrent.trackers.is_empty() {
            self.nameless.insert(metainfo.info_hash());
        }
        let left = missing(&metainfo, &torrent.have);
        let status = self.engine.add(torrent).await.context("cannot start")?;
        self.opening.notify_one();
        self.give(&metainfo, left, publicity);
        Ok(status)
    }

    /// Fetches the metadata of a torrent of which nothing but the info-hash is known.
    pub(crate) async fn describe(&self, mut unknown: Unknown) -> Result<watch::Receiver<Status>, Failure> {
        let encoding = unknown.config.encoding;
        unknown.trackers.retain(|tier| tier.iter().all(|url| system_of(url).is_none()));
        unknown.trackers.splice(0..0, self.own_trackers(encoding));
        let info_hash = unknown.info_hash;
        let status = self.engine.describe(unknown).await.context("cannot start")?;
        self.opening.notify_one();
        if let Some(lan) = &self.lan {
            lan.join(info_hash);
        }
        Ok(status)
    }

    /// A torrent whose metadata was fetched has turned out to be private (BEP 27): the local network hears no more of it.
    pub(crate) fn turned_out_private(&self, info_hash: InfoHash) {
        if let Some(lan) = &self.lan {
            lan.leave(info_hash);
        }
    }

    /// Whom to ask for peers that speak so: the user's trackers first, then those that the torrent names.
    pub(crate) fn trackers(&self, metainfo: &Metainfo, encoding: Encoding) -> Vec<Vec<String>> {
        let urls = |tier: Vec<&str>| -> Vec<String> {
            tier.into_iter().filter(|url| system_of(url).is_none()).map(Into::into).collect()
        };
        let named = metainfo.trackers().into_iter().map(urls).filter(|tier| !tier.is_empty());
        self.own_trackers(encoding).chain(named).collect()
    }

    /// The trackers that the user has named, each a tier of its own (BEP 12). One that was named without a scheme is asked as the
    /// system asks.
    fn own_trackers(&self, encoding: Encoding) -> impl Iterator<Item = Vec<String>> + '_ {
        self.discovery.trackers.iter().map(move |tracker| vec![tracker.announce_url(encoding)])
    }

    /// Tells others of a torrent. To be called again when it has become complete.
    pub(crate) fn give(&mut self, metainfo: &Metainfo, left: u64, publicity: Publicity) {
        if publicity == Publicity::System {
            return;
        }
        let identity = (self.port, self.engine.peer_id());
        if let Err(error) = lock(&self.registry).give(metainfo, identity, left) {
            // Who closes standard error does not want to know.
            let _ = writeln!(io::stderr(), "warning: it cannot be found by name here: {error}");
        }
        if let Some(lan) = self.lan.as_ref().filter(|_| !metainfo.is_private()) {
            if !self.nameless.contains(&metainfo.info_hash()) {
                lan.join(metainfo.info_hash());
            }
            lan.join(CATALOGUE);
        }
        let mut known = self.publishers.iter().filter(|(known, _)| *known == metainfo.info_hash()).peekable();
        if publicity != Publicity::Name || known.peek().is_some() {
            return known.for_each(|(_, publisher)| publisher.left(left));
        }
        for tracker in &self.discovery.trackers {
            let registration = Registration {
                info_hash: metainfo.info_hash(),
                peer_id: self.engine.peer_id(),
                port: self.port,
                name: metainfo.name().to_owned(),
                size: metainfo.geometry().len(),
                files: u32::try_from(metainfo.files().len()).unwrap_or(u32::MAX),
                left,
                metainfo: Some(metainfo.to_bytes().into()),
            };
            let publisher = names::publish(tracker.clone(), registration);
            tokio::spawn(report(publisher.standing(), tracker.to_string()));
            self.publishers.push((metainfo.info_hash(), publisher));
        }
    }

    /// Says good-bye to everyone and closes the files.
    pub(crate) async fn stop(self) {
        let mut leaving: JoinSet<()> =
            self.publishers.into_iter().map(|(_, publisher)| publisher.stop()).collect();
        self.engine.stop().await;
        // A panic of the engine has been shown already.
        let _ = self.running.await;
        while leaving.join_next().await.is_some() {}
    }
}

/// Says when a tracker does not list a file, and when it does after all.
async fn report(mut standing: watch::Receiver<Standing>, tracker: String) {
    let mut told = false;
    while standing.changed().await.is_ok() {
        // Who closes standard error does not want to know.
        match &*standing.borrow() {
            Standing::Failed(why) if !told => {
                told = true;
                let why = show::harmless(why);
                let _ = writeln!(
                    io::stderr(),
                    "warning: {tracker} does not list it by name: {why}; trying again"
                );
            }
            Standing::Published if told => {
                told = false;
                let _ = writeln!(io::stderr(), "{tracker} lists it by name now");
            }
            Standing::Failed(_) | Standing::Published | Standing::Waiting => {}
        }
    }
}

/// Who is to hear of a torrent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Publicity {
    /// Nobody but the trackers that the torrent is started with: it has no info-hash that would mean anything to others.
    System,
    /// Those who ask for it.
    Swarm,
    /// The tracker shall also list it by name.
    Name,
}

/// Bytes of the pieces that are missing.
pub(crate) fn missing(metainfo: &Metainfo, have: &Bitfield) -> u64 {
    have.missing().map(|piece| u64::from(metainfo.geometry().piece_len(piece))).sum()
}

/// Where visitors are sent on.
#[derive(Clone, Debug)]
struct Door {
    engine: engine::Handle,
    registry: Shared,
    desk: Desk,
    pages: Option<Server>,
}

impl Door {
    fn open(&self, visitor: Visitor) {
        match &visitor.opening {
            Opening::Peer { .. } => {
                let engine = self.engine.clone();
                tokio::spawn(async move { engine.arrived(visitor).await });
            }
            Opening::Size => {
                tokio::spawn(serve_sizes(visitor, self.engine.clone()));
            }
            Opening::Tracker(system) => {
                let (system, desk) = (*system, self.desk.clone());
                tokio::spawn(async move {
                    let Visitor { stream, prefix, addr, place, .. } = visitor;
                    Box::pin(desk.serve(stream, prefix, addr, system)).await;
                    drop(place);
                });
            }
            Opening::Command => {
                let registry = Arc::clone(&self.registry);
                tokio::spawn(async move {
                    let Visitor { stream, prefix, addr, place, .. } = visitor;
                    names::serve(stream, prefix, addr, registry).await;
                    drop(place);
                });
            }
            Opening::Http => {
                // A plain node has no pages.
                let Some(pages) = self.pages.clone() else { return };
                tokio::spawn(async move {
                    let Visitor { stream, prefix, addr, place, .. } = visitor;
                    // An answer is one segment, which nothing is to be waited for with.
                    let _ = stream.set_nodelay(true);
                    serve_http(stream, prefix, addr, pages).await;
                    drop(place);
                });
            }
        }
    }
}

/// Takes part in discovery on the local network, unless the user does not want that. A network that cannot do it is no failure,
/// unless the user has named the interface.
fn lan(
    discovery: &Discovery,
    port: u16,
    clock: Clock,
    engine: &engine::Handle,
) -> Result<Option<Lan>, Failure> {
    let Some(options) = discovery.lan() else { return Ok(None) };
    let seed = Seed::from_bytes(engine::random().context(NO_RANDOMNESS)?);
    match Lan::start(options, port, clock, seed) {
        Ok((lan, heard)) => {
            tokio::spawn(introduce(heard, engine.clone()));
            Ok(Some(lan))
        }
        Err(error) if discovery.interfaces.is_empty() => {
            // Who closes standard error does not want to know.
            let _ = writeln!(io::stderr(), "warning: nobody can be found on the local network: {error}");
            Ok(None)
        }
        Err(error) => Err(Failure::usage(anyhow::Error::new(error).context("cannot use the interface"))),
    }
}

/// Tells the engine who was heard.
async fn introduce(mut heard: mpsc::Receiver<Heard>, engine: engine::Handle) {
    while let Some(Heard { info_hash, addr, .. }) = heard.recv().await {
        if info_hash != CATALOGUE {
            engine.add_peers(info_hash, vec![addr]).await;
        }
    }
}

/// Runs a command on a runtime of one thread, which is all that moving bytes takes. Threads that hash or read still are left
/// alone when it ends.
pub(crate) fn run<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start")?;
    let ended = runtime.block_on(command);
    runtime.shutdown_background();
    ended
}

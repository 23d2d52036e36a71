//! How a torrent comes into the engine: its state machine, its disk and its trackers are put together.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use minibit_core::metadata::MetadataFetch;
use minibit_core::metainfo::Metainfo;
use minibit_core::rng::Purpose;
use minibit_core::torrent::{Identity, Particulars};
use minibit_core::trace::Origin;
use minibit_core::wire::Names;
use minibit_core::{Bitfield, Command, Config, InfoHash, Input, Instant, Seed};
use tokio::sync::{mpsc, watch};
use tokio::time::sleep;

use super::Engine;
use super::event::Event;
use super::identity::{CLIENT, random};
use super::machine::Machine;
use super::recording::Recording;
use super::status::Status;
use super::swarm::{Parts, Swarm};
use crate::announce::{About, Me, Trackers};
use crate::limits::{NEWCOMERS_CALL, TRACKER_NEWS};
use crate::listener::incoming_limit;
use crate::storage::Storage;

/// A torrent to take part in.
#[derive(Debug)]
pub(crate) struct NewTorrent {
    pub(crate) metainfo: Arc<Metainfo>,
    pub(crate) config: Config,
    pub(crate) storage: Storage,
    pub(crate) have: Bitfield,
    /// Nothing is to be fetched, whatever is missing (BEP 21): the content is not to be written to.
    pub(crate) upload_only: bool,
    /// Peers that are known beforehand.
    pub(crate) peers: Vec<SocketAddr>,
    /// Those of whom the user says that they have it.
    pub(crate) sources: Vec<SocketAddr>,
    /// Trackers in tiers (BEP 12).
    pub(crate) trackers: Vec<Vec<String>>,
}

/// A torrent of which nothing but the info-hash is known.
#[derive(Debug)]
pub(crate) struct Unknown {
    pub(crate) info_hash: InfoHash,
    /// What to call it meanwhile.
    pub(crate) name: String,
    pub(crate) config: Config,
    /// Peers that are known beforehand.
    pub(crate) peers: Vec<SocketAddr>,
    /// Trackers in tiers (BEP 12).
    pub(crate) trackers: Vec<Vec<String>>,
}

/// Where descriptors are short, fewer connections than the protocol would allow: the core finds out who gives way to a newcomer, so
/// the listener must have a place for it still.
fn bound_connections(config: &mut Config) {
    let most = u32::try_from(incoming_limit() / 4 * 3).unwrap_or(u32::MAX);
    let limits = &mut config.limits;
    limits.connections = limits.connections.min(most);
    limits.dial_target = limits.dial_target.min(limits.connections / 2);
    limits.half_open = limits.half_open.min(limits.dial_target);
}

impl Engine {
    pub(super) fn add(&mut self, now: Instant, new: NewTorrent) -> io::Result<watch::Receiver<Status>> {
        let NewTorrent { metainfo, mut config, storage, have, upload_only, peers, sources, trackers } = new;
        bound_connections(&mut config);
        if trackers.is_empty() {
            config.announcing = None;
        }
        let info_hash = metainfo.info_hash();
        let identity = Identity { info_hash, peer_id: self.peer_id, stream: 0 };
        let seed = Seed::from_bytes(random()?);
        let complete = have.is_full();
        let about = About {
            file: metainfo.name().to_owned(),
            geometry: metainfo.geometry(),
            metainfo: metainfo.to_bytes().into(),
            shelf: self.shelf.clone(),
        };
        let trackers = self.trackers(info_hash, trackers)?.map(|trackers| trackers.about(about, self.news()));
        let particulars = Particulars {
            info: metainfo.info().clone(),
            private: metainfo.is_private(),
            port: Some(self.options.port),
            client: CLIENT.into(),
            upload_only,
        };
        let geometry = metainfo.geometry();
        let names = Names {
            info_hash,
            peer_id: self.peer_id,
            port: self.options.port,
            file: metainfo.name().to_owned().into(),
            geometry: Some(geometry),
        };
        let origin = Origin { config, geometry, identity, particulars, have, start: now, seed };
        let recording = self.options.trace.take().map(|path| Recording::begin(&path, &origin)).transpose()?;
        let torrent = origin.torrent();
        let (done_in, done) = mpsc::unbounded_channel();
        let mut swarm = Swarm::new(Parts {
            id: self.swarms.len(),
            names,
            name: metainfo.name().to_owned(),
            config,
            machine: Machine::Torrent(Box::new(torrent)),
            recording,
            disk: Some(storage.start(done_in)?),
            done,
            trackers,
            dial_from: self.options.from,
            verbose: self.options.verbose,
            shared: self.shared.clone(),
        });
        swarm.input(now, Input::Command(Command::AddSources(sources)));
        swarm.input(now, Input::Command(Command::AddPeers(peers)));
        swarm.input(now, Input::Command(Command::Start));
        if complete {
            swarm.finish();
        }
        swarm.tell(now);
        let status = swarm.status();
        self.swarms.push(swarm);
        Ok(status)
    }

    pub(super) fn describe(&mut self, now: Instant, unknown: Unknown) -> io::Result<watch::Receiver<Status>> {
        let Unknown { info_hash, name, mut config, peers, trackers } = unknown;
        bound_connections(&mut config);
        if trackers.is_empty() {
            config.announcing = None;
        }
        let identity = Identity { info_hash, peer_id: self.peer_id, stream: 0 };
        let trackers = self.trackers(info_hash, trackers)?;
        let particulars =
            Particulars { port: Some(self.options.port), client: CLIENT.into(), ..Particulars::default() };
        let seed = Seed::from_bytes(random()?);
        let names = Names { info_hash, peer_id: self.peer_id, port: self.options.port, ..Names::USUAL };
        let mut swarm = Swarm::new(Parts {
            id: self.swarms.len(),
            names,
            name,
            config,
            machine: Machine::Fetch(Box::new(MetadataFetch::new(config, identity, particulars, seed))),
            recording: None,
            disk: None,
            // Nothing is ever done on no disk.
            done: mpsc::unbounded_channel().1,
            trackers,
            dial_from: self.options.from,
            verbose: self.options.verbose,
            shared: self.shared.clone(),
        });
        swarm.input(now, Input::Command(Command::AddPeers(peers)));
        swarm.input(now, Input::Command(Command::Start));
        swarm.tell(now);
        let status = swarm.status();
        self.swarms.push(swarm);
        Ok(status)
    }

    /// Where a tracker of the swarm that is added next tells of somebody without being asked.
    fn news(&self) -> mpsc::Sender<SocketAddr> {
        let (news, mut told) = mpsc::channel(TRACKER_NEWS);
        let (swarm, events) = (self.swarms.len(), self.shared.events.clone());
        tokio::spawn(async move {
            let mut joined = Vec::new();
            while told.recv_many(&mut joined, TRACKER_NEWS).await > 0 {
                // Who joins is told of all who are there and calls them. Were we to call as well, there would be two connections.
                sleep(NEWCOMERS_CALL).await;
                for addr in joined.drain(..) {
                    if events.send(Event::Joined { swarm, addr }).await.is_err() {
                        return;
                    }
                }
            }
        });
        news
    }

    fn trackers(&self, info_hash: InfoHash, tiers: Vec<Vec<String>>) -> io::Result<Option<Trackers>> {
        if tiers.is_empty() {
            return Ok(None);
        }
        let me = Me {
            info_hash,
            peer_id: self.peer_id,
            key: u32::from_be_bytes(random()?),
            port: self.options.port,
            from: self.options.from,
        };
        let rng = Seed::from_bytes(random()?).stream(Purpose::Torrent, 0);
        Ok(Some(Trackers::new(tiers, me, self.clock, rng)))
    }
}

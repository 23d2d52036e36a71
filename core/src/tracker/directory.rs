//! What a tracker does when it is asked in [JSON](super::json): the registry of swarms and the catalogue of files answer
//! together.
//!
//! Counts come from the swarm where there is one, because it also knows the peers that announce by HTTP and UDP. Whoever
//! registers is in both, and has to send heartbeats if the catalogue is to keep it.
//!
//! A plain node answers about what it seeds itself, and lets nobody register: its directory is not [open](Directory::open). It
//! is in its own registry under an unspecified address, because it does not know by which of its addresses others reach it; they
//! are told the one that they have reached.

#[cfg(test)]
mod tests;

use core::net::{IpAddr, SocketAddr};

use super::json::{Answer, Command, File, MAX_FILES, Peers, Refusal, Registration};
use super::{Announcer, Tracker};
use crate::announce::{AnnounceEvent, AnnounceRequest, AnnounceResponse, Totals};
use crate::catalogue::{Catalogue, CatalogueError, Description, Listed, Pick, Query};
use crate::id::{InfoHash, PeerId};
use crate::metainfo::MetainfoError;
use crate::time::Instant;

/// Peers in the answer to `register` and `update`.
const NUMWANT: u32 = 50;

/// The two ends of the connection that a command came by.
#[derive(Clone, Copy, Debug)]
pub struct Ends {
    /// Who asks: the address that is registered.
    pub peer: IpAddr,
    /// Our own address, as the asker knows it.
    pub local: IpAddr,
}

/// A registry of swarms and a catalogue of files.
#[derive(Debug)]
pub struct Directory<'a> {
    /// The swarms.
    pub tracker: &'a mut Tracker<SocketAddr>,
    /// The files.
    pub catalogue: &'a mut Catalogue<SocketAddr>,
    /// Others may register.
    pub open: bool,
}

impl Directory<'_> {
    /// Does what is asked, and answers.
    pub fn handle(&mut self, now: Instant, ends: Ends, command: Command) -> Answer {
        let from = |port| SocketAddr::new(ends.peer.to_canonical(), port);
        match command {
            Command::Register(_)
            | Command::Update { .. }
            | Command::Heartbeat { .. }
            | Command::Unregister { .. }
                if !self.open =>
            {
                Answer::Error(Refusal::Refused, "this is no tracker: nobody registers here".into())
            }
            Command::Register(registration) => self.register(now, ends, *registration),
            Command::Update { info_hash, peer_id, port, left } => {
                self.catalogue.update(now, info_hash, from(port), left == 0);
                self.announce(now, ends, info_hash, Announcer { addr: from(port), id: peer_id }, left)
            }
            Command::GetPeers { info_hash, port, numwant } => {
                peers(self.tracker.peers(now, info_hash, from(port), numwant), ends.local)
            }
            Command::Heartbeat { port, info_hash } => {
                let swarms = match info_hash {
                    Some(info_hash) => self.catalogue.touch(now, info_hash, from(port)).into(),
                    None => self.catalogue.heartbeat(now, from(port)),
                };
                for info_hash in self.named(info_hash, from(port)) {
                    self.tracker.heartbeat(now, info_hash, from(port));
                }
                // Two may get lost.
                Answer::Alive { swarms, interval: self.catalogue.config().timeout / 3 }
            }
            Command::Unregister { port, info_hash } => {
                for info_hash in self.named(info_hash, from(port)) {
                    self.leave(now, info_hash, from(port));
                }
                Answer::Done
            }
            Command::List => {
                let listed: Vec<_> =
                    self.catalogue.list(now).take(MAX_FILES + 1).map(|it| File::of(&it, now)).collect();
                self.files(now, listed)
            }
            Command::Search { text } => match Query::new(&text) {
                Ok(query) => {
                    let found = self.catalogue.search(now, &query).into_iter().take(MAX_FILES + 1);
                    let found = found.map(|(_, listed)| File::of(&listed, now)).collect();
                    self.files(now, found)
                }
                Err(error) => Answer::Error(Refusal::BadRequest, error.to_string()),
            },
            Command::Metainfo { text } => self.metainfo(now, &text),
        }
    }

    /// The swarm that is named, or all of a publisher.
    fn named(&self, info_hash: Option<InfoHash>, publisher: SocketAddr) -> Vec<InfoHash> {
        info_hash.map_or_else(|| self.catalogue.published_by(publisher), |info_hash| vec![info_hash])
    }

    fn register(&mut self, now: Instant, ends: Ends, registration: Registration) -> Answer {
        let Registration { info_hash, peer_id, port, name, size, files, left, metainfo } = registration;
        let addr = SocketAddr::new(ends.peer.to_canonical(), port);
        let description = match metainfo {
            Some(metainfo) => Description::proven(metainfo),
            None => Description::claimed(info_hash, &name, size, files),
        };
        let published = description.and_then(|description| {
            if description.info_hash() == info_hash {
                self.catalogue.publish(now, description, addr, left == 0)
            } else {
                let received = description.info_hash();
                let error = MetainfoError::InfoHash { expected: info_hash, received };
                Err(CatalogueError::Metainfo(error))
            }
        });
        match published {
            Ok(()) => self.announce(now, ends, info_hash, Announcer { addr, id: peer_id }, left),
            Err(error) => Answer::Error(Refusal::Refused, error.to_string()),
        }
    }

    fn announce(
        &mut self,
        now: Instant,
        ends: Ends,
        info_hash: InfoHash,
        who: Announcer<SocketAddr>,
        left: u64,
    ) -> Answer {
        let event = AnnounceEvent::None;
        let request = AnnounceRequest::plain(event, Totals { left, ..Totals::default() }, NUMWANT);
        match self.tracker.announce(now, info_hash, who, &request) {
            Ok(response) => peers(response, ends.local),
            Err(error) => Answer::Error(Refusal::Refused, error.to_string()),
        }
    }

    fn leave(&mut self, now: Instant, info_hash: InfoHash, addr: SocketAddr) {
        self.catalogue.unregister(info_hash, addr);
        let event = AnnounceEvent::Stopped;
        let request = AnnounceRequest::plain(event, Totals::default(), 0);
        let who = Announcer { addr, id: PeerId([0; 20]) };
        // Only a swarm that is not known yet can be refused, and leaving makes none.
        let _left = self.tracker.announce(now, info_hash, who, &request);
    }

    /// The answer with as many of these files as there is room for.
    fn files(&mut self, now: Instant, mut files: Vec<File>) -> Answer {
        let more = files.len() > MAX_FILES;
        files.truncate(MAX_FILES);
        self.count(now, &mut files);
        Answer::Files { files, more }
    }

    /// Takes the counts of the swarms, which have peers that publish nothing.
    fn count(&mut self, now: Instant, files: &mut [File]) {
        for file in files {
            if let Some(swarm) = self.tracker.scrape(now, file.info_hash) {
                file.seeders = file.seeders.max(swarm.seeders);
                file.leechers = file.leechers.max(swarm.leechers);
            }
        }
    }

    fn metainfo(&mut self, now: Instant, text: &str) -> Answer {
        let query = match Query::new(text) {
            Ok(query) => query,
            Err(error) => return Answer::Error(Refusal::BadRequest, error.to_string()),
        };
        match self.catalogue.lookup(now, &query) {
            Pick::Nothing => Answer::Error(Refusal::NotFound, "no file of this name".into()),
            Pick::One(Listed { info_hash, metainfo: Some(metainfo), .. }) => {
                Answer::Metainfo { info_hash, metainfo: metainfo.clone() }
            }
            Pick::One(_) => {
                Answer::Error(Refusal::NotFound, "its metainfo is not here; peers have it".into())
            }
            Pick::Several(several) => {
                let message = format!("{} files fit equally well", several.len());
                let mut files: Vec<_> =
                    several.iter().take(MAX_FILES).map(|listed| File::of(listed, now)).collect();
                self.count(now, &mut files);
                Answer::Error(Refusal::Ambiguous(files), message)
            }
        }
    }
}

/// An answer with peers, among them perhaps ourselves.
fn peers(response: AnnounceResponse<SocketAddr>, local: IpAddr) -> Answer {
    let AnnounceResponse { interval, seeders, leechers, mut peers, .. } = response;
    for peer in peers.iter_mut().filter(|peer| peer.ip().is_unspecified()) {
        peer.set_ip(local.to_canonical());
    }
    Answer::Peers(Peers { interval, seeders, leechers, peers })
}

//! What those who watch a swarm are told: where it stands, and, if they want to know everything, what happens.

use std::fmt;
use std::io::{self, Write as _};
use std::net::SocketAddr;

use minibit_core::{Event as CoreEvent, Instant};

use super::Swarm;
use crate::engine::machine::Machine;
use crate::engine::status::Phase;

impl Swarm {
    /// The content is complete, or the disk has failed.
    pub(crate) fn enter(&mut self, now: Instant, phase: Phase) {
        self.seen.phase = phase;
        self.tell(now);
    }

    /// Tells those who watch.
    pub(crate) fn tell(&mut self, now: Instant) {
        match &self.machine {
            Machine::Torrent(torrent) => {
                let (have, geometry) = (torrent.have(), torrent.geometry());
                self.seen.pieces = have.count();
                self.seen.left = have.missing().map(|piece| u64::from(geometry.piece_len(piece))).sum();
                let first_missing = have.missing().next();
                self.seen.unbroken =
                    first_missing.map_or(geometry.len(), |piece| geometry.piece_offset(piece));
                self.seen.stats = torrent.stats();
                self.seen.peers = torrent.connections().filter(|connection| connection.open).count();
            }
            Machine::Fetch(fetch) => self.seen.peers = fetch.connection_count() as usize,
        }
        self.told_at = now;
        self.untold = false;
        self.status.send_replace(self.seen.clone());
    }

    pub(super) fn note(&mut self, now: Instant, event: &CoreEvent<SocketAddr>) {
        match event {
            CoreEvent::Completed => self.finish(),
            CoreEvent::DiskFailed => {
                let why = self.disk.as_ref().and_then(|disk| disk.last_error());
                let why = why.unwrap_or_else(|| "the disk has failed".into());
                self.say(&why);
                self.enter(now, Phase::Stalled(why));
            }
            CoreEvent::DiskRecovered => {
                self.say(&"the disk takes data again");
                self.enter(now, Phase::Running);
            }
            CoreEvent::Metadata(info) => {
                let peers = match &self.machine {
                    Machine::Fetch(fetch) => fetch.peers(),
                    Machine::Torrent(_) => Vec::new(),
                };
                self.enter(now, Phase::Described { info: (**info).clone(), peers });
            }
            CoreEvent::Banned { addr } => {
                self.say(&format_args!("{addr} has sent wrong bytes and is banned"));
            }
            CoreEvent::PieceFailed { piece } => self.say(&format_args!("piece {} is wrong", piece.get())),
            CoreEvent::Picked { piece, holders } => {
                self.say(&format_args!("asking for piece {}, which {holders} others have", piece.get()));
            }
            _ => {}
        }
    }

    /// Tells a user who wants to know everything.
    pub(super) fn say(&self, what: &dyn fmt::Display) {
        if self.verbose {
            // Who closes standard error does not want to know.
            let _ = writeln!(io::stderr(), "{}: {what}", self.name);
        }
    }
}

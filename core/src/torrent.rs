//! One participant's side of one swarm.
//!
//! This file dispatches; the logic is below it, one mechanism per file: `conns` the table of connections, `peer` one of them,
//! `known` addresses, `pace` how fast they are dialled, `bans` hosts that are not, `lifecycle` how connections open and close,
//! `doubles` which of two to the same peer stays, `room` who gives way when there are too many, `messages` what peers say, `download` what is
//! asked of whom, `late` what is done about late blocks, `paced` the slow rhythm of S1 and S5, `errands` one
//! connection for each piece (S3), `meeting` connections for a single piece,
//! `told` what the tracker says of pieces (S1, S3, S4), `partials` blocks of open pieces,
//! `blame` who sent what was wrong, `disk` whether writing works, `extended` and `pex` what is said through the extension protocol,
//! `upload` who may ask, `idlers` who does not use that, `queue` what for, `service` and `turns` who is sent blocks when,
//! `suggest` and `super_seed` what a first seeder sends to whom, `timers`, `view` what is shown of all this.
//!
//! The protocol is BEP 3's with the fast extension (BEP 6); the rules of choking and of choosing pieces are Cohen's (2003),
//! as Legout et al. (2006, 2007) describe the mainline client. What differs between the systems is in the
//! [`Config`], never in an `if` on the profile's name.

mod allowed_fast;
pub(crate) mod bans;
mod blame;
pub(crate) mod conns;
mod disk;
mod doubles;
mod download;
mod errands;
mod extended;
mod idlers;
pub(crate) mod known;
mod late;
pub(crate) mod lifecycle;
mod meeting;
mod messages;
pub(crate) mod pace;
mod paced;
mod partials;
mod peer;
mod pex;
mod pipeline;
mod queue;
mod rate;
mod room;
mod service;
mod suggest;
mod super_seed;
mod timers;
mod told;
mod turns;
mod upload;
mod view;

use std::collections::VecDeque;

use bytes::Bytes;

use crate::announce::{Announce, Totals};
use crate::bitfield::Bitfield;
use crate::boundary::{Command, Env, Input, Outbox, Output};
use crate::choker::{Candidate, Choker};
use crate::config::{Config, Inventory, Lists};
use crate::geometry::Geometry;
use crate::id::{BlockRef, ConnId, InfoHash, PeerId};
use crate::picker::Picker;
use crate::rng::{Purpose, Rng, Seed};
use crate::time::Instant;

use bans::HostBans;
use blame::Blame;
use conns::ConnTable;
use disk::DiskState;
use known::KnownPeers;
use pace::Pace;
use partials::Partials;
use peer::Peer;
use suggest::Suggestions;
use super_seed::SuperSeed;
use timers::{Timers, earlier};
use told::Told;

pub use view::{ConnectionView, Stats};

/// What a participant is, besides its choices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The swarm.
    pub info_hash: InfoHash,
    /// This participant. Random for each process: some clients refuse a second peer with the same id.
    pub peer_id: PeerId,
    /// Which of the torrent's random streams is this participant's: its number in a simulation, 0 in a node.
    pub stream: u32,
}

/// What a participant on a real network tells others of itself and of its torrent through the extension protocol.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Particulars {
    /// The `info` dictionary, for those who have a magnet link only (BEP 9). Empty: they do not get it here.
    pub info: Bytes,
    /// The torrent is private (BEP 27): its peers come from its trackers and from nowhere else, and are not exchanged.
    pub private: bool,
    /// The port on which this participant listens.
    pub port: Option<u16>,
    /// The client's name and version; empty: not said.
    pub client: String,
    /// Nothing is to be downloaded, whatever is missing (BEP 21): what is here is given, as it is.
    pub upload_only: bool,
}

/// One participant's side of one swarm: a state machine.
///
/// ```
/// use minibit_core::boundary::{Simulated, Command, Input, Outbox};
/// use minibit_core::profile::Profile;
/// use minibit_core::torrent::{Identity, Torrent};
/// use minibit_core::{Bitfield, Geometry, InfoHash, Instant, PeerId, Seed};
///
/// let geometry = Geometry::new(1 << 20, 1 << 18, 1 << 14)?;
/// let identity = Identity { info_hash: InfoHash([1; 20]), peer_id: PeerId([2; 20]), stream: 0 };
/// let have = Bitfield::none(geometry.piece_count());
/// let config = Profile::Bittorrent.config();
/// let mut torrent = Torrent::<Simulated>::new(config, geometry, identity, have, Instant::ZERO, Seed::from_number(1));
/// let mut outbox = Outbox::new();
/// torrent.handle_input(Instant::ZERO, Input::Command(Command::Start), &mut outbox);
/// while let Some(output) = outbox.pop() {
///     println!("{output:?}"); // act on it
/// }
/// let wake_at = torrent.poll_timeout(); // then wait until this, or for the next input
/// # assert!(wake_at.is_some());
/// # Ok::<(), minibit_core::geometry::GeometryError>(())
/// ```
#[derive(Debug)]
pub struct Torrent<E: Env> {
    config: Config,
    geometry: Geometry,
    identity: Identity,
    particulars: Particulars,
    have: Bitfield,
    /// Bytes of the pieces that we lack.
    left: u64,
    conns: ConnTable<Peer<E>>,
    known: KnownPeers<E::Addr>,
    told: Told<E::Addr>,
    half_open: u32,
    dialling: Pace,
    bans: HostBans,
    picker: Picker,
    partials: Partials,
    blame: Blame,
    choker: Choker,
    super_seed: Option<SuperSeed>,
    suggestions: Option<Suggestions>,
    announce: Option<Announce>,
    rng: Rng,
    timers: Timers,
    running: bool,
    /// A paced participant's last question to everyone.
    blind_question: Option<BlockRef>,
    disk: DiskState,
    /// Connections with requests, waiting for one of the parallel uploads.
    upload_ring: VecDeque<ConnId>,
    /// Connections that are being served now.
    serving: u32,
    /// Does the next slot go to who has asked last, and not to who has waited longest?
    newest_next: bool,
    stats: Stats,
    candidates: Vec<Candidate>,
    chosen: Vec<ConnId>,
}

impl<E: Env> Torrent<E> {
    /// A participant that has the pieces in `have` and has not begun: see [`Command::Start`].
    ///
    /// # Panics
    /// When `have` is of another torrent.
    pub fn new(
        config: Config,
        geometry: Geometry,
        identity: Identity,
        have: Bitfield,
        now: Instant,
        seed: Seed,
    ) -> Self {
        assert_eq!(have.len(), geometry.piece_count(), "the bitfield is of this torrent");
        let mut rng = seed.stream(Purpose::Torrent, identity.stream);
        let suggests = config.suggest && config.fast_extension && !config.super_seeding && have.is_full();
        let left = have.missing().map(|piece| u64::from(geometry.piece_len(piece))).sum();
        Self {
            config,
            geometry,
            left,
            conns: ConnTable::new(),
            known: KnownPeers::new(config.limits.known_peers),
            told: Told::new(),
            half_open: 0,
            dialling: Pace::new(config.limits.dials_per_second),
            bans: HostBans::default(),
            picker: Picker::new(config.pieces, &have),
            partials: Partials::default(),
            blame: Blame::default(),
            choker: Choker::new(config.choking, now),
            super_seed: (config.super_seeding && have.is_full())
                .then(|| SuperSeed::new(geometry.piece_count())),
            suggestions: suggests.then(|| Suggestions::new(&geometry, &mut rng)),
            announce: config.announcing.map(Announce::new),
            rng,
            timers: Timers::default(),
            running: false,
            blind_question: None,
            disk: DiskState::default(),
            upload_ring: VecDeque::new(),
            serving: 0,
            newest_next: false,
            stats: Stats::default(),
            candidates: Vec::new(),
            chosen: Vec::new(),
            identity,
            particulars: Particulars::default(),
            have,
        }
    }

    /// The same participant with something to say of itself, where [`Config::extensions`] is on. Before the start.
    pub fn with_particulars(mut self, particulars: Particulars) -> Self {
        self.particulars = particulars;
        self
    }

    /// Takes one input and puts what is to be done into `out`, in the order in which it is to be done.
    ///
    /// # Panics
    /// When `out` is not empty: the driver has forgotten to act on something.
    pub fn handle_input(&mut self, now: Instant, input: Input<E>, out: &mut Outbox<E>) {
        assert!(out.is_empty(), "every output is acted on before the next input");
        match input {
            Input::Timeout => self.on_timers(now, out),
            Input::Incoming { ticket, addr } => self.on_incoming(now, ticket, addr, out),
            Input::Connected { conn } => self.on_connected(now, conn, out),
            Input::Disconnected { conn } => self.on_disconnected(now, conn, out),
            Input::Message { from, message } => self.on_message(now, from, message, out),
            Input::Sent { to, bytes } => self.on_sent(now, to, bytes, out),
            Input::Disk(done) => self.on_disk(now, done, out),
            Input::Announced(result) => {
                let list = self.announce.as_ref().is_some_and(Announce::is_asking);
                if let Some(announce) = &mut self.announce {
                    announce.answered(now, &result, &mut self.rng);
                }
                if let Ok(mut response) = *result {
                    let peers = core::mem::take(&mut response.peers);
                    if list {
                        self.hear_list(now, &peers, response.inventories, out);
                    }
                    self.learn(now, &peers, out);
                }
                self.poll_announce(now, out);
            }
            Input::Command(Command::Start) => self.start(now, out),
            // Where the tracker alone tells who has what, nothing is known of them that they could be asked for.
            Input::Command(Command::AddPeers(_)) if self.config.told_by_tracker_alone() => {}
            Input::Command(Command::AddPeers(addrs)) => self.learn(now, &addrs, out),
            Input::Command(Command::AddSources(addrs)) => {
                self.hear_of_sources(now, &addrs, out);
                self.learn(now, &addrs, out);
            }
            Input::Command(Command::Stop) => self.stop(now, out),
        }
    }

    /// When [`Input::Timeout`] is due, if nothing else comes before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let announce = self.announce.as_ref().and_then(Announce::poll_timeout);
        let rounds = if self.running { self.choker.next_round() } else { None };
        earlier(earlier(announce, rounds), self.timers.next())
    }

    fn start(&mut self, now: Instant, out: &mut Outbox<E>) {
        if self.running {
            return;
        }
        self.running = true;
        self.choker = Choker::new(self.config.choking, now);
        self.timers.start(now);
        if let Inventory::Broadcast { interval, .. } = self.config.inventory {
            self.timers.broadcast = Some(now + interval);
        }
        if let Some(announce) = &mut self.announce {
            announce.start(now);
            if self.particulars.upload_only && !self.have.is_full() {
                announce.pause(now);
            }
        }
        self.poll_announce(now, out);
        self.dial(now, out);
    }

    fn stop(&mut self, now: Instant, out: &mut Outbox<E>) {
        if !self.running {
            return;
        }
        self.running = false;
        self.timers.stop();
        if let Some(announce) = &mut self.announce {
            announce.stop(now);
        }
        self.poll_announce(now, out);
        self.close_all(now, out);
    }

    fn poll_announce(&mut self, now: Instant, out: &mut Outbox<E>) {
        let totals =
            Totals { uploaded: self.stats.uploaded, downloaded: self.stats.downloaded, left: self.left };
        while let Some(mut request) = self.announce.as_mut().and_then(|announce| announce.poll(now, totals)) {
            let told = match request.lists {
                Lists::Addresses => false,
                Lists::Inventories => true,
                Lists::Holders => self.have.is_full(),
            };
            request.have = told.then(|| Box::new(self.have.clone()));
            out.push(Output::Announce(Box::new(request)));
        }
    }
}

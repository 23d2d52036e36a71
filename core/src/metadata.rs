//! From an info-hash to the metadata (BEP 9): what comes before a [`Torrent`](crate::torrent::Torrent) when there is a magnet
//! link and no torrent file.
//!
//! [`MetadataFetch`] stands at the same [`boundary`](crate::boundary) and is driven in the same way. It announces itself,
//! dials peers, and asks those that have the metadata for pieces of it, several at a time. When all is here and the SHA-1 is
//! the info-hash, it closes its connections and says [`Event::Metadata`]; the driver makes a `Torrent` of it and hands on
//! [`MetadataFetch::peers`].
//!
//! Peers lie about metadata as they do about pieces. When what several have sent together is wrong, each is tried alone, and who
//! alone sends what is wrong is banned: nobody else. Sizes that differ are different attempts.

mod assembly;
mod exchange;
mod source;

use bytes::Bytes;

use crate::announce::{Announce, Totals};
use crate::boundary::{Address as _, Command, DisconnectReason, Env, Event, Input, Outbox, Output};
use crate::config::Config;
use crate::extension::METADATA_PIECE_LEN;
use crate::id::ConnId;
use crate::message::{Handshake, Message};
use crate::rng::{Purpose, Rng, Seed};
use crate::time::{Instant, NANOS_PER_SEC, nanos};
use crate::torrent::conns::ConnTable;
use crate::torrent::known::KnownPeers;
use crate::torrent::lifecycle::newer_stays;
use crate::torrent::pace::Pace;
use crate::torrent::{Identity, Particulars};

use assembly::Assembly;
use source::{Source, Stage};

/// Connections are looked over so often.
const SWEEP: u64 = NANOS_PER_SEC;
/// A peer that offers no metadata for so long makes room for another.
const PATIENCE: u64 = 30 * NANOS_PER_SEC;
/// Of a torrent without metadata nobody knows how much is left: not nothing, or a tracker would take us for a seeder.
const LEFT: u64 = METADATA_PIECE_LEN as u64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    New,
    Running,
    /// Complete, or stopped.
    Over,
}

/// The search for the metadata of one torrent: a state machine.
///
/// ```
/// use minibit_core::boundary::{Command, Input, Net, Outbox};
/// use minibit_core::metadata::MetadataFetch;
/// use minibit_core::torrent::{Identity, Particulars};
/// use minibit_core::{InfoHash, Instant, PeerId, Profile, Seed};
///
/// let identity = Identity { info_hash: InfoHash([1; 20]), peer_id: PeerId([2; 20]), stream: 0 };
/// let config = Profile::Bittorrent.config().for_lan();
/// let mut fetch = MetadataFetch::<Net>::new(config, identity, Particulars::default(), Seed::from_number(1));
/// let mut outbox = Outbox::new();
/// fetch.handle_input(Instant::ZERO, Input::Command(Command::Start), &mut outbox);
/// while let Some(output) = outbox.pop() {
///     println!("{output:?}"); // act on it, as for a Torrent
/// }
/// assert!(fetch.poll_timeout().is_some());
/// ```
#[derive(Debug)]
pub struct MetadataFetch<E: Env> {
    config: Config,
    identity: Identity,
    particulars: Particulars,
    state: State,
    conns: ConnTable<Source<E::Addr>>,
    known: KnownPeers<E::Addr>,
    dialling: Pace,
    announce: Option<Announce>,
    rng: Rng,
    assembly: Option<Assembly>,
    /// What several have sent together was wrong: from here on each is tried alone.
    distrust: bool,
    sweep_at: Option<Instant>,
    dial_at: Option<Instant>,
}

impl<E: Env> MetadataFetch<E> {
    /// A search that has not begun: see [`Command::Start`]. Of the configuration limits, time-outs and announcing count; of the
    /// particulars the port and the client's name.
    pub fn new(config: Config, identity: Identity, particulars: Particulars, seed: Seed) -> Self {
        Self {
            config,
            state: State::New,
            conns: ConnTable::new(),
            known: KnownPeers::new(config.limits.known_peers),
            dialling: Pace::new(config.limits.dials_per_second),
            announce: config.announcing.map(Announce::new),
            rng: seed.stream(Purpose::Metadata, identity.stream),
            assembly: None,
            distrust: false,
            sweep_at: None,
            dial_at: None,
            identity,
            particulars,
        }
    }

    /// Takes one input and puts what is to be done into `out`, as [`Torrent::handle_input`](crate::torrent::Torrent::handle_input)
    /// does.
    ///
    /// # Panics
    /// When `out` is not empty: the driver has forgotten to act on something.
    pub fn handle_input(&mut self, now: Instant, input: Input<E>, out: &mut Outbox<E>) {
        assert!(out.is_empty(), "every output is acted on before the next input");
        match input {
            Input::Timeout => self.on_timers(now, out),
            Input::Incoming { ticket, addr } => self.on_incoming(now, ticket, addr, out),
            Input::Connected { conn } => self.on_connected(now, conn, out),
            Input::Disconnected { conn } => self.close(now, conn, None, out),
            Input::Message { from, message } => self.on_message(now, from, message, out),
            Input::Sent { .. } | Input::Disk(_) => {}
            Input::Announced(result) => {
                if let Some(announce) = &mut self.announce {
                    announce.answered(now, &result, &mut self.rng);
                }
                if let Ok(response) = *result {
                    self.learn(now, &response.peers, out);
                }
                self.poll_announce(now, out);
            }
            Input::Command(Command::Start) => {
                if self.state == State::New {
                    self.state = State::Running;
                    self.sweep_at = Some(now.after_nanos(SWEEP));
                    if let Some(announce) = &mut self.announce {
                        announce.start(now);
                    }
                    self.poll_announce(now, out);
                    self.dial(now, out);
                }
            }
            Input::Command(Command::AddPeers(addrs) | Command::AddSources(addrs)) => {
                self.learn(now, &addrs, out);
            }
            Input::Command(Command::Stop) => {
                if let Some(announce) = &mut self.announce {
                    announce.stop(now);
                }
                self.poll_announce(now, out);
                self.end(now, out);
            }
        }
    }

    /// When [`Input::Timeout`] is due, if nothing else comes before.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let announce = self.announce.as_ref().and_then(Announce::poll_timeout);
        [announce, self.sweep_at, self.dial_at].into_iter().flatten().min()
    }

    /// Is the search over, with the metadata or without?
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Connections, half-open ones included.
    pub const fn connection_count(&self) -> u32 {
        self.conns.len()
    }

    /// The addresses that were heard of and are not banned: for the `Torrent` that follows.
    pub fn peers(&self) -> Vec<E::Addr> {
        self.known.dialable().collect()
    }

    /// Ends the search: no more timers, no more connections. Who asked to stop has told the tracker; who has found what was
    /// sought goes on in the swarm as the same peer.
    fn end(&mut self, now: Instant, out: &mut Outbox<E>) {
        self.state = State::Over;
        self.sweep_at = None;
        self.dial_at = None;
        self.announce = None;
        for slot in 0..self.conns.slot_count() {
            if let Some((conn, _)) = self.conns.at(slot) {
                self.close(now, conn, Some(DisconnectReason::Stopped), out);
            }
        }
    }

    fn poll_announce(&mut self, now: Instant, out: &mut Outbox<E>) {
        let totals = Totals { left: LEFT, ..Totals::default() };
        while let Some(request) = self.announce.as_mut().and_then(|announce| announce.poll(now, totals)) {
            out.push(Output::Announce(Box::new(request)));
        }
    }

    fn learn(&mut self, now: Instant, addrs: &[E::Addr], out: &mut Outbox<E>) {
        for &addr in addrs {
            if addr.is_dialable() {
                self.known.learn(addr);
            }
        }
        self.dial(now, out);
    }

    fn dial(&mut self, now: Instant, out: &mut Outbox<E>) {
        while self.state == State::Running && self.wants_more() {
            if self.dialling.next() > now {
                self.dial_at = Some(self.dialling.next());
                break;
            }
            let Some((key, addr)) = self.known.dial(now, &mut self.rng) else { break };
            self.dialling.take(now);
            let conn = self.conns.insert(Source::new(addr, key, true, now));
            out.push(Output::Connect { conn, addr });
        }
        if let Some(announcing) = &self.config.announcing
            && self.conns.len() < announcing.low_peers
            && let Some(announce) = &mut self.announce
        {
            announce.want_peers(now);
        }
    }

    fn on_incoming(&mut self, now: Instant, ticket: u32, addr: E::Addr, out: &mut Outbox<E>) {
        let room = self.state == State::Running && self.has_room();
        let Some(key) = (if room { self.known.incoming(addr) } else { None }) else {
            out.push(Output::Refuse { ticket });
            return;
        };
        let conn = self.conns.insert(Source::new(addr, key, false, now));
        out.push(Output::Accept { ticket, conn });
    }

    /// Half of the places at least are for those who come to us, and those that we look for ourselves have places of their own.
    fn has_room(&self) -> bool {
        let limits = self.config.limits;
        let came = self.conns.iter().filter(|(_, source)| !source.dialled).count();
        let places = limits.connections - limits.dial_target.min(limits.connections / 2);
        self.conns.len() < limits.connections && came < places as usize
    }

    /// Do we open more connections ourselves? Who comes to us does not count: a crowd would keep us from looking for others.
    fn wants_more(&self) -> bool {
        let limits = self.config.limits;
        let dialled = || self.conns.iter().filter(|(_, source)| source.dialled);
        self.conns.len() < limits.connections
            && dialled().count() < limits.dial_target as usize
            && dialled().filter(|(_, source)| source.stage != Stage::Open).count() < limits.half_open as usize
    }

    fn on_connected(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) {
        let dialling = |source: &&mut Source<E::Addr>| source.stage == Stage::Dialling;
        let Some(source) = self.conns.get_mut(conn).filter(dialling) else { return };
        source.stage = Stage::Handshaking;
        source.since = now;
        self.send_handshake(conn, out);
    }

    fn send_handshake(&self, conn: ConnId, out: &mut Outbox<E>) {
        let handshake = Handshake {
            info_hash: self.identity.info_hash,
            peer_id: self.identity.peer_id,
            fast: self.config.fast_extension,
            extended: true,
        };
        out.send(conn, Message::Handshake(Box::new(handshake)));
    }

    fn on_handshake(&mut self, now: Instant, conn: ConnId, theirs: &Handshake, out: &mut Outbox<E>) {
        let Some(source) = self.conns.get_mut(conn) else { return };
        let (key, dialled) = (source.key, source.dialled);
        source.peer_id = Some(theirs.peer_id);
        source.fast = theirs.fast && self.config.fast_extension;
        let ours = self.identity.peer_id;
        let reason = if theirs.info_hash != self.identity.info_hash {
            Some(DisconnectReason::WrongInfoHash)
        } else if theirs.peer_id == ours {
            self.known.ban(key);
            Some(DisconnectReason::SelfConnection)
        } else if theirs.extended {
            None
        } else {
            Some(DisconnectReason::NoMetadata)
        };
        if reason.is_some() {
            self.close(now, conn, reason, out);
            return;
        }
        let double =
            self.conns.iter().find(|(other, old)| *other != conn && old.peer_id == Some(theirs.peer_id));
        if let Some((other, old)) = double {
            let newer = newer_stays(ours, theirs.peer_id, dialled, old.dialled);
            self.close(now, if newer { other } else { conn }, Some(DisconnectReason::Duplicate), out);
            if !newer {
                return;
            }
        }
        if !dialled {
            self.send_handshake(conn, out);
        }
        let Some(source) = self.conns.get_mut(conn) else { return };
        source.stage = Stage::Open;
        source.since = now;
        self.known.opened(key);
        self.say_extensions(conn, out);
    }

    /// Ends a connection: by us for a `reason`, or by the network.
    fn close(&mut self, now: Instant, conn: ConnId, reason: Option<DisconnectReason>, out: &mut Outbox<E>) {
        let Some(source) = self.conns.remove(conn) else { return };
        if let Some(reason) = reason {
            out.push(Output::Disconnect { conn, reason });
        }
        let open = source.stage == Stage::Open;
        let useless = !open || reason == Some(DisconnectReason::NoMetadata);
        let alone = source.stage == Stage::Dialling
            && !self.conns.iter().any(|(_, other)| other.stage == Stage::Open);
        self.known.closed(source.key, now, useless, self.config.timeouts.redial(alone));
        if self.state == State::Running {
            self.pursue(now, out);
            self.dial(now, out);
        }
    }

    fn on_timers(&mut self, now: Instant, out: &mut Outbox<E>) {
        self.poll_announce(now, out);
        if self.dial_at.take_if(|due| *due <= now).is_some() {
            self.dial(now, out);
        }
        if self.sweep_at.is_none_or(|due| due > now) {
            return;
        }
        self.sweep_at = Some(now.after_nanos(SWEEP));
        for slot in 0..self.conns.slot_count() {
            let Some((conn, source)) = self.conns.at(slot) else { continue };
            let age = now.nanos_since(source.since);
            if source.stage != Stage::Open && age >= nanos(self.config.timeouts.handshake) {
                self.close(now, conn, Some(DisconnectReason::HandshakeTimeout), out);
            } else if source.stage == Stage::Open && source.offers().is_none() && age >= PATIENCE {
                self.close(now, conn, Some(DisconnectReason::NoMetadata), out);
            } else if now.nanos_since(source.last_received) >= nanos(self.config.timeouts.idle) {
                self.close(now, conn, Some(DisconnectReason::Idle), out);
            } else {
                self.take_back_late(now, conn, out);
            }
        }
        self.pursue(now, out);
        self.dial(now, out);
    }

    /// The metadata is here.
    fn finish(&mut self, now: Instant, metadata: Bytes, out: &mut Outbox<E>) {
        self.end(now, out);
        out.event(Event::Metadata(Box::new(metadata)));
    }
}

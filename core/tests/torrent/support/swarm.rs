//! Several `Torrent`s on a wire: every message takes time and keeps its order, every disk is slow in its own way, and the clock
//! jumps from one thing that happens to the next.
//!
//! A run is a function of its seed. Between two inputs nothing happens, so after each of them the [`Witness`] of the member
//! can look at it at rest.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use core::time::Duration;

use minibit_core::announce::{AnnounceRequest, AnnounceResponse};
use minibit_core::boundary::DiskOp;
use minibit_core::config::Config;
use minibit_core::rng::Purpose;
use minibit_core::torrent::{Identity, Torrent};
use minibit_core::tracker::{Announcer, Tracker, TrackerConfig};
use minibit_core::{
    Bitfield, Command, ConnId, Event, Geometry, Input, Instant, Message, Outbox, Output, Rng, Seed,
};

use super::{Disk, Entry, Medium, SWARM, What, Witness, peer_id};

/// The surroundings: ranges in milliseconds, from which each delay is drawn.
#[derive(Clone, Debug)]
pub(crate) struct World {
    /// One way between two members.
    pub(crate) latency: (u64, u64),
    /// A disk operation.
    pub(crate) disk: (u64, u64),
    /// Bytes per second that a member sends; `None`: at once.
    pub(crate) uplink: Option<u64>,
}

impl Default for World {
    fn default() -> Self {
        Self { latency: (20, 20), disk: (1, 1), uplink: Some(1 << 20) }
    }
}

/// A participant and its disk.
pub(crate) struct Member<E: Medium> {
    /// `None`: gone.
    pub(crate) torrent: Option<Torrent<E>>,
    pub(crate) disk: Disk<E>,
    config: Config,
    witness: Witness,
    /// Its connections: which link, which end of it.
    ends: BTreeMap<ConnId, (usize, usize)>,
    uplink_free: Instant,
    stalled_until: Instant,
    /// Wrong blocks sent to each other member.
    pub(crate) lied_to: BTreeMap<usize, u32>,
}

/// A connection between two members, `ends[0]` has dialled.
struct Link<E: Medium> {
    ends: [LinkEnd<E>; 2],
}

struct LinkEnd<E: Medium> {
    member: usize,
    conn: Option<ConnId>,
    inlet: E::Inlet,
    /// Nothing arrives here before this: order is kept.
    last_arrival: Instant,
}

/// Something that is going to happen.
enum Happening<E: Medium> {
    Incoming { link: usize },
    Connected { link: usize },
    Parcel { link: usize, end: usize, parcel: E::Parcel },
    Gone { link: usize, end: usize },
    Sent { member: usize, to: ConnId, bytes: u32 },
    Disk { member: usize, op: DiskOp<E::Data> },
    Announce { member: usize, request: Box<AnnounceRequest> },
    Announced { member: usize, response: Box<AnnounceResponse<E::Addr>> },
}

/// Members, links, and what is under way.
pub(crate) struct Swarm<E: Medium> {
    pub(crate) now: Instant,
    pub(crate) members: Vec<Member<E>>,
    pub(crate) trace: Vec<Entry<E>>,
    /// Inputs handled so far.
    pub(crate) inputs: u64,
    geometry: Geometry,
    world: World,
    seed: Seed,
    pub(crate) rng: Rng,
    links: Vec<Link<E>>,
    agenda: BTreeMap<(Instant, u64), Happening<E>>,
    sequence: u64,
    outbox: Outbox<E>,
    /// Hears everything.
    pub(crate) tap: Option<Tap<E>>,
    /// Answers announces, a latency there and one back; `None`: nobody does.
    pub(crate) tracker: Option<Tracker<E::Addr>>,
}

/// Is told of each input of each member, of its outputs and of the next time-out.
pub(crate) type Tap<E> = Box<dyn FnMut(usize, Instant, &Input<E>, &[Output<E>], Option<Instant>)>;

impl<E: Medium> Swarm<E> {
    pub(crate) fn new(geometry: Geometry, world: World, seed: u64) -> Self {
        let seed = Seed::from_number(seed);
        Self {
            now: Instant::ZERO,
            members: Vec::new(),
            trace: Vec::new(),
            inputs: 0,
            geometry,
            world,
            seed,
            rng: seed.stream(Purpose::Test, 1),
            links: Vec::new(),
            agenda: BTreeMap::new(),
            sequence: 0,
            outbox: Outbox::new(),
            tap: None,
            tracker: None,
        }
    }

    /// From now on there is a tracker, which forgets who is silent for so long.
    pub(crate) fn open_tracker(&mut self, timeout: Duration) {
        let config = TrackerConfig { timeout, ..TrackerConfig::default() };
        self.tracker = Some(Tracker::new(config, self.seed));
    }

    /// A new member, which is started and knows nobody.
    pub(crate) fn join(&mut self, config: Config, have: &Bitfield) -> usize {
        let member = self.members.len();
        let stream = u32::try_from(member).expect("test swarms are small");
        let identity = Identity { info_hash: SWARM, peer_id: peer_id(member), stream };
        let torrent = Torrent::new(config, self.geometry, identity, have.clone(), self.now, self.seed);
        self.members.push(Member {
            witness: Witness::new(&torrent),
            torrent: Some(torrent),
            disk: Disk::new(self.geometry, have),
            config,
            ends: BTreeMap::new(),
            uplink_free: Instant::ZERO,
            stalled_until: Instant::ZERO,
            lied_to: BTreeMap::new(),
        });
        self.input(member, Input::Command(Command::Start));
        member
    }

    pub(crate) fn seed(&mut self, config: Config) -> usize {
        self.join(config, &Bitfield::all(self.geometry.piece_count()))
    }

    pub(crate) fn leecher(&mut self, config: Config) -> usize {
        self.join(config, &Bitfield::none(self.geometry.piece_count()))
    }

    /// Tells a member of others, whom it dials.
    pub(crate) fn introduce(&mut self, member: usize, to: &[usize]) {
        let addrs = to.iter().map(|&other| E::addr(other)).collect();
        self.input(member, Input::Command(Command::AddPeers(addrs)));
    }

    /// Every member hears of those who were there before it.
    pub(crate) fn mesh(&mut self) {
        for member in 1..self.members.len() {
            self.introduce(member, &(0..member).collect::<Vec<_>>());
        }
    }

    pub(crate) fn torrent(&self, member: usize) -> &Torrent<E> {
        self.members[member].torrent.as_ref().expect("the member is here")
    }

    /// The member says goodbye and is no more.
    pub(crate) fn leave(&mut self, member: usize) {
        self.input(member, Input::Command(Command::Stop));
        self.members[member].torrent = None;
    }

    /// The member is no more, without a word to the tracker; its connections break.
    pub(crate) fn crash(&mut self, member: usize) {
        self.members[member].torrent = None;
        let ends: Vec<(usize, usize)> = self.members[member].ends.values().copied().collect();
        self.members[member].ends.clear();
        for (link, end) in ends {
            self.links[link].ends[end].conn = None;
            self.plan_gone(link, 1 - end);
        }
    }

    /// The number of connections of a member; which ones: [`Torrent::connections`].
    pub(crate) fn conns(&self, member: usize) -> Vec<ConnId> {
        self.members[member].ends.keys().copied().collect()
    }

    /// The member sends nothing for a while: what it has to send waits.
    pub(crate) fn stall(&mut self, member: usize, time: Duration) {
        self.members[member].stalled_until = self.now + time;
    }

    /// A connection breaks: both ends hear of it at once.
    pub(crate) fn cut(&mut self, member: usize, conn: ConnId) {
        let Some(&(link, _)) = self.members[member].ends.get(&conn) else { return };
        for end in 0..2 {
            self.gone(link, end);
        }
    }

    /// Runs until nothing more happens before `end`.
    ///
    /// # Panics
    /// When more than `most` inputs are handled: something runs away.
    pub(crate) fn drive_bounded(&mut self, end: Instant, most: u64) {
        let start = self.inputs;
        while self.next_time().is_some_and(|at| at <= end) {
            self.step();
            assert!(self.inputs - start <= most, "more than {most} inputs before {end}, at {}", self.now);
        }
        self.now = end;
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        self.drive_bounded(self.now + time, 1_000_000);
    }

    /// Runs until every member that is here has everything.
    ///
    /// # Panics
    /// When that takes longer than `limit`.
    pub(crate) fn finish(&mut self, limit: Duration) {
        let end = self.now + limit;
        let start = self.inputs;
        while !self.is_complete() {
            let next = self.next_time().filter(|&at| at <= end && self.inputs - start < 1_000_000);
            assert!(
                next.is_some(),
                "not complete at {} after {} inputs:\n{}",
                self.now,
                self.inputs,
                self.state()
            );
            self.step();
        }
        for member in self.members.iter().filter(|member| member.torrent.is_some()) {
            assert!(
                self.geometry.pieces().all(|piece| member.disk.is_right(piece)),
                "I4: complete means right"
            );
        }
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.members.iter().filter_map(|member| member.torrent.as_ref()).all(Torrent::is_complete)
    }

    fn state(&self) -> String {
        let mut state = String::new();
        for (number, torrent) in
            self.members.iter().enumerate().filter_map(|(n, m)| Some((n, m.torrent.as_ref()?)))
        {
            let have: Vec<u32> = torrent.have().iter().map(minibit_core::PieceIndex::get).collect();
            writeln!(state, "{number} has {have:?}").expect("text");
            for view in torrent.connections() {
                writeln!(state, "    {view:?}").expect("text");
            }
        }
        state
    }

    fn next_time(&self) -> Option<Instant> {
        let agenda = self.agenda.first_key_value().map(|((at, _), _)| *at);
        let timers = self.members.iter().filter_map(|member| member.torrent.as_ref()?.poll_timeout());
        timers.chain(agenda).min().map(|at| at.max(self.now))
    }

    /// The next thing that happens.
    fn step(&mut self) {
        let Some(at) = self.next_time() else { return };
        self.now = at;
        if self.agenda.first_key_value().is_some_and(|((due, _), _)| *due <= at) {
            let (_, happening) = self.agenda.pop_first().expect("just seen");
            self.happen(happening);
            return;
        }
        for member in 0..self.members.len() {
            let due = self.members[member].torrent.as_ref().and_then(Torrent::poll_timeout);
            if due.is_some_and(|due| due <= at) {
                self.input(member, Input::Timeout);
                if let Some(torrent) = &self.members[member].torrent {
                    Witness::woke(at, torrent);
                }
                return;
            }
        }
    }

    fn happen(&mut self, happening: Happening<E>) {
        match happening {
            Happening::Incoming { link } => {
                let [from, to] = [0, 1].map(|end| self.links[link].ends[end].member);
                if self.members.get(to).is_some_and(|member| member.torrent.is_some()) {
                    let ticket = u32::try_from(link).expect("tests are short");
                    self.input(to, Input::Incoming { ticket, addr: E::addr(from) });
                } else {
                    self.plan_gone(link, 0);
                }
            }
            Happening::Connected { link } => {
                let LinkEnd { member, conn, .. } = self.links[link].ends[0];
                if let Some(conn) = conn {
                    self.input(member, Input::Connected { conn });
                }
            }
            Happening::Parcel { link, end, parcel } => {
                let target = &mut self.links[link].ends[end];
                for message in E::unpack(&mut target.inlet, parcel) {
                    let LinkEnd { member, conn, .. } = self.links[link].ends[end];
                    if let Some(from) = conn {
                        self.input(member, Input::Message { from, message });
                    }
                }
            }
            Happening::Gone { link, end } => self.gone(link, end),
            Happening::Sent { member, to, bytes } => self.input(member, Input::Sent { to, bytes }),
            Happening::Announce { member, request } => {
                let who = Announcer { addr: E::addr(member), id: peer_id(member) };
                let Some(tracker) = &mut self.tracker else { return };
                let response = tracker.announce(self.now, SWARM, who, &request).expect("there is room");
                let at = self.now + self.draw(self.world.latency);
                self.plan(at, Happening::Announced { member, response: Box::new(response) });
            }
            Happening::Announced { member, response } => {
                self.input(member, Input::Announced(Box::new(Ok(*response))));
            }
            Happening::Disk { member, op } => {
                let done = self.members[member].disk.act(op, &mut self.rng);
                self.input(member, Input::Disk(done));
            }
        }
    }

    /// The other side, or the network, has closed a connection.
    fn gone(&mut self, link: usize, end: usize) {
        let LinkEnd { member, ref mut conn, .. } = self.links[link].ends[end];
        if let Some(conn) = conn.take() {
            self.members[member].ends.remove(&conn);
            self.input(member, Input::Disconnected { conn });
        }
    }

    /// One input, all its outputs.
    pub(crate) fn input(&mut self, member: usize, input: Input<E>) {
        let Member { torrent: Some(torrent), witness, .. } = &mut self.members[member] else { return };
        self.inputs += 1;
        witness.hears(torrent, &input);
        let tapped = self.tap.is_some().then(|| input.clone());
        torrent.handle_input(self.now, input, &mut self.outbox);
        let mut outputs = Vec::new();
        while let Some(output) = self.outbox.pop() {
            outputs.push(output);
        }
        witness.sees(self.now, torrent, &outputs);
        if let (Some(tap), Some(input)) = (&mut self.tap, tapped) {
            tap(member, self.now, &input, &outputs, torrent.poll_timeout());
        }
        for output in outputs {
            self.act(member, output);
        }
    }

    fn act(&mut self, member: usize, output: Output<E>) {
        match output {
            Output::Connect { conn, addr } => {
                let to = E::member(addr);
                self.note(member, What::Dialled(to));
                let link = self.links.len();
                let end = |member: usize, conn| LinkEnd {
                    member,
                    conn,
                    inlet: E::inlet(&self.members[member].config, &self.geometry),
                    last_arrival: self.now,
                };
                self.links.push(Link { ends: [end(member, Some(conn)), end(to, None)] });
                self.members[member].ends.insert(conn, (link, 0));
                let at = self.arrival(link, 1, Duration::ZERO);
                self.plan(at, Happening::Incoming { link });
            }
            Output::Accept { ticket, conn } => {
                let link = ticket as usize;
                self.links[link].ends[1].conn = Some(conn);
                self.members[member].ends.insert(conn, (link, 1));
                let at = self.arrival(link, 0, Duration::ZERO);
                self.plan(at, Happening::Connected { link });
            }
            Output::Refuse { ticket } => self.plan_gone(ticket as usize, 0),
            Output::Send { to, message } => self.send(member, to, message),
            Output::Disk(op) => {
                self.note(member, What::Disk(op.clone()));
                let at = self.now + self.draw(self.world.disk);
                self.plan(at, Happening::Disk { member, op });
            }
            Output::Announce(request) => {
                if self.tracker.is_some() {
                    let at = self.now + self.draw(self.world.latency);
                    self.plan(at, Happening::Announce { member, request: request.clone() });
                }
                self.note(member, What::Announced(request));
            }
            Output::Disconnect { conn, reason } => {
                let (link, end) =
                    self.members[member].ends.remove(&conn).expect("only what is there is closed");
                let other = self.links[link].ends[1 - end].member;
                self.note(member, What::Closed(other, reason));
                self.links[link].ends[end].conn = None;
                self.plan_gone(link, 1 - end);
            }
            Output::Event(event) => {
                if let Event::Banned { addr } = &event {
                    let liar = &self.members[E::member(*addr)];
                    let lies = liar.lied_to.get(&member).copied().unwrap_or(0);
                    assert!(lies > 0, "I11: {member} bans {addr:?}, who has sent it nothing wrong");
                }
                if let Event::PieceCompleted { piece } = &event {
                    assert!(
                        self.members[member].disk.is_right(*piece),
                        "I1: {piece:?} of {member} is not right"
                    );
                }
                self.note(member, What::Event(event));
            }
        }
    }

    fn send(&mut self, member: usize, to: ConnId, message: Message<E::Data>) {
        let &(link, end) = self.members[member].ends.get(&to).expect("what is sent goes to a connection");
        let other = self.links[link].ends[1 - end].member;
        let bytes = message.payload_len();
        let mut delay = self.members[member].stalled_until.saturating_since(self.now);
        if let Message::Piece { index, begin, data } = &message {
            let span = minibit_core::BlockSpan { index: *index, begin: *begin, length: bytes };
            if *data != E::original(&self.geometry, span) {
                *self.members[member].lied_to.entry(other).or_default() += 1;
            }
            let sender = &mut self.members[member];
            let nanos = self.world.uplink.map_or(0, |rate| u64::from(bytes) * 1_000_000_000 / rate);
            sender.uplink_free =
                sender.uplink_free.max(self.now).max(sender.stalled_until).after_nanos(nanos);
            delay = sender.uplink_free.saturating_since(self.now);
            let at = sender.uplink_free;
            self.plan(at, Happening::Sent { member, to, bytes });
        }
        if let Message::Extended(_) = message {
            self.plan(self.now, Happening::Sent { member, to, bytes: message.credited_len() });
        }
        let at = self.arrival(link, 1 - end, delay);
        let config = self.members[member].config;
        E::sent(&mut self.links[link].ends[end].inlet, &message);
        for parcel in E::pack(&config, &self.geometry, &message, &mut self.rng) {
            self.plan(at, Happening::Parcel { link, end: 1 - end, parcel });
        }
        self.note(member, What::Sent(other, message));
    }

    /// When what leaves after `delay` gets to an end: after the latency, and not before what left earlier.
    fn arrival(&mut self, link: usize, end: usize, delay: Duration) -> Instant {
        let at = self.now + delay + self.draw(self.world.latency);
        let last = &mut self.links[link].ends[end].last_arrival;
        *last = at.max(*last);
        *last
    }

    fn plan_gone(&mut self, link: usize, end: usize) {
        let at = self.arrival(link, end, Duration::ZERO);
        self.plan(at, Happening::Gone { link, end });
    }

    fn plan(&mut self, at: Instant, happening: Happening<E>) {
        self.sequence += 1;
        self.agenda.insert((at, self.sequence), happening);
    }

    fn draw(&mut self, (least, most): (u64, u64)) -> Duration {
        Duration::from_millis(self.rng.between(least, most))
    }

    fn note(&mut self, member: usize, what: What<E>) {
        self.trace.push(Entry { at: self.now, member, what });
    }

    /// Entries of the trace that fit.
    pub(crate) fn count(&self, fits: impl Fn(&Entry<E>) -> bool) -> usize {
        self.trace.iter().filter(|entry| fits(entry)).count()
    }

    /// The trace as lines, disk operations left out.
    pub(crate) fn lines(&self, names: &[&str]) -> String {
        self.trace.iter().filter_map(|entry| entry.line(names)).collect::<Vec<_>>().join("\n")
    }
}

//! The simulated world: participants, a tracker and the network between them, in virtual time.
//!
//! Single-threaded: a run is a function of its scenario and its seed. Events are taken from one queue in the order of
//! (time, sequence number); each is handed to the network or to a participant's `Torrent`, whose outputs become messages in the
//! network and new events. The parts: `participant` one peer's record, `connect` set-up and end of connections, `contacts` random
//! calls, `act` what becomes of outputs, `tracker` the tracker's host, `coming` joining and leaving, `watch` the stop rules, `sample` the timeline,
//! `copies` how pieces spread, `trace` the log of events.
//!
//! What is assumed: disks do any number of things at a time, each in the same time, which is none unless the scenario says so; connection set-up costs one round trip and two
//! 40-byte segments; a closed connection drops what was still on its way, unless the end that closes it is done, and the other end hears of it one delay later;
//! announces are single datagrams with BEP 15's sizes (or the JSON text's), without its exchange of connection ids.

mod act;
mod coming;
mod connect;
mod contacts;
mod copies;
mod participant;
mod sample;
mod trace;
mod tracker;
mod watch;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};

use minibit_core::announce::{AnnounceRequest, AnnounceResponse};
use minibit_core::boundary::{SimAddr, Simulated};
use minibit_core::payload::Virtual;
use minibit_core::rng::Purpose;
use minibit_core::{Geometry, InfoHash, Input, Instant, Message, Outbox, Seed};

use crate::digest::Digest;
use crate::network::{Delivery, NetEvent, Network};
use crate::population::population;
use crate::queue::EventQueue;
use crate::results::{Ending, RunResult};
use crate::scenario::Scenario;

use connect::End;
use contacts::Contacts;
use participant::Participant;
use sample::Timeline;
pub use trace::Trace;
use tracker::TrackerHost;
use watch::Watch;

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Event {
    /// Inside the network.
    Net(NetEvent),
    /// A participant's timer.
    Wake(u32),
    /// A participant joins.
    Join(u32),
    /// A participant's disk has done the first of what it was asked for.
    Disk(u32),
    /// A participant leaves, as planned.
    Leave(u32, coming::Farewell),
    /// A participant hears that a connection is gone, or could not be opened.
    Gone(connect::Gone),
    /// A participant calls another one, drawn at random.
    Contact(u32),
    /// The tracker's timer.
    TrackerSweep,
    /// A row of the timeline is due.
    Sample,
}

/// What travels through the network.
#[derive(Clone, Debug)]
enum Packet {
    /// Opens a connection.
    Syn,
    /// Accepts it.
    SynAck,
    /// Closes it, after what was sent before.
    Fin,
    /// A message of the peer protocol.
    Message(Message<Virtual>),
    /// A peer asks the tracker.
    Announce(Box<AnnounceRequest>),
    /// The tracker answers.
    Response(Box<AnnounceResponse<SimAddr>>),
}

/// What a run is told from outside, and tells to the outside.
#[derive(Default)]
pub struct Controls<'a> {
    /// Set by Ctrl+C: the run ends at the next occasion.
    pub interrupted: Option<&'a AtomicBool>,
    /// Gets a line for each event.
    pub trace: Option<Trace<'a>>,
    /// Hears now and then how far the run is.
    pub progress: Option<&'a (dyn Fn(Progress) + Sync)>,
}

impl core::fmt::Debug for Controls<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Controls").field("interrupted", &self.interrupted).finish_non_exhaustive()
    }
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Virtual time.
    pub time: Instant,
    /// Pieces that all participants have, in the whole.
    pub pieces: u64,
    /// Pieces that they would have if all were complete and present.
    pub of: u64,
}

/// Events between two looks at the controls.
const CONTROL_INTERVAL: u64 = 1 << 14;

/// Two runs of the same scenario and seed were not the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("two runs with the same seed part at event {event}, at {time}: {first} and {second}")]
pub struct Divergence {
    /// Number of the first event after which they differ, from 1.
    pub event: u64,
    /// Virtual time of it.
    pub time: Instant,
    /// What happened in the first run.
    pub first: String,
    /// What happened in the second one.
    pub second: String,
}

/// One run.
#[derive(Debug)]
struct World<'a> {
    scenario: &'a Scenario,
    geometry: Geometry,
    info_hash: InfoHash,
    seed: Seed,
    now: Instant,
    events: u64,
    last: Option<Event>,
    digest: Digest,
    queue: EventQueue<Event>,
    network: Network<Packet>,
    ends: Vec<End>,
    participants: Vec<Participant>,
    /// Who has crashed: asked for each message, so kept close together.
    crashed: Vec<bool>,
    tracker: Option<TrackerHost>,
    watch: Watch,
    contacts: Contacts,
    timeline: Timeline,
    outbox: Outbox<Simulated>,
    deliveries: Vec<Delivery<Packet>>,
    /// Completions of a disk that takes no time.
    done: VecDeque<Input<Simulated>>,
    trace: Option<Trace<'a>>,
}

/// Simulates one run of a scenario.
///
/// # Panics
/// When the scenario was not checked.
pub fn simulate<'a>(scenario: &'a Scenario, run: u32, mut controls: Controls<'a>) -> RunResult {
    let number = run_seed(scenario, run);
    let mut world = World::new(scenario, Seed::from_number(number), controls.trace.take());
    let ending = loop {
        if let Some(ending) = world.step().or_else(|| world.look_at(&controls)) {
            break ending;
        }
    };
    world.finish(run, number, ending)
}

/// Simulates one run twice, side by side, and compares the digests after each event.
///
/// # Errors
/// The first difference, when there is one.
///
/// # Panics
/// When the scenario was not checked.
pub fn simulate_twice<'a>(
    scenario: &'a Scenario,
    run: u32,
    controls: &Controls<'a>,
) -> Result<RunResult, Box<Divergence>> {
    let number = run_seed(scenario, run);
    let seed = Seed::from_number(number);
    let (mut first, mut second) = (World::new(scenario, seed, None), World::new(scenario, seed, None));
    loop {
        let (ending, other) = (first.step(), second.step());
        if first.digest != second.digest || first.now != second.now || ending != other {
            return Err(Box::new(Divergence {
                event: first.events,
                time: first.now,
                first: format!("{:?}", first.last),
                second: format!("{:?}", second.last),
            }));
        }
        if let Some(ending) = ending.or_else(|| first.look_at(controls)) {
            return Ok(first.finish(run, number, ending));
        }
    }
}

/// The seed of a numbered run.
const fn run_seed(scenario: &Scenario, run: u32) -> u64 {
    scenario.seed.wrapping_add(run as u64)
}

impl<'a> World<'a> {
    fn new(scenario: &'a Scenario, seed: Seed, trace: Option<Trace<'a>>) -> Self {
        let content = scenario.content;
        let geometry =
            Geometry::new(content.len, content.piece_len, content.block_len).expect("a checked scenario");
        let mut hash = [0; 20];
        let mut identity = seed.stream(Purpose::Identity, 0);
        for chunk in hash.chunks_mut(4) {
            chunk.copy_from_slice(&identity.next_u64().to_be_bytes()[..4]);
        }
        let plans = population(scenario, &geometry, &seed);
        let mut network = Network::new(&seed, scenario.network.window, scenario.network.overhead_ppm);
        let tracker = scenario.tracker.as_ref().map(|tracker| TrackerHost::new(tracker, &mut network, seed));
        let participants: Vec<Participant> = plans
            .into_iter()
            .map(|plan| {
                let host = match (&plan.group, &tracker) {
                    (None, Some(tracker)) => tracker.host,
                    _ => network.add_host(plan.link),
                };
                Participant::new(plan, host)
            })
            .collect();
        let mut world = Self {
            scenario,
            geometry,
            info_hash: InfoHash(hash),
            seed,
            now: Instant::ZERO,
            events: 0,
            last: None,
            digest: Digest::new(),
            queue: EventQueue::new(),
            network,
            ends: Vec::new(),
            watch: Watch::new(scenario, &geometry, &participants, &seed),
            contacts: Contacts::default(),
            timeline: Timeline::new(scenario.groups.len()),
            crashed: vec![false; participants.len()],
            participants,
            tracker,
            outbox: Outbox::new(),
            deliveries: Vec::new(),
            done: VecDeque::new(),
            trace,
        };
        world.plan_joins();
        world.queue.push(Instant::ZERO, Event::Sample);
        world
    }

    /// Takes the next event; how the run ended, when it has.
    fn step(&mut self) -> Option<Ending> {
        if let Some(ending) = self.watch.ending.take() {
            return Some(ending);
        }
        let limit = Instant::ZERO + self.scenario.stop.time;
        let Some((time, event)) = self.queue.pop().filter(|(time, _)| *time <= limit) else {
            self.now = limit;
            return Some(if self.scenario.stop.when_complete { Ending::TimeLimit } else { Ending::Finished });
        };
        if self.events == self.scenario.stop.events {
            return Some(Ending::EventLimit);
        }
        self.now = time;
        self.events += 1;
        self.last = Some(event);
        self.digest.add(time, self.events);
        self.handle(event);
        None
    }

    /// Now and then: says how far the run is, and hears whether it is to end.
    fn look_at(&self, controls: &Controls<'_>) -> Option<Ending> {
        if !self.events.is_multiple_of(CONTROL_INTERVAL) {
            return None;
        }
        if let Some(progress) = controls.progress {
            let of = self.participants.len() as u64 * u64::from(self.geometry.piece_count());
            progress(Progress { time: self.now, pieces: self.watch.total_copies(), of });
        }
        let interrupted = controls.interrupted.is_some_and(|flag| flag.load(Ordering::Relaxed));
        interrupted.then_some(Ending::Interrupted)
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Net(event) => self.on_network(event),
            Event::Wake(peer) => self.on_wake(peer),
            Event::Join(peer) => self.join(peer),
            Event::Disk(peer) => self.on_disk(peer),
            Event::Leave(peer, farewell) => self.leave(peer, farewell),
            Event::Gone(gone) => self.on_gone(gone),
            Event::Contact(peer) => self.on_contact(peer),
            Event::TrackerSweep => self.on_tracker_sweep(),
            Event::Sample => self.on_sample(),
        }
    }

    fn on_network(&mut self, event: NetEvent) {
        let mut deliveries = core::mem::take(&mut self.deliveries);
        let queue = &mut self.queue;
        let mut schedule = |at, event| queue.push(at, Event::Net(event));
        self.network.handle(self.now, event, &mut schedule, &mut deliveries);
        for delivery in deliveries.drain(..) {
            match delivery {
                Delivery::Sent { flow, message_bytes: _, tag } => self.on_sent(flow, tag),
                Delivery::Delivered { flow, message, bytes } => self.on_delivered(flow, message, bytes),
            }
        }
        self.deliveries = deliveries;
    }

    fn finish(mut self, run: u32, seed: u64, ending: Ending) -> RunResult {
        self.sample();
        if let Some(trace) = &mut self.trace {
            trace.flush();
        }
        let peers = (0..self.participants.len()).map(|peer| self.result_of(peer)).collect();
        RunResult {
            run,
            seed,
            ending,
            end: self.now,
            events: self.events,
            digest: self.digest.get(),
            peers,
            timeline: self.timeline.samples,
            progress: self.timeline.progress,
            copies: self.timeline.copies.taken(),
            between_groups: self.timeline.between_groups,
        }
    }
}

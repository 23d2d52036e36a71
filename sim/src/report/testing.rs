//! Invented swarms for the tests: plausible shapes without a simulation, from a generator of a few lines.

use std::collections::BTreeMap;
use std::time::Duration;

use minibit_core::Instant;
use minibit_core::config::{
    ChokeAlgorithm, Choking, Config, Connections, Encoding, Inventory, Limits, PieceSelection, Requests,
    Timeouts,
};

use super::{ReportError, ReportInput};
use crate::results::{
    ANNOUNCE, ANNOUNCE_RESPONSE, Copies, Ending, KINDS, MissingPiece, Outcome, PeerResult, RunResult, Sample,
    Stuck, Tally,
};
use crate::scenario::Verdict;
use crate::scenario::{
    Arrivals, Content, Departures, Group, InitialPieces, Latency, Link, LinkDist, MessageCount, Network,
    Scenario, Stop, Tracker,
};
use crate::statistics::float;

/// What a report is made of.
pub(crate) struct Case {
    pub(crate) scenario: Scenario,
    pub(crate) runs: Vec<RunResult>,
    pub(crate) verdicts: Vec<Verdict>,
    pub(crate) resolved: serde_json::Value,
}

/// The text of a file.
pub(crate) fn text(file: Result<Vec<u8>, ReportError>) -> String {
    String::from_utf8(file.unwrap()).unwrap()
}

/// xorshift64*: enough luck for pictures.
struct Luck(u64);

impl Luck {
    fn next(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        float(self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) / float(1 << 53)
    }
}

impl Case {
    pub(crate) fn input(&self) -> ReportInput<'_> {
        ReportInput {
            scenario: &self.scenario,
            runs: &self.runs,
            verdicts: &self.verdicts,
            resolved: &self.resolved,
            command: "sim run scenarios/example.json --runs 1",
        }
    }

    /// One seed and two leechers, 4 pieces, 10 s: everything can be computed by hand.
    pub(crate) fn tiny() -> Self {
        let mut scenario = scenario("tiny", 4 * 16_384, &[("seed", 1), ("leecher", 2)]);
        scenario.groups[0].pieces = InitialPieces::All;
        scenario.groups[1].arrivals = Arrivals::Together(Duration::from_secs(1));
        let peer = |name: &str, group, completed: Option<u64>| PeerResult {
            name: name.to_owned(),
            group: Some(group),
            initial_pieces: if group == 0 { 4 } else { 0 },
            joined: Some(Instant::from_secs(group as u64)),
            completed: completed.map(Instant::from_millis),
            left: None,
            outcome: if group == 0 { Outcome::Seed } else { Outcome::Completed },
            pieces: 4,
            messages_sent: 0,
            messages_received: 0,
            payload_up: 0,
            payload_down: 0,
            wire_up: 0,
            wire_down: 0,
            sent: [Tally::default(); KINDS],
            received: [Tally::default(); KINDS],
        };
        let mut peers = vec![
            peer("seed", 0, None),
            peer("leecher-1", 1, Some(11_000)),
            peer("leecher-2", 1, Some(9_500)),
        ];
        (peers[0].payload_up, peers[1].payload_down, peers[2].payload_down) = (81_920, 65_536, 65_536);
        (peers[1].payload_up, peers[2].payload_up) = (16_384, 32_768);
        for (peer, pieces) in peers.iter_mut().zip([5, 1, 2]) {
            peer.sent[9] = Tally { count: pieces, bytes: pieces * 16_397 };
            peer.messages_sent = pieces + 1;
            peer.sent[ANNOUNCE] = Tally { count: 1, bytes: 70 };
            peer.received[ANNOUNCE_RESPONSE] = Tally { count: 1, bytes: 42 };
            peer.messages_received = 1;
            peer.wire_up = peer.payload_up + 100;
            peer.wire_down = peer.payload_down + 50;
        }
        let sample = |secs, completed: u32, payload, from_seeds, total_copies| Sample {
            time: Instant::from_secs(secs),
            leechers: 2 - completed,
            seeds: 1 + completed,
            completed,
            payload,
            payload_from_seeds: from_seeds,
            messages: payload / 16_384,
            min_copies: 1 + completed,
            total_copies,
        };
        let run = RunResult {
            run: 0,
            seed: 7,
            ending: Ending::Finished,
            end: Instant::from_secs(11),
            events: 123,
            digest: 0xfeed,
            peers,
            timeline: vec![
                sample(0, 0, 0, 0, 4),
                sample(10, 1, 98_304, 65_536, 10),
                sample(11, 2, 131_072, 81_920, 12),
            ],
            progress: vec![vec![4, u32::MAX, u32::MAX], vec![4, 2, 4], vec![4, 4, 4]],
            between_groups: Vec::new(),
            copies: Copies {
                times: vec![Instant::ZERO, Instant::from_secs(10), Instant::from_secs(11)],
                present: vec![1, 3, 3],
                rarest: vec![vec![1, 1, 1, 1], vec![3, 3, 2, 2], vec![3, 3, 3, 3]],
            },
        };
        Self {
            scenario,
            runs: vec![run],
            verdicts: vec![Verdict {
                text: "download_time.max <= 10 s".to_owned(),
                measured: Some(10.0),
                passed: true,
            }],
            resolved: serde_json::json!({ "name": "tiny", "seed": 7 }),
        }
    }

    /// Peers of these groups download from a seeding tracker, with `samples` rows of timeline.
    pub(crate) fn swarm(groups: &[(&str, u32)], runs: u32, samples: u32) -> Self {
        let mut scenario = scenario("swarm", 64 << 20, groups);
        let link = Link::Duplex { up: Some(40_000_000), down: Some(100_000_000) };
        scenario.groups.iter_mut().for_each(|group| group.link = LinkDist::Fixed(link));
        scenario.tracker = Some(Tracker {
            link,
            place: 0,
            interval: Duration::from_mins(1),
            timeout: Duration::from_mins(3),
            max_peers: 50,
            seed: Some(config()),
        });
        let runs: Vec<_> = (0..runs).map(|run| invent(&scenario, run, samples)).collect();
        let verdicts = vec![
            Verdict { text: "median download_time <= 60 s".to_owned(), measured: Some(48.2), passed: true },
            Verdict { text: "max messages_sent < 400".to_owned(), measured: Some(512.0), passed: false },
        ];
        let resolved = serde_json::json!({ "name": "swarm", "seed": 1 });
        Self { scenario, runs, verdicts, resolved }
    }

    /// Messages count until completion only, which was after two thirds of them.
    pub(crate) fn counted_until_complete(mut self) -> Self {
        for peer in self.runs.iter_mut().flat_map(|run| &mut run.peers) {
            peer.messages_sent = peer.messages_sent * 2 / 3;
        }
        self
    }

    /// The share `every` of the peers ends early: they crash and leave in turn.
    pub(crate) fn with_losses(mut self, every: usize) -> Self {
        for run in &mut self.runs {
            for number in (0..run.peers.len() - 1).filter(|number| number % every == every - 1) {
                let crashed = (number / every).is_multiple_of(2);
                let outcome = if crashed { Outcome::Crashed } else { Outcome::Aborted };
                let at = run.peers[number]
                    .completed
                    .map_or(run.end, |at| Instant::from_nanos(at.as_nanos() / 3 * 2));
                end_early(run, number, outcome, Some(at));
            }
        }
        self
    }

    /// Nobody gets the last piece: its only holder has left.
    pub(crate) fn stuck(mut self) -> Self {
        let all = super::piece_count(&self.scenario);
        for run in &mut self.runs {
            for number in 0..run.peers.len() - 1 {
                end_early(run, number, Outcome::Incomplete, None);
                run.peers[number].pieces = all - 1;
            }
            let tracker = run.peers.len() - 1;
            let at = Instant::from_nanos(run.end.as_nanos() / 2);
            run.peers[tracker].left = Some(at);
            for (sample, held) in run.timeline.iter().zip(&mut run.progress) {
                for pieces in &mut held[..tracker] {
                    *pieces = if *pieces == all { all - 1 } else { *pieces };
                }
                held[tracker] = if sample.time > at { u32::MAX } else { all };
            }
            run.ending = Ending::Stuck(Stuck {
                since: Instant::from_nanos(run.end.as_nanos() / 4 * 3),
                missing: vec![MissingPiece { piece: 17, last_holder: Some(("tracker".to_owned(), at)) }],
                incomplete: u32::try_from(tracker).unwrap(),
            });
        }
        self
    }
}

fn end_early(run: &mut RunResult, number: usize, outcome: Outcome, left: Option<Instant>) {
    let peer = &mut run.peers[number];
    peer.completed = None;
    peer.outcome = outcome;
    peer.left = left;
    peer.payload_up /= 3;
    for (sample, held) in run.timeline.iter().zip(&mut run.progress) {
        if left.is_some_and(|left| sample.time > left) {
            held[number] = u32::MAX;
        } else if held[number] != u32::MAX {
            peer.pieces = held[number];
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small invented numbers")]
fn invent(scenario: &Scenario, run: u32, samples: u32) -> RunResult {
    let mut luck = Luck(0x9E37_79B9_7F4A_7C15 ^ u64::from(run + 1));
    let pieces = super::piece_count(scenario);
    let total: u32 = scenario.groups.iter().map(|group| group.count).sum();
    let mut peers = Vec::new();
    for (index, group) in scenario.groups.iter().enumerate() {
        for number in 1..=group.count {
            let joined = 0.5 * f64::from(number % 7) + 0.02 * f64::from(number);
            let pace = 30.0 + 18.0 * f64::from(index as u32);
            let time = pace * (0.8 + 0.3 * luck.next() + 0.2 * luck.next() * luck.next() * luck.next());
            let gave = 0.4 + 1.1 * luck.next();
            let mut sent = [Tally::default(); KINDS];
            let counts = [20, 3, 30, 31, 25, 22, u64::from(pieces) * 4, 20, u64::from(pieces) + 9];
            for (kind, count) in counts.into_iter().enumerate() {
                let count = (float(count) * (0.8 + 0.4 * luck.next())) as u64;
                sent[kind] = Tally { count, bytes: count * 17 };
            }
            let blocks = (f64::from(pieces) * gave) as u64;
            sent[9] = Tally { count: blocks, bytes: blocks * 262_157 };
            sent[ANNOUNCE] = Tally { count: 3, bytes: 300 };
            let count = sent.iter().map(|tally| tally.count).sum();
            peers.push(PeerResult {
                name: if group.count == 1 { group.name.clone() } else { format!("{}-{number}", group.name) },
                group: Some(index),
                initial_pieces: 0,
                joined: Some(Instant::from_nanos((joined * 1e9) as u64)),
                completed: Some(Instant::from_nanos(((joined + time) * 1e9) as u64)),
                left: None,
                outcome: Outcome::Completed,
                pieces,
                messages_sent: count,
                messages_received: count,
                payload_up: blocks * 262_144,
                payload_down: scenario.content.len,
                wire_up: blocks * 262_157,
                wire_down: scenario.content.len,
                sent,
                received: sent,
            });
        }
    }
    let mut tracker = peers[0].clone();
    tracker.name = "tracker".to_owned();
    (tracker.group, tracker.outcome, tracker.completed) = (None, Outcome::Seed, None);
    (tracker.initial_pieces, tracker.joined, tracker.payload_down) = (pieces, Some(Instant::ZERO), 0);
    peers.push(tracker);
    let end = peers.iter().filter_map(|peer| peer.completed).max().unwrap();
    let (mut timeline, mut progress) = (Vec::new(), Vec::new());
    let mut shown = Copies::default();
    for step in 0..=samples {
        let time = Instant::from_nanos(end.as_nanos() / u64::from(samples) * u64::from(step));
        let held: Vec<u32> = peers.iter().map(|peer| held(peer, time, pieces)).collect();
        let present = || held.iter().filter(|&&held| held != u32::MAX);
        let completed = held.iter().filter(|&&held| held == pieces).count() as u32 - 1;
        let copies: u64 = present().map(|&held| u64::from(held)).sum();
        timeline.push(Sample {
            time,
            leechers: present().count() as u32 - 1 - completed,
            seeds: 1 + completed,
            completed,
            payload: copies * 262_144,
            payload_from_seeds: (float(copies * 262_144) * (0.2 + 0.5 / (1.0 + f64::from(step)))) as u64,
            messages: copies * 6,
            min_copies: copies as u32 / pieces,
            total_copies: copies,
        });
        shown.times.push(time);
        shown.present.push(present().count() as u32);
        shown.rarest.push((0..pieces).map(|piece| copies as u32 / pieces + piece % 3).collect());
        progress.push(held);
    }
    RunResult {
        run,
        seed: 1 + u64::from(run),
        ending: Ending::Finished,
        end,
        events: u64::from(total) * 1000,
        digest: 0x0123_4567_89ab_cdef ^ u64::from(run),
        peers,
        timeline,
        progress,
        copies: shown,
        between_groups: Vec::new(),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small invented numbers")]
fn held(peer: &PeerResult, time: Instant, pieces: u32) -> u32 {
    let joined = peer.joined.unwrap();
    match peer.completed {
        _ if time < joined => u32::MAX,
        None => peer.initial_pieces,
        Some(completed) if time >= completed => pieces,
        Some(completed) => {
            let share = (time - joined).as_secs_f64() / (completed - joined).as_secs_f64();
            (f64::from(pieces) * share * share * (3.0 - 2.0 * share)) as u32
        }
    }
}

fn scenario(name: &str, len: u64, groups: &[(&str, u32)]) -> Scenario {
    let link = Link::Duplex { up: Some(5_000_000), down: Some(20_000_000) };
    let group = |&(name, count): &(&str, u32)| Group {
        name: name.to_owned(),
        count,
        link: LinkDist::Fixed(link),
        place: 0,
        pieces: InitialPieces::None,
        arrivals: Arrivals::Together(Duration::ZERO),
        departures: Departures::default(),
        contacts_per_second: 0.0,
        config: config(),
        profile: "bittorrent".to_owned(),
        message_count: MessageCount::WholeRun,
    };
    let piece_len = if len < 1 << 20 { 16_384 } else { 262_144 };
    Scenario {
        name: name.to_owned(),
        description: "A swarm that was invented.".to_owned(),
        notes: BTreeMap::new(),
        seed: 1,
        runs: 1,
        content: Content { len, piece_len, block_len: 16_384 },
        network: Network {
            latency: Latency::Constant(Duration::from_millis(10)),
            places: Vec::new(),
            window: None,
            overhead_ppm: 1_000_000,
        },
        tracker: None,
        groups: groups.iter().map(group).collect(),
        neighbours: None,
        stop: Stop {
            when_complete: true,
            time: Duration::from_hours(1),
            events: 1_000_000,
            stuck_after: Duration::from_mins(1),
        },
        disk: Duration::ZERO,
        timeline: Duration::from_secs(1),
        expect: Vec::new(),
    }
}

fn config() -> Config {
    let second = Duration::from_secs(1);
    Config {
        pieces: PieceSelection::RarestFirst,
        choking: Choking {
            algorithm: ChokeAlgorithm::TitForTat,
            slots: 4,
            optimistic_slots: 1,
            interval: second * 10,
            optimistic_interval: second * 30,
            snub_after: second * 60,
            immediate: false,
            parallel_uploads: None,
        },
        requests: Requests::Fixed(5),
        inventory: Inventory::Have,
        connections: Connections::Lasting,
        handshake: true,
        interest: true,
        fast_extension: false,
        allowed_fast: 0,
        extensions: false,
        pex: false,
        suggest: false,
        endgame: true,
        super_seeding: false,
        uploads: true,
        encoding: Encoding::Bep3,
        timeouts: Timeouts {
            handshake: second * 10,
            request: second * 30,
            keep_alive: second * 120,
            idle: second * 180,
            useless: None,
            unused_slot: None,
            silent: None,
            reconnect_alone: None,
            reconnect: second * 30,
        },
        limits: Limits {
            connections: 50,
            dial_target: 30,
            half_open: 8,
            dials_per_second: None,
            queued_requests: 500,
            send_credit: 65_536,
            disk_high_water: 1 << 24,
            disk_low_water: 1 << 23,
            known_peers: 1000,
        },
        announcing: None,
    }
}

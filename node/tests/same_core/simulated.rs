//! The swarm in the simulator.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use minibit_core::MessageKind;
use minibit_core::config::Config;
use minibit_core::geometry::BLOCK_LEN;
use minibit_sim::results::{Ending, RunResult};
use minibit_sim::run::run_all;
use minibit_sim::scenario::{
    Arrivals, Content, Departures, DurationDist, Group, InitialPieces, Latency, Link, LinkDist, MessageCount,
    Network, Scenario, Stop, Tracker,
};

use super::{Counts, Swarm};

/// Runs, each with a seed of its own.
const RUNS: u32 = 20;
/// From one socket of a machine to another, through two programs.
const DELAY: Duration = Duration::from_micros(100);
/// The same where a limit is kept to by timers, which ring up to so late.
const WITH_TIMERS: Duration = Duration::from_millis(2);
/// A block from or to the cache of a file system, through a thread of its own.
const DISK: Duration = Duration::from_micros(100);

/// What all participants together send who begin at these times: the mean over many runs, and how far single runs are from it (their standard
/// deviation).
pub(super) fn counts(swarm: &Swarm, begun: &[Duration; 5]) -> BTreeMap<MessageKind, (f64, f64)> {
    let results = run_all(&scenario(swarm, begun), &AtomicBool::new(false), &|_, _| {});
    let of_run = |result: &RunResult| {
        assert_eq!(result.ending, Ending::Finished);
        let mut counts = Counts::new();
        for peer in &result.peers {
            for (kind, sent) in MessageKind::ALL.into_iter().zip(peer.sent) {
                let sent = u32::try_from(sent.count).expect("a small swarm");
                *counts.entry(kind).or_default() += f64::from(sent);
            }
        }
        counts
    };
    let runs: Vec<_> = results.iter().map(of_run).collect();
    let mean = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / f64::from(RUNS);
    let kind = |kind| {
        let average = mean(&mut runs.iter().map(|run| run[&kind]));
        let variance = mean(&mut runs.iter().map(|run| (run[&kind] - average).powi(2)));
        (kind, (average, variance.sqrt()))
    };
    MessageKind::ALL.into_iter().map(kind).collect()
}

fn scenario(swarm: &Swarm, begun: &[Duration; 5]) -> Scenario {
    let no_limit = Link::Duplex { up: None, down: None };
    let tracker = Tracker {
        link: no_limit,
        place: 0,
        interval: Duration::from_mins(30),
        timeout: Duration::from_hours(1),
        max_peers: 200,
        seed: swarm.profile.tracker_seed_config().map(Config::for_lan),
    };
    Scenario {
        name: "same-core".into(),
        description: String::new(),
        notes: BTreeMap::new(),
        seed: 1,
        runs: RUNS,
        content: Content { len: swarm.len.into(), piece_len: swarm.piece_len, block_len: BLOCK_LEN },
        network: Network {
            latency: match swarm.up {
                Some(_) => Latency::PerMessage(DurationDist::Uniform(DELAY, WITH_TIMERS)),
                None => Latency::Constant(DELAY),
            },
            places: Vec::new(),
            window: None,
            overhead_ppm: 1_000_000,
        },
        tracker: Some(tracker),
        groups: (0..5).map(|number| group(swarm, number, begun[number as usize])).collect(),
        neighbours: None,
        stop: Stop {
            when_complete: true,
            time: Duration::from_mins(10),
            events: u64::MAX,
            stuck_after: Duration::from_mins(1),
        },
        disk: DISK,
        timeline: Duration::from_secs(1),
        expect: Vec::new(),
    }
}

/// One peer: each has pieces of its own.
fn group(swarm: &Swarm, number: u32, begun: Duration) -> Group {
    let pieces: Vec<_> = swarm.pieces[number as usize].iter().copied().collect();
    let all = pieces.len() == swarm.piece_count() as usize;
    Group {
        name: format!("peer-{number}"),
        count: 1,
        link: LinkDist::Fixed(Link::Duplex { up: swarm.up.map(|bytes| 8 * bytes), down: None }),
        place: 0,
        pieces: if all { InitialPieces::All } else { InitialPieces::Exactly(pieces) },
        arrivals: Arrivals::Together(begun),
        contacts_per_second: 0.0,
        departures: Departures::default(),
        config: swarm.profile.config().for_lan(),
        profile: swarm.profile.name().into(),
        message_count: MessageCount::WholeRun,
    }
}

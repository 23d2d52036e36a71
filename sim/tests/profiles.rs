//! Every system moves a file: five peers that begin with next to nothing end with everything, whatever the profile.

use std::time::Duration;

use minibit_core::Profile;
use minibit_core::profile::Counting;
use minibit_sim::results::{Ending, Outcome, PeerResult, RunResult};
use minibit_sim::scenario::{
    Arrivals, Content, Departures, Group, InitialPieces, Latency, Link, LinkDist, MessageCount, Network,
    Scenario, Stop, Tracker,
};
use minibit_sim::world::{Controls, simulate};

const LAN: Link = Link::Duplex { up: Some(100_000_000), down: Some(100_000_000) };

/// Five peers that join half a second apart, and whoever has the file: the tracker, or a seed.
fn scenario(profile: Profile, pieces: u32, first: u32) -> Scenario {
    let message_count = match profile.counting() {
        Counting::WholeRun => MessageCount::WholeRun,
        Counting::UntilComplete => MessageCount::UntilComplete,
    };
    let group = |name: &str, count, pieces, every| Group {
        name: name.into(),
        count,
        link: LinkDist::Fixed(LAN),
        place: 0,
        pieces,
        arrivals: Arrivals::Staggered { start: Duration::ZERO, every },
        departures: Departures::default(),
        contacts_per_second: 0.0,
        config: profile.config(),
        profile: profile.name().into(),
        message_count,
    };
    let mut groups = vec![group("peer", 5, InitialPieces::Random(first), Duration::from_millis(500))];
    if !profile.tracker_seeds() {
        groups.push(group("seed", 1, InitialPieces::All, Duration::ZERO));
    }
    Scenario {
        name: profile.name().into(),
        description: String::new(),
        notes: std::collections::BTreeMap::new(),
        seed: 1,
        runs: 1,
        content: Content { len: u64::from(pieces) << 16, piece_len: 1 << 16, block_len: 1 << 16 },
        network: Network {
            latency: Latency::Constant(Duration::from_millis(1)),
            places: vec!["lan".into()],
            window: None,
            overhead_ppm: 1_000_000,
        },
        tracker: Some(Tracker {
            link: LAN,
            place: 0,
            interval: Duration::from_mins(30),
            timeout: Duration::from_mins(61),
            max_peers: 200,
            seed: profile.tracker_seed_config(),
        }),
        groups,
        neighbours: None,
        stop: Stop {
            when_complete: true,
            time: Duration::from_hours(1),
            events: 10_000_000,
            stuck_after: Duration::from_mins(10),
        },
        disk: Duration::ZERO,
        timeline: Duration::from_secs(10),
        expect: Vec::new(),
    }
}

/// Seconds and messages of the five peers of a run, each on average.
#[expect(clippy::cast_precision_loss, reason = "some hundreds of messages")]
fn means(result: &RunResult) -> (f64, f64) {
    let peers = &result.peers[..5];
    let seconds = |peer: &PeerResult| peer.download_time().map_or(f64::NAN, |time| time.as_secs_f64());
    let time = peers.iter().map(seconds).sum::<f64>() / 5.0;
    let sent = peers.iter().map(|peer| peer.messages_sent as f64).sum::<f64>() / 5.0;
    (time, sent)
}

#[test]
fn everybody_ends_with_everything() {
    for profile in Profile::ALL {
        let result = simulate(&scenario(profile, 16, 1), 0, Controls::default());
        assert_eq!(result.ending, Ending::Finished, "{profile:?}");
        assert!(result.peers[..5].iter().all(|peer| peer.outcome == Outcome::Completed), "{profile:?}");
    }
}

/// S5 as its authors measured it: the means of their five peers (four, of the MP4) on one machine, within a tenth.
#[test]
#[expect(clippy::print_stdout, reason = "the measured figures, beside those of the report")]
fn s5_takes_the_time_and_the_messages_of_its_report() {
    for (name, pieces, first, seconds, messages) in
        [("PNG", 16, 1, 15.34, 46.2), ("MP4", 131, 14, 125.19, 357.5)]
    {
        let runs = 5;
        let scenario = scenario(Profile::S5, pieces, first);
        let (mut time, mut sent) = (0.0, 0.0);
        for run in 0..runs {
            let (run_time, run_sent) = means(&simulate(&scenario, run, Controls::default()));
            time += run_time / f64::from(runs);
            sent += run_sent / f64::from(runs);
        }
        println!("{name}: {time:.2} s of {seconds} s, {sent:.1} messages of {messages}");
        assert!((time / seconds - 1.0).abs() < 0.1, "{name}: {time:.2} s");
        assert!((sent / messages - 1.0).abs() < 0.1, "{name}: {sent:.1} messages");
    }
}

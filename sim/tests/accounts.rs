//! What a run counts agrees with itself: tables, totals, the timeline.

use std::path::Path;

use minibit_core::MessageKind;
use minibit_sim::report::{self, ReportInput};
use minibit_sim::results::{ANNOUNCE, ANNOUNCE_RESPONSE, Outcome, PeerResult, RunResult, Tally};
use minibit_sim::scenario::{self, Scenario, resolved_json};
use minibit_sim::world::{Controls, simulate};
use serde_json::{Value, json};

fn parse(value: &Value) -> Scenario {
    scenario::parse("test.json", &value.to_string(), &[], Path::new(""))
        .unwrap_or_else(|error| panic!("{:?}", miette::Report::new(error)))
}

/// Peers that come, go and crash, with a tracker, a free rider and TCP/IP headers.
fn churn() -> Scenario {
    parse(&json!({
        "content": { "size": "3000 KiB", "piece": "128 KiB" },
        "network": { "latency": { "rtt": { "uniform": ["5 ms", "90 ms"] }, "drawn": "per_pair" }, "overhead": "4 %" },
        "tracker": { "interval": "1 min" },
        "defaults": { "up": ["64 KiB/s", "512 KiB/s"], "down": "2 MiB/s" },
        "groups": [
            { "name": "seed", "pieces": "all" },
            { "name": "crowd", "count": 20, "arrivals": { "poisson": { "per_second": 1 } }, "pieces": { "random": 3 },
              "leave": { "after_completion": { "exponential": { "mean": "20 s" } }, "crash_after": { "exponential": { "mean": "2 min" } } } },
            { "name": "quitters", "count": 5, "leave": { "abort_after": { "uniform": ["1 s", "20 s"] } } },
            { "name": "rider", "uploads": false }
        ],
        "stop": { "time": "10 min" }
    }))
}

fn run(scenario: &Scenario) -> RunResult {
    simulate(scenario, 0, Controls::default())
}

/// Rows of a table as maps from column to cell.
fn rows(table: &[u8]) -> Vec<std::collections::BTreeMap<String, String>> {
    csv::Reader::from_reader(table).deserialize().map(Result::unwrap).collect()
}

#[test]
fn the_timeline_only_grows_and_ends_with_the_totals() {
    let result = run(&churn());
    for pair in result.timeline.windows(2) {
        let [before, after] = pair else { unreachable!("windows of two") };
        assert!(before.time < after.time);
        assert!(before.completed <= after.completed && before.payload <= after.payload);
        assert!(before.payload_from_seeds <= after.payload_from_seeds && before.messages <= after.messages);
    }
    let (first, last) = (result.timeline.first().unwrap(), result.timeline.last().unwrap());
    assert_eq!((first.time.as_nanos(), last.time), (0, result.end));
    let sum = |field: fn(&PeerResult) -> u64| result.peers.iter().map(field).sum::<u64>();
    assert_eq!(last.payload, sum(|peer| peer.payload_down));
    assert!(result.timeline.iter().all(|sample| sample.payload_from_seeds <= sample.payload), "a part of it");
    // What the seeds sent has arrived, but for what was under way at the end or to somebody who had left.
    let sent = named_up(&result, Outcome::Seed);
    assert!(last.payload_from_seeds <= sent && last.payload_from_seeds > sent / 10 * 9, "{sent}");
    let completed = result.peers.iter().filter(|peer| peer.completed.is_some()).count();
    assert_eq!(last.completed as usize, completed);
    let present = result.peers.iter().filter(|peer| peer.joined.is_some() && peer.left.is_none()).count();
    assert_eq!((last.leechers + last.seeds) as usize, present);
    assert_eq!(result.progress.len(), result.timeline.len());
    let held: u64 = result
        .progress
        .last()
        .unwrap()
        .iter()
        .filter(|&&held| held != u32::MAX)
        .map(|&held| u64::from(held))
        .sum();
    assert_eq!(last.total_copies, held);
}

fn named_up(result: &RunResult, outcome: Outcome) -> u64 {
    result.peers.iter().filter(|peer| peer.outcome == outcome).map(|peer| peer.payload_up).sum()
}

/// Are these the encoded bytes, and segments of 40 bytes for opening connections, with four percent of headers?
fn is_wire(wire: u64, tallies: &[Tally]) -> bool {
    let encoded: u64 = tallies.iter().map(|tally| tally.bytes).sum();
    let segments = ((wire * 100).div_ceil(104) - encoded) / 40;
    wire == (encoded + segments * 40) * 104 / 100 && segments < 100
}

#[test]
fn what_is_received_was_sent() {
    let result = run(&churn());
    assert!(result.peers.iter().any(|peer| peer.outcome == Outcome::Crashed), "somebody crashed");
    assert!(result.peers.iter().any(|peer| peer.outcome == Outcome::Aborted), "somebody gave up");
    for kind in MessageKind::ALL {
        let kind = kind as usize;
        let sent: u64 = result.peers.iter().map(|peer| peer.sent[kind].count).sum();
        let received: u64 = result.peers.iter().map(|peer| peer.received[kind].count).sum();
        assert!(sent >= received, "{}: {sent} sent, {received} received", MessageKind::ALL[kind].name());
        let bytes: [u64; 2] = [
            result.peers.iter().map(|peer| peer.sent[kind].bytes).sum(),
            result.peers.iter().map(|peer| peer.received[kind].bytes).sum(),
        ];
        assert!(bytes[0] >= bytes[1]);
    }
    let up: u64 = result.peers.iter().map(|peer| peer.payload_up).sum();
    let down: u64 = result.peers.iter().map(|peer| peer.payload_down).sum();
    assert!(up >= down && down > 0, "{up} sent, {down} received");
    for peer in &result.peers {
        assert!(is_wire(peer.wire_up, &peer.sent), "{}: {}", peer.name, peer.wire_up);
        assert!(is_wire(peer.wire_down, &peer.received), "{}: {}", peer.name, peer.wire_down);
        assert!(peer.wire_up >= peer.payload_up && peer.wire_down >= peer.payload_down, "{}", peer.name);
        if peer.name == "rider" {
            assert_eq!(peer.payload_up, 0);
        }
    }
}

#[test]
fn the_tables_have_the_same_totals() {
    let scenario = churn();
    let runs = [run(&scenario)];
    let resolved = resolved_json(&scenario);
    let input = ReportInput {
        scenario: &scenario,
        runs: &runs,
        verdicts: &[],
        resolved: &resolved,
        command: "sim run",
    };
    let peers = rows(&report::csv::peers(&input).unwrap());
    let messages = rows(&report::csv::messages(&input).unwrap());
    let timeline = rows(&report::csv::timeline(&input).unwrap());
    assert_eq!(peers.len(), runs[0].peers.len());
    for peer in &peers {
        for (direction, column) in [("sent", "messages_sent_total"), ("received", "messages_received_total")]
        {
            let count: u64 = messages
                .iter()
                .filter(|row| row["peer"] == peer["peer"] && row["direction"] == direction)
                .map(|row| row["count"].parse::<u64>().unwrap())
                .sum();
            assert_eq!(count.to_string(), peer[column], "{}", peer["peer"]);
        }
    }
    let sent: u64 = peers.iter().map(|peer| peer["messages_sent_total"].parse::<u64>().unwrap()).sum();
    let all: u64 = timeline.last().unwrap()["messages"].parse().unwrap();
    // The plain tracker has no row; its answers are in the timeline.
    let answers = runs[0].peers.iter().map(|peer| peer.received[ANNOUNCE_RESPONSE].count).sum::<u64>();
    assert!(
        all >= sent + answers && all <= sent + answers + 10,
        "{all} in all, {sent} of peers, {answers} answers"
    );
}

/// S5's tracker seeds: it has a row, as a seed that nobody counts among the groups.
#[test]
fn a_seeding_tracker_has_a_row_of_its_own() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/5peers_png.json");
    let scenario = scenario::load(&file, &[]).unwrap();
    let result = run(&scenario);
    let tracker = result.peers.last().unwrap();
    assert_eq!((tracker.name.as_str(), tracker.group, tracker.outcome), ("tracker", None, Outcome::Seed));
    assert_eq!(result.peers.len(), 6);
    assert!(tracker.payload_up > 0 && tracker.payload_down == 0);
    assert!(tracker.sent[ANNOUNCE_RESPONSE].count >= 5 && tracker.sent[ANNOUNCE].count == 0);
    let answered: u64 = result.peers.iter().map(|peer| peer.received[ANNOUNCE_RESPONSE].count).sum();
    assert_eq!(answered, tracker.sent[ANNOUNCE_RESPONSE].count);
}

/// S5 counts what a peer sends until it is complete; everybody else counts the whole run.
#[test]
fn messages_are_counted_until_completion_where_the_profile_says_so() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/5peers_png.json");
    let set = |changes: &[&str]| {
        let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
        run(&scenario::load(&file, &changes).unwrap())
    };
    let until = set(&[]);
    let whole = set(&["groups.peer.count_messages=whole_run"]);
    assert_eq!(until.digest, whole.digest, "only the count differs");
    let total = |peer: &PeerResult| peer.sent.iter().map(|tally| tally.count).sum::<u64>();
    for (until, whole) in until.peers.iter().zip(&whole.peers) {
        assert_eq!(whole.messages_sent, total(whole), "{}", whole.name);
        assert!(until.messages_sent <= whole.messages_sent, "{}", until.name);
    }
    // The first to finish goes on answering; the tracker has no completion.
    let first = until.peers[..5].iter().min_by_key(|peer| peer.completed).unwrap();
    assert!(first.messages_sent < total(first));
    assert_eq!(until.peers[5].messages_sent, total(&until.peers[5]));
}

/// The seeding tracker answers each announce that it receives, and both are in its row.
#[test]
fn the_seeding_tracker_counts_announces_in_both_directions() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let scenario = scenario::load(&folder.join("5peers_png.json"), &[]).unwrap();
    let run = run(&scenario);
    let (tracker, peers) = run.peers.split_last().unwrap();
    assert_eq!(tracker.group, None);
    let announced: u64 = peers.iter().map(|peer| peer.sent[ANNOUNCE].count).sum();
    let received = tracker.received[ANNOUNCE].count;
    assert!(received >= 5 && received <= announced, "{received} of {announced}");
    assert_eq!(tracker.sent[ANNOUNCE_RESPONSE].count, received);
}

/// One block is read, written and checked: nothing else takes time here.
#[test]
fn a_slow_disk_takes_its_time_for_each_thing() {
    let time = |disk: &str| {
        let scenario = parse(&json!({
            "content": { "size": "16 KiB", "piece": "16 KiB" },
            "network": { "latency": { "one_way": "10 ms" } },
            "disk": disk,
            "groups": [
                { "name": "seed", "pieces": "all", "up": "unlimited", "down": "unlimited" },
                { "name": "peer", "up": "unlimited", "down": "unlimited" }
            ]
        }));
        let result = run(&scenario);
        result.peers[1].download_time().expect("it is complete")
    };
    let disk = std::time::Duration::from_millis(7);
    assert_eq!(time("7 ms"), time("0 s") + 3 * disk);
}

//! Who comes, who goes, and what is noticed of it: arrivals, departures, the rules that end a run, and draws that variants of a
//! scenario share.

use std::path::Path;

use minibit_core::geometry::Geometry;
use minibit_core::{Instant, Seed};
use minibit_sim::population::{Plan, population};
use minibit_sim::results::{Ending, Outcome, PeerResult, RunResult};
use minibit_sim::scenario::{self, Scenario};
use minibit_sim::world::{Controls, simulate};
use serde_json::{Value, json};

fn parse_in(value: &Value, folder: &Path) -> Scenario {
    scenario::parse("test.json", &value.to_string(), &[], folder)
        .unwrap_or_else(|error| panic!("{:?}", miette::Report::new(error)))
}

fn parse(value: &Value) -> Scenario {
    parse_in(value, Path::new(""))
}

fn run(value: &Value) -> RunResult {
    simulate(&parse(value), 0, Controls::default())
}

/// Sixteen pieces of a second each, a seed and three leechers.
fn swarm() -> Value {
    json!({
        "content": { "size": "1 MiB", "piece": "64 KiB" },
        "network": { "latency": { "rtt": "20 ms" } },
        "neighbours": "mesh",
        "defaults": { "up": "64 KiB/s", "down": "1 MiB/s" },
        "groups": [{ "name": "seed", "pieces": "all" }, { "name": "leecher", "count": 3 }],
        "stop": { "time": "1 h" }
    })
}

fn plans(scenario: &Scenario, seed: u64) -> Vec<Plan> {
    let content = scenario.content;
    let geometry = Geometry::new(content.len, content.piece_len, content.block_len).unwrap();
    population(scenario, &geometry, &Seed::from_number(seed))
}

/// Seconds at which the peers of a group of `count` come, those who do.
fn joins(count: u32, arrivals: &Value, seed: u64) -> Vec<f64> {
    let mut value = swarm();
    value["groups"] = json!([{ "name": "peer", "count": count, "arrivals": arrivals, "pieces": "all" }]);
    let plans = plans(&parse(&value), seed);
    plans.iter().filter_map(|plan| plan.join).map(Instant::as_secs_f64).collect()
}

fn close(measured: f64, expected: f64, share: f64) {
    assert!((measured / expected - 1.0).abs() <= share, "{measured}, expected {expected}");
}

fn named<'a>(run: &'a RunResult, name: &str) -> &'a PeerResult {
    run.peers.iter().find(|peer| peer.name == name).expect("a peer of that name")
}

fn seconds(instant: Option<Instant>) -> f64 {
    instant.expect("it happened").as_secs_f64()
}

#[test]
#[expect(clippy::cast_precision_loss, reason = "some thousand peers")]
fn poisson_arrivals_have_their_rate_and_no_memory() {
    let joins = joins(20_000, &json!({ "poisson": { "start": "5 s", "per_second": 2.5 } }), 1);
    assert!(joins.is_sorted() && joins[0] >= 5.0);
    let gaps: Vec<f64> = joins.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    close(mean, 0.4, 0.03);
    let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
    close(variance.sqrt(), 0.4, 0.05);
    let longer = gaps.iter().filter(|gap| **gap > 0.4).count() as f64 / gaps.len() as f64;
    close(longer, libm::exp(-1.0), 0.05);
}

#[test]
#[expect(clippy::cast_precision_loss, reason = "some thousand peers")]
fn a_flash_crowd_decays_and_ends() {
    // rate · decay = 40 · 60 = 2 400 are to be expected in all.
    let arrivals = json!({ "flash_crowd": { "per_second": 40, "decay": "1 min" } });
    let joins = joins(10_000, &arrivals, 1);
    close(joins.len() as f64, 2_400.0, 0.07);
    for (until, share) in [(30.0, 1.0 - libm::exp(-0.5)), (60.0, 1.0 - libm::exp(-1.0))] {
        let early = joins.iter().filter(|&&at| at <= until).count() as f64;
        close(early / joins.len() as f64, share, 0.06);
    }
}

#[test]
fn staggered_listed_and_traced_arrivals_are_exact() {
    let expected = [2.0, 2.5, 3.0];
    assert_eq!(joins(3, &json!({ "staggered": { "start": "2 s", "every": "500 ms" } }), 1), expected);
    assert_eq!(joins(3, &json!({ "at": ["2 s", "2500 ms", "3 s"] }), 1), expected);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("joins.csv"), "peer,join_s\na,2\nb,2.5\nc,3\n").unwrap();
    let mut value = swarm();
    value["groups"][1]["arrivals"] = json!({ "trace": "joins.csv" });
    let scenario = parse_in(&value, folder.path());
    let result = simulate(&scenario, 0, Controls::default());
    let joined: Vec<f64> = result.peers[1..].iter().map(|peer| seconds(peer.joined)).collect();
    assert_eq!(joined, expected);
    assert_eq!(result.ending, Ending::Finished);
}

/// There is nothing to wait for when nobody misses anything: neither at the start, nor when the last one comes with everything.
#[test]
fn a_swarm_of_seeds_is_done_when_all_are_there() {
    let mut value = swarm();
    value["groups"].as_array_mut().unwrap().truncate(1);
    let result = run(&value);
    assert_eq!((result.ending, result.end.as_secs_f64()), (Ending::Finished, 0.0));
    let mut value = swarm();
    let late = json!({ "name": "late", "pieces": "all", "up": "1 MiB/s", "arrivals": { "at": ["30 min"] } });
    value["groups"].as_array_mut().unwrap().push(late);
    let result = run(&value);
    assert_eq!((result.ending, result.end.as_secs_f64()), (Ending::Finished, 1800.0));
}

/// Who asks for much of one neighbour is not refused most of it.
#[test]
fn as_many_requests_may_wait_as_anybody_asks_for() {
    let mut value = swarm();
    value["content"] = json!({ "size": "100 MB", "piece": "256 KiB" });
    value["network"] = json!({ "latency": { "rtt": "100 ms" } });
    value["groups"] = json!([
        { "name": "seed", "pieces": "all", "up": "50 MB/s" },
        { "name": "leecher", "down": "1 GB/s", "requests": { "fixed": 400 } }
    ]);
    assert!(run(&value).end.as_secs_f64() < 2.6, "two seconds and some round trips");
    assert_eq!(parse(&value).groups[0].config.limits.queued_requests, 400);
    value["groups"][0]["limits"] = json!({ "queued_requests": 300 });
    assert_eq!(parse(&value).groups[0].config.limits.queued_requests, 300, "what is said holds");
}

/// A tracker that seeds is asked like anybody else.
#[test]
fn as_many_requests_may_wait_at_a_tracker_that_seeds() {
    let mut value = swarm();
    value["content"] = json!({ "size": "100 MB", "piece": "256 KiB" });
    value["network"] = json!({ "latency": { "rtt": "10 ms" } });
    value.as_object_mut().unwrap().remove("neighbours");
    value["tracker"] = json!({ "seed": true, "up": "50 MB/s" });
    value["groups"] = json!([{ "name": "leecher", "down": "1 GB/s", "requests": { "fixed": 400 } }]);
    assert!(run(&value).end.as_secs_f64() < 2.6, "two seconds and some round trips");
    let waiting = |value: &Value| parse(value).tracker.unwrap().seed.unwrap().limits.queued_requests;
    assert_eq!(waiting(&value), 400);
    value["tracker"]["seed"] = json!({ "limits": { "queued_requests": 300 } });
    assert_eq!(waiting(&value), 300, "what is said holds");
}

#[test]
fn those_who_leave_do_so_at_their_time() {
    let mut value = swarm();
    value["groups"][1]["leave"] = json!("on_completion");
    value["stop"] = json!({ "when_complete": false, "time": "200 s" });
    let result = run(&value);
    for peer in &result.peers[1..] {
        assert_eq!((peer.left, peer.outcome), (peer.completed, Outcome::Completed), "{}", peer.name);
    }
    value["groups"][1]["leave"] = json!({ "after_completion": "7 s" });
    let result = run(&value);
    for peer in &result.peers[1..] {
        assert!((seconds(peer.left) - seconds(peer.completed) - 7.0).abs() < 1e-9, "{}", peer.name);
    }
    value["groups"][1]["leave"] = json!({ "abort_after": "5 s" });
    let result = run(&value);
    for peer in &result.peers[1..] {
        assert_eq!((seconds(peer.left), peer.outcome), (5.0, Outcome::Aborted), "{}", peer.name);
    }
}

#[test]
fn a_quota_ends_a_stay() {
    let mut value = swarm();
    value["groups"][0]["leave"] = json!({ "after_uploading": { "copies": 1 } });
    value["groups"][1]["count"] = json!(1);
    let result = run(&value);
    assert_eq!(result.ending, Ending::Finished);
    let seed = named(&result, "seed");
    assert!(seed.left.is_some() && seed.payload_up == 1 << 20, "{seed:?}");
    // With one piece less the leecher goes without it.
    value["groups"][0]["leave"] = json!({ "after_uploading": { "pieces": 15 } });
    let result = run(&value);
    let Ending::Stuck(stuck) = &result.ending else { panic!("{:?}", result.ending) };
    assert_eq!((stuck.missing.len(), stuck.incomplete), (1, 1));
    assert_eq!(named(&result, "leecher").pieces, 15);
}

/// A goodbye is heard at once; of a crash the others learn by their time-outs.
#[test]
fn a_crash_is_noticed_by_silence() {
    let time = |leave: Value| {
        let mut value = swarm();
        // The one that goes has everything, too, and half of the requests. Without an endgame nobody else is asked for those.
        value["defaults"]["endgame"] = json!(false);
        value["groups"] = json!([
            { "name": "seed", "pieces": "all" },
            { "name": "quitter", "pieces": "all", "leave": leave },
            { "name": "leecher" }
        ]);
        let result = run(&value);
        assert_eq!(result.ending, Ending::Finished);
        (seconds(named(&result, "leecher").completed), named(&result, "quitter").outcome)
    };
    let (stays, _) = time(json!("stay"));
    let (goodbye, _) = time(json!({ "abort_after": "4 s" }));
    let (crash, _) = time(json!({ "crash_after": "4 s" }));
    assert!(stays < 9.0, "{stays}");
    assert!((11.5..14.0).contains(&goodbye), "what is lost is asked of the seed at once: {goodbye}");
    let timeout = parse(&swarm()).groups[0].config.timeouts.request.as_secs_f64();
    assert!(crash > goodbye + 1.0 && crash < goodbye + timeout + 2.0, "{crash} after {goodbye}");
}

#[test]
fn a_stuck_swarm_names_the_piece_and_its_last_holder() {
    let mut value = swarm();
    value["groups"] = json!([
        { "name": "early", "pieces": { "except": [3, 7] }, "leave": { "abort_after": "1 min" } },
        { "name": "late", "pieces": { "exactly": [7] }, "uploads": false, "leave": { "abort_after": "1 min" } },
        { "name": "leecher", "count": 2 }
    ]);
    let result = run(&value);
    let Ending::Stuck(stuck) = &result.ending else { panic!("{:?}", result.ending) };
    assert_eq!(stuck.incomplete, 2);
    let missing: Vec<_> = stuck
        .missing
        .iter()
        .map(|missing| {
            (missing.piece, missing.last_holder.as_ref().map(|(name, at)| (name.as_str(), at.as_secs_f64())))
        })
        .collect();
    assert_eq!(missing, [(3, None), (7, Some(("late", 60.0)))]);
    assert_eq!(named(&result, "leecher-1").pieces, 14);
    assert!(result.end.as_secs_f64() < 200.0, "what everybody has is not waited for: {}", result.end);
}

#[test]
fn runs_end_by_their_rules() {
    let mut value = swarm();
    value["stop"] = json!({ "time": "10 s" });
    let result = run(&value);
    assert_eq!((result.ending, result.end.as_secs_f64()), (Ending::TimeLimit, 10.0));
    assert_eq!(result.peers[1].outcome, Outcome::Incomplete);

    value["stop"] = json!({ "time": "200 s", "when_complete": false });
    let result = run(&value);
    assert_eq!((result.ending, result.end.as_secs_f64()), (Ending::Finished, 200.0));
    assert_eq!(result.peers[1].outcome, Outcome::Completed);

    value["stop"] = json!({ "events": 500 });
    let result = run(&value);
    assert_eq!((result.ending, result.events), (Ending::EventLimit, 500));

    // Nobody is forgotten who is yet to come.
    value["stop"] = json!({});
    value["groups"][1]["arrivals"] = json!({ "staggered": { "every": "10 min" } });
    let result = run(&value);
    assert_eq!(result.ending, Ending::Finished);
    assert!(result.end.as_secs_f64() > 1_200.0);
}

/// Another strategy meets the same peers: the same arrivals, links and pieces, and the same patience where nothing else decides.
#[test]
fn variants_are_compared_on_the_same_luck() {
    let variant = |piece_selection: &str, choking: &str| {
        let mut value = swarm();
        value["neighbours"] = json!({ "degree": 5 });
        value["defaults"] = json!({
            "up": ["64 KiB/s", "256 KiB/s"], "down": ["256 KiB/s", "1 MiB/s"],
            "pieces": { "random": 4 }, "piece_selection": piece_selection, "choking": choking,
            "arrivals": { "poisson": { "per_second": 1 } },
            "leave": { "abort_after": { "exponential": { "mean": "30 s" } } }
        });
        value["groups"] = json!([{ "name": "a", "count": 20 }, { "name": "b", "count": 10, "pieces": { "share": "50 %" } }]);
        parse(&value)
    };
    let same = |plan: &Plan| (plan.link, plan.join, plan.have.clone());
    let (rarest, random) = (variant("rarest-first", "tit-for-tat"), variant("random", "none"));
    for seed in 1..4 {
        let (a, b) = (plans(&rarest, seed), plans(&random, seed));
        assert!(a.iter().map(same).eq(b.iter().map(same)), "seed {seed}");
    }
    let distinct =
        |plans: &[Plan]| plans.iter().map(|plan| plan.join).collect::<std::collections::BTreeSet<_>>().len();
    assert_eq!(distinct(&plans(&rarest, 1)), 30);
    assert!(!plans(&rarest, 1).iter().map(same).eq(plans(&rarest, 2).iter().map(same)));

    let (a, b) = (simulate(&rarest, 0, Controls::default()), simulate(&random, 0, Controls::default()));
    let end = a.end.min(b.end);
    let mut gone = 0;
    for (one, other) in a.peers.iter().zip(&b.peers) {
        assert_eq!((one.initial_pieces, &one.name), (other.initial_pieces, &other.name));
        for times in [[one.joined, other.joined], [one.left, other.left]] {
            // The run that ends earlier does not see what happens later.
            if times.iter().any(|time| time.is_some_and(|time| time < end)) {
                assert_eq!(times[0], times[1], "{}", one.name);
                gone += 1;
            }
        }
    }
    assert!(gone > 30 && a.digest != b.digest, "{gone}");
}

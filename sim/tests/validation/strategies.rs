//! O11, O13, O16, O17: what piece selection and choking are worth, where the model is in the published ranges.

use std::collections::BTreeMap;

use minibit_sim::results::{Ending, RunResult};
use serde_json::{Value, json};

use crate::harness::{check, last, mean, open, open_to_all, runs, scenario, swarm, times, traced};

/// One upload at a time, in whole pieces, each asked for when the one before has come.
fn serial(mut value: Value) -> Value {
    value["content"]["block"] = json!("256 KiB");
    value["defaults"]["choking"] = open(1);
    value["defaults"]["requests"] = json!({ "fixed": 1 });
    value
}

/// O11: a seed five times as fast as a peer is no bottleneck, and piece selection does not matter.
#[test]
fn o11_a_fast_seed_removes_the_gap() {
    let time = |selection: &str| {
        let mut value = serial(swarm(50, 100, 5.0));
        value["defaults"]["piece_selection"] = json!(selection);
        mean(runs(&value).iter().map(last))
    };
    let (rarest, random) = (time("rarest-first"), time("random"));
    let least = 50.0 * 100.0 / 55.0;
    check("O11", "rarest first, T_last / T_min (ref 1.069)", 1.0..=f64::INFINITY, rarest / least);
    check("O11", "random, T_last / T_min (ref 1.055)", 1.0..=f64::INFINITY, random / least);
    check("O11", "random / rarest first", 0.95..=1.05, random / rarest);
}

/// O13: the transient state, in which some pieces are at the first seed only, ends when each has left it once: as early as
/// possible with rarest first, much later with random choice.
#[test]
fn o13_rarest_first_ends_the_transient_state() {
    let all_out = |selection: &str| {
        let mut value = serial(swarm(50, 100, 2.0));
        value["defaults"]["piece_selection"] = json!(selection);
        value["neighbours"] = json!({ "degree": 10 });
        let scenario = scenario(&value);
        mean((0..5).map(|run| {
            let (_, trace) = traced(&scenario, run);
            let mut first = BTreeMap::new();
            for line in trace.iter().filter(|line| line.event == "piece_completed") {
                first.entry(line.index).or_insert_with(|| line.seconds());
            }
            assert_eq!(first.len(), 100);
            first.into_values().fold(0.0, f64::max)
        }))
    };
    check("O13", "every piece has left the seed, rarest first, P", 50.0..=55.0, all_out("rarest-first"));
    check("O13", "every piece has left the seed, random, P", 70.0..=f64::INFINITY, all_out("random"));
}

/// O16's swarm: 45 who contribute, five who do not, in this order of numbers.
fn with_free_riders(order: &str, choking: &Value, leave: &str) -> Value {
    let group = |name: &str, number: u32, count: u32, uploads: bool| json!({ "name": format!("{name}{number}"), "count": count, "uploads": uploads, "leave": leave });
    let riders = |number, count| group("rider", number, count, false);
    let others = |number, count| group("contributor", number, count, true);
    let mut value = swarm(50, 100, 2.0);
    value["runs"] = json!(4);
    value["defaults"]["choking"] = choking.clone();
    let mut groups = vec![value["groups"][0].clone()];
    groups.extend(match order {
        "first" => vec![riders(1, 5), others(1, 45)],
        "last" => vec![others(1, 45), riders(1, 5)],
        _ => (1..=5).flat_map(|number| [others(number, 9), riders(number, 1)]).collect(),
    });
    value["groups"] = json!(groups);
    value
}

/// O16: tit for tat makes free riders wait, the more so when those leave who are done; without choking they are served alike,
/// whatever their numbers are.
#[test]
fn o16_tit_for_tat_makes_free_riders_wait() {
    let ratio = |run: &RunResult| mean(times(run, "rider")) / mean(times(run, "contributor"));
    let tit_for_tat = json!({});
    for (name, order, choking, leave, accepted) in [
        ("tit for tat, peers stay (ref 1.15-1.22)", "last", &tit_for_tat, "stay", 1.08..=f64::INFINITY),
        (
            "tit for tat, peers leave (ref 1.5-1.95)",
            "last",
            &tit_for_tat,
            "on_completion",
            1.25..=f64::INFINITY,
        ),
        ("open", "first", &open_to_all(), "stay", 0.95..=1.05),
        ("open", "last", &open_to_all(), "stay", 0.95..=1.05),
        ("open", "interleaved", &open_to_all(), "stay", 0.95..=1.05),
    ] {
        let measured = mean(runs(&with_free_riders(order, choking, leave)).iter().map(ratio));
        check("O16", &format!("free / contributing, {name}, riders {order}"), accepted, measured);
    }
}

/// O17: a seed that leaves after one copy has given every piece once with rarest first or super-seeding, but not with random
/// choice: then a swarm is stuck, everybody with the same pieces, and says so.
#[test]
fn o17_one_copy_is_enough_when_no_piece_is_sent_twice() {
    const PIECES: u32 = 80;
    let results = |selection: &str, super_seeding: bool| {
        let mut value = serial(swarm(30, PIECES, 1.0));
        value["runs"] = json!(8);
        value["defaults"]["piece_selection"] = json!(selection);
        value["groups"][0]["super_seeding"] = json!(super_seeding);
        value["groups"][0]["leave"] = json!({ "after_uploading": { "copies": 1 } });
        runs(&value)
    };
    let share = |results: &[RunResult]| {
        mean(results.iter().map(|run| if run.ending == Ending::Finished { 1.0 } else { 0.0 }))
    };
    for (name, selection, super_seeding) in
        [("rarest first", "rarest-first", false), ("super-seeding", "rarest-first", true)]
    {
        let finished = share(&results(selection, super_seeding));
        check("O17", &format!("swarms that finish, {name}"), 0.95..=1.0, finished);
    }
    let random = results("random", false);
    check("O17", "swarms that finish, random", 0.0..=0.15, share(&random));
    let mut out = Vec::new();
    for run in &random {
        let Ending::Stuck(stuck) = &run.ending else { continue };
        let there = PIECES - u32::try_from(stuck.missing.len()).unwrap();
        out.push(f64::from(there) / f64::from(PIECES));
        assert!(
            stuck
                .missing
                .iter()
                .all(|missing| missing.last_holder.as_ref().is_some_and(|(name, _)| name == "seed"))
        );
        assert!(
            run.peers[1..].iter().all(|peer| peer.pieces == there && peer.completed.is_none()),
            "all have the same"
        );
    }
    check("O17", "pieces that are out when it is lost, random (ref 0.88)", 0.0..=0.99, mean(out));
}

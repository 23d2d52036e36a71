//! O9 to O14, O16, O17: what piece selection and choking are worth, in swarms.

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

/// The last completions of a swarm in which nobody is choked and uploads are one at a time, over the least possible time.
fn over_least(leechers: u32, pieces: u32, seed_rate: f64, least: f64, selection: &str) -> Vec<f64> {
    let mut value = swarm(leechers, pieces, seed_rate);
    value["defaults"]["choking"] = open(1);
    value["defaults"]["piece_selection"] = json!(selection);
    runs(&value).iter().map(|run| last(run) / least).collect()
}

/// O9: a flash crowd. No schedule is faster than 100 P, none in whole pieces faster than 105 P.
#[test]
fn o9_a_flash_crowd_is_nearly_as_fast_as_possible() {
    let ratios = over_least(50, 100, 1.0, 100.0, "rarest-first");
    check(
        "O9",
        "least T_last / T_min (hard bound)",
        1.0..=f64::INFINITY,
        ratios.iter().copied().fold(f64::MAX, f64::min),
    );
    check("O9", "T_last / T_min (ref 1.08)", 1.0..=1.10, mean(ratios));
    // A peer that serves whole blocks of a piece's length has no part of the next one on its way when one ends.
    let mut value = swarm(50, 100, 1.0);
    value["content"]["block"] = json!("256 KiB");
    value["defaults"]["choking"] = open(1);
    check("O9", "the same with one block per piece", 1.0..=1.15, mean(runs(&value).iter().map(last)) / 100.0);
}

/// O10: the only seed is as fast as a peer. A duplicate from it delays everybody; who all have the same have nothing to trade.
#[test]
fn o10_the_order_of_pieces_matters_with_a_slow_seed() {
    let time = |selection| mean(over_least(30, 60, 1.0, 60.0, selection));
    let (rarest, random, sequential) = (time("rarest-first"), time("random"), time("sequential"));
    check("O10", "rarest first, T_last / T_min (ref 1.12)", 1.0..=1.18, rarest);
    check("O10", "random / rarest first", 1.08..=f64::INFINITY, random / rarest);
    check("O10", "sequential / rarest first", 2.0..=f64::INFINITY, sequential / rarest);
}

/// O12: with a seed half as fast as a peer, everybody waits for it and ends together.
#[test]
fn o12_a_slow_seed_sets_the_pace() {
    let mut value = swarm(40, 60, 0.5);
    value["defaults"]["choking"] = open(1);
    let results = runs(&value);
    check("O12", "T_last / T_min (ref 1.050)", 1.0..=1.09, mean(results.iter().map(last)) / 120.0);
    let spread = |run: &RunResult| {
        let first = times(run, "leecher").into_iter().fold(f64::MAX, f64::min);
        (last(run) - first) / last(run)
    };
    check("O12", "(last - first) / last (ref 0.029)", 0.0..=0.06, mean(results.iter().map(spread)));
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

//! O1, O2, O5, O6: what access links and round trips allow.

use serde_json::{Value, json};

use crate::harness::{
    PIECE, check, last, open_to_all, payload_rate, rate, runs, scenario, seconds, times, traced, within,
};

/// O1: one seed, one leecher: the file at the seed's rate, and a start of two to five round trips.
#[test]
fn o1_a_pair_moves_the_file_at_the_seeds_rate() {
    for requests in [json!({ "pipelined": {} }), json!({ "fixed": 16 })] {
        let result = runs(&json!({
            "content": { "size": "40 MiB" },
            "network": { "latency": { "rtt": "100 ms" } },
            "neighbours": "mesh",
            "defaults": { "requests": requests },
            "groups": [
                { "name": "seed", "pieces": "all", "up": "1 MiB/s" },
                { "name": "leecher", "down": "4 MiB/s" }
            ]
        }));
        check("O1", &format!("download, s; requests {requests}"), 40.2..=40.6, last(&result[0]));
    }
}

/// O2's swarm: one server, eight clients that upload nothing.
fn server(choking: &Value) -> Value {
    json!({
        "content": { "size": "16 MiB" },
        "network": { "latency": { "rtt": "20 ms" } },
        "neighbours": "mesh",
        "groups": [
            { "name": "seed", "pieces": "all", "up": "2 MiB/s", "choking": choking },
            { "name": "client", "count": 8, "uploads": false, "down": "1 MiB/s" }
        ],
        "timeline": "1 s"
    })
}

/// O2: a server's capacity is used to the last, however it is shared: N F / us = 64 s.
#[test]
fn o2_a_server_is_never_idle() {
    let sticky = json!({
        "algorithm": "tit-for-tat", "slots": 4, "optimistic_slots": 0, "interval": "1 s", "optimistic_interval": "1 h"
    });
    for (name, choking) in [("equal shares", open_to_all()), ("four slots", sticky)] {
        for run in runs(&server(&choking)) {
            let case = format!("{name}, seed {}", run.seed);
            check("O2", &format!("last completion, s; {case}"), 64.0..=64.0 * 1.015, last(&run));
            let rates: Vec<f64> =
                (1..63).map(|second| payload_rate(&run, f64::from(second), f64::from(second + 1))).collect();
            let full = 2.0 * 1_048_576.0;
            // When four peers finish at once and give way to four others, the link waits for one round trip.
            let pause = if name == "equal shares" { 0.0 } else { 0.02 };
            let (low, high) = rates.iter().fold((f64::MAX, 0.0_f64), |(l, h), &r| (l.min(r), h.max(r)));
            check(
                "O2",
                &format!("least payload in a second over 2 MiB; {case}"),
                0.99 - pause..=1.01,
                low / full,
            );
            check("O2", &format!("most payload in a second over 2 MiB; {case}"), 0.99..=1.01, high / full);
            let mut times = times(&run, "client");
            times.sort_by(f64::total_cmp);
            let (first_wave, second_wave) = times.split_at(4);
            let first_wave_at = if name == "equal shares" { 64.0 } else { 32.0 };
            for (what, wave, at) in [("first", first_wave, first_wave_at), ("second", second_wave, 64.0)] {
                check("O2", &format!("{what} four, earliest, s; {case}"), within(at, 0.02), wave[0]);
                check("O2", &format!("{what} four, latest, s; {case}"), within(at, 0.02), wave[3]);
            }
        }
    }
}

/// O5: q requests of b bytes in flight give min(C, q b / (RTT + b / C)).
#[test]
fn o5_a_pipeline_is_limited_by_the_round_trip() {
    const FILE: f64 = 10.0 * 1_048_576.0;
    for (depth, bytes_per_second) in
        [(1, 144_854.0), (5, 724_269.0), (8, 1_158_830.0), (9, 1_250_000.0), (16, 1_250_000.0)]
    {
        let scenario = scenario(&json!({
            "content": { "size": "10 MiB" },
            "network": { "latency": { "rtt": "100 ms" } },
            "neighbours": "mesh",
            "defaults": { "requests": { "fixed": depth }, "up": "1.25 MB/s", "down": "100 MB/s" },
            "groups": [
                { "name": "seed", "pieces": "all" },
                { "name": "leecher" }
            ],
            "timeline": "0.1 s"
        }));
        let (run, trace) = traced(&scenario, 0);
        let whole = last(&run);
        let steady = payload_rate(&run, whole * 0.2, whole * 0.8);
        check("O5", &format!("steady rate, B/s; q = {depth}"), within(bytes_per_second, 0.02), steady);
        let first_request = trace.iter().find(|line| line.sends("request")).unwrap().seconds();
        let expected = FILE / bytes_per_second;
        check(
            "O5",
            &format!("from the first request on, s; q = {depth}"),
            within(expected, 0.02),
            whole - first_request,
        );
    }
}

/// Block data that was sent from one to another per second of a time, in u.
fn flow(trace: &[crate::harness::Line], from: &str, to: &str, window: [f64; 2]) -> f64 {
    let sent: u32 = trace
        .iter()
        .filter(|line| line.sends("piece") && line.peer == from && line.to.as_deref() == Some(to))
        .filter(|line| (window[0]..window[1]).contains(&seconds(line.t_ns)))
        .filter_map(|line| line.length)
        .sum();
    f64::from(sent) / (window[1] - window[0]) / PIECE
}

/// Some who send, some who receive, with these capacities in u, and who sends to whom.
fn bipartite(senders: &[(&str, f64, Value)], receivers: &[(&str, f64)], pairs: &[[&str; 2]]) -> Value {
    let up = senders.iter().map(|(name, up, leave)| {
        json!({ "name": name, "pieces": "all", "up": rate(*up), "choking": open_to_all(), "leave": leave })
    });
    let down =
        receivers.iter().map(|(name, down)| json!({ "name": name, "uploads": false, "down": rate(*down) }));
    json!({
        "content": { "size": "600 MiB", "piece": "256 KiB" },
        "network": { "latency": { "rtt": "20 ms" } },
        "neighbours": pairs,
        "groups": up.chain(down).collect::<Vec<Value>>(),
        "stop": { "time": "100 s" }
    })
}

/// O6: concurrent flows share max-min fairly over both ends, and at once when one of them ends.
#[test]
fn o6_flows_share_max_min() {
    let stay = json!("stay");
    let three = bipartite(
        &[("A", 10.0, stay.clone()), ("B", 3.0, json!({ "abort_after": "50 s" }))],
        &[("X", 4.0), ("Y", 100.0)],
        &[["A", "X"], ["A", "Y"], ["B", "X"]],
    );
    let (_, trace) = traced(&scenario(&three), 0);
    for (from, to, before, after) in [("A", "X", 2.0, 4.0), ("A", "Y", 8.0, 6.0), ("B", "X", 2.0, 0.0)] {
        let measured = flow(&trace, from, to, [10.0, 50.0]);
        check("O6", &format!("first graph, {from} to {to}, u"), within(before, 0.01), measured);
        for window in [[51.0, 56.0], [56.0, 96.0]] {
            let share = if window[0] < 55.0 { 0.02 } else { 0.01 };
            let what = format!("first graph, {from} to {to}, u; {window:?} s, after B ended");
            check("O6", &what, within(after, share), flow(&trace, from, to, window));
        }
    }
    let six = bipartite(
        &[("A", 10.0, stay.clone()), ("B", 3.0, stay.clone()), ("C", 8.0, stay)],
        &[("X", 4.0), ("Y", 100.0), ("Z", 6.0)],
        &[["A", "X"], ["A", "Y"], ["A", "Z"], ["B", "X"], ["C", "Z"], ["C", "Y"]],
    );
    let (_, trace) = traced(&scenario(&six), 0);
    for (from, to, expected) in
        [("A", "X", 2.0), ("A", "Y", 5.0), ("A", "Z", 3.0), ("B", "X", 2.0), ("C", "Z", 3.0), ("C", "Y", 5.0)]
    {
        let measured = flow(&trace, from, to, [10.0, 96.0]);
        check("O6", &format!("second graph, {from} to {to}, u"), within(expected, 0.01), measured);
    }
}

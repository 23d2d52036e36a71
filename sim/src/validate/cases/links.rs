//! O1, O2, O5, O6: what access links and round trips allow.

use super::{Case, EMPTY, bounded, row, scenario, within};
use crate::results::RunResult;
use crate::validate::figures::{flow, last, lasts, mean, payload_rate, times};
use crate::validate::lab::{Lab, traced};

pub(super) fn pair(lab: Lab) -> Case {
    let rows = [("as the rate calls for", "{\"pipelined\": {}}"), ("16 under way", "{\"fixed\": 16}")].map(
        |(name, requests)| {
            let change = format!("defaults.requests={requests}");
            let values = lasts(&lab.runs(scenario!("validation/o1_pair"), &[&change]));
            bounded(format!("download, s; requests {name}"), "40.00 and start-up", (40.0, 40.6), values)
        },
    );
    Case {
        id: "O1",
        title: "One seed, one leecher",
        formula: "F / u, and two to five round trips",
        scenario: "o1_pair.json",
        rows: rows.into(),
        note: "One run: nothing in it is drawn.",
        ..EMPTY
    }
}

/// O2's figures: with equal shares all end together, with four slots there are two waves.
pub(super) fn server(lab: Lab) -> Case {
    const FULL: f64 = 2.0 * 1_048_576.0;
    const SLOTS: &str = r#"groups.seed.choking={"algorithm": "tit-for-tat", "slots": 4, "optimistic_slots": 0, "interval": "1 s", "optimistic_interval": "1 h"}"#;
    let mut rows = Vec::new();
    for (name, changes, first_wave, least) in
        [("equal shares", &[][..], 64.0, 0.99), ("four slots", &[SLOTS][..], 32.0, 0.97)]
    {
        let runs = lab.runs(scenario!("validation/o2_server"), changes);
        let rates = |run: &RunResult| -> Vec<f64> {
            (1..63).map(|second| payload_rate(run, f64::from(second), f64::from(second + 1)) / FULL).collect()
        };
        let extreme = |of: fn(f64, f64) -> f64, from: f64| -> Vec<f64> {
            runs.iter().map(|run| rates(run).into_iter().fold(from, of)).collect()
        };
        let wave = |from: usize| -> Vec<f64> {
            let of = |run: &RunResult| {
                let mut times = times(run, "client");
                times.sort_by(f64::total_cmp);
                mean(&times[from..from + 4])
            };
            runs.iter().map(of).collect()
        };
        rows.extend([
            bounded(format!("last completion, s; {name}"), "64 + 1.5 %", (64.0, 64.96), lasts(&runs)),
            row(format!("least of 2 MiB in a second; {name}"), "1", (least, 1.01), extreme(f64::min, ANY)),
            row(format!("most of 2 MiB in a second; {name}"), "1", (0.99, 1.01), extreme(f64::max, 0.0)),
            row(format!("the first four, s; {name}"), "64, or 32", within(first_wave, 0.02), wave(0)),
            row(format!("the other four, s; {name}"), "64", within(64.0, 0.02), wave(4)),
        ]);
    }
    Case {
        id: "O2",
        title: "A server and eight clients that upload nothing",
        formula: "N F / u_S = 64 s, and the server's link is never idle",
        scenario: "o2_server.json",
        rows,
        note: "When four clients finish at once and give way to four others, the link waits for a round trip: two hundredths of a second.",
        ..EMPTY
    }
}

const ANY: f64 = f64::INFINITY;

pub(super) fn window(lab: Lab) -> Case {
    let mut rows = Vec::new();
    for (depth, expected, value) in [
        (1, "144 854", 144_854.0),
        (5, "724 269", 724_269.0),
        (8, "1 158 830", 1_158_830.0),
        (9, "C = 1 250 000", 1_250_000.0),
        (16, "C = 1 250 000", 1_250_000.0),
    ] {
        let change = format!("defaults.requests.fixed={depth}");
        let runs = lab.runs(scenario!("validation/o5_window"), &[&change]);
        let steady = |run: &RunResult| payload_rate(run, last(run) * 0.2, last(run) * 0.8);
        let what = format!("rate with {depth} under way, B/s");
        rows.push(row(what, expected, within(value, 0.02), runs.iter().map(steady).collect()));
    }
    Case {
        id: "O5",
        title: "A pipeline is limited by the round trip",
        formula: "min(C, q b / (RTT + b / C)); full from q = 9 on",
        scenario: "o5_window.json",
        rows,
        note: "One run: nothing in it is drawn.",
        ..EMPTY
    }
}

pub(super) fn max_min(lab: Lab) -> Case {
    let mut rows = Vec::new();
    let (_, trace) = traced(&lab.scenario(scenario!("validation/o6_three_flows"), &[]));
    for (pair, before, after) in [(["A", "X"], 2.0, 4.0), (["A", "Y"], 8.0, 6.0), (["B", "X"], 2.0, 0.0)] {
        let [from, to] = pair;
        let measured = flow(&trace, pair, [10.0, 50.0]);
        rows.push(row(format!("{from} to {to}, u"), "2, 8, 2", within(before, 0.01), vec![measured]));
        let measured = flow(&trace, pair, [51.0, 96.0]);
        let what = format!("{from} to {to} when B has left, u");
        rows.push(row(what, "4, 6, 0", within(after, 0.01), vec![measured]));
    }
    let (_, trace) = traced(&lab.scenario(scenario!("validation/o6_six_flows"), &[]));
    for (pair, expected) in [
        (["A", "X"], 2.0),
        (["A", "Y"], 5.0),
        (["A", "Z"], 3.0),
        (["B", "X"], 2.0),
        (["C", "Z"], 3.0),
        (["C", "Y"], 5.0),
    ] {
        let [from, to] = pair;
        let measured = flow(&trace, pair, [10.0, 96.0]);
        let what = format!("of six flows, {from} to {to}, u");
        rows.push(row(what, "2, 5, 3, 2, 3, 5", within(expected, 0.01), vec![measured]));
    }
    Case {
        id: "O6",
        title: "Flows share links max-min fairly",
        source: "progressive filling",
        formula: "2, 8, 2, and 4, 6 from the moment on in which the third has ended; 2, 5, 3, 2, 3, 5",
        scenario: "o6_three_flows.json, o6_six_flows.json",
        rows,
        note: "Rates of single flows, read from the log of events. One run: nothing in it is drawn.",
        ..EMPTY
    }
}

//! What the cases share: scenarios from JSON text, runs, the table that is printed, figures of a run.

use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use minibit_sim::results::{Ending, PeerResult, RunResult, Sample};
use minibit_sim::run::run_all;
use minibit_sim::scenario::{self, Scenario};
use minibit_sim::world::{Controls, Trace, simulate};
use serde::Deserialize;
use serde_json::{Value, json};

/// Bytes of a piece, and of what a peer uploads in a second.
pub(crate) const PIECE: f64 = 262_144.0;

/// Reads a scenario from its text.
pub(crate) fn scenario(value: &Value) -> Scenario {
    let text = serde_json::to_string_pretty(value).unwrap();
    scenario::parse("validation.json", &text, &[], Path::new(""))
        .unwrap_or_else(|error| panic!("{:?}", miette::Report::new(error)))
}

/// A capacity of so many u.
pub(crate) fn rate(units: f64) -> Value {
    json!(format!("{} B/s", units * PIECE))
}

/// All runs of a scenario.
pub(crate) fn runs(value: &Value) -> Vec<RunResult> {
    run_all(&scenario(value), &AtomicBool::new(false), &|_, _| ())
}

/// One event of a trace, with the details that the cases look at.
#[derive(Debug, Deserialize)]
pub(crate) struct Line {
    pub(crate) t_ns: u64,
    pub(crate) peer: String,
    pub(crate) event: String,
    pub(crate) to: Option<String>,
    pub(crate) message: Option<String>,
    pub(crate) index: Option<u32>,
    pub(crate) length: Option<u32>,
}

impl Line {
    pub(crate) fn seconds(&self) -> f64 {
        seconds(self.t_ns)
    }

    /// Is a message of this kind sent?
    pub(crate) fn sends(&self, kind: &str) -> bool {
        self.message.as_deref() == Some(kind)
    }
}

/// One run and its trace.
pub(crate) fn traced(scenario: &Scenario, run: u32) -> (RunResult, Vec<Line>) {
    let (mut out, mut error) = (Vec::new(), None);
    let trace = Trace::new(&mut out, &mut error);
    let result = simulate(scenario, run, Controls { trace: Some(trace), ..Controls::default() });
    assert!(error.is_none());
    let lines = serde_json::Deserializer::from_slice(&out).into_iter().map(Result::unwrap).collect();
    (result, lines)
}

/// Prints a row of the table, then holds the measured figure against the range.
#[track_caller]
pub(crate) fn check(case: &str, what: &str, accepted: RangeInclusive<f64>, measured: f64) {
    let (low, high) = (*accepted.start(), *accepted.end());
    let bounds = match (low.is_finite(), high.is_finite()) {
        (true, true) => format!("{low:.3} to {high:.3}"),
        (true, false) => format!("at least {low:.3}"),
        _ => format!("at most {high:.3}"),
    };
    row(case, what, &bounds, &format!("{measured:.3}"));
    assert!(accepted.contains(&measured), "{case}, {what}: {measured} is not {bounds}");
}

/// Prints a row of the table.
#[expect(clippy::print_stdout, reason = "the table of measured and expected figures")]
pub(crate) fn row(case: &str, what: &str, expected: &str, measured: &str) {
    println!("{case:4}  {what:58}  {expected:>22}  {measured:>10}");
}

/// So much more or less than a value, as a share of it.
pub(crate) fn within(value: f64, share: f64) -> RangeInclusive<f64> {
    value * (1.0 - share)..=value * (1.0 + share)
}

#[expect(clippy::cast_precision_loss, reason = "virtual times are short")]
pub(crate) fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}

#[expect(clippy::cast_precision_loss, reason = "swarms and files are small")]
pub(crate) fn mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.into_iter().collect();
    values.iter().sum::<f64>() / values.len() as f64
}

/// Seconds from joining to completion of the peers whose names begin so.
pub(crate) fn times(run: &RunResult, name: &str) -> Vec<f64> {
    assert_eq!(run.ending, Ending::Finished, "seed {}", run.seed);
    let chosen = run.peers.iter().filter(|peer| peer.name.starts_with(name));
    chosen.filter_map(PeerResult::download_time).map(|time| time.as_secs_f64()).collect()
}

/// The last completion of a run, in seconds.
pub(crate) fn last(run: &RunResult) -> f64 {
    assert_eq!(run.ending, Ending::Finished, "seed {}", run.seed);
    let completed = run.peers.iter().filter_map(|peer| peer.completed);
    completed.map(|at| seconds(at.as_nanos())).fold(0.0, f64::max)
}

/// Block data that all received per second between two times of the timeline.
#[expect(clippy::cast_precision_loss, reason = "files are small")]
pub(crate) fn payload_rate(run: &RunResult, from: f64, to: f64) -> f64 {
    let at = |time: f64| -> &Sample {
        run.timeline.iter().find(|sample| seconds(sample.time.as_nanos()) >= time).expect("the run is longer")
    };
    let (from, to) = (at(from), at(to));
    (to.payload - from.payload) as f64 / seconds(to.time.nanos_since(from.time))
}

/// A swarm: a seed and leechers who know each other, alike but for what a case changes. The policies are the default ones.
pub(crate) fn swarm(leechers: u32, pieces: u32, seed_rate: f64) -> Value {
    json!({
        "runs": 5,
        "content": { "size": format!("{} KiB", pieces * 256), "piece": "256 KiB", "block": "16 KiB" },
        "network": { "latency": { "rtt": "20 ms" } },
        "neighbours": "mesh",
        "defaults": { "up": rate(1.0), "down": "64 MiB/s" },
        "groups": [
            { "name": "seed", "pieces": "all", "up": rate(seed_rate) },
            { "name": "leecher", "count": leechers }
        ],
        "stop": { "time": "2 h" }
    })
}

/// Nobody is choked; so many uploads at a time.
pub(crate) fn open(parallel_uploads: u32) -> Value {
    json!({ "algorithm": "none", "parallel_uploads": parallel_uploads })
}

/// Nobody is choked, and uploads are as many as there are connections.
pub(crate) fn open_to_all() -> Value {
    json!({ "algorithm": "none", "parallel_uploads": "unlimited" })
}

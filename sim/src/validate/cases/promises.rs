//! O18, O19: what this project promises, and a measurement of others that it was fitted to.

use std::sync::atomic::AtomicBool;

use rayon::ThreadPoolBuilder;

use super::{Case, EMPTY, row, scenario, within};
use crate::report::{self, ReportInput};
use crate::results::{PeerResult, RunResult};
use crate::scenario::{Scenario, evaluate, resolved_json};
use crate::statistics::float;
use crate::validate::figures::mean_of_peers;
use crate::validate::lab::{Lab, logged};

/// All files of a report, and the log of the first run.
type Files = Vec<(String, Vec<u8>)>;

/// Runs a scenario with so many threads.
fn files(scenario: &Scenario, threads: usize) -> Files {
    let work = || {
        let runs = crate::run::run_all(scenario, &AtomicBool::default(), &|_, _| ());
        let verdicts = evaluate(&scenario.expect, scenario, &runs);
        let resolved = resolved_json(scenario);
        let input =
            ReportInput { scenario, runs: &runs, verdicts: &verdicts, resolved: &resolved, command: "sim" };
        let mut files = report::files(&input).unwrap_or_default();
        files.push(("trace.ndjson".to_owned(), logged(scenario).1));
        files
    };
    match ThreadPoolBuilder::new().num_threads(threads).build() {
        Ok(pool) => pool.install(work),
        Err(_) => Files::new(),
    }
}

/// The share of files that are the same; none when there are none.
fn equal(one: &Files, other: &Files) -> f64 {
    let same = one.iter().zip(other).filter(|(one, other)| one == other).count();
    let most = one.len().max(other.len());
    if most == 0 { 0.0 } else { crate::statistics::float_len(same) / crate::statistics::float_len(most) }
}

pub(super) fn replay(lab: Lab) -> Case {
    let text = scenario!("validation/o18_replay");
    let scenario = lab.scenario(text, &[]);
    let (one, four) = (files(&scenario, 1), files(&scenario, 4));
    let other = files(&lab.scenario(text, &["seed=1000"]), 1);
    let log = |files: &Files| files.last().map(|(_, log)| log.clone()).unwrap_or_default();
    let differ = f64::from(u8::from(log(&one) != log(&other)));
    Case {
        id: "O18",
        title: "The same seed gives the same bytes",
        source: "a promise of this project",
        formula: "equal files and equal logs of events, whatever the number of threads; another seed, another log",
        scenario: "o18_replay.json",
        rows: vec![
            row("files that are equal with 1 and 4 threads", "all", (1.0, 1.0), vec![equal(&one, &four)]),
            row("another seed gives another log", "1", (1.0, 1.0), vec![differ]),
        ],
        note: "The tests compare two processes besides, and .ci/run a debug build with a release build.",
        ..EMPTY
    }
}

pub(super) fn report_of_s5(lab: Lab) -> Case {
    let figures = |text: &str| {
        let runs = lab.runs(text, &[]);
        let over = |value: fn(&PeerResult) -> f64| -> Vec<f64> {
            runs.iter().map(|run: &RunResult| mean_of_peers(run, value)).collect()
        };
        let time = |peer: &PeerResult| peer.download_time().map_or(f64::INFINITY, |time| time.as_secs_f64());
        [over(time), over(|peer| float(peer.messages_sent))]
    };
    let [png_time, png_messages] = figures(scenario!("5peers_png"));
    let [mp4_time, mp4_messages] = figures(scenario!("5peers_mp4"));
    Case {
        id: "O19",
        title: "The report of S5",
        source: "measured by the authors of S5",
        formula: "means over five peers, within 10 %; the profile was fitted to these two files",
        scenario: "5peers_png.json, 5peers_mp4.json",
        rows: vec![
            row("PNG, time, s", "15.34", within(15.34, 0.1), png_time),
            row("PNG, messages per peer", "46.2", within(46.2, 0.1), png_messages),
            row("MP4, time, s", "125.19", within(125.19, 0.1), mp4_time),
            row("MP4, messages per peer", "357.5", within(357.5, 0.1), mp4_messages),
        ],
        note: "A fit: these rows show that it holds, and predict nothing.",
        ..EMPTY
    }
}

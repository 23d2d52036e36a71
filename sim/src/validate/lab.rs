//! Where cases have their scenarios run.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use serde::Deserialize;

use crate::results::RunResult;
use crate::run::run_all;
use crate::scenario::{self, Scenario};
use crate::world::{Controls, Trace, simulate};

/// Runs scenarios that are part of the program.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Lab {
    /// Most seeds of a scenario; `None`: as many as it says.
    pub(super) seeds: Option<u32>,
}

impl Lab {
    /// A scenario of the program, with these values replaced.
    ///
    /// # Panics
    /// When it is not valid; tests read all of them.
    pub(super) fn scenario(self, text: &str, overrides: &[&str]) -> Scenario {
        let overrides: Vec<String> = overrides.iter().map(|&change| change.to_owned()).collect();
        let mut scenario = scenario::parse("validation.json", text, &overrides, Path::new(""))
            .unwrap_or_else(|error| panic!("the scenarios of the program are valid: {error:?}"));
        scenario.runs = self.seeds.map_or(scenario.runs, |most| scenario.runs.min(most));
        scenario
    }

    /// All runs of a scenario.
    pub(super) fn runs(self, text: &str, overrides: &[&str]) -> Vec<RunResult> {
        run_all(&self.scenario(text, overrides), &AtomicBool::new(false), &|_, _| ())
    }
}

/// The first run of a scenario, and the log of its events.
pub(super) fn logged(scenario: &Scenario) -> (RunResult, Vec<u8>) {
    let (mut log, mut error) = (Vec::new(), None);
    let trace = Trace::new(&mut log, &mut error);
    let result = simulate(scenario, 0, Controls { trace: Some(trace), ..Controls::default() });
    (result, log)
}

/// The same, with the log read.
///
/// # Panics
/// Never: it was just written.
pub(super) fn traced(scenario: &Scenario) -> (RunResult, Vec<Line>) {
    let (result, log) = logged(scenario);
    let lines = serde_json::Deserializer::from_slice(&log).into_iter();
    (result, lines.map(|line| line.expect("a log can be read")).collect())
}

/// One event of a log, with the details that cases look at.
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    pub(super) t_ns: u64,
    pub(super) peer: String,
    pub(super) event: String,
    pub(super) to: Option<String>,
    pub(super) message: Option<String>,
    pub(super) index: Option<u32>,
    pub(super) length: Option<u32>,
}

impl Line {
    /// When, in seconds.
    pub(super) fn seconds(&self) -> f64 {
        crate::statistics::float(self.t_ns) / 1e9
    }

    /// Is a message of this kind sent?
    pub(super) fn sends(&self, kind: &str) -> bool {
        self.message.as_deref() == Some(kind)
    }
}

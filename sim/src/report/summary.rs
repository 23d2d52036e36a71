//! `summary.json`: the figures that one looks at first, for people and for programs.
//!
//! The same values feed the page's cards and the titles of the figures, so that no sentence can say something else than
//! the file. A value that does not exist is `null`: the 95 % quantile of download times, for example, when more than
//! 5 % of the peers did not finish.

use serde::Serialize;

use super::bound::{self, Bound};
use super::{ReportInput, TRACKER_GROUP};
use crate::results::{Ending, KINDS, Outcome, PeerResult, RunResult, Tally, kind_name};
use crate::statistics::{Distribution, float, rounded};

/// Version of the layout of `summary.json`.
pub const SCHEMA: u32 = 1;

/// The whole file.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What happened, in one sentence.
    pub headline: String,
    /// Name of the scenario.
    pub scenario: String,
    /// Each run.
    pub runs: Vec<Run>,
    /// All peers of all runs.
    pub overall: Group,
    /// The groups in the scenario's order; the seeding tracker comes last as `tracker`.
    pub groups: Vec<Group>,
    /// Lower bound on the time of the last completion, where one is known.
    pub bound: Option<LowerBound>,
    /// The `expect` rules.
    pub checks: Vec<Check>,
}

/// One run.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// Its number.
    pub run: u32,
    /// Its seed.
    pub seed: u64,
    /// `finished`, `stuck`, `time_limit`, `event_limit` or `interrupted`.
    pub ending: &'static str,
    /// Pieces that nobody has any more, when it is stuck.
    pub missing_pieces: Vec<u32>,
    /// Virtual time at the end.
    pub end_s: f64,
    /// Events processed.
    pub events: u64,
    /// Hash of all events, in hexadecimal.
    pub digest: String,
    /// Peers that completed a download.
    pub completed: usize,
    /// Peers that joined incomplete and did not complete.
    pub unfinished: usize,
    /// Lower bound divided by the time of the last completion.
    pub efficiency: Option<f64>,
}

/// Some peers, over all runs.
#[derive(Clone, Debug, Serialize)]
pub struct Group {
    /// Name; `all` for everyone.
    pub name: String,
    /// Peers.
    pub count: usize,
    /// Of these, peers that joined with everything.
    pub seeds: usize,
    /// Peers that never joined before the end.
    pub not_joined: usize,
    /// Peers that completed a download.
    pub completed: usize,
    /// Peers that joined incomplete and did not complete, those included that left or crashed.
    pub unfinished: usize,
    /// Seconds from joining to completion.
    pub download_s: Spread,
    /// Messages sent per peer that joined (for `all`: that joined incomplete), counted as the group asks for.
    pub messages_sent_per_peer: Spread,
    /// Messages received, likewise.
    pub messages_received_per_peer: Spread,
    /// Block data sent.
    pub payload_up_bytes: u64,
    /// Block data received.
    pub payload_down_bytes: u64,
    /// All bytes sent.
    pub wire_up_bytes: u64,
    /// All bytes received.
    pub wire_down_bytes: u64,
    /// Messages sent over the whole run, by kind; kinds that did not occur are left out.
    pub messages_by_kind: Vec<Kind>,
    /// The download times themselves.
    #[serde(skip)]
    pub downloads: Distribution,
}

/// How values are spread. Quantiles as in [`distribution`](crate::statistics::distribution).
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Spread {
    /// The smallest.
    pub min: Option<f64>,
    /// Mean; of download times: of those that completed.
    pub mean: Option<f64>,
    /// 0.5 quantile.
    pub median: Option<f64>,
    /// 0.95 quantile.
    pub p95: Option<f64>,
    /// The largest.
    pub max: Option<f64>,
}

/// Messages of one kind.
#[derive(Clone, Debug, Serialize)]
pub struct Kind {
    /// Its name.
    pub kind: &'static str,
    /// How many.
    pub count: u64,
    /// Their encoded bytes.
    pub bytes: u64,
}

/// A lower bound and how near the runs came.
#[derive(Clone, Debug, Serialize)]
pub struct LowerBound {
    /// `max{F/u_S, F/d_min, N F/(u_S + sum u_i)}` in seconds.
    pub t_min_s: f64,
    /// When the leechers join, in seconds.
    pub start_s: f64,
    /// Mean over the runs of the bound divided by the time of the last completion; `null` unless everybody finished.
    pub efficiency: Option<f64>,
}

/// An `expect` rule and what came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// The rule as written.
    pub text: String,
    /// The measured value.
    pub measured: Option<f64>,
    /// Does it hold?
    pub passed: bool,
}

impl Summary {
    /// The summary of some runs.
    pub fn new(input: &ReportInput<'_>) -> Self {
        let bound = bound::of(input.scenario);
        let names = input.scenario.groups.iter().map(|group| group.name.as_str());
        let members = |wanted: Option<usize>| {
            let of_all = input.runs.iter().flat_map(|run| &run.peers);
            of_all.filter(|peer| peer.group == wanted).collect::<Vec<_>>()
        };
        let mut groups: Vec<_> =
            names.enumerate().map(|(i, name)| Group::new(name, &members(Some(i)), |_| true)).collect();
        let tracker = members(None);
        if !tracker.is_empty() {
            groups.push(Group::new(TRACKER_GROUP, &tracker, |_| true));
        }
        let everyone: Vec<_> = input.runs.iter().flat_map(|run| &run.peers).collect();
        let runs: Vec<_> = input.runs.iter().map(|run| Run::new(run, bound.as_ref())).collect();
        let efficiencies: Option<Vec<f64>> = runs.iter().map(|run| run.efficiency).collect();
        let mut summary = Self {
            schema: SCHEMA,
            headline: String::new(),
            scenario: input.scenario.name.clone(),
            overall: Group::new("all", &everyone, downloads),
            groups,
            bound: bound.map(|bound| LowerBound {
                t_min_s: rounded(bound.seconds),
                start_s: rounded(bound.start.as_secs_f64()),
                efficiency: efficiencies.and_then(|all| crate::statistics::mean(&all)).map(rounded),
            }),
            runs,
            checks: input
                .verdicts
                .iter()
                .map(|verdict| Check {
                    text: verdict.text.clone(),
                    measured: verdict.measured.filter(|value| value.is_finite()).map(rounded),
                    passed: verdict.passed,
                })
                .collect(),
        };
        summary.headline = super::findings::headline(input, &summary);
        summary
    }

    /// The groups in which somebody downloads.
    pub fn downloading(&self) -> impl Iterator<Item = (usize, &Group)> {
        self.groups.iter().enumerate().filter(|(_, group)| !group.downloads.is_empty())
    }
}

/// Did this peer join incomplete?
pub fn downloads(peer: &PeerResult) -> bool {
    peer.joined.is_some() && !matches!(peer.outcome, Outcome::Seed | Outcome::NotJoined)
}

/// The word for an ending in files.
pub const fn ending_name(ending: &Ending) -> &'static str {
    match ending {
        Ending::Finished => "finished",
        Ending::Stuck(_) => "stuck",
        Ending::TimeLimit => "time_limit",
        Ending::EventLimit => "event_limit",
        Ending::Interrupted => "interrupted",
    }
}

impl Run {
    fn new(run: &RunResult, bound: Option<&Bound>) -> Self {
        let downloading = run.peers.iter().filter(|peer| downloads(peer));
        let (completed, unfinished): (Vec<_>, Vec<_>) =
            downloading.partition(|peer| peer.completed.is_some());
        Self {
            run: run.run,
            seed: run.seed,
            ending: ending_name(&run.ending),
            missing_pieces: match &run.ending {
                Ending::Stuck(stuck) => stuck.missing.iter().map(|missing| missing.piece).collect(),
                _ => Vec::new(),
            },
            end_s: rounded(run.end.as_secs_f64()),
            events: run.events,
            digest: super::hex(run.digest),
            completed: completed.len(),
            unfinished: unfinished.len(),
            efficiency: bound.and_then(|bound| bound.efficiency(run)).map(rounded),
        }
    }
}

impl Group {
    fn new(name: &str, peers: &[&PeerResult], counts_messages: fn(&PeerResult) -> bool) -> Self {
        let downloading = || peers.iter().filter(|peer| downloads(peer));
        let messages = |field: fn(&PeerResult) -> u64| {
            let senders = peers.iter().filter(|peer| peer.joined.is_some() && counts_messages(peer));
            Spread::new(&Distribution::new(senders.map(|peer| float(field(peer))).collect(), 0))
        };
        let sum = |field: fn(&PeerResult) -> u64| peers.iter().map(|peer| field(peer)).sum();
        let times = Distribution::of_times(downloading().map(|peer| peer.download_time()));
        Self {
            name: name.to_owned(),
            count: peers.len(),
            seeds: peers.iter().filter(|peer| peer.outcome == Outcome::Seed).count(),
            not_joined: peers.iter().filter(|peer| peer.outcome == Outcome::NotJoined).count(),
            completed: times.finite().len(),
            unfinished: times.infinite(),
            download_s: Spread::new(&times),
            messages_sent_per_peer: messages(|peer| peer.messages_sent),
            messages_received_per_peer: messages(|peer| peer.messages_received),
            payload_up_bytes: sum(|peer| peer.payload_up),
            payload_down_bytes: sum(|peer| peer.payload_down),
            wire_up_bytes: sum(|peer| peer.wire_up),
            wire_down_bytes: sum(|peer| peer.wire_down),
            messages_by_kind: by_kind(peers),
            downloads: times,
        }
    }

    /// Messages sent over the whole run.
    pub fn messages(&self) -> u64 {
        self.messages_by_kind.iter().map(|kind| kind.count).sum()
    }
}

fn by_kind(peers: &[&PeerResult]) -> Vec<Kind> {
    let mut tallies = [Tally::default(); KINDS];
    for peer in peers {
        for (sum, tally) in tallies.iter_mut().zip(&peer.sent) {
            sum.count += tally.count;
            sum.bytes += tally.bytes;
        }
    }
    let kinds = tallies.iter().enumerate().filter(|(_, tally)| tally.count > 0);
    kinds
        .map(|(kind, tally)| Kind { kind: kind_name(kind), count: tally.count, bytes: tally.bytes })
        .collect()
}

impl Spread {
    /// The spread of some values.
    pub fn new(values: &Distribution) -> Self {
        Self {
            min: values.quantile(0.0).map(rounded),
            mean: values.mean().map(rounded),
            median: values.median().map(rounded),
            p95: values.quantile(0.95).map(rounded),
            max: values.quantile(1.0).map(rounded),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, text};
    use super::*;

    #[test]
    fn of_a_tiny_swarm() {
        let case = Case::tiny();
        insta::assert_snapshot!("summary", text(super::super::json(&Summary::new(&case.input()))));
    }

    #[test]
    fn a_quantile_beyond_those_who_finished_is_null() {
        let mut case = Case::tiny();
        case.runs[0].peers[1].completed = None;
        case.runs[0].peers[1].outcome = Outcome::Crashed;
        let summary = Summary::new(&case.input());
        assert_eq!((summary.overall.completed, summary.overall.unfinished), (1, 1));
        assert_eq!(summary.overall.download_s.max, None);
        assert_eq!(summary.overall.download_s.median, None);
        assert_eq!(summary.overall.download_s.mean, summary.overall.download_s.min);
        assert_eq!(summary.bound.unwrap().efficiency, None);
    }
}

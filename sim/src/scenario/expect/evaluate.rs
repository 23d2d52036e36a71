//! Holding rules against results.

use super::super::{Aggregate, Comparison, Expectation, Metric, Scenario};
use crate::results::{PeerResult, RunResult};

/// Whether an expectation holds.
#[derive(Clone, Debug, PartialEq)]
pub struct Verdict {
    /// The expectation, as it stands in the scenario.
    pub text: String,
    /// What was measured: seconds, bytes, messages or a share. `None`: there was nothing to measure, or a peer on which the
    /// value depends never finished.
    pub measured: Option<f64>,
    /// Does it hold? Never without a measured value.
    pub passed: bool,
}

/// Holds each rule against all runs together.
///
/// A peer that joined incomplete and did not finish counts as infinitely late in download times; it is never left out. Peers
/// that never joined do not count. Quantiles are interpolated linearly between the two nearest values.
pub fn evaluate(expectations: &[Expectation], scenario: &Scenario, results: &[RunResult]) -> Vec<Verdict> {
    let judge = |rule: &Expectation| {
        let values = values(rule, scenario, results);
        let measured = aggregate(rule.aggregate, values).filter(|value| value.is_finite());
        let passed = measured.is_some_and(|measured| match rule.comparison {
            Comparison::Less => measured < rule.threshold,
            Comparison::LessOrEqual => measured <= rule.threshold,
            Comparison::Greater => measured > rule.threshold,
            Comparison::GreaterOrEqual => measured >= rule.threshold,
        });
        Verdict { text: rule.text.clone(), measured, passed }
    };
    expectations.iter().map(judge).collect()
}

/// The values that a rule is about.
fn values(rule: &Expectation, scenario: &Scenario, results: &[RunResult]) -> Vec<f64> {
    if rule.metric == Metric::Duration {
        return results.iter().map(|run| run.end.as_secs_f64()).collect();
    }
    let index = |name: &String| scenario.groups.iter().position(|group| group.name == *name);
    let wanted = rule.group.as_ref().map(index);
    let counts = |peer: &&PeerResult| {
        peer.joined.is_some()
            && peer.group.is_some_and(|group| wanted.is_none_or(|wanted| wanted == Some(group)))
    };
    let content = scenario.content;
    let pieces = content.len.div_ceil(content.piece_len.max(1).into());
    let peers = results.iter().flat_map(|run| &run.peers).filter(counts);
    peers.filter_map(|peer| value(rule.metric, peer, u64::from(peer.initial_pieces) >= pieces)).collect()
}

/// A peer's value, when it has one.
#[expect(clippy::cast_precision_loss, reason = "counts stay below 2^53")]
fn value(metric: Metric, peer: &PeerResult, seed: bool) -> Option<f64> {
    match metric {
        Metric::DownloadTime | Metric::Completed if seed => None,
        Metric::DownloadTime => Some(peer.download_time().map_or(f64::INFINITY, |time| time.as_secs_f64())),
        Metric::Completed => Some(if peer.completed.is_some() { 1.0 } else { 0.0 }),
        Metric::MessagesSent => Some(peer.messages_sent as f64),
        Metric::PayloadUp => Some(peer.payload_up as f64),
        Metric::PayloadDown => Some(peer.payload_down as f64),
        Metric::Duration => None,
    }
}

/// One value of many; `None`: there are none.
#[expect(clippy::cast_precision_loss, reason = "there are fewer than 2^53 values")]
fn aggregate(aggregate: Aggregate, mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (&min, &max) = (values.first()?, values.last()?);
    Some(match aggregate {
        Aggregate::Min => min,
        Aggregate::Max => max,
        Aggregate::Sum => values.iter().sum(),
        Aggregate::Mean => values.iter().sum::<f64>() / values.len() as f64,
        Aggregate::Quantile(quantile) => interpolated(&values, quantile),
    })
}

/// The quantile of sorted values: linear between the two nearest ones (Hyndman and Fan's type 7).
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an index into the values"
)]
fn interpolated(values: &[f64], quantile: f64) -> f64 {
    let place = quantile * (values.len() - 1) as f64;
    let low = (place as usize).min(values.len() - 1);
    let high = (low + 1).min(values.len() - 1);
    let share = place - low as f64;
    // Without this an infinite neighbour of no weight would make the value no number.
    if share <= 0.0 { values[low] } else { values[low] + share * (values[high] - values[low]) }
}

#[cfg(test)]
mod tests {
    use super::super::parse;
    use super::*;
    use crate::results::{Ending, KINDS, Outcome, Tally};
    use minibit_core::Instant;
    use std::time::Duration;

    const SCENARIO: &str = r#"{
        "content": {"size": "4 MiB", "piece": "1 MiB"},
        "groups": [
            {"name": "seed", "pieces": "all", "up": "1 Mbit/s"},
            {"name": "fast", "count": 2, "up": "1 Mbit/s"},
            {"name": "slow", "count": 2, "up": "1 Mbit/s"}
        ]
    }"#;

    fn peer(
        group: Option<usize>,
        initial_pieces: u32,
        joined: Option<u64>,
        completed: Option<u64>,
        messages_sent: u64,
    ) -> PeerResult {
        let at = |seconds: u64| Instant::ZERO + Duration::from_secs(seconds);
        PeerResult {
            name: "peer".to_owned(),
            group,
            initial_pieces,
            joined: joined.map(at),
            completed: completed.map(at),
            left: None,
            outcome: Outcome::Incomplete,
            pieces: 0,
            messages_sent,
            messages_received: 0,
            payload_up: 1024,
            payload_down: 2048,
            wire_up: 0,
            wire_down: 0,
            sent: [Tally::default(); KINDS],
            received: [Tally::default(); KINDS],
        }
    }

    fn run(peers: Vec<PeerResult>, end: u64) -> RunResult {
        RunResult {
            run: 0,
            seed: 1,
            ending: Ending::Finished,
            end: Instant::ZERO + Duration::from_secs(end),
            events: 0,
            digest: 0,
            peers,
            timeline: Vec::new(),
            progress: Vec::new(),
            copies: crate::results::Copies::default(),
            between_groups: Vec::new(),
        }
    }

    /// A seed, downloads of 10, 20 and 40 s, one that never ends, one peer that never joined, and the tracker.
    fn measured(rule: &str) -> (Option<f64>, bool) {
        let scenario = crate::scenario::parse("test.json", SCENARIO, &[], std::path::Path::new("")).unwrap();
        let rule = parse(rule, &["seed", "fast", "slow"]).unwrap();
        let first = vec![
            peer(Some(0), 4, Some(0), None, 100),
            peer(Some(1), 0, Some(5), Some(15), 10),
            peer(Some(1), 3, Some(0), Some(20), 20),
            peer(Some(2), 0, None, None, 0),
            peer(None, 4, Some(0), None, 1_000),
        ];
        let second = vec![peer(Some(2), 0, Some(2), Some(42), 30), peer(Some(2), 0, Some(0), None, 40)];
        let verdicts = evaluate(&[rule], &scenario, &[run(first, 50), run(second, 70)]);
        (verdicts[0].measured, verdicts[0].passed)
    }

    #[test]
    fn aggregates_are_those_computed_by_hand() {
        assert_eq!(measured("min(download_s) <= 10"), (Some(10.0), true));
        assert_eq!(measured("min(download_s) < 10"), (Some(10.0), false));
        assert_eq!(measured("median(download_s{group=fast}) > 14.9 s"), (Some(15.0), true));
        // Of 10, 20, 40, ∞: half way between 20 and 40.
        assert_eq!(measured("median(download_s) >= 30 s"), (Some(30.0), true));
        assert_eq!(measured("mean(messages_sent) < 41"), (Some(40.0), true));
        assert_eq!(measured("sum(messages_sent{group=fast}) > 30"), (Some(30.0), false));
        assert_eq!(measured("share(completed) >= 75 %"), (Some(0.75), true));
        assert_eq!(measured("share(completed{group=slow}) > 0.5"), (Some(0.5), false));
        assert_eq!(measured("max(duration_s) < 70"), (Some(70.0), false));
        assert_eq!(measured("max(payload_down) <= 2 KiB"), (Some(2048.0), true));
        assert_eq!(measured("max(payload_up) < 1 KiB"), (Some(1024.0), false));
    }

    #[test]
    fn unfinished_peers_are_infinitely_late_and_fail_what_depends_on_them() {
        assert_eq!(measured("max(download_s) < 1000000"), (None, false));
        assert_eq!(measured("mean(download_s) < 1000000"), (None, false));
        assert_eq!(measured("p95(download_s) > 0"), (None, false), "not even a lower bound");
        // Of 40, ∞: the median depends on the second, the smallest does not.
        assert_eq!(measured("median(download_s{group=slow}) < 1000000"), (None, false));
        assert_eq!(measured("p0(download_s{group=slow}) < 1000000"), (Some(40.0), true));
    }

    #[test]
    fn without_a_value_nothing_holds() {
        assert_eq!(measured("max(download_s{group=seed}) < 1000"), (None, false));
        assert_eq!(measured("share(completed{group=seed}) >= 0"), (None, false));
    }
}

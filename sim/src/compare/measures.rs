//! What a run is made one number by: the values that are compared seed by seed.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::report::bound::Bound;
use crate::report::format::{duration, grouped, number, percent};
use crate::report::summary::downloads;
use crate::results::{PeerResult, RunResult};
use crate::scenario::{Content, Scenario};
use crate::statistics::paired::Scale;
use crate::statistics::{Distribution, float, float_len, mean};

/// A figure of one run. Those of times are over the peers that joined incomplete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Median download time; infinite when it falls on a peer that did not finish.
    MedianDownload,
    /// 95 % quantile of the download times; infinite likewise.
    P95Download,
    /// The longest download; infinite when somebody did not finish.
    LastDownload,
    /// Mean download time of those who finished: a swarm that loses its slow peers looks good in it. Infinite when nobody did.
    #[serde(rename = "mean_download_of_finished")]
    MeanFinished,
    /// Peers that joined incomplete and did not finish.
    Unfinished,
    /// Messages sent per peer, as the group counts them.
    #[serde(rename = "messages_per_peer")]
    Messages,
    /// Share of the block data received that ended in no verified piece of its receiver.
    Waste,
    /// Share of the block data that was sent by those who joined with everything.
    FromSeeds,
    /// Lower bound divided by the time of the last completion; 0 when somebody did not finish. Only where the bound is defined.
    Efficiency,
}

/// What is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// A lower value.
    Lower,
    /// A higher value.
    Higher,
    /// Neither.
    Neither,
}

impl Measure {
    /// All of them, in the order of files and tables.
    pub const ALL: [Self; 9] = [
        Self::MedianDownload,
        Self::P95Download,
        Self::LastDownload,
        Self::MeanFinished,
        Self::Unfinished,
        Self::Messages,
        Self::Waste,
        Self::FromSeeds,
        Self::Efficiency,
    ];

    /// Its name in files and rules.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MedianDownload => "median_download",
            Self::P95Download => "p95_download",
            Self::LastDownload => "last_download",
            Self::MeanFinished => "mean_download_of_finished",
            Self::Unfinished => "unfinished",
            Self::Messages => "messages_per_peer",
            Self::Waste => "waste",
            Self::FromSeeds => "from_seeds",
            Self::Efficiency => "efficiency",
        }
    }

    /// Its name in tables and sentences.
    pub const fn title(self) -> &'static str {
        match self {
            Self::MedianDownload => "median download",
            Self::P95Download => "p95 download",
            Self::LastDownload => "last download",
            Self::MeanFinished => "mean download of those who finished",
            Self::Unfinished => "peers that did not finish",
            Self::Messages => "messages per peer",
            Self::Waste => "data received in vain",
            Self::FromSeeds => "data served by seeds",
            Self::Efficiency => "efficiency (T_min / T_last)",
        }
    }

    /// The measure of this name in files.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.name() == name)
    }

    /// What is better.
    pub const fn better(self) -> Better {
        match self {
            Self::FromSeeds => Better::Neither,
            Self::Efficiency => Better::Higher,
            _ => Better::Lower,
        }
    }

    /// How its changes are measured.
    pub const fn scale(self) -> Scale {
        match self {
            Self::MedianDownload
            | Self::P95Download
            | Self::LastDownload
            | Self::MeanFinished
            | Self::Messages => Scale::Relative,
            Self::Unfinished | Self::Waste | Self::FromSeeds | Self::Efficiency => Scale::Difference,
        }
    }

    /// Is it a time?
    pub const fn is_time(self) -> bool {
        matches!(self, Self::MedianDownload | Self::P95Download | Self::LastDownload | Self::MeanFinished)
    }

    /// Its value in a run; `None` when the scenario has no such figure.
    pub fn of(self, run: &RunResult, scenario: &Scenario, bound: Option<&Bound>) -> Option<f64> {
        let downloading = || run.peers.iter().filter(|peer| downloads(peer));
        let times = || Distribution::of_times(downloading().map(PeerResult::download_time));
        let quantile = |q| times().quantile(q).unwrap_or(f64::INFINITY);
        Some(match self {
            Self::MedianDownload => quantile(0.5),
            Self::P95Download => quantile(0.95),
            Self::LastDownload => quantile(1.0),
            Self::MeanFinished => times().mean().unwrap_or(f64::INFINITY),
            Self::Unfinished => float_len(times().infinite()),
            Self::Messages => {
                let sent: Vec<f64> = downloading().map(|peer| float(peer.messages_sent)).collect();
                mean(&sent).unwrap_or(0.0)
            }
            Self::Waste => {
                let received = downloading().map(|peer| peer.payload_down).sum();
                let used = downloading().map(|peer| useful(peer, scenario.content)).sum();
                share(u64::saturating_sub(received, used), received)
            }
            Self::FromSeeds => {
                let last = run.timeline.last();
                last.map_or(0.0, |sample| share(sample.payload_from_seeds, sample.payload))
            }
            Self::Efficiency => bound?.efficiency(run).unwrap_or(0.0),
        })
    }

    /// A value for people.
    pub fn shown(self, value: f64) -> String {
        if value.is_infinite() {
            return "not reached".to_owned();
        }
        match self {
            _ if self.is_time() => duration(value),
            Self::Messages if value >= 100.0 => grouped(rounded(value)),
            Self::Unfinished | Self::Messages => number(value),
            Self::Waste if value > 0.0 && value < 0.001 => "under 0.1 %".to_owned(),
            Self::Waste | Self::Efficiency => format!("{:.1} %", value * 100.0),
            _ => percent(value),
        }
    }

    /// A change for people, with its sign.
    pub fn shown_change(self, change: f64) -> String {
        let sign = if change < 0.0 { "−" } else { "+" };
        match self.scale() {
            Scale::Relative if change.is_infinite() => "never reached".to_owned(),
            Scale::Relative => format!("{sign}{:.1} %", change.abs() * 100.0),
            Scale::Difference if change.is_infinite() => format!("{sign}∞"),
            Scale::Difference if self == Self::Unfinished => format!("{sign}{}", number(change.abs())),
            Scale::Difference => format!("{sign}{:.1} points", change.abs() * 100.0),
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of messages")]
fn rounded(value: f64) -> u64 {
    value.round() as u64
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { float(part) / float(whole) }
}

/// Bytes of the pieces that a peer got.
fn useful(peer: &PeerResult, content: Content) -> u64 {
    let held = |pieces: u32| (u64::from(pieces) * u64::from(content.piece_len)).min(content.len);
    held(peer.pieces).saturating_sub(held(peer.initial_pieces))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::bound;
    use crate::report::testing::Case;
    use crate::results::Outcome;

    fn values(case: &Case) -> Vec<Option<f64>> {
        let bound = bound::of(&case.scenario);
        let measure = |measure: Measure| measure.of(&case.runs[0], &case.scenario, bound.as_ref());
        Measure::ALL.into_iter().map(measure).collect()
    }

    /// One seed at 5 Mbit/s up, two leechers with 5 up and 20 down, 65 536 bytes; they join at 1 s and need 10 s and 8.5 s.
    #[test]
    fn of_a_tiny_swarm_by_hand() {
        let mut case = Case::tiny();
        case.runs[0].peers[1].payload_down += 32_768;
        // All data once through the seed; the sum of all uplinks would allow 2 F / 3 u, which is less.
        let t_min = 65_536.0 / 625_000.0;
        let expected = [
            9.25,
            // Position 0.95 between 8.5 and 10.
            9.925,
            10.0,
            9.25,
            0.0,
            // Two and three messages: a block's or two, and an announce.
            2.5,
            // 65 536 + 98 304 received, 131 072 of it used.
            0.2,
            81_920.0 / 131_072.0,
            t_min / 10.0,
        ];
        for ((measure, value), expected) in Measure::ALL.into_iter().zip(values(&case)).zip(expected) {
            let value = value.unwrap();
            assert!((value - expected).abs() < 1e-9, "{}: {value}, not {expected}", measure.name());
        }
    }

    #[test]
    fn who_did_not_finish_is_counted_in_every_value() {
        let mut case = Case::tiny();
        let late = &mut case.runs[0].peers[1];
        (late.completed, late.outcome, late.pieces) = (None, Outcome::Incomplete, 3);
        let values = values(&case);
        let never = Some(f64::INFINITY);
        assert_eq!(values[..5], [never, never, never, Some(8.5), Some(1.0)]);
        // Of 131 072 bytes received 4 + 3 pieces of 16 384 came.
        assert_eq!(values[6], Some(0.125));
        assert_eq!(values[8], Some(0.0));
    }

    #[test]
    fn files_of_all_kinds_have_the_same_names() {
        for measure in Measure::ALL {
            assert_eq!(serde_json::to_value(measure).unwrap(), measure.name());
        }
    }

    #[test]
    fn values_are_written_with_their_units() {
        assert_eq!(Measure::MedianDownload.shown(41.23), "41.2 s");
        assert_eq!(Measure::P95Download.shown(f64::INFINITY), "not reached");
        assert_eq!(Measure::Waste.shown(0.0123), "1.2 %");
        assert_eq!(Measure::Messages.shown(1234.4), "1,234");
        assert_eq!(Measure::MedianDownload.shown_change(-0.203), "−20.3 %");
        assert_eq!(Measure::Waste.shown_change(0.012), "+1.2 points");
        assert_eq!(Measure::Unfinished.shown_change(-3.5), "−3.50");
    }
}

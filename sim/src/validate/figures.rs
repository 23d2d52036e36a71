//! Figures of runs.

use std::collections::BTreeMap;

use super::lab::Line;
use crate::report::plot::Curve;
use crate::results::{Ending, PeerResult, RunResult, Sample};
use crate::statistics::{self, Distribution, float};

/// Bytes of a piece in most cases, and of what a peer uploads in a second: u.
pub(super) const PIECE: f64 = 262_144.0;

/// The arithmetic mean; not a number when there are no values.
pub(super) fn mean(values: &[f64]) -> f64 {
    statistics::mean(values).unwrap_or(f64::NAN)
}

/// Seconds from joining to completion of those whose names begin so; infinite for who did not complete.
pub(super) fn times(run: &RunResult, name: &str) -> Vec<f64> {
    let chosen = run.peers.iter().filter(|peer| peer.name.starts_with(name) && peer.joined.is_some());
    chosen.map(|peer| peer.download_time().map_or(f64::INFINITY, |time| time.as_secs_f64())).collect()
}

/// The last completion of a run in seconds; infinite when somebody did not complete.
pub(super) fn last(run: &RunResult) -> f64 {
    let completed = run.peers.iter().filter_map(|peer| peer.completed);
    let last = completed.map(|at| (at - minibit_core::Instant::ZERO).as_secs_f64()).fold(0.0, f64::max);
    if run.ending == Ending::Finished { last } else { f64::INFINITY }
}

/// The last completion of each run.
pub(super) fn lasts(runs: &[RunResult]) -> Vec<f64> {
    runs.iter().map(last).collect()
}

/// Each value divided by another one.
pub(super) fn over(values: &[f64], divisor: f64) -> Vec<f64> {
    values.iter().map(|value| value / divisor).collect()
}

/// Values of the same seeds, one over the other.
pub(super) fn ratios(of: &[f64], to: &[f64]) -> Vec<f64> {
    of.iter().zip(to).map(|(of, to)| of / to).collect()
}

/// Block data that all received per second between two times.
pub(super) fn payload_rate(run: &RunResult, from: f64, to: f64) -> f64 {
    let at = |seconds: f64| -> Option<&Sample> {
        let late = |sample: &&Sample| sample.time.as_secs_f64() >= seconds;
        run.timeline.iter().find(late).or(run.timeline.last())
    };
    let (Some(from), Some(to)) = (at(from), at(to)) else { return 0.0 };
    float(to.payload - from.payload) / (to.time - from.time).as_secs_f64()
}

/// The mean of something over the samples after a time.
pub(super) fn level(run: &RunResult, after: f64, of: impl Fn(&Sample) -> u32) -> f64 {
    let settled = run.timeline.iter().filter(|sample| sample.time.as_secs_f64() > after);
    mean(&settled.map(|sample| f64::from(of(sample))).collect::<Vec<f64>>())
}

/// When a second copy of all pieces is there: the first seed has one, so each has left it then.
pub(super) fn all_out(run: &RunResult) -> f64 {
    let out = run.timeline.iter().find(|sample| sample.min_copies >= 2);
    out.map_or(f64::INFINITY, |sample| sample.time.as_secs_f64())
}

/// The standard deviation of the number of copies per piece, when so large a share of all copies that `leechers` will
/// have is there. Of a run whose copies are recorded piece by piece.
pub(super) fn spread_of_copies(run: &RunResult, leechers: u32, share: f64) -> f64 {
    let enough = |copies: &&Vec<u32>| {
        // One copy of each is the seed's.
        let held: f64 = copies.iter().map(|&copies| f64::from(copies) - 1.0).sum();
        held >= share * f64::from(leechers) * statistics::float_len(copies.len())
    };
    let Some(copies) = run.copies.rarest.iter().find(enough) else { return f64::NAN };
    let copies: Vec<f64> = copies.iter().map(|&copies| f64::from(copies)).collect();
    let centre = mean(&copies);
    libm::sqrt(mean(&copies.iter().map(|copies| (copies - centre) * (copies - centre)).collect::<Vec<f64>>()))
}

/// What is known of the mean over peers that take part from the beginning to the end of a run.
pub(super) fn mean_of_peers(run: &RunResult, value: impl Fn(&PeerResult) -> f64) -> f64 {
    mean(&run.peers.iter().filter(|peer| peer.group.is_some()).map(value).collect::<Vec<f64>>())
}

/// A curve of download times.
pub(super) fn curve(name: &str, runs: &[RunResult], group: &str) -> Curve {
    let of = |run: &RunResult| {
        let (finite, infinite): (Vec<f64>, Vec<f64>) =
            times(run, group).into_iter().partition(|time| time.is_finite());
        Distribution::new(finite, infinite.len())
    };
    Curve { name: name.to_owned(), runs: runs.iter().map(of).collect() }
}

/// Block data that was sent from one to another per second of a time, in u.
pub(super) fn flow(trace: &[Line], [from, to]: [&str; 2], window: [f64; 2]) -> f64 {
    let sent: u32 = trace
        .iter()
        .filter(|line| line.sends("piece") && line.peer == from && line.to.as_deref() == Some(to))
        .filter(|line| (window[0]..window[1]).contains(&line.seconds()))
        .filter_map(|line| line.length)
        .sum();
    f64::from(sent) / (window[1] - window[0]) / PIECE
}

/// The most bytes of blocks that each peer hands to the network in a window of a second.
pub(super) fn busiest_second(trace: &[Line]) -> BTreeMap<&str, u64> {
    let mut sent: BTreeMap<&str, Vec<(u64, u64)>> = BTreeMap::new();
    for line in trace.iter().filter(|line| line.sends("piece")) {
        sent.entry(&line.peer).or_default().push((line.t_ns, u64::from(line.length.unwrap_or(0))));
    }
    let busiest = |sent: &[(u64, u64)]| {
        let (mut begin, mut bytes, mut most) = (0, 0, 0);
        for &(at, length) in sent {
            bytes += length;
            while sent[begin].0 + minibit_core::time::NANOS_PER_SEC <= at {
                bytes -= sent[begin].1;
                begin += 1;
            }
            most = bytes.max(most);
        }
        most
    };
    sent.into_iter().map(|(peer, sent)| (peer, busiest(&sent))).collect()
}

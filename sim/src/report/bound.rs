//! How fast any protocol could have been.
//!
//! No schedule distributes `F` bytes to `N` leechers faster than `max{F / u_S, F / d_min, N F / (u_S + Σ u_i)}`: every
//! byte leaves the seeds at least once, the slowest downlink must carry the file, and all copies together must be sent by
//! somebody (Kumar and Ross, "Peer-assisted file distribution: the minimum distribution time", 2006). The bound says
//! something only of swarms in which capacities are fixed, all leechers start with nothing at the same time while the
//! seeds are there, and nobody leaves before it is complete. Who leaves then takes its uplink along, and can only make the
//! others later; where all end together, as in the best schedule, it makes no difference.

use std::time::Duration;

use minibit_core::{Instant, config::Config};

use crate::results::{Outcome, RunResult};
use crate::scenario::{Arrivals, Departures, InitialPieces, Link, LinkDist, Scenario};
use crate::statistics::float;

/// The bound of a scenario.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    /// No last completion can come sooner after the start, in seconds.
    pub seconds: f64,
    /// When the leechers join.
    pub start: Instant,
}

/// Capacities in bytes per second; infinite when there is no limit.
#[derive(Clone, Copy)]
struct Rates {
    up: f64,
    down: f64,
}

/// The bound, where it is defined and not zero.
pub fn of(scenario: &Scenario) -> Option<Bound> {
    let mut seeds_up = 0.0;
    let mut leechers = 0.0;
    let mut leechers_up = 0.0;
    let mut slowest_down = f64::INFINITY;
    let mut start: Option<Duration> = None;
    let mut seeds_from = Duration::ZERO;
    if let Some(tracker) = &scenario.tracker
        && let Some(config) = &tracker.seed
    {
        seeds_up += rates(tracker.link, config)?.up;
    }
    for group in scenario.groups.iter().filter(|group| group.count > 0) {
        let (LinkDist::Fixed(link), Arrivals::Together(joins)) = (&group.link, &group.arrivals) else {
            return None;
        };
        if (Departures { after_completion: None, ..group.departures.clone() }) != Departures::default() {
            return None;
        }
        let rates = rates(*link, &group.config)?;
        let count = float(group.count.into());
        match group.pieces {
            InitialPieces::All => {
                seeds_up += if rates.up > 0.0 { count * rates.up } else { 0.0 };
                seeds_from = seeds_from.max(*joins);
            }
            InitialPieces::None => {
                if *start.get_or_insert(*joins) != *joins {
                    return None;
                }
                leechers += count;
                leechers_up += if rates.up > 0.0 { count * rates.up } else { 0.0 };
                slowest_down = slowest_down.min(rates.down);
            }
            InitialPieces::Random(_) | InitialPieces::SeedShare { .. } | InitialPieces::Exactly(_) => {
                return None;
            }
        }
    }
    let start = start.filter(|&start| seeds_from <= start)?;
    let len = float(scenario.content.len);
    let seconds = (len / seeds_up).max(len / slowest_down).max(leechers * len / (seeds_up + leechers_up));
    (seconds.is_finite() && seconds > 0.0).then_some(Bound { seconds, start: Instant::ZERO + start })
}

fn rates(link: Link, config: &Config) -> Option<Rates> {
    let Link::Duplex { up, down } = link else {
        return None;
    };
    let bytes = |bits: Option<u64>| bits.map_or(f64::INFINITY, |bits| float(bits) / 8.0);
    Some(Rates { up: if config.uploads { bytes(up) } else { 0.0 }, down: bytes(down) })
}

impl Bound {
    /// Time from the start to the last completion in seconds, when everybody finished.
    pub fn last_completion(&self, run: &RunResult) -> Option<f64> {
        let mut last = self.start;
        for peer in run.peers.iter().filter(|peer| peer.outcome != Outcome::Seed) {
            last = last.max(peer.completed?);
        }
        Some((last - self.start).as_secs_f64()).filter(|&seconds| seconds > 0.0)
    }

    /// The bound divided by the time that the run took: 1 is perfect, more would be a bug.
    pub fn efficiency(&self, run: &RunResult) -> Option<f64> {
        Some(self.seconds / self.last_completion(run)?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Case;
    use super::*;
    use crate::scenario::DurationDist;

    fn bound(edit: impl FnOnce(&mut Scenario)) -> Option<f64> {
        let mut case = Case::tiny();
        edit(&mut case.scenario);
        of(&case.scenario).map(|bound| bound.seconds)
    }

    #[test]
    fn each_of_the_three_terms_can_bind() {
        // 1 seed 8 Mbit/s = 1 MB/s; 2 leechers 0.8 Mbit/s up, 16 Mbit/s down; 4 MB.
        let set = |scenario: &mut Scenario, seed_up, leech_up, leech_down| {
            scenario.content.len = 4_000_000;
            scenario.groups[0].link = LinkDist::Fixed(Link::Duplex { up: Some(seed_up), down: None });
            scenario.groups[1].link =
                LinkDist::Fixed(Link::Duplex { up: Some(leech_up), down: Some(leech_down) });
        };
        // 2 × 4 MB / (1 + 0.2) MB/s.
        let by_sum = bound(|scenario| set(scenario, 8_000_000, 800_000, 16_000_000)).unwrap();
        assert!((by_sum - 20.0 / 3.0).abs() < 1e-9);
        // 4 MB / 0.1 MB/s.
        let by_seed = bound(|scenario| set(scenario, 800_000, 80_000_000, 80_000_000)).unwrap();
        assert!((by_seed - 40.0).abs() < 1e-9);
        // 4 MB / 0.05 MB/s.
        let by_downlink = bound(|scenario| set(scenario, 80_000_000, 80_000_000, 400_000)).unwrap();
        assert!((by_downlink - 80.0).abs() < 1e-9);
    }

    #[test]
    fn silent_where_it_does_not_hold() {
        assert!(bound(|_| ()).is_some());
        assert_eq!(bound(|scenario| scenario.groups[1].pieces = InitialPieces::Random(1)), None);
        assert_eq!(bound(|scenario| scenario.groups[1].departures.after_uploading = Some(1)), None);
        assert_eq!(bound(|scenario| scenario.groups[1].link = LinkDist::Fixed(Link::Shared(1000))), None);
        let gone = Some(DurationDist::Fixed(Duration::ZERO));
        assert_eq!(bound(|scenario| scenario.groups[1].departures.abort_after = gone), None);
        assert_eq!(bound(|scenario| scenario.groups[1].departures.crash_after = gone), None);
        let late = Arrivals::Together(Duration::from_secs(9));
        assert_eq!(bound(|scenario| scenario.groups[0].arrivals = late), None, "the seed comes last");
        let poisson = Arrivals::Poisson { start: Duration::ZERO, rate: 1.0 };
        assert_eq!(bound(|scenario| scenario.groups[1].arrivals = poisson), None);
    }

    #[test]
    fn who_leaves_when_complete_changes_nothing() {
        let gone = Some(DurationDist::Fixed(Duration::ZERO));
        assert_eq!(bound(|scenario| scenario.groups[1].departures.after_completion = gone), bound(|_| ()));
    }

    #[test]
    fn only_a_finished_run_has_an_efficiency() {
        let mut case = Case::tiny();
        let bound = Bound { seconds: 5.0, start: Instant::from_secs(1) };
        assert_eq!(bound.last_completion(&case.runs[0]), Some(10.0));
        assert_eq!(bound.efficiency(&case.runs[0]), Some(0.5));
        case.runs[0].peers[1].completed = None;
        assert_eq!(bound.efficiency(&case.runs[0]), None);
    }
}

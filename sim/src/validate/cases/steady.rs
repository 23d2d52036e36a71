//! O14, O15: swarms that go on for ever, and whether they do.

use super::{Case, row, scenario};
use crate::report::format;
use crate::report::plot::track::{Measured, Over, Panel, Track, Tracks};
use crate::results::{PeerResult, RunResult};
use crate::statistics::bootstrap::{Centre, Estimate, band_of_means};
use crate::validate::figures::{level, mean, ratios};
use crate::validate::lab::Lab;
use crate::validate::{Drawing, Picture};

/// The first quarter of a run is dropped, in seconds; who comes after the second time may not be done at the end.
const SETTLED: f64 = 625.0;
const LATE: f64 = 2_300.0;
/// Arrivals per second besides those that are judged: for the picture, with two seeds each.
const OTHERS: [&str; 3] = ["0.1", "0.2", "0.45"];

/// Figures of each run in the steady state.
struct Steady {
    rate: f64,
    /// Mean download time in seconds.
    time: Vec<f64>,
    leechers: Vec<f64>,
    /// Seeds besides the first one.
    seeds: Vec<f64>,
}

fn steady(lab: Lab, per_second: &str) -> Steady {
    let change = format!("groups.leecher.arrivals.poisson.per_second={per_second}");
    let runs = lab.runs(scenario!("validation/o14_steady_state"), &[&change]);
    let time = |run: &RunResult| {
        let came =
            |peer: &&PeerResult| peer.joined.is_some_and(|at| (SETTLED..LATE).contains(&at.as_secs_f64()));
        let times = run.peers.iter().filter(came).filter_map(PeerResult::download_time);
        mean(&times.map(|time| time.as_secs_f64()).collect::<Vec<f64>>())
    };
    Steady {
        rate: per_second.parse().unwrap_or(f64::NAN),
        time: runs.iter().map(time).collect(),
        leechers: runs.iter().map(|run| level(run, SETTLED, |sample| sample.leechers)).collect(),
        seeds: runs.iter().map(|run| level(run, SETTLED, |sample| sample.seeds) - 1.0).collect(),
    }
}

pub(super) fn steady_state(lab: Lab) -> Case {
    let (once, twice) = (steady(lab, "0.3"), steady(lab, "0.6"));
    let few = Lab { seeds: Some(lab.seeds.map_or(2, |seeds| seeds.min(2))) };
    let others = if lab.seeds.is_some() { &OTHERS[..0] } else { &OTHERS[..] };
    let mut all: Vec<Steady> = others.iter().map(|rate| steady(few, rate)).collect();
    let little = once.leechers.iter().zip(&once.time).map(|(x, t)| x / (0.3 * t)).collect();
    let rows = vec![
        row("download time T, s", "56.7 to 60, ref 60.5", (56.0, 66.0), once.time.clone()),
        row("seeds y besides the first", "12, ref 11.1", (10.8, 13.2), once.seeds.clone()),
        row("leechers / (lambda T)", "1 (Little)", (0.96, 1.04), little),
        row("T at twice the arrival rate / T", "1, ref 0.99", (0.95, 1.05), ratios(&twice.time, &once.time)),
        row(
            "leechers at twice the arrival rate / leechers",
            "2, ref 2.02",
            (1.85, 2.15),
            ratios(&twice.leechers, &once.leechers),
        ),
    ];
    all.extend([once, twice]);
    all.sort_by(|a, b| a.rate.total_cmp(&b.rate));
    Case {
        id: "O14",
        title: "Steady state",
        source: "Qiu and Srikant 2004; balance of bytes; Little",
        formula: "T* = F/u - u_S/(lambda u) - 1/gamma = 56.7 s, fluid model 60 s; y = lambda/gamma = 12",
        scenario: "o14_steady_state.json",
        rows,
        note: "Acquaintance comes from a tracker that names 20 peers.",
        pictures: vec![over_arrivals(&all)],
    }
}

/// The mean of some seeds and where it may lie; with few seeds, from the least to the greatest.
fn measured(at: f64, values: &[f64]) -> Measured {
    let value = mean(values);
    let interval = Estimate::new(values, Centre::Mean, 0).and_then(|estimate| estimate.interval);
    let range = || {
        (
            values.iter().copied().fold(f64::INFINITY, f64::min),
            values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        )
    };
    let (low, high) = interval.map_or_else(range, |interval| (interval.low, interval.high));
    Measured { at, value, low, high }
}

/// By the balance of bytes: a peer uploads the file in 100 s and stays for 40, the seed is as fast as a peer.
fn balance(rate: f64) -> f64 {
    100.0 - 1.0 / rate - 40.0
}

fn over_arrivals(all: &[Steady]) -> Picture {
    let along = |of: fn(f64) -> f64| -> Vec<(f64, f64)> {
        (10..=60).map(|hundredths| f64::from(hundredths) / 100.0).map(|rate| (rate, of(rate))).collect()
    };
    let track = |name: &str, note: &str, values: fn(&Steady) -> &[f64], model: Vec<(f64, f64)>| Track {
        name: name.to_owned(),
        note: note.to_owned(),
        measured: all.iter().map(|steady| measured(steady.rate, values(steady))).collect(),
        model,
    };
    let ends = [all.first(), all.last()].map(|steady| steady.map_or(f64::NAN, |steady| mean(&steady.time)));
    let most = all.last().map_or(f64::NAN, |steady| steady.rate);
    Picture {
        name: "o14_steady_state",
        title: format!(
            "More arrivals, more peers, and the time hardly changes: {:.0} s at 0.1 per second, {:.0} s at {most}",
            ends[0], ends[1]
        ),
        subtitle: "O14: dots are means over seeds, whiskers 95 % intervals at 0.3 and 0.6 (six seeds) and the range of two seeds elsewhere; dashed: what the balance of bytes says, T* = F/u - u_S/(lambda u) - 1/gamma, x = lambda T*, y = lambda/gamma".to_owned(),
        drawing: Drawing::Tracks(Tracks {
            panels: vec![
                Panel {
                    axes: ["arrivals per second", "download time"],
                    over: Over::TimeOverNumber,
                    tracks: vec![track("download time", "dashed: T*", |it| &it.time, along(balance))],
                },
                Panel {
                    axes: ["arrivals per second", "peers"],
                    over: Over::Number,
                    tracks: vec![
                        track("leechers", "dashed: lambda T*", |it| &it.leechers, along(|rate| rate * balance(rate))),
                        track("seeds", "dashed: lambda/gamma", |it| &it.seeds, along(|rate| rate * 40.0)),
                    ],
                },
            ],
        }),
    }
}

const MISSING: &str = scenario!("validation/o15_missing_piece");

/// Leechers that there are more per second, of each run.
fn drifts(runs: &[RunResult]) -> Vec<f64> {
    let drift = |run: &RunResult| match (run.timeline.first(), run.timeline.last()) {
        (Some(first), Some(last)) => {
            (f64::from(last.leechers) - f64::from(first.leechers)) / (last.time - first.time).as_secs_f64()
        }
        _ => f64::NAN,
    };
    runs.iter().map(drift).collect()
}

pub(super) fn missing_piece(lab: Lab) -> Case {
    let arriving = |rate: &str, changes: &[&str]| {
        let rate = format!("groups.newcomer.arrivals.poisson.per_second={rate}");
        let mut changes = changes.to_vec();
        changes.push(&rate);
        lab.runs(MISSING, &changes)
    };
    let (many, few) = (arriving("2", &[]), arriving("0.5", &[]));
    let random = arriving("2", &["defaults.piece_selection=random"]);
    let (up, down) = (drifts(&many), drifts(&few));
    Case {
        id: "O15",
        title: "The missing piece",
        source: "Hajek and Zhu 2010; Zhu and Hajek 2011",
        formula: "dN/dt = lambda - U_S: stable if and only if lambda < U_S = 1, whatever the order of pieces",
        scenario: "o15_missing_piece.json",
        rows: vec![
            row("dN/dt at lambda = 2.0, per s", "+1.0, ref 0.97", (0.75, 1.25), up.clone()),
            row("dN/dt at lambda = 0.5, per s", "-0.5, ref -0.51", (-0.6, -0.4), down.clone()),
            row("dN/dt at lambda = 2.0, random, per s", "+1.0", (0.75, 1.25), drifts(&random)),
        ],
        note: "The core in a world of random contacts: a contact is a connection on which who calls gives one piece. Who has completed leaves in the same \
               instant, and what it was sending is lost with it: one upload more from each, and the crowd would melt at any rate of arrivals.",
        pictures: vec![Picture {
            name: "o15_missing_piece",
            title: format!(
                "One piece is missing: with 2 arrivals per second the crowd grows by {:.2} per second, with 0.5 it changes by {}",
                mean(&up),
                format::signed(mean(&down))
            ),
            subtitle: format!(
                "O15: 500 peers have all but one of four pieces, the seed gives one piece per second; mean of {} with 95 % interval; dashed: lambda - U_S",
                format::count(many.len(), "seed")
            ),
            drawing: Drawing::Tracks(Tracks {
                panels: vec![Panel {
                    axes: ["time", "leechers"],
                    over: Over::Time,
                    tracks: vec![crowd("2 arrivals/s", 1.0, &many), crowd("0.5 arrivals/s", -0.5, &few)],
                }],
            }),
        }],
    }
}

/// The leechers over time: the mean over seeds.
fn crowd(name: &str, drift: f64, runs: &[RunResult]) -> Track {
    let curves: Vec<Vec<f64>> = runs
        .iter()
        .map(|run| run.timeline.iter().map(|sample| f64::from(sample.leechers)).collect())
        .collect();
    let bands = band_of_means(&curves);
    let times = runs.first().map_or(&[][..], |run| &run.timeline);
    let at = |(index, sample): (usize, &crate::results::Sample)| {
        let value = mean(&curves.iter().filter_map(|curve| curve.get(index)).copied().collect::<Vec<f64>>());
        let (low, high) = bands.get(index).map_or((value, value), |band| (band.low, band.high));
        Measured { at: sample.time.as_secs_f64(), value, low, high }
    };
    let measured: Vec<Measured> = times.iter().enumerate().map(at).collect();
    let begin = measured.first().map_or(0.0, |first| first.value);
    let end = measured.last().map_or(0.0, |last| last.at);
    Track {
        name: name.to_owned(),
        note: format!("predicted {} per s", format::signed(drift)),
        measured,
        model: vec![(0.0, begin), (end, begin + drift * end)],
    }
}

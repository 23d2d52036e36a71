//! O9, O12, O17: how a file spreads from a single seed.

use super::{Case, EMPTY, bounded, row, scenario};
use crate::report::plot::Curve;
use crate::results::{Ending, RunResult};
use crate::validate::figures::{curve, lasts, mean, over, times};
use crate::validate::lab::Lab;
use crate::validate::{Drawing, Picture};

const CROWD: &str = scenario!("validation/o9_flash_crowd");

pub(super) fn flash_crowd(lab: Lab) -> Case {
    let serial = lab.runs(CROWD, &[]);
    let whole = lasts(&lab.runs(CROWD, &["content.block=256 KiB"]));
    let two = lasts(&lab.runs(CROWD, &["defaults.choking.parallel_uploads=2"]));
    let tit_for_tat = lab.runs(CROWD, &["defaults.choking=tit-for-tat"]);
    let rows = [
        ("one upload at a time", "ref 1.08", 1.15, &lasts(&serial)),
        ("the same in whole pieces", "ref 1.08", 1.15, &whole),
        ("two uploads at a time", "log2 N / M more: 1.21", 1.206, &two),
        ("tit for tat, 4 + 1 at a time", "4 log2 N / M more: 1.38", 1.376, &lasts(&tit_for_tat)),
    ]
    .map(|(what, expected, most, values)| {
        bounded(format!("T_last / T_min; {what}"), expected, (1.0, most), over(values, 100.0))
    });
    Case {
        id: "O9",
        title: "Flash crowd of 50, the seed as fast as a peer",
        source: "Kumar and Ross 2006; Mundinger, Weber, Weiss 2008; ref",
        formula: "T_min = 100 P; in whole pieces 105 P; ref 108.0 P",
        scenario: "o9_flash_crowd.json",
        rows: rows.into(),
        note: "With S uploads at a time the doubling phase takes S log2 N P: what tit for tat with five slots loses against one upload at a time.",
        pictures: vec![Picture {
            name: "o9_flash_crowd",
            title: format!(
                "One upload at a time: the last of fifty is done after {:.0} P",
                mean(&lasts(&serial))
            ),
            subtitle: conditions("O9: 50 peers, 100 pieces, a seed as fast as a peer", serial.len()),
            drawing: Drawing::Times {
                curves: vec![
                    curve("one at a time", &serial, "leecher"),
                    curve("tit for tat", &tit_for_tat, "leecher"),
                ],
                least: Some(100.0),
            },
        }],
    }
}

pub(super) fn slow_seed(lab: Lab) -> Case {
    let runs = lab.runs(scenario!("validation/o12_slow_seed"), &[]);
    let spread = |run: &RunResult| {
        let times = times(run, "leecher");
        let last = times.iter().copied().fold(0.0, f64::max);
        (last - times.iter().copied().fold(f64::MAX, f64::min)) / last
    };
    Case {
        id: "O12",
        title: "A slow seed sets the pace",
        source: "Kumar and Ross 2006; ref",
        formula: "T_min = F / u_S = 120 P",
        scenario: "o12_slow_seed.json",
        rows: vec![
            bounded("T_last / T_min", "ref 1.050", (1.0, 1.09), over(&lasts(&runs), 120.0)),
            row("(last - first) / last", "ref 0.029", (0.0, 0.06), runs.iter().map(spread).collect()),
        ],
        pictures: vec![Picture {
            name: "o12_slow_seed",
            title: "With a slow seed everybody ends together".to_owned(),
            subtitle: conditions("O12: 40 peers, 60 pieces, a seed half as fast as a peer", runs.len()),
            drawing: Drawing::Times {
                curves: vec![curve("rarest first", &runs, "leecher")],
                least: Some(120.0),
            },
        }],
        ..EMPTY
    }
}

/// Under which conditions a picture was made.
pub(super) fn conditions(what: &str, seeds: usize) -> String {
    let seeds = crate::report::format::count(seeds, "seed");
    format!("{what}; {seeds}, the bands are 95 % intervals; no swarm is done before T_min")
}

/// Shares of runs, and curves, by name of the variant.
pub(super) type Variants<'a> = [(&'a str, &'a [RunResult])];

/// A curve per variant.
pub(super) fn curves(variants: &Variants<'_>, group: &str) -> Vec<Curve> {
    variants.iter().map(|(name, runs)| curve(name, runs, group)).collect()
}

pub(super) fn seed_leaves(lab: Lab) -> Case {
    const PIECES: f64 = 80.0;
    const BLOCKS: [&str; 2] = ["content.block=16 KiB", "defaults.requests=pipelined"];
    let of = |changes: &[&str]| lab.runs(scenario!("validation/o17_seed_leaves"), changes);
    let finished = |runs: &[RunResult]| -> Vec<f64> {
        runs.iter().map(|run| f64::from(u8::from(run.ending == Ending::Finished))).collect()
    };
    let random = of(&["defaults.piece_selection=random"]);
    let stuck = || random.iter().filter_map(|run| Some((run, stuck(run)?)));
    let out = stuck().map(|(_, missing)| 1.0 - missing / PIECES).collect();
    let alike = |(run, missing): (&RunResult, f64)| {
        let leechers = || run.peers.iter().filter(|peer| peer.name != "seed");
        let held = |peer: &crate::results::PeerResult| f64::from(peer.pieces);
        f64::from(u8::from(leechers().all(|peer| (held(peer) + missing - PIECES).abs() < 0.5)))
    };
    Case {
        id: "O17",
        title: "The seed leaves after one copy",
        source: "ref",
        formula: "share of the swarms that finish; the others end as stuck, and do not loop",
        scenario: "o17_seed_leaves.json",
        rows: vec![
            row("swarms that finish; rarest first", "ref 1", (0.95, 1.0), finished(&of(&[]))),
            row(
                "swarms that finish; super-seeding",
                "ref 1",
                (0.95, 1.0),
                finished(&of(&["groups.seed.super_seeding=true"])),
            ),
            row(
                "swarms that finish; rarest first, blocks of 16 KiB",
                "ref 1",
                (0.95, 1.0),
                finished(&of(&BLOCKS)),
            ),
            row(
                "swarms that finish; super-seeding, blocks of 16 KiB",
                "ref 1",
                (0.95, 1.0),
                finished(&of(&[&BLOCKS[..], &["groups.seed.super_seeding=true"]].concat())),
            ),
            row("swarms that finish; random", "ref 0", (0.0, 0.15), finished(&random)),
            row("pieces that are out when it is lost; random", "ref 0.88", (0.7, 0.99), out),
            row(
                "lost swarms in which all have the same pieces",
                "1",
                (1.0, 1.0),
                stuck().map(alike).collect(),
            ),
        ],
        ..EMPTY
    }
}

/// Pieces that are nowhere, when a run is stuck.
fn stuck(run: &RunResult) -> Option<f64> {
    let Ending::Stuck(stuck) = &run.ending else { return None };
    Some(crate::statistics::float_len(stuck.missing.len()))
}

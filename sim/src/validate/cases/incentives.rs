//! O16 and clustering: what tit for tat does to those who give little.

use super::spread::curves;
use super::{ANY, Case, EMPTY, row, scenario};
use crate::report::format;
use crate::report::plot::heat::{Cell, Heat, Panel, Shade};
use crate::results::RunResult;
use crate::statistics::bootstrap::{Centre, Estimate};
use crate::statistics::float;
use crate::validate::figures::{mean, ratios, times};
use crate::validate::lab::Lab;
use crate::validate::{Drawing, Picture};

const RIDERS: &str = scenario!("validation/o16_free_riders");
const OPEN: &str = r#"defaults.choking={"algorithm": "none", "parallel_uploads": "unlimited"}"#;

/// The five free riders among the others, nine before each.
fn interleaved() -> String {
    let pair = |number: u32| {
        format!(
            r#"{{"name": "contributor{number}", "count": 9}}, {{"name": "rider{number}", "uploads": false}}"#
        )
    };
    let pairs: Vec<String> = (1..=5).map(pair).collect();
    format!(r#"groups=[{{"name": "seed", "pieces": "all", "up": "512 KiB/s"}}, {}]"#, pairs.join(", "))
}

fn riders_first() -> String {
    r#"groups=[{"name": "seed", "pieces": "all", "up": "512 KiB/s"}, {"name": "rider", "count": 5, "uploads": false}, {"name": "contributor", "count": 45}]"#.to_owned()
}

pub(super) fn free_riders(lab: Lab) -> Case {
    let ratio = |runs: &[RunResult]| -> Vec<f64> {
        runs.iter().map(|run| mean(&times(run, "rider")) / mean(&times(run, "contributor"))).collect()
    };
    let stay = ratio(&lab.runs(RIDERS, &[]));
    let leave = lab.runs(RIDERS, &["defaults.leave=on_completion"]);
    let slower = ratio(&leave);
    let mut rows = vec![
        row("tit for tat, peers stay", "ref 1.15 to 1.22", (1.08, ANY), stay),
        row("tit for tat, peers leave", "ref 1.5 to 1.95", (1.25, ANY), slower.clone()),
    ];
    for (order, groups) in
        [("last", None), ("first", Some(riders_first())), ("interleaved", Some(interleaved()))]
    {
        let changes: Vec<&str> = groups.as_deref().into_iter().chain([OPEN]).collect();
        let what = format!("nobody is choked, riders numbered {order}");
        rows.push(row(what, "1", (0.95, 1.05), ratio(&lab.runs(RIDERS, &changes))));
    }
    Case {
        id: "O16",
        title: "Free riders",
        source: "ref; conditions from Sirivianos et al. 2007",
        formula: "mean time of who uploads nothing / of who uploads; 1 without choking, wherever they are numbered",
        scenario: "o16_free_riders.json",
        rows,
        pictures: vec![Picture {
            name: "o16_free_riders",
            title: format!("Under tit for tat who uploads nothing waits {:.2} times as long", mean(&slower)),
            subtitle: format!(
                "O16: 45 contributors, 5 free riders, 100 pieces; peers leave when they are done; {}, the bands are 95 % intervals; T_min is not defined where peers leave",
                format::count(leave.len(), "seed")
            ),
            drawing: Drawing::Times {
                curves: {
                    let mut both = curves(&[("contributors", &leave)], "contributor");
                    both.extend(curves(&[("free riders", &leave)], "rider"));
                    both
                },
                least: None,
            },
        }],
        ..EMPTY
    }
}

/// The groups of the scenario in the order of the picture, the fastest first.
const CLASSES: [(usize, &str); 3] = [(3, "200 kB/s"), (2, "50 kB/s"), (1, "20 kB/s")];
const SEED: usize = 0;

/// What part of what a group has given went to another one; of what it gave to leechers.
fn share(run: &RunResult, from: usize, to: usize) -> f64 {
    let given = &run.between_groups[from];
    let all: u64 = CLASSES.iter().map(|&(class, _)| given[class]).sum();
    float(given[to]) / float(all.max(1))
}

/// Over all runs.
fn shares(runs: &[RunResult], from: usize, to: usize) -> Vec<f64> {
    runs.iter().map(|run| share(run, from, to)).collect()
}

pub(super) fn clusters(lab: Lab) -> Case {
    // Of the 39 others that a fast peer sees, 12 are fast.
    const CHANCE: f64 = 12.0 / 39.0;
    let text = scenario!("validation/clusters");
    let runs = lab.runs(text, &[]);
    let starved = lab.runs(text, &["groups.seed.up=20 kB/s"]);
    let random = lab.runs(text, &["defaults.choking=random-slots"]);
    let own = |runs: &[RunResult]| -> Vec<f64> {
        shares(runs, 3, 3).into_iter().map(|share| share / CHANCE).collect()
    };
    let time = |name: &str| -> Vec<f64> { runs.iter().map(|run| mean(&times(run, name))).collect() };
    let (clustered, weaker) = (own(&runs), own(&starved));
    Case {
        id: "CL",
        title: "Equals find each other",
        source: "qualitatively Legout, Liogkas, Kohler, Zhang 2007",
        formula: "tit for tat pairs peers of like capacity, and those who give more are done sooner; a seed that is too slow undoes it",
        scenario: "clusters.json",
        rows: vec![
            row("what fast peers give to fast ones, over chance", "above 1", (1.2, ANY), clustered.clone()),
            row(
                "the same, over that with random slots",
                "above 1",
                (1.1, ANY),
                ratios(&clustered, &own(&random)),
            ),
            row(
                "the same with a seed of 20 kB/s, over that with 200",
                "below 1",
                (0.0, 1.0),
                ratios(&weaker, &clustered),
            ),
            row(
                "time of slow peers / of medium ones",
                "above 1",
                (1.0, ANY),
                ratios(&time("slow"), &time("medium")),
            ),
            row(
                "time of medium peers / of fast ones",
                "above 1",
                (1.0, ANY),
                ratios(&time("medium"), &time("fast")),
            ),
        ],
        note: "The paper's set-up in outline, forty peers in three classes and a seed of 200 kB/s; its figures are not compared, only what it says about them. Random slots favour \
               the fast, too: what the owner of a slow uplink asks for waits behind what it sends.",
        pictures: vec![Picture {
            name: "clusters",
            title: format!(
                "Fast peers give {:.0} % of it to each other, {:.1} times as much as their number would have it",
                mean(&shares(&runs, 3, 3)) * 100.0,
                mean(&clustered)
            ),
            subtitle: format!(
                "13, 14 and 13 peers with uplinks of 200, 50 and 20 kB/s who leave when they are done, a seed of 200 kB/s, 113 MB, tit for tat; {}; rows add up to 100 %, below each share its 95 % interval",
                format::count(runs.len(), "seed")
            ),
            drawing: Drawing::Heat(matrix(&runs)),
        }],
    }
}

/// Who gives to whom.
fn matrix(runs: &[RunResult]) -> Heat {
    let givers: Vec<(usize, &str)> =
        CLASSES.iter().copied().chain(std::iter::once((SEED, "seed, 200 kB/s"))).collect();
    let percent = |share: f64| format!("{:.1} %", share * 100.0);
    let cell = |from: usize, to: usize| {
        let values = shares(runs, from, to);
        let interval = Estimate::new(&values, Centre::Mean, 0).and_then(|estimate| estimate.interval);
        let note = interval.map(|it| format!("{} to {}", percent(it.low), percent(it.high)));
        let value = mean(&values);
        Cell { text: percent(value), note: note.unwrap_or_default(), shade: Shade::Level(value) }
    };
    let row = |&(from, _): &(usize, &str)| CLASSES.iter().map(move |&(to, _)| cell(from, to));
    Heat {
        rows_name: "given by".to_owned(),
        rows: givers.iter().map(|(_, name)| (*name).to_owned()).collect(),
        columns_name: "received by peers of".to_owned(),
        columns: CLASSES.iter().map(|(_, name)| (*name).to_owned()).collect(),
        panels: vec![Panel { title: String::new(), cells: givers.iter().flat_map(row).collect() }],
    }
}

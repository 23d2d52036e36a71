//! The cases.

use super::figures::{curve, lasts, mean, over, ratios, runs, steady_rate, times};
use super::{Case, Picture, Row, Verdict};
use crate::results::{Ending, PeerResult, RunResult};

const ANY: f64 = f64::INFINITY;

macro_rules! scenario {
    ($name:literal) => {
        include_str!(concat!("../../../scenarios/", $name, ".json"))
    };
}

/// A case's name, and what measures it.
type Named = (&'static str, fn() -> Case);

/// All cases in order.
pub(super) const ALL: [Named; 19] = [
    ("O1", pair),
    ("O2", server),
    ("O3", exchange),
    ("O4", chain),
    ("O5", window),
    ("O6", max_min),
    ("O7", duplex),
    ("O8", bounds),
    ("O9", flash_crowd),
    ("O10", order),
    ("O11", fast_seed),
    ("O12", slow_seed),
    ("O13", transient),
    ("O14", steady_state),
    ("O15", missing_piece),
    ("O16", free_riders),
    ("O17", seed_leaves),
    ("O18", replay),
    ("O19", report_of_s5),
];

fn row(what: &'static str, expected: &'static str, (low, high): (f64, f64), values: Vec<f64>) -> Row {
    Row { what, accepted: low..=high, expected, values }
}

const EMPTY: Case = Case {
    id: "",
    title: "",
    source: "closed form",
    formula: "",
    scenario: "",
    rows: Vec::new(),
    note: "",
    unmeasured: Verdict::ByTest,
    picture: None,
};

fn pair() -> Case {
    let values = lasts(&runs(scenario!("validation/o1_pair"), &[]));
    Case {
        id: "O1",
        title: "One seed, one leecher",
        formula: "F / u, and two to five round trips",
        scenario: "o1_pair.json",
        rows: vec![row("download, s", "40.00 and start-up", (40.2, 40.6), values)],
        ..EMPTY
    }
}

fn server() -> Case {
    let values = lasts(&runs(scenario!("validation/o2_server"), &[]));
    Case {
        id: "O2",
        title: "A server and eight clients that upload nothing",
        formula: "N F / u_S",
        scenario: "o2_server.json",
        rows: vec![row("last completion, s", "64 + 1.5 %", (64.0, 64.96), values)],
        note: "The test holds the rate in each second and the two waves of four slots besides.",
        ..EMPTY
    }
}

fn exchange() -> Case {
    let values = lasts(&runs(scenario!("validation/o3_exchange"), &[]));
    Case {
        id: "O3",
        title: "Two leechers swap what a seed gives them",
        source: "Mundinger, Weber, Weiss 2008",
        formula: "M + floor(log2 N) rounds = 65 P; 128 P without exchange",
        scenario: "o3_exchange.json",
        rows: vec![row("last completion, P", "65 to 68", (65.0, 68.0), values)],
        ..EMPTY
    }
}

fn chain() -> Case {
    let values = lasts(&runs(scenario!("validation/o4_chain"), &[]));
    Case {
        id: "O4",
        title: "A chain of three behind the seed",
        formula: "(M + H - 1) P = 22 P; less would be pieces passed on unchecked",
        scenario: "o4_chain.json",
        rows: vec![row("last completion, P", "22, -0 / +5 %", (22.0, 23.1), values)],
        ..EMPTY
    }
}

fn window() -> Case {
    let rate = |depth: &str, what, expected, value: f64| {
        let change = format!("defaults.requests.fixed={depth}");
        let values = runs(scenario!("validation/o5_window"), &[&change]).iter().map(steady_rate).collect();
        row(what, expected, (value * 0.98, value * 1.02), values)
    };
    Case {
        id: "O5",
        title: "A pipeline is limited by the round trip",
        formula: "min(C, q b / (RTT + b / C))",
        scenario: "o5_window.json",
        rows: vec![
            rate("1", "rate with 1 request, B/s", "144 854", 144_854.0),
            rate("5", "rate with 5 requests, B/s", "724 269", 724_269.0),
            rate("8", "rate with 8 requests, B/s", "1 158 830", 1_158_830.0),
            rate("16", "rate with 16 requests, B/s", "C = 1 250 000", 1_250_000.0),
        ],
        ..EMPTY
    }
}

fn max_min() -> Case {
    Case {
        id: "O6",
        title: "Flows share links max-min fairly",
        source: "progressive filling",
        formula: "2, 8, 2 and 2, 5, 3, 2, 3, 5",
        scenario: "sim/tests/validation/links.rs",
        note: "Held by a test that reads rates of single flows from the trace.",
        ..EMPTY
    }
}

fn duplex() -> Case {
    let values = lasts(&runs(scenario!("validation/o7_duplex"), &[]));
    Case {
        id: "O7",
        title: "Two halves swap places",
        formula: "(M / 2) P = 20 P",
        scenario: "o7_duplex.json",
        rows: vec![row("last completion, P", "20 + 3 %", (20.0, 20.6), values)],
        ..EMPTY
    }
}

fn bounds() -> Case {
    Case {
        id: "O8",
        title: "No run is better than possible",
        source: "Kumar and Ross 2006",
        formula: "T_last >= max(F/u_S, F/d_min, N F / (u_S + sum u_i)), bytes balance",
        scenario: "sim/tests/validation/bounds.rs",
        note: "Held by a test on 200 random swarms.",
        ..EMPTY
    }
}

fn flash_crowd() -> Case {
    let rarest = runs(scenario!("validation/o9_flash_crowd"), &[]);
    let long = lasts(&runs(scenario!("validation/o9_flash_crowd"), &["content.block=256 KiB"]));
    let two = lasts(&runs(scenario!("validation/o9_flash_crowd"), &["defaults.choking.parallel_uploads=2"]));
    let tit_for_tat = runs(scenario!("validation/o9_flash_crowd"), &["defaults.choking=tit-for-tat"]);
    Case {
        id: "O9",
        title: "Flash crowd of 50, the seed as fast as a peer",
        source: "Kumar and Ross 2006; Mundinger, Weber, Weiss 2008; ref",
        formula: "T_min = 100 P; in whole pieces 105 P; ref 108.0 P",
        scenario: "o9_flash_crowd.json",
        rows: vec![
            row("T_last / T_min", "ref 1.08", (1.0, 1.15), over(&lasts(&rarest), 100.0)),
            row("the same, a block per piece", "ref 1.08", (1.0, 1.15), over(&long, 100.0)),
            row("the same, two uploads at a time", "log2 N / M more: 1.21", (1.0, 1.206), over(&two, 100.0)),
            row(
                "the same, tit for tat, 4 + 1 at a time",
                "4 log2 N / M more: 1.38",
                (1.0, 1.376),
                over(&lasts(&tit_for_tat), 100.0),
            ),
        ],
        note: "With S uploads at a time the doubling phase takes S log2 N P: what tit for tat with five slots loses against one upload at a time.",
        picture: Some(Picture {
            name: "o9_flash_crowd",
            title: format!(
                "One upload at a time: the last of fifty is done after {:.0} P",
                mean(&lasts(&rarest))
            ),
            subtitle: "O9: 50 peers, 100 pieces, a seed as fast as a peer; five seeds; no schedule is faster than T_min",
            curves: vec![
                curve("one at a time", &rarest, "leecher"),
                curve("tit for tat", &tit_for_tat, "leecher"),
            ],
            least: Some(100.0),
        }),
        ..EMPTY
    }
}

fn order() -> Case {
    let of = |selection: &str| {
        runs(scenario!("validation/o10_order"), &[&format!("defaults.piece_selection={selection}")])
    };
    let [rarest, random, sequential] = ["rarest-first", "random", "sequential"].map(of);
    let [rf, rnd, seq] = [&rarest, &random, &sequential].map(|runs| lasts(runs));
    Case {
        id: "O10",
        title: "What the order of pieces is worth",
        source: "ref; qualitatively Bharambe, Herley, Padmanabhan 2006",
        formula: "T_min = 60 P",
        scenario: "o10_order.json",
        rows: vec![
            row("rarest first, T_last / T_min", "ref 1.12", (1.0, 1.18), over(&rf, 60.0)),
            row("random / rarest first", "ref 1.14", (1.08, ANY), ratios(&rnd, &rf)),
            row("sequential / rarest first", "ref 3.3", (2.0, ANY), ratios(&seq, &rf)),
        ],
        picture: Some(Picture {
            name: "o10_order",
            title: format!(
                "Rarest first: {:.0} P, random {:.0} P, in order {:.0} P",
                mean(&rf),
                mean(&rnd),
                mean(&seq)
            ),
            subtitle: "O10: 30 peers, 60 pieces, a seed as fast as a peer; five seeds; a duplicate from the only seed delays everybody",
            curves: vec![
                curve("rarest first", &rarest, "leecher"),
                curve("random", &random, "leecher"),
                curve("sequential", &sequential, "leecher"),
            ],
            least: Some(60.0),
        }),
        ..EMPTY
    }
}

fn fast_seed() -> Case {
    let rarest = runs(scenario!("validation/o11_fast_seed"), &[]);
    let random = runs(scenario!("validation/o11_fast_seed"), &["defaults.piece_selection=random"]);
    let (rf, rnd) = (lasts(&rarest), lasts(&random));
    Case {
        id: "O11",
        title: "A fast seed removes the gap",
        source: "ref; qualitatively Bharambe, Herley, Padmanabhan 2006",
        formula: "T_min = 5000/55 = 90.9 P",
        scenario: "o11_fast_seed.json",
        rows: vec![
            row("rarest first, T_last / T_min", "ref 1.069", (1.0, ANY), over(&rf, 5000.0 / 55.0)),
            row("random / rarest first", "ref 0.99", (0.95, 1.05), ratios(&rnd, &rf)),
        ],
        picture: Some(Picture {
            name: "o11_fast_seed",
            title: "With a fast seed the order does not matter".to_owned(),
            subtitle: "O11: 50 peers, 100 pieces, a seed five times as fast as a peer; five seeds",
            curves: vec![curve("rarest first", &rarest, "leecher"), curve("random", &random, "leecher")],
            least: Some(5000.0 / 55.0),
        }),
        ..EMPTY
    }
}

fn slow_seed() -> Case {
    let runs = runs(scenario!("validation/o12_slow_seed"), &[]);
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
            row("T_last / T_min", "ref 1.050", (1.0, 1.09), over(&lasts(&runs), 120.0)),
            row("(last - first) / last", "ref 0.029", (0.0, 0.06), runs.iter().map(spread).collect()),
        ],
        picture: Some(Picture {
            name: "o12_slow_seed",
            title: "With a slow seed everybody ends together".to_owned(),
            subtitle: "O12: 40 peers, 60 pieces, a seed half as fast as a peer; five seeds",
            curves: vec![curve("rarest first", &runs, "leecher")],
            least: Some(120.0),
        }),
        ..EMPTY
    }
}

fn transient() -> Case {
    // The seed has one copy of each piece: a second one of all is there when each has left it.
    let all_out = |selection: &str| -> Vec<f64> {
        let runs =
            runs(scenario!("validation/o13_transient"), &[&format!("defaults.piece_selection={selection}")]);
        let out = |run: &RunResult| {
            run.timeline
                .iter()
                .find(|sample| sample.min_copies >= 2)
                .map_or(f64::INFINITY, |sample| sample.time.as_secs_f64())
        };
        runs.iter().map(out).collect()
    };
    Case {
        id: "O13",
        title: "The transient state",
        source: "ref; qualitatively Legout et al. 2006",
        formula: "all pieces have left the seed after F / u_S = 50 P",
        scenario: "o13_transient.json",
        rows: vec![
            row("rarest first, P", "50, ref 50", (50.0, 55.0), all_out("rarest-first")),
            row("random, P", "ref 80 to 92", (70.0, ANY), all_out("random")),
        ],
        note: "Deviations of the number of copies per piece are not in the timeline, and not measured.",
        ..EMPTY
    }
}

/// Mean download time, leechers, and lasting seeds of each run after its first quarter.
fn steady(change: &str) -> [Vec<f64>; 3] {
    let results = runs(scenario!("validation/o14_steady_state"), &[change]);
    let settled = |seconds: f64| seconds > 625.0;
    let time = |run: &RunResult| {
        let came = |peer: &&PeerResult| {
            peer.joined.is_some_and(|at| settled(at.as_secs_f64()) && at.as_secs_f64() < 2_300.0)
        };
        mean(
            &run.peers
                .iter()
                .filter(came)
                .filter_map(PeerResult::download_time)
                .map(|time| time.as_secs_f64())
                .collect::<Vec<f64>>(),
        )
    };
    let level = |run: &RunResult, of: fn(&crate::results::Sample) -> u32| {
        mean(
            &run.timeline
                .iter()
                .filter(|sample| settled(sample.time.as_secs_f64()))
                .map(|sample| f64::from(of(sample)))
                .collect::<Vec<f64>>(),
        )
    };
    [
        results.iter().map(time).collect(),
        results.iter().map(|run| level(run, |sample| sample.leechers)).collect(),
        results.iter().map(|run| level(run, |sample| sample.seeds) - 1.0).collect(),
    ]
}

fn steady_state() -> Case {
    let [time, leechers, seeds] = steady("groups.leecher.count=1500");
    let [time_double, leechers_double, _] = steady("groups.leecher.arrivals.poisson.per_second=0.6");
    let little = leechers.iter().zip(&time).map(|(x, t)| x / (0.3 * t)).collect();
    Case {
        id: "O14",
        title: "Steady state",
        source: "Qiu and Srikant 2004; balance of bytes; Little",
        formula: "T* = F/u - u_S/(lambda u) - 1/gamma = 56.7 s, fluid model 60 s; y = lambda/gamma = 12",
        scenario: "o14_steady_state.json",
        rows: vec![
            row("download time T, s", "56.7 to 60, ref 60.5", (56.0, 66.0), time.clone()),
            row("seeds y besides the first", "12, ref 11.1", (10.8, 13.2), seeds),
            row("leechers / (lambda T)", "1 (Little)", (0.96, 1.04), little),
            row("T at twice the arrival rate / T", "1, ref 0.99", (0.95, 1.05), ratios(&time_double, &time)),
            row(
                "leechers at twice the arrival rate / leechers",
                "2",
                (1.85, 2.15),
                ratios(&leechers_double, &leechers),
            ),
        ],
        note: "Acquaintance comes from a tracker that names 20 peers.",
        ..EMPTY
    }
}

fn missing_piece() -> Case {
    Case {
        id: "O15",
        title: "The missing piece",
        source: "Hajek and Zhu 2010; Zhu and Hajek 2011",
        formula: "dN/dt = lambda - U_S = +1.0 and -0.5 per s",
        scenario: "none",
        note: "Contacts between random pairs that are lost when they are useless are no part of this simulator: its peers keep their connections.",
        unmeasured: Verdict::NotBuilt,
        ..EMPTY
    }
}

fn free_riders() -> Case {
    let of = |changes: &[&str]| runs(scenario!("validation/o16_free_riders"), changes);
    let ratio = |runs: &[RunResult]| {
        runs.iter().map(|run| mean(&times(run, "rider")) / mean(&times(run, "contributor"))).collect()
    };
    let stay = of(&[]);
    let leave = of(&["groups.rider.leave=on_completion", "groups.contributor.leave=on_completion"]);
    let open = of(&[r#"defaults.choking={"algorithm":"none","parallel_uploads":"unlimited"}"#]);
    Case {
        id: "O16",
        title: "Free riders",
        source: "ref; conditions from Sirivianos et al. 2007",
        formula: "mean time of who uploads nothing / of who uploads",
        scenario: "o16_free_riders.json",
        rows: vec![
            row("tit for tat, peers stay", "ref 1.15 to 1.22", (1.08, ANY), ratio(&stay)),
            row("tit for tat, peers leave", "ref 1.5 to 1.95", (1.25, ANY), ratio(&leave)),
            row("nobody is choked", "1", (0.95, 1.05), ratio(&open)),
        ],
        picture: Some(Picture {
            name: "o16_free_riders",
            title: "Tit for tat makes those wait who upload nothing".to_owned(),
            subtitle: "O16: 45 contributors, 5 free riders, 100 pieces; peers leave when they are done; four seeds",
            curves: vec![curve("contributors", &leave, "contributor"), curve("free riders", &leave, "rider")],
            least: None,
        }),
        ..EMPTY
    }
}

fn seed_leaves() -> Case {
    let finished = |changes: &[&str]| -> Vec<f64> {
        runs(scenario!("validation/o17_seed_leaves"), changes)
            .iter()
            .map(|run| if run.ending == Ending::Finished { 1.0 } else { 0.0 })
            .collect()
    };
    Case {
        id: "O17",
        title: "The seed leaves after one copy",
        source: "ref",
        formula: "share of the swarms that finish",
        scenario: "o17_seed_leaves.json",
        rows: vec![
            row("rarest first", "ref 1", (0.95, 1.0), finished(&[])),
            row("super-seeding", "ref 1", (0.95, 1.0), finished(&["groups.seed.super_seeding=true"])),
            row("random", "ref 0", (0.0, 0.15), finished(&["defaults.piece_selection=random"])),
        ],
        ..EMPTY
    }
}

fn replay() -> Case {
    Case {
        id: "O18",
        title: "The same seed gives the same bytes",
        source: "a promise of this project",
        formula: "equal files from two processes and any number of threads",
        scenario: "sim/tests/validation/replay.rs",
        note: "Held by a test that compares all files.",
        ..EMPTY
    }
}

fn report_of_s5() -> Case {
    let figures = |text: &str| {
        let results = runs(text, &[]);
        let over_peers = |value: fn(&PeerResult) -> f64| -> Vec<f64> {
            let of = |run: &RunResult| {
                mean(&run.peers.iter().filter(|peer| peer.group.is_some()).map(value).collect::<Vec<f64>>())
            };
            results.iter().map(of).collect()
        };
        #[expect(clippy::cast_precision_loss, reason = "some hundreds of messages")]
        let messages = |peer: &PeerResult| peer.messages_sent as f64;
        [
            over_peers(|peer| peer.download_time().map_or(f64::INFINITY, |time| time.as_secs_f64())),
            over_peers(messages),
        ]
    };
    let [png_time, png_messages] = figures(scenario!("5peers_png"));
    let [mp4_time, mp4_messages] = figures(scenario!("5peers_mp4"));
    let within = |value: f64| (value * 0.9, value * 1.1);
    Case {
        id: "O19",
        title: "The report of S5",
        source: "measured by the authors of S5",
        formula: "means over five peers; the profile was fitted to these two files",
        scenario: "5peers_png.json, 5peers_mp4.json",
        rows: vec![
            row("PNG, time, s", "15.34", within(15.34), png_time),
            row("PNG, messages per peer", "46.2", within(46.2), png_messages),
            row("MP4, time, s", "125.19", within(125.19), mp4_time),
            row("MP4, messages per peer", "357.5", within(357.5), mp4_messages),
        ],
        note: "A fit: these rows show that it holds, and predict nothing.",
        ..EMPTY
    }
}

//! O10, O11, O13: what the order of pieces is worth.

use super::spread::{conditions, curves};
use super::{ANY, Case, EMPTY, bounded, row, scenario};
use crate::results::RunResult;
use crate::validate::figures::{all_out, lasts, mean, over, ratios, spread_of_copies};
use crate::validate::lab::Lab;
use crate::validate::{Drawing, Picture};

/// The runs of a scenario with another order of pieces.
fn runs(lab: Lab, text: &str, selection: &str) -> Vec<RunResult> {
    lab.runs(text, &[&format!("defaults.piece_selection={selection}")])
}

pub(super) fn order(lab: Lab) -> Case {
    let text = scenario!("validation/o10_order");
    let [rarest, random, sequential] =
        ["rarest-first", "random", "sequential"].map(|selection| runs(lab, text, selection));
    let [rf, rnd, seq] = [&rarest, &random, &sequential].map(|runs| lasts(runs));
    Case {
        id: "O10",
        title: "What the order of pieces is worth",
        source: "ref; qualitatively Bharambe, Herley, Padmanabhan 2006",
        formula: "T_min = 60 P",
        scenario: "o10_order.json",
        rows: vec![
            bounded("rarest first, T_last / T_min", "ref 1.12", (1.0, 1.18), over(&rf, 60.0)),
            bounded("random, T_last / T_min", "ref 1.23 to 1.32", (1.0, ANY), over(&rnd, 60.0)),
            row("random / rarest first", "ref 1.14", (1.08, ANY), ratios(&rnd, &rf)),
            row("sequential / rarest first", "ref 3.3", (2.0, ANY), ratios(&seq, &rf)),
        ],
        note: "Random choice loses more than in the reference model, which draws a piece when its upload begins. Here a peer asks before that, so \
               that the link is never idle, and two peers may have asked the seed for the same piece.",
        pictures: vec![Picture {
            name: "o10_order",
            title: format!(
                "Rarest first: {:.0} P, random {:.0} P, in order {:.0} P",
                mean(&rf),
                mean(&rnd),
                mean(&seq)
            ),
            subtitle: conditions("O10: 30 peers, 60 pieces, a seed as fast as a peer", rarest.len()),
            drawing: Drawing::Times {
                curves: curves(
                    &[("rarest first", &rarest), ("random", &random), ("sequential", &sequential)],
                    "leecher",
                ),
                least: Some(60.0),
            },
        }],
    }
}

pub(super) fn fast_seed(lab: Lab) -> Case {
    const LEAST: f64 = 5_000.0 / 55.0;
    let text = scenario!("validation/o11_fast_seed");
    let [rarest, random] = ["rarest-first", "random"].map(|selection| runs(lab, text, selection));
    let (rf, rnd) = (lasts(&rarest), lasts(&random));
    Case {
        id: "O11",
        title: "A fast seed removes the gap",
        source: "ref; qualitatively Bharambe, Herley, Padmanabhan 2006",
        formula: "T_min = N F / (u_S + N u) = 90.9 P",
        scenario: "o11_fast_seed.json",
        rows: vec![
            bounded("rarest first, T_last / T_min", "ref 1.069", (1.0, ANY), over(&rf, LEAST)),
            bounded("random, T_last / T_min", "ref 1.055", (1.0, ANY), over(&rnd, LEAST)),
            row("random / rarest first", "ref 0.99", (0.95, 1.05), ratios(&rnd, &rf)),
        ],
        pictures: vec![Picture {
            name: "o11_fast_seed",
            title: format!(
                "With a fast seed the order does not matter: {:.0} P and {:.0} P",
                mean(&rf),
                mean(&rnd)
            ),
            subtitle: conditions("O11: 50 peers, 100 pieces, a seed five times as fast", rarest.len()),
            drawing: Drawing::Times {
                curves: curves(&[("rarest first", &rarest), ("random", &random)], "leecher"),
                least: Some(LEAST),
            },
        }],
        ..EMPTY
    }
}

pub(super) fn transient(lab: Lab) -> Case {
    const LEECHERS: u32 = 50;
    let text = scenario!("validation/o13_transient");
    let [rarest, random] = ["rarest-first", "random"].map(|selection| runs(lab, text, selection));
    let out = |runs: &[RunResult]| runs.iter().map(all_out).collect();
    let spread = |runs: &[RunResult]| -> Vec<f64> {
        runs.iter().map(|run| spread_of_copies(run, LEECHERS, 0.75)).collect()
    };
    let (narrow, wide) = (spread(&rarest), spread(&random));
    let gap = ratios(&wide, &narrow);
    Case {
        id: "O13",
        title: "The transient state",
        source: "ref; qualitatively Legout et al. 2006",
        formula: "all pieces have left the seed after F / u_S = 50 P",
        scenario: "o13_transient.json",
        rows: vec![
            bounded("all pieces are out, rarest first, P", "50, ref 50", (50.0, 55.0), out(&rarest)),
            bounded("all pieces are out, random, P", "ref 80 to 92", (50.0, ANY), out(&random)),
            row("the same, in F / u_S", "ref 1.6 to 1.84", (1.4, ANY), over(&out(&random), 50.0)),
            row("s.d. of copies per piece at 75 %, rarest first", "ref 2.0", (0.0, ANY), narrow),
            row("s.d. of copies per piece at 75 %, random", "ref 16", (0.0, ANY), wide),
            row("random / rarest first", "ref 8", (3.0, ANY), gap),
        ],
        note: "A piece counts as out when somebody besides the seed has it whole, looked at twice in a P.",
        ..EMPTY
    }
}

//! O3, O4, O7: what peers give each other.

use serde_json::json;

use crate::harness::{check, last, mean, open, open_to_all, rate, runs, swarm};

/// O3: two leechers and a seed as fast as they are: the seed sends each piece once, they swap the halves. In whole pieces no
/// schedule beats M + log2 N rounds (Mundinger, Weber and Weiss 2008); two uploads at a time double the log. A piece that comes in
/// blocks may have two sources, so that the floor is that of M 16 blocks.
#[test]
fn o3_two_leechers_swap_what_the_seed_gives_them() {
    for (block, floor, parallel, latest) in [
        ("256 KiB", 65.0, 1, 68.0),
        ("16 KiB", 64.0 + 1.0 / 16.0, 1, 68.0),
        ("16 KiB", 64.0 + 1.0 / 16.0, 2, 69.0),
    ] {
        let mut value = swarm(2, 64, 1.0);
        value["content"]["block"] = json!(block);
        value["defaults"]["choking"] = open(parallel);
        let times: Vec<f64> = runs(&value).iter().map(last).collect();
        let case = format!("blocks of {block}, {parallel} at a time");
        let least = times.iter().copied().fold(f64::MAX, f64::min);
        check("O3", &format!("hard bound, P; {case}"), floor..=f64::INFINITY, least);
        check("O3", &format!("last completion, P; {case}"), floor..=latest, mean(times));
    }
}

/// O4: seed, a, b, c in a line: M + H - 1 pieces of time, less would be pieces that are passed on before they are checked.
#[test]
fn o4_a_chain_passes_on_whole_pieces() {
    for (blocks, choking) in [("16 KiB", json!({})), ("16 KiB", open_to_all()), ("256 KiB", open(1))] {
        let mut value = swarm(1, 20, 1.0);
        value["content"]["block"] = json!(blocks);
        value["defaults"]["choking"] = choking.clone();
        value["groups"] = json!([
            { "name": "seed", "pieces": "all" }, { "name": "a" }, { "name": "b" }, { "name": "c" }
        ]);
        value["neighbours"] = json!([["seed", "a"], ["a", "b"], ["b", "c"]]);
        for run in runs(&value) {
            let case = format!("last completion, P; blocks of {blocks}, {choking}, seed {}", run.seed);
            check("O4", &case, 22.0..=22.0 * 1.05, last(&run));
        }
    }
}

/// O7: two halves swap places in both directions at the same time.
#[test]
fn o7_links_are_full_duplex() {
    let mut value = swarm(1, 40, 1.0);
    value["defaults"]["down"] = rate(1.0);
    value["groups"] = json!([
        { "name": "low", "pieces": { "first": 20 } },
        { "name": "high", "pieces": { "last": 20 } }
    ]);
    for run in runs(&value) {
        check("O7", &format!("last completion, P; seed {}", run.seed), 20.0..=20.0 * 1.03, last(&run));
    }
}

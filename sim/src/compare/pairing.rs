//! Are variants pairs? On the same seed they meet the same luck, provided that they ask it the same questions.

use minibit_core::{Geometry, PieceIndex, Seed};

use super::plan::Case;
use crate::population::population;
use crate::scenario::Scenario;

/// What the variants of a case do not have in common, besides what is compared: `peers`, `content`, `network`, `tracker`.
/// Empty: all of them have the same people with the same links at the same times.
pub fn differences(case: &Case) -> Vec<&'static str> {
    let Some(first) = case.variants.first().map(|variant| &variant.scenario) else { return Vec::new() };
    let others = || case.variants[1..].iter().map(|variant| &variant.scenario);
    let differ = |same: &dyn Fn(&Scenario) -> bool| others().any(|other| !same(other));
    let mut found = Vec::new();
    let people = people(first);
    if differ(&|other| self::people(other) == people) {
        found.push("peers");
    }
    if differ(&|other| other.content == first.content) {
        found.push("content");
    }
    if differ(&|other| other.network == first.network) {
        found.push("network");
    }
    if differ(&|other| {
        other.tracker.is_some() == first.tracker.is_some() && other.neighbours == first.neighbours
    }) {
        found.push("acquaintance");
    }
    found
}

/// What is drawn of the peers of the first run, in words that can be compared.
pub fn people(scenario: &Scenario) -> Vec<String> {
    let content = scenario.content;
    let Some(geometry) = Geometry::new(content.len, content.piece_len, content.block_len).ok() else {
        return Vec::new();
    };
    population(scenario, &geometry, &Seed::from_number(scenario.seed))
        .iter()
        .map(|plan| {
            let have: Vec<u32> = plan.have.iter().map(PieceIndex::get).collect();
            format!("{} {:?} {} {:?} {have:?}", plan.name, plan.link, plan.place, plan.join)
        })
        .collect()
}

/// What the variants have in common, in words.
pub fn spoken(case: &Case) -> String {
    let differences = differences(case);
    if differences.is_empty() {
        "paired: same seeds, arrivals, capacities and latencies".to_owned()
    } else {
        format!("same seeds, but not the same {}", differences.join(" and "))
    }
}

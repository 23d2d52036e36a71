//! The cases, a file per kind.

mod bounds;
mod exchange;
mod incentives;
mod links;
mod order;
mod promises;
mod spread;
mod steady;

use super::{Case, Row};
use crate::validate::lab::Lab;

/// No upper end.
const ANY: f64 = f64::INFINITY;

/// The text of a scenario that ships.
macro_rules! scenario {
    ($name:literal) => {
        include_str!(concat!("../../../../scenarios/", $name, ".json"))
    };
}
use scenario;

/// A case's name, and what measures it.
type Named = (&'static str, fn(Lab) -> Case);

/// All cases in order.
pub(super) const ALL: [Named; 20] = [
    ("O1", links::pair),
    ("O2", links::server),
    ("O3", exchange::exchange),
    ("O4", exchange::chain),
    ("O5", links::window),
    ("O6", links::max_min),
    ("O7", exchange::duplex),
    ("O8", bounds::bounds),
    ("O9", spread::flash_crowd),
    ("O10", order::order),
    ("O11", order::fast_seed),
    ("O12", spread::slow_seed),
    ("O13", order::transient),
    ("O14", steady::steady_state),
    ("O15", steady::missing_piece),
    ("O16", incentives::free_riders),
    ("O17", spread::seed_leaves),
    ("O18", promises::replay),
    ("O19", promises::report_of_s5),
    ("CL", incentives::clusters),
];

fn row(what: impl Into<String>, expected: &'static str, (low, high): (f64, f64), values: Vec<f64>) -> Row {
    Row { what: what.into(), accepted: low..=high, bound: None, expected, values }
}

/// A row of which no single value may be below its lower end.
fn bounded(
    what: impl Into<String>,
    expected: &'static str,
    (low, high): (f64, f64),
    values: Vec<f64>,
) -> Row {
    Row { bound: Some(low), ..row(what, expected, (low, high), values) }
}

/// So much more or less than a value, as a share of it.
fn within(value: f64, share: f64) -> (f64, f64) {
    (value * (1.0 - share), value * (1.0 + share))
}

const EMPTY: Case = Case {
    id: "",
    title: "",
    source: "closed form",
    formula: "",
    scenario: "",
    rows: Vec::new(),
    note: "",
    pictures: Vec::new(),
};

//! Which engine makes the results: its version, and a fingerprint of how it behaves.
//!
//! A cluster easily has two builds of the same version. So the name of an engine ends in a hash of what it makes of a small swarm on the
//! spot, its events and its figures: builds that behave alike have the same name, and their rows may stand side by side.

use std::path::Path;

use crate::compare::Measure;
use crate::report::bound;
use crate::report::manifest::sha256;
use crate::scenario::parse;
use crate::world::{Controls, simulate};

/// A swarm that goes through most of the engine: links of several kinds, drawn delays, arrivals, choking, departures, a tracker.
const PROBE: &str = r#"{
    "content": { "size": "3 MiB", "piece": "128 KiB" },
    "network": { "latency": { "rtt": { "log_normal": { "median": "40 ms", "sigma": 0.5 } }, "drawn": "per_pair" }, "overhead": "3 %" },
    "groups": [
        { "name": "seed", "pieces": "all", "up": "2 Mbit/s" },
        {
            "name": "peer", "count": 8, "classes": [{ "up": "1 Mbit/s", "down": "8 Mbit/s" }, { "capacity": "4 Mbit/s" }],
            "arrivals": { "poisson": { "per_second": 2 } }, "leave": { "after_completion": { "exponential": { "mean": "5 s" } } }
        }
    ],
    "stop": { "time": "10 min" }
}"#;

/// The engine's name: its version, then sixteen hexadecimal digits.
///
/// # Panics
/// Never: the swarm that it simulates is a good scenario.
pub fn engine() -> String {
    let scenario = parse("engine.json", PROBE, &[], Path::new("")).expect("a good scenario");
    let result = simulate(&scenario, 0, Controls::default());
    let bound = bound::of(&scenario);
    let figures = Measure::ALL.map(|measure| measure.of(&result, &scenario, bound.as_ref()));
    let mut fingerprint = sha256(format!("{} {figures:?}", result.digest).as_bytes());
    fingerprint.truncate(16);
    format!("{}-{fingerprint}", env!("CARGO_PKG_VERSION"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::Ending;

    #[test]
    fn the_probe_is_a_swarm_that_finishes() {
        let scenario = parse("engine.json", PROBE, &[], Path::new("")).unwrap();
        let result = simulate(&scenario, 0, Controls::default());
        assert_eq!(result.ending, Ending::Finished);
        assert!(result.events > 5_000, "{} events are not much of a probe", result.events);
        assert_eq!(engine(), engine());
    }
}

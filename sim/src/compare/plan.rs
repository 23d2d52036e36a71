//! What is compared: axes and their product.
//!
//! `pieces=rarest-first,random` and `slots=3,4` span four variants. A name that begins with a top-level key of scenario files is
//! a path as in `--set`; any other names a field of every group, by a short name or by its own.

use std::path::Path;

use crate::scenario::{Scenario, ScenarioError, load};

/// Short names of fields of groups.
const SHORT: [(&str, &str); 4] = [
    ("pieces", "piece_selection"),
    ("slots", "choking.slots"),
    ("optimistic", "choking.optimistic_slots"),
    ("parallel", "choking.parallel_uploads"),
];

/// Keys at the top of a scenario file.
const TOP: [&str; 15] = [
    "$schema",
    "content",
    "defaults",
    "description",
    "expect",
    "groups",
    "name",
    "neighbours",
    "network",
    "notes",
    "runs",
    "seed",
    "stop",
    "timeline",
    "tracker",
];

/// What is varied, and through which values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    /// As it was given.
    pub name: String,
    /// The values, at least one.
    pub values: Vec<String>,
}

/// Variants that are compared with each other.
#[derive(Clone, Debug, PartialEq)]
pub struct Case {
    /// Its name: the scenario's.
    pub name: String,
    /// At least one; the first is what the others are held against.
    pub variants: Vec<Variant>,
}

/// One of the things that are compared.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// What it is called.
    pub label: String,
    /// What is simulated.
    pub scenario: Scenario,
}

/// An axis that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadAxis {
    /// There is no `=` in it, or nothing on one of its sides.
    #[error("`{0}` varies nothing\n  hint: write e.g. --vary pieces=rarest-first,random")]
    Shapeless(String),
    /// The same value twice.
    #[error("`{name}` has the value {value} twice: the two variants would be the same")]
    Twice {
        /// The axis.
        name: String,
        /// The value.
        value: String,
    },
}

impl Axis {
    /// Reads `name=value,value…`. Commas within brackets or quotes do not separate.
    ///
    /// # Errors
    /// When it has no name or no values, or one value twice.
    pub fn parse(text: &str) -> Result<Self, BadAxis> {
        let shapeless = || BadAxis::Shapeless(text.to_owned());
        let (name, list) = text.split_once('=').ok_or_else(shapeless)?;
        let values: Vec<String> = split(list).into_iter().map(|value| value.trim().to_owned()).collect();
        if name.trim().is_empty() || values.iter().any(String::is_empty) {
            return Err(shapeless());
        }
        let name = name.trim().to_owned();
        for (i, value) in values.iter().enumerate() {
            if values[..i].contains(value) {
                return Err(BadAxis::Twice { name, value: value.clone() });
            }
        }
        Ok(Self { name, values })
    }

    /// What a variant with this value is called: words speak for themselves, numbers do not.
    fn label(&self, value: &str) -> String {
        let name = self.name.rsplit('.').next().unwrap_or_default().replace('_', " ");
        let value = value.trim_matches('"');
        let word = value.starts_with(|c: char| c.is_ascii_alphabetic()) && !matches!(value, "true" | "false");
        if word { value.to_owned() } else { format!("{name} {value}") }
    }
}

/// The overrides that give `value` to what an axis is called, in a scenario with so many groups.
pub fn overrides_of(axis: &str, value: &str, groups: usize) -> Vec<String> {
    let first = axis.split('.').next().unwrap_or_default();
    if TOP.contains(&first) {
        return vec![format!("{axis}={value}")];
    }
    let field = SHORT.iter().find(|(short, _)| *short == axis).map_or(axis, |(_, field)| field);
    (0..groups).map(|group| format!("groups.{group}.{field}={value}")).collect()
}

/// Splits at commas that stand in no brackets and no quotes.
fn split(list: &str) -> Vec<&str> {
    let (mut depth, mut quoted, mut start) = (0_u32, false, 0);
    let mut parts = Vec::new();
    for (at, c) in list.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '[' | '{' if !quoted => depth += 1,
            ']' | '}' if !quoted => depth = depth.saturating_sub(1),
            ',' if !quoted && depth == 0 => {
                parts.push(&list[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&list[start..]);
    parts
}

/// A scenario file with each combination of the axes' values; the last axis varies fastest.
///
/// # Errors
/// When the file is no scenario, or becomes none.
pub fn vary(path: &Path, overrides: &[String], axes: &[Axis]) -> Result<Case, ScenarioError> {
    let base = load(path, overrides)?;
    let mut combinations: Vec<(Vec<String>, Vec<String>)> = vec![(overrides.to_vec(), Vec::new())];
    for axis in axes {
        let extended = |(flags, labels): &(Vec<String>, Vec<String>), value: &String| {
            let flags =
                flags.iter().cloned().chain(overrides_of(&axis.name, value, base.groups.len())).collect();
            let labels = labels.iter().cloned().chain([axis.label(value)]).collect();
            (flags, labels)
        };
        combinations = combinations
            .iter()
            .flat_map(|combination| axis.values.iter().map(move |value| extended(combination, value)))
            .collect();
    }
    let variant = |(flags, labels): (Vec<String>, Vec<String>)| {
        let label = if labels.is_empty() { base.name.clone() } else { labels.join(", ") };
        Ok(Variant { label, scenario: load(path, &flags)? })
    };
    Ok(Case {
        name: base.name.clone(),
        variants: combinations.into_iter().map(variant).collect::<Result<_, ScenarioError>>()?,
    })
}

/// Scenario files against each other, all with the seeds of the first.
///
/// # Errors
/// When one of the files is no scenario.
pub fn versus(paths: &[&Path], overrides: &[String]) -> Result<Case, ScenarioError> {
    let mut variants: Vec<Variant> = Vec::new();
    for (number, path) in paths.iter().enumerate() {
        let mut scenario = load(path, overrides)?;
        if let Some(first) = variants.first() {
            scenario.seed = first.scenario.seed;
            scenario.runs = first.scenario.runs;
        }
        let taken = variants.iter().any(|variant| variant.label == scenario.name);
        let label = if taken { format!("{} ({})", scenario.name, number + 1) } else { scenario.name.clone() };
        variants.push(Variant { label, scenario });
    }
    let name = variants.iter().map(|variant| variant.scenario.name.as_str()).collect::<Vec<_>>().join("_vs_");
    Ok(Case { name, variants })
}

#[cfg(test)]
mod tests {
    use minibit_core::config::PieceSelection;

    use super::*;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    const SWARM: &str = r#"{"name": "swarm", "content": {"size": "1 MiB"}, "defaults": {"up": "1 Mbit/s", "down": "1 Mbit/s"},
        "groups": [{"name": "seed", "pieces": "all"}, {"name": "peer", "count": 2}]}"#;

    #[test]
    fn axes_span_their_product_in_order() {
        let file = file(SWARM);
        let axes = ["pieces=rarest-first,random", "slots=3,5"].map(|text| Axis::parse(text).unwrap());
        let case = vary(file.path(), &["runs=4".to_owned()], &axes).unwrap();
        let labels: Vec<&str> = case.variants.iter().map(|variant| variant.label.as_str()).collect();
        assert_eq!(
            labels,
            ["rarest-first, slots 3", "rarest-first, slots 5", "random, slots 3", "random, slots 5"]
        );
        for group in &case.variants[3].scenario.groups {
            assert_eq!(group.config.pieces, PieceSelection::Random, "in every group");
            assert_eq!(group.config.choking.slots, 5);
        }
        assert_eq!((case.name.as_str(), case.variants[2].scenario.runs), ("swarm", 4));
    }

    #[test]
    fn paths_and_fields_of_groups_are_told_apart() {
        let of = |text: &str| {
            let axis = Axis::parse(text).unwrap();
            overrides_of(&axis.name, &axis.values[0], 2)
        };
        assert_eq!(
            of("pieces=random"),
            ["groups.0.piece_selection=random", "groups.1.piece_selection=random"]
        );
        assert_eq!(of("endgame=true"), ["groups.0.endgame=true", "groups.1.endgame=true"]);
        assert_eq!(of("groups.peer.count=9"), ["groups.peer.count=9"]);
        assert_eq!(of("network.latency.rtt=1 ms"), ["network.latency.rtt=1 ms"]);
        assert_eq!(of("tracker.max_peers=3"), ["tracker.max_peers=3"]);
    }

    #[test]
    fn lists_are_split_outside_of_brackets_and_quotes() {
        let axis = Axis::parse(r#"up=["1 Mbit/s","2 Mbit/s"],"a,b",3"#).unwrap();
        assert_eq!(axis.values, [r#"["1 Mbit/s","2 Mbit/s"]"#, r#""a,b""#, "3"]);
        for wrong in ["pieces", "=random", "pieces=", "pieces=a,,b"] {
            assert!(matches!(Axis::parse(wrong), Err(BadAxis::Shapeless(_))), "{wrong}");
        }
        assert!(matches!(Axis::parse("slots=3,4,3"), Err(BadAxis::Twice { .. })));
    }

    #[test]
    fn files_against_each_other_share_the_first_ones_seeds() {
        let (a, b) = (file(SWARM), file(&SWARM.replace("1 MiB\"}", "1 MiB\"}, \"seed\": 9, \"runs\": 3")));
        let case = versus(&[a.path(), b.path()], &[]).unwrap();
        assert_eq!((case.variants[1].scenario.seed, case.variants[1].scenario.runs), (1, 1));
        assert_eq!(case.variants[1].label, "swarm (2)");
    }
}

//! From a sweep file to a plan and the scenarios that it is about. A value that makes no scenario is shown where it stands.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::engine::engine;
use super::file::{Axis, File, label};
use super::plan::{self, MAX_RUNS, MAX_VARIANTS, Plan, canonical};
use crate::compare::Measure;
use crate::compare::plan::overrides_of;
use crate::report::bound;
use crate::report::command::named;
use crate::report::manifest::sha256;
use crate::scenario::document::{self, Kind, Other, Source};
use crate::scenario::path::FieldPath;
use crate::scenario::problem::{Problem, ensure};
use crate::scenario::read::{SCENARIO, from_tree};
use crate::scenario::{Scenario, ScenarioError, resolved_json};

/// What sweep files are called, and the least of them.
const SWEEP: Kind = Kind {
    name: "sweep",
    least: r#"{"scenario": "flash_crowd.json", "axes": [{"path": "slots", "values": [3, 4]}], "seeds": 10}"#,
    other: Other { name: "scenario", key: "groups", hint: "sim run FILE; a sweep has it as its `scenario`" },
};

/// A plan that can be carried out.
#[derive(Clone, Debug, PartialEq)]
pub struct Sweep {
    /// The plan.
    pub plan: Plan,
    /// The scenario of each variant, in the plan's order.
    pub scenarios: Vec<Scenario>,
}

/// Reads a sweep file.
///
/// # Errors
/// When it cannot be read or is no sweep, or a combination of its values is no scenario.
pub fn load(path: &Path) -> Result<Sweep, ScenarioError> {
    let text = document::load(SWEEP, path)?;
    parse(&path.display().to_string(), &text, path.parent().unwrap_or(Path::new("")))
}

/// Reads a sweep from a text. `folder` is where the paths in it begin.
///
/// # Errors
/// As those of [`load`].
pub fn parse(name: &str, text: &str, folder: &Path) -> Result<Sweep, ScenarioError> {
    let text = document::unmarked(text);
    let tree = document::tree(SWEEP, name, text)?;
    let source = Source::new(name, text);
    let file: File = source.deserialized(&tree)?;
    let stem = Path::new(name).file_stem().map_or("sweep".into(), |stem| stem.to_string_lossy());
    let refused = |problem| source.error(problem);
    checked(&file).map_err(refused)?;
    let sweep_name = match &file.name {
        Some(name) => crate::scenario::checked_name(name, &root("name")).map_err(refused)?,
        None => stem.into_owned(),
    };
    let base = Base::new(&source, &file.scenario, &sweep_name, folder)?;
    let groups = base.tree.get("groups").and_then(Value::as_array).map_or(0, Vec::len);
    let set: Vec<Flag<'_>> = changes(&file).iter().flat_map(|change| flags(change, groups)).collect();
    let unvaried = base.scenario(&set, &source)?;
    let variants = variants(&file, &base, set, groups, &source)?;
    let measure = file.measure.unwrap_or(Measure::LastDownload);
    let defined =
        measure != Measure::Efficiency || variants.iter().all(|scenario| bound::of(scenario).is_some());
    ensure(defined, || {
        Problem::new(
            &root("measure"),
            "the efficiency is not defined: no lower bound is known for such a scenario",
        )
        .hint("it needs fixed links, and leechers that join together with nothing and stay")
    })
    .map_err(refused)?;
    let digests = distinct(&file, &variants).map_err(refused)?;
    let plan = Plan {
        schema: plan::SCHEMA,
        engine: engine(),
        name: sweep_name,
        description: file.description.unwrap_or_default(),
        axes: file.axes,
        policies: file.policies,
        measure,
        first_seed: unvaried.seed,
        seeds: file.seeds,
        variants: digests,
        scenario: resolved_json(&unvaried),
        file: named(Path::new(name)),
    };
    let last = plan.first_seed.checked_add(plan.seeds.into());
    ensure(last.is_some(), || Problem::new(&root("seeds"), "the last seeds would be too large"))
        .map_err(refused)?;
    Ok(Sweep { plan, scenarios: variants })
}

fn root(key: &str) -> FieldPath {
    FieldPath::root().key(key)
}

/// Checks what can be told without the scenario.
fn checked(file: &File) -> Result<(), Problem> {
    ensure(!file.axes.is_empty(), || {
        Problem::new(&root("axes"), "nothing is varied")
            .hint(r#"write e.g. [{"path": "slots", "values": [3, 4]}]"#)
    })?;
    ensure((1..=100_000).contains(&file.seeds), || {
        Problem::new(&root("seeds"), format!("{} seeds are not between 1 and 100000", file.seeds))
    })?;
    let mut variants = 1_usize;
    for (axis, path) in axes(file) {
        ensure(!axis.values.is_empty(), || {
            Problem::new(&path.key("values"), "an axis needs a value").hint("write at least one")
        })?;
        ensure(axis.path != "seed" && axis.path != "runs", || {
            Problem::new(&path.key("path"), "seeds are no axis: each cell has all of them")
                .hint("the number of seeds is the key `seeds`")
        })?;
        for (i, value) in axis.values.iter().enumerate() {
            ensure(!axis.values[..i].contains(value), || {
                Problem::new(
                    &path.key("values").index(i),
                    format!("the value {} stands there twice", label(value)),
                )
                .hint("leave one of them out")
            })?;
        }
        variants = variants.saturating_mul(axis.values.len());
    }
    ensure(variants <= MAX_VARIANTS && variants as u64 * u64::from(file.seeds) <= MAX_RUNS, || {
        Problem::new(
            &root("axes"),
            format!("{variants} combinations with {} seeds are too many runs", file.seeds),
        )
        .hint(format!("at most {MAX_VARIANTS} combinations and {MAX_RUNS} runs"))
    })
}

/// The axes, the policies last, and where they stand.
fn axes(file: &File) -> impl Iterator<Item = (&Axis, FieldPath)> {
    let axes = file.axes.iter().enumerate().map(|(i, axis)| (axis, root("axes").index(i)));
    axes.chain(file.policies.iter().map(|axis| (axis, root("policies"))))
}

/// A value that replaces another one, and where in the sweep file it stands.
#[derive(Clone, Debug)]
struct Change<'a> {
    path: &'a str,
    value: &'a Value,
    /// Where the path is written.
    path_at: FieldPath,
    /// Where the value is written.
    value_at: FieldPath,
}

/// What is replaced in all runs.
fn changes(file: &File) -> Vec<Change<'_>> {
    let set = file.set.iter().flatten();
    set.map(|(path, value)| {
        let at = root("set").key(path);
        Change { path, value, path_at: at.clone(), value_at: at }
    })
    .collect()
}

/// An override, and the change that it is for.
type Flag<'a> = (String, Change<'a>);

/// The overrides of a change, which may name a field of all groups.
fn flags<'a>(change: &Change<'a>, groups: usize) -> Vec<Flag<'a>> {
    let flags = overrides_of(change.path, &change.value.to_string(), groups);
    flags.into_iter().map(|flag| (flag, change.clone())).collect()
}

/// The scenario that is swept, as it is written.
struct Base<'a> {
    name: String,
    text: std::borrow::Cow<'a, str>,
    tree: Value,
    at: FieldPath,
    stem: String,
    folder: PathBuf,
}

impl<'a> Base<'a> {
    fn new(source: &Source<'a>, value: &Value, sweep: &str, folder: &Path) -> Result<Self, ScenarioError> {
        let at = root("scenario");
        match value {
            Value::Object(_) => Ok(Self {
                name: source.name.to_owned(),
                text: source.text.into(),
                tree: value.clone(),
                at,
                stem: sweep.to_owned(),
                folder: folder.to_owned(),
            }),
            Value::String(relative) => {
                let path = folder.join(relative);
                let text = document::load(SCENARIO, &path).map_err(|error| match error {
                    ScenarioError::Unreadable { source: cause, .. } => source.error(
                        Problem::new(&at, format!("cannot read the scenario {}: {cause}", path.display()))
                            .hint("paths begin where the sweep file is"),
                    ),
                    other => other,
                })?;
                let text = document::unmarked(&text).to_owned();
                let name = path.display().to_string();
                let tree = document::tree(SCENARIO, &name, &text)?;
                let stem =
                    path.file_stem().map_or("scenario".into(), |stem| stem.to_string_lossy()).into_owned();
                let folder = path.parent().unwrap_or(Path::new("")).to_owned();
                Ok(Self { name, text: text.into(), tree, at: FieldPath::root(), stem, folder })
            }
            _ => Err(source.error(
                Problem::new(&at, "a scenario is a file or an object")
                    .hint(r#"write e.g. "../flash_crowd.json""#),
            )),
        }
    }

    /// The scenario with some values replaced.
    fn scenario(&self, flags: &[Flag<'_>], sweep: &Source<'_>) -> Result<Scenario, ScenarioError> {
        let source = Source::within(&self.name, &self.text, self.at.clone());
        let texts: Vec<String> = flags.iter().map(|(flag, _)| flag.clone()).collect();
        from_tree(source, self.tree.clone(), &texts, &self.stem, &self.folder)
            .map_err(|error| in_the_sweep(error, flags, sweep))
    }
}

/// What is wrong with an override, shown where the sweep file has it.
fn in_the_sweep(error: ScenarioError, flags: &[Flag<'_>], sweep: &Source<'_>) -> ScenarioError {
    let ScenarioError::Override(finding) = &error else { return error };
    let shown = |flag: &str| finding.text().strip_prefix("--set ") == Some(flag);
    let Some((flag, change)) = flags.iter().find(|(flag, _)| shown(flag)) else { return error };
    let way = "--set ".len() + flag.find('=').unwrap_or(flag.len());
    let (start, _) = finding.span();
    let at = if start > way { &change.value_at } else { &change.path_at };
    let mut problem = Problem::new(at, finding.to_string());
    problem.hint = finding.hint().map(str::to_owned);
    sweep.error(problem)
}

/// The scenario of each combination of the axes' values, the policies' varying fastest.
fn variants(
    file: &File,
    base: &Base<'_>,
    set: Vec<Flag<'_>>,
    groups: usize,
    source: &Source<'_>,
) -> Result<Vec<Scenario>, ScenarioError> {
    let mut combinations = vec![set];
    for (axis, at) in axes(file) {
        let options: Vec<Vec<Flag<'_>>> = axis
            .values
            .iter()
            .enumerate()
            .map(|(i, value)| {
                let (path_at, value_at) = (at.key("path"), at.key("values").index(i));
                flags(&Change { path: &axis.path, value, path_at, value_at }, groups)
            })
            .collect();
        combinations = combinations
            .iter()
            .flat_map(|so_far| options.iter().map(move |option| [so_far.as_slice(), option].concat()))
            .collect();
    }
    combinations.iter().map(|flags| base.scenario(flags, source)).collect()
}

/// The digests of the variants' canonical scenarios, all of them different: what does nothing is no axis.
fn distinct(file: &File, variants: &[Scenario]) -> Result<Vec<String>, Problem> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut digests = Vec::with_capacity(variants.len());
    for (number, scenario) in variants.iter().enumerate() {
        let digest = sha256(canonical(resolved_json(scenario)).as_bytes());
        if let Some(&earlier) = seen.get(&digest) {
            return Err(same(file, earlier, number));
        }
        seen.insert(digest.clone(), number);
        digests.push(digest);
    }
    Ok(digests)
}

/// Two variants are the same scenario: the first axis in which they differ has two values that do the same.
fn same(file: &File, earlier: usize, later: usize) -> Problem {
    let (mut earlier, mut later) = (earlier, later);
    let mut found = None;
    let axes: Vec<_> = axes(file).collect();
    for (axis, at) in axes.iter().rev() {
        let count = axis.values.len();
        let (a, b) = (earlier % count, later % count);
        if a != b {
            let what =
                format!("{} gives the same scenario as {}", label(&axis.values[b]), label(&axis.values[a]));
            found = Some(
                Problem::new(&at.key("values").index(b), what).hint("does the path name what is meant?"),
            );
        }
        (earlier, later) = (earlier / count, later / count);
    }
    found.expect("two variants differ in a value")
}

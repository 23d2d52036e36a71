//! From a path or a text to a scenario: the document, overrides, types, checks, in this order.

use std::path::Path;

use serde_json::Value;

use super::Scenario;
use super::document::{self, Kind, Other, Source};
use super::error::{ScenarioError, finding};
use super::file::File;
use super::overrides;
use super::resolve::{Failure, resolve};

/// What scenario files are called, and the least of them.
pub(crate) const SCENARIO: Kind = Kind {
    name: "scenario",
    least: r#"{"content": {"size": "10 MiB"}, "groups": [{"name": "seed", "pieces": "all", "up": "5 Mbit/s"}, {"name": "peer", "up": "1 Mbit/s", "down": "20 Mbit/s"}]}"#,
    other: Other { name: "sweep", key: "axes", hint: "sim sweep run FILE --out DIR" },
};

/// Reads a scenario from a file. Each override is a `path=value` that replaces a value of the file.
///
/// # Errors
/// When the file cannot be read, is no scenario, or an override does not fit.
pub fn load(path: &Path, overrides: &[String]) -> Result<Scenario, ScenarioError> {
    let text = document::load(SCENARIO, path)?;
    parse(&path.display().to_string(), &text, overrides, path.parent().unwrap_or(Path::new("")))
}

/// Reads a scenario from a text. `source_name` is what errors call it, and without folder and ending the scenario's name when
/// the text gives none; `base_dir` is the folder of its traces.
///
/// # Errors
/// When the text is no scenario or an override does not fit.
pub fn parse(
    source_name: &str,
    text: &str,
    overrides: &[String],
    base_dir: &Path,
) -> Result<Scenario, ScenarioError> {
    let text = document::unmarked(text);
    let tree = document::tree(SCENARIO, source_name, text)?;
    let stem = Path::new(source_name).file_stem().map_or("scenario".into(), |stem| stem.to_string_lossy());
    from_tree(Source::new(source_name, text), tree, overrides, &stem, base_dir)
}

/// Makes a scenario of the tree that a source says. `stem` is its name when the tree gives none.
///
/// # Errors
/// When the tree is no scenario or an override does not fit.
pub(crate) fn from_tree(
    mut source: Source<'_>,
    mut tree: Value,
    overrides: &[String],
    stem: &str,
    base_dir: &Path,
) -> Result<Scenario, ScenarioError> {
    for flag in overrides {
        let applied = overrides::apply(&mut tree, flag).map_err(|bad| {
            let problem = (bad.what, Some(bad.hint));
            let finding = finding(
                "scenario::override",
                "command line",
                &bad.flag,
                bad.span,
                "here".to_owned(),
                problem,
            );
            ScenarioError::Override(finding)
        })?;
        source.overrides.push(applied);
    }
    let file: File = source.deserialized(&tree)?;
    resolve(&file, stem, base_dir).map_err(|failure| match failure {
        Failure::Problem(problem) => source.error(problem),
        Failure::Trace(path, trace) => {
            let name = trace.file.display().to_string();
            let span = trace.span.0..trace.span.0 + trace.span.1;
            let label = path.to_string();
            let problem = (trace.what, Some(trace.hint));
            ScenarioError::Trace(finding("scenario::trace", &name, &trace.text, span, label, problem))
        }
    })
}

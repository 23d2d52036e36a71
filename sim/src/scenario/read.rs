//! From a path or a text to a scenario: limits, encoding, JSON, overrides, types, checks, in this order.

use std::io::Read as _;
use std::path::Path;

use serde_json::Value;

use super::Scenario;
use super::error::{ScenarioError, finding, from_serde};
use super::file::File;
use super::locate::{duplicate_key, locate};
use super::overrides::{self, Override};
use super::path::FieldPath;
use super::problem::Problem;
use super::resolve::{Failure, resolve};

/// Scenario files are no larger than this.
pub(super) const MAX_BYTES: usize = 16 << 20;

/// Reads a scenario from a file. Each override is a `path=value` that replaces a value of the file.
///
/// # Errors
/// When the file cannot be read, is no scenario, or an override does not fit.
pub fn load(path: &Path, overrides: &[String]) -> Result<Scenario, ScenarioError> {
    let unreadable = |source| ScenarioError::Unreadable { path: path.to_owned(), source };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let name = path.display().to_string();
    if bytes.len() > MAX_BYTES {
        return Err(ScenarioError::TooLarge { name });
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + String::from_utf8_lossy(good).matches('\n').count();
        ScenarioError::NotUtf8 { name: name.clone(), line }
    })?;
    parse(&name, &text, overrides, path.parent().unwrap_or(Path::new("")))
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
    if text.len() > MAX_BYTES {
        return Err(ScenarioError::TooLarge { name: source_name.to_owned() });
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.trim().is_empty() {
        return Err(ScenarioError::Empty { name: source_name.to_owned() });
    }
    let mut tree: Value = serde_json::from_str(text).map_err(|error| syntax(source_name, text, &error))?;
    if let Some(duplicate) = duplicate_key(text) {
        return Err(ScenarioError::Duplicate(super::error::duplicate(source_name, text, duplicate)));
    }
    let mut source = Source { name: source_name, text, overrides: Vec::new() };
    if !tree.is_object() {
        return Err(
            source.error(Problem::new(&FieldPath::root(), "a scenario is a JSON object").hint("write {…}"))
        );
    }
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
    no_null(&tree, &FieldPath::root()).map_err(|problem| source.error(problem))?;
    let file: File = serde_path_to_error::deserialize(&tree).map_err(|error| {
        let path = FieldPath::from(error.path());
        source.error(from_serde(&error.inner().to_string(), &path, &tree))
    })?;
    let stem = Path::new(source_name).file_stem().map_or("scenario".into(), |stem| stem.to_string_lossy());
    resolve(&file, &stem, base_dir).map_err(|failure| match failure {
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

/// `null` says nothing that leaving the key out would not say.
fn no_null(value: &Value, path: &FieldPath) -> Result<(), Problem> {
    match value {
        Value::Null => {
            Err(Problem::new(path, "null is no value here").hint("leave the key out to have the default"))
        }
        Value::Array(items) => {
            items.iter().enumerate().try_for_each(|(i, item)| no_null(item, &path.index(i)))
        }
        Value::Object(map) => map.iter().try_for_each(|(key, value)| no_null(value, &path.key(key))),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

/// The error for a text that is not JSON.
fn syntax(name: &str, text: &str, error: &serde_json::Error) -> ScenarioError {
    let start = text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum::<usize>();
    let mut at = (start + error.column().saturating_sub(1)).min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    let len = text[at..].chars().next().map_or(0, char::len_utf8);
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    let next = text[at..].chars().next();
    let number_before = text[..at].trim_end().ends_with(|c: char| c.is_ascii_digit());
    let hint = match next {
        _ if !text.trim_start().starts_with('{') && !text.trim_start().starts_with('[') => {
            "a scenario begins with {"
        }
        Some('/' | '#') => "JSON has no comments; use \"description\"",
        Some('\'') => "strings stand in double quotes",
        Some(c) if number_before && (c.is_alphabetic() || c == '%') => {
            "numbers with units stand in double quotes: \"10 MiB\""
        }
        _ if message.contains("trailing comma") => "remove the comma before the closing bracket",
        _ if message.contains("EOF") => "a bracket or a quote is not closed",
        _ if message.contains("recursion limit") => "no scenario is nested so deeply",
        _ if message.contains("expected `,`") => "put a comma between two values",
        _ if message.contains("number out of range") => "no quantity is so large",
        _ if message.contains("control character") => "write \\n for a new line within a string",
        _ if message.contains("key must be a string") => "keys stand in double quotes",
        _ => "a value is a string, a number, true, false, [...] or {...}",
    };
    let message = message.replace("expected ident", "expected a value");
    let what = format!("the scenario is not JSON: {message}");
    ScenarioError::Syntax(finding(
        "scenario::syntax",
        name,
        text,
        at..at + len,
        "here".to_owned(),
        (what, Some(hint.to_owned())),
    ))
}

/// A text and what was changed in it.
struct Source<'a> {
    name: &'a str,
    text: &'a str,
    overrides: Vec<Override>,
}

impl Source<'_> {
    /// Finds the place of a problem: in the flag that put the value there, or in the text.
    fn error(&self, problem: Problem) -> ScenarioError {
        let label = match problem.path.to_string() {
            path if path.is_empty() => "here".to_owned(),
            path => path,
        };
        let words = (problem.what, problem.hint);
        let place = locate(self.text, &problem.path);
        let put_there = |flag: &&Override| problem.path.is_within(&flag.path);
        let made_it = |flag: &&Override| {
            !place.whole && flag.path.is_within(&problem.path) && !problem.path.0.is_empty()
        };
        let flags = || self.overrides.iter().rev();
        if let Some(flag) = flags().find(put_there).or_else(|| flags().find(made_it)) {
            let way = "--set ".len()..flag.value.start - 1;
            let whole_value = put_there(&flag) && !problem.key && !flag.value.is_empty();
            let span = if whole_value { flag.value.clone() } else { way };
            let finding = finding("scenario::override", "command line", &flag.flag, span, label, words);
            return ScenarioError::Override(finding);
        }
        let value = &self.text[place.value.clone()];
        let nested = value.starts_with(['{', '[']);
        let first = place.value.start..place.value.start + usize::from(!value.is_empty());
        // A value of several lines is marked at its key or at its first bracket.
        let span = match place.key {
            Some(key) if problem.key || (nested && (!place.whole || value.contains('\n'))) => key,
            _ if nested && (!place.whole || value.contains('\n')) => first,
            _ => place.value,
        };
        ScenarioError::Field(finding("scenario::field", self.name, self.text, span, label, words))
    }
}

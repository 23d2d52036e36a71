//! A JSON text whose mistakes are shown at their place: what scenarios and sweeps have in common.
//!
//! Limits, encoding, JSON, keys that stand twice, `null`, types, in this order. What the values mean is for others.

use std::io::{self, Read as _};
use std::path::Path;

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::{ScenarioError, finding, from_serde};
use super::locate::{duplicate_key, locate};
use super::overrides::Override;
use super::path::FieldPath;
use super::problem::Problem;

/// Files are no larger than this.
pub(super) const MAX_BYTES: usize = 16 << 20;

/// What a text is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kind {
    /// The word for it.
    pub(crate) name: &'static str,
    /// The least that is one.
    pub(crate) least: &'static str,
    /// What it is easily mistaken for.
    pub(crate) other: Other,
}

/// A kind of file that is easily taken for another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Other {
    /// The word for it.
    pub(crate) name: &'static str,
    /// A key that it always has, and the kind that was asked for never.
    pub(crate) key: &'static str,
    /// What to do with such a file.
    pub(crate) hint: &'static str,
}

/// The text of a file.
///
/// # Errors
/// When it cannot be read, is too large, or is not text.
pub(crate) fn load(kind: Kind, path: &Path) -> Result<String, ScenarioError> {
    let unreadable = |source: io::Error| {
        let help = match source.kind() {
            io::ErrorKind::IsADirectory => "this is a folder: name a file in it",
            io::ErrorKind::PermissionDenied => "its owner or a folder above it does not let you",
            _ => "is the name right? The shipped ones are in the folder `scenarios`",
        };
        ScenarioError::Unreadable { kind: kind.name, path: path.to_owned(), source, help }
    };
    let file = std::fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let name = path.display().to_string();
    if bytes.len() > MAX_BYTES {
        return Err(ScenarioError::TooLarge { name });
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + String::from_utf8_lossy(good).matches('\n').count();
        ScenarioError::NotUtf8 { name: name.clone(), line }
    })
}

/// The text without a mark of its byte order: what places are counted in.
pub(crate) fn unmarked(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// The object that an unmarked text says.
///
/// # Errors
/// When it says none.
pub(crate) fn tree(kind: Kind, name: &str, text: &str) -> Result<Value, ScenarioError> {
    if text.len() > MAX_BYTES {
        return Err(ScenarioError::TooLarge { name: name.to_owned() });
    }
    if text.trim().is_empty() {
        return Err(ScenarioError::Empty { name: name.to_owned(), least: kind.least });
    }
    let tree: Value = serde_json::from_str(text).map_err(|error| syntax(kind, name, text, &error))?;
    if let Some(duplicate) = duplicate_key(text) {
        return Err(ScenarioError::Duplicate(super::error::duplicate(name, text, duplicate)));
    }
    if !tree.is_object() {
        let what = format!("a {} is a JSON object", kind.name);
        return Err(Source::new(name, text).error(Problem::new(&FieldPath::root(), what).hint("write {…}")));
    }
    let Other { name: other, key, hint } = kind.other;
    if tree.get(key).is_some() {
        let what = format!("this is a {other}, and not a {}", kind.name);
        let problem = Problem::new(&FieldPath::root().key(key), what).hint(hint);
        return Err(Source::new(name, text).error(problem));
    }
    Ok(tree)
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
fn syntax(kind: Kind, name: &str, text: &str, error: &serde_json::Error) -> ScenarioError {
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
        _ if !text.trim_start().starts_with('{') && !text.trim_start().starts_with('[') => "it begins with {",
        Some('/' | '#') => "JSON has no comments; use \"description\"",
        Some('\'') => "strings stand in double quotes",
        Some(c) if number_before && (c.is_alphabetic() || c == '%') => {
            "numbers with units stand in double quotes: \"10 MiB\""
        }
        _ if message.contains("trailing comma") => "remove the comma before the closing bracket",
        _ if message.contains("EOF") => "a bracket or a quote is not closed",
        _ if message.contains("recursion limit") => "nothing is to be nested so deeply",
        _ if message.contains("expected `,`") => "put a comma between two values",
        _ if message.contains("number out of range") => "no quantity is so large",
        _ if message.contains("control character") => "write \\n for a new line within a string",
        _ if message.contains("key must be a string") => "keys stand in double quotes",
        _ => "a value is a string, a number, true, false, [...] or {...}",
    };
    let message = message.replace("expected ident", "expected a value");
    let what = format!("the {} is not JSON: {message}", kind.name);
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
#[derive(Debug)]
pub(crate) struct Source<'a> {
    /// What errors call it.
    pub(crate) name: &'a str,
    /// The whole text.
    pub(crate) text: &'a str,
    /// Where in the text the object is that paths begin at.
    pub(super) at: FieldPath,
    /// What was changed in it.
    pub(super) overrides: Vec<Override>,
}

impl<'a> Source<'a> {
    /// A text as it is.
    pub(crate) fn new(name: &'a str, text: &'a str) -> Self {
        Self { name, text, at: FieldPath::root(), overrides: Vec::new() }
    }

    /// The object at this path of a text.
    pub(crate) fn within(name: &'a str, text: &'a str, at: FieldPath) -> Self {
        Self { at, ..Self::new(name, text) }
    }

    /// Makes what the tree says, with the place of what does not fit.
    pub(crate) fn deserialized<T: DeserializeOwned>(&self, tree: &Value) -> Result<T, ScenarioError> {
        no_null(tree, &FieldPath::root()).map_err(|problem| self.error(problem))?;
        serde_path_to_error::deserialize(tree).map_err(|error| {
            let path = FieldPath::from(error.path());
            self.error(from_serde(&error.inner().to_string(), &path, tree))
        })
    }

    /// Finds the place of a problem: in the flag that put the value there, or in the text.
    pub(crate) fn error(&self, problem: Problem) -> ScenarioError {
        let path = self.at.join(&problem.path);
        let label = match path.to_string() {
            path if path.is_empty() => "here".to_owned(),
            path => path,
        };
        let words = (problem.what, problem.hint);
        let place = locate(self.text, &path);
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

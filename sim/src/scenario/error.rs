//! What a reader of a scenario is told when something is wrong: what, where, what was expected, what to do.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::PathBuf;

use miette::{Diagnostic, NamedSource, SourceSpan};
use serde_json::Value;

use super::locate::Duplicate;
use super::path::{FieldPath, Step};
use super::problem::Problem;

/// Why there is no scenario. Rendered by miette's handler it shows the line and points at the value.
#[derive(Debug, thiserror::Error, Diagnostic)]
#[non_exhaustive]
pub enum ScenarioError {
    /// The file cannot be read.
    #[error("cannot read the {kind} {}", path.display())]
    #[diagnostic(code(scenario::unreadable), help("{help}"))]
    Unreadable {
        /// What it was to be: a scenario, a sweep.
        kind: &'static str,
        /// Which file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
        /// What to do about it.
        help: &'static str,
    },
    /// The file is too large.
    #[error("{name} is larger than {} MiB", super::document::MAX_BYTES >> 20)]
    #[diagnostic(
        code(scenario::too_large),
        help("long lists of arrival times belong into a CSV trace beside the scenario")
    )]
    TooLarge {
        /// Which file.
        name: String,
    },
    /// The file is not text.
    #[error("{name} is not UTF-8: line {line} has a byte that is no text")]
    #[diagnostic(code(scenario::not_utf8), help("save the file as UTF-8"))]
    NotUtf8 {
        /// Which file.
        name: String,
        /// Line of the first bad byte, from 1.
        line: usize,
    },
    /// There is nothing in the file.
    #[error("{name} is empty")]
    #[diagnostic(code(scenario::empty), help("the least is {least}"))]
    Empty {
        /// Which file.
        name: String,
        /// The least that could be in it.
        least: &'static str,
    },
    /// The file is not JSON.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Syntax(Box<Finding>),
    /// A key stands twice in the same object.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Duplicate(Box<Finding>),
    /// A value is wrong, missing, or does not fit to the others.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Field(Box<Finding>),
    /// An override is wrong, or makes the scenario wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Override(Box<Finding>),
    /// A trace is wrong.
    #[error(transparent)]
    #[diagnostic(transparent)]
    Trace(Box<Finding>),
}

/// Something wrong at a place of a text.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub struct Finding {
    what: String,
    code: &'static str,
    label: String,
    hint: Option<String>,
    text: NamedSource<String>,
    span: SourceSpan,
    earlier: Option<SourceSpan>,
}

impl Finding {
    /// What stands beside the place: the way to the value, such as `groups[0].up`.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The text.
    pub fn text(&self) -> &str {
        self.text.inner()
    }

    /// Where in the text: first byte, number of bytes.
    pub fn span(&self) -> (usize, usize) {
        (self.span.offset(), self.span.len())
    }
}

impl Diagnostic for Finding {
    fn code<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        Some(Box::new(self.code))
    }

    fn help<'a>(&'a self) -> Option<Box<dyn std::fmt::Display + 'a>> {
        self.hint.as_ref().map(|hint| Box::new(hint) as Box<dyn std::fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        Some(&self.text)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = miette::LabeledSpan> + '_>> {
        let label = miette::LabeledSpan::new_primary_with_span(Some(self.label.clone()), self.span);
        let earlier =
            self.earlier.map(|span| miette::LabeledSpan::new_with_span(Some("first here".to_owned()), span));
        Some(Box::new(earlier.into_iter().chain([label])))
    }
}

/// A finding in a text.
pub(super) fn finding(
    code: &'static str,
    name: &str,
    text: &str,
    span: Range<usize>,
    label: String,
    problem: (String, Option<String>),
) -> Box<Finding> {
    let (text, span, label) = clipped(text, span, label);
    let text = NamedSource::new(name, text);
    Box::new(Finding {
        what: problem.0,
        code,
        label,
        hint: problem.1,
        text,
        span: span.into(),
        earlier: None,
    })
}

/// A key that stands at two places of a text.
pub(super) fn duplicate(name: &str, text: &str, duplicate: Duplicate) -> Box<Finding> {
    let Duplicate { key, first, second } = duplicate;
    let problem =
        (format!("the key `{key}` stands twice in the same object"), Some("remove one of them".to_owned()));
    let code = "scenario::duplicate_key";
    // In a text that is cut the first place may be gone.
    let cut = text.lines().any(|line| line.len() > MAX_LINE);
    let mut finding = finding(code, name, text, second, "and here again".to_owned(), problem);
    finding.earlier = (!cut).then(|| first.into());
    finding
}

/// Lines longer than this are cut for display: a file without line breaks would fill the screen.
const MAX_LINE: usize = 400;
/// What is left of such a line on either side of the place.
const AROUND: usize = 60;

/// The text, span and label as they are shown: around a long line nothing else is, and the label tells its column.
fn clipped(text: &str, span: Range<usize>, label: String) -> (String, Range<usize>, String) {
    let start = text[..span.start].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[span.start..].find('\n').map_or(text.len(), |newline| span.start + newline);
    let lines = text.lines().map(str::len);
    if end - start <= MAX_LINE && lines.max().unwrap_or(0) <= MAX_LINE {
        return (text.to_owned(), span, label);
    }
    let near = |at: usize| (at..=text.len()).find(|&at| text.is_char_boundary(at)).unwrap_or(text.len());
    let from = near(span.start.saturating_sub(AROUND).max(start));
    let to = near((span.start + AROUND).min(end));
    let mut shown = "\n".repeat(text[..start].matches('\n').count());
    let cut = |is: bool| if is { "…" } else { "" };
    shown.push_str(cut(from > start));
    let begin = shown.len() + (span.start - from);
    shown.push_str(&text[from..to]);
    let finish = (begin + span.len()).min(shown.len());
    shown.push_str(cut(to < end));
    let column = text[start..span.start].chars().count() + 1;
    (shown, begin..finish, format!("{label} (column {column})"))
}

/// What to choose instead of an unknown name: the nearest one, or all.
pub(super) fn choice(unknown: &str, known: &[&str]) -> String {
    let distance = |name: &&str| strsim::damerau_levenshtein(&unknown.to_lowercase(), name);
    let nearest = known.iter().map(|name| (distance(name), *name)).min();
    let mut hint = match nearest {
        Some((distance, name)) if distance <= 1 + name.chars().count() / 4 => {
            format!("did you mean `{name}`? ")
        }
        _ => String::new(),
    };
    let _ = write!(hint, "possible: {}", known.join(", "));
    hint
}

/// The problem that serde describes with these words.
pub(super) fn from_serde(message: &str, path: &FieldPath, tree: &Value) -> Problem {
    let (what, hint) = message.split_once('\n').unwrap_or((message, ""));
    if let Some((name, known)) = unknown(what, "unknown field ") {
        return Problem::new(path, format!("there is no key `{name}` here"))
            .hint(choice(&name, &known))
            .about_key();
    }
    if let Some((name, known)) = unknown(what, "unknown variant ") {
        let hint = choice(&name, &known);
        if path.0.last() == Some(&Step::Key(name.clone())) {
            return Problem::new(path, format!("there is no key `{name}` here")).hint(hint).about_key();
        }
        if value_at(tree, path).is_some_and(|value| value.get(&name).is_some()) {
            return Problem::new(&path.key(&name), format!("there is no key `{name}` here"))
                .hint(hint)
                .about_key();
        }
        return Problem::new(path, format!("there is no `{name}` here")).hint(hint);
    }
    if let Some(name) = what.strip_prefix("missing field ").map(|name| name.trim_matches('`')) {
        return Problem::new(path, format!("`{name}` is missing")).hint(missing_hint(name));
    }
    for prefix in ["invalid type: ", "invalid value: "] {
        let parts = what.strip_prefix(prefix).and_then(|rest| rest.split_once(", expected "));
        let Some((found, expected)) = parts else { continue };
        if found == "map" && expected == "enum" {
            return Problem::new(path, "an empty object says nothing")
                .hint("give one key, which says what is meant");
        }
        let found = found_words(found);
        let out_of_range = match what.starts_with("invalid value: integer") {
            true if found.starts_with('-') => format!("{found} is negative"),
            true => format!("{found} is too large"),
            false => String::new(),
        };
        return match json_type(expected) {
            Some((_, hint)) if !out_of_range.is_empty() => Problem::new(path, out_of_range).hint(hint),
            Some((name, hint)) => Problem::new(path, format!("{found} is not {name}")).hint(hint),
            None => {
                Problem::new(path, format!("{found} cannot stand here")).hint(format!("expected: {expected}"))
            }
        };
    }
    if what.ends_with("expected fewer elements in map") {
        return Problem::new(path, "more than one key, where the key says which one is meant")
            .hint("leave only one");
    }
    if let Some((length, _)) = what.strip_prefix("invalid length ").and_then(|rest| rest.split_once(',')) {
        // The only arrays of a fixed length are bounds and pairs.
        let problem = Problem::new(path, format!("two items are needed here, not {length}"));
        return problem.hint("a range has a lower and an upper bound, a pair two names");
    }
    let problem = Problem::new(path, what);
    if hint.is_empty() { problem } else { problem.hint(hint) }
}

/// The unknown name and the known ones.
fn unknown<'a>(what: &'a str, prefix: &str) -> Option<(String, Vec<&'a str>)> {
    let rest = what.strip_prefix(prefix)?.strip_prefix('`')?;
    let (name, rest) = rest.split_once("`, ").unwrap_or((rest.trim_end_matches('`'), ""));
    let known = rest.split('`').skip(1).step_by(2).filter(|name| !name.starts_with('$'));
    Some((name.to_owned(), known.collect()))
}

fn missing_hint(name: &str) -> String {
    let example = match name {
        "content" => "{\"size\": \"100 MiB\"}",
        "size" => "\"100 MiB\"",
        "groups" => "[{\"name\": \"seed\", \"pieces\": \"all\", \"up\": \"5 Mbit/s\"}]",
        "name" => "\"leechers\"",
        "every" | "interval" => "\"1 s\"",
        "mean" | "median" | "scale" | "decay" => "\"5 min\"",
        "shape" => "0.6",
        "sigma" => "1.5",
        "per_second" => "0.3",
        _ => "…",
    };
    format!("add \"{name}\": {example}")
}

/// What serde calls what it found, as the file has it.
fn found_words(found: &str) -> String {
    for prefix in ["string ", "integer ", "boolean ", "floating point "] {
        if let Some(value) = found.strip_prefix(prefix) {
            return value.trim_matches('`').to_owned();
        }
    }
    match found {
        "map" => "an object".to_owned(),
        "sequence" => "an array".to_owned(),
        other => other.to_owned(),
    }
}

/// The JSON type that serde expected, and how to write it; `None`: it was something of our own.
fn json_type(expected: &str) -> Option<(&'static str, &'static str)> {
    Some(match expected {
        "u32" => ("a whole number", "write a number from 0 to 4294967295, without quotes"),
        "u64" => ("a whole number", "write a number from 0 to 18446744073709551615, without quotes"),
        "f64" => ("a number", "write a number such as 0.5, without quotes"),
        "a boolean" => ("true or false", "write true or false, without quotes"),
        "a string" => ("a string", "write it in double quotes"),
        "a sequence" => ("an array", "write […]"),
        "a map" => ("an object", "write {…}"),
        "struct Latency" => ("an object", "say which way: {\"one_way\": \"10 ms\"} or {\"rtt\": \"20 ms\"}"),
        "struct Content" => ("an object", "write e.g. {\"size\": \"100 MiB\"}"),
        expected if expected.starts_with("struct ") => ("an object", "write {…}"),
        "enum" | "string or map" => {
            ("one of the known forms", "write its name, or an object with its name as the key")
        }
        _ => return None,
    })
}

/// The value at a path.
fn value_at<'a>(tree: &'a Value, path: &FieldPath) -> Option<&'a Value> {
    path.0.iter().try_fold(tree, |value, step| match step {
        Step::Key(key) => value.get(key),
        Step::Index(index) => value.get(index),
    })
}

//! When peers come and go; arrivals from a trace.

use std::path::{Path, PathBuf};
use std::time::Duration;

use minibit_core::Geometry;

use super::super::file::{Arrivals as Written, ArrivalsForm, LeaveForm};
use super::super::path::FieldPath;
use super::super::problem::{Problem, ensure};
use super::super::units::{Quantity, Time};
use super::super::values::QuotaForm;
use super::super::{Arrivals, Departures};
use super::Failure;
use super::dist::duration_dist;

/// What is wrong in a trace.
#[derive(Debug)]
pub(in crate::scenario) struct TraceProblem {
    /// The trace.
    pub(in crate::scenario) file: PathBuf,
    /// Its text.
    pub(in crate::scenario) text: String,
    /// Where in it: first byte, number of bytes.
    pub(in crate::scenario) span: (usize, usize),
    /// What.
    pub(in crate::scenario) what: String,
    /// What to do about it.
    pub(in crate::scenario) hint: String,
}

/// The column that has the seconds at which peers join.
const JOIN_COLUMN: &str = "join_s";
/// Traces are no longer than this.
const MAX_TRACE_BYTES: u64 = 64 << 20;

/// Checks when `count` peers join. `base` is where traces are.
pub(super) fn arrivals(
    written: &Written,
    count: u32,
    base: &Path,
    path: &FieldPath,
) -> Result<Arrivals, Failure> {
    let begin = |start: &Option<Time>| start.map_or(Duration::ZERO, Time::duration);
    Ok(match &written.0 {
        ArrivalsForm::Together(time) => Arrivals::Together(time.duration()),
        ArrivalsForm::Staggered { start, every } => {
            let last = every.0.checked_mul(u64::from(count) - 1).filter(|&last| last <= Time::MAX.0);
            ensure(last.is_some(), || {
                Problem::new(
                    &path.key("staggered").key("every"),
                    "the last peer would join after more than 100 years",
                )
            })?;
            Arrivals::Staggered { start: begin(start), every: every.duration() }
        }
        ArrivalsForm::Poisson { start, per_second } => {
            rate(*per_second, &path.key("poisson").key("per_second"))?;
            Arrivals::Poisson { start: begin(start), rate: *per_second }
        }
        ArrivalsForm::FlashCrowd { start, per_second, decay } => {
            let path = path.key("flash_crowd");
            rate(*per_second, &path.key("per_second"))?;
            ensure(decay.0 > 0, || {
                Problem::new(&path.key("decay"), "the crowd would be gone at once")
                    .hint("write e.g. \"2 min\"")
            })?;
            Arrivals::FlashCrowd { start: begin(start), rate: *per_second, decay: decay.duration() }
        }
        ArrivalsForm::At(times) => {
            let path = path.key("at");
            let needed = count as usize;
            ensure(times.len() == needed, || {
                Problem::new(&path, format!("{} times for {needed} peers", times.len()))
                    .hint("one time per peer")
            })?;
            Arrivals::Trace(times.iter().map(|time| time.duration()).collect())
        }
        ArrivalsForm::Trace(name) => Arrivals::Trace(trace(name, count, base, &path.key("trace"))?),
    })
}

fn rate(per_second: f64, path: &FieldPath) -> Result<(), Problem> {
    ensure((1e-9..=1e6).contains(&per_second), || {
        Problem::new(path, format!("{per_second} peers per second are not between 0.000000001 and 1000000"))
            .hint("write e.g. 0.3 for three peers in ten seconds")
    })
}

/// Reads the times of a trace.
fn trace(name: &str, count: u32, base: &Path, path: &FieldPath) -> Result<Vec<Duration>, Failure> {
    let file = base.join(name);
    let unreadable = |why: &str| {
        Problem::new(path, format!("cannot read the trace {name:?}: {why}"))
            .hint(format!("a CSV file with a column `{JOIN_COLUMN}`; its name is relative to the scenario"))
    };
    let failed = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => unreadable("there is no such file"),
        _ => unreadable(&error.to_string()),
    };
    let length = std::fs::metadata(&file).map_err(failed)?.len();
    ensure(length <= MAX_TRACE_BYTES, || unreadable("it is longer than 64 MiB"))?;
    let bytes = std::fs::read(&file).map_err(failed)?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable("it is not UTF-8"))?;
    times(&text, count).map_err(|(span, what, hint)| {
        Failure::Trace(path.clone(), Box::new(TraceProblem { file, text, span, what, hint }))
    })
}

/// A place in a trace, what is wrong there, a hint.
type Wrong = ((usize, usize), String, String);

/// The times in the text of a trace.
fn times(text: &str, count: u32) -> Result<Vec<Duration>, Wrong> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let first_line = (0, text.lines().next().map_or(0, str::len));
    let no_column = |_| {
        (
            first_line,
            "the header is unreadable".to_owned(),
            format!("the header has a column `{JOIN_COLUMN}`"),
        )
    };
    let headers = reader.headers().map_err(no_column)?;
    let column = headers.iter().position(|name| name == JOIN_COLUMN).ok_or_else(|| {
        (
            first_line,
            format!("the trace has no column `{JOIN_COLUMN}`"),
            "the first line names the columns".to_owned(),
        )
    })?;
    let mut times = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|error| {
            let at = error.position().map_or(0, csv::Position::byte);
            (
                line_at(text, at),
                "the row has another number of columns than the header".to_owned(),
                "each row has as many columns as the header".to_owned(),
            )
        })?;
        let span = line_at(text, record.position().map_or(0, csv::Position::byte));
        let field = record.get(column).unwrap_or_default();
        let seconds = field.parse::<f64>().ok().filter(|seconds| (0.0..=3.15e9).contains(seconds));
        let seconds = seconds.ok_or_else(|| {
            (span, format!("{field:?} is not a number of seconds"), "write e.g. 12.5".to_owned())
        })?;
        times.push(Duration::from_nanos(nanoseconds(seconds)));
    }
    if times.len() < count as usize {
        let what = format!("the trace has {} rows, but the group has {count} peers", times.len());
        return Err((
            line_at(text, text.len() as u64),
            what,
            "one row per peer; further rows are not used".to_owned(),
        ));
    }
    times.truncate(count as usize);
    Ok(times)
}

/// The nearest whole number of nanoseconds.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the seconds are checked")]
fn nanoseconds(seconds: f64) -> u64 {
    (seconds * 1e9 + 0.5) as u64
}

/// The line of the record that begins at this byte, or the last line: first byte, number of bytes. The reader of CSV puts a
/// record's beginning before the line break and the empty lines that precede it.
fn line_at(text: &str, byte: u64) -> (usize, usize) {
    let end = text.trim_end().len();
    let byte = usize::try_from(byte).unwrap_or(end).min(end);
    let rest = text.get(byte..).unwrap_or_default();
    let start = (text.len() - rest.trim_start_matches(['\r', '\n']).len()).min(end);
    let begin = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let len = text[begin..].find(['\r', '\n']).unwrap_or(text.len() - begin);
    (begin, len)
}

/// Checks when peers leave.
pub(super) fn departures(
    leave: &LeaveForm,
    geometry: Geometry,
    path: &FieldPath,
) -> Result<Departures, Problem> {
    let dist = |dist: &Option<super::super::values::Dist>, key: &str| {
        dist.as_ref().map(|dist| duration_dist(dist, &path.key(key))).transpose()
    };
    let after_uploading = leave.after_uploading.map(|quota| {
        let bytes = match quota.0 {
            QuotaForm::Bytes(bytes) => Some(bytes.0),
            QuotaForm::Copies(copies) => geometry.len().checked_mul(copies.into()),
            // Whole copies first: the last piece may be short.
            QuotaForm::Pieces(pieces) => {
                let (copies, rest) = (pieces / geometry.piece_count(), pieces % geometry.piece_count());
                let rest = u64::from(rest) * u64::from(geometry.nominal_piece_len());
                geometry.len().checked_mul(copies.into()).and_then(|bytes| bytes.checked_add(rest))
            }
        };
        bytes.filter(|&bytes| bytes > 0).ok_or_else(|| {
            Problem::new(&path.key("after_uploading"), "peers would leave at once, or never")
                .hint("write e.g. {\"copies\": 1}; for peers that upload nothing write \"uploads\": false")
        })
    });
    Ok(Departures {
        after_completion: dist(&leave.after_completion, "after_completion")?,
        abort_after: dist(&leave.abort_after, "abort_after")?,
        crash_after: dist(&leave.crash_after, "crash_after")?,
        after_uploading: after_uploading.transpose()?,
    })
}

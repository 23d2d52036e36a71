//! From a file to a checked scenario: defaults, names, sizes, contradictions.

use std::path::Path;
use std::time::Duration;

use minibit_core::Geometry;
use minibit_core::geometry::GeometryError;
use minibit_core::wire::MAX_WHOLE_PIECE;

use super::file::{self, File};
use super::path::FieldPath;
use super::problem::{Problem, ensure};
use super::units::{Bytes, Time};
use super::{Content, Expectation, Group, InitialPieces, Scenario, Stop, expect};

mod arrivals;
mod config;
mod dist;
mod groups;
mod links;
mod neighbours;
mod network;
mod pieces;
mod tracker;
mod waiting;

#[cfg(test)]
mod tests;

/// Most runs of a scenario.
const MAX_RUNS: u32 = 100_000;
/// Most rows of a timeline.
const MAX_ROWS: u128 = 10_000_000;

/// Checks a file and fills in everything that it leaves out. `base` is where its traces are.
pub(super) fn resolve(file: &File, stem: &str, base: &Path) -> Result<Scenario, Failure> {
    let root = FieldPath::root();
    let name = match &file.name {
        Some(name) => checked_name(name, &root.key("name"))?,
        None => stem.to_owned(),
    };
    let runs = file.runs.unwrap_or(1);
    ensure((1..=MAX_RUNS).contains(&runs), || {
        Problem::new(&root.key("runs"), format!("{runs} runs are not between 1 and {MAX_RUNS}"))
    })?;
    let seed = file.seed.unwrap_or(1);
    ensure(seed.checked_add(u64::from(runs)).is_some(), || {
        Problem::new(&root.key("seed"), "the seeds of later runs would be too large")
            .hint("run number n takes seed + n, at most 18446744073709551615")
    })?;
    let (content, geometry) = content(file, &root.key("content"))?;
    let (network, places) = network::network(file.network.as_ref(), &root.key("network"))?;
    let mut tracker = tracker::tracker(file, &places)?;
    let mut groups = groups::groups(file, geometry, &places, tracker.is_some(), base)?;
    waiting::enough(file, &mut groups, tracker.as_mut());
    let neighbours = neighbours::neighbours(file, &groups)?;
    let stop = stop(file.stop.as_ref(), &root.key("stop"))?;
    let timeline = file.timeline.map_or(Duration::from_secs(1), Time::duration);
    ensure(!timeline.is_zero(), || {
        Problem::new(&root.key("timeline"), "no time lies between the rows of the timeline")
            .hint("write e.g. \"1 s\"")
    })?;
    ensure(stop.time.as_nanos() / timeline.as_nanos() <= MAX_ROWS, || {
        let path = root.key(if file.timeline.is_some() { "timeline" } else { "stop" });
        Problem::new(&path, format!("the timeline of a run may have more than {MAX_ROWS} rows"))
            .hint("raise `timeline`, or lower `stop.time` (24 h when it is not given)")
    })?;
    let expect = expectations(file, &groups)?;
    let description = file.description.clone().unwrap_or_default();
    let scenario = Scenario {
        name,
        description,
        notes: file.notes.clone().unwrap_or_default(),
        seed,
        runs,
        content,
        network,
        disk: file.disk.map_or(Duration::ZERO, Time::duration),
        tracker,
        groups,
        neighbours,
        stop,
        timeline,
        expect,
    };
    somebody_has_something(&scenario)?;
    Ok(scenario)
}

/// Why a file gives no scenario.
pub(super) enum Failure {
    /// Something is wrong in it.
    Problem(Problem),
    /// Something is wrong in a trace that it names at this place.
    Trace(FieldPath, Box<arrivals::TraceProblem>),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

/// A name that a folder can have.
pub(crate) fn checked_name(name: &str, path: &FieldPath) -> Result<String, Problem> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let good =
        name.starts_with(|c: char| c.is_ascii_alphanumeric()) && name.chars().all(plain) && name.len() <= 100;
    ensure(good, || {
        Problem::new(path, format!("{name:?} cannot be the name of a folder"))
            .hint("letters, digits, `-`, `_` and `.`, at most 100 of them, a letter or digit first")
    })?;
    Ok(name.to_owned())
}

/// Do the messages of some group ask for whole pieces? Then a block is a piece.
fn whole_pieces(file: &File) -> bool {
    let default = file.defaults.as_ref().map(|defaults| (defaults.profile, defaults.encoding));
    let (default_profile, default_encoding) = default.unwrap_or_default();
    file.groups.iter().any(|group| {
        let profile = group.profile.or(default_profile).unwrap_or_default();
        let encoding = group.encoding.or(default_encoding).unwrap_or(profile.config().encoding);
        encoding.whole_pieces()
    })
}

fn content(file: &File, path: &FieldPath) -> Result<(Content, Geometry), Problem> {
    let (content, whole) = (&file.content, whole_pieces(file));
    let len = content.size.0;
    let piece = content.piece.map_or(256 << 10, |Bytes(piece)| piece);
    let usual = if whole { piece } else { piece.min(u64::from(minibit_core::geometry::BLOCK_LEN)) };
    let block = content.block.map_or(usual, |Bytes(block)| block);
    ensure(!whole || block < piece || piece <= u64::from(MAX_WHOLE_PIECE), || {
        let what = format!(
            "a message of S1, S2, S3 or S5 holds no piece of {piece} bytes, and they ask for whole ones"
        );
        Problem::new(&path.key("piece"), what).hint("at most \"4 MiB\"")
    })?;
    ensure(len > 0, || {
        Problem::new(&path.key("size"), "there is nothing to share").hint("write e.g. \"100 MiB\"")
    })?;
    ensure(content.piece.is_none() || piece <= len, || {
        Problem::new(
            &path.key("piece"),
            format!("a piece of {piece} bytes is longer than the content of {len}"),
        )
        .hint("a piece is at most as long as `size`")
    })?;
    ensure(block <= piece, || {
        Problem::new(
            &path.key("block"),
            format!("a block of {block} bytes is longer than a piece of {piece}"),
        )
        .hint("pieces consist of blocks; 16 KiB is what clients use")
    })?;
    ensure(block > 0, || {
        Problem::new(&path.key("block"), "a block has no bytes").hint("write e.g. \"16 KiB\"")
    })?;
    let piece_len = u32::try_from(piece).unwrap_or(u32::MAX);
    let block_len = u32::try_from(block).unwrap_or(u32::MAX);
    let geometry = Geometry::new(len, piece_len, block_len).map_err(|error| {
        let hint = match error {
            GeometryError::TooManyPieces(_) => "make `piece` larger",
            _ => "a piece has between 1 byte and 2 GiB",
        };
        Problem::new(&path.key("piece"), error.to_string()).hint(hint)
    })?;
    Ok((Content { len, piece_len, block_len }, geometry))
}

fn stop(stop: Option<&file::Stop>, path: &FieldPath) -> Result<Stop, Problem> {
    let default = file::Stop::default();
    let stop = stop.unwrap_or(&default);
    let time = stop.time.map_or(Duration::from_hours(24), Time::duration);
    ensure(!time.is_zero(), || {
        Problem::new(&path.key("time"), "the run would end before it begins").hint("write e.g. \"2 h\"")
    })?;
    let events = stop.events.unwrap_or(10_000_000_000);
    ensure(events > 0, || {
        Problem::new(&path.key("events"), "the run would end before it begins")
            .hint("leave `events` out for no such limit")
    })?;
    let stuck_after = stop.stuck_after.map_or(Duration::from_mins(30), Time::duration);
    ensure(!stuck_after.is_zero(), || {
        Problem::new(&path.key("stuck_after"), "every swarm is stuck for a moment")
            .hint("write e.g. \"10 min\"")
    })?;
    Ok(Stop { when_complete: stop.when_complete.unwrap_or(true), time, events, stuck_after })
}

fn expectations(file: &File, groups: &[Group]) -> Result<Vec<Expectation>, Problem> {
    let path = FieldPath::root().key("expect");
    let names: Vec<&str> = groups.iter().map(|group| group.name.as_str()).collect();
    let texts = file.expect.as_deref().unwrap_or_default();
    let parsed = texts.iter().enumerate().map(|(i, text)| {
        expect::parse(text, &names).map_err(|error| Problem::new(&path.index(i), error.what).hint(error.hint))
    });
    parsed.collect()
}

/// A swarm in which nobody has anything can do nothing.
fn somebody_has_something(scenario: &Scenario) -> Result<(), Problem> {
    let seeded = scenario.tracker.as_ref().is_some_and(|tracker| tracker.seed.is_some());
    let has = |pieces: &InitialPieces| match pieces {
        InitialPieces::None | InitialPieces::Random(0) | InitialPieces::SeedShare { ppm: 0 } => false,
        InitialPieces::Exactly(pieces) => !pieces.is_empty(),
        InitialPieces::All | InitialPieces::Random(_) | InitialPieces::SeedShare { .. } => true,
    };
    ensure(seeded || scenario.groups.iter().any(|group| has(&group.pieces)), || {
        Problem::new(
            &FieldPath::root().key("groups"),
            "nobody has a piece of the content, and the tracker does not seed",
        )
        .hint("give a group \"pieces\": \"all\", or the tracker \"seed\": true")
    })
}

//! The network between the peers: latency in its four forms, places, window, overhead.

use std::collections::BTreeMap;
use std::time::Duration;

use super::super::error::choice;
use super::super::file::{self, Drawn};
use super::super::path::FieldPath;
use super::super::problem::{Problem, ensure};
use super::super::units::{Bytes, Time};
use super::super::values::{Dist, DistForm, Window};
use super::super::{DurationDist, Latency, Network};
use super::dist::{divided, duration_dist};

/// Most places; a matrix of them is quadratic.
const MAX_PLACES: usize = 1_000;

/// Names of the places and their numbers.
pub(super) type Places = BTreeMap<String, usize>;

pub(super) fn network(
    network: Option<&file::Network>,
    path: &FieldPath,
) -> Result<(Network, Places), Problem> {
    let window = match network.and_then(|network| network.window) {
        None | Some(Window::Unlimited) => None,
        Some(Window::Bytes(Bytes(bytes))) => {
            ensure(bytes > 0, || {
                Problem::new(&path.key("window"), "nothing could be sent through a window of 0 bytes")
                    .hint("write e.g. \"64 KiB\", or \"unlimited\"")
            })?;
            Some(bytes)
        }
    };
    let overhead = network.and_then(|network| network.overhead).map_or(0, |percent| percent.0);
    let latency = network.and_then(|network| network.latency.as_ref());
    let (latency, places) = match latency {
        None => (Latency::Constant(Duration::from_millis(10)), Vec::new()),
        Some(latency) => self::latency(latency, &path.key("latency"))?,
    };
    let numbers = places.iter().enumerate().map(|(i, place)| (place.clone(), i)).collect();
    Ok((Network { latency, places, window, overhead_ppm: 1_000_000 + u64::from(overhead) }, numbers))
}

fn latency(latency: &file::Latency, path: &FieldPath) -> Result<(Latency, Vec<String>), Problem> {
    let given = [
        ("one_way", latency.one_way.is_some()),
        ("rtt", latency.rtt.is_some()),
        ("one_way_between", latency.one_way_between.is_some()),
        ("rtt_between", latency.rtt_between.is_some()),
    ];
    let given: Vec<&str> = given.into_iter().filter(|(_, is)| *is).map(|(key, _)| key).collect();
    let [key] = given[..] else {
        let what = match given.len() {
            0 => "the latency is missing".to_owned(),
            _ => format!("the latency is given {} times: as `{}`", given.len(), given.join("` and as `")),
        };
        let path = given.last().map_or_else(|| path.clone(), |key| path.key(key));
        return Err(Problem::new(&path, what)
            .hint("give exactly one of `one_way` (from one host to another), `rtt` (there and back), `one_way_between`, `rtt_between`"));
    };
    let path_of_key = path.key(key);
    let ways = if key.starts_with("rtt") { 2 } else { 1 };
    if let Some(matrix) = latency.one_way_between.as_ref().or(latency.rtt_between.as_ref()) {
        ensure(latency.drawn.is_none(), || {
            Problem::new(&path.key("drawn"), "latencies between places are not drawn")
                .hint("leave `drawn` out")
        })?;
        let (matrix, places) = matrix_of(matrix, ways, &path_of_key)?;
        return Ok((Latency::Places(matrix), places));
    }
    let dist = latency.one_way.as_ref().or(latency.rtt.as_ref());
    let dist = duration_dist(dist.unwrap_or(&Dist(DistForm::Fixed(Time(0)))), &path_of_key)?;
    let dist = divided(dist, ways);
    let latency = match (dist, latency.drawn) {
        (DurationDist::Fixed(delay), None) => Latency::Constant(delay),
        (DurationDist::Fixed(_), Some(_)) => {
            return Err(Problem::new(&path.key("drawn"), "a constant latency is not drawn").hint(
                "leave `drawn` out, or give a distribution such as {\"uniform\": [\"10 ms\", \"400 ms\"]}",
            ));
        }
        (dist, Some(Drawn::PerPair)) => Latency::PerPair(dist),
        (dist, Some(Drawn::PerMessage)) => Latency::PerMessage(dist),
        (_, None) => {
            return Err(Problem::new(path, "`drawn` is missing: what draws from this distribution?")
                .hint("add \"drawn\": \"per_pair\" (once for two hosts) or \"drawn\": \"per_message\""));
        }
    };
    Ok((latency, Vec::new()))
}

fn matrix_of(
    matrix: &file::Matrix,
    ways: u32,
    path: &FieldPath,
) -> Result<(Vec<Vec<Duration>>, Vec<String>), Problem> {
    let mut places: Vec<&String> = matrix.keys().chain(matrix.values().flat_map(BTreeMap::keys)).collect();
    places.sort();
    places.dedup();
    ensure(!places.is_empty(), || {
        Problem::new(path, "there is no place")
            .hint("write e.g. {\"eu\": {\"eu\": \"5 ms\", \"us\": \"45 ms\"}, \"us\": {\"us\": \"8 ms\"}}")
    })?;
    ensure(places.len() <= MAX_PLACES, || Problem::new(path, format!("more than {MAX_PLACES} places")))?;
    let get = |from: &String, to: &String| matrix.get(from).and_then(|row| row.get(to));
    let mut rows = Vec::new();
    for from in &places {
        let mut row = Vec::new();
        for to in &places {
            let time = get(from, to).or_else(|| get(to, from)).ok_or_else(|| {
                Problem::new(path, format!("the latency between `{from}` and `{to}` is missing"))
                    .hint(format!("add {{\"{from}\": {{\"{to}\": \"20 ms\"}}}}"))
            })?;
            row.push(time.duration() / ways);
        }
        rows.push(row);
    }
    Ok((rows, places.into_iter().cloned().collect()))
}

/// The number of a place.
pub(super) fn place(name: Option<&String>, places: &Places, path: &FieldPath) -> Result<usize, Problem> {
    match name {
        None if places.is_empty() => Ok(0),
        None => {
            let known: Vec<&str> = places.keys().map(String::as_str).collect();
            Err(Problem::new(path, "latency goes by place, but this has no `place`")
                .hint(format!("add \"place\": one of {}", known.join(", "))))
        }
        Some(name) => places.get(name).copied().ok_or_else(|| {
            let path = path.key("place");
            if places.is_empty() {
                return Problem::new(&path, "there are no places")
                    .hint("places come with network.latency.one_way_between or rtt_between");
            }
            let known: Vec<&str> = places.keys().map(String::as_str).collect();
            Problem::new(&path, format!("there is no place `{name}`")).hint(choice(name, &known))
        }),
    }
}

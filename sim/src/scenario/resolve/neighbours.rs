//! Who knows whom, by the names of peers.

use std::collections::BTreeMap;

use super::super::error::choice;
use super::super::file::{self, File};
use super::super::path::FieldPath;
use super::super::problem::{Problem, ensure};
use super::super::{Group, Neighbours};

pub(super) fn neighbours(file: &File, groups: &[Group]) -> Result<Option<Neighbours>, Problem> {
    let path = FieldPath::root().key("neighbours");
    let peers: u32 = groups.iter().map(|group| group.count).sum();
    let pairs = match &file.neighbours {
        None => return Ok(None),
        Some(file::Neighbours::Mesh) => return Ok(Some(Neighbours::Mesh)),
        Some(file::Neighbours::RandomContacts) => return Ok(Some(Neighbours::RandomContacts)),
        Some(file::Neighbours::Degree(degree)) => {
            ensure((1..peers.max(2)).contains(degree), || {
                Problem::new(
                    &path.key("degree"),
                    format!("nobody can know {degree} others among {peers} peers"),
                )
                .hint(format!("between 1 and {}", peers.saturating_sub(1)))
            })?;
            return Ok(Some(Neighbours::Degree(*degree)));
        }
        Some(file::Neighbours::Pairs(pairs)) => pairs,
    };
    let mut numbers = BTreeMap::new();
    let mut first = 0;
    for group in groups {
        numbers.insert(group.name.as_str(), (first, group.count));
        first += group.count;
    }
    let mut resolved = Vec::with_capacity(pairs.len());
    for (i, pair) in pairs.iter().enumerate() {
        let path = path.index(i);
        let mut ends = [0; 2];
        for (j, name) in pair.iter().enumerate() {
            ends[j] = peer_number(name, &numbers)
                .map_err(|(what, hint)| Problem::new(&path.index(j), what).hint(hint))?;
        }
        ensure(ends[0] != ends[1], || {
            Problem::new(&path, format!("`{}` is no neighbour of itself", pair[0]))
                .hint("name two different peers")
        })?;
        resolved.push((ends[0], ends[1]));
    }
    Ok(Some(Neighbours::Pairs(resolved)))
}

/// The number of a peer, or what is wrong with its name, and a hint.
fn peer_number(name: &str, groups: &BTreeMap<&str, (u32, u32)>) -> Result<u32, (String, String)> {
    if let Some(&(first, count)) = groups.get(name) {
        return if count == 1 {
            Ok(first)
        } else {
            let what = format!("`{name}` is a group of {count} peers, not a peer");
            Err((what, format!("write `{name}-1` to `{name}-{count}`")))
        };
    }
    let split = name.rsplit_once('-').and_then(|(group, number)| Some((groups.get(group)?, group, number)));
    if let Some((&(first, count), group, number)) = split {
        return match number.parse::<u32>() {
            Ok(number) if (1..=count).contains(&number) && count > 1 => Ok(first + number - 1),
            _ if count == 1 => Err((
                format!("there is no peer `{name}`"),
                format!("the only peer of its group is called `{group}`"),
            )),
            _ => {
                Err((format!("there is no peer `{name}`"), format!("`{group}-1` to `{group}-{count}` exist")))
            }
        };
    }
    let known: Vec<&str> = groups.keys().copied().collect();
    Err((format!("there is no peer `{name}`"), choice(name, &known)))
}

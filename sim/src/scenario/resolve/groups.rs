//! The groups of peers: names, counts, and everything that a group or the defaults say.

use std::path::Path;
use std::time::Duration;

use minibit_core::config::{Config, Connections, Inventory, Requests};
use minibit_core::profile::Counting;
use minibit_core::{Geometry, Profile};

use super::super::choices::Announcing;
use super::super::file::{self, CountMessages, File};
use super::super::path::FieldPath;
use super::super::problem::{Problem, ensure};
use super::super::{Arrivals, Departures, Group, InitialPieces, MessageCount};
use super::network::{Places, place};
use super::{Failure, arrivals, config, links, pieces};

/// Most peers of a scenario.
const MAX_PEERS: u32 = 1_000_000;
/// Most calls of one peer in a second.
const MAX_CONTACTS: f64 = 1_000.0;

pub(super) fn groups(
    file: &File,
    geometry: Geometry,
    places: &Places,
    tracked: bool,
    base: &Path,
) -> Result<Vec<Group>, Failure> {
    let path = FieldPath::root().key("groups");
    ensure(!file.groups.is_empty(), || {
        Problem::new(&path, "there are no peers")
            .hint("write e.g. {\"name\": \"seed\", \"pieces\": \"all\", \"up\": \"5 Mbit/s\"}")
    })?;
    let mut groups: Vec<Group> = Vec::new();
    let mut peers = 0_u32;
    for (i, group) in file.groups.iter().enumerate() {
        let path = path.index(i);
        group_name(group, &groups, &path)?;
        let count = group.count.unwrap_or(1);
        ensure(count > 0, || {
            Problem::new(&path.key("count"), "a group of no peers")
                .hint("leave the group out, or give it at least 1")
        })?;
        peers = peers.saturating_add(count);
        ensure(peers <= MAX_PEERS, || {
            let count_path = if group.count.is_some() { path.key("count") } else { path.clone() };
            Problem::new(&count_path, format!("more than {MAX_PEERS} peers"))
                .hint("the limit is on all groups together")
        })?;
        groups.push(Resolver { file, geometry, places, tracked, base }.group(group, count, &path)?);
    }
    Ok(groups)
}

fn group_name(group: &file::Group, before: &[Group], path: &FieldPath) -> Result<(), Problem> {
    let name = &group.name;
    let path = path.key("name");
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    ensure(
        name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.chars().all(plain) && name.len() <= 60,
        || {
            Problem::new(&path, format!("{name:?} cannot be the name of a group"))
                .hint("a letter, then letters, digits, `-`, `_` or `.`, at most 60 together")
        },
    )?;
    ensure(name != "tracker", || {
        Problem::new(&path, "`tracker` is the name of the tracker").hint("choose another name")
    })?;
    for other in before {
        ensure(other.name != *name, || {
            Problem::new(&path, format!("there are two groups `{name}`"))
                .hint("names of groups are different")
        })?;
        // `a-1` as a group of one would be the first peer of `a`.
        let clash = |long: &str, short: &str| {
            let number = long.strip_prefix(short).and_then(|rest| rest.strip_prefix('-'));
            number.is_some_and(|number| number.bytes().all(|b| b.is_ascii_digit()))
        };
        ensure(!clash(name, &other.name) && !clash(&other.name, name), || {
            Problem::new(&path, format!("`{name}` and `{}` would give peers of the same name", other.name))
                .hint("the peers of a group `a` are called `a-1`, `a-2`, …")
        })?;
    }
    Ok(())
}

/// What is the same for all groups while they are resolved.
struct Resolver<'a> {
    file: &'a File,
    geometry: Geometry,
    places: &'a Places,
    tracked: bool,
    base: &'a Path,
}

impl Resolver<'_> {
    fn group(&self, group: &file::Group, count: u32, path: &FieldPath) -> Result<Group, Failure> {
        let none = file::Defaults::default();
        let defaults = self.file.defaults.as_ref().unwrap_or(&none);
        let above = FieldPath::root().key("defaults");
        let link = links::link(group, defaults, path, &above)?;
        let at = |own: bool, key: &str| if own { path.key(key) } else { above.key(key) };
        let pieces = match group.pieces.as_ref().or(defaults.pieces.as_ref()) {
            None => InitialPieces::None,
            Some(it) => {
                pieces::pieces(it, self.geometry.piece_count(), &at(group.pieces.is_some(), "pieces"))?
            }
        };
        let arrivals = match group.arrivals.as_ref().or(defaults.arrivals.as_ref()) {
            None => Arrivals::Together(Duration::ZERO),
            Some(it) => arrivals::arrivals(it, count, self.base, &at(group.arrivals.is_some(), "arrivals"))?,
        };
        let departures = match group.leave.as_ref().or(defaults.leave.as_ref()) {
            None => Departures::default(),
            Some(it) => arrivals::departures(&it.0, self.geometry, &at(group.leave.is_some(), "leave"))?,
        };
        let contacts_per_second = self.contacts(group, defaults, path, &above)?;
        let own_place = group.place.as_ref();
        let place_path = if own_place.is_none() && defaults.place.is_some() { &above } else { path };
        let place = place(own_place.or(defaults.place.as_ref()), self.places, place_path)?;
        let count_messages = group.count_messages.or(defaults.count_messages);
        let (config, profile) = self.config(group, defaults, path, &above)?;
        Ok(Group {
            name: group.name.clone(),
            count,
            link,
            place,
            pieces,
            arrivals,
            departures,
            contacts_per_second,
            config,
            profile: profile.name().to_owned(),
            message_count: match (count_messages, profile.counting()) {
                (Some(CountMessages::WholeRun), _) | (None, Counting::WholeRun) => MessageCount::WholeRun,
                (Some(CountMessages::UntilComplete), _) | (None, Counting::UntilComplete) => {
                    MessageCount::UntilComplete
                }
            },
        })
    }

    /// How often each peer of the group calls another.
    fn contacts(
        &self,
        group: &file::Group,
        defaults: &file::Defaults,
        path: &FieldPath,
        above: &FieldPath,
    ) -> Result<f64, Problem> {
        let random = self.file.neighbours == Some(file::Neighbours::RandomContacts);
        let at = if group.contacts_per_second.is_some() { path } else { above }.key("contacts_per_second");
        let Some(rate) = group.contacts_per_second.or(defaults.contacts_per_second) else {
            return ensure(!random, || {
                Problem::new(path, "how often do these peers call others?").hint(
                    "write \"contacts_per_second\": 1 here or in `defaults`; 0 for those who never call",
                )
            })
            .map(|()| 0.0);
        };
        ensure(random, || {
            Problem::new(&at, "peers call each other at random only with \"neighbours\": \"random_contacts\"")
                .about_key()
                .hint("leave it out, or write that")
        })?;
        ensure((0.0..=MAX_CONTACTS).contains(&rate), || {
            Problem::new(&at, format!("{rate} calls per second are not between 0 and {MAX_CONTACTS}"))
        })?;
        Ok(rate)
    }

    fn config(
        &self,
        group: &file::Group,
        defaults: &file::Defaults,
        path: &FieldPath,
        above: &FieldPath,
    ) -> Result<(Config, Profile), Problem> {
        let profile = group.profile.or(defaults.profile).unwrap_or_default();
        let config = config::applied(&profile.config(), &defaults.choices(), above)?;
        let mut config = config::applied(&config, &group.choices(), path)?;
        let chosen = [(group.choices(), path), (defaults.choices(), above)]
            .into_iter()
            .find_map(|(choices, path)| choices.encoding.is_some().then_some(path));
        config::find_words(&mut config, chosen)?;
        if !self.tracked {
            for (choices, path) in [(group.choices(), path), (defaults.choices(), above)] {
                let asks = !matches!(choices.announcing, None | Some(Announcing::Flag(false)));
                ensure(!asks, || {
                    Problem::new(&path.key("announcing"), "there is no tracker to ask")
                        .hint("leave `announcing` out, or add a tracker and leave `neighbours` out")
                })?;
            }
            config.announcing = None;
            let peers_say =
                config.inventory != Inventory::Tracker && config.connections == Connections::Lasting;
            ensure(peers_say, || {
                Problem::new(path, "here the tracker tells who has what, and with `neighbours` there is none")
                    .hint("leave `neighbours` out, or choose \"inventory\": \"have\" and \"connections\": \"lasting\"")
            })?;
        }
        if self.file.neighbours == Some(file::Neighbours::RandomContacts) {
            config.connections = Connections::Contacts;
            let prompt =
                !matches!(config.requests, Requests::Paced { .. }) && config.inventory == Inventory::Have;
            ensure(prompt, || {
                Problem::new(path, "who meets by chance says at once what it has, and asks at once")
                    .hint("no `paced` requests and no `broadcast` inventory with random contacts")
            })?;
        }
        Ok((config, profile))
    }
}

//! The tracker, and what it seeds with.

use std::time::Duration;

use minibit_core::Profile;
use minibit_core::config::Config;

use super::super::file::{self, File, TrackerChoice, TrackerSeed};
use super::super::path::FieldPath;
use super::super::problem::{Problem, ensure};
use super::super::units::Time;
use super::super::{Link, Tracker};
use super::config;
use super::links::{Rates, one_link};
use super::network::{Places, place};

pub(super) fn tracker(file: &File, places: &Places) -> Result<Option<Tracker>, Problem> {
    let path = FieldPath::root().key("tracker");
    let default = file::Tracker::default();
    let tracker = match &file.tracker {
        Some(TrackerChoice::Flag(false)) => {
            return ensure(file.neighbours.is_some(), || {
                Problem::new(&path, "without a tracker nobody knows anybody")
                    .hint("add \"neighbours\": \"mesh\", {\"degree\": 10} or pairs of names; or leave `tracker` out")
            })
            .map(|()| None);
        }
        None if file.neighbours.is_some() => return Ok(None),
        None | Some(TrackerChoice::Flag(true)) => &default,
        Some(TrackerChoice::Tracker(tracker)) => tracker,
    };
    ensure(file.neighbours.is_none(), || {
        Problem::new(
            &FieldPath::root().key("neighbours"),
            "both a tracker and `neighbours` say who knows whom",
        )
        .hint("leave one of them out")
    })?;
    let interval = tracker.interval.map_or(Duration::from_mins(30), Time::duration);
    ensure(interval >= Duration::from_millis(100), || {
        Problem::new(&path.key("interval"), "peers would do nothing but announce").hint("at least \"100 ms\"")
    })?;
    let usual = peer_timeout(file).unwrap_or(interval.saturating_mul(2));
    let timeout = tracker.timeout.map_or(usual, Time::duration);
    ensure(timeout > interval || tracker.timeout.is_none(), || {
        Problem::new(&path.key("timeout"), "peers would be forgotten before they announce again")
            .hint("`timeout` is longer than `interval`")
    })?;
    let max_peers = tracker.max_peers.unwrap_or(50);
    ensure(max_peers > 0, || {
        Problem::new(&path.key("max_peers"), "the tracker would never name a peer").hint("50 is usual")
    })?;
    let rates = Rates { up: tracker.up, down: tracker.down, capacity: tracker.capacity };
    let seed = match &tracker.seed {
        None | Some(TrackerSeed::Flag(false)) => None,
        Some(TrackerSeed::Flag(true)) => Some(seed_config(common_profile(file, &path.key("seed"))?)),
        Some(TrackerSeed::Choices(choices)) => {
            let path = path.key("seed");
            let profile = choices.profile.map_or_else(|| common_profile(file, &path), Ok)?;
            Some(config::applied(&seed_config(profile), choices, &path)?)
        }
    };
    let link = match rates.any() {
        false if seed.is_some() => {
            return Err(Problem::new(&path, "the tracker seeds, but has no link")
                .hint("add \"up\" and \"down\", such as \"5 Mbit/s\" or \"unlimited\""));
        }
        false => Link::Duplex { up: None, down: None },
        true => one_link(rates, &path)?,
    };
    let place = place(tracker.place.as_ref(), places, &path)?;
    Ok(Some(Tracker { link, place, interval, timeout, max_peers, seed }))
}

/// How long the trackers of the groups' systems remember who is silent; `None` when one of them has nothing to say about that.
fn peer_timeout(file: &File) -> Option<Duration> {
    let default = file.defaults.as_ref().and_then(|defaults| defaults.profile).unwrap_or_default();
    let timeouts = file.groups.iter().map(|group| group.profile.unwrap_or(default).peer_timeout());
    timeouts.collect::<Option<Vec<_>>>()?.into_iter().max()
}

/// The choices of a tracker that seeds. Where a profile's tracker does not, they are a peer's.
fn seed_config(profile: Profile) -> Config {
    let peer = Config { announcing: None, ..profile.config() };
    profile.tracker_seed_config().unwrap_or(peer)
}

/// The one profile of all the groups.
fn common_profile(file: &File, path: &FieldPath) -> Result<Profile, Problem> {
    let default = file.defaults.as_ref().and_then(|defaults| defaults.profile).unwrap_or_default();
    let mut profiles = file.groups.iter().map(|group| group.profile.unwrap_or(default));
    let first = profiles.next().unwrap_or(default);
    ensure(profiles.all(|profile| profile == first), || {
        Problem::new(path, "the groups have different profiles: which one does the tracker seed with?")
            .hint("write e.g. {\"profile\": \"s5\"}")
    })?;
    Ok(first)
}

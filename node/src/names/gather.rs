//! Asking trackers and the nodes of the local network at the same time, and putting their answers together.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::SocketAddr;
use std::time::Duration;

use minibit_core::lsd::{CATALOGUE, Heard};
use minibit_core::tracker::json::{Answer, Command, File};
use minibit_core::{InfoHash, Seed};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use super::address::TrackerAddress;
use super::connection::{AskError, ask, ask_host};
use crate::clock::Clock;
use crate::lan::{self, Lan};
use crate::limits::{FILES_FOUND, NODES_AT_ONCE, NODES_IN_ALL};
use crate::show;

/// Whom to ask.
#[derive(Clone, Debug)]
pub(crate) struct Sources {
    /// The trackers that are known.
    pub(crate) trackers: Vec<TrackerAddress>,
    /// How to speak to the local network; `None` to be silent there.
    pub(crate) lan: Option<lan::Options>,
    /// How long to wait for answers. On the local network nobody knows how many will come, so this is how long a search takes,
    /// unless it finds exactly what it looks for.
    pub(crate) patience: Duration,
}

/// Who has said something of a file, and can be asked for more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    Tracker(TrackerAddress),
    Node(SocketAddr),
}

impl Origin {
    /// Asks for something else.
    pub(crate) async fn ask(&self, command: &Command, patience: Duration) -> Result<Answer, AskError> {
        match self {
            Self::Tracker(tracker) => ask_host(tracker.endpoint(), command, patience).await,
            Self::Node(addr) => ask(*addr, command, patience).await,
        }
    }
}

/// A file that somebody has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Found {
    pub(crate) info_hash: InfoHash,
    /// Harmless as a path, but any text otherwise: show it with [`show::harmless`].
    pub(crate) name: String,
    /// Length of all files in bytes.
    pub(crate) size: u64,
    pub(crate) files: u32,
    pub(crate) seeders: u32,
    pub(crate) leechers: u32,
    /// Since when it is published, as far as those know who were asked.
    pub(crate) age: Duration,
    /// Who told, trackers first.
    pub(crate) origins: Vec<Origin>,
}

/// What was found, and what went wrong.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    /// By name, then by info-hash.
    pub(crate) found: Vec<Found>,
    /// A tracker did not answer.
    pub(crate) tracker_error: Option<(TrackerAddress, AskError)>,
    /// The local network cannot be used.
    pub(crate) lan_error: Option<std::io::Error>,
    /// Somebody knows of more than there was room for.
    pub(crate) more: bool,
}

impl Gathered {
    /// What went wrong, in words.
    pub(crate) fn problems(&self) -> Vec<String> {
        let tracker = self.tracker_error.as_ref().map(|(tracker, error)| {
            format!("the tracker {tracker} did not answer: {}", show::harmless(&error.to_string()))
        });
        let lan = self.lan_error.as_ref();
        let lan = lan.map(|error| format!("the local network cannot be searched: {error}"));
        tracker.into_iter().chain(lan).collect()
    }
}

/// Files under way: counts of nodes are added up, each being one peer; a tracker, which knows them all, is not added to
/// them, nor to other trackers.
#[derive(Debug, Default)]
struct Merge {
    files: BTreeMap<InfoHash, (Found, Option<(u32, u32)>)>,
    more: bool,
}

impl Merge {
    fn add(&mut self, origin: &Origin, files: Vec<File>, more: bool) {
        self.more |= more;
        for File { info_hash, name, size, files, seeders, leechers, age } in files {
            let has_room = self.files.len() < FILES_FOUND;
            let (found, tracker) = match self.files.entry(info_hash) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(new) if has_room => {
                    let origins = Vec::new();
                    let found = Found { info_hash, name, size, files, seeders: 0, leechers: 0, age, origins };
                    new.insert((found, None))
                }
                Entry::Vacant(_) => {
                    self.more = true;
                    continue;
                }
            };
            found.age = found.age.max(age);
            match origin {
                Origin::Tracker(_) => {
                    let (most, others) = tracker.unwrap_or_default();
                    *tracker = Some((seeders.max(most), leechers.max(others)));
                }
                Origin::Node(_) => {
                    found.seeders = found.seeders.saturating_add(seeders);
                    found.leechers = found.leechers.saturating_add(leechers);
                }
            }
            found.origins.push(origin.clone());
        }
    }

    fn found(&self) -> Vec<Found> {
        let merged = self.files.values().map(|(found, tracker)| {
            let (seeders, leechers) = tracker.unwrap_or_default();
            let mut origins = found.origins.clone();
            origins.sort();
            Found {
                seeders: found.seeders.max(seeders),
                leechers: found.leechers.max(leechers),
                origins,
                ..found.clone()
            }
        });
        let mut found: Vec<_> = merged.collect();
        found.sort_by_cached_key(|found| (found.name.to_lowercase(), found.info_hash));
        found
    }
}

/// Nodes of the local network, told apart by their cookies: one that was heard on several interfaces is asked once.
#[derive(Debug, Default)]
struct Nodes {
    /// Other addresses of a node that is being asked.
    others: BTreeMap<String, Vec<SocketAddr>>,
    waiting: Vec<(String, SocketAddr)>,
    heard: usize,
}

impl Nodes {
    fn hear(&mut self, Heard { info_hash, addr, cookie }: Heard) {
        if info_hash != CATALOGUE || self.heard >= NODES_IN_ALL {
            return;
        }
        self.heard += 1;
        let name = if cookie.is_empty() { addr.to_string() } else { cookie };
        match self.others.entry(name) {
            Entry::Occupied(known) => known.into_mut().push(addr),
            Entry::Vacant(new) => {
                self.waiting.push((new.key().clone(), addr));
                new.insert(Vec::new());
            }
        }
    }

    /// A node could not be asked at one address; it will be at another, if it has one.
    fn failed(&mut self, name: String) {
        if let Some(addr) = self.others.get_mut(&name).and_then(Vec::pop) {
            self.waiting.push((name, addr));
        }
    }
}

/// Who has answered: a tracker, or a node by its name.
enum Answered {
    Tracker(TrackerAddress, Result<Answer, AskError>),
    Node(String, SocketAddr, Result<Answer, AskError>),
}

/// Asks everybody the same, which is to be answered with files. Ends when there is nobody left to wait for, when the time is
/// over, or soon after `is_enough` says so: after the pause that it gives.
pub(super) async fn gather(
    command: Command,
    sources: &Sources,
    is_enough: impl Fn(&[Found]) -> Option<Duration>,
) -> Gathered {
    let patience = sources.patience;
    let mut deadline = Instant::now() + patience;
    let (mut merge, mut nodes, mut gathered) = (Merge::default(), Nodes::default(), Gathered::default());
    let mut asked: JoinSet<Answered> = JoinSet::new();
    let mut silent = sources.trackers.clone();
    for tracker in sources.trackers.iter().cloned() {
        let command = command.clone();
        asked.spawn(async move {
            let answer = ask_host(tracker.endpoint(), &command, patience).await;
            Answered::Tracker(tracker, answer)
        });
    }
    let (lan, mut heard) = match sources.lan.as_ref().map(open_lan) {
        Some(Ok((lan, heard))) => (Some(lan), heard),
        Some(Err(error)) => {
            gathered.lan_error = Some(error);
            (None, mpsc::channel(1).1)
        }
        None => (None, mpsc::channel(1).1),
    };
    while lan.is_some() || !asked.is_empty() {
        while asked.len() < NODES_AT_ONCE
            && let Some((name, addr)) = nodes.waiting.pop()
        {
            let command = command.clone();
            asked.spawn(async move { Answered::Node(name, addr, ask(addr, &command, patience).await) });
        }
        let next = timeout_at(deadline, async {
            tokio::select! {
                Some(answered) = asked.join_next() => Some(answered),
                Some(node) = heard.recv() => {
                    nodes.hear(node);
                    None
                }
                // Nobody is asked and nothing will be heard: the rest of the time is over at once.
                else => None,
            }
        });
        let answered = match next.await {
            Ok(Some(Ok(answered))) => answered,
            Ok(_) if lan.is_some() || !asked.is_empty() => continue,
            Ok(_) | Err(_) => break,
        };
        if let Answered::Tracker(tracker, _) = &answered {
            silent.retain(|other| other != tracker);
        }
        match answered {
            Answered::Tracker(tracker, Ok(Answer::Files { files, more })) => {
                merge.add(&Origin::Tracker(tracker), files, more);
            }
            Answered::Tracker(tracker, Ok(_)) => {
                gathered.tracker_error = Some((tracker, AskError::OtherQuestion));
            }
            Answered::Tracker(tracker, Err(error)) => gathered.tracker_error = Some((tracker, error)),
            Answered::Node(_, addr, Ok(Answer::Files { files, more })) => {
                merge.add(&Origin::Node(addr), files, more);
            }
            Answered::Node(name, ..) => nodes.failed(name),
        }
        if let Some(pause) = is_enough(&merge.found()) {
            deadline = deadline.min(Instant::now() + pause);
        }
    }
    let found = merge.found();
    if is_enough(&found).is_none()
        && let Some(tracker) = silent.into_iter().next()
    {
        gathered.tracker_error = Some((tracker, AskError::Silent(patience)));
    }
    Gathered { found, more: merge.more, ..gathered }
}

/// Speaks to the local network as one who asks and is no peer.
fn open_lan(options: &lan::Options) -> std::io::Result<(Lan, mpsc::Receiver<Heard>)> {
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(|error| std::io::Error::other(error.to_string()))?;
    let (lan, heard) = Lan::start(options.clone(), 0, Clock::start(), Seed::from_bytes(random))?;
    lan.ask();
    Ok((lan, heard))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(number: u8, name: &str, seeders: u32) -> File {
        let age = Duration::from_secs(number.into());
        File {
            info_hash: InfoHash([number; 20]),
            name: name.into(),
            size: 1,
            files: 1,
            seeders,
            leechers: 1,
            age,
        }
    }

    fn node(host: u8) -> Origin {
        Origin::Node(([192, 0, 2, host], 6881).into())
    }

    #[test]
    fn answers_come_together_by_info_hash_and_peers_are_not_counted_twice() {
        let tracker = Origin::Tracker("tracker.lan".parse().unwrap());
        let mut merge = Merge::default();
        merge.add(&node(2), vec![file(1, "film", 1), file(2, "Album", 1)], false);
        merge.add(&node(1), vec![file(1, "film", 1)], false);
        merge.add(&tracker, vec![file(1, "film", 5), file(3, "film", 1)], true);
        let found = merge.found();
        let shown: Vec<_> =
            found.iter().map(|it| (it.name.as_str(), it.info_hash.0[0], it.seeders)).collect();
        assert_eq!(shown, [("Album", 2, 1), ("film", 1, 5), ("film", 3, 1)]);
        assert_eq!((found[1].leechers, merge.more), (2, true));
        assert_eq!(found[1].origins, [tracker, node(1), node(2)]);
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let mut merge = Merge::default();
        for number in 0..=u32::try_from(FILES_FOUND).unwrap() {
            let mut info_hash = [0; 20];
            info_hash[..4].copy_from_slice(&number.to_be_bytes());
            merge.add(&node(1), vec![File { info_hash: InfoHash(info_hash), ..file(1, "x", 1) }], false);
        }
        assert_eq!((merge.found().len(), merge.more), (FILES_FOUND, true));
    }

    #[test]
    fn a_node_is_asked_once_and_at_its_other_address_when_the_first_one_fails() {
        let heard = |host: u8, cookie: &str| Heard {
            info_hash: CATALOGUE,
            addr: ([192, 0, 2, host], 6881).into(),
            cookie: cookie.into(),
        };
        let mut nodes = Nodes::default();
        for node in [heard(1, "a"), heard(2, "a"), heard(3, ""), heard(4, "")] {
            nodes.hear(node);
        }
        nodes.hear(Heard { info_hash: InfoHash([1; 20]), ..heard(5, "b") });
        let hosts =
            |nodes: &Nodes| nodes.waiting.iter().map(|(_, addr)| addr.to_string()).collect::<Vec<_>>();
        assert_eq!(hosts(&nodes), ["192.0.2.1:6881", "192.0.2.3:6881", "192.0.2.4:6881"]);
        nodes.waiting.clear();
        nodes.failed("a".into());
        assert_eq!(hosts(&nodes), ["192.0.2.2:6881"]);
        nodes.waiting.clear();
        nodes.failed("a".into());
        assert!(nodes.waiting.is_empty());
        for host in 0..=255 {
            nodes.hear(heard(host, &format!("{host}")));
            nodes.hear(heard(host, "same"));
        }
        assert!(nodes.waiting.len() <= NODES_IN_ALL);
    }
}

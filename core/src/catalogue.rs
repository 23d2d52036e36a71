//! Files by name: which swarms there are, what they are called, and who publishes them.
//!
//! A tracker keeps a catalogue beside its [registry of swarms](crate::tracker), so that people can ask for `movie.mp4` and
//! not for forty digits; a node keeps one of what it seeds itself. There is no transport here, see
//! [`tracker::json`](crate::tracker::json). The rules:
//!
//! - An entry is a swarm. Two files of the same name are two entries, and the name is then ambiguous.
//! - An entry lives by its publishers. A publisher is an address; it is forgotten when it says so, or when it was silent for
//!   [`CatalogueConfig::timeout`]. An entry without publishers is gone. No answer depends on when the last sweep was.
//! - A name is a claim, unless the metainfo comes with it: then name and lengths are those of the metainfo, which hashes to
//!   the info-hash. Proven entries replace claims; a claim replaces nothing, so that nobody renames the file of another.
//! - Everything is bounded: entries, publishers, and bytes of metainfo, of each and in all. An entry whose metainfo finds no
//!   room is published without it; peers have it, too (BEP 9).
//! - The order of everything is by name in lower case, then by info-hash.

mod description;
mod query;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use core::time::Duration;

use crate::boundary::Address;
use crate::id::InfoHash;
use crate::metainfo::{self, MetainfoError, PathError};
use crate::time::Instant;

pub use description::Description;
pub use query::{Fit, MAX_QUERY, MIN_DIGITS, Pick, Query, QueryError};

/// Sweeps for those who fell silent are at least so far apart.
const SWEEP: Duration = Duration::from_mins(1);
/// No timer is set further ahead.
const FURTHEST: Duration = Duration::from_hours(1);

/// What can be chosen about a catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CatalogueConfig {
    /// A publisher that was silent for so long is forgotten.
    pub timeout: Duration,
    /// Most entries.
    pub max_entries: u32,
    /// Most publishers of an entry.
    pub max_publishers: u32,
    /// Most entries of one publisher.
    pub max_entries_of_publisher: u32,
    /// Most bytes of metainfo in one entry.
    pub max_metainfo: usize,
    /// Most bytes of metainfo in all entries.
    pub max_metainfo_in_all: usize,
}

impl Default for CatalogueConfig {
    /// Ten thousand files; three heartbeats of a minute may be lost; 32 MiB of metainfo in all, which is ten thousand files
    /// of a hundred pieces, or three of the longest kind.
    fn default() -> Self {
        Self {
            timeout: Duration::from_secs(200),
            max_entries: 10_000,
            max_publishers: 1000,
            max_entries_of_publisher: 1000,
            max_metainfo: metainfo::MAX_LEN,
            max_metainfo_in_all: 32 << 20,
        }
    }
}

/// Why something is not published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogueError {
    /// The name is none of a file.
    #[error("the name cannot be one of a file: {0}")]
    Name(#[from] PathError),
    /// There is no file in it.
    #[error("a torrent has at least one file")]
    NoFiles,
    /// The metainfo is longer than [`CatalogueConfig::max_metainfo`].
    #[error("{len} bytes of metainfo are more than {max}")]
    MetainfoTooLong {
        /// Its length in bytes.
        len: usize,
        /// The most that is kept.
        max: usize,
    },
    /// The metainfo is not sound.
    #[error(transparent)]
    Metainfo(#[from] MetainfoError),
    /// There is no room for another entry.
    #[error("the catalogue is full: {limit} files")]
    TooManyEntries {
        /// [`CatalogueConfig::max_entries`].
        limit: u32,
    },
    /// The entry has no room for another publisher.
    #[error("the file has {limit} publishers, the most that it may")]
    TooManyPublishers {
        /// [`CatalogueConfig::max_publishers`].
        limit: u32,
    },
    /// The publisher has no room for another entry.
    #[error("{limit} files are published from this address, the most that may be")]
    TooManyOfPublisher {
        /// [`CatalogueConfig::max_entries_of_publisher`].
        limit: u32,
    },
}

#[derive(Clone, Copy, Debug)]
struct Publisher {
    seen: Instant,
    seeder: bool,
}

#[derive(Clone, Debug)]
struct Entry<A> {
    name: Box<str>,
    folded: Box<str>,
    len: u64,
    files: u32,
    /// Name and lengths are the metainfo's, whether there is room for it or not.
    proven: bool,
    metainfo: Option<Bytes>,
    published: Instant,
    publishers: BTreeMap<A, Publisher>,
}

/// A swarm in the catalogue, as it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listed<'a> {
    /// The swarm.
    pub info_hash: InfoHash,
    /// The file, or the directory.
    pub name: &'a str,
    /// Length of all files in bytes.
    pub len: u64,
    /// How many files there are.
    pub files: u32,
    /// Publishers that have everything.
    pub seeders: u32,
    /// Publishers that do not.
    pub leechers: u32,
    /// When it was first published.
    pub published: Instant,
    /// The `.torrent` file, when it is here.
    pub metainfo: Option<&'a Bytes>,
}

/// Files by name.
#[derive(Clone, Debug)]
pub struct Catalogue<A> {
    config: CatalogueConfig,
    entries: BTreeMap<InfoHash, Entry<A>>,
    /// The entries in the order in which they are listed.
    names: BTreeSet<(Box<str>, InfoHash)>,
    publishers: BTreeMap<A, BTreeSet<InfoHash>>,
    metainfo_len: usize,
    sweep: Option<Instant>,
}

impl<A: Address> Catalogue<A> {
    /// A catalogue with nothing in it.
    pub const fn new(config: CatalogueConfig) -> Self {
        Self {
            config,
            entries: BTreeMap::new(),
            names: BTreeSet::new(),
            publishers: BTreeMap::new(),
            metainfo_len: 0,
            sweep: None,
        }
    }

    /// What was chosen.
    pub const fn config(&self) -> &CatalogueConfig {
        &self.config
    }

    /// Publishes a file, or does so again. A publisher that repeats itself is heard of, and says whether it is a seeder now.
    ///
    /// # Errors
    /// When there is no room, or the metainfo is too long. Nothing has changed then.
    pub fn publish(
        &mut self,
        now: Instant,
        description: Description,
        publisher: A,
        seeder: bool,
    ) -> Result<(), CatalogueError> {
        let CatalogueConfig { timeout, max_metainfo, .. } = self.config;
        let info_hash = description.info_hash;
        if let Some(len) = description.metainfo.as_ref().map(Bytes::len).filter(|&len| len > max_metainfo) {
            return Err(CatalogueError::MetainfoTooLong { len, max: max_metainfo });
        }
        if self.room(info_hash, publisher).is_err() {
            // The silent make room; so late, because this looks at everything.
            self.expire(now);
            self.room(info_hash, publisher)?;
        }
        if self.entries.get(&info_hash).is_some_and(|entry| !entry.is_alive(now, timeout)) {
            self.remove(info_hash);
        }
        self.describe(now, description).publishers.insert(publisher, Publisher { seen: now, seeder });
        self.publishers.entry(publisher).or_default().insert(info_hash);
        self.sweep.get_or_insert(now + timeout.clamp(SWEEP, FURTHEST));
        Ok(())
    }

    /// A publisher has an entry that is there already, and says whether it is a seeder now. False when the entry is not there.
    ///
    /// # Errors
    /// When there is no room. Nothing has changed then.
    pub fn join(
        &mut self,
        now: Instant,
        info_hash: InfoHash,
        publisher: A,
        seeder: bool,
    ) -> Result<bool, CatalogueError> {
        let timeout = self.config.timeout;
        if !self.entries.get(&info_hash).is_some_and(|entry| entry.is_alive(now, timeout)) {
            return Ok(false);
        }
        self.room(info_hash, publisher)?;
        let Some(entry) = self.entries.get_mut(&info_hash) else { return Ok(false) };
        entry.publishers.insert(publisher, Publisher { seen: now, seeder });
        self.publishers.entry(publisher).or_default().insert(info_hash);
        Ok(true)
    }

    /// A publisher is still there. Gives the number of its entries: with 0 it is not known, and has to publish again.
    pub fn heartbeat(&mut self, now: Instant, publisher: A) -> u32 {
        let entries = self.published_by(publisher);
        let alive = entries.into_iter().filter(|&info_hash| self.touch(now, info_hash, publisher)).count();
        u32::try_from(alive).unwrap_or(u32::MAX)
    }

    /// A publisher still has one of its entries. False when it does not publish this entry.
    pub fn touch(&mut self, now: Instant, info_hash: InfoHash, publisher: A) -> bool {
        self.publisher(now, info_hash, publisher).map(|publisher| publisher.seen = now).is_some()
    }

    /// A publisher says whether it has everything. False when it does not publish this entry.
    pub fn update(&mut self, now: Instant, info_hash: InfoHash, publisher: A, seeder: bool) -> bool {
        let known = self.publisher(now, info_hash, publisher);
        known.map(|publisher| *publisher = Publisher { seen: now, seeder }).is_some()
    }

    /// A publisher of an entry that has not been silent for too long.
    fn publisher(&mut self, now: Instant, info_hash: InfoHash, publisher: A) -> Option<&mut Publisher> {
        let timeout = self.config.timeout;
        let publisher = self.entries.get_mut(&info_hash)?.publishers.get_mut(&publisher)?;
        publisher.is_alive(now, timeout).then_some(publisher)
    }

    /// A publisher takes back one entry.
    pub fn unregister(&mut self, info_hash: InfoHash, publisher: A) {
        let Some(entry) = self.entries.get_mut(&info_hash) else { return };
        if entry.publishers.remove(&publisher).is_none() {
            return;
        }
        if entry.publishers.is_empty() {
            self.remove(info_hash);
        }
        self.forget(publisher, info_hash);
    }

    /// The entries that a publisher has, in the order of their info-hashes.
    pub fn published_by(&self, publisher: A) -> Vec<InfoHash> {
        self.publishers.get(&publisher).into_iter().flatten().copied().collect()
    }

    /// All entries, by name.
    pub fn list(&self, now: Instant) -> impl Iterator<Item = Listed<'_>> {
        self.names.iter().filter_map(move |(_, info_hash)| self.get(now, *info_hash))
    }

    /// What fits a query, the best first, then by name. O(entries).
    pub fn search(&self, now: Instant, query: &Query) -> Vec<(Fit, Listed<'_>)> {
        let fits = self.names.iter().filter_map(|(folded, info_hash)| {
            let entry = self.entries.get(info_hash)?;
            let fit = query.fit_folded(&entry.name, folded, *info_hash)?;
            Some((fit, self.get(now, *info_hash)?))
        });
        let mut found: Vec<_> = fits.collect();
        found.sort_by_key(|&(fit, _)| fit);
        found
    }

    /// The entry that a query means: by its name, the first digits of its info-hash, or a part of its name.
    pub fn lookup(&self, now: Instant, query: &Query) -> Pick<Listed<'_>> {
        Pick::best_of(self.search(now, query))
    }

    /// The entry of a swarm.
    pub fn get(&self, now: Instant, info_hash: InfoHash) -> Option<Listed<'_>> {
        let entry = self.entries.get(&info_hash)?;
        let (mut seeders, mut leechers) = (0, 0);
        for publisher in entry.publishers.values().filter(|it| it.is_alive(now, self.config.timeout)) {
            *(if publisher.seeder { &mut seeders } else { &mut leechers }) += 1;
        }
        (seeders + leechers > 0).then_some(Listed {
            info_hash,
            name: &entry.name,
            len: entry.len,
            files: entry.files,
            seeders,
            leechers,
            published: entry.published,
            metainfo: entry.metainfo.as_ref(),
        })
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.sweep
    }

    /// Gives back the memory of those who fell silent. Harmless when called too early or too late. O(publishers).
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.sweep.is_some_and(|sweep| sweep <= now) {
            self.expire(now);
        }
    }

    fn expire(&mut self, now: Instant) {
        let timeout = self.config.timeout;
        let mut silent = Vec::new();
        let mut oldest: Option<Instant> = None;
        for (&info_hash, entry) in &self.entries {
            for (&publisher, &Publisher { seen, .. }) in &entry.publishers {
                if now - seen >= timeout {
                    silent.push((info_hash, publisher));
                } else {
                    oldest = Some(oldest.map_or(seen, |oldest| oldest.min(seen)));
                }
            }
        }
        for (info_hash, publisher) in silent {
            self.unregister(info_hash, publisher);
        }
        self.sweep = oldest.map(|oldest| (oldest + timeout).clamp(now + SWEEP, now + FURTHEST));
    }

    /// Whether a publisher may publish an entry.
    fn room(&self, info_hash: InfoHash, publisher: A) -> Result<(), CatalogueError> {
        let CatalogueConfig { max_entries, max_publishers, max_entries_of_publisher, .. } = self.config;
        match self.entries.get(&info_hash) {
            Some(entry) if entry.publishers.contains_key(&publisher) => return Ok(()),
            Some(entry) if entry.publishers.len() >= max_publishers as usize => {
                return Err(CatalogueError::TooManyPublishers { limit: max_publishers });
            }
            None if self.entries.len() >= max_entries as usize => {
                return Err(CatalogueError::TooManyEntries { limit: max_entries });
            }
            _ => {}
        }
        let own = self.publishers.get(&publisher).map_or(0, BTreeSet::len);
        if own >= max_entries_of_publisher as usize {
            return Err(CatalogueError::TooManyOfPublisher { limit: max_entries_of_publisher });
        }
        Ok(())
    }

    /// Makes the entry if there is none, replaces a claim by what is proven, and keeps the metainfo if there is room.
    fn describe(&mut self, now: Instant, description: Description) -> &mut Entry<A> {
        let Description { info_hash, name, len, files, metainfo } = description;
        let proven = metainfo.is_some();
        let room = self.config.max_metainfo_in_all.saturating_sub(self.metainfo_len);
        let entry = self.entries.entry(info_hash).or_insert_with(|| Entry::new(now));
        if entry.name.is_empty() || proven && !entry.proven {
            self.names.remove(&(core::mem::take(&mut entry.folded), info_hash));
            entry.folded = name.to_lowercase().into();
            self.names.insert((entry.folded.clone(), info_hash));
            (entry.name, entry.len, entry.files, entry.proven) = (name.into(), len, files, proven);
        }
        if let (Some(metainfo), None) = (metainfo.filter(|it| it.len() <= room), &entry.metainfo) {
            self.metainfo_len += metainfo.len();
            entry.metainfo = Some(metainfo);
        }
        entry
    }

    fn remove(&mut self, info_hash: InfoHash) {
        let Some(entry) = self.entries.remove(&info_hash) else { return };
        self.metainfo_len -= entry.metainfo.map_or(0, |metainfo| metainfo.len());
        self.names.remove(&(entry.folded, info_hash));
        for publisher in entry.publishers.into_keys() {
            self.forget(publisher, info_hash);
        }
    }

    fn forget(&mut self, publisher: A, info_hash: InfoHash) {
        if let Some(entries) = self.publishers.get_mut(&publisher) {
            entries.remove(&info_hash);
            if entries.is_empty() {
                self.publishers.remove(&publisher);
            }
        }
    }
}

impl Publisher {
    fn is_alive(&self, now: Instant, timeout: Duration) -> bool {
        now - self.seen < timeout
    }
}

impl<A> Entry<A> {
    /// An entry without a name, which no entry in a catalogue is.
    fn new(now: Instant) -> Self {
        Self {
            name: Box::default(),
            folded: Box::default(),
            len: 0,
            files: 0,
            proven: false,
            metainfo: None,
            published: now,
            publishers: BTreeMap::new(),
        }
    }

    fn is_alive(&self, now: Instant, timeout: Duration) -> bool {
        self.publishers.values().any(|publisher| publisher.is_alive(now, timeout))
    }
}

//! Files as the systems ask for them: by name, or by none, with what their metainfo says.

use std::collections::BTreeMap;

use super::frames::Described;
use crate::catalogue::{Fit, Pick, Query};
use crate::id::InfoHash;
use crate::metainfo::Metainfo;
use crate::time::Instant;
use crate::tracker::directory::Directory;

/// Hashes that are kept, in bytes: those of files that are asked for now.
const MOST_BYTES: usize = 16 << 20;
/// What a file takes besides its hashes, about.
const ENTRY: usize = 512;

/// What the metainfo of files says, so that it is not read for each request anew. It cannot change: the info-hash is its hash.
#[derive(Debug)]
pub(super) struct Files {
    read: BTreeMap<InfoHash, Described>,
    bytes: usize,
}

impl Files {
    pub(super) const fn new() -> Self {
        Self { read: BTreeMap::new(), bytes: 0 }
    }

    /// What the catalogue's metainfo says of a file that is in it.
    pub(super) fn described(
        &mut self,
        now: Instant,
        directory: &Directory<'_>,
        info_hash: InfoHash,
    ) -> Result<Described, String> {
        let listed = directory.catalogue.get(now, info_hash).ok_or("no such file")?;
        if let Some(described) = self.read.get(&info_hash) {
            return Ok(described.clone());
        }
        let bytes = listed.metainfo.ok_or("the metainfo of this file is not here")?;
        let metainfo = Metainfo::parse(bytes).map_err(|error| error.to_string())?;
        let described = Described::of(&metainfo);
        let size = described.hashes.len().saturating_add(ENTRY);
        if self.bytes.saturating_add(size) > MOST_BYTES {
            self.read.clear();
            self.bytes = 0;
        }
        self.bytes = self.bytes.saturating_add(size);
        self.read.insert(info_hash, described.clone());
        Ok(described)
    }
}

/// The file of exactly this name, or with these digits of its info-hash.
pub(super) fn by_name(now: Instant, directory: &Directory<'_>, name: &str) -> Result<InfoHash, String> {
    let query = Query::new(name).map_err(|error| error.to_string())?;
    let found = directory.catalogue.search(now, &query);
    let named = found.into_iter().filter(|(fit, _)| matches!(fit, Fit::Name | Fit::InfoHash));
    match Pick::best_of(named) {
        Pick::One(listed) => Ok(listed.info_hash),
        Pick::Several(several) => Err(format!("{} files have this name", several.len())),
        Pick::Nothing => Err("no file of this name".into()),
    }
}

/// The file that there is, when there is one.
pub(super) fn only(now: Instant, directory: &Directory<'_>) -> Result<InfoHash, String> {
    let mut files = directory.catalogue.list(now);
    match (files.next(), files.next()) {
        (Some(only), None) => Ok(only.info_hash),
        (None, _) => Err("there is no file".into()),
        _ => Err("there are several files: name one".into()),
    }
}

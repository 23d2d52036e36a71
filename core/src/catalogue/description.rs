//! What somebody says of a file that is published: a claim, or proven by its metainfo.

use bytes::Bytes;

use super::CatalogueError;
use crate::id::InfoHash;
use crate::metainfo::{self, Metainfo};

/// What is said of a swarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    pub(super) info_hash: InfoHash,
    pub(super) name: String,
    pub(super) len: u64,
    pub(super) files: u32,
    pub(super) metainfo: Option<Bytes>,
}

impl Description {
    /// What somebody says, without proof: the name, the length of all files in bytes, and their number.
    ///
    /// # Errors
    /// When no file can have this name, or there are no files.
    pub fn claimed(info_hash: InfoHash, name: &str, len: u64, files: u32) -> Result<Self, CatalogueError> {
        let name = metainfo::sound_name(name.as_bytes())?.to_owned();
        if files == 0 {
            return Err(CatalogueError::NoFiles);
        }
        Ok(Self { info_hash, name, len, files, metainfo: None })
    }

    /// What a `.torrent` file says.
    ///
    /// # Errors
    /// When it is not sound metainfo.
    pub fn proven(metainfo: Bytes) -> Result<Self, CatalogueError> {
        Ok(Self::of(&Metainfo::parse(&metainfo)?, metainfo))
    }

    /// What metainfo says that was checked already; `bytes` are those that it was read from, or is written as.
    pub fn of(metainfo: &Metainfo, bytes: Bytes) -> Self {
        Self {
            info_hash: metainfo.info_hash(),
            name: metainfo.name().to_owned(),
            len: metainfo.geometry().len(),
            files: u32::try_from(metainfo.files().len()).unwrap_or(u32::MAX),
            metainfo: Some(bytes),
        }
    }

    /// The swarm.
    pub const fn info_hash(&self) -> InfoHash {
        self.info_hash
    }
}

//! Torrent files that others have made.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;
use minibit_core::metainfo::{MAX_LEN, Metainfo};

use crate::failure::Failure;

/// Reads and checks a torrent file: no more of it than a torrent file can have, whatever stands under the name.
pub(crate) fn read(path: &Path) -> Result<Metainfo, Failure> {
    let shown = path.display();
    let file = File::open(path).with_context(|| format!("cannot open {shown}")).map_err(Failure::usage)?;
    let mut bytes = Vec::new();
    // One byte more than allowed is enough to be told so.
    let read = file.take(MAX_LEN as u64 + 1).read_to_end(&mut bytes);
    read.with_context(|| format!("cannot read {shown}"))?;
    Ok(Metainfo::parse(&bytes).with_context(|| format!("{shown} is not a sound torrent file"))?)
}

/// Is there a file at the path that begins as torrent files do, whatever it is called? A file of the name that somebody asks for may
/// lie there as well.
pub(crate) fn looks_like_one(path: &Path) -> bool {
    let mut start = [0; 2];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start[0] == b'd' && start[1].is_ascii_digit()
}

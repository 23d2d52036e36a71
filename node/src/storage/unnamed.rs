//! Content that is passed on while it comes: in a file that has no name.
//!
//! Pieces come in any order, are read again for other peers, and wait for whoever takes them: they need a place that is not the
//! memory. The file is in the directory for temporary files (`TMPDIR`), where nobody sees it, and is gone when the process is,
//! however that ends. So there is nothing to record, to sync or to rename.

use std::fs::File;
use std::sync::Arc;

use minibit_core::bitfield::Bitfield;
use minibit_core::metainfo::Metainfo;

use super::error::StorageError;
use super::files::Files;
use super::layout::Layout;
use super::place::free;
use super::{OpenReport, Opened, Shortage, Storage};

/// A place for the content of a torrent of a single file, and the file itself, to be read where pieces are verified.
///
/// # Errors
/// When there can be no such file.
pub(crate) fn unnamed(metainfo: &Arc<Metainfo>) -> Result<(Opened, Arc<File>), StorageError> {
    let path = std::env::temp_dir();
    let geometry = metainfo.geometry();
    let file = Arc::new(tempfile::tempfile().map_err(StorageError::io("create a file in", &path))?);
    file.set_len(geometry.len()).map_err(StorageError::io("create a file in", &path))?;
    let needed = geometry.len();
    let report = OpenReport {
        path: path.clone(),
        trusted: 0,
        hashed: 0,
        continued: None,
        short_of_space: Shortage::of(needed, free(&file)),
    };
    let files = Files::over(Arc::clone(&file), &path, Layout::of(metainfo));
    let storage = Storage { metainfo: Arc::clone(metainfo), files, path, download: None, unhashed: false };
    Ok((Opened { storage, have: Bitfield::none(geometry.piece_count()), report }, file))
}

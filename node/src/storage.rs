//! Content on the disk: where it is, what of it is there already, and the threads that read, write and hash it.
//!
//! A download is kept under its name with `.part` after it, a file or a directory, in full length but without a byte allocated;
//! when all is verified and synced, one renaming gives it its own name. So what has the right name is complete. A hidden
//! [`record`] beside it knows the verified pieces; what is written and not recorded, such as a piece that was complete when the
//! process was killed, is found by hashing what is allocated.
//!
//! What has the name already is checked. When all of it is right it is used where it is, when some of it is right it is continued
//! (it gets the partial name until it is complete), and when nothing is right it is somebody else's and left alone. A file that
//! is longer than the torrent's is somebody else's, too.
//!
//! To seed is to read: content is opened at the path that the user gives, whatever its name there, checked in full, which costs a
//! second for some gigabytes, and never written to, nor is anything beside it.
//!
//! [`open`] does all of that and blocks; [`unnamed()`] is for content that is passed on and not kept; [`Storage::start`] starts the threads, to which a [`Disk`] is the handle.

mod check;
mod disk;
mod error;
mod files;
mod hasher;
mod initial;
mod layout;
mod place;
mod pool;
mod record;
mod sync;
mod unnamed;
mod writer;

#[cfg(test)]
mod tests;

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use minibit_core::bitfield::Bitfield;
use minibit_core::id::PieceIndex;
use minibit_core::metainfo::Metainfo;

pub(crate) use self::check::hash_pieces;
pub(crate) use self::disk::Disk;
pub(crate) use self::error::StorageError;
pub(crate) use self::files::Files;
pub(crate) use self::initial::begin_with;
pub(crate) use self::layout::Layout;
use self::place::{Access, Kind, Place};
use self::record::Record;
pub(crate) use self::unnamed::unnamed;

/// What a download's name ends with until it is complete.
const PARTIAL: &str = ".part";
/// The longest name that common file systems take, in bytes.
const MAX_NAME_LEN: usize = 255;

/// What is to be done with the content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Get it into a directory, which is made when it is missing.
    Download,
    /// Give it to others. The path is the content itself, file or directory; what of it is missing or wrong is not in
    /// [`Opened::have`].
    Seed,
    /// Give to others what was hashed just now: it is not hashed again unless a length is not what it was.
    SeedHashed,
}

/// Content that was found or prepared, and checked.
#[derive(Debug)]
pub(crate) struct Opened {
    /// To be started.
    pub(crate) storage: Storage,
    /// The pieces that are there and right.
    pub(crate) have: Bitfield,
    /// How that was found out.
    pub(crate) report: OpenReport,
}

/// What was found when content was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OpenReport {
    /// Where the content is: the final place, or the partial one.
    pub(crate) path: PathBuf,
    /// Pieces that were taken from the record of an earlier run without a new check.
    pub(crate) trusted: u32,
    /// Pieces that were hashed.
    pub(crate) hashed: u32,
    /// Content under the final name that was incomplete, and has the partial name now.
    pub(crate) continued: Option<PathBuf>,
    /// The disk has less room than the download needs: it will probably fail.
    pub(crate) short_of_space: Option<Shortage>,
}

/// A disk that is too full.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shortage {
    /// Bytes that are still to be written.
    pub(crate) needed: u64,
    /// Bytes that are free.
    pub(crate) free: u64,
}

impl Shortage {
    /// Is so much room too little? Where nobody knows how much there is, nobody is warned.
    fn of(needed: u64, free: Option<u64>) -> Option<Self> {
        free.filter(|&free| free < needed).map(|free| Self { needed, free })
    }
}

/// Content whose threads are not started yet.
#[derive(Debug)]
pub(crate) struct Storage {
    metainfo: Arc<Metainfo>,
    files: Files,
    path: PathBuf,
    download: Option<Download>,
    /// Nobody knows the hashes: a piece that is all here is taken as it is.
    unhashed: bool,
}

impl Storage {
    /// The same where nobody knows the hashes: what comes is taken as it is.
    pub(crate) fn unhashed(self) -> Self {
        Self { unhashed: true, ..self }
    }
}

/// What is kept beside a download until it is complete.
#[derive(Debug)]
struct Download {
    /// The directory that the partial content is in.
    place: Place,
    /// Its name now.
    partial: String,
    record: Record,
}

/// Looks at what is there, checks it, and prepares the rest. Blocks: to be called on a thread of its own.
///
/// `progress` is told bytes that are checked, and bytes that are to be.
///
/// # Errors
/// When the place cannot be used. The bytes that were there are not changed then.
pub(crate) fn open(
    metainfo: &Arc<Metainfo>,
    dir: &Path,
    mode: Mode,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Opened, StorageError> {
    match mode {
        Mode::Seed => {
            let files = Files::at(dir, Layout::of(metainfo))?;
            let (have, hashed) = check_everything(metainfo, &files, progress);
            Ok(complete(metainfo, files, dir.into(), have, hashed))
        }
        Mode::SeedHashed => {
            let files = Files::at(dir, Layout::of(metainfo))?;
            let (have, hashed) = if files.facts()?.sized {
                (Bitfield::all(metainfo.geometry().piece_count()), 0)
            } else {
                check_everything(metainfo, &files, progress)
            };
            Ok(complete(metainfo, files, dir.into(), have, hashed))
        }
        Mode::Download => download(metainfo, place::make(dir)?, progress),
    }
}

/// Content that is not written to.
fn complete(metainfo: &Arc<Metainfo>, files: Files, path: PathBuf, have: Bitfield, hashed: u32) -> Opened {
    let report = OpenReport { path: path.clone(), trusted: 0, hashed, continued: None, short_of_space: None };
    let storage = Storage { metainfo: Arc::clone(metainfo), files, path, download: None, unhashed: false };
    Opened { storage, have, report }
}

fn download(
    metainfo: &Arc<Metainfo>,
    place: Place,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Opened, StorageError> {
    let name = metainfo.name();
    let partial = partial_name(metainfo);
    if place.kind(name)? == Kind::Missing {
        return resume(metainfo, place, partial, None, progress);
    }
    let path = place.path().join(name);
    let files = Files::open(&place, name, Layout::of(metainfo), Access::Read)?;
    let (have, hashed) = check_everything(metainfo, &files, progress);
    let facts = files.facts()?;
    if have.is_full() && facts.sized {
        if place.kind(&partial)? == Kind::Missing {
            // Left behind by a process that was killed after it had renamed. In a directory that we may not change it stays.
            let _ = place.remove(&record::name(metainfo.info_hash()));
        }
        return Ok(complete(metainfo, files, path, have, hashed));
    }
    if have.is_empty() || facts.longer || place.kind(&partial)? != Kind::Missing {
        return Err(StorageError::Different { path });
    }
    // Can everything be written to? Afterwards there is no way back.
    Files::open(&place, name, Layout::of(metainfo), Access::Write)?.facts()?;
    place.rename(name, &partial)?;
    resume(metainfo, place, partial, Some(Continued { path, have, hashed }), progress)
}

/// What was found under the final name, and has the partial name now.
struct Continued {
    path: PathBuf,
    have: Bitfield,
    hashed: u32,
}

/// Goes on with a partial download, or begins one.
fn resume(
    metainfo: &Arc<Metainfo>,
    place: Place,
    partial: String,
    continued: Option<Continued>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Opened, StorageError> {
    let geometry = metainfo.geometry();
    let pieces = geometry.piece_count();
    let path = place.path().join(&partial);
    let begun = place.kind(&partial)? != Kind::Missing;
    let access = if begun { Access::Write } else { Access::Create };
    let mut files = Files::open(&place, &partial, Layout::of(metainfo), access)?;
    if !files.lock() {
        return Err(StorageError::InUse { path });
    }

    let facts = files.facts()?;
    // Of what had the final name until now no record tells.
    let recorded = match continued {
        Some(_) => None,
        None => record::read(&place, metainfo.info_hash(), pieces),
    };
    let ours = continued.is_some() || recorded.is_some();
    let (known, synced) = record::trusted(recorded, &facts, &record::boot(), now(), pieces);
    let trusted = known.count();
    let (continued, mut have, hashed_before) = match continued {
        Some(Continued { path, have, hashed }) => (Some(path), have, hashed),
        None => (None, known, 0),
    };
    let written = |piece: &PieceIndex| {
        files.is_written(geometry.piece_offset(*piece), geometry.piece_len(*piece).into())
    };
    let unknown: Vec<_> = have.missing().filter(|piece| hashed_before == 0 && written(piece)).collect();
    for piece in check(metainfo, &files, &unknown, progress) {
        have.insert(piece);
    }
    if !ours && (facts.longer || (have.is_empty() && facts.allocated > 0)) {
        return Err(StorageError::Different { path });
    }

    // The record comes first: after a change of lengths the old one could look right again.
    let record = Record::create(&place, metainfo.info_hash(), facts.inode, have.clone(), synced)?;
    files.allocate()?;
    let needed = geometry.len().saturating_sub(facts.allocated);
    let report = OpenReport {
        path: path.clone(),
        trusted,
        hashed: hashed_before + u32::try_from(unknown.len()).expect("pieces"),
        continued,
        short_of_space: Shortage::of(needed, place.free()),
    };
    let download = Some(Download { place, partial, record });
    let storage = Storage { metainfo: Arc::clone(metainfo), files, path, download, unhashed: false };
    Ok(Opened { storage, have, report })
}

/// The name until all is there. One that would be too long is cut, and told apart by the info-hash.
fn partial_name(metainfo: &Metainfo) -> String {
    let name = metainfo.name();
    if name.len() + PARTIAL.len() <= MAX_NAME_LEN {
        return format!("{name}{PARTIAL}");
    }
    let suffix = format!(".{}{PARTIAL}", &metainfo.info_hash().to_hex()[..8]);
    format!("{}{suffix}", &name[..name.floor_char_boundary(MAX_NAME_LEN - suffix.len())])
}

fn check_everything(
    metainfo: &Metainfo,
    files: &Files,
    progress: &mut dyn FnMut(u64, u64),
) -> (Bitfield, u32) {
    let geometry = metainfo.geometry();
    let mut have = Bitfield::none(geometry.piece_count());
    for piece in check(metainfo, files, &geometry.pieces().collect::<Vec<_>>(), progress) {
        have.insert(piece);
    }
    (have, geometry.piece_count())
}

/// Which of the pieces are there and right? What cannot be read is not there.
fn check(
    metainfo: &Metainfo,
    files: &Files,
    pieces: &[PieceIndex],
    progress: &mut dyn FnMut(u64, u64),
) -> Vec<PieceIndex> {
    let geometry = metainfo.geometry();
    let total = pieces.iter().map(|&piece| u64::from(geometry.piece_len(piece))).sum();
    let mut done = 0;
    let mut right = Vec::new();
    hash_pieces(geometry, pieces, &|offset, buffer| files.read_at(offset, buffer), |piece, hash| {
        if hash.is_ok_and(|hash| metainfo.piece_hash(piece) == Some(&hash)) {
            right.push(piece);
        }
        done += u64::from(geometry.piece_len(piece));
        progress(done, total);
        ControlFlow::Continue(())
    });
    right
}

/// Nanoseconds since 1970, as the system has it.
fn now() -> i128 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i128::try_from(since.as_nanos()).unwrap_or(i128::MAX)
}

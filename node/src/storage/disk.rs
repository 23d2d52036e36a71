//! The handle to the threads of one content, and what they share.
//!
//! ```text
//! submit ──▶ writer: reads and writes ──blocks, verify──▶ hasher: SHA-1 ──▶ completions
//!                └──"something was written"──▶ syncer: fdatasync now and then, the last renaming
//! ```
//!
//! Three threads, because each would hold the others up: hashing takes as long as writing does and gets a core of its own, and a
//! sync takes as long as the disk likes. All three sleep when there is nothing to do.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use bytes::Bytes;
use minibit_core::boundary::{DiskDone, DiskOp};
use minibit_core::geometry::Geometry;
use minibit_core::id::{BlockRef, PieceIndex};
use minibit_core::metainfo::Metainfo;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;

use super::error::StorageError;
use super::files::Files;
use super::hasher::Hasher;
use super::record::Record;
use super::sync::{Syncer, Task};
use super::writer::{Work, Writer};
use super::{Download, Storage};

/// Completions in the order in which the operations were done; several at once.
pub(super) type Done = UnboundedSender<Vec<DiskDone<Bytes>>>;

impl Storage {
    /// Starts the threads. Completions go to `done`, in batches.
    ///
    /// # Errors
    /// When the system has no more threads.
    pub(crate) fn start(self, done: Done) -> io::Result<Disk> {
        let Self { metainfo, files, path, download, unhashed } = self;
        let (download, record) = match download {
            Some(Download { place, partial, record }) => (Some((place, partial)), Some(record)),
            None => (None, None),
        };
        let shared = Arc::new(Shared {
            geometry: metainfo.geometry(),
            unhashed,
            metainfo,
            files,
            done,
            record: Mutex::new(record),
            dirty: AtomicBool::new(false),
            error: Mutex::default(),
        });
        let (sync, tasks) = mpsc::channel();
        let syncer = Syncer::new(Arc::clone(&shared), tasks, path, download);
        thread::Builder::new().name("disk-sync".into()).spawn(move || syncer.run())?;
        let (hash, jobs) = super::hasher::channel();
        let hasher = Hasher::new(Arc::clone(&shared), jobs);
        let hasher = thread::Builder::new().name("disk-hash".into()).spawn(move || hasher.run())?;
        let (work, todo) = mpsc::channel();
        let writer = Writer::new(Arc::clone(&shared), todo, hash, hasher, sync);
        thread::Builder::new().name("disk".into()).spawn(move || writer.run())?;
        Ok(Disk { work, shared })
    }
}

/// The content of one torrent, with threads that work on it. Dropped without [`close`](Self::close) they end as well, later.
#[derive(Debug)]
pub(crate) struct Disk {
    work: Sender<Work>,
    shared: Arc<Shared>,
}

impl Disk {
    /// Has operations done. Never blocks; the core's own limits bound what waits here.
    ///
    /// What is next to each other in one call goes through one system call. Operations on different blocks may be done in any
    /// order, each of them once. A piece is verified after all that was written to it.
    pub(crate) fn submit(&self, ops: Vec<DiskOp<Bytes>>) {
        // Without the threads, which end when this does, nobody waits for an answer.
        let _ = self.work.send(Work::Ops(ops));
    }

    /// Has the complete content synced and renamed, and the record removed; tells where it is. Reading goes on.
    ///
    /// # Errors
    /// When pieces are not verified, the disk fails, or something has taken the name meanwhile. The partial content stays.
    pub(crate) async fn finish(&self) -> Result<PathBuf, StorageError> {
        let (reply, answer) = oneshot::channel();
        self.work.send(Work::Sync(Task::Finish(reply))).map_err(|_| StorageError::Closed)?;
        answer.await.map_err(|_| StorageError::Closed)?
    }

    /// Does all that was submitted, syncs and ends the threads; in less than 2 s, unless writing takes longer: then what is not
    /// synced is recorded as such, and the system goes on writing it.
    ///
    /// # Errors
    /// When the disk has failed to take what was written.
    pub(crate) async fn close(self) -> Result<(), StorageError> {
        let (reply, answer) = oneshot::channel();
        self.work.send(Work::Close(reply)).map_err(|_| StorageError::Closed)?;
        answer.await.map_err(|_| StorageError::Closed)?
    }

    /// What went wrong last, for the user.
    pub(crate) fn last_error(&self) -> Option<String> {
        self.shared.error.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What the threads of one content share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) metainfo: Arc<Metainfo>,
    pub(super) geometry: Geometry,
    /// The metainfo has no hashes that mean anything: every piece is right.
    pub(super) unhashed: bool,
    pub(super) files: Files,
    pub(super) done: Done,
    record: Mutex<Option<Record>>,
    /// Something was written since the last sync began.
    pub(super) dirty: AtomicBool,
    error: Mutex<Option<String>>,
}

impl Shared {
    /// Position of a block's first byte in the content.
    pub(super) fn offset(&self, block: BlockRef) -> u64 {
        self.geometry.piece_offset(block.piece) + u64::from(self.geometry.span(block).begin)
    }

    /// Keeps the reason of a failure for the user, with what lies behind it.
    pub(super) fn failed(&self, error: &dyn std::error::Error) {
        let reasons = std::iter::successors(Some(error), |error| error.source());
        let text = reasons.map(ToString::to_string).collect::<Vec<_>>().join(": ");
        *self.error.lock().unwrap_or_else(PoisonError::into_inner) = Some(text);
    }

    /// Notes in the record that a piece is right. Only then may it be announced.
    pub(super) fn record(&self, piece: PieceIndex) -> Result<(), StorageError> {
        self.lock_record().as_mut().map_or(Ok(()), |record| record.verify(piece))
    }

    /// The record, `None` when the content is complete and not to be written to.
    pub(super) fn lock_record(&self) -> MutexGuard<'_, Option<Record>> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells what is done, and leaves the vector empty. Nobody listens any more when the program is ending.
    pub(super) fn tell(&self, done: &mut Vec<DiskDone<Bytes>>) {
        if !done.is_empty() {
            let _ = self.done.send(std::mem::take(done));
        }
    }
}

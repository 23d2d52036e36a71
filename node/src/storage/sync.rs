//! The thread that makes what is written last: `fdatasync` now and then while something is written, and at the end.
//!
//! First the pieces that are verified are noted, then the content is synced, then it is recorded that these pieces are safe. So
//! the record never says *synced* of a piece that a crash of the system can still take away.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::Duration;

use minibit_core::boundary::DiskDone;
use minibit_core::id::BlockRef;
use tokio::sync::oneshot;

use super::disk::Shared;
use super::error::StorageError;
use super::place::Place;
use super::record;

/// How long after the first write a sync follows: a crash of the system costs as much.
pub(super) const SYNC_INTERVAL: Duration = Duration::from_secs(3);

/// What the syncer is asked to do.
#[derive(Debug)]
pub(super) enum Task {
    /// Something was written.
    Written,
    /// Sync all, give the content its own name, and drop the record.
    Finish(oneshot::Sender<Result<PathBuf, StorageError>>),
    /// Sync all, and end.
    Close(Sender<Result<(), StorageError>>),
}

/// The thread's state.
#[derive(Debug)]
pub(super) struct Syncer {
    shared: Arc<Shared>,
    tasks: Receiver<Task>,
    /// Where the content is now.
    path: PathBuf,
    /// The directory of a download that is not finished, and the partial name.
    download: Option<(Place, String)>,
    /// A sync has failed. The system does not try again, and the next sync would say that all is well.
    lost: bool,
}

impl Syncer {
    pub(super) fn new(
        shared: Arc<Shared>,
        tasks: Receiver<Task>,
        path: PathBuf,
        download: Option<(Place, String)>,
    ) -> Self {
        Self { shared, tasks, path, download, lost: false }
    }

    /// Works until it is told to close, or the writer is gone.
    pub(super) fn run(mut self) {
        let mut due = false;
        loop {
            let task = if due {
                self.tasks.recv_timeout(SYNC_INTERVAL)
            } else {
                self.tasks.recv().map_err(Into::into)
            };
            match task {
                Ok(Task::Written) => {
                    due = true;
                    self.touch();
                }
                Ok(Task::Finish(reply)) => {
                    let _ = reply.send(self.finish());
                }
                Ok(Task::Close(reply)) => {
                    let synced = self.sync();
                    drop(self);
                    let _ = reply.send(synced);
                    return;
                }
                Err(RecvTimeoutError::Timeout) => {
                    due = false;
                    // The reason is kept for the user, and the core is told.
                    let _ = self.sync();
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Shows in the record's time of change that the content's later ones are our own.
    fn touch(&self) {
        if let Some(record) = self.shared.lock_record().as_mut() {
            // A record that cannot be written costs a new check at most.
            let _ = record.sync([]);
        }
    }

    fn sync(&mut self) -> Result<(), StorageError> {
        // Before all else: what is written from now on asks for the next sync.
        self.shared.dirty.store(false, Ordering::Relaxed);
        let Some(verified) = self.shared.lock_record().as_ref().map(|record| record.verified().clone())
        else {
            return Ok(());
        };
        self.touch();
        let synced = self.shared.files.sync();
        self.believe(synced)?;
        let recorded = match self.shared.lock_record().as_mut() {
            Some(record) => record.sync(verified.iter()).and_then(|()| record.file()),
            None => return Ok(()),
        };
        // Without the lock: the hasher records pieces meanwhile.
        let recorded = recorded.and_then(|file| file.sync_data());
        recorded.map_err(StorageError::io("record what is written of", &self.path))
    }

    /// After a failure the system has given up what it had taken: nothing that was written is certain any more, so nothing is
    /// recorded, the core is told as of a write, and no later sync is believed.
    fn believe(&mut self, synced: io::Result<()>) -> Result<(), StorageError> {
        let source = match synced {
            Err(error) => error,
            Ok(()) if self.lost => io::Error::other("an earlier sync has failed"),
            Ok(()) => return Ok(()),
        };
        self.lost = true;
        let error = StorageError::Io { what: "write", path: self.path.clone(), source };
        self.shared.failed(&error);
        if let Some((place, _)) = &self.download {
            // If it cannot be removed either, other checks at the next start have to do.
            let _ = place.remove(&record::name(self.shared.metainfo.info_hash()));
        }
        let first = self.shared.geometry.pieces().map(|piece| BlockRef { piece, block: 0 }).next();
        self.shared.tell(&mut first.map(|block| DiskDone::WriteFailed { block }).into_iter().collect());
        Err(error)
    }

    fn finish(&mut self) -> Result<PathBuf, StorageError> {
        let verified = self.shared.lock_record().as_ref().map(|record| record.verified().count());
        // Without a record it is finished already.
        let Some(verified) = verified else { return Ok(self.path.clone()) };
        let missing = self.shared.geometry.piece_count() - verified;
        if missing > 0 {
            return Err(StorageError::Incomplete { missing });
        }
        let synced = self.shared.files.sync_names();
        self.believe(synced)?;
        let Some((place, partial)) = &self.download else { return Ok(self.path.clone()) };
        let name = self.shared.metainfo.name();
        place.rename(partial, name)?;
        self.path = place.path().join(name);
        place.sync().map_err(StorageError::io("rename", &self.path))?;
        place.remove(&record::name(self.shared.metainfo.info_hash()))?;
        *self.shared.lock_record() = None;
        self.download = None;
        Ok(self.path.clone())
    }
}

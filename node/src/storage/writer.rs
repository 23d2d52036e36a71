//! The thread that reads and writes.
//!
//! It takes everything that waits, does the reads first, since peers wait for them and a write is done when it is in memory, and
//! then the writes in the order of the content: blocks that touch go through one `pwritev`. Blocks go to the hasher before they
//! are written, so that both work at the same time. The channel to the hasher is bounded, so the memory that is held by blocks
//! which are written and not hashed is, too.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, Sender, SyncSender};
use std::thread::JoinHandle;
use std::time::Duration;

use bytes::Bytes;
use minibit_core::boundary::{DiskDone, DiskOp};
use minibit_core::id::{BlockRef, BlockSpan, ConnId};
use tokio::sync::oneshot;

use super::disk::Shared;
use super::error::StorageError;
use super::hasher::Job;
use super::pool::Pool;
use super::sync::Task;

/// Bytes that one system call writes: enough to make the call cheap, little enough to keep the hasher busy meanwhile.
const RUN: usize = 512 * 1024;
/// Blocks that one system call writes, half of Linux' `IOV_MAX`.
const RUN_BLOCKS: usize = 512;
/// Completions that are told at once, when there is more to do.
const TELL: usize = 64;
/// How long closing waits for the disk.
const LAST_SYNC: Duration = Duration::from_millis(1200);

/// What the writer is asked to do.
#[derive(Debug)]
pub(super) enum Work {
    /// Operations of the core.
    Ops(Vec<DiskOp<Bytes>>),
    /// For the syncer, after all that came before.
    Sync(Task),
    /// The end.
    Close(oneshot::Sender<Result<(), StorageError>>),
}

/// The thread's state.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    work: Receiver<Work>,
    hash: SyncSender<Job>,
    hasher: JoinHandle<()>,
    sync: Sender<Task>,
    pool: Pool,
    done: Vec<DiskDone<Bytes>>,
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        work: Receiver<Work>,
        hash: SyncSender<Job>,
        hasher: JoinHandle<()>,
        sync: Sender<Task>,
    ) -> Self {
        Self { shared, work, hash, hasher, sync, pool: Pool::default(), done: Vec::new() }
    }

    /// Works until it is closed, or the handle is gone.
    pub(super) fn run(mut self) {
        let mut reply = None;
        while let Ok(first) = self.work.recv() {
            let mut ops = Vec::new();
            let mut next = Some(first);
            // Everything that waits, up to what is no operation of the core.
            let other = loop {
                match next {
                    Some(Work::Ops(more)) => ops.extend(more),
                    other => break other,
                }
                next = self.work.try_recv().ok();
            };
            self.perform(ops);
            match other {
                Some(Work::Sync(task)) => self.pass_on(task),
                Some(Work::Close(answer)) => {
                    reply = Some(answer);
                    break;
                }
                Some(Work::Ops(_)) | None => {}
            }
        }
        let Self { shared, hash, hasher, sync, .. } = self;
        drop(hash);
        // A hasher that has panicked has said so on standard error.
        let _ = hasher.join();
        let (closed, answer) = std::sync::mpsc::channel();
        let _ = sync.send(Task::Close(closed));
        let result = answer.recv_timeout(LAST_SYNC).unwrap_or(Ok(()));
        // The files, and the lock on them, are free when the answer is there.
        drop(shared);
        if let Some(reply) = reply {
            let _ = reply.send(result);
        }
    }

    fn pass_on(&self, task: Task) {
        // Whoever waits sees that the answer's sender is gone.
        let _ = self.sync.send(task);
    }

    fn perform(&mut self, ops: Vec<DiskOp<Bytes>>) {
        let (mut reads, mut writes, mut jobs) = (Vec::new(), Vec::new(), Vec::new());
        for op in ops {
            match op {
                DiskOp::Read { conn, span } => reads.push((conn, span)),
                DiskOp::Write { block, data } => writes.push((block, data)),
                DiskOp::Verify { piece } => jobs.push(Job::Verify(piece)),
                DiskOp::Fingerprint { piece } => jobs.push(Job::Fingerprint(piece)),
            }
        }
        self.read_all(&reads);
        // Stable: of two writes to one block the later one stays the later one.
        writes.sort_by_key(|&(block, _)| block);
        self.write_all(&writes);
        self.shared.tell(&mut self.done);
        for job in jobs {
            self.hand_over(job);
        }
    }

    /// To the hasher, which is alive as long as the writer.
    fn hand_over(&self, job: Job) {
        let _ = self.hash.send(job);
    }

    /// Reads what is next to each other for one connection at once: a buffer is held until its last byte is sent, so one that two
    /// connections share would wait for the slower.
    fn read_all(&mut self, mut reads: &[(ConnId, BlockSpan)]) {
        let geometry = self.shared.geometry;
        let nominal = u64::from(geometry.nominal_piece_len());
        let offset = |span: &BlockSpan| u64::from(span.index) * nominal + u64::from(span.begin);
        while let Some((&(conn, first), rest)) = reads.split_first() {
            if geometry.checked_span(first).is_none() {
                self.done.push(DiskDone::ReadFailed { conn, span: first });
                reads = rest;
                continue;
            }
            let start = offset(&first);
            let mut end = start + u64::from(first.length);
            let joins = rest.iter().take_while(|(other, span)| {
                let grown = offset(span) + u64::from(span.length);
                let joins = *other == conn
                    && offset(span) == end
                    && geometry.checked_span(*span).is_some()
                    && grown - start <= Pool::BUFFER as u64;
                end = if joins { grown } else { end };
                joins
            });
            let (run, rest) = reads.split_at(1 + joins.count());
            self.read_run(start, run);
            reads = rest;
            if self.done.len() >= TELL {
                self.shared.tell(&mut self.done);
            }
        }
        self.shared.tell(&mut self.done);
    }

    fn read_run(&mut self, offset: u64, run: &[(ConnId, BlockSpan)]) {
        let len: usize = run.iter().map(|(_, span)| span.length as usize).sum();
        let mut all = match self.pool.fill(len, |buffer| self.shared.files.read_at(offset, buffer)) {
            Ok(all) => all,
            Err(_) if run.len() > 1 => {
                // One of them is in a bad place; the others may not be.
                let mut at = offset;
                for one in run {
                    self.read_run(at, std::slice::from_ref(one));
                    at += u64::from(one.1.length);
                }
                return;
            }
            Err(error) => {
                self.shared.failed(&error);
                self.done.extend(run.iter().map(|&(conn, span)| DiskDone::ReadFailed { conn, span }));
                return;
            }
        };
        self.done.extend(run.iter().map(|&(conn, BlockSpan { index, begin, length })| {
            let data = all.split_to(length as usize);
            DiskDone::Read { conn, index, begin, data }
        }));
    }

    fn write_all(&mut self, mut writes: &[(BlockRef, Bytes)]) {
        if writes.is_empty() {
            return;
        }
        let shared = Arc::clone(&self.shared);
        while let Some((&(first, ref data), rest)) = writes.split_first() {
            let mut len = data.len();
            let mut end = shared.offset(first) + len as u64;
            let joins = rest.iter().take(RUN_BLOCKS - 1).take_while(|(block, data)| {
                let joins = shared.offset(*block) == end && len + data.len() <= RUN;
                end += data.len() as u64;
                len += data.len();
                joins
            });
            let (run, rest) = writes.split_at(1 + joins.count());
            writes = rest;
            self.write_run(run);
            if self.done.len() >= TELL {
                shared.tell(&mut self.done);
            }
        }
        if !shared.dirty.swap(true, Ordering::Relaxed) {
            self.pass_on(Task::Written);
        }
    }

    fn write_run(&mut self, run: &[(BlockRef, Bytes)]) {
        self.hand_over(Job::Blocks(run.to_vec()));
        let offset = self.shared.offset(run[0].0);
        let blocks: Vec<_> = run.iter().map(|(_, data)| data.clone()).collect();
        if self.shared.files.write_at(offset, &blocks).is_ok() {
            self.done.extend(run.iter().map(|&(block, _)| DiskDone::Written { block }));
            return;
        }
        // Where does it go wrong? On a disk that is full the first of them may still fit.
        for (block, data) in run {
            let block = *block;
            match self.shared.files.write_at(self.shared.offset(block), std::slice::from_ref(data)) {
                Ok(()) => self.done.push(DiskDone::Written { block }),
                Err(error) => {
                    self.shared.failed(&error);
                    self.hand_over(Job::NotWritten(block));
                    self.done.push(DiskDone::WriteFailed { block });
                }
            }
        }
    }
}

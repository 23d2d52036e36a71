//! The thread that hashes.
//!
//! Blocks come from memory on their way to the disk. As long as those of a piece come in order, its hash grows with them and is
//! ready when the last one is; from the first one that is out of order on, the rest of the piece is read again when it is to be
//! verified, from the page cache as a rule. Blocks that wait for others are not held: memory is bounded by the channel.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use bytes::Bytes;
use minibit_core::boundary::DiskDone;
use minibit_core::id::{BlockRef, PieceIndex};
use sha1::{Digest as _, Sha1};

use super::check::{Hash, hash_piece};
use super::disk::Shared;

/// Runs of blocks that may wait to be hashed: with [`writer`](super::writer)'s longest runs 2 MiB.
const WAITING: usize = 4;
/// Bytes that are read again at a time.
const CHUNK: usize = 128 * 1024;

/// What the hasher is asked to do.
#[derive(Debug)]
pub(super) enum Job {
    /// These blocks are being written.
    Blocks(Vec<(BlockRef, Bytes)>),
    /// This one could not be written: what is hashed is not what is on the disk.
    NotWritten(BlockRef),
    /// All blocks of the piece are written: is it right?
    Verify(PieceIndex),
    /// Tell the blocks of the piece apart.
    Fingerprint(PieceIndex),
}

/// The way to the hasher.
pub(super) fn channel() -> (SyncSender<Job>, Receiver<Job>) {
    sync_channel(WAITING)
}

/// The thread's state.
#[derive(Debug)]
pub(super) struct Hasher {
    shared: Arc<Shared>,
    jobs: Receiver<Job>,
    running: BTreeMap<PieceIndex, Running>,
    /// The key of the fingerprints: nobody outside can make two blocks with the same one.
    key: RandomState,
    buffer: Vec<u8>,
    done: Vec<DiskDone<Bytes>>,
}

/// A piece whose blocks have come in order so far.
#[derive(Debug, Default)]
struct Running {
    hash: Sha1,
    /// Bytes that are hashed.
    hashed: u32,
    /// One of these bytes was written again, or not at all: the hash is of no use.
    stale: bool,
}

impl Hasher {
    pub(super) fn new(shared: Arc<Shared>, jobs: Receiver<Job>) -> Self {
        let (running, key) = (BTreeMap::new(), RandomState::new());
        Self { shared, jobs, running, key, buffer: Vec::new(), done: Vec::new() }
    }

    /// Works until the writer has ended.
    pub(super) fn run(mut self) {
        while let Ok(job) = self.jobs.recv() {
            self.perform(job);
            while let Ok(job) = self.jobs.try_recv() {
                self.perform(job);
            }
            self.shared.tell(&mut self.done);
        }
    }

    fn perform(&mut self, job: Job) {
        match job {
            Job::Blocks(blocks) => blocks.iter().for_each(|(block, data)| self.grow(*block, data)),
            Job::NotWritten(block) => self.running.entry(block.piece).or_default().stale = true,
            Job::Verify(piece) => {
                let done = self.verify(piece);
                self.done.push(done);
            }
            Job::Fingerprint(piece) => {
                let blocks = self.fingerprints(piece).unwrap_or_else(|error| {
                    self.shared.failed(&error);
                    Box::default()
                });
                self.done.push(DiskDone::Fingerprints { piece, blocks });
            }
        }
    }

    fn grow(&mut self, block: BlockRef, data: &Bytes) {
        let begin = self.shared.geometry.span(block).begin;
        let running = self.running.entry(block.piece).or_default();
        if begin < running.hashed {
            running.stale = true;
        } else if begin == running.hashed && !running.stale {
            running.hash.update(data);
            running.hashed += u32::try_from(data.len()).expect("a block");
        }
    }

    /// A piece that cannot be read, or not be recorded, is no wrong piece: nobody is to blame for it but the disk.
    fn verify(&mut self, piece: PieceIndex) -> DiskDone<Bytes> {
        let disk_failed = DiskDone::WriteFailed { block: BlockRef { piece, block: 0 } };
        match self.hash(piece) {
            Ok(hash) if self.shared.unhashed || self.shared.metainfo.piece_hash(piece) == Some(&hash) => {
                match self.shared.record(piece) {
                    Ok(()) => DiskDone::Verified { piece, ok: true },
                    Err(error) => {
                        self.shared.failed(&error);
                        disk_failed
                    }
                }
            }
            Ok(_) => DiskDone::Verified { piece, ok: false },
            Err(error) => {
                self.shared.failed(&error);
                disk_failed
            }
        }
    }

    fn hash(&mut self, piece: PieceIndex) -> io::Result<Hash> {
        let Running { hash, hashed, .. } =
            self.running.remove(&piece).filter(|running| !running.stale).unwrap_or_default();
        let geometry = self.shared.geometry;
        if hashed < geometry.piece_len(piece) {
            self.buffer.resize(CHUNK, 0);
        }
        hash_piece(geometry, piece, hash, hashed, &mut self.buffer, |offset, buffer| {
            self.shared.files.read_at(offset, buffer)
        })
    }

    fn fingerprints(&mut self, piece: PieceIndex) -> io::Result<Box<[u64]>> {
        let geometry = self.shared.geometry;
        let blocks = (0..geometry.block_count(piece)).map(|block| BlockRef { piece, block });
        let fingerprint = |block| {
            let mut bytes = vec![0; geometry.span(block).length as usize];
            self.shared.files.read_at(self.shared.offset(block), &mut bytes)?;
            Ok(self.key.hash_one(&bytes))
        };
        blocks.map(fingerprint).collect()
    }
}

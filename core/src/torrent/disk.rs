//! The disk as a participant sees it: how much of what has come is not written yet, and whether writing works at all.
//!
//! When there is too much unwritten, or writing has failed, nothing is asked for; what is here is shared all the same. A disk
//! that failed is tried again after a pause with a single block. When that is written, everything goes on.

use core::time::Duration;

use crate::boundary::{DiskDone, DiskOp, Env, Event, Outbox, Output};
use crate::id::{BlockRef, PieceIndex};
use crate::time::Instant;
use crate::torrent::Torrent;
use crate::torrent::partials::Landing;

/// A disk that failed is tried again after this: soon after somebody has made room, and not in a loop.
const PAUSE: Duration = Duration::from_secs(10);

/// Does writing work?
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Health {
    #[default]
    Works,
    /// It has failed, and is given a pause.
    Failed,
    /// It is tried with one block at a time.
    Probing,
}

/// What is known of the disk.
#[derive(Debug, Default)]
pub(crate) struct DiskState {
    /// Bytes of blocks that are not acknowledged.
    unwritten: u64,
    /// These have become too many, and are not few enough yet.
    behind: bool,
    health: Health,
}

impl DiskState {
    /// A block goes to the disk.
    pub(crate) fn writes(&mut self, len: u64, high_water: u64) {
        self.unwritten += len;
        self.behind |= self.unwritten > high_water;
    }
}

impl<E: Env> Torrent<E> {
    /// May a block be asked for, as far as the disk is concerned?
    pub(crate) fn disk_takes_more(&self) -> bool {
        match self.disk.health {
            Health::Works => !self.disk.behind,
            Health::Failed => false,
            Health::Probing => {
                let asked = self.conns.iter().any(|(_, peer)| !peer.outstanding.is_empty());
                !asked && self.disk.unwritten == 0
            }
        }
    }

    pub(crate) fn on_disk(&mut self, now: Instant, done: DiskDone<E::Data>, out: &mut Outbox<E>) {
        match done {
            DiskDone::Read { conn, index, begin, data } => self.on_read(now, conn, index, begin, data, out),
            DiskDone::ReadFailed { conn, span } => self.on_read_failed(now, conn, span, out),
            DiskDone::Written { block } => self.on_written(now, block, out),
            DiskDone::WriteFailed { block } => {
                self.disk_failed(now, out);
                let landing = self.partials.not_written(block);
                self.on_unwritten_less(now, block, out);
                if landing == Landing::Drained {
                    self.fill_all(now, out);
                }
            }
            DiskDone::Verified { piece, ok: true } => self.on_piece_right(now, piece, out),
            DiskDone::Verified { piece, ok: false } => self.on_piece_wrong(now, piece, out),
            DiskDone::VerifyFailed { piece } => self.on_unverified(now, piece, out),
            DiskDone::Fingerprints { piece, blocks } => self.on_fingerprints(now, piece, blocks, out),
        }
    }

    fn on_written(&mut self, now: Instant, block: BlockRef, out: &mut Outbox<E>) {
        self.on_unwritten_less(now, block, out);
        if self.disk.health == Health::Probing {
            self.disk.health = Health::Works;
            out.event(Event::DiskRecovered);
            self.fill_all(now, out);
        }
        match self.partials.written(block) {
            Landing::More => {}
            Landing::Complete => out.push(Output::Disk(DiskOp::Verify { piece: block.piece })),
            Landing::Drained => self.fill_all(now, out),
        }
    }

    /// The disk has taken a block off our hands.
    fn on_unwritten_less(&mut self, now: Instant, block: BlockRef, out: &mut Outbox<E>) {
        let len = u64::from(self.geometry.span(block).length);
        self.disk.unwritten = self.disk.unwritten.saturating_sub(len);
        if self.disk.behind && self.disk.unwritten <= self.config.limits.disk_low_water {
            self.disk.behind = false;
            self.fill_all(now, out);
        }
    }

    /// Nobody knows whether the piece is right, and nobody is to blame: it is fetched again when the disk works.
    fn on_unverified(&mut self, now: Instant, piece: PieceIndex, out: &mut Outbox<E>) {
        self.disk_failed(now, out);
        if self.partials.close(piece).is_some() {
            self.stats.wasted += u64::from(self.geometry.piece_len(piece));
            self.picker.reopen(piece);
        }
    }

    fn disk_failed(&mut self, now: Instant, out: &mut Outbox<E>) {
        match self.disk.health {
            Health::Works => out.event(Event::DiskFailed),
            Health::Probing => {}
            Health::Failed => return,
        }
        self.disk.health = Health::Failed;
        self.timers.disk = Some(now + PAUSE);
    }

    /// The pause is over.
    pub(crate) fn probe_disk(&mut self, now: Instant, out: &mut Outbox<E>) {
        self.disk.health = Health::Probing;
        self.fill_all(now, out);
    }
}

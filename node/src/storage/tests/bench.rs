//! What writing and hashing costs. Not run with the other tests:
//!
//! ```text
//! cargo test --release -p minibit-node --bin node storage::tests::bench -- --ignored --nocapture
//! ```
//!
//! `MINIBIT_BENCH_DIR` names the directory to write to; without it a temporary one, or `/dev/shm` where that exists. The floor is
//! what the bare system calls and the bare hash cost on the same machine at the same moment.

#![expect(clippy::print_stderr, reason = "figures for a person")]

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use bytes::Bytes;
use minibit_core::boundary::{DiskDone, DiskOp};
use minibit_core::id::{BlockRef, ConnId, PieceIndex};
use minibit_core::metainfo::{Builder, Metainfo};
use nix::sys::resource::{UsageWho, getrusage};
use sha1::{Digest as _, Sha1};
use tempfile::TempDir;

use super::{Content, Running};

const LEN: usize = 1 << 30;
const PIECE: usize = 1 << 20;
/// Pieces with bytes of their own; they are repeated. More than the processor's caches hold of blocks on their way.
const DISTINCT: usize = 16;
/// Blocks that are on their way at a time: the request window of 2 MiB.
const WINDOW: usize = 128;

fn place() -> TempDir {
    let shm = Some(PathBuf::from("/dev/shm")).filter(|path| path.is_dir());
    let base =
        std::env::var_os("MINIBIT_BENCH_DIR").map(Into::into).or(shm).unwrap_or_else(std::env::temp_dir);
    TempDir::new_in(base).unwrap()
}

/// One gibibyte of which sixteen mebibytes are in memory.
struct Large {
    metainfo: std::sync::Arc<Metainfo>,
    sample: Bytes,
}

impl Large {
    fn new() -> Self {
        let sample = Content::file("sample", DISTINCT * PIECE, 1 << 20).bytes;
        let hashes: Vec<[u8; 20]> = sample.chunks(PIECE).map(|piece| Sha1::digest(piece).into()).collect();
        let hashes: Vec<_> = hashes.iter().copied().cycle().take(LEN / PIECE).collect();
        let builder = Builder::file("large", LEN as u64).piece_len(1 << 20);
        Self { metainfo: std::sync::Arc::new(builder.build(&hashes).unwrap()), sample }
    }

    fn data(&self, block: BlockRef) -> Bytes {
        let span = self.metainfo.geometry().span(block);
        let start = block.piece.index() % DISTINCT * PIECE + span.begin as usize;
        self.sample.slice(start..start + span.length as usize)
    }
}

/// Wall clock and processor time of what a closure does.
fn measure<T>(what: &str, run: impl FnOnce() -> T) -> T {
    let before = (Instant::now(), processor());
    let result = run();
    let (user, system) = processor();
    let (user, system) = (user - before.1.0, system - before.1.1);
    let wall = before.0.elapsed().as_secs_f64();
    eprintln!("{what:<34} wall {wall:.2} s  CPU {:.2} s (user {user:.2}, system {system:.2})", user + system);
    result
}

fn processor() -> (f64, f64) {
    let usage = getrusage(UsageWho::RUSAGE_SELF).unwrap();
    let seconds = |time: nix::sys::time::TimeVal| {
        let micros = time.tv_sec() * 1_000_000 + time.tv_usec();
        Duration::from_micros(micros.unsigned_abs()).as_secs_f64()
    };
    (seconds(usage.user_time()), seconds(usage.system_time()))
}

fn anonymous_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

fn floor(large: &Large, dir: &Path) {
    let file = File::create(dir.join("floor")).unwrap();
    file.set_len(LEN as u64).unwrap();
    measure("floor: pwrite of 1 MiB each", || {
        for number in 0..LEN / PIECE {
            let start = number % DISTINCT * PIECE;
            file.write_all_at(&large.sample[start..start + PIECE], (number * PIECE) as u64).unwrap();
        }
    });
    fs::remove_file(dir.join("floor")).unwrap();
    measure("floor: SHA-1", || {
        for number in 0..LEN / PIECE {
            let start = number % DISTINCT * PIECE;
            std::hint::black_box(Sha1::digest(&large.sample[start..start + PIECE]));
        }
    });
}

/// Feeds all blocks as the core would, some of them on their way at a time, in the order that `order` gives them within a piece.
fn feed(large: &Large, running: &mut Running, order: impl Fn(u32) -> u32) -> u64 {
    let geometry = large.metainfo.geometry();
    let blocks = |piece: PieceIndex| {
        let order = &order;
        (0..geometry.block_count(piece)).map(move |block| BlockRef { piece, block: order(block) })
    };
    let mut blocks = geometry.pieces().flat_map(blocks);
    let mut missing: Vec<u32> = geometry.pieces().map(|piece| geometry.block_count(piece)).collect();
    let write = |block| DiskOp::Write { block, data: large.data(block) };
    running.disk.submit(blocks.by_ref().take(WINDOW).map(write).collect());
    let (mut verified, mut peak, mut batches) = (0, 0, 0_u64);
    while verified < geometry.piece_count() {
        let mut ops = Vec::new();
        for done in running.done.blocking_recv().unwrap() {
            match done {
                DiskDone::Written { block } => {
                    let missing = &mut missing[block.piece.index()];
                    *missing -= 1;
                    if *missing == 0 {
                        ops.push(DiskOp::Verify { piece: block.piece });
                    }
                    ops.extend(blocks.next().map(write));
                }
                DiskDone::Verified { ok: true, .. } => verified += 1,
                other => panic!("{other:?}"),
            }
        }
        running.disk.submit(ops);
        batches += 1;
        if batches.is_multiple_of(32) {
            peak = peak.max(anonymous_kib());
        }
    }
    peak
}

fn start(large: &Large, dir: &Path) -> Running {
    let content = Content { metainfo: large.metainfo.clone(), bytes: Bytes::new() };
    Running::download(&content, dir)
}

#[test]
#[ignore = "a benchmark: writes 4 GiB"]
fn one_gibibyte() {
    let dir = place();
    eprintln!("in {}", dir.path().display());
    let large = Large::new();
    floor(&large, dir.path());

    let before = anonymous_kib();
    let mut running = start(&large, dir.path());
    let peak = measure("written and verified, in order", || feed(&large, &mut running, |block| block));
    eprintln!("anonymous memory: {} KiB more than before", peak.saturating_sub(before));
    measure("finish: sync and rename", || running.finish()).unwrap();

    let reads = |running: &mut Running, piece: PieceIndex| {
        let conn = ConnId::new(0, 0);
        let geometry = large.metainfo.geometry();
        let blocks = (0..geometry.block_count(piece)).map(|block| BlockRef { piece, block });
        let ops = blocks.map(|block| DiskOp::Read { conn, span: geometry.span(block) }).collect();
        running.perform(ops)
    };
    measure("read, a piece at a time", || {
        for piece in large.metainfo.geometry().pieces() {
            assert_eq!(reads(&mut running, piece).len(), PIECE / (16 * 1024));
        }
    });
    measure("close", || running.close());
    let checked = measure("checked on all cores", || start(&large, dir.path()));
    assert_eq!(checked.have, large.metainfo.geometry().piece_count());
    drop(checked);
    fs::remove_file(dir.path().join("large")).unwrap();

    let mut running = start(&large, dir.path());
    measure("written and verified, odd order", || feed(&large, &mut running, |block| block ^ 1));
    measure("close", || running.close());
    let resumed = measure("opened again by the record", || start(&large, dir.path()));
    assert_eq!(resumed.report.trusted, large.metainfo.geometry().piece_count());
}

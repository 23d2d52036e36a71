//! A process that is killed while it writes loses nothing that it has said to have.
//!
//! The test starts itself once more as the victim, which tells on its standard output what the storage has told it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use minibit_core::boundary::{DiskDone, DiskOp};
use minibit_core::id::PieceIndex;
use tempfile::TempDir;

use super::{Content, Mode, open, unbounded_channel};

const VICTIM: &str = "storage::tests::kill::victim";
const PLACE: &str = "MINIBIT_TEST_VICTIM_DIR";
const ROUNDS: u32 = 10;

/// 200 pieces of four blocks each, in several files.
fn content() -> Content {
    Content::directory("photos", &[("a", 3_000_000), ("b/c", 5_000_000), ("d", 5_000_000)], 64 * 1024)
}

fn random() -> u64 {
    use std::hash::{BuildHasher as _, RandomState};
    RandomState::new().hash_one(())
}

#[test]
fn nothing_that_was_announced_is_lost() {
    let dir = TempDir::new().unwrap();
    let content = content();
    let mut have = 0;
    for round in 0..ROUNDS {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", VICTIM, "--ignored", "--nocapture"])
            .env(PLACE, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(victim.stdout.take().unwrap()).lines();
        let mut announced = Vec::new();
        let kill_after = u64::from(have) + random() % 12;
        for line in lines {
            let line = line.unwrap();
            if let Some(piece) = line.strip_prefix("has ") {
                announced.push(piece.parse::<u32>().unwrap());
            }
            if announced.len() as u64 == kill_after {
                std::thread::sleep(Duration::from_micros(random() % 3000));
                victim.kill().unwrap();
            }
        }
        assert_eq!(victim.wait().unwrap().code(), None, "it was killed in round {round}");

        let opened = open(&content.metainfo, dir.path(), Mode::Download, &mut |_, _| {}).unwrap();
        let geometry = content.metainfo.geometry();
        // By the record, not by luck: it was written before the announcement.
        assert!(opened.report.trusted as usize >= announced.len(), "{:?} in round {round}", opened.report);
        for piece in announced {
            let piece = geometry.piece(piece).unwrap();
            assert!(opened.have.contains(piece), "{piece:?} is lost in round {round}");
        }
        assert!(opened.have.count() >= have, "in round {round}");
        have = opened.have.count();
        assert!(!opened.have.is_full(), "killed before the end");
        let mut bytes = content.on_disk(&dir.path().join("photos.part"));
        bytes.resize(content.bytes.len(), 0);
        for piece in opened.have.iter() {
            let start = usize::try_from(geometry.piece_offset(piece)).unwrap();
            let piece = start..start + geometry.piece_len(piece) as usize;
            assert_eq!(bytes[piece.clone()], content.bytes[piece], "in round {round}");
        }
    }
}

/// Downloads one block after the other, in an order of its own, until it is killed.
#[test]
#[ignore = "the victim of another test"]
fn victim() {
    let dir = PathBuf::from(std::env::var_os(PLACE).expect("started by the other test"));
    let content = content();
    let opened = open(&content.metainfo, &dir, Mode::Download, &mut |_, _| {}).unwrap();
    let mut tell = std::io::stdout().lock();
    writeln!(tell).unwrap();
    for piece in opened.have.iter() {
        writeln!(tell, "has {}", piece.get()).unwrap();
    }
    let (sender, mut done) = unbounded_channel();
    let mut missing: Vec<PieceIndex> = opened.have.missing().collect();
    let disk = opened.storage.start(sender).unwrap();
    missing.sort_by_cached_key(|_| random());
    for pieces in missing.chunks(2) {
        let mut blocks: Vec<_> = pieces.iter().flat_map(|&piece| content.blocks(piece)).collect();
        blocks.sort_by_cached_key(|_| random());
        let mut waiting = blocks.len();
        for block in blocks {
            disk.submit(vec![content.write(block)]);
            std::thread::sleep(Duration::from_micros(200));
        }
        let mut verified = 0;
        while verified < pieces.len() {
            for done in done.blocking_recv().unwrap() {
                match done {
                    DiskDone::Written { .. } => waiting -= 1,
                    DiskDone::Verified { piece, ok: true } => {
                        verified += 1;
                        writeln!(tell, "has {}", piece.get()).unwrap();
                    }
                    other => panic!("{other:?}"),
                }
                if waiting == 0 {
                    waiting = usize::MAX;
                    disk.submit(pieces.iter().map(|&piece| DiskOp::Verify { piece }).collect());
                }
            }
        }
    }
}

//! Content on a real disk, from empty to complete and back.

mod bench;
mod disk;
mod kill;
mod places;
mod resume;

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use minibit_core::boundary::{DiskDone, DiskOp};
use minibit_core::id::{BlockRef, PieceIndex};
use minibit_core::metainfo::{Builder, Metainfo, PieceHasher};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::{Disk, Mode, OpenReport, Opened, StorageError, open};

/// A torrent and all its bytes.
struct Content {
    metainfo: Arc<Metainfo>,
    bytes: Bytes,
}

impl Content {
    /// A single file, the same for the same length.
    fn file(name: &str, len: usize, piece_len: u32) -> Self {
        Self::build(&Builder::file(name, len as u64).piece_len(piece_len), len)
    }

    /// A directory with these files.
    fn directory(name: &str, files: &[(&str, usize)], piece_len: u32) -> Self {
        let paths = files.iter().map(|(path, len)| (path.split('/').map(Into::into).collect(), *len as u64));
        let len = files.iter().map(|(_, len)| len).sum();
        Self::build(&Builder::directory(name, paths.collect()).piece_len(piece_len), len)
    }

    fn build(builder: &Builder, len: usize) -> Self {
        let mut word = 0x9e37_79b9_7f4a_7c15_u64;
        let words = std::iter::repeat_with(|| {
            word ^= word << 13;
            word ^= word >> 7;
            word ^= word << 17;
            word.to_le_bytes()
        });
        let bytes: Bytes = words.flatten().take(len).collect();
        let mut hasher = PieceHasher::new(builder.geometry().unwrap());
        hasher.update(&bytes).unwrap();
        Self { metainfo: Arc::new(builder.build(&hasher.finish().unwrap()).unwrap()), bytes }
    }

    fn pieces(&self) -> impl ExactSizeIterator<Item = PieceIndex> + use<> {
        self.metainfo.geometry().pieces()
    }

    fn blocks(&self, piece: PieceIndex) -> impl DoubleEndedIterator<Item = BlockRef> + use<> {
        (0..self.metainfo.geometry().block_count(piece)).map(move |block| BlockRef { piece, block })
    }

    fn data(&self, block: BlockRef) -> Bytes {
        let geometry = self.metainfo.geometry();
        let span = geometry.span(block);
        let start = usize::try_from(geometry.piece_offset(block.piece)).unwrap() + span.begin as usize;
        self.bytes.slice(start..start + span.length as usize)
    }

    fn write(&self, block: BlockRef) -> DiskOp<Bytes> {
        DiskOp::Write { block, data: self.data(block) }
    }

    /// The bytes of all files in order as they are on the disk.
    fn on_disk(&self, root: &Path) -> Vec<u8> {
        if self.metainfo.directory().is_none() {
            return fs::read(root).unwrap();
        }
        let files = self.metainfo.files().iter();
        files
            .flat_map(|file| {
                fs::read(file.path.iter().fold(root.to_owned(), |path, name| path.join(name))).unwrap()
            })
            .collect()
    }
}

/// Started storage, driven as the core would.
struct Running {
    disk: Disk,
    done: UnboundedReceiver<Vec<DiskDone<Bytes>>>,
    have: u32,
    report: OpenReport,
}

impl Running {
    fn start(content: &Content, dir: &Path, mode: Mode) -> Result<Self, StorageError> {
        let Opened { storage, have, report } = open(&content.metainfo, dir, mode, &mut |_, _| {})?;
        let (sender, done) = unbounded_channel();
        let disk = storage.start(sender).unwrap();
        Ok(Self { disk, done, have: have.count(), report })
    }

    fn download(content: &Content, dir: &Path) -> Self {
        Self::start(content, dir, Mode::Download).unwrap()
    }

    /// Submits the operations and waits until each of them is done.
    fn perform(&mut self, ops: Vec<DiskOp<Bytes>>) -> Vec<DiskDone<Bytes>> {
        let wanted = ops.len();
        self.disk.submit(ops);
        let mut all = Vec::new();
        while all.len() < wanted {
            all.extend(self.done.blocking_recv().expect("the threads answer everything"));
        }
        assert_eq!(all.len(), wanted, "one completion for each");
        all
    }

    /// Writes the pieces whole and verifies them; the number of those that are right.
    fn fetch(&mut self, content: &Content, pieces: impl IntoIterator<Item = PieceIndex>) -> usize {
        let pieces: Vec<_> = pieces.into_iter().collect();
        self.perform(
            pieces
                .iter()
                .flat_map(|&piece| content.blocks(piece))
                .map(|block| content.write(block))
                .collect(),
        );
        self.verify(pieces)
    }

    fn verify(&mut self, pieces: impl IntoIterator<Item = PieceIndex>) -> usize {
        let verify = pieces.into_iter().map(|piece| DiskOp::Verify { piece }).collect();
        let right = |done: &&DiskDone<Bytes>| matches!(done, DiskDone::Verified { ok: true, .. });
        self.perform(verify).iter().filter(right).count()
    }

    fn finish(&self) -> Result<std::path::PathBuf, StorageError> {
        wait(self.disk.finish())
    }

    fn close(self) {
        wait(self.disk.close()).unwrap();
    }
}

fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
}

/// The names in a directory, hidden ones too.
fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// A file system of its own, gone when this is dropped.
struct Mounted(TempDir);

impl Mounted {
    /// `None`, with the reason told, where we may not mount.
    fn tmpfs(size: &str) -> Option<Self> {
        let dir = TempDir::new().unwrap();
        let options = format!("size={size}");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(dir.path()).output();
        if mount.is_ok_and(|output| output.status.success()) {
            return Some(Self(dir));
        }
        // Not by `eprintln`, which the test harness keeps to itself.
        writeln!(std::io::stderr(), "skipped: a tmpfs cannot be mounted here (needs root)").unwrap();
        None
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_file_is_partial_until_it_is_complete() {
    let dir = TempDir::new().unwrap();
    let content = Content::file("movie.mp4", 1_000_000, 64 * 1024);
    let record = format!(".minibit-{}.resume", content.metainfo.info_hash().to_hex());
    let mut running = Running::download(&content, dir.path());
    assert_eq!((running.have, running.report.hashed, running.report.trusted), (0, 0, 0));
    assert_eq!(running.report.path, dir.path().join("movie.mp4.part"));
    assert_eq!(names(dir.path()), [record.as_str(), "movie.mp4.part"]);

    assert_eq!(running.fetch(&content, content.pieces().skip(1)), content.pieces().len() - 1);
    assert!(matches!(running.finish(), Err(StorageError::Incomplete { missing: 1 })));
    assert_eq!(running.fetch(&content, content.pieces().take(1)), 1);
    assert_eq!(running.finish().unwrap(), dir.path().join("movie.mp4"));
    assert_eq!(names(dir.path()), ["movie.mp4"]);
    assert_eq!(content.on_disk(&dir.path().join("movie.mp4")), content.bytes);

    // It goes on being read after it got its name.
    let span =
        content.metainfo.geometry().span(BlockRef { piece: content.pieces().next().unwrap(), block: 0 });
    let read = running.perform(vec![DiskOp::Read { conn: minibit_core::id::ConnId::new(0, 0), span }]);
    assert!(
        matches!(&read[..], [DiskDone::Read { data, .. }] if *data == content.bytes[..span.length as usize])
    );
    running.close();

    let again = Running::download(&content, dir.path());
    assert_eq!(
        (again.have as usize, &again.report.path),
        (content.pieces().len(), &dir.path().join("movie.mp4"))
    );
    assert_eq!(again.finish().unwrap(), dir.path().join("movie.mp4"));
}

#[test]
fn a_directory_is_renamed_at_once() {
    let dir = TempDir::new().unwrap();
    let files = [("a/one", 70_000), ("a/none", 0), ("b/deep/er/two", 10), ("c", 200_000), ("z-none", 0)];
    let content = Content::directory("photos", &files, 32 * 1024);
    let mut running = Running::download(&content, dir.path());
    assert_eq!(running.fetch(&content, content.pieces()), content.pieces().len());
    assert!(!dir.path().join("photos").exists());
    assert_eq!(running.finish().unwrap(), dir.path().join("photos"));
    assert_eq!(names(dir.path()), ["photos"]);
    assert_eq!(content.on_disk(&dir.path().join("photos")), content.bytes);
    for (path, len) in files {
        assert_eq!(fs::metadata(dir.path().join("photos").join(path)).unwrap().len(), len as u64, "{path}");
    }
    running.close();

    // Under any name it can be seeded; a file that is missing costs the pieces that it has a part in.
    fs::rename(dir.path().join("photos"), dir.path().join("other")).unwrap();
    fs::remove_file(dir.path().join("other/b/deep/er/two")).unwrap();
    let seed = Running::start(&content, &dir.path().join("other"), Mode::Seed).unwrap();
    assert_eq!(seed.have as usize, content.pieces().len() - 1);
    seed.close();
    assert_eq!(names(&dir.path().join("other")), ["a", "b", "c", "z-none"], "nothing was written beside it");
}

//! Stand-in until the real one is merged.
use bytes::{Bytes, BytesMut};
use minibit_core::boundary::{DiskDone, DiskOp};
use minibit_core::metainfo::Metainfo;
use minibit_core::{Bitfield, BlockSpan};
use sha1::Digest as _;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use tokio::sync::mpsc;

#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct StorageError(#[from] std::io::Error);
#[derive(Debug)]
pub(crate) struct Storage {
    file: File,
    path: PathBuf,
    metainfo: Arc<Metainfo>,
}
pub(crate) struct Opened {
    pub(crate) storage: Storage,
    pub(crate) have: Bitfield,
}
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Mode {
    Download,
    Seed,
}
pub(crate) fn open(
    metainfo: &Arc<Metainfo>,
    dir: &Path,
    mode: Mode,
    _progress: &mut dyn FnMut(u64, u64),
) -> Result<Opened, StorageError> {
    let path = dir.join(metainfo.name());
    let count = metainfo.geometry().piece_count();
    let (file, have) = if mode == Mode::Seed {
        (File::open(&path)?, Bitfield::all(count))
    } else {
        (
            OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&path)?,
            Bitfield::none(count),
        )
    };
    Ok(Opened { storage: Storage { file, path, metainfo: Arc::clone(metainfo) }, have })
}
#[derive(Debug)]
pub(crate) struct Disk {
    ops: std_mpsc::Sender<Vec<DiskOp<Bytes>>>,
    path: PathBuf,
}
impl Storage {
    pub(crate) fn start(self, done: mpsc::UnboundedSender<Vec<DiskDone<Bytes>>>) -> Disk {
        let (ops, work) = std_mpsc::channel::<Vec<DiskOp<Bytes>>>();
        let path = self.path.clone();
        std::thread::spawn(move || {
            let geometry = self.metainfo.geometry();
            let offset = |index: u32, begin: u32| {
                geometry.piece_offset(geometry.piece(index).unwrap()) + u64::from(begin)
            };
            while let Ok(ops) = work.recv() {
                let mut out = Vec::new();
                for op in ops {
                    match op {
                        DiskOp::Read { conn, span: BlockSpan { index, begin, length } } => {
                            let mut data = BytesMut::zeroed(length as usize);
                            self.file.read_exact_at(&mut data, offset(index, begin)).unwrap();
                            out.push(DiskDone::Read { conn, index, begin, data: data.freeze() });
                        }
                        DiskOp::Write { block, data } => {
                            let span = geometry.span(block);
                            self.file.write_all_at(&data, offset(span.index, span.begin)).unwrap();
                            out.push(DiskDone::Written { block });
                        }
                        DiskOp::Verify { piece } => {
                            let mut data = vec![0; geometry.piece_len(piece) as usize];
                            self.file.read_exact_at(&mut data, geometry.piece_offset(piece)).unwrap();
                            let hash: [u8; 20] = sha1::Sha1::digest(&data).into();
                            out.push(DiskDone::Verified {
                                piece,
                                ok: Some(&hash) == self.metainfo.piece_hash(piece),
                            });
                        }
                        DiskOp::Fingerprint { piece } => {
                            out.push(DiskDone::Fingerprints { piece, blocks: Box::default() })
                        }
                    }
                }
                if done.send(out).is_err() {
                    return;
                }
            }
        });
        Disk { ops, path }
    }
}
impl Disk {
    pub(crate) fn submit(&self, ops: Vec<DiskOp<Bytes>>) {
        let _ = self.ops.send(ops);
    }
    pub(crate) async fn finish(&self) -> Result<PathBuf, StorageError> {
        Ok(self.path.clone())
    }
    pub(crate) async fn close(self) -> Result<(), StorageError> {
        Ok(())
    }
}

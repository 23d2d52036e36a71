//! Hashing pieces on all cores.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;

use minibit_core::geometry::Geometry;
use minibit_core::id::PieceIndex;
use sha1::{Digest as _, Sha1};

/// Bytes that a core reads at a time: they are hashed while they are still in its cache.
const CHUNK: usize = 256 * 1024;

/// SHA-1 of a piece.
pub(crate) type Hash = [u8; 20];

/// Hashes pieces in parallel and hands each result to `done`, in any order, on the calling thread; with `Break` the rest is left.
///
/// `read` fills a buffer from a position of the content on. Memory: a chunk of 256 KiB per core.
pub(crate) fn hash_pieces<E: Send>(
    geometry: Geometry,
    pieces: &[PieceIndex],
    read: &(impl Fn(u64, &mut [u8]) -> Result<(), E> + Sync),
    mut done: impl FnMut(PieceIndex, Result<Hash, E>) -> ControlFlow<()>,
) {
    let cores = thread::available_parallelism().map_or(1, usize::from).min(pieces.len());
    let next = AtomicUsize::new(0);
    let stop = AtomicBool::new(false);
    thread::scope(|scope| {
        let (results, receiver) = mpsc::channel();
        for _ in 0..cores {
            let results = results.clone();
            let (next, stop) = (&next, &stop);
            scope.spawn(move || {
                let mut buffer = vec![0; CHUNK];
                while !stop.load(Ordering::Relaxed) {
                    let Some(&piece) = pieces.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
                    let hash = hash_piece(geometry, piece, Sha1::new(), 0, &mut buffer, read);
                    if results.send((piece, hash)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(results);
        for (piece, hash) in receiver {
            if done(piece, hash).is_break() {
                stop.store(true, Ordering::Relaxed);
                return;
            }
        }
    });
}

/// Goes on hashing a piece from a position in it to its end.
pub(super) fn hash_piece<E>(
    geometry: Geometry,
    piece: PieceIndex,
    mut hash: Sha1,
    from: u32,
    buffer: &mut [u8],
    read: impl Fn(u64, &mut [u8]) -> Result<(), E>,
) -> Result<Hash, E> {
    let start = geometry.piece_offset(piece);
    let end = start + u64::from(geometry.piece_len(piece));
    let mut at = start + u64::from(from);
    while at < end {
        let len = usize::try_from(end - at).map_or(buffer.len(), |left| left.min(buffer.len()));
        let part = &mut buffer[..len];
        read(at, part)?;
        hash.update(&*part);
        at += len as u64;
    }
    Ok(hash.finalize().into())
}

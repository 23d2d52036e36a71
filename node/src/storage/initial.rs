//! Pieces that a download begins with: some, drawn at random, out of content that is here (S5's peers have the whole file in blocks
//! and take a part of them).
//!
//! They are written where the download will be, and nothing is recorded: when it is opened, what is written is hashed and found,
//! as after an interruption. So nobody has to believe that they are right.

use std::path::Path;

use bytes::Bytes;
use minibit_core::Rng;
use minibit_core::id::PieceIndex;
use minibit_core::metainfo::Metainfo;

use super::error::StorageError;
use super::files::Files;
use super::layout::Layout;
use super::place::{Access, Kind, make};
use super::{check, partial_name};

/// Puts so many pieces (all, when there are no more) of the content at `from` where a download into `dir` begins. Blocks, as it
/// reads, hashes and writes.
///
/// # Errors
/// When something is there already, or a piece of the content is not what the torrent describes: nothing has been written then. And
/// when the system refuses something.
pub(crate) fn begin_with(
    metainfo: &Metainfo,
    dir: &Path,
    from: &Path,
    count: u32,
    rng: &mut Rng,
) -> Result<(), StorageError> {
    let geometry = metainfo.geometry();
    let place = make(dir)?;
    let partial = partial_name(metainfo);
    for name in [metainfo.name(), &partial] {
        if place.kind(name)? != Kind::Missing {
            return Err(StorageError::Begun { path: place.path().join(name) });
        }
    }
    let given = Files::at(from, Layout::of(metainfo))?;
    let mut drawn: Vec<PieceIndex> = geometry.pieces().collect();
    rng.shuffle(&mut drawn);
    drawn.truncate(count as usize);
    let right = check(metainfo, &given, &drawn, &mut |_, _| {});
    if let Some(wrong) = drawn.iter().find(|piece| !right.contains(piece)) {
        return Err(StorageError::WrongPiece { path: from.into(), piece: wrong.get() });
    }
    if drawn.is_empty() {
        return Ok(());
    }
    let begun = Files::open(&place, &partial, Layout::of(metainfo), Access::Create)?;
    for piece in drawn {
        let offset = geometry.piece_offset(piece);
        let mut bytes = vec![0; geometry.piece_len(piece) as usize];
        given.read_at(offset, &mut bytes).map_err(StorageError::io("read", from))?;
        begun
            .write_at(offset, &[Bytes::from(bytes)])
            .map_err(StorageError::io("write", place.path().join(&partial)))?;
    }
    Ok(())
}

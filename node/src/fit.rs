//! Making a torrent fit an encoding: some systems ask for whole pieces, and cannot say everything that might be chosen.

use anyhow::anyhow;
use minibit_core::Config;
use minibit_core::metainfo::Metainfo;
use minibit_core::wire::MAX_WHOLE_PIECE;

use crate::failure::Failure;
use crate::show;

/// The torrent in blocks as they are asked for in these choices.
///
/// # Errors
/// When its pieces are too long for that, or the choices call for messages that their encoding has no word for.
pub(crate) fn fit(metainfo: Metainfo, config: &Config) -> Result<Metainfo, Failure> {
    if let Some(kind) = config.unspoken() {
        let error = anyhow!("messages as {:?} have no word for {}", config.encoding, kind.name());
        return Err(Failure::usage(error).hint("leave --encoding to the profile"));
    }
    let piece_len = metainfo.geometry().nominal_piece_len();
    let Some(block_len) = config.encoding.block_len(piece_len) else {
        let (long, most) = (show::size(piece_len.into()), show::size(MAX_WHOLE_PIECE.into()));
        let error = anyhow!("pieces of {long} are too long to be sent as a whole; {most} is the most");
        return Err(Failure::usage(error).hint("create --piece-length makes shorter ones"));
    };
    Ok(metainfo.in_blocks_of(block_len).expect("blocks are no longer than pieces"))
}

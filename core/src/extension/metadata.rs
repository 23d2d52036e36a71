//! Messages about the `info` dictionary (BEP 9): asking for a piece of it, giving one, refusing.

use bytes::Bytes;

use super::ExtensionError;
use super::handshake::integer;
use crate::bencode::{Item, parse_prefix};
use crate::metainfo;

/// Metadata travels in pieces of 16 KiB, of which the last may be shorter (BEP 9).
pub const METADATA_PIECE_LEN: u32 = 16 * 1024;

/// A message about the `info` dictionary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MetadataMessage {
    /// Asks for a piece.
    Request {
        /// Index of the piece, unchecked.
        piece: u32,
    },
    /// A piece.
    Data {
        /// Index of the piece: one that metadata of this size has.
        piece: u32,
        /// Bytes of the whole dictionary: at most [`metainfo::MAX_LEN`].
        total_size: u32,
        /// The piece's bytes: as many as it has in metadata of this size.
        data: Bytes,
    },
    /// The piece asked for will not come.
    Reject {
        /// Index of the piece, unchecked.
        piece: u32,
    },
}

impl MetadataMessage {
    /// Reads a payload. `None`: a kind of message that BEP 9 does not know, which is passed over.
    ///
    /// # Errors
    /// When it is none of a known kind, or its numbers and its length contradict each other.
    pub fn parse(payload: &Bytes) -> Result<Option<Self>, ExtensionError> {
        let (value, rest) = parse_prefix(payload)?;
        let dict = value.as_dict().ok_or(ExtensionError::NotADictionary)?;
        let number = |key: &'static str| integer(dict, key).ok_or(ExtensionError::Value { key });
        let message = match integer::<i64>(dict, "msg_type") {
            Some(0) => Self::Request { piece: number("piece")? },
            Some(1) => {
                let (piece, total_size) = (number("piece")?, number("total_size")?);
                if total_size as usize > metainfo::MAX_LEN {
                    return Err(ExtensionError::Value { key: "total_size" });
                }
                let expected =
                    metadata_piece_len(total_size, piece).ok_or(ExtensionError::Value { key: "piece" })?;
                if rest.len() != expected as usize {
                    return Err(ExtensionError::Raw { len: rest.len(), expected });
                }
                return Ok(Some(Self::Data { piece, total_size, data: payload.slice_ref(rest) }));
            }
            Some(2) => Self::Reject { piece: number("piece")? },
            Some(_) => return Ok(None),
            None => return Err(ExtensionError::Value { key: "msg_type" }),
        };
        if rest.is_empty() {
            Ok(Some(message))
        } else {
            Err(ExtensionError::Raw { len: rest.len(), expected: 0 })
        }
    }

    /// The payload.
    pub fn to_payload(&self) -> Bytes {
        let (kind, piece) = match *self {
            Self::Request { piece } => (0, piece),
            Self::Data { piece, .. } => (1, piece),
            Self::Reject { piece } => (2, piece),
        };
        let mut entries = vec![("msg_type", Item::from(kind)), ("piece", Item::from(i64::from(piece)))];
        let Self::Data { total_size, data, .. } = self else { return Item::dict(entries).to_bytes().into() };
        entries.push(("total_size", Item::from(i64::from(*total_size))));
        let mut payload = Item::dict(entries).to_bytes();
        payload.extend_from_slice(data);
        payload.into()
    }
}

/// How many pieces metadata of this size has.
pub const fn metadata_piece_count(size: u32) -> u32 {
    size.div_ceil(METADATA_PIECE_LEN)
}

/// Bytes of a piece of metadata of this size; `None` when there is no such piece.
pub fn metadata_piece_len(size: u32, piece: u32) -> Option<u32> {
    let begin = piece.checked_mul(METADATA_PIECE_LEN)?;
    size.checked_sub(begin).filter(|&left| left > 0).map(|left| left.min(METADATA_PIECE_LEN))
}

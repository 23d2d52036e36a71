//! S3: `GET <index>`, answered with the bytes of the piece; then who has answered closes the connection.

use super::{TextError, Wanted};
use crate::geometry::Geometry;
use crate::id::InfoHash;
use crate::wire::Names;
use crate::wire::sink::Sink;

/// A request for a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Get {
    /// Index of the piece.
    pub index: u32,
    /// Of which swarm, where somebody gives several files.
    pub info_hash: Option<InfoHash>,
}

impl Get {
    /// Reads a line: `GET 3`, or `GET 3 #<forty digits>`.
    ///
    /// # Errors
    /// When it is none of these.
    pub fn parse(line: &str) -> Result<Self, TextError> {
        let mut words = line.split_ascii_whitespace();
        let (Some("GET"), Some(index)) = (words.next(), words.next()) else {
            return Err(TextError::Malformed);
        };
        let index = number(index).and_then(|index| index.try_into().ok()).ok_or(TextError::Malformed)?;
        let info_hash = match words.next() {
            None => None,
            Some(word) => {
                let digits = word.strip_prefix('#').and_then(InfoHash::from_hex);
                Some(digits.ok_or(TextError::Malformed)?)
            }
        };
        if words.next().is_some() {
            return Err(TextError::Malformed);
        }
        Ok(Self { index, info_hash })
    }
}

/// A number in decimal digits, and nothing else.
pub(super) fn number(text: &str) -> Option<u64> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}

/// Writes a request.
pub(super) fn request<D>(index: u32, sink: &mut impl Sink<D>) {
    sink.text("GET ");
    sink.number(index.into());
    sink.text("\n");
}

/// What a line asks for.
pub(super) fn wanted(line: &str, names: &Names, geometry: &Geometry) -> Result<Wanted, TextError> {
    let Get { index, info_hash } = Get::parse(line)?;
    if info_hash.is_some_and(|info_hash| info_hash != names.info_hash) {
        return Err(TextError::OtherFile);
    }
    let piece = geometry.piece(index).ok_or(TextError::PieceIndex { index })?;
    Ok(Wanted { offset: geometry.piece_offset(piece), size: geometry.piece_len(piece).into() })
}

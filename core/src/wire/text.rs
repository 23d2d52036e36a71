//! The peers' side of S3 and S4: a line asks, bare bytes answer.
//!
//! Who has opened a connection asks on it, and who has taken it in answers, so that one direction has lines and the other the
//! bytes of what was asked for, in the order of the requests. A reader of bytes has to be told what was asked; to a reader of
//! lines nothing is told.

pub mod s3;
pub mod s4;

use std::collections::VecDeque;

use bytes::{Buf as _, Bytes, BytesMut};

use super::sink::{Length, Sink};
use super::{Limits, Names, Speech, Unspoken};
use crate::config::Encoding;
use crate::geometry::Geometry;
use crate::id::BlockSpan;
use crate::message::Message;
use crate::payload::Payload;

/// The longest line, its end included: the longest name of a file, each byte of it as three characters, and two numbers.
pub const MAX_LINE: usize = 1024;

/// Bytes that are no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TextError {
    /// A line does not end.
    #[error("a line of more than {MAX_LINE} bytes")]
    LongLine,
    /// It is no request of this system.
    #[error("the line is no request")]
    Malformed,
    /// There is no such piece.
    #[error("there is no piece {index}")]
    PieceIndex {
        /// The index.
        index: u32,
    },
    /// The file does not reach so far, or too much or nothing is asked for at a time.
    #[error("{size} bytes at {offset} cannot be asked for")]
    Range {
        /// Byte offset within the file.
        offset: u64,
        /// Number of bytes.
        size: u64,
    },
    /// Another file is asked for.
    #[error("another file is asked for")]
    OtherFile,
    /// Where pieces are is not known.
    #[error("the length of the file is not known yet")]
    NoGeometry,
}

/// What a line asks for: bytes of the file, all of them there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Wanted {
    offset: u64,
    size: u64,
}

/// The length of the encoded message.
pub(super) fn encoded_len<D: Payload>(speech: Speech<'_>, message: &Message<D>) -> Result<u64, Unspoken> {
    let mut len = Length::default();
    write(speech, message, &mut len)?;
    Ok(len.0)
}

/// Appends the encoded message.
pub(super) fn encode(
    speech: Speech<'_>,
    message: &Message<Bytes>,
    out: &mut BytesMut,
) -> Result<(), Unspoken> {
    write(speech, message, out)
}

fn write<D: Payload>(
    Speech { encoding, names }: Speech<'_>,
    message: &Message<D>,
    sink: &mut impl Sink<D>,
) -> Result<(), Unspoken> {
    match message {
        Message::KeepAlive => {}
        Message::Request(span) if encoding == Encoding::S3 => s3::request(span.index, sink),
        Message::Request(span) => {
            let piece_len = names.geometry.map_or(span.length, |geometry| geometry.nominal_piece_len());
            let piece = u64::from(span.index).saturating_mul(piece_len.into());
            s4::request(&names.file, piece.saturating_add(span.begin.into()), span.length, sink);
        }
        Message::Piece { data, .. } => sink.bare(data),
        _ => return Err(Unspoken { encoding, kind: message.kind() }),
    }
    Ok(())
}

/// Reads one direction of a connection.
#[derive(Debug)]
pub(super) struct Reader {
    encoding: Encoding,
    names: Names,
    /// What we have asked for and has not come, the oldest first.
    asked: VecDeque<BlockSpan>,
    /// What is left of a request that is more than a block.
    rest: Option<Wanted>,
}

impl Reader {
    pub(super) fn new(Speech { encoding, names }: Speech<'_>) -> Self {
        Self { encoding, names: names.clone(), asked: VecDeque::new(), rest: None }
    }

    pub(super) fn asked(&mut self, span: BlockSpan) {
        self.asked.push_back(span);
    }

    /// Takes a message off the front of `source`, when all of it is there.
    pub(super) fn decode(
        &mut self,
        source: &mut BytesMut,
        limits: &Limits,
    ) -> Result<Option<Message<Bytes>>, TextError> {
        if let Some(&BlockSpan { index, begin, length }) = self.asked.front() {
            if source.len() < length as usize {
                return Ok(None);
            }
            self.asked.pop_front();
            let data = source.split_to(length as usize).freeze();
            return Ok(Some(Message::Piece { index, begin, data }));
        }
        let geometry = self.names.geometry.ok_or(TextError::NoGeometry)?;
        let wanted = if let Some(rest) = self.rest.take() {
            rest
        } else {
            let Some(line) = take_line(source)? else { return Ok(None) };
            let line = core::str::from_utf8(&line).map_err(|_| TextError::Malformed)?;
            match self.encoding {
                Encoding::S3 => s3::wanted(line, &self.names, &geometry)?,
                _ => s4::wanted(line, &self.names, &geometry)?,
            }
        };
        Ok(Some(Message::Request(self.first_block(wanted, &geometry, limits))))
    }

    /// Takes as much off the front of what is wanted as is a request of its own: no more than a block, within one piece.
    fn first_block(&mut self, wanted: Wanted, geometry: &Geometry, limits: &Limits) -> BlockSpan {
        let Wanted { offset, size } = wanted;
        let piece_len = u64::from(geometry.nominal_piece_len()).max(1);
        let piece = offset.checked_div(piece_len).unwrap_or_default();
        let begin = offset.checked_rem(piece_len).unwrap_or_default();
        let block_len = u64::from(limits.block_len).max(1);
        let to_piece_end = piece_len.saturating_sub(begin);
        // To the next block of our own grid, or to that block's end.
        let to_block_end = block_len.saturating_sub(begin.checked_rem(block_len).unwrap_or_default());
        let length = size.min(to_piece_end).min(to_block_end);
        let left = size.saturating_sub(length);
        self.rest = (left > 0).then_some(Wanted { offset: offset.saturating_add(length), size: left });
        let number = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        BlockSpan { index: number(piece), begin: number(begin), length: number(length) }
    }
}

/// Takes a line off the front of `source`, when its end is there; the end is not part of it.
///
/// # Errors
/// When it has none within [`MAX_LINE`] bytes.
pub fn take_line(source: &mut BytesMut) -> Result<Option<Bytes>, TextError> {
    let searched = source.get(..MAX_LINE.min(source.len())).unwrap_or_default();
    let Some(end) = searched.iter().position(|&byte| byte == b'\n') else {
        return if source.len() < MAX_LINE { Ok(None) } else { Err(TextError::LongLine) };
    };
    let mut line = source.split_to(end).freeze();
    source.advance(1);
    if line.last() == Some(&b'\r') {
        line.truncate(line.len().saturating_sub(1));
    }
    Ok(Some(line))
}

/// Most bytes that are kept while a message is incomplete.
pub(super) fn max_buffered(limits: &Limits) -> usize {
    MAX_LINE.max(limits.block_len as usize)
}

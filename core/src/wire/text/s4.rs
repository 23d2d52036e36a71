//! S4: `GET <file> <offset> <size>`, answered with the bytes; and before it `SIZE <file>`, which is not about pieces and is
//! answered by whoever takes connections in.
//!
//! A file's name is one word: spaces and what else would not fit in one are percent-encoded (RFC 3986).

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode_str, utf8_percent_encode};

use super::s3::number;
use super::{TextError, Wanted};
use crate::geometry::Geometry;
use crate::wire::Names;
use crate::wire::sink::Sink;

/// The most bytes that one `GET` may ask for. It becomes a request for each block in it.
pub const MAX_GET: u64 = 4 << 20;

/// What a name is not written with: white space, what stands between words, and what is not ASCII.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b',').add(b'=');

/// A name as a word.
pub fn word(name: &str) -> impl Iterator<Item = &str> + use<'_> {
    utf8_percent_encode(name, ESCAPED)
}

/// The name behind a word.
///
/// # Errors
/// When it is empty or no UTF-8.
pub fn name(word: &str) -> Result<Cow<'_, str>, TextError> {
    let name = percent_decode_str(word).decode_utf8().map_err(|_| TextError::Malformed)?;
    if name.is_empty() { Err(TextError::Malformed) } else { Ok(name) }
}

/// What one peer asks another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// How long is this file?
    Size {
        /// The file.
        file: Cow<'a, str>,
    },
    /// Bytes of a file.
    Get {
        /// The file.
        file: Cow<'a, str>,
        /// Byte offset within it.
        offset: u64,
        /// Number of bytes.
        size: u64,
    },
}

impl<'a> Line<'a> {
    /// Reads a line.
    ///
    /// # Errors
    /// When it is none of the two.
    pub fn parse(line: &'a str) -> Result<Self, TextError> {
        let mut words = line.split_ascii_whitespace();
        let mut next = || words.next().ok_or(TextError::Malformed);
        let line = match next()? {
            "SIZE" => Self::Size { file: name(next()?)? },
            "GET" => {
                let file = name(next()?)?;
                let offset = number(next()?).ok_or(TextError::Malformed)?;
                let size = number(next()?).ok_or(TextError::Malformed)?;
                Self::Get { file, offset, size }
            }
            _ => return Err(TextError::Malformed),
        };
        if words.next().is_some() { Err(TextError::Malformed) } else { Ok(line) }
    }
}

/// The answer to `SIZE`, its end included; `None`: there is no such file.
pub fn size_answer(len: Option<u64>) -> String {
    len.map_or_else(|| "ERR not-found\n".into(), |len| format!("OK {len}\n"))
}

/// The question after a file's length, its end included.
pub fn size_question(file: &str) -> String {
    format!("SIZE {}\n", word(file).collect::<String>())
}

/// The length in an answer to `SIZE`, without its end; `None` when there is no such file, or it is no answer.
pub fn size_answered(line: &str) -> Option<u64> {
    number(line.strip_prefix("OK ")?)
}

/// Writes a request.
pub(super) fn request<D>(file: &str, offset: u64, size: u32, sink: &mut impl Sink<D>) {
    sink.text("GET ");
    for part in word(file) {
        sink.text(part);
    }
    sink.text(" ");
    sink.number(offset);
    sink.text(" ");
    sink.number(size.into());
    sink.text("\n");
}

/// What a line asks for.
pub(super) fn wanted(line: &str, names: &Names, geometry: &Geometry) -> Result<Wanted, TextError> {
    let Line::Get { file, offset, size } = Line::parse(line)? else { return Err(TextError::Malformed) };
    if file != names.file {
        return Err(TextError::OtherFile);
    }
    let within = offset.checked_add(size).is_some_and(|end| end <= geometry.len());
    if size == 0 || size > MAX_GET || !within {
        return Err(TextError::Range { offset, size });
    }
    Ok(Wanted { offset, size })
}

//! Bencoding (BEP 3, *bencoding*), read strictly and without copying.
//!
//! There is one way to write a value, and of metainfo only that one is read: keys are sorted and unique, numbers have no leading zeros
//! and there is no `-0`. So what was read can be written again to the same bytes, and everybody agrees on the hash of a
//! dictionary's [span](Dict::as_bytes), which is what an info-hash is. What trackers and peers say names nothing: there keys may come
//! [in any order](parse_any_order), as some programs write them and all others read them.
//!
//! The whole input is checked once, by a walk that keeps nothing but its depth; a [`Value`] then is a view of the input that
//! is walked again where it is looked at. Input of any shape costs no memory, time in proportion to its length, and a stack
//! of [`MAX_DEPTH`] small frames.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects))]

mod encode;
mod scan;
#[cfg(test)]
mod tests;

pub use encode::{Encoded, Item};

use scan::Scanner;

/// Lists and dictionaries may be nested so deep. Metainfo nests four deep, its v2 form as deep as its directories.
pub const MAX_DEPTH: u32 = 32;
/// So many values and keys may be in one input (libtorrent's limit).
pub const MAX_TOKENS: u32 = 3_000_000;

/// Bytes that are not canonical bencoding. Positions are byte offsets in the input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BencodeError {
    /// The input ends within a value.
    #[error("the input ends at byte {at}, within a value")]
    Truncated {
        /// Length of the input.
        at: usize,
    },
    /// No value, or no end of one, begins with this byte.
    #[error("unexpected byte {byte:#04x} at byte {at}")]
    Unexpected {
        /// Where.
        at: usize,
        /// The byte.
        byte: u8,
    },
    /// A number that has a leading zero or is `-0`.
    #[error("the number at byte {at} has a leading zero")]
    LeadingZero {
        /// Where the number begins.
        at: usize,
    },
    /// A number that does not fit in 64 bits.
    #[error("the number at byte {at} does not fit in 64 bits")]
    Range {
        /// Where the number begins.
        at: usize,
    },
    /// A string that would reach past the end of the input.
    #[error("the string at byte {at} is to have {len} bytes, and {left} are left")]
    StringLength {
        /// Where the string begins.
        at: usize,
        /// The length that it is said to have.
        len: u64,
        /// Bytes that there are.
        left: usize,
    },
    /// A dictionary's key that is no string.
    #[error("the key at byte {at} is not a string")]
    Key {
        /// Where the key should be.
        at: usize,
    },
    /// A key that does not come after the one before it: the keys are not sorted, or one is there twice.
    #[error("the key at byte {at} is out of order")]
    KeyOrder {
        /// Where the key begins.
        at: usize,
    },
    /// More than [`MAX_DEPTH`] lists and dictionaries in each other.
    #[error("more than {MAX_DEPTH} levels deep at byte {at}")]
    Depth {
        /// Where the list or dictionary begins that is too deep.
        at: usize,
    },
    /// More than [`MAX_TOKENS`] values and keys.
    #[error("more than {MAX_TOKENS} values at byte {at}")]
    Tokens {
        /// Where the value begins that is one too many.
        at: usize,
    },
    /// Something follows the value.
    #[error("the value ends at byte {at}, the input does not")]
    Trailing {
        /// Where the value ends.
        at: usize,
    },
}

/// A value: a view of checked input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// `i…e`.
    Integer(i64),
    /// A string: bytes of any sort.
    Bytes(&'a [u8]),
    /// `l…e`.
    List(List<'a>),
    /// `d…e`.
    Dict(Dict<'a>),
}

/// Reads the one value that the input is.
///
/// # Errors
/// When the input is not exactly one canonical value, or beyond [`MAX_DEPTH`] or [`MAX_TOKENS`].
pub fn parse(input: &[u8]) -> Result<Value<'_>, BencodeError> {
    whole(Scanner::new(input))
}

/// The same, with the keys of dictionaries in any order. Of one that is there twice the first counts.
///
/// # Errors
/// Those of [`parse`], but for [`BencodeError::KeyOrder`].
pub fn parse_any_order(input: &[u8]) -> Result<Value<'_>, BencodeError> {
    whole(Scanner::in_any_order(input))
}

fn whole(mut scanner: Scanner<'_>) -> Result<Value<'_>, BencodeError> {
    let value = scanner.value()?;
    if scanner.rest().is_empty() { Ok(value) } else { Err(BencodeError::Trailing { at: scanner.at() }) }
}

/// Reads the value that the input begins with, its keys in any order, and returns what follows it: BEP 9's `data` has raw bytes there.
///
/// # Errors
/// When the input does not begin with such a value, or it is beyond [`MAX_DEPTH`] or [`MAX_TOKENS`].
pub fn parse_prefix(input: &[u8]) -> Result<(Value<'_>, &[u8]), BencodeError> {
    let mut scanner = Scanner::in_any_order(input);
    let value = scanner.value()?;
    Ok((value, scanner.rest()))
}

impl<'a> Value<'a> {
    /// The number, when it is one.
    pub const fn as_integer(self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(number) } else { None }
    }

    /// The string's bytes, when it is one.
    pub const fn as_bytes(self) -> Option<&'a [u8]> {
        if let Self::Bytes(bytes) = self { Some(bytes) } else { None }
    }

    /// The list, when it is one.
    pub const fn as_list(self) -> Option<List<'a>> {
        if let Self::List(list) = self { Some(list) } else { None }
    }

    /// The dictionary, when it is one.
    pub const fn as_dict(self) -> Option<Dict<'a>> {
        if let Self::Dict(dict) = self { Some(dict) } else { None }
    }
}

/// A list: a view of checked input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List<'a> {
    /// From `l` to `e`.
    span: &'a [u8],
}

impl<'a> List<'a> {
    /// The values in order. Each costs a walk over its own bytes.
    pub fn iter(self) -> impl Iterator<Item = Value<'a>> {
        let mut scanner = Scanner::within(self.span);
        core::iter::from_fn(move || scanner.element())
    }
}

/// A dictionary: a view of checked input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dict<'a> {
    /// From `d` to `e`.
    span: &'a [u8],
}

impl<'a> Dict<'a> {
    /// The keys in their order, and their values. Each costs a walk over its own bytes.
    pub fn iter(self) -> impl Iterator<Item = (&'a [u8], Value<'a>)> {
        let mut scanner = Scanner::within(self.span);
        core::iter::from_fn(move || scanner.entry())
    }

    /// The value of a key. Walks over all that comes before it.
    pub fn get(self, key: impl AsRef<[u8]>) -> Option<Value<'a>> {
        let key = key.as_ref();
        self.iter().find(|&(candidate, _)| candidate == key).map(|(_, value)| value)
    }

    /// The dictionary as it stands in the input: what an info-hash is the hash of.
    pub const fn as_bytes(self) -> &'a [u8] {
        self.span
    }
}

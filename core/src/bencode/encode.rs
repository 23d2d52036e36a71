//! Writing. A dictionary is a [`BTreeMap`], so its keys are sorted and unique whatever the caller does.

use std::borrow::Cow;
use std::collections::BTreeMap;

use bytes::Bytes;

use super::{BencodeError, Dict, parse};

/// A value to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// A number.
    Integer(i64),
    /// A string: bytes of any sort.
    Bytes(Cow<'a, [u8]>),
    /// Values in order.
    List(Vec<Self>),
    /// Values by key.
    Dict(BTreeMap<Cow<'a, [u8]>, Self>),
    /// A value that is written already.
    Encoded(&'a Encoded),
}

impl<'a> Item<'a> {
    /// A dictionary. Of equal keys the last counts.
    pub fn dict<K>(entries: impl IntoIterator<Item = (&'a K, Self)>) -> Self
    where
        K: AsRef<[u8]> + ?Sized + 'a,
    {
        Self::Dict(entries.into_iter().map(|(key, value)| (key.as_ref().into(), value)).collect())
    }

    /// The canonical bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.encode(&mut out);
        out
    }

    /// Appends the canonical bytes.
    pub fn encode(&self, out: &mut Vec<u8>) {
        match self {
            Self::Integer(number) => {
                out.push(b'i');
                out.extend_from_slice(number.to_string().as_bytes());
                out.push(b'e');
            }
            Self::Bytes(bytes) => string(bytes, out),
            Self::List(items) => {
                out.push(b'l');
                for item in items {
                    item.encode(out);
                }
                out.push(b'e');
            }
            Self::Dict(entries) => {
                out.push(b'd');
                for (key, value) in entries {
                    string(key, out);
                    value.encode(out);
                }
                out.push(b'e');
            }
            Self::Encoded(encoded) => out.extend_from_slice(encoded.as_bytes()),
        }
    }
}

fn string(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(bytes.len().to_string().as_bytes());
    out.push(b':');
    out.extend_from_slice(bytes);
}

impl From<i64> for Item<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl<'a> From<&'a [u8]> for Item<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl<'a> From<&'a str> for Item<'a> {
    fn from(text: &'a str) -> Self {
        Self::Bytes(text.as_bytes().into())
    }
}

impl FromIterator<Self> for Item<'_> {
    fn from_iter<I: IntoIterator<Item = Self>>(items: I) -> Self {
        Self::List(items.into_iter().collect())
    }
}

/// The bytes of exactly one value, checked: what another value may contain as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Encoded(Bytes);

impl Encoded {
    /// Checks the bytes.
    ///
    /// # Errors
    /// Those of [`parse`].
    pub fn new(bytes: Bytes) -> Result<Self, BencodeError> {
        parse(&bytes)?;
        Ok(Self(bytes))
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &Bytes {
        &self.0
    }

    /// The value as a dictionary, when it is one. Walks over the bytes.
    pub fn as_dict(&self) -> Option<Dict<'_>> {
        parse(&self.0).ok()?.as_dict()
    }
}

impl From<Dict<'_>> for Encoded {
    /// A copy of the dictionary's bytes.
    fn from(dict: Dict<'_>) -> Self {
        Self(Bytes::copy_from_slice(dict.as_bytes()))
    }
}

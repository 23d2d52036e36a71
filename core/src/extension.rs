//! What peers say through the extension protocol (BEP 10): its handshake, metadata (BEP 9), peer exchange (BEP 11).
//!
//! An extension message is a number and a payload. The *receiver* has chosen the number: each side lists in the `m` of its
//! handshake how it wants to be spoken to. Number 0 is that handshake. Here are the payloads alone, as bytes and as what
//! they mean; when they are sent and what follows from them is the business of [`torrent`](crate::torrent) and
//! [`metadata`](crate::metadata).
//!
//! Everything is read strictly and within bounds: numbers that cannot be are left out, lists are cut, unknown keys are
//! passed over, and nothing is allocated for a number that was only claimed.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects))]

mod handshake;
mod metadata;
mod pex;
#[cfg(test)]
mod tests;

pub use handshake::{ExtensionHandshake, MAX_CLIENT_LEN};
pub use metadata::{METADATA_PIECE_LEN, MetadataMessage, metadata_piece_count, metadata_piece_len};
pub use pex::{MAX_PEX_PEERS, PexFlags, PexMessage};

use crate::bencode::BencodeError;

/// The number of the extension handshake (BEP 10).
pub const HANDSHAKE: u8 = 0;
/// Peers send us peer exchange under this number.
pub const UT_PEX: u8 = 1;
/// Peers send us metadata messages under this number.
pub const UT_METADATA: u8 = 2;

/// A payload that is not what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExtensionError {
    /// It is not bencoded.
    #[error("the payload of an extension message: {0}")]
    Bencode(#[from] BencodeError),
    /// It is bencoded, but no dictionary.
    #[error("the payload of an extension message is no dictionary")]
    NotADictionary,
    /// A value that the message does not mean anything without.
    #[error("`{key}` is missing in an extension message, or is out of range")]
    Value {
        /// Its key.
        key: &'static str,
    },
    /// Raw bytes follow where there are none, or others than was said.
    #[error("{len} raw bytes follow the dictionary, where {expected} belong")]
    Raw {
        /// How many there are.
        len: usize,
        /// How many there should be.
        expected: u32,
    },
}

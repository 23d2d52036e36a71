//! Magnet links (BEP 9, *magnet URI format*): an info-hash, and where to begin looking for those who have the rest.
//!
//! ```
//! use minibit_core::magnet::Magnet;
//!
//! let link = "magnet:?xt=urn:btih:AEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIB&dn=a%20film";
//! let magnet: Magnet = link.parse()?;
//! assert_eq!((magnet.info_hash.0, magnet.name.as_deref()), ([1; 20], Some("a film")));
//! # Ok::<(), minibit_core::magnet::MagnetError>(())
//! ```

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects))]

#[cfg(test)]
mod tests;

use core::fmt;
use core::str::FromStr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::id::InfoHash;

/// A link may have so many bytes: it comes from a web page, not from a file.
pub const MAX_LEN: usize = 32 * 1024;
/// So many trackers, and so many peers, are taken of a link; further ones are passed over.
pub const MAX_SOURCES: usize = 100;

/// What is not written as it is: all but what RFC 3986 calls unreserved, and what makes addresses readable.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// The same in a peer's address.
const ESCAPED_IN_ADDRESS: &AsciiSet = &ESCAPED.remove(b':').remove(b'[').remove(b']');

/// A magnet link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Magnet {
    /// The swarm: `xt=urn:btih:…`.
    pub info_hash: InfoHash,
    /// What to call it before the metadata is here: `dn=…`. Comes from anywhere: no file name.
    pub name: Option<String>,
    /// URLs of trackers: `tr=…`, unchecked.
    pub trackers: Vec<String>,
    /// Peers to begin with: `x.pe=host:port`.
    pub peers: Vec<PeerAddress>,
}

/// Where a peer is said to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerAddress {
    /// An IPv4 address, an IPv6 address without brackets, or a name.
    pub host: String,
    /// Its port; not 0.
    pub port: u16,
}

/// A text that is no magnet link for us.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MagnetError {
    /// It does not begin with `magnet:?`.
    #[error("a magnet link begins with `magnet:?`")]
    Scheme,
    /// It is longer than [`MAX_LEN`].
    #[error("the magnet link has {len} bytes, more than {MAX_LEN}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// It names no swarm of BitTorrent v1.
    #[error("the magnet link has no `xt=urn:btih:` with an info-hash")]
    NoInfoHash,
    /// It names a swarm of BitTorrent v2 only (BEP 52).
    #[error("the magnet link is of BitTorrent v2 (`xt=urn:btmh:`), which is not spoken here")]
    VersionTwo,
    /// The info-hash is neither 40 hexadecimal digits nor 32 digits of base 32.
    #[error(
        "the info-hash of a magnet link has 40 hexadecimal digits or 32 of base 32, not {digits} characters"
    )]
    InfoHash {
        /// Length of what stands there, in characters.
        digits: usize,
    },
    /// It names two swarms.
    #[error("the magnet link names two swarms")]
    TwoInfoHashes,
    /// Percent-encoded bytes are no UTF-8.
    #[error("`{key}` of the magnet link is no text")]
    NotText {
        /// Whose value it is.
        key: &'static str,
    },
    /// A peer is not `host:port`.
    #[error("`x.pe` of a magnet link is `host:port`, not `{0}`")]
    Peer(String),
}

impl FromStr for Magnet {
    type Err = MagnetError;

    /// Reads a link. Keys that are not known are passed over.
    fn from_str(text: &str) -> Result<Self, MagnetError> {
        if text.len() > MAX_LEN {
            return Err(MagnetError::TooLong { len: text.len() });
        }
        let (scheme, query) = text.trim().split_once('?').ok_or(MagnetError::Scheme)?;
        if !scheme.eq_ignore_ascii_case("magnet:") {
            return Err(MagnetError::Scheme);
        }
        let (mut info_hash, mut version_two, mut name) = (None, false, None);
        let (mut trackers, mut peers) = (Vec::new(), Vec::new());
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            // Several of a key may be numbered: `tr.1`, `tr.2`.
            let key = key.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('.');
            match key {
                "xt" => {
                    let topic = decoded("xt", value)?;
                    version_two |= topic.starts_with("urn:btmh:");
                    let Some(digits) = topic.strip_prefix("urn:btih:") else { continue };
                    let hash = read_info_hash(digits)?;
                    if info_hash.replace(hash).is_some_and(|other| other != hash) {
                        return Err(MagnetError::TwoInfoHashes);
                    }
                }
                // Web pages write spaces of a name as in a form.
                "dn" => name = Some(decoded("dn", &value.replace('+', " "))?),
                "tr" if trackers.len() < MAX_SOURCES => trackers.push(decoded("tr", value)?),
                "x.pe" if peers.len() < MAX_SOURCES => peers.push(decoded("x.pe", value)?.parse()?),
                _ => {}
            }
        }
        let missing = if version_two { MagnetError::VersionTwo } else { MagnetError::NoInfoHash };
        Ok(Self { info_hash: info_hash.ok_or(missing)?, name, trackers, peers })
    }
}

impl fmt::Display for Magnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "magnet:?xt=urn:btih:{}", self.info_hash.to_hex())?;
        if let Some(name) = &self.name {
            write!(f, "&dn={}", utf8_percent_encode(name, ESCAPED))?;
        }
        for tracker in &self.trackers {
            write!(f, "&tr={}", utf8_percent_encode(tracker, ESCAPED))?;
        }
        for peer in &self.peers {
            write!(f, "&x.pe={}", utf8_percent_encode(&peer.to_string(), ESCAPED_IN_ADDRESS))?;
        }
        Ok(())
    }
}

impl FromStr for PeerAddress {
    type Err = MagnetError;

    /// Reads `host:port`; an IPv6 address stands in brackets.
    fn from_str(text: &str) -> Result<Self, MagnetError> {
        let wrong = || MagnetError::Peer(text.chars().take(100).collect());
        let (host, port) = text.rsplit_once(':').ok_or_else(wrong)?;
        let port = port.parse().ok().filter(|&port| port != 0).ok_or_else(wrong)?;
        let inner = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let sound = match inner {
            Some(ip) => ip.parse::<core::net::Ipv6Addr>().is_ok(),
            None => {
                !host.is_empty() && host.chars().all(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_'))
            }
        };
        if sound { Ok(Self { host: inner.unwrap_or(host).into(), port }) } else { Err(wrong()) }
    }
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

/// The text behind percent signs.
fn decoded(key: &'static str, value: &str) -> Result<String, MagnetError> {
    let text = percent_decode_str(value).decode_utf8().map_err(|_| MagnetError::NotText { key })?;
    Ok(text.into_owned())
}

/// 40 hexadecimal digits, or 32 of base 32 (RFC 4648).
fn read_info_hash(digits: &str) -> Result<InfoHash, MagnetError> {
    let wrong = MagnetError::InfoHash { digits: digits.chars().count() };
    let bits = match digits.len() {
        40 => 4,
        32 => 5,
        _ => return Err(wrong),
    };
    let mut bytes = Vec::with_capacity(20);
    let (mut held, mut held_bits) = (0_u16, 0_u32);
    for digit in digits.chars() {
        let value = if bits == 4 { digit.to_digit(16) } else { base32(digit) };
        let Some(value) = value.and_then(|value| u16::try_from(value).ok()) else { return Err(wrong) };
        // At most 7 bits wait for 5 more.
        held = held << bits | value;
        held_bits = held_bits.saturating_add(bits);
        if let Some(rest) = held_bits.checked_sub(8) {
            bytes.push((held >> rest).to_le_bytes()[0]);
            held_bits = rest;
        }
    }
    bytes.try_into().map(InfoHash).map_err(|_| wrong)
}

/// A digit of base 32: a letter of either case, or 2 to 7.
fn base32(digit: char) -> Option<u32> {
    match digit {
        'a'..='z' => u32::from(digit).checked_sub(u32::from('a')),
        'A'..='Z' => u32::from(digit).checked_sub(u32::from('A')),
        '2'..='7' => u32::from(digit).checked_sub(u32::from('2'))?.checked_add(26),
        _ => None,
    }
}

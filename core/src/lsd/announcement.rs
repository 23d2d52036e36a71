//! The datagram of BEP 14: an HTTP request in form, with one `Infohash` line for each swarm.
//!
//! ```text
//! BT-SEARCH * HTTP/1.1\r\n
//! Host: 239.192.152.143:6771\r\n
//! Port: 6881\r\n
//! Infohash: <40 hex digits>\r\n
//! Infohash: <40 hex digits>\r\n
//! cookie: <text>\r\n
//! \r\n
//! \r\n
//! ```
//!
//! Read as clients of the field write it: names of headers in any case and order, lines with or without `\r`, unknown headers
//! and info-hashes of other lengths passed over, with the second empty line or without.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects))]

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::id::InfoHash;
use crate::tracker::Family;

/// The group of IPv4 (BEP 14).
pub const GROUP_V4: Ipv4Addr = Ipv4Addr::new(239, 192, 152, 143);
/// The group of IPv6 (BEP 14): `ff15::efc0:988f`, of the site, and not permanent.
pub const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff15, 0, 0, 0, 0, 0, 0xefc0, 0x988f);
/// The port of both groups (BEP 14).
pub const PORT: u16 = 6771;
/// The longest datagram that is sent, in bytes: one that no network cuts into parts (BEP 14).
pub const MAX_SENT: usize = 1400;
/// The longest datagram that is read.
pub const MAX_HEARD: usize = 2048;
/// Most swarms in a datagram that is sent: they fit into [`MAX_SENT`] bytes.
pub const MAX_SWARMS_SENT: usize = 23;
/// Most swarms that are read out of one datagram.
pub const MAX_SWARMS_HEARD: usize = 50;
/// The longest cookie that is kept; a longer one is cut.
const MAX_COOKIE: usize = 64;

/// Somebody is in these swarms.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// Where it listens for peers, at the address that the datagram comes from; 0 if it does not.
    pub port: u16,
    /// The swarms; at least one.
    pub info_hashes: Vec<InfoHash>,
    /// By which the sender knows its own datagrams; empty if there is none.
    pub cookie: String,
}

/// A datagram that is no announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnnouncementError {
    /// It is longer than [`MAX_HEARD`].
    #[error("{len} bytes are more than {MAX_HEARD}")]
    TooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// It is not UTF-8.
    #[error("it is no text")]
    NotText,
    /// It does not begin with `BT-SEARCH * HTTP/1.`
    #[error("it is no BT-SEARCH")]
    NotSearch,
    /// There is no `Port`, or more than one, or it is no number of a port.
    #[error("it has no single, sound port")]
    Port,
    /// There is no sound `Infohash`.
    #[error("it has no info-hash")]
    NoInfoHash,
}

impl Announcement {
    /// The datagram to the group of a family. At most [`MAX_SENT`] bytes with [`MAX_SWARMS_SENT`] swarms and a cookie of 64 bytes.
    pub fn to_bytes(&self, family: Family) -> Vec<u8> {
        let host = match family {
            Family::V4 => SocketAddr::from((GROUP_V4, PORT)),
            Family::V6 => SocketAddr::from((GROUP_V6, PORT)),
        };
        let mut text = format!("BT-SEARCH * HTTP/1.1\r\nHost: {host}\r\nPort: {}\r\n", self.port);
        for info_hash in &self.info_hashes {
            text.push_str("Infohash: ");
            text.push_str(&info_hash.to_hex());
            text.push_str("\r\n");
        }
        if !self.cookie.is_empty() {
            text.push_str("cookie: ");
            text.push_str(&self.cookie);
            text.push_str("\r\n");
        }
        text.push_str("\r\n\r\n");
        text.into_bytes()
    }

    /// Reads a datagram.
    ///
    /// # Errors
    /// When it is no announcement.
    pub fn parse(datagram: &[u8]) -> Result<Self, AnnouncementError> {
        if datagram.len() > MAX_HEARD {
            return Err(AnnouncementError::TooLong { len: datagram.len() });
        }
        let text = core::str::from_utf8(datagram).map_err(|_| AnnouncementError::NotText)?;
        let mut lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
        if !lines.next().is_some_and(|line| line.starts_with("BT-SEARCH * HTTP/1.")) {
            return Err(AnnouncementError::NotSearch);
        }
        let (mut port, mut info_hashes, mut cookie) = (None, Vec::new(), "");
        for line in lines.take_while(|line| !line.is_empty()) {
            let Some((name, value)) = line.split_once(':') else { continue };
            let (name, value) = (name.trim(), value.trim());
            if name.eq_ignore_ascii_case("port") {
                // `parse` alone would take a sign.
                let digits = value.bytes().all(|byte| byte.is_ascii_digit());
                let number = value.parse::<u16>().ok().filter(|_| digits && port.is_none());
                port = Some(number.ok_or(AnnouncementError::Port)?);
            } else if name.eq_ignore_ascii_case("infohash") {
                let new = InfoHash::from_hex(value).filter(|hash| !info_hashes.contains(hash));
                info_hashes.extend(new.filter(|_| info_hashes.len() < MAX_SWARMS_HEARD));
            } else if name.eq_ignore_ascii_case("cookie") {
                cookie = value.get(..value.floor_char_boundary(MAX_COOKIE)).unwrap_or_default();
            }
        }
        let port = port.ok_or(AnnouncementError::Port)?;
        if info_hashes.is_empty() {
            return Err(AnnouncementError::NoInfoHash);
        }
        Ok(Self { port, info_hashes, cookie: cookie.to_owned() })
    }
}

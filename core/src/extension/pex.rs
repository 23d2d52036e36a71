//! Peer exchange (BEP 11): peers that the sender is connected to since its last message, and those that it is no more.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::borrow::Cow;

use bytes::Bytes;

use super::ExtensionError;
use crate::bencode::{Dict, Item, Value, parse_any_order};

/// So many added and so many dropped peers are read and sent in one message, those of both families together (BEP 11).
pub const MAX_PEX_PEERS: usize = 50;

/// What the sender says of a peer that it adds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PexFlags {
    /// It does not want to download (0x02).
    pub upload_only: bool,
    /// The sender has connected to it, so it can be reached (0x10).
    pub reachable: bool,
}

impl PexFlags {
    const UPLOAD_ONLY: u8 = 0x02;
    const REACHABLE: u8 = 0x10;

    fn from_byte(byte: u8) -> Self {
        Self { upload_only: byte & Self::UPLOAD_ONLY != 0, reachable: byte & Self::REACHABLE != 0 }
    }

    fn to_byte(self) -> u8 {
        let upload_only = if self.upload_only { Self::UPLOAD_ONLY } else { 0 };
        let reachable = if self.reachable { Self::REACHABLE } else { 0 };
        upload_only | reachable
    }
}

/// A message of peer exchange. Addresses are as they came: whether one may be dialled is for the receiver to judge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PexMessage {
    /// Peers that the sender has connected to, or that have connected to it.
    pub added: Vec<(SocketAddr, PexFlags)>,
    /// Peers that it is no longer connected to.
    pub dropped: Vec<SocketAddr>,
}

impl PexMessage {
    /// Reads a payload: at most [`MAX_PEX_PEERS`] of each list, whatever else there is. A list whose length is not a multiple
    /// of an address ends with its last whole address.
    ///
    /// # Errors
    /// When the payload is no bencoded dictionary.
    pub fn parse(payload: &[u8]) -> Result<Self, ExtensionError> {
        let dict = parse_any_order(payload)?.as_dict().ok_or(ExtensionError::NotADictionary)?;
        let flags = bytes(dict, "added.f").iter().chain(core::iter::repeat(&0));
        let flags6 = bytes(dict, "added6.f").iter().chain(core::iter::repeat(&0));
        let v4 = addresses4(bytes(dict, "added")).zip(flags);
        let v6 = addresses6(bytes(dict, "added6")).zip(flags6);
        let added = v4.chain(v6).map(|(addr, &flags)| (addr, PexFlags::from_byte(flags)));
        let dropped = addresses4(bytes(dict, "dropped")).chain(addresses6(bytes(dict, "dropped6")));
        Ok(Self {
            added: added.take(MAX_PEX_PEERS).collect(),
            dropped: dropped.take(MAX_PEX_PEERS).collect(),
        })
    }

    /// The payload: at most [`MAX_PEX_PEERS`] of each list.
    pub fn to_payload(&self) -> Bytes {
        let (mut added, mut added6, mut dropped, mut dropped6) = Default::default();
        let (mut flags, mut flags6) = (Vec::new(), Vec::new());
        for (addr, flag) in self.added.iter().take(MAX_PEX_PEERS) {
            let list = if put(*addr, &mut added, &mut added6) { &mut flags } else { &mut flags6 };
            list.push(flag.to_byte());
        }
        for addr in self.dropped.iter().take(MAX_PEX_PEERS) {
            put(*addr, &mut dropped, &mut dropped6);
        }
        let lists = [
            ("added", added),
            ("added.f", flags),
            ("added6", added6),
            ("added6.f", flags6),
            ("dropped", dropped),
            ("dropped6", dropped6),
        ];
        Item::dict(lists.map(|(key, list)| (key, Item::Bytes(Cow::Owned(list))))).to_bytes().into()
    }
}

/// Appends an address to the list of its family; true for IPv4.
fn put(addr: SocketAddr, v4: &mut Vec<u8>, v6: &mut Vec<u8>) -> bool {
    let port = addr.port().to_be_bytes();
    match addr.ip().to_canonical() {
        core::net::IpAddr::V4(ip) => {
            v4.extend(ip.octets().into_iter().chain(port));
            true
        }
        core::net::IpAddr::V6(ip) => {
            v6.extend(ip.octets().into_iter().chain(port));
            false
        }
    }
}

/// The string under a key, or nothing.
fn bytes<'a>(dict: Dict<'a>, key: &str) -> &'a [u8] {
    dict.get(key).and_then(Value::as_bytes).unwrap_or_default()
}

/// Addresses of six bytes each.
fn addresses4(list: &[u8]) -> impl Iterator<Item = SocketAddr> {
    list.as_chunks()
        .0
        .iter()
        .map(|&[a, b, c, d, high, low]| (Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([high, low])).into())
}

/// Addresses of eighteen bytes each.
fn addresses6(list: &[u8]) -> impl Iterator<Item = SocketAddr> {
    list.as_chunks::<18>().0.iter().filter_map(|chunk| {
        let (ip, port) = chunk.split_first_chunk::<16>()?;
        let port = u16::from_be_bytes(port.try_into().ok()?);
        Some((Ipv6Addr::from(*ip).to_canonical(), port).into())
    })
}

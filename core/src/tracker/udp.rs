//! The UDP tracker protocol (BEP 15, with the options of BEP 41), both sides, without a socket.
//!
//! A client first asks for a connection id, which only the owner of its address can receive, and shows it in each request.
//! The id is a keyed hash of the address and of the time, so a [`Server`] keeps nothing for those who only ask. Until the
//! id is shown no reply is longer than its request: nobody can have a tracker flood somebody else. What is no request of
//! this protocol gets no reply at all.
//!
//! An [`Exchange`] is the client's side of one announce or scrape: what to send, when to send it again, which answers count.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects))]

mod client;
mod ids;
mod request;
mod response;
mod server;
#[cfg(test)]
mod tests;

pub use client::{Exchange, UdpTrackerError};
pub use ids::ConnectionIds;
pub use request::{RequestError, UdpRequest};
pub use response::{ResponseError, UdpResponse};
pub use server::Server;

/// No reply is longer: with its headers it fits in an Ethernet frame, also inside a tunnel.
pub const MAX_REPLY: usize = 1_400;
/// Most swarms in one scrape (BEP 15).
pub const MAX_SCRAPE: usize = 74;

/// What a connect request begins with, in place of a connection id.
const PROTOCOL: u64 = 0x0417_2710_1980;

const CONNECT: u32 = 0;
const ANNOUNCE: u32 = 1;
const SCRAPE: u32 = 2;
const ERROR: u32 = 3;

/// Takes numbers off the front of a datagram.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn bytes<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.bytes().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.bytes().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.bytes().map(u64::from_be_bytes)
    }
}

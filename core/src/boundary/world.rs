//! The two worlds, and what differs between them.

use core::fmt::Debug;
use core::net::SocketAddr;

use bytes::Bytes;

use super::{Address, SimAddr};
use crate::payload::{Payload, Virtual};

/// What differs between the worlds: how peers are addressed and what a block carries.
pub trait Env: Clone + Debug + 'static {
    /// Where a peer can be reached.
    type Addr: Address;
    /// The data of a block.
    type Data: Payload;
}

/// The simulated world: peers are numbered, blocks have no bytes.
#[derive(Clone, Copy, Debug)]
pub enum Simulated {}

impl Env for Simulated {
    type Addr = SimAddr;
    type Data = Virtual;
}

/// The real world: sockets and bytes.
#[derive(Clone, Copy, Debug)]
pub enum Net {}

impl Env for Net {
    type Addr = SocketAddr;
    type Data = Bytes;
}

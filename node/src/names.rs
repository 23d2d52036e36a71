//! Names in place of info-hashes: JSON commands over TCP, asked and answered.
//!
//! The bytes are described in [`minibit_core::tracker::json`]. A tracker and a plain node answer the same way ([`serve`]): the
//! tracker about everything, the node about what it gives itself. Whoever looks for a name asks the tracker, and all nodes that
//! answer on the local network, at the same time ([`find()`]), and takes their answers together by info-hash.

mod address;
mod connection;
mod find;
mod gather;
mod publish;
mod server;
mod shelves;
#[cfg(test)]
mod tests;

pub(crate) use address::TrackerAddress;
pub(crate) use find::{Choice, choose, find, list, metainfo, peers, search};
pub(crate) use gather::{Found, Gathered, Sources};
pub(crate) use publish::{Publisher, Standing, publish};
pub(crate) use server::serve;
pub(crate) use shelves::{Named, fitting, measured, pick, shelves, without_metainfo};

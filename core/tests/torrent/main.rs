//! `Torrent` from outside: what it does on a wire, with a disk, in virtual time, among others of its kind and among peers that
//! break every rule.
//!
//! Two harnesses. [`support::Swarm`] joins several `Torrent`s by a network with latency and gives each a disk;
//! [`support::Solo`] holds a single one and plays everybody else by hand. In both a [`support::Witness`] looks at every input
//! and output and asserts what must always hold, so that each test proves more than its own rule.

#![expect(clippy::print_stdout, reason = "a walk that fails prints its number")]
#![expect(
    clippy::large_types_passed_by_value,
    reason = "a test's configuration is changed in place: `..plain()`"
)]

mod blame;
mod disk;
mod errands;
mod extended;
mod handshake;
mod idlers;
mod inventory;
mod metadata;
mod paced;
mod pex;
mod records;
mod requests;
mod room;
mod serving;
mod story;
mod strangers;
mod super_seeding;
mod support;
mod swarms;
mod systems;
mod timers;
mod turns;
mod walks;

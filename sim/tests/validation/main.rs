//! The simulator against results that nobody on this project produced: closed forms, published models, an independent
//! piece-level reference model ("ref").
//!
//! Each test prints its case, what is expected and what was measured, `cargo test -p minibit-sim --test validation -- --nocapture`
//! shows them all, and asserts the range. Scenarios are given as JSON text, the way users give them.
//!
//! Conventions: pieces of 256 KiB, an upload capacity u of 256 KiB/s, so that a piece takes P = 1 s; a round trip of 20 ms, no loss;
//! downlinks that do not bind; M pieces, N leechers, H hops; "open": nobody is choked; "serial": one upload at a time, in whole
//! pieces.

mod bounds;
mod exchange;
mod harness;
mod links;
mod replay;
mod report_of_s5;
mod strategies;

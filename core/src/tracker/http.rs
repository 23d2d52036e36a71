//! The HTTP tracker protocol (BEP 3, 7, 23 and 48), both sides, without HTTP: query strings and bencoded bodies.
//!
//! What real clients send decides what is read here. Escapes differ from client to client, so bytes are compared after they
//! are decoded; unknown keys are ignored, `ip` and `compact` among them: a peer's address is the one that it asks from, and
//! peers are handed out in compact form whatever was asked for, as there are clients that can read no other.
//!
//! What a tracker answers is not trusted either: it is canonical bencoding with a sensible interval, or a typed error, and of
//! its peers a bounded number is kept.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects))]

mod query;
mod read;
mod serve;
#[cfg(test)]
mod tests;

pub use query::{MAX_SCRAPE, QueryError, announce_query, parse_announce, parse_scrape, scrape_query};
pub use read::{Answer, ResponseError, parse_response, parse_scrape_response};
pub use serve::{announce, failure, scrape};

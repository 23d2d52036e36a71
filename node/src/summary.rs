//! What a transfer came to, as an object for programs.

use std::time::Duration;

use minibit_core::MessageKind;
use minibit_core::metainfo::Metainfo;
use serde_json::{Map, Value, json};

use crate::engine::Status;

/// A torrent, and what was sent and received for it in this time. Lengths are bytes; messages are counted by kind, and kinds that
/// there were none of are left out.
pub(crate) fn of(metainfo: &Metainfo, seen: &Status, took: Duration) -> Value {
    let geometry = metainfo.geometry();
    json!({
        "name": metainfo.name(),
        "info_hash": metainfo.info_hash().to_hex(),
        "length": geometry.len(),
        "pieces": geometry.piece_count(),
        "pieces_here": seen.pieces,
        "seconds": took.as_secs_f64(),
        "downloaded": seen.stats.downloaded,
        "wasted": seen.stats.wasted,
        "uploaded": seen.stats.uploaded,
        "hash_failures": seen.stats.hash_failures,
        "peers_used": seen.sources,
        "messages_sent": by_kind(seen.sent.by_kind()),
        "messages_received": by_kind(seen.received.by_kind()),
    })
}

fn by_kind(counts: impl Iterator<Item = (MessageKind, u64)>) -> Map<String, Value> {
    counts.map(|(kind, count)| (kind.name().to_owned(), count.into())).collect()
}

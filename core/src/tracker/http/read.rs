//! The client: what a tracker's body says.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use crate::announce::AnnounceResponse;
use crate::bencode::{self, BencodeError, Dict, Value};
use crate::id::InfoHash;
use crate::tracker::Scrape;
use crate::tracker::peers::{Peers, compact_v4, compact_v6};

/// Bytes of a tracker's words that are kept.
const MAX_WORDS: usize = 512;
/// Most swarms of a scrape that are kept.
const MAX_FILES: usize = 1_000;

/// A body that is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResponseError {
    /// It is not bencoded.
    #[error("malformed: {0}")]
    Bencode(#[from] BencodeError),
    /// It is bencoded, but no dictionary.
    #[error("not a dictionary")]
    NoDict,
    /// Something that has to be there.
    #[error("{key} is missing")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// Something of another sort than it has to be, or out of range.
    #[error("{key} is malformed")]
    Malformed {
        /// The key.
        key: &'static str,
    },
    /// The tracker refuses, with its own words.
    #[error("refused: {0}")]
    Refused(String),
}

/// The answer to an announce.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What was asked for.
    pub response: AnnounceResponse<SocketAddr>,
    /// What the tracker wants people to know (`warning message`).
    pub warning: Option<String>,
}

/// Reads the body of an answer: peers in compact form or as dictionaries.
///
/// # Errors
/// When it cannot be read, or refuses.
pub fn parse_response(body: &[u8]) -> Result<Answer, ResponseError> {
    let dict = bencode::parse_any_order(body)?.as_dict().ok_or(ResponseError::NoDict)?;
    if let Some(reason) = dict.get("failure reason") {
        return Err(ResponseError::Refused(words(reason)));
    }
    let interval = seconds(dict, "interval")?.ok_or(ResponseError::Missing { key: "interval" })?;
    let mut peers = Peers::default();
    let well = match dict.get("peers") {
        None => true,
        Some(Value::Bytes(packed)) => compact_v4(packed, &mut peers),
        Some(Value::List(list)) => list.iter().all(|peer| peer_dict(peer, &mut peers)),
        Some(_) => false,
    };
    if !well {
        return Err(ResponseError::Malformed { key: "peers" });
    }
    let packed = dict.get("peers6").map_or(Some(&[][..]), Value::as_bytes);
    if !packed.is_some_and(|packed| compact_v6(packed, &mut peers)) {
        return Err(ResponseError::Malformed { key: "peers6" });
    }
    let response = AnnounceResponse {
        interval,
        min_interval: seconds(dict, "min interval")?,
        peers: peers.into_vec(),
        seeders: counter(dict, "complete"),
        leechers: counter(dict, "incomplete"),
        inventories: Vec::new(),
    };
    Ok(Answer { response, warning: dict.get("warning message").map(words) })
}

/// Reads the body of an answer to a scrape.
///
/// # Errors
/// When it cannot be read, or refuses.
pub fn parse_scrape_response(body: &[u8]) -> Result<Vec<(InfoHash, Scrape)>, ResponseError> {
    let dict = bencode::parse_any_order(body)?.as_dict().ok_or(ResponseError::NoDict)?;
    if let Some(reason) = dict.get("failure reason") {
        return Err(ResponseError::Refused(words(reason)));
    }
    let files = dict.get("files").ok_or(ResponseError::Missing { key: "files" })?;
    let files = files.as_dict().ok_or(ResponseError::Malformed { key: "files" })?;
    let entry = |(key, value): (&[u8], Value<'_>)| {
        let info_hash = InfoHash(key.try_into().ok()?);
        let file = value.as_dict()?;
        let (seeders, leechers) = (counter(file, "complete"), counter(file, "incomplete"));
        // A tracker that does not tell partial seeds says nothing of those who are none.
        let downloaders = file.get("downloaders").map_or(leechers, |_| counter(file, "downloaders"));
        let downloaded = counter(file, "downloaded").into();
        Some((info_hash, Scrape { seeders, leechers, downloaders, downloaded }))
    };
    let entries: Option<Vec<_>> = files.iter().take(MAX_FILES).map(entry).collect();
    entries.ok_or(ResponseError::Malformed { key: "files" })
}

/// A number of seconds, when it is there.
fn seconds(dict: Dict<'_>, key: &'static str) -> Result<Option<Duration>, ResponseError> {
    let Some(value) = dict.get(key) else { return Ok(None) };
    let seconds = value.as_integer().and_then(|seconds| u64::try_from(seconds).ok());
    seconds.map(|seconds| Some(Duration::from_secs(seconds))).ok_or(ResponseError::Malformed { key })
}

/// A counter; 0 when it is not said, or is nonsense: nothing depends on it.
fn counter(dict: Dict<'_>, key: &str) -> u32 {
    let number = dict.get(key).and_then(Value::as_integer).unwrap_or(0);
    u32::try_from(number.max(0)).unwrap_or(u32::MAX)
}

fn words(value: Value<'_>) -> String {
    let bytes = value.as_bytes().unwrap_or_default();
    String::from_utf8_lossy(bytes.get(..MAX_WORDS).unwrap_or(bytes)).into_owned()
}

/// A peer as BEP 3 has it. One with a name in place of an address, or a port that there is not, is left out.
fn peer_dict(peer: Value<'_>, peers: &mut Peers) -> bool {
    let Some(dict) = peer.as_dict() else { return false };
    let (Some(ip), Some(port)) =
        (dict.get("ip").and_then(Value::as_bytes), dict.get("port").and_then(Value::as_integer))
    else {
        return false;
    };
    let ip = str::from_utf8(ip).ok().and_then(|ip| ip.parse::<IpAddr>().ok());
    if let (Some(ip), Ok(port)) = (ip, u16::try_from(port)) {
        peers.push(SocketAddr::new(ip.to_canonical(), port));
    }
    true
}

//! Query strings: what follows the `?`.

use crate::announce::{AnnounceEvent, AnnounceRequest, Totals};
use crate::id::{InfoHash, PeerId};
use crate::tracker::{DEFAULT_NUMWANT, Query};

/// Most swarms in one scrape. As many as over UDP.
pub const MAX_SCRAPE: usize = 74;

/// A query that cannot be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum QueryError {
    /// A key that has to be there.
    #[error("{key} is missing")]
    Missing {
        /// The key.
        key: &'static str,
    },
    /// A key that is there twice, so that nobody knows which is meant.
    #[error("{key} is there twice")]
    Twice {
        /// The key.
        key: &'static str,
    },
    /// A `%` without two hexadecimal digits.
    #[error("{key} has a broken escape")]
    Escape {
        /// The key.
        key: &'static str,
    },
    /// An info-hash or a peer id of another length than 20 bytes.
    #[error("{key} has {len} bytes, not 20")]
    Length {
        /// The key.
        key: &'static str,
        /// Its bytes; counting ends at 21.
        len: usize,
    },
    /// No number, or one that is out of range.
    #[error("{key} is not a number that it can be")]
    Number {
        /// The key.
        key: &'static str,
    },
    /// An event that nobody knows.
    #[error("unknown event")]
    Event,
    /// More than [`MAX_SCRAPE`] swarms.
    #[error("more than {MAX_SCRAPE} swarms in one scrape")]
    TooMany,
}

/// Reads the query of an announce. `port` is not 0.
///
/// # Errors
/// When something is missing or malformed. `info_hash`, `peer_id`, `port` and `left` have to be there.
pub fn parse_announce(query: &[u8]) -> Result<Query, QueryError> {
    let (mut info_hash, mut peer_id, mut port, mut left) = (None, None, None, None);
    let (mut uploaded, mut downloaded, mut numwant, mut event) = (None, None, None, None);
    for (key, value) in pairs(query) {
        match key {
            b"info_hash" => once("info_hash", &mut info_hash, twenty("info_hash", value)?)?,
            b"peer_id" => once("peer_id", &mut peer_id, twenty("peer_id", value)?)?,
            b"port" => once("port", &mut port, number("port", value)?)?,
            b"left" => once("left", &mut left, number("left", value)?)?,
            b"uploaded" => once("uploaded", &mut uploaded, number("uploaded", value)?)?,
            b"downloaded" => once("downloaded", &mut downloaded, number("downloaded", value)?)?,
            b"numwant" => once("numwant", &mut numwant, wanted(value)?)?,
            b"event" => once("event", &mut event, parse_event(value)?)?,
            _ => {}
        }
    }
    let missing = |key| QueryError::Missing { key };
    let port = port.ok_or(missing("port"))?;
    Ok(Query {
        info_hash: InfoHash(info_hash.ok_or(missing("info_hash"))?),
        peer_id: PeerId(peer_id.ok_or(missing("peer_id"))?),
        port: u16::try_from(port).ok().filter(|&port| port != 0).ok_or(QueryError::Number { key: "port" })?,
        key: 0,
        request: AnnounceRequest::plain(
            event.unwrap_or(AnnounceEvent::None),
            Totals {
                uploaded: uploaded.unwrap_or(0),
                downloaded: downloaded.unwrap_or(0),
                left: left.ok_or(missing("left"))?,
            },
            numwant.unwrap_or(DEFAULT_NUMWANT),
        ),
    })
}

/// Reads the query of a scrape: the swarms, none when all are asked for.
///
/// # Errors
/// When an info-hash is malformed, or there are too many.
pub fn parse_scrape(query: &[u8]) -> Result<Vec<InfoHash>, QueryError> {
    let mut swarms = Vec::new();
    for (_, value) in pairs(query).filter(|(key, _)| *key == b"info_hash") {
        if swarms.len() == MAX_SCRAPE {
            return Err(QueryError::TooMany);
        }
        swarms.push(InfoHash(twenty("info_hash", value)?));
    }
    Ok(swarms)
}

/// Appends the query of an announce, in the order of keys that clients of the field have.
pub fn announce_query(query: &Query, out: &mut String) {
    let Query { info_hash, peer_id, port, key, request } = query;
    let AnnounceRequest { event, uploaded, downloaded, left, numwant, .. } = request;
    out.push_str("info_hash=");
    escape(&info_hash.0, out);
    out.push_str("&peer_id=");
    escape(&peer_id.0, out);
    let numbers = format!(
        "&port={port}&uploaded={uploaded}&downloaded={downloaded}&left={left}&compact=1&numwant={numwant}&key={key:08x}"
    );
    out.push_str(&numbers);
    out.push_str(match event {
        AnnounceEvent::None => "",
        AnnounceEvent::Paused => "&event=paused",
        AnnounceEvent::Started => "&event=started",
        AnnounceEvent::Completed => "&event=completed",
        AnnounceEvent::Stopped => "&event=stopped",
    });
}

/// Appends the query of a scrape.
pub fn scrape_query(swarms: &[InfoHash], out: &mut String) {
    for (at, swarm) in swarms.iter().enumerate() {
        out.push_str(if at == 0 { "info_hash=" } else { "&info_hash=" });
        escape(&swarm.0, out);
    }
}

fn pairs(query: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    query.split(|&byte| byte == b'&').map(|pair| {
        let mut parts = pair.splitn(2, |&byte| byte == b'=');
        (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
    })
}

fn once<T>(key: &'static str, place: &mut Option<T>, value: T) -> Result<(), QueryError> {
    if place.replace(value).is_some() { Err(QueryError::Twice { key }) } else { Ok(()) }
}

/// The bytes of a value. `+` stands for itself, as in the URLs of RFC 1738 that BEP 3 refers to.
fn decoded<'a>(key: &'static str, value: &'a [u8]) -> impl Iterator<Item = Result<u8, QueryError>> + use<'a> {
    let mut rest = value;
    core::iter::from_fn(move || match rest {
        [] => None,
        [b'%', high, low, after @ ..] => {
            rest = after;
            Some(
                hex(*high)
                    .zip(hex(*low))
                    .map(|(high, low)| high << 4 | low)
                    .ok_or(QueryError::Escape { key }),
            )
        }
        [b'%', ..] => {
            rest = &[];
            Some(Err(QueryError::Escape { key }))
        }
        [byte, after @ ..] => {
            rest = after;
            Some(Ok(*byte))
        }
    })
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

fn twenty(key: &'static str, value: &[u8]) -> Result<[u8; 20], QueryError> {
    let mut bytes = [0; 20];
    let mut source = decoded(key, value);
    for (len, place) in bytes.iter_mut().enumerate() {
        *place = source.next().ok_or(QueryError::Length { key, len })??;
    }
    match source.next() {
        None => Ok(bytes),
        Some(Ok(_)) => Err(QueryError::Length { key, len: 21 }),
        Some(Err(error)) => Err(error),
    }
}

fn number(key: &'static str, value: &[u8]) -> Result<u64, QueryError> {
    let mut number = None;
    for byte in decoded(key, value) {
        let digit = Some(byte?).filter(u8::is_ascii_digit).map(|byte| u64::from(byte & 0x0f));
        let longer = number.unwrap_or(0_u64).checked_mul(10).zip(digit);
        let longer = longer.and_then(|(number, digit)| number.checked_add(digit));
        number = Some(longer.ok_or(QueryError::Number { key })?);
    }
    number.ok_or(QueryError::Number { key })
}

/// Less than none leaves it to the tracker.
fn wanted(value: &[u8]) -> Result<u32, QueryError> {
    match value {
        [] => Ok(DEFAULT_NUMWANT),
        [b'-', rest @ ..] => number("numwant", rest).map(|_| DEFAULT_NUMWANT),
        _ => number("numwant", value).map(|number| u32::try_from(number).unwrap_or(u32::MAX)),
    }
}

fn parse_event(value: &[u8]) -> Result<AnnounceEvent, QueryError> {
    match value {
        b"started" => Ok(AnnounceEvent::Started),
        b"completed" => Ok(AnnounceEvent::Completed),
        b"stopped" => Ok(AnnounceEvent::Stopped),
        b"paused" => Ok(AnnounceEvent::Paused),
        b"" | b"empty" => Ok(AnnounceEvent::None),
        _ => Err(QueryError::Event),
    }
}

/// Everything but letters, digits and `-._~` (RFC 3986, unreserved) is escaped.
fn escape(bytes: &[u8], out: &mut String) {
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte.into());
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 0x0f] {
                out.extend(char::from_digit(digit.into(), 16).map(|digit| digit.to_ascii_uppercase()));
            }
        }
    }
}

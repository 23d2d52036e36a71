//! What clients send.

use super::{ANNOUNCE, CONNECT, MAX_SCRAPE, PROTOCOL, Reader, SCRAPE};
use crate::announce::{AnnounceEvent, AnnounceRequest, Totals};
use crate::id::{InfoHash, PeerId};
use crate::tracker::{DEFAULT_NUMWANT, Query};

/// Bytes of connection id, action and transaction id, with which every request begins.
const HEADER: usize = 16;
/// BEP 41: nothing follows.
const END: u8 = 0;
/// BEP 41: one byte of nothing.
const NOP: u8 = 1;
/// BEP 41: a length in one byte, and so many bytes of the path and query of the tracker's URL.
const URL_DATA: u8 = 2;

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UdpRequest {
    /// Asks for a connection id.
    Connect {
        /// Comes back in the answer, as with the others.
        transaction: u32,
    },
    /// Announces.
    Announce {
        /// The id that was given.
        connection: u64,
        /// Comes back in the answer.
        transaction: u32,
        /// What is announced. The address that BEP 15 allows to name is not read: nobody speaks for others.
        query: Query,
    },
    /// Asks for counters.
    Scrape {
        /// The id that was given.
        connection: u64,
        /// Comes back in the answer.
        transaction: u32,
        /// Of which swarms, at most [`MAX_SCRAPE`].
        swarms: Vec<InfoHash>,
    },
}

/// A datagram that is no request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Too short for what it says it is.
    #[error("a datagram of {len} bytes is too short")]
    Short {
        /// Its length.
        len: usize,
    },
    /// Neither connect, announce nor scrape, or a connect with another protocol's number.
    #[error("unknown action {action}")]
    Action {
        /// The number.
        action: u32,
    },
    /// An event that BEP 15 does not have.
    #[error("unknown event {event}")]
    Event {
        /// The number.
        event: u32,
    },
    /// A scrape of nothing, of too much, or of a part of an info-hash.
    #[error("a scrape cannot have {len} bytes of info-hashes")]
    Scrape {
        /// Bytes after the header.
        len: usize,
    },
    /// Options that end within one, or one that BEP 41 does not have.
    #[error("the options are malformed")]
    Options,
}

impl UdpRequest {
    /// Reads a datagram.
    ///
    /// # Errors
    /// When it is no request. A connect may be followed by anything.
    pub fn parse(datagram: &[u8]) -> Result<Self, RequestError> {
        let mut reader = Reader(datagram);
        Self::read(&mut reader).unwrap_or(Err(RequestError::Short { len: datagram.len() }))
    }

    /// `None` where the datagram ends too early.
    fn read(reader: &mut Reader<'_>) -> Option<Result<Self, RequestError>> {
        let (connection, action, transaction) = (reader.u64()?, reader.u32()?, reader.u32()?);
        Some(match action {
            CONNECT if connection == PROTOCOL => Ok(Self::Connect { transaction }),
            ANNOUNCE => {
                let query = match announce(reader)? {
                    Ok(query) => query,
                    Err(error) => return Some(Err(error)),
                };
                url_data(reader.0).map(|_| Self::Announce { connection, transaction, query })
            }
            SCRAPE => {
                let (hashes, rest) = reader.0.as_chunks();
                if hashes.is_empty() || hashes.len() > MAX_SCRAPE || !rest.is_empty() {
                    return Some(Err(RequestError::Scrape { len: reader.0.len() }));
                }
                let swarms = hashes.iter().copied().map(InfoHash).collect();
                Ok(Self::Scrape { connection, transaction, swarms })
            }
            action => Err(RequestError::Action { action }),
        })
    }

    /// The datagram. `path` is what follows host and port in the tracker's URL: it goes along with an announce (BEP 41).
    pub fn to_bytes(&self, path: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        let mut header = |connection: u64, action: u32, transaction: u32| {
            out.extend_from_slice(&connection.to_be_bytes());
            out.extend_from_slice(&action.to_be_bytes());
            out.extend_from_slice(&transaction.to_be_bytes());
        };
        match self {
            Self::Connect { transaction } => header(PROTOCOL, CONNECT, *transaction),
            Self::Announce { connection, transaction, query } => {
                header(*connection, ANNOUNCE, *transaction);
                write_announce(query, &mut out);
                for part in path.chunks(usize::from(u8::MAX)) {
                    out.extend_from_slice(&[URL_DATA, u8::try_from(part.len()).unwrap_or(u8::MAX)]);
                    out.extend_from_slice(part);
                }
            }
            Self::Scrape { connection, transaction, swarms } => {
                header(*connection, SCRAPE, *transaction);
                for swarm in swarms {
                    out.extend_from_slice(&swarm.0);
                }
            }
        }
        out
    }

    /// The transaction id of a datagram that may not be a request otherwise.
    pub(super) fn transaction(datagram: &[u8]) -> Option<u32> {
        let transaction = datagram.get(..HEADER)?.last_chunk()?;
        Some(u32::from_be_bytes(*transaction))
    }
}

/// BEP 15 has no number for BEP 21's event; this is the one that libtorrent sends.
const PAUSED: u32 = 4;

fn announce(reader: &mut Reader<'_>) -> Option<Result<Query, RequestError>> {
    let (info_hash, peer_id) = (InfoHash(reader.bytes()?), PeerId(reader.bytes()?));
    let (downloaded, left, uploaded) = (reader.u64()?, reader.u64()?, reader.u64()?);
    let (event, _address, key) = (reader.u32()?, reader.u32()?, reader.u32()?);
    let (numwant, port) = (reader.u32()?, reader.u16()?);
    let event = match event {
        0 => AnnounceEvent::None,
        1 => AnnounceEvent::Completed,
        2 => AnnounceEvent::Started,
        3 => AnnounceEvent::Stopped,
        PAUSED => AnnounceEvent::Paused,
        event => return Some(Err(RequestError::Event { event })),
    };
    // A signed number: who asks for less than none leaves it to the tracker.
    let numwant = if numwant > i32::MAX.cast_unsigned() { DEFAULT_NUMWANT } else { numwant };
    let request = AnnounceRequest::plain(event, Totals { uploaded, downloaded, left }, numwant);
    Some(Ok(Query { info_hash, peer_id, port, key, request }))
}

fn write_announce(query: &Query, out: &mut Vec<u8>) {
    let AnnounceRequest { event, uploaded, downloaded, left, numwant, .. } = query.request;
    let event: u32 = match event {
        // Who goes by BEP 15 alone might refuse what it does not have.
        AnnounceEvent::None | AnnounceEvent::Paused => 0,
        AnnounceEvent::Completed => 1,
        AnnounceEvent::Started => 2,
        AnnounceEvent::Stopped => 3,
    };
    out.extend_from_slice(&query.info_hash.0);
    out.extend_from_slice(&query.peer_id.0);
    for number in [downloaded, left, uploaded] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    let this_address = 0;
    for number in [event, this_address, query.key, numwant.min(i32::MAX.cast_unsigned())] {
        out.extend_from_slice(&number.to_be_bytes());
    }
    out.extend_from_slice(&query.port.to_be_bytes());
}

/// The path and query of the URL that the client has, out of the options that follow an announce (BEP 41).
fn url_data(mut options: &[u8]) -> Result<Vec<u8>, RequestError> {
    let mut data = Vec::new();
    loop {
        match options {
            [] | [END, ..] => return Ok(data),
            [NOP, rest @ ..] => options = rest,
            [URL_DATA, len, rest @ ..] => {
                let (part, rest) = rest.split_at_checked(usize::from(*len)).ok_or(RequestError::Options)?;
                data.extend_from_slice(part);
                options = rest;
            }
            _ => return Err(RequestError::Options),
        }
    }
}

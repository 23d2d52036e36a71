//! What trackers answer.

use core::net::SocketAddr;
use core::time::Duration;

use super::{ANNOUNCE, CONNECT, ERROR, Reader, SCRAPE};
use crate::announce::AnnounceResponse;
use crate::tracker::peers::{Peers, compact_v4, compact_v6};
use crate::tracker::{Family, Scrape};

/// Bytes of a tracker's words that are kept.
const MAX_WORDS: usize = 512;

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UdpResponse {
    /// A connection id.
    Connect {
        /// The id to show in what follows.
        connection: u64,
    },
    /// The answer to an announce.
    Announce(AnnounceResponse<SocketAddr>),
    /// Counters, in the order in which they were asked for.
    Scrape(Vec<Scrape>),
    /// The tracker refuses, with its own words.
    Error(String),
}

/// A datagram that is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResponseError {
    /// Too short, or it ends within a peer or a counter.
    #[error("an answer cannot have {len} bytes")]
    Length {
        /// Its length.
        len: usize,
    },
    /// An action that BEP 15 does not have.
    #[error("unknown action {action}")]
    Action {
        /// The number.
        action: u32,
    },
    /// A tracker that wants to be asked again in the past.
    #[error("the interval is {seconds} seconds")]
    Interval {
        /// The number.
        seconds: i32,
    },
}

impl UdpResponse {
    /// Reads a datagram that came over `family`: with its transaction id.
    ///
    /// # Errors
    /// When it is no answer.
    pub fn parse(datagram: &[u8], family: Family) -> Result<(u32, Self), ResponseError> {
        let length = ResponseError::Length { len: datagram.len() };
        let mut reader = Reader(datagram);
        let (action, transaction) = reader.u32().zip(reader.u32()).ok_or(length)?;
        let response = match action {
            CONNECT => Self::Connect { connection: reader.u64().ok_or(length)? },
            ANNOUNCE => Self::Announce(announce(&mut reader, family).unwrap_or(Err(length))?),
            SCRAPE => {
                let (counters, []) = reader.0.as_chunks::<12>() else { return Err(length) };
                Self::Scrape(counters.iter().filter_map(|counters| scrape(Reader(counters))).collect())
            }
            ERROR => {
                let words = reader.0.get(..MAX_WORDS).unwrap_or(reader.0);
                Self::Error(String::from_utf8_lossy(words).into_owned())
            }
            action => return Err(ResponseError::Action { action }),
        };
        Ok((transaction, response))
    }
}

fn announce(
    reader: &mut Reader<'_>,
    family: Family,
) -> Option<Result<AnnounceResponse<SocketAddr>, ResponseError>> {
    let (interval, leechers, seeders) = (reader.u32()?, reader.u32()?, reader.u32()?);
    let Ok(seconds) = u32::try_from(interval.cast_signed()) else {
        return Some(Err(ResponseError::Interval { seconds: interval.cast_signed() }));
    };
    let mut peers = Peers::default();
    let whole = match family {
        Family::V4 => compact_v4(reader.0, &mut peers),
        Family::V6 => compact_v6(reader.0, &mut peers),
    };
    if !whole {
        return None;
    }
    let interval = Duration::from_secs(seconds.into());
    Some(Ok(AnnounceResponse {
        interval,
        min_interval: None,
        peers: peers.into_vec(),
        seeders,
        leechers,
        inventories: Vec::new(),
    }))
}

fn scrape(mut counters: Reader<'_>) -> Option<Scrape> {
    let (seeders, downloaded, leechers) = (counters.u32()?, counters.u32()?, counters.u32()?);
    // BEP 15 does not tell partial seeds.
    Some(Scrape { seeders, leechers, downloaders: leechers, downloaded: downloaded.into() })
}

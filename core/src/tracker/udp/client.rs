//! The client's side of one announce or scrape.

use core::net::SocketAddr;
use core::time::Duration;

use super::{ResponseError, UdpRequest, UdpResponse};
use crate::announce::AnnounceResponse;
use crate::rng::Rng;
use crate::time::{Instant, nanos};
use crate::tracker::{Family, Query};

/// A request is sent again after this, then after twice this, and so on (BEP 15).
const FIRST_WAIT: Duration = Duration::from_secs(15);
/// Each request is sent so often at most. BEP 15 would go on for hours; there are other trackers.
const MAX_TRIES: u32 = 2;

/// Why an exchange came to nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UdpTrackerError {
    /// No answer came.
    #[error("no answer")]
    Silent,
    /// The tracker refused, with its own words.
    #[error("refused: {0}")]
    Refused(String),
    /// An answer with our transaction id cannot be read.
    #[error("malformed answer: {0}")]
    Malformed(#[from] ResponseError),
    /// An answer with our transaction id is one to another question.
    #[error("an answer to another question")]
    Unasked,
}

/// One announce: the connection id is asked for, then shown.
///
/// After each call, send what [`poll_transmit`](Self::poll_transmit) gives, and call it again at
/// [`poll_timeout`](Self::poll_timeout). Datagrams from other addresses than the tracker's are to be kept away.
#[derive(Debug)]
pub struct Exchange {
    query: Query,
    path: Vec<u8>,
    family: Family,
    rng: Rng,
    connection: Option<u64>,
    transaction: u32,
    /// How often the request under way was sent.
    tries: u32,
    due: Instant,
}

impl Exchange {
    /// An announce to a tracker that is spoken to over `family`. `path` is what follows host and port in its URL.
    /// Transaction ids are drawn from `rng`, which must be one that nobody else can foresee.
    pub fn announce(now: Instant, query: Query, path: &str, family: Family, mut rng: Rng) -> Self {
        let transaction = transaction(&mut rng);
        Self { query, path: path.into(), family, rng, connection: None, transaction, tries: 0, due: now }
    }

    /// The datagram to send now, if one is due.
    ///
    /// # Errors
    /// When the last one was sent often enough.
    pub fn poll_transmit(&mut self, now: Instant) -> Result<Option<Vec<u8>>, UdpTrackerError> {
        if now < self.due {
            return Ok(None);
        }
        if self.tries >= MAX_TRIES {
            return Err(UdpTrackerError::Silent);
        }
        self.due = now.after_nanos(nanos(FIRST_WAIT.saturating_mul(1 << self.tries)));
        self.tries = self.tries.saturating_add(1);
        let transaction = self.transaction;
        let request = match self.connection {
            None => UdpRequest::Connect { transaction },
            Some(connection) => UdpRequest::Announce { connection, transaction, query: self.query.clone() },
        };
        Ok(Some(request.to_bytes(&self.path)))
    }

    /// When [`poll_transmit`](Self::poll_transmit) is to be called again.
    pub const fn poll_timeout(&self) -> Instant {
        self.due
    }

    /// A datagram has come from the tracker's address. The answer, once it is there; what carries another transaction id is
    /// late or not ours, and is ignored.
    ///
    /// # Errors
    /// When it refuses us, or makes no sense.
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        datagram: &[u8],
    ) -> Result<Option<AnnounceResponse<SocketAddr>>, UdpTrackerError> {
        let ours =
            datagram.get(4..8).is_some_and(|transaction| transaction == self.transaction.to_be_bytes());
        if !ours {
            return Ok(None);
        }
        let (_, response) = UdpResponse::parse(datagram, self.family)?;
        match (response, self.connection) {
            (UdpResponse::Connect { connection }, None) => {
                self.connection = Some(connection);
                self.transaction = transaction(&mut self.rng);
                (self.tries, self.due) = (0, now);
                Ok(None)
            }
            (UdpResponse::Announce(response), Some(_)) => Ok(Some(response)),
            (UdpResponse::Error(words), _) => Err(UdpTrackerError::Refused(words)),
            _ => Err(UdpTrackerError::Unasked),
        }
    }
}

fn transaction(rng: &mut Rng) -> u32 {
    u32::try_from(rng.next_u64() >> 32).unwrap_or_default()
}

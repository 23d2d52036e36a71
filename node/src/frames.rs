//! Questions that come in frames, and how fast they have to.
//!
//! A question that has begun has to arrive, and an answer has to be taken, at a speed that any local network has. Of long ones,
//! which are metainfo, only a few are under way at the same time.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use minibit_core::tracker::json::{self, CommandError, MAX_FRAME, MAX_SMALL_FRAME};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, error::Elapsed, timeout, timeout_at};

use crate::limits::{COMMAND_TIMEOUT, LARGE_FRAME_WAIT, LEAST_COMMAND_RATE};
use crate::registry::Registry;

/// Why a connection ends before it was closed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Ending {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("too slow")]
    Slow(#[from] Elapsed),
    #[error(transparent)]
    Senseless(#[from] CommandError),
}

/// What bounds the frames of all connections.
#[derive(Clone, Debug)]
pub(crate) struct Frames {
    large: Arc<Semaphore>,
    /// The longest one.
    longest: u32,
}

impl Frames {
    /// Of a registry: long ones are for those who register, where that is done.
    pub(crate) fn of(registry: &Registry) -> Self {
        let longest = if registry.is_open() { MAX_FRAME } else { MAX_SMALL_FRAME };
        Self { large: registry.large_frames(), longest }
    }

    /// The next frame, and its place if it is long; `None` at the end of the connection. Before it begins there may be silence for
    /// so long. Dropped before it has ended, it has lost nothing.
    pub(crate) async fn receive(
        &self,
        stream: &mut TcpStream,
        buffer: &mut BytesMut,
        idle: Duration,
    ) -> Result<Option<(Bytes, Option<OwnedSemaphorePermit>)>, Ending> {
        if buffer.is_empty() && timeout(idle, stream.read_buf(buffer)).await?? == 0 {
            return Ok(None);
        }
        let start = Instant::now();
        let len = loop {
            match json::frame_len(buffer, self.longest)? {
                Some(len) => break len,
                None => read_more(stream, buffer, start).await?,
            }
        };
        let place = self.place(len > MAX_SMALL_FRAME as usize).await?;
        let start = Instant::now();
        loop {
            match json::take_frame(buffer, self.longest)? {
                Some(frame) => return Ok(Some((frame, place))),
                None => read_more(stream, buffer, start).await?,
            }
        }
    }

    /// A place among the long ones, for one that is.
    pub(crate) async fn place(&self, is_long: bool) -> Result<Option<OwnedSemaphorePermit>, Elapsed> {
        if !is_long {
            return Ok(None);
        }
        let place = timeout(LARGE_FRAME_WAIT, Arc::clone(&self.large).acquire_owned()).await?;
        Ok(Some(place.expect("nobody closes it")))
    }
}

/// Sends an answer.
pub(crate) async fn send(stream: &mut TcpStream, answer: &[u8]) -> Result<(), Ending> {
    Ok(timeout(patience(answer.len()), stream.write_all(answer)).await??)
}

/// Reads what there is of a question that began to arrive at `start`. Who sends nothing, or drips, is let go early: the more has
/// come, the longer it may have taken.
pub(crate) async fn read_more(
    stream: &mut TcpStream,
    buffer: &mut BytesMut,
    start: Instant,
) -> Result<(), Ending> {
    match timeout_at(start + patience(buffer.len()), stream.read_buf(buffer)).await?? {
        0 => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
        _ => Ok(()),
    }
}

/// How long so many bytes may take.
fn patience(len: usize) -> Duration {
    COMMAND_TIMEOUT + Duration::from_millis((len / (LEAST_COMMAND_RATE / 1000)) as u64)
}

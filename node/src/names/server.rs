//! Answering commands. Each connection has a task of its own, so a slow one keeps nobody waiting.
//!
//! A connection asks one thing after the other. It may be silent between two commands for a while, but a command that has begun
//! has to arrive, and an answer has to be taken, at a speed that any local network has. Of long ones, which are metainfo, only a
//! few are under way at the same time. What cannot be understood is answered with the reason, and then the connection ends.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use minibit_core::tracker::json::{self, Answer, Command, CommandError, MAX_FRAME, MAX_SMALL_FRAME, Refusal};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, error::Elapsed, timeout, timeout_at};

use crate::limits::{
    COMMAND_IDLE, COMMAND_TIMEOUT, COMMANDS_PER_CONNECTION, COMMON_ANSWER, LARGE_FRAME_WAIT, LAST_WORDS,
    LEAST_COMMAND_RATE,
};
use crate::registry::{Registry, lock};

/// Why a connection ends before it was closed.
#[derive(Debug, thiserror::Error)]
enum Ending {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("too slow")]
    Slow(#[from] Elapsed),
    #[error(transparent)]
    Senseless(#[from] CommandError),
}

/// Answers the commands of a connection, of which `prefix` was read already, until it ends.
pub(crate) async fn serve(
    mut stream: TcpStream,
    prefix: BytesMut,
    peer: SocketAddr,
    registry: Arc<Mutex<Registry>>,
) {
    let Ok(local) = stream.local_addr() else { return };
    let (large, is_open) = {
        let registry = lock(&registry);
        (registry.large_frames(), registry.is_open())
    };
    let longest = if is_open { MAX_FRAME } else { MAX_SMALL_FRAME };
    let conversation = Conversation { registry, large, longest, ends: (peer.ip(), local.ip()) };
    if let Err(Ending::Senseless(error)) = conversation.run(&mut stream, prefix).await {
        let answer = Answer::Error(Refusal::BadRequest, error.to_string());
        let _nobody_listens = conversation.send(&mut stream, &answer).await;
        // What was not read would turn the close into a reset, which takes the answer along.
        let _closed = stream.shutdown().await;
        let mut rest = [0; 1024];
        let drain = async { while matches!(stream.read(&mut rest).await, Ok(1..)) {} };
        let _gone = timeout(LAST_WORDS, drain).await;
    }
}

struct Conversation {
    registry: Arc<Mutex<Registry>>,
    large: Arc<Semaphore>,
    /// The longest command.
    longest: u32,
    ends: (IpAddr, IpAddr),
}

impl Conversation {
    async fn run(&self, stream: &mut TcpStream, mut buffer: BytesMut) -> Result<(), Ending> {
        for _ in 0..COMMANDS_PER_CONNECTION {
            let Some((frame, place)) = self.receive(stream, &mut buffer).await? else { return Ok(()) };
            let command = Command::parse(&frame)?;
            if frame.len() > MAX_SMALL_FRAME as usize && !matches!(command, Command::Register(_)) {
                let len = u32::try_from(frame.len()).unwrap_or(u32::MAX);
                return Err(CommandError::Length { len, max: MAX_SMALL_FRAME }.into());
            }
            drop(frame);
            let answer = lock(&self.registry).handle(self.ends.0, self.ends.1, command);
            drop(place);
            self.send(stream, &answer).await?;
            // Commands that are all here already do not wait for anything; others have their turn now.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    /// The next command, and its place if it is long; `None` at the end of the connection.
    async fn receive(
        &self,
        stream: &mut TcpStream,
        buffer: &mut BytesMut,
    ) -> Result<Option<(Bytes, Option<OwnedSemaphorePermit>)>, Ending> {
        if buffer.is_empty() && timeout(COMMAND_IDLE, stream.read_buf(buffer)).await?? == 0 {
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

    async fn send(&self, stream: &mut TcpStream, answer: &Answer) -> Result<(), Ending> {
        let is_long = matches!(answer, Answer::Metainfo { metainfo, .. } if metainfo.len() > COMMON_ANSWER);
        let _place = self.place(is_long).await?;
        let mut frame = BytesMut::new();
        answer.encode(&mut frame);
        Ok(timeout(patience(frame.len()), stream.write_all(&frame)).await??)
    }

    async fn place(&self, is_long: bool) -> Result<Option<OwnedSemaphorePermit>, Elapsed> {
        if !is_long {
            return Ok(None);
        }
        let place = timeout(LARGE_FRAME_WAIT, Arc::clone(&self.large).acquire_owned()).await?;
        Ok(Some(place.expect("nobody closes it")))
    }
}

/// Reads what there is of a command that began to arrive at `start`. Who sends nothing, or drips, is let go early: the more has
/// come, the longer it may have taken.
async fn read_more(stream: &mut TcpStream, buffer: &mut BytesMut, start: Instant) -> Result<(), Ending> {
    match timeout_at(start + patience(buffer.len()), stream.read_buf(buffer)).await?? {
        0 => Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
        _ => Ok(()),
    }
}

/// How long so many bytes may take.
fn patience(len: usize) -> Duration {
    COMMAND_TIMEOUT + Duration::from_millis((len / (LEAST_COMMAND_RATE / 1000)) as u64)
}

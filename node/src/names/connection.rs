//! One connection to somebody who answers commands.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use minibit_core::tracker::json::{self, Answer, Command, CommandError, MAX_FRAME, Refusal};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;

use crate::limits::LONGEST_LIST;

/// Why there is no answer, or none that helps.
#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    /// Nobody can be reached there, or the connection broke.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// There was no answer in time.
    #[error("no answer within {}", humantime::format_duration(*.0))]
    Silent(Duration),
    /// What came is no answer.
    #[error("the answer makes no sense: {0}")]
    Senseless(#[from] CommandError),
    /// It is an answer to something else.
    #[error("the answer is to another question")]
    OtherQuestion,
    /// The answer is no.
    #[error("{1}")]
    Refused(Refusal, String),
}

/// Connects, asks, takes the answer and leaves.
pub(crate) async fn ask_host(
    (host, port): (&str, u16),
    command: &Command,
    patience: Duration,
) -> Result<Answer, AskError> {
    let conversation = async {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for addr in lookup_host((host, port)).await? {
            match TcpStream::connect(addr).await {
                Ok(stream) => return converse(stream, command).await,
                Err(error) => last = error,
            }
        }
        Err(last.into())
    };
    timeout(patience, conversation).await.unwrap_or(Err(AskError::Silent(patience)))
}

/// The same with an address that is known.
pub(crate) async fn ask(addr: SocketAddr, command: &Command, patience: Duration) -> Result<Answer, AskError> {
    let conversation = async { converse(TcpStream::connect(addr).await?, command).await };
    timeout(patience, conversation).await.unwrap_or(Err(AskError::Silent(patience)))
}

async fn converse(mut stream: TcpStream, command: &Command) -> Result<Answer, AskError> {
    let mut buffer = BytesMut::new();
    command.encode(&mut buffer);
    stream.set_nodelay(true)?;
    stream.write_all(&buffer).await?;
    buffer.clear();
    let longest = if matches!(command, Command::Metainfo { .. }) { MAX_FRAME } else { LONGEST_LIST };
    loop {
        if let Some(frame) = json::take_frame(&mut buffer, longest)? {
            return match Answer::parse(&frame)? {
                Answer::Error(refusal, message) => Err(AskError::Refused(refusal, message)),
                answer => Ok(answer),
            };
        }
        if stream.read_buf(&mut buffer).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
    }
}

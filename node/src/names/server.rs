//! Answering commands. Each connection has a task of its own, so a slow one keeps nobody waiting.
//!
//! A connection asks one thing after the other. It may be silent between two commands for a while. What cannot be understood is
//! answered with the reason, and then the connection ends.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use bytes::BytesMut;
use minibit_core::tracker::json::{Answer, Command, CommandError, MAX_SMALL_FRAME, Refusal};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::frames::{Ending, Frames, send};
use crate::limits::{COMMAND_IDLE, COMMANDS_PER_CONNECTION, COMMON_ANSWER, LAST_WORDS};
use crate::registry::{Registry, lock};

/// Answers the commands of a connection, of which `prefix` was read already, until it ends.
pub(crate) async fn serve(
    mut stream: TcpStream,
    prefix: BytesMut,
    peer: SocketAddr,
    registry: Arc<Mutex<Registry>>,
) {
    let Ok(local) = stream.local_addr() else { return };
    let frames = Frames::of(&lock(&registry));
    let conversation = Conversation { registry, frames, ends: (peer.ip(), local.ip()) };
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
    frames: Frames,
    ends: (IpAddr, IpAddr),
}

impl Conversation {
    async fn run(&self, stream: &mut TcpStream, mut buffer: BytesMut) -> Result<(), Ending> {
        for _ in 0..COMMANDS_PER_CONNECTION {
            let Some((frame, place)) = self.frames.receive(stream, &mut buffer, COMMAND_IDLE).await? else {
                return Ok(());
            };
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

    async fn send(&self, stream: &mut TcpStream, answer: &Answer) -> Result<(), Ending> {
        let is_long = matches!(answer, Answer::Metainfo { metainfo, .. } if metainfo.len() > COMMON_ANSWER);
        let _place = self.frames.place(is_long).await?;
        let mut frame = BytesMut::new();
        answer.encode(&mut frame);
        send(stream, &frame).await
    }
}

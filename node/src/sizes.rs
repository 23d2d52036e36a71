//! How long a file is: what a client of S4 asks before it asks for parts of it, on the same connection.
//!
//! Parts are the peer protocol's. So the lines up to the first that asks for bytes are answered here, and then the connection is
//! the engine's.

use bytes::{Buf as _, BytesMut};
use minibit_core::config::Encoding;
use minibit_core::tracker::systems::Opening;
use minibit_core::wire::text::MAX_LINE;
use minibit_core::wire::text::s4::{Line, size_answer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::engine::Handle;
use crate::limits::{COMMAND_IDLE, COMMAND_TIMEOUT, COMMANDS_PER_CONNECTION};
use crate::listener::Visitor;

/// Answers until bytes are asked for, nothing more comes, or a line makes no sense.
pub(crate) async fn serve_sizes(visitor: Visitor, engine: Handle) {
    let Visitor { mut stream, mut prefix, addr, place, .. } = visitor;
    if let Some(file) = answer_sizes(&mut stream, &mut prefix, &engine).await {
        let opening = Opening::Peer { encoding: Encoding::S4, info_hash: None, file: Some(file), port: None };
        engine.arrived(Visitor { stream, prefix, addr, opening, place }).await;
    }
}

/// Answers what asks for lengths; the file that bytes are asked for of in the end.
async fn answer_sizes(stream: &mut TcpStream, buffer: &mut BytesMut, engine: &Handle) -> Option<String> {
    for _ in 0..COMMANDS_PER_CONNECTION {
        let end = line_end(stream, buffer).await?;
        let file = match Line::parse(std::str::from_utf8(&buffer[..end]).ok()?).ok()? {
            Line::Get { file, .. } => return Some(file.into_owned()),
            Line::Size { file } => file.into_owned(),
        };
        buffer.advance(end + 1);
        let answer = size_answer(engine.length_of(file).await);
        timeout(COMMAND_TIMEOUT, stream.write_all(answer.as_bytes())).await.ok()?.ok()?;
    }
    None
}

/// Where the first line ends, as soon as all of it is there.
async fn line_end(stream: &mut TcpStream, buffer: &mut BytesMut) -> Option<usize> {
    loop {
        if let Some(end) = buffer.iter().position(|&byte| byte == b'\n') {
            return Some(end);
        }
        if buffer.len() >= MAX_LINE {
            return None;
        }
        let patience = if buffer.is_empty() { COMMAND_IDLE } else { COMMAND_TIMEOUT };
        if timeout(patience, stream.read_buf(buffer)).await.ok()?.ok()? == 0 {
            return None;
        }
    }
}

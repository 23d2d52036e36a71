//! A peer's messages on the connection over which it has registered: the trackers of S2 and S5 are peers themselves.
//!
//! The connection stays the desk's, which takes the tracker's questions out. What is left is one part of it, and has a stream of its
//! own to the engine; whole frames go either way, so that nobody's are torn apart by the other's.

use std::io;
use std::net::SocketAddr;

use bytes::{Buf as _, Bytes, BytesMut};
use minibit_core::config::Encoding;
use minibit_core::{InfoHash, wire};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};

use crate::engine;

/// Bytes that wait between the desk and the engine, each way.
const WAITING: usize = 64 * 1024;
/// The longest frame of a peer: a block in base64, and something around it.
const LONGEST: usize = wire::MAX_WHOLE_PIECE as usize / 3 * 4 + 1024;

/// What peers say to each other on a connection, as the engine sees it.
#[derive(Debug)]
pub(super) struct Part {
    stream: DuplexStream,
    /// Frames that the engine has begun to say.
    said: BytesMut,
}

impl Part {
    /// Lets the engine know of somebody at this address, who means this swarm; `None` when the engine has no part in it.
    pub(super) async fn begin(
        engine: &engine::Handle,
        addr: SocketAddr,
        system: Encoding,
        info_hash: InfoHash,
    ) -> Option<Self> {
        if !engine.takes_part(info_hash, system).await {
            return None;
        }
        let (stream, engines) = tokio::io::duplex(WAITING);
        engine.arrived_beside(engines, addr, system, info_hash).await;
        Some(Self { stream, said: BytesMut::new() })
    }

    /// Passes on what the peer says. An error when the engine has parted with it.
    pub(super) async fn hand_on(&mut self, frame: &Bytes) -> io::Result<()> {
        let len = u32::try_from(frame.len()).map_err(io::Error::other)?;
        self.stream.write_all(&len.to_be_bytes()).await?;
        self.stream.write_all(frame).await
    }

    /// The next frame that the engine says, with its length; `None` when it has parted with the peer. Dropped before it has ended,
    /// it has lost nothing.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(prefix) = self.said.first_chunk::<4>() {
                let len = u32::from_be_bytes(*prefix) as usize;
                if len > LONGEST {
                    return None;
                }
                if self.said.remaining() >= 4 + len {
                    return Some(self.said.split_to(4 + len).freeze());
                }
            }
            if self.stream.read_buf(&mut self.said).await.ok()? == 0 {
                return None;
            }
        }
    }
}

//! A peer's messages on the connection over which it has registered: the trackers of S2 and S5 are peers themselves.
//!
//! The connection stays the desk's, which takes the tracker's questions out. What is left is one part of it, and has a stream of its
//! own to the engine; whole frames go either way, so that nobody's are torn apart by the other's. The engine may take no more before
//! it has said something, so a frame for it never keeps one of its own waiting.

use std::net::SocketAddr;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use minibit_core::config::Encoding;
use minibit_core::{InfoHash, wire};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, ReadHalf, WriteHalf};

use crate::engine;

/// Bytes that wait between the desk and the engine, each way.
const WAITING: usize = 64 * 1024;
/// The longest frame of a peer: a block in base64, and something around it.
const LONGEST: usize = wire::MAX_WHOLE_PIECE as usize / 3 * 4 + 1024;

/// What peers say to each other on a connection, as the engine sees it.
#[derive(Debug)]
pub(super) struct Part {
    to_engine: WriteHalf<DuplexStream>,
    from_engine: ReadHalf<DuplexStream>,
    /// What is left of a frame that the engine has not taken yet.
    heard: BytesMut,
    /// Frames that the engine has begun to say.
    said: BytesMut,
}

/// What has happened.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// The engine has said this frame, its length included.
    Said(Bytes),
    /// It has taken what was handed on, and there is room for more.
    Heard,
    /// It has parted with the peer.
    Parted,
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
        Some(Self::over(stream))
    }

    fn over(stream: DuplexStream) -> Self {
        let (from_engine, to_engine) = tokio::io::split(stream);
        Self { to_engine, from_engine, heard: BytesMut::new(), said: BytesMut::new() }
    }

    /// Is there room for what the peer says next?
    pub(super) fn has_room(&self) -> bool {
        self.heard.is_empty()
    }

    /// Passes on what the peer says, with the [steps](Self::step) that follow.
    pub(super) fn hand_on(&mut self, frame: &[u8]) {
        self.heard.reserve(4 + frame.len());
        self.heard.put_u32(u32::try_from(frame.len()).expect("frames are bounded"));
        self.heard.put_slice(frame);
    }

    /// Waits for the next thing to happen. Dropped before it has, it has lost nothing.
    pub(super) async fn step(&mut self) -> Step {
        loop {
            if let Some(prefix) = self.said.first_chunk::<4>() {
                let len = u32::from_be_bytes(*prefix) as usize;
                if len > LONGEST {
                    return Step::Parted;
                }
                if self.said.remaining() >= 4 + len {
                    return Step::Said(self.said.split_to(4 + len).freeze());
                }
            }
            tokio::select! {
                taken = self.to_engine.write_buf(&mut self.heard), if !self.heard.is_empty() => {
                    if !taken.is_ok_and(|len| len > 0) {
                        return Step::Parted;
                    }
                    if self.heard.is_empty() {
                        return Step::Heard;
                    }
                }
                said = self.from_engine.read_buf(&mut self.said) => {
                    if !said.is_ok_and(|len| len > 0) {
                        return Step::Parted;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    fn frame(text: &[u8]) -> Bytes {
        [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text].concat().into()
    }

    /// An engine with a full queue of requests takes no more before blocks have left: neither may wait for the other. Time passes at
    /// once when they do.
    #[tokio::test(start_paused = true)]
    async fn what_the_engine_says_does_not_wait_for_what_it_hears() {
        let (stream, mut engine) = tokio::io::duplex(WAITING);
        let mut part = Part::over(stream);
        let (question, block) = (vec![b'q'; 2 * WAITING], vec![b'b'; 3 * WAITING]);
        let (asked, given) = (frame(&question), frame(&block));
        let engine = tokio::spawn(async move {
            engine.write_all(&given).await.unwrap();
            let mut heard = vec![0; asked.len()];
            engine.read_exact(&mut heard).await.unwrap();
            assert_eq!(heard, asked);
        });
        let patience = std::time::Duration::from_mins(1);
        part.hand_on(&question);
        assert!(!part.has_room());
        assert_eq!(timeout(patience, part.step()).await, Ok(Step::Said(frame(&block))));
        assert_eq!(timeout(patience, part.step()).await, Ok(Step::Heard));
        assert!(part.has_room());
        engine.await.unwrap();
        assert_eq!(timeout(patience, part.step()).await, Ok(Step::Parted));
    }
}

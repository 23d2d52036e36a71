//! Bytes into messages: what comes on a connection, in batches for the engine.

use std::future::{Future as _, poll_fn};
use std::io;
use std::pin::pin;
use std::task::Poll;

use bytes::{BufMut as _, Bytes, BytesMut};
use minibit_core::wire::Decoder;
use minibit_core::{ConnId, Message};
use tokio::io::AsyncReadExt as _;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::Shared;
use crate::engine::event::{Event, SwarmId};
use crate::engine::rate::Paced;
use crate::engine::stream::ReadHalf;
use crate::limits::{LAST_PIECE, LEAST_READ, MESSAGES_AT_ONCE};

/// The task that reads.
pub(super) struct Reader {
    pub(super) stream: ReadHalf,
    pub(super) decoder: Decoder,
    /// Requests that are about to leave, where the decoder has to know.
    pub(super) asked: mpsc::UnboundedReceiver<Message<Bytes>>,
    pub(super) may_read: watch::Receiver<bool>,
    /// Where answers are bare bytes, who has asked may say that it will ask no more, and waits.
    pub(super) answers: Option<Answers>,
    /// The beginning of a message whose rest has not come.
    pub(super) partial: BytesMut,
    pub(super) paced: Option<Paced>,
    pub(super) shared: Shared,
}

/// What the other end waits for.
pub(super) struct Answers {
    /// Bytes that it has asked for.
    pub(super) wanted: u64,
    /// Bytes that have left for it.
    pub(super) answered: watch::Receiver<u64>,
}

/// What one read has brought.
pub(super) struct Taken {
    pub(super) messages: Vec<Message<Bytes>>,
    /// What comes makes no sense.
    pub(super) over: bool,
    /// What has not been looked at.
    rest: Option<BytesMut>,
}

impl Reader {
    /// Hands on what comes, unless it is `over` before it has begun.
    pub(super) async fn run(mut self, swarm: SwarmId, conn: ConnId, mut over: bool) {
        while !over {
            let (bytes, chunk) = match self.read().await {
                Ok((bytes @ 1.., chunk)) => (bytes, chunk),
                Ok(_) => {
                    self.answer_the_rest().await;
                    break;
                }
                Err(_) => break,
            };
            if let Some(paced) = &mut self.paced {
                paced.turn().await.take(bytes).await;
            }
            let mut unread = Some(chunk);
            while let Some(chunk) = unread.filter(|_| !over) {
                let taken = self.decode(chunk, MESSAGES_AT_ONCE);
                (over, unread) = (taken.over, taken.rest);
                if taken.messages.is_empty() {
                    continue;
                }
                let event = Event::Messages { swarm, conn, messages: taken.messages };
                if self.shared.events.send(event).await.is_err() {
                    return;
                }
                if self.may_read.wait_for(|may_read| *may_read).await.is_err() {
                    return;
                }
            }
        }
        // Nobody is left to be told when the engine has ended.
        let _ = self.shared.events.send(Event::Gone { swarm, conn }).await;
    }

    /// The other end asks no more. What it has asked for it shall have, if that does not take too long.
    async fn answer_the_rest(&mut self) {
        if let Some(Answers { wanted, answered }) = &mut self.answers {
            // Without a writer nothing more leaves.
            let _ = timeout(LAST_PIECE, answered.wait_for(|answered| answered >= wanted)).await;
        }
    }

    /// Waits for bytes, and returns how many came (none: the other end has closed), behind what was left from the last time. While it waits it holds no buffer.
    async fn read(&mut self) -> io::Result<(usize, BytesMut)> {
        let most = self.paced.as_ref().map_or(usize::MAX, Paced::most);
        poll_fn(|context| {
            let mut chunk = self.shared.buffers.take();
            // A long message is not copied more often than its length has doubled.
            chunk.reserve(self.partial.len() + LEAST_READ.max(self.partial.len()));
            chunk.extend_from_slice(&self.partial);
            let polled = pin!(self.stream.read_buf(&mut (&mut chunk).limit(most))).poll(context);
            match polled {
                Poll::Pending => {
                    self.shared.buffers.give_back(chunk);
                    if let Some(paced) = &mut self.paced {
                        paced.rest();
                    }
                    Poll::Pending
                }
                Poll::Ready(read) => Poll::Ready(read.map(|bytes| (bytes, chunk))),
            }
        })
        .await
    }

    /// Takes messages out of the chunk, so many at most, and remembers the beginning of one whose rest has not come.
    pub(super) fn decode(&mut self, mut chunk: BytesMut, most: usize) -> Taken {
        let mut messages = Vec::new();
        let mut over = false;
        while let Ok(request) = self.asked.try_recv() {
            self.decoder.sent(&request);
        }
        loop {
            if messages.len() == most {
                return Taken { messages, over, rest: Some(chunk) };
            }
            match self.decoder.decode(&mut chunk) {
                Ok(Some(message)) => {
                    if let (Some(answers), Message::Request(span)) = (&mut self.answers, &message) {
                        answers.wanted += u64::from(span.length);
                    }
                    messages.push(message);
                }
                Ok(None) => break,
                Err(error) if error.is_unknown_message() => {}
                Err(_) => {
                    over = true;
                    break;
                }
            }
        }
        self.partial.clear();
        self.partial.extend_from_slice(&chunk);
        self.shared.buffers.give_back(chunk);
        Taken { messages, over, rest: None }
    }
}

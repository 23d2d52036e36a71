//! The two tasks of a connection: one turns bytes into messages, the other messages into bytes.
//!
//! They decide nothing. The reader reads as much as there is with one system call and hands all messages in it to the engine
//! as one batch; when the engine is behind it waits, reads nothing, and TCP tells the peer. The writer sends whatever
//! has gathered in the [`Outbound`] and reports the block data that has left.

use std::future::{Future as _, poll_fn};
use std::io::{self, IoSlice};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use bytes::{BufMut as _, Bytes, BytesMut};
use minibit_core::config::Encoding;
use minibit_core::wire::{self, Decoder, InOrder, Names, Speech};
use minibit_core::{ConnId, Message, MessageKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::buffers::Buffers;
use super::event::{Event, SwarmId};
use super::outbound::{Batch, Full, Outbound};
use super::rate::{Limiter, Paced};
use super::stream::{ReadHalf, Stream, WriteHalf};
use crate::limits::{HELD_BACK, LAST_PIECE, LAST_WORDS, LEAST_READ, MESSAGES_AT_ONCE, WRITE_SLICES};

/// What all connections share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    pub(crate) events: mpsc::Sender<Event>,
    pub(crate) buffers: Arc<Buffers>,
    /// Limits on what we receive and send, where the user has set some.
    pub(crate) down: Option<Arc<Limiter>>,
    pub(crate) up: Option<Arc<Limiter>>,
}

/// An open connection, as the engine sees it. Dropped, it closes.
#[derive(Debug)]
pub(crate) struct Link {
    encoding: Encoding,
    outbound: Arc<Outbound>,
    reader: AbortHandle,
    /// Does the reader read?
    reads: watch::Sender<bool>,
    /// Where answers are bare bytes: their order, and what the reader is told of requests.
    bare: Option<Bare>,
}

/// Bare answers are known by their order alone (S3, S4): they leave in that of the requests, and who receives them has to know
/// what was asked for.
#[derive(Debug)]
struct Bare {
    answers: InOrder,
    asked: mpsc::UnboundedSender<Message<Bytes>>,
}

/// A stream that has just been opened, by us or by the other end.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) stream: Stream,
    /// What was read to find out what the other end speaks.
    pub(crate) prefix: BytesMut,
    pub(crate) encoding: Encoding,
    /// The place that an incoming connection takes among all of them.
    pub(crate) place: Option<OwnedSemaphorePermit>,
}

impl Link {
    /// Starts the tasks. Returns the messages that the other end has sent already.
    pub(crate) fn start(
        (swarm, conn): (SwarmId, ConnId),
        opened: Opened,
        names: Arc<Names>,
        handshake: bool,
        limits: wire::Limits,
        shared: &Shared,
    ) -> (Self, Vec<Message<Bytes>>) {
        let Opened { stream, prefix, encoding, place } = opened;
        let (read_half, write_half) = stream.into_split();
        let (asked_in, asked) = mpsc::unbounded_channel();
        let (reads, may_read) = watch::channel(true);
        let (answered_in, answered) = watch::channel(0);
        let mut reader = Reader {
            stream: read_half,
            decoder: Decoder::new(Speech { encoding, names: &names }, handshake, limits),
            asked,
            may_read,
            answers: encoding.answers_bare().then_some(Answers { wanted: 0, answered }),
            partial: BytesMut::new(),
            paced: shared.down.clone().map(Paced::new),
            shared: shared.clone(),
        };
        let outbound = Arc::new(Outbound::new(encoding, names));
        let writer = Writer {
            swarm,
            conn,
            _place: place,
            stream: write_half,
            outbound: Arc::clone(&outbound),
            answered: answered_in,
            paced: shared.up.clone().map(Paced::new),
            paid: 0,
            shared: shared.clone(),
        };
        // What was read to tell the protocol may hold whole messages.
        let Taken { messages, over, .. } = reader.decode(prefix, usize::MAX);
        let reader = tokio::spawn(reader.run(swarm, conn, over)).abort_handle();
        tokio::spawn(writer.run());
        let bare = encoding.answers_bare().then(|| Bare { answers: InOrder::new(), asked: asked_in });
        (Self { encoding, outbound, reader, reads, bare }, messages)
    }

    /// Is there a word for such a message? A sign of life is none where answers are bare.
    pub(crate) fn speaks(&self, kind: MessageKind) -> bool {
        self.encoding.speaks(kind) && (self.bare.is_none() || kind != MessageKind::KeepAlive)
    }

    /// Puts a message in line; it leaves after [`flush`](Self::flush).
    pub(crate) fn send(&mut self, message: Message<Bytes>) -> Result<(), Full> {
        let Some(Bare { answers, asked }) = &mut self.bare else { return self.outbound.push(message) };
        if matches!(message, Message::Request(_)) {
            // Without a reader nobody waits for the answer.
            let _ = asked.send(message.clone());
        }
        answers.send(message).into_iter().try_for_each(|message| self.outbound.push(message))
    }

    /// A message has come.
    pub(crate) fn received(&mut self, message: &Message<Bytes>) {
        if let (Some(bare), Message::Request(span)) = (&mut self.bare, message) {
            bare.answers.asked(*span);
        }
    }

    /// Whether more is read. What has been handed on by then still comes.
    pub(crate) fn read_on(&self, reads: bool) {
        self.reads.send_replace(reads);
    }

    /// Everything has been said: the connection closes when it has left, however long the link itself is kept.
    pub(crate) fn finish(&self) {
        self.outbound.finish();
    }

    pub(crate) fn flush(&self) {
        self.outbound.flush();
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.reader.abort();
        self.outbound.close();
    }
}

struct Reader {
    stream: ReadHalf,
    decoder: Decoder,
    /// Requests that are about to leave, where the decoder has to know.
    asked: mpsc::UnboundedReceiver<Message<Bytes>>,
    may_read: watch::Receiver<bool>,
    /// Where answers are bare bytes, who has asked may say that it will ask no more, and waits.
    answers: Option<Answers>,
    /// The beginning of a message whose rest has not come.
    partial: BytesMut,
    paced: Option<Paced>,
    shared: Shared,
}

/// What the other end waits for.
struct Answers {
    /// Bytes that it has asked for.
    wanted: u64,
    /// Bytes that have left for it.
    answered: watch::Receiver<u64>,
}

/// What one read has brought.
struct Taken {
    messages: Vec<Message<Bytes>>,
    /// What comes makes no sense.
    over: bool,
    /// What has not been looked at.
    rest: Option<BytesMut>,
}

impl Reader {
    /// Hands on what comes, unless it is `over` before it has begun.
    async fn run(mut self, swarm: SwarmId, conn: ConnId, mut over: bool) {
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
    fn decode(&mut self, mut chunk: BytesMut, most: usize) -> Taken {
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

struct Writer {
    swarm: SwarmId,
    conn: ConnId,
    /// Free when the socket is closed.
    _place: Option<OwnedSemaphorePermit>,
    stream: WriteHalf,
    outbound: Arc<Outbound>,
    /// Bytes of blocks that have left.
    answered: watch::Sender<u64>,
    paced: Option<Paced>,
    /// Bytes whose turn has come and that the socket had no room for.
    paid: usize,
    shared: Shared,
}

impl Writer {
    async fn run(mut self) {
        let outbound = Arc::clone(&self.outbound);
        // The other end may not be reading: last words do not hold the connection for long.
        let patience = async {
            let patience = if outbound.closed().await { LAST_PIECE } else { LAST_WORDS };
            sleep(patience).await;
        };
        tokio::select! {
            () = self.send_all() => {}
            () = patience => {}
        }
    }

    async fn send_all(&mut self) {
        let (swarm, conn) = (self.swarm, self.conn);
        while let Some(mut batch) = self.outbound.next().await {
            while !batch.is_sent() {
                if self.paid == 0 {
                    self.wait_for_turn(&mut batch).await;
                }
                let Ok(written) = self.write(&batch).await else {
                    // The reader would notice it, too, if it reads.
                    let _ = self.shared.events.send(Event::Gone { swarm, conn }).await;
                    return;
                };
                let bytes = batch.advance(written);
                self.answered.send_modify(|answered| *answered += u64::from(bytes));
                if bytes > 0 && self.shared.events.send(Event::Sent { swarm, conn, bytes }).await.is_err() {
                    return;
                }
            }
            if let Some(paced) = self.paced.as_mut().filter(|_| self.outbound.is_empty()) {
                paced.rest();
            }
        }
    }

    /// Where the rate is limited, waits for a turn and for the end of it. That may take long, and is not the peer's fault: the core is told so.
    async fn wait_for_turn(&mut self, batch: &mut Batch) {
        let Self { swarm, conn, outbound, paced: Some(paced), paid, shared, .. } = self else { return };
        let (swarm, conn) = (*swarm, *conn);
        let turn = async {
            let most = paced.most();
            let turn = paced.turn().await;
            // What was said while we waited goes with the rest where there is room.
            outbound.add_to(batch, most);
            *paid = batch.turn(most);
            turn.take(*paid).await;
        };
        let tell = async {
            loop {
                sleep(HELD_BACK).await;
                // Where the engine has ended, nobody has to be told.
                let _ = shared.events.send(Event::Sent { swarm, conn, bytes: 0 }).await;
            }
        };
        tokio::select! {
            () = turn => {}
            () = tell => {}
        }
    }

    /// One system call.
    async fn write(&mut self, batch: &Batch) -> io::Result<usize> {
        let most = if self.paced.is_some() { self.paid } else { usize::MAX };
        let mut slices = [IoSlice::new(&[]); WRITE_SLICES];
        let count = batch.slices(&mut slices, most);
        let written = self.stream.write_vectored(&slices[..count]).await?;
        self.paid = self.paid.saturating_sub(written);
        Ok(written)
    }
}

#[cfg(test)]
mod tests {
    use minibit_core::Geometry;
    use tokio::net::{TcpListener, TcpStream};

    use super::*;
    use crate::clock::Clock;

    /// A block that waits for a slow limit is not taken for one that the other end does not read.
    #[tokio::test(start_paused = true)]
    async fn the_engine_hears_that_a_limit_holds_a_block_back() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dialled = TcpStream::connect(listener.local_addr().unwrap());
        let (stream, other_end) = tokio::join!(dialled, listener.accept());
        let _other_end = other_end.unwrap();
        let (events, mut heard) = mpsc::channel(1);
        let up = Some(Arc::new(Limiter::new(1_000, Clock::start())));
        let shared = Shared { events, buffers: Arc::default(), down: None, up };
        let opened = Opened {
            stream: Stream::Socket(stream.unwrap()),
            prefix: BytesMut::new(),
            encoding: Encoding::Bep3,
            place: None,
        };
        let limits = wire::Limits::of(&Geometry::new(1 << 20, 1 << 15, 1 << 14).unwrap());
        let names = Arc::new(Names::USUAL);
        let (mut link, _) = Link::start((0, ConnId::new(0, 0)), opened, names, true, limits, &shared);
        link.send(Message::Piece { index: 0, begin: 0, data: Bytes::from(vec![0; 1 << 14]) }).unwrap();
        link.flush();
        let mut sent = Vec::new();
        while sent.last().is_none_or(|&bytes| bytes == 0) {
            let Some(Event::Sent { bytes, .. }) = heard.recv().await else { panic!("the link is open") };
            sent.push(bytes);
        }
        assert!(sent.len() > 16, "one every second at least, of sixteen: {sent:?}");
        assert_eq!(sent.pop(), Some(1 << 14));
    }
}

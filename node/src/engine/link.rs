//! The two tasks of a connection: one turns bytes into messages, the other messages into bytes.
//!
//! They decide nothing. The reader reads as much as there is with one system call and hands all messages in it to the engine
//! as one batch; when the engine is behind it waits, reads nothing, and TCP tells the peer. The writer sends whatever
//! has gathered in the [`Outbound`] and reports the block data that has left.

mod reader;
mod writer;

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use minibit_core::config::Encoding;
use minibit_core::wire::{self, Decoder, InOrder, Names, Speech};
use minibit_core::{ConnId, Message, MessageKind};
use tokio::sync::{OwnedSemaphorePermit, mpsc, watch};
use tokio::task::AbortHandle;

use self::reader::{Answers, Reader, Taken};
use self::writer::Writer;
use super::buffers::Buffers;
use super::event::{Event, SwarmId};
use super::outbound::{Full, Outbound};
use super::rate::{Limiter, Paced};
use super::stream::Stream;

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

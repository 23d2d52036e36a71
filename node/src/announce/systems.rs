//! Announces to the trackers of the five systems: the sockets and the clock of a [`Conversation`].
//!
//! The other schemes ask and are gone; here somebody is registered for as long as a connection lasts (S1, S2, S5), and may be told of
//! others at any time (S5). So each tracker has a task that keeps the connection, and takes it up again when it is lost.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use minibit_core::announce::{AnnounceEvent, AnnounceRequest, AnnounceResponse};
use minibit_core::config::Encoding;
use minibit_core::tracker::systems::s4::Offer;
use minibit_core::tracker::systems::{self, Conversation, Heard};
use minibit_core::{Geometry, InfoHash};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep_until, timeout};

use super::url::TrackerUrl;
use super::{Me, TrackerFailure, resolve};
use crate::limits::{DATAGRAM, TRACKER_CONNECT, TRACKER_DATAGRAM_AGAIN, TRACKER_REJOIN};

/// What these trackers are told of the content, which is more than an info-hash.
#[derive(Clone, Debug)]
pub(crate) struct About {
    /// The file's name.
    pub(crate) file: String,
    pub(crate) geometry: Geometry,
    /// The `.torrent` file, for a tracker that does not have it.
    pub(crate) metainfo: Bytes,
    /// What is given from here.
    pub(crate) shelf: Shelf,
}

/// The files that a node gives whole, by their swarms: a tracker of S4 has one list of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shelf(Arc<Mutex<BTreeMap<InfoHash, Offer>>>);

impl Shelf {
    /// Puts a file up, or takes it down; what else is there.
    fn put(&self, info_hash: InfoHash, file: Option<Offer>) -> Vec<Offer> {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match file {
            Some(file) => drop(files.insert(info_hash, file)),
            None => drop(files.remove(&info_hash)),
        }
        files.iter().filter(|(other, _)| **other != info_hash).map(|(_, file)| file.clone()).collect()
    }
}

type Answer = Result<AnnounceResponse<SocketAddr>, TrackerFailure>;

/// A tracker that is spoken to, until this is dropped.
#[derive(Clone, Debug)]
pub(super) struct Talk {
    questions: mpsc::Sender<(AnnounceRequest, oneshot::Sender<Answer>)>,
}

impl Talk {
    /// With the tracker at a URL. Who is told of without having been asked for goes to `news`.
    pub(super) fn start(
        system: Encoding,
        url: TrackerUrl,
        me: Me,
        about: About,
        news: mpsc::Sender<SocketAddr>,
    ) -> Self {
        let (questions, asked) = mpsc::channel(1);
        let talking = Talking {
            system,
            url,
            me,
            about,
            news,
            conversation: None,
            link: None,
            last: None,
            sent: Vec::new(),
            answer: None,
            again: None,
        };
        tokio::spawn(talking.run(asked));
        Self { questions }
    }

    /// Announces, and waits for the answer.
    pub(super) async fn ask(&self, request: AnnounceRequest) -> Answer {
        let (answer, answered) = oneshot::channel();
        // The task ends when nobody can ask any more.
        let _ = self.questions.send((request, answer)).await;
        answered.await.unwrap_or(Err(TrackerFailure::Lost))
    }
}

/// What carries a conversation.
enum Link {
    Stream(TcpStream),
    Datagrams(UdpSocket),
}

struct Talking {
    system: Encoding,
    url: TrackerUrl,
    me: Me,
    about: About,
    news: mpsc::Sender<SocketAddr>,
    conversation: Option<Conversation>,
    link: Option<(Link, BytesMut)>,
    /// What was announced last: what to say on a new connection.
    last: Option<AnnounceRequest>,
    /// Datagrams that are to be sent again when nothing comes.
    sent: Vec<Bytes>,
    /// Who waits.
    answer: Option<oneshot::Sender<Answer>>,
    /// When to send again what may be lost, or to connect again.
    again: Option<Instant>,
}

impl Talking {
    async fn run(mut self, mut asked: mpsc::Receiver<(AnnounceRequest, oneshot::Sender<Answer>)>) {
        loop {
            let again = self.again;
            let due = async {
                match again {
                    Some(again) => sleep_until(again).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                question = asked.recv() => {
                    // Nobody will ask any more: the connection closes, and with it ends what was registered.
                    let Some((request, answer)) = question else { return };
                    self.answer = Some(answer);
                    let ended = self.announce(request).await;
                    self.settle(ended);
                }
                read = receive(&mut self.link) => {
                    let ended = match read {
                        Ok(()) => self.hear().await,
                        Err(error) => Err(TrackerFailure::Connect(error)),
                    };
                    self.settle(ended);
                }
                () = due => {
                    self.again = None;
                    let ended = self.try_again().await;
                    self.settle(ended);
                }
            }
        }
    }

    /// Says what is to be said; the answer comes later, unless there is none.
    async fn announce(&mut self, request: AnnounceRequest) -> Result<(), TrackerFailure> {
        let leaves = request.event == AnnounceEvent::Stopped;
        self.last = (!leaves).then(|| request.clone());
        if self.link.is_none() && !leaves {
            self.connect().await?;
        }
        if let Some(conversation) = &mut self.conversation {
            let About { file, geometry, shelf, .. } = &self.about;
            let whole = (request.left == 0 && !leaves)
                .then(|| Offer { name: file.clone(), size: Some(geometry.len()) });
            conversation.give_beside(shelf.put(self.me.info_hash, whole));
            self.sent = conversation.ask(&request);
            self.send_all().await?;
        }
        if leaves {
            self.link = None;
        }
        if !self.conversation.as_ref().is_some_and(Conversation::waits) {
            self.reply(Ok(Conversation::nothing()));
        }
        Ok(())
    }

    async fn connect(&mut self) -> Result<(), TrackerFailure> {
        let Me { from, port, peer_id, info_hash, .. } = self.me;
        let mut failure = TrackerFailure::NoAddress;
        for addr in resolve(&self.url, from).await? {
            match timeout(TRACKER_CONNECT, open(self.system, addr, from)).await {
                Ok(Ok((link, ip))) => {
                    let About { file, geometry, metainfo, .. } = self.about.clone();
                    let metainfo = Some(metainfo);
                    let me = systems::Me { peer_id, ip, port, file, info_hash, geometry, metainfo };
                    self.conversation = Some(Conversation::new(self.system, me));
                    self.link = Some((link, BytesMut::new()));
                    return Ok(());
                }
                Ok(Err(error)) => failure = TrackerFailure::Connect(error),
                Err(_) => failure = TrackerFailure::TimedOut,
            }
        }
        Err(failure)
    }

    async fn send_all(&mut self) -> Result<(), TrackerFailure> {
        let Some((link, _)) = &mut self.link else { return Ok(()) };
        for message in &self.sent {
            let sent = async {
                match link {
                    Link::Stream(stream) => stream.write_all(message).await,
                    Link::Datagrams(socket) => socket.send(message).await.map(drop),
                }
            };
            let sent = timeout(TRACKER_CONNECT, sent).await.map_err(|_| TrackerFailure::TimedOut)?;
            sent.map_err(TrackerFailure::Connect)?;
        }
        if matches!(link, Link::Datagrams(_)) {
            self.again = Some(Instant::now() + TRACKER_DATAGRAM_AGAIN);
        }
        Ok(())
    }

    /// Understands what has come.
    async fn hear(&mut self) -> Result<(), TrackerFailure> {
        while let (Some(conversation), Some((_, buffer))) = (&mut self.conversation, &mut self.link) {
            match conversation.receive(buffer)? {
                Some(Heard::Response(response)) => self.reply(Ok(response)),
                Some(Heard::Joined(addr)) => self.tell(addr),
                Some(Heard::Send(message)) => {
                    self.sent = vec![message];
                    self.send_all().await?;
                }
                None => break,
            }
        }
        Ok(())
    }

    /// Datagrams may be lost, and connections may break.
    async fn try_again(&mut self) -> Result<(), TrackerFailure> {
        if self.link.is_some() {
            // Who has asked waits for a while only, and may have given up.
            let waits = self.conversation.as_ref().is_some_and(Conversation::waits);
            let heeded = self.answer.as_ref().is_some_and(|answer| !answer.is_closed());
            return if waits && heeded { self.send_all().await } else { Ok(()) };
        }
        match self.last.clone() {
            Some(request) => self.announce(request).await,
            None => Ok(()),
        }
    }

    /// Something has been done, or has failed. What is lost is taken up again after a while.
    fn settle(&mut self, ended: Result<(), TrackerFailure>) {
        let Err(failure) = ended else { return };
        self.link = None;
        self.reply(Err(failure));
        self.again = self.last.is_some().then(|| Instant::now() + TRACKER_REJOIN);
    }

    /// Answers who waits. Without anybody, it was taken up again, and what has come is news.
    fn reply(&mut self, answer: Answer) {
        match (self.answer.take(), answer) {
            // Who has given up meanwhile will ask again.
            (Some(waiting), answer) => drop(waiting.send(answer)),
            (None, Ok(response)) => response.peers.into_iter().for_each(|addr| self.tell(addr)),
            (None, Err(_)) => {}
        }
    }

    fn tell(&self, addr: SocketAddr) {
        // What finds no room will be listed the next time.
        let _ = self.news.try_send(addr);
    }
}

/// Opens what carries a conversation; and the address at which the tracker sees us.
async fn open(system: Encoding, addr: SocketAddr, from: Option<IpAddr>) -> io::Result<(Link, IpAddr)> {
    if system == Encoding::S3 {
        let any = if addr.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind((from.unwrap_or(any), 0)).await?;
        // From now on the kernel drops what others send us.
        socket.connect(addr).await?;
        let ip = socket.local_addr()?.ip();
        return Ok((Link::Datagrams(socket), ip));
    }
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(from) = from {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    let stream = socket.connect(addr).await?;
    stream.set_nodelay(true)?;
    let ip = stream.local_addr()?.ip();
    Ok((Link::Stream(stream), ip))
}

/// Waits for something to come, for ever where there is no link.
async fn receive(link: &mut Option<(Link, BytesMut)>) -> io::Result<()> {
    let Some((link, buffer)) = link else { return std::future::pending().await };
    let len = match link {
        Link::Stream(stream) => stream.read_buf(buffer).await?,
        Link::Datagrams(socket) => {
            buffer.clear();
            buffer.reserve(DATAGRAM);
            socket.recv_buf(buffer).await?
        }
    };
    if len == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
}

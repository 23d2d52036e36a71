//! Trackers of the five systems over TCP: frames of S1, S2 and S5, lines of S4.
//!
//! What is asked and answered is the core's ([`minibit_core::tracker::systems`]); S3 asks in datagrams, see the tracker's UDP
//! side. Who registers in frames is registered for as long as the connection lasts, so these connections may be silent for as long as
//! they like; a peer's messages may come on them as well ([`part`]). Their number is bounded: one more takes the place of the oldest of the address that has most, as in the
//! listener's waiting room, and a host that has gone without a word is found out by the system.

mod part;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use minibit_core::config::Encoding;
use minibit_core::tracker::directory::Ends;
use minibit_core::tracker::systems::Ticket;
use minibit_core::tracker::systems::frames::{Question, Reply};
use minibit_core::tracker::systems::s4::MAX_LINE;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use self::part::{Part, Step};
use crate::engine;
use crate::frames::{Ending, Frames, read_more, send};
use crate::limits::{COMMAND_IDLE, COMMANDS_PER_CONNECTION, KEEP_ALIVE, LAST_PIECE, MEMBERS, NEWS};
use crate::registry::{Shared, lock};

/// The answer to a peer's message at a tracker that does not give the file.
const NO_PEER: &str = "this tracker is no peer of this file, and that is no question to a tracker";

/// Where the systems' questions are answered.
#[derive(Clone, Debug)]
pub(crate) struct Desk {
    registry: Shared,
    frames: Frames,
    members: Arc<Mutex<Members>>,
    /// Where peers are sent on.
    engine: engine::Handle,
}

/// The open connections, by the order in which they came.
#[derive(Debug, Default)]
struct Members {
    next: u64,
    open: BTreeMap<Ticket, Member>,
}

#[derive(Debug)]
struct Member {
    from: IpAddr,
    /// What it is told without having asked. Dropped, it closes.
    news: mpsc::Sender<Bytes>,
}

impl Desk {
    /// Over a registry.
    pub(crate) fn new(registry: Shared, engine: engine::Handle) -> Self {
        let frames = Frames::of(&lock(&registry));
        Self { registry, frames, members: Arc::default(), engine }
    }

    /// Answers what is asked on a connection, of which `prefix` was read already, until it ends.
    pub(crate) async fn serve(
        self,
        mut stream: TcpStream,
        prefix: BytesMut,
        peer: SocketAddr,
        system: Encoding,
    ) {
        let Ok(local) = stream.local_addr() else { return };
        let ends = Ends { peer: peer.ip(), local: local.ip().to_canonical() };
        // An answer is one segment, which nothing is to be waited for with.
        let _ = stream.set_nodelay(true);
        // Why a connection ends is the other side's affair.
        let _ended = match system {
            Encoding::S4 => self.serve_lines(&mut stream, prefix, ends).await,
            _ => self.serve_frames(&mut stream, prefix, (peer, ends), system).await,
        };
    }

    async fn serve_lines(
        &self,
        stream: &mut TcpStream,
        mut buffer: BytesMut,
        ends: Ends,
    ) -> Result<(), Ending> {
        for _ in 0..COMMANDS_PER_CONNECTION {
            let Some(line) = receive_line(stream, &mut buffer).await? else { return Ok(()) };
            let answer = lock(&self.registry).ask_line(ends, &line);
            send(stream, answer.as_bytes()).await?;
            // Lines that are all here already do not wait for anything; others have their turn now.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    async fn serve_frames(
        &self,
        stream: &mut TcpStream,
        mut buffer: BytesMut,
        (addr, ends): (SocketAddr, Ends),
        system: Encoding,
    ) -> Result<(), Ending> {
        let alive = TcpKeepalive::new().with_time(KEEP_ALIVE).with_interval(KEEP_ALIVE);
        // Where the system refuses, a host that is gone is found out later.
        let _ = SockRef::from(&*stream).set_tcp_keepalive(&alive);
        let (guest, mut news) = self.enter(ends.peer);
        // Once a peer's message has come.
        let mut part: Option<Part> = None;
        loop {
            let has_room = part.as_ref().is_none_or(Part::has_room);
            let step = async {
                match &mut part {
                    Some(part) => part.step().await,
                    None => std::future::pending().await,
                }
            };
            let frame = tokio::select! {
                frame = self.frames.receive(stream, &mut buffer, Duration::MAX), if has_room => frame?,
                told = news.recv() => match told {
                    Some(told) => {
                        send(stream, &told).await?;
                        continue;
                    }
                    // Somebody else has this place now.
                    None => return Ok(()),
                },
                step = step => {
                    match step {
                        Step::Said(said) => timeout(LAST_PIECE, stream.write_all(&said)).await??,
                        Step::Heard => {}
                        // The peer stays registered.
                        Step::Parted => part = None,
                    }
                    continue;
                }
            };
            let Some((frame, place)) = frame else { return Ok(()) };
            let registered = if Question::is_of_peers(system, &frame) {
                lock(&self.registry).registered(guest.ticket)
            } else {
                None
            };
            if let Some(info_hash) = registered {
                drop(place);
                if part.is_none() {
                    part = Part::begin(&self.engine, addr, system, info_hash).await;
                }
                if let Some(part) = &mut part {
                    part.hand_on(&frame);
                } else {
                    let mut refusal = BytesMut::new();
                    Reply::Error(NO_PEER.into()).encode(system, &mut refusal);
                    send(stream, &refusal).await?;
                }
                continue;
            }
            let turn = lock(&self.registry).ask(ends, guest.ticket, system, &frame);
            drop(place);
            self.tell(turn.push);
            send(stream, &turn.answer).await?;
            tokio::task::yield_now().await;
        }
    }

    /// Takes a connection in.
    fn enter(&self, from: IpAddr) -> (Guest<'_>, mpsc::Receiver<Bytes>) {
        let mut members = self.members();
        if members.open.len() >= MEMBERS {
            members.show_out();
        }
        let ticket = Ticket(members.next);
        members.next += 1;
        let (news, told) = mpsc::channel(NEWS);
        members.open.insert(ticket, Member { from, news });
        (Guest { desk: self, ticket }, told)
    }

    /// Tells others. Who does not read what it is told is shown out.
    fn tell(&self, news: Vec<(Ticket, Bytes)>) {
        let mut members = self.members();
        for (ticket, told) in news {
            let listens = |member: &Member| member.news.try_send(told).is_ok();
            if !members.open.get(&ticket).is_some_and(listens) {
                members.open.remove(&ticket);
            }
        }
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        self.members.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Members {
    /// Closes the oldest connection of the address that has most.
    fn show_out(&mut self) {
        let mut by_address: BTreeMap<IpAddr, usize> = BTreeMap::new();
        for member in self.open.values() {
            *by_address.entry(member.from).or_default() += 1;
        }
        let most = by_address.values().max().copied();
        let has_most = |member: &Member| by_address.get(&member.from).copied() == most;
        let oldest = self.open.iter().find(|(_, member)| has_most(member)).map(|(ticket, _)| *ticket);
        oldest.and_then(|ticket| self.open.remove(&ticket));
    }
}

/// A connection that is open; with it ends what was registered over it.
struct Guest<'a> {
    desk: &'a Desk,
    ticket: Ticket,
}

impl Drop for Guest<'_> {
    fn drop(&mut self) {
        self.desk.members().open.remove(&self.ticket);
        lock(&self.desk.registry).closed(self.ticket);
    }
}

/// The next line, without its end; `None` at the end of the connection.
async fn receive_line(stream: &mut TcpStream, buffer: &mut BytesMut) -> Result<Option<String>, Ending> {
    use tokio::io::AsyncReadExt as _;
    if buffer.is_empty() && tokio::time::timeout(COMMAND_IDLE, stream.read_buf(buffer)).await?? == 0 {
        return Ok(None);
    }
    let start = Instant::now();
    let end = loop {
        match buffer.iter().position(|&byte| byte == b'\n') {
            Some(end) => break end,
            None if buffer.len() >= MAX_LINE => return Ok(None),
            None => read_more(stream, buffer, start).await?,
        }
    };
    let line = buffer.split_to(end + 1);
    Ok(Some(String::from_utf8_lossy(&line).trim_ascii_end().to_owned()))
}

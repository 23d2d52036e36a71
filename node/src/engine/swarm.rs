//! One torrent as the engine drives it: the core's state machine, its connections, its disk, its trackers.
//!
//! Every input goes in and every output is acted on before the next one, as the boundary demands. Nothing is waited for:
//! disk operations and messages are gathered, and leave together when the engine has taken in what was there.

mod heard;
mod links;
mod parts;
mod tell;

use std::collections::{BTreeSet, VecDeque};
use std::io::{self, Write as _};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use minibit_core::announce::{AnnounceError, AnnounceRequest};
use minibit_core::boundary::{DisconnectReason, DiskDone, DiskOp, Net};
use minibit_core::config::Encoding;
use minibit_core::wire::Names;
use minibit_core::{Config, ConnId, InfoHash, Input, Instant, Message, Outbox, Output};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use self::links::State;
use super::event::{Arrival, Event, SwarmId};
use super::link::{Opened, Shared};
use super::machine::Machine;
use super::recording::Recording;
use super::status::Status;
use super::stream::Stream;
use crate::announce::Trackers;
use crate::limits::{FAREWELL, STATUS_EVERY};
use crate::storage::Disk;

pub(crate) use self::parts::Parts;

/// A torrent in the engine.
#[derive(Debug)]
pub(crate) struct Swarm {
    id: SwarmId,
    names: Arc<Names>,
    /// For people.
    name: String,
    config: Config,
    machine: Machine,
    recording: Option<Recording>,
    outbox: Outbox<Net>,
    /// By the slot of the connection's id.
    links: Vec<Option<(ConnId, State)>>,
    /// `None` as long as there is nothing to be kept on it.
    disk: Option<Arc<Disk>>,
    done: mpsc::UnboundedReceiver<Vec<DiskDone<Bytes>>>,
    /// Work for the disk that has not been handed over.
    ops: Vec<DiskOp<Bytes>>,
    /// Connections with messages that their writers have not been told of.
    unflushed: Vec<ConnId>,
    /// Connections that nothing is read from until there is room for their requests.
    holding: Vec<ConnId>,
    /// Inputs that follow from outputs; taken in when those are all acted on.
    followups: VecDeque<Input<Net>>,
    /// Who has connected and waits for the core's answer.
    arriving: Option<Opened>,
    /// What came with a connection that was let in, until the core has heard of all that comes before.
    came_along: Option<(ConnId, Vec<Message<Bytes>>)>,
    /// Who has sent blocks.
    sources: BTreeSet<SocketAddr>,
    trackers: Option<Arc<Trackers>>,
    /// Announces that are under way.
    announces: JoinSet<()>,
    dial_from: Option<IpAddr>,
    verbose: bool,
    shared: Shared,
    status: watch::Sender<Status>,
    seen: Status,
    told_at: Instant,
    /// Something has happened since.
    untold: bool,
}

impl Swarm {
    pub(crate) fn info_hash(&self) -> InfoHash {
        self.names.info_hash
    }

    /// Has it done all that it ever will?
    pub(crate) fn is_over(&self) -> bool {
        self.machine.is_over()
    }

    /// Is it known to be private (BEP 27)?
    pub(crate) const fn is_private(&self) -> bool {
        self.machine.is_private()
    }

    /// Length of the content in bytes, once it is known.
    pub(crate) fn length(&self) -> Option<u64> {
        self.names.geometry.map(|geometry| geometry.len())
    }

    /// Is this the swarm that somebody names, by whatever is given?
    pub(crate) fn is_called(&self, info_hash: Option<InfoHash>, file: Option<&str>) -> bool {
        info_hash.is_none_or(|named| self.names.info_hash == named)
            && file.is_none_or(|named| self.names.file == *named)
    }

    /// Who dials us in BEP 3's messages or in their JSON chooses between the two; each of the systems keeps to itself, as what its
    /// connections open with, and how much is asked for at a time, is its own.
    pub(crate) fn understands(&self, encoding: Encoding) -> bool {
        let is_common = |encoding| matches!(encoding, Encoding::Bep3 | Encoding::Json);
        encoding == self.config.encoding || is_common(encoding) && is_common(self.config.encoding)
    }

    pub(crate) fn status(&self) -> watch::Receiver<Status> {
        self.status.subscribe()
    }

    /// What the disk has done.
    pub(crate) fn done(&mut self) -> &mut mpsc::UnboundedReceiver<Vec<DiskDone<Bytes>>> {
        &mut self.done
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.machine.poll_timeout()
    }

    /// When [`flush`](Self::flush) is to be called, even if nothing happens: for the machine, or for those who watch.
    pub(crate) fn wakes_at(&self) -> Option<Instant> {
        let tells_at = self.untold.then(|| self.told_at + STATUS_EVERY);
        self.poll_timeout().into_iter().chain(tells_at).min()
    }

    /// Takes one input in, and whatever follows from it.
    pub(crate) fn input(&mut self, now: Instant, input: Input<Net>) {
        self.untold = true;
        let mut next = Some(input);
        while let Some(input) = next {
            if let Some(recording) = &mut self.recording {
                recording.input(now, &input);
            }
            self.machine.handle_input(now, input, &mut self.outbox);
            while let Some(output) = self.outbox.pop() {
                if let Some(recording) = &mut self.recording {
                    recording.output(&output);
                }
                self.act(now, output);
            }
            if let Some(recording) = &mut self.recording {
                recording.end(self.machine.poll_timeout());
            }
            next = self.followups.pop_front();
        }
    }

    pub(crate) fn gone(&mut self, now: Instant, conn: ConnId) {
        if self.state_mut(conn).is_some() {
            self.say(&format_args!("{conn:?} is gone"));
        }
        self.forget(conn);
        self.input(now, Input::Disconnected { conn });
    }

    pub(crate) fn dialled(&mut self, now: Instant, conn: ConnId, stream: Option<tokio::net::TcpStream>) {
        if self.state_mut(conn).is_none() {
            return;
        }
        let Some(stream) = stream else { return self.gone(now, conn) };
        let encoding = self.config.encoding;
        let stream = Stream::Socket(stream);
        self.open(conn, Opened { stream, prefix: BytesMut::new(), encoding, place: None });
        self.input(now, Input::Connected { conn });
    }

    pub(crate) fn arrived(&mut self, now: Instant, arrival: Arrival) {
        self.say(&format_args!("{} has connected", arrival.addr));
        self.arriving = Some(arrival.opened);
        // There is one arrival at a time, and the answer comes at once: one ticket is enough.
        self.input(now, Input::Incoming { ticket: 0, addr: arrival.addr });
        if let Some((conn, messages)) = self.came_along.take() {
            self.messages(now, conn, messages);
        }
    }

    /// Everything that is there has been taken in: what was gathered leaves.
    pub(crate) fn flush(&mut self, now: Instant) {
        self.go_on(now);
        if let Some(disk) = self.disk.as_ref().filter(|_| !self.ops.is_empty()) {
            disk.submit(std::mem::take(&mut self.ops));
        }
        for conn in std::mem::take(&mut self.unflushed) {
            if let Some(State::Open { link, unflushed, .. }) = self.state_mut(conn) {
                *unflushed = false;
                link.flush();
            }
        }
        if self.untold && now.saturating_since(self.told_at) >= STATUS_EVERY {
            self.tell(now);
        }
    }

    fn act(&mut self, now: Instant, output: Output<Net>) {
        match output {
            Output::Send { to, message } => self.send(to, message),
            Output::Disk(op) => self.ops.push(op),
            Output::Connect { conn, addr } => {
                self.say(&format_args!("dialling {addr}"));
                self.connect(conn, addr);
            }
            Output::Accept { conn, .. } => {
                if let Some(opened) = self.arriving.take() {
                    let messages = self.open(conn, opened);
                    self.came_along = Some((conn, messages));
                }
            }
            Output::Refuse { .. } => self.arriving = None,
            Output::Disconnect { conn, reason } => {
                self.say(&format_args!("closing {conn:?}: {reason:?}"));
                if reason == DisconnectReason::Done
                    && let Some(State::Open { link, .. }) = self.state_mut(conn)
                {
                    link.finish();
                }
                self.forget(conn);
            }
            Output::Announce(request) => self.announce(*request),
            Output::Event(event) => self.note(now, &event),
        }
    }

    fn announce(&mut self, request: AnnounceRequest) {
        let Some(trackers) = self.trackers.clone() else { return };
        let (swarm, events, verbose) = (self.id, self.shared.events.clone(), self.verbose);
        while self.announces.try_join_next().is_some() {}
        self.announces.spawn(async move {
            let answer = trackers.announce(request).await.map_err(|failures| {
                if verbose {
                    // Who closes standard error does not want to know.
                    let _ = writeln!(io::stderr(), "no tracker has answered: {failures}");
                }
                AnnounceError::from(failures)
            });
            // Nobody is left to be told when the engine has ended.
            let _ = events.send(Event::Announced { swarm, answer: Box::new(answer) }).await;
        });
    }

    /// Everything is here: has the disk give it its final name.
    pub(crate) fn finish(&self) {
        let Some(disk) = self.disk.clone() else { return };
        let (swarm, events) = (self.id, self.shared.events.clone());
        tokio::spawn(async move {
            let result = disk.finish().await;
            let _ = events.send(Event::Finished { swarm, result }).await;
        });
    }

    /// Waits for what is to be said to trackers, and closes the files.
    pub(crate) async fn close(self) {
        let Self { disk, mut announces, shared, .. } = self;
        // Nobody takes answers in any more.
        drop(shared);
        let farewell = async { while announces.join_next().await.is_some() {} };
        let close = async {
            // A task that gives the content its name may still be at it; then the disk closes when that is done.
            if let Some(disk) = disk.and_then(Arc::into_inner)
                && let Err(error) = disk.close().await
            {
                let _ = writeln!(io::stderr(), "warning: {error}");
            }
        };
        let _ = tokio::join!(timeout(FAREWELL, farewell), close);
    }
}

//! Who comes in: one port for all protocols, told apart by the first bytes.
//!
//! A BitTorrent handshake, a JSON message or an HTTP request opens a connection; anything else closes it at once. Until the
//! first bytes have come, a connection waits in a room of limited size. When that is full, the address that holds most places
//! in it loses its oldest one: who connects and says nothing keeps nobody else out, and a peer that speaks at once is never
//! shown out.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::BytesMut;
use minibit_core::InfoHash;
use minibit_core::config::Encoding;
use nix::sys::resource::{Resource, getrlimit};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::dial::tune;
use crate::limits::{
    ACCEPT_PAUSE, BACKLOG, FIRST_BYTES, FIRST_BYTES_TIMEOUT, INCOMING, RESERVED_DESCRIPTORS, WAITING_ROOM,
};

/// The ports of old (BEP 3), first to last.
const PORTS: std::ops::RangeInclusive<u16> = 6881..=6889;
/// In a BitTorrent handshake the info-hash stands here.
const INFO_HASH_AT: std::ops::Range<usize> = 28..48;

/// What the first bytes of a connection say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// The peer protocol. The swarm is not named where connections open without a handshake.
    Peer { encoding: Encoding, info_hash: Option<InfoHash> },
    /// A JSON command, to a tracker or for a name.
    Command,
    /// An HTTP request.
    Http,
}

/// A connection whose first bytes have come. Its place among all incoming connections is free again when `place` is
/// dropped.
#[derive(Debug)]
pub(crate) struct Visitor {
    pub(crate) stream: TcpStream,
    /// What was read: hand it on with the stream.
    pub(crate) prefix: BytesMut,
    pub(crate) addr: SocketAddr,
    pub(crate) opening: Opening,
    pub(crate) place: OwnedSemaphorePermit,
}

/// A socket that is bound and listens.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    places: Arc<Semaphore>,
    room: Arc<Mutex<Room>>,
}

impl Listener {
    /// Listens on an address, or on all of them, at a port, or at the first free one of 6881 to 6889 or, failing these, at any.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub(crate) fn bind(address: Option<IpAddr>, port: Option<u16>) -> io::Result<Self> {
        let socket = match port {
            Some(port) => listen(address, port)?,
            None => PORTS
                .chain([0])
                .map(|port| listen(address, port))
                .find(|socket| !matches!(socket, Err(error) if error.kind() == io::ErrorKind::AddrInUse))
                .expect("any port is free, or there is another error")?,
        };
        let incoming = incoming_limit();
        Ok(Self {
            socket: TcpListener::from_std(socket.into())?,
            places: Arc::new(Semaphore::new(incoming)),
            room: Arc::new(Mutex::new(Room { places: WAITING_ROOM.min(incoming / 2), ..Room::default() })),
        })
    }

    /// Where it listens.
    pub(crate) fn local_addr(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Takes everybody in and hands on who speaks. Never ends.
    pub(crate) async fn run(self, hand_on: impl Fn(Visitor) + Clone + Send + 'static) {
        loop {
            match self.socket.accept().await {
                Ok((stream, addr)) => self.admit(stream, addr, hand_on.clone()),
                // Out of descriptors, or of memory: the connection stays in the backlog, and accepting at once would spin.
                Err(error) if is_exhaustion(&error) => {
                    if !lock(&self.room).show_out() {
                        sleep(ACCEPT_PAUSE).await;
                    }
                }
                // The other end has gone before it was taken in.
                Err(_) => {}
            }
        }
    }

    fn admit(&self, stream: TcpStream, addr: SocketAddr, hand_on: impl Fn(Visitor) + Send + 'static) {
        let addr = SocketAddr::new(addr.ip().to_canonical(), addr.port());
        let mut room = lock(&self.room);
        while room.is_full() && room.show_out() {}
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            // All places are taken; who has said nothing yet leaves its own to a later one.
            room.show_out();
            return;
        };
        let number = room.next;
        room.next += 1;
        let waiting = Arc::clone(&self.room);
        let task = tokio::spawn(async move {
            let opened = timeout(FIRST_BYTES_TIMEOUT, first_bytes(stream)).await;
            lock(&waiting).leave(number);
            if let Ok(Some((stream, prefix, opening))) = opened {
                tune(&stream);
                hand_on(Visitor { stream, prefix, addr, opening, place });
            }
        });
        room.waiting.push_back(Waiting { number, from: addr.ip(), task: task.abort_handle() });
    }
}

fn lock(room: &Mutex<Room>) -> std::sync::MutexGuard<'_, Room> {
    room.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Connections that have said nothing yet, the oldest first.
#[derive(Debug, Default)]
struct Room {
    waiting: VecDeque<Waiting>,
    places: usize,
    next: u64,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    from: IpAddr,
    task: AbortHandle,
}

impl Room {
    fn is_full(&self) -> bool {
        self.waiting.len() >= self.places
    }

    /// Closes the oldest connection of the address that has most. `false` when nobody waits.
    fn show_out(&mut self) -> bool {
        let mut by_address: BTreeMap<IpAddr, usize> = BTreeMap::new();
        for waiting in &self.waiting {
            *by_address.entry(waiting.from).or_default() += 1;
        }
        let most = by_address.values().max().copied();
        let oldest = self.waiting.iter().position(|waiting| by_address.get(&waiting.from).copied() == most);
        let Some(waiting) = oldest.and_then(|at| self.waiting.remove(at)) else { return false };
        waiting.task.abort();
        true
    }

    fn leave(&mut self, number: u64) {
        if let Some(at) = self.waiting.iter().position(|waiting| waiting.number == number) {
            self.waiting.remove(at);
        }
    }
}

/// Reads until the first bytes say what the connection is; `None` when it is nothing of ours.
async fn first_bytes(mut stream: TcpStream) -> Option<(TcpStream, BytesMut, Opening)> {
    let mut prefix = BytesMut::with_capacity(FIRST_BYTES);
    loop {
        match tell(&prefix) {
            Told::Opening(opening) => return Some((stream, prefix, opening)),
            Told::Nothing => return None,
            Told::More if prefix.len() == FIRST_BYTES => return None,
            Told::More => {}
        }
        let room = FIRST_BYTES - prefix.len();
        if (&mut stream).take(room as u64).read_buf(&mut prefix).await.ok()? == 0 {
            return None;
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Opening(Opening),
    /// More bytes are needed.
    More,
    /// It is no protocol of ours.
    Nothing,
}

/// Tells a protocol from the first bytes.
fn tell(first: &[u8]) -> Told {
    const HANDSHAKE: &[u8] = b"\x13BitTorrent protocol";
    match first {
        [] => Told::More,
        [19, ..] => {
            let known = first.len().min(HANDSHAKE.len());
            if first[..known] != HANDSHAKE[..known] {
                return Told::Nothing;
            }
            let info_hash = first.get(INFO_HASH_AT).and_then(|bytes| bytes.try_into().ok()).map(InfoHash);
            info_hash.map_or(Told::More, |info_hash| {
                Told::Opening(Opening::Peer { encoding: Encoding::Bep3, info_hash: Some(info_hash) })
            })
        }
        [0, ..] => tell_json(first),
        _ => {
            let methods = [&b"GET "[..], b"HEAD ", b"POST "];
            let opens = |method: &&&[u8]| first.iter().zip(method.iter()).all(|(a, b)| a == b);
            match methods.iter().find(opens) {
                Some(method) if first.len() >= method.len() => Told::Opening(Opening::Http),
                Some(_) => Told::More,
                None => Told::Nothing,
            }
        }
    }
}

/// JSON comes in frames: four bytes of length, then an object. Peers name the `type` of their message, all others a `command`.
/// Whoever takes over checks the rest.
fn tell_json(first: &[u8]) -> Told {
    let [a, b, c, d, object @ ..] = first else { return Told::More };
    match object {
        [] => return Told::More,
        [b'{' | b' ' | b'\t' | b'\n' | b'\r', ..] => {}
        _ => return Told::Nothing,
    }
    let len = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
    let object = &object[..object.len().min(len)];
    let all_here = object.len() == len || first.len() == FIRST_BYTES;
    let find = |text: &[u8]| object.windows(text.len()).position(|window| window == text);
    match (find(b"\"command\""), find(b"\"type\"")) {
        (Some(command), kind) if kind.is_none_or(|kind| command < kind) => Told::Opening(Opening::Command),
        (_, Some(_)) if all_here => {
            let info_hash = find(b"\"info_hash\"").and_then(|at| info_hash_after(&object[at + 11..]));
            Told::Opening(Opening::Peer { encoding: Encoding::Json, info_hash })
        }
        _ if all_here => Told::Nothing,
        _ => Told::More,
    }
}

/// The forty digits of `: "…"`.
fn info_hash_after(text: &[u8]) -> Option<InfoHash> {
    let digits = text.splitn(3, |&byte| byte == b'"').nth(1)?;
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let mut hash = [0; 20];
    if pairs.len() != hash.len() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(InfoHash(hash))
}

fn listen(address: Option<IpAddr>, port: u16) -> io::Result<Socket> {
    match address {
        Some(address) => open(SocketAddr::new(address, port)),
        // One socket for both families, or for the older one alone where the system knows no other.
        None => {
            open(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), port)).or_else(|error| match error.kind() {
                io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => Err(error),
                _ => open(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port)),
            })
        }
    }
}

fn open(addr: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(!addr.ip().is_unspecified())?;
    }
    // A node that was stopped can be started again at once.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

/// How many incoming connections there may be: fewer where descriptors are short, so that files, trackers and our own dials
/// keep theirs.
fn incoming_limit() -> usize {
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    let descriptors = usize::try_from(soft).unwrap_or(usize::MAX);
    descriptors.saturating_sub(RESERVED_DESCRIPTORS).clamp(4, INCOMING)
}

fn is_exhaustion(error: &io::Error) -> bool {
    use nix::libc::{EMFILE, ENFILE, ENOBUFS, ENOMEM};
    matches!(error.raw_os_error(), Some(EMFILE | ENFILE | ENOBUFS | ENOMEM))
}

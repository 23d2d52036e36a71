//! Who comes in: one port for all protocols, told apart by the first bytes.
//!
//! The handshake of BEP 3, a JSON message or an HTTP request opens a connection; anything else closes it at once. Until the
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

use crate::limits::{
    ACCEPT_PAUSE, BACKLOG, FIRST_BYTES, FIRST_BYTES_TIMEOUT, INCOMING, RESERVED_DESCRIPTORS, WAITING_ROOM,
};

/// The ports of old (BEP 3), first to last.
const PORTS: std::ops::RangeInclusive<u16> = 6881..=6889;
/// In the handshake of BEP 3 the info-hash stands here.
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
    /// Listens on an address, or on all of them, at the first free port of 6881 to 6889 or, failing these, at any.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub(crate) fn bind_somewhere(address: Option<IpAddr>) -> io::Result<Self> {
        let in_use = |socket: &io::Result<Socket>| matches!(socket, Err(error) if error.kind() == io::ErrorKind::AddrInUse);
        let mut tried = PORTS.chain([0]).map(|port| listen(address, port));
        Self::on(
            tried.find(|socket| !in_use(socket)).expect("one of them is free, or there is another error")?,
        )
    }

    /// Listens on an address, or on all of them, at this port.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub(crate) fn bind(address: Option<IpAddr>, port: u16) -> io::Result<Self> {
        Self::on(listen(address, port)?)
    }

    fn on(socket: Socket) -> io::Result<Self> {
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
pub(crate) fn incoming_limit() -> usize {
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    let descriptors = usize::try_from(soft).unwrap_or(usize::MAX);
    descriptors.saturating_sub(RESERVED_DESCRIPTORS).clamp(4, INCOMING)
}

fn is_exhaustion(error: &io::Error) -> bool {
    use nix::libc::{EMFILE, ENFILE, ENOBUFS, ENOMEM};
    matches!(error.raw_os_error(), Some(EMFILE | ENFILE | ENOBUFS | ENOMEM))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(text: &str) -> Vec<u8> {
        let len = u32::try_from(text.len()).unwrap();
        [&len.to_be_bytes()[..], text.as_bytes()].concat()
    }

    fn peer(encoding: Encoding, info_hash: Option<[u8; 20]>) -> Told {
        Told::Opening(Opening::Peer { encoding, info_hash: info_hash.map(InfoHash) })
    }

    /// What is told when the bytes come one by one, and how many that took.
    fn told(bytes: &[u8]) -> (Told, usize) {
        let decided =
            (0..=bytes.len()).map(|len| (tell(&bytes[..len]), len)).find(|(told, _)| *told != Told::More);
        decided.unwrap_or((Told::More, bytes.len()))
    }

    #[test]
    fn a_handshake_is_told_with_its_swarm() {
        let mut handshake = b"\x13BitTorrent protocol\0\0\0\0\0\x10\0\x05".to_vec();
        handshake.extend([7; 20]);
        handshake.extend([9; 20]);
        assert_eq!(told(&handshake), (peer(Encoding::Bep3, Some([7; 20])), 48));
        assert_eq!(told(b"\x13BitTorrent protocok"), (Told::Nothing, 20));
    }

    #[test]
    fn json_is_told_by_its_first_key() {
        let hash = "0123456789abcdef0123456789abcdef01234567";
        let expected = [
            0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
            0x01, 0x23, 0x45, 0x67,
        ];
        let handshake = framed(&format!(r#"{{"type":"handshake","info_hash":"{hash}","peer_id":"x"}}"#));
        assert_eq!(told(&handshake), (peer(Encoding::Json, Some(expected)), handshake.len()));
        let other_order = framed(&format!(r#" {{ "info_hash" : "{hash}", "type": "handshake"}}"#));
        assert_eq!(told(&other_order).0, peer(Encoding::Json, Some(expected)));
        let nameless = framed(r#"{"type":"bitfield","bits":"AA=="}"#);
        assert_eq!(told(&nameless).0, peer(Encoding::Json, None));
        let broken = framed(r#"{"type":"handshake","info_hash":"xyz"}"#);
        assert_eq!(told(&broken).0, peer(Encoding::Json, None));
        assert_eq!(told(&framed(r#"{"command":"list"}"#)).0, Told::Opening(Opening::Command));
        assert_eq!(
            told(&framed(r#"{"command":"search","query":"\"type\""}"#)).0,
            Told::Opening(Opening::Command)
        );
        assert_eq!(told(&framed(r#"{"what":"else"}"#)).0, Told::Nothing);
        assert_eq!(told(b"\0\0\0\x20[1]"), (Told::Nothing, 5));
    }

    #[test]
    fn a_long_inventory_is_told_before_all_of_it_has_come() {
        let text = format!(r#"{{"type":"bitfield","bits":"{}"}}"#, "A".repeat(5000));
        assert_eq!(told(&framed(&text)), (peer(Encoding::Json, None), FIRST_BYTES));
        let nothing = format!(r#"{{"x":"{}"}}"#, "A".repeat(5000));
        assert_eq!(told(&framed(&nothing)), (Told::Nothing, FIRST_BYTES));
    }

    #[test]
    fn http_is_told_by_its_method() {
        assert_eq!(told(b"GET /announce HTTP/1.1\r\n"), (Told::Opening(Opening::Http), 4));
        assert_eq!(told(b"POST /x"), (Told::Opening(Opening::Http), 5));
        assert_eq!(told(b"HEAD /"), (Told::Opening(Opening::Http), 5));
        assert_eq!(told(b"GEX"), (Told::Nothing, 3));
        assert_eq!(told(b"SSH-2.0"), (Told::Nothing, 1));
        assert_eq!(told(b""), (Told::More, 0));
    }

    /// Whoever takes most places loses its oldest connection; others keep theirs.
    #[tokio::test]
    async fn the_room_shows_out_the_oldest_of_the_most_numerous() {
        let mut room = Room { places: 4, ..Room::default() };
        let crowd = IpAddr::from([10, 0, 0, 1]);
        let single = IpAddr::from([10, 0, 0, 2]);
        for from in [single, crowd, crowd, crowd] {
            let task = tokio::spawn(std::future::pending::<()>()).abort_handle();
            room.waiting.push_back(Waiting { number: room.next, from, task });
            room.next += 1;
        }
        assert!(room.is_full() && room.show_out());
        let left: Vec<_> = room.waiting.iter().map(|waiting| waiting.number).collect();
        assert_eq!(left, [0, 2, 3]);
        room.leave(2);
        room.leave(2);
        assert_eq!(room.waiting.len(), 2);
        assert!(room.show_out() && room.show_out() && !room.show_out());
    }

    #[tokio::test]
    async fn two_nodes_of_one_machine_take_different_ports() {
        let address = Some(Ipv4Addr::LOCALHOST.into());
        let first = Listener::bind_somewhere(address).unwrap().local_addr().unwrap();
        let one = Listener::bind_somewhere(address).unwrap();
        let other = Listener::bind_somewhere(address).unwrap();
        assert_ne!(one.local_addr().unwrap().port(), other.local_addr().unwrap().port());
        assert!(PORTS.contains(&first.port()) || first.port() > 1024);
        let taken = Listener::bind(address, one.local_addr().unwrap().port());
        assert_eq!(taken.unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }
}

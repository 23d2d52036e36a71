//! Who comes in: one port for all protocols, told apart by the first bytes.
//!
//! What opens a connection is the core's to say ([`tell`](minibit_core::tracker::systems::tell)); anything else closes it at once. Until the
//! first bytes have come, a connection waits in a room of limited size. When that is full, the address that holds most places
//! in it loses its oldest one: who connects and says nothing keeps nobody else out, and a peer that speaks at once is never
//! shown out.

mod first_bytes;
mod room;

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::BytesMut;
use minibit_core::tracker::systems::Opening;
use nix::sys::resource::{Resource, getrlimit};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use self::first_bytes::first_bytes;
use self::room::Room;
use crate::limits::{
    ACCEPT_PAUSE, BACKLOG, FIRST_BYTES_TIMEOUT, INCOMING, RESERVED_DESCRIPTORS, WAITING_ROOM,
};

/// The ports of old (BEP 3), first to last.
const PORTS: std::ops::RangeInclusive<u16> = 6881..=6889;

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
            room: Arc::new(Mutex::new(Room::new(WAITING_ROOM.min(incoming / 2)))),
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
        let addr = plain(addr);
        let mut room = lock(&self.room);
        while room.is_full() && room.show_out() {}
        let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
            // All places are taken; who has said nothing yet leaves its own to a later one.
            room.show_out();
            return;
        };
        let waiting = Arc::clone(&self.room);
        let listen = |number| {
            let task = tokio::spawn(async move {
                let opened = timeout(FIRST_BYTES_TIMEOUT, first_bytes(stream)).await;
                lock(&waiting).leave(number);
                if let Ok(Some((stream, prefix, opening))) = opened {
                    hand_on(Visitor { stream, prefix, addr, opening, place });
                }
            });
            task.abort_handle()
        };
        room.enter(addr.ip(), listen);
    }
}

/// An IPv4 address as such. An address of a link keeps the number of the link, without which nobody is reached at it.
fn plain(addr: SocketAddr) -> SocketAddr {
    match addr.ip().to_canonical() {
        IpAddr::V4(ip) => (ip, addr.port()).into(),
        IpAddr::V6(_) => addr,
    }
}

fn lock(room: &Mutex<Room>) -> std::sync::MutexGuard<'_, Room> {
    room.lock().unwrap_or_else(PoisonError::into_inner)
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

    #[test]
    fn an_address_of_a_link_keeps_its_link() {
        for (seen, shown) in [
            ("[::ffff:10.0.0.1]:9", "10.0.0.1:9"),
            ("10.0.0.1:9", "10.0.0.1:9"),
            ("[fe80::1%3]:9", "[fe80::1%3]:9"),
            ("[2001:db8::1]:9", "[2001:db8::1]:9"),
        ] {
            assert_eq!(plain(seen.parse().unwrap()), shown.parse().unwrap());
        }
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

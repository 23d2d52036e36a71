//! The tracker's UDP server: one thread, one socket, many datagrams with each system call.
//!
//! The thread waits for the first datagram, takes all that have come up to a limit, answers them under one lock of the
//! registry, and sends the answers together. Under load that is two system calls for 64 announces, and no allocation for any.

use std::io::{self, IoSlice, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use minibit_core::tracker::systems::s3;
use minibit_core::tracker::udp::{MAX_REPLY, Server};
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};
use socket2::{Domain, Protocol, Socket, Type};

use super::Tally;
use crate::clock::Clock;
use crate::limits::{DATAGRAM, DATAGRAM_BACKLOG, DATAGRAMS, UDP_SERVER_TICK};
use crate::registry::{Shared, lock};

/// What an answer is, in the last of its first four bytes (BEP 15).
const ANNOUNCE: u8 = 1;
const SCRAPE: u8 = 2;
const ERROR: u8 = 3;

/// A server that runs until this is dropped.
#[derive(Debug)]
pub(crate) struct UdpServer {
    ended: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl UdpServer {
    /// Starts a server at an address.
    ///
    /// # Errors
    /// When the address is not to be had.
    pub(crate) fn start(
        addr: SocketAddr,
        secret: [u8; 16],
        clock: Clock,
        registry: Shared,
        tally: Arc<Tally>,
    ) -> io::Result<Self> {
        let socket = open(addr)?;
        let ended = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&ended);
        let thread = thread::Builder::new().name("udp tracker".into()).spawn(move || {
            let mut batch = Batch::new(socket);
            let server = Server::new(secret);
            while !end.load(Ordering::Relaxed) {
                batch.turn(&server, clock, &registry, &tally);
            }
        })?;
        Ok(Self { ended, thread: Some(thread) })
    }
}

impl Drop for UdpServer {
    fn drop(&mut self) {
        self.ended.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // It has panicked, and has said so.
            let _ = thread.join();
        }
    }
}

fn open(addr: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    if addr.is_ipv6() {
        socket.set_only_v6(!addr.ip().is_unspecified())?;
    }
    socket.set_recv_buffer_size(DATAGRAM_BACKLOG)?;
    socket.set_send_buffer_size(DATAGRAM_BACKLOG)?;
    socket.set_read_timeout(Some(UDP_SERVER_TICK))?;
    socket.bind(&addr.into())?;
    Ok(socket.into())
}

/// A datagram that has come, and the answer to it.
struct Slot {
    request: [u8; DATAGRAM],
    len: usize,
    from: Option<SockaddrStorage>,
    reply: Vec<u8>,
}

struct Batch {
    socket: UdpSocket,
    slots: Vec<Slot>,
    incoming: MultiHeaders<SockaddrStorage>,
    outgoing: MultiHeaders<SockaddrStorage>,
}

impl Batch {
    fn new(socket: UdpSocket) -> Self {
        let slot =
            || Slot { request: [0; DATAGRAM], len: 0, from: None, reply: Vec::with_capacity(MAX_REPLY) };
        Self {
            socket,
            slots: std::iter::repeat_with(slot).take(DATAGRAMS).collect(),
            incoming: MultiHeaders::preallocate(DATAGRAMS, None),
            outgoing: MultiHeaders::preallocate(DATAGRAMS, None),
        }
    }

    /// Waits for datagrams and answers them. Without any it ends after a while.
    fn turn(&mut self, server: &Server, clock: Clock, registry: &Shared, tally: &Tally) {
        let count = self.receive();
        if count == 0 {
            return;
        }
        let now = clock.now();
        let (mut announces, mut scrapes, mut refused, mut texts) = (0, 0, 0, 0);
        {
            let mut registry = lock(registry);
            for slot in &mut self.slots[..count] {
                let Some(from) = slot.from.as_ref().and_then(address) else {
                    slot.reply.clear();
                    continue;
                };
                let own = |asker| own_address(&self.socket, asker);
                let request = &slot.request[..slot.len];
                if s3::is_text(request) {
                    registry.ask_datagram(from, own(from).map(IpAddr::V4), request, &mut slot.reply);
                    texts += 1;
                    continue;
                }
                server.answer(&mut registry.tracker, now, from, request, own, &mut slot.reply);
                match slot.reply.get(3) {
                    Some(&ANNOUNCE) => announces += 1,
                    Some(&SCRAPE) => scrapes += 1,
                    Some(&ERROR) => refused += 1,
                    _ => {}
                }
            }
        }
        tally.udp.add(announces + texts, scrapes, refused);
        self.send(count);
    }

    /// How many datagrams have come. Errors are those of single datagrams, such as a port that was unreachable, or an
    /// interrupt.
    fn receive(&mut self) -> usize {
        let mut lens = [(0, None); DATAGRAMS];
        let mut count = 0;
        {
            let mut slices: Vec<_> =
                self.slots.iter_mut().map(|slot| [IoSliceMut::new(&mut slot.request)]).collect();
            let received = recvmmsg(
                self.socket.as_raw_fd(),
                &mut self.incoming,
                slices.iter_mut(),
                MsgFlags::MSG_WAITFORONE,
                None,
            );
            for (place, message) in lens.iter_mut().zip(received.into_iter().flatten()) {
                *place = (message.bytes, message.address);
                count += 1;
            }
        }
        for (slot, (len, from)) in self.slots.iter_mut().zip(lens).take(count) {
            (slot.len, slot.from) = (len, from);
        }
        count
    }

    /// Sends what there is to say. What the kernel does not take is lost, as datagrams may be.
    fn send(&mut self, count: usize) {
        let answered = || self.slots[..count].iter().filter(|slot| !slot.reply.is_empty());
        let slices: Vec<_> = answered().map(|slot| [IoSlice::new(&slot.reply)]).collect();
        let addrs: Vec<_> = answered().map(|slot| slot.from).collect();
        let mut sent = 0;
        while sent < slices.len() {
            let result = sendmmsg(
                self.socket.as_raw_fd(),
                &mut self.outgoing,
                &slices[sent..],
                &addrs[sent..],
                [],
                MsgFlags::MSG_DONTWAIT,
            );
            sent += result.map_or(0, Iterator::count).max(1);
        }
    }
}

/// The address by which somebody reaches us: the one that we are bound to or, when that is all of them, the one from which the
/// way to the asker begins.
fn own_address(socket: &UdpSocket, asker: SocketAddr) -> Option<Ipv4Addr> {
    let bound = socket.local_addr().ok()?.ip().to_canonical();
    let ip = if bound.is_unspecified() {
        let asker = SocketAddr::new(asker.ip().to_canonical(), asker.port());
        let way = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
        way.connect(asker).ok()?;
        way.local_addr().ok()?.ip()
    } else {
        bound
    };
    match ip {
        IpAddr::V4(ip) => Some(ip),
        IpAddr::V6(_) => None,
    }
}

fn address(from: &SockaddrStorage) -> Option<SocketAddr> {
    let v4 = from.as_sockaddr_in().map(|v4| SocketAddrV4::from(*v4).into());
    v4.or_else(|| from.as_sockaddr_in6().map(|v6| SocketAddrV6::from(*v6).into()))
}

//! The sockets of local service discovery.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::sync::Arc;

use minibit_core::lsd::{Announcement, GROUP_V4, GROUP_V6, MAX_HEARD, PORT};
use minibit_core::tracker::Family;
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

use super::interfaces::{Interface, choose};
use super::{Datagram, Options};

/// What is sent stays on the link, as a name in BEP 14 says: local.
const HOPS: u32 = 1;

/// The family of an address.
pub(super) fn family(addr: SocketAddr) -> Family {
    if addr.is_ipv4() { Family::V4 } else { Family::V6 }
}

/// A socket whose datagrams are read for as long as it is here.
#[derive(Debug)]
struct Reading {
    socket: Arc<UdpSocket>,
    reader: AbortHandle,
}

impl Drop for Reading {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// All sockets.
#[derive(Debug)]
pub(super) struct Sockets {
    options: Options,
    /// Where the group is heard. A system may be without one of the families.
    groups: Vec<Reading>,
    /// Where is sent from: by interface, its number, and the address there.
    senders: BTreeMap<(u32, IpAddr), Reading>,
    arrived: mpsc::Sender<Datagram>,
}

impl Sockets {
    /// Opens the sockets that hear. No interface is used before a [`rescan`](Self::rescan).
    ///
    /// # Errors
    /// When the system allows it for neither family.
    pub(super) fn open(options: Options, arrived: mpsc::Sender<Datagram>) -> io::Result<Self> {
        let (v4, v6) = (hearing(Ipv4Addr::UNSPECIFIED.into()), hearing(Ipv6Addr::UNSPECIFIED.into()));
        let opened = match (v4, v6) {
            (Err(error), Err(_)) => return Err(error),
            (v4, v6) => v4.into_iter().chain(v6),
        };
        let groups = opened.map(|socket| read(socket, true, arrived.clone())).collect();
        Ok(Self { options, groups, senders: BTreeMap::new(), arrived })
    }

    /// Looks which interfaces there are now: joins the group on new ones, lets go of those that went. True when there are new
    /// ones.
    ///
    /// # Errors
    /// When there is none to use.
    pub(super) fn rescan(&mut self) -> io::Result<bool> {
        let interfaces = match choose(&self.options.interfaces) {
            Ok(interfaces) => interfaces,
            Err(error) => {
                self.senders.clear();
                return Err(error);
            }
        };
        let mut wanted = Vec::new();
        for interface in &interfaces {
            let addresses = [interface.v4.map(IpAddr::from), interface.v6.map(IpAddr::from)];
            wanted.extend(addresses.into_iter().flatten().map(|ip| (interface, ip)));
        }
        self.senders
            .retain(|&(index, ip), _| wanted.iter().any(|(it, other)| it.index == index && *other == ip));
        let (mut is_new, mut problem) = (false, None);
        for (interface, ip) in wanted {
            if self.senders.contains_key(&(interface.index, ip)) {
                continue;
            }
            match self.join(interface, ip).and_then(|()| sending(interface, ip)) {
                Ok(socket) => {
                    is_new = true;
                    let reading = read(socket, false, self.arrived.clone());
                    self.senders.insert((interface.index, ip), reading);
                }
                Err(error) => problem = Some(error),
            }
        }
        match problem {
            Some(error) if self.senders.is_empty() => Err(error),
            _ => Ok(is_new),
        }
    }

    /// Hears the group of the address's family on an interface.
    fn join(&self, interface: &Interface, ip: IpAddr) -> io::Result<()> {
        let group = self.groups.iter().find(|group| is_of(&group.socket, ip));
        let group = group.ok_or(io::ErrorKind::Unsupported)?;
        let socket = socket2::SockRef::from(&*group.socket);
        let joined = match ip {
            IpAddr::V4(_) => {
                socket.join_multicast_v4_n(&GROUP_V4, &InterfaceIndexOrAddress::Index(interface.index))
            }
            IpAddr::V6(_) => socket.join_multicast_v6(&GROUP_V6, interface.index),
        };
        match joined {
            // Another address of this interface, or the same one before it went and came back.
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => Ok(()),
            other => other,
        }
    }

    /// Sends an announcement on all interfaces. An interface that cannot send is let go; if it is still there, the next scan
    /// tries it again.
    pub(super) async fn announce(&mut self, announcement: &Announcement) {
        let (v4, v6) = (announcement.to_bytes(Family::V4), announcement.to_bytes(Family::V6));
        let mut failed = Vec::new();
        for (&(index, ip), sender) in &self.senders {
            let (bytes, group) = match ip {
                IpAddr::V4(_) => (&v4, SocketAddr::from((GROUP_V4, PORT))),
                IpAddr::V6(_) => (&v6, SocketAddrV6::new(GROUP_V6, PORT, 0, index).into()),
            };
            if sender.socket.send_to(bytes, group).await.is_err() {
                failed.push((index, ip));
            }
        }
        for key in failed {
            self.senders.remove(&key);
        }
    }

    /// So many interfaces and families are announced on.
    #[cfg(test)]
    pub(super) fn sender_count(&self) -> usize {
        self.senders.len()
    }
}

fn is_of(socket: &UdpSocket, ip: IpAddr) -> bool {
    socket.local_addr().is_ok_and(|addr| addr.is_ipv4() == ip.is_ipv4())
}

/// A socket on the port that all clients of a host share, which hears what it has joined and nothing else.
fn hearing(any: IpAddr) -> io::Result<Socket> {
    let addr = SocketAddr::new(any, PORT);
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    if any.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Otherwise Linux gives it what other programs have joined on interfaces that we leave alone.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    match any {
        IpAddr::V4(_) => socket.set_multicast_all_v4(false)?,
        IpAddr::V6(_) => socket.set_multicast_all_v6(false)?,
    }
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    Ok(socket)
}

/// A socket that sends on one interface, is heard on this host as well, and has a port of its own for answers.
fn sending(interface: &Interface, ip: IpAddr) -> io::Result<Socket> {
    let addr = match ip {
        IpAddr::V4(_) => SocketAddr::new(ip, 0),
        IpAddr::V6(ip) => {
            let scope = if ip.is_unicast_link_local() { interface.index } else { 0 };
            SocketAddrV6::new(ip, 0, 0, scope).into()
        }
    };
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    match ip {
        IpAddr::V4(ip) => {
            socket.set_multicast_if_v4(&ip)?;
            socket.set_multicast_loop_v4(true)?;
            socket.set_multicast_ttl_v4(HOPS)?;
        }
        IpAddr::V6(_) => {
            socket.set_only_v6(true)?;
            socket.set_multicast_if_v6(interface.index)?;
            socket.set_multicast_loop_v6(true)?;
            socket.set_multicast_hops_v6(HOPS)?;
        }
    }
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    Ok(socket)
}

/// Hands on what a socket receives.
fn read(socket: Socket, to_group: bool, arrived: mpsc::Sender<Datagram>) -> Reading {
    let socket = Arc::new(UdpSocket::from_std(socket.into()).expect("it is a socket, and in a runtime"));
    let task = tokio::spawn({
        let socket = Arc::clone(&socket);
        async move {
            // One byte more tells what was too long.
            let mut buffer = [0; MAX_HEARD + 1];
            loop {
                // Errors are those of datagrams sent before, to hosts that did not want them.
                let Ok((len, from)) = socket.recv_from(&mut buffer).await else {
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                    continue;
                };
                let bytes = buffer[..len].to_vec();
                let datagram = Datagram { socket: Arc::clone(&socket), from, to_group, bytes };
                if arrived.send(datagram).await.is_err() {
                    return;
                }
            }
        }
    });
    Reading { socket, reader: task.abort_handle() }
}

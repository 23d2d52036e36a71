//! The TCP side of the tracker's port.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use bytes::BytesMut;
use nix::libc;
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::time::sleep;

use super::{Server, serve_http};
use crate::limits::HTTP_ACCEPT_PAUSE;

/// The port of trackers, by custom.
const PORT: u16 = 6969;
/// Connections that the kernel keeps until they are accepted.
const BACKLOG: i32 = 1024;

/// Listens on an address, or on all addresses of both families.
pub(super) fn bind(addr: Option<SocketAddr>) -> io::Result<TcpListener> {
    match addr {
        Some(addr) => open(addr),
        // A system without IPv6 has no address of that family to listen on.
        None => open((Ipv6Addr::UNSPECIFIED, PORT).into()).or_else(|error| match error.kind() {
            io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => Err(error),
            _ => open((Ipv4Addr::UNSPECIFIED, PORT).into()),
        }),
    }
}

fn open(addr: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    if addr.is_ipv6() {
        socket.set_only_v6(!addr.ip().is_unspecified())?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&addr.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

/// Takes everybody in. Never ends: without descriptors it waits until there are some, and does not ask in a circle.
pub(super) async fn accept(listener: TcpListener, server: Server) {
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                // An answer is one segment, which nothing is to be waited for with.
                let _ = stream.set_nodelay(true);
                tokio::spawn(serve_http(stream, BytesMut::new(), peer, server.clone()));
            }
            Err(error) => {
                let exhausted = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];
                if error.raw_os_error().is_some_and(|code| exhausted.contains(&code)) {
                    sleep(HTTP_ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

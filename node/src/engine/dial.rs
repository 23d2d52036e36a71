//! Opening connections.

use std::io;
use std::net::{IpAddr, SocketAddr};

use bytes::{Bytes, BytesMut};
use socket2::SockRef;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::limits::{DIAL_TIMEOUT, LEAST_READ, SOCKET_BUFFER};

/// Connects to an address, from one of our own where the user has chosen that. With an `introduction`, it is said, and waited for that of the
/// other end: the stream comes with what was read of it.
///
/// # Errors
/// When nobody answers there, or not in time.
pub(crate) async fn dial(
    addr: SocketAddr,
    from: Option<IpAddr>,
    introduction: Option<Bytes>,
) -> io::Result<(TcpStream, BytesMut)> {
    timeout(DIAL_TIMEOUT, async {
        let mut stream = connect(addr, from).await?;
        let mut prefix = BytesMut::new();
        if let Some(introduction) = introduction {
            stream.write_all(&introduction).await?;
            prefix.reserve(LEAST_READ);
            if stream.read_buf(&mut prefix).await? == 0 {
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
        }
        Ok((stream, prefix))
    })
    .await?
}

async fn connect(addr: SocketAddr, from: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(from) = from.filter(|from| from.is_ipv4() == addr.is_ipv4() && !from.is_unspecified()) {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    let stream = socket.connect(addr).await?;
    tune(&stream);
    Ok(stream)
}

/// Sets what every connection of ours has. Where the system refuses, the connection is slower and nothing else.
pub(crate) fn tune(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    // Requests are small and wait for nobody: batches are made here and not by the kernel.
    let _ = socket.set_tcp_nodelay(true);
    let _ = socket.set_send_buffer_size(SOCKET_BUFFER);
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
}

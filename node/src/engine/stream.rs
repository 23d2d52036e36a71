//! What a connection of a peer is made of: a socket of its own, or its part of one that a tracker's questions come on as well.

use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// A stream of bytes in both directions.
#[derive(Debug)]
pub(crate) enum Stream {
    Socket(TcpStream),
    /// What the desk passes on of a connection from this address.
    Part(DuplexStream, SocketAddr),
}

impl Stream {
    /// Where the other end is.
    pub(super) fn peer_addr(&self) -> io::Result<SocketAddr> {
        match self {
            Self::Socket(stream) => stream.peer_addr(),
            Self::Part(_, addr) => Ok(*addr),
        }
    }

    pub(super) fn into_split(self) -> (ReadHalf, WriteHalf) {
        match self {
            Self::Socket(stream) => {
                let (read, write) = stream.into_split();
                (ReadHalf::Socket(read), WriteHalf::Socket(write))
            }
            Self::Part(stream, _) => {
                let (read, write) = tokio::io::split(stream);
                (ReadHalf::Part(read), WriteHalf::Part(write))
            }
        }
    }
}

/// The half that is read from.
#[derive(Debug)]
pub(super) enum ReadHalf {
    Socket(OwnedReadHalf),
    Part(tokio::io::ReadHalf<DuplexStream>),
}

/// The half that is written to.
#[derive(Debug)]
pub(super) enum WriteHalf {
    Socket(OwnedWriteHalf),
    Part(tokio::io::WriteHalf<DuplexStream>),
}

impl AsyncRead for ReadHalf {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(half) => Pin::new(half).poll_read(context, buffer),
            Self::Part(half) => Pin::new(half).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for WriteHalf {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Socket(half) => Pin::new(half).poll_write(context, bytes),
            Self::Part(half) => Pin::new(half).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Socket(half) => Pin::new(half).poll_write_vectored(context, slices),
            Self::Part(half) => Pin::new(half).poll_write_vectored(context, slices),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(half) => Pin::new(half).poll_flush(context),
            Self::Part(half) => Pin::new(half).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Socket(half) => Pin::new(half).poll_shutdown(context),
            Self::Part(half) => Pin::new(half).poll_shutdown(context),
        }
    }
}

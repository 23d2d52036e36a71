//! A peer in the hands of a test: it says and hears single messages.

use std::io::{self, Read as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use minibit_core::config::Encoding;
use minibit_core::message::Handshake;
use minibit_core::metainfo::Metainfo;
use minibit_core::wire::{self, Decoder, Limits};
use minibit_core::{Geometry, InfoHash, Message, PeerId};

/// A connection that speaks BEP 3 in both directions.
pub(crate) struct Peer {
    stream: TcpStream,
    decoder: Decoder,
    buffer: BytesMut,
    /// The other side serves us.
    pub(crate) unchoked: bool,
}

impl Peer {
    /// Takes a connection over, before the handshakes.
    pub(crate) fn new(stream: TcpStream, geometry: &Geometry) -> Self {
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let decoder = Decoder::new(Encoding::Bep3, true, Limits::of(geometry));
        Self { stream, decoder, buffer: BytesMut::new(), unchoked: false }
    }

    /// Connects and shakes hands.
    pub(crate) fn connect(to: SocketAddr, metainfo: &Metainfo, id: u8) -> io::Result<Self> {
        Self::connect_as(to, metainfo, PeerId([id; 20]))
    }

    /// The same, with a whole id.
    pub(crate) fn connect_as(to: SocketAddr, metainfo: &Metainfo, id: PeerId) -> io::Result<Self> {
        let mut peer = Self::new(TcpStream::connect(to)?, &metainfo.geometry());
        peer.say(&handshake_of(metainfo.info_hash(), id))?;
        match peer.hear()? {
            Message::Handshake(_) => Ok(peer),
            other => Err(io::Error::other(format!("{other:?} in place of a handshake"))),
        }
    }

    /// A second handle: one thread hears, another one says.
    pub(crate) fn voice(&self) -> TcpStream {
        self.stream.try_clone().unwrap()
    }

    pub(crate) fn say(&mut self, message: &Message<Bytes>) -> io::Result<()> {
        say(&mut self.stream, message)
    }

    /// The next message.
    pub(crate) fn hear(&mut self) -> io::Result<Message<Bytes>> {
        loop {
            match self.decoder.decode(&mut self.buffer) {
                Ok(Some(message)) => {
                    match message {
                        Message::Choke => self.unchoked = false,
                        Message::Unchoke => self.unchoked = true,
                        _ => {}
                    }
                    return Ok(message);
                }
                Ok(None) => {}
                Err(error) if error.is_unknown_message() => continue,
                Err(error) => return Err(io::Error::other(error)),
            }
            let mut chunk = [0; 1 << 14];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(len) => self.buffer.extend_from_slice(&chunk[..len]),
                // A machine that was halted and goes on interrupts every read that has a time-out.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Sends a message.
pub(crate) fn say(mut stream: impl io::Write, message: &Message<Bytes>) -> io::Result<()> {
    let mut bytes = BytesMut::new();
    wire::encode(Encoding::Bep3, message, &mut bytes).expect("every message has its bytes");
    stream.write_all(&bytes)
}

/// A handshake with the fast extension.
pub(crate) fn handshake(info_hash: InfoHash, id: u8) -> Message<Bytes> {
    handshake_of(info_hash, PeerId([id; 20]))
}

/// That of one of many.
pub(crate) fn handshake_of(info_hash: InfoHash, peer_id: PeerId) -> Message<Bytes> {
    Message::Handshake(Box::new(Handshake { info_hash, peer_id, fast: true, extended: false }))
}

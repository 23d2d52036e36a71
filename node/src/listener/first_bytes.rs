//! Reading the first bytes of a connection, by which the core tells protocols apart.

use bytes::BytesMut;
use minibit_core::tracker::systems::{Opening, Told, tell};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use crate::limits::FIRST_BYTES;

/// Reads until the first bytes say what the connection is; `None` when it is nothing of ours.
pub(super) async fn first_bytes(mut stream: TcpStream) -> Option<(TcpStream, BytesMut, Opening)> {
    let mut prefix = BytesMut::with_capacity(FIRST_BYTES);
    loop {
        match tell(&prefix, prefix.len() >= FIRST_BYTES) {
            Told::Opening(opening) => return Some((stream, prefix, opening)),
            Told::Nothing => return None,
            Told::More => {}
        }
        let room = FIRST_BYTES - prefix.len();
        if (&mut stream).take(room as u64).read_buf(&mut prefix).await.ok()? == 0 {
            return None;
        }
    }
}

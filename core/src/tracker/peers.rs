//! The peers in a tracker's answer, of which a bounded number is believed.

use core::net::SocketAddr;

use super::compact::{Compact as _, Packed};

/// Peers of one answer that are kept. We ask for 200 at most.
const MAX_PEERS: usize = 1_000;

/// Peers as they are read. Port 0 cannot be dialled and is left out.
#[derive(Debug, Default)]
pub(super) struct Peers(Vec<SocketAddr>);

impl Peers {
    pub(super) fn push(&mut self, peer: SocketAddr) {
        if peer.port() != 0 && self.0.len() < MAX_PEERS {
            self.0.push(peer);
        }
    }

    pub(super) fn into_vec(self) -> Vec<SocketAddr> {
        self.0
    }
}

/// Six bytes each (BEP 23). False when a part of a peer is left.
pub(super) fn compact_v4(bytes: &[u8], peers: &mut Peers) -> bool {
    let (packed, rest) = bytes.as_chunks();
    for &packed in packed {
        peers.push(SocketAddr::unpack(Packed::V4(packed)));
    }
    rest.is_empty()
}

/// Eighteen bytes each (BEP 7). False when a part of a peer is left.
pub(super) fn compact_v6(bytes: &[u8], peers: &mut Peers) -> bool {
    let (packed, rest) = bytes.as_chunks();
    for &packed in packed {
        peers.push(SocketAddr::unpack(Packed::V6(packed)));
    }
    rest.is_empty()
}

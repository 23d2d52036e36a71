//! The pieces that a choked newcomer may ask for: the canonical set of BEP 6, *allowed fast set generation*.

use sha1::{Digest as _, Sha1};

use crate::boundary::Address;
use crate::geometry::Geometry;
use crate::id::{InfoHash, PieceIndex};

/// The first `size` pieces of the address's set: equal for every peer that computes it. Empty without an IPv4 address.
pub(crate) fn allowed_fast_set<A: Address>(
    addr: A,
    info_hash: &InfoHash,
    geometry: &Geometry,
    size: u32,
) -> Vec<PieceIndex> {
    let Some([a, b, c, _]) = addr.ipv4() else { return Vec::new() };
    let size = size.min(geometry.piece_count()) as usize;
    let mut set = Vec::with_capacity(size);
    let mut hash: [u8; 20] =
        Sha1::new().chain_update([a, b, c, 0]).chain_update(info_hash.0).finalize().into();
    while set.len() < size {
        for word in hash.chunks_exact(4) {
            let number = u32::from_be_bytes(word.try_into().expect("chunks of four bytes"));
            if let Some(piece) = geometry.piece(number % geometry.piece_count())
                && set.len() < size
                && !set.contains(&piece)
            {
                set.push(piece);
            }
        }
        hash = Sha1::digest(hash).into();
    }
    set
}

#[cfg(test)]
mod tests {
    use core::net::SocketAddr;

    use super::*;

    /// The example of BEP 6: 80.4.4.200, info-hash of twenty 0xaa, 1313 pieces.
    #[test]
    fn the_published_example() {
        let addr: SocketAddr = "80.4.4.200:1".parse().unwrap();
        let geometry = Geometry::new(1313, 1, 1).unwrap();
        let numbers = |size| {
            let set = allowed_fast_set(addr, &InfoHash([0xaa; 20]), &geometry, size);
            set.into_iter().map(PieceIndex::get).collect::<Vec<_>>()
        };
        assert_eq!(numbers(7), [1059, 431, 808, 1217, 287, 376, 1188]);
        assert_eq!(numbers(9), [1059, 431, 808, 1217, 287, 376, 1188, 353, 508]);
    }

    #[test]
    fn small_torrents_end() {
        let addr: SocketAddr = "10.0.0.1:1".parse().unwrap();
        let geometry = Geometry::new(3, 1, 1).unwrap();
        assert_eq!(allowed_fast_set(addr, &InfoHash([1; 20]), &geometry, 10).len(), 3);
        let v6: SocketAddr = "[2001:db8::1]:1".parse().unwrap();
        assert!(allowed_fast_set(v6, &InfoHash([1; 20]), &geometry, 10).is_empty());
    }
}

//! What the tests have in common: a swarm on a wire, a lone `Torrent`, and the witness that watches both.

mod disk;
pub(crate) mod lone;
mod medium;
pub(crate) mod solo;
mod swarm;
mod trace;
mod witness;

pub(crate) use disk::{Disk, Lies};
pub(crate) use medium::Medium;
pub(crate) use solo::Solo;
pub(crate) use swarm::{Swarm, World};
pub(crate) use trace::{Entry, What};
pub(crate) use witness::Witness;

use minibit_core::config::{Config, Requests};
use minibit_core::{Bitfield, Geometry, InfoHash, PeerId, Profile};

/// Length of a block in these tests.
pub(crate) const BLOCK: u32 = 16 * 1024;

/// The swarm of these tests.
pub(crate) const SWARM: InfoHash = InfoHash([7; 20]);

/// A torrent of so many pieces of so many blocks; the last block is short.
pub(crate) fn geometry(pieces: u32, blocks: u32) -> Geometry {
    let len = u64::from(pieces) * u64::from(blocks) * u64::from(BLOCK) - 1_000;
    Geometry::new(len, blocks * BLOCK, BLOCK).expect("lengths of tests are sound")
}

/// The id of a member.
pub(crate) fn peer_id(member: usize) -> PeerId {
    let number = u32::try_from(member).expect("test swarms are small");
    let mut id = *b"-MB0000-000000000000";
    id[16..].copy_from_slice(&number.to_be_bytes());
    PeerId(id)
}

/// `BitTorrent` without a tracker: members are introduced by hand.
pub(crate) fn plain() -> Config {
    Config { announcing: None, suggest: false, ..Profile::Bittorrent.config() }
}

/// The same without the fast extension, as BEP 3 has it.
pub(crate) fn without_fast() -> Config {
    Config { fast_extension: false, ..plain() }
}

/// The same with a fixed number of outstanding requests.
pub(crate) fn fixed(depth: u32) -> Config {
    Config { requests: Requests::Fixed(depth), ..plain() }
}

/// A set of pieces drawn as text, `"*.*"`.
pub(crate) fn pieces(drawing: &str) -> Bitfield {
    let len = u32::try_from(drawing.len()).expect("a line of text");
    let geometry = geometry(len, 1);
    let mut set = Bitfield::none(len);
    for piece in geometry.pieces().filter(|piece| drawing.as_bytes()[piece.index()] == b'*') {
        set.insert(piece);
    }
    set
}

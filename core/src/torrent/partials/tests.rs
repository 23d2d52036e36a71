//! Open pieces, block by block.

use super::*;
use crate::rng::{Purpose, Seed};
use crate::time::Instant;
use crate::torrent::known::KnownPeers;

fn geometry() -> Geometry {
    Geometry::new(1_000, 400, 100).unwrap()
}

fn keys() -> [PeerKey; 2] {
    let mut known = KnownPeers::new(5);
    known.learn(1_u8);
    known.learn(2);
    let mut rng = Seed::from_number(0).stream(Purpose::Test, 0);
    [(); 2].map(|()| known.dial(Instant::ZERO, &mut rng).unwrap().0)
}

const CONN: ConnId = ConnId::new(0, 0);
const OTHER: ConnId = ConnId::new(1, 0);

#[test]
fn own_pieces_come_first_then_the_rarest_then_the_fullest() {
    let geometry = geometry();
    let mut partials = Partials::default();
    for piece in [0, 1, 2] {
        partials.open(&geometry, PieceIndex(piece), OTHER, false);
    }
    let best = |partials: &Partials, conn, ranks: [u32; 3]| {
        partials.best(conn, |_| true, |piece| ranks[piece.index()]).map(|best| best.piece.get())
    };
    assert_eq!(best(&partials, CONN, [2, 1, 3]), Some(1));
    assert_eq!(best(&partials, CONN, [1, 1, 1]), Some(2), "the last piece is short");
    let first = partials.take(CONN, PieceIndex(1)).unwrap();
    assert_eq!(first, BlockRef { piece: PieceIndex(1), block: 0 });
    partials.close(PieceIndex(0)).unwrap();
    partials.open(&geometry, PieceIndex(0), CONN, false);
    assert_eq!(best(&partials, CONN, [9, 1, 1]), Some(0), "its own piece, however common");
    partials.release(first);
    assert_eq!(partials.take(CONN, PieceIndex(1)), Some(first));
}

#[test]
fn a_block_counts_once_and_remembers_its_sender() {
    let [one, two] = keys();
    let mut partials = Partials::default();
    partials.open(&geometry(), PieceIndex(2), CONN, false);
    let a = partials.take(CONN, partials.open[0].piece).unwrap();
    let b = partials.take(CONN, partials.open[0].piece).unwrap();
    assert!(partials.may_ask_again(a));
    partials.ask_again(a);
    assert_eq!(partials.arrived(a, CONN, one, true), Arrival::New { others: 1 });
    assert_eq!(partials.arrived(a, OTHER, two, true), Arrival::Useless);
    assert_eq!(partials.written(a), Landing::More);
    assert_eq!(partials.arrived(b, OTHER, two, true), Arrival::New { others: 0 });
    assert_eq!(partials.written(b), Landing::Complete);
    assert_eq!(partials.close(PieceIndex(2)).unwrap().senders(), vec![one, two]);
    assert!(!partials.any_free());
}

#[test]
fn a_single_source_is_alone_and_its_blocks_go_with_it() {
    let [one, two] = keys();
    let mut partials = Partials::default();
    partials.open(&geometry(), PieceIndex(0), CONN, true);
    let block = partials.take(CONN, partials.open[0].piece).unwrap();
    assert_eq!(partials.best(OTHER, |_| true, |_| 0), None);
    assert_eq!(partials.arrived(block, OTHER, two, false), Arrival::Useless);
    assert_eq!(partials.arrived(block, CONN, one, true), Arrival::New { others: 0 });
    partials.lose_source(CONN, |_| true);
    assert_eq!(partials.best(OTHER, |_| true, |_| 0), None, "its block is not on the disk yet");
    assert_eq!(partials.written(block), Landing::Drained);
    assert!(partials.best(OTHER, |_| true, |_| 0).is_some());
    assert_eq!(partials.take(OTHER, PieceIndex(0)), Some(block));
}

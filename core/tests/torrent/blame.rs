//! Wrong blocks: the liar is found and banned, nobody else is, and the piece comes in the end.

use core::time::Duration;

use minibit_core::boundary::{DisconnectReason, DiskOp, SimAddr};
use minibit_core::config::Config;
use minibit_core::message::MessageKind;
use minibit_core::{BlockSpan, ConnId, Input, Message, Output};

use crate::support::solo::{Said, banned, closed, kinds, requests};
use crate::support::{Solo, fixed, geometry};

const LIAR: SimAddr = SimAddr(1);

/// One piece of two blocks, of which the first was asked of the liar, who is number 1, and the second of number 2; both came,
/// and the first was wrong.
fn half_wrong(config: Config) -> (Solo, ConnId, ConnId, Said) {
    let mut solo = Solo::leecher(config, geometry(1, 2));
    let (liar, wrong) = solo.meet_seed(true);
    let (honest, right) = solo.meet_seed(true);
    assert_eq!((wrong.len(), right.len()), (1, 1));
    // The later half comes first, so that nobody is asked for the other's half before both are here.
    solo.hold_disk = true;
    solo.give_wrong(liar, wrong[0]);
    solo.give(honest, right[0]);
    solo.hold_disk = false;
    let mut said = Vec::new();
    while !solo.held.is_empty() {
        said.extend(solo.release());
    }
    assert_eq!(solo.torrent.stats().hash_failures, 1);
    (solo, liar, honest, said)
}

fn plain_fixed() -> Config {
    Config { endgame: false, ..fixed(1) }
}

/// Whom the piece is asked of after it has failed.
fn source(said: &Said, conns: [ConnId; 2]) -> (ConnId, ConnId, BlockSpan) {
    let asked = conns.map(|conn| requests(said, conn));
    match asked {
        [ref first, ref second] if second.is_empty() => (conns[0], conns[1], first[0]),
        [ref first, ref second] if first.is_empty() => (conns[1], conns[0], second[0]),
        _ => panic!("the piece is fetched again from one peer alone: {asked:?}"),
    }
}

/// Plays on until the piece is here: who is asked answers, the liar with a lie or with the truth.
fn fetch_again(solo: &mut Solo, mut said: Said, liar: ConnId, lies: bool) -> Said {
    let mut all = Vec::new();
    for _ in 0..100 {
        let conns: Vec<ConnId> = solo.torrent.connections().map(|view| view.conn).collect();
        let next = conns.iter().find_map(|&conn| Some((conn, *requests(&said, conn).first()?)));
        all.append(&mut said);
        if solo.torrent.is_complete() {
            return all;
        }
        said = match next {
            Some((conn, span)) if conn == liar && lies => solo.give_wrong(conn, span),
            Some((conn, span)) => solo.give(conn, span),
            None => solo.wait(Duration::from_secs(5)),
        };
    }
    panic!("the piece never comes");
}

#[test]
fn who_has_sent_all_of_a_wrong_piece_is_banned_at_once() {
    let mut solo = Solo::leecher(fixed(2), geometry(1, 2));
    let (liar, asked) = solo.meet_seed(true);
    solo.give(liar, asked[0]);
    let said = solo.give_wrong(liar, asked[1]);
    assert_eq!(closed(&said, liar), Some(DisconnectReason::Banned));
    assert_eq!(banned(&said), [LIAR]);
    let said = solo.input(Input::Incoming { ticket: 9, addr: LIAR });
    assert!(matches!(said[..], [Output::Refuse { ticket: 9 }]));
    let (_, asked) = solo.meet_seed(true);
    assert_eq!(asked.len(), 2, "the piece is wanted again");
}

#[test]
fn of_two_senders_the_one_who_lied_is_banned_once_the_right_piece_is_here() {
    let (mut solo, liar, honest, said) = half_wrong(plain_fixed());
    assert!(banned(&said).is_empty(), "it may have been either");
    let said = fetch_again(&mut solo, said, liar, false);
    assert_eq!(banned(&said), [LIAR]);
    assert!(closed(&said, honest).is_none() || closed(&said, honest) == Some(DisconnectReason::BothSeeds));
}

#[test]
fn a_liar_that_goes_on_lying_is_banned_all_the_same() {
    let (mut solo, liar, _, said) = half_wrong(plain_fixed());
    let said = fetch_again(&mut solo, said, liar, true);
    assert_eq!(banned(&said), [LIAR]);
}

/// While the fingerprints of the wrong blocks are not known, the piece is not overwritten.
#[test]
fn the_piece_waits_for_its_fingerprints() {
    let mut solo = Solo::leecher(plain_fixed(), geometry(1, 2));
    let (liar, wrong) = solo.meet_seed(true);
    let (honest, right) = solo.meet_seed(true);
    solo.hold_disk = true;
    solo.give_wrong(liar, wrong[0]);
    solo.give(honest, right[0]);
    for _ in 0..3 {
        let said = solo.release();
        assert!(requests(&said, liar).is_empty() && requests(&said, honest).is_empty());
    }
    assert!(matches!(solo.held[..], [DiskOp::Fingerprint { .. }]));
    let said = solo.wait(Duration::from_mins(1));
    assert!(requests(&said, liar).is_empty() && requests(&said, honest).is_empty());
    let said = solo.release();
    solo.hold_disk = false;
    let said = fetch_again(&mut solo, said, liar, false);
    assert_eq!(banned(&said), [LIAR]);
}

/// The right piece's fingerprints may come late: when the liar is long gone it is banned by its address.
#[test]
fn a_liar_that_has_left_is_banned_too() {
    let (mut solo, liar, honest, said) = half_wrong(plain_fixed());
    let (source, ..) = source(&said, [liar, honest]);
    let gone = solo.input(Input::Disconnected { conn: liar });
    let said = if source == liar { gone } else { said };
    let said = fetch_again(&mut solo, said, liar, false);
    assert_eq!(banned(&said), [LIAR]);
    let said = solo.input(Input::Incoming { ticket: 9, addr: LIAR });
    assert!(matches!(said[..], [Output::Refuse { ticket: 9 }]));
}

/// The source has sent half and leaves: the other one sends all of it, so that there is one sender again.
#[test]
fn a_source_that_leaves_takes_its_blocks_with_it() {
    let (mut solo, liar, honest, said) = half_wrong(plain_fixed());
    let (first, second, span) = source(&said, [liar, honest]);
    solo.give(first, span);
    let said = solo.input(Input::Disconnected { conn: first });
    assert_eq!(requests(&said, second), [BlockSpan { begin: 0, ..span }]);
    let said = fetch_again(&mut solo, said, liar, false);
    assert_eq!(banned(&said), [LIAR]);
}

/// The source has sent a wrong block, whose write is still under way, and leaves. What the next one sends must not be mixed up
/// with it on the disk: an honest peer would be banned.
#[test]
fn a_write_of_the_first_source_is_not_taken_for_the_seconds() {
    for order in [[0, 0, 0], [1, 0, 0]] {
        let (mut solo, liar, honest, said) = half_wrong(plain_fixed());
        let (first, second, span) = source(&said, [liar, honest]);
        // The test knows who lied; the torrent cannot. Whoever is asked first sends something wrong now.
        solo.hold_disk = true;
        solo.give_wrong(first, span);
        let mut said = solo.input(Input::Disconnected { conn: first });
        for next in order.into_iter().chain([0; 8]) {
            let mut asked = requests(&said, second);
            while let Some(span) = asked.pop() {
                asked.extend(requests(&solo.give(second, span), second));
            }
            if solo.held.is_empty() {
                break;
            }
            let op = solo.held.remove(next.min(solo.held.len() - 1));
            solo.held.insert(0, op);
            said = solo.release();
        }
        assert!(solo.torrent.is_complete());
        assert!(solo.view(second).is_none_or(|view| view.open));
        assert_eq!(solo.torrent.stats().hash_failures, 1);
    }
}

/// A source that chokes us, for ever, keeps nobody from finishing: with the fast extension it says so and rejects.
#[test]
fn a_source_that_chokes_loses_the_piece() {
    let (mut solo, liar, honest, said) = half_wrong(plain_fixed());
    let (first, second, span) = source(&said, [liar, honest]);
    let mut said = solo.hear(first, Message::Choke);
    said.extend(solo.hear(first, Message::RejectRequest(span)));
    assert!(!requests(&said, second).is_empty(), "{said:?}");
    assert!(!kinds(&said, second).contains(&MessageKind::Cancel));
}

/// Nor does one that sends all blocks but one.
#[test]
fn a_source_that_rejects_a_block_loses_the_piece() {
    let (mut solo, liar, honest, said) = half_wrong(plain_fixed());
    let (first, second, span) = source(&said, [liar, honest]);
    let said = solo.give(first, span);
    let last = requests(&said, first)[0];
    let said = solo.hear(first, Message::RejectRequest(last));
    assert_eq!(requests(&said, second), [BlockSpan { begin: 0, ..span }]);
}

/// Nor does one that sends nothing.
#[test]
fn a_source_that_is_silent_loses_the_piece() {
    let (mut solo, liar, honest, said) = half_wrong(plain_fixed());
    let (_, second, _) = source(&said, [liar, honest]);
    let said = solo.wait(Duration::from_secs(25));
    assert!(!requests(&said, second).is_empty());
}

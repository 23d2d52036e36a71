//! Seeding by tit-for-tat's rules: everyone in turn.

use core::time::Duration;

use super::{Table, choking, rng};
use crate::config::ChokeAlgorithm;
use crate::id::ConnId;
use crate::time::Instant;

fn table(peers: u32) -> Table {
    let mut table = Table::new(choking(ChokeAlgorithm::TitForTat), peers);
    table.seeding = true;
    table
}

#[test]
fn all_get_exactly_the_same_service() {
    let mut table = table(15);
    // What would make a difference to a leecher makes none.
    table.peers[..5].iter_mut().for_each(|peer| (peer.download_rate, peer.upload_rate) = (1_000, 1_000));
    table.peers[7].snubbed = true;
    assert_eq!(table.service(90), [30; 15]);
}

#[test]
fn a_turn_is_three_rounds_and_a_full_circle_serves_everyone() {
    let mut table = table(15);
    for _ in 0..4 {
        let mut circle: Vec<usize> = Vec::new();
        for _ in 0..3 {
            let turn = [(); 3].map(|()| table.round());
            assert!(turn[0] == turn[1] && turn[1] == turn[2], "{turn:?}");
            circle.extend(&turn[0]);
        }
        circle.sort_unstable();
        assert!(circle.into_iter().eq(0..15));
    }
}

#[test]
fn nobody_gives_way_to_nobody() {
    let mut table = table(5);
    for _ in 0..20 {
        assert_eq!(table.round(), [0, 1, 2, 3, 4]);
    }
}

#[test]
fn those_served_longest_give_way_and_only_as_many_as_wait() {
    let mut table = table(7);
    for (secs, peer) in [900, 901, 902, 903, 999].into_iter().zip(&mut table.peers) {
        (peer.unchoked, peer.unchoked_at) = (true, Some(Instant::from_secs(secs)));
    }
    assert_eq!(table.round(), [2, 3, 4, 5, 6]);
}

#[test]
fn of_those_unchoked_at_the_same_time_the_fastest_stays() {
    let mut table = table(6);
    for peer in &mut table.peers[..5] {
        (peer.unchoked, peer.unchoked_at, peer.upload_rate) = (true, Some(Instant::ZERO), 100);
    }
    table.peers[3].upload_rate = 50;
    assert_eq!(table.round(), [0, 1, 2, 4, 5]);
}

#[test]
fn rounds_that_come_a_little_early_do_not_stretch_a_turn() {
    let mut table = table(10);
    let first = table.round();
    let start = table.now;
    let mut unchoke = Vec::new();
    for round in 1..=3 {
        let now = start + Duration::from_millis(10_000 * round - 3);
        table.choker.round(now, true, &table.peers, &mut table.rng, &mut unchoke);
    }
    assert!(unchoke.iter().all(|conn| !first.contains(&conn.slot())), "{first:?} then {unchoke:?}");
}

#[test]
fn the_wait_is_bounded_though_newcomers_keep_coming() {
    for owner in 0..20 {
        let mut table = table(40);
        table.rng = rng(owner);
        let mut waited = [0_u32; 40];
        for round in 0..120 {
            let served = table.round();
            for (at, waited) in waited.iter_mut().enumerate() {
                *waited = if served.contains(&at) { 0 } else { *waited + 1 };
            }
            // 40 peers, 5 slots, 3 rounds a turn: a full circle is 24 rounds.
            assert!(waited[5..].iter().all(|&rounds| rounds <= 24), "{waited:?}");
            // Five peers connect again and again, to be new each time.
            for (at, waited) in waited[..5].iter_mut().enumerate() {
                table.choker.forget(table.peers[at].conn);
                let slot = u32::try_from(at).unwrap();
                table.peers[at] = super::Candidate {
                    conn: ConnId::new(slot, round + 1),
                    newly_connected: true,
                    ..super::peer(0)
                };
                *waited = 0;
            }
        }
    }
}

#[test]
fn a_leecher_that_completes_goes_on_without_a_break() {
    let mut table = table(12);
    table.seeding = false;
    let before = table.round();
    table.seeding = true;
    assert_eq!(table.round(), before, "their turns are not over");
    // 50 each, but for the turns that are cut off at the ends.
    let counts = table.service(120);
    assert!(counts.iter().all(|count| (45..=55).contains(count)), "{counts:?}");
}

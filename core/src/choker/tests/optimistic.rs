//! The optimistic slot: how long it is kept, and that all who wait are equally likely.

use super::{Table, choking, rng};
use crate::config::{ChokeAlgorithm, Choking};

/// Four peers that earn their slots, and others that wait for the optimistic one.
fn table(others: usize) -> Table {
    let mut table = Table::new(choking(ChokeAlgorithm::TitForTat), 4 + u32::try_from(others).unwrap());
    table.peers[..4].iter_mut().for_each(|peer| peer.download_rate = 1_000);
    table
}

/// The one that is served by luck.
fn lucky(table: &mut Table) -> usize {
    let served = table.round();
    assert_eq!(served[..4], [0, 1, 2, 3]);
    assert_eq!(served.len(), 5);
    served[4]
}

#[test]
fn a_slot_is_kept_for_three_rounds_and_each_is_drawn_once_per_cycle() {
    let mut table = table(6);
    for _ in 0..10 {
        let cycle: Vec<[usize; 3]> = (0..6).map(|_| [(); 3].map(|()| lucky(&mut table))).collect();
        assert!(cycle.iter().all(|turn| turn[0] == turn[1] && turn[1] == turn[2]), "{cycle:?}");
        let mut drawn: Vec<usize> = cycle.iter().map(|turn| turn[0]).collect();
        drawn.sort_unstable();
        assert_eq!(drawn, [4, 5, 6, 7, 8, 9], "everyone once");
    }
}

#[test]
fn a_time_that_is_no_multiple_of_the_round_is_rounded_up() {
    let odd = Choking {
        optimistic_interval: core::time::Duration::from_secs(11),
        ..choking(ChokeAlgorithm::Rarity)
    };
    let mut table = Table::new(odd, 12);
    table.peers[..4].iter_mut().for_each(|peer| peer.rarity = 1);
    for _ in 0..8 {
        assert_eq!(lucky(&mut table), lucky(&mut table), "two rounds of 10 s");
    }
}

#[test]
fn every_draw_is_uniform_and_newcomers_have_weight_three() {
    for newcomers in [0, 2] {
        let mut counts = [0_u32; 6];
        for owner in 0..6_000 {
            let mut table = table(6);
            table.rng = rng(owner);
            table.peers[4..4 + newcomers].iter_mut().for_each(|peer| peer.newly_connected = true);
            counts[lucky(&mut table) - 4] += 1;
        }
        let (new, old) = counts.split_at(newcomers);
        let expected = 6_000 / (6 + 2 * u32::try_from(newcomers).unwrap());
        let near = |count: &u32, expected: u32| count.abs_diff(expected) < expected / 8;
        assert!(new.iter().all(|count| near(count, 3 * expected)), "{counts:?}");
        assert!(old.iter().all(|count| near(count, expected)), "{counts:?}");
    }
}

#[test]
fn who_earns_a_regular_slot_makes_room_for_another() {
    let mut table = table(6);
    let first = lucky(&mut table);
    table.peers[first].download_rate = 5_000;
    table.peers[0].download_rate = 10;
    let served = table.round();
    assert!([1, 2, 3, first].iter().all(|at| served.contains(at)), "{served:?}");
    assert_eq!(served.len(), 5);
}

#[test]
fn who_leaves_or_loses_interest_makes_room_for_another() {
    let mut table = table(6);
    let first = lucky(&mut table);
    table.peers[first].interested = false;
    let second = lucky(&mut table);
    assert_ne!(second, first);
    table.choker.forget(table.peers[second].conn);
    table.peers[second].interested = false;
    let third = lucky(&mut table);
    assert!(third != first && third != second);
    assert_eq!([lucky(&mut table), lucky(&mut table)], [third; 2], "a new turn is a whole turn");
}

#[test]
fn who_is_admitted_at_once_has_had_its_turn() {
    let mut table = table(6);
    table.peers[4..].iter_mut().for_each(|peer| peer.interested = false);
    table.round();
    assert!(table.becomes_interested(6), "the optimistic slot is free");
    table.peers[4..].iter_mut().for_each(|peer| peer.interested = true);
    assert_eq!([lucky(&mut table), lucky(&mut table)], [6; 2], "as if drawn in the last round");
    let mut next: Vec<usize> = (0..5).map(|_| [(); 3].map(|()| lucky(&mut table))[0]).collect();
    next.sort_unstable();
    assert_eq!(next, [4, 5, 7, 8, 9], "all others before it again");
}

#[test]
fn who_becomes_interested_is_served_within_as_many_turns_as_there_are_interested_peers() {
    for owner in 0..50 {
        let mut table = table(8);
        table.rng = rng(owner);
        table.peers[11].interested = false;
        for _ in 0..=owner {
            lucky(&mut table);
        }
        assert!(!table.becomes_interested(11), "all slots are taken");
        let turns = (1..=12).find(|_| [(); 3].map(|()| lucky(&mut table)).contains(&11));
        assert!(turns.is_some(), "30 s times interested peers are over");
    }
}

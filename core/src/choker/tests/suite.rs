//! What holds for every algorithm, leeching and seeding.

use core::time::Duration;

use super::{ALGORITHMS, Table, choking, peer, rng};
use crate::choker::{Candidate, Choker};
use crate::config::ChokeAlgorithm;
use crate::id::ConnId;
use crate::time::Instant;

fn everywhere() -> impl Iterator<Item = (ChokeAlgorithm, bool)> {
    ALGORITHMS.into_iter().flat_map(|algorithm| [(algorithm, false), (algorithm, true)])
}

/// How many must be served, given who is interested: all slots are used unless nobody is left for them.
fn due(algorithm: ChokeAlgorithm, seeding: bool, peers: &[Candidate]) -> usize {
    let interested = peers.iter().filter(|peer| peer.interested).count();
    match (algorithm, seeding) {
        (ChokeAlgorithm::None, _) => interested,
        (ChokeAlgorithm::Contribution, false) => {
            let givers = peers.iter().filter(|peer| peer.interested && peer.downloaded > 0).count();
            givers.min(4) + usize::from(interested > givers.min(4))
        }
        _ => interested.min(5),
    }
}

/// Long random lives: peers come, go, gain and lose interest, give, and fall silent.
#[test]
fn the_laws_hold_in_random_lives() {
    for (algorithm, seeding) in everywhere() {
        let mut luck = rng(1);
        let mut table = Table::new(choking(algorithm), 12);
        table.peers.iter_mut().for_each(|peer| peer.interested = false);
        for _ in 0..2_000 {
            let at = luck.index(12);
            match luck.below(8) {
                0 | 1 if !table.peers[at].interested => {
                    table.becomes_interested(at);
                }
                2 => table.peers[at].interested = false,
                3 => {
                    let old = table.peers[at].conn;
                    table.choker.forget(old);
                    table.peers[at] = Candidate {
                        conn: ConnId::new(u32::try_from(at).unwrap(), old.generation() + 1),
                        interested: false,
                        newly_connected: true,
                        ..peer(0)
                    };
                }
                4 => {
                    let peer = &mut table.peers[at];
                    peer.download_rate = luck.below(4);
                    peer.downloaded += peer.download_rate;
                    peer.rarity = luck.below(4);
                }
                5 => table.peers[at].snubbed ^= true,
                6 => table.seeding = seeding && luck.chance(9, 10),
                _ => {
                    let served = table.round();
                    let what = format!("{algorithm:?}, seeding {}: {served:?}", table.seeding);
                    assert!(served.windows(2).all(|pair| pair[0] < pair[1]), "twice: {what}");
                    assert!(served.iter().all(|&at| table.peers[at].interested), "no interest: {what}");
                    assert_eq!(served.len(), due(algorithm, table.seeding, &table.peers), "{what}");
                }
            }
            let busy = table.peers.iter().filter(|peer| peer.interested && peer.unchoked).count();
            assert!(busy <= 5 || algorithm == ChokeAlgorithm::None, "{algorithm:?}: {busy} are served");
        }
    }
}

#[test]
fn equals_get_the_same_service_over_time() {
    for (algorithm, seeding) in everywhere() {
        let mut table = Table::new(choking(algorithm), 20);
        table.seeding = seeding;
        table.peers.iter_mut().for_each(|peer| (peer.downloaded, peer.rarity) = (1, 7));
        let counts = table.service(2_000);
        let (low, high) = if algorithm == ChokeAlgorithm::None { (2_000, 2_000) } else { (420, 580) };
        assert!(
            counts.iter().all(|count| (low..=high).contains(count)),
            "{algorithm:?} {seeding}: {counts:?}"
        );
    }
}

#[test]
fn the_same_seed_gives_the_same_rounds() {
    for (algorithm, seeding) in everywhere() {
        let run = |owner| {
            let mut table = Table::new(choking(algorithm), 20);
            (table.seeding, table.rng) = (seeding, rng(owner));
            (0..20).map(|_| table.round()).collect::<Vec<_>>()
        };
        assert_eq!(run(2), run(2), "{algorithm:?}");
        assert_eq!(run(2) == run(3), algorithm == ChokeAlgorithm::None, "{algorithm:?}");
    }
}

#[test]
fn rounds_follow_each_other_at_the_interval() {
    for algorithm in ALGORITHMS {
        let start = Instant::from_secs(7);
        let mut choker = Choker::new(choking(algorithm), start);
        let never = algorithm == ChokeAlgorithm::None;
        assert_eq!(choker.next_round(), (!never).then_some(Instant::from_secs(17)));
        let late = Instant::from_secs(18);
        choker.round(late, false, &[], &mut rng(4), &mut Vec::new());
        assert_eq!(choker.next_round(), (!never).then_some(late + Duration::from_secs(10)));
        assert_eq!(choker.wants_rarity(), algorithm == ChokeAlgorithm::Rarity);
    }
}

#[test]
fn the_first_ones_are_served_at_once_and_later_ones_wait() {
    for (algorithm, seeding) in everywhere() {
        let mut table = Table::new(choking(algorithm), 8);
        table.seeding = seeding;
        table.peers.iter_mut().for_each(|peer| peer.interested = false);
        let admitted = (0..8).filter(|&at| table.becomes_interested(at)).count();
        let expected = match (algorithm, seeding) {
            (ChokeAlgorithm::None, _) => 8,
            (ChokeAlgorithm::Contribution, false) => 1,
            _ => 5,
        };
        assert_eq!(admitted, expected, "{algorithm:?}, seeding {seeding}");
    }
}

#[test]
fn without_immediate_service_all_wait_for_the_round() {
    for (algorithm, seeding) in everywhere() {
        let mut choker =
            Choker::new(crate::config::Choking { immediate: false, ..choking(algorithm) }, Instant::ZERO);
        assert_eq!(choker.admits(seeding, &peer(0), 0), algorithm == ChokeAlgorithm::None);
    }
}

#[test]
fn without_slots_nobody_is_served() {
    for (algorithm, seeding) in everywhere().filter(|&(algorithm, _)| algorithm != ChokeAlgorithm::None) {
        let none = crate::config::Choking { slots: 0, optimistic_slots: 0, ..choking(algorithm) };
        let mut table = Table::new(none, 3);
        table.seeding = seeding;
        assert_eq!(table.round(), [0_usize; 0]);
        assert!(!table.becomes_interested(0));
    }
}

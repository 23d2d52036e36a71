//! Tit-for-tat, contribution, rarity: who has the regular slots.

use super::{Table, choking};
use crate::config::ChokeAlgorithm;

#[test]
fn the_fastest_senders_keep_their_slots_and_free_riders_share_the_last_one() {
    let mut table = Table::new(choking(ChokeAlgorithm::TitForTat), 14);
    table.peers[..4].iter_mut().for_each(|peer| peer.download_rate = 50_000);
    let counts = table.service(300);
    assert_eq!(counts[..4], [300; 4]);
    // 300 rounds of which each turn takes 3: 100 turns for 10 free riders, drawn without putting back.
    assert_eq!(counts[4..], [30; 10]);
}

#[test]
fn a_faster_sender_takes_the_slot_of_a_slower_one() {
    let mut table = Table::new(choking(ChokeAlgorithm::TitForTat), 6);
    for (rate, peer) in (1..).zip(&mut table.peers) {
        peer.download_rate = rate;
    }
    let served = table.round();
    assert!([2, 3, 4, 5].iter().all(|at| served.contains(at)), "{served:?}");
    table.peers[0].download_rate = 100;
    let served = table.round();
    assert!([0, 3, 4, 5].iter().all(|at| served.contains(at)), "{served:?}");
}

#[test]
fn who_snubs_us_has_no_regular_slot() {
    let mut table = Table::new(choking(ChokeAlgorithm::TitForTat), 11);
    table.peers.iter_mut().for_each(|peer| peer.download_rate = 1_000);
    table.peers[0] = super::Candidate { snubbed: true, download_rate: 90_000, ..table.peers[0] };
    let counts = table.service(1_000);
    // It has the optimistic slot about as often as each of the others that wait: 1 in 7.
    assert!((80..=220).contains(&counts[0]), "{counts:?}");
    assert!(counts[1..].iter().all(|&count| count > 350), "{counts:?}");
}

#[test]
fn slots_that_nobody_may_have_by_merit_are_given_by_luck() {
    let mut table = Table::new(choking(ChokeAlgorithm::TitForTat), 9);
    table.peers[..7].iter_mut().for_each(|peer| peer.snubbed = true);
    let served = table.round();
    assert_eq!(served.len(), 5);
    assert_eq!(served[3..], [7, 8], "the two that do not snub are served in any case");
    assert_eq!(table.round(), served, "and those drawn keep their slots for a while");
    table.peers[2..].iter_mut().for_each(|peer| (peer.snubbed, peer.download_rate) = (false, 5));
    assert_eq!(table.round().len(), 5, "luck gives the slots back to merit");
    table.peers[..2].iter_mut().for_each(|peer| peer.interested = false);
    assert!(table.round().iter().all(|&at| at >= 2));
}

#[test]
fn contribution_serves_givers_and_one_by_luck() {
    let mut table = Table::new(choking(ChokeAlgorithm::Contribution), 10);
    (table.peers[3].downloaded, table.peers[8].downloaded) = (1, 70_000);
    for _ in 0..20 {
        let served = table.round();
        assert!(served.len() == 3 && served.contains(&3) && served.contains(&8), "{served:?}");
    }
    for at in [0, 1, 2] {
        table.peers[at].downloaded = 10;
    }
    let served = table.round();
    assert!([0, 1, 2, 8].iter().all(|at| served.contains(at)), "those who gave most: {served:?}");
}

#[test]
fn contribution_admits_givers_to_all_slots_and_strangers_to_one() {
    let mut table = Table::new(choking(ChokeAlgorithm::Contribution), 8);
    table.peers.iter_mut().for_each(|peer| peer.interested = false);
    table.peers[4..].iter_mut().for_each(|peer| peer.downloaded = 1);
    let admitted: Vec<usize> = (0..8).filter(|&at| table.becomes_interested(at)).collect();
    assert_eq!(admitted, [0, 4, 5, 6, 7]);
    assert_eq!(table.round(), admitted, "the stranger keeps its slot");
}

#[test]
fn rarity_serves_the_holders_of_rare_pieces() {
    for seeding in [false, true] {
        let mut table = Table::new(choking(ChokeAlgorithm::Rarity), 12);
        table.seeding = seeding;
        for at in [1, 5, 6, 11] {
            table.peers[at].rarity = 100;
        }
        let counts = table.service(240);
        assert_eq!([1, 5, 6, 11].map(|at| counts[at]), [240; 4]);
        assert_eq!([0, 2, 3, 4, 7, 8, 9, 10].map(|at| counts[at]), [30; 8]);
    }
}

#[test]
fn random_slots_do_not_look_at_merit() {
    let mut table = Table::new(choking(ChokeAlgorithm::RandomSlots), 10);
    table.peers[..5].iter_mut().for_each(|peer| (peer.download_rate, peer.downloaded) = (9_999, 9_999));
    let counts = table.service(2_000);
    assert!(counts.iter().all(|count| (900..=1_100).contains(count)), "{counts:?}");
}

//! Super-seeding (BEP 16): each piece leaves the seed about once, and nobody waits for ever.

use core::time::Duration;

use minibit_core::boundary::Simulated;
use minibit_core::config::Config;
use minibit_core::message::MessageKind;
use minibit_core::{ConnId, Message};

use crate::support::solo::{kinds, messages};
use crate::support::{Solo, Swarm, World, geometry, pieces, plain};

fn super_seeding() -> Config {
    Config { super_seeding: true, ..plain() }
}

/// The pieces that a connection is shown.
fn shown(said: &crate::support::solo::Said, conn: ConnId) -> Vec<u32> {
    let index =
        |message: &Message<_>| if let Message::Have { index } = message { Some(*index) } else { None };
    messages(said, conn).iter().filter_map(index).collect()
}

#[test]
fn each_peer_is_shown_another_piece_and_the_next_one_when_it_was_passed_on() {
    let mut solo = Solo::seeder(super_seeding(), geometry(4, 1));
    let (first, said) = solo.greet_saying(true);
    assert_eq!(kinds(&said, first), [MessageKind::Handshake, MessageKind::HaveNone, MessageKind::Have]);
    let one = shown(&said, first)[0];
    let (second, said) = solo.greet_saying(false);
    assert_eq!(kinds(&said, second), [MessageKind::Handshake, MessageKind::Have]);
    let two = shown(&said, second)[0];
    assert_ne!(one, two);
    let said = solo.hear(first, Message::Have { index: one });
    assert!(said.is_empty(), "it has it, and keeps it: {said:?}");
    let said = solo.hear(second, Message::Have { index: one });
    assert_eq!(shown(&said, first).len(), 1, "passed on");
    assert!(shown(&said, second).is_empty());
}

/// aria2 tells of many new pieces by one bitfield.
#[test]
fn a_bitfield_shows_what_was_passed_on_as_well() {
    let mut solo = Solo::seeder(super_seeding(), geometry(4, 1));
    let (first, said) = solo.greet_saying(false);
    let one = shown(&said, first)[0];
    let second = solo.greet(false);
    solo.hear(first, Message::Have { index: one });
    let mut drawing = ["."; 4];
    drawing[one as usize] = "*";
    let said = solo.hear(second, Message::bitfield(pieces(&drawing.concat())));
    assert_eq!(shown(&said, first).len(), 1);
}

#[test]
fn one_copy_and_a_little_leaves_the_seed() {
    let geometry = geometry(24, 2);
    let uploaded = |config: Config| {
        let world = World { latency: (5, 15), disk: (0, 5), uplink: Some(1 << 18) };
        let mut swarm = Swarm::<Simulated>::new(geometry, world, 3);
        let seed = swarm.seed(config);
        for _ in 0..5 {
            swarm.leecher(plain());
        }
        swarm.mesh();
        swarm.finish(Duration::from_mins(10));
        swarm.torrent(seed).stats().uploaded * 100 / geometry.len()
    };
    let (super_seeded, seeded) = (uploaded(super_seeding()), uploaded(plain()));
    assert!(super_seeded <= 130, "{super_seeded} % of the content left the super-seed");
    assert!(super_seeded < seeded, "{super_seeded} % and {seeded} %");
}

/// Leechers that do not know each other pass nothing on. They finish all the same.
#[test]
fn peers_that_cannot_pass_on_are_not_kept_waiting_for_ever() {
    let mut swarm = Swarm::<Simulated>::new(geometry(4, 2), World::default(), 1);
    swarm.seed(super_seeding());
    for _ in 0..3 {
        let member = swarm.leecher(plain());
        swarm.introduce(member, &[0]);
    }
    swarm.finish(Duration::from_mins(10));
}

/// The one that was waited for leaves.
#[test]
fn the_last_peer_is_shown_everything() {
    let mut swarm = Swarm::<Simulated>::new(geometry(4, 2), World::default(), 1);
    swarm.seed(super_seeding());
    for _ in 0..2 {
        let member = swarm.leecher(plain());
        swarm.introduce(member, &[0]);
    }
    swarm.run_for(Duration::from_secs(2));
    swarm.leave(2);
    swarm.finish(Duration::from_mins(5));
}

/// Both pieces are on their way: a third peer is shown one when the others have it, or when nothing comes of it for half a minute.
#[test]
fn what_is_on_its_way_is_not_shown_again() {
    for passed_on in [true, false] {
        let mut solo = Solo::seeder(super_seeding(), geometry(2, 1));
        let (first, said) = solo.greet_saying(false);
        let one = shown(&said, first)[0];
        let (second, said) = solo.greet_saying(false);
        assert_eq!(shown(&said, second), [1 - one]);
        let (third, said) = solo.greet_saying(false);
        assert!(shown(&said, third).is_empty());
        let later = if passed_on {
            let said = solo.hear(second, Message::Have { index: one });
            assert!(shown(&said, third).is_empty(), "the other one is on its way");
            solo.hear(first, Message::Have { index: 1 - one })
        } else {
            assert!(shown(&solo.wait(Duration::from_secs(25)), third).is_empty());
            solo.wait(Duration::from_secs(15))
        };
        assert_eq!(shown(&later, third).len(), 1, "passed on: {passed_on}");
    }
}

/// Who has left with what it was shown passes nothing on: nothing is on its way, and who comes then waits for nothing.
#[test]
fn what_has_left_with_a_peer_is_not_waited_for() {
    let mut swarm = Swarm::<Simulated>::new(geometry(40, 1), World::default(), 1);
    swarm.seed(super_seeding());
    let first = swarm.leecher(plain());
    swarm.introduce(first, &[0]);
    swarm.finish(Duration::from_mins(1));
    swarm.crash(first);
    let second = swarm.leecher(plain());
    swarm.introduce(second, &[0]);
    swarm.finish(Duration::from_secs(20));
}

/// Two that do not know each other wait for half a minute in all, and not for each piece that the other one was shown.
#[test]
fn nobody_waits_for_each_piece_anew() {
    let mut swarm = Swarm::<Simulated>::new(geometry(40, 1), World::default(), 1);
    swarm.seed(super_seeding());
    for _ in 0..2 {
        let member = swarm.leecher(plain());
        swarm.introduce(member, &[0]);
    }
    swarm.finish(Duration::from_mins(3));
}

/// Who has waited in vain waits again when something of what was on its way has come somewhere, and not for ever.
#[test]
fn it_is_worth_waiting_again_when_something_has_come() {
    let mut solo = Solo::seeder(super_seeding(), geometry(4, 1));
    let others: Vec<(ConnId, u32)> = (0..4)
        .map(|_| {
            let (conn, said) = solo.greet_saying(false);
            (conn, shown(&said, conn)[0])
        })
        .collect();
    let (late, said) = solo.greet_saying(false);
    assert!(shown(&said, late).is_empty());
    let waited = shown(&solo.wait(Duration::from_secs(40)), late);
    let (from, _) = *others.iter().find(|&&(_, piece)| waited != [piece]).unwrap();
    let said = solo.hear(from, Message::Have { index: waited[0] });
    assert!(shown(&said, late).is_empty());
    assert_eq!(shown(&solo.wait(Duration::from_secs(40)), late).len(), 1);
}

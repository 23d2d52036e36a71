//! Who is dialled when, who is forgotten, who is not.

use core::time::Duration;

use super::*;
use crate::rng::{Purpose, Seed};

const DELAY: Duration = Duration::from_mins(1);

#[test]
fn an_address_is_dialled_once_and_again_after_its_delay() {
    let mut rng = Seed::from_number(1).stream(Purpose::Test, 0);
    let mut known = KnownPeers::new(10);
    known.learn(7_u32);
    known.learn(7);
    let (key, addr) = known.dial(Instant::ZERO, &mut rng).unwrap();
    assert_eq!(addr, 7);
    assert!(known.dial(Instant::ZERO, &mut rng).is_none());
    known.closed(key, Instant::ZERO, true, DELAY);
    assert!(known.dial(Instant::from_secs(59), &mut rng).is_none());
    assert!(known.dial(Instant::from_secs(60), &mut rng).is_some());
    known.closed(key, Instant::from_secs(60), true, DELAY);
    assert!(known.dial(Instant::from_secs(179), &mut rng).is_none(), "doubled after the second failure");
    assert!(known.dial(Instant::from_secs(180), &mut rng).is_some());
}

#[test]
fn a_seed_may_come_to_a_seed_but_is_not_dialled() {
    let mut rng = Seed::from_number(1).stream(Purpose::Test, 0);
    let mut known = KnownPeers::new(10);
    known.learn(7_u32);
    let (key, _) = known.dial(Instant::ZERO, &mut rng).unwrap();
    known.part_as_seeds(key);
    known.closed(key, Instant::ZERO, false, DELAY);
    assert!(known.dial(Instant::from_secs(1_000), &mut rng).is_none());
    assert!(known.incoming(7).is_some());
}

#[test]
fn who_only_came_to_us_is_not_dialled_and_banned_ones_are_refused() {
    let mut rng = Seed::from_number(1).stream(Purpose::Test, 0);
    let mut known = KnownPeers::new(2);
    let key = known.incoming(1_u32).unwrap();
    known.closed(key, Instant::ZERO, false, DELAY);
    assert!(known.dial(Instant::from_secs(1_000), &mut rng).is_none());
    known.learn(1);
    assert!(known.dial(Instant::from_secs(1_000), &mut rng).is_some());
    known.ban(key);
    assert!(known.incoming(1).is_none());
    known.learn(2);
    known.learn(3);
    assert!(known.incoming(2).is_some());
    assert!(known.incoming(3).is_some(), "a banned address is forgotten for one that is at the door …");
    known.learn(4);
    assert!(known.incoming(4).is_none(), "… and one that is connected is not");
}

/// The place of a forgotten address is given to the next one, whose key is another.
#[test]
fn a_forgotten_address_is_a_stranger_again() {
    let mut rng = Seed::from_number(1).stream(Purpose::Test, 0);
    let mut known = KnownPeers::new(2);
    known.learn(1_u32);
    let (key, _) = known.dial(Instant::ZERO, &mut rng).unwrap();
    known.forget(key);
    assert_eq!(known.addr(key), Some(1), "it is connected");
    known.closed(key, Instant::ZERO, true, DELAY);
    known.forget(key);
    assert_eq!((known.addr(key), known.dialable().count()), (None, 0));
    assert!(known.dial(Instant::from_secs(1_000), &mut rng).is_none());
    known.learn(1);
    let (again, addr) = known.dial(Instant::ZERO, &mut rng).unwrap();
    assert_eq!(addr, 1);
    assert_ne!(again, key);
    for stranger in 2..100 {
        let key = known.incoming(stranger).unwrap();
        known.closed(key, Instant::ZERO, false, DELAY);
        known.forget(key);
    }
    known.ban(again);
    known.forget(again);
    assert!(known.is_banned(again), "who is banned is not forgotten");
}

/// Names of peers that do not exist neither lock out those that do nor stay for ever.
#[test]
fn those_who_do_not_answer_make_room() {
    let mut rng = Seed::from_number(1).stream(Purpose::Test, 0);
    let mut known = KnownPeers::new(2);
    known.learn(1_u32);
    known.learn(2);
    let (dead, addr) = known.dial(Instant::ZERO, &mut rng).unwrap();
    known.closed(dead, Instant::ZERO, true, DELAY);
    known.learn(3);
    let left: Vec<u32> =
        core::iter::from_fn(|| known.dial(Instant::ZERO, &mut rng)).map(|(_, addr)| addr).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    assert!(left.contains(&3) && !left.contains(&addr));
}

#[test]
fn who_came_and_went_is_forgotten_for_the_next_and_not_mistaken_for_it() {
    let mut rng = Seed::from_number(1).stream(Purpose::Test, 0);
    let mut known = KnownPeers::new(2);
    known.learn(1_u32);
    known.dial(Instant::ZERO, &mut rng).unwrap();
    let key = known.incoming(2).unwrap();
    assert!(known.incoming(3).is_none(), "both are connected");
    known.closed(key, Instant::ZERO, false, DELAY);
    let next = known.incoming(3).unwrap();
    assert_eq!((known.addr(key), known.addr(next)), (None, Some(3)));
    known.ban(key);
    assert!(!known.is_banned(next) && known.incoming(3).is_some());
    assert!(known.incoming(2).is_none());
}

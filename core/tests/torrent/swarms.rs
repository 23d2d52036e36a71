//! Whole swarms: every profile moves a file, in both worlds, and does so within the laws.

use core::time::Duration;

use minibit_core::boundary::{Net, Simulated};
use minibit_core::config::{Config, Encoding, Lists};
use minibit_core::{Bitfield, Profile};

use crate::support::{Medium, Swarm, World, geometry, plain};

fn lan() -> World {
    World { latency: (1, 5), disk: (0, 10), uplink: Some(1 << 20) }
}

fn move_a_file<E: Medium>(seed: Config, leecher: Config, limit: Duration) {
    let blocks = if leecher.encoding.whole_pieces() { 1 } else { 2 };
    let mut swarm = Swarm::<E>::new(geometry(6, blocks), lan(), 1);
    if leecher.announcing.is_some() {
        swarm.open_tracker(Duration::from_mins(2));
    }
    swarm.seed(seed);
    for _ in 0..3 {
        swarm.leecher(leecher);
    }
    swarm.mesh();
    swarm.finish(limit);
}

/// Members are introduced to each other by hand, unless the tracker has more to say than that.
fn needed(config: Config) -> Config {
    let announcing = config.announcing.filter(|announcing| announcing.lists != Lists::Addresses);
    Config { announcing, ..config }
}

#[test]
fn every_profile_moves_a_file() {
    for profile in Profile::ALL {
        let config = needed(profile.config());
        let seed = profile.tracker_seed_config().unwrap_or(config);
        move_a_file::<Simulated>(seed, config, Duration::from_mins(10));
    }
}

#[test]
fn every_profile_moves_a_file_through_its_encoding() {
    for profile in Profile::ALL {
        let config = needed(profile.config());
        let seed = profile.tracker_seed_config().unwrap_or(config);
        move_a_file::<Net>(seed, config, Duration::from_mins(10));
    }
    for encoding in [Encoding::Bep3, Encoding::Json] {
        let config = Config { encoding, ..plain() };
        move_a_file::<Net>(config, config, Duration::from_mins(10));
    }
}

#[test]
fn what_the_members_have_together_is_enough() {
    let mut swarm = Swarm::<Simulated>::new(geometry(6, 3), lan(), 2);
    for drawing in ["*..*..", ".*..*.", "..*..*"] {
        swarm.join(plain(), &crate::support::pieces(drawing));
    }
    swarm.join(plain(), &Bitfield::none(6));
    swarm.mesh();
    swarm.finish(Duration::from_mins(2));
}

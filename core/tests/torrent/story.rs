//! A whole download as a person would tell it: a seed and three leechers, three pieces of two blocks.

use core::time::Duration;

use minibit_core::boundary::Simulated;
use minibit_core::config::{Choking, Config};

use crate::support::{Swarm, World, fixed, geometry};

/// A change of the protocol's behaviour shows here, line by line, and must be meant.
#[test]
fn four_peers() {
    let world = World { latency: (20, 20), disk: (1, 1), uplink: Some(256 * 1024) };
    let choking = Choking { slots: 2, ..fixed(2).choking };
    let config = Config { choking, ..fixed(2) };
    let mut swarm = Swarm::<Simulated>::new(geometry(3, 2), world, 1);
    swarm.seed(config);
    for member in 1..=3 {
        swarm.leecher(config);
        swarm.introduce(member, &(0..member).collect::<Vec<_>>());
        swarm.run_for(Duration::from_millis(100));
    }
    swarm.finish(Duration::from_mins(1));
    swarm.run_for(Duration::from_millis(100));
    insta::assert_snapshot!(swarm.lines(&["seed", "leecher-1", "leecher-2", "leecher-3"]));
}

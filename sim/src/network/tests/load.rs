//! A synthetic load to be profiled by hand:
//! `cargo test --release -p minibit-sim -- --ignored --nocapture network::tests::load`.

use minibit_core::rng::Purpose;

use super::*;

/// 1 000 hosts with 40 connections each. Every block that arrives is answered by the next request; every 16th makes its receiver
/// send 9 bytes to all its neighbours.
#[test]
#[ignore = "for the profiler"]
fn a_thousand_hosts() {
    let mut world: World<[u64; 3]> = World::new(None);
    let mut rng = Seed::from_number(1).stream(Purpose::Test, 0);
    let hosts: Vec<_> = (0..1_000).map(|_| world.duplex(10_000_000, 40_000_000)).collect();
    let mut outgoing = vec![Vec::new(); hosts.len()];
    let mut receiver = Vec::new();
    for from in 0..hosts.len() {
        for _ in 0..20 {
            let to = (from + 1 + rng.index(hosts.len() - 1)) % hosts.len();
            let flow =
                world.network.open(hosts[from], hosts[to], Delay::Fixed(rng.between(5_000_000, 50_000_000)));
            outgoing[from].push(flow);
            outgoing[to].push(flow.reverse());
            receiver.extend([to, from]);
        }
    }
    for flows in &outgoing {
        for &flow in &flows[..8] {
            for _ in 0..5 {
                world.send(flow, [0; 3], 17);
            }
        }
    }
    let (mut messages, mut blocks) = (0_u64, 0_u64);
    world.run(Instant::from_secs(60), |world, delivery| {
        let Delivery::Delivered { flow, bytes, .. } = delivery else { return };
        messages += 1;
        match bytes {
            17 => world.send(flow.reverse(), [0; 3], BLOCK),
            9 => {}
            _ => {
                blocks += 1;
                world.send(flow.reverse(), [0; 3], 17);
                if blocks.is_multiple_of(16) {
                    for &neighbour in &outgoing[receiver[flow.index()]] {
                        world.send(neighbour, [0; 3], 9);
                    }
                }
            }
        }
    });
    // Run it under `perf stat`, or read its time, and divide.
    assert!(messages > 10_000_000, "{messages} messages, {blocks} blocks");
}

//! Rates: closed forms, and max-min fairness against progressive filling.

use proptest::prelude::*;

use super::*;

const MBIT: u64 = 1_000_000;

/// Validation O5: `q` requests in flight give q·b / (RTT + b/C), up to C. Measured from the 100th block on: before that the requests
/// are bunched as they were sent.
#[test]
fn pipelined_requests_are_limited_by_the_round_trip() {
    let block = 16 * 1024;
    for (requests, expected) in
        [(1, 144_854.0), (5, 724_269.0), (8, 1_158_830.0), (9, 1_250_000.0), (32, 1_250_000.0)]
    {
        let mut world = World::new(None);
        let seed = world.duplex(10 * MBIT, 40 * MBIT);
        let leech = world.duplex(10 * MBIT, 40 * MBIT);
        let ask = world.network.open(leech, seed, millis(50));
        for _ in 0..requests {
            world.send(ask, 0, 17);
        }
        let (mut received, mut span) = (0, [Instant::ZERO; 2]);
        world.run(Instant::from_secs(100), |world, delivery| {
            let Delivery::Delivered { flow, .. } = delivery else { return };
            if flow == ask {
                world.send(ask.reverse(), 0, block);
            } else {
                received += 1;
                match received {
                    100 => span[0] = world.now,
                    640 => span[1] = world.now,
                    _ => {}
                }
                world.send(ask, 0, 17);
            }
        });
        let seconds = (span[1] - span[0]).as_secs_f64();
        assert_close(f64::from(540 * block) / seconds, expected, 0.001);
    }
}

/// A TCP window of W bytes gives W / RTT, whatever the units are.
#[test]
fn a_window_limits_the_rate() {
    for (window, rtt_ms) in [(64 * 1024, 100), (100_000, 200), (20_000, 50), (1_000_000, 400)] {
        let mut world = World::new(Some(window));
        let (a, b) = (world.duplex(1_000 * MBIT, 1_000 * MBIT), world.duplex(1_000 * MBIT, 1_000 * MBIT));
        let flow = world.network.open(a, b, millis(rtt_ms / 2));
        let rate = world.rates(&[flow], Instant::from_secs(5), Instant::from_secs(25))[0];
        assert_close(rate, float(window) / (float(rtt_ms) / 1_000.0), 0.015);
        assert!(world.network.in_flight_bytes(flow) <= window);
    }
}

/// Opens a flow and returns it.
fn open(world: &mut World<u32>, from: HostId, to: HostId, delay_ms: u64) -> FlowId {
    world.network.open(from, to, millis(delay_ms))
}

/// Validation O6, first graph, at several scales and delays.
#[test]
fn three_flows_share_max_min() {
    for (unit, delay) in [(MBIT, 10), (8 * MBIT, 10), (MBIT / 4, 1), (20 * MBIT, 100)] {
        let mut world = World::new(None);
        let a = world.duplex(10 * unit, 100 * unit);
        let b = world.duplex(3 * unit, 100 * unit);
        let x = world.duplex(100 * unit, 4 * unit);
        let y = world.duplex(100 * unit, 100 * unit);
        let ax = open(&mut world, a, x, delay);
        let ay = open(&mut world, a, y, delay);
        let bx = open(&mut world, b, x, delay);
        let bytes = float(unit / 8);
        let seconds = Instant::from_secs;
        let measured = world.rates(&[ax, ay, bx], seconds(8), seconds(68));
        for (measured, expected) in measured.into_iter().zip([2.0, 8.0, 2.0]) {
            assert_close(measured / bytes, expected, 0.01);
        }
        world.network.close(bx);
        // One round trip and a few turns later the rates are the new ones.
        let start = seconds(68).after_nanos(2 * delay * 1_000_000);
        let measured = world.rates(&[ax, ay], start, start.after_nanos(60 * NANOS_PER_SEC));
        for (measured, expected) in measured.into_iter().zip([4.0, 6.0]) {
            assert_close(measured / bytes, expected, 0.01);
        }
    }
}

/// Validation O6, second graph, with equal and with different delays.
#[test]
fn six_flows_share_max_min() {
    for delays in [[10; 6], [1, 80, 5, 40, 20, 10]] {
        let mut world = World::new(None);
        let up = [10, 3, 8].map(|up| world.duplex(up * MBIT, 1_000 * MBIT));
        let down = [4, 100, 6].map(|down| world.duplex(1_000 * MBIT, down * MBIT));
        // A-X, A-Y, A-Z, B-X, C-Z, C-Y.
        let pairs = [(0, 0), (0, 1), (0, 2), (1, 0), (2, 2), (2, 1)];
        let flows: Vec<_> = pairs
            .into_iter()
            .zip(delays)
            .map(|((from, to), delay)| open(&mut world, up[from], down[to], delay))
            .collect();
        let measured = world.rates(&flows, Instant::from_secs(8), Instant::from_secs(68));
        for (measured, expected) in measured.into_iter().zip([2.0, 5.0, 3.0, 2.0, 3.0, 5.0]) {
            assert_close(measured / float(MBIT / 8), expected, 0.01);
        }
    }
}

/// Validation O7: the two directions of a host do not disturb each other, unless they share one capacity.
#[test]
fn full_duplex_is_twice_a_shared_link() {
    for (link, expected) in [
        (scenario::Link::Duplex { up: Some(8 * MBIT), down: Some(8 * MBIT) }, 1e6),
        (scenario::Link::Shared(8 * MBIT), 0.5e6),
    ] {
        let mut world = World::new(None);
        let (a, b) = (world.network.add_host(link), world.network.add_host(link));
        let flow = open(&mut world, a, b, 10);
        let flows = [flow, flow.reverse()];
        for rate in world.rates(&flows, Instant::from_secs(2), Instant::from_secs(62)) {
            assert_close(rate, expected, 0.01);
        }
    }
}

/// One flow has its path for itself, long and fat as it is; also with delays that differ from message to message.
#[test]
fn a_long_fat_path_is_filled() {
    let drawn = scenario::DurationDist::Exponential(std::time::Duration::from_millis(100));
    for delay in [millis(300), Delay::PerMessage(drawn)] {
        for (up, down) in [(1_000, 100), (100, 100), (100, 1_000)] {
            let mut world = World::new(None);
            let (a, b) = (world.duplex(up * MBIT, MBIT), world.duplex(MBIT, down * MBIT));
            let flow = world.network.open(a, b, delay);
            let rate = world.rates(&[flow], Instant::from_secs(3), Instant::from_secs(103))[0];
            assert_close(rate, 12.5e6, 0.01);
        }
    }
}

/// Units of different sizes: the turns are fair in bytes.
#[test]
fn small_units_get_as_many_bytes_as_large_ones() {
    let mut world = World::new(None);
    let (a, x) = (world.duplex(8 * MBIT, MBIT), world.duplex(MBIT, 80 * MBIT));
    let flows = [open(&mut world, a, x, 10), open(&mut world, a, x, 10), open(&mut world, a, x, 10)];
    let sizes = [BLOCK, 1_000, 9_000];
    for (flow, size) in flows.into_iter().zip(sizes) {
        for _ in 0..40_000_000 / size {
            world.send(flow, size, size);
        }
    }
    let mut bytes = [0_u32; 3];
    world.run(Instant::from_secs(60), |_, delivery| {
        if let Delivery::Delivered { flow, bytes: len, .. } = delivery {
            bytes[flow.index() / 2] += len;
        }
    });
    for bytes in bytes {
        assert_close(f64::from(bytes), 20e6, 0.005);
    }
}

/// Max-min fair rates by progressive filling: raise all rates alike, freeze those that a full link serves.
fn progressive_filling(capacities: &[f64], routes: &[[usize; 2]]) -> Vec<f64> {
    let mut rates = vec![0.0; routes.len()];
    let mut frozen = vec![false; routes.len()];
    while frozen.contains(&false) {
        let rest = |link: usize, rates: &[f64]| {
            let used: f64 = routes
                .iter()
                .zip(rates)
                .filter(|(route, _)| route.contains(&link))
                .map(|(_, rate)| rate)
                .sum();
            capacities[link] - used
        };
        let growing = |link: usize, frozen: &[bool]| {
            routes.iter().zip(frozen).filter(|(route, frozen)| route.contains(&link) && !**frozen).count()
        };
        let step = (0..capacities.len())
            .filter(|&link| growing(link, &frozen) > 0)
            .map(|link| rest(link, &rates) / float(growing(link, &frozen) as u64))
            .fold(f64::INFINITY, f64::min);
        for (rate, frozen) in rates.iter_mut().zip(&frozen) {
            *rate += if *frozen { 0.0 } else { step };
        }
        for (flow, route) in routes.iter().enumerate() {
            frozen[flow] |= route.iter().any(|&link| rest(link, &rates) < 1e-9 * capacities[link]);
        }
    }
    rates
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn random_graphs_share_max_min(
        ups in prop::collection::vec(2_u64..20, 2..6),
        downs in prop::collection::vec(2_u64..20, 2..6),
        pairs in prop::collection::btree_map((0_usize..6, 0_usize..6), 1_u64..100, 2..14),
    ) {
        let mut world = World::new(None);
        let senders: Vec<_> = ups.iter().map(|&up| world.duplex(up * MBIT, 1_000 * MBIT)).collect();
        let receivers: Vec<_> = downs.iter().map(|&down| world.duplex(1_000 * MBIT, down * MBIT)).collect();
        let (mut routes, mut flows) = (Vec::new(), Vec::new());
        for ((from, to), delay) in pairs {
            let (from, to) = (from % ups.len(), to % downs.len());
            routes.push([from, ups.len() + to]);
            flows.push(open(&mut world, senders[from], receivers[to], delay));
        }
        let capacities: Vec<_> = ups.iter().chain(&downs).map(|&rate| float(rate)).collect();
        let measured = world.rates(&flows, Instant::from_secs(20), Instant::from_secs(80));
        for (measured, expected) in measured.into_iter().zip(progressive_filling(&capacities, &routes)) {
            let measured = measured / float(MBIT / 8);
            prop_assert!((measured / expected - 1.0).abs() < 0.03, "measured {measured}, expected {expected}");
        }
    }
}

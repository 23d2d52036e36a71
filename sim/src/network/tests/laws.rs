//! What holds of any network: nothing is lost or doubled, order is kept, no link is above its capacity, and a closed connection
//! is gone.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::scenario::{DurationDist, Link};

/// 8 Mbit/s: a byte takes a microsecond.
const MICROSECOND_PER_BYTE: u64 = 8_000_000;

fn micros(instant: Instant) -> u64 {
    assert_eq!(instant.as_nanos() % 1_000, 0, "{instant}");
    instant.as_nanos() / 1_000
}

#[test]
fn a_downlink_works_while_the_bytes_come_in() {
    for (down, service) in [
        // As fast as the sender, or faster: adds nothing.
        (Some(MICROSECOND_PER_BYTE), 10_000),
        (Some(4 * MICROSECOND_PER_BYTE), 10_000),
        (None, 10_000),
        // Half as fast: is the bottleneck from the first byte on.
        (Some(MICROSECOND_PER_BYTE / 2), 20_000),
    ] {
        let mut world = World::new(None);
        let a = world.duplex(MICROSECOND_PER_BYTE, 1);
        let b = world.network.add_host(Link::Duplex { up: None, down });
        let flow = world.network.open(a, b, millis(30));
        world.send(flow, (), 10_000);
        assert_eq!(micros(world.drain()[0].0), 30_000 + service);
    }
}

#[test]
fn two_units_at_once_share_a_downlink() {
    let mut world = World::new(None);
    let hosts = [world.duplex(MICROSECOND_PER_BYTE, 1), world.duplex(MICROSECOND_PER_BYTE, 1)];
    let c = world.duplex(1, MICROSECOND_PER_BYTE);
    for host in hosts {
        let flow = world.network.open(host, c, millis(1));
        world.send(flow, (), 10_000);
    }
    let times: Vec<_> = world.drain().into_iter().map(|(time, ..)| micros(time)).collect();
    assert_eq!(times, [11_000, 21_000]);
}

#[test]
fn links_without_limit_only_delay() {
    let mut world = World::new(None);
    let link = Link::Duplex { up: None, down: None };
    let (a, b) = (world.network.add_host(link), world.network.add_host(link));
    let flow = world.network.open(a, b, millis(7));
    for number in 0..3 {
        world.send(flow, number, 1_000_000);
    }
    let mut seen = Vec::new();
    world.run(Instant::MAX, |world, delivery| {
        seen.push((micros(world.now), matches!(delivery, Delivery::Sent { .. })));
    });
    assert_eq!(seen, [[(0, true); 3], [(7_000, false); 3]].concat());
}

#[test]
fn a_link_without_capacity_moves_nothing() {
    let mut world = World::new(None);
    let (a, b) = (world.duplex(0, 1_000), world.duplex(1_000, 0));
    let flow = world.network.open(a, b, millis(1));
    world.send(flow, (), 100);
    world.send(flow.reverse(), (), 100);
    let received = world.drain().into_iter().map(|(_, flow, ())| flow).collect::<Vec<_>>();
    assert_eq!(received, [flow.reverse()]);
    assert_eq!(world.network.queued_bytes(flow), 100);
}

/// A small message waits for one unit of each other flow, not for the rest of what they send.
#[test]
fn a_small_message_passes_large_ones() {
    let mut world = World::new(None);
    let a = world.duplex(MICROSECOND_PER_BYTE, 1);
    let others = 5_u64;
    let flows: Vec<_> = (0..=others)
        .map(|_| {
            let b = world.duplex(1, 10 * MICROSECOND_PER_BYTE);
            world.network.open(a, b, millis(0))
        })
        .collect();
    for &flow in &flows[1..] {
        world.send(flow, 0_u32, 1_000_000);
    }
    world.run(Instant::from_millis(200), |_, _| {});
    let start = world.now;
    world.send(flows[0], 1, 9);
    let mut arrived = None;
    world.run(Instant::from_secs(2), |world, delivery| {
        if let Delivery::Delivered { flow, .. } = delivery
            && flow == flows[0]
        {
            arrived = Some(world.now);
        }
    });
    let waited = arrived.expect("it arrives").nanos_since(start);
    assert!(waited <= (others * 16_448 + 9) * 1_000, "{waited}");
}

#[test]
fn retracted_messages_do_not_leave() {
    let mut world = World::new(None);
    let (a, b) = (world.duplex(MICROSECOND_PER_BYTE, 1), world.duplex(1, MICROSECOND_PER_BYTE));
    let flow = world.network.open(a, b, millis(1));
    for number in 0..4 {
        world.send(flow, number, 40_000);
    }
    // The first has begun to leave: too late, though most of it is still there.
    assert_eq!(world.network.retract(flow, |&number| number != 2), 2);
    assert_eq!(world.network.queued_bytes(flow) + world.network.in_flight_bytes(flow), 80_000);
    let received: Vec<_> = world.drain().into_iter().map(|(_, _, number)| number).collect();
    assert_eq!(received, [0, 2]);
    assert_eq!(world.network.wire_received(b), 80_000);
}

#[test]
fn a_closed_connection_is_gone_and_its_number_waits_for_its_events() {
    let mut world = World::new(None);
    let (a, b) = (world.duplex(MICROSECOND_PER_BYTE, 1), world.duplex(1_000, MICROSECOND_PER_BYTE));
    let closed = world.network.open(a, b, millis(100));
    for _ in 0..3 {
        world.send(closed, 0, 16_000);
    }
    world.run(Instant::from_millis(20), |_, _| {});
    assert_eq!(world.network.close(closed.reverse()), 48_000);
    let other = world.network.open(a, b, millis(1));
    assert_ne!(other, closed, "an arrival is still under way");
    world.send(other, 1, 10_000);
    // The second unit of the closed flow leaves for nobody until 32 ms.
    assert_eq!(world.drain(), [(Instant::from_millis(43), other, 1)]);
    assert_eq!(world.network.open(a, b, millis(1)), closed, "its events have passed");
}

/// What a random walk does next.
#[derive(Clone, Debug)]
enum Step {
    Send { flow: prop::sample::Index, bytes: u32 },
    Wait { micros: u64 },
    Reopen { flow: prop::sample::Index },
    Retract { flow: prop::sample::Index },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let flow = any::<prop::sample::Index>;
    let step = prop_oneof![
        10 => (flow(), prop_oneof![Just(9), Just(17), Just(BLOCK), 1_u32..60_000])
            .prop_map(|(flow, bytes)| Step::Send { flow, bytes }),
        5 => (0_u64..60_000).prop_map(|micros| Step::Wait { micros }),
        1 => flow().prop_map(|flow| Step::Reopen { flow }),
        1 => flow().prop_map(|flow| Step::Retract { flow }),
    ];
    prop::collection::vec(step, 1..100)
}

fn links() -> impl Strategy<Value = Vec<Link>> {
    let rate = || prop::option::weighted(0.8, 100_000_u64..50_000_000);
    let link = prop_oneof![
        3 => (rate(), rate()).prop_map(|(up, down)| Link::Duplex { up, down }),
        1 => (100_000_u64..50_000_000).prop_map(Link::Shared),
    ];
    prop::collection::vec(link, 2..6)
}

fn delays() -> impl Strategy<Value = Delay> {
    prop_oneof![
        (0_u64..50).prop_map(millis),
        (1_u64..50)
            .prop_map(|mean| Delay::PerMessage(DurationDist::Exponential(Duration::from_millis(mean)))),
    ]
}

/// A message: its flow's number in the order of opening, and its own number in the flow.
type Label = (u32, u32);

/// Checks the laws at every step.
struct Walk {
    world: World<Label>,
    /// Open connections' flows, with their labels.
    open: BTreeMap<u32, u32>,
    labels: u32,
    /// By label: the messages that are still to come, in order.
    expected: BTreeMap<u32, VecDeque<(u32, u32)>>,
    /// By label: messages that have left and not arrived.
    left: BTreeMap<u32, u32>,
    /// Bytes that were given to the network, and those that were lost with their connections.
    accepted: u64,
    dropped: u64,
    /// Per link: ends of services and the bytes served by then.
    served: Vec<Vec<(Instant, u64)>>,
    trace: Vec<(Instant, Label)>,
}

impl Walk {
    fn new(links: &[Link], delays: &[Delay], window: Option<u64>) -> Self {
        let mut world = World::new(window);
        let hosts: Vec<_> = links.iter().map(|&link| world.network.add_host(link)).collect();
        let served = vec![vec![(Instant::ZERO, 0)]; world.network.links.len()];
        let mut walk = Self {
            world,
            open: BTreeMap::new(),
            labels: 0,
            expected: BTreeMap::new(),
            left: BTreeMap::new(),
            accepted: 0,
            dropped: 0,
            served,
            trace: Vec::new(),
        };
        for (number, &delay) in delays.iter().enumerate() {
            let from = number % hosts.len();
            walk.connect(hosts[from], hosts[(from + 1) % hosts.len()], delay);
        }
        walk
    }

    fn connect(&mut self, from: HostId, to: HostId, delay: Delay) {
        let flow = self.world.network.open(from, to, delay);
        for flow in [flow, flow.reverse()] {
            assert!(self.open.insert(flow.0, self.labels).is_none(), "{flow:?} is in use");
            self.labels += 1;
        }
    }

    fn pick(&self, index: prop::sample::Index) -> (FlowId, u32) {
        let open: Vec<_> = self.open.iter().collect();
        let (&flow, &label) = open[index.index(open.len())];
        (FlowId(flow), label)
    }

    fn act(&mut self, number: u32, step: &Step) {
        match step {
            Step::Send { flow, bytes } => {
                let (flow, label) = self.pick(*flow);
                self.expected.entry(label).or_default().push_back((number, *bytes));
                self.accepted += u64::from(*bytes);
                self.world.send(flow, (label, number), *bytes);
            }
            Step::Wait { micros } => self.run(self.world.now.after_nanos(micros * 1_000)),
            Step::Reopen { flow } => {
                let (flow, _) = self.pick(*flow);
                self.dropped += self.world.network.close(flow);
                for flow in [flow, flow.reverse()] {
                    let label = self.open.remove(&flow.0).expect("it is open");
                    self.expected.remove(&label);
                }
                self.connect(HostId(0), HostId(1), millis(u64::from(number % 30)));
            }
            Step::Retract { flow } => {
                let (flow, label) = self.pick(*flow);
                let mut taken = Vec::new();
                let count = self.world.network.retract(flow, |&(_, number)| {
                    let odd = number % 2 == 1;
                    taken.extend(odd.then_some(number));
                    odd
                });
                assert_eq!(count, taken.len());
                self.expected.entry(label).or_default().retain(|&(number, bytes)| {
                    let taken = taken.contains(&number);
                    self.accepted -= if taken { u64::from(bytes) } else { 0 };
                    !taken
                });
            }
        }
        self.check();
    }

    fn run(&mut self, end: Instant) {
        while self.world.step(end).is_some() {
            for delivery in std::mem::take(&mut self.world.out) {
                match delivery {
                    Delivery::Sent { flow, .. } => *self.left.entry(self.open[&flow.0]).or_default() += 1,
                    Delivery::Delivered { flow, message: (label, number), bytes } => {
                        assert_eq!(self.open.get(&flow.0), Some(&label), "a message of a closed flow");
                        let next = self.expected.get_mut(&label).and_then(VecDeque::pop_front);
                        assert_eq!(next, Some((number, bytes)), "order is kept");
                        let left = self.left.get_mut(&label).filter(|left| **left > 0);
                        *left.expect("what arrives has been told to have left") -= 1;
                        self.trace.push((self.world.now, (label, number)));
                    }
                }
            }
            self.check();
        }
        self.world.now = self.world.now.max(end);
    }

    fn check(&mut self) {
        let network = &self.world.network;
        let received: u64 = network.links.iter().map(|link| link.received).sum();
        let under_way =
            |&flow: &u32| network.queued_bytes(FlowId(flow)) + network.in_flight_bytes(FlowId(flow));
        let under_way: u64 = self.open.keys().map(under_way).sum();
        assert_eq!(self.accepted, received + under_way + self.dropped, "bytes are conserved");
        for (link, served) in network.links.iter().zip(&mut self.served) {
            let now = (link.free_at, link.sent + link.received);
            if served.last() != Some(&now) {
                served.push(now);
            }
        }
    }

    /// No link serves more in a second than its capacity, and one turn that is counted at its beginning or its end.
    fn check_capacity(&self) {
        for (link, served) in self.world.network.links.iter().zip(&self.served) {
            let Some(rate) = link.rate else { continue };
            let mut first = 0;
            for &(time, bytes) in served {
                while time.nanos_since(served[first].0) > NANOS_PER_SEC {
                    first += 1;
                }
                let most = u128::from(rate) * u128::from(time.nanos_since(served[first].0)) / 8_000_000_000;
                let most = u64::try_from(most).expect("a second's worth") + 2 * 16_448;
                assert!(bytes - served[first].1 <= most, "{bytes} by {time}, {:?}", served[first]);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn laws_hold_on_random_walks(
        links in links(),
        delays in prop::collection::vec(delays(), 1..8),
        window in prop::option::weighted(0.5, 1_500_u64..100_000),
        steps in steps(),
    ) {
        let walk = || {
            let mut walk = Walk::new(&links, &delays, window);
            for (number, step) in (0..).zip(&steps) {
                walk.act(number, step);
            }
            walk.run(Instant::MAX);
            assert!(walk.expected.values().all(VecDeque::is_empty), "all of it arrives");
            let told = walk.open.values().filter_map(|label| walk.left.get(label));
            assert!(told.into_iter().all(|&left| left == 0), "nothing is told twice");
            walk.check_capacity();
            walk.trace
        };
        prop_assert_eq!(walk(), walk());
    }
}

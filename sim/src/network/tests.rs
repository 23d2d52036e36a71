//! The raw network against numbers that are known beforehand, and against laws that hold of any network.

use minibit_core::time::NANOS_PER_SEC;
use minibit_core::{Instant, Seed};

use super::*;
use crate::queue::EventQueue;

mod laws;
mod load;
mod rates;

/// A block with its header.
const BLOCK: u32 = 16 * 1024 + 13;

/// The least that drives a network: a queue, and a clock that follows it.
struct World<M> {
    network: Network<M>,
    queue: EventQueue<NetEvent>,
    now: Instant,
    out: Vec<Delivery<M>>,
}

impl<M> World<M> {
    fn new(window: Option<u64>) -> Self {
        Self {
            network: Network::new(&Seed::from_number(1), window, 1_000_000),
            queue: EventQueue::new(),
            now: Instant::ZERO,
            out: Vec::new(),
        }
    }

    fn duplex(&mut self, up: u64, down: u64) -> HostId {
        self.network.add_host(scenario::Link::Duplex { up: Some(up), down: Some(down) })
    }

    fn send(&mut self, flow: FlowId, message: M, bytes: u32) {
        let queue = &mut self.queue;
        self.network.send(self.now, flow, message, bytes, 0, &mut |time, event| queue.push(time, event));
    }

    /// The next event, if there is one until `end`; what it delivers is in `out`.
    fn step(&mut self, end: Instant) -> Option<NetEvent> {
        self.out.clear();
        if self.queue.peek_time()? > end {
            return None;
        }
        let (time, event) = self.queue.pop()?;
        assert!(time >= self.now, "time goes back");
        self.now = time;
        let queue = &mut self.queue;
        self.network.handle(time, event, &mut |time, event| queue.push(time, event), &mut self.out);
        Some(event)
    }

    /// Runs until `end`. What is done with deliveries is up to `act`.
    fn run(&mut self, end: Instant, mut act: impl FnMut(&mut Self, Delivery<M>)) {
        while self.step(end).is_some() {
            let mut out = std::mem::take(&mut self.out);
            for delivery in out.drain(..) {
                act(self, delivery);
            }
            self.out = out;
        }
        self.now = self.now.max(end);
    }

    /// Runs until nothing happens any more; returns the deliveries with their times.
    fn drain(&mut self) -> Vec<(Instant, FlowId, M)> {
        let mut delivered = Vec::new();
        while self.step(Instant::MAX).is_some() {
            for delivery in self.out.drain(..) {
                if let Delivery::Delivered { flow, message, .. } = delivery {
                    delivered.push((self.now, flow, message));
                }
            }
        }
        delivered
    }
}

impl World<u32> {
    /// Keeps `flows` supplied with blocks for ever and measures their rates in bytes per second over `[from, to]`.
    fn rates(&mut self, flows: &[FlowId], from: Instant, to: Instant) -> Vec<f64> {
        let count = flows.iter().map(|flow| flow.index() + 1).max().unwrap_or(0);
        let mut bytes = vec![0_u64; count];
        for &flow in flows {
            while self.network.queued_bytes(flow) < 2 * u64::from(BLOCK) {
                self.send(flow, 0, BLOCK);
            }
        }
        let supply = |world: &mut Self, delivery: Delivery<u32>, bytes: &mut Vec<u64>| match delivery {
            Delivery::Sent { flow, .. } if flows.contains(&flow) => world.send(flow, 0, BLOCK),
            Delivery::Delivered { flow, bytes: len, .. } if flows.contains(&flow) => {
                bytes[flow.index()] += u64::from(len);
            }
            _ => {}
        };
        self.run(from, |world, delivery| supply(world, delivery, &mut bytes));
        bytes.fill(0);
        self.run(to, |world, delivery| supply(world, delivery, &mut bytes));
        let seconds = float(to.nanos_since(from)) / float(NANOS_PER_SEC);
        flows.iter().map(|flow| float(bytes[flow.index()]) / seconds).collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "tests compare with a tolerance")]
fn float(number: u64) -> f64 {
    number as f64
}

const fn millis(millis: u64) -> Delay {
    Delay::Fixed(millis * 1_000_000)
}

#[track_caller]
fn assert_close(measured: f64, expected: f64, tolerance: f64) {
    assert!((measured / expected - 1.0).abs() <= tolerance, "measured {measured}, expected {expected}");
}

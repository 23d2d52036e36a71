//! One direction of a connection: what waits at the sender, what is on its way, and how much may be.

use std::collections::VecDeque;

use minibit_core::time::NANOS_PER_SEC;
use minibit_core::{Instant, Rng};

use super::NetEvent;
use super::delay::{Delay, draw_nanos};
use super::link::{QUANTUM, cut};
use crate::scenario::DurationDist;

/// Units that a flow may have on its way beyond what fills its path: one that is sent, one that is received, and one that waits
/// for each of them, so that neither link idles while the sender learns that there is room and waits for its next turn.
const SPARE_UNITS: u64 = 4;
/// A window that is nearly full is not filled with pieces smaller than this, as TCP does not (RFC 9293, 3.8.6.2.1).
const SEGMENT: u64 = 1_460;

/// A unit, from the sender's queue to its delivery. It stays at one place in memory all the way.
#[derive(Debug)]
pub(super) struct Unit<M> {
    /// When its first byte reaches the receiver's link; set when it leaves.
    pub(super) first_byte: Instant,
    /// When its last byte does; set when it leaves.
    pub(super) last_byte: Instant,
    pub(super) bytes: u32,
    pub(super) tag: u32,
    /// The message that is complete with this unit, and its length.
    pub(super) message: Option<(M, u32)>,
}

impl<M> Unit<M> {
    /// A unit that is not the last one of its message.
    const fn part(bytes: u32) -> Self {
        Self { first_byte: Instant::ZERO, last_byte: Instant::ZERO, bytes, tag: 0, message: None }
    }
}

/// Most bytes in flight on a path of this rate, in bytes per second, and this delay, in nanoseconds.
fn most_in_flight(path_rate: Option<u64>, delay: u64) -> u64 {
    path_rate.map_or(u64::MAX, |rate| {
        let fill = u128::from(rate) * u128::from(delay) / u128::from(NANOS_PER_SEC);
        u64::try_from(fill).unwrap_or(u64::MAX).saturating_add(SPARE_UNITS * u64::from(QUANTUM))
    })
}

/// What a flow does at its sender's link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sending {
    /// Nothing is to be sent.
    Idle,
    /// It stands in the ring.
    Waiting,
    /// Its turn is under way.
    Served,
    /// Something is to be sent, but too much is on its way.
    Blocked,
    /// The connection is closed.
    Closed,
}

/// The limit of a flow that has a window: see the [model](super).
#[derive(Debug, Default)]
pub(super) struct Window {
    /// Bytes sent and not acknowledged.
    pub(super) unacknowledged: u64,
    /// Acknowledgements that travel back: when they arrive, and of how many bytes.
    pub(super) acknowledgements: VecDeque<(Instant, u32)>,
    /// A [`NetEvent::Window`] is under way.
    pub(super) event: bool,
}

impl Window {
    /// What was acknowledged by `now` is no longer under way.
    fn acknowledge(&mut self, now: Instant) {
        while let Some(&(time, bytes)) = self.acknowledgements.front()
            && time <= now
        {
            self.unacknowledged -= u64::from(bytes);
            self.acknowledgements.pop_front();
        }
    }
}

/// What a flow needs besides when the delay is drawn for each message.
#[derive(Debug)]
pub(super) struct Drawn {
    dist: DurationDist,
    /// The sending host: delays are drawn from its stream.
    pub(super) host: u32,
    /// Of the message that is leaving.
    delay: u64,
    last_arrival: Instant,
    /// The longest travelling time so far, in nanoseconds.
    longest: u64,
    path_rate: Option<u64>,
}

impl Drawn {
    pub(super) fn draw(&mut self, rng: &mut Rng) {
        self.delay = draw_nanos(self.dist, rng);
    }
}

/// One direction of a connection. Two cache lines: a message on a network of many flows finds nearly all of this in main memory.
#[derive(Debug)]
#[repr(align(64))]
pub(super) struct Flow<M> {
    pub(super) sending: Sending,
    /// A [`NetEvent::Arrival`] is under way.
    pub(super) arrival_event: bool,
    /// It stands in the ring of the receiver's link, or is served by it.
    pub(super) receiving: bool,
    /// The first unit that has not left is not the first of its message.
    pub(super) mid_message: bool,
    pub(super) uplink: u32,
    pub(super) downlink: u32,
    /// What is left of its turns.
    pub(super) send_credit: u32,
    pub(super) receive_credit: u32,
    /// Units that have left; they are the first ones.
    pub(super) left: u32,
    /// Of these, units that have arrived and wait for the receiver's link; they are the first ones.
    pub(super) arrived: u32,
    /// Bytes that have not left.
    pub(super) queued_bytes: u64,
    /// Bytes that have left and are not delivered.
    pub(super) in_flight: u64,
    /// Most bytes in flight.
    limit: u64,
    /// In nanoseconds; the mean of those that are drawn.
    pub(super) delay: u64,
    pub(super) units: VecDeque<Unit<M>>,
    pub(super) window: Option<Box<Window>>,
    pub(super) drawn: Option<Box<Drawn>>,
}

impl<M> Flow<M> {
    /// A flow over two links, the narrower of which moves `path_rate` bytes per second; `None`: nothing piles up at the
    /// receiver, whose link has no limit.
    pub(super) fn new(
        host: u32,
        (uplink, downlink): (u32, u32),
        path_rate: Option<u64>,
        delay: Delay,
        window: Option<Box<Window>>,
    ) -> Self {
        let mean = delay.mean_nanos();
        let drawn = match delay {
            Delay::Fixed(_) => None,
            Delay::PerMessage(dist) => Some(Box::new(Drawn {
                dist,
                host,
                delay: 0,
                last_arrival: Instant::ZERO,
                longest: mean,
                path_rate,
            })),
        };
        Self {
            sending: Sending::Idle,
            arrival_event: false,
            receiving: false,
            mid_message: false,
            uplink,
            downlink,
            send_credit: 0,
            receive_credit: 0,
            left: 0,
            arrived: 0,
            queued_bytes: 0,
            in_flight: 0,
            limit: most_in_flight(path_rate, mean),
            delay: mean,
            units: VecDeque::new(),
            window,
            drawn,
        }
    }

    /// Becomes another flow, and keeps the memory.
    pub(super) fn reopen(&mut self, new: Self) {
        let units = std::mem::take(&mut self.units);
        *self = Self { units, ..new };
    }

    /// Puts a message into the queue, cut into units.
    pub(super) fn push(&mut self, message: M, bytes: u32, tag: u32) {
        self.queued_bytes += u64::from(bytes);
        let mut unit = cut(bytes);
        let mut rest = bytes - unit;
        while rest > 0 {
            self.units.push_back(Unit::part(unit));
            unit = cut(rest);
            rest -= unit;
        }
        self.units.push_back(Unit { tag, message: Some((message, bytes)), ..Unit::part(unit) });
    }

    /// Nothing is to be sent.
    pub(super) fn is_idle(&self) -> bool {
        self.left as usize == self.units.len()
    }

    /// Times at which a unit that leaves from `start` to `end` comes in at the receiver's link: its first byte, and its last.
    pub(super) fn travel(&mut self, start: Instant, end: Instant) -> (Instant, Instant) {
        let Some(drawn) = self.drawn.as_deref_mut() else {
            return (start.after_nanos(self.delay), end.after_nanos(self.delay));
        };
        let first_byte = start.after_nanos(drawn.delay);
        drawn.last_arrival = drawn.last_arrival.max(end.after_nanos(drawn.delay));
        let travelled = drawn.last_arrival.nanos_since(end);
        if travelled > drawn.longest {
            drawn.longest = travelled;
            self.limit = most_in_flight(drawn.path_rate, travelled);
        }
        (first_byte, drawn.last_arrival)
    }

    /// Moves the boundary between what has left and what waits, by one unit of `bytes`: the first one that waits, or a part that
    /// is cut off it.
    pub(super) fn leave(&mut self, bytes: u32) -> &mut Unit<M> {
        let index = self.left as usize;
        if bytes < self.units[index].bytes {
            self.units[index].bytes -= bytes;
            self.units.insert(index, Unit::part(bytes));
        }
        self.left += 1;
        self.send_credit -= bytes;
        self.queued_bytes -= u64::from(bytes);
        self.in_flight += u64::from(bytes);
        if let Some(window) = self.window.as_deref_mut() {
            window.unacknowledged += u64::from(bytes);
        }
        let unit = &mut self.units[index];
        self.mid_message = unit.message.is_none();
        unit
    }

    /// Takes the first unit out: it is delivered.
    pub(super) fn deliver(&mut self) -> Unit<M> {
        let unit = self.units.pop_front().expect("it was looked at before");
        self.left -= 1;
        self.in_flight -= u64::from(unit.bytes);
        if self.units.is_empty() {
            // Begins again at the front of its memory, which is still in the cache.
            self.units.clear();
        }
        unit
    }

    /// Takes back the messages that match and of which nothing has left; returns how many.
    pub(super) fn retract(&mut self, mut matches: impl FnMut(&M) -> bool) -> usize {
        let (mut retracted, mut begun) = (0, self.mid_message);
        let mut parts = Vec::new();
        for unit in self.units.split_off(self.left as usize) {
            let matching = unit.message.as_ref().map(|(message, _)| !begun && matches(message));
            parts.push(unit);
            match matching {
                None => {}
                Some(true) => {
                    retracted += 1;
                    self.queued_bytes -= parts.drain(..).map(|unit| u64::from(unit.bytes)).sum::<u64>();
                }
                Some(false) => {
                    begun = false;
                    self.units.extend(parts.drain(..));
                }
            }
        }
        retracted
    }

    /// Bytes of the unit that may leave now; `None` when there is none, or no room for it. A unit may always leave when no other
    /// is on its way.
    pub(super) fn next_unit(&mut self, now: Instant, window_bytes: Option<u64>) -> Option<u32> {
        if let Some(window) = self.window.as_deref_mut() {
            window.acknowledge(now);
        }
        let unit = self.units.get(self.left as usize)?.bytes;
        if self.in_flight > 0 && self.in_flight + u64::from(unit) > self.limit {
            return None;
        }
        let (Some(window), Some(limit)) = (&self.window, window_bytes) else { return Some(unit) };
        let room = limit.saturating_sub(window.unacknowledged);
        if room >= u64::from(unit) {
            Some(unit)
        } else if room >= SEGMENT || window.unacknowledged == 0 {
            u32::try_from(room.max(1)).ok()
        } else {
            None
        }
    }

    /// An acknowledgement of so many bytes sets out, to arrive at `time`.
    pub(super) fn acknowledge_at(&mut self, time: Instant, bytes: u32) {
        if let Some(window) = self.window.as_deref_mut() {
            window.acknowledgements.push_back((time, bytes));
        }
    }

    /// Sees to it that a blocked flow is woken by its next acknowledgement. When none travels back, units are on their way, and
    /// their delivery wakes the flow.
    pub(super) fn await_acknowledgement(&mut self, id: u32, schedule: &mut impl FnMut(Instant, NetEvent)) {
        if let Some(window) = self.window.as_deref_mut()
            && !window.event
            && let Some(&(time, _)) = window.acknowledgements.front()
        {
            window.event = true;
            schedule(time, NetEvent::Window(super::FlowId(id)));
        }
    }

    /// Is an event under way that names this flow?
    pub(super) fn has_event(&self) -> bool {
        self.arrival_event || self.window.as_ref().is_some_and(|window| window.event)
    }

    /// Drops everything; returns the bytes.
    pub(super) fn close(&mut self) -> u64 {
        let dropped = self.queued_bytes + self.in_flight;
        self.sending = Sending::Closed;
        self.receiving = false;
        self.queued_bytes = 0;
        self.in_flight = 0;
        self.units.clear();
        dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flow_takes_two_cache_lines() {
        assert!(size_of::<Flow<[u64; 3]>>() <= 128, "{}", size_of::<Flow<[u64; 3]>>());
    }
}

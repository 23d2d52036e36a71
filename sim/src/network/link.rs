//! One access link, or one direction of it: a server that takes turns between flows.
//!
//! The ring holds each flow that has something for the link once, in the order in which they became active. A turn is worth
//! [`QUANTUM`] bytes, and what a flow leaves of it because its next unit is too large stays its own until its next turn:
//! deficit round robin (Shreedhar and Varghese 1995), which is fair in bytes whatever the sizes of the units are.

use std::collections::VecDeque;

use minibit_core::Instant;

/// What a message is cut by: a block of the usual length.
pub(super) const UNIT: u32 = 16 * 1024;
/// A message that is so much longer than a unit is still one: a block with its header.
const HEADER: u32 = 64;
/// Bytes of a turn: no unit is larger, so each turn moves at least one.
pub(super) const QUANTUM: u32 = UNIT + HEADER;

/// Messages up to this length do not wait for the units of others: on a real link they go between two packets of these.
pub(super) const SMALL: u32 = 512;

/// Bytes of the next unit of a message of which `remaining` bytes are left: all of them when they fit, or else an equal share.
pub(super) const fn cut(remaining: u32) -> u32 {
    if remaining <= QUANTUM { remaining } else { remaining.div_ceil(remaining.div_ceil(UNIT)) }
}

/// Whose turn it is, and for what. Flows are named by index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// The flow sends through this link.
    Send(u32),
    /// The flow's units have arrived and are received through this link.
    Receive(u32),
}

/// A message whose last byte is out at the end of the turn.
#[derive(Clone, Copy, Debug)]
pub(super) struct Left {
    pub(super) flow: u32,
    pub(super) bytes: u32,
    pub(super) tag: u32,
}

/// A server of one access link.
#[derive(Debug)]
pub(super) struct Link {
    /// Bits per second; `None`: serves in no time.
    pub(super) rate: Option<u64>,
    /// Encoded bytes that have begun to leave through it, and that were delivered through it.
    pub(super) sent: u64,
    pub(super) received: u64,
    /// End of the latest service.
    pub(super) free_at: Instant,
    /// An event is under way that ends a turn. While there is none, the ring is empty.
    pub(super) busy: bool,
    /// Who waits.
    pub(super) ring: VecDeque<Turn>,
    /// Flows that have sent in this turn.
    pub(super) senders: Vec<u32>,
    /// Messages that are out at the end of this turn.
    pub(super) left: Vec<Left>,
    /// The flow of which a unit is received.
    pub(super) receiver: Option<u32>,
}

impl Link {
    /// A link of so many bits per second. One with none at all is busy for ever.
    pub(super) fn new(rate: Option<u64>) -> Self {
        Self {
            rate,
            sent: 0,
            received: 0,
            free_at: Instant::ZERO,
            busy: rate == Some(0),
            ring: VecDeque::new(),
            senders: Vec::new(),
            left: Vec::new(),
            receiver: None,
        }
    }

    /// Nanoseconds that a unit of so many encoded bytes takes, rounded up.
    pub(super) fn service_nanos(&self, bytes: u32, overhead_ppm: u64) -> u64 {
        // Wire bytes per encoded byte / 10⁶ · 8 bits · 10⁹ ns: 8 000 is what is left of the powers of ten.
        let numerator = u64::from(bytes).saturating_mul(overhead_ppm).saturating_mul(8_000);
        self.rate.map_or(0, |rate| numerator.div_ceil(rate.max(1)))
    }

    /// May a unit of so many bytes go at once, between the packets of what is under way? Only a small one, and only while the link
    /// is not behind by more than two turns; its service makes the next turn begin later.
    pub(super) fn lets_slip_in(&self, now: Instant, bytes: u32, overhead_ppm: u64) -> bool {
        bytes <= SMALL && self.rate != Some(0) && {
            let behind = self.free_at.nanos_since(now);
            behind <= self.service_nanos(2 * QUANTUM, overhead_ppm)
        }
    }

    /// Forgets a flow that is closed. A turn of it that is under way is not cut short.
    pub(super) fn forget(&mut self, flow: u32) {
        self.ring.retain(|&turn| turn != Turn::Send(flow) && turn != Turn::Receive(flow));
        self.senders.retain(|&sender| sender != flow);
        self.left.retain(|left| left.flow != flow);
        self.receiver = self.receiver.filter(|&receiver| receiver != flow);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_with_its_header_is_one_unit() {
        assert_eq!(cut(UNIT + 13), UNIT + 13);
        assert_eq!(cut(QUANTUM + 1), 8_225);
        let (mut remaining, mut units) = (1_000_000, Vec::new());
        while remaining > 0 {
            units.push(cut(remaining));
            remaining -= cut(remaining);
        }
        assert_eq!(units.len(), 62);
        assert!(units.iter().all(|unit| (16_129..=16_130).contains(unit)), "{units:?}");
    }

    #[test]
    fn service_time_is_exact_and_rounded_up() {
        let link = Link::new(Some(10_000_000));
        assert_eq!(link.service_nanos(UNIT, 1_000_000), 13_107_200);
        assert_eq!(link.service_nanos(UNIT, 1_050_000), 13_762_560);
        assert_eq!(Link::new(Some(7)).service_nanos(1, 1_000_000), 1_142_857_143);
        assert_eq!(Link::new(None).service_nanos(UNIT, 1_000_000), 0);
    }
}

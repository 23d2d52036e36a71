//! What is due when: one slot per kind, no wake-up per connection.

use core::time::Duration;

use crate::boundary::{DisconnectReason, Env, Outbox};
use crate::config::{Inventory, Requests};
use crate::message::Message;
use crate::time::{Instant, nanos};
use crate::torrent::Torrent;
use crate::torrent::peer::Stage;

/// Connections are looked over for silence so often.
const SWEEP: Duration = Duration::from_secs(5);
/// The block length that the request time-out is meant for; longer blocks get proportionally longer.
const TIMEOUT_BLOCK: u64 = 16 * 1024;

/// One slot per kind of timer.
#[derive(Debug, Default)]
pub(crate) struct Timers {
    sweep: Option<Instant>,
    /// The next request of a paced participant.
    pub(crate) pull: Option<Instant>,
    /// When turns that are not used are taken away.
    pub(crate) turn: Option<Instant>,
    /// The next broadcast of the inventory.
    pub(crate) broadcast: Option<Instant>,
    /// The end of the pause after the disk has failed.
    pub(crate) disk: Option<Instant>,
    /// When the next connection may be opened, if one waits for that.
    pub(crate) dial: Option<Instant>,
    /// The next look at the slots, while somebody waits for one.
    pub(crate) slots: Option<Instant>,
}

impl Timers {
    pub(crate) fn start(&mut self, now: Instant) {
        self.sweep = Some(now + SWEEP);
    }

    pub(crate) fn stop(&mut self) {
        *self = Self::default();
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        let Self { sweep, pull, turn, broadcast, disk, dial, slots } = *self;
        [sweep, pull, turn, broadcast, disk, dial, slots].into_iter().fold(None, earlier)
    }
}

/// The earlier of two times, of which either may be never. It is asked after each input, and this is faster than an iterator over what
/// there is.
pub(crate) const fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(a), Some(b)) => Some(if b.as_nanos() < a.as_nanos() { b } else { a }),
        (Some(time), None) | (None, Some(time)) => Some(time),
        (None, None) => None,
    }
}

/// Is a timer due? Then it is set to the next of its beats after `now`, keeping its phase.
fn beat(timer: &mut Option<Instant>, now: Instant, interval: Duration) -> bool {
    let Some(due) = timer.filter(|&due| due <= now) else { return false };
    let interval = nanos(interval).max(1);
    let missed = now.nanos_since(due) / interval;
    *timer = Some(due.after_nanos((missed + 1).saturating_mul(interval)));
    true
}

impl<E: Env> Torrent<E> {
    pub(crate) fn on_timers(&mut self, now: Instant, out: &mut Outbox<E>) {
        self.poll_announce(now, out);
        if !self.running {
            return;
        }
        if let Inventory::Broadcast { interval, .. } = self.config.inventory
            && beat(&mut self.timers.broadcast, now, interval)
        {
            self.broadcast_inventory(now, out);
        }
        if self.timers.disk.take_if(|due| *due <= now).is_some() {
            self.probe_disk(now, out);
        }
        if self.timers.dial.take_if(|due| *due <= now).is_some() {
            self.dial(now, out);
        }
        if self.choker.next_round().is_some_and(|round| round <= now) {
            self.choke_round(now, out);
        }
        if self.timers.slots.take_if(|due| *due <= now).is_some() {
            self.pass_slots_on(now, out);
        }
        if let Requests::Paced { interval, ask_all_when_unknown } = self.config.requests
            && beat(&mut self.timers.pull, now, interval)
        {
            self.pull(now, interval, ask_all_when_unknown, out);
        }
        if self.timers.turn.is_some_and(|turn| turn <= now) {
            self.take_idle_turns(now, out);
        }
        if beat(&mut self.timers.sweep, now, SWEEP) {
            self.sweep(now, out);
        }
    }

    fn broadcast_inventory(&mut self, now: Instant, out: &mut Outbox<E>) {
        let inventory = self.inventory();
        for slot in 0..self.conns.slot_count() {
            if let Some((conn, peer)) = self.conns.at_mut(slot)
                && peer.is_open()
            {
                peer.last_sent = now;
                out.send(conn, inventory.clone());
            }
        }
    }

    /// Time-outs that concern blocks are longer by so much, for longer blocks.
    pub(crate) fn timeout_scale(&self) -> u64 {
        u64::from(self.geometry.nominal_block_len()).div_ceil(TIMEOUT_BLOCK)
    }

    /// A request that is not answered for so long, in nanoseconds, while the connection sends nothing, is not answered any more.
    pub(crate) fn request_timeout(&self) -> u64 {
        nanos(self.config.timeouts.request).saturating_mul(self.timeout_scale())
    }

    /// Looks every connection over for silence, and for places to fill.
    fn sweep(&mut self, now: Instant, out: &mut Outbox<E>) {
        let timeouts = self.config.timeouts;
        let paced = matches!(self.config.requests, Requests::Paced { .. });
        let scale = self.timeout_scale();
        let request_timeout = self.request_timeout();
        for slot in 0..self.conns.slot_count() {
            let Some((conn, peer)) = self.conns.at_mut(slot) else { continue };
            if peer.stage != Stage::Open {
                if now.nanos_since(peer.since) >= nanos(timeouts.handshake) {
                    self.close(now, conn, Some(DisconnectReason::HandshakeTimeout), out);
                }
                continue;
            }
            // Where there are no keep-alives, a long block is under way in silence.
            let busy = self.config.told_by_tracker_alone()
                && (peer.is_being_served() || !peer.outstanding.is_empty());
            if !busy && now.nanos_since(peer.last_received) >= nanos(timeouts.idle) {
                self.close(now, conn, Some(DisconnectReason::Idle), out);
                continue;
            }
            if now.nanos_since(peer.last_sent) >= nanos(timeouts.keep_alive) {
                peer.last_sent = now;
                out.send(conn, Message::KeepAlive);
            }
            if peer.shown.is_some() {
                self.lose_patience(now, conn, out);
            }
            let Some((_, peer)) = self.conns.at_mut(slot) else { continue };
            let snub_after = nanos(self.config.choking.snub_after).saturating_mul(scale);
            peer.snubbing |= peer.owing_since.is_some_and(|since| now.nanos_since(since) >= snub_after);
            peer.refused.clear();
            peer.let_downs = 0;
            if paced && peer.owing_since.is_some_and(|since| now.nanos_since(since) >= request_timeout) {
                // Its requests are forgotten one by one; a piece that was to come from it alone is not.
                self.abandon_source(now, conn, |_| true, out);
                continue;
            }
            let silent_for = now.nanos_since(peer.last_block);
            let Some(oldest) = peer.outstanding.front() else {
                if peer.errand.is_some() && now.nanos_since(peer.since) >= snub_after {
                    // It does not let us ask: others may.
                    self.close(now, conn, Some(DisconnectReason::Idle), out);
                } else {
                    self.fill(now, conn, out);
                }
                continue;
            };
            let waiting = now.nanos_since(oldest.asked).min(silent_for);
            if peer.errand.is_some() && waiting >= request_timeout {
                self.close(now, conn, Some(DisconnectReason::Idle), out);
                continue;
            }
            if !paced && waiting >= request_timeout {
                self.time_out_requests(now, conn, out);
            }
        }
        self.exchange_peers(now, out);
        self.dial(now, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_timer_is_the_least_of_those_that_are_set() {
        let times = [None, Some(Instant::from_secs(1)), Some(Instant::from_secs(2)), Some(Instant::MAX)];
        for one in times {
            for other in times {
                assert_eq!(earlier(one, other), [one, other].into_iter().flatten().min());
            }
        }
        let slots = Timers { turn: times[2], dial: times[1], ..Timers::default() };
        assert_eq!(slots.next(), times[1]);
        assert_eq!(Timers::default().next(), None);
    }

    #[test]
    fn a_beat_keeps_its_phase() {
        let mut timer = Some(Instant::from_secs(4));
        let interval = Duration::from_secs(4);
        assert!(!beat(&mut timer, Instant::from_secs(3), interval));
        assert!(beat(&mut timer, Instant::from_secs(4), interval));
        assert_eq!(timer, Some(Instant::from_secs(8)));
        assert!(beat(&mut timer, Instant::from_secs(17), interval));
        assert_eq!(timer, Some(Instant::from_secs(20)));
        assert!(!beat(&mut None, Instant::from_secs(17), interval));
    }
}

//! The client side of a tracker: when to announce, what to say, when to try again.
//!
//! Read BEP 3, *trackers*, first. [`Announce`] is a state machine of its own: `Torrent` tells it what happens and asks it
//! for the next request. There is one announce at a time. Everything that happens while one is under way waits for its
//! answer, so that a tracker hears `started`, `completed` and `stopped` in this order, each at least once, whatever gets
//! lost between. Only a goodbye does not wait: who asks to stop may be gone before the answer is there.
//!
//! A tracker is not trusted: the intervals that it gives are brought between one minute and one hour. One that fails is
//! asked again after 15 s, then 30 s, and so on up to half an hour, give or take a tenth, so that the peers of a tracker
//! which comes back do not all knock at once.

mod tiers;

use core::time::Duration;

use crate::bitfield::Bitfield;
use crate::config::{Announcing, Asks, Lists};
use crate::rng::Rng;
use crate::time::{Instant, nanos};

pub use tiers::Tiers;

/// Regular announces are at least so far apart, even when a tracker would allow more of them.
pub const MIN_GAP: Duration = Duration::from_mins(1);
/// And at most so far, whatever a tracker says.
pub const MAX_GAP: Duration = Duration::from_hours(1);
/// An interval that the participant chose itself may be shorter (S3: 30 s, S1: 5 s), but not shorter than this.
const MIN_OWN_GAP: Duration = Duration::from_secs(1);
/// The pause after the first failure; it doubles with each further one …
const FIRST_PAUSE: Duration = Duration::from_secs(15);
/// … up to this.
const LONGEST_PAUSE: Duration = Duration::from_mins(30);

/// What happened since the last announce (BEP 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AnnounceEvent {
    /// A regular announce.
    None,
    /// A regular announce of a partial seed, which lacks something and wants nothing (BEP 21).
    Paused,
    /// The first one.
    Started,
    /// The download has completed.
    Completed,
    /// We are going.
    Stopped,
}

/// What is asked of a tracker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnounceRequest {
    /// What happened.
    pub event: AnnounceEvent,
    /// Bytes of block data sent since `Started`.
    pub uploaded: u64,
    /// Bytes of block data received since `Started`.
    pub downloaded: u64,
    /// Bytes still missing.
    pub left: u64,
    /// Peers wanted; 0 with `Stopped`, and when this announce only tells.
    pub numwant: u32,
    /// The pieces that we have, for a tracker that keeps inventories (S1, S3), or all of them once it is so (S4).
    pub have: Option<Box<Bitfield>>,
    /// What the list of peers is to say of their pieces.
    pub lists: Lists,
}

impl AnnounceRequest {
    /// An announce of what BEP 3 knows.
    pub const fn plain(event: AnnounceEvent, totals: Totals, numwant: u32) -> Self {
        let Totals { uploaded, downloaded, left } = totals;
        Self { event, uploaded, downloaded, left, numwant, have: None, lists: Lists::Addresses }
    }
}

/// What a tracker answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnounceResponse<A> {
    /// Announce again after this.
    pub interval: Duration,
    /// Never announce sooner than this, but for events.
    pub min_interval: Option<Duration>,
    /// Other peers.
    pub peers: Vec<A>,
    /// How many have everything.
    pub seeders: u32,
    /// How many do not.
    pub leechers: u32,
    /// What some of the peers have, where that was asked for ([`Lists`]).
    pub inventories: Vec<(A, Bitfield)>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnnounceError {
    /// The tracker did not answer, or not in a way that can be read.
    #[error("the tracker cannot be reached")]
    Unreachable,
    /// The tracker refused, with its own words.
    #[error("the tracker refused: {0}")]
    Refused(String),
}

/// What a participant has done and has still to do, in bytes of block data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Sent since the start.
    pub uploaded: u64,
    /// Received since the start.
    pub downloaded: u64,
    /// Still missing.
    pub left: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    New,
    Running,
    Going,
}

/// One participant's conversation with its tracker.
///
/// After each call, [`poll`](Self::poll) until it gives nothing. The driver answers every request, with
/// [`AnnounceError::Unreachable`] when the tracker is silent for too long; until then nothing but a goodbye follows.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about what was said and what is owed")]
pub struct Announce {
    choices: Announcing,
    phase: Phase,
    /// Events that the tracker has not confirmed, in the order in which they happened.
    owed: Vec<AnnounceEvent>,
    /// The download's completion was noted.
    completed: bool,
    /// Nothing is wanted, whatever is missing.
    paused: bool,
    /// When the next announce goes; `None` while one is under way, before the start and after the goodbye.
    due: Option<Instant>,
    in_flight: Option<AnnounceEvent>,
    /// The announce under way asks for peers.
    asking: bool,
    /// Peers are wanted as soon as may be.
    in_need: bool,
    /// When peers were last asked for.
    asked: Option<Instant>,
    /// A piece was completed while an announce was under way.
    outdated: bool,
    /// When the last announce went.
    sent: Option<Instant>,
    /// What the tracker wants between two announces that are no events.
    min_gap: Duration,
    /// Announces in a row that got no answer.
    failures: u32,
}

impl Announce {
    /// A conversation that has not begun.
    pub const fn new(announcing: Announcing) -> Self {
        Self {
            choices: announcing,
            phase: Phase::New,
            owed: Vec::new(),
            completed: false,
            paused: false,
            due: None,
            in_flight: None,
            asking: false,
            in_need: false,
            asked: None,
            outdated: false,
            sent: None,
            min_gap: MIN_GAP,
            failures: 0,
        }
    }

    /// `started` is due now. Without effect when called again.
    pub fn start(&mut self, now: Instant) {
        if self.phase == Phase::New {
            self.phase = Phase::Running;
            self.owed.push(AnnounceEvent::Started);
            self.bring_forward(now);
        }
    }

    /// The download is complete: `completed` is due at once, or as soon as the announce under way is answered. A tracker that has failed and never
    /// answered is not asked sooner for it.
    ///
    /// Once only, and not before the start: who begins with everything has completed nothing (BEP 3).
    pub fn completed(&mut self, now: Instant) {
        if self.phase == Phase::Running && !self.completed {
            self.completed = true;
            let unheard = self.failures > 0 && self.owed.contains(&AnnounceEvent::Started);
            self.owed.push(AnnounceEvent::Completed);
            if !unheard {
                self.bring_forward(now);
            }
        }
    }

    /// Nothing more will be downloaded although something is missing: every announce that is no other event says so from now on
    /// (BEP 21), the first of them as soon as may be, until the tracker refuses one.
    pub fn pause(&mut self, now: Instant) {
        if self.phase == Phase::Running && !self.paused {
            self.paused = true;
            self.owed.push(AnnounceEvent::Paused);
            self.bring_forward(now);
        }
    }

    /// A piece is complete. With [`Announcing::on_piece`] an announce is due at once, unless the tracker is failing: the
    /// next attempt will tell it all the same.
    pub fn piece(&mut self, now: Instant) {
        if self.phase == Phase::Running && self.choices.on_piece && self.failures == 0 {
            self.outdated = self.in_flight.is_some();
            self.bring_forward(now);
        }
    }

    /// There are few connections: the next announce comes as early as the tracker's minimum interval allows, one minute
    /// after the last one at the earliest. May be called as often as one likes; without effect while an announce is under
    /// way or the tracker is failing.
    pub fn want_peers(&mut self, now: Instant) {
        if let (Phase::Running, Some(sent), 0) = (self.phase, self.sent, self.failures) {
            self.in_need = true;
            self.bring_forward(now.max(sent + self.min_gap));
        }
    }

    /// `stopped` is due now, and nothing after it: it is sent once, and not again should it get lost.
    ///
    /// A `completed` that failed goes before it, a `started` that failed does not. A tracker that was never spoken to hears
    /// nothing.
    pub fn stop(&mut self, now: Instant) {
        if self.phase == Phase::Going {
            return;
        }
        self.phase = Phase::Going;
        self.due = None;
        let in_flight = self.in_flight.take();
        if self.sent.is_none() {
            self.owed.clear();
            return;
        }
        self.owed.retain(|&event| event == AnnounceEvent::Completed && in_flight != Some(event));
        self.owed.push(AnnounceEvent::Stopped);
        self.bring_forward(now);
    }

    /// When the next announce is due. `None` while one is under way, before the start, and after the goodbye.
    pub const fn poll_timeout(&self) -> Option<Instant> {
        self.due
    }

    /// The announce to send now, when one is due.
    pub fn poll(&mut self, now: Instant, totals: Totals) -> Option<AnnounceRequest> {
        if self.due? > now {
            return None;
        }
        let event = self.owed.first().copied().unwrap_or(self.regular());
        if self.phase == Phase::Going {
            // Nobody waits for an answer any more: said is done.
            self.owed.remove(0);
            self.due = (!self.owed.is_empty()).then_some(now);
        } else {
            self.in_flight = Some(event);
            self.due = None;
        }
        self.outdated = false;
        self.sent = Some(now);
        self.asking = self.asks(now, event);
        if self.asking {
            self.asked = Some(now);
            self.in_need = false;
        }
        let numwant = if self.asking { self.choices.numwant } else { 0 };
        Some(AnnounceRequest { lists: self.choices.lists, ..AnnounceRequest::plain(event, totals, numwant) })
    }

    /// What an announce says when nothing has happened.
    const fn regular(&self) -> AnnounceEvent {
        if self.paused { AnnounceEvent::Paused } else { AnnounceEvent::None }
    }

    /// Does an announce that goes now ask for peers? One that was brought forward by a piece only tells of it, until the next one is due
    /// that asks.
    fn asks(&self, now: Instant, event: AnnounceEvent) -> bool {
        let due = |asked: Instant| self.choices.interval.is_none_or(|own| now >= asked + own_gap(own));
        match event {
            AnnounceEvent::Started => true,
            AnnounceEvent::Completed => self.choices.lists == Lists::Addresses,
            AnnounceEvent::Stopped => false,
            AnnounceEvent::None | AnnounceEvent::Paused
                if self.in_need && self.asked.is_none_or(|asked| now >= asked + self.min_gap) =>
            {
                true
            }
            AnnounceEvent::None | AnnounceEvent::Paused => {
                let told = self.choices.on_piece && self.choices.lists != Lists::Addresses;
                self.choices.asks == Asks::Always && (!told || self.asked.is_none_or(due))
            }
        }
    }

    /// Has the announce under way asked for peers? Then its answer has the whole list.
    pub(crate) const fn is_asking(&self) -> bool {
        self.asking && self.in_flight.is_some()
    }

    /// The announce under way was answered, or failed. An answer that nobody waits for is ignored.
    ///
    /// `rng` is drawn from at failures only.
    pub fn answered<A>(
        &mut self,
        now: Instant,
        result: &Result<AnnounceResponse<A>, AnnounceError>,
        rng: &mut Rng,
    ) {
        let Some(event) = self.in_flight.take() else { return };
        self.due = Some(if let Ok(response) = result {
            self.failures = 0;
            self.in_need &= !self.asking;
            self.owed.retain(|&owed| owed != event);
            self.min_gap = response.min_interval.unwrap_or(MIN_GAP).clamp(MIN_GAP, MAX_GAP);
            if self.outdated || !self.owed.is_empty() {
                now
            } else {
                let asked = response.interval.clamp(self.min_gap, MAX_GAP);
                let gap = self.choices.interval.map_or(asked, own_gap);
                let since = if self.choices.asks == Asks::Always { self.asked } else { self.sent };
                now.max(since.unwrap_or(now) + gap)
            }
        } else {
            if event == AnnounceEvent::Paused && matches!(result, Err(AnnounceError::Refused(_))) {
                // Some trackers have not heard of BEP 21, and refuse what they do not know: better a leecher than nobody.
                self.paused = false;
                self.owed.retain(|&owed| owed != event);
            }
            let pause = pause(self.failures, rng);
            self.failures = self.failures.saturating_add(1);
            // An event that happened meanwhile has not been tried yet, and does not wait for a regular announce's turn.
            let untried = !self.owed.is_empty() && !self.owed.contains(&event);
            if untried { now } else { now + pause }
        });
    }

    /// The next announce is due at `when`, or earlier when it was; one that is under way is waited for.
    fn bring_forward(&mut self, when: Instant) {
        if self.in_flight.is_none() {
            self.due = Some(self.due.map_or(when, |due| due.min(when)));
        }
    }
}

/// A participant's own interval, within bounds.
fn own_gap(own: Duration) -> Duration {
    own.clamp(MIN_OWN_GAP, MAX_GAP)
}

/// How long to wait after a failure that follows `failures` others: doubling, give or take a tenth.
fn pause(failures: u32, rng: &mut Rng) -> Duration {
    let doubled = nanos(FIRST_PAUSE).saturating_mul(1 << failures.min(16));
    let pause = doubled.min(nanos(LONGEST_PAUSE));
    Duration::from_nanos(rng.between(pause - pause / 10, pause + pause / 10))
}

#[cfg(test)]
mod tests;

use proptest::prelude::*;

use super::*;
use crate::rng::{Purpose, Rng, Seed};

const CHOICES: Announcing = Announcing {
    numwant: 50,
    interval: None,
    on_piece: false,
    low_peers: 20,
    lists: Lists::Addresses,
    asks: Asks::Always,
};

/// An announce under test with its clock and its luck.
struct Client {
    announce: Announce,
    now: Instant,
    rng: Rng,
}

impl Client {
    fn started(choices: Announcing) -> Self {
        let rng = Seed::from_number(1).stream(Purpose::Test, 0);
        let mut client = Self { announce: Announce::new(choices), now: Instant::from_secs(1_000), rng };
        client.announce.start(client.now);
        client
    }

    fn poll(&mut self) -> Option<AnnounceEvent> {
        self.announce.poll(self.now, Totals::default()).map(|request| request.event)
    }

    fn answer(&mut self, interval: Duration, min_interval: Option<Duration>) {
        let response = AnnounceResponse::<u32> {
            interval,
            min_interval,
            peers: vec![],
            seeders: 0,
            leechers: 0,
            inventories: vec![],
        };
        self.announce.answered(self.now, &Ok(response), &mut self.rng);
    }

    fn fail(&mut self) {
        self.announce.answered::<u32>(self.now, &Err(AnnounceError::Unreachable), &mut self.rng);
    }

    fn refuse(&mut self) {
        let refused = AnnounceError::Refused("what is paused?".into());
        self.announce.answered::<u32>(self.now, &Err(refused), &mut self.rng);
    }

    /// Seconds until the next announce.
    fn wait(&self) -> Option<u64> {
        self.announce.poll_timeout().map(|due| (due - self.now).as_secs())
    }

    fn pass(&mut self, secs: u64) {
        self.now += Duration::from_secs(secs);
    }
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn a_life_in_order() {
    let mut client = Client::started(CHOICES);
    assert_eq!(client.wait(), Some(0));
    let totals = Totals { uploaded: 1, downloaded: 2, left: 3 };
    let first = client.announce.poll(client.now, totals).unwrap();
    let expected = AnnounceRequest::plain(AnnounceEvent::Started, totals, 50);
    assert_eq!(first, expected);
    assert_eq!((client.wait(), client.poll()), (None, None), "one at a time");
    client.answer(secs(900), None);
    assert_eq!(client.wait(), Some(900));
    client.pass(899);
    assert_eq!(client.poll(), None);
    client.pass(1);
    assert_eq!(client.poll(), Some(AnnounceEvent::None));
    client.announce.completed(client.now);
    assert_eq!(client.poll(), None, "completed waits for the announce under way");
    client.answer(secs(900), None);
    assert_eq!(client.poll(), Some(AnnounceEvent::Completed));
    client.answer(secs(900), None);
    client.announce.completed(client.now);
    assert_eq!(client.wait(), Some(900), "completed is said once");
    client.announce.stop(client.now);
    let last = client.announce.poll(client.now, totals).unwrap();
    assert_eq!((last.event, last.numwant), (AnnounceEvent::Stopped, 0));
    client.announce.stop(client.now);
    client.announce.start(client.now);
    client.answer(secs(900), None);
    client.fail();
    assert_eq!(client.wait(), None, "nothing follows the goodbye");
}

#[test]
fn what_a_tracker_asks_for_is_brought_between_a_minute_and_an_hour() {
    let never = Duration::MAX;
    let table = [
        (secs(0), None, 60),
        (secs(60), None, 60),
        (secs(1_800), None, 1_800),
        (never, None, 3_600),
        (secs(100), Some(secs(300)), 300),
        (secs(0), Some(never), 3_600),
        (secs(900), Some(secs(0)), 900),
    ];
    for (interval, min_interval, expected) in table {
        let mut client = Client::started(CHOICES);
        client.poll();
        client.answer(interval, min_interval);
        assert_eq!(client.wait(), Some(expected), "{interval:?} {min_interval:?}");
    }
}

#[test]
fn an_interval_of_ones_own_goes_before_the_trackers_and_is_counted_from_announce_to_announce() {
    let mut client = Client::started(Announcing { interval: Some(secs(30)), ..CHOICES });
    client.poll();
    client.pass(4);
    client.answer(secs(900), Some(secs(900)));
    assert_eq!(client.wait(), Some(26));
    client.pass(26);
    client.poll();
    client.pass(50);
    client.answer(secs(900), None);
    assert_eq!(client.wait(), Some(0), "a slow tracker makes no timer in the past");
    assert_eq!(client.announce.poll_timeout(), Some(client.now));
}

#[test]
fn failures_double_the_pause_up_to_half_an_hour_give_or_take_a_tenth() {
    let mut client = Client::started(CHOICES);
    for pause in [15, 30, 60, 120, 240, 480, 960, 1_800, 1_800, 1_800] {
        assert_eq!(client.poll(), Some(AnnounceEvent::Started), "what failed is sent again");
        client.fail();
        let wait = nanos(client.announce.poll_timeout().unwrap() - client.now);
        let pause = nanos(secs(pause));
        assert!((pause * 9 / 10..=pause * 11 / 10).contains(&wait), "{wait} of {pause}");
        client.announce.want_peers(client.now);
        client.announce.piece(client.now);
        assert_eq!(client.poll(), None, "a failing tracker is left alone");
        client.now = client.announce.poll_timeout().unwrap();
    }
    client.poll();
    client.answer(secs(900), None);
    client.pass(900);
    assert_eq!(client.poll(), Some(AnnounceEvent::None));
    client.fail();
    assert!(client.wait() < Some(17), "a success ends the doubling");
}

#[test]
fn the_pauses_of_different_peers_differ() {
    let mut rng = Seed::from_number(2).stream(Purpose::Test, 1);
    let pauses: std::collections::BTreeSet<_> = (0..100).map(|_| pause(3, &mut rng)).collect();
    assert!(pauses.len() > 90, "{}", pauses.len());
}

#[test]
fn completed_breaks_into_a_pause_but_not_into_the_order() {
    let mut client = Client::started(CHOICES);
    client.poll();
    client.fail();
    client.announce.completed(client.now);
    assert_eq!(client.poll(), None, "it has never answered, and is not asked more often");
    client.pass(17);
    assert_eq!(client.poll(), Some(AnnounceEvent::Started));
    client.answer(secs(900), None);
    assert_eq!(client.poll(), Some(AnnounceEvent::Completed));
    client.fail();
    assert_eq!(client.poll(), None);
    client.pass(17);
    assert_eq!(client.poll(), Some(AnnounceEvent::Completed));
    client.answer(secs(900), None);
    client.pass(900);
    assert_eq!(client.poll(), Some(AnnounceEvent::None));
    client.fail();
    client.announce.completed(client.now);
    assert_eq!(client.poll(), None, "once only");

    let mut client = Client::started(CHOICES);
    client.poll();
    client.answer(secs(900), None);
    client.pass(900);
    client.poll();
    client.fail();
    client.announce.completed(client.now);
    assert_eq!(client.poll(), Some(AnnounceEvent::Completed), "it has answered before");
}

#[test]
fn completed_does_not_share_the_fate_of_a_regular_announce() {
    let mut client = Client::started(CHOICES);
    client.poll();
    client.answer(secs(900), None);
    client.pass(900);
    client.poll();
    client.announce.completed(client.now);
    client.fail();
    assert_eq!(client.poll(), Some(AnnounceEvent::Completed));
}

#[test]
fn pieces_are_told_at_once_by_those_who_chose_so() {
    let mut client = Client::started(Announcing { on_piece: true, ..CHOICES });
    client.poll();
    client.announce.piece(client.now);
    client.announce.piece(client.now);
    assert_eq!(client.poll(), None);
    client.answer(secs(900), None);
    assert_eq!(client.poll(), Some(AnnounceEvent::None), "two pieces, one update");
    client.answer(secs(900), None);
    assert_eq!(client.wait(), Some(900));
    client.announce.piece(client.now);
    assert_eq!(client.poll(), Some(AnnounceEvent::None));

    let mut silent = Client::started(CHOICES);
    silent.poll();
    silent.answer(secs(900), None);
    silent.announce.piece(silent.now);
    assert_eq!(silent.wait(), Some(900));
}

#[test]
fn few_peers_hurry_the_next_announce_as_far_as_the_tracker_allows() {
    for (min_interval, expected) in [(None, 60), (Some(secs(10)), 60), (Some(secs(300)), 300)] {
        let mut client = Client::started(CHOICES);
        client.announce.want_peers(client.now);
        client.poll();
        client.announce.want_peers(client.now);
        client.answer(secs(900), min_interval);
        client.announce.want_peers(client.now);
        assert_eq!(client.wait(), Some(expected));
        client.pass(50);
        client.announce.want_peers(client.now);
        assert_eq!(client.wait(), Some(expected - 50), "asking again changes nothing");
    }
}

#[test]
fn a_goodbye_waits_for_nobody_and_takes_completed_along() {
    let mut client = Client::started(CHOICES);
    client.poll();
    client.announce.stop(client.now);
    assert_eq!(client.poll(), Some(AnnounceEvent::Stopped), "the answer to `started` may never come");
    assert_eq!(client.wait(), None);

    let mut client = Client::started(CHOICES);
    client.poll();
    client.answer(secs(900), None);
    client.announce.completed(client.now);
    client.poll();
    client.fail();
    client.announce.stop(client.now);
    assert_eq!(client.poll(), Some(AnnounceEvent::Completed));
    assert_eq!(client.poll(), Some(AnnounceEvent::Stopped));
    assert_eq!(client.poll(), None);

    let mut unspoken = Client::started(CHOICES);
    unspoken.announce.stop(unspoken.now);
    assert_eq!(
        (unspoken.wait(), unspoken.poll()),
        (None, None),
        "a tracker that knows nothing needs no goodbye"
    );
}

#[test]
fn nothing_is_said_before_the_start() {
    let mut announce = Announce::new(CHOICES);
    announce.completed(Instant::ZERO);
    announce.piece(Instant::ZERO);
    announce.want_peers(Instant::ZERO);
    assert_eq!(announce.poll_timeout(), None);
}

/// What may happen to a client.
#[derive(Clone, Debug)]
enum Step {
    Answer { interval: u64, min_interval: Option<u64> },
    Fail,
    Pass(u64),
    Wait,
    Completed,
    Piece,
    WantPeers,
    Stop,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => (any::<u64>(), proptest::option::of(any::<u64>()))
            .prop_map(|(interval, min_interval)| Step::Answer { interval: interval >> (interval % 64), min_interval }),
        3 => Just(Step::Fail),
        2 => (0_u64..200).prop_map(Step::Pass),
        4 => Just(Step::Wait),
        1 => Just(Step::Completed),
        2 => Just(Step::Piece),
        2 => Just(Step::WantPeers),
        1 => Just(Step::Stop),
    ];
    proptest::collection::vec(step, 1..80)
}

proptest! {
    /// I14, I15 and the order of events, whatever happens.
    #[test]
    fn the_rules_hold_whatever_happens(steps in steps(), on_piece in any::<bool>()) {
        let mut client = Client::started(Announcing { on_piece, ..CHOICES });
        let mut said = vec![client.poll().expect("`started` is due")];
        let mut last = client.now;
        let mut completed = false;
        let mut stopped = false;
        for step in steps {
            match step {
                Step::Answer { interval, min_interval } => client.answer(secs(interval), min_interval.map(secs)),
                Step::Fail => client.fail(),
                Step::Pass(secs) => client.pass(secs),
                Step::Wait => client.now = client.announce.poll_timeout().map_or(client.now, |due| due.max(client.now)),
                Step::Completed => { client.announce.completed(client.now); completed |= !stopped; }
                Step::Piece => client.announce.piece(client.now),
                Step::WantPeers => client.announce.want_peers(client.now),
                Step::Stop => { client.announce.stop(client.now); stopped = true; }
            }
            while let Some(event) = client.poll() {
                if event == AnnounceEvent::None && !on_piece {
                    let gap = client.now - last;
                    let retry = client.announce.failures > 0;
                    prop_assert!(gap >= secs(60) || retry && gap >= Duration::from_millis(13_500), "{gap:?}");
                }
                last = client.now;
                if said.last() != Some(&event) && event != AnnounceEvent::None {
                    said.push(event);
                }
            }
            if let Some(due) = client.announce.poll_timeout() {
                prop_assert!(due > client.now && due - client.now <= secs(3_600), "{due} at {}", client.now);
            }
        }
        // From here on all goes well: everything that happened is heard, in order.
        for _ in 0..4 {
            client.answer(secs(900), None);
            client.now = client.announce.poll_timeout().unwrap_or(client.now).max(client.now);
            if let Some(event) = client.poll() && said.last() != Some(&event) && event != AnnounceEvent::None {
                said.push(event);
            }
        }
        let mut expected = vec![AnnounceEvent::Started];
        if completed { expected.push(AnnounceEvent::Completed); }
        if stopped { expected.push(AnnounceEvent::Stopped); }
        prop_assert_eq!(said, expected);
    }
}

/// BEP 21: in every announce that says nothing else, from the first one on.
#[test]
fn a_partial_seed_says_so_in_every_announce() {
    let mut client = Client::started(CHOICES);
    client.announce.pause(client.now);
    client.announce.pause(client.now);
    assert_eq!(client.poll(), Some(AnnounceEvent::Started), "what a tracker has to hear comes first");
    client.answer(secs(1_800), None);
    assert_eq!(client.poll(), Some(AnnounceEvent::Paused), "and this at once");
    for _ in 0..3 {
        client.answer(secs(1_800), None);
        assert_eq!((client.poll(), client.wait()), (None, Some(1_800)));
        client.pass(1_800);
        assert_eq!(client.poll(), Some(AnnounceEvent::Paused));
    }
    client.fail();
    let pause = client.wait().unwrap();
    assert!((13..=17).contains(&pause), "one that fails is not repeated at once: {pause} s");
    client.pass(pause + 1);
    assert_eq!(client.poll(), Some(AnnounceEvent::Paused));
    client.announce.stop(client.now);
    assert_eq!(client.poll(), Some(AnnounceEvent::Stopped));
    assert_eq!(client.poll(), None);
}

/// A tracker that goes by BEP 3 alone may refuse an event that it does not know, and would forget us.
#[test]
fn who_refuses_to_hear_of_partial_seeds_hears_of_a_peer() {
    let mut client = Client::started(CHOICES);
    client.announce.pause(client.now);
    client.poll();
    client.answer(secs(1_800), None);
    assert_eq!(client.poll(), Some(AnnounceEvent::Paused));
    client.refuse();
    let pause = client.wait().unwrap();
    assert!((13..=17).contains(&pause), "{pause} s");
    client.pass(pause + 1);
    assert_eq!(client.poll(), Some(AnnounceEvent::None));
    client.answer(secs(1_800), None);
    assert_eq!((client.poll(), client.wait()), (None, Some(1_800)));
}

use std::collections::{BTreeMap, BTreeSet};

use core::net::{IpAddr, SocketAddr};

use proptest::prelude::*;

use super::*;
use crate::announce::Totals;
use crate::boundary::SimAddr;

const CONFIG: TrackerConfig = TrackerConfig {
    interval: Duration::from_mins(15),
    min_interval: Duration::from_mins(2),
    timeout: Duration::from_mins(20),
    max_peers: 8,
    max_swarms: 2,
    max_peers_per_swarm: 10,
};
const SWARM: InfoHash = InfoHash([7; 20]);

fn tracker(config: TrackerConfig) -> Tracker<SimAddr> {
    Tracker::new(config, Seed::from_number(1))
}

fn who(number: u32) -> Announcer<SimAddr> {
    Announcer { addr: SimAddr(number), id: PeerId([1; 20]) }
}

fn request(event: AnnounceEvent, left: u64, numwant: u32) -> AnnounceRequest {
    AnnounceRequest::plain(event, Totals { left, ..Totals::default() }, numwant)
}

/// An announce without an event; gives the peers handed out, in order of their numbers.
fn ask(tracker: &mut Tracker<SimAddr>, secs: u64, number: u32, left: u64, numwant: u32) -> Vec<u32> {
    let request = request(AnnounceEvent::None, left, numwant);
    let answer = tracker.announce(Instant::from_secs(secs), SWARM, who(number), &request).unwrap();
    let mut peers: Vec<u32> = answer.peers.into_iter().map(|addr| addr.0).collect();
    peers.sort_unstable();
    peers
}

#[test]
fn newcomers_hear_of_those_before_them_and_of_nobody_else() {
    let mut tracker = tracker(CONFIG);
    assert_eq!(ask(&mut tracker, 0, 1, 5, 50), [0; 0]);
    assert_eq!(ask(&mut tracker, 1, 2, 5, 50), [1]);
    assert_eq!(ask(&mut tracker, 2, 3, 0, 50), [1, 2]);
    assert_eq!(ask(&mut tracker, 3, 4, 0, 50), [1, 2], "a seeder hears of leechers only");
    assert_eq!(ask(&mut tracker, 4, 1, 5, 50), [2, 3, 4], "a leecher of all");
    let other = InfoHash([8; 20]);
    let answer = tracker
        .announce(Instant::from_secs(5), other, who(9), &request(AnnounceEvent::Started, 1, 50))
        .unwrap();
    assert_eq!(answer.peers, [], "a peer of another swarm is not handed out");
    assert_eq!((answer.interval, answer.min_interval), (CONFIG.interval, Some(CONFIG.min_interval)));
}

#[test]
fn nobody_gets_more_than_asked_for_or_allowed() {
    let mut tracker = tracker(CONFIG);
    for number in 0..10 {
        ask(&mut tracker, 0, number, 1, 0);
    }
    for (numwant, expected) in [(0, 0), (3, 3), (8, 8), (9, 8), (u32::MAX, 8)] {
        assert_eq!(ask(&mut tracker, 1, 3, 1, numwant).len(), expected);
    }
}

#[test]
fn the_silent_are_forgotten_to_the_nanosecond_whether_swept_or_not() {
    let mut tracker = tracker(CONFIG);
    ask(&mut tracker, 0, 1, 5, 50);
    ask(&mut tracker, 100, 2, 5, 50);
    let before = Instant::from_nanos(Instant::from_secs(1_200).as_nanos() - 1);
    let answer = tracker.announce(before, SWARM, who(3), &request(AnnounceEvent::None, 1, 50)).unwrap();
    assert_eq!((answer.peers.len(), answer.leechers), (2, 3));
    assert_eq!(ask(&mut tracker, 1_200, 3, 1, 50), [2]);
    assert_eq!(tracker.scrape(Instant::from_secs(1_300), SWARM).unwrap().leechers, 1);
}

#[test]
fn a_heartbeat_keeps_a_peer_and_asking_for_peers_makes_none() {
    let mut tracker = tracker(CONFIG);
    ask(&mut tracker, 0, 1, 5, 50);
    ask(&mut tracker, 1, 2, 0, 50);
    let secs = Instant::from_secs;
    assert!(tracker.heartbeat(secs(1_199), SWARM, SimAddr(1)));
    assert!(!tracker.heartbeat(secs(1_200), SWARM, SimAddr(3)), "never registered");
    assert!(!tracker.heartbeat(secs(1_201), SWARM, SimAddr(2)), "too late");
    assert!(!tracker.heartbeat(secs(1_201), InfoHash([8; 20]), SimAddr(1)));
    for _ in 0..2 {
        let answer = tracker.peers(secs(1_202), SWARM, SimAddr(9), 50);
        assert_eq!((answer.peers, answer.seeders, answer.leechers), (vec![SimAddr(1)], 0, 1));
    }
    assert_eq!(tracker.peers(secs(1_202), SWARM, SimAddr(1), 50).peers, [], "not itself");
    assert_eq!(tracker.peers(secs(2_399), SWARM, SimAddr(9), 50).peers, [], "silent since the heartbeat");
    assert_eq!(tracker.peers(secs(2_399), InfoHash([8; 20]), SimAddr(9), 50).peers, []);
    assert_eq!(tracker.swarm_count(), 1);
}

#[test]
fn sweeps_give_everything_back_and_then_end() {
    let mut tracker = tracker(CONFIG);
    assert_eq!(tracker.poll_timeout(), None);
    ask(&mut tracker, 0, 1, 5, 50);
    ask(&mut tracker, 600, 2, 5, 50);
    assert_eq!(tracker.poll_timeout(), Some(Instant::from_secs(1_200)));
    tracker.handle_timeout(Instant::from_secs(5));
    assert_eq!(tracker.poll_timeout(), Some(Instant::from_secs(1_200)), "too early is harmless");
    let mut sweeps = vec![];
    while let Some(sweep) = tracker.poll_timeout() {
        tracker.handle_timeout(sweep);
        sweeps.push((sweep.as_nanos() / 1_000_000_000, tracker.swarm_count()));
    }
    // Peer 1, peer 2, and the swarm itself as long after its last peer.
    assert_eq!(sweeps, [(1_200, 1), (1_800, 1), (3_000, 0)]);
}

#[test]
fn completions_are_counted_once_for_each_peer_and_outlive_it() {
    let mut tracker = tracker(CONFIG);
    let mut say = |id: u8, event, left| {
        let who = Announcer { addr: SimAddr(1), id: PeerId([id; 20]) };
        tracker.announce(Instant::ZERO, SWARM, who, &request(event, left, 0)).unwrap();
        tracker.scrape(Instant::ZERO, SWARM).unwrap()
    };
    let scrape =
        |seeders, leechers, downloaded| Scrape { seeders, leechers, downloaders: leechers, downloaded };
    assert_eq!(say(1, AnnounceEvent::Started, 9), scrape(0, 1, 0));
    assert_eq!(say(1, AnnounceEvent::Completed, 9), scrape(0, 1, 0), "a lie: something is left");
    assert_eq!(say(1, AnnounceEvent::Completed, 0), scrape(1, 0, 1));
    assert_eq!(say(1, AnnounceEvent::Completed, 0), scrape(1, 0, 1), "the answer was lost");
    assert_eq!(say(2, AnnounceEvent::Started, 9), scrape(0, 1, 1), "another peer took the address");
    assert_eq!(say(2, AnnounceEvent::Completed, 0), scrape(1, 0, 2));
    assert_eq!(say(2, AnnounceEvent::Stopped, 0), scrape(0, 0, 2));
    assert_eq!(say(2, AnnounceEvent::Stopped, 0), scrape(0, 0, 2));
    assert_eq!(tracker.scrape(Instant::ZERO, InfoHash([9; 20])), None);
}

/// BEP 21: a partial seed is counted apart, and is nobody for those who want nothing either.
#[test]
fn partial_seeds_are_told_from_downloaders() {
    let mut tracker = tracker(CONFIG);
    let mut say = |number, event, left| {
        let answer = tracker.announce(Instant::ZERO, SWARM, who(number), &request(event, left, 50)).unwrap();
        let mut peers: Vec<u32> = answer.peers.iter().map(|addr| addr.0).collect();
        peers.sort_unstable();
        (peers, tracker.scrape(Instant::ZERO, SWARM).unwrap())
    };
    let scrape = |seeders, leechers, downloaders| Scrape { seeders, leechers, downloaders, downloaded: 0 };
    assert_eq!(say(1, AnnounceEvent::Started, 0), (vec![], scrape(1, 0, 0)));
    assert_eq!(say(2, AnnounceEvent::Started, 5), (vec![1], scrape(1, 1, 1)));
    assert_eq!(say(2, AnnounceEvent::Paused, 5), (vec![], scrape(1, 1, 0)));
    assert_eq!(say(3, AnnounceEvent::None, 9), (vec![1, 2], scrape(1, 2, 1)));
    assert_eq!(say(2, AnnounceEvent::Paused, 5), (vec![3], scrape(1, 2, 1)));
    assert_eq!(say(1, AnnounceEvent::None, 0), (vec![3], scrape(1, 2, 1)));
    assert_eq!(say(2, AnnounceEvent::None, 5), (vec![1, 3], scrape(1, 2, 2)), "each announce says it anew");
    assert_eq!(say(2, AnnounceEvent::Paused, 0), (vec![3], scrape(2, 1, 1)), "nothing is missing");
    assert_eq!(say(3, AnnounceEvent::Stopped, 9), (vec![], scrape(2, 0, 0)));
}

#[test]
fn swarms_and_peers_are_bounded() {
    let mut tracker = tracker(CONFIG);
    for number in 0..12 {
        ask(&mut tracker, 0, number, 1, 0);
    }
    assert_eq!(ask(&mut tracker, 0, 11, 1, 8).len(), 8, "there is no room for it, but an answer");
    assert_eq!(tracker.scrape(Instant::ZERO, SWARM).unwrap().leechers, 10);
    let mut announce = |swarm: u8, event| {
        tracker.announce(Instant::ZERO, InfoHash([swarm; 20]), who(1), &request(event, 1, 0)).map(drop)
    };
    announce(1, AnnounceEvent::Started).unwrap();
    let refused = announce(2, AnnounceEvent::Started).unwrap_err();
    assert_eq!(refused, TrackerError::TooManySwarms { limit: 2 });
    announce(2, AnnounceEvent::Stopped).unwrap();
    announce(1, AnnounceEvent::None).unwrap();
    let told = AnnounceError::from(refused).to_string();
    assert_eq!(told, "the tracker refused: the tracker already serves 2 swarms, the most that it may");
    assert_eq!(tracker.swarm_count(), 2);
}

/// Each of 19 others comes in 5 of 19 answers: 20 000 answers expect 5 263 each, with a standard deviation of 62. The
/// asker stands in the middle of the list, and seeders and leechers are mixed.
#[test]
fn the_choice_is_uniform() {
    let config = TrackerConfig { max_peers_per_swarm: 20, ..CONFIG };
    let mut tracker = tracker(config);
    for number in 0..20 {
        ask(&mut tracker, 0, number, u64::from(number % 3), 0);
    }
    let mut counts = [0_u32; 20];
    for _ in 0..20_000 {
        for peer in ask(&mut tracker, 1, 10, 1, 5) {
            counts[peer as usize] += 1;
        }
    }
    assert_eq!(counts[10], 0);
    for (peer, &count) in counts.iter().enumerate().filter(|&(peer, _)| peer != 10) {
        assert!((4_950..=5_575).contains(&count), "peer {peer}: {count}");
    }
}

/// Of 6 peers with IPv4 and 4 with IPv6 each comes in half of the answers of five; who asks for one family gets it alone.
#[test]
fn both_families_are_drawn_from_alike_and_can_be_asked_for_alone() {
    let mut tracker = Tracker::<SocketAddr>::new(CONFIG, Seed::from_number(3));
    let addr = |number: u16| {
        let ip: [IpAddr; 2] = [[10, 0, 0, 1].into(), [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1].into()];
        SocketAddr::new(ip[usize::from(number >= 6)], number + 1)
    };
    let mut ask = |number: u16, numwant: u32, family: Option<Family>| -> Vec<SocketAddr> {
        let who = Announcer { addr: addr(number), id: PeerId([1; 20]) };
        let request = request(AnnounceEvent::None, 1, numwant);
        let (counted, peers) = tracker.announce_packed(Instant::ZERO, SWARM, who, &request, family).unwrap();
        assert_eq!(counted.leechers, u32::from(number.min(9)) + 1, "the last one asks again and again");
        peers.iter().map(SocketAddr::unpack).collect()
    };
    for number in 0..10 {
        ask(number, 0, None);
    }
    let mut counts = BTreeMap::new();
    for _ in 0..10_000 {
        for peer in ask(9, 5, None) {
            *counts.entry(peer).or_insert(0_u32) += 1;
        }
    }
    // 10 000 answers of 5 of 9: 5 556 each, with a standard deviation of 50.
    assert_eq!(counts.len(), 9);
    assert!(counts.values().all(|count| (5_300..=5_810).contains(count)), "{counts:?}");
    assert!(ask(9, 8, Some(Family::V4)).iter().all(SocketAddr::is_ipv4));
    assert_eq!((ask(9, 8, Some(Family::V4)).len(), ask(9, 8, Some(Family::V6)).len()), (6, 3));
}

#[test]
fn two_trackers_with_one_seed_answer_alike() {
    let answers = || {
        let mut tracker = tracker(CONFIG);
        (0..10).map(|number| ask(&mut tracker, 0, number, 1, 3)).collect::<Vec<_>>()
    };
    assert_eq!(answers(), answers());
}

/// What may happen to a tracker.
#[derive(Clone, Debug)]
enum Step {
    Announce { swarm: u8, addr: u32, id: u8, event: AnnounceEvent, left: u64, numwant: u32 },
    Pass(u64),
    Timeout,
    Scrape(u8),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let event = prop_oneof![
        3 => Just(AnnounceEvent::None),
        2 => Just(AnnounceEvent::Paused),
        2 => Just(AnnounceEvent::Started),
        2 => Just(AnnounceEvent::Completed),
        1 => Just(AnnounceEvent::Stopped),
    ];
    let numwant = prop_oneof![0_u32..12, Just(u32::MAX)];
    let announce = (0_u8..3, 0_u32..14, 0_u8..2, event, 0_u64..3, numwant).prop_map(
        |(swarm, addr, id, event, left, numwant)| Step::Announce { swarm, addr, id, event, left, numwant },
    );
    let step = prop_oneof![
        12 => announce,
        3 => (0_u64..500).prop_map(Step::Pass),
        1 => Just(Step::Timeout),
        2 => (0_u8..3).prop_map(Step::Scrape),
    ];
    proptest::collection::vec(step, 1..150)
}

/// The same registry, without any cleverness.
#[derive(Default)]
struct Model {
    peers: BTreeMap<(u8, u32), ModelPeer>,
    downloaded: BTreeMap<u8, u64>,
}

struct ModelPeer {
    id: u8,
    left: u64,
    paused: bool,
    seen: Instant,
    counted: bool,
}

impl ModelPeer {
    const fn downloads(&self) -> bool {
        self.left > 0 && !self.paused
    }
}

impl Model {
    fn expire(&mut self, now: Instant) {
        self.peers.retain(|_, peer| now - peer.seen < CONFIG.timeout);
    }

    fn swarm(&self, swarm: u8) -> impl Iterator<Item = (u32, &ModelPeer)> {
        self.peers.iter().filter(move |((of, _), _)| *of == swarm).map(|((_, addr), peer)| (*addr, peer))
    }

    fn counters(&self, swarm: u8) -> (usize, usize) {
        let seeders = self.swarm(swarm).filter(|(_, peer)| peer.left == 0).count();
        (seeders, self.swarm(swarm).count() - seeders)
    }

    fn downloaders(&self, swarm: u8) -> usize {
        self.swarm(swarm).filter(|(_, peer)| peer.downloads()).count()
    }
}

proptest! {
    /// I12 and I13 against a model that recounts everything.
    #[test]
    fn it_agrees_with_a_naive_model(steps in steps()) {
        // Room for two swarms of three: the third to come is refused until another one is forgotten.
        let mut tracker = tracker(CONFIG);
        let mut model = Model::default();
        let mut now = Instant::ZERO;
        for step in steps {
            model.expire(now);
            match step {
                Step::Pass(secs) => now += Duration::from_secs(secs),
                Step::Timeout => {
                    now = tracker.poll_timeout().map_or(now, |sweep| sweep.max(now));
                    model.expire(now);
                    tracker.handle_timeout(now);
                    let alive: BTreeSet<u8> = model.peers.keys().map(|&(swarm, _)| swarm).collect();
                    model.downloaded.retain(|&swarm, _| tracker.swarms.contains_key(&InfoHash([swarm; 20])));
                    prop_assert!(alive.iter().all(|swarm| model.downloaded.contains_key(swarm)));
                    prop_assert!(tracker.poll_timeout().is_none_or(|sweep| sweep > now));
                    prop_assert_eq!(tracker.poll_timeout().is_none(), tracker.swarms.is_empty());
                }
                Step::Scrape(swarm) => {
                    let (seeders, leechers) = model.counters(swarm);
                    let expected = model.downloaded.get(&swarm).map(|&downloaded| Scrape {
                        seeders: u32::try_from(seeders).unwrap(),
                        leechers: u32::try_from(leechers).unwrap(),
                        downloaders: u32::try_from(model.downloaders(swarm)).unwrap(),
                        downloaded,
                    });
                    prop_assert_eq!(tracker.scrape(now, InfoHash([swarm; 20])), expected);
                }
                Step::Announce { swarm, addr, id, event, left, numwant } => {
                    let who = Announcer { addr: SimAddr(addr), id: PeerId([id; 20]) };
                    let answer = tracker.announce(now, InfoHash([swarm; 20]), who, &request(event, left, numwant));
                    let stopped = event == AnnounceEvent::Stopped;
                    if !model.downloaded.contains_key(&swarm) && !stopped && model.downloaded.len() == 2 {
                        prop_assert_eq!(answer, Err(TrackerError::TooManySwarms { limit: 2 }));
                        continue;
                    }
                    let answer = answer.unwrap();
                    if stopped {
                        model.peers.remove(&(swarm, addr));
                    } else {
                        let downloaded = model.downloaded.entry(swarm).or_default();
                        let full = model.peers.keys().filter(|(of, _)| *of == swarm).count() == 10;
                        if !full || model.peers.contains_key(&(swarm, addr)) {
                            let known = model.peers.get(&(swarm, addr)).filter(|peer| peer.id == id);
                            let mut counted = known.is_some_and(|peer| peer.counted);
                            if event == AnnounceEvent::Completed && left == 0 && !counted {
                                counted = true;
                                *downloaded += 1;
                            }
                            let paused = event == AnnounceEvent::Paused;
                            model.peers.insert((swarm, addr), ModelPeer { id, left, paused, seen: now, counted });
                        }
                    }
                    let (seeders, leechers) = model.counters(swarm);
                    prop_assert_eq!((answer.seeders as usize, answer.leechers as usize), (seeders, leechers));
                    let downloads = left > 0 && event != AnnounceEvent::Paused;
                    let eligible: BTreeSet<u32> = model
                        .swarm(swarm)
                        .filter(|&(other, peer)| other != addr && (downloads || peer.downloads()))
                        .map(|(other, _)| other)
                        .collect();
                    let handed_out: BTreeSet<u32> = answer.peers.iter().map(|addr| addr.0).collect();
                    prop_assert!(handed_out.is_subset(&eligible));
                    prop_assert_eq!(handed_out.len(), answer.peers.len(), "nobody twice");
                    let expected = if stopped { 0 } else { eligible.len().min(numwant.min(8) as usize) };
                    prop_assert_eq!(handed_out.len(), expected);
                }
            }
            tracker.swarms.values().for_each(|swarm| swarm.check(&tracker.key));
        }
    }
}

mod inventories {
    use super::*;
    use crate::bitfield::Bitfield;
    use crate::config::Lists;

    /// A set of four pieces.
    fn held(words: u64) -> Bitfield {
        Bitfield::from_words(Box::new([words]), 4).expect("four bits")
    }

    fn telling(event: AnnounceEvent, have: &Bitfield, numwant: u32) -> AnnounceRequest {
        AnnounceRequest {
            have: Some(Box::new(have.clone())),
            lists: Lists::Inventories,
            ..request(event, u64::from(4 - have.count()), numwant)
        }
    }

    fn who(number: u32) -> Announcer<SimAddr> {
        Announcer { addr: SimAddr(number), id: PeerId([0; 20]) }
    }

    /// The inventories that number 9 hears of, by address.
    fn list(tracker: &mut Tracker<SimAddr>, now: Instant) -> Vec<(u32, u32)> {
        let asking = telling(AnnounceEvent::None, &held(0), 50);
        let response = tracker.announce(now, SWARM, who(9), &asking).unwrap();
        let mut list: Vec<(u32, u32)> =
            response.inventories.iter().map(|(addr, pieces)| (addr.0, pieces.count())).collect();
        list.sort_unstable();
        list
    }

    const SWARM: InfoHash = InfoHash([9; 20]);

    #[test]
    fn the_last_that_each_has_told_is_handed_out_until_it_goes() {
        let config = TrackerConfig { timeout: Duration::from_secs(90), ..TrackerConfig::default() };
        let mut tracker = Tracker::<SimAddr>::new(config, Seed::from_number(1));
        let start = Instant::from_secs(1_000);
        tracker.announce(start, SWARM, who(1), &telling(AnnounceEvent::Started, &held(0b0001), 50)).unwrap();
        tracker.announce(start, SWARM, who(2), &telling(AnnounceEvent::Started, &held(0b0110), 50)).unwrap();
        // One who lacks nothing has all, whether or not it has told; one who lacks something and has not told is not known to have anything.
        tracker.announce(start, SWARM, who(3), &request(AnnounceEvent::Started, 0, 0)).unwrap();
        tracker.announce(start, SWARM, who(4), &request(AnnounceEvent::Started, 7, 0)).unwrap();
        assert_eq!(list(&mut tracker, start), [(1, 1), (2, 2), (3, 4)]);
        // An update asks for nobody, and is answered with nobody.
        let update = telling(AnnounceEvent::None, &held(0b0111), 0);
        let later = start + Duration::from_mins(1);
        let answer = tracker.announce(later, SWARM, who(1), &update).unwrap();
        assert!(answer.peers.is_empty() && answer.inventories.is_empty());
        assert_eq!(list(&mut tracker, later), [(1, 3), (2, 2), (3, 4)]);
        tracker.announce(later, SWARM, who(3), &request(AnnounceEvent::Stopped, 0, 0)).unwrap();
        let silent = start + Duration::from_secs(91);
        assert_eq!(
            list(&mut tracker, silent),
            [(1, 3)],
            "number 2 was silent for too long, number 3 is gone"
        );
        tracker.handle_timeout(later + Duration::from_secs(200));
        assert!(tracker.inventory(SWARM, SimAddr(1), 4).is_none());
    }

    #[test]
    fn who_asks_for_holders_hears_of_them_alone() {
        let mut tracker = Tracker::<SimAddr>::new(TrackerConfig::default(), Seed::from_number(1));
        let now = Instant::ZERO;
        for (number, left) in [(1, 0), (2, 5), (3, 0), (4, 9)] {
            tracker.announce(now, SWARM, who(number), &request(AnnounceEvent::Started, left, 0)).unwrap();
        }
        for left in [7, 0] {
            let search = AnnounceRequest { lists: Lists::Holders, ..request(AnnounceEvent::None, left, 50) };
            let mut peers: Vec<u32> = tracker
                .announce(now, SWARM, who(3 + u32::from(left > 0) * 2), &search)
                .unwrap()
                .peers
                .iter()
                .map(|addr| addr.0)
                .collect();
            peers.sort_unstable();
            assert_eq!(peers, if left > 0 { vec![1, 3] } else { vec![1] }, "never the asker");
        }
    }
}

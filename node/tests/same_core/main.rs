//! The same swarm twice: five peers in the simulator and five real ones, which are driven by the same core. What they send to
//! each other is compared, kind by kind.
//!
//! Both have the same content, the same pieces at the start, the same uplinks, and the profile as it is: what a user gets who names
//! it and nothing else. The simulated peers begin when the real ones did. What differs is the boundary alone: real time, sockets, disks
//! and a tracker behind HTTP. A message that the node loses, repeats or delays, or an input that it forgets, shows here.
//!
//! Of each kind the real peers send within ten per cent of the mean of the simulated runs. Where luck makes more of a
//! difference, they are within three standard deviations of these runs, and of rare kinds within [`FEW`] messages. Luck makes as much
//! of a difference in the real world, so where it makes any, several real swarms are put up one after another, and their mean is compared.
//!
//! What was found to make a difference, and is the same in both worlds since:
//! - How a limited rate comes: the node's limiter serves connections one by one in turns of a block, as a simulated link does. When it
//!   came in bursts of 50 ms, peers had half as much interest in each other, as several pieces arrived at a time.
//! - Who is known: without a handshake a peer that has dialled was taken for a stranger, and was dialled when the tracker named it. Its
//!   inventory says where it listens now.
//! - Disks: a block that is asked for in the moment in which a piece is completed leaves before the news of the piece, which has to be
//!   hashed first. So a tenth of a millisecond, which is what reads and writes take here, makes 3 % of `interested` and 4 % of
//!   `reject_request`.
//! - Symmetry: links of equal rates and without jitter keep step for ever. Real ones do not, so messages take up to two
//!   milliseconds here, as timers do.
//!
//! A program of its own, as its real peers are to have the machine for themselves: how often a peer gains and loses interest depends on
//! how soon each is woken.
#![expect(clippy::print_stderr, reason = "a test that says what it has measured")]

#[path = "../world/support/content.rs"]
mod content;
mod real;
#[path = "../world/support/running.rs"]
#[expect(dead_code, reason = "the tests of the world use the rest")]
mod running;
mod simulated;

use std::collections::{BTreeMap, BTreeSet};

use minibit_core::{MessageKind, Profile};

/// Sent by all participants together.
type Counts = BTreeMap<MessageKind, f64>;

const TOLERANCE: f64 = 0.1;
/// A message for each pair of the five.
const FEW: f64 = 10.0;

/// A swarm to be put up twice.
struct Swarm {
    profile: Profile,
    /// Bytes of the content.
    len: u32,
    /// Bytes of a piece.
    piece_len: u32,
    /// What each of the five has at the start; who has everything is a seed.
    pieces: [BTreeSet<u32>; 5],
    /// Bytes per second that each of the five sends at most.
    up: Option<u64>,
    /// How often it is put up for real.
    times: u32,
}

impl Swarm {
    fn piece_count(&self) -> u32 {
        self.len.div_ceil(self.piece_len)
    }
}

/// Everybody misses as many blocks; the tracker has all.
#[test]
fn five_peers_of_s5() {
    // Sixteen blocks, one in 1.07 s: done in the middle between two broadcasts.
    let pieces = [1, 2, 3, 4, 5].map(|peer| drawn(peer, 15, 31));
    compare(&Swarm { profile: Profile::S5, len: 31 << 14, piece_len: 1 << 14, pieces, up: None, times: 1 });
}

/// A seed, and four who have nothing.
#[test]
fn five_peers_of_bittorrent() {
    let mut pieces = [const { BTreeSet::new() }; 5];
    pieces[0] = (0..128).collect();
    // Done in the middle between two rounds of the choker.
    let up = Some(768 << 10);
    compare(&Swarm { profile: Profile::Bittorrent, len: 8 << 20, piece_len: 64 << 10, pieces, up, times: 3 });
}

/// So many of all pieces, at random, and always the same.
fn drawn(peer: u64, count: usize, of: u32) -> BTreeSet<u32> {
    let order = content::bytes(peer, 4 * of as usize);
    let mut order: Vec<_> = order.as_chunks::<4>().0.iter().zip(0..of).collect();
    order.sort();
    order.into_iter().map(|(_, piece)| piece).take(count).collect()
}

fn compare(swarm: &Swarm) {
    let runs: Vec<_> = (0..swarm.times).map(|_| real::run(swarm)).collect();
    let expected: Vec<_> = runs.iter().map(|(_, begun)| simulated::counts(swarm, begun)).collect();
    let average = |values: &mut dyn Iterator<Item = f64>| values.sum::<f64>() / f64::from(swarm.times);
    let mut table =
        format!("{}: messages sent\nkind               simulated     ±   real\n", swarm.profile.name());
    let mut wrong = Vec::new();
    for kind in MessageKind::ALL {
        let mean = average(&mut expected.iter().map(|expected| expected[&kind].0));
        let deviation = average(&mut expected.iter().map(|expected| expected[&kind].1));
        let measured = average(&mut runs.iter().map(|(sent, _)| sent[&kind]));
        if mean + measured > 0.0 {
            let each: Vec<_> = runs.iter().map(|(sent, _)| sent[&kind].to_string()).collect();
            let row = format!(
                "{:18} {mean:9.1} {deviation:5.1} {measured:6.1}  ({})\n",
                kind.name(),
                each.join(", ")
            );
            table.push_str(&row);
        }
        let allowed = (TOLERANCE * mean).max(3.0 * deviation).max(FEW);
        if (mean - measured).abs() > allowed {
            wrong.push(kind.name());
        }
    }
    eprintln!("{table}");
    assert!(wrong.is_empty(), "{wrong:?} differ\n{table}");
}

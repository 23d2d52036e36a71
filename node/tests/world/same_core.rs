//! The same swarm twice: five peers in the simulator and five real ones, which are driven by the same core. What they send to
//! each other is compared, kind by kind.
//!
//! Both have the same content, the same pieces at the start, the same choices and the same uplinks; the simulator's network
//! is as fast as loopback. What differs is the boundary alone: real time, sockets, disks and a tracker behind HTTP. A message that the
//! node loses, repeats or delays, or an input that it forgets, shows here.
//!
//! Of each kind the real peers send within ten per cent of the mean of the simulated runs. Where luck makes more of a
//! difference, they are within three standard deviations of these runs, and of rare kinds within [`FEW`] messages.

mod real;
mod simulated;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use minibit_core::{MessageKind, Profile};

use crate::support::content;

/// Sent by all participants together.
type Counts = BTreeMap<MessageKind, f64>;

const TOLERANCE: f64 = 0.1;
/// One for each direction of the ten connections between five peers.
const FEW: f64 = 20.0;

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
    asking: Asking,
}

/// How blocks are asked for, in place of the profile's way: tests are to be short, and the last blocks, of which several are asked
/// for the same, a small part of all.
#[derive(Clone, Copy)]
enum Asking {
    Paced(Duration),
    Fixed(u32),
}

impl Swarm {
    fn piece_count(&self) -> u32 {
        self.len.div_ceil(self.piece_len)
    }
}

/// Everybody misses as many blocks; the tracker has all.
#[test]
fn five_peers_of_s5() {
    let pieces = [1, 2, 3, 4, 5].map(|peer| drawn(peer, 40, 80));
    // Forty blocks, done after 9.8 s: between the second broadcast and the third, and before the day is over.
    let asking = Asking::Paced(Duration::from_millis(250));
    compare(&Swarm { profile: Profile::S5, len: 80 << 14, piece_len: 1 << 14, pieces, up: None, asking });
}

#[test]
fn five_peers_of_bittorrent() {
    let mut pieces = [1, 2, 3, 4, 5].map(|peer| drawn(peer, 64, 256));
    pieces[0] = (0..256).collect();
    // Slow enough for blocks to come one by one, as they do in the simulator, and not in the bursts of a limited rate.
    let up = Some(512 << 10);
    let (profile, len, piece_len) = (Profile::Bittorrent, 4 << 20, 16 << 10);
    compare(&Swarm { profile, len, piece_len, pieces, up, asking: Asking::Fixed(4) });
}

/// So many of all pieces, at random, and always the same.
fn drawn(peer: u64, count: usize, of: u32) -> BTreeSet<u32> {
    let order = content::bytes(peer, 4 * of as usize);
    let mut order: Vec<_> = order.as_chunks::<4>().0.iter().zip(0..of).collect();
    order.sort();
    order.into_iter().map(|(_, piece)| piece).take(count).collect()
}

fn compare(swarm: &Swarm) {
    let expected = simulated::counts(swarm);
    let measured = real::counts(swarm);
    let mut table =
        format!("{}: messages sent\nkind               simulated     ±   real\n", swarm.profile.name());
    let mut wrong = Vec::new();
    for (kind, (mean, deviation)) in expected {
        let measured = measured[&kind];
        if mean + measured > 0.0 {
            let row = format!("{:18} {mean:9.1} {deviation:5.1} {measured:6}\n", kind.name());
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

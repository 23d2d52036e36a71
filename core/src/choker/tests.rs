//! Tests of all choking algorithms: one suite for every algorithm, then what each one is for.

mod by_merit;
mod optimistic;
mod round_robin;
mod suite;

use core::time::Duration;

use super::{Candidate, Choker};
use crate::config::{ChokeAlgorithm, Choking};
use crate::id::ConnId;
use crate::rng::{Purpose, Rng, Seed};
use crate::time::Instant;

const ALGORITHMS: [ChokeAlgorithm; 5] = [
    ChokeAlgorithm::TitForTat,
    ChokeAlgorithm::RandomSlots,
    ChokeAlgorithm::Contribution,
    ChokeAlgorithm::Rarity,
    ChokeAlgorithm::None,
];

/// The customary numbers: 4 + 1 slots, rounds of 10 s, optimistic slots of 30 s.
fn choking(algorithm: ChokeAlgorithm) -> Choking {
    Choking {
        algorithm,
        slots: 4,
        optimistic_slots: 1,
        interval: Duration::from_secs(10),
        optimistic_interval: Duration::from_secs(30),
        snub_after: Duration::from_mins(1),
        immediate: true,
        parallel_uploads: None,
    }
}

fn rng(owner: u32) -> Rng {
    Seed::from_number(2026).stream(Purpose::Test, owner)
}

/// A connection that is interested and choked, and has given nothing.
fn peer(slot: u32) -> Candidate {
    Candidate {
        conn: ConnId::new(slot, 0),
        interested: true,
        unchoked: false,
        snubbed: false,
        newly_connected: false,
        download_rate: 0,
        upload_rate: 0,
        downloaded: 0,
        unchoked_at: None,
        rarity: 0,
    }
}

/// A choker with its connections: does what a caller does with the outcome of a round.
struct Table {
    choker: Choker,
    peers: Vec<Candidate>,
    seeding: bool,
    now: Instant,
    rng: Rng,
}

impl Table {
    fn new(choking: Choking, peers: u32) -> Self {
        let now = Instant::from_secs(1_000);
        let peers = (0..peers).map(peer).collect();
        Self { choker: Choker::new(choking, now), peers, seeding: false, now, rng: rng(0) }
    }

    /// Holds the next round when it is due; the slots of the connections that are served from then on, in order.
    fn round(&mut self) -> Vec<usize> {
        self.now = self.choker.next_round().unwrap_or(self.now + Duration::from_secs(10));
        let mut unchoke = vec![ConnId::new(u32::MAX, 0)];
        self.choker.round(self.now, self.seeding, &self.peers, &mut self.rng, &mut unchoke);
        for peer in &mut self.peers {
            let served = unchoke.contains(&peer.conn);
            if served && !peer.unchoked {
                peer.unchoked_at = Some(self.now);
            }
            peer.unchoked = served;
        }
        let mut served: Vec<usize> = unchoke.iter().map(|conn| conn.slot()).collect();
        served.sort_unstable();
        served
    }

    /// The peer becomes interested: it is served at once, or choked.
    fn becomes_interested(&mut self, at: usize) -> bool {
        let others = self.peers.iter().filter(|peer| peer.interested && peer.unchoked).count();
        let admitted = self.choker.admits(self.seeding, &self.peers[at], u32::try_from(others).unwrap());
        let peer = &mut self.peers[at];
        peer.interested = true;
        if admitted && !peer.unchoked {
            peer.unchoked_at = Some(self.now);
        }
        peer.unchoked = admitted;
        admitted
    }

    /// In how many of so many rounds each peer was served.
    fn service(&mut self, rounds: u32) -> Vec<u32> {
        let mut counts = vec![0; self.peers.len()];
        for _ in 0..rounds {
            self.round().into_iter().for_each(|at| counts[at] += 1);
        }
        counts
    }
}

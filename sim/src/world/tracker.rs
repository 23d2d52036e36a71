//! The tracker's host: the core's `Tracker` behind a link like any other.

use minibit_core::announce::{AnnounceEvent, AnnounceRequest, AnnounceResponse, Totals};
use minibit_core::boundary::SimAddr;
use minibit_core::config::Encoding;
use minibit_core::tracker::{Announcer, Tracker, TrackerConfig};
use minibit_core::{Bitfield, Instant, PeerId, PieceIndex, Seed};

use crate::network::{FlowId, HostId, Network};
use crate::results::{ANNOUNCE, ANNOUNCE_RESPONSE};
use crate::scenario;
use crate::world::connect::End;
use crate::world::{Event, Packet, World};

/// Bytes of what is said to a tracker and by it, inventories not counted.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    request: u64,
    answer: u64,
    /// Each peer in the answer.
    peer: u64,
}

/// In an encoding, with names of usual length. BEP 15's are exact.
const fn sizes(encoding: Encoding) -> Sizes {
    match encoding {
        Encoding::Bep3 => Sizes { request: 98, answer: 20, peer: 6 },
        // The length prefix, the keys and values; an object for each peer.
        Encoding::Json | Encoding::S1 | Encoding::S2 | Encoding::S5 => {
            Sizes { request: 120, answer: 40, peer: 45 }
        }
        // A word, an address, a port and the info-hash; `PEERLIST` with an address and brackets for each peer.
        Encoding::S3 => Sizes { request: 72, answer: 8, peer: 20 },
        // A word, an address and a name; `OK` with an address for each peer.
        Encoding::S4 => Sizes { request: 48, answer: 24, peer: 18 },
    }
}

/// Bytes of an inventory: as bits, as numbers with commas between, or as ranges of them.
fn inventory(encoding: Encoding, pieces: &Bitfield) -> u64 {
    let digits = |piece: PieceIndex| u64::from(piece.get().checked_ilog10().unwrap_or(0)) + 1;
    match encoding {
        Encoding::Bep3 => u64::from(pieces.len().div_ceil(8)),
        Encoding::Json | Encoding::S1 | Encoding::S2 | Encoding::S5 => {
            pieces.iter().map(|piece| digits(piece) + 1).sum()
        }
        Encoding::S3 => {
            let held: Vec<PieceIndex> = pieces.iter().collect();
            let ranges = held.chunk_by(|a, b| a.get() + 1 == b.get());
            let ends = ranges.flat_map(|range| range.iter().take(1).chain(range[1..].last()));
            ends.map(|&piece| digits(piece) + 1).sum()
        }
        // Only that everything is here is told, and by a name.
        Encoding::S4 => 0,
    }
}

/// The tracker and where it stands.
#[derive(Debug)]
pub(super) struct TrackerHost {
    tracker: Tracker<SimAddr>,
    pub(super) host: HostId,
    place: usize,
    /// When its timer is set.
    sweep_at: Instant,
}

impl TrackerHost {
    pub(super) fn new(tracker: &scenario::Tracker, network: &mut Network<Packet>, seed: Seed) -> Self {
        let config = TrackerConfig {
            interval: tracker.interval,
            min_interval: tracker.interval.min(TrackerConfig::default().min_interval),
            timeout: tracker.timeout,
            max_peers: tracker.max_peers,
            max_peers_per_swarm: u32::MAX,
            ..TrackerConfig::default()
        };
        Self {
            tracker: Tracker::new(config, seed),
            host: network.add_host(tracker.link),
            place: tracker.place,
            sweep_at: Instant::MAX,
        }
    }
}

/// A participant's name for itself: its number, in the manner of Azureus.
pub(super) fn peer_id(peer: u32) -> PeerId {
    let mut id = *b"-MB0001-000000000000";
    id[16..].copy_from_slice(&peer.to_be_bytes());
    PeerId(id)
}

impl World<'_> {
    /// A participant asks the tracker.
    pub(super) fn announce(&mut self, peer: u32, request: Box<AnnounceRequest>) {
        let Some(tracker) = &self.tracker else { return };
        let participant = &self.participants[peer as usize];
        let encoding = participant.encoding;
        let told = request.have.as_deref().map_or(0, |pieces| inventory(encoding, pieces));
        let bytes = sizes(encoding).request + told;
        let flow = if let Some(flow) = participant.to_tracker {
            flow
        } else {
            let (delay, back) = self.delay_between(peer, u32::MAX, participant.plan.place, tracker.place);
            let flow = self.network.open_asymmetric(participant.host, tracker.host, delay, back);
            self.set_end(flow, End { peer, conn: None });
            self.set_end(flow.reverse(), End { peer, conn: None });
            self.participants[peer as usize].to_tracker = Some(flow);
            flow
        };
        if let Some(trace) = &mut self.trace {
            trace.announce(self.now, &self.participants[peer as usize].plan.name, &request);
        }
        self.count_sent(peer, ANNOUNCE, bytes);
        self.digest.add(self.now, u64::from(peer) << 40 | (ANNOUNCE as u64) << 32 | bytes);
        self.transmit(
            flow,
            Packet::Announce(request),
            u32::try_from(bytes).expect("inventories are bounded"),
            0,
        );
    }

    /// An announce has arrived at the tracker.
    pub(super) fn on_announce(&mut self, flow: FlowId, request: &AnnounceRequest, bytes: u32) {
        let peer = self.ends[flow.index()].peer;
        let seed = self.tracker_seed();
        if let Some(seed) = seed {
            self.count_received(seed, ANNOUNCE, bytes);
        }
        self.seed_is_here();
        let Some(response) = self.register(peer, request) else { return };
        if request.event == AnnounceEvent::Stopped {
            return;
        }
        let peers = response.peers.len() as u64;
        let encoding = self.participants[peer as usize].encoding;
        let told: u64 = response.inventories.iter().map(|(_, pieces)| inventory(encoding, pieces)).sum();
        let Sizes { answer, peer: each, .. } = sizes(encoding);
        let bytes = answer + each * peers + told;
        match seed {
            Some(seed) => self.count_sent(seed, ANNOUNCE_RESPONSE, bytes),
            None => self.timeline.messages += 1,
        }
        let bytes = u32::try_from(bytes).expect("answers are bounded");
        self.transmit(flow.reverse(), Packet::Response(Box::new(response)), bytes, 0);
    }

    /// Tells the tracker of a participant, and sets its timer.
    pub(super) fn register(
        &mut self,
        peer: u32,
        request: &AnnounceRequest,
    ) -> Option<AnnounceResponse<SimAddr>> {
        let host = self.tracker.as_mut()?;
        let who = Announcer { addr: SimAddr(peer), id: peer_id(peer) };
        let response = host.tracker.announce(self.now, self.info_hash, who, request).ok();
        self.set_tracker_timer();
        response
    }

    fn set_tracker_timer(&mut self) {
        let Some(host) = &mut self.tracker else { return };
        if let Some(sweep) = host.tracker.poll_timeout().filter(|sweep| *sweep < host.sweep_at) {
            host.sweep_at = sweep;
            self.queue.push(sweep.max(self.now), Event::TrackerSweep);
        }
    }

    pub(super) fn on_tracker_sweep(&mut self) {
        self.seed_is_here();
        if let Some(host) = &mut self.tracker {
            host.sweep_at = Instant::MAX;
            host.tracker.handle_timeout(self.now);
        }
        self.set_tracker_timer();
    }

    /// The seeding tracker never falls silent to itself.
    fn seed_is_here(&mut self) {
        if let Some(seed) = self.tracker_seed() {
            self.register(seed, &AnnounceRequest::plain(AnnounceEvent::None, Totals::default(), 0));
        }
    }

    /// The participant that is the seeding tracker.
    pub(super) fn tracker_seed(&self) -> Option<u32> {
        let last = self.participants.len().checked_sub(1)?;
        let seeds = self.participants[last].plan.group.is_none();
        seeds.then(|| u32::try_from(last).expect("peers are numbered by u32"))
    }
}

#[cfg(test)]
mod tests {
    use minibit_core::Geometry;

    use super::*;

    #[test]
    fn inventories_have_the_size_that_they_have_on_the_wire() {
        let geometry = Geometry::new(20, 1, 1).expect("twenty pieces of a byte");
        let mut pieces = Bitfield::none(20);
        for piece in [0, 1, 2, 3, 7, 12, 13].map(|index| geometry.piece(index).expect("there is one")) {
            pieces.insert(piece);
        }
        let size = |encoding| inventory(encoding, &pieces);
        assert_eq!(size(Encoding::Bep3), 3);
        assert_eq!(size(Encoding::S1), "0,1,2,3,7,12,13]".len() as u64);
        assert_eq!(size(Encoding::S3), "0-3,7,12-13]".len() as u64);
    }
}

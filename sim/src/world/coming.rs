//! Joining and leaving.

use minibit_core::announce::{AnnounceEvent, AnnounceRequest, Totals};
use minibit_core::boundary::{Address as _, Command, SimAddr};
use minibit_core::rng::Purpose;
use minibit_core::torrent::{Identity, Particulars, Torrent};
use minibit_core::{Input, Instant, Rng, Seed};

use crate::network::draw_nanos;
use crate::scenario::{Departures, Neighbours};
use crate::world::participant::Presence;
use crate::world::tracker::peer_id;
use crate::world::{Event, World};

/// How a participant leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Farewell {
    /// Saying so to the tracker and to all peers.
    Goodbye,
    /// Without a word.
    Crash,
}

/// Who knows whom.
#[derive(Debug)]
pub(super) enum Acquaintance {
    /// Whoever the tracker names.
    ByTracker,
    /// Everyone.
    Mesh,
    /// Nobody.
    None,
    /// The listed ones, per participant.
    Listed(Vec<Vec<u32>>),
}

impl Acquaintance {
    pub(super) fn new(neighbours: Option<&Neighbours>, peers: usize, seed: &Seed) -> Self {
        match neighbours {
            None => Self::ByTracker,
            Some(Neighbours::RandomContacts) => Self::None,
            Some(Neighbours::Mesh) => Self::Mesh,
            Some(Neighbours::Pairs(pairs)) => {
                let mut lists = vec![Vec::new(); peers];
                for &(a, b) in pairs {
                    lists[a as usize].push(b);
                    lists[b as usize].push(a);
                }
                Self::Listed(lists)
            }
            Some(Neighbours::Degree(degree)) => {
                Self::Listed(draw_graph(peers, *degree as usize, &mut seed.stream(Purpose::Adjacency, 0)))
            }
        }
    }
}

/// A random graph in which everyone knows at least `degree` others, where there are so many: each in turn makes acquaintance with
/// random strangers who know the fewest so far, so that degrees stay close to each other.
fn draw_graph(peers: usize, degree: usize, rng: &mut Rng) -> Vec<Vec<u32>> {
    let mut lists: Vec<Vec<u32>> = vec![Vec::new(); peers];
    for peer in 0..peers {
        while lists[peer].len() < degree.min(peers - 1) {
            let number = |index: usize| u32::try_from(index).expect("peers are numbered by u32");
            let stranger = |other: usize| other != peer && !lists[peer].contains(&number(other));
            let fewest = (0..peers)
                .filter(|&other| stranger(other))
                .map(|other| lists[other].len().max(degree - 1))
                .min();
            let pool: Vec<usize> = (0..peers)
                .filter(|&other| stranger(other) && fewest.is_some_and(|fewest| lists[other].len() <= fewest))
                .collect();
            let Some(&other) = rng.choose(&pool) else { break };
            lists[peer].push(number(other));
            lists[other].push(number(peer));
        }
    }
    lists
}

impl World<'_> {
    pub(super) fn plan_joins(&mut self) {
        let mut joins: Vec<(Instant, u32)> = Vec::new();
        for (peer, participant) in (0..).zip(&self.participants) {
            joins.extend(participant.plan.join.map(|at| (at, peer)));
        }
        // The seeding tracker is there before anybody asks it.
        joins.sort_by_key(|&(at, peer)| (at, self.participants[peer as usize].plan.group.is_some(), peer));
        for (at, peer) in joins {
            self.queue.push(at, Event::Join(peer));
        }
    }

    pub(super) fn join(&mut self, peer: u32) {
        let participant = &mut self.participants[peer as usize];
        let identity = Identity { info_hash: self.info_hash, peer_id: peer_id(peer), stream: peer };
        let plan = &participant.plan;
        // Everybody can be dialled where it comes from; peers that exchange peers (BEP 11) tell each other so.
        let particulars =
            Particulars { port: Some(SimAddr(peer).to_socket().port()), ..Particulars::default() };
        let torrent =
            Torrent::new(plan.config, self.geometry, identity, plan.have.clone(), self.now, self.seed)
                .with_particulars(particulars);
        participant.torrent = Some(Box::new(torrent));
        participant.presence = Presence::Here;
        participant.joined = Some(self.now);
        self.watch.joined(participant.have());
        if let Some(trace) = &mut self.trace {
            trace.join(self.now, &participant.plan.name, participant.have().count());
        }
        if participant.plan.group.is_none() {
            let here = AnnounceRequest::plain(AnnounceEvent::Started, Totals::default(), 0);
            self.register(peer, &here);
        }
        self.plan_departure(peer);
        self.drive(peer, Input::Command(Command::Start));
        self.begin_contacts(peer);
        let present = |other: u32| other != peer && self.participants[other as usize].is_here();
        let acquainted: Vec<SimAddr> = match &self.watch.acquaintance {
            Acquaintance::ByTracker | Acquaintance::None => Vec::new(),
            Acquaintance::Mesh => {
                (0..).take(self.participants.len()).filter(|&other| present(other)).map(SimAddr).collect()
            }
            Acquaintance::Listed(lists) => {
                let list = lists.get(peer as usize).into_iter().flatten();
                list.copied().filter(|&other| present(other)).map(SimAddr).collect()
            }
        };
        if !acquainted.is_empty() {
            self.drive(peer, Input::Command(Command::AddPeers(acquainted)));
        }
        // The last one to come may miss nothing, as nobody else does.
        self.watch.check_complete();
    }

    fn departures(&self, peer: u32) -> Departures {
        let group = self.participants[peer as usize].plan.group;
        group.map_or_else(Departures::default, |group| self.scenario.groups[group].departures.clone())
    }

    fn plan_departure(&mut self, peer: u32) {
        let departures = self.departures(peer);
        let mut rng = self.seed.stream(Purpose::Departures, peer);
        let planned =
            [(departures.abort_after, Farewell::Goodbye), (departures.crash_after, Farewell::Crash)];
        for (after, farewell) in planned {
            if let Some(dist) = after {
                let at = self.now.after_nanos(draw_nanos(dist, &mut rng));
                self.queue.push(at, Event::Leave(peer, farewell));
            }
        }
    }

    pub(super) fn on_completed(&mut self, peer: u32) {
        let participant = &mut self.participants[peer as usize];
        participant.completed = Some(self.now);
        participant.at_completion = Some((participant.messages_sent, participant.messages_received));
        self.watch.completed();
        if let Some(dist) = self.departures(peer).after_completion {
            // A stream of its own: how long somebody stays does not depend on what else was drawn for leaving.
            let mut rng = self.seed.stream(Purpose::Departures, peer | 1 << 31);
            let at = self.now.after_nanos(draw_nanos(dist, &mut rng));
            self.queue.push(at, Event::Leave(peer, Farewell::Goodbye));
        }
        self.watch.check_complete();
    }

    pub(super) fn leave_if_uploaded(&mut self, peer: u32) {
        let participant = &self.participants[peer as usize];
        let Some(group) = participant.plan.group else { return };
        if participant.is_here()
            && participant.has_uploaded(self.scenario.groups[group].departures.after_uploading)
        {
            self.leave(peer, Farewell::Goodbye);
        }
    }

    pub(super) fn leave(&mut self, peer: u32, farewell: Farewell) {
        if !self.participants[peer as usize].is_here() {
            return;
        }
        if farewell == Farewell::Goodbye {
            self.drive(peer, Input::Command(Command::Stop));
        }
        let participant = &mut self.participants[peer as usize];
        participant.presence = match farewell {
            Farewell::Goodbye => Presence::Left,
            Farewell::Crash => Presence::Crashed,
        };
        self.crashed[peer as usize] = farewell == Farewell::Crash;
        self.contacts.left(peer);
        let participant = &mut self.participants[peer as usize];
        participant.left = Some(self.now);
        if let Some(trace) = &mut self.trace {
            trace.leave(self.now, &participant.plan.name, farewell);
        }
        self.watch.left(self.now, peer, participant.have());
        self.watch.check_complete();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawn_graphs_are_mutual_simple_and_nearly_regular() {
        let mut rng = Seed::from_number(3).stream(Purpose::Test, 0);
        for (peers, degree) in [(2, 5), (10, 3), (50, 10), (51, 49)] {
            let lists = draw_graph(peers, degree, &mut rng);
            for (peer, list) in (0_u32..).zip(&lists) {
                assert!(
                    list.len() >= degree.min(peers - 1) && list.len() <= degree + 2,
                    "{} of {degree}",
                    list.len()
                );
                let distinct: std::collections::BTreeSet<_> = list.iter().collect();
                assert_eq!(distinct.len(), list.len());
                assert!(!list.contains(&peer));
                assert!(list.iter().all(|&other| lists[other as usize].contains(&peer)));
            }
        }
    }
}

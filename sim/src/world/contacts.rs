//! Random contacts: now and then each participant calls one of all that are present.
//!
//! The world of Hajek and Zhu (2010): nobody has neighbours. A participant's calls are a Poisson process from its joining on, and
//! each goes to one of the others who are present, drawn uniformly, the seeds included. What a call is good for is the
//! core's business ([`Connections::Contacts`](minibit_core::config::Connections::Contacts)); one to somebody with whom there is a
//! connection just then is lost. The times and the choices of each participant come from a stream of its own.

use minibit_core::Input;
use minibit_core::boundary::{Command, SimAddr};
use minibit_core::rng::{Purpose, Rng};

use crate::world::{Event, World};

const NOT_HERE: u32 = u32::MAX;

/// Who can be called, and the luck of those who call.
#[derive(Debug, Default)]
pub(super) struct Contacts {
    /// All who are present, in an order that means nothing.
    present: Vec<u32>,
    /// Where each participant stands there.
    places: Vec<u32>,
    callers: Vec<Option<Box<Rng>>>,
}

impl Contacts {
    fn joined(&mut self, peer: u32, luck: Rng) {
        let index = peer as usize;
        if self.places.len() <= index {
            self.places.resize(index + 1, NOT_HERE);
            self.callers.resize(index + 1, None);
        }
        self.places[index] = number(self.present.len());
        self.callers[index] = Some(Box::new(luck));
        self.present.push(peer);
    }

    /// Somebody who may be called no longer.
    pub(super) fn left(&mut self, peer: u32) {
        let Some(place) = self.places.get_mut(peer as usize).filter(|place| **place != NOT_HERE) else {
            return;
        };
        let place = core::mem::replace(place, NOT_HERE) as usize;
        self.present.swap_remove(place);
        if let Some(&moved) = self.present.get(place) {
            self.places[moved as usize] = number(place);
        }
        self.callers[peer as usize] = None;
    }

    /// One of the others; `None` when there is nobody else.
    fn draw(&mut self, peer: u32) -> Option<u32> {
        let others = self.present.len().checked_sub(1).filter(|&others| others > 0)?;
        let luck = self.callers[peer as usize].as_mut()?;
        let drawn = luck.index(others);
        // The last one stands in for the caller itself.
        let own = self.places[peer as usize] as usize;
        self.present.get(if drawn == own { others } else { drawn }).copied()
    }

    /// Nanoseconds until a participant calls again.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the cast saturates; times are not negative"
    )]
    fn wait(&mut self, peer: u32, per_second: f64) -> Option<u64> {
        let luck = self.callers.get_mut(peer as usize)?.as_mut()?;
        Some(libm::round(luck.exponential(1e9 / per_second)) as u64)
    }
}

fn number(index: usize) -> u32 {
    u32::try_from(index).expect("peers are numbered by u32")
}

impl World<'_> {
    fn contacts_per_second(&self, peer: u32) -> f64 {
        let group = self.participants[peer as usize].plan.group;
        group.map_or(0.0, |group| self.scenario.groups[group].contacts_per_second)
    }

    /// A participant who has joined can be called, and calls others.
    pub(super) fn begin_contacts(&mut self, peer: u32) {
        if self.scenario.neighbours == Some(crate::scenario::Neighbours::RandomContacts) {
            self.contacts.joined(peer, self.seed.stream(Purpose::Contacts, peer));
            self.plan_contact(peer);
        }
    }

    fn plan_contact(&mut self, peer: u32) {
        let per_second = self.contacts_per_second(peer);
        if per_second > 0.0
            && let Some(wait) = self.contacts.wait(peer, per_second)
        {
            self.queue.push(self.now.after_nanos(wait), Event::Contact(peer));
        }
    }

    /// A participant calls somebody.
    pub(super) fn on_contact(&mut self, peer: u32) {
        if !self.participants[peer as usize].is_here() {
            return;
        }
        self.plan_contact(peer);
        if let Some(other) = self.contacts.draw(peer) {
            self.drive(peer, Input::Command(Command::AddPeers(vec![SimAddr(other)])));
        }
    }
}

#[cfg(test)]
mod tests {
    use minibit_core::Seed;

    use super::*;

    /// All others alike, whoever has come and gone before, and never oneself.
    #[test]
    fn everybody_else_is_called_alike() {
        let luck = |peer| Seed::from_number(1).stream(Purpose::Test, peer);
        let mut contacts = Contacts::default();
        for peer in [4, 1, 7, 2, 9, 0] {
            contacts.joined(peer, luck(peer));
        }
        contacts.left(1);
        contacts.left(1);
        contacts.left(0);
        for caller in [4, 7, 2, 9] {
            let mut counts = [0_u32; 10];
            for _ in 0..30_000 {
                counts[contacts.draw(caller).unwrap() as usize] += 1;
            }
            for (peer, count) in (0..).zip(counts) {
                let called = [4, 7, 2, 9].contains(&peer) && peer != caller;
                assert!(if called { (9_700..=10_300).contains(&count) } else { count == 0 }, "{counts:?}");
            }
        }
        for peer in [4, 7, 2] {
            contacts.left(peer);
        }
        assert_eq!((contacts.draw(9), contacts.wait(4, 1.0)), (None, None));
        let waits: u64 = (0..10_000).filter_map(|_| contacts.wait(9, 4.0)).sum();
        assert!((2_400_000_000_000..2_600_000_000_000).contains(&waits), "{waits}");
    }
}

//! The room where connections wait that have said nothing yet.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;

use tokio::task::AbortHandle;

/// Connections that have said nothing yet, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Room {
    waiting: VecDeque<Waiting>,
    places: usize,
    next: u64,
}

#[derive(Debug)]
struct Waiting {
    number: u64,
    from: IpAddr,
    task: AbortHandle,
}

impl Room {
    /// An empty room with so many places.
    pub(super) fn new(places: usize) -> Self {
        Self { places, ..Self::default() }
    }

    /// Takes in a connection from an address; `listen` starts the task that waits for its first bytes, under this number.
    pub(super) fn enter(&mut self, from: IpAddr, listen: impl FnOnce(u64) -> AbortHandle) {
        let number = self.next;
        self.next += 1;
        self.waiting.push_back(Waiting { number, from, task: listen(number) });
    }

    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= self.places
    }

    /// Closes the oldest connection of the address that has most. `false` when nobody waits.
    pub(super) fn show_out(&mut self) -> bool {
        let mut by_address: BTreeMap<IpAddr, usize> = BTreeMap::new();
        for waiting in &self.waiting {
            *by_address.entry(waiting.from).or_default() += 1;
        }
        let most = by_address.values().max().copied();
        let oldest = self.waiting.iter().position(|waiting| by_address.get(&waiting.from).copied() == most);
        let Some(waiting) = oldest.and_then(|at| self.waiting.remove(at)) else { return false };
        waiting.task.abort();
        true
    }

    /// The connection of this number has said something, or has gone.
    pub(super) fn leave(&mut self, number: u64) {
        if let Some(at) = self.waiting.iter().position(|waiting| waiting.number == number) {
            self.waiting.remove(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever takes most places loses its oldest connection; others keep theirs.
    #[tokio::test]
    async fn the_room_shows_out_the_oldest_of_the_most_numerous() {
        let mut room = Room::new(4);
        let crowd = IpAddr::from([10, 0, 0, 1]);
        let single = IpAddr::from([10, 0, 0, 2]);
        for from in [single, crowd, crowd, crowd] {
            room.enter(from, |_| tokio::spawn(std::future::pending::<()>()).abort_handle());
        }
        assert!(room.is_full() && room.show_out());
        let left: Vec<_> = room.waiting.iter().map(|waiting| waiting.number).collect();
        assert_eq!(left, [0, 2, 3]);
        room.leave(2);
        room.leave(2);
        assert_eq!(room.waiting.len(), 2);
        assert!(room.show_out() && room.show_out() && !room.show_out());
    }
}

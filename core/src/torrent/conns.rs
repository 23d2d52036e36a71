//! The table of connections: slots that are reused, with generations that tell their users apart.

use crate::id::ConnId;

/// Begins with a line of the cache, so that the generation, whether somebody is there, and the peer's first fields are one access to
/// memory. (That somebody is there is told by a value that the first vector in `P` cannot have.)
#[derive(Debug)]
#[repr(C, align(64))]
struct Slot<P> {
    generation: u32,
    peer: Option<P>,
}

/// All connections of one participant, dense by slot. `P` is what is known of the peer at the other end.
#[derive(Debug)]
pub(crate) struct ConnTable<P> {
    slots: Vec<Slot<P>>,
    free: Vec<u32>,
    len: u32,
}

impl<P> ConnTable<P> {
    pub(crate) const fn new() -> Self {
        Self { slots: Vec::new(), free: Vec::new(), len: 0 }
    }

    /// How many connections there are, half-open ones included.
    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    pub(crate) fn insert(&mut self, peer: P) -> ConnId {
        self.len += 1;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot { generation: 0, peer: None });
            u32::try_from(self.slots.len() - 1).expect("connections are limited far below 2^32")
        });
        let entry = &mut self.slots[slot as usize];
        entry.peer = Some(peer);
        ConnId::new(slot, entry.generation)
    }

    pub(crate) fn remove(&mut self, conn: ConnId) -> Option<P> {
        let slot = self.slots.get_mut(conn.slot()).filter(|slot| slot.generation == conn.generation())?;
        let peer = slot.peer.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(u32::try_from(conn.slot()).expect("slots are numbered by u32"));
        self.len -= 1;
        Some(peer)
    }

    pub(crate) fn get(&self, conn: ConnId) -> Option<&P> {
        self.slots.get(conn.slot()).filter(|slot| slot.generation == conn.generation())?.peer.as_ref()
    }

    pub(crate) fn get_mut(&mut self, conn: ConnId) -> Option<&mut P> {
        self.slots.get_mut(conn.slot()).filter(|slot| slot.generation == conn.generation())?.peer.as_mut()
    }

    /// Slots in use and free ones: `at` runs below this.
    pub(crate) const fn slot_count(&self) -> usize {
        self.slots.len()
    }

    /// The connection in a slot.
    pub(crate) fn at(&self, slot: usize) -> Option<(ConnId, &P)> {
        let entry = self.slots.get(slot)?;
        let number = u32::try_from(slot).expect("slots are numbered by u32");
        entry.peer.as_ref().map(|peer| (ConnId::new(number, entry.generation), peer))
    }

    /// The connection in a slot.
    pub(crate) fn at_mut(&mut self, slot: usize) -> Option<(ConnId, &mut P)> {
        let entry = self.slots.get_mut(slot)?;
        let number = u32::try_from(slot).expect("slots are numbered by u32");
        entry.peer.as_mut().map(|peer| (ConnId::new(number, entry.generation), peer))
    }

    /// All connections in the order of their slots.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (ConnId, &P)> {
        (0..self.slots.len()).filter_map(|slot| self.at(slot))
    }
}

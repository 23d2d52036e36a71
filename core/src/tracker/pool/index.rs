//! Where in a list an address stands: a table of positions, found by a keyed hash of the address.
//!
//! It is a hash table that nobody ever walks through, so its order decides nothing. Four bytes a place, at most every
//! second place taken (linear probing: 1.5 places are looked at to find an address, 2.5 to miss one). The key is secret:
//! who may choose addresses, as everybody with an IPv6 network can, still cannot choose those that collide.

/// An empty place.
const EMPTY: u32 = u32::MAX;
/// The smallest table.
const SMALLEST: usize = 8;

#[derive(Clone, Debug, Default)]
pub(super) struct Index {
    /// A power of two of them, or none.
    places: Vec<u32>,
    taken: usize,
}

impl Index {
    /// The position for which `is` holds, of an address with this hash.
    pub(super) fn find(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<u32> {
        self.place(hash, is).map(|place| self.places[place])
    }

    /// Adds a position. `hash_of` gives the hash of those that are in the table.
    pub(super) fn insert(&mut self, hash: u64, position: u32, hash_of: impl Fn(u32) -> u64) {
        if (self.taken + 1) * 2 > self.places.len() {
            self.grow(hash_of);
        }
        let place = self.first_free(hash);
        self.places[place] = position;
        self.taken += 1;
    }

    /// Two addresses, each a hash and a position, have changed places.
    pub(super) fn swap(&mut self, a: (u64, u32), b: (u64, u32)) {
        let place = |(hash, at): (u64, u32)| {
            self.place(hash, |position| position == at).expect("what moves is in the table")
        };
        let (of_a, of_b) = (place(a), place(b));
        self.places.swap(of_a, of_b);
    }

    /// Takes a position out, and closes the gap, so that no search ends there too early.
    pub(super) fn remove(&mut self, hash: u64, position: u32, hash_of: impl Fn(u32) -> u64) {
        let mut gap = self.place(hash, |candidate| candidate == position).expect("what goes is in the table");
        let mask = self.places.len() - 1;
        let mut next = gap;
        loop {
            next = (next + 1) & mask;
            let position = self.places[next];
            if position == EMPTY {
                break;
            }
            let home = self.home(hash_of(position));
            // It may move back to the gap unless its home lies between the two.
            if next.wrapping_sub(home) & mask >= next.wrapping_sub(gap) & mask {
                self.places[gap] = position;
                gap = next;
            }
        }
        self.places[gap] = EMPTY;
        self.taken -= 1;
    }

    fn place(&self, hash: u64, is: impl Fn(u32) -> bool) -> Option<usize> {
        if self.places.is_empty() {
            return None;
        }
        let mut place = self.home(hash);
        loop {
            match self.places[place] {
                EMPTY => return None,
                position if is(position) => return Some(place),
                _ => place = (place + 1) & (self.places.len() - 1),
            }
        }
    }

    fn first_free(&self, hash: u64) -> usize {
        let mut place = self.home(hash);
        while self.places[place] != EMPTY {
            place = (place + 1) & (self.places.len() - 1);
        }
        place
    }

    #[expect(clippy::cast_possible_truncation, reason = "the low bits are wanted")]
    fn home(&self, hash: u64) -> usize {
        hash as usize & (self.places.len() - 1)
    }

    fn grow(&mut self, hash_of: impl Fn(u32) -> u64) {
        let larger = vec![EMPTY; SMALLEST.max(self.places.len() * 2)];
        for position in core::mem::replace(&mut self.places, larger) {
            if position != EMPTY {
                let place = self.first_free(hash_of(position));
                self.places[place] = position;
            }
        }
    }
}

#[cfg(test)]
impl Index {
    pub(super) fn len(&self) -> usize {
        assert_eq!(self.places.iter().filter(|&&place| place != EMPTY).count(), self.taken);
        self.taken
    }

    pub(super) fn bytes(&self) -> usize {
        self.places.capacity() * size_of::<u32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        /// Positions come and go; every one that is there is found, and no other, however badly the hash spreads them.
        #[test]
        fn it_is_a_set(steps in proptest::collection::vec((any::<bool>(), 0_u32..60), 1..300), spread in 1_u64..20) {
            let hash_of = |position: u32| u64::from(position) / spread;
            let (mut index, mut model) = (Index::default(), BTreeSet::new());
            for (add, position) in steps {
                if add && model.insert(position) {
                    index.insert(hash_of(position), position, hash_of);
                } else if !add && model.remove(&position) {
                    index.remove(hash_of(position), position, hash_of);
                }
                prop_assert_eq!(index.len(), model.len());
                for position in 0..60 {
                    let found = index.find(hash_of(position), |candidate| candidate == position);
                    prop_assert_eq!(found.is_some(), model.contains(&position));
                }
            }
        }
    }
}

//! A running hash of the event stream: equal digests mean equal runs.
//!
//! Not cryptographic: nobody attacks a simulation. One multiplication per number (the mixing step of wyhash).

use minibit_core::Instant;

/// The hash of all events so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digest(u64);

impl Digest {
    /// Before the first event.
    pub const fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    /// Something happened: when, what, and with which numbers.
    #[expect(clippy::cast_possible_truncation, reason = "both halves of the product are folded in")]
    pub fn add(&mut self, time: Instant, what: u64) {
        let product = u128::from(self.0 ^ time.as_nanos()) * u128::from(what ^ 0xa076_1d64_78bd_642f);
        self.0 = (self.0.rotate_left(23)) ^ (product as u64) ^ (product >> 64) as u64;
    }

    /// The hash.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl Default for Digest {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_time_and_content_matter() {
        let digest = |events: &[(u64, u64)]| {
            let mut digest = Digest::new();
            for &(time, what) in events {
                digest.add(Instant::from_nanos(time), what);
            }
            digest.get()
        };
        let all = [
            digest(&[]),
            digest(&[(0, 0)]),
            digest(&[(1, 2), (3, 4)]),
            digest(&[(3, 4), (1, 2)]),
            digest(&[(1, 2), (3, 5)]),
            digest(&[(1, 2), (4, 4)]),
            digest(&[(1, 2), (3, 4), (3, 4)]),
        ];
        let distinct: std::collections::BTreeSet<u64> = all.into();
        assert_eq!(distinct.len(), all.len());
    }
}

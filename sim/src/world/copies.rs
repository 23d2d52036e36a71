//! How pieces spread: the copies of each over time, for a picture.
//!
//! A picture needs no more than its pixels. Up to [`BINS`] pieces have a row of their own; of more, neighbours share one, which
//! shows the rarest of them. When [`TIMES`] samples are there, every other one is dropped, and from then on only every
//! other one is taken. So a run of any length needs 2 MB at most, and the first samples cost what the last ones do.

use minibit_core::Instant;

use crate::results::Copies;

/// Most rows of pieces.
const BINS: usize = 420;
/// Samples that are kept are half as many at least, and as many at most.
const TIMES: usize = 1024;

/// Takes samples.
#[derive(Debug)]
pub(super) struct Recorder {
    copies: Copies,
    /// One of so many samples is kept.
    stride: u64,
    seen: u64,
    /// The latest sample is not one of these: it stands at the end until the next one comes.
    provisional: bool,
}

impl Default for Recorder {
    fn default() -> Self {
        Self { copies: Copies::default(), stride: 1, seen: 0, provisional: false }
    }
}

impl Recorder {
    /// The copies of all pieces at a time.
    pub(super) fn record(&mut self, now: Instant, present: u32, copies: &[u32]) {
        if self.provisional || self.copies.times.last() == Some(&now) {
            self.copies.times.pop();
            self.copies.present.pop();
            self.copies.rarest.pop();
        }
        if self.copies.times.len() == TIMES {
            halve(&mut self.copies.times);
            halve(&mut self.copies.present);
            halve(&mut self.copies.rarest);
            self.stride *= 2;
        }
        self.provisional = !self.seen.is_multiple_of(self.stride);
        self.seen += 1;
        let bins = copies.len().min(BINS);
        let bin =
            |bin: usize| copies[bin * copies.len() / bins..(bin + 1) * copies.len() / bins].iter().min();
        self.copies.times.push(now);
        self.copies.present.push(present);
        self.copies.rarest.push((0..bins).filter_map(bin).copied().collect());
    }

    /// All samples.
    pub(super) fn taken(self) -> Copies {
        self.copies
    }
}

/// Drops every other item, the second one first.
fn halve<T>(items: &mut Vec<T>) {
    let mut number = 0_usize;
    items.retain(|_| {
        number += 1;
        number % 2 == 1
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_run_keeps_evenly_spaced_samples_and_its_end() {
        let mut recorder = Recorder::default();
        for second in 0..10_001_u32 {
            recorder.record(Instant::from_secs(second.into()), second, &[second, second + 1]);
        }
        let copies = recorder.taken();
        assert!((TIMES / 2..=TIMES).contains(&copies.times.len()), "{}", copies.times.len());
        let seconds: Vec<u64> = copies.times.iter().map(|time| time.as_nanos() / 1_000_000_000).collect();
        let (end, even) = seconds.split_last().unwrap();
        assert_eq!((*end, even[0]), (10_000, 0));
        let stride = even[1];
        assert!(even.windows(2).all(|pair| pair[1] - pair[0] == stride), "{even:?}");
        for (second, (present, rarest)) in seconds.iter().zip(copies.present.iter().zip(&copies.rarest)) {
            assert_eq!((u64::from(*present), u64::from(rarest[1])), (*second, second + 1));
        }
    }

    #[test]
    fn a_bin_shows_its_rarest_piece_and_the_end_replaces_a_sample_of_the_same_time() {
        let mut recorder = Recorder::default();
        let mut copies: Vec<u32> = vec![7; 2 * BINS];
        copies[3] = 1;
        recorder.record(Instant::ZERO, 9, &copies);
        recorder.record(Instant::ZERO, 8, &copies);
        let taken = recorder.taken();
        assert_eq!((taken.times.len(), taken.present.as_slice()), (1, [8].as_slice()));
        assert_eq!((taken.rarest[0].len(), &taken.rarest[0][..3]), (BINS, [7, 1, 7].as_slice()));
    }
}

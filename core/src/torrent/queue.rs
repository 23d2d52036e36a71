//! Requests of one peer that wait to be served, in their order, each once.
//!
//! Most clients keep a few hundred requests open, and to look through these is as fast as anything. rtorrent keeps thousands
//! open: then a table counts the requests by their hash, so that one which is not here is hardly ever looked for.
//! Twelve bytes a request, and the table.

use std::collections::VecDeque;

use crate::id::BlockSpan;

/// So many requests are looked through without a table.
const SCANNED: usize = 256;
/// Binary digits of a hash: the table has an entry for each.
const HASH_BITS: u32 = 12;

/// The waiting requests of one peer.
#[derive(Debug, Default)]
pub(crate) struct RequestQueue {
    spans: VecDeque<BlockSpan>,
    /// How many of them have which hash; empty as long as they are few.
    counts: Box<[u16]>,
}

fn hash(span: &BlockSpan) -> usize {
    let place = u64::from(span.index) << 32 | u64::from(span.begin);
    (place.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - HASH_BITS)) as usize
}

impl RequestQueue {
    pub(crate) fn len(&self) -> usize {
        self.spans.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Appends a request; false when it waits already.
    pub(crate) fn push(&mut self, span: BlockSpan) -> bool {
        if self.find(&span).is_some() {
            return false;
        }
        self.spans.push_back(span);
        if !self.counts.is_empty() {
            self.counts[hash(&span)] += 1;
        } else if self.spans.len() > SCANNED {
            self.counts = vec![0; 1 << HASH_BITS].into();
            for span in &self.spans {
                self.counts[hash(span)] += 1;
            }
        }
        true
    }

    /// The request to serve next.
    pub(crate) fn front(&self) -> Option<&BlockSpan> {
        self.spans.front()
    }

    /// Those that wait, the next one first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &BlockSpan> {
        self.spans.iter()
    }

    /// Takes it out.
    pub(crate) fn pop_front(&mut self) -> Option<BlockSpan> {
        let span = self.spans.pop_front()?;
        self.uncount(&span);
        Some(span)
    }

    /// Takes a request out; false when it does not wait.
    pub(crate) fn remove(&mut self, span: &BlockSpan) -> bool {
        let Some(at) = self.find(span) else { return false };
        self.spans.remove(at);
        self.uncount(span);
        true
    }

    /// Keeps those that are to be kept.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&BlockSpan) -> bool) {
        let counts = &mut self.counts;
        self.spans.retain(|span| {
            let kept = keep(span);
            if !kept && !counts.is_empty() {
                counts[hash(span)] -= 1;
            }
            kept
        });
        self.give_back();
    }

    fn find(&self, span: &BlockSpan) -> Option<usize> {
        if !self.counts.is_empty() && self.counts[hash(span)] == 0 {
            return None;
        }
        self.spans.iter().position(|waiting| waiting == span)
    }

    fn uncount(&mut self, span: &BlockSpan) {
        if !self.counts.is_empty() {
            self.counts[hash(span)] -= 1;
        }
        self.give_back();
    }

    /// What many requests have taken in memory is not kept for none.
    fn give_back(&mut self) {
        if self.spans.is_empty() && !self.counts.is_empty() {
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn span(number: u32) -> BlockSpan {
        BlockSpan { index: number / 64, begin: number % 64 * 16_384, length: 16_384 }
    }

    #[test]
    fn few_need_no_table_and_none_need_no_memory() {
        let mut queue = RequestQueue::default();
        for number in 0..4_000 {
            assert!(queue.push(span(number)) && !queue.push(span(number / 2)));
            assert_eq!(queue.counts.is_empty(), number < 256);
        }
        while queue.pop_front().is_some() {}
        assert!(queue.counts.is_empty() && queue.spans.capacity() == 0);
    }

    proptest! {
        /// Against a plain list.
        #[test]
        fn it_is_a_list_without_doubles(steps in proptest::collection::vec((0..20_u8, 0..900_u32), 0..3_000)) {
            let mut queue = RequestQueue::default();
            let mut list: Vec<BlockSpan> = Vec::new();
            for (step, number) in steps {
                let span = span(number);
                match step {
                    0..14 => {
                        let new = !list.contains(&span);
                        prop_assert_eq!(queue.push(span), new);
                        list.extend(new.then_some(span));
                    }
                    14..17 => {
                        let at = list.iter().position(|other| *other == span);
                        prop_assert_eq!(queue.remove(&span), at.is_some());
                        at.map(|at| list.remove(at));
                    }
                    17..19 => {
                        let first = (!list.is_empty()).then(|| list.remove(0));
                        prop_assert_eq!(queue.pop_front(), first);
                    }
                    _ => {
                        queue.retain(|span| span.index != number / 64);
                        list.retain(|span| span.index != number / 64);
                    }
                }
                prop_assert_eq!((queue.len(), queue.front()), (list.len(), list.first()));
            }
        }
    }
}

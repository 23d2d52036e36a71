//! Receive buffers that are used again and again.
//!
//! A read fills one buffer; the blocks in it are slices of its memory, which the disk holds until it has written them. Then
//! nobody holds the memory any more, and the next read takes it, still warm in the cache. Connections that wait for
//! data hold no buffer at all.

use std::sync::{Mutex, PoisonError};

use bytes::BytesMut;

use crate::limits::{KEPT_CHUNKS, READ_CHUNK};

/// The buffers that no read is using. Parts of their memory may still be on the way to the disk.
#[derive(Debug, Default)]
pub(crate) struct Buffers(Mutex<Vec<BytesMut>>);

impl Buffers {
    /// An empty buffer with room for a read.
    pub(crate) fn take(&self) -> BytesMut {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // The one that came back last is the warmest, but its blocks are likely still in use.
        let free = kept.iter_mut().position(|buffer| buffer.try_reclaim(READ_CHUNK));
        free.map_or_else(|| BytesMut::with_capacity(READ_CHUNK), |at| kept.swap_remove(at))
    }

    /// Gives a buffer back, whoever else may still hold slices of it.
    pub(crate) fn give_back(&self, mut buffer: BytesMut) {
        buffer.clear();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT_CHUNKS {
            kept.push(buffer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_used_again_when_nobody_holds_a_slice_of_it() {
        let buffers = Buffers::default();
        let mut first = buffers.take();
        first.extend_from_slice(&[1; 100]);
        let start = first.as_ptr();
        let slice = first.split_to(60).freeze();
        buffers.give_back(first);
        let second = buffers.take();
        assert_ne!(second.as_ptr(), start, "a slice of the first one is in use");
        assert_eq!(slice, vec![1; 60]);
        drop(slice);
        let third = buffers.take();
        assert_eq!((third.as_ptr(), third.len()), (start, 0));
        assert!(third.capacity() >= READ_CHUNK);
    }
}

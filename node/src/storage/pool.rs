//! Buffers for reading, used again when nobody holds a part of them any more.
//!
//! A new buffer has to be zeroed, or comes in pages that the system zeroes one by one, which costs a fifth of what reading from
//! the page cache does.

use std::collections::VecDeque;
use std::io;

use bytes::{Bytes, BytesMut};

/// Some buffers of equal length. Those that are out are known here, too, so that they are found when they are free.
#[derive(Debug, Default)]
pub(super) struct Pool {
    known: VecDeque<Bytes>,
}

impl Pool {
    /// Bytes of a buffer: the most that is read at once.
    pub(super) const BUFFER: usize = 256 * 1024;
    /// So many buffers are kept for use: 2 MiB.
    const KEPT: usize = 8;

    /// The first `len` bytes of a buffer, after `read` has filled them.
    pub(super) fn fill(
        &mut self,
        len: usize,
        read: impl FnOnce(&mut [u8]) -> io::Result<()>,
    ) -> io::Result<Bytes> {
        if len > Self::BUFFER / 2 {
            self.fill_kept(len, read)
        } else {
            // A small part would hold a large buffer.
            let mut buffer = BytesMut::zeroed(len);
            read(&mut buffer)?;
            Ok(buffer.freeze())
        }
    }

    fn fill_kept(&mut self, len: usize, read: impl FnOnce(&mut [u8]) -> io::Result<()>) -> io::Result<Bytes> {
        let free = self.known.iter().position(Bytes::is_unique).and_then(|at| self.known.remove(at));
        let mut buffer = match free.map(Bytes::try_into_mut) {
            Some(Ok(buffer)) if buffer.len() >= len => buffer,
            _ => BytesMut::zeroed(len.max(Self::BUFFER)),
        };
        let filled = read(&mut buffer[..len]);
        let buffer = buffer.freeze();
        if self.known.len() == Self::KEPT {
            self.known.pop_front();
        }
        self.known.push_back(buffer.clone());
        filled.map(|()| buffer.slice(..len))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_is_used_again_when_its_last_part_is_gone() {
        let mut pool = Pool::default();
        let mut fill = |byte: u8| {
            pool.fill(Pool::BUFFER, |buffer| {
                buffer.fill(byte);
                Ok(())
            })
            .unwrap()
        };
        let first = fill(1);
        let place = first.as_ptr();
        let part = first.slice(100..200);
        drop(first);
        let second = fill(2);
        assert_ne!(second.as_ptr(), place, "a part of the first is still held");
        assert!(part.iter().all(|&byte| byte == 1));
        drop(part);
        assert_eq!(fill(3).as_ptr(), place);
        assert!(second.iter().all(|&byte| byte == 2));
    }
}

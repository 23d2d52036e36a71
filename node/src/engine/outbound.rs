//! What waits to be written to a connection: small messages in one buffer, block data as it came from the disk.
//!
//! The engine puts messages in and never waits; the connection's writer takes all of it at once and hands it to the kernel
//! with one vectored write for many messages. A block goes as a header of 13 bytes and the memory that the disk has read
//! it into: it is not copied.

use std::io::IoSlice;
use std::mem;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use minibit_core::Message;
use minibit_core::config::Encoding;
use minibit_core::wire::{self, Names, Speech, bep3};
use tokio::sync::Notify;

use crate::limits::{QUEUED_CONTROL, WRITE_SLICES};

/// The queue between the engine and one connection's writer.
#[derive(Debug)]
pub(crate) struct Outbound {
    encoding: Encoding,
    names: Arc<Names>,
    queue: Mutex<Queue>,
    ready: Notify,
    closing: Notify,
}

#[derive(Debug, Default)]
struct Queue {
    batch: Batch,
    closed: bool,
    /// Closed only because everything has been said, and is to arrive.
    finished: bool,
}

/// More waits than a peer that reads would leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl Outbound {
    pub(crate) fn new(encoding: Encoding, names: Arc<Names>) -> Self {
        Self { encoding, names, queue: Mutex::default(), ready: Notify::new(), closing: Notify::new() }
    }

    /// Adds a message. The writer sees it after [`flush`](Self::flush).
    ///
    /// # Errors
    /// When the peer has not read for too long.
    pub(crate) fn push(&self, message: Message<Bytes>) -> Result<(), Full> {
        let mut queue = self.lock();
        queue.batch.push(Speech { encoding: self.encoding, names: &self.names }, message);
        if queue.batch.control_waiting() > QUEUED_CONTROL { Err(Full) } else { Ok(()) }
    }

    /// Wakes the writer.
    pub(crate) fn flush(&self) {
        self.ready.notify_one();
    }

    /// No more messages come. The writer ends when it has tried to send what is there.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.ready.notify_one();
        self.closing.notify_one();
    }

    /// No more messages come, and those that are there are to arrive.
    pub(crate) fn finish(&self) {
        self.lock().finished = true;
        self.close();
    }

    /// Waits until no more messages come; true when those that are there are to arrive. There is one writer, and it alone waits.
    pub(crate) async fn closed(&self) -> bool {
        self.closing.notified().await;
        self.lock().finished
    }

    /// Everything that waits, as soon as there is something; `None` when it is closed and empty.
    pub(crate) async fn next(&self) -> Option<Batch> {
        loop {
            {
                let mut queue = self.lock();
                if !queue.batch.is_empty() {
                    return Some(mem::take(&mut queue.batch).sealed());
                }
                if queue.closed {
                    return None;
                }
            }
            self.ready.notified().await;
        }
    }

    /// Puts everything that waits behind a batch of which less than so many bytes are left.
    pub(crate) fn add_to(&self, batch: &mut Batch, most: usize) {
        if batch.rest().map(|(control, data)| control + data).sum::<usize>() < most {
            let mut queue = self.lock();
            if !queue.batch.is_empty() {
                batch.append(mem::take(&mut queue.batch).sealed());
            }
        }
    }

    /// Does nothing wait?
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().batch.is_empty()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Messages as bytes, in order: stretches of `control` and block data by turns.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    control: BytesMut,
    parts: Vec<Part>,
    /// Bytes of `control` that the core's send credit does not bound.
    control_waiting: usize,
    /// The first part that is not all sent.
    next: usize,
    /// How much of `control` and of the next part's data is sent.
    control_sent: usize,
    data_sent: usize,
}

/// The stretch of `control` up to `control_end`, then `data`.
#[derive(Debug)]
struct Part {
    control_end: usize,
    data: Bytes,
    /// What the core gets back when this part has left: see [`Message::credited_len`].
    credit: u32,
}

impl Batch {
    fn push(&mut self, speech: Speech<'_>, message: Message<Bytes>) {
        let credit = message.credited_len();
        let before = self.control.len();
        let data = match message {
            Message::Piece { index, begin, data } if speech.encoding == Encoding::Bep3 => {
                self.control.extend_from_slice(&bep3::piece_header(index, begin, credit));
                data
            }
            Message::Piece { data, .. } if speech.encoding.answers_bare() => data,
            message => {
                // What an encoding has no word for is not said.
                let _unspoken = wire::encode(speech, &message, &mut self.control);
                Bytes::new()
            }
        };
        if credit > 0 {
            self.parts.push(Part { control_end: self.control.len(), data, credit });
        } else {
            self.control_waiting += self.control.len() - before;
        }
    }

    const fn control_waiting(&self) -> usize {
        self.control_waiting
    }

    fn is_empty(&self) -> bool {
        self.control.is_empty() && self.parts.is_empty()
    }

    /// Gives the control bytes after the last block a part of their own.
    fn sealed(mut self) -> Self {
        let control_end = self.control.len();
        if self.parts.last().is_none_or(|last| last.control_end < control_end) {
            self.parts.push(Part { control_end, data: Bytes::new(), credit: 0 });
        }
        self
    }

    pub(crate) fn is_sent(&self) -> bool {
        self.next == self.parts.len()
    }

    /// How many bytes to write in a turn of `most`: whole blocks, one at least, and the small messages before and after them, for which the
    /// turn may be an eighth longer. They, or the last bytes of a block, would have to wait for the next turn otherwise.
    pub(crate) fn turn(&self, most: usize) -> usize {
        let longest = most + most / 8;
        let mut bytes = 0;
        for (control, data) in self.rest().take(WRITE_SLICES / 2) {
            if bytes > 0 && bytes + control + data > most {
                return (bytes + control).min(longest).max(bytes);
            }
            bytes += control + data;
        }
        bytes.min(longest)
    }

    /// Bytes of each part that are not sent: of what is said before the block, and of the block.
    fn rest(&self) -> impl Iterator<Item = (usize, usize)> {
        let (mut control_from, mut data_from) = (self.control_sent, self.data_sent);
        self.parts[self.next..].iter().map(move |part| {
            let rest = (part.control_end - control_from, part.data.len() - data_from);
            (control_from, data_from) = (part.control_end, 0);
            rest
        })
    }

    /// The messages of another batch come after those of this one.
    fn append(&mut self, other: Self) {
        let before = self.control.len();
        self.control.extend_from_slice(&other.control);
        let parts = other.parts.into_iter();
        self.parts.extend(parts.map(|part| Part { control_end: before + part.control_end, ..part }));
    }

    /// What a vectored write takes next, `limit` bytes at most.
    pub(crate) fn slices<'a>(&'a self, into: &mut [IoSlice<'a>; WRITE_SLICES], limit: usize) -> usize {
        let mut count = 0;
        let mut left = limit;
        let (mut control_from, mut data_from) = (self.control_sent, self.data_sent);
        for part in &self.parts[self.next..] {
            for bytes in [&self.control[control_from..part.control_end], &part.data[data_from..]] {
                if bytes.is_empty() {
                    continue;
                }
                if count == into.len() || left == 0 {
                    return count;
                }
                let bytes = &bytes[..bytes.len().min(left)];
                into[count] = IoSlice::new(bytes);
                count += 1;
                left -= bytes.len();
            }
            (control_from, data_from) = (part.control_end, 0);
        }
        count
    }

    /// So many bytes more have left. Returns the credit for what is complete with them.
    pub(crate) fn advance(&mut self, mut sent: usize) -> u32 {
        let mut credit = 0;
        while let Some(part) = self.parts.get_mut(self.next) {
            let control = sent.min(part.control_end - self.control_sent);
            self.control_sent += control;
            sent -= control;
            let data = sent.min(part.data.len() - self.data_sent);
            self.data_sent += data;
            sent -= data;
            if self.control_sent < part.control_end || self.data_sent < part.data.len() {
                break;
            }
            credit += part.credit;
            // The block's memory is free for the next read.
            part.data = Bytes::new();
            self.data_sent = 0;
            self.next += 1;
        }
        credit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEP3: Speech<'_> = Speech { encoding: Encoding::Bep3, names: &Names::USUAL };

    fn outbound(encoding: Encoding) -> Outbound {
        Outbound::new(encoding, Arc::new(Names::USUAL))
    }

    fn piece(len: usize) -> Message<Bytes> {
        Message::Piece { index: 1, begin: 2, data: Bytes::from(vec![7; len]) }
    }

    fn sent(outbound: &Outbound, step: usize) -> (Vec<u8>, Vec<u32>) {
        let mut batch = mem::take(&mut outbound.lock().batch).sealed();
        let (mut bytes, mut credits) = (Vec::new(), Vec::new());
        while !batch.is_sent() {
            let mut slices = [IoSlice::new(&[]); WRITE_SLICES];
            let count = batch.slices(&mut slices, step);
            let now: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.iter().copied()).collect();
            assert!(!now.is_empty() && now.len() <= step);
            bytes.extend_from_slice(&now);
            credits.push(batch.advance(now.len()));
        }
        (bytes, credits)
    }

    /// What a batch of blocks of these lengths, each after `control` bytes that are no block, gives to turns of a hundred bytes.
    fn turns(control: usize, blocks: &[usize]) -> Vec<usize> {
        let mut batch = Batch::default();
        for &len in blocks {
            (0..control / 5).for_each(|_| batch.push(BEP3, Message::Choke));
            batch.push(BEP3, piece(len));
        }
        let mut batch = batch.sealed();
        let mut turns = Vec::new();
        while !batch.is_sent() {
            turns.push(batch.turn(100));
            batch.advance(turns[turns.len() - 1]);
        }
        turns
    }

    #[test]
    fn a_turn_is_of_whole_blocks_and_what_is_said_between_them() {
        // A block has a header of 13 bytes, which is said before it.
        assert_eq!(turns(0, &[37, 37, 37]), [112, 38], "two blocks, and most of a header");
        assert_eq!(turns(10, &[77]), [100]);
        assert_eq!(turns(10, &[80]), [103], "only a little longer");
        assert_eq!(turns(10, &[80, 80]), [112, 94]);
        assert_eq!(turns(0, &[187]), [112, 88], "too long for one");
    }

    #[test]
    fn what_is_said_while_a_batch_waits_goes_with_it() {
        let outbound = outbound(Encoding::Bep3);
        let mut expected = BytesMut::new();
        let mut batch = Batch::default();
        for (number, message) in [Message::Unchoke, piece(50), Message::Have { index: 3 }].iter().enumerate()
        {
            wire::encode(Encoding::Bep3, message, &mut expected).unwrap();
            outbound.push(message.clone()).unwrap();
            if number == 0 {
                batch = mem::take(&mut outbound.lock().batch).sealed();
            }
        }
        outbound.add_to(&mut batch, 5);
        assert_eq!(batch.turn(100), 5, "there was no room");
        outbound.add_to(&mut batch, 100);
        assert!(outbound.is_empty());
        let mut slices = [IoSlice::new(&[]); WRITE_SLICES];
        let count = batch.slices(&mut slices, batch.turn(100));
        let bytes: Vec<u8> = slices[..count].iter().flat_map(|slice| slice.iter().copied()).collect();
        assert_eq!(bytes, expected);
        assert_eq!(batch.advance(bytes.len()), 50);
        assert!(batch.is_sent());
    }

    #[test]
    fn bytes_are_those_of_the_codec_wherever_the_writes_are_cut() {
        let messages =
            [Message::Unchoke, piece(100), piece(50), Message::Have { index: 3 }, piece(1), Message::Choke];
        for encoding in [Encoding::Bep3, Encoding::Json, Encoding::S1, Encoding::S4] {
            let mut expected = BytesMut::new();
            for message in &messages {
                let _unspoken = wire::encode(encoding, message, &mut expected);
            }
            for step in [1, 13, 14, 60, 10_000] {
                let outbound = outbound(encoding);
                for message in messages.clone() {
                    outbound.push(message).unwrap();
                }
                let (bytes, credits) = sent(&outbound, step);
                assert_eq!(bytes, expected, "{encoding:?} in steps of {step}");
                assert_eq!(credits.iter().sum::<u32>(), 151);
            }
        }
    }

    #[test]
    fn many_blocks_go_in_one_write() {
        let outbound = outbound(Encoding::Bep3);
        for _ in 0..WRITE_SLICES / 2 {
            outbound.push(piece(16)).unwrap();
        }
        let (bytes, credits) = sent(&outbound, usize::MAX);
        assert_eq!((bytes.len(), credits), (32 * 29, vec![32 * 16]));
    }

    #[test]
    fn who_does_not_read_is_found_out_but_blocks_do_not_count() {
        let outbound = outbound(Encoding::Bep3);
        for _ in 0..QUEUED_CONTROL / 1000 {
            outbound.push(piece(2000)).unwrap();
        }
        let have = Message::Have { index: 1 };
        let first_refused = (0..QUEUED_CONTROL).find(|_| outbound.push(have.clone()).is_err()).unwrap();
        assert_eq!(first_refused, QUEUED_CONTROL / 9);
    }
}

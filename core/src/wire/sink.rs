//! Writing. One description of a message serves two sinks: a buffer, and a counter, so that the length that the simulator
//! counts cannot differ from what the node sends.

use core::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut as _, Bytes, BytesMut};

use super::bits;
use crate::bitfield::Bitfield;
use crate::payload::Payload;

/// Where the parts of a message go. Nothing needs an escape: texts are our own, everything else is digits or base64.
pub(super) trait Sink<D> {
    fn text(&mut self, text: &str);
    fn number(&mut self, number: u64);
    fn hex(&mut self, bytes: &[u8; 20]);
    fn base64(&mut self, bytes: &[u8]);
    /// A bitfield's bytes in base64.
    fn bitfield(&mut self, set: &Bitfield);
    /// A block's bytes in base64.
    fn data(&mut self, data: &D);
    /// A block's bytes as they are.
    fn bare(&mut self, data: &D);

    /// The indices of the pieces, with commas between them.
    fn indices(&mut self, set: &Bitfield) {
        for (at, piece) in set.iter().enumerate() {
            if at > 0 {
                self.text(",");
            }
            self.number(piece.get().into());
        }
    }
}

/// Length of the base64 of so many bytes, padding included.
pub(super) const fn base64_len(bytes: u64) -> u64 {
    bytes.div_ceil(3).saturating_mul(4)
}

/// Counts bytes.
#[derive(Debug, Default)]
pub(super) struct Length(pub(super) u64);

impl Length {
    fn add(&mut self, bytes: u64) {
        self.0 = self.0.saturating_add(bytes);
    }
}

impl<D: Payload> Sink<D> for Length {
    fn text(&mut self, text: &str) {
        self.add(text.len() as u64);
    }

    fn number(&mut self, number: u64) {
        self.add(number.checked_ilog10().map_or(1, |log| u64::from(log).saturating_add(1)));
    }

    fn hex(&mut self, _: &[u8; 20]) {
        self.add(40);
    }

    fn base64(&mut self, bytes: &[u8]) {
        self.add(base64_len(bytes.len() as u64));
    }

    fn bitfield(&mut self, set: &Bitfield) {
        self.add(base64_len(bits::byte_len(set.len()).into()));
    }

    fn data(&mut self, data: &D) {
        self.add(base64_len(data.len().into()));
    }

    fn bare(&mut self, data: &D) {
        self.add(data.len().into());
    }
}

impl Sink<Bytes> for BytesMut {
    fn text(&mut self, text: &str) {
        self.put_slice(text.as_bytes());
    }

    fn number(&mut self, number: u64) {
        write!(self, "{number}").expect("a growing buffer takes everything");
    }

    fn hex(&mut self, bytes: &[u8; 20]) {
        for byte in bytes {
            write!(self, "{byte:02x}").expect("a growing buffer takes everything");
        }
    }

    fn base64(&mut self, bytes: &[u8]) {
        // In parts of a multiple of three bytes, which need no padding: no second buffer of the block's size.
        let mut text = [0; 4096];
        for part in bytes.chunks(3072) {
            let len = STANDARD.encode_slice(part, &mut text).expect("3072 bytes are 4096 characters");
            self.put_slice(text.get(..len).unwrap_or(&text));
        }
    }

    fn bitfield(&mut self, set: &Bitfield) {
        let bytes: Vec<u8> = bits::to_wire(set).collect();
        Sink::base64(self, &bytes);
    }

    fn data(&mut self, data: &Bytes) {
        Sink::base64(self, data);
    }

    fn bare(&mut self, data: &Bytes) {
        self.put_slice(data);
    }
}

/// Writes the four bytes of length that stand before an object.
pub(super) fn prefix(len: u64, out: &mut BytesMut) {
    out.put_u32(u32::try_from(len).expect("a message is shorter than 4 GiB"));
}

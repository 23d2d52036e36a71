//! Bitfields as bytes: one bit per piece, the first piece in the highest bit of the first byte (BEP 3, *bitfield*).
//!
//! The only place that knows this order; everywhere else a [`Bitfield`] is words, lowest bit first.

use crate::bitfield::Bitfield;

/// Bytes that the bits of so many pieces take.
pub(super) const fn byte_len(pieces: u32) -> u32 {
    pieces.div_ceil(8)
}

/// The bytes of a bitfield; the spare bits of the last one are zero.
pub(super) fn to_wire(set: &Bitfield) -> impl Iterator<Item = u8> + '_ {
    let bytes = set.words().iter().flat_map(|word| word.to_le_bytes());
    bytes.map(u8::reverse_bits).take(byte_len(set.len()) as usize)
}

/// The bitfield of `pieces` pieces in exactly [`byte_len`] bytes; `None` when a spare bit is set.
pub(super) fn from_wire(bytes: &[u8], pieces: u32) -> Option<Bitfield> {
    let words = bytes.chunks(8).map(|chunk| {
        let mut word = [0; 8];
        for (to, from) in word.iter_mut().zip(chunk) {
            *to = from.reverse_bits();
        }
        u64::from_le_bytes(word)
    });
    Bitfield::from_words(words.collect(), pieces)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::PieceIndex;

    #[test]
    fn the_first_piece_is_the_highest_bit() {
        let mut set = Bitfield::none(70);
        for piece in [0, 9, 69] {
            set.insert(PieceIndex(piece));
        }
        let bytes: Vec<u8> = to_wire(&set).collect();
        assert_eq!(bytes, [0x80, 0x40, 0, 0, 0, 0, 0, 0, 0x04]);
        assert_eq!(from_wire(&bytes, 70), Some(set));
    }

    #[test]
    fn a_spare_bit_must_be_zero() {
        for pieces in 1..=130 {
            let mut bytes: Vec<u8> = to_wire(&Bitfield::all(pieces)).collect();
            assert_eq!(bytes.len(), byte_len(pieces) as usize);
            assert_eq!(from_wire(&bytes, pieces), Some(Bitfield::all(pieces)));
            if !pieces.is_multiple_of(8) {
                *bytes.last_mut().unwrap() |= 1;
                assert_eq!(from_wire(&bytes, pieces), None, "{pieces} pieces");
            }
        }
    }
}

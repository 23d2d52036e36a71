//! Names of things: connections, pieces, blocks, torrents, peers.

use core::fmt;

/// One connection of one `Torrent`: a slot of its table and the slot's generation.
///
/// The core hands these out; a driver keeps them as they are. A late completion for a closed connection carries an old
/// generation and misses, instead of hitting the slot's next owner.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId {
    slot: u32,
    generation: u32,
}

impl ConnId {
    /// An id out of its parts; only the connection table makes ids that mean something.
    pub const fn new(slot: u32, generation: u32) -> Self {
        Self { slot, generation }
    }

    /// The index in the connection table: dense, reused, so a driver may index a `Vec` with it.
    pub const fn slot(self) -> usize {
        self.slot as usize
    }

    /// How often the slot had been used before.
    pub const fn generation(self) -> u32 {
        self.generation
    }
}

impl fmt::Debug for ConnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "conn {}.{}", self.slot, self.generation)
    }
}

/// The index of a piece that exists. Made by [`Geometry::piece`](crate::geometry::Geometry::piece) alone, so holding one
/// proves that it is in range *for that torrent*.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PieceIndex(pub(crate) u32);

impl PieceIndex {
    /// The number as it stands in messages.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The number as an index of a slice.
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Debug for PieceIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// A block of our own choice: the `block`-th of a piece, on the grid of the torrent's block length.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockRef {
    /// The piece.
    pub piece: PieceIndex,
    /// The block's number within the piece.
    pub block: u32,
}

impl fmt::Debug for BlockRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}.{}", self.piece.0, self.block)
    }
}

/// A piece of a piece as peers name it in `request`, `cancel` and `reject`: unchecked numbers off the wire.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockSpan {
    /// Index of the piece.
    pub index: u32,
    /// Byte offset within the piece.
    pub begin: u32,
    /// Length in bytes.
    pub length: u32,
}

impl fmt::Debug for BlockSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}[{}+{}]", self.index, self.begin, self.length)
    }
}

macro_rules! twenty_bytes {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 20]);

        impl $name {
            /// Forty lower-case hexadecimal digits.
            pub fn to_hex(self) -> String {
                use core::fmt::Write as _;
                self.0.iter().fold(String::with_capacity(40), |mut text, byte| {
                    write!(text, "{byte:02x}").expect("a String takes everything");
                    text
                })
            }

            /// The name out of forty hexadecimal digits of either case, and of nothing else.
            pub fn from_hex(digits: &str) -> Option<Self> {
                twenty_bytes(digits.as_bytes()).map(Self)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.to_hex())
            }
        }
    };
}

twenty_bytes! {
    /// SHA-1 of a torrent's `info` dictionary: the name of a swarm (BEP 3).
    InfoHash
}
twenty_bytes! {
    /// What a participant calls itself: 20 bytes of its own choice (BEP 3, BEP 20).
    PeerId
}

/// The bytes behind forty hexadecimal digits of either case.
fn twenty_bytes(digits: &[u8]) -> Option<[u8; 20]> {
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let pairs: &[[u8; 2]; 20] = pairs.try_into().ok()?;
    let mut bytes = [0; 20];
    for (byte, &[high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = hex_digit(high)? << 4 | hex_digit(low)?;
    }
    Some(bytes)
}

fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| value.try_into().ok())
}

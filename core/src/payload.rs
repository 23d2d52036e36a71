//! What a block carries: real bytes in the node, a length in the simulator.

use core::fmt;

/// The data of a block.
pub trait Payload: Clone + fmt::Debug {
    /// Length in bytes.
    fn len(&self) -> u32;

    /// No bytes at all.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[expect(clippy::cast_possible_truncation, reason = "frames are bounded far below 4 GiB by the codecs")]
impl Payload for bytes::Bytes {
    fn len(&self) -> u32 {
        Self::len(self) as u32
    }
}

/// A block without bytes: its length, and one bit that says whether it was corrupted on its way.
///
/// The taint travels with the block and is found by the hash check, as a wrong byte would be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Virtual(u32);

impl Virtual {
    const TAINT: u32 = 1 << 31;

    /// A sound block of `len` bytes.
    ///
    /// # Panics
    /// When `len` is 2 GiB or more.
    pub const fn new(len: u32) -> Self {
        assert!(len & Self::TAINT == 0, "a block is shorter than 2 GiB");
        Self(len)
    }

    /// The same block with a wrong byte in it.
    pub const fn corrupted(self) -> Self {
        Self(self.0 | Self::TAINT)
    }

    /// Is there a wrong byte in it?
    pub const fn is_corrupt(self) -> bool {
        self.0 & Self::TAINT != 0
    }
}

impl Payload for Virtual {
    fn len(&self) -> u32 {
        self.0 & !Self::TAINT
    }
}

impl fmt::Debug for Virtual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} B{}", self.len(), if self.is_corrupt() { " corrupt" } else { "" })
    }
}

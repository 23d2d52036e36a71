//! Blocks of the pieces that are being fetched.
//!
//! A piece is *open* from its first request until its hash is checked. Each block is free, asked for, or here; who sent it is
//! remembered until then, so that a wrong piece finds its liar.

use crate::geometry::Geometry;
use crate::id::{BlockRef, ConnId, PieceIndex};
use crate::torrent::known::PeerKey;

/// Most peers that are asked for the same block in the endgame.
pub(crate) const MAX_COPIES_ASKED: u16 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Block {
    /// Asked of so many peers; 0 is free.
    Missing(u16),
    /// On its way to the disk.
    Here(PeerKey),
    /// On the disk.
    Written(PeerKey),
}

/// An open piece.
#[derive(Debug)]
pub(crate) struct Partial {
    pub(crate) piece: PieceIndex,
    blocks: Box<[Block]>,
    free: u32,
    missing: u32,
    written: u32,
    /// All blocks before this one are not free.
    first_free: u32,
    /// Whose connection the piece was opened for.
    opener: ConnId,
    /// After a failed hash check the piece is fetched again from one peer alone.
    single_source: bool,
    /// That peer.
    source: Option<ConnId>,
    /// Blocks of a lost source that are still on their way to the disk: before they are there no block is asked for, or
    /// what the next source sends could be mixed up with them.
    draining: u32,
}

impl Partial {
    fn new(piece: PieceIndex, blocks: u32, opener: ConnId, single_source: bool) -> Self {
        Self {
            piece,
            opener,
            blocks: vec![Block::Missing(0); blocks as usize].into(),
            free: blocks,
            missing: blocks,
            written: 0,
            first_free: 0,
            single_source,
            source: None,
            draining: 0,
        }
    }

    /// Who sent which block, in order.
    pub(crate) fn senders(&self) -> Vec<PeerKey> {
        let sender = |block: &Block| match *block {
            Block::Here(key) | Block::Written(key) => Some(key),
            Block::Missing(_) => None,
        };
        self.blocks.iter().filter_map(sender).collect()
    }

    fn reset(&mut self) {
        let blocks = u32::try_from(self.blocks.len()).expect("made from a u32");
        let under_way = self.blocks.iter().filter(|block| matches!(block, Block::Here(_))).count();
        let draining = self.draining + u32::try_from(under_way).expect("at most all blocks");
        *self = Self { draining, ..Self::new(self.piece, blocks, self.opener, self.single_source) };
    }

    /// Has it a block that may be asked of this connection?
    fn offers(&self, conn: ConnId) -> bool {
        let bound_elsewhere = self.single_source && self.source.is_some_and(|source| source != conn);
        self.free > 0 && self.draining == 0 && !bound_elsewhere
    }
}

/// What became of a block that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    /// It was missing, and `others` other peers are still asked for it.
    New {
        /// Other peers that are asked.
        others: u16,
    },
    /// It is here already, or its piece is not open.
    Useless,
}

/// What follows from a block's being on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Landing {
    /// Others of its piece are not.
    More,
    /// The piece is complete and can be hashed.
    Complete,
    /// The last block of a lost source has landed: the piece can be asked for again.
    Drained,
}

/// An open piece to take a block from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Best {
    pub(crate) piece: PieceIndex,
    /// It was opened for the connection that asks.
    pub(crate) own: bool,
}

/// All open pieces, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Partials {
    open: Vec<Partial>,
    /// Free blocks of all open pieces.
    free: u32,
}

impl Partials {
    /// Opens a piece for a connection.
    pub(crate) fn open(
        &mut self,
        geometry: &Geometry,
        piece: PieceIndex,
        opener: ConnId,
        single_source: bool,
    ) {
        let partial = Partial::new(piece, geometry.block_count(piece), opener, single_source);
        self.free += partial.free;
        self.open.push(partial);
    }

    /// Is there a block that nobody is asked for?
    pub(crate) const fn any_free(&self) -> bool {
        self.free > 0
    }

    /// An open piece with a free block, the oldest that fits.
    pub(crate) fn any_of(&self, mut fits: impl FnMut(PieceIndex) -> bool) -> Option<PieceIndex> {
        let free = self.open.iter().filter(|partial| partial.free > 0 && partial.draining == 0);
        free.map(|partial| partial.piece).find(|&piece| fits(piece))
    }

    fn find(&mut self, piece: PieceIndex) -> Option<&mut Partial> {
        self.open.iter_mut().find(|partial| partial.piece == piece)
    }

    /// The open piece to take a block from for this connection: one that was opened for it, else the one of the least `rank`, of
    /// equal ones that which is nearest to being fully asked for. Only pieces with free blocks that `allowed` admits.
    pub(crate) fn best(
        &self,
        conn: ConnId,
        mut allowed: impl FnMut(PieceIndex) -> bool,
        mut rank: impl FnMut(PieceIndex) -> u32,
    ) -> Option<Best> {
        if self.free == 0 {
            return None;
        }
        let mut best: Option<(u32, u32, PieceIndex)> = None;
        for partial in self.open.iter().filter(|partial| partial.offers(conn)) {
            if !allowed(partial.piece) {
                continue;
            }
            if partial.opener == conn {
                return Some(Best { piece: partial.piece, own: true });
            }
            let key = (rank(partial.piece), partial.free, partial.piece);
            if best.is_none_or(|best| (key.0, key.1) < (best.0, best.1)) {
                best = Some(key);
            }
        }
        best.map(|(_, _, piece)| Best { piece, own: false })
    }

    /// The first free block of an open piece; it counts as asked for from here on.
    pub(crate) fn take(&mut self, conn: ConnId, piece: PieceIndex) -> Option<BlockRef> {
        let partial = self.open.iter_mut().find(|partial| partial.piece == piece && partial.offers(conn))?;
        let rest = partial.blocks.iter().skip(partial.first_free as usize);
        let offset = rest.into_iter().position(|&block| block == Block::Missing(0))?;
        let block = partial.first_free + u32::try_from(offset).expect("below a u32 count");
        partial.blocks[block as usize] = Block::Missing(1);
        partial.first_free = block + 1;
        partial.free -= 1;
        self.free -= 1;
        if partial.single_source {
            partial.source = Some(conn);
        }
        Some(BlockRef { piece, block })
    }

    /// Asks one more peer for a block that others are asked for already.
    pub(crate) fn ask_again(&mut self, block: BlockRef) {
        if let Some(partial) = self.find(block.piece)
            && let Some(Block::Missing(asked)) = partial.blocks.get_mut(block.block as usize)
        {
            *asked += 1;
        }
    }

    /// May a block of the piece be asked of this connection? Not of an open piece that is bound to another one.
    pub(crate) fn may_ask(&self, conn: ConnId, piece: PieceIndex) -> bool {
        let open = self.open.iter().find(|partial| partial.piece == piece);
        open.is_none_or(|partial| partial.offers(conn))
    }

    /// Is the block of an open piece, not here, and not to come from one peer alone?
    pub(crate) fn may_ask_anyone(&mut self, block: BlockRef) -> bool {
        let partial = self.find(block.piece).filter(|partial| !partial.single_source);
        partial.is_some_and(|partial| {
            matches!(partial.blocks.get(block.block as usize), Some(Block::Missing(_)))
        })
    }

    /// May a request for the block move to another peer? Not when the piece is to come from one alone.
    pub(crate) fn may_move(&self, block: BlockRef) -> bool {
        self.open
            .iter()
            .find(|partial| partial.piece == block.piece)
            .is_some_and(|partial| !partial.single_source)
    }

    /// Is the block missing, asked for, and of fewer peers than the endgame allows?
    pub(crate) fn may_ask_again(&mut self, block: BlockRef) -> bool {
        let partial = self.find(block.piece).filter(|partial| !partial.single_source);
        let state = partial.and_then(|partial| partial.blocks.get(block.block as usize).copied());
        matches!(state, Some(Block::Missing(1..MAX_COPIES_ASKED)))
    }

    /// A request was taken back, rejected or lost.
    pub(crate) fn release(&mut self, block: BlockRef) {
        let Some(partial) = self.find(block.piece) else { return };
        let Some(Block::Missing(asked)) = partial.blocks.get_mut(block.block as usize) else { return };
        if *asked == 0 {
            return;
        }
        *asked -= 1;
        if *asked == 0 {
            partial.free += 1;
            partial.first_free = partial.first_free.min(block.block);
            self.free += 1;
        }
    }

    /// A block has arrived on a connection from a peer, whether it is still `asked` for there or was taken back.
    pub(crate) fn arrived(&mut self, block: BlockRef, conn: ConnId, from: PeerKey, asked: bool) -> Arrival {
        let Some(partial) = self.find(block.piece) else { return Arrival::Useless };
        let Some(state) = partial.blocks.get_mut(block.block as usize) else { return Arrival::Useless };
        let Block::Missing(count) = *state else { return Arrival::Useless };
        if partial.draining > 0 {
            return Arrival::Useless;
        }
        if partial.single_source && *partial.source.get_or_insert(conn) != conn {
            return Arrival::Useless;
        }
        *state = Block::Here(from);
        partial.missing -= 1;
        if count == 0 {
            partial.free -= 1;
            self.free -= 1;
        }
        Arrival::New { others: count.saturating_sub(u16::from(asked)) }
    }

    /// A block is on the disk.
    pub(crate) fn written(&mut self, block: BlockRef) -> Landing {
        let Some(partial) = self.find(block.piece) else { return Landing::More };
        if partial.draining > 0 {
            partial.draining -= 1;
            return if partial.draining == 0 { Landing::Drained } else { Landing::More };
        }
        let Some(state) = partial.blocks.get_mut(block.block as usize) else { return Landing::More };
        let Block::Here(from) = *state else { return Landing::More };
        *state = Block::Written(from);
        partial.written += 1;
        if partial.written as usize == partial.blocks.len() { Landing::Complete } else { Landing::More }
    }

    /// A block did not get to the disk: it is missing again.
    pub(crate) fn not_written(&mut self, block: BlockRef) -> Landing {
        let Some(partial) = self.find(block.piece) else { return Landing::More };
        if partial.draining > 0 {
            partial.draining -= 1;
            return if partial.draining == 0 { Landing::Drained } else { Landing::More };
        }
        let Some(state @ Block::Here(_)) = partial.blocks.get_mut(block.block as usize) else {
            return Landing::More;
        };
        *state = Block::Missing(0);
        partial.missing += 1;
        partial.free += 1;
        partial.first_free = partial.first_free.min(block.block);
        self.free += 1;
        Landing::More
    }

    /// Closes a piece: it is done, or begins anew.
    pub(crate) fn close(&mut self, piece: PieceIndex) -> Option<Partial> {
        let at = self.open.iter().position(|partial| partial.piece == piece)?;
        let partial = self.open.remove(at);
        self.free -= partial.free;
        Some(partial)
    }

    /// A single source is lost, as far as its pieces are `concerned`: what it sent is thrown away, so that the next one is
    /// alone again. Returns these pieces.
    pub(crate) fn lose_source(
        &mut self,
        conn: ConnId,
        concerned: impl Fn(PieceIndex) -> bool,
    ) -> Vec<PieceIndex> {
        let mut lost = Vec::new();
        for partial in self.open.iter_mut().filter(|partial| partial.source == Some(conn)) {
            if partial.missing > 0 && concerned(partial.piece) {
                self.free -= partial.free;
                partial.reset();
                self.free += partial.free;
                lost.push(partial.piece);
            }
        }
        lost
    }

    /// Takes a piece without any block here or asked for out of the open ones; true when it was there.
    pub(crate) fn close_untouched(&mut self, piece: PieceIndex) -> bool {
        let untouched = self
            .find(piece)
            .is_some_and(|partial| partial.free as usize == partial.blocks.len() && partial.draining == 0);
        untouched && self.close(piece).is_some()
    }
}

#[cfg(test)]
mod tests;

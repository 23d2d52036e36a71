//! One connection: what we know of the peer at its other end, in both directions.

use std::collections::VecDeque;

use crate::bitfield::Bitfield;
use crate::boundary::Env;
use crate::config::Config;
use crate::geometry::Geometry;
use crate::id::{BlockRef, BlockSpan, PeerId, PieceIndex};
use crate::time::{Instant, nanos};
use crate::torrent::extended::ExtendedPeer;
use crate::torrent::idlers::SlotUse;
use crate::torrent::known::PeerKey;
use crate::torrent::meeting::Meeting;
use crate::torrent::pipeline::Pipeline;
use crate::torrent::queue::RequestQueue;
use crate::torrent::rate::Rate;
use crate::torrent::super_seed::Shown;
use crate::torrent::turns::PATIENCE;

/// Blocks that may still come after their requests were taken back: so many are remembered.
const EXPECTED_LIMIT: usize = 256;
/// A peer that has rejected blocks of so many pieces since the last sweep is not asked for anything before the next.
const REFUSED_LIMIT: usize = 8;

/// Blocks between the disk and one peer's network: so many at least, however short, where its credit in bytes allows them …
const BLOCKS_AT_LEAST: u32 = 64;
/// … and no more than these, however short blocks are in this swarm. Each takes some hundred bytes besides its own.
const BLOCKS_AT_MOST: u32 = 1024;

/// A peer that has let us down so often since the last sweep is not asked for anything before the next: it would be for ever, as often as
/// there is time.
const LET_DOWNS_LIMIT: u32 = 8;

/// How far a connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// We are dialling.
    Dialling,
    /// Open, but the peer's handshake has not come.
    Handshaking,
    /// Messages flow.
    Open,
}

/// A request of ours that has not been answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Outstanding {
    pub(crate) block: BlockRef,
    pub(crate) asked: Instant,
}

/// Bytes that are on their way from the disk to a peer.
#[derive(Clone, Copy, Debug)]
struct Read {
    span: BlockSpan,
    /// The peer has taken its request back meanwhile.
    cancelled: bool,
}

/// A piece that we are giving to a peer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    pub(crate) piece: PieceIndex,
    /// Bytes of it that it has not been given.
    pub(crate) left: u32,
}

/// One connection.
///
/// In the order of use: a simulation has a hundred thousand of these, and finds each of them in main memory. The first lines of the
/// cache have what nearly every message looks at, the first alone what tells that there is nothing to ask for; whole
/// tables are looked through for that.
#[derive(Debug)]
#[repr(C)]
#[expect(clippy::struct_field_names, reason = "am_… and peer_… are BEP 3's own words for the two directions")]
pub(crate) struct Peer<E: Env> {
    pub(crate) outstanding: VecDeque<Outstanding>,
    pub(crate) last_received: Instant,
    /// How many of its pieces we lack.
    pub(crate) useful: u32,
    pub(crate) stage: Stage,
    /// Both sides speak the fast extension.
    pub(crate) fast: bool,
    pub(crate) am_choking: bool,
    pub(crate) am_interested: bool,
    pub(crate) peer_choking: bool,
    pub(crate) peer_interested: bool,
    /// We opened the connection.
    pub(crate) dialled: bool,
    /// It owes us a block for so long that it gets no regular slot (Cohen 2003).
    pub(crate) snubbing: bool,
    /// Its requests timed out: until a block comes it is asked for one at a time.
    pub(crate) unresponsive: bool,
    /// It stands in the ring of connections that wait for service.
    pub(crate) in_ring: bool,
    /// It is its turn: it is being served.
    pub(crate) in_turn: bool,

    /// What the peer has.
    pub(crate) pieces: Bitfield,
    /// Pieces that we may ask for while choked (BEP 6).
    pub(crate) allowed_to_us: Vec<PieceIndex>,
    pub(crate) last_sent: Instant,
    /// Both sides speak the extension protocol: what it has said through it.
    pub(crate) extended: Option<Box<ExtendedPeer<E::Addr>>>,

    /// It was opened for one piece: how far that is.
    pub(crate) meeting: Option<Meeting>,
    /// The piece for which we have opened the connection, until it is here: [`Connections::PerPiece`](crate::config::Connections).
    pub(crate) errand: Option<PieceIndex>,
    /// Pieces of which it has rejected a block since the last sweep: not asked of it again before the next.
    pub(crate) refused: Vec<PieceIndex>,
    /// Since the last sweep, how often it has unchoked us, was asked, and has choked us without a block, or has rejected what it had allowed.
    pub(crate) let_downs: u32,
    /// A block that we asked for has come since it unchoked us.
    pub(crate) has_given: bool,
    /// Since when it has been asked and has sent no block; `None` while it owes us none.
    pub(crate) owing_since: Option<Instant>,
    pub(crate) last_block: Instant,

    pub(crate) pipeline: Pipeline,
    /// When the present stage began.
    pub(crate) since: Instant,
    /// What we have shown it as a super-seeder (BEP 16).
    pub(crate) shown: Option<Box<Shown>>,

    /// Requests that were taken back or dropped by a choke: their blocks may still come.
    pub(crate) expected: VecDeque<BlockRef>,
    pub(crate) download: Rate,
    pub(crate) downloaded: u64,
    pub(crate) key: PeerKey,
    /// The piece that the peer suggested last (BEP 6).
    pub(crate) suggested: Option<PieceIndex>,

    /// The peer's requests that wait to be served.
    pub(crate) queue: RequestQueue,
    /// What is being read for it.
    reads: Vec<Read>,
    /// Bytes of that.
    pub(crate) reading: u32,
    /// Bytes handed to the network and not yet reported as sent.
    pub(crate) in_flight: u32,
    /// The lengths of the blocks that these are in, what was reported of the first one taken off.
    handed_over: VecDeque<u32>,
    /// Bytes that it has been given since its last turn was used up; an unfinished one goes on.
    pub(crate) turn_bytes: u32,
    /// Its turn is used up, and what it was given is leaving.
    pub(crate) turn_used: bool,
    /// It has lost its turn because it did not use it.
    pub(crate) lost_turn: bool,
    /// The piece of which it was given the last block.
    pub(crate) begun: Option<Begun>,
    /// Pieces that it may ask for while choked (BEP 6).
    pub(crate) allowed_to_peer: Vec<PieceIndex>,
    pub(crate) slot: SlotUse,
    /// The piece that a first seeder has suggested to it, and that it has not asked for yet.
    pub(crate) promised: Option<PieceIndex>,
    pub(crate) upload: Rate,
    pub(crate) unchoked_at: Option<Instant>,
    /// Nanoseconds for which an unused turn is left to it.
    pub(crate) turn_patience: u64,
    /// Rejects, requests to be rejected and unasked blocks since our last choke, to find floods.
    pub(crate) nuisance: u32,

    pub(crate) addr: E::Addr,
    /// Where it can be dialled, when that is known from another connection.
    pub(crate) listed_as: Option<E::Addr>,
    pub(crate) peer_id: Option<PeerId>,
}

impl<E: Env> Peer<E> {
    pub(crate) fn new(
        addr: E::Addr,
        key: PeerKey,
        dialled: bool,
        geometry: &Geometry,
        config: &Config,
        now: Instant,
    ) -> Self {
        let (pieces, block_len) = (geometry.piece_count(), geometry.nominal_block_len());
        let open_door = config.has_no_choking();
        Self {
            addr,
            key,
            stage: if dialled { Stage::Dialling } else { Stage::Handshaking },
            dialled,
            errand: None,
            listed_as: None,
            fast: false,
            peer_id: None,
            extended: None,
            since: now,
            meeting: Meeting::new(config.connections, dialled),
            pieces: Bitfield::none(pieces),
            useful: 0,
            am_interested: false,
            peer_choking: !open_door,
            outstanding: VecDeque::new(),
            expected: VecDeque::new(),
            pipeline: Pipeline::new(config.requests, block_len, now),
            refused: Vec::new(),
            has_given: false,
            let_downs: 0,
            allowed_to_us: Vec::new(),
            suggested: None,
            download: Rate::new(now),
            downloaded: 0,
            last_block: now,
            owing_since: None,
            snubbing: false,
            unresponsive: false,
            nuisance: 0,
            am_choking: !open_door,
            peer_interested: !config.interest,
            queue: RequestQueue::default(),
            reads: Vec::new(),
            reading: 0,
            in_flight: 0,
            handed_over: VecDeque::new(),
            in_ring: false,
            in_turn: false,
            turn_bytes: 0,
            turn_used: false,
            lost_turn: false,
            turn_patience: nanos(PATIENCE),
            begun: None,
            allowed_to_peer: Vec::new(),
            upload: Rate::new(now),
            unchoked_at: None,
            slot: SlotUse::new(now),
            promised: None,
            shown: None,
            last_received: now,
            last_sent: now,
        }
    }

    /// Messages flow in both directions.
    pub(crate) fn is_open(&self) -> bool {
        self.stage == Stage::Open
    }

    /// How many requests it may be sent at a time: what its rate calls for, and no more than it queues.
    pub(crate) fn depth(&self) -> u32 {
        let depth = if self.unresponsive { 1 } else { self.pipeline.depth() };
        self.extended.as_ref().map_or(depth, |extended| depth.min(extended.reqq))
    }

    /// Where it can be dialled, as far as we know.
    pub(crate) fn listens(&self) -> Option<E::Addr> {
        let said = || self.extended.as_ref()?.listens;
        if self.dialled { Some(self.addr) } else { said().or(self.listed_as) }
    }

    /// Can anything be asked of it now?
    pub(crate) fn can_be_asked(&self) -> bool {
        let admits = !self.peer_choking || !self.allowed_to_us.is_empty();
        let gives = self.meeting.is_none_or(Meeting::takes);
        let reliable = self.refused.len() < REFUSED_LIMIT && self.let_downs < LET_DOWNS_LIMIT;
        self.is_open() && admits && gives && reliable
    }

    /// Would it send blocks of this piece, as far as we know?
    pub(crate) fn would_send(&self, piece: PieceIndex) -> bool {
        let admits = !self.peer_choking || self.allowed_to_us.contains(&piece);
        let gives = self.meeting.is_none_or(|meeting| meeting.takes_of(piece));
        admits && gives && self.pieces.contains(piece) && !self.refused.contains(&piece)
    }

    /// Would it send whatever it has?
    pub(crate) fn sends_all(&self) -> bool {
        self.is_open() && !self.peer_choking && self.refused.is_empty()
    }

    /// It has rejected a block of the piece, which it would have been expected to send.
    pub(crate) fn refuse(&mut self, piece: PieceIndex) {
        if !self.refused.contains(&piece) {
            self.refused.push(piece);
        }
    }

    /// A request was taken back; its block may come all the same.
    pub(crate) fn expect(&mut self, block: BlockRef) {
        if self.expected.len() == EXPECTED_LIMIT {
            self.expected.pop_front();
        }
        self.expected.push_back(block);
    }

    /// Nothing more is expected of it for now, if nothing is asked of it: silence is no offence.
    pub(crate) fn settle(&mut self) {
        if self.outstanding.is_empty() {
            self.owing_since = None;
        }
    }

    /// Bytes are asked of the disk for it.
    pub(crate) fn begin_read(&mut self, span: BlockSpan) {
        self.reading += span.length;
        self.reads.push(Read { span, cancelled: false });
    }

    /// The disk has answered. Does the peer still want it? `None`: nothing was asked of the disk.
    pub(crate) fn end_read(&mut self, span: BlockSpan) -> Option<bool> {
        let at = self.reads.iter().position(|read| read.span == span)?;
        self.reading -= span.length;
        Some(!self.reads.remove(at).cancelled)
    }

    /// A block of so many bytes is handed to the network.
    pub(crate) fn begin_sending(&mut self, len: u32) {
        self.in_flight += len;
        self.handed_over.push_back(len);
    }

    /// So many bytes of blocks have left.
    pub(crate) fn end_sending(&mut self, bytes: u32) {
        self.in_flight = self.in_flight.saturating_sub(bytes);
        let mut left = bytes;
        while let Some(first) = self.handed_over.front_mut() {
            if *first > left {
                *first -= left;
                return;
            }
            left -= *first;
            self.handed_over.pop_front();
        }
    }

    /// May one more block of so many bytes be read for it? A credit of bytes alone would let somebody who asks for single bytes and
    /// reads none of them have hundreds of thousands of them read.
    pub(crate) fn has_credit(&self, len: u32, credit: u32, nominal_block: u32) -> bool {
        let most = (credit / nominal_block).saturating_mul(2).clamp(BLOCKS_AT_LEAST, BLOCKS_AT_MOST);
        let blocks = self.reads.len() + self.handed_over.len();
        let used = self.reading + self.in_flight;
        used == 0 || (used + len <= credit && blocks < most as usize)
    }

    /// The peer takes a request back that has not been answered: true when there is one.
    pub(crate) fn cancel(&mut self, span: BlockSpan) -> bool {
        if self.queue.remove(&span) {
            return true;
        }
        let read = self.reads.iter_mut().find(|read| read.span == span && !read.cancelled);
        read.map(|read| read.cancelled = true).is_some()
    }

    /// May it ask us for blocks of the piece although we choke it: is the piece in the set that we allow, or begun and not finished?
    pub(crate) fn may_ask_while_choked(&self, piece: PieceIndex) -> bool {
        let begun = self.begun.is_some_and(|begun| begun.piece == piece && begun.left > 0);
        self.allowed_to_peer.contains(&piece) || (self.fast && begun)
    }

    /// It is given a block of a piece.
    pub(crate) fn note_begun(&mut self, piece: PieceIndex, piece_len: u32, bytes: u32) {
        let left = self.begun.filter(|begun| begun.piece == piece).map_or(piece_len, |begun| begun.left);
        self.begun = Some(Begun { piece, left: left.saturating_sub(bytes) });
    }

    /// Is it being served: are bytes for it between disk and network?
    pub(crate) const fn is_being_served(&self) -> bool {
        self.reading > 0 || self.in_flight > 0
    }
}

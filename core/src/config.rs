//! Everything about a participant that can be chosen: strategies as enums, limits and rhythms as numbers.
//!
//! The same names stand in scenario files, on the node's command line and in reports. A [`Profile`](crate::profile)
//! names a whole set.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::message::MessageKind;

/// What a node on a LAN starts from: requests under way at once, enough for the first round trip …
const LAN_REQUESTS: u32 = 128;
/// … and block data between the core and one connection's socket. A choke or a cancel still finds what is behind it unsent.
const LAN_SEND_CREDIT: u32 = 512 * 1024;
/// Unwritten blocks. They are memory, and a disk that is this far behind will not catch up while more comes in.
const LAN_DISK_HIGH_WATER: u64 = 4 << 20;
/// rtorrent keeps more than two thousand requests open, whatever it is told, and does not understand a reject: twice as many
/// are queued, 48 KiB on one connection at most. Where it has still more it is not read on until there is room.
const LAN_QUEUED_REQUESTS: u32 = 4_096;

/// A swarm could be turned against a third party by naming its addresses (Naoumov and Ross 2006): no faster than this.
const LAN_DIALS_PER_SECOND: u32 = 10;

/// Long enough for two who have just met on a LAN to find out whether they have anything for each other.
const LAN_USELESS: Duration = Duration::from_secs(2);
/// Many round trips: who has an unchoke for so long and asks for nothing has no use for it.
const LAN_UNUSED_SLOT: Duration = Duration::from_secs(1);
/// Three strangers that send nothing hold every place of the endgame, and would hold up the end until their requests time out.
const LAN_SILENT: Duration = Duration::from_secs(2);
/// Who starts a seeder and a leecher at the same time does not wait for a minute. Doubled each time, it is four dials in the first minute, of an
/// address that does not answer.
const LAN_RECONNECT_ALONE: Duration = Duration::from_secs(4);
/// Connections of one torrent, of some 5 KiB each when idle. The more there are, the longer has a newcomer in a crowd to say what it wants
/// before it is shown out.
const LAN_CONNECTIONS: u32 = 512;

/// Which piece to fetch next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PieceSelection {
    /// The piece that the fewest connected peers have; ties at random (Cohen 2003, Legout et al. 2006).
    RarestFirst,
    /// Any missing piece that the peer has, uniformly.
    Random,
    /// The missing piece with the lowest index: for streaming.
    Sequential,
    /// At random until the first pieces are complete, then rarest first (Cohen 2003, "random first piece").
    RandomFirstThenRarest,
}

/// Whom to serve.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChokeAlgorithm {
    /// The peers that send fastest, plus optimistic slots; a seeder serves round-robin (Cohen 2003; Legout et al. 2007).
    TitForTat,
    /// A random choice of the interested peers in every round (S1).
    RandomSlots,
    /// Only peers that have contributed, those who gave most first, plus optimistic slots (S2).
    Contribution,
    /// The peers that hold the rarest pieces (S5).
    Rarity,
    /// Everyone who is interested.
    None,
}

/// How choking is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choking {
    /// Whom to serve.
    pub algorithm: ChokeAlgorithm,
    /// Regular slots: peers that are unchoked by merit. Not used by [`ChokeAlgorithm::None`].
    pub slots: u32,
    /// Optimistic slots: peers that are unchoked by luck.
    pub optimistic_slots: u32,
    /// Time between choke rounds.
    pub interval: Duration,
    /// How long an optimistic slot is kept.
    pub optimistic_interval: Duration,
    /// A peer that was asked and sent no block for so long is snubbing us (Cohen 2003: a minute).
    pub snub_after: Duration,
    /// Is a free slot given at once to a peer that becomes interested, or only at the next round?
    pub immediate: bool,
    /// Most connections that are served at the same time, each with a piece's worth; the others' requests wait. With
    /// [`ChokeAlgorithm::None`] and `interested` messages only one peer more than these is unchoked, for a piece, and then
    /// another one. `None`: no limit.
    pub parallel_uploads: Option<u32>,
}

/// When and how many blocks are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Requests {
    /// As many outstanding requests per connection as its rate and delay call for, between the two bounds.
    Pipelined {
        /// Outstanding requests at the start, and never fewer.
        min: u32,
        /// Never more than this.
        max: u32,
        /// How much longer than the measured delay the pipeline reaches: what keeps a neighbour's upload queue filled.
        slack: Duration,
    },
    /// Always so many outstanding requests per connection.
    Fixed(u32),
    /// One request per interval over all connections, the first one at once (S1, S5).
    Paced {
        /// Time between requests.
        interval: Duration,
        /// When no connection is known to have anything that we miss: ask everyone for the same block (S5). Then a request may well
        /// have no answer, and none is waited for longer than an interval; otherwise, as only who has a block is asked for it, a
        /// request is under way until its [time-out](Timeouts::request).
        ask_all_when_unknown: bool,
    },
}

/// How peers learn what we have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Inventory {
    /// The bitfield once, then `have` for each piece, to those who lack it.
    Have,
    /// The same, but each piece is told to everyone, whether or not it has the piece (S1 `have`, S2 `announce_block`).
    HaveToAll,
    /// Nothing is said on connections: the tracker tells, as far as [`Announcing::lists`] says (S3, S4). Who has everything
    /// opens no connections, and asking for what is not here ends one.
    Tracker,
    /// The whole bitfield again and again, on our own clock (S2, S5).
    Broadcast {
        /// Time between broadcasts.
        interval: Duration,
        /// Also once, when a connection opens.
        on_connect: bool,
    },
}

/// What a connection is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Connections {
    /// As many pieces as there are to be had, for as long as both ends like (BEP 3).
    Lasting,
    /// One piece, and then it is closed (S3). Needs [`Lists::Inventories`] or [`Lists::Holders`]: whom to open one to is known
    /// from the tracker's list alone. [`Requests`] says how much of the piece is asked for at a time.
    PerPiece {
        /// So many pieces are fetched at a time.
        parallel: u32,
    },
    /// One piece, given by whoever has called: the other one chooses it, and then they part; at once when there is none. Nobody is
    /// called but whom [`Command::AddPeers`](crate::boundary::Command::AddPeers) names, and nobody is remembered. The
    /// contacts of the models of Hajek and Zhu (2010).
    Contacts,
}

/// What a tracker's list of peers says of their pieces, and what it is told of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lists {
    /// Nothing: addresses (BEP 3).
    #[default]
    Addresses,
    /// Which pieces each has; ours are told with every announce (S1, S3).
    Inventories,
    /// The list has those alone who have everything; that we do is told once it is so (S4).
    Holders,
}

/// Which of the announces that are no events ask for peers. The others only say that we are here, and what we have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Asks {
    /// All of them, but for a new piece's.
    Always,
    /// Those alone that are made for want of peers, see [`Announcing::low_peers`] (S4: heartbeats ask for nothing).
    InNeed,
}

/// How messages are written on the wire. The bytes of each are in [`wire`](crate::wire).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Encoding {
    /// BEP 3's binary messages.
    Bep3,
    /// Four bytes of length, then a JSON object with the names of BEP 3; block data in base64.
    Json,
    /// S1's own JSON messages.
    S1,
    /// S2's own JSON messages.
    S2,
    /// S3's `GET <index>`, answered with bare bytes.
    S3,
    /// S4's `GET <file> <offset> <size>`, answered with bare bytes.
    S4,
    /// S5's own JSON messages.
    S5,
}

/// Times after which silence means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timeouts {
    /// A connection that is not open, handshake and all, after so long is given up.
    pub handshake: Duration,
    /// A request without an answer for so long, on a connection that sends nothing, is taken back and given to others.
    pub request: Duration,
    /// We say something at least so often (BEP 3: two minutes).
    pub keep_alive: Duration,
    /// A peer that says nothing for so long is gone.
    pub idle: Duration,
    /// When the table is full: a connection that neither gives nor takes for so long, though it may, gives way to a newcomer.
    /// `None`: newcomers are refused.
    pub useless: Option<Duration>,
    /// While somebody waits for one: the slot of a peer that asks for nothing for so long is passed on, and so is that of one that
    /// reads nothing. `None`: only when the choker's next round says so.
    pub unused_slot: Option<Duration>,
    /// In the endgame: who has never sent a block and has owed one for so long gives its place to a peer that has, for blocks of 16 KiB; longer
    /// for longer ones. `None`: when its requests time out.
    pub silent: Option<Duration>,
    /// An address that failed is not dialled again for so long; doubled at each failure in a row.
    pub reconnect: Duration,
    /// The same where nobody answered and there is no connection at all: who is called may be about to start. `None`: no
    /// sooner than otherwise.
    pub reconnect_alone: Option<Duration>,
}

impl Timeouts {
    /// How long not to dial an address again that has failed or gone. `alone`: it did not answer, and there is no connection to
    /// anybody else.
    pub(crate) fn redial(&self, alone: bool) -> Duration {
        self.reconnect_alone.filter(|_| alone).unwrap_or(self.reconnect)
    }
}

/// Bounds on what a participant holds at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Most connections, half-open ones included.
    pub connections: u32,
    /// Connections that we open ourselves until we have so many; beyond, others may still come to us.
    pub dial_target: u32,
    /// Most connections being dialled at a time.
    pub half_open: u32,
    /// Most connections that we begin to open in a second, after a burst of twenty; `None`: no limit.
    pub dials_per_second: Option<u32>,
    /// Most requests of one peer that wait to be served; more are rejected (fast extension) or end the connection.
    pub queued_requests: u32,
    /// Bytes of block data of one connection between the core and the network. At least one block is always allowed.
    pub send_credit: u32,
    /// Above so many bytes of unwritten blocks no more are asked for …
    pub disk_high_water: u64,
    /// … until no more than this is left.
    pub disk_low_water: u64,
    /// Addresses that are remembered.
    pub known_peers: u32,
}

/// How a tracker is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Announcing {
    /// Ask for so many peers.
    pub numwant: u32,
    /// Ask again after so long, whatever the tracker says (S3: 30 s). `None`: the tracker's own interval.
    pub interval: Option<Duration>,
    /// Announce each completed piece at once (S1, S3: `UPDATE`). Such an announce tells, and asks for nobody.
    pub on_piece: bool,
    /// With fewer connections than this, ask again as soon as the tracker's minimum interval allows.
    pub low_peers: u32,
    /// What the tracker's list says of pieces.
    pub lists: Lists,
    /// Which announces ask for peers.
    pub asks: Asks,
}

/// One participant's choices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a choice of its own, named in scenarios")]
pub struct Config {
    /// Which piece to fetch next.
    pub pieces: PieceSelection,
    /// Whom to serve.
    pub choking: Choking,
    /// When and how many blocks are asked for.
    pub requests: Requests,
    /// How peers learn what we have.
    pub inventory: Inventory,
    /// What a connection is opened for.
    pub connections: Connections,
    /// Do connections open with a handshake? S5's open with the inventory.
    pub handshake: bool,
    /// Are `interested` and `not interested` sent? Without them everyone counts as interested (S2–S5).
    pub interest: bool,
    /// Offer the fast extension (BEP 6).
    pub fast_extension: bool,
    /// Pieces that a choked newcomer may ask for (BEP 6); 0 switches it off.
    pub allowed_fast: u32,
    /// Offer the extension protocol (BEP 10) to those who speak it too: the metadata for who has a magnet link only (BEP 9), how
    /// many requests are queued, who does not want to download (BEP 21).
    pub extensions: bool,
    /// Tell each other of peers (BEP 11). Never in private torrents; nothing without [`extensions`](Self::extensions).
    pub pex: bool,
    /// As the first seeder, recommend to each peer pieces that nobody else has or was promised (BEP 6, *suggest piece*).
    pub suggest: bool,
    /// Ask several peers for the last blocks.
    pub endgame: bool,
    /// While seeding, show each peer one piece at a time (BEP 16).
    pub super_seeding: bool,
    /// Send block data to others at all. `false`: a free rider, who chokes everyone.
    pub uploads: bool,
    /// How messages are written on the wire.
    pub encoding: Encoding,
    /// Times after which silence means something.
    pub timeouts: Timeouts,
    /// Bounds on what is held at a time.
    pub limits: Limits,
    /// How a tracker is asked; `None`: there is none.
    pub announcing: Option<Announcing>,
}

impl Config {
    /// The same choices for a real network, where peers do not all have the torrent file and some are strangers: extensions and
    /// peer exchange are on, and the numbers fit a fast LAN and the clients that one meets there. The strategies stay what they
    /// are.
    ///
    /// A profile's numbers are those of the Internet. On a LAN a pipeline that grows from four requests loses its first
    /// round trips, and with a credit of two blocks the disk, the core and the socket wait for each other.
    pub const fn for_lan(mut self) -> Self {
        self.extensions = true;
        self.pex = true;
        if let Requests::Pipelined { max, slack, .. } = self.requests {
            let min = if LAN_REQUESTS < max { LAN_REQUESTS } else { max };
            self.requests = Requests::Pipelined { min, max, slack };
        }
        self.limits.queued_requests = LAN_QUEUED_REQUESTS;
        self.limits.send_credit = LAN_SEND_CREDIT;
        self.limits.disk_high_water = LAN_DISK_HIGH_WATER;
        self.limits.disk_low_water = LAN_DISK_HIGH_WATER / 2;
        self.limits.dials_per_second = Some(LAN_DIALS_PER_SECOND);
        if self.limits.connections < LAN_CONNECTIONS {
            self.limits.connections = LAN_CONNECTIONS;
        }
        self.timeouts.useless = Some(LAN_USELESS);
        self.timeouts.unused_slot = Some(LAN_UNUSED_SLOT);
        self.timeouts.silent = Some(LAN_SILENT);
        self.timeouts.reconnect_alone = Some(LAN_RECONNECT_ALONE);
        self
    }

    /// A kind of message that these choices call for and the [encoding](Self::encoding) has no word for. Who starts a
    /// participant refuses such a configuration; what is left then is never asked of an encoder.
    ///
    /// Messages that are only sent to who has offered to understand them (BEP 6, BEP 10) are none of these: an encoding without
    /// words for them has none for the offer either.
    pub fn unspoken(&self) -> Option<MessageKind> {
        let called_for = [
            (MessageKind::Handshake, self.handshake),
            (MessageKind::Bitfield, self.inventory != Inventory::Tracker),
            (MessageKind::Have, matches!(self.inventory, Inventory::Have | Inventory::HaveToAll)),
            (MessageKind::Interested, self.interest),
            (MessageKind::Unchoke, !self.has_no_choking()),
            (MessageKind::Request, true),
            (MessageKind::Piece, true),
        ];
        let unspoken = |&(kind, called_for): &(MessageKind, bool)| called_for && !self.encoding.speaks(kind);
        called_for.iter().find(|it| unspoken(it)).map(|&(kind, _)| kind)
    }

    /// Is nothing said of pieces on connections?
    pub(crate) fn told_by_tracker_alone(&self) -> bool {
        self.inventory == Inventory::Tracker
    }

    /// Connections begin unchoked in both directions and no choke message exists (S3–S5).
    pub fn has_no_choking(&self) -> bool {
        self.choking.algorithm == ChokeAlgorithm::None && !self.interest
    }
}

//! The systems as data: each profile names a whole [`Config`].
//!
//! `bittorrent` is what this project recommends; `s1` to `s5` are the five systems that it brings together, each as near to
//! its description as the choices of [`config`](crate::config) allow. A scenario or a command line starts from a profile and
//! may change single choices.
//!
//! | profile | pieces | choking | requests | who has what | tracker |
//! |---|---|---|---|---|---|
//! | `bittorrent` | rarest first | tit for tat, 4 + 1 | pipelined | have, to who lacks it | its own interval |
//! | `s1` | rarest first | random slots, 4 + 1 | one in 5 s | have, to all; the tracker's list | every 5 s, and each piece |
//! | `s2` | rarest first | contribution, 4 + 1 | one per connection | have, to all | five peers of its choice; it seeds |
//! | `s3` | rarest first | none | one connection per piece | the tracker's list | every 30 s, and each piece |
//! | `s4` | sequential | none | one per connection | whom the tracker lists has all | asked once; a heartbeat every 30 s |
//! | `s5` | rarest first | none | one in 1.07 s | broadcast every 4 s | once; it seeds |
//!
//! Sources: BEP 3, BEP 6; Cohen 2003, *Incentives build robustness in BitTorrent*; Legout et al. 2006, *Rarest first and choke
//! algorithms are enough*; the default settings of libtorrent (`settings_pack.cpp`); and, for `s1` to `s5`, the descriptions of
//! the systems by their authors. Where those say nothing the profile has what `bittorrent` has, so that a comparison shows
//! what a system chose and not what it left open.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::{
    Announcing, Asks, ChokeAlgorithm, Choking, Config, Connections, Encoding, Inventory, Limits, Lists,
    PieceSelection, Requests, Timeouts,
};

/// A named set of choices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// BitTorrent as its best clients speak it.
    #[default]
    Bittorrent,
    /// The first `MiniBit`: TCP with JSON, random slots, one request in five seconds.
    S1,
    /// The second one: the tracker owns the file and seeds it; only contributors are served.
    S2,
    /// The P2P simulator: a UDP tracker that knows who has what, one TCP connection and one `GET` for each piece, nobody is choked.
    S3,
    /// The P2P network for file transmission: one worker for each source drains a queue of chunks, in order. A source has all.
    S4,
    /// The third `MiniBit`: a full mesh, inventories broadcast again and again, one request in 1.07 s; the tracker seeds.
    ///
    /// Its times are those of a model that was fitted to the report of its authors (two files, five peers).
    S5,
}

/// Which of its messages a system counts for a peer when it reports what a download took.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Counting {
    /// All.
    WholeRun,
    /// Those until its last piece is there (S5).
    UntilComplete,
}

impl Profile {
    /// All profiles.
    pub const ALL: [Self; 6] = [Self::Bittorrent, Self::S1, Self::S2, Self::S3, Self::S4, Self::S5];

    /// The name in scenarios, on the command line and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Bittorrent => "bittorrent",
            Self::S1 => "s1",
            Self::S2 => "s2",
            Self::S3 => "s3",
            Self::S4 => "s4",
            Self::S5 => "s5",
        }
    }

    /// The choices of a peer.
    pub const fn config(self) -> Config {
        match self {
            Self::Bittorrent => BITTORRENT,
            Self::S1 => S1,
            Self::S2 => S2,
            Self::S3 => S3,
            Self::S4 => S4,
            Self::S5 => S5,
        }
    }

    /// Does the tracker hold the file and seed it?
    pub const fn tracker_seeds(self) -> bool {
        matches!(self, Self::S2 | Self::S5)
    }

    /// The choices of the tracker as a seed, where it is one.
    pub const fn tracker_seed_config(self) -> Option<Config> {
        match self {
            Self::S2 => Some(S2_TRACKER),
            Self::S5 => Some(S5_TRACKER),
            Self::Bittorrent | Self::S1 | Self::S3 | Self::S4 => None,
        }
    }

    /// How long its tracker remembers a peer that is silent, where that is less than a tracker's usual hour.
    pub const fn peer_timeout(self) -> Option<Duration> {
        match self {
            // Who is not connected any more is removed; it is asked every 5 s, so three rounds stand for a lost connection.
            Self::S1 => Some(Duration::from_secs(15)),
            // PEER_TIMEOUT, and S4's time-out; the numbers are not said: three times the period at which peers say that they are there.
            Self::S3 | Self::S4 => Some(Duration::from_secs(90)),
            Self::Bittorrent | Self::S2 | Self::S5 => None,
        }
    }

    /// Which messages count as the price of a download.
    pub const fn counting(self) -> Counting {
        match self {
            Self::S5 => Counting::UntilComplete,
            Self::Bittorrent | Self::S1 | Self::S2 | Self::S3 | Self::S4 => Counting::WholeRun,
        }
    }
}

const KIB: u32 = 1 << 10;
const MIB: u64 = 1 << 20;

const BITTORRENT: Config = Config {
    // Cohen 2003, Legout et al. 2006.
    pieces: PieceSelection::RarestFirst,
    choking: Choking {
        algorithm: ChokeAlgorithm::TitForTat,
        // BEP 3: four downloaders, changed every ten seconds, and one optimistic unchoke, rotated every thirty.
        slots: 4,
        optimistic_slots: 1,
        interval: Duration::from_secs(10),
        optimistic_interval: Duration::from_secs(30),
        // Cohen 2003, *anti-snubbing*: over a minute without a piece.
        snub_after: Duration::from_mins(1),
        // A slot that nobody uses until the next round is capacity lost: ten seconds of it at each start.
        immediate: true,
        parallel_uploads: None,
    },
    requests: Requests::Pipelined {
        // BEP 3 keeps "a few (on the order of 10 or so)" requests queued; below four a single round trip starves a LAN.
        min: 4,
        // I8 of the reliability goals. With blocks of 16 KiB this is 2 MiB under way on one connection.
        max: 128,
        // libtorrent reaches three seconds ahead; half a second covers a neighbour's uplink queue and leaves fewer blocks
        // behind when a peer goes.
        slack: Duration::from_millis(500),
    },
    inventory: Inventory::Have,
    connections: Connections::Lasting,
    handshake: true,
    interest: true,
    fast_extension: true,
    // BEP 6 proposes 10. Interested newcomers get a free slot at once here, so nothing is gained; and in a torrent of a hundred
    // pieces ten free ones from each of forty neighbours would put the choker out of force.
    allowed_fast: 0,
    // In a simulated swarm everybody has the torrent file, and peers that the tracker does not tell of are none.
    extensions: false,
    pex: false,
    // BEP 6: what it was made for.
    suggest: true,
    // Cohen 2003, *endgame mode*.
    endgame: true,
    super_seeding: false,
    uploads: true,
    encoding: Encoding::Bep3,
    timeouts: Timeouts {
        // libtorrent's `handshake_timeout`; half-open connections are to be gone in 15 s (L5).
        handshake: Duration::from_secs(10),
        // A silent peer loses its requests within 20 s (L4).
        request: Duration::from_secs(20),
        // BEP 3: generally every two minutes. Earlier by as much as a message may be late.
        keep_alive: Duration::from_secs(100),
        // BEP 3's two minutes; libtorrent's `peer_timeout`.
        idle: Duration::from_mins(2),
        // Bram Cohen's client refuses newcomers.
        useless: None,
        // Nor does it look at slots between two rounds.
        unused_slot: None,
        silent: None,
        // No address is dialled twice within a minute, or a swarm could be turned against a third party (Naoumov and Ross
        // 2006).
        reconnect: Duration::from_mins(1),
        reconnect_alone: None,
    },
    limits: Limits {
        // Bram Cohen's client: 80 peers at most, and it stops dialling at 40 ("Rarest first …", section II-C).
        connections: 80,
        dial_target: 40,
        half_open: 20,
        // Simulated addresses are those of peers.
        dials_per_second: None,
        // I8: waiting requests of one peer. More than twice what our own pipeline asks for.
        queued_requests: 250,
        // Two blocks: one leaves while the next one is read, and a choke still finds the others unsent.
        send_credit: 32 * KIB,
        // Eight seconds of a disk that writes 1 MiB/s; below half of it asking goes on.
        disk_high_water: 16 * MIB,
        disk_low_water: 8 * MIB,
        // libtorrent's `max_peerlist_size`.
        known_peers: 3_000,
    },
    announcing: Some(Announcing {
        // BEP 3 of old: 50 when nothing is said.
        numwant: 50,
        interval: None,
        on_piece: false,
        // Bram Cohen's client asks again below 20 peers (Legout et al. 2006, section II-C).
        low_peers: 20,
        lists: Lists::Addresses,
        asks: Asks::Always,
    }),
};

/// What the five systems have in common: they know neither BEP 6 nor an endgame.
const MINIBIT: Config =
    Config { fast_extension: false, allowed_fast: 0, suggest: false, endgame: false, ..BITTORRENT };

const S1: Config = Config {
    encoding: Encoding::S1,
    // Every 10 s: shuffle the interested peers, 4 regular and 1 optimistic, and tell only the differences.
    choking: Choking {
        algorithm: ChokeAlgorithm::RandomSlots,
        optimistic_interval: Duration::from_secs(10),
        immediate: false,
        ..BITTORRENT.choking
    },
    // Every 5 s: ask for the rarest missing piece from a peer that has it and is not choking us.
    requests: Requests::Paced { interval: Duration::from_secs(5), ask_all_when_unknown: false },
    // `have` for each new piece, to whoever is connected.
    inventory: Inventory::HaveToAll,
    announcing: Some(Announcing {
        // GET_PEERS is answered with all others; no answer of ours has more than 200 (I12).
        numwant: 200,
        // Every 5 s: connect to new peers (GET_PEERS) …
        interval: Some(Duration::from_secs(5)),
        // … and UPDATE_BLOCKS for new pieces.
        on_piece: true,
        low_peers: 0,
        // REGISTER and GET_PEERS say who has which pieces.
        lists: Lists::Inventories,
        asks: Asks::Always,
    }),
    ..MINIBIT
};

const S2: Config = Config {
    encoding: Encoding::S2,
    // Serves only peers that contribute, plus one random optimistic unchoke. How many contributors is not said: BEP 3's four.
    choking: Choking { algorithm: ChokeAlgorithm::Contribution, ..BITTORRENT.choking },
    // One block request at a time, answered by the block.
    requests: Requests::Fixed(1),
    // The inventory when a connection opens ("have blocks"), and "announce block" to all for each new one.
    inventory: Inventory::HaveToAll,
    // Neither handshake nor interest is among its messages: connections open with the inventory.
    handshake: false,
    interest: false,
    // While fewer than five peers are known the tracker sends them all, and else a part of them: five. Who knows few asks again, no
    // oftener than the tracker allows.
    announcing: Some(Announcing {
        numwant: 5,
        interval: None,
        on_piece: false,
        low_peers: 5,
        lists: Lists::Addresses,
        asks: Asks::Always,
    }),
    ..MINIBIT
};

/// The tracker of S2 serves whoever asks: nobody has anything to contribute to it, so there is an optimistic slot for each
/// connection. Its peers wait to be unchoked, hence no [`ChokeAlgorithm::None`], which says nothing; the rounds are short
/// so that newcomers do not wait for long.
const S2_TRACKER: Config = Config {
    choking: Choking {
        slots: 0,
        optimistic_slots: S2.limits.connections,
        interval: Duration::from_secs(1),
        ..S2.choking
    },
    announcing: None,
    ..S2
};

/// Everyone is served, at once and always. The number of slots means nothing here; it is what is left to who takes one of these
/// systems with another algorithm, and with none at all nobody would be served.
const UNCHOKED: Choking = Choking { algorithm: ChokeAlgorithm::None, immediate: true, ..BITTORRENT.choking };

const S3: Config = Config {
    encoding: Encoding::S3,
    // Rarest first over the tracker's list; the holder is drawn.
    choking: UNCHOKED,
    // One connection for each piece: GET, the bytes, closed. How many at a time is not said: a download is one loop.
    requests: Requests::Fixed(1),
    connections: Connections::PerPiece { parallel: 1 },
    // GET is its only message: what others have is in the tracker's list.
    inventory: Inventory::Tracker,
    handshake: false,
    interest: false,
    announcing: Some(Announcing {
        // PEERLIST has all other peers; no answer of ours has more than 200 (I12).
        numwant: 200,
        // UPDATE every 30 s and at once after each new piece. When the list is asked for anew (JOIN) is not said: every 30 s.
        interval: Some(Duration::from_secs(30)),
        on_piece: true,
        low_peers: 0,
        lists: Lists::Inventories,
        asks: Asks::Always,
    }),
    ..MINIBIT
};

const S4: Config = Config {
    encoding: Encoding::S4,
    // One worker for each source drains a shared queue of chunks, first to last; it stays connected.
    pieces: PieceSelection::Sequential,
    connections: Connections::Lasting,
    announcing: Some(Announcing {
        numwant: 200,
        // The heartbeat; its period is not said, so it is S3's.
        interval: Some(Duration::from_secs(30)),
        // New pieces are not told: a file is announced when it is whole (`register`, `update`).
        on_piece: false,
        // `search` is asked once, and again when there is no source.
        low_peers: 1,
        lists: Lists::Holders,
        asks: Asks::InNeed,
    }),
    ..S3
};

const S5: Config = Config {
    encoding: Encoding::S5,
    // The least frequent missing block, at random among equals, from a holder drawn at random, the tracker included.
    pieces: PieceSelection::RarestFirst,
    // Its "top 4 by rarity" never kept anybody from being served: BLOCO answers at once.
    choking: UNCHOKED,
    // The pull loop; while no holder is known, one PEDIDO to each known peer.
    requests: Requests::Paced { interval: Duration::from_millis(1_070), ask_all_when_unknown: true },
    // ESTOQUE to everyone when a connection opens, and every 4 s from the peer's own start.
    inventory: Inventory::Broadcast { interval: Duration::from_secs(4), on_connect: true },
    handshake: false,
    interest: false,
    // A full mesh: everybody who is known is dialled, all at a time.
    limits: Limits { connections: 200, dial_target: 200, half_open: 200, ..BITTORRENT.limits },
    // REGISTRO once. The list has everybody; again only when the tracker's interval is over.
    announcing: Some(Announcing {
        numwant: 200,
        interval: None,
        on_piece: false,
        low_peers: 0,
        lists: Lists::Addresses,
        asks: Asks::Always,
    }),
    ..MINIBIT
};

/// The tracker's inventory is first heard of after 4 s on its own clock: it greets nobody with it.
const S5_TRACKER: Config = Config {
    inventory: Inventory::Broadcast { interval: Duration::from_secs(4), on_connect: false },
    announcing: None,
    ..S5
};

#[cfg(test)]
mod tests;

//! Protocol choices as a scenario writes them: a profile, and whatever is to differ from it.
//!
//! Everything of [`Config`] has its place here under the same name, so that a resolved scenario says it all.

use minibit_core::Profile;
use minibit_core::config::{Asks, ChokeAlgorithm, Encoding, Lists, PieceSelection};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::units::{Bytes, Time};
use super::values::Ceiling;

#[cfg(doc)]
use minibit_core::Config;

mod forms;

/// The schema of an enumeration of the core, whose names are these.
fn names<T: Serialize>(description: &str, values: &[T]) -> Schema {
    json_schema!({ "description": description, "enum": values })
}

pub(super) fn profile(_: &mut SchemaGenerator) -> Schema {
    names("The set of choices to start from; `bittorrent` when none is named.", &Profile::ALL)
}

pub(super) fn piece_selection(_: &mut SchemaGenerator) -> Schema {
    use PieceSelection::{Random, RandomFirstThenRarest, RarestFirst, Sequential};
    names("Which piece to fetch next.", &[RarestFirst, Random, Sequential, RandomFirstThenRarest])
}

fn choke_algorithm(_: &mut SchemaGenerator) -> Schema {
    use ChokeAlgorithm::{Contribution, None, RandomSlots, Rarity, TitForTat};
    names("Whom to serve.", &[TitForTat, RandomSlots, Contribution, Rarity, None])
}

pub(super) fn encoding(_: &mut SchemaGenerator) -> Schema {
    names(
        "How messages are written on the wire.",
        &[
            Encoding::Bep3,
            Encoding::Json,
            Encoding::S1,
            Encoding::S2,
            Encoding::S3,
            Encoding::S4,
            Encoding::S5,
        ],
    )
}

fn lists(_: &mut SchemaGenerator) -> Schema {
    use Lists::{Addresses, Holders, Inventories};
    names("What the tracker's list says of pieces.", &[Addresses, Inventories, Holders])
}

fn asks(_: &mut SchemaGenerator) -> Schema {
    names("Which announces ask for peers.", &[Asks::Always, Asks::InNeed])
}

/// Adds the protocol choices to a struct's own fields.
macro_rules! with_choices {
    ($(#[$meta:meta])* $name:ident { $($own:tt)* }) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize, schemars::JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            $($own)*
            /// The set of choices to start from: `bittorrent` (the default) or one of the five systems `s1` … `s5`.
            #[serde(default)]
            #[schemars(schema_with = "crate::scenario::choices::profile")]
            pub profile: Option<minibit_core::Profile>,
            /// Which piece to fetch next.
            #[serde(default)]
            #[schemars(schema_with = "crate::scenario::choices::piece_selection")]
            pub piece_selection: Option<minibit_core::config::PieceSelection>,
            /// Whom to serve.
            pub choking: Option<$crate::scenario::choices::Choking>,
            /// When and how many blocks are asked for.
            pub requests: Option<$crate::scenario::choices::Requests>,
            /// How peers learn what we have.
            pub inventory: Option<$crate::scenario::choices::Inventory>,
            /// What a connection is opened for: `"lasting"`, or `{"per_piece": 1}` with so many at a time.
            pub connections: Option<$crate::scenario::choices::Connections>,
            /// Do connections open with a handshake? S5's open with the inventory.
            pub handshake: Option<bool>,
            /// Are `interested` and `not interested` sent? Without them everyone counts as interested.
            pub interest: Option<bool>,
            /// Offer the fast extension (BEP 6).
            pub fast_extension: Option<bool>,
            /// Pieces that a choked newcomer may ask for (BEP 6); 0 switches it off.
            pub allowed_fast: Option<u32>,
            /// As the first seeder, recommend to each peer pieces that nobody else has or was promised (BEP 6).
            pub suggest: Option<bool>,
            /// Ask several peers for the last blocks.
            pub endgame: Option<bool>,
            /// While seeding, show each peer one piece at a time (BEP 16).
            pub super_seeding: Option<bool>,
            /// Send block data to others at all. `false`: a free rider.
            pub uploads: Option<bool>,
            /// How messages are written on the wire; this decides their sizes.
            #[serde(default)]
            #[schemars(schema_with = "crate::scenario::choices::encoding")]
            pub encoding: Option<minibit_core::config::Encoding>,
            /// Times after which silence means something.
            pub timeouts: Option<$crate::scenario::choices::Timeouts>,
            /// Bounds on what a peer holds at a time.
            pub limits: Option<$crate::scenario::choices::Limits>,
            /// How the tracker is asked; `false`: not at all.
            pub announcing: Option<$crate::scenario::choices::Announcing>,
        }

        impl $name {
            /// Takes these protocol choices for its own.
            pub fn set_choices(&mut self, choices: $crate::scenario::choices::Choices) {
                self.profile = choices.profile;
                self.piece_selection = choices.piece_selection;
                self.choking = choices.choking;
                self.requests = choices.requests;
                self.inventory = choices.inventory;
                self.connections = choices.connections;
                self.handshake = choices.handshake;
                self.interest = choices.interest;
                self.fast_extension = choices.fast_extension;
                self.allowed_fast = choices.allowed_fast;
                self.suggest = choices.suggest;
                self.endgame = choices.endgame;
                self.super_seeding = choices.super_seeding;
                self.uploads = choices.uploads;
                self.encoding = choices.encoding;
                self.timeouts = choices.timeouts;
                self.limits = choices.limits;
                self.announcing = choices.announcing;
            }

            /// The protocol choices alone.
            pub fn choices(&self) -> $crate::scenario::choices::Choices {
                $crate::scenario::choices::Choices {
                    profile: self.profile,
                    piece_selection: self.piece_selection,
                    choking: self.choking.clone(),
                    requests: self.requests.clone(),
                    inventory: self.inventory.clone(),
                    connections: self.connections,
                    handshake: self.handshake,
                    interest: self.interest,
                    fast_extension: self.fast_extension,
                    allowed_fast: self.allowed_fast,
                    suggest: self.suggest,
                    endgame: self.endgame,
                    super_seeding: self.super_seeding,
                    uploads: self.uploads,
                    encoding: self.encoding,
                    timeouts: self.timeouts.clone(),
                    limits: self.limits.clone(),
                    announcing: self.announcing.clone(),
                }
            }
        }
    };
}

pub(super) use with_choices;

with_choices! {
    /// Protocol choices: a profile, and whatever differs from it.
    Choices {}
}

/// How choking is done.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Choking(pub ChokingNumbers);

/// The numbers of choking.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ChokingNumbers {
    /// Whom to serve.
    #[serde(default)]
    #[schemars(schema_with = "choke_algorithm")]
    pub algorithm: Option<ChokeAlgorithm>,
    /// Regular slots: peers that are unchoked by merit.
    pub slots: Option<u32>,
    /// Optimistic slots: peers that are unchoked by luck.
    pub optimistic_slots: Option<u32>,
    /// Time between choke rounds.
    pub interval: Option<Time>,
    /// How long an optimistic slot is kept.
    pub optimistic_interval: Option<Time>,
    /// A peer that was asked and sent no block for so long is snubbing us.
    pub snub_after: Option<Time>,
    /// Is a free slot given at once, or only at the next round?
    pub immediate: Option<bool>,
    /// Most connections that are served at the same time; the others' requests wait.
    pub parallel_uploads: Option<Ceiling>,
}

/// When and how many blocks are asked for.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Requests(pub RequestsForm);

/// The ways of asking for blocks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RequestsForm {
    /// As many outstanding requests per connection as its rate and delay call for.
    Pipelined {
        /// Outstanding requests at the start, and never fewer.
        min: Option<u32>,
        /// Never more than this.
        max: Option<u32>,
        /// How much longer than the measured delay the pipeline reaches.
        slack: Option<Time>,
    },
    /// Always so many outstanding requests per connection.
    Fixed(u32),
    /// One request per interval over all connections.
    Paced(Paced),
}

/// One request per interval over all connections.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Paced(pub PacedNumbers);

/// The numbers of paced requests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PacedNumbers {
    /// Time between requests.
    pub interval: Time,
    /// When nobody is known to have anything that we miss: ask everyone for the same block (S5).
    pub ask_all_when_unknown: Option<bool>,
}

/// How peers learn what we have.
#[derive(Clone, Debug, PartialEq)]
pub enum Inventory {
    /// The bitfield once, then `have` for each piece to those who lack it.
    Have,
    /// The same, to everyone (S1, S2).
    HaveToAll,
    /// Nothing is said: the tracker tells (S3, S4).
    Tracker,
    /// The whole bitfield again and again.
    Broadcast(Broadcast),
}

/// What a connection is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Connections {
    /// As many pieces as there are to be had.
    Lasting,
    /// One piece; so many are fetched at a time (S3).
    PerPiece(u32),
}

/// The whole bitfield again and again.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Broadcast(pub BroadcastNumbers);

/// The numbers of broadcasts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BroadcastNumbers {
    /// Time between broadcasts.
    pub interval: Time,
    /// Also once, when a connection opens.
    pub on_connect: Option<bool>,
}

/// Times after which silence means something.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Timeouts {
    /// A connection that is not open after so long is given up.
    pub handshake: Option<Time>,
    /// A request without an answer for so long is given to others.
    pub request: Option<Time>,
    /// We say something at least so often (BEP 3: two minutes).
    pub keep_alive: Option<Time>,
    /// A peer that says nothing for so long is gone.
    pub idle: Option<Time>,
    /// An address that failed is not dialled again for so long; doubled at each failure in a row.
    pub reconnect: Option<Time>,
}

/// Bounds on what a peer holds at a time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Most connections, half-open ones included.
    pub connections: Option<u32>,
    /// Connections that the peer opens itself until it has so many.
    pub dial_target: Option<u32>,
    /// Most connections being dialled at a time.
    pub half_open: Option<u32>,
    /// Most requests of one peer that wait to be served; further ones are refused. Default: 250, or as many as anybody in the
    /// scenario keeps under way, if that is more.
    pub queued_requests: Option<u32>,
    /// Block data of one connection between the protocol and the network. One block is always allowed.
    pub send_credit: Option<Bytes>,
    /// Above so much unwritten block data no more is asked for …
    pub disk_high_water: Option<Bytes>,
    /// … until no more than this is left.
    pub disk_low_water: Option<Bytes>,
    /// Addresses that are remembered.
    pub known_peers: Option<u32>,
}

/// How the tracker is asked.
#[derive(Clone, Debug, PartialEq)]
pub enum Announcing {
    /// Not at all, or as the profile says.
    Flag(bool),
    /// Like this.
    Numbers(AnnouncingNumbers),
}

/// The numbers of announcing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AnnouncingNumbers {
    /// Ask for so many peers.
    pub numwant: Option<u32>,
    /// Ask again after so long; `"tracker"`: when the tracker says so.
    pub interval: Option<AnnounceInterval>,
    /// Announce each completed piece at once (S1, S3).
    pub on_piece: Option<bool>,
    /// With fewer connections than this, ask again as soon as the tracker allows.
    pub low_peers: Option<u32>,
    /// What the tracker's list says of pieces: nothing, who has which (S1, S3), or only who has all (S4).
    #[serde(default)]
    #[schemars(schema_with = "lists")]
    pub lists: Option<Lists>,
    /// Which announces that are no events ask for peers.
    #[serde(default)]
    #[schemars(schema_with = "asks")]
    pub asks: Option<Asks>,
}

/// Who decides how often a peer announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AnnounceInterval {
    /// The tracker.
    Tracker,
    /// The peer: so often.
    Every(Time),
}

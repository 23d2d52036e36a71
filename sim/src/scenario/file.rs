//! A scenario file as it is written: every key, nothing decided yet.
//!
//! These types are the format: they read it, they write it, and the schema for editors is made of their documentation.
//! A key that is left out is `None` here; what it then means is decided in `resolve`. `null` is never written.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::choices::{Choices, with_choices};
use super::units::{Bytes, Time};
use super::values::{Dist, LinkRate, Percent, PieceSpan, Quota, Share, Window};

mod forms;

/// A swarm to be simulated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "minibit scenario")]
pub struct File {
    /// Where the schema is, so that editors can help: `./schema.json`.
    #[serde(rename = "$schema")]
    pub schema: Option<String>,
    /// Name of the scenario and of the folder of its results. Default: the file's name without its ending.
    pub name: Option<String>,
    /// What the scenario shows, for the report.
    pub description: Option<String>,
    /// What there is to say about variants of it, for the report of `sim compare`: by what they are called there.
    pub notes: Option<BTreeMap<String, String>>,
    /// Seed of the first run, 1 by default; each further run takes the next number.
    pub seed: Option<u64>,
    /// How many runs, each with its own seed. Default: 1.
    #[schemars(range(min = 1, max = 100_000))]
    pub runs: Option<u32>,
    /// The file that is distributed.
    pub content: Content,
    /// The network between the peers.
    pub network: Option<Network>,
    /// How long a disk takes to read a block, to write one, and to check a piece; it does any number of these at a time. Default: 0.
    pub disk: Option<Time>,
    /// The tracker. Default: one with all defaults, unless `neighbours` says who knows whom.
    pub tracker: Option<TrackerChoice>,
    /// Who knows whom, when there is no tracker to say so.
    pub neighbours: Option<Neighbours>,
    /// What holds for every group that does not say otherwise.
    pub defaults: Option<Defaults>,
    /// The peers.
    #[schemars(length(min = 1))]
    pub groups: Vec<Group>,
    /// When a run ends.
    pub stop: Option<Stop>,
    /// Time between rows of the timeline. Default: 1 s.
    pub timeline: Option<Time>,
    /// What must hold of the results of all runs together, such as `p95(download_s) < 60 s`.
    pub expect: Option<Vec<String>>,
}

/// The file that is distributed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// Its length.
    pub size: Bytes,
    /// Length of a piece, the unit that is verified and announced. Default: 256 KiB.
    pub piece: Option<Bytes>,
    /// Length of a block, the unit that is asked for. Default: 16 KiB, or the piece if that is shorter,
    /// or if the messages of a group ask for whole pieces (S1, S2, S3, S5).
    pub block: Option<Bytes>,
}

/// The network between the peers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Network {
    /// How long a message travels. Default: 10 ms one way.
    pub latency: Option<Latency>,
    /// Most bytes of a connection's direction that are under way and unacknowledged. Default: unlimited.
    pub window: Option<Window>,
    /// Bytes of TCP/IP headers on top of the protocol's own, as a share of them. Default: 0.
    pub overhead: Option<Percent>,
}

/// How long a message travels. Exactly one of the four.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Latency {
    /// From one host to another.
    pub one_way: Option<Dist>,
    /// There and back again: twice as much.
    pub rtt: Option<Dist>,
    /// One way, by place: from, then to. What is missing is as in the other direction.
    pub one_way_between: Option<Matrix>,
    /// There and back again, by place.
    pub rtt_between: Option<Matrix>,
    /// When a distribution is given: what draws from it.
    pub drawn: Option<Drawn>,
}

/// Times by place: from, then to.
pub type Matrix = BTreeMap<String, BTreeMap<String, Time>>;

/// What draws a latency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Drawn {
    /// Each pair of hosts, once; the same in both directions.
    PerPair,
    /// Each message anew; a connection keeps its order.
    PerMessage,
}

/// The tracker.
#[derive(Clone, Debug, PartialEq)]
pub enum TrackerChoice {
    /// One with all defaults, or none.
    Flag(bool),
    /// This one.
    Tracker(Box<Tracker>),
}

/// The tracker's numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tracker {
    /// Its uplink. Default: unlimited.
    pub up: Option<LinkRate>,
    /// Its downlink. Default: unlimited.
    pub down: Option<LinkRate>,
    /// One capacity for both directions together, instead of `up` and `down`.
    pub capacity: Option<LinkRate>,
    /// Its place, when latency goes by place.
    pub place: Option<String>,
    /// Peers announce again after this. Default: 30 min.
    pub interval: Option<Time>,
    /// Peers that are silent for so long are forgotten. Default: twice the interval.
    pub timeout: Option<Time>,
    /// Most peers in one answer. Default: 50.
    pub max_peers: Option<u32>,
    /// Does it seed the content too (S2, S5)? Default: no.
    pub seed: Option<TrackerSeed>,
}

/// Does the tracker seed the content?
#[derive(Clone, Debug, PartialEq)]
pub enum TrackerSeed {
    /// Yes, as the profile's tracker does; or no.
    Flag(bool),
    /// Yes, with these choices.
    Choices(Box<Choices>),
}

/// Who knows whom.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Neighbours {
    /// Everyone knows everyone.
    Mesh,
    /// Nobody knows anybody; peers call each other at random.
    RandomContacts,
    /// Each peer knows so many others, drawn.
    Degree(u32),
    /// These pairs of names.
    #[serde(untagged)]
    Pairs(Vec<[String; 2]>),
}

/// Adds what can also stand in `defaults` to a group's own fields.
macro_rules! with_settings {
    ($(#[$meta:meta])* $name:ident { $($own:tt)* }) => {
        with_choices! {
            $(#[$meta])*
            $name {
                $($own)*
                /// Uplink of each peer.
                pub up: Option<LinkRate>,
                /// Downlink of each peer.
                pub down: Option<LinkRate>,
                /// One capacity for both directions together, instead of `up` and `down`.
                pub capacity: Option<LinkRate>,
                /// Kinds of links, of which each peer draws one, instead of `up`, `down` and `capacity`.
                #[schemars(length(min = 1))]
                pub classes: Option<Vec<LinkClass>>,
                /// Place, when latency goes by place.
                pub place: Option<String>,
                /// What the peers have when they join. Default: none.
                pub pieces: Option<Pieces>,
                /// When the peers join. Default: together, at the start.
                pub arrivals: Option<Arrivals>,
                /// When the peers leave. Default: they stay.
                pub leave: Option<Leave>,
                /// With `"neighbours": "random_contacts"`: how often each peer calls one of all that are present, drawn uniformly, at
                /// times that are a Poisson process. It gives the other one a piece that that one chooses, if it has any for it, and
                /// hangs up. 0: never.
                #[schemars(range(min = 0))]
                pub contacts_per_second: Option<f64>,
                /// Which messages count in `messages_sent`. Default: as the profile counts them, which is all but for `s5`.
                pub count_messages: Option<CountMessages>,
            }
        }
    };
}

with_settings! {
    /// What holds for every group that does not say otherwise.
    Defaults {}
}

with_settings! {
    /// Peers that are alike.
    Group {
        /// Its name, in tables and files. Peers are called `name-1`, `name-2`, …; a single one just `name`.
        #[schemars(regex(pattern = r"^[A-Za-z][A-Za-z0-9_]*([-.][A-Za-z0-9_]+)*$"))]
        pub name: String,
        /// How many peers. Default: 1.
        #[schemars(range(min = 1, max = 1_000_000))]
        pub count: Option<u32>,
    }
}

/// A kind of link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkClass {
    /// How often it is drawn, in proportion to the other weights. Default: 1.
    pub weight: Option<u64>,
    /// Uplink.
    pub up: Option<LinkRate>,
    /// Downlink.
    pub down: Option<LinkRate>,
    /// One capacity for both directions together, instead of `up` and `down`.
    pub capacity: Option<LinkRate>,
}

/// What a peer has when it joins.
#[derive(Clone, Debug, PartialEq)]
pub enum Pieces {
    /// Nothing.
    None,
    /// Everything.
    All,
    /// Some.
    Some(SomePieces),
}

/// Some pieces.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SomePieces {
    /// So many, drawn for each peer.
    Random(u32),
    /// Such a share of all, rounded down, drawn for each peer.
    Share(Share),
    /// Everything with this probability, drawn for each peer; else nothing.
    SeedShare(Share),
    /// The first so many.
    First(u32),
    /// The last so many.
    Last(u32),
    /// These.
    Exactly(Vec<PieceSpan>),
    /// All but these.
    Except(Vec<PieceSpan>),
}

/// When the peers of a group join.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Arrivals(pub ArrivalsForm);

/// The ways to join.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ArrivalsForm {
    /// All at this time.
    Together(Time),
    /// One after the other.
    Staggered {
        /// When the first one joins. Default: 0.
        start: Option<Time>,
        /// From one to the next.
        every: Time,
    },
    /// A Poisson process.
    Poisson {
        /// When it begins. Default: 0.
        start: Option<Time>,
        /// Peers per second.
        #[schemars(range(min = 0))]
        per_second: f64,
    },
    /// A Poisson process whose rate decays exponentially. Peers that it never brings do not join at all.
    FlashCrowd {
        /// When it begins. Default: 0.
        start: Option<Time>,
        /// Peers per second at the beginning.
        #[schemars(range(min = 0))]
        per_second: f64,
        /// Time in which the rate falls to 1/e.
        decay: Time,
    },
    /// At these times, one per peer.
    At(Vec<Time>),
    /// A CSV file beside the scenario with a column `join_s`: seconds, one row per peer.
    Trace(String),
}

/// When the peers of a group leave.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Leave(pub LeaveForm);

/// Reasons to leave: whichever comes first.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LeaveForm {
    /// So long after completion. Not for peers that join with everything.
    pub after_completion: Option<Dist>,
    /// So long after joining, complete or not, with a goodbye.
    pub abort_after: Option<Dist>,
    /// So long after joining, without a goodbye.
    pub crash_after: Option<Dist>,
    /// After having sent so much block data.
    pub after_uploading: Option<Quota>,
}

/// Which messages count in `messages_sent` and `messages_received`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CountMessages {
    /// All of the run.
    WholeRun,
    /// Those until the peer has completed.
    UntilComplete,
}

/// When a run ends.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// When all peers are complete and nobody is to come? Default: yes.
    pub when_complete: Option<bool>,
    /// At this time in any case. Default: 24 h.
    pub time: Option<Time>,
    /// After so many events in any case. Default: ten thousand million.
    pub events: Option<u64>,
    /// When no block has arrived for so long, though somebody misses some. Default: 30 min.
    pub stuck_after: Option<Time>,
}

//! A checked scenario: everything in base units, every name resolved, nothing left to doubt.
//!
//! Files are read by the parts below; what they give is this. Rates are bits per second, times are durations, sizes bytes.
//!
//! [`mod@file`] is the format as it is written, made of [`units`], [`values`] and [`choices`]; `document` and `read` take a text there, `resolve` makes
//! a [`Scenario`] of it, `write` goes back. `locate` finds the line of what is wrong, [`error`] says it.

use std::collections::BTreeMap;
use std::time::Duration;

use minibit_core::config::Config;

pub mod choices;
pub(crate) mod document;
pub mod error;
pub mod expect;
pub mod file;
mod locate;
mod overrides;
pub(crate) mod path;
pub(crate) mod problem;
pub(crate) mod read;
mod resolve;
mod schema;
mod short;
pub mod units;
pub mod values;
mod warnings;
mod write;

pub use self::error::ScenarioError;
pub use self::expect::{Verdict, evaluate};
pub use self::read::{load, parse};
pub(crate) use self::resolve::checked_name;
pub use self::schema::schema;
pub(crate) use self::schema::schema_of;
pub use self::warnings::warnings;
pub use self::write::resolved_json;

/// What is to be simulated.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Name: the file's, without its ending. Names the default output folder.
    pub name: String,
    /// A sentence for the report.
    pub description: String,
    /// What there is to say about variants of it, by what they are called in a comparison.
    pub notes: BTreeMap<String, String>,
    /// Seed of the first run; run number `n` (from 0) takes `seed + n`.
    pub seed: u64,
    /// How many runs.
    pub runs: u32,
    /// The file that is distributed.
    pub content: Content,
    /// The network between the peers.
    pub network: Network,
    /// How long a disk takes for each thing that is asked of it, however much that is at a time.
    pub disk: Duration,
    /// The tracker, when there is one.
    pub tracker: Option<Tracker>,
    /// The peers. Peer numbers follow the order of the groups.
    pub groups: Vec<Group>,
    /// Who knows whom, when it is not the tracker that says so.
    pub neighbours: Option<Neighbours>,
    /// When a run ends.
    pub stop: Stop,
    /// Time between rows of the timeline.
    pub timeline: Duration,
    /// What must hold of the results.
    pub expect: Vec<Expectation>,
}

/// The file that is distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// Length in bytes.
    pub len: u64,
    /// Bytes per piece.
    pub piece_len: u32,
    /// Bytes per block.
    pub block_len: u32,
}

/// The network between the peers.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// One-way delays.
    pub latency: Latency,
    /// Names of the places, by number; empty unless latency goes by place.
    pub places: Vec<String>,
    /// Most bytes of a connection's direction that are under way and unacknowledged; `None`: no limit.
    pub window: Option<u64>,
    /// Wire bytes per million encoded bytes: 1 000 000 charges no TCP/IP overhead.
    pub overhead_ppm: u64,
}

/// One-way delays.
#[derive(Clone, Debug, PartialEq)]
pub enum Latency {
    /// The same between any two hosts.
    Constant(Duration),
    /// By the places of the two hosts: `matrix[from][to]`. Places are numbered; a group names its own.
    Places(Vec<Vec<Duration>>),
    /// Drawn once per pair of hosts; the same in both directions.
    PerPair(DurationDist),
    /// Drawn for each message; a connection still keeps its order.
    PerMessage(DurationDist),
}

/// A duration, fixed or drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DurationDist {
    /// Always this.
    Fixed(Duration),
    /// Uniform between the two.
    Uniform(Duration, Duration),
    /// Exponential with this mean.
    Exponential(Duration),
    /// Weibull.
    Weibull {
        /// Scale.
        scale: Duration,
        /// Shape; below 1 the tail is heavier than the exponential's.
        shape: f64,
    },
    /// Log-normal.
    LogNormal {
        /// Median: e to the power of mu.
        median: Duration,
        /// Standard deviation of the logarithm.
        sigma: f64,
    },
}

/// Capacity of one host's access link in bits per second; `None`: no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// The two directions do not disturb each other.
    Duplex {
        /// From the host into the network.
        up: Option<u64>,
        /// From the network to the host.
        down: Option<u64>,
    },
    /// Both directions share one capacity.
    Shared(u64),
}

/// How links are given to the peers of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkDist {
    /// Every peer has this one.
    Fixed(Link),
    /// Each peer draws one of these, with probabilities in proportion to the weights.
    Classes(Vec<(u64, Link)>),
    /// Each peer draws its capacities uniformly; both at the same relative place of their ranges.
    Uniform(Link, Link),
}

/// The tracker.
#[derive(Clone, Debug, PartialEq)]
pub struct Tracker {
    /// Its access link.
    pub link: Link,
    /// Its place, for [`Latency::Places`].
    pub place: usize,
    /// Peers announce again after this.
    pub interval: Duration,
    /// Peers that are silent for so long are forgotten.
    pub timeout: Duration,
    /// Most peers in one answer.
    pub max_peers: u32,
    /// The tracker also seeds the file, with these choices, on the same link (S2, S5).
    pub seed: Option<Config>,
}

/// A group of peers that are alike.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// Its name, in tables and files.
    pub name: String,
    /// How many peers.
    pub count: u32,
    /// Access links.
    pub link: LinkDist,
    /// Place, for [`Latency::Places`].
    pub place: usize,
    /// What the peers have when they join.
    pub pieces: InitialPieces,
    /// When they join.
    pub arrivals: Arrivals,
    /// When they leave.
    pub departures: Departures,
    /// With [`Neighbours::RandomContacts`], how often each of them calls another: the rate of a Poisson process. Else 0.
    pub contacts_per_second: f64,
    /// Their protocol choices.
    pub config: Config,
    /// Name of the profile that the choices started from.
    pub profile: String,
    /// Which messages count in `messages_sent` and `messages_received`.
    pub message_count: MessageCount,
}

/// Which messages count in `messages_sent` and `messages_received` of a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageCount {
    /// All of the run.
    WholeRun,
    /// Those until the peer has completed: its report of what the download took (S5).
    UntilComplete,
}

impl Group {
    /// The names of its peers: the group's and the number within it, from 1; a group of one peer gives its bare name.
    pub fn peer_names(&self) -> impl Iterator<Item = String> + '_ {
        let name =
            |number| if self.count == 1 { self.name.clone() } else { format!("{}-{number}", self.name) };
        (1..=self.count).map(name)
    }
}

/// What a peer has when it joins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InitialPieces {
    /// Nothing.
    None,
    /// Everything: a seed.
    All,
    /// So many, drawn for each peer.
    Random(u32),
    /// Everything with this probability, drawn for each peer; otherwise nothing.
    SeedShare {
        /// Peers per million.
        ppm: u32,
    },
    /// These, in ascending order.
    Exactly(Vec<u32>),
}

/// When the peers of a group join.
#[derive(Clone, Debug, PartialEq)]
pub enum Arrivals {
    /// All at this time.
    Together(Duration),
    /// One after the other, so far apart.
    Staggered {
        /// The first one.
        start: Duration,
        /// From one to the next.
        every: Duration,
    },
    /// A Poisson process.
    Poisson {
        /// When it begins.
        start: Duration,
        /// Peers per second.
        rate: f64,
    },
    /// A Poisson process whose rate decays: `rate * exp(-t / decay)` (Guo et al. 2005). Peers that the process would never
    /// bring do not join at all.
    FlashCrowd {
        /// When it begins.
        start: Duration,
        /// Peers per second at the beginning.
        rate: f64,
        /// Time in which the rate falls to 1/e.
        decay: Duration,
    },
    /// At these times, one per peer, in order.
    Trace(Vec<Duration>),
}

/// When the peers of a group leave: whichever comes first. With none of them they stay.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Departures {
    /// So long after completion (a fixed zero: at once). Not for peers that join with everything.
    pub after_completion: Option<DurationDist>,
    /// So long after joining, complete or not, with a goodbye.
    pub abort_after: Option<DurationDist>,
    /// So long after joining, without a goodbye: connections are silent until their time-outs.
    pub crash_after: Option<DurationDist>,
    /// After having sent so many bytes of block data.
    pub after_uploading: Option<u64>,
}

/// Who knows whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Neighbours {
    /// These pairs of peer numbers, and no others.
    Pairs(Vec<(u32, u32)>),
    /// Everyone knows everyone.
    Mesh,
    /// Each peer knows so many others, drawn; acquaintance is mutual.
    Degree(u32),
    /// Nobody knows anybody: peers call each other at random, for one piece at a time. How often is said by
    /// [`Group::contacts_per_second`].
    RandomContacts,
}

/// When a run ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stop {
    /// When all peers that have joined and stayed are complete and nobody is to come.
    pub when_complete: bool,
    /// At this virtual time in any case.
    pub time: Duration,
    /// After so many events in any case.
    pub events: u64,
    /// When no block has arrived for so long, though somebody misses some: the swarm is stuck.
    pub stuck_after: Duration,
}

/// Something that must hold of the results of all runs together.
#[derive(Clone, Debug, PartialEq)]
pub struct Expectation {
    /// As it stands in the scenario, for reports.
    pub text: String,
    /// What is measured.
    pub metric: Metric,
    /// Over the peers of this group only.
    pub group: Option<String>,
    /// How the values become one.
    pub aggregate: Aggregate,
    /// How it is compared.
    pub comparison: Comparison,
    /// With what: seconds, bytes, or a number.
    pub threshold: f64,
}

/// What an expectation measures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Seconds from joining to completion, of the peers that joined incomplete; those who do not finish are infinitely late.
    DownloadTime,
    /// Messages sent, per peer.
    MessagesSent,
    /// Block data sent in bytes, per peer.
    PayloadUp,
    /// Block data received in bytes, per peer.
    PayloadDown,
    /// 1 for a peer that completed, 0 for one that did not; not of peers that joined complete.
    Completed,
    /// Virtual seconds of the run, per run.
    Duration,
}

/// How values become one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aggregate {
    /// The smallest.
    Min,
    /// The largest.
    Max,
    /// The arithmetic mean.
    Mean,
    /// The quantile, between 0 and 1; 0.5 is the median.
    Quantile(f64),
    /// The sum.
    Sum,
}

/// How a measured value is compared with the threshold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

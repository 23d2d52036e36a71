//! The swarm protocol of `MiniBit` as state machines without I/O.
pub mod announce;
pub mod bencode;
pub mod bitfield;
pub mod boundary;
pub mod choker;
pub mod config;
pub mod geometry;
pub mod id;
pub mod message;
pub mod metainfo;
pub mod payload;
pub mod picker;
pub mod profile;
pub mod rng;
pub mod time;
pub mod torrent;
pub mod tracker;
pub mod wire;

pub use bitfield::Bitfield;
pub use boundary::{Command, Env, Event, Input, Outbox, Output};
pub use config::Config;
pub use geometry::Geometry;
pub use id::{BlockRef, BlockSpan, ConnId, InfoHash, PeerId, PieceIndex};
pub use message::{Message, MessageKind};
pub use profile::Profile;
pub use rng::{Rng, Seed};
pub use time::Instant;

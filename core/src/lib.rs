//! The swarm protocol of `MiniBit` as state machines without I/O.
//!
//! The core decides; it never waits, reads a clock, opens a socket or a file, or starts a thread. Two drivers do that for it:
//! the simulator in virtual time, with blocks that have a length and no bytes, and the node on a real network. Both drive the very same
//! code, so what is measured in one is what runs in the other.
//!
//! # The parts
//! - [`torrent`]: one participant's side of one swarm. [`boundary`]: all that goes in and comes out of it, on one page.
//! - [`config`]: everything that can be chosen. [`profile`]: the systems, each a whole set of choices.
//! - [`picker`], [`choker`]: which piece to fetch next, and whom to serve.
//! - [`announce`], [`tracker`]: the two sides of a conversation with a tracker.
//! - [`catalogue`]: files by name. [`lsd`]: peers on the same network, without a tracker.
//! - [`message`], [`wire`]: what peers say, and its encodings, the bytes of which are in `core/PROTOCOLS.md`. [`extension`]: what they say through BEP 10.
//! - [`bencode`], [`metainfo`]: torrent files. [`magnet`], [`metadata`]: where there is none.
//! - [`trace`]: what a node's `Torrent` was told and what it said, to be replayed.
//! - [`geometry`], [`id`], [`bitfield`], [`payload`], [`time`], [`rng`]: lengths, names, sets, bytes, moments, luck.
//!
//! # The drive loop
//! One input; everything that comes out is acted on; then the time-out is asked for, and the next input waited for. A driver
//! that can do this for one `Torrent` can do it for a hundred thousand: between inputs they do not run.
//!
//! Two of them exchange a piece, over a wire that takes no time and with disks that answer at once:
//!
//! ```
//! use std::collections::VecDeque;
//! use minibit_core::boundary::{Command, DiskDone, DiskOp, Input, Outbox, Output, SimAddr, Simulated};
//! use minibit_core::payload::{Payload, Virtual};
//! use minibit_core::torrent::{Identity, Torrent};
//! use minibit_core::{Bitfield, ConnId, Geometry, InfoHash, Instant, PeerId, Profile, Seed};
//!
//! let geometry = Geometry::new(1 << 15, 1 << 15, 1 << 14)?; // one piece of two blocks
//! let torrent = |number: u8, have: Bitfield| {
//!     let peer_id = PeerId([number; 20]);
//!     let identity = Identity { info_hash: InfoHash([7; 20]), peer_id, stream: number.into() };
//!     let config = Profile::Bittorrent.config();
//!     Torrent::<Simulated>::new(config, geometry, identity, have, Instant::ZERO, Seed::from_number(1))
//! };
//! let mut torrents = [torrent(0, Bitfield::all(1)), torrent(1, Bitfield::none(1))];
//! let mut inputs = VecDeque::from([
//!     (0, Input::Command(Command::Start)),
//!     (1, Input::Command(Command::Start)),
//!     (1, Input::Command(Command::AddPeers(vec![SimAddr(0)]))),
//! ]);
//! let mut conns = [ConnId::new(0, 0); 2]; // each one's name for the connection between them
//! let mut outbox = Outbox::new();
//! while let Some((me, input)) = inputs.pop_front() {
//!     let other = 1 - me;
//!     torrents[me].handle_input(Instant::ZERO, input, &mut outbox);
//!     while let Some(output) = outbox.pop() {
//!         match output {
//!             Output::Connect { conn, .. } => {
//!                 conns[me] = conn;
//!                 inputs.push_back((other, Input::Incoming { ticket: 0, addr: SimAddr(1) }));
//!             }
//!             Output::Accept { conn, .. } => {
//!                 conns[me] = conn;
//!                 inputs.push_back((other, Input::Connected { conn: conns[other] }));
//!             }
//!             Output::Send { to, message } => {
//!                 let bytes = message.payload_len();
//!                 inputs.push_back((other, Input::Message { from: conns[other], message }));
//!                 inputs.push_back((me, Input::Sent { to, bytes }));
//!             }
//!             Output::Disk(op) => inputs.push_back((me, Input::Disk(match op {
//!                 DiskOp::Read { conn, span } => {
//!                     let data = Virtual::new(span.length);
//!                     DiskDone::Read { conn, index: span.index, begin: span.begin, data }
//!                 }
//!                 DiskOp::Write { block, .. } => DiskDone::Written { block },
//!                 DiskOp::Verify { piece } => DiskDone::Verified { piece, ok: true },
//!                 DiskOp::Fingerprint { .. } => unreachable!("nothing was wrong"),
//!             }))),
//!             Output::Disconnect { .. } => inputs.push_back((other, Input::Disconnected { conn: conns[other] })),
//!             Output::Event(event) => println!("{me}: {event:?}"),
//!             Output::Announce(_) | Output::Refuse { .. } => {} // there is no tracker, and nobody is refused
//!         }
//!     }
//!     // Here a driver asks `torrents[me].poll_timeout()` and sets its timer.
//! }
//! assert!(torrents[1].is_complete());
//! # Ok::<(), minibit_core::geometry::GeometryError>(())
//! ```
//!
//! # What is promised
//! - A function of its inputs: the same seed, configuration and inputs give the same outputs in the same order, on any
//!   machine. There is no hash map, no clock and no float in a decision.
//! - Bounded: whatever a peer sends, what is kept of it is limited, and it is let go when it goes on ([`DisconnectReason`]).
//! - Late news miss: ids of connections are generational, so a completion for a closed one reaches nobody.
//! - A `Timeout` that comes early, late or twice does no harm; time that stands still is legal, time that goes back is not.
//!
//! [`DisconnectReason`]: boundary::DisconnectReason

pub mod announce;
pub mod bencode;
pub mod bitfield;
pub mod boundary;
pub mod catalogue;
pub mod choker;
pub mod config;
pub mod extension;
pub mod geometry;
pub mod id;
pub mod lsd;
pub mod magnet;
pub mod message;
pub mod metadata;
pub mod metainfo;
pub mod payload;
pub mod picker;
pub mod profile;
pub mod rng;
pub mod time;
pub mod torrent;
pub mod trace;
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

/// The README's example is tested with those of this documentation.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
pub struct Readme;

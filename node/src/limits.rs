//! Every constant that bounds what outsiders can make us hold, or how long they can make us wait, each with its reason.
//!
//! What the protocol itself bounds (requests, blocks under way, known addresses) is in the core's `config::Limits`.

use std::time::Duration;

// Connections.

/// Bytes that are read from a connection at a time. Measured: a read this long takes 15 blocks with one system call, and the
/// memory stays in a second-level cache until it is hashed and written.
pub(crate) const READ_CHUNK: usize = 256 * 1024;
/// Room for at least so much is made behind the beginning of a message that was left from the last read.
pub(crate) const LEAST_READ: usize = 16 * 1024;
/// Receive buffers that are kept for the next read. More are in use only while the disk is behind, which the core bounds.
pub(crate) const KEPT_CHUNKS: usize = 32;
/// Most bytes that wait to be written to one connection, block data apart: what the core's send credit bounds is not
/// counted. Who lets more pile up does not read (I8).
pub(crate) const QUEUED_CONTROL: usize = 256 * 1024;
/// Slices that one vectored write takes: 32 blocks with their headers, 512 KiB.
pub(crate) const WRITE_SLICES: usize = 64;
/// Batches of messages between the connections' tasks and the engine. Together they hold this many reads at most; a
/// connection whose batch finds no room stops reading, and TCP slows its peer down.
pub(crate) const EVENTS: usize = 16;
/// Messages that a connection hands on at a time. A read full of the shortest ones would be 65 000, of some fifty bytes each in memory, and
/// all others would wait until they are dealt with.
pub(crate) const MESSAGES_AT_ONCE: usize = 1024;
const _: () = assert!(FIRST_BYTES <= MESSAGES_AT_ONCE, "the first bytes are handed on whole");
/// What was said before a connection is closed has so long to leave.
pub(crate) const LAST_WORDS: Duration = Duration::from_secs(1);
/// … and a piece that somebody has come for so long: one of 4 MiB takes half of it at 1 Mbit/s.
pub(crate) const LAST_PIECE: Duration = Duration::from_mins(1);
/// The core is told so often that what waits for a connection is held back by a limit of the user's.
pub(crate) const HELD_BACK: Duration = Duration::from_millis(500);
/// An address that has not answered a dial by then does not answer.
pub(crate) const DIAL_TIMEOUT: Duration = Duration::from_secs(5);
/// The kernel's buffers of one connection, each way: two send credits of the LAN profile, so that the wire never runs dry
/// while we are busy elsewhere.
pub(crate) const SOCKET_BUFFER: usize = 1024 * 1024;
/// Events that the engine takes in before it acts on them: work is gathered for larger system calls, and nobody waits long.
pub(crate) const EVENTS_AT_ONCE: usize = 64;
/// How often those who watch a transfer are told how it goes.
pub(crate) const STATUS_EVERY: Duration = Duration::from_millis(100);
/// A tracker that is told good-bye has so long to answer, and what else was asked of it is given up; what is typed at the end of a
/// day should end.
pub(crate) const FAREWELL: Duration = Duration::from_millis(1_500);
/// The engine looks around at least so often, even when nothing is due: a timer that is set far ahead proves nothing.
pub(crate) const LONGEST_SLEEP: Duration = Duration::from_mins(1);

// The listener.

/// Connections that the kernel holds until they are accepted.
pub(crate) const BACKLOG: i32 = 256;
/// A connection has so long to say its first bytes (libtorrent's `handshake_timeout`) …
pub(crate) const FIRST_BYTES_TIMEOUT: Duration = Duration::from_secs(10);
/// … and is told by no more than these. The longest opening that must be seen whole is a JSON handshake, 155 bytes without
/// white space.
pub(crate) const FIRST_BYTES: usize = 1024;
/// Connections that have said nothing yet. A peer that speaks within a round trip passes through even while hundreds of
/// others connect and say nothing.
pub(crate) const WAITING_ROOM: usize = 128;
/// Incoming connections of all kinds.
pub(crate) const INCOMING: usize = 1000;
/// Descriptors that incoming connections never take (R12): runtime and standard streams about ten, the listener, our own dials, files,
/// the tracker.
pub(crate) const RESERVED_DESCRIPTORS: usize = 40;
/// How long to wait before accepting again when the system is out of descriptors.
pub(crate) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

// Commands: names and swarms as JSON over TCP.

/// A connection may be silent between two commands for so long.
pub(crate) const COMMAND_IDLE: Duration = Duration::from_mins(1);
/// A command that has begun is to be there after this, and an answer to be taken; what is long may take longer …
pub(crate) const COMMAND_TIMEOUT: Duration = Duration::from_secs(3);
/// … at this rate, in bytes per second: half of what the slowest local network has.
pub(crate) const LEAST_COMMAND_RATE: usize = 500_000;
/// Commands of one connection; whoever has more to ask connects again.
pub(crate) const COMMANDS_PER_CONNECTION: usize = 1000;
/// Commands and answers that are longer than the common ones, under way at the same time: each is metainfo of up to 14 MB.
pub(crate) const LARGE_FRAMES: usize = 4;
/// How long to wait for a place among them.
pub(crate) const LARGE_FRAME_WAIT: Duration = Duration::from_secs(20);
/// The longest frame of which any number may be under way.
pub(crate) const COMMON_ANSWER: usize = 64 * 1024;
/// The longest answer that is no metainfo: 500 files with names of 255 bytes, of six characters each at worst.
pub(crate) const LONGEST_LIST: u32 = 1 << 20;
/// The longest answer to S4's `list` that is read: what an honest tracker's thousand peers have fits.
pub(crate) const LONGEST_SHELVES: usize = 16 << 20;
/// Nodes of the local network that are asked at the same time …
pub(crate) const NODES_AT_ONCE: usize = 32;
/// … and in all. Who makes up nodes makes us connect no more often than this.
pub(crate) const NODES_IN_ALL: usize = 256;
/// Files that are kept of all answers together.
pub(crate) const FILES_FOUND: usize = 5000;

// Trackers of the five systems over TCP.

/// Connections over which somebody may be registered, for as long as they last. One more takes the place of the oldest one of the
/// address that has most.
pub(crate) const MEMBERS: usize = 512;
/// News for a connection that does not read them: with one more it is closed.
pub(crate) const NEWS: usize = 256;
/// A host that is gone without a word is found out after so long a silence, by the system.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(30);

// The local network.

/// Datagrams that wait to be read; the kernel drops what is beyond its own buffer.
pub(crate) const LAN_DATAGRAMS: usize = 64;
/// Peers that were heard and not taken yet; what is beyond will be heard again.
pub(crate) const LAN_PEERS: usize = 256;
/// Network interfaces that are announced on; a host with many bridges has no use for all of them.
pub(crate) const LAN_INTERFACES: usize = 32;
/// How often to look which interfaces there are.
pub(crate) const LAN_RESCAN: Duration = Duration::from_secs(15);

// The tracker's HTTP server.

/// Longest head of a request. An announce has 300 bytes, a scrape of 74 swarms 5 KiB.
pub(crate) const REQUEST_HEAD: usize = 8 * 1024;
/// A client has so long to send its whole request, and a connection that is kept has so long until the next one begins.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection is closed after so long whatever it does: who never reads its answers would stay for ever.
pub(crate) const HTTP_LIFETIME: Duration = Duration::from_mins(10);
/// Most connections at a time, of about 20 KiB each; one more takes the place of the oldest. A request takes a millisecond,
/// so who is oldest while there are so many has no request.
pub(crate) const HTTP_CONNECTIONS: usize = 512;
/// Descriptors that are kept for everything else, when few are allowed.
pub(crate) const HTTP_RESERVED_DESCRIPTORS: usize = 32;
/// Swarms on the status page, and in `/status.json`: those with most peers.
pub(crate) const STATUS_SWARMS: usize = 200;
/// The status is counted and written at most so often, whoever asks: counting takes time in proportion to the swarms, and a client can ask
/// a thousand times without waiting for an answer.
pub(crate) const STATUS_AGE: Duration = Duration::from_secs(1);

// The tracker's UDP server.

/// Datagrams for one system call. Measured: from 64 on nothing is gained.
pub(crate) const DATAGRAMS: usize = 64;
/// Longest request that is read whole: a scrape of 74 swarms has 1 496 bytes, an inventory of S3 with a gap after each of 1 500
/// pieces so many.
pub(crate) const DATAGRAM: usize = 8 * 1024;
/// What the kernel keeps while we are busy: some thousand requests, of which none is lost in a burst.
pub(crate) const DATAGRAM_BACKLOG: usize = 4 * 1024 * 1024;
/// The server looks so often whether it shall end.
pub(crate) const UDP_SERVER_TICK: Duration = Duration::from_millis(250);

// What trackers can do to us.

/// Longest body of a tracker's answer. 200 peers take 1 200 bytes; in the form with dictionaries, some 20 000.
pub(crate) const TRACKER_BODY: usize = 1024 * 1024;
/// Longest head of a tracker's answer.
pub(crate) const TRACKER_HEAD: usize = 16 * 1024;
/// What is read of one answer in all: what frames chunks and goes before the answer itself (`100 Continue`) may be said without end.
pub(crate) const TRACKER_ANSWER: u64 = (TRACKER_BODY + TRACKER_BODY / 4) as u64;
const _: () =
    assert!(TRACKER_ANSWER > (TRACKER_BODY + TRACKER_HEAD) as u64, "the longest answer is read whole");
/// The kernel's buffer of what a tracker sends.
pub(crate) const TRACKER_BUFFER: u32 = 64 * 1024;
/// A tracker has so long for everything: connection, redirects, answer. Single bytes now and then do not prolong it.
pub(crate) const TRACKER_TIMEOUT: Duration = Duration::from_secs(15);
/// A connection that is not open by then is tried to the tracker's next address.
pub(crate) const TRACKER_CONNECT: Duration = Duration::from_secs(5);
/// Addresses of one tracker that are tried.
pub(crate) const TRACKER_ADDRESSES: usize = 4;
/// Datagrams that answer nothing which are put up with in one announce.
pub(crate) const TRACKER_NOISE: u32 = 1_000;
/// A little longer over UDP, where a request is sent again after 15 seconds.
pub(crate) const UDP_TRACKER_TIMEOUT: Duration = Duration::from_secs(20);
/// A goodbye keeps nobody waiting.
pub(crate) const STOPPED_TIMEOUT: Duration = Duration::from_millis(1_200);
/// A datagram to a tracker of S3 that nothing has come of is sent again after this.
pub(crate) const TRACKER_DATAGRAM_AGAIN: Duration = Duration::from_secs(2);
/// A tracker that has lost our connection, and with it our registration, is connected to again after this.
pub(crate) const TRACKER_REJOIN: Duration = Duration::from_secs(5);
/// Peers that a tracker has told of and that were not taken yet.
pub(crate) const TRACKER_NEWS: usize = 64;
/// Of whom a tracker has told without being asked has so long to call us, which is what newcomers do; then we call it.
pub(crate) const NEWCOMERS_CALL: Duration = Duration::from_secs(3);
/// Redirects that are followed for one announce.
pub(crate) const REDIRECTS: usize = 5;
/// Longest URL of a tracker, its query apart.
pub(crate) const TRACKER_URL: usize = 2 * 1024;

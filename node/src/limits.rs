//! Every constant that bounds what outsiders can make us hold, or how long they can make us wait, each with its reason.

use std::time::Duration;

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
/// A connection is accepted again after so long, when there are no descriptors for it.
pub(crate) const HTTP_ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// Swarms on the status page, and in `/status.json`: those with most peers.
pub(crate) const STATUS_SWARMS: usize = 200;
/// The status is counted at most so often, whoever asks: counting takes time in proportion to the swarms.
pub(crate) const STATUS_AGE: Duration = Duration::from_secs(1);

// The tracker's UDP server.

/// Datagrams for one system call. Measured: from 64 on nothing is gained.
pub(crate) const DATAGRAMS: usize = 64;
/// Longest request that is read whole: a scrape of 74 swarms has 1 496 bytes.
pub(crate) const DATAGRAM: usize = 2 * 1024;
/// What the kernel keeps while we are busy: some thousand requests, of which none is lost in a burst.
pub(crate) const DATAGRAM_BACKLOG: usize = 4 * 1024 * 1024;
/// The server looks so often whether it shall end.
pub(crate) const UDP_SERVER_TICK: Duration = Duration::from_millis(250);

// What trackers can do to us.

/// Longest body of a tracker's answer. 200 peers take 1 200 bytes; in the form with dictionaries, some 20 000.
pub(crate) const TRACKER_BODY: usize = 1024 * 1024;
/// Longest head of a tracker's answer.
pub(crate) const TRACKER_HEAD: usize = 16 * 1024;
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
/// Redirects that are followed for one announce.
pub(crate) const REDIRECTS: usize = 5;
/// Longest URL of a tracker, its query apart.
pub(crate) const TRACKER_URL: usize = 2 * 1024;

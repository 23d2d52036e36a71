//! A peer that may have the metadata.

use crate::id::PeerId;
use crate::time::Instant;
use crate::torrent::known::PeerKey;

/// How far the connection has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// We are dialling.
    Dialling,
    /// Open, but the peer's handshake has not come.
    Handshaking,
    /// Messages flow.
    Open,
}

/// One connection.
#[derive(Debug)]
pub(super) struct Source<A> {
    pub(super) addr: A,
    pub(super) key: PeerKey,
    pub(super) stage: Stage,
    /// We opened the connection.
    pub(super) dialled: bool,
    /// Both sides speak the fast extension.
    pub(super) fast: bool,
    pub(super) peer_id: Option<PeerId>,
    /// When the present stage began.
    pub(super) since: Instant,
    pub(super) last_received: Instant,
    /// Its number for metadata messages; 0: it takes none.
    pub(super) ut_metadata: u8,
    /// Bytes of the metadata that it has.
    pub(super) size: Option<u32>,
    /// Pieces that it was asked for, and when.
    pub(super) asked: Vec<(u32, Instant)>,
    /// Questions that it has refused or not answered, and answers to no question.
    pub(super) failures: u32,
    /// Not to be asked before this.
    pub(super) not_before: Instant,
}

impl<A> Source<A> {
    pub(super) const fn new(addr: A, key: PeerKey, dialled: bool, now: Instant) -> Self {
        Self {
            addr,
            key,
            stage: if dialled { Stage::Dialling } else { Stage::Handshaking },
            dialled,
            fast: false,
            peer_id: None,
            since: now,
            last_received: now,
            ut_metadata: 0,
            size: None,
            asked: Vec::new(),
            failures: 0,
            not_before: now,
        }
    }

    /// The size of the metadata that it can be asked for.
    pub(super) fn offers(&self) -> Option<u32> {
        self.size.filter(|_| self.stage == Stage::Open && self.ut_metadata != 0)
    }
}

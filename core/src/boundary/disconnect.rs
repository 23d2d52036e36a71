//! Why connections are closed.

/// Why the core closes a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DisconnectReason {
    /// The handshake names another swarm.
    WrongInfoHash,
    /// We have connected to ourselves.
    SelfConnection,
    /// There is another connection to this peer.
    Duplicate,
    /// The peer broke the protocol.
    ProtocolViolation(Violation),
    /// The peer was banned: it sent wrong bytes.
    Banned,
    /// No handshake in time.
    HandshakeTimeout,
    /// Nothing was heard for too long.
    Idle,
    /// Both sides have everything.
    BothSeeds,
    /// What the connection was for has been handed over, or there is nothing of it to give: a piece, or the last one that was missing
    /// (S3, S4). A driver closes it after what it has been given to send.
    Done,
    /// The peer asks for what is not here, and there is no other way to say so (S3, S4).
    NotHere,
    /// The peer does not give us the metadata that we have nothing but the info-hash of.
    NoMetadata,
    /// A newcomer needs the place, or the same peer has come again on another connection.
    Replaced,
    /// We are going.
    Stopped,
}

/// How the peer broke the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Violation {
    /// Something came before the handshake, or a second handshake.
    Handshake,
    /// A piece index that the torrent does not have.
    PieceIndex,
    /// A bitfield of another length than the torrent's.
    Bitfield,
    /// A request that is empty, too long or out of range.
    RequestRange,
    /// A block that the torrent does not have: nobody can have asked for it.
    BlockRange,
    /// More waiting requests than are allowed.
    TooManyRequests,
    /// A fast-extension message without the fast extension.
    NotNegotiated,
    /// Rejects, or blocks that nobody asked for, again and again.
    Flood,
}

//! How things are written in a record, and read again.

mod message;

use core::net::SocketAddr;
use core::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use self::message::MessageForm;
use super::replay::Malformed;
use super::{Origin, Recorded, VERSION};
use crate::announce::{AnnounceError, AnnounceResponse};
use crate::bitfield::Bitfield;
use crate::boundary::{Command, DiskDone, DiskOp, Env, Input, Output};
use crate::config::Config;
use crate::geometry::Geometry;
use crate::id::{BlockRef, BlockSpan, ConnId, InfoHash, PeerId, PieceIndex};
use crate::payload::{Payload as _, Virtual};
use crate::rng::Seed;
use crate::time::{Instant, nanos};
use crate::torrent::{Identity, Particulars};

/// A connection: slot and generation.
type Conn = (u32, u32);
/// Index, begin, length.
type Span = (u32, u32, u32);
/// Bytes in base64.
type Encoded = String;

fn conn(id: ConnId) -> Conn {
    (u32::try_from(id.slot()).unwrap_or(u32::MAX), id.generation())
}

fn conn_id((slot, generation): Conn) -> ConnId {
    ConnId::new(slot, generation)
}

fn span(span: BlockSpan) -> Span {
    (span.index, span.begin, span.length)
}

fn block_span((index, begin, length): Span) -> BlockSpan {
    BlockSpan { index, begin, length }
}

fn bytes(text: &str) -> Result<Vec<u8>, Malformed> {
    STANDARD.decode(text).map_err(|_| Malformed::Base64)
}

fn fixed<const N: usize>(text: &str) -> Result<[u8; N], Malformed> {
    bytes(text)?.try_into().map_err(|_| Malformed::Base64)
}

/// A set of pieces: how many there are, and its words.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Pieces(u32, Box<[u64]>);

impl Pieces {
    fn of(set: &Bitfield) -> Self {
        Self(set.len(), set.words().into())
    }

    fn read(self) -> Result<Bitfield, Malformed> {
        Bitfield::from_words(self.1, self.0).ok_or(Malformed::Range)
    }
}

/// The first line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Header {
    minibit_trace: u32,
    config: Config,
    len: u64,
    piece_len: u32,
    block_len: u32,
    info_hash: Encoded,
    peer_id: Encoded,
    stream: u32,
    info: Encoded,
    private: bool,
    port: Option<u16>,
    client: String,
    #[serde(default)]
    upload_only: bool,
    have: Pieces,
    start: u64,
    seed: Encoded,
}

impl Header {
    pub(super) fn of(origin: &Origin) -> Self {
        let Origin { config, geometry, identity, particulars, have, start, seed } = origin;
        Self {
            minibit_trace: VERSION,
            config: *config,
            len: geometry.len(),
            piece_len: geometry.nominal_piece_len(),
            block_len: geometry.nominal_block_len(),
            info_hash: STANDARD.encode(identity.info_hash.0),
            peer_id: STANDARD.encode(identity.peer_id.0),
            stream: identity.stream,
            info: STANDARD.encode(&particulars.info),
            private: particulars.private,
            port: particulars.port,
            client: particulars.client.clone(),
            upload_only: particulars.upload_only,
            have: Pieces::of(have),
            start: start.as_nanos(),
            seed: STANDARD.encode(seed.to_bytes()),
        }
    }

    pub(super) fn read(self) -> Result<Origin, Malformed> {
        if self.minibit_trace != VERSION {
            return Err(Malformed::Version { found: self.minibit_trace });
        }
        let geometry =
            Geometry::new(self.len, self.piece_len, self.block_len).map_err(Malformed::Geometry)?;
        let have = self.have.read()?;
        if have.len() != geometry.piece_count() {
            return Err(Malformed::Range);
        }
        let identity = Identity {
            info_hash: InfoHash(fixed(&self.info_hash)?),
            peer_id: PeerId(fixed(&self.peer_id)?),
            stream: self.stream,
        };
        let particulars = Particulars {
            info: bytes(&self.info)?.into(),
            private: self.private,
            port: self.port,
            client: self.client,
            upload_only: self.upload_only,
        };
        let (start, seed) = (Instant::from_nanos(self.start), Seed::from_bytes(fixed(&self.seed)?));
        Ok(Origin { config: self.config, geometry, identity, particulars, have, start, seed })
    }
}

/// A line about an input.
#[derive(Debug, Serialize)]
pub(super) struct Line<'a> {
    pub(super) t: u64,
    #[serde(rename = "in")]
    pub(super) input: InputForm,
    pub(super) out: &'a [OutputForm],
    pub(super) next: Option<u64>,
}

/// The same as it is read.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReadLine {
    pub(super) t: u64,
    #[serde(rename = "in")]
    pub(super) input: InputForm,
    pub(super) out: Vec<Value>,
    pub(super) next: Option<u64>,
}

/// A block of this length.
fn block(length: u32) -> Result<Virtual, Malformed> {
    if i32::try_from(length).is_ok() { Ok(Virtual::new(length)) } else { Err(Malformed::Range) }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum InputForm {
    Timeout,
    Incoming { ticket: u32, addr: SocketAddr },
    Connected(Conn),
    Disconnected(Conn),
    Message(Conn, MessageForm),
    Sent(Conn, u32),
    Read(Conn, Span),
    ReadFailed(Conn, Span),
    Written(u32, u32),
    WriteFailed(u32, u32),
    Verified(u32, bool),
    VerifyFailed(u32),
    Fingerprints(u32, Box<[u64]>),
    Announced(Announced),
    Start,
    AddPeers(Vec<SocketAddr>),
    AddSources(Vec<SocketAddr>),
    Stop,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Announced {
    Ok {
        interval: u64,
        min_interval: Option<u64>,
        peers: Vec<SocketAddr>,
        seeders: u32,
        leechers: u32,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        inventories: Vec<(SocketAddr, Pieces)>,
    },
    Unreachable,
    Refused(String),
}

impl Announced {
    fn of(result: &Result<AnnounceResponse<SocketAddr>, AnnounceError>) -> Self {
        match result {
            Ok(response) => Self::Ok {
                interval: nanos(response.interval),
                min_interval: response.min_interval.map(nanos),
                peers: response.peers.clone(),
                seeders: response.seeders,
                leechers: response.leechers,
                inventories: response
                    .inventories
                    .iter()
                    .map(|(addr, set)| (*addr, Pieces::of(set)))
                    .collect(),
            },
            Err(AnnounceError::Unreachable) => Self::Unreachable,
            Err(AnnounceError::Refused(reason)) => Self::Refused(reason.clone()),
        }
    }

    fn read(self) -> Result<Result<AnnounceResponse<SocketAddr>, AnnounceError>, Malformed> {
        let held = |(addr, set): (SocketAddr, Pieces)| set.read().map(|set| (addr, set));
        Ok(match self {
            Self::Ok { interval, min_interval, peers, seeders, leechers, inventories } => {
                Ok(AnnounceResponse {
                    interval: Duration::from_nanos(interval),
                    min_interval: min_interval.map(Duration::from_nanos),
                    peers,
                    seeders,
                    leechers,
                    inventories: inventories.into_iter().map(held).collect::<Result<_, _>>()?,
                })
            }
            Self::Unreachable => Err(AnnounceError::Unreachable),
            Self::Refused(reason) => Err(AnnounceError::Refused(reason)),
        })
    }
}

impl InputForm {
    pub(super) fn of<E: Env<Addr = SocketAddr>>(input: &Input<E>) -> Self {
        match input {
            Input::Timeout => Self::Timeout,
            Input::Incoming { ticket, addr } => Self::Incoming { ticket: *ticket, addr: *addr },
            Input::Connected { conn: id } => Self::Connected(conn(*id)),
            Input::Disconnected { conn: id } => Self::Disconnected(conn(*id)),
            Input::Message { from, message } => Self::Message(conn(*from), MessageForm::of(message)),
            Input::Sent { to, bytes } => Self::Sent(conn(*to), *bytes),
            Input::Disk(DiskDone::Read { conn: id, index, begin, data }) => {
                Self::Read(conn(*id), (*index, *begin, data.len()))
            }
            Input::Disk(DiskDone::ReadFailed { conn: id, span: wanted }) => {
                Self::ReadFailed(conn(*id), span(*wanted))
            }
            Input::Disk(DiskDone::Written { block }) => Self::Written(block.piece.get(), block.block),
            Input::Disk(DiskDone::WriteFailed { block }) => Self::WriteFailed(block.piece.get(), block.block),
            Input::Disk(DiskDone::Verified { piece, ok }) => Self::Verified(piece.get(), *ok),
            Input::Disk(DiskDone::VerifyFailed { piece }) => Self::VerifyFailed(piece.get()),
            Input::Disk(DiskDone::Fingerprints { piece, blocks }) => {
                Self::Fingerprints(piece.get(), blocks.clone())
            }
            Input::Announced(result) => Self::Announced(Announced::of(result)),
            Input::Command(Command::Start) => Self::Start,
            Input::Command(Command::AddPeers(addrs)) => Self::AddPeers(addrs.clone()),
            Input::Command(Command::AddSources(addrs)) => Self::AddSources(addrs.clone()),
            Input::Command(Command::Stop) => Self::Stop,
        }
    }

    pub(super) fn read(self, geometry: &Geometry) -> Result<Input<Recorded>, Malformed> {
        let piece = |index: u32| geometry.piece(index).ok_or(Malformed::Range);
        let whole = |index: u32, block: u32| -> Result<BlockRef, Malformed> {
            let piece: PieceIndex = piece(index)?;
            let exists = block < geometry.block_count(piece);
            if exists { Ok(BlockRef { piece, block }) } else { Err(Malformed::Range) }
        };
        Ok(match self {
            Self::Timeout => Input::Timeout,
            Self::Incoming { ticket, addr } => Input::Incoming { ticket, addr },
            Self::Connected(id) => Input::Connected { conn: conn_id(id) },
            Self::Disconnected(id) => Input::Disconnected { conn: conn_id(id) },
            Self::Message(id, message) => Input::Message { from: conn_id(id), message: message.read()? },
            Self::Sent(id, bytes) => Input::Sent { to: conn_id(id), bytes },
            Self::Read(id, (index, begin, length)) => {
                Input::Disk(DiskDone::Read { conn: conn_id(id), index, begin, data: self::block(length)? })
            }
            Self::ReadFailed(id, wanted) => {
                Input::Disk(DiskDone::ReadFailed { conn: conn_id(id), span: block_span(wanted) })
            }
            Self::Written(index, block) => Input::Disk(DiskDone::Written { block: whole(index, block)? }),
            Self::WriteFailed(index, block) => {
                Input::Disk(DiskDone::WriteFailed { block: whole(index, block)? })
            }
            Self::Verified(index, ok) => Input::Disk(DiskDone::Verified { piece: piece(index)?, ok }),
            Self::VerifyFailed(index) => Input::Disk(DiskDone::VerifyFailed { piece: piece(index)? }),
            Self::Fingerprints(index, blocks) => {
                Input::Disk(DiskDone::Fingerprints { piece: piece(index)?, blocks })
            }
            Self::Announced(result) => Input::Announced(Box::new(result.read()?)),
            Self::Start => Input::Command(Command::Start),
            Self::AddPeers(addrs) => Input::Command(Command::AddPeers(addrs)),
            Self::AddSources(addrs) => Input::Command(Command::AddSources(addrs)),
            Self::Stop => Input::Command(Command::Stop),
        })
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum OutputForm {
    Connect(Conn, SocketAddr),
    Accept(u32, Conn),
    Refuse(u32),
    Send(Conn, MessageForm),
    Read(Conn, Span),
    Write(Span),
    Verify(u32),
    Fingerprint(u32),
    Announce {
        event: String,
        uploaded: u64,
        downloaded: u64,
        left: u64,
        numwant: u32,
        #[serde(skip_serializing_if = "Option::is_none")]
        have: Option<Pieces>,
    },
    Disconnect(Conn, String),
    Event(String),
}

impl OutputForm {
    pub(super) fn of<E: Env<Addr = SocketAddr>>(output: &Output<E>) -> Self {
        match output {
            Output::Connect { conn: id, addr } => Self::Connect(conn(*id), *addr),
            Output::Accept { ticket, conn: id } => Self::Accept(*ticket, conn(*id)),
            Output::Refuse { ticket } => Self::Refuse(*ticket),
            Output::Send { to, message } => Self::Send(conn(*to), MessageForm::of(message)),
            Output::Disk(DiskOp::Read { conn: id, span: wanted }) => Self::Read(conn(*id), span(*wanted)),
            Output::Disk(DiskOp::Write { block, data }) => {
                Self::Write((block.piece.get(), block.block, data.len()))
            }
            Output::Disk(DiskOp::Verify { piece }) => Self::Verify(piece.get()),
            Output::Disk(DiskOp::Fingerprint { piece }) => Self::Fingerprint(piece.get()),
            Output::Announce(request) => Self::Announce {
                event: format!("{:?}", request.event),
                uploaded: request.uploaded,
                downloaded: request.downloaded,
                left: request.left,
                numwant: request.numwant,
                have: request.have.as_deref().map(Pieces::of),
            },
            Output::Disconnect { conn: id, reason } => Self::Disconnect(conn(*id), format!("{reason:?}")),
            Output::Event(event) => Self::Event(format!("{event:?}")),
        }
    }
}

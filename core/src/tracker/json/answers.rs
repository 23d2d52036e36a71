//! Answers. Those of others are not believed more than requests are: an answer is as bounded.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use super::{CommandError, given, metainfo, put_frame, read};
use crate::catalogue::Listed;
use crate::id::InfoHash;
use crate::metainfo::sound_name;
use crate::time::Instant;

/// Most files in one answer.
pub const MAX_FILES: usize = 500;
/// Most peers in one answer.
pub const MAX_PEERS: usize = 1000;
/// The longest message with an error that is kept, in bytes.
const MAX_MESSAGE: usize = 500;

/// A file that somebody publishes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// The swarm.
    pub info_hash: InfoHash,
    /// The name of the file or directory: harmless as a path, but any text otherwise.
    pub name: String,
    /// Length of all files in bytes.
    pub size: u64,
    /// How many files there are.
    pub files: u32,
    /// Peers that have everything.
    pub seeders: u32,
    /// Peers that do not.
    pub leechers: u32,
    /// Since when it is published, in whole seconds.
    pub age: Duration,
}

impl File {
    /// An entry of a catalogue, as it is now.
    pub fn of(listed: &Listed<'_>, now: Instant) -> Self {
        let Listed { info_hash, name, len, files, seeders, leechers, published, .. } = *listed;
        let age = Duration::from_secs(now.saturating_since(published).as_secs());
        Self { info_hash, name: name.to_owned(), size: len, files, seeders, leechers, age }
    }
}

/// Peers of a swarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peers {
    /// Announce again after this, in whole seconds.
    pub interval: Duration,
    /// Peers that have everything.
    pub seeders: u32,
    /// Peers that do not.
    pub leechers: u32,
    /// Some of them.
    pub peers: Vec<SocketAddr>,
}

/// Why there is nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Several files fit equally well.
    Ambiguous(Vec<File>),
    /// No file fits, or its metainfo is not here.
    NotFound,
    /// It is not done here, or there is no room.
    Refused,
    /// It cannot be understood. The connection ends.
    BadRequest,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Peers of a swarm.
    Peers(Peers),
    /// A heartbeat was heard.
    Alive {
        /// So many swarms the peer is in; with 0 it is to register again.
        swarms: u32,
        /// The next heartbeat is wanted after this, in whole seconds.
        interval: Duration,
    },
    /// It is done.
    Done,
    /// Files by name.
    Files {
        /// At most [`MAX_FILES`].
        files: Vec<File>,
        /// There are others.
        more: bool,
    },
    /// A `.torrent` file.
    Metainfo {
        /// Of this swarm; whoever asked checks it.
        info_hash: InfoHash,
        /// The file.
        metainfo: Bytes,
    },
    /// There is nothing.
    Error(Refusal, String),
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct PeerObject {
    ip: IpAddr,
    port: u16,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct FileObject<'a> {
    #[serde(borrow)]
    info_hash: Cow<'a, str>,
    #[serde(borrow)]
    name: Cow<'a, str>,
    size: u64,
    files: u32,
    seeders: u32,
    leechers: u32,
    age: u64,
}

/// A text, borrowed from the frame unless it has escapes.
#[derive(Deserialize, Serialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The keys of all answers, in the order in which they are written.
#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
struct Object<'a> {
    #[serde(borrow, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    ok: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    error: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    message: Option<Text<'a>>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    swarms: Option<u32>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    interval: Option<u64>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    seeders: Option<u32>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    leechers: Option<u32>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    peers: Option<Vec<PeerObject>>,
    #[serde(borrow, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    files: Option<Vec<FileObject<'a>>>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    more: Option<bool>,
    #[serde(borrow, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    info_hash: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    metainfo: Option<Text<'a>>,
}

/// Takes a value out, which must be there.
macro_rules! take {
    ($($key:ident: $type:ty),+) => {
        $(fn $key(&mut self) -> Result<$type, CommandError> {
            self.$key.take().ok_or(CommandError::Missing { key: stringify!($key) })
        })+
    };
}

impl<'a> Object<'a> {
    take!(
        message: Text<'a>,
        swarms: u32,
        interval: u64,
        seeders: u32,
        leechers: u32,
        peers: Vec<PeerObject>,
        files: Vec<FileObject<'a>>,
        more: bool,
        info_hash: Text<'a>,
        metainfo: Text<'a>
    );

    fn nothing_left(&self) -> Result<(), CommandError> {
        let there = [
            ("ok", self.ok.is_some()),
            ("error", self.error.is_some()),
            ("message", self.message.is_some()),
            ("swarms", self.swarms.is_some()),
            ("interval", self.interval.is_some()),
            ("seeders", self.seeders.is_some()),
            ("leechers", self.leechers.is_some()),
            ("peers", self.peers.is_some()),
            ("files", self.files.is_some()),
            ("more", self.more.is_some()),
            ("info_hash", self.info_hash.is_some()),
            ("metainfo", self.metainfo.is_some()),
        ];
        match there.into_iter().find(|&(_, is_there)| is_there) {
            Some((key, _)) => Err(CommandError::Unexpected { key }),
            None => Ok(()),
        }
    }

    fn listed(&mut self) -> Result<Vec<File>, CommandError> {
        let files = self.files()?;
        if files.len() > MAX_FILES {
            return Err(CommandError::TooMany { key: "files", max: MAX_FILES });
        }
        files.into_iter().map(FileObject::checked).collect()
    }

    fn addresses(&mut self) -> Result<Vec<SocketAddr>, CommandError> {
        let peers = self.peers()?;
        if peers.len() > MAX_PEERS {
            return Err(CommandError::TooMany { key: "peers", max: MAX_PEERS });
        }
        let addr = |PeerObject { ip, port }| {
            if port == 0 { Err(CommandError::Port) } else { Ok(SocketAddr::new(ip, port)) }
        };
        peers.into_iter().map(addr).collect()
    }
}

impl FileObject<'_> {
    fn checked(self) -> Result<File, CommandError> {
        let Self { info_hash, name, size, files, seeders, leechers, age } = self;
        sound_name(name.as_bytes()).map_err(|_| CommandError::Unknown { key: "name" })?;
        Ok(File {
            info_hash: InfoHash::from_hex(&info_hash).ok_or(CommandError::Hex { key: "info_hash" })?,
            name: name.into_owned(),
            size,
            files,
            seeders,
            leechers,
            age: Duration::from_secs(age),
        })
    }

    fn of(file: &File) -> FileObject<'_> {
        let File { info_hash, ref name, size, files, seeders, leechers, age } = *file;
        let (info_hash, age) = (info_hash.to_hex().into(), age.as_secs());
        FileObject { info_hash, name: name.into(), size, files, seeders, leechers, age }
    }
}

impl Refusal {
    const fn name(&self) -> &'static str {
        match self {
            Self::Ambiguous(_) => "ambiguous",
            Self::NotFound => "not-found",
            Self::Refused => "refused",
            Self::BadRequest => "bad-request",
        }
    }
}

impl Answer {
    /// Reads the text of a frame.
    ///
    /// # Errors
    /// When it is not an answer.
    pub fn parse(text: &[u8]) -> Result<Self, CommandError> {
        let mut object: Object<'_> = read(text)?;
        let answer = match (object.ok.take(), object.error.take()) {
            (Some(ok), None) => Self::parse_ok(&ok.0, &mut object)?,
            (None, Some(error)) => {
                let message = object.message()?.0;
                let end = message.floor_char_boundary(MAX_MESSAGE);
                let message = message.get(..end).unwrap_or_default().to_owned();
                let refusal = match &*error.0 {
                    "ambiguous" => Refusal::Ambiguous(object.listed()?),
                    "not-found" => Refusal::NotFound,
                    "refused" => Refusal::Refused,
                    "bad-request" => Refusal::BadRequest,
                    _ => return Err(CommandError::Unknown { key: "error" }),
                };
                Self::Error(refusal, message)
            }
            (Some(_), Some(_)) => return Err(CommandError::Unexpected { key: "error" }),
            (None, None) => return Err(CommandError::Missing { key: "ok" }),
        };
        object.nothing_left()?;
        Ok(answer)
    }

    fn parse_ok(name: &str, object: &mut Object<'_>) -> Result<Self, CommandError> {
        Ok(match name {
            "peers" => Self::Peers(Peers {
                interval: Duration::from_secs(object.interval()?),
                seeders: object.seeders()?,
                leechers: object.leechers()?,
                peers: object.addresses()?,
            }),
            "alive" => {
                Self::Alive { swarms: object.swarms()?, interval: Duration::from_secs(object.interval()?) }
            }
            "done" => Self::Done,
            "files" => Self::Files { files: object.listed()?, more: object.more()? },
            "metainfo" => Self::Metainfo {
                info_hash: InfoHash::from_hex(&object.info_hash()?.0)
                    .ok_or(CommandError::Hex { key: "info_hash" })?,
                metainfo: metainfo(&object.metainfo()?.0)?,
            },
            _ => return Err(CommandError::Unknown { key: "ok" }),
        })
    }

    /// Appends the frame.
    pub fn encode(&self, out: &mut BytesMut) {
        let mut object = Object::default();
        let ok = |name: &'static str| Some(Text(name.into()));
        match self {
            Self::Peers(Peers { interval, seeders, leechers, peers }) => {
                object.ok = ok("peers");
                object.interval = Some(interval.as_secs());
                object.seeders = Some(*seeders);
                object.leechers = Some(*leechers);
                let peers = peers.iter().map(|peer| PeerObject { ip: peer.ip(), port: peer.port() });
                object.peers = Some(peers.collect());
            }
            Self::Alive { swarms, interval } => {
                object.ok = ok("alive");
                object.swarms = Some(*swarms);
                object.interval = Some(interval.as_secs());
            }
            Self::Done => object.ok = ok("done"),
            Self::Files { files, more } => {
                object.ok = ok("files");
                object.files = Some(files.iter().map(FileObject::of).collect());
                object.more = Some(*more);
            }
            Self::Metainfo { info_hash, metainfo } => {
                object.ok = ok("metainfo");
                object.info_hash = Some(Text(info_hash.to_hex().into()));
                object.metainfo = Some(Text(STANDARD.encode(metainfo).into()));
            }
            Self::Error(refusal, message) => {
                object.error = Some(Text(refusal.name().into()));
                object.message = Some(Text(message.into()));
                if let Refusal::Ambiguous(files) = refusal {
                    object.files = Some(files.iter().map(FileObject::of).collect());
                }
            }
        }
        put_frame(&object, out);
    }
}

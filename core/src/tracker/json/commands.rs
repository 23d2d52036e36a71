//! Commands: read out of one flat object with the keys of all of them, and written as one.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use super::{CommandError, given, metainfo, put_frame, read};
use crate::catalogue::Query;
use crate::id::{InfoHash, PeerId};

/// What a peer says of itself and of its file when it joins a swarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The swarm.
    pub info_hash: InfoHash,
    /// What the peer calls itself.
    pub peer_id: PeerId,
    /// Where it listens.
    pub port: u16,
    /// The name of the file or directory.
    pub name: String,
    /// Length of all files in bytes.
    pub size: u64,
    /// How many files there are.
    pub files: u32,
    /// Bytes that the peer has not got.
    pub left: u64,
    /// The `.torrent` file. It proves name and lengths.
    pub metainfo: Option<Bytes>,
}

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// To join a swarm and publish its file.
    Register(Box<Registration>),
    /// To say what is left of a download.
    Update {
        /// The swarm.
        info_hash: InfoHash,
        /// What the peer calls itself.
        peer_id: PeerId,
        /// Where it listens.
        port: u16,
        /// Bytes that it has not got.
        left: u64,
    },
    /// Peers of a swarm, without joining it.
    GetPeers {
        /// The swarm.
        info_hash: InfoHash,
        /// Where the asker listens, who is not told of itself; 0 if it does not.
        port: u16,
        /// How many peers are wanted.
        numwant: u32,
    },
    /// To stay, without news.
    Heartbeat {
        /// Where the peer listens.
        port: u16,
        /// The swarm; all that were joined from this address and port if there is none.
        info_hash: Option<InfoHash>,
    },
    /// To leave.
    Unregister {
        /// Where the peer listens.
        port: u16,
        /// The swarm; all of them if there is none.
        info_hash: Option<InfoHash>,
    },
    /// All files.
    List,
    /// Files that a text leads to.
    Search {
        /// A name or a part of it, or the first digits of an info-hash.
        text: String,
    },
    /// The `.torrent` file of a swarm.
    Metainfo {
        /// As in a search; one file must fit best.
        text: String,
    },
}

/// A text, borrowed from the frame unless it has escapes.
#[derive(Deserialize, Serialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The keys of all commands, in the order in which they are written.
#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
struct Object<'a> {
    #[serde(borrow, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    command: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    info_hash: Option<Text<'a>>,
    #[serde(borrow, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    peer_id: Option<Text<'a>>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    port: Option<u16>,
    #[serde(borrow, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    name: Option<Text<'a>>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    files: Option<u32>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    left: Option<u64>,
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    numwant: Option<u32>,
    #[serde(borrow, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    text: Option<Text<'a>>,
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
    take!(command: Text<'a>, name: Text<'a>, size: u64, files: u32, left: u64, numwant: u32, port: u16, text: Text<'a>);

    fn info_hash(&mut self) -> Result<InfoHash, CommandError> {
        let key = "info_hash";
        let text = self.info_hash.take().ok_or(CommandError::Missing { key })?;
        InfoHash::from_hex(&text.0).ok_or(CommandError::Hex { key })
    }

    fn optional_info_hash(&mut self) -> Result<Option<InfoHash>, CommandError> {
        if self.info_hash.is_some() { self.info_hash().map(Some) } else { Ok(None) }
    }

    fn peer_id(&mut self) -> Result<PeerId, CommandError> {
        let key = "peer_id";
        let text = self.peer_id.take().ok_or(CommandError::Missing { key })?;
        PeerId::from_hex(&text.0).ok_or(CommandError::Hex { key })
    }

    /// A port at which somebody listens.
    fn listening(&mut self) -> Result<u16, CommandError> {
        self.port().and_then(|port| if port == 0 { Err(CommandError::Port) } else { Ok(port) })
    }

    /// What can be looked for.
    fn query(&mut self) -> Result<String, CommandError> {
        Ok(Query::new(&self.text()?.0)?.as_str().to_owned())
    }

    fn nothing_left(&self) -> Result<(), CommandError> {
        let there = [
            ("info_hash", self.info_hash.is_some()),
            ("peer_id", self.peer_id.is_some()),
            ("port", self.port.is_some()),
            ("name", self.name.is_some()),
            ("size", self.size.is_some()),
            ("files", self.files.is_some()),
            ("left", self.left.is_some()),
            ("numwant", self.numwant.is_some()),
            ("text", self.text.is_some()),
            ("metainfo", self.metainfo.is_some()),
        ];
        match there.into_iter().find(|&(_, is_there)| is_there) {
            Some((key, _)) => Err(CommandError::Unexpected { key }),
            None => Ok(()),
        }
    }
}

impl Command {
    /// Reads the text of a frame.
    ///
    /// # Errors
    /// When it is not a command.
    pub fn parse(text: &[u8]) -> Result<Self, CommandError> {
        let mut object: Object<'_> = read(text)?;
        let name = object.command()?.0;
        let command = match &*name {
            "register" => Self::Register(Box::new(Registration {
                info_hash: object.info_hash()?,
                peer_id: object.peer_id()?,
                port: object.listening()?,
                name: object.name()?.0.into_owned(),
                size: object.size()?,
                files: object.files()?,
                left: object.left()?,
                metainfo: object.metainfo.take().map(|text| metainfo(&text.0)).transpose()?,
            })),
            "update" => Self::Update {
                info_hash: object.info_hash()?,
                peer_id: object.peer_id()?,
                port: object.listening()?,
                left: object.left()?,
            },
            "get-peers" => Self::GetPeers {
                info_hash: object.info_hash()?,
                port: object.port()?,
                numwant: object.numwant()?,
            },
            "heartbeat" => {
                Self::Heartbeat { port: object.listening()?, info_hash: object.optional_info_hash()? }
            }
            "unregister" => {
                Self::Unregister { port: object.listening()?, info_hash: object.optional_info_hash()? }
            }
            "list" => Self::List,
            "search" => Self::Search { text: object.query()? },
            "metainfo" => Self::Metainfo { text: object.query()? },
            _ => return Err(CommandError::Unknown { key: "command" }),
        };
        object.nothing_left()?;
        Ok(command)
    }

    /// Appends the frame.
    pub fn encode(&self, out: &mut BytesMut) {
        let text = |text: &'_ str| Some(Text(Cow::Owned(text.to_owned())));
        let mut object = Object { command: text(self.name()), ..Object::default() };
        match self {
            Self::Register(registration) => {
                let Registration { info_hash, peer_id, port, name, size, files, left, metainfo } =
                    &**registration;
                object.info_hash = text(&info_hash.to_hex());
                object.peer_id = text(&peer_id.to_hex());
                object.port = Some(*port);
                object.name = text(name);
                object.size = Some(*size);
                object.files = Some(*files);
                object.left = Some(*left);
                object.metainfo = metainfo.as_ref().map(|bytes| Text(STANDARD.encode(bytes).into()));
            }
            Self::Update { info_hash, peer_id, port, left } => {
                object.info_hash = text(&info_hash.to_hex());
                object.peer_id = text(&peer_id.to_hex());
                object.port = Some(*port);
                object.left = Some(*left);
            }
            Self::GetPeers { info_hash, port, numwant } => {
                object.info_hash = text(&info_hash.to_hex());
                object.port = Some(*port);
                object.numwant = Some(*numwant);
            }
            Self::Heartbeat { port, info_hash } | Self::Unregister { port, info_hash } => {
                object.port = Some(*port);
                object.info_hash = info_hash.and_then(|info_hash| text(&info_hash.to_hex()));
            }
            Self::List => {}
            Self::Search { text: sought } | Self::Metainfo { text: sought } => object.text = text(sought),
        }
        put_frame(&object, out);
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Register(_) => "register",
            Self::Update { .. } => "update",
            Self::GetPeers { .. } => "get-peers",
            Self::Heartbeat { .. } => "heartbeat",
            Self::Unregister { .. } => "unregister",
            Self::List => "list",
            Self::Search { .. } => "search",
            Self::Metainfo { .. } => "metainfo",
        }
    }
}

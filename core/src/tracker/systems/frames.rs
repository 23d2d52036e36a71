//! Questions and answers of S1, S2 and S5: four bytes of big-endian length, then a JSON object. What differs between the three is
//! the words.
//!
//! Keys that are not known are passed over. What is known has to be of its type and in range, and stand there once.

mod read;

use core::net::{IpAddr, SocketAddr};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut as _, Bytes, BytesMut};
use serde_json::{Map, Value};

use self::read::Object;
use super::words::Words;
use crate::config::Encoding;
use crate::geometry::Geometry;
use crate::id::InfoHash;
use crate::metainfo::{HASH_LEN, Metainfo};
use crate::tracker::json::CommandError;
use crate::wire::MAX_ID;

/// What a peer asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// To be in a swarm for as long as the connection lasts: `REGISTER`, `register_peer`, `REGISTRO`.
    Join {
        /// What it calls itself.
        id: String,
        /// Where it listens.
        port: u16,
        /// The name of the file; `None`: the tracker's own.
        file: Option<String>,
        /// What it has.
        blocks: Vec<u32>,
        /// The `.torrent` file, of a file that the tracker may not know.
        metainfo: Option<Bytes>,
    },
    /// For other peers: `GET_PEERS`, `get_peers`.
    Peers {
        /// What it calls itself.
        id: String,
        /// The name of the file; `None`: the one that it has joined for, or the tracker's own.
        file: Option<String>,
    },
    /// It has more pieces: `UPDATE_BLOCKS`.
    Update {
        /// What it calls itself.
        id: String,
        /// The name of the file; `None`: the one that it has joined for.
        file: Option<String>,
        /// The new ones.
        blocks: Vec<u32>,
    },
}

/// A file as those need to know it who have nothing but its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Described {
    /// Its name.
    pub name: String,
    /// Its swarm.
    pub info_hash: InfoHash,
    /// Its length in bytes.
    pub size: u64,
    /// The length of its pieces in bytes; the last one may be shorter.
    pub block_size: u32,
    /// How many pieces there are.
    pub total_blocks: u32,
    /// The SHA-1 hash of each piece, one after the other.
    pub hashes: Bytes,
    /// The SHA-1 hash of the file, when its metainfo has it (BEP 47).
    pub hash: Option<[u8; HASH_LEN]>,
}

impl Described {
    /// What metainfo says.
    pub fn of(metainfo: &Metainfo) -> Self {
        let geometry = metainfo.geometry();
        let hashes = geometry.pieces().filter_map(|piece| metainfo.piece_hash(piece)).flatten().copied();
        let hash = match metainfo.files() {
            [file] => file.sha1,
            _ => None,
        };
        Self {
            name: metainfo.name().to_owned(),
            info_hash: metainfo.info_hash(),
            size: geometry.len(),
            block_size: geometry.nominal_piece_len(),
            total_blocks: geometry.piece_count(),
            hashes: hashes.collect(),
            hash,
        }
    }
}

/// Another peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// What it calls itself.
    pub id: String,
    /// Where it listens.
    pub addr: SocketAddr,
    /// What it has, where that is told (S1).
    pub blocks: Vec<u32>,
}

/// What a tracker answers, or says of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It is done, or here they are.
    Done {
        /// The file, where that was asked.
        file: Option<Box<Described>>,
        /// The peers, where they were asked for.
        peers: Option<Vec<Neighbour>>,
    },
    /// Somebody has joined (S5).
    Joined(Neighbour),
    /// It cannot be done, and why.
    Error(String),
}

/// The words of a system that speaks so.
fn words(system: Encoding) -> Result<&'static Words, CommandError> {
    Words::of(system).ok_or(CommandError::Unknown { key: "system" })
}

impl Question {
    /// Reads the object of a frame.
    ///
    /// # Errors
    /// When it is no question of this system, which has to be S1, S2 or S5.
    pub fn parse(system: Encoding, frame: &[u8]) -> Result<Self, CommandError> {
        let words = words(system)?;
        let mut object = Object::parse(frame, words)?;
        let name = object.question.take().ok_or(CommandError::Missing { key: words.question })?;
        let name = [Some(words.join), words.peers, words.update]
            .into_iter()
            .flatten()
            .find(|known| *name == **known)
            .ok_or(CommandError::Unknown { key: words.question })?;
        let id = object.id.take().ok_or(CommandError::Missing { key: words.id })?.into_owned();
        if id.is_empty() || id.len() > MAX_ID {
            return Err(CommandError::Id);
        }
        let file = object.file.take().map(std::borrow::Cow::into_owned);
        if name == words.join {
            let port = object.port.ok_or(CommandError::Missing { key: words.port })?;
            if port == 0 {
                return Err(CommandError::Port);
            }
            let metainfo = object.metainfo.take().map(|text| crate::tracker::json::metainfo(&text));
            let blocks = object.blocks.take().unwrap_or_default();
            Ok(Self::Join { id, port, file, blocks, metainfo: metainfo.transpose()? })
        } else if words.peers == Some(name) {
            Ok(Self::Peers { id, file })
        } else {
            let blocks = object.blocks.take().ok_or(CommandError::Missing { key: words.blocks })?;
            Ok(Self::Update { id, file, blocks })
        }
    }

    /// Is it no question, but has the form of one: a message between peers, to a tracker that is one (S2, S5)?
    pub fn is_of_peers(system: Encoding, frame: &[u8]) -> bool {
        let Ok(words) = words(system) else { return false };
        if system == Encoding::S1 {
            // Its peers have another key for what a message is.
            return false;
        }
        let unknown = CommandError::Unknown { key: words.question };
        Self::parse(system, frame).is_err_and(|error| error == unknown)
    }

    /// Appends the frame. Nothing is appended where the system has no such question.
    pub fn encode(&self, system: Encoding, out: &mut BytesMut) {
        let Some(words) = Words::of(system) else { return };
        let mut object = Map::new();
        let (
            Some(name),
            Self::Join { id, file, .. } | Self::Peers { id, file } | Self::Update { id, file, .. },
        ) = (self.name(words), self)
        else {
            return;
        };
        object.insert(words.question.into(), name.into());
        object.insert(words.id.into(), id.as_str().into());
        if let Self::Join { port, .. } = self {
            object.insert(words.port.into(), (*port).into());
        }
        if let Some(file) = file {
            object.insert(words.file.into(), file.as_str().into());
        }
        match self {
            Self::Join { blocks, metainfo, .. } => {
                if words.inventories {
                    object.insert(words.blocks.into(), list(blocks));
                }
                if let Some(metainfo) = metainfo {
                    object.insert("metainfo".into(), STANDARD.encode(metainfo).into());
                }
            }
            Self::Update { blocks, .. } => drop(object.insert(words.blocks.into(), list(blocks))),
            Self::Peers { .. } => {}
        }
        put(object, out);
    }

    const fn name(&self, words: &Words) -> Option<&'static str> {
        match self {
            Self::Join { .. } => Some(words.join),
            Self::Peers { .. } => words.peers,
            Self::Update { .. } => words.update,
        }
    }
}

impl Reply {
    /// Reads the object of a frame.
    ///
    /// # Errors
    /// When it is no answer of this system, which has to be S1, S2 or S5.
    pub fn parse(system: Encoding, frame: &[u8]) -> Result<Self, CommandError> {
        let words = words(system)?;
        let mut object = Object::parse(frame, words)?;
        let name = object.answer.take().or(object.question.take());
        let name = name.ok_or(CommandError::Missing { key: words.answer })?;
        if *name == *words.error {
            let message = object.message.take().ok_or(CommandError::Missing { key: words.message })?;
            return Ok(Self::Error(message.chars().take(500).collect()));
        }
        if words.joined == Some(&*name) {
            return Ok(Self::Joined(object.neighbour(words)?));
        }
        if *name != *words.done && *name != *words.listed {
            return Err(CommandError::Unknown { key: words.answer });
        }
        let file = object.described(words)?.map(Box::new);
        Ok(Self::Done { file, peers: object.peers.take() })
    }

    /// Appends the frame. Nothing is appended where the system has no such answer.
    pub fn encode(&self, system: Encoding, out: &mut BytesMut) {
        let Some(words) = Words::of(system) else { return };
        let mut object = Map::new();
        match self {
            Self::Done { file, peers } => {
                let name = if peers.is_some() { words.listed } else { words.done };
                object.insert(words.answer.into(), name.into());
                if let Some(file) = file {
                    describe(file, words, &mut object);
                }
                if let Some(peers) = peers {
                    let listed = peers.iter().map(|peer| Value::Object(neighbour(peer, words, Map::new())));
                    object.insert("peers".into(), listed.collect());
                }
            }
            Self::Joined(peer) => {
                let Some(name) = words.joined else { return };
                object.insert(words.answer.into(), name.into());
                object = neighbour(peer, words, object);
            }
            Self::Error(message) => {
                object.insert(words.answer.into(), words.error.into());
                object.insert(words.message.into(), message.as_str().into());
            }
        }
        put(object, out);
    }
}

fn describe(file: &Described, words: &Words, object: &mut Map<String, Value>) {
    object.insert(words.file.into(), file.name.as_str().into());
    object.insert("info_hash".into(), file.info_hash.to_hex().into());
    object.insert(words.size.into(), file.size.into());
    object.insert(words.block_size.into(), file.block_size.into());
    object.insert(words.total_blocks.into(), file.total_blocks.into());
    object.insert("hashes".into(), STANDARD.encode(&file.hashes).into());
    if let Some(hash) = file.hash {
        object.insert("hash".into(), InfoHash(hash).to_hex().into());
    }
}

fn neighbour(peer: &Neighbour, words: &Words, mut object: Map<String, Value>) -> Map<String, Value> {
    object.insert(words.id.into(), peer.id.as_str().into());
    object.insert("ip".into(), peer.addr.ip().to_string().into());
    object.insert(words.port.into(), peer.addr.port().into());
    if words.inventories {
        object.insert(words.blocks.into(), list(&peer.blocks));
    }
    object
}

fn list(blocks: &[u32]) -> Value {
    blocks.iter().copied().collect()
}

fn put(object: Map<String, Value>, out: &mut BytesMut) {
    let text = Value::Object(object).to_string();
    out.put_u32(u32::try_from(text.len()).expect("an object is shorter than 4 GiB"));
    out.put_slice(text.as_bytes());
}

impl Object<'_> {
    /// The peer that this object is about.
    fn neighbour(&mut self, words: &Words) -> Result<Neighbour, CommandError> {
        let missing = |key| CommandError::Missing { key };
        let id = self.id.take().ok_or(missing(words.id))?.into_owned();
        let ip: IpAddr = self.ip.ok_or(missing("ip"))?;
        let port = self.port.ok_or(missing(words.port))?;
        Ok(Neighbour { id, addr: SocketAddr::new(ip, port), blocks: self.blocks.take().unwrap_or_default() })
    }

    /// The file that this object describes, if it does.
    fn described(&mut self, words: &Words) -> Result<Option<Described>, CommandError> {
        let Some(size) = self.size else { return Ok(None) };
        let missing = |key| CommandError::Missing { key };
        let hex = |text: &str, key| InfoHash::from_hex(text).ok_or(CommandError::Hex { key });
        let info_hash = hex(self.info_hash.as_deref().ok_or(missing("info_hash"))?, "info_hash")?;
        let block_size = self.block_size.ok_or(missing(words.block_size))?;
        let total_blocks = self.total_blocks.ok_or(missing(words.total_blocks))?;
        let hashes = self.hashes.as_deref().ok_or(missing("hashes"))?;
        let hashes = STANDARD.decode(hashes).map_err(|_| CommandError::Base64 { key: "hashes" })?;
        let sound = Geometry::new(size, block_size, block_size)
            .is_ok_and(|geometry| geometry.piece_count() == total_blocks)
            && hashes.len() == (total_blocks as usize).saturating_mul(HASH_LEN);
        if !sound {
            return Err(CommandError::Unknown { key: words.total_blocks });
        }
        Ok(Some(Described {
            name: self.file.take().ok_or(missing(words.file))?.into_owned(),
            info_hash,
            size,
            block_size,
            total_blocks,
            hashes: hashes.into(),
            hash: self.hash.as_deref().map(|text| hex(text, "hash")).transpose()?.map(|hash| hash.0),
        }))
    }
}

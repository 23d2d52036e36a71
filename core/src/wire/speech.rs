//! What an encoding can say, and the names that some of its messages have in them.

use std::borrow::Cow;

use sha1::{Digest as _, Sha1};

use super::framed::Words;
use crate::config::Encoding;
use crate::geometry::{BLOCK_LEN, Geometry};
use crate::id::{InfoHash, PeerId};
use crate::message::MessageKind;

/// The longest piece that travels in one message, in bytes, in the systems that have no word for a part of one.
pub const MAX_WHOLE_PIECE: u32 = 4 << 20;
/// The longest name that somebody may have in the systems, in bytes.
pub const MAX_ID: usize = 64;

/// What messages of the systems name, beside what is in a [`Message`](crate::Message).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The swarm.
    pub info_hash: InfoHash,
    /// Ourselves.
    pub peer_id: PeerId,
    /// Where we listen.
    pub port: u16,
    /// The file; S4 asks for it by this name.
    pub file: Cow<'static, str>,
    /// Where pieces are in the file, and how long they are. What needs it is refused while it is not known.
    pub geometry: Option<Geometry>,
}

impl Names {
    /// Names of usual lengths, for those who count bytes and have no names.
    pub const USUAL: Self = Self {
        info_hash: InfoHash([0; 20]),
        peer_id: PeerId([0; 20]),
        port: 6881,
        file: Cow::Borrowed("movie.mp4"),
        geometry: None,
    };
}

/// An encoding, with the names in it.
#[derive(Clone, Copy, Debug)]
pub struct Speech<'a> {
    /// The encoding.
    pub encoding: Encoding,
    /// What its messages name.
    pub names: &'a Names,
}

impl From<Encoding> for Speech<'static> {
    /// With [usual names](Names::USUAL). BEP 3's messages and the native JSON have none in them.
    fn from(encoding: Encoding) -> Self {
        Self { encoding, names: const { &Names::USUAL } }
    }
}

/// An encoding has no word for a message. Nothing was written.
///
/// Of what a configuration calls for [`Config::unspoken`](crate::Config::unspoken) tells it beforehand. What is left is a
/// [`Cancel`](crate::Message::Cancel) in S3 and S4: what was asked for comes all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{encoding:?} has no word for {}", kind.name())]
pub struct Unspoken {
    /// The encoding.
    pub encoding: Encoding,
    /// The kind of message.
    pub kind: MessageKind,
}

impl Encoding {
    /// Are pieces asked for as a whole? Then a [`Geometry`] has one block in each piece.
    pub const fn whole_pieces(self) -> bool {
        matches!(self, Self::S1 | Self::S2 | Self::S3 | Self::S5)
    }

    /// The length of blocks, in bytes, for a torrent with pieces of this length; `None` when a piece is longer than
    /// [`MAX_WHOLE_PIECE`], and can only be asked for as a whole.
    pub const fn block_len(self, piece_len: u32) -> Option<u32> {
        if !self.whole_pieces() {
            return Some(if piece_len < BLOCK_LEN { piece_len } else { BLOCK_LEN });
        }
        if piece_len <= MAX_WHOLE_PIECE { Some(piece_len) } else { None }
    }

    /// Are answers bare bytes, told apart by their order alone? Then they have to leave in the order of the requests, see
    /// [`InOrder`](super::InOrder), and who dials asks, who accepts answers.
    pub const fn answers_bare(self) -> bool {
        matches!(self, Self::S3 | Self::S4)
    }

    /// Has it a word for this kind of message? A keep-alive is nothing at all where answers are bare bytes.
    pub fn speaks(self, kind: MessageKind) -> bool {
        match self {
            Self::Bep3 | Self::Json => true,
            Self::S1 | Self::S2 | Self::S5 => Words::of(self).is_some_and(|words| words.name(kind).is_some()),
            Self::S3 | Self::S4 => {
                matches!(kind, MessageKind::KeepAlive | MessageKind::Request | MessageKind::Piece)
            }
        }
    }
}

/// The id of who calls itself so in one of the systems, where names are free: forty hexadecimal digits are those of the id, of
/// everything else it is the SHA-1 hash. `None` when it is empty, or longer than [`MAX_ID`].
pub fn peer_id(text: &str) -> Option<PeerId> {
    if text.is_empty() || text.len() > MAX_ID {
        return None;
    }
    Some(PeerId::from_hex(text).unwrap_or_else(|| PeerId(Sha1::digest(text).into())))
}

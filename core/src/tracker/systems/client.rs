//! The peer's side of a conversation with the tracker of one of the systems: announces become its questions, its answers become
//! answers to announces.
//!
//! Sans-IO: [`Conversation::ask`] gives what to send, [`Conversation::receive`] takes what has come. For S3 these are datagrams; for
//! the others one connection, which stays open: S1, S2 and S5 forget who closes theirs.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::frames::{Described, Neighbour, Question, Reply};
use super::s3::{Datagram, Response, set_of, stretches_of};
use super::s4::{self, Found, Offer};
use crate::announce::{AnnounceError, AnnounceEvent, AnnounceRequest, AnnounceResponse};
use crate::bitfield::Bitfield;
use crate::config::Encoding;
use crate::geometry::Geometry;
use crate::id::{InfoHash, PeerId, PieceIndex};
use crate::tracker::json::{self, CommandError, MAX_FRAME};

/// None of the systems says when to ask again: this is as good as never, and their own clocks say.
const INTERVAL: Duration = Duration::from_mins(30);

/// What a tracker is told of a peer.
#[derive(Clone, Debug)]
pub struct Me {
    /// Its name: forty hexadecimal digits.
    pub peer_id: PeerId,
    /// Its address as it knows it. S3 and S4 have a word for it, which is not read.
    pub ip: IpAddr,
    /// Where it listens.
    pub port: u16,
    /// The name of the file.
    pub file: String,
    /// The swarm.
    pub info_hash: InfoHash,
    /// The lengths of file and pieces.
    pub geometry: Geometry,
    /// The `.torrent` file, which a tracker that has not got it has to be given (S1, S2, S5).
    pub metainfo: Option<Bytes>,
}

/// What has come from a tracker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The answer to the announce.
    Response(AnnounceResponse<SocketAddr>),
    /// Somebody has joined (S5).
    Joined(SocketAddr),
    /// This is to be sent, for an answer (S3: with the cookie).
    Send(Bytes),
}

/// Why there is no answer. The conversation is over, unless the tracker has only refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeardError {
    /// The tracker has refused, with its own words.
    #[error("refused: {0}")]
    Refused(String),
    /// What has come is no answer.
    #[error(transparent)]
    Malformed(#[from] CommandError),
    /// A line or datagram that is no answer.
    #[error("that is no answer")]
    Senseless,
}

impl From<HeardError> for AnnounceError {
    fn from(error: HeardError) -> Self {
        match error {
            HeardError::Refused(words) => Self::Refused(words),
            HeardError::Malformed(_) | HeardError::Senseless => Self::Unreachable,
        }
    }
}

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    /// That it is done.
    Done,
    /// Peers.
    Peers,
    /// So many more lines with peers (S4).
    Lines(usize),
}

/// A peer's conversation with a tracker of S1 to S5.
#[derive(Debug)]
pub struct Conversation {
    system: Encoding,
    me: Me,
    /// What the tracker has been told that we have; `None` before we have joined.
    told: Option<Bitfield>,
    expected: VecDeque<Expected>,
    response: AnnounceResponse<SocketAddr>,
    /// The file as the tracker describes it (S1, S2, S5).
    described: Option<Box<Described>>,
    cookie: Option<u32>,
    /// What else is given from the same address, as the tracker is to know it (S4) …
    beside: Vec<Offer>,
    /// … and as it was told.
    told_beside: Vec<Offer>,
}

impl Conversation {
    /// With a tracker of this system, which is one of S1 to S5.
    pub fn new(system: Encoding, me: Me) -> Self {
        Self {
            system,
            me,
            told: None,
            expected: VecDeque::new(),
            response: Self::nothing(),
            described: None,
            cookie: None,
            beside: Vec::new(),
            told_beside: Vec::new(),
        }
    }

    /// What else is given from the same address: a tracker of S4 keeps one list for each, so whoever tells it of a file tells of all.
    pub fn give_beside(&mut self, files: Vec<Offer>) {
        self.beside = files;
    }

    /// An answer without peers: to announces that [wait](Self::waits) for nothing.
    pub const fn nothing() -> AnnounceResponse<SocketAddr> {
        AnnounceResponse {
            interval: INTERVAL,
            min_interval: None,
            peers: Vec::new(),
            seeders: 0,
            leechers: 0,
            inventories: Vec::new(),
        }
    }

    /// An announce is not answered yet.
    pub fn waits(&self) -> bool {
        !self.expected.is_empty()
    }

    /// What the tracker says of the file.
    pub fn described(&self) -> Option<&Described> {
        self.described.as_deref()
    }

    /// The connection is lost: on the next one everything is said again.
    pub fn reset(&mut self) {
        self.told = None;
        self.expected.clear();
        self.response = Self::nothing();
    }

    /// What to send for an announce, each a datagram (S3) or a part of the stream. Where there is no word for a goodbye there is
    /// nothing to send: who closes the connection is gone, and who falls silent, too.
    pub fn ask(&mut self, request: &AnnounceRequest) -> Vec<Bytes> {
        self.expected.clear();
        self.response = Self::nothing();
        let pieces = self.me.geometry.piece_count();
        let have = match &request.have {
            _ if request.left == 0 => Bitfield::all(pieces),
            Some(have) if have.len() == pieces => (**have).clone(),
            _ => Bitfield::none(pieces),
        };
        if request.event == AnnounceEvent::Stopped {
            self.told = None;
            let Self { me, system: Encoding::S4, .. } = self else { return Vec::new() };
            return vec![s4::Command::Unregister(me.port).to_line(me.ip).into()];
        }
        let messages = match self.system {
            Encoding::S3 => self.ask_s3(request, &have),
            Encoding::S4 => self.ask_s4(request, &have),
            _ => self.ask_frames(request, &have),
        };
        self.told = Some(have);
        messages
    }

    fn ask_frames(&mut self, request: &AnnounceRequest, have: &Bitfield) -> Vec<Bytes> {
        let (id, file) = (self.me.peer_id.to_hex(), Some(self.me.file.clone()));
        let mut questions = Vec::new();
        let new: Vec<u32> = match &self.told {
            None => have.iter().map(PieceIndex::get).collect(),
            Some(told) => have.difference(told).map(PieceIndex::get).collect(),
        };
        let wants = request.numwant > 0;
        let lists_on_joining = self.system == Encoding::S5;
        if self.told.is_none() || lists_on_joining && wants {
            let metainfo = self.me.metainfo.clone();
            let join = Question::Join {
                id: id.clone(),
                port: self.me.port,
                file: file.clone(),
                blocks: new,
                metainfo,
            };
            questions.push((join, if lists_on_joining { Expected::Peers } else { Expected::Done }));
        } else if self.system == Encoding::S1 && !new.is_empty() {
            let update = Question::Update { id: id.clone(), file: file.clone(), blocks: new };
            questions.push((update, Expected::Done));
        }
        if wants && !lists_on_joining {
            questions.push((Question::Peers { id, file }, Expected::Peers));
        }
        let mut frames = Vec::new();
        for (question, expected) in questions {
            let mut frame = BytesMut::new();
            question.encode(self.system, &mut frame);
            frames.push(frame.freeze());
            self.expected.push_back(expected);
        }
        frames
    }

    fn ask_s3(&mut self, request: &AnnounceRequest, have: &Bitfield) -> Vec<Bytes> {
        let Me { ip, port, info_hash, .. } = self.me;
        let info_hash = Some(info_hash);
        let blocks = stretches_of(have);
        let mut datagrams = Vec::new();
        if request.numwant > 0 || self.told.is_none() {
            self.expected.push_back(Expected::Peers);
            datagrams.push(Datagram::Join { port, info_hash, cookie: self.cookie });
        }
        datagrams.push(Datagram::Update { port, info_hash, blocks });
        datagrams.into_iter().map(|it| it.to_text(ip).into()).collect()
    }

    fn ask_s4(&mut self, request: &AnnounceRequest, have: &Bitfield) -> Vec<Bytes> {
        let Me { ip, port, file, geometry, .. } = &self.me;
        let whole = Offer { name: file.clone(), size: Some(geometry.len()) };
        let own = have.is_full().then_some(whole);
        let files = own.into_iter().chain(self.beside.iter().filter(|other| other.name != *file).cloned());
        let files = s4::as_many_as_fit(files);
        let has_changed =
            |told: &Bitfield| told.is_full() != have.is_full() || self.beside != self.told_beside;
        let first = match &self.told {
            None => s4::Command::Register(*port, files),
            Some(told) if has_changed(told) => s4::Command::Update(*port, files),
            Some(_) => s4::Command::Heartbeat(*port),
        };
        self.told_beside.clone_from(&self.beside);
        let mut lines = vec![first.to_line(*ip).into()];
        self.expected.push_back(Expected::Done);
        if request.numwant > 0 && !have.is_full() {
            lines.push(s4::Command::Search(file.clone()).to_line(*ip).into());
            self.expected.push_back(Expected::Peers);
        }
        lines
    }

    /// Takes what has come off the front of `source`, as far as it means something: a stream, or for S3 one datagram. `None` when
    /// more is needed.
    ///
    /// # Errors
    /// When the tracker has refused, or it makes no sense.
    pub fn receive(&mut self, source: &mut BytesMut) -> Result<Option<Heard>, HeardError> {
        match self.system {
            Encoding::S3 => {
                let datagram = source.split();
                self.on_datagram(&datagram)
            }
            Encoding::S4 => loop {
                let Some(line) = take_line(source)? else { return Ok(None) };
                if let Some(heard) = self.on_line(&line)? {
                    return Ok(Some(heard));
                }
            },
            _ => loop {
                let Some(frame) = json::take_frame(source, MAX_FRAME)? else { return Ok(None) };
                if let Some(heard) = self.on_frame(&frame)? {
                    return Ok(Some(heard));
                }
            },
        }
    }

    /// One thing that was waited for has come.
    fn settled(&mut self) -> Option<Heard> {
        self.expected.pop_front();
        if self.waits() {
            return None;
        }
        Some(Heard::Response(core::mem::replace(&mut self.response, Self::nothing())))
    }

    fn refused(&mut self, words: String) -> HeardError {
        self.reset();
        HeardError::Refused(words)
    }

    fn on_frame(&mut self, frame: &[u8]) -> Result<Option<Heard>, HeardError> {
        match Reply::parse(self.system, frame) {
            Ok(Reply::Error(words)) => Err(self.refused(words)),
            Ok(Reply::Joined(peer)) => Ok(Some(Heard::Joined(peer.addr))),
            Ok(Reply::Done { file, peers }) => {
                self.described = file.or(self.described.take());
                for peer in peers.unwrap_or_default() {
                    self.met(peer);
                }
                Ok(if self.waits() { self.settled() } else { None })
            }
            // A seeding tracker sends messages of peers on the same connection; they are for somebody else.
            Err(CommandError::Unknown { .. }) if self.system != Encoding::S1 => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn met(&mut self, Neighbour { addr, blocks, .. }: Neighbour) {
        self.response.peers.push(addr);
        if self.system == Encoding::S1 {
            let pieces = self.me.geometry.piece_count();
            let mut set = Bitfield::none(pieces);
            for index in blocks.into_iter().filter(|&index| index < pieces) {
                set.insert(PieceIndex(index));
            }
            self.response.inventories.push((addr, set));
        }
    }

    fn on_datagram(&mut self, datagram: &[u8]) -> Result<Option<Heard>, HeardError> {
        if !self.waits() {
            return Ok(None);
        }
        match Response::parse(datagram).ok_or(HeardError::Senseless)? {
            Response::Error(words) => Err(self.refused(words)),
            Response::Cookie(cookie) => {
                let Me { ip, port, info_hash, .. } = self.me;
                self.cookie = Some(cookie);
                let again = Datagram::Join { port, info_hash: Some(info_hash), cookie: self.cookie };
                Ok(Some(Heard::Send(again.to_text(ip).into())))
            }
            Response::Peers(peers) => {
                let pieces = self.me.geometry.piece_count();
                for (addr, stretches) in peers {
                    self.response.peers.push(addr);
                    if let Some(set) = set_of(&stretches, pieces) {
                        self.response.inventories.push((addr, set));
                    }
                }
                Ok(self.settled())
            }
        }
    }

    fn on_line(&mut self, line: &str) -> Result<Option<Heard>, HeardError> {
        if let Some(words) = line.strip_prefix("ERR") {
            return Err(self.refused(words.trim_ascii().chars().take(500).collect()));
        }
        match self.expected.front_mut() {
            Some(Expected::Done) if line == "OK" => Ok(self.settled()),
            Some(expected @ Expected::Peers) => {
                let count = s4::lines_after(line).ok_or(HeardError::Senseless)?;
                *expected = Expected::Lines(count);
                Ok(if count == 0 { self.settled() } else { None })
            }
            Some(Expected::Lines(left)) => {
                *left = left.saturating_sub(1);
                let last = *left == 0;
                let Found { file, sources } = Found::parse(line).ok_or(HeardError::Senseless)?;
                let len = self.me.geometry.len();
                if file.name == self.me.file && file.size.is_none_or(|size| size == len) {
                    self.response.peers.extend(sources);
                }
                Ok(if last { self.settled() } else { None })
            }
            None | Some(Expected::Done) => Err(HeardError::Senseless),
        }
    }
}

/// Takes a line off the front of `source`, when its end is there.
fn take_line(source: &mut BytesMut) -> Result<Option<String>, HeardError> {
    let Some(end) = source.iter().position(|&byte| byte == b'\n') else {
        return if source.len() < s4::MAX_LINE { Ok(None) } else { Err(HeardError::Senseless) };
    };
    let line = source.split_to(end.saturating_add(1));
    let line = core::str::from_utf8(&line).map_err(|_| HeardError::Senseless)?;
    Ok(Some(line.trim_ascii_end().to_owned()))
}

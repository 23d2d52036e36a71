//! The trackers of the five systems, with their own questions and answers, beside the native [JSON](super::json), HTTP and UDP.
//!
//! S1, S2 and S5 ask in [frames] of JSON, S3 in [datagrams](s3) of text, S4 in [lines](s4). All of them ask the same registry of
//! swarms and the same catalogue of files: [`Systems`] holds only what these do not know, which is names of peers, connections
//! that stand for a registration, and the files that S4 lists without metainfo. The exact bytes of everything are in
//! `core/PROTOCOLS.md`, whose examples are run by a test.
//!
//! The rules that they share:
//! - A peer is where its connection or datagram comes from, with the port that it names. What it says of its address is not read.
//! - Who registers over a connection (S1, S2, S5) is registered for as long as that lasts, and gone when it closes. S3 and S4
//!   have no such connection: who is silent for too long is gone.
//! - A request that names no file means the tracker's own, else the only one that there is.
//! - To register needs metainfo that the catalogue has, or that comes along; but S4's names are listed without.

#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::indexing_slicing, clippy::arithmetic_side_effects))]

mod client;
mod files;
pub mod frames;
mod members;
mod opening;
pub mod s3;
pub mod s4;
#[cfg(test)]
mod tests;
mod words;

use core::net::SocketAddr;
use core::time::Duration;

use bytes::{Bytes, BytesMut};

use self::files::Files;
use self::frames::{Described, Neighbour, Question, Reply};
use self::members::{Member, Members};
use super::directory::{Directory, Ends};
use super::{Announcer, Tracker};
use crate::announce::{AnnounceEvent, AnnounceRequest, Totals};
use crate::bitfield::Bitfield;
use crate::catalogue::Description;
use crate::config::{Encoding, Lists};
use crate::id::{InfoHash, PeerId, PieceIndex};
use crate::metainfo::Metainfo;
use crate::time::Instant;
use crate::wire::peer_id;

pub use client::{Conversation, Heard, HeardError, Me};
pub use members::Ticket;
pub use opening::{Opening, Told, tell};

/// S2: with fewer peers than this everybody is told of all, with more of so many.
const FEW: u32 = 5;
/// Peers in the other lists.
const ALL: u32 = 200;
/// Inventories of others in one answer stop when it has so many indices: it stays below a mebibyte.
const MOST_INDICES: usize = 100_000;
/// The port of the trackers of S2, …
const S2_PORT: u16 = 9000;
/// … S3 …
const S3_PORT: u16 = 10_000;
/// … and S5, as their authors have chosen them.
const S5_PORT: u16 = 8001;
/// What the tracker calls itself, where it gives a file itself (S2, S5).
const OWN_ID: &str = "tracker";

/// The port of the tracker of a system, where its authors have named one (S2, S3, S5).
pub const fn default_port(system: Encoding) -> Option<u16> {
    match system {
        Encoding::S2 => Some(S2_PORT),
        Encoding::S3 => Some(S3_PORT),
        Encoding::S5 => Some(S5_PORT),
        Encoding::Bep3 | Encoding::Json | Encoding::S1 | Encoding::S4 => None,
    }
}

/// What is to be done after a frame.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// What to send to who has asked, framed.
    pub answer: Bytes,
    /// What to send on other connections, framed: somebody has joined (S5).
    pub push: Vec<(Ticket, Bytes)>,
}

/// The trackers of the five systems, over one registry.
#[derive(Debug)]
pub struct Systems {
    /// The file of who names none: the first one that the tracker gives itself.
    pub own: Option<InfoHash>,
    files: Files,
    members: Members,
    datagrams: s3::Server,
    shelves: s4::Shelves,
}

impl Systems {
    /// Nobody is here. Cookies of S3 are made under 16 random bytes.
    pub const fn new(secret: [u8; 16]) -> Self {
        Self {
            own: None,
            files: Files::new(),
            members: Members::new(),
            datagrams: s3::Server::new(secret),
            shelves: s4::Shelves::new(),
        }
    }

    /// Answers one frame of S1, S2 or S5 that came by a connection. What is no question of the system is answered with an error.
    pub fn handle(
        &mut self,
        now: Instant,
        directory: &mut Directory<'_>,
        ends: Ends,
        ticket: Ticket,
        system: Encoding,
        frame: &[u8],
    ) -> Turn {
        let mut push = Vec::new();
        let reply = match Question::parse(system, frame) {
            Err(error) => Err(error.to_string()),
            Ok(Question::Join { id, port, file, blocks, metainfo }) => {
                let addr = SocketAddr::new(ends.peer.to_canonical(), port);
                let joining = Joining { addr, id, blocks };
                let file = file.as_deref();
                self.join(now, directory, ends, (ticket, system), joining, file, metainfo, &mut push)
            }
            Ok(Question::Peers { id, file }) => {
                let known = self.members.of(ticket, file.as_deref());
                let known = known.map(|member| (member.info_hash, member.addr));
                let found = match known {
                    Some(known) => Ok(known),
                    None => self
                        .file(now, directory, file.as_deref())
                        .map(|info_hash| (info_hash, SocketAddr::new(ends.peer.to_canonical(), 0))),
                };
                found.and_then(|(info_hash, asker)| {
                    let file = match system {
                        Encoding::S1 => Some(Box::new(self.files.described(now, directory, info_hash)?)),
                        _ => None,
                    };
                    let most = if system == Encoding::S2 { FEW } else { ALL };
                    let pieces = file.as_ref().map(|file| file.total_blocks);
                    let peers = self.neighbours(now, directory, ends, (info_hash, pieces), asker, most);
                    let peers = peers.into_iter().filter(|peer| peer.id != id).collect();
                    Ok(Reply::Done { file, peers: Some(peers) })
                })
            }
            Ok(Question::Update { file, blocks, .. }) => {
                self.update(now, directory, ticket, file.as_deref(), &blocks)
            }
        };
        let mut answer = BytesMut::new();
        reply.unwrap_or_else(Reply::Error).encode(system, &mut answer);
        Turn { answer: answer.freeze(), push }
    }

    /// Answers one line of S4 that came by a connection, without its end. The answer has all its ends.
    pub fn line(&mut self, now: Instant, directory: &mut Directory<'_>, ends: Ends, line: &str) -> String {
        self.shelves.answer(now, directory, ends, line)
    }

    /// Answers a datagram of S3: what `reply` held is replaced by the answer, or by nothing. `own` is the address at which the
    /// sender reaches us.
    pub fn datagram(
        &mut self,
        now: Instant,
        directory: &mut Directory<'_>,
        from: SocketAddr,
        own: Option<core::net::IpAddr>,
        datagram: &[u8],
        reply: &mut Vec<u8>,
    ) {
        let Self { files, own: own_file, .. } = self;
        self.datagrams.answer(now, directory, (from, own), (files, *own_file), datagram, reply);
    }

    /// The swarm for which somebody is registered over a connection: the last one, where there are several.
    pub fn registered(&self, ticket: Ticket) -> Option<InfoHash> {
        self.members.of(ticket, None).map(|member| member.info_hash)
    }

    /// A connection is closed: who has registered over it is gone.
    pub fn closed(&mut self, now: Instant, directory: &mut Directory<'_>, ticket: Ticket) {
        for Member { info_hash, addr, .. } in self.members.close(ticket) {
            leave(now, directory, info_hash, addr);
        }
    }

    /// When [`handle_timeout`](Self::handle_timeout) is to be called.
    pub fn poll_timeout(&self) -> Option<Instant> {
        [self.members.due(), self.datagrams.due(), self.shelves.due()].into_iter().flatten().min()
    }

    /// Keeps those who are connected in the registry, and forgets who fell silent. Harmless when called too early or too late.
    pub fn handle_timeout(&mut self, now: Instant, directory: &mut Directory<'_>) {
        let timeout = directory.tracker.config().timeout.min(directory.catalogue.config().timeout);
        for (info_hash, addr) in self.members.refresh(now, timeout) {
            directory.tracker.heartbeat(now, info_hash, addr);
            directory.catalogue.touch(now, info_hash, addr);
        }
        for (info_hash, addr) in self.datagrams.expire(now) {
            leave(now, directory, info_hash, addr);
        }
        self.shelves.expire(now);
    }

    #[expect(clippy::too_many_arguments, reason = "one question, taken apart")]
    fn join(
        &mut self,
        now: Instant,
        directory: &mut Directory<'_>,
        ends: Ends,
        (ticket, system): (Ticket, Encoding),
        Joining { addr, id, blocks }: Joining,
        file: Option<&str>,
        metainfo: Option<Bytes>,
        push: &mut Vec<(Ticket, Bytes)>,
    ) -> Result<Reply, String> {
        if !directory.open {
            return Err("this is no tracker: nobody registers here".into());
        }
        let brought = match metainfo {
            Some(bytes) => {
                let metainfo = Metainfo::parse(&bytes).map_err(|error| error.to_string())?;
                Some((Described::of(&metainfo), Description::of(&metainfo, bytes)))
            }
            None => None,
        };
        let described = if let Some((described, _)) = &brought {
            described.clone()
        } else {
            let info_hash = self.file(now, directory, file)?;
            self.files.described(now, directory, info_hash)?
        };
        let info_hash = described.info_hash;
        let have = pieces(described.total_blocks, &blocks)?;
        let name = described.name.clone();
        let member = Member { system, info_hash, addr, id: id.clone(), file: name, have };
        let seeder = member.have.is_full();
        if !self.members.has_room(ticket) {
            return Err("too many are registered".into());
        }
        let published = match brought {
            Some((_, description)) => directory.catalogue.publish(now, description, addr, seeder),
            None => directory.catalogue.join(now, info_hash, addr, seeder).map(drop),
        };
        published.map_err(|error| error.to_string())?;
        announce(now, directory.tracker, &member, described.size)?;
        for other in self.members.in_swarm(system, info_hash, ticket) {
            let news = Reply::Joined(Neighbour { id: id.clone(), addr, blocks: Vec::new() });
            let mut frame = BytesMut::new();
            news.encode(system, &mut frame);
            if !frame.is_empty() {
                push.push((other, frame.freeze()));
            }
        }
        self.members.insert(now, ticket, member);
        let peers = (system == Encoding::S5)
            .then(|| self.neighbours(now, directory, ends, (info_hash, None), addr, ALL))
            .map(|peers| peers.into_iter().filter(|peer| peer.id != id).collect());
        Ok(Reply::Done { file: Some(Box::new(described)), peers })
    }

    fn update(
        &mut self,
        now: Instant,
        directory: &mut Directory<'_>,
        ticket: Ticket,
        file: Option<&str>,
        blocks: &[u32],
    ) -> Result<Reply, String> {
        let member = self.members.of_mut(ticket, file).ok_or("you have not registered for this file")?;
        for piece in pieces(member.have.len(), blocks)?.iter() {
            member.have.insert(piece);
        }
        let size = directory.catalogue.get(now, member.info_hash).map_or(u64::MAX, |listed| listed.len);
        announce(now, directory.tracker, member, size)?;
        directory.catalogue.update(now, member.info_hash, member.addr, member.have.is_full());
        Ok(Reply::Done { file: None, peers: None })
    }

    /// The swarm that a request means.
    fn file(&self, now: Instant, directory: &Directory<'_>, name: Option<&str>) -> Result<InfoHash, String> {
        match name {
            Some(name) => files::by_name(now, directory, name),
            None => self.own.map_or_else(|| files::only(now, directory), Ok),
        }
    }

    /// Other peers of a swarm, by the names that they have given themselves, or their addresses; and what they have, when it is
    /// said how many pieces there are.
    fn neighbours(
        &self,
        now: Instant,
        directory: &mut Directory<'_>,
        ends: Ends,
        (info_hash, pieces): (InfoHash, Option<u32>),
        asker: SocketAddr,
        most: u32,
    ) -> Vec<Neighbour> {
        let mut indices: usize = 0;
        let tracker = &mut *directory.tracker;
        let response = tracker.peers(now, info_hash, asker, most);
        let neighbour = |addr: SocketAddr| {
            let is_own = addr.ip().is_unspecified();
            let known = self.members.at(info_hash, addr);
            let id = match known {
                Some(member) => member.id.clone(),
                None if is_own => OWN_ID.into(),
                None => addr.to_string(),
            };
            let have = pieces.and_then(|pieces| tracker.inventory(info_hash, addr, pieces));
            let blocks: Vec<u32> = have.iter().flat_map(Bitfield::iter).map(PieceIndex::get).collect();
            indices = indices.saturating_add(blocks.len());
            let addr = if is_own { SocketAddr::new(ends.local.to_canonical(), addr.port()) } else { addr };
            (indices <= MOST_INDICES).then_some(Neighbour { id, addr, blocks })
        };
        response.peers.into_iter().map_while(neighbour).collect()
    }
}

/// Who joins.
struct Joining {
    addr: SocketAddr,
    id: String,
    blocks: Vec<u32>,
}

/// The set of the pieces in a list.
fn pieces(count: u32, listed: &[u32]) -> Result<Bitfield, String> {
    let mut set = Bitfield::none(count);
    for &index in listed {
        if index >= count {
            return Err(format!("block {index} of a file of {count}"));
        }
        set.insert(PieceIndex(index));
    }
    Ok(set)
}

/// The registry hears of somebody, and of what it has.
fn announce(
    now: Instant,
    tracker: &mut Tracker<SocketAddr>,
    member: &Member,
    size: u64,
) -> Result<(), String> {
    let missing = u64::from(member.have.len().saturating_sub(member.have.count()));
    let left = if missing == 0 { 0 } else { size.min(missing.saturating_mul(1 << 14)).max(1) };
    let totals = Totals { left, ..Totals::default() };
    let request = AnnounceRequest {
        have: Some(Box::new(member.have.clone())),
        lists: Lists::Inventories,
        ..AnnounceRequest::plain(AnnounceEvent::None, totals, 0)
    };
    let id = peer_id(&member.id).unwrap_or(PeerId([0; 20]));
    let who = Announcer { addr: member.addr, id };
    tracker.announce(now, member.info_hash, who, &request).map(drop).map_err(|error| error.to_string())
}

/// Somebody is gone.
fn leave(now: Instant, directory: &mut Directory<'_>, info_hash: InfoHash, addr: SocketAddr) {
    directory.catalogue.unregister(info_hash, addr);
    let request = AnnounceRequest::plain(AnnounceEvent::Stopped, Totals::default(), 0);
    let who = Announcer { addr, id: PeerId([0; 20]) };
    // Only a swarm that is not known yet can be refused, and leaving makes none.
    let _left = directory.tracker.announce(now, info_hash, who, &request);
}

/// When something is due that is due so often.
fn after(now: Instant, period: Duration) -> Instant {
    now.after_nanos(crate::time::nanos(period.clamp(Duration::from_secs(1), Duration::from_hours(1))))
}

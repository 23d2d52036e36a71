//! S3's tracker: datagrams of text, on the port on which BEP 15 is spoken, too.
//!
//! ```text
//! JOIN <ip> <port> [#<info-hash>] [<cookie>]            PEERLIST <ip>:<port>[0-4,7] …, or COOKIE <8 digits>
//! UPDATE <ip> <port> [0,1,5-9] [#<info-hash>]           nothing
//! ```
//!
//! Anybody can write the address of another into a datagram, and have the answer go there. So no answer is longer than what it
//! answers, unless it goes to our own host, or the request shows the cookie that was sent to its address before: a keyed hash of
//! the address and the time, as the connection ids of BEP 15 are.

use core::fmt::Write as _;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;
use std::collections::BTreeMap;

use super::files::{self, Files};
use super::{Described, after};
use crate::announce::{AnnounceEvent, AnnounceRequest, Totals};
use crate::bitfield::Bitfield;
use crate::config::Lists;
use crate::id::{InfoHash, PieceIndex};
use crate::time::{Instant, nanos};
use crate::tracker::Announcer;
use crate::tracker::directory::Directory;
use crate::tracker::udp::ConnectionIds;
use crate::wire::peer_id;

/// A peer that sends no datagram for so long is gone: three updates of half a minute may get lost.
pub const PEER_TIMEOUT: Duration = Duration::from_secs(100);
/// No answer is longer, in bytes.
pub const MAX_PEERLIST: usize = 8 * 1024;
/// Peers that are kept in mind.
const MOST: usize = 20_000;

/// Is it text? The datagrams of BEP 15 have zero bytes in them, those of S3 have none.
pub fn is_text(datagram: &[u8]) -> bool {
    (datagram.starts_with(b"JOIN ") || datagram.starts_with(b"UPDATE ")) && !datagram.contains(&0)
}

/// What a peer sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Datagram {
    /// It wants to know the others.
    Join {
        /// Where it listens.
        port: u16,
        /// Its swarm, where it names one.
        info_hash: Option<InfoHash>,
        /// Proof that it receives what is sent to it.
        cookie: Option<u32>,
    },
    /// It is still there.
    Update {
        /// Where it listens.
        port: u16,
        /// Its swarm, where it names one.
        info_hash: Option<InfoHash>,
        /// What it has: first and last of each stretch.
        blocks: Vec<(u32, u32)>,
    },
}

impl Datagram {
    /// Reads a datagram; `None` when it is none of the two.
    pub fn parse(datagram: &[u8]) -> Option<Self> {
        let text = core::str::from_utf8(datagram).ok()?;
        let mut words = text.split_ascii_whitespace();
        let command = words.next()?;
        // Where it says that it is. The datagram comes from somewhere.
        let _ip = words.next()?;
        let port = words.next()?.parse().ok().filter(|&port| port != 0)?;
        let (mut info_hash, mut cookie, mut listed) = (None, None, String::new());
        for word in words {
            if let Some(digits) = word.strip_prefix('#') {
                info_hash = Some(InfoHash::from_hex(digits)?);
            } else if command == "JOIN" {
                cookie = Some(u32::from_str_radix(word, 16).ok().filter(|_| word.len() == 8)?);
            } else {
                listed.push_str(word);
            }
        }
        match command {
            "JOIN" => Some(Self::Join { port, info_hash, cookie }),
            "UPDATE" => Some(Self::Update { port, info_hash, blocks: stretches(&listed)? }),
            _ => None,
        }
    }

    /// The datagram, with the address by which the sender knows itself.
    pub fn to_text(&self, ip: IpAddr) -> String {
        let (mut text, info_hash) = match self {
            Self::Join { port, info_hash, .. } => (format!("JOIN {ip} {port}"), info_hash),
            Self::Update { port, info_hash, blocks } => {
                let listed: Vec<String> = blocks.iter().map(|&stretch| written(stretch)).collect();
                (format!("UPDATE {ip} {port} [{}]", listed.join(",")), info_hash)
            }
        };
        if let Some(info_hash) = info_hash {
            text.push_str(" #");
            text.push_str(&info_hash.to_hex());
        }
        if let Self::Join { cookie: Some(cookie), .. } = self {
            write!(text, " {cookie:08x}").expect("a String takes everything");
        }
        text
    }
}

/// The stretches of `[0,1,5-9]`, with or without the brackets.
fn stretches(text: &str) -> Option<Vec<(u32, u32)>> {
    let text = text.strip_prefix('[').map_or(Some(text), |text| text.strip_suffix(']'))?;
    let parts = text.split(',').filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (first.parse().ok()?, last.parse().ok()?);
            (first <= last).then_some((first, last))
        })
        .collect()
}

fn written((first, last): (u32, u32)) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

/// The stretches of a set.
pub fn stretches_of(set: &Bitfield) -> Vec<(u32, u32)> {
    let mut stretches: Vec<(u32, u32)> = Vec::new();
    for piece in set.iter().map(PieceIndex::get) {
        match stretches.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(piece) => *last = piece,
            _ => stretches.push((piece, piece)),
        }
    }
    stretches
}

/// The set of the stretches, out of so many pieces; `None` when one is past the end, or they are more than there are pieces.
pub fn set_of(stretches: &[(u32, u32)], pieces: u32) -> Option<Bitfield> {
    let mut set = Bitfield::none(pieces);
    let mut room = pieces;
    for &(first, last) in stretches {
        let count = last.checked_sub(first)?.checked_add(1)?;
        room = room.checked_sub(count).filter(|_| last < pieces)?;
        for piece in first..=last {
            set.insert(PieceIndex(piece));
        }
    }
    Some(set)
}

/// What a tracker sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// Others, and the first and last of each stretch of pieces that they have.
    Peers(Vec<(SocketAddr, Vec<(u32, u32)>)>),
    /// Ask again, with this.
    Cookie(u32),
    /// It cannot be done, and why.
    Error(String),
}

impl Response {
    /// Reads a datagram; `None` when it is no answer. Peers that cannot be dialled are left out.
    pub fn parse(datagram: &[u8]) -> Option<Self> {
        let text = core::str::from_utf8(datagram).ok()?.trim_ascii();
        let (name, rest) = text.split_once(' ').unwrap_or((text, ""));
        match name {
            "PEERLIST" => {
                let mut peers = Vec::new();
                for word in rest.split_ascii_whitespace() {
                    // The brackets of an IPv6 address stand before those of the pieces.
                    let (addr, blocks) = word.rsplit_once('[')?;
                    let addr: SocketAddr = addr.parse().ok()?;
                    let blocks = stretches(blocks.strip_suffix(']')?)?;
                    if addr.port() != 0 {
                        peers.push((addr, blocks));
                    }
                }
                Some(Self::Peers(peers))
            }
            "COOKIE" => {
                let cookie = u32::from_str_radix(rest, 16).ok().filter(|_| rest.len() == 8)?;
                Some(Self::Cookie(cookie))
            }
            "ERR" => Some(Self::Error(rest.chars().take(500).collect())),
            _ => None,
        }
    }
}

/// Answers datagrams.
#[derive(Debug)]
pub(super) struct Server {
    secret: [u8; 16],
    /// When each was heard of last.
    heard: BTreeMap<(InfoHash, SocketAddr), Instant>,
    due: Option<Instant>,
}

impl Server {
    pub(super) const fn new(secret: [u8; 16]) -> Self {
        Self { secret, heard: BTreeMap::new(), due: None }
    }

    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Answers a datagram, or does not.
    pub(super) fn answer(
        &mut self,
        now: Instant,
        directory: &mut Directory<'_>,
        (from, own): (SocketAddr, Option<IpAddr>),
        (files, own_file): (&mut Files, Option<InfoHash>),
        datagram: &[u8],
        reply: &mut Vec<u8>,
    ) {
        reply.clear();
        let Some(asked) = Datagram::parse(datagram) else { return };
        let (Datagram::Join { port, info_hash, .. } | Datagram::Update { port, info_hash, .. }) = asked;
        let addr = SocketAddr::new(from.ip().to_canonical(), port);
        let swarm = info_hash.or(own_file).map_or_else(|| files::only(now, directory), Ok);
        let known = swarm.and_then(|info_hash| Ok((info_hash, files.described(now, directory, info_hash)?)));
        let (info_hash, file) = match known {
            Ok(known) => known,
            Err(words) => return refuse(&words, &asked, datagram, reply),
        };
        let told = match &asked {
            Datagram::Update { blocks, .. } => match set_of(blocks, file.total_blocks) {
                Some(set) => Some(set),
                None => return,
            },
            Datagram::Join { .. } => directory.tracker.inventory(info_hash, addr, file.total_blocks),
        };
        if let Err(words) = self.register(now, directory, (info_hash, addr), told, &file) {
            return refuse(&words, &asked, datagram, reply);
        }
        if let Datagram::Join { cookie, .. } = asked {
            let proven = from.ip().to_canonical().is_loopback()
                || cookie.is_some_and(|cookie| self.knows(from, now, cookie));
            let most = if proven { MAX_PEERLIST } else { datagram.len() };
            let whole = list(now, directory, (info_hash, file.total_blocks), addr, own, most, reply);
            if !whole && !proven {
                reply.clear();
                let cookie = format!("COOKIE {:08x}", self.cookie(from, now));
                let short = if cookie.len() <= most { cookie } else { "PEERLIST".into() };
                reply.extend_from_slice(short.as_bytes());
            }
        }
    }

    fn register(
        &mut self,
        now: Instant,
        directory: &mut Directory<'_>,
        (info_hash, addr): (InfoHash, SocketAddr),
        told: Option<Bitfield>,
        file: &Described,
    ) -> Result<(), String> {
        if !directory.open {
            return Err("this is no tracker".into());
        }
        if !self.heard.contains_key(&(info_hash, addr)) && self.heard.len() >= MOST {
            return Err("too many are registered".into());
        }
        let have = told.unwrap_or_else(|| Bitfield::none(file.total_blocks));
        let left = if have.is_full() { 0 } else { file.size };
        let totals = Totals { left, ..Totals::default() };
        let request = AnnounceRequest {
            have: Some(Box::new(have)),
            lists: Lists::Inventories,
            ..AnnounceRequest::plain(AnnounceEvent::None, totals, 0)
        };
        let id = peer_id(&addr.to_string()).unwrap_or(crate::id::PeerId([0; 20]));
        let who = Announcer { addr, id };
        directory.tracker.announce(now, info_hash, who, &request).map_err(|error| error.to_string())?;
        // Who is here keeps the file in the catalogue, too. Where there is no room for that, others do.
        let _kept = directory.catalogue.join(now, info_hash, addr, left == 0);
        self.heard.insert((info_hash, addr), now);
        self.due.get_or_insert(after(now, PEER_TIMEOUT));
        Ok(())
    }

    /// Who fell silent, when it is time to look.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<(InfoHash, SocketAddr)> {
        if self.due.is_none_or(|due| due > now) {
            return Vec::new();
        }
        let mut gone = Vec::new();
        let mut oldest: Option<Instant> = None;
        self.heard.retain(|&key, &mut heard| {
            let stays = now.saturating_since(heard) < PEER_TIMEOUT;
            if stays {
                oldest = Some(oldest.map_or(heard, |oldest| oldest.min(heard)));
            } else {
                gone.push(key);
            }
            stays
        });
        let soonest = after(now, Duration::from_secs(1));
        self.due = oldest.map(|oldest| oldest.after_nanos(nanos(PEER_TIMEOUT)).max(soonest));
        gone
    }

    fn cookie(&self, from: SocketAddr, now: Instant) -> u32 {
        half(ConnectionIds::new(self.secret).issue(from, now))
    }

    fn knows(&self, from: SocketAddr, now: Instant, cookie: u32) -> bool {
        ConnectionIds::new(self.secret).issued(from, now).any(|id| half(id) == cookie)
    }
}

fn half(id: u64) -> u32 {
    u32::try_from(id >> 32).unwrap_or_default()
}

/// Writes the list of all others, as far as it goes into `most` bytes. False when it does not.
fn list(
    now: Instant,
    directory: &mut Directory<'_>,
    (info_hash, pieces): (InfoHash, u32),
    asker: SocketAddr,
    own: Option<IpAddr>,
    most: usize,
    reply: &mut Vec<u8>,
) -> bool {
    reply.extend_from_slice(b"PEERLIST");
    for addr in directory.tracker.peers(now, info_hash, asker, super::ALL).peers {
        let set = directory.tracker.inventory(info_hash, addr, pieces);
        let listed: Vec<String> = set.iter().flat_map(stretches_of).map(written).collect();
        let reached = match own {
            Some(own) if addr.ip().is_unspecified() => SocketAddr::new(own.to_canonical(), addr.port()),
            None if addr.ip().is_unspecified() => continue,
            _ => addr,
        };
        let entry = format!(" {reached}[{}]", listed.join(","));
        if reply.len().saturating_add(entry.len()) > most {
            return false;
        }
        reply.extend_from_slice(entry.as_bytes());
    }
    true
}

/// Says why it cannot be done, in no more bytes than came.
fn refuse(words: &str, asked: &Datagram, datagram: &[u8], reply: &mut Vec<u8>) {
    reply.clear();
    if matches!(asked, Datagram::Join { .. }) {
        reply.extend_from_slice(b"ERR ");
        reply.extend_from_slice(words.as_bytes());
        reply.truncate(datagram.len());
    }
}

//! S4's tracker: lines of text over TCP, and a catalogue of many files.
//!
//! Who registers has a shelf with the names of its files. There need not be metainfo for them: they are for its own kind. What the
//! native catalogue has is found as well, with those who have all of it. A shelf is gone when its owner was silent for
//! [`CatalogueConfig::timeout`](crate::catalogue::CatalogueConfig::timeout).

use core::fmt::Write as _;
use core::net::SocketAddr;
use core::time::Duration;
use std::collections::{BTreeMap, BTreeSet};

use super::after;
use crate::catalogue::{Fit, Query};
use crate::id::InfoHash;
use crate::time::Instant;
use crate::tracker::directory::{Directory, Ends};
use crate::wire::text::s4::{name, word};

/// The longest line, its end included, in bytes.
pub const MAX_LINE: usize = 64 * 1024;
/// What a line with files has besides them: a word, an address and its end.
const LONGEST_BEFORE_FILES: usize = 100;
/// Files on one shelf.
pub const MAX_FILES: usize = 1_000;
/// Shelves.
const MOST_SHELVES: usize = 10_000;
/// Bytes of all names together.
const MOST_BYTES: usize = 16 << 20;
/// Lines of one answer.
const MOST_LINES: usize = 1_000;
/// Addresses in one line of an answer.
const MOST_ADDRESSES: usize = 200;
/// The longest name, in bytes.
const MAX_NAME: usize = 255;

/// What a peer asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// It is there, and has these files.
    Register(u16, Vec<Offer>),
    /// It has these files, and no others.
    Update(u16, Vec<Offer>),
    /// It is still there.
    Heartbeat(u16),
    /// It goes.
    Unregister(u16),
    /// Who has a file of this name?
    Search(String),
    /// Who is there?
    List,
}

/// A file that somebody has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Offer {
    /// Its name.
    pub name: String,
    /// Its length in bytes, when it is said.
    pub size: Option<u64>,
}

impl Offer {
    /// Reads a word: `name` or `name=size`.
    fn parse(text: &str) -> Option<Self> {
        let (text, size) = match text.split_once('=') {
            Some((text, size)) => (text, Some(size.parse().ok()?)),
            None => (text, None),
        };
        let name = name(text).ok()?.into_owned();
        (name.len() <= MAX_NAME).then_some(Self { name, size })
    }

    fn put(&self, out: &mut String) {
        out.extend(word(&self.name));
        if let Some(size) = self.size {
            write!(out, "={size}").expect("a String takes everything");
        }
    }
}

/// The files, in their order, that one line takes: a longer one would not be read, and then nothing of it is known.
pub(super) fn as_many_as_fit(files: impl Iterator<Item = Offer>) -> Vec<Offer> {
    let mut room = MAX_LINE.saturating_sub(LONGEST_BEFORE_FILES);
    let fits = |file: &Offer| {
        let mut text = String::from(" ");
        file.put(&mut text);
        let left = room.checked_sub(text.len());
        room = left.unwrap_or(0);
        left.is_some()
    };
    files.take(MAX_FILES).take_while(fits).collect()
}

impl Command {
    /// Reads a line, without its end.
    ///
    /// # Errors
    /// The words with which it is refused.
    pub fn parse(line: &str) -> Result<Self, &'static str> {
        let mut words = line.split_ascii_whitespace();
        let command = words.next().ok_or("unknown command")?;
        let mut port = || {
            // Where it says that it is; the connection comes from somewhere.
            let addr = words.next().ok_or("an address is missing")?;
            let port = addr.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
            port.filter(|&port| port != 0).ok_or("the address is no <ip>:<port>")
        };
        let parsed = match command {
            "register" | "update" => {
                let port = port()?;
                let files: Option<Vec<Offer>> =
                    words.by_ref().take(MAX_FILES + 1).map(Offer::parse).collect();
                let files = files.ok_or("a file is no <name> or <name>=<size>")?;
                if files.len() > MAX_FILES {
                    return Err("too many files");
                }
                if command == "update" { Self::Update(port, files) } else { Self::Register(port, files) }
            }
            "heartbeat" => Self::Heartbeat(port()?),
            "unregister" => Self::Unregister(port()?),
            "search" => {
                let text = words.next().ok_or("a name is missing")?;
                Self::Search(name(text).map_err(|_| "that is no name")?.into_owned())
            }
            "list" => Self::List,
            _ => return Err("unknown command"),
        };
        if words.next().is_some() { Err("too many words") } else { Ok(parsed) }
    }

    /// The line, its end included, with the address by which the sender knows itself.
    pub fn to_line(&self, ip: core::net::IpAddr) -> String {
        let mut line = match self {
            Self::Register(port, _) => format!("register {}", SocketAddr::new(ip, *port)),
            Self::Update(port, _) => format!("update {}", SocketAddr::new(ip, *port)),
            Self::Heartbeat(port) => format!("heartbeat {}", SocketAddr::new(ip, *port)),
            Self::Unregister(port) => format!("unregister {}", SocketAddr::new(ip, *port)),
            Self::Search(text) => format!("search {}", word(text).collect::<String>()),
            Self::List => "list".into(),
        };
        if let Self::Register(_, files) | Self::Update(_, files) = self {
            for file in files {
                line.push(' ');
                file.put(&mut line);
            }
        }
        line.push('\n');
        line
    }
}

/// A line of the answer to `search`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The file.
    pub file: Offer,
    /// Who has it.
    pub sources: Vec<SocketAddr>,
}

impl Found {
    /// Reads a line, without its end; `None` when it is none. Addresses that cannot be dialled are left out.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let name = name(words.next()?).ok()?.into_owned();
        let size = match words.next()? {
            "-" => None,
            digits => Some(digits.parse().ok()?),
        };
        let addresses = words.next()?.split(',').take(MOST_ADDRESSES).map(str::parse);
        let addresses: Vec<SocketAddr> = addresses.collect::<Result<_, _>>().ok()?;
        let sources = addresses.into_iter().filter(|addr| addr.port() != 0).collect();
        Some(Self { file: Offer { name, size }, sources })
    }

    fn put(&self, out: &mut String) {
        out.extend(word(&self.file.name));
        match self.file.size {
            Some(size) => write!(out, " {size} ").expect("a String takes everything"),
            None => out.push_str(" - "),
        }
        let sources: Vec<String> = self.sources.iter().map(ToString::to_string).collect();
        out.push_str(&sources.join(","));
        out.push('\n');
    }
}

/// A line of the answer to `list`: a peer, and what it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The peer.
    pub addr: SocketAddr,
    /// Its files.
    pub files: Vec<Offer>,
}

impl Listed {
    /// Reads a line, without its end; `None` when it is none.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_ascii_whitespace();
        let addr = words.next()?.parse().ok().filter(|addr: &SocketAddr| addr.port() != 0)?;
        let files = words.take(MAX_FILES).map(Offer::parse).collect::<Option<_>>()?;
        Some(Self { addr, files })
    }
}

/// How many lines follow the first one of an answer; `None` when it is none, or there are too many.
pub fn lines_after(line: &str) -> Option<usize> {
    line.strip_prefix("OK ")?.parse().ok().filter(|&count| count <= MOST_LINES)
}

#[derive(Debug)]
struct Shelf {
    seen: Instant,
    files: Vec<Offer>,
}

/// Who has which files.
#[derive(Debug)]
pub(super) struct Shelves {
    by_owner: BTreeMap<SocketAddr, Shelf>,
    bytes: usize,
    timeout: Duration,
    due: Option<Instant>,
}

impl Shelves {
    pub(super) const fn new() -> Self {
        Self { by_owner: BTreeMap::new(), bytes: 0, timeout: Duration::MAX, due: None }
    }

    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    pub(super) fn answer(
        &mut self,
        now: Instant,
        directory: &mut Directory<'_>,
        ends: Ends,
        line: &str,
    ) -> String {
        self.timeout = directory.catalogue.config().timeout;
        self.forget_silent(now);
        let at = |port| SocketAddr::new(ends.peer.to_canonical(), port);
        let done = match Command::parse(line) {
            Err(words) => Err(words),
            Ok(Command::Search(text)) => return self.search(now, directory, ends, &text),
            Ok(Command::List) => return self.list(),
            Ok(_) if !directory.open => Err("this is no tracker"),
            Ok(Command::Register(port, files) | Command::Update(port, files)) => {
                self.put(now, at(port), files)
            }
            Ok(Command::Heartbeat(port)) => match self.by_owner.get_mut(&at(port)) {
                Some(known) => {
                    known.seen = now;
                    Ok(())
                }
                None => Err("you have not registered"),
            },
            Ok(Command::Unregister(port)) => {
                self.remove(at(port));
                Ok(())
            }
        };
        done.map_or_else(|words| format!("ERR {words}\n"), |()| "OK\n".into())
    }

    fn put(&mut self, now: Instant, addr: SocketAddr, files: Vec<Offer>) -> Result<(), &'static str> {
        let size = size(&files);
        let old = self.by_owner.get(&addr).map_or(0, |shelf| self::size(&shelf.files));
        let full = !self.by_owner.contains_key(&addr) && self.by_owner.len() >= MOST_SHELVES;
        if full || self.bytes.saturating_sub(old).saturating_add(size) > MOST_BYTES {
            return Err("there is no room");
        }
        self.remove(addr);
        self.bytes = self.bytes.saturating_add(size);
        self.by_owner.insert(addr, Shelf { seen: now, files });
        self.due.get_or_insert(after(now, self.timeout));
        Ok(())
    }

    fn remove(&mut self, addr: SocketAddr) {
        if let Some(shelf) = self.by_owner.remove(&addr) {
            self.bytes = self.bytes.saturating_sub(size(&shelf.files));
        }
    }

    fn forget_silent(&mut self, now: Instant) {
        let silent =
            self.by_owner.iter().filter(|(_, shelf)| now.saturating_since(shelf.seen) >= self.timeout);
        let silent: Vec<SocketAddr> = silent.map(|(&addr, _)| addr).collect();
        for addr in silent {
            self.remove(addr);
        }
    }

    pub(super) fn expire(&mut self, now: Instant) {
        if self.due.is_some_and(|due| due <= now) {
            self.forget_silent(now);
            self.due = (!self.by_owner.is_empty()).then(|| after(now, self.timeout));
        }
    }

    fn search(&self, now: Instant, directory: &mut Directory<'_>, ends: Ends, text: &str) -> String {
        let Ok(query) = Query::new(text) else { return "ERR that is no name\n".into() };
        // No info-hash: a fit is one by name.
        let fits = |name: &str| query.fit(name, InfoHash([0; 20])).filter(|&fit| fit != Fit::InfoHash);
        let mut found: BTreeMap<(Fit, Offer), BTreeSet<SocketAddr>> = BTreeMap::new();
        for (&addr, shelf) in &self.by_owner {
            for file in &shelf.files {
                if let Some(fit) = fits(&file.name) {
                    found.entry((fit, file.clone())).or_default().insert(addr);
                }
            }
        }
        let listed: Vec<_> = directory
            .catalogue
            .search(now, &query)
            .into_iter()
            .filter_map(|(_, it)| Some((fits(it.name)?, it.info_hash, it.name.to_owned(), it.len)))
            .take(MOST_LINES)
            .collect();
        let nobody = SocketAddr::new(ends.peer, 0);
        for (fit, info_hash, name, len) in listed {
            let peers = directory.tracker.peers(now, info_hash, nobody, super::ALL).peers;
            for addr in peers {
                let has_all = directory.tracker.inventory(info_hash, addr, 1).is_some_and(|it| it.is_full());
                let is_own = addr.ip().is_unspecified();
                let addr =
                    if is_own { SocketAddr::new(ends.local.to_canonical(), addr.port()) } else { addr };
                if has_all {
                    let file = Offer { name: name.clone(), size: Some(len) };
                    found.entry((fit, file)).or_default().insert(addr);
                }
            }
        }
        // Who names a file means it, and not those that have its name in theirs.
        let best = found.keys().next().map(|(fit, _)| *fit);
        let exact = best.filter(|&fit| fit != Fit::Part);
        let lines: Vec<Found> = found
            .into_iter()
            .filter(|((fit, _), _)| exact.is_none_or(|exact| *fit == exact))
            .take(MOST_LINES)
            .map(|((_, file), sources)| Found {
                file,
                sources: sources.into_iter().take(MOST_ADDRESSES).collect(),
            })
            .collect();
        let mut answer = format!("OK {}\n", lines.len());
        for line in lines {
            line.put(&mut answer);
        }
        answer
    }

    fn list(&self) -> String {
        let shown = self.by_owner.iter().take(MOST_LINES);
        let mut answer = format!("OK {}\n", shown.len());
        for (addr, shelf) in shown {
            write!(answer, "{addr}").expect("a String takes everything");
            for file in &shelf.files {
                answer.push(' ');
                file.put(&mut answer);
            }
            answer.push('\n');
        }
        answer
    }
}

/// What a shelf takes, about.
fn size(files: &[Offer]) -> usize {
    files.iter().fold(64_usize, |sum, file| sum.saturating_add(file.name.len()).saturating_add(48))
}

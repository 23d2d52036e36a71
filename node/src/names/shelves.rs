//! Files that peers of S4 list by nothing but their names: what a tracker's `list` says of them, and how long they are.
//!
//! There is no metainfo of them, so there are no hashes, and no info-hash to tell two of one name apart.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::BytesMut;
use minibit_core::boundary::Address as _;
use minibit_core::catalogue::{Fit, Pick, Query};
use minibit_core::tracker::systems::s4::{Command, Listed, MAX_LINE, Offer, lines_after};
use minibit_core::wire::text::s4::{size_answered, size_question};
use minibit_core::{InfoHash, wire};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, lookup_host};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::address::TrackerAddress;
use super::gather::{Found, Sources};
use crate::limits::{FILES_FOUND, LONGEST_SHELVES};

/// A file whose name is all that is known of it, and perhaps its length.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) name: String,
    /// Its length in bytes, where somebody has said it.
    pub(crate) size: Option<u64>,
    /// Who has it.
    pub(crate) sources: Vec<SocketAddr>,
    /// Who lists it.
    pub(crate) trackers: Vec<TrackerAddress>,
}

/// What the trackers list that speak S4, whether there is metainfo of it or not. Those that do not speak it have nothing to say.
pub(crate) async fn shelves(sources: &Sources) -> Vec<Named> {
    let mut asked = JoinSet::new();
    for tracker in sources.trackers.iter().cloned() {
        let patience = sources.patience;
        asked.spawn(async move {
            let listed = timeout(patience, list(tracker.endpoint())).await;
            (tracker, listed.ok().and_then(Result::ok).unwrap_or_default())
        });
    }
    let mut files: BTreeMap<(String, Option<u64>), Listing> = BTreeMap::new();
    while let Some(Ok((tracker, listed))) = asked.join_next().await {
        for Listed { addr, files: some } in listed {
            for Offer { name, size } in some {
                let key = (name, size);
                if files.len() < FILES_FOUND || files.contains_key(&key) {
                    let (sources, trackers) = files.entry(key).or_default();
                    sources.insert(addr);
                    trackers.insert(tracker.clone());
                }
            }
        }
    }
    let mut all: Vec<Named> = Vec::new();
    // In order: of one name, that without a length comes first, and is the one whose length is said when there is one only.
    for ((name, size), (sources, trackers)) in files {
        let (sources, trackers) = (sources.into_iter().collect(), trackers.into_iter().collect());
        let named = Named { name, size, sources, trackers };
        match all.last_mut() {
            Some(last) if last.name == named.name && last.size.is_none() => last.join(named),
            _ => all.push(named),
        }
    }
    all
}

/// Who has a file, and who lists it.
type Listing = (BTreeSet<SocketAddr>, BTreeSet<TrackerAddress>);

impl Named {
    /// The same file, in other words.
    fn join(&mut self, other: Self) {
        self.size = self.size.or(other.size);
        self.sources.extend(other.sources);
        self.trackers.extend(other.trackers);
        self.sources.sort();
        self.sources.dedup();
        self.trackers.sort();
        self.trackers.dedup();
    }
}

/// Those of which no metainfo was found.
pub(crate) fn without_metainfo(named: Vec<Named>, found: &[Found]) -> Vec<Named> {
    let is_found = |named: &Named| {
        found.iter().any(|found| found.name == named.name && named.size.is_none_or(|size| size == found.size))
    };
    named.into_iter().filter(|named| !is_found(named)).collect()
}

/// Those whose names fit, the best first.
pub(crate) fn fitting(named: Vec<Named>, query: &Query) -> Vec<Named> {
    let mut fitting: Vec<_> =
        named.into_iter().filter_map(|named| Some((by_name(&named, query)?, named))).collect();
    fitting.sort_by_key(|&(fit, _)| fit);
    fitting.into_iter().map(|(_, named)| named).collect()
}

/// There is no info-hash that could fit.
fn by_name(named: &Named, query: &Query) -> Option<Fit> {
    query.fit(&named.name, InfoHash([0; 20])).filter(|&fit| fit != Fit::InfoHash)
}

/// The one that a text means, or those that it could mean.
pub(crate) fn pick(named: Vec<Named>, query: &Query) -> Pick<Named> {
    Pick::best_of(named.into_iter().filter_map(|named| Some((by_name(&named, query)?, named))))
}

/// Those who say that they have a file, and how long it is: as long as the first of them says.
pub(crate) async fn measured(named: &Named, patience: Duration) -> Option<(u64, Vec<SocketAddr>)> {
    let mut asked = JoinSet::new();
    for &addr in named.sources.iter().filter(|addr| addr.is_dialable()).take(MEASURED) {
        let name = named.name.clone();
        asked.spawn(async move {
            let len = timeout(patience, length(addr, &name)).await.ok()?.ok()??;
            Some((addr, len))
        });
    }
    let mut answers = Vec::new();
    while let Some(answer) = asked.join_next().await {
        answers.extend(answer.ok().flatten());
    }
    let len = named.size.or_else(|| answers.first().map(|&(_, len)| len))?;
    let sources: Vec<SocketAddr> =
        answers.into_iter().filter(|&(_, said)| said == len).map(|(addr, _)| addr).collect();
    (!sources.is_empty()).then_some((len, sources))
}

/// So many sources of a file are asked for its length.
const MEASURED: usize = 32;

/// What a tracker lists.
async fn list(endpoint: (&str, u16)) -> io::Result<Vec<Listed>> {
    let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    let mut stream = None;
    for addr in lookup_host(endpoint).await? {
        match TcpStream::connect(addr).await {
            Ok(connected) => {
                stream = Some(connected);
                break;
            }
            Err(error) => last = error,
        }
    }
    let Some(mut stream) = stream else { return Err(last) };
    stream.write_all(Command::List.to_line(std::net::Ipv4Addr::UNSPECIFIED.into()).as_bytes()).await?;
    let mut lines = Lines { stream, buffer: BytesMut::new(), left: LONGEST_SHELVES };
    let count = lines_after(&lines.next(MAX_LINE).await?).ok_or(io::ErrorKind::InvalidData)?;
    let mut listed = Vec::new();
    for _ in 0..count {
        listed.extend(Listed::parse(&lines.next(MAX_LINE).await?));
    }
    Ok(listed)
}

/// How long a file is, as a peer says; `None` when it has none of this name.
async fn length(addr: SocketAddr, file: &str) -> io::Result<Option<u64>> {
    let mut stream = TcpStream::connect(addr).await?;
    stream.write_all(size_question(file).as_bytes()).await?;
    let mut lines = Lines { stream, buffer: BytesMut::new(), left: wire::text::MAX_LINE };
    Ok(size_answered(&lines.next(wire::text::MAX_LINE).await?))
}

/// Lines that come, of a bounded length each and in all.
struct Lines {
    stream: TcpStream,
    buffer: BytesMut,
    /// Bytes that may still come.
    left: usize,
}

impl Lines {
    /// The next one, without its end.
    async fn next(&mut self, longest: usize) -> io::Result<String> {
        loop {
            if let Some(end) = self.buffer.iter().position(|&byte| byte == b'\n') {
                let line = self.buffer.split_to(end + 1);
                return Ok(String::from_utf8_lossy(&line).trim_ascii_end().to_owned());
            }
            if self.buffer.len() >= longest || self.left == 0 {
                return Err(io::ErrorKind::InvalidData.into());
            }
            match self.stream.read_buf(&mut self.buffer).await? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                len => self.left = self.left.saturating_sub(len),
            }
        }
    }
}

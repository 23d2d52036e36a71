//! Speaking with trackers: one announce to the trackers of a torrent, in the order of BEP 12, until one answers.
//!
//! When to announce, and what, is the core's affair ([`minibit_core::announce`]); so are the formats. Here is what can go
//! wrong between two machines. A URL comes out of a torrent file of who knows whom, and a tracker may be anybody: schemes
//! are on a list, services on this machine are not to be reached by it, every answer is bounded in length and in time,
//! redirects are few and checked like the first URL, and what fails is left alone until the core wants to announce again.

mod http;
mod systems;
#[cfg(test)]
mod tests;
mod udp;
mod url;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use hyper::StatusCode;
use minibit_core::announce::{AnnounceError, AnnounceEvent, AnnounceRequest, AnnounceResponse, Tiers};
use minibit_core::config::Encoding;
use minibit_core::tracker::Query;
use minibit_core::tracker::http::ResponseError;
use minibit_core::tracker::systems::HeardError;
use minibit_core::tracker::udp::UdpTrackerError;
use minibit_core::{InfoHash, PeerId, Rng};
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::clock::Clock;
use crate::limits::{STOPPED_TIMEOUT, TRACKER_ADDRESSES, TRACKER_TIMEOUT, UDP_TRACKER_TIMEOUT};
use crate::show;
use systems::Talk;
use url::{Scheme, TrackerUrl, UrlError};

pub(crate) use systems::{About, Shelf};
pub(crate) use url::{port_of, scheme_of, system_of};

/// Who announces.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Me {
    /// The swarm.
    pub(crate) info_hash: InfoHash,
    /// What we call ourselves.
    pub(crate) peer_id: PeerId,
    /// By this a tracker knows us again when our address has changed.
    pub(crate) key: u32,
    /// Where we listen.
    pub(crate) port: u16,
    /// The address to speak from: it is the one that trackers hand out. Any, when `None`.
    pub(crate) from: Option<IpAddr>,
}

/// The trackers of one torrent.
#[derive(Debug)]
pub(crate) struct Trackers {
    me: Me,
    clock: Clock,
    /// What the trackers of the systems are told beside, and whom they tell of; without it, they are not asked.
    about: Option<(About, mpsc::Sender<SocketAddr>)>,
    /// The trackers of the systems that are spoken to.
    talks: Mutex<BTreeMap<String, Talk>>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    tiers: Tiers,
    /// The tracker that answered last: it is the one to say goodbye to.
    known_to: Option<String>,
    rng: Rng,
}

impl Trackers {
    /// The trackers that a torrent names. Orders and transaction ids are drawn from `rng`, which nobody else may foresee.
    pub(crate) fn new(tiers: Vec<Vec<String>>, me: Me, clock: Clock, mut rng: Rng) -> Self {
        let tiers = Tiers::new(tiers, &mut rng);
        let state = State { tiers, known_to: None, rng }.into();
        Self { me, clock, about: None, talks: Mutex::default(), state }
    }

    /// The same with what the trackers of the five systems need to know. They tell of peers without being asked, too: to `news`.
    pub(crate) fn about(self, about: About, news: mpsc::Sender<SocketAddr>) -> Self {
        Self { about: Some((about, news)), ..self }
    }

    /// Announces to the first tracker that answers. `Stopped` goes to the one that answered last, and takes little more
    /// than a second.
    ///
    /// # Errors
    /// When none answers: what each of them did instead.
    pub(crate) async fn announce(
        &self,
        request: AnnounceRequest,
    ) -> Result<AnnounceResponse<SocketAddr>, Failures> {
        let goodbye = request.event == AnnounceEvent::Stopped;
        let urls: Vec<String> = {
            let state = self.state();
            if goodbye {
                state.known_to.iter().cloned().collect()
            } else {
                state.tiers.iter().map(Into::into).collect()
            }
        };
        let mut failures = Failures::default();
        let mut asked = BTreeSet::new();
        for text in urls {
            let done = match TrackerUrl::parse(&text) {
                // Other URLs of a server that does not answer would not be answered either, and it is not to be asked so
                // often.
                Ok(url) if !asked.insert(url.server()) => continue,
                Ok(url) => self.ask(&url, request.clone(), goodbye).await,
                Err(error) => Err(error.into()),
            };
            match done {
                Ok(response) => {
                    let mut state = self.state();
                    state.tiers.answered(&text);
                    state.known_to = (!goodbye).then_some(text);
                    return Ok(response);
                }
                Err(failure) => failures.0.push((text, failure)),
            }
        }
        Err(failures)
    }

    async fn ask(
        &self,
        url: &TrackerUrl,
        request: AnnounceRequest,
        goodbye: bool,
    ) -> Result<AnnounceResponse<SocketAddr>, TrackerFailure> {
        let Me { info_hash, peer_id, key, port, from } = self.me;
        let query = Query { info_hash, peer_id, port, key, request };
        let limit = |usual| if goodbye { STOPPED_TIMEOUT } else { usual };
        let answer = match url.scheme() {
            Scheme::Http => timeout(limit(TRACKER_TIMEOUT), http::announce(url, &query, from)).await,
            Scheme::Udp => {
                let rng = self.state().rng.fork();
                timeout(limit(UDP_TRACKER_TIMEOUT), udp::announce(url, query, from, self.clock, rng)).await
            }
            Scheme::System(system) => {
                let talk = self.talk(url, system).ok_or(TrackerFailure::NothingKnown)?;
                timeout(limit(TRACKER_TIMEOUT), talk.ask(query.request)).await
            }
        };
        answer.unwrap_or(Err(TrackerFailure::TimedOut))
    }

    /// The conversation with a tracker of one of the systems, which lasts from the first announce on.
    fn talk(&self, url: &TrackerUrl, system: Encoding) -> Option<Talk> {
        let (about, news) = self.about.clone()?;
        let mut talks = self.talks.lock().unwrap_or_else(PoisonError::into_inner);
        let start = || Talk::start(system, url.clone(), self.me, about, news);
        Some(talks.entry(format!("{system:?} {}", url.authority())).or_insert_with(start).clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a tracker did in place of answering.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum TrackerFailure {
    #[error("{0}")]
    Url(#[from] UrlError),
    #[error("cannot be found: {0}")]
    Resolve(#[source] io::Error),
    #[error("has no address that can be used")]
    NoAddress,
    #[error("{0} is on this machine, where only paths that begin with /announce are asked for")]
    Forbidden(IpAddr),
    #[error("cannot be reached: {0}")]
    Connect(#[source] io::Error),
    #[error("does not speak HTTP: {0}")]
    Http(#[from] hyper::Error),
    #[error("answered with status {0}")]
    Status(StatusCode),
    #[error("redirects in circles, or too often")]
    Redirects,
    #[error("redirects to where it may not: {0}")]
    RedirectTo(#[source] UrlError),
    #[error("answered in an encoding that was not asked for")]
    Encoded,
    #[error("answered with more than {max} bytes")]
    TooLong { max: usize },
    #[error("did not answer in time")]
    TimedOut,
    #[error("answered: {0}")]
    Answer(#[from] ResponseError),
    #[error("answered: {0}")]
    Udp(#[from] UdpTrackerError),
    #[error("sent datagrams that answer nothing")]
    Noise,
    #[error("answered: {0}")]
    System(#[from] HeardError),
    #[error("the connection is lost")]
    Lost,
    #[error("cannot be asked before the torrent is known")]
    NothingKnown,
}

impl TrackerFailure {
    /// The tracker's own words, when it refuses us.
    fn refusal(&self) -> Option<&str> {
        match self {
            Self::Answer(ResponseError::Refused(words)) | Self::Udp(UdpTrackerError::Refused(words)) => {
                Some(words)
            }
            Self::System(HeardError::Refused(words)) => Some(words),
            _ => None,
        }
    }
}

/// What each of the trackers did that were asked.
#[derive(Debug, Default)]
pub(crate) struct Failures(Vec<(String, TrackerFailure)>);

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (url, failure)) in self.0.iter().enumerate() {
            let text = format!("{url}: {failure}");
            write!(f, "{}{}", if at == 0 { "" } else { "; " }, show::harmless(&text))?;
        }
        Ok(())
    }
}

impl std::error::Error for Failures {}

impl From<Failures> for AnnounceError {
    fn from(failures: Failures) -> Self {
        let refusal = failures.0.iter().find_map(|(_, failure)| failure.refusal());
        refusal.map_or(Self::Unreachable, |words| Self::Refused(words.into()))
    }
}

/// The addresses of a tracker that can be reached from `from`, a few at most.
async fn resolve(url: &TrackerUrl, from: Option<IpAddr>) -> Result<Vec<SocketAddr>, TrackerFailure> {
    let found = tokio::net::lookup_host((url.host(), url.port())).await.map_err(TrackerFailure::Resolve)?;
    let usable = |addr: &SocketAddr| from.is_none_or(|from| from.is_ipv4() == addr.is_ipv4());
    let addresses: Vec<_> = found.filter(usable).take(TRACKER_ADDRESSES).collect();
    if addresses.is_empty() { Err(TrackerFailure::NoAddress) } else { Ok(addresses) }
}

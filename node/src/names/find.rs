//! From what a person types to a file, its metainfo and its peers.

use std::net::SocketAddr;
use std::time::Duration;

use minibit_core::catalogue::{Fit, Pick, Query, QueryError};
use minibit_core::metainfo::Metainfo;
use minibit_core::tracker::json::{Answer, Command, Peers};

use super::gather::{Found, Gathered, Origin, Sources, gather};

/// A node that has exactly what is looked for has answered: others that have something else of this name have so long to do so.
const LAST_CALL: Duration = Duration::from_millis(250);
/// Metainfo comes from one of so many at most, one after the other.
const ASKED_FOR_METAINFO: usize = 8;
/// Peers that are asked for.
const NUMWANT: u32 = 50;

/// Why nothing was looked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FindError {
    /// There is nothing to look for, or too much.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// What a text means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// Nobody has it.
    Nothing,
    /// This.
    One(Box<Found>),
    /// One of these; only the user can tell.
    Several(Vec<Found>),
}

/// Everything whose name has `text` in it, or whose info-hash begins with it. Ends early when the text means one file exactly.
///
/// # Errors
/// When there is nothing to look for, or too much.
pub(crate) async fn find(text: &str, sources: &Sources) -> Result<Gathered, FindError> {
    let query = Query::new(text)?;
    let is_exact = |found: &[Found]| {
        let exact =
            found.iter().find(|it| query.fit(&it.name, it.info_hash).is_some_and(|fit| fit < Fit::Part));
        exact.map(|_| if sources.lan.is_some() { LAST_CALL } else { Duration::ZERO })
    };
    let mut gathered = gather(Command::Search { text: query.as_str().to_owned() }, sources, is_exact).await;
    // What does not fit is not what was asked for, whoever says so.
    gathered.found.retain(|found| query.fit(&found.name, found.info_hash).is_some());
    Ok(gathered)
}

/// As [`find`], without the early end: for those who want to see everything that there is.
///
/// # Errors
/// When there is nothing to look for, or too much.
pub(crate) async fn search(text: &str, sources: &Sources) -> Result<Gathered, FindError> {
    let query = Query::new(text)?;
    let mut gathered = gather(Command::Search { text: query.as_str().to_owned() }, sources, |_| None).await;
    gathered.found.retain(|found| query.fit(&found.name, found.info_hash).is_some());
    gathered.found.sort_by_key(|found| query.fit(&found.name, found.info_hash));
    Ok(gathered)
}

/// Everything that anybody has.
pub(crate) async fn list(sources: &Sources) -> Gathered {
    gather(Command::List, sources, |_| None).await
}

/// Of what was found, the file that the text means.
///
/// # Errors
/// When there is nothing to look for, or too much.
pub(crate) fn choose(text: &str, found: Vec<Found>) -> Result<Choice, FindError> {
    let query = Query::new(text)?;
    let fits = found.into_iter().filter_map(|found| Some((query.fit(&found.name, found.info_hash)?, found)));
    Ok(match Pick::best_of(fits) {
        Pick::Nothing => Choice::Nothing,
        Pick::One(found) => Choice::One(Box::new(found)),
        Pick::Several(several) => Choice::Several(several),
    })
}

/// The metainfo of a file, from the first who has it; `None` when nobody does who was asked. It hashes to the info-hash.
pub(crate) async fn metainfo(found: &Found, patience: Duration) -> Option<Metainfo> {
    let command = Command::Metainfo { text: found.info_hash.to_hex() };
    for origin in found.origins.iter().take(ASKED_FOR_METAINFO) {
        if let Ok(Answer::Metainfo { metainfo, .. }) = origin.ask(&command, patience).await
            && let Ok(metainfo) = Metainfo::parse(&metainfo)
            && metainfo.info_hash() == found.info_hash
        {
            return Some(metainfo);
        }
    }
    None
}

/// An address of the link, which does not say of which one, is on that where we have reached who names it.
fn on_link_of(origin: &Origin, mut peer: SocketAddr) -> SocketAddr {
    if let (Origin::Node(SocketAddr::V6(node)), SocketAddr::V6(addr)) = (origin, &mut peer)
        && addr.ip().is_unicast_link_local()
        && addr.scope_id() == 0
    {
        addr.set_scope_id(node.scope_id());
    }
    peer
}

/// Peers of a file, from those who told of it: without waiting for an announce of our own.
pub(crate) async fn peers(found: &Found, port: u16, patience: Duration) -> Vec<SocketAddr> {
    let command = Command::GetPeers { info_hash: found.info_hash, port, numwant: NUMWANT };
    let mut asked = tokio::task::JoinSet::new();
    for origin in found.origins.iter().take(ASKED_FOR_METAINFO) {
        let (origin, command) = (origin.clone(), command.clone());
        asked.spawn(async move { (origin.ask(&command, patience).await, origin) });
    }
    let mut peers = Vec::new();
    while let Some(answer) = asked.join_next().await {
        if let Ok((Ok(Answer::Peers(Peers { peers: some, .. })), origin)) = answer {
            peers.extend(some.into_iter().map(|peer| on_link_of(&origin, peer)));
        }
    }
    peers.sort_unstable();
    peers.dedup();
    peers
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without the link nobody could be dialled, and who has just come would be waited for.
    #[test]
    fn an_address_of_a_link_is_on_that_of_who_names_it() {
        let node = |addr: &str| Origin::Node(addr.parse().unwrap());
        for (origin, named, meant) in [
            (node("[fe80::1%3]:6881"), "[fe80::2]:6881", "[fe80::2%3]:6881"),
            (node("[fe80::1%3]:6881"), "[fe80::2%4]:6881", "[fe80::2%4]:6881"),
            (node("[fe80::1%3]:6881"), "[2001:db8::2]:6881", "[2001:db8::2]:6881"),
            (node("[fe80::1%3]:6881"), "10.0.0.2:6881", "10.0.0.2:6881"),
            (node("10.0.0.1:6881"), "[fe80::2]:6881", "[fe80::2]:6881"),
        ] {
            assert_eq!(on_link_of(&origin, named.parse().unwrap()), meant.parse().unwrap());
        }
    }
}

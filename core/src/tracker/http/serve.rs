//! The server: a query in, a body out.

use core::net::SocketAddr;

use super::{QueryError, parse_announce, parse_scrape};
use crate::bencode::Item;
use crate::time::Instant;
use crate::tracker::directory::Ends;
use crate::tracker::{Announcer, Compact as _, Packed, Scrape, Tracker};

/// Answers the query of an announce. Peers of both address families are handed out: who asks over one may well have the
/// other. A peer without an address is ourselves, whom the asker knows by the local end of its connection.
pub fn announce(tracker: &mut Tracker<SocketAddr>, now: Instant, ends: Ends, query: &[u8]) -> Vec<u8> {
    let query = match parse_announce(query) {
        Ok(query) => query,
        Err(error) => return failure(&error.to_string()),
    };
    let addr = SocketAddr::new(ends.peer.to_canonical(), query.port);
    let who = Announcer { addr, id: query.peer_id };
    let (scrape, peers) = match tracker.announce_packed(now, query.info_hash, who, &query.request, None) {
        Ok(answer) => answer,
        Err(error) => return failure(&error.to_string()),
    };
    let (mut v4, mut v6) =
        (Vec::with_capacity(peers.v4().as_flattened().len()), peers.v6().as_flattened().to_vec());
    for peer in peers.v4() {
        match peer {
            [0, 0, 0, 0, high, low] => {
                let ourselves = SocketAddr::new(ends.local, u16::from_be_bytes([*high, *low]));
                match ourselves.pack() {
                    Packed::V4(packed) => v4.extend_from_slice(&packed),
                    Packed::V6(packed) => v6.extend_from_slice(&packed),
                }
            }
            packed => v4.extend_from_slice(packed),
        }
    }
    let seconds = |duration: core::time::Duration| number(duration.as_secs());
    let mut entries = vec![
        ("complete", number(scrape.seeders.into())),
        ("incomplete", number(scrape.leechers.into())),
        ("interval", seconds(tracker.config().interval)),
        ("min interval", seconds(tracker.config().min_interval)),
        ("peers", v4[..].into()),
    ];
    if !v6.is_empty() {
        entries.push(("peers6", v6[..].into()));
    }
    Item::dict(entries).to_bytes()
}

/// Answers the query of a scrape (BEP 48, 21). Swarms that are not known are left out. The swarms have to be named: a list of
/// all would have no bound.
pub fn scrape(tracker: &mut Tracker<SocketAddr>, now: Instant, query: &[u8]) -> Vec<u8> {
    let swarms = match parse_scrape(query) {
        Ok(swarms) if swarms.is_empty() => {
            return failure(&QueryError::Missing { key: "info_hash" }.to_string());
        }
        Ok(swarms) => swarms,
        Err(error) => return failure(&error.to_string()),
    };
    let known = swarms.iter().filter_map(|swarm| Some((&swarm.0, tracker.scrape(now, *swarm)?)));
    let files = known.map(|(swarm, Scrape { seeders, leechers, downloaders, downloaded })| {
        let counters = [
            ("complete", number(seeders.into())),
            ("downloaded", number(downloaded)),
            ("downloaders", number(downloaders.into())),
            ("incomplete", number(leechers.into())),
        ];
        (swarm, Item::dict(counters))
    });
    Item::dict([("files", Item::dict(files))]).to_bytes()
}

/// The body that refuses. Clients want it with status 200.
pub fn failure(reason: &str) -> Vec<u8> {
    Item::dict([("failure reason", reason.into())]).to_bytes()
}

fn number(number: u64) -> Item<'static> {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}

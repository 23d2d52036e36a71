//! One announce over UDP: the socket and the clock of an [`Exchange`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use minibit_core::Rng;
use minibit_core::announce::AnnounceResponse;
use minibit_core::tracker::udp::Exchange;
use minibit_core::tracker::{Family, Query};
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep_until};

use super::url::TrackerUrl;
use super::{TrackerFailure, resolve};
use crate::clock::Clock;
use crate::limits::TRACKER_NOISE;

/// Longest answer that is read: more peers than any tracker hands out at once.
const LONGEST: usize = 8 * 1024;

/// Asks the first address that does not turn us away. Whoever calls this bounds its time.
pub(super) async fn announce(
    url: &TrackerUrl,
    query: Query,
    from: Option<IpAddr>,
    clock: Clock,
    mut rng: Rng,
) -> Result<AnnounceResponse<SocketAddr>, TrackerFailure> {
    let mut failure = TrackerFailure::NoAddress;
    for addr in resolve(url, from).await? {
        let family = if addr.is_ipv4() { Family::V4 } else { Family::V6 };
        let exchange =
            Exchange::announce(clock.now(), query.clone(), &url.path_and_query(), family, rng.fork());
        match converse(exchange, addr, from, clock).await {
            Err(error @ TrackerFailure::Connect(_)) => failure = error,
            done => return done,
        }
    }
    Err(failure)
}

async fn converse(
    mut exchange: Exchange,
    addr: SocketAddr,
    from: Option<IpAddr>,
    clock: Clock,
) -> Result<AnnounceResponse<SocketAddr>, TrackerFailure> {
    let any = if addr.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((from.unwrap_or(any), 0)).await.map_err(TrackerFailure::Connect)?;
    // From now on the kernel drops what others send us.
    socket.connect(addr).await.map_err(TrackerFailure::Connect)?;
    let mut buffer = vec![0; LONGEST];
    let mut noise = 0;
    loop {
        if let Some(datagram) = exchange.poll_transmit(clock.now())? {
            socket.send(&datagram).await.map_err(TrackerFailure::Connect)?;
        }
        let due = clock.system(exchange.poll_timeout()).unwrap_or_else(Instant::now);
        tokio::select! {
            received = socket.recv(&mut buffer) => {
                let len = received.map_err(TrackerFailure::Connect)?;
                let waiting = exchange.poll_timeout();
                if let Some(response) = exchange.handle_datagram(clock.now(), &buffer[..len])? {
                    return Ok(response);
                }
                // Nothing has come of it.
                if exchange.poll_timeout() == waiting {
                    noise += 1;
                    if noise > TRACKER_NOISE {
                        return Err(TrackerFailure::Noise);
                    }
                }
            }
            () = sleep_until(due) => {}
        }
    }
}

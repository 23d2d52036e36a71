//! One announce over HTTP.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;

use bytes::{Bytes, BytesMut};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Body as _, Incoming};
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_ENCODING, HOST, LOCATION, USER_AGENT};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use minibit_core::announce::AnnounceResponse;
use minibit_core::tracker::Query;
use minibit_core::tracker::http::{announce_query, parse_response};
use tokio::io::{AsyncReadExt as _, join};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use super::url::TrackerUrl;
use super::{TrackerFailure, resolve};
use crate::limits::{REDIRECTS, TRACKER_ANSWER, TRACKER_BODY, TRACKER_BUFFER, TRACKER_CONNECT, TRACKER_HEAD};

/// What we say we are.
const AGENT: &str = concat!("MiniBit/", env!("CARGO_PKG_VERSION"));

/// What came back.
enum Reply {
    Body(Bytes),
    Redirect(TrackerUrl),
}

/// Asks, and follows redirects. Whoever calls this bounds its time.
pub(super) async fn announce(
    url: &TrackerUrl,
    query: &Query,
    from: Option<IpAddr>,
) -> Result<AnnounceResponse<SocketAddr>, TrackerFailure> {
    let mut url = url.clone();
    let mut asked: Vec<TrackerUrl> = Vec::new();
    for _ in 0..=REDIRECTS {
        // A server may send us to another path once; not in circles, and not on a tour.
        let before = asked.iter().filter(|other| other.server() == url.server()).count();
        if before > 1 || asked.contains(&url) {
            return Err(TrackerFailure::Redirects);
        }
        asked.push(url.clone());
        let stream = connect(&url, from).await?;
        match ask(stream, &url, query).await? {
            Reply::Body(body) => return Ok(parse_response(&body)?.response),
            Reply::Redirect(next) => url = next,
        }
    }
    Err(TrackerFailure::Redirects)
}

/// Connects to the first address that lets us.
async fn connect(url: &TrackerUrl, from: Option<IpAddr>) -> Result<TcpStream, TrackerFailure> {
    let mut failure = TrackerFailure::NoAddress;
    for addr in resolve(url, from).await? {
        // The very address that is connected to is checked, so it does not matter what a name means the next time.
        if is_local(addr.ip()) && !url.path().starts_with("/announce") {
            return Err(TrackerFailure::Forbidden(addr.ip()));
        }
        match timeout(TRACKER_CONNECT, open(addr, from)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => failure = TrackerFailure::Connect(error),
            Err(_) => failure = TrackerFailure::TimedOut,
        }
    }
    Err(failure)
}

async fn open(addr: SocketAddr, from: Option<IpAddr>) -> io::Result<TcpStream> {
    let socket = if addr.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    if let Some(from) = from {
        socket.bind(SocketAddr::new(from, 0))?;
    }
    // The system would take in some MiB more than is ever read.
    socket.set_recv_buffer_size(TRACKER_BUFFER)?;
    socket.connect(addr).await
}

/// Services of this machine listen there that have nothing to do with trackers, and trust whoever reaches them.
fn is_local(ip: IpAddr) -> bool {
    match ip.to_canonical() {
        IpAddr::V4(ip) => ip.is_loopback() || ip.is_link_local() || ip.is_unspecified(),
        IpAddr::V6(ip) => ip.is_loopback() || ip.is_unicast_link_local() || ip.is_unspecified(),
    }
}

async fn ask(stream: TcpStream, url: &TrackerUrl, query: &Query) -> Result<Reply, TrackerFailure> {
    let mut target = url.target();
    announce_query(query, &mut target);
    let request = Request::get(target)
        .header(HOST, url.authority())
        .header(USER_AGENT, AGENT)
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .expect("a checked URL and an escaped query make a request");
    let (reading, writing) = stream.into_split();
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(TRACKER_HEAD)
        .max_headers(64)
        .handshake(TokioIo::new(join(reading.take(TRACKER_ANSWER), writing)))
        .await?;
    let mut exchange = pin!(async {
        let response = sender.send_request(request).await?;
        read(response, url).await
    });
    // The connection runs beside the exchange; when it has ended, what it has brought is still to be read.
    let mut connection = pin!(connection);
    let mut open = true;
    loop {
        tokio::select! {
            biased;
            done = &mut exchange => return done,
            _ = &mut connection, if open => open = false,
        }
    }
}

async fn read(response: Response<Incoming>, url: &TrackerUrl) -> Result<Reply, TrackerFailure> {
    let (status, headers) = (response.status(), response.headers());
    match status {
        StatusCode::MOVED_PERMANENTLY
        | StatusCode::FOUND
        | StatusCode::SEE_OTHER
        | StatusCode::TEMPORARY_REDIRECT
        | StatusCode::PERMANENT_REDIRECT => {
            let location = headers.get(LOCATION).and_then(|location| location.to_str().ok());
            let location = location.ok_or(TrackerFailure::Status(status))?;
            return url.redirect(location).map(Reply::Redirect).map_err(TrackerFailure::RedirectTo);
        }
        status if !status.is_success() => return Err(TrackerFailure::Status(status)),
        _ if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") => {
            return Err(TrackerFailure::Encoded);
        }
        _ => {}
    }
    let too_long = || TrackerFailure::TooLong { max: TRACKER_BODY };
    let mut incoming = response.into_body();
    if incoming.size_hint().lower() > TRACKER_BODY as u64 {
        return Err(too_long());
    }
    let mut body = BytesMut::new();
    while let Some(frame) = incoming.frame().await {
        if let Ok(data) = frame?.into_data() {
            if body.len() + data.len() > TRACKER_BODY {
                return Err(too_long());
            }
            body.extend_from_slice(&data);
        }
    }
    Ok(Reply::Body(body.freeze()))
}

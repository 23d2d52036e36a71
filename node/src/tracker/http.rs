//! The tracker's HTTP server: a connection of one client, from its first request to its last.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use bytes::{Bytes, BytesMut};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use minibit_core::tracker::directory::Ends;
use minibit_core::tracker::http::{announce, scrape};
use nix::sys::resource::{Resource, getrlimit};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::prefixed::Prefixed;
use super::status::Status;
use super::{Counters, Tally, page};
use crate::clock::Clock;
use crate::limits::{
    HTTP_CONNECTIONS, HTTP_LIFETIME, HTTP_RESERVED_DESCRIPTORS, REQUEST_HEAD, REQUEST_TIMEOUT, STATUS_AGE,
};
use crate::registry::{Shared, lock};

/// With these words a body begins that refuses.
const FAILURE: &[u8] = b"d14:failure reason";

/// What the connections of one server share.
#[derive(Clone, Debug)]
pub(crate) struct Server(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    registry: Shared,
    tally: Arc<Tally>,
    guests: Mutex<Guests>,
    described: Mutex<Option<Arc<Described>>>,
}

/// The state of the tracker at a moment, and what is written of it, once for all who ask: writing takes much longer than asking.
#[derive(Debug)]
struct Described {
    status: Status,
    page: OnceLock<Bytes>,
    json: OnceLock<Bytes>,
    metrics: OnceLock<Bytes>,
}

/// The open connections, the oldest first. Who is taken out of the map has to go.
#[derive(Debug, Default)]
struct Guests {
    next: u64,
    room: usize,
    open: BTreeMap<u64, oneshot::Sender<()>>,
}

/// So many connections there may be, as far as descriptors go.
pub(crate) fn room() -> usize {
    let (soft, _) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1024, 1024));
    let descriptors = usize::try_from(soft).unwrap_or(usize::MAX);
    descriptors.saturating_sub(HTTP_RESERVED_DESCRIPTORS).clamp(2, HTTP_CONNECTIONS)
}

impl Server {
    /// A server of a registry with room for so many connections.
    pub(crate) fn new(clock: Clock, registry: Shared, tally: Arc<Tally>, room: usize) -> Self {
        let guests = Guests { room, ..Guests::default() };
        Self(Arc::new(Inner { clock, registry, tally, guests: guests.into(), described: Mutex::default() }))
    }

    fn guests(&self) -> MutexGuard<'_, Guests> {
        self.0.guests.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a connection in. When all places are taken, the oldest connection loses its own.
    fn enter(&self) -> (u64, oneshot::Receiver<()>) {
        let mut guests = self.guests();
        while guests.open.len() >= guests.room {
            guests.open.pop_first();
        }
        let number = guests.next;
        guests.next += 1;
        let (stay, shown_out) = oneshot::channel();
        guests.open.insert(number, stay);
        (number, shown_out)
    }

    fn leave(&self, number: u64) {
        self.guests().open.remove(&number);
    }

    /// The state of the tracker, not older than a second.
    fn described(&self) -> Arc<Described> {
        let now = self.0.clock.now();
        let mut known = self.0.described.lock().unwrap_or_else(PoisonError::into_inner);
        match &*known {
            Some(described) if now - described.status.taken < STATUS_AGE => Arc::clone(described),
            _ => {
                let described = Arc::new(Described {
                    status: Status::take(now, &lock(&self.0.registry)),
                    page: OnceLock::new(),
                    json: OnceLock::new(),
                    metrics: OnceLock::new(),
                });
                *known = Some(Arc::clone(&described));
                described
            }
        }
    }

    fn respond(&self, ends: Ends, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
            response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        let query = request.uri().query().unwrap_or_default().as_bytes();
        let Inner { clock, registry, tally, .. } = &*self.0;
        match request.uri().path() {
            "/announce" => {
                let body = announce(&mut lock(registry).tracker, clock.now(), ends, query);
                count(&tally.http, &body, (1, 0));
                answer("text/plain", body)
            }
            "/scrape" => {
                let body = scrape(&mut lock(registry).tracker, clock.now(), query);
                count(&tally.http, &body, (0, 1));
                answer("text/plain", body)
            }
            "/" => {
                let Described { status, page, .. } = &*self.described();
                let page = page.get_or_init(|| page::html(status).into());
                let mut response = answer("text/html; charset=utf-8", page.clone());
                let policy = HeaderValue::from_static(
                    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
                );
                response.headers_mut().insert(CONTENT_SECURITY_POLICY, policy);
                response
            }
            "/status.json" => {
                let Described { status, json, .. } = &*self.described();
                answer("application/json", json.get_or_init(|| status.json(tally).into()).clone())
            }
            "/metrics" => {
                let Described { status, metrics, .. } = &*self.described();
                let write = || status.metrics(tally, self.guests().open.len()).into();
                answer("text/plain; version=0.0.4", metrics.get_or_init(write).clone())
            }
            _ => plain(
                StatusCode::NOT_FOUND,
                "not found; there are /announce, /scrape, /, /status.json and /metrics\n",
            ),
        }
    }
}

/// Serves a connection of which `prefix` has been read already, until it ends. Bounded in every way: length of a head, time
/// for a request, time in all, and number of connections.
pub(crate) async fn serve_http(stream: TcpStream, prefix: BytesMut, peer: SocketAddr, server: Server) {
    let (number, shown_out) = server.enter();
    let peer = peer.ip().to_canonical();
    // Where the system does not know our end, the asker will not find us there.
    let local = stream.local_addr().map_or(Ipv4Addr::UNSPECIFIED.into(), |addr| addr.ip().to_canonical());
    let ends = Ends { peer, local };
    let service = service_fn(|request| {
        let response = server.respond(ends, &request);
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIMEOUT)
        .max_buf_size(REQUEST_HEAD)
        .max_headers(64)
        .serve_connection(TokioIo::new(Prefixed::new(prefix, stream)), service);
    let mut connection = pin!(timeout(HTTP_LIFETIME, connection));
    tokio::select! {
        // How it ends is the client's affair.
        _ = &mut connection => {}
        _ = shown_out => {}
    }
    server.leave(number);
}

fn count(counters: &Counters, body: &[u8], (announces, scrapes): (u64, u64)) {
    if body.starts_with(FAILURE) {
        counters.add(0, 0, 1);
    } else {
        counters.add(announces, scrapes, 0);
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = answer("text/plain", text);
    *response.status_mut() = status;
    response
}

fn answer(kind: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

//! A load generator for trackers: announces per second, what one costs the tracker, and how long its answer takes.
//!
//! ```text
//! node tracker --listen 127.0.0.1:6969 &
//! cargo run --release -p minibit-node --example tracker_load -- udp 127.0.0.1:6969 --pid $! --seconds 5
//! ```
//!
//! The workload is that of the comparison with other trackers: 16 torrents, a random port with each announce, every fourth
//! one a seeder's, 50 peers wanted, as many requests under way as the tracker can answer. The generator fills one core; the
//! tracker needs another one. How long an answer takes is told as median and 99th percentile, from before the request is sent
//! until the answer is read; with many under way most of that is waiting in line, and `--window 1` shows the tracker alone. With
//! 32 torrents there are some million different peers over UDP, by which a full registry can be had. With `--rate` no more are sent than that, evenly: how long an answer takes when the tracker
//! has time. A tracker that serves named torrents only gets its list by `tracker_load hashes`. `node/benches/trackers.py` runs all this for the
//! trackers that are installed.

use std::fs;
use std::io::{self, IoSlice, IoSliceMut, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use clap::{Parser, Subcommand};
use minibit_core::announce::{AnnounceEvent, AnnounceRequest, Totals};
use minibit_core::rng::{Purpose, Rng};
use minibit_core::tracker::http::announce_query;
use minibit_core::tracker::udp::{UdpRequest, UdpResponse};
use minibit_core::tracker::{Family, Query};
use minibit_core::{InfoHash, PeerId, Seed};
use nix::sys::socket::{MsgFlags, MultiHeaders, SockaddrStorage, recvmmsg, sendmmsg};

/// Datagrams for one system call.
const BATCH: usize = 64;
/// Answers that take longer than so many microseconds are not told apart.
const LONGEST: usize = 1_000_000;
/// Between two looks for answers and for what is due, where a rate is kept.
const PAUSE: Duration = Duration::from_micros(50);
/// HTTP clients at a time.
const CLIENTS: u32 = 16;
/// Clock ticks in a second, as /proc counts them on Linux.
const TICKS: f64 = 100.0;

#[derive(Debug, Parser)]
#[command(about = "Announce to a tracker as often as it can answer")]
struct Options {
    #[command(subcommand)]
    load: Load,
}

#[derive(Debug, Subcommand)]
enum Load {
    /// UDP (BEP 15)
    Udp(Target),
    /// HTTP, a connection for each announce
    Http(Target),
    /// HTTP, connections that are kept
    HttpKeepAlive(Target),
    /// Print the info-hashes that are announced, one on a line
    Hashes,
}

#[derive(Debug, clap::Args)]
struct Target {
    /// Where the tracker is
    addr: SocketAddr,
    /// The tracker's process, whose CPU time is read
    #[arg(long)]
    pid: Option<u32>,
    /// How long to announce
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Peers wanted in each answer
    #[arg(long, default_value_t = 50)]
    numwant: u32,
    /// Torrents
    #[arg(long, default_value_t = 16)]
    torrents: u32,
    /// Datagrams under way
    #[arg(long, default_value_t = 256)]
    window: usize,
    /// Announces per second over UDP, at most; without it as many as are answered
    #[arg(long)]
    rate: Option<u64>,
}

fn main() -> Result<()> {
    match Options::parse().load {
        Load::Udp(target) => measure(&target, |stop| udp(&target, stop)),
        Load::Http(target) => measure(&target, |stop| http(&target, false, stop)),
        Load::HttpKeepAlive(target) => measure(&target, |stop| http(&target, true, stop)),
        Load::Hashes => {
            let mut out = io::stdout().lock();
            (0..16).try_for_each(|number| writeln!(out, "{}", info_hash(number).to_hex()))?;
            Ok(())
        }
    }
}

/// What came back.
#[derive(Default)]
struct Answered {
    announces: u64,
    bytes: u64,
    times: Times,
}

/// How long answers took: how many of them so many microseconds. The last count is of those that took longer.
struct Times(Vec<u64>);

impl Default for Times {
    fn default() -> Self {
        Self(vec![0; LONGEST + 1])
    }
}

impl Times {
    fn add(&mut self, micros: u32) {
        self.0[(micros as usize).min(LONGEST)] += 1;
    }

    fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(count, more)| *count += more);
    }

    /// The time in microseconds below which so many of a thousand answers came.
    fn quantile(&self, permille: u64) -> usize {
        let wanted = self.0.iter().sum::<u64>() * permille / 1_000;
        let below = self.0.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        below.take_while(|&sum| sum < wanted).count()
    }
}

fn measure(target: &Target, load: impl FnOnce(&AtomicBool) -> Result<Answered>) -> Result<()> {
    let stop = AtomicBool::new(false);
    let cpu = || target.pid.map(cpu_seconds).transpose();
    let (before, began) = (cpu()?, Instant::now());
    let answered = thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_secs(target.seconds));
            stop.store(true, Ordering::Relaxed);
        });
        load(&stop)
    })?;
    let (wall, after) = (began.elapsed().as_secs_f64(), cpu()?);
    ensure!(answered.announces > 0, "the tracker has answered nothing");
    #[expect(clippy::cast_precision_loss, reason = "a report")]
    let (announces, bytes) = (answered.announces as f64, answered.bytes as f64);
    let mut out = io::stdout().lock();
    write!(out, "{:>9.0} announces/s, {:.0} bytes each", announces / wall, bytes / announces)?;
    if let Some((before, after)) = before.zip(after) {
        let cpu = after - before;
        let each = cpu / announces * 1e6;
        write!(
            out,
            ", {each:.2} us CPU each ({:.0} per CPU-second), {:.0} % of a core",
            1e6 / each,
            cpu / wall * 100.0
        )?;
    }
    let (median, slow) = (answered.times.quantile(500), answered.times.quantile(990));
    write!(out, ", answered in {median} us (median), {slow} us (p99)")?;
    if let Some(pid) = target.pid {
        write!(out, ", {} MiB resident", resident(pid)? >> 20)?;
    }
    writeln!(out)?;
    Ok(())
}

/// User and system time of a process.
fn cpu_seconds(pid: u32) -> Result<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).context("no such process")?;
    let after_name = stat.rsplit(')').next().unwrap_or_default();
    let ticks: Option<u64> =
        (11..=12).map(|field| after_name.split_whitespace().nth(field)?.parse::<u64>().ok()).sum();
    #[expect(clippy::cast_precision_loss, reason = "a report")]
    Ok(ticks.context("an unreadable stat")? as f64 / TICKS)
}

fn resident(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
}

fn info_hash(number: u32) -> InfoHash {
    let mut hash = [0x5a; 20];
    hash[..4].copy_from_slice(&number.to_be_bytes());
    InfoHash(hash)
}

fn query(target: &Target, rng: &mut Rng) -> Query {
    let number = rng.below(target.torrents.into());
    let port = rng.between(1_024, 65_535);
    let left = if rng.chance(1, 4) { 0 } else { 1 << 20 };
    Query {
        info_hash: info_hash(u32::try_from(number).expect("below a u32")),
        peer_id: PeerId(*b"-MB0000-load12345678"),
        port: u16::try_from(port).expect("it is a port"),
        key: 1,
        request: AnnounceRequest::plain(
            AnnounceEvent::None,
            Totals { left, ..Totals::default() },
            target.numwant,
        ),
    }
}

fn udp(target: &Target, stop: &AtomicBool) -> Result<Answered> {
    let local: SocketAddr = if target.addr.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" }.parse()?;
    let socket = UdpSocket::bind(local)?;
    socket.connect(target.addr)?;
    socket.set_read_timeout(Some(Duration::from_millis(100)))?;
    let family = if target.addr.is_ipv6() { Family::V6 } else { Family::V4 };
    socket.send(&UdpRequest::Connect { transaction: 1 }.to_bytes(b""))?;
    let mut buffer = [0; 2_048];
    let len = socket.recv(&mut buffer).context("no answer to connect")?;
    let (_, UdpResponse::Connect { connection }) = UdpResponse::parse(&buffer[..len], family)? else {
        bail!("no connection id");
    };

    let mut rng = Seed::from_number(1).stream(Purpose::Test, 0);
    let mut incoming = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, None);
    let mut outgoing = MultiHeaders::<SockaddrStorage>::preallocate(BATCH, None);
    let mut buffers = vec![[0; 2_048]; BATCH];
    let request =
        UdpRequest::Announce { connection, transaction: 7, query: query(target, &mut rng) }.to_bytes(b"");
    let mut requests = vec![request; BATCH];
    let mut answered = Answered::default();
    let (mut under_way, mut sent) = (0, 0_u64);
    // A request carries the time at which it was sent as its transaction id, which comes back.
    let began = Instant::now();
    let micros = || u32::try_from(began.elapsed().as_micros()).unwrap_or(u32::MAX);
    while !stop.load(Ordering::Relaxed) {
        let due = |sent: u64| match target.rate {
            Some(rate) => {
                let due = u128::from(rate) * began.elapsed().as_micros() / 1_000_000;
                usize::try_from(due.saturating_sub(sent.into())).unwrap_or(usize::MAX)
            }
            None => usize::MAX,
        };
        while under_way < target.window && due(sent) > 0 {
            let count = BATCH.min(target.window - under_way).min(due(sent));
            sent += count as u64;
            let now = micros().to_be_bytes();
            for request in &mut requests[..count] {
                rewrite(request, target, &mut rng);
                request[12..16].copy_from_slice(&now);
            }
            let slices: Vec<_> = requests[..count].iter().map(|request| [IoSlice::new(request)]).collect();
            let nobody = [None; BATCH];
            sendmmsg(socket.as_raw_fd(), &mut outgoing, &slices, nobody, [], MsgFlags::empty())?;
            under_way += count;
        }
        let mut lens = [0; BATCH];
        let mut slices: Vec<_> = buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
        let wait = match target.rate {
            Some(_) => MsgFlags::MSG_DONTWAIT,
            None => MsgFlags::MSG_WAITFORONE,
        };
        match recvmmsg(socket.as_raw_fd(), &mut incoming, slices.iter_mut(), wait, None) {
            Ok(messages) => lens.iter_mut().zip(messages).for_each(|(len, message)| *len = message.bytes),
            Err(_) if target.rate.is_some() => thread::sleep(PAUSE),
            // What was lost is sent anew.
            Err(_) => under_way = 0,
        }
        let now = micros();
        for (answer, len) in buffers.iter().zip(lens).filter(|&(_, len)| len > 0) {
            under_way = under_way.saturating_sub(1);
            answered.bytes += len as u64;
            if len >= 20 {
                answered.announces += 1;
                let [_, _, _, _, a, b, c, d, ..] = *answer;
                answered.times.add(now.saturating_sub(u32::from_be_bytes([a, b, c, d])));
            }
        }
    }
    Ok(answered)
}

/// Another torrent, port and role in a datagram that is there: this costs less than to write one, and the generator must be
/// the faster of the two.
fn rewrite(request: &mut [u8], target: &Target, rng: &mut Rng) {
    let drawn = rng.next_u64();
    let torrent = u32::try_from(drawn >> 32).expect("32 bits") % target.torrents;
    request[16..36].copy_from_slice(&info_hash(torrent).0);
    let left = if drawn.is_multiple_of(4) { 0 } else { 1_u64 << 20 };
    request[64..72].copy_from_slice(&left.to_be_bytes());
    let [.., high, low] = (drawn >> 2).to_be_bytes();
    request[96..98].copy_from_slice(&[high | 4, low]);
}

fn http(target: &Target, keep_alive: bool, stop: &AtomicBool) -> Result<Answered> {
    let client = |number: u32| -> Result<Answered> {
        let mut answered = Answered::default();
        let mut rng = Seed::from_number(2).stream(Purpose::Test, number);
        let mut stream = None;
        let mut buffer = vec![0; 16 * 1_024];
        while !stop.load(Ordering::Relaxed) {
            let mut request = String::from("GET /announce?");
            announce_query(&query(target, &mut rng), &mut request);
            let connection = if keep_alive { "keep-alive" } else { "close" };
            request.push_str(" HTTP/1.1\r\nHost: tracker\r\nConnection: ");
            request.push_str(connection);
            request.push_str("\r\n\r\n");
            let asked = Instant::now();
            let mut open = stream.take().map_or_else(|| connect(target.addr), Ok)?;
            open.write_all(request.as_bytes())?;
            let len = if keep_alive {
                read_answer(&mut open, &mut buffer)?
            } else {
                read_all(&mut open, &mut buffer)?
            };
            answered.announces += 1;
            answered.bytes += len as u64;
            answered.times.add(u32::try_from(asked.elapsed().as_micros()).unwrap_or(u32::MAX));
            if keep_alive {
                stream = Some(open);
            }
        }
        Ok(answered)
    };
    thread::scope(|scope| {
        let client = &client;
        let clients: Vec<_> = (0..CLIENTS).map(|number| scope.spawn(move || client(number))).collect();
        let mut all = Answered::default();
        for client in clients {
            let answered = client.join().expect("a client does not panic")?;
            all.announces += answered.announces;
            all.bytes += answered.bytes;
            all.times.merge(&answered.times);
        }
        Ok(all)
    })
}

fn connect(addr: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(addr)?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn read_all(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<usize> {
    let mut len = 0;
    loop {
        match stream.read(&mut buffer[len..])? {
            0 => return Ok(len),
            more => len += more,
        }
    }
}

/// Head and as many bytes of body as it announces.
fn read_answer(stream: &mut TcpStream, buffer: &mut [u8]) -> Result<usize> {
    let mut len = 0;
    loop {
        let more = stream.read(&mut buffer[len..])?;
        ensure!(more > 0, "the tracker has closed the connection");
        len += more;
        let Some(end) = buffer[..len].windows(4).position(|window| window == b"\r\n\r\n") else { continue };
        let head = str::from_utf8(&buffer[..end])?.to_ascii_lowercase();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let length: usize = length.context("no content-length")?.trim().parse()?;
        if len >= end + 4 + length {
            return Ok(len);
        }
    }
}

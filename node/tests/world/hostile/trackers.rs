//! Trackers that mean harm. Who knows a peer already gets everything from it, whatever the tracker says.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{Victim, node};
use crate::support::content;
use crate::support::running::Running;

/// Requests for one announce: the first one, redirects, and the good-bye.
const ASKED_AT_MOST: u32 = 8;
/// Anonymous memory of a leecher with such a tracker.
const MEMORY: u64 = 64 << 20;

/// Answers a request; the query is that of the announce.
type Answer = fn(&mut TcpStream, &str) -> std::io::Result<()>;

fn say(stream: &mut TcpStream, body: &[u8]) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    stream.write_all(body)
}

fn drip(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    for byte in bytes.iter().cycle() {
        stream.write_all(&[*byte])?;
        thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

fn redirect(stream: &mut TcpStream, to: &str) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 302 Found\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

fn pour(stream: &mut TcpStream, chunk: &[u8]) -> std::io::Result<()> {
    (0..200_000).try_for_each(|_| stream.write_all(chunk))
}

fn peers(peers: &[(Ipv4Addr, u16)]) -> Vec<u8> {
    let mut body = format!("d8:intervali1800e5:peers{}:", peers.len() * 6).into_bytes();
    for (host, port) in peers {
        body.extend_from_slice(&host.octets());
        body.extend_from_slice(&port.to_be_bytes());
    }
    body.push(b'e');
    body
}

/// The port at which who asks says that it listens.
fn port_of(query: &str) -> u16 {
    let port = query.split(['?', '&', ' ']).find_map(|pair| pair.strip_prefix("port="));
    port.and_then(|port| port.parse().ok()).expect("who announces says its port")
}

const ANSWERS: &[(&str, Answer)] = &[
    ("silence", |_, _| {
        thread::sleep(Duration::from_secs(30));
        Ok(())
    }),
    ("hangs up", |_, _| Ok(())),
    ("no HTTP", |stream, _| stream.write_all(&[0xa5; 10_000])),
    ("10 MiB", |stream, _| say(stream, &vec![b'x'; 10 << 20])),
    ("10 MiB of peers", |stream, _| say(stream, &peers(&vec![(Ipv4Addr::new(10, 0, 0, 1), 1); 1_700_000]))),
    ("a length of 2^63", |stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n\r\nd")?;
        pour(stream, &[b'x'; 1000])
    }),
    ("a body without end", |stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")?;
        pour(stream, b"10\r\n0123456789abcdef\r\n")
    }),
    ("a head without end", |stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\n")?;
        pour(stream, b"X-Header: 0123456789abcdef0123456789abcdef\r\n")
    }),
    ("a head that drips", |stream, _| drip(stream, b"HTTP/1.1 200 OK\r\nX: ")),
    ("a body that drips", |stream, _| {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")?;
        drip(stream, b"d")
    }),
    ("no bencode", |stream, _| say(stream, b"<html>")),
    ("bencode cut off", |stream, _| say(stream, b"d8:intervali1800e5:peers600:")),
    ("nested lists", |stream, _| say(stream, &[b'l'; 500_000])),
    ("no dictionary", |stream, _| say(stream, b"i1e")),
    ("a negative interval", |stream, _| say(stream, b"d8:intervali-5e12:min intervali-1e5:peers0:e")),
    ("an interval of nothing", |stream, _| say(stream, b"d8:intervali0e12:min intervali0e5:peers0:e")),
    ("an interval of 2^63 - 1", |stream, _| say(stream, b"d8:intervali9223372036854775807e5:peers0:e")),
    ("redirects to itself", |stream, _| redirect(stream, "/announce")),
    ("redirects to a file", |stream, _| redirect(stream, "file:///etc/passwd")),
    ("redirects to another service", |stream, _| redirect(stream, "http://127.0.0.1:22/shutdown")),
    ("a failure of a megabyte", |stream, _| {
        let reason = "\x1b[2J".repeat(200_000);
        say(stream, format!("d14:failure reason{}:{reason}e", reason.len()).as_bytes())
    }),
    ("peers that are nobody, or who asks", |stream, query| {
        let own = port_of(query);
        say(
            stream,
            &peers(&[
                (Ipv4Addr::LOCALHOST, own),
                (Ipv4Addr::LOCALHOST, 0),
                (Ipv4Addr::UNSPECIFIED, own),
                (Ipv4Addr::BROADCAST, own),
                (Ipv4Addr::new(224, 0, 0, 1), 6881),
                (Ipv4Addr::new(239, 192, 152, 143), 6771),
            ]),
        )
    }),
];

/// Where it listens, and how often it was asked.
fn tracker(answer: Answer) -> (SocketAddr, Arc<AtomicU32>) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let addr = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&asked);
    thread::spawn(move || {
        for stream in listener.incoming() {
            let count = Arc::clone(&count);
            thread::spawn(move || {
                let mut stream = stream?;
                let mut lines = BufReader::new(stream.try_clone()?).lines();
                let first = lines.next().unwrap_or_else(|| Ok(String::new()))?;
                while !lines.next().unwrap_or_else(|| Ok(String::new()))?.is_empty() {}
                count.fetch_add(1, Ordering::Relaxed);
                answer(&mut stream, &first)
            });
        }
    });
    (addr, asked)
}

#[test]
fn a_hostile_tracker_keeps_nobody_from_finishing() {
    let honest = Victim::seeder();
    for (number, (name, answer)) in ANSWERS.iter().enumerate() {
        let (addr, asked) = tracker(*answer);
        let copy = honest.place.path().join(format!("copy-{number}"));
        fs::create_dir_all(&copy).unwrap();
        let mut command = node();
        command.arg("get").arg(&honest.torrent).arg("-o").arg(&copy).args([
            "--listen",
            "127.0.0.1",
            "--no-lan",
        ]);
        // Slowly, so that there is time for all that the tracker can do.
        command.args(["--down", "4 MiB/s", "--peer", &honest.addr.to_string()]);
        command.args(["--tracker", &format!("http://{addr}/announce")]);
        let begun = Instant::now();
        let mut leecher = Running::start(&mut command);
        let mut most = 0;
        while leecher.ended().is_none() {
            most = most.max(anonymous_memory(leecher.pid()));
            assert!(begun.elapsed() < Duration::from_secs(30), "{name}: no end");
            thread::sleep(Duration::from_millis(20));
        }
        let asked = asked.load(Ordering::Relaxed);
        eprintln!("{name}: {:?}, asked {asked} times, {} KiB", begun.elapsed(), most >> 10);
        assert!(leecher.wait(Duration::ZERO).success(), "{name}: the leecher gave up");
        let origin = honest.place.path().join("origin/movie.mp4");
        assert!(content::equal(&origin, &copy.join("movie.mp4")), "{name}");
        assert!((1..=ASKED_AT_MOST).contains(&asked), "{name}: asked {asked} times");
        assert!(most <= MEMORY, "{name}: {most} bytes of memory");
    }
}

/// Nothing when the process has ended meanwhile.
fn anonymous_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) << 10
}

//! A download that is killed fifty times, at any moment, and started again.
//!
//! No piece that was announced may be gone after a restart, what is there at the end must be right, and a kill may cost one
//! piece at most: the one that was not complete. The seeder is the test itself, so that every block is counted.

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use bytes::Bytes;
use minibit_core::metainfo::Metainfo;
use minibit_core::{BlockSpan, Message, PieceIndex};
use tempfile::TempDir;

use crate::support::content;
use crate::support::peer::{self, Peer};
use crate::support::running::Running;

const KILLS: u64 = 50;
const PIECE: u64 = 256 << 10;
const BLOCK: u64 = 16 << 10;
/// A length that no kill reaches the end of too early, with a last piece that is short.
const LEN: usize = (128 << 20) + 12_345;
/// The seeder sends a block in so much time: next to nothing is under way when the leecher dies.
const PACE: Duration = Duration::from_micros(1200);

#[test]
fn fifty_kills() {
    let place = TempDir::new().unwrap();
    let bytes = content::bytes(50, LEN);
    let origin = place.path().join("origin/movie.mp4");
    content::write(&origin, &bytes);
    let torrent = place.path().join("it.torrent");
    let made = node().arg("create").arg(&origin).arg("-o").arg(&torrent).args(["-l", "256 KiB"]).status();
    assert!(made.is_ok_and(|status| status.success()));
    let metainfo = Arc::new(Metainfo::parse(&fs::read(&torrent).unwrap()).unwrap());
    let seeder = Seeder::start(Bytes::from(bytes), Arc::clone(&metainfo));
    let copy = place.path().join("copy");
    fs::create_dir_all(&copy).unwrap();

    let mut moments = content::bytes(51, 50).into_iter().cycle();
    let mut announced = BTreeSet::new();
    for kill in 0..KILLS {
        let port = free_port();
        let mut leecher = leech(&torrent, &copy, seeder.addr, port);
        let witness = Witness::watch(SocketAddr::from((Ipv4Addr::LOCALHOST, port)), &metainfo);
        let millis = 20 + u64::from(moments.next().unwrap());
        thread::sleep(Duration::from_millis(millis));
        if let Some(status) = leecher.ended() {
            panic!("the download was over after {kill} kills: {status}");
        }
        leecher.kill();
        let heard = witness.stop();
        if let Some(at_first) = &heard.at_first {
            let lost: Vec<_> = announced.difference(at_first).collect();
            assert!(lost.is_empty(), "kill {kill}: pieces {lost:?} were announced, and are gone");
        }
        announced.extend(heard.in_all);
    }
    let mut leecher = leech(&torrent, &copy, seeder.addr, free_port());
    assert!(leecher.wait(Duration::from_mins(1)).success());
    assert!(content::equal(&origin, &copy.join("movie.mp4")));
    let left: Vec<_> = fs::read_dir(&copy).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["movie.mp4"], "nothing else stays behind");
    let sent = seeder.sent.load(Ordering::Relaxed);
    // Two blocks on their way when the process dies are nobody's fault.
    let legal = LEN as u64 + KILLS * (PIECE + 2 * BLOCK);
    eprintln!("{KILLS} kills: {} KiB sent again for each", (sent - LEN as u64) / KILLS / 1024);
    assert!(sent <= legal, "{sent} bytes were sent, {legal} would be one piece for each kill");
}

fn node() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_node"));
    command.env_remove("MINIBIT_TRACKER").stdin(Stdio::null()).stdout(Stdio::null());
    if std::env::var_os("WORLD_VERBOSE").is_none() {
        command.stderr(Stdio::null());
    }
    command
}

fn leech(torrent: &Path, into: &Path, seeder: SocketAddr, port: u16) -> Running {
    let mut command = node();
    command.arg("get").arg(torrent).arg("-o").arg(into).args(["--no-lan", "--listen", "127.0.0.1"]);
    command.args(["--peer", &seeder.to_string(), "--port", &port.to_string()]);
    Running::start(&mut command)
}

/// A port that nobody uses just now.
fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// Serves whoever comes, at its pace, and counts.
struct Seeder {
    addr: SocketAddr,
    sent: Arc<AtomicU64>,
}

impl Seeder {
    fn start(content: Bytes, metainfo: Arc<Metainfo>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let addr = listener.local_addr().unwrap();
        let sent = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&sent);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (content, metainfo, counter) =
                    (content.clone(), Arc::clone(&metainfo), Arc::clone(&counter));
                // A leecher that was killed ends it with an error.
                thread::spawn(move || serve(stream?, &content, &metainfo, &counter));
            }
        });
        Self { addr, sent }
    }
}

fn serve(stream: TcpStream, content: &Bytes, metainfo: &Metainfo, sent: &AtomicU64) -> std::io::Result<()> {
    let mut peer = Peer::new(stream, &metainfo.geometry());
    let Message::Handshake(_) = peer.hear()? else { return Ok(()) };
    peer.say(&peer::handshake(metainfo.info_hash(), b's'))?;
    peer.say(&Message::HaveAll)?;
    peer.say(&Message::Unchoke)?;
    let (asked, requests) = mpsc::channel();
    let mut voice = peer.voice();
    let piece_len = u64::from(metainfo.geometry().nominal_piece_len());
    let content = content.clone();
    thread::scope(|scope| {
        scope.spawn(move || {
            while let Ok(BlockSpan { index, begin, length }) = requests.recv() {
                let from = usize::try_from(u64::from(index) * piece_len + u64::from(begin)).unwrap();
                let data = content.slice(from..from + length as usize);
                if peer::say(&mut voice, &Message::Piece { index, begin, data }).is_err() {
                    return;
                }
                sent.fetch_add(u64::from(length), Ordering::Relaxed);
                thread::sleep(PACE);
            }
        });
        loop {
            if let Message::Request(span) = peer.hear()?
                && asked.send(span).is_err()
            {
                return Ok(());
            }
        }
    })
}

/// A leecher without anything, which asks for nothing and notes what is announced to it.
struct Witness {
    heard: Arc<Mutex<Heard>>,
}

#[derive(Default)]
struct Heard {
    /// The inventory that the connection began with, when it came to that.
    at_first: Option<BTreeSet<u32>>,
    in_all: BTreeSet<u32>,
}

impl Witness {
    fn watch(addr: SocketAddr, metainfo: &Arc<Metainfo>) -> Self {
        let heard = Arc::new(Mutex::new(Heard::default()));
        let (notes, metainfo) = (Arc::clone(&heard), Arc::clone(metainfo));
        thread::spawn(move || {
            // Until it listens; it may be dead before.
            let connect = || Peer::connect(addr, &metainfo, b'w').ok();
            let Some(mut peer) = (0..200).find_map(|_| {
                thread::sleep(Duration::from_millis(5));
                connect()
            }) else {
                return;
            };
            while let Ok(message) = peer.hear() {
                let mut notes = notes.lock().unwrap();
                match message {
                    Message::Bitfield(inventory) => {
                        let pieces: BTreeSet<u32> = inventory.pieces.iter().map(PieceIndex::get).collect();
                        notes.in_all.extend(&pieces);
                        notes.at_first = Some(pieces);
                    }
                    Message::HaveNone => notes.at_first = Some(BTreeSet::new()),
                    Message::Have { index } => {
                        notes.in_all.insert(index);
                    }
                    _ => {}
                }
            }
        });
        Self { heard }
    }

    fn stop(self) -> Heard {
        std::mem::take(&mut self.heard.lock().unwrap())
    }
}

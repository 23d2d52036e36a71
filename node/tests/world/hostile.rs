//! Peers that mean harm. Whatever they send, others are served: a connection that was open before is not cut off, and somebody
//! new gets a block within seconds. Memory stays bounded.
//!
//! Read BEP 3, *peer protocol*, BEP 6 and BEP 10 first: every attack breaks a sentence of them, or leans on a time-out.

mod attacks;
mod descriptors;
mod floods;
mod torrents;
mod trackers;

use std::fs;
use std::io::{self, Read as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use minibit_core::metainfo::Metainfo;
use minibit_core::{BlockSpan, Message};
use tempfile::TempDir;

use crate::support::content;
use crate::support::peer::{self, Peer};
use crate::support::running::{Running, until};

/// Somebody who comes after an attack has a block after so much time.
const SERVED_WITHIN: Duration = Duration::from_secs(5);
/// Anonymous memory that all attacks together may leave behind.
const LEFT_BEHIND: u64 = 32 << 20;
const LEN: usize = (4 << 20) + 777;
const BLOCK: u32 = 16 << 10;

struct Victim {
    process: Running,
    addr: SocketAddr,
    metainfo: Metainfo,
    torrent: PathBuf,
    content: Vec<u8>,
    place: TempDir,
}

impl Victim {
    fn prepare() -> (TempDir, PathBuf, Metainfo, Vec<u8>) {
        let place = TempDir::new().unwrap();
        let content = content::bytes(13, LEN);
        content::write(&place.path().join("origin/movie.mp4"), &content);
        let torrent = place.path().join("origin/it.torrent");
        let made = node()
            .arg("create")
            .arg(place.path().join("origin/movie.mp4"))
            .arg("-o")
            .arg(&torrent)
            .args(["-l", "64 KiB"])
            .status();
        assert!(made.is_ok_and(|status| status.success()));
        let metainfo = Metainfo::parse(&fs::read(&torrent).unwrap()).unwrap();
        (place, torrent, metainfo, content)
    }

    /// A seeder with everything.
    fn seeder() -> Self {
        Self::run(node())
    }

    /// The same, where the program is run by another one.
    fn run(mut command: Command) -> Self {
        let (place, torrent, metainfo, content) = Self::prepare();
        let addr = free_addr();
        command.arg("seed").arg(&torrent);
        command.args(["--listen", "127.0.0.1", "--port", &addr.port().to_string()]);
        let process = Running::start(&mut command);
        until("it seeds", Duration::from_secs(10), || Peer::connect(addr, &metainfo, b'0').is_ok());
        Self { process, addr, metainfo, torrent, content, place }
    }

    /// Each with an id of its own: who comes twice is refused.
    fn connect(&self, id: u8) -> Peer {
        Peer::connect(self.addr, &self.metainfo, id).expect("an honest peer is let in")
    }

    /// Asks for a block, and gets the right one.
    fn fetch(&self, peer: &mut Peer, index: u32) {
        self.try_fetch(peer, index).expect("an honest connection is kept");
    }

    /// The same; an error when the connection is not kept.
    fn try_fetch(&self, peer: &mut Peer, index: u32) -> io::Result<()> {
        let begun = Instant::now();
        peer.say(&Message::Interested)?;
        let span = BlockSpan { index, begin: BLOCK, length: BLOCK };
        let mut asked = false;
        loop {
            if peer.unchoked && !asked {
                peer.say(&Message::Request(span))?;
                asked = true;
            }
            let heard = peer.hear()?;
            // A request has crossed a choke.
            asked &= !matches!(heard, Message::RejectRequest(_));
            if let Message::Piece { index: got, begin, data } = heard {
                assert_eq!((got, begin), (index, BLOCK));
                let from = (index * (64 << 10) + BLOCK) as usize;
                assert!(data[..] == self.content[from..from + BLOCK as usize], "other bytes came");
                return peer.say(&Message::NotInterested);
            }
            assert!(begun.elapsed() < SERVED_WITHIN, "not served in time");
        }
    }

    fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.process.pid())).unwrap().count()
    }

    fn anonymous_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("RssAnon:")).expect("Linux tells");
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
    }
}

fn node() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_node"));
    command.env_remove("MINIBIT_TRACKER").stdin(Stdio::null()).stdout(Stdio::null());
    if std::env::var_os("WORLD_VERBOSE").is_none() {
        command.stderr(Stdio::null());
    }
    command
}

fn free_addr() -> SocketAddr {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap()
}

/// Whoever connects while a seeder still looks at its content is answered when it has.
#[test]
fn nobody_is_turned_away_at_the_start() {
    let (place, torrent, metainfo, content) = Victim::prepare();
    for _ in 0..5 {
        let addr = free_addr();
        let mut command = node();
        command.arg("seed").arg(&torrent);
        command.args(["--listen", "127.0.0.1", "--port", &addr.port().to_string()]);
        let process = Running::start(&mut command);
        until("the port is open", Duration::from_secs(10), || {
            let Ok(stream) = TcpStream::connect(addr) else { return false };
            let mut peer = Peer::new(stream, &metainfo.geometry());
            peer.say(&peer::handshake(metainfo.info_hash(), b'f')).unwrap();
            assert!(matches!(peer.hear(), Ok(Message::Handshake(_))), "the first to connect is turned away");
            true
        });
        drop(process);
    }
    drop((place, content));
}

/// Anonymous memory that a single attack may cost.
const EACH: u64 = 16 << 20;

#[test]
fn a_seeder_serves_on() {
    let mut victim = Victim::seeder();
    let mut friend = victim.connect(b'f');
    victim.fetch(&mut friend, 0);
    let before = victim.anonymous_memory();
    for (number, (name, attack)) in attacks::ON_ANYONE.iter().enumerate() {
        eprintln!("{name}");
        let so_far = victim.anonymous_memory();
        let kept = attack(victim.addr, &victim.metainfo);
        let index = u32::try_from(number).unwrap() % 60;
        assert!(victim.process.ended().is_none(), "{name}: the seeder is dead");
        victim.fetch(&mut victim.connect(u8::try_from(number).unwrap()), index);
        victim.fetch(&mut friend, index);
        let more = victim.anonymous_memory().saturating_sub(so_far);
        assert!(more <= EACH, "{name}: {} KiB more memory", more >> 10);
        drop(kept);
    }
    let after = victim.anonymous_memory();
    assert!(after <= before + LEFT_BEHIND, "{} KiB more memory", (after - before) >> 10);
}

/// A leecher that is lied to gets everything from the only honest peer.
#[test]
fn a_leecher_finishes() {
    for (name, attack) in attacks::AS_A_SEEDER {
        eprintln!("{name}");
        let honest = Victim::seeder();
        let liar = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let addr = liar.local_addr().unwrap();
        let metainfo = honest.metainfo.clone();
        thread::spawn(move || {
            for stream in liar.incoming() {
                let metainfo = metainfo.clone();
                thread::spawn(move || {
                    let mut peer = Peer::new(stream?, &metainfo.geometry());
                    peer.hear()?;
                    peer.say(&peer::handshake(metainfo.info_hash(), b'l'))?;
                    attack(&mut peer, &metainfo)
                });
            }
        });
        let copy = honest.place.path().join("copy");
        fs::create_dir_all(&copy).unwrap();
        let mut command = node();
        command.arg("get").arg(&honest.torrent).arg("-o").arg(&copy).args(["--listen", "127.0.0.1"]);
        command.args(["--peer", &addr.to_string(), "--peer", &honest.addr.to_string()]);
        let mut leecher = Running::start(&mut command);
        assert!(leecher.wait(Duration::from_mins(1)).success(), "{name}: the leecher gave up");
        assert!(
            content::equal(&honest.place.path().join("origin/movie.mp4"), &copy.join("movie.mp4")),
            "{name}"
        );
    }
}

/// Reads until the other side closes, for at most `at_most`. Did it close?
fn closes(stream: &mut TcpStream, at_most: Duration) -> bool {
    let until = Instant::now() + at_most;
    let mut chunk = [0; 4096];
    while let Some(left) = until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        stream.set_read_timeout(Some(left)).unwrap();
        match stream.read(&mut chunk) {
            Ok(0) => return true,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return error.kind() == io::ErrorKind::ConnectionReset,
        }
    }
    false
}

/// A block of zeroes.
fn zeroes(span: BlockSpan) -> Message<Bytes> {
    Message::Piece { index: span.index, begin: span.begin, data: vec![0; span.length as usize].into() }
}

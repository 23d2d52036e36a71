//! A thousand connections that keep a seeder busy with nothing, and somebody who comes while they are there.
//!
//! All come from one host, the honest ones as well, so that nothing tells them apart but what they do.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use minibit_core::metainfo::Metainfo;
use minibit_core::{Message, PeerId};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::attacks::{encoded, request};
use super::{LEFT_BEHIND, SERVED_WITHIN, Victim};
use crate::support::peer::{Peer, handshake_of};
use crate::support::running::until;

/// An idle connection may cost so much anonymous memory (R11).
const PER_CONNECTION: u64 = 64 << 10;
/// Descriptors are back this long after a flood.
const BACK_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks of an attacker at all of its connections.
const PAUSE: Duration = Duration::from_millis(500);
/// Less than a block.
const LITTLE: usize = 4 << 10;
/// Honest peers that come during a flood, one a second.
const HONEST: u8 = 6;

/// What each connection of a flood says at first, given its number, and after every pause from then on.
#[derive(Clone, Copy)]
struct Flood {
    name: &'static str,
    connections: u32,
    opening: fn(&Metainfo, u32) -> Vec<u8>,
    drip: &'static [u8],
    /// After every pause it reads as much at most.
    reads: usize,
    /// Who is shown out comes again.
    comes_again: bool,
}

fn greeting(metainfo: &Metainfo, number: u32, then: &[Message<Bytes>]) -> Vec<u8> {
    let mut id = *b"-FLOOD-0000000000000";
    id[16..].copy_from_slice(&number.to_be_bytes());
    let handshake = handshake_of(metainfo.info_hash(), PeerId(id));
    encoded(&[&[handshake], then].concat())
}

const FLOODS: &[Flood] = &[
    Flood {
        name: "silent",
        connections: 1000,
        opening: |_, _| Vec::new(),
        drip: b"",
        reads: LITTLE,
        comes_again: true,
    },
    Flood {
        name: "half a handshake",
        connections: 1000,
        opening: |metainfo, number| greeting(metainfo, number, &[])[..50].to_vec(),
        drip: b"",
        reads: LITTLE,
        comes_again: true,
    },
    Flood {
        name: "idle",
        connections: 1000,
        opening: |metainfo, number| greeting(metainfo, number, &[]),
        drip: b"",
        reads: LITTLE,
        comes_again: true,
    },
    Flood {
        name: "interested",
        connections: 300,
        opening: |metainfo, number| greeting(metainfo, number, &[Message::Interested]),
        drip: b"",
        reads: LITTLE,
        comes_again: false,
    },
    Flood {
        name: "interested",
        connections: 1000,
        opening: |metainfo, number| greeting(metainfo, number, &[Message::Interested]),
        drip: b"",
        reads: LITTLE,
        comes_again: false,
    },
    Flood {
        name: "interested, with keep-alives",
        connections: 300,
        opening: |metainfo, number| greeting(metainfo, number, &[Message::Interested]),
        drip: &[0; 4],
        reads: LITTLE,
        comes_again: false,
    },
    Flood {
        name: "dripping a long message",
        connections: 300,
        opening: |metainfo, number| {
            let mut bytes = greeting(metainfo, number, &[Message::Interested]);
            bytes.extend_from_slice(&[0, 0, 0xf0, 0, 20]);
            bytes
        },
        drip: b"d",
        reads: LITTLE,
        comes_again: false,
    },
    Flood {
        name: "asking once and reading nothing",
        connections: 300,
        opening: |metainfo, number| {
            let requests: Vec<_> = (0..60).map(|index| request(index, 0, 16 << 10)).collect();
            greeting(metainfo, number, &[&[Message::Interested][..], &requests].concat())
        },
        drip: b"",
        reads: LITTLE,
        comes_again: false,
    },
    Flood {
        name: "taking a block now and then",
        connections: 1000,
        opening: |metainfo, number| greeting(metainfo, number, &[Message::Interested]),
        // A request for the first block.
        drip: &[0, 0, 0, 13, 6, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 0],
        reads: 64 << 10,
        comes_again: false,
    },
];

impl Flood {
    /// Keeps the connections up until it is told to end; how often one was opened.
    fn start(self, addr: SocketAddr, metainfo: &Metainfo, over: &Arc<AtomicBool>) -> JoinHandle<u32> {
        let (metainfo, over) = (metainfo.clone(), Arc::clone(over));
        thread::spawn(move || {
            let mut streams: Vec<Option<TcpStream>> = Vec::new();
            streams.resize_with(self.connections as usize, || None);
            let mut opened = 0;
            while !over.load(Ordering::Relaxed) {
                let mut heard = vec![0; self.reads];
                for (stream, number) in streams.iter_mut().zip(0..) {
                    let first = opened < self.connections;
                    if stream.is_none() && (first || self.comes_again) {
                        *stream = open(addr, &(self.opening)(&metainfo, number));
                        opened += 1;
                    } else if let Some(open) = stream
                        && (open.write_all(self.drip).is_err() || matches!(open.read(&mut heard), Ok(0)))
                    {
                        *stream = None;
                    }
                }
                thread::sleep(PAUSE);
            }
            opened
        })
    }
}

fn open(addr: SocketAddr, bytes: &[u8]) -> Option<TcpStream> {
    let mut stream = TcpStream::connect_timeout(&addr, Duration::from_secs(1)).ok()?;
    stream.set_nonblocking(true).ok()?;
    stream.write_all(bytes).ok()?;
    Some(stream)
}

/// Somebody new comes and wants a block. In the middle of a crowd it may be shown out before it has said so.
fn visit(victim: &Victim, number: u8) -> io::Result<()> {
    let mut peer = Peer::connect(victim.addr, &victim.metainfo, number)?;
    victim.try_fetch(&mut peer, number.into())
}

#[test]
fn others_are_served_during_a_flood() {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    if hard < 3_000 {
        eprintln!("skipped: {hard} descriptors are too few for a flood");
        return;
    }
    setrlimit(Resource::RLIMIT_NOFILE, soft.max(3_000), hard).unwrap();
    let mut victim = Victim::seeder();
    let mut friend = victim.connect(b'f');
    victim.fetch(&mut friend, 0);
    let before = (victim.anonymous_memory(), victim.descriptors());
    for flood in FLOODS {
        let over = Arc::new(AtomicBool::new(false));
        let flooding = flood.start(victim.addr, &victim.metainfo, &over);
        let (mut slowest, mut refused) = (Duration::ZERO, 0);
        for number in 0..HONEST {
            thread::sleep(Duration::from_secs(1));
            assert!(victim.process.ended().is_none(), "{}: the seeder is dead", flood.name);
            let begun = Instant::now();
            while let Err(error) = visit(&victim, number) {
                refused += 1;
                assert!(begun.elapsed() < SERVED_WITHIN, "{}: {error}", flood.name);
                thread::sleep(Duration::from_millis(100));
            }
            slowest = slowest.max(begun.elapsed());
            victim.fetch(&mut friend, u32::from(number));
        }
        let held = victim.descriptors().saturating_sub(before.1);
        let each = victim.anonymous_memory().saturating_sub(before.0) / held.max(1) as u64;
        over.store(true, Ordering::Relaxed);
        let opened = flooding.join().unwrap();
        eprintln!(
            "{} × {}: {opened} opened, {held} held, {} KiB each; {refused} tries in vain, served after {slowest:?} at most",
            flood.connections,
            flood.name,
            each >> 10,
        );
        until("descriptors are back", BACK_WITHIN, || victim.descriptors() <= before.1 + 2);
        let unread = flood.name.contains("reading nothing");
        assert!(unread || each <= PER_CONNECTION, "{}: {each} bytes per connection", flood.name);
    }
    let after = victim.anonymous_memory();
    eprintln!("{} KiB before, {} KiB after", before.0 >> 10, after >> 10);
    assert!(after <= before.0 + LEFT_BEHIND, "{} KiB more memory", (after - before.0) >> 10);
}

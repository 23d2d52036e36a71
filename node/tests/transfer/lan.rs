//! The local network (BEP 14) on the loopback interface: who is found there, and who must not be (BEP 27).

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use minibit_core::InfoHash;
use minibit_core::lsd::{Announcement, GROUP_V4, PORT};
use minibit_core::metainfo::Metainfo;
use minibit_core::tracker::Family;
use socket2::{Domain, Protocol, Socket, Type};

use crate::support::{PATIENCE, Place, Program, content, skipped};

/// What is said to the group, as any program on this host hears and says it.
struct Ear(UdpSocket);

impl Ear {
    fn open(port: u16) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_reuse_address(true)?;
        socket.set_reuse_port(true)?;
        socket.bind(&SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)).into())?;
        socket.join_multicast_v4(&GROUP_V4, &Ipv4Addr::LOCALHOST)?;
        socket.set_multicast_if_v4(&Ipv4Addr::LOCALHOST)?;
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        Ok(Self(socket.into()))
    }

    /// Where multicast comes through on the loopback interface.
    fn where_it_works() -> Option<Self> {
        let works = || -> io::Result<bool> {
            let probe = Self::open(0)?;
            probe.0.send_to(b"probe", (GROUP_V4, probe.0.local_addr()?.port()))?;
            let mut heard = [0; 5];
            probe.0.set_read_timeout(Some(Duration::from_secs(2)))?;
            Ok(probe.0.recv(&mut heard)? == 5)
        };
        match works()
            .and_then(|works| if works { Self::open(PORT) } else { Err(io::ErrorKind::Other.into()) })
        {
            Ok(ear) => Some(ear),
            Err(error) => {
                skipped(&format!("no multicast on the loopback interface here: {error}"));
                None
            }
        }
    }

    /// All swarms that are announced, until this one is.
    #[track_caller]
    fn hears_until(&self, wanted: InfoHash) -> Vec<InfoHash> {
        let (begun, mut heard) = (Instant::now(), Vec::new());
        while !heard.contains(&wanted) {
            assert!(begun.elapsed() < PATIENCE, "not announced");
            let mut datagram = [0; 2_048];
            let Ok(len) = self.0.recv(&mut datagram) else { continue };
            heard.extend(Announcement::parse(&datagram[..len]).into_iter().flat_map(|it| it.info_hashes));
        }
        heard
    }

    /// Says that somebody is in a swarm who listens there.
    fn says(&self, info_hash: InfoHash, listener: &TcpListener) {
        let port = listener.local_addr().unwrap().port();
        let announcement = Announcement { port, info_hashes: vec![info_hash], cookie: "a test".into() };
        self.0.send_to(&announcement.to_bytes(Family::V4), (GROUP_V4, PORT)).unwrap();
    }
}

/// Somebody who listens, and does not wait for others.
fn listener() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}

#[track_caller]
fn is_dialled(listener: &TcpListener) {
    let begun = Instant::now();
    while listener.accept().is_err() {
        assert!(begun.elapsed() < PATIENCE, "not dialled");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A torrent that nobody else has, with a tracker where nobody is.
fn describe(place: &Place, name: &str, more: &[&str]) -> Metainfo {
    // Other tests run at the same time, on the same network: the name of the place is nobody else's.
    place.write(name, [content(100_000), place.path().to_string_lossy().as_bytes().to_vec()].concat());
    let arguments = ["create", name, "-l", "32 KiB", "--tracker", "http://127.0.0.1:1/announce"];
    assert!(place.command(&[&arguments[..], more].concat()).output().unwrap().status.success());
    Metainfo::parse(&place.read(&format!("{name}.torrent"))).unwrap()
}

/// Runs on the loopback interface alone.
fn start(place: &Place, arguments: &[&str]) -> Program {
    place.start(&[arguments, &["--interface", "127.0.0.1", "--listen", "127.0.0.1", "--port", "0"]].concat())
}

#[test]
fn two_find_each_other_without_a_tracker() {
    let Some(_ear) = Ear::where_it_works() else { return };
    let (here, there) = (Place::new(), Place::new());
    describe(&here, "open", &[]);
    let mut seeder = start(&here, &["seed", "open.torrent"]);
    seeder.says("seeding on port ");
    let torrent = here.join("open.torrent");
    start(&there, &["get", torrent.to_str().unwrap(), "--timeout", "20s"]).wait().is_done();
    assert_eq!(there.read("open"), here.read("open"));
}

/// One seeder gives both: the open one is announced and its peers are dialled, so the private one could have been.
#[test]
fn a_private_torrent_is_neither_announced_nor_are_its_peers_taken_from_there() {
    let Some(ear) = Ear::where_it_works() else { return };
    let here = Place::new();
    let private = describe(&here, "private", &["--private"]).info_hash();
    let open = describe(&here, "open", &[]).info_hash();
    let mut seeder = start(&here, &["seed", "private.torrent", "open.torrent"]);
    let heard = ear.hears_until(open);
    assert!(!heard.contains(&private));
    seeder.says("seeding on port ");
    let (of_private, of_open) = (listener(), listener());
    ear.says(private, &of_private);
    ear.says(open, &of_open);
    is_dialled(&of_open);
    assert!(of_private.accept().is_err(), "a peer of a private torrent was taken from the local network");
}

/// Peers of S5 do not say who they are: one that is found at several addresses would be taken for several. The same file for today's
/// peers is announced and its peers are dialled.
#[test]
fn nameless_peers_are_found_by_their_tracker_alone() {
    let Some(ear) = Ear::where_it_works() else { return };
    let heard_of = |profile: &str, name: &str| {
        let here = Place::new();
        let info_hash = describe(&here, name, &[]).info_hash();
        let torrent = format!("{name}.torrent");
        let tracker = ["--tracker", "127.0.0.1:1", "--profile", profile];
        let mut seeder = start(&here, &[&["seed", &torrent][..], &tracker].concat());
        seeder.says("seeding on port ");
        (info_hash, seeder, here)
    };
    let (of_s5, _nameless, _here) = heard_of("s5", "nameless");
    let (open, _open, _there) = heard_of("bittorrent", "open");
    assert!(!ear.hears_until(open).contains(&of_s5));
    let (theirs, ours) = (listener(), listener());
    ear.says(of_s5, &theirs);
    ear.says(open, &ours);
    is_dialled(&ours);
    assert!(theirs.accept().is_err(), "a peer of S5 was taken from the local network");
}

/// With nothing but an info-hash nobody can know that it is private; with the metadata everybody can.
#[test]
fn a_magnet_link_that_turns_out_private_is_hushed() {
    let Some(ear) = Ear::where_it_works() else { return };
    let (here, there) = (Place::new(), Place::new());
    let mut known = Vec::new();
    for (name, more) in [("private", &["--private"][..]), ("open", &[])] {
        let metainfo = describe(&here, name, more);
        let (seeder, addr) = here.seed(&format!("{name}.torrent"), &[]);
        let magnet = format!("magnet:?xt=urn:btih:{}&x.pe={addr}", metainfo.info_hash().to_hex());
        let peer = addr.to_string();
        let arguments = ["get", &magnet, "--peer", &peer, "--seed-after", "1h", "--timeout", "20s"];
        let mut getter = start(&there, &arguments);
        getter.says("verified");
        let listener = listener();
        ear.says(metainfo.info_hash(), &listener);
        known.push((listener, seeder, getter));
    }
    is_dialled(&known[1].0);
    assert!(known[0].0.accept().is_err(), "a peer of a private torrent was taken from the local network");
    assert!(Path::new(&there.join("private")).exists());
}

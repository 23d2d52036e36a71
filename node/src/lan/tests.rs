//! Two nodes on one host find each other. Where the environment has no multicast, a test says so and passes.

use std::time::Duration;

use minibit_core::Seed;
use minibit_core::lsd::CATALOGUE;
use tokio::time::timeout;

use super::*;

/// Says why a test proves nothing here.
macro_rules! skip {
    ($($why:tt)+) => {{
        use std::io::Write as _;
        let _infallible = writeln!(std::io::stderr(), $($why)+);
    }};
}

const PATIENCE: Duration = Duration::from_secs(10);

fn lo() -> Options {
    Options { interfaces: vec!["127.0.0.1".into()] }
}

fn start(number: u64, port: u16) -> Option<(Lan, mpsc::Receiver<Heard>)> {
    match Lan::start(lo(), port, Clock::start(), Seed::from_number(number)) {
        Ok(started) => Some(started),
        Err(error) => {
            skip!("skipped: no multicast on the loopback interface here: {error}");
            None
        }
    }
}

/// The first peer of a swarm; `None` where multicast does not come through at all.
async fn first(hearing: &mut mpsc::Receiver<Heard>, info_hash: InfoHash) -> Option<SocketAddr> {
    let heard = timeout(PATIENCE, async {
        loop {
            let heard = hearing.recv().await.expect("the other end is alive");
            if heard.info_hash == info_hash {
                return heard.addr;
            }
        }
    });
    heard.await.ok()
}

/// Whether a datagram to the group comes back to this host at all.
async fn multicast_works() -> bool {
    let (arrived, mut datagrams) = mpsc::channel(8);
    let Ok(mut sockets) = Sockets::open(lo(), arrived) else { return false };
    if sockets.rescan().is_err() || sockets.sender_count() == 0 {
        return false;
    }
    let info_hashes = vec![InfoHash([0xEE; 20])];
    sockets.announce(&Announcement { port: 1, info_hashes, cookie: "probe".into() }).await;
    let came = timeout(Duration::from_secs(2), async {
        while let Some(datagram) = datagrams.recv().await {
            if datagram.to_group && datagram.bytes.ends_with(b"cookie: probe\r\n\r\n\r\n") {
                return true;
            }
        }
        false
    });
    came.await.unwrap_or(false)
}

#[tokio::test]
async fn two_nodes_on_one_host_find_each_other_and_an_asker_finds_both() {
    if !multicast_works().await {
        skip!("skipped: no multicast on the loopback interface here");
        return;
    }
    let swarm = InfoHash([0x5A; 20]);
    let (Some((anne, mut heard_by_anne)), Some((bob, mut heard_by_bob))) = (start(1, 7001), start(2, 7002))
    else {
        return;
    };
    anne.join(swarm);
    anne.join(CATALOGUE);
    bob.join(swarm);
    bob.join(CATALOGUE);
    // One of them announced before the other listened; the other one was heard.
    let found = tokio::select! {
        addr = first(&mut heard_by_anne, swarm) => addr.map(|addr| addr.port()),
        addr = first(&mut heard_by_bob, swarm) => addr.map(|addr| addr.port()),
    };
    assert!(matches!(found, Some(7001 | 7002)), "{found:?}");

    let (asker, mut answers) = start(3, 0).unwrap();
    asker.ask();
    let mut ports = Vec::new();
    while ports.len() < 2 {
        let addr = first(&mut answers, CATALOGUE).await.expect("both answer");
        assert!(addr.ip().is_loopback());
        ports.push(addr.port());
    }
    ports.sort_unstable();
    assert_eq!(ports, [7001, 7002]);
}

#[tokio::test]
async fn interfaces_that_stay_are_not_new() {
    let (arrived, _datagrams) = mpsc::channel(8);
    let Ok(mut sockets) = Sockets::open(lo(), arrived) else {
        skip!("skipped: the port of BEP 14 cannot be shared here");
        return;
    };
    let Ok(is_new) = sockets.rescan() else {
        skip!("skipped: no multicast on the loopback interface here");
        return;
    };
    assert!(is_new);
    assert!(!sockets.rescan().unwrap());
}

#[tokio::test]
async fn an_unknown_interface_is_an_error_at_once() {
    let options = Options { interfaces: vec!["no such thing".into()] };
    assert!(Lan::start(options, 1, Clock::start(), Seed::from_number(1)).is_err());
}

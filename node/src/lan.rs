//! The local network: peers found by multicast (BEP 14), on IPv4 and IPv6.
//!
//! When to say what is decided by [`minibit_core::lsd`]. Here are the sockets: for each family one that hears the group on all
//! interfaces, on the port that all clients of this host share, and for each interface one to send from. The latter also take
//! the answers that are for us alone; the shared port would give them to any of the programs there.
//!
//! Which interfaces there are is looked up again every few seconds. Without a choice, all that are up and can do multicast are
//! taken, and the loopback interface only where there is no other one, as in a network namespace of its own; nodes of one host
//! find each other either way, because what is sent is heard on the same host, too.

mod interfaces;
mod sockets;
#[cfg(test)]
mod tests;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use minibit_core::lsd::{Announcement, Heard, Lsd};
use minibit_core::{InfoHash, Seed};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval, sleep_until};

use crate::clock::Clock;
use crate::limits::{LAN_DATAGRAMS, LAN_PEERS, LAN_RESCAN};
use sockets::Sockets;

/// How to speak to the local network.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    /// Names or addresses of interfaces; all, if there is none.
    pub(crate) interfaces: Vec<String>,
}

/// Our part in local service discovery. It ends when this is dropped.
#[derive(Debug)]
pub(crate) struct Lan {
    orders: mpsc::UnboundedSender<Order>,
}

#[derive(Debug)]
enum Order {
    Join(InfoHash),
    Leave(InfoHash),
    Ask,
}

/// Something was heard, on this socket.
#[derive(Debug)]
struct Datagram {
    socket: Arc<UdpSocket>,
    from: SocketAddr,
    /// It was sent to everybody.
    to_group: bool,
    bytes: Vec<u8>,
}

impl Lan {
    /// Takes part, as a node that listens for peers at `port`, or as one that only asks if it is 0. What is heard comes out of
    /// the receiver; when nobody takes it, it is lost, and heard again some time.
    ///
    /// # Errors
    /// When there is no such interface, or multicast is not possible at all.
    pub(crate) fn start(
        options: Options,
        port: u16,
        clock: Clock,
        seed: Seed,
    ) -> io::Result<(Self, mpsc::Receiver<Heard>)> {
        let (orders, ordered) = mpsc::unbounded_channel();
        let (heard, hearing) = mpsc::channel(LAN_PEERS);
        let (arrived, datagrams) = mpsc::channel(LAN_DATAGRAMS);
        let mut sockets = Sockets::open(options, arrived)?;
        sockets.rescan()?;
        let lsd = Lsd::new(port, clock.now(), seed);
        let task = Task { lsd, clock, sockets, ordered, datagrams, heard };
        tokio::spawn(task.run());
        Ok((Self { orders }, hearing))
    }

    /// Announces a swarm from now on, and tells its peers. Not for private torrents (BEP 27). To give files by name, join
    /// [`CATALOGUE`](minibit_core::lsd::CATALOGUE) as well.
    pub(crate) fn join(&self, info_hash: InfoHash) {
        self.order(Order::Join(info_hash));
    }

    /// Does not announce a swarm any more, nor tell its peers.
    pub(crate) fn leave(&self, info_hash: InfoHash) {
        self.order(Order::Leave(info_hash));
    }

    /// Asks who has files to give. They come as peers of [`CATALOGUE`](minibit_core::lsd::CATALOGUE), and are asked what it is
    /// with JSON commands.
    pub(crate) fn ask(&self) {
        self.order(Order::Ask);
    }

    fn order(&self, order: Order) {
        // The task is there for as long as this is, but at the end of the runtime.
        let _nobody_is_left = self.orders.send(order);
    }
}

struct Task {
    lsd: Lsd,
    clock: Clock,
    sockets: Sockets,
    ordered: mpsc::UnboundedReceiver<Order>,
    datagrams: mpsc::Receiver<Datagram>,
    heard: mpsc::Sender<Heard>,
}

impl Task {
    async fn run(mut self) {
        let mut rescan = interval(LAN_RESCAN);
        rescan.set_missed_tick_behavior(MissedTickBehavior::Delay);
        rescan.reset();
        loop {
            let due = self.lsd.poll_timeout().and_then(|due| self.clock.system(due));
            let timer = async {
                match due {
                    Some(due) => sleep_until(due).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                order = self.ordered.recv() => match order {
                    Some(order) => self.obey(order),
                    None => return,
                },
                Some(datagram) = self.datagrams.recv() => self.hear(&datagram).await,
                () = timer => {}
                _ = rescan.tick() => {
                    // Interfaces that have gone may come back.
                    if let Ok(true) = self.sockets.rescan() {
                        self.lsd.renew(self.clock.now());
                    }
                }
            }
            while let Some(announcement) = self.lsd.poll(self.clock.now()) {
                self.sockets.announce(&announcement).await;
            }
        }
    }

    /// Does this and what else was ordered meanwhile: swarms that are joined together share a datagram.
    fn obey(&mut self, order: Order) {
        let (now, mut next) = (self.clock.now(), Some(order));
        while let Some(order) = next {
            match order {
                Order::Join(info_hash) => self.lsd.join(now, info_hash),
                Order::Leave(info_hash) => self.lsd.leave(info_hash),
                Order::Ask => self.lsd.ask(now),
            }
            next = self.ordered.try_recv().ok();
        }
    }

    async fn hear(&mut self, datagram: &Datagram) {
        let Datagram { socket, from, to_group, bytes } = datagram;
        let reaction = self.lsd.hear(self.clock.now(), *from, *to_group, bytes);
        for peer in reaction.peers {
            let _later = self.heard.try_send(peer);
        }
        if reaction.answer {
            let answer: Announcement = self.lsd.answer();
            // Who asks and cannot be answered asks again.
            let _lost = socket.send_to(&answer.to_bytes(sockets::family(*from)), from).await;
        }
    }
}

//! Where peers are reached, in the simulator and on a real network.

use core::fmt::Debug;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Where a peer can be reached: a socket address, or a number in the simulator.
pub trait Address: Copy + Ord + Debug {
    /// The IPv4 address out of which BEP 6 makes the allowed-fast set; `None` where there is none.
    fn ipv4(&self) -> Option<[u8; 4]>;

    /// As peers tell each other of it (BEP 11).
    fn to_socket(&self) -> SocketAddr;

    /// The address that a peer has told us of; `None` when there is no such address in this world.
    fn from_socket(socket: SocketAddr) -> Option<Self>;

    /// The same host under another port: where a peer listens that has come to us from a port of the moment.
    fn with_port(&self, port: u16) -> Self;

    /// May it be dialled when a stranger has named it? Not when no single host can be meant by it: whoever names it would have us
    /// knock at nobody's door, or at everybody's.
    fn is_dialable(&self) -> bool;
}

/// All simulated peers listen on this port.
const SIM_PORT: u16 = 6881;

/// A simulated peer's address: its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SimAddr(pub u32);

impl Address for SimAddr {
    fn ipv4(&self) -> Option<[u8; 4]> {
        Some(self.0.to_be_bytes())
    }

    fn to_socket(&self) -> SocketAddr {
        (Ipv4Addr::from_bits(self.0), SIM_PORT).into()
    }

    fn from_socket(socket: SocketAddr) -> Option<Self> {
        match socket.ip() {
            IpAddr::V4(ip) if socket.port() == SIM_PORT => Some(Self(ip.to_bits())),
            _ => None,
        }
    }

    fn with_port(&self, _: u16) -> Self {
        *self
    }

    fn is_dialable(&self) -> bool {
        true
    }
}

impl Address for SocketAddr {
    fn ipv4(&self) -> Option<[u8; 4]> {
        match self.ip().to_canonical() {
            IpAddr::V4(ip) => Some(ip.octets()),
            IpAddr::V6(_) => None,
        }
    }

    fn to_socket(&self) -> SocketAddr {
        *self
    }

    fn from_socket(socket: SocketAddr) -> Option<Self> {
        Some(socket)
    }

    fn with_port(&self, port: u16) -> Self {
        let mut addr = *self;
        addr.set_port(port);
        addr
    }

    fn is_dialable(&self) -> bool {
        // An IPv6 address of the link means nothing without the link.
        let scope = if let Self::V6(addr) = self { addr.scope_id() } else { 0 };
        let host = match self.ip().to_canonical() {
            // The last term: 240.0.0.0/4 is reserved, the broadcast address is the last of it.
            IpAddr::V4(ip) => ip.octets()[0] != 0 && !ip.is_multicast() && ip.octets()[0] < 240,
            IpAddr::V6(ip) => {
                !(ip.is_unspecified() || ip.is_multicast() || ip.is_unicast_link_local() && scope == 0)
            }
        };
        host && self.port() != 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_single_hosts_are_dialled() {
        for good in
            ["10.0.0.1:6881", "127.0.0.1:1", "[::1]:80", "[2001:db8::1]:9", "[fe80::1%2]:9", "223.0.0.1:5"]
        {
            assert!(good.parse::<SocketAddr>().unwrap().is_dialable(), "{good}");
        }
        let nobody =
            ["0.0.0.0:80", "0.1.2.3:80", "10.0.0.1:0", "224.0.0.1:80", "255.255.255.255:80", "240.0.0.1:80"];
        for bad in
            nobody.into_iter().chain(["[::]:80", "[ff02::1]:80", "[fe80::1]:9", "[::ffff:224.0.0.1]:80"])
        {
            assert!(!bad.parse::<SocketAddr>().unwrap().is_dialable(), "{bad}");
        }
    }
}

//! Hosts that are banned as a whole.
//!
//! A ban is of an address with its port: many peers may share one host's address, behind a router or in a test on one
//! machine, and those that sent nothing wrong are not to suffer for one that did. But a liar that comes back gets a
//! new port each time. So a host of which several addresses were banned is banned itself, unless it is our own.

use core::net::{IpAddr, SocketAddr};
use std::collections::BTreeMap;

/// So many banned addresses ban their host.
const STRIKES: u8 = 3;
/// So many hosts are remembered. Beyond, those with fewer strikes are forgiven.
const HOSTS: usize = 1_000;

/// How many addresses of which host are banned.
#[derive(Debug, Default)]
pub(crate) struct HostBans {
    strikes: BTreeMap<IpAddr, u8>,
}

impl HostBans {
    /// An address was banned.
    pub(crate) fn strike(&mut self, addr: SocketAddr) {
        let host = addr.ip().to_canonical();
        if host.is_loopback() {
            return;
        }
        if self.strikes.len() >= HOSTS && !self.strikes.contains_key(&host) {
            self.strikes.retain(|_, strikes| *strikes >= STRIKES);
            if self.strikes.len() >= HOSTS {
                self.strikes.clear();
            }
        }
        let strikes = self.strikes.entry(host).or_default();
        *strikes = strikes.saturating_add(1);
    }

    /// Is the host banned?
    pub(crate) fn is_banned(&self, addr: SocketAddr) -> bool {
        !self.strikes.is_empty()
            && self.strikes.get(&addr.ip().to_canonical()).is_some_and(|strikes| *strikes >= STRIKES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> SocketAddr {
        text.parse().unwrap()
    }

    #[test]
    fn three_banned_ports_ban_a_host() {
        let mut bans = HostBans::default();
        for port in 1..=3 {
            assert!(!bans.is_banned(addr("10.0.0.1:80")), "{port}");
            bans.strike(([10, 0, 0, 1], port).into());
        }
        assert!(bans.is_banned(addr("10.0.0.1:80")) && bans.is_banned(addr("[::ffff:10.0.0.1]:80")));
        assert!(!bans.is_banned(addr("10.0.0.2:80")));
    }

    #[test]
    fn our_own_host_is_not_banned() {
        let mut bans = HostBans::default();
        for port in 1..=30 {
            bans.strike(([127, 0, 0, 1], port).into());
        }
        assert!(!bans.is_banned(addr("127.0.0.1:80")));
    }

    #[test]
    fn hosts_are_remembered_up_to_a_number() {
        let mut bans = HostBans::default();
        for host in 0..5_000_u32 {
            for port in 1..=3 {
                bans.strike((core::net::Ipv4Addr::from_bits(0x0a00_0000 + host), port).into());
            }
            assert!(bans.strikes.len() <= HOSTS);
        }
        assert!(bans.is_banned(addr("10.0.19.135:1")), "the last one");
    }
}

//! A local network: hosts on one switch, each a network namespace with an address of its own.

use crate::support::netns::Namespace;

/// Hosts `10.78.0.1`, `10.78.0.2`, … on one switch, with IPv4 and IPv6 multicast.
#[derive(Debug)]
pub(crate) struct Network {
    hosts: Vec<Namespace>,
    /// Dropped after the hosts whose cables end in it.
    switch: Namespace,
}

impl Network {
    /// # Errors
    /// Why there can be none, in words.
    pub(crate) fn new(hosts: usize) -> Result<Self, String> {
        let switch = Namespace::new()?;
        switch.ip(&["link", "add", "switch", "type", "bridge"])?;
        // Every port gets every datagram: a switch that learns who wants which group takes its time.
        switch.ip(&["link", "set", "switch", "type", "bridge", "mcast_snooping", "0"])?;
        switch.ip(&["link", "set", "switch", "up"])?;
        let mut network = Self { hosts: Vec::new(), switch };
        for number in 1..=hosts {
            let host = Namespace::new()?;
            let (switch, port) = (&network.switch, format!("port{number}"));
            switch.ip(&[
                "link",
                "add",
                &port,
                "type",
                "veth",
                "peer",
                "name",
                "eth0",
                "netns",
                host.name(),
            ])?;
            switch.ip(&["link", "set", &port, "master", "switch", "up"])?;
            host.ip(&["addr", "add", &format!("{}/24", address(number)), "dev", "eth0"])?;
            host.ip(&["link", "set", "eth0", "up"])?;
            host.ip(&["route", "add", "default", "dev", "eth0"])?;
            network.hosts.push(host);
        }
        Ok(network)
    }

    /// A host, by its number from 1.
    pub(crate) fn host(&self, number: usize) -> &Namespace {
        &self.hosts[number - 1]
    }

    /// Pulls a host's cable out, or puts it back.
    pub(crate) fn plug(&self, number: usize, plugged: bool) {
        let state = if plugged { "up" } else { "down" };
        self.switch.ip(&["link", "set", &format!("port{number}"), state]).unwrap();
    }
}

/// A host's address, by its number from 1.
pub(crate) fn address(number: usize) -> String {
    format!("10.78.0.{number}")
}

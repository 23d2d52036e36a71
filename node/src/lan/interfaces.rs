//! Which network interfaces to use.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::{InterfaceFlags, if_nametoindex};
use nix::sys::socket::{SockaddrIn, SockaddrIn6};

use crate::limits::LAN_INTERFACES;

/// An interface with the addresses to send from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Interface {
    pub(super) name: String,
    /// Its number, which changes when it goes and comes back.
    pub(super) index: u32,
    pub(super) v4: Option<Ipv4Addr>,
    /// Of the link if there is one: everybody on the network can reach it.
    pub(super) v6: Option<Ipv6Addr>,
    pub(super) is_loopback: bool,
    can_multicast: bool,
    all: Vec<IpAddr>,
}

/// Of the interfaces that are up, those that `wanted` names, by name or address; without such names all that can do multicast,
/// or the loopback interface where there is no other one.
///
/// # Errors
/// When nothing is left, or the system does not tell.
pub(super) fn choose(wanted: &[String]) -> io::Result<Vec<Interface>> {
    let all = all()?;
    let names: Vec<_> = all.iter().map(|interface| interface.name.clone()).collect();
    let chosen = select(all, wanted);
    if chosen.is_empty() {
        let there = names.join(", ");
        let message = match wanted {
            [] => "no network interface is up".into(),
            _ => format!("no network interface {} is up; there are: {there}", wanted.join(", ")),
        };
        return Err(io::Error::new(io::ErrorKind::NotFound, message));
    }
    Ok(chosen)
}

fn select(mut all: Vec<Interface>, wanted: &[String]) -> Vec<Interface> {
    if wanted.is_empty() {
        let others = all.iter().any(|it| it.can_multicast && !it.is_loopback);
        all.retain(|it| if others { it.can_multicast && !it.is_loopback } else { it.is_loopback });
    } else {
        all.retain(|it| {
            wanted.iter().any(|text| {
                *text == it.name || text.parse().is_ok_and(|address: IpAddr| it.all.contains(&address))
            })
        });
    }
    all.truncate(LAN_INTERFACES);
    all
}

/// The interfaces that are up and have an address, in the order of their names.
fn all() -> io::Result<Vec<Interface>> {
    let mut found: BTreeMap<String, Interface> = BTreeMap::new();
    for entry in getifaddrs()? {
        let flags = entry.flags;
        let Some(address) = entry.address else { continue };
        let v4 = address.as_sockaddr_in().map(SockaddrIn::ip);
        let v6 = address.as_sockaddr_in6().map(SockaddrIn6::ip);
        if !flags.contains(InterfaceFlags::IFF_UP) || v4.is_none() && v6.is_none() {
            continue;
        }
        let name = entry.interface_name;
        let interface = match found.entry(name.clone()) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                // It went while we were looking.
                let Ok(index) = if_nametoindex(name.as_str()) else { continue };
                new.insert(Interface {
                    name,
                    index,
                    v4: None,
                    v6: None,
                    is_loopback: flags.contains(InterfaceFlags::IFF_LOOPBACK),
                    can_multicast: flags.contains(InterfaceFlags::IFF_MULTICAST),
                    all: Vec::new(),
                })
            }
        };
        interface.all.extend(v4.map(IpAddr::from).into_iter().chain(v6.map(IpAddr::from)));
        interface.v4 = interface.v4.or(v4);
        if v6.is_some_and(|v6| v6.is_unicast_link_local()) || interface.v6.is_none() {
            interface.v6 = v6.or(interface.v6);
        }
    }
    Ok(found.into_values().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interface(name: &str, address: &str, is_loopback: bool, can_multicast: bool) -> Interface {
        let all = vec![address.parse().unwrap()];
        Interface { name: name.into(), index: 1, v4: None, v6: None, is_loopback, can_multicast, all }
    }

    fn selected(all: &[Interface], wanted: &[&str]) -> Vec<String> {
        let wanted: Vec<_> = wanted.iter().map(|&text| text.to_owned()).collect();
        select(all.to_vec(), &wanted).into_iter().map(|it| it.name).collect()
    }

    #[test]
    fn loopback_is_for_those_who_have_nothing_else_or_ask_for_it() {
        let lo = interface("lo", "127.0.0.1", true, false);
        let eth = interface("eth0", "192.0.2.1", false, true);
        let tun = interface("tun0", "2001:db8::1", false, false);
        let all = [eth, lo.clone(), tun.clone()];
        assert_eq!(selected(&all, &[]), ["eth0"]);
        assert_eq!(selected(&[lo, tun], &[]), ["lo"]);
        assert_eq!(selected(&all, &["lo", "192.0.2.1"]), ["eth0", "lo"]);
        assert_eq!(selected(&all, &["2001:DB8:0::1"]), ["tun0"], "whatever can be done is tried");
        assert!(selected(&all, &["eth1", "192.0.2.2"]).is_empty());
    }

    #[test]
    fn an_interface_that_is_not_there_is_an_error_that_names_those_that_are() {
        let error = choose(&["no such thing".into()]).unwrap_err().to_string();
        assert!(error.contains("no such thing") && error.contains("there are: "), "{error}");
    }
}

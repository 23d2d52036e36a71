//! Where the tracker is, as people write it.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use minibit_core::config::Encoding;

use crate::announce::{scheme_of, system_of};

/// The port of a tracker that is named without one.
pub(crate) const DEFAULT_PORT: u16 = 6969;

/// A tracker: `HOST`, `HOST:PORT`, `http://HOST:PORT/announce`, `udp://HOST:PORT`, or `s1://HOST:PORT` to `s5://…` for the
/// trackers of the five systems.
///
/// HTTP and JSON commands are spoken over TCP at one port, UDP at the port of the same number.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TrackerAddress {
    /// A name or an address, without brackets.
    host: String,
    port: u16,
    /// The URL, where one was given.
    url: Option<String>,
}

/// What is no tracker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected HOST, HOST:PORT, http://HOST:PORT/announce or udp://HOST:PORT")]
pub(crate) struct NotATracker;

impl TrackerAddress {
    /// A host's name or address, and a port: where JSON commands go.
    pub(crate) fn endpoint(&self) -> (&str, u16) {
        (&self.host, self.port)
    }

    /// The URL to announce to: the one that was given, or else that of the system of those who speak so, or that of HTTP.
    pub(crate) fn announce_url(&self, encoding: Encoding) -> String {
        self.url.clone().unwrap_or_else(|| match scheme_of(encoding) {
            Some(scheme) => format!("{scheme}://{self}"),
            None => format!("http://{self}/announce"),
        })
    }
}

impl FromStr for TrackerAddress {
    type Err = NotATracker;

    fn from_str(text: &str) -> Result<Self, NotATracker> {
        if text.contains(|character: char| character.is_whitespace() || character.is_control()) {
            return Err(NotATracker);
        }
        let (rest, default) = match text.split_once("://") {
            Some(("http", rest)) => (rest, Some(80)),
            Some(("udp", rest)) => (rest, None),
            Some((_, rest)) if system_of(text).is_some() => (rest, None),
            Some(_) => return Err(NotATracker),
            None => (text, Some(DEFAULT_PORT)),
        };
        let url = text.contains("://").then(|| text.to_owned());
        let authority = if url.is_some() { rest.split(['/', '?']).next().unwrap_or_default() } else { rest };
        let (host, port) = split(authority)?;
        let port = match port {
            Some(digits) => digits.parse().ok().filter(|&port| port > 0).ok_or(NotATracker)?,
            None => default.ok_or(NotATracker)?,
        };
        let is_name =
            !host.is_empty() && host.chars().all(|char| char.is_alphanumeric() || "-._".contains(char));
        // An interface may follow an address of the link.
        let address = host.split('%').next().unwrap_or_default();
        if !is_name && address.parse::<Ipv6Addr>().is_err() {
            return Err(NotATracker);
        }
        Ok(Self { host: host.to_owned(), port, url })
    }
}

/// A host and, if there is one, a port. An IPv6 address has brackets where a port follows.
fn split(authority: &str) -> Result<(&str, Option<&str>), NotATracker> {
    if let Some(rest) = authority.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or(NotATracker)?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(NotATracker),
        };
    }
    match authority.split_once(':') {
        Some((_, rest)) if rest.contains(':') => Ok((authority, None)),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((authority, None)),
    }
}

/// `HOST:PORT`.
impl fmt::Display for TrackerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_spellings_lead_to_an_endpoint_and_a_url() {
        let table = [
            ("tracker.lan", "tracker.lan", 6969, "http://tracker.lan:6969/announce"),
            ("tracker.lan:80", "tracker.lan", 80, "http://tracker.lan:80/announce"),
            ("192.0.2.1", "192.0.2.1", 6969, "http://192.0.2.1:6969/announce"),
            ("2001:db8::1", "2001:db8::1", 6969, "http://[2001:db8::1]:6969/announce"),
            ("[2001:db8::1]", "2001:db8::1", 6969, "http://[2001:db8::1]:6969/announce"),
            ("[2001:db8::1]:7", "2001:db8::1", 7, "http://[2001:db8::1]:7/announce"),
            ("http://h:1/announce", "h", 1, "http://h:1/announce"),
            ("http://h/x/announce?k=v", "h", 80, "http://h/x/announce?k=v"),
            ("udp://[::1]:6969", "::1", 6969, "udp://[::1]:6969"),
            ("udp://h:6969/announce", "h", 6969, "udp://h:6969/announce"),
        ];
        for (text, host, port, url) in table {
            let address: TrackerAddress = text.parse().unwrap();
            assert_eq!(
                (address.endpoint(), address.announce_url(Encoding::Bep3).as_str()),
                ((host, port), url),
                "{text}"
            );
        }
    }

    #[test]
    fn a_system_asks_its_own_tracker_unless_another_one_is_named() {
        let table = [
            ("h", Encoding::S1, "s1://h:6969"),
            ("[::1]:7", Encoding::S4, "s4://[::1]:7"),
            ("h", Encoding::Json, "http://h:6969/announce"),
            ("s3://h:7", Encoding::Bep3, "s3://h:7"),
            ("http://h/announce", Encoding::S5, "http://h/announce"),
        ];
        for (text, encoding, url) in table {
            let address: TrackerAddress = text.parse().unwrap();
            assert_eq!(address.announce_url(encoding), url, "{text}");
        }
    }

    #[test]
    fn what_is_no_tracker_is_refused() {
        let broken = [
            "",
            ":6969",
            "h:",
            "h:0",
            "h:65536",
            "h:x",
            "h:1:",
            "h/announce",
            "[::1",
            "[::1]x",
            "[h]:1:2",
            "1::2::3",
            "http://",
            "http:///a",
            "https://h/announce",
            "ftp://h",
            "udp://h",
            "udp://:1",
            "a b",
            "h\n",
            "u@h",
        ];
        for text in broken {
            assert_eq!(text.parse::<TrackerAddress>(), Err(NotATracker), "{text:?}");
        }
    }
}

//! Where the tracker is, as people write it.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use minibit_core::config::Encoding;

use crate::announce::{port_of, scheme_of, system_of};

/// A tracker: `HOST`, `HOST:PORT`, `http://HOST:PORT/announce`, `udp://HOST:PORT`, or `s1://HOST:PORT` to `s5://…` for the
/// trackers of the five systems.
///
/// HTTP and JSON commands are spoken over TCP at one port, UDP at the port of the same number. Where no port is named it is that of
/// the system, where that has one, and 6969 otherwise.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct TrackerAddress {
    /// A name or an address, without brackets.
    host: String,
    /// `None`: that of whoever asks.
    port: Option<u16>,
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
        (&self.host, self.port.unwrap_or(port_of(Encoding::Bep3)))
    }

    /// The same for those who speak so: at the port of their system, where none was named.
    pub(crate) fn of(self, encoding: Encoding) -> Self {
        Self { port: self.port.or(Some(port_of(encoding))), ..self }
    }

    /// The URL to announce to: the one that was given, or else that of the system of those who speak so, or that of HTTP.
    pub(crate) fn announce_url(&self, encoding: Encoding) -> String {
        self.url.clone().unwrap_or_else(|| match scheme_of(encoding) {
            Some(scheme) => format!("{scheme}://{self}"),
            None => format!("http://{self}/announce"),
        })
    }
}

impl TrackerAddress {
    /// What somebody else types to name it.
    pub(crate) fn typed(&self) -> String {
        self.url.clone().unwrap_or_else(|| self.to_string())
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
            Some((_, rest)) if let Some(system) = system_of(text) => (rest, Some(port_of(system))),
            Some(_) => return Err(NotATracker),
            None => (text, None),
        };
        let url = text.contains("://").then(|| text.to_owned());
        let authority = if url.is_some() { rest.split(['/', '?']).next().unwrap_or_default() } else { rest };
        let (host, port) = split(authority)?;
        let port = match port {
            Some(digits) => Some(digits.parse().ok().filter(|&port| port > 0).ok_or(NotATracker)?),
            None if url.is_some() => Some(default.ok_or(NotATracker)?),
            None => None,
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
        match self.endpoint() {
            (host, port) if host.contains(':') => write!(f, "[{host}]:{port}"),
            (host, port) => write!(f, "{host}:{port}"),
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
            ("h", Encoding::S2, "s2://h:9000"),
            ("h", Encoding::S3, "s3://h:10000"),
            ("h", Encoding::S5, "s5://h:8001"),
            ("h:6969", Encoding::S5, "s5://h:6969"),
            ("[::1]:7", Encoding::S4, "s4://[::1]:7"),
            ("h", Encoding::Json, "http://h:6969/announce"),
            ("s3://h:7", Encoding::Bep3, "s3://h:7"),
            ("http://h/announce", Encoding::S5, "http://h/announce"),
        ];
        for (text, encoding, url) in table {
            let address = text.parse::<TrackerAddress>().unwrap().of(encoding);
            assert_eq!(address.announce_url(encoding), url, "{text}");
        }
    }

    /// Whoever types it again means the same tracker, spoken to in the same way.
    #[test]
    fn what_is_to_be_typed_names_it_again() {
        for text in [
            "h",
            "h:7",
            "[::1]:7",
            "udp://h:6969",
            "http://h/x/announce?k=v",
            "s5://h",
            "http://h:7/announce",
        ] {
            let address = text.parse::<TrackerAddress>().unwrap().of(Encoding::S3);
            let again = address.typed().parse::<TrackerAddress>().unwrap().of(Encoding::S3);
            assert_eq!(again, address, "{text}");
        }
    }

    /// Names are asked for where announces go.
    #[test]
    fn a_system_that_is_named_without_a_port_has_its_own() {
        for (text, endpoint) in [
            ("s5://h", ("h", 8001)),
            ("s2://[::1]", ("::1", 9000)),
            ("s4://h", ("h", 6969)),
            ("s5://h:1", ("h", 1)),
        ] {
            let address: TrackerAddress = text.parse().unwrap();
            assert_eq!(address.endpoint(), endpoint);
            assert_eq!(address.of(Encoding::S3).endpoint(), endpoint);
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

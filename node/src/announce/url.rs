//! The URLs of trackers, which are what somebody wrote into a torrent file.

use hyper::Uri;
use minibit_core::config::Encoding;
use minibit_core::tracker::systems::default_port;
use percent_encoding::percent_decode_str;

use crate::limits::TRACKER_URL;

/// Keys that an announce adds. A URL that has them already would have us say something else than we mean.
const OUR_KEYS: [&str; 10] =
    ["info_hash", "peer_id", "port", "uploaded", "downloaded", "left", "compact", "numwant", "key", "event"];
/// Where HTTP is when no port is named.
const HTTP_PORT: u16 = 80;
/// The port of trackers, by custom.
const CUSTOM_PORT: u16 = 6969;

/// How to speak with a tracker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Scheme {
    Http,
    Udp,
    /// The tracker of one of the five systems.
    System(Encoding),
}

/// The schemes of the systems. They are ours, and users name them: those in torrent files are not asked.
const SYSTEMS: [(&str, Encoding); 5] = [
    ("s1", Encoding::S1),
    ("s2", Encoding::S2),
    ("s3", Encoding::S3),
    ("s4", Encoding::S4),
    ("s5", Encoding::S5),
];

/// The scheme of the tracker of peers that speak so, if they have one of their own.
pub(crate) fn scheme_of(encoding: Encoding) -> Option<&'static str> {
    SYSTEMS.into_iter().find(|&(_, system)| system == encoding).map(|(scheme, _)| scheme)
}

/// The port of the tracker of those who speak so, when none is named.
pub(crate) fn port_of(encoding: Encoding) -> u16 {
    default_port(encoding).unwrap_or(CUSTOM_PORT)
}

/// The system whose tracker a URL names.
pub(crate) fn system_of(url: &str) -> Option<Encoding> {
    let (scheme, _) = url.split_once("://")?;
    SYSTEMS.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(scheme)).map(|(_, system)| system)
}

/// A URL that can be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TrackerUrl {
    scheme: Scheme,
    /// A name or an address, without brackets.
    host: String,
    port: u16,
    /// Begins with a slash.
    path: String,
    /// The URL's own query, such as a passkey.
    query: Option<String>,
}

/// A URL that is not asked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum UrlError {
    #[error("not a URL")]
    Malformed,
    #[error("a URL of {len} bytes, more than {TRACKER_URL}")]
    TooLong { len: usize },
    #[error("https is not supported; ask for the tracker's http or udp URL")]
    Https,
    #[error("trackers are asked over http and udp only")]
    Scheme,
    #[error("no user names in the URLs of trackers")]
    User,
    #[error("no port")]
    Port,
    #[error("the URL has {key:?} in it, which is ours to say")]
    Said { key: String },
}

impl TrackerUrl {
    /// Checks a URL of a torrent file.
    pub(super) fn parse(text: &str) -> Result<Self, UrlError> {
        let url = Self::read(text)?;
        let said = url.pairs().map(key).find(|key| OUR_KEYS.contains(&&**key));
        said.map_or(Ok(url), |key| Err(UrlError::Said { key }))
    }

    /// Where a redirect leads: to another URL of HTTP, or another path of this server. What we said in the query is dropped
    /// from it, as we will say it again.
    pub(super) fn redirect(&self, location: &str) -> Result<Self, UrlError> {
        let absolute = if location.starts_with('/') && !location.starts_with("//") {
            format!("http://{}{location}", self.authority())
        } else {
            location.into()
        };
        let mut url = Self::read(&absolute)?;
        if url.scheme != Scheme::Http {
            return Err(UrlError::Scheme);
        }
        let own: Vec<_> = url.pairs().filter(|pair| !OUR_KEYS.contains(&&*key(pair))).collect();
        url.query = if own.is_empty() { None } else { Some(own.join("&")) };
        Ok(url)
    }

    fn read(text: &str) -> Result<Self, UrlError> {
        if text.len() > TRACKER_URL + 1_024 {
            return Err(UrlError::TooLong { len: text.len() });
        }
        let uri: Uri = text.parse().map_err(|_| UrlError::Malformed)?;
        let scheme = match uri.scheme_str().map(str::to_ascii_lowercase).as_deref() {
            Some("http") => Scheme::Http,
            Some("udp") => Scheme::Udp,
            Some("https") => return Err(UrlError::Https),
            Some("s1" | "s2" | "s3" | "s4" | "s5") => {
                Scheme::System(system_of(text).ok_or(UrlError::Scheme)?)
            }
            Some(_) => return Err(UrlError::Scheme),
            None => return Err(UrlError::Malformed),
        };
        let authority = uri.authority().ok_or(UrlError::Malformed)?;
        if authority.as_str().contains('@') {
            return Err(UrlError::User);
        }
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(UrlError::Malformed);
        }
        let named = match authority.port() {
            Some(port) => Some(port.as_u16()),
            None if authority.as_str().ends_with(authority.host()) => None,
            None => return Err(UrlError::Port),
        };
        let usual = match scheme {
            Scheme::Http => Some(HTTP_PORT),
            Scheme::System(system) => Some(port_of(system)),
            Scheme::Udp => None,
        };
        let port = named.or(usual).filter(|&port| port != 0);
        Ok(Self {
            scheme,
            host: host.to_ascii_lowercase(),
            port: port.ok_or(UrlError::Port)?,
            path: if uri.path().is_empty() { "/".into() } else { uri.path().into() },
            query: uri.query().map(Into::into),
        })
    }

    pub(super) const fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// Host and port as a `Host` header has them.
    pub(super) fn authority(&self) -> String {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        if self.scheme == Scheme::Http && self.port == HTTP_PORT {
            format!("{open}{}{close}", self.host)
        } else {
            format!("{open}{}{close}:{}", self.host, self.port)
        }
    }

    /// Which server it is, whatever is asked there.
    pub(super) fn server(&self) -> (Scheme, String, u16) {
        (self.scheme, self.host.clone(), self.port)
    }

    /// Path and query as they stand in the URL, with a question mark or an ampersand after which more can follow.
    pub(super) fn target(&self) -> String {
        match &self.query {
            Some(query) => format!("{}?{query}&", self.path),
            None => format!("{}?", self.path),
        }
    }

    /// Path and query as they stand in the URL.
    pub(super) fn path_and_query(&self) -> String {
        self.query.as_ref().map_or_else(|| self.path.clone(), |query| format!("{}?{query}", self.path))
    }

    fn pairs(&self) -> impl Iterator<Item = &str> {
        self.query.iter().flat_map(|query| query.split('&')).filter(|pair| !pair.is_empty())
    }
}

/// The key of a pair, without its escapes.
fn key(pair: &str) -> String {
    let key = pair.split('=').next().unwrap_or_default();
    percent_decode_str(key).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_of_the_field_are_read() {
        let table = [
            ("http://tracker.lan/announce", Scheme::Http, "tracker.lan", 80, "/announce?"),
            ("HTTP://Tracker.LAN:6969", Scheme::Http, "tracker.lan", 6969, "/?"),
            ("http://10.0.0.1:6969/a.php?passkey=1&x", Scheme::Http, "10.0.0.1", 6969, "/a.php?passkey=1&x&"),
            ("udp://[2001:db8::1]:6969/announce", Scheme::Udp, "2001:db8::1", 6969, "/announce?"),
            ("udp://tracker.lan:80", Scheme::Udp, "tracker.lan", 80, "/?"),
            ("s5://tracker.lan", Scheme::System(Encoding::S5), "tracker.lan", 8001, "/?"),
            ("s1://tracker.lan:7", Scheme::System(Encoding::S1), "tracker.lan", 7, "/?"),
        ];
        for (text, scheme, host, port, target) in table {
            let url = TrackerUrl::parse(text).unwrap();
            assert_eq!((url.scheme(), url.host(), url.port()), (scheme, host, port), "{text}");
            assert_eq!(url.target(), target, "{text}");
        }
    }

    #[test]
    fn urls_that_are_not_asked_are_named() {
        let said = |key: &str| UrlError::Said { key: key.into() };
        let table = [
            ("https://tracker.lan/announce", UrlError::Https),
            ("ftp://tracker.lan/announce", UrlError::Scheme),
            ("file:///etc/passwd", UrlError::Malformed),
            ("gopher://127.0.0.1:11211/x", UrlError::Scheme),
            ("/announce", UrlError::Malformed),
            ("", UrlError::Malformed),
            ("http://", UrlError::Malformed),
            ("http:// a/", UrlError::Malformed),
            ("http://user:word@tracker.lan/announce", UrlError::User),
            ("udp://tracker.lan/announce", UrlError::Port),
            ("http://tracker.lan:0/announce", UrlError::Port),
            ("http://tracker.lan:99999/announce", UrlError::Port),
            ("http://tracker.lan/announce?info_hash=x", said("info_hash")),
            ("http://tracker.lan/announce?a=1&%65vent=stopped", said("event")),
        ];
        for (text, error) in table {
            assert_eq!(TrackerUrl::parse(text), Err(error), "{text}");
        }
        let long = format!("http://tracker.lan/{}", "a".repeat(4_000));
        assert_eq!(TrackerUrl::parse(&long), Err(UrlError::TooLong { len: 4_019 }));
    }

    #[test]
    fn redirects_stay_in_http_and_leave_what_we_say_to_us() {
        let url = TrackerUrl::parse("http://a.lan:81/announce?passkey=1").unwrap();
        let target =
            |location: &str| url.redirect(location).map(|url| format!("{}{}", url.authority(), url.target()));
        assert_eq!(target("/b?info_hash=x&passkey=2&event=started"), Ok("a.lan:81/b?passkey=2&".into()));
        assert_eq!(target("http://b.lan/c"), Ok("b.lan/c?".into()));
        assert_eq!(target("https://b.lan/c"), Err(UrlError::Https));
        assert_eq!(target("udp://b.lan:1/c"), Err(UrlError::Scheme));
        assert_eq!(target("//b.lan/c"), Err(UrlError::Malformed));
    }
}

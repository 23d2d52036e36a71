//! The extension handshake (BEP 10), with what BEP 9, BEP 11 and BEP 21 put into it.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::borrow::Cow;

use bytes::Bytes;

use super::{ExtensionError, UT_METADATA, UT_PEX};
use crate::bencode::{Dict, Item, Value, parse_any_order};
use crate::metainfo;

/// So many bytes of a client's name are read.
pub const MAX_CLIENT_LEN: usize = 64;

/// What one side says of its extensions. It may come again; then only what is in it changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExtensionHandshake {
    /// The number under which the sender wants metadata messages (BEP 9); `Some(0)`: no more of them.
    pub ut_metadata: Option<u8>,
    /// The number under which the sender wants peer exchange (BEP 11); `Some(0)`: no more of it.
    pub ut_pex: Option<u8>,
    /// Bytes of the `info` dictionary, when the sender has it: from 1 to [`metainfo::MAX_LEN`].
    pub metadata_size: Option<u32>,
    /// The port on which the sender listens; never 0.
    pub port: Option<u16>,
    /// The sender queues so many of our requests; at least 1.
    pub reqq: Option<u32>,
    /// The sender does not want to download (BEP 21).
    pub upload_only: Option<bool>,
    /// The client's name and version, in its own words.
    pub client: Option<String>,
    /// The receiver's address, as the sender sees it.
    pub your_ip: Option<IpAddr>,
}

impl ExtensionHandshake {
    /// Reads the payload. Values that are missing, of another type or out of range are left out.
    ///
    /// # Errors
    /// When the payload is no bencoded dictionary.
    pub fn parse(payload: &[u8]) -> Result<Self, ExtensionError> {
        let dict = parse_any_order(payload)?.as_dict().ok_or(ExtensionError::NotADictionary)?;
        let numbers = dict.get("m").and_then(Value::as_dict);
        let number = |name: &str| numbers.and_then(|numbers| integer::<u8>(numbers, name));
        Ok(Self {
            ut_metadata: number("ut_metadata"),
            ut_pex: number("ut_pex"),
            metadata_size: integer(dict, "metadata_size")
                .filter(|&size: &u32| size > 0 && size as usize <= metainfo::MAX_LEN),
            port: integer(dict, "p").filter(|&port| port != 0),
            // An absurd number is a large one.
            reqq: integer(dict, "reqq").map(|reqq: u64| u32::try_from(reqq).unwrap_or(u32::MAX).max(1)),
            upload_only: integer(dict, "upload_only").map(|flag: i64| flag != 0),
            client: dict.get("v").and_then(Value::as_bytes).map(client),
            your_ip: dict.get("yourip").and_then(Value::as_bytes).and_then(ip),
        })
    }

    /// The payload: everything that is `Some`, and an `m` in any case (some clients take its absence for the end of all
    /// extensions).
    pub fn to_payload(&self) -> Bytes {
        let mut numbers = Vec::new();
        numbers.extend(self.ut_metadata.map(|id| ("ut_metadata", Item::from(i64::from(id)))));
        numbers.extend(self.ut_pex.map(|id| ("ut_pex", Item::from(i64::from(id)))));
        let your_ip = self.your_ip.map(|ip| match ip.to_canonical() {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        });
        let mut entries = vec![("m", Item::dict(numbers))];
        entries.extend(self.metadata_size.map(|size| ("metadata_size", Item::from(i64::from(size)))));
        entries.extend(self.port.map(|port| ("p", Item::from(i64::from(port)))));
        entries.extend(self.reqq.map(|reqq| ("reqq", Item::from(i64::from(reqq)))));
        entries.extend(self.upload_only.map(|flag| ("upload_only", Item::from(i64::from(flag)))));
        entries.extend(self.client.as_deref().map(|client| ("v", Item::from(client))));
        entries.extend(your_ip.map(|ip| ("yourip", Item::Bytes(Cow::Owned(ip)))));
        Item::dict(entries).to_bytes().into()
    }

    /// What one who takes part in these extensions says first.
    pub fn offering(metadata: bool, pex: bool) -> Self {
        Self {
            ut_metadata: metadata.then_some(UT_METADATA),
            ut_pex: pex.then_some(UT_PEX),
            ..Self::default()
        }
    }
}

/// The number under a key, when there is one and it fits.
pub(super) fn integer<T: TryFrom<i64>>(dict: Dict<'_>, key: &str) -> Option<T> {
    T::try_from(dict.get(key)?.as_integer()?).ok()
}

/// The beginning of a name, without what a terminal might take for an order.
fn client(bytes: &[u8]) -> String {
    let bytes = bytes.get(..MAX_CLIENT_LEN).unwrap_or(bytes);
    String::from_utf8_lossy(bytes).chars().filter(|character| !character.is_control()).collect()
}

/// Four or sixteen bytes.
fn ip(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|octets| Ipv4Addr::from(octets).into());
    v4.or_else(|_| <[u8; 16]>::try_from(bytes).map(|octets| Ipv6Addr::from(octets).to_canonical())).ok()
}

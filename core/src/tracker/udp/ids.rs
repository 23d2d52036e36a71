//! Connection ids that need not be remembered.

use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use siphasher::sip::SipHasher24;

use crate::time::{Instant, nanos};

/// An id is good until the end of the epoch after the one that it was made in: two to four minutes. BEP 15 asks for two.
const EPOCH: Duration = Duration::from_mins(2);

/// Makes connection ids and knows them again: SipHash-2-4 of address and time, under a secret key.
#[derive(Clone)]
pub struct ConnectionIds(SipHasher24);

impl ConnectionIds {
    /// Under 16 random bytes.
    pub fn new(secret: [u8; 16]) -> Self {
        Self(SipHasher24::new_with_key(&secret))
    }

    /// The id of who sends from this address.
    pub fn issue(&self, addr: SocketAddr, now: Instant) -> u64 {
        self.of(addr, epoch(now))
    }

    /// The id was issued to this address, not long ago.
    pub fn check(&self, addr: SocketAddr, now: Instant, id: u64) -> bool {
        self.issued(addr, now).any(|issued| id == issued)
    }

    /// The ids of an address that are good now.
    pub(in crate::tracker) fn issued(&self, addr: SocketAddr, now: Instant) -> impl Iterator<Item = u64> {
        let epoch = epoch(now);
        [Some(epoch), epoch.checked_sub(1)].into_iter().flatten().map(move |epoch| self.of(addr, epoch))
    }

    fn of(&self, addr: SocketAddr, epoch: u64) -> u64 {
        let ip = match addr.ip() {
            IpAddr::V4(ip) => ip.to_ipv6_mapped(),
            IpAddr::V6(ip) => ip,
        };
        let mut bytes = [0; 26];
        let (address, rest) = bytes.split_at_mut(16);
        let (port, time) = rest.split_at_mut(2);
        address.copy_from_slice(&ip.octets());
        port.copy_from_slice(&addr.port().to_be_bytes());
        time.copy_from_slice(&epoch.to_be_bytes());
        self.0.hash(&bytes)
    }
}

impl core::fmt::Debug for ConnectionIds {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("ConnectionIds(…)")
    }
}

fn epoch(now: Instant) -> u64 {
    now.as_nanos().checked_div(nanos(EPOCH)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_belongs_to_an_address_a_key_and_a_time() {
        let ids = ConnectionIds::new([1; 16]);
        let addr = "10.0.0.1:6881".parse().unwrap();
        let issued = Instant::from_secs(1_000); // The epoch from 960 to 1 080.
        let id = ids.issue(addr, issued);
        for (secs, good) in
            [(1_000, true), (1_079, true), (1_080, true), (1_199, true), (1_200, false), (900, false)]
        {
            assert_eq!(ids.check(addr, Instant::from_secs(secs), id), good, "{secs}");
        }
        for other in ["10.0.0.2:6881", "10.0.0.1:6882", "[::a00:1]:6881"] {
            assert!(!ids.check(other.parse().unwrap(), issued, id), "{other}");
        }
        assert!(!ConnectionIds::new([2; 16]).check(addr, issued, id));
        assert!(ids.check(addr, Instant::ZERO, ids.issue(addr, Instant::ZERO)));
    }
}

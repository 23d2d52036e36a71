//! How a tracker keeps addresses: in as few bytes as name one, which is also how they go over the wire.

use core::convert::AsRef;
use core::fmt::Debug;
use core::net::{IpAddr, SocketAddr};

use crate::boundary::{Address, SimAddr};

/// The two sorts of addresses. A client that is spoken to over one of them may not be able to use the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// IPv4, and the only one of the simulator.
    V4,
    /// IPv6.
    V6,
}

/// The bytes of an address.
pub trait Kept: Copy + Eq + Debug + AsRef<[u8]> {}

impl<T: Copy + Eq + Debug + AsRef<[u8]>> Kept for T {}

/// An address that a tracker can keep.
pub trait Compact: Address {
    /// An address of [`Family::V4`].
    type V4: Kept;
    /// An address of [`Family::V6`].
    type V6: Kept;

    /// The bytes of the address. Different addresses of one family have different bytes.
    fn pack(self) -> Packed<Self::V4, Self::V6>;

    /// The address that has these bytes.
    fn unpack(packed: Packed<Self::V4, Self::V6>) -> Self;
}

/// An address of either family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packed<S, L> {
    /// Of [`Family::V4`].
    V4(S),
    /// Of [`Family::V6`].
    V6(L),
}

/// The bytes of an address of this sort.
pub type PackedOf<A> = Packed<<A as Compact>::V4, <A as Compact>::V6>;

impl<S, L> Packed<S, L> {
    /// Which it is.
    pub const fn family(&self) -> Family {
        match self {
            Self::V4(_) => Family::V4,
            Self::V6(_) => Family::V6,
        }
    }
}

/// Network byte order: four or sixteen bytes of address and two of port (BEP 23, BEP 7). An IPv4 address in the clothes of
/// IPv6 is an IPv4 address; scopes and flow labels mean nothing to others and are not kept.
impl Compact for SocketAddr {
    type V4 = [u8; 6];
    type V6 = [u8; 18];

    fn pack(self) -> Packed<[u8; 6], [u8; 18]> {
        let [high, low] = self.port().to_be_bytes();
        match self.ip().to_canonical() {
            IpAddr::V4(ip) => {
                let [a, b, c, d] = ip.octets();
                Packed::V4([a, b, c, d, high, low])
            }
            IpAddr::V6(ip) => {
                let mut packed = [0; 18];
                let (address, port) = packed.split_at_mut(16);
                address.copy_from_slice(&ip.octets());
                port.copy_from_slice(&[high, low]);
                Packed::V6(packed)
            }
        }
    }

    fn unpack(packed: Packed<[u8; 6], [u8; 18]>) -> Self {
        match packed {
            Packed::V4([a, b, c, d, high, low]) => ([a, b, c, d], u16::from_be_bytes([high, low])).into(),
            Packed::V6(packed) => {
                let mut address = [0; 16];
                address.copy_from_slice(&packed[..16]);
                (address, u16::from_be_bytes([packed[16], packed[17]])).into()
            }
        }
    }
}

impl Compact for SimAddr {
    type V4 = [u8; 4];
    type V6 = Never;

    fn pack(self) -> Packed<[u8; 4], Never> {
        Packed::V4(self.0.to_be_bytes())
    }

    fn unpack(packed: Packed<[u8; 4], Never>) -> Self {
        match packed {
            Packed::V4(number) => Self(u32::from_be_bytes(number)),
            Packed::V6(never) => match never {},
        }
    }
}

/// The address of a family that a world does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Never {}

impl AsRef<[u8]> for Never {
    fn as_ref(&self) -> &[u8] {
        match *self {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_come_back_and_ipv4_stays_ipv4() {
        let table = [
            ("1.2.3.4:5", Family::V4, "1.2.3.4:5"),
            ("[::ffff:1.2.3.4]:65535", Family::V4, "1.2.3.4:65535"),
            ("[2001:db8::1]:6881", Family::V6, "[2001:db8::1]:6881"),
            ("[fe80::1%3]:1", Family::V6, "[fe80::1]:1"),
        ];
        for (text, family, expected) in table {
            let packed = text.parse::<SocketAddr>().unwrap().pack();
            assert_eq!((packed.family(), SocketAddr::unpack(packed)), (family, expected.parse().unwrap()));
        }
        assert_eq!(SimAddr::unpack(SimAddr(77).pack()), SimAddr(77));
    }
}

//! The two worlds as the harness needs them: simulated, where messages arrive as they are, and real, where each one goes
//! through its encoding and arrives in pieces.

use core::fmt::Debug;
use core::net::{Ipv4Addr, SocketAddr};

use bytes::{Bytes, BytesMut};
use minibit_core::boundary::{Env, Net, SimAddr, Simulated};
use minibit_core::config::Config;
use minibit_core::payload::Virtual;
use minibit_core::tracker::Compact;
use minibit_core::wire::{Decoder, Limits, Names, Speech, encode};
use minibit_core::{BlockSpan, Geometry, Message, Rng};

/// An environment that the harness can play.
pub(crate) trait Medium: Env<Addr: Compact, Data: PartialEq> {
    /// What travels.
    type Parcel: Clone + Debug;
    /// The receiving end of one direction of a connection.
    type Inlet;

    fn addr(member: usize) -> Self::Addr;
    fn member(addr: Self::Addr) -> usize;
    /// The right bytes of a span.
    fn original(geometry: &Geometry, span: BlockSpan) -> Self::Data;
    /// The same length with something wrong in it.
    fn spoiled(data: &Self::Data) -> Self::Data;
    /// Equal for equal data.
    fn fingerprint(data: &Self::Data) -> u64;

    fn inlet(config: &Config, geometry: &Geometry) -> Self::Inlet;
    fn pack(
        config: &Config,
        geometry: &Geometry,
        message: &Message<Self::Data>,
        rng: &mut Rng,
    ) -> Vec<Self::Parcel>;
    /// A message is sent on the connection that this inlet is the other direction of.
    fn sent(inlet: &mut Self::Inlet, message: &Message<Self::Data>);
    fn unpack(inlet: &mut Self::Inlet, parcel: Self::Parcel) -> Vec<Message<Self::Data>>;
}

impl Medium for Simulated {
    type Parcel = Message<Virtual>;
    type Inlet = ();

    fn addr(member: usize) -> SimAddr {
        SimAddr(u32::try_from(member).expect("test swarms are small"))
    }

    fn member(addr: SimAddr) -> usize {
        addr.0 as usize
    }

    fn original(_: &Geometry, span: BlockSpan) -> Virtual {
        Virtual::new(span.length)
    }

    fn spoiled(data: &Virtual) -> Virtual {
        data.corrupted()
    }

    fn fingerprint(data: &Virtual) -> u64 {
        u64::from(data.is_corrupt())
    }

    fn inlet(_: &Config, _: &Geometry) -> Self::Inlet {}

    fn pack(_: &Config, _: &Geometry, message: &Message<Virtual>, _: &mut Rng) -> Vec<Self::Parcel> {
        vec![message.clone()]
    }

    fn sent((): &mut (), _: &Message<Virtual>) {}

    fn unpack(_inlet: &mut (), parcel: Self::Parcel) -> Vec<Message<Virtual>> {
        vec![parcel]
    }
}

impl Medium for Net {
    type Parcel = Bytes;
    type Inlet = (Decoder, BytesMut);

    fn addr(member: usize) -> SocketAddr {
        let host = u8::try_from(member).expect("test swarms are small");
        SocketAddr::from((Ipv4Addr::new(10, 0, 0, host), 6881))
    }

    fn member(addr: SocketAddr) -> usize {
        match addr.ip() {
            core::net::IpAddr::V4(ip) => usize::from(ip.octets()[3]),
            core::net::IpAddr::V6(_) => unreachable!("members have IPv4 addresses"),
        }
    }

    fn original(geometry: &Geometry, span: BlockSpan) -> Bytes {
        let piece = geometry.piece(span.index).expect("a piece of the torrent");
        let start = geometry.piece_offset(piece) + u64::from(span.begin);
        (start..start + u64::from(span.length))
            .map(|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes()[0])
            .collect()
    }

    fn spoiled(data: &Bytes) -> Bytes {
        let mut wrong = BytesMut::from(&data[..]);
        wrong[0] ^= 1;
        wrong.freeze()
    }

    /// FNV-1a.
    fn fingerprint(data: &Bytes) -> u64 {
        data.iter().fold(0xcbf2_9ce4_8422_2325, |hash, &byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }

    fn inlet(config: &Config, geometry: &Geometry) -> Self::Inlet {
        let names = names(geometry);
        let speech = Speech { encoding: config.encoding, names: &names };
        (Decoder::new(speech, config.handshake, Limits::of(geometry)), BytesMut::new())
    }

    /// Cut anywhere: now and then into single bytes.
    fn pack(config: &Config, geometry: &Geometry, message: &Message<Bytes>, rng: &mut Rng) -> Vec<Bytes> {
        let mut stream = BytesMut::new();
        let speech = Speech { encoding: config.encoding, names: &names(geometry) };
        // What an encoding has no word for is not said.
        let _unspoken = encode(speech, message, &mut stream);
        let mut stream = stream.freeze();
        let mut parcels = Vec::new();
        while !stream.is_empty() {
            let longest = if stream.len() < 100 { 8 } else { 3_000 };
            let cut = 1 + rng.index(longest.min(stream.len()));
            parcels.push(stream.split_to(cut));
        }
        parcels
    }

    fn sent((decoder, _): &mut Self::Inlet, message: &Message<Bytes>) {
        decoder.sent(message);
    }

    fn unpack((decoder, buffer): &mut Self::Inlet, parcel: Bytes) -> Vec<Message<Bytes>> {
        buffer.extend_from_slice(&parcel);
        let mut messages = Vec::new();
        while let Some(message) = decoder.decode(buffer).expect("what our own encoder wrote can be read") {
            messages.push(message);
        }
        messages
    }
}

/// What messages name. Handshakes have an info-hash and an id of their own in them, and nobody looks at the others.
fn names(geometry: &Geometry) -> Names {
    Names { geometry: Some(*geometry), ..Names::USUAL }
}

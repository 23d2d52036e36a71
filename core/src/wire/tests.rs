//! What holds for BEP 3's encoding and the native JSON: round trips, lengths, cuts, bounds.

use proptest::prelude::*;

use super::*;
use crate::bitfield::Bitfield;
use crate::id::{BlockSpan, InfoHash, PeerId, PieceIndex};
use crate::message::{Extended, Handshake, MessageKind};
use crate::payload::Virtual;

mod hostile;
mod systems;

const ENCODINGS: [Encoding; 2] = [Encoding::Bep3, Encoding::Json];
const LIMITS: Limits = Limits { pieces: Some(77), block_len: 300, extended_len: 200 };

fn encoded(encoding: Encoding, messages: &[Message<Bytes>]) -> BytesMut {
    let mut out = BytesMut::new();
    for message in messages {
        encode(encoding, message, &mut out).unwrap();
    }
    out
}

/// A frame around a body.
fn framed(body: &[u8]) -> Vec<u8> {
    let len = u32::try_from(body.len()).unwrap();
    [&len.to_be_bytes(), body].concat()
}

/// All that a stream decodes to when it arrives in these parts, the last error included, and what is left undecoded.
fn decoded<'a>(
    decoder: &mut Decoder,
    parts: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<Result<Message<Bytes>, WireError>>, usize) {
    let (mut source, mut events) = (BytesMut::new(), Vec::new());
    'stream: for part in parts {
        source.extend_from_slice(part);
        loop {
            match decoder.decode(&mut source) {
                Ok(Some(message)) => events.push(Ok(message)),
                Ok(None) => break,
                Err(error) => {
                    events.push(Err(error));
                    if !error.is_unknown_message() {
                        assert_eq!(decoder.decode(&mut source), Err(error), "an error is final");
                        break 'stream;
                    }
                }
            }
        }
        assert!(source.len() < decoder.max_buffered(), "{} bytes kept", source.len());
    }
    (events, source.len())
}

fn spans() -> impl Strategy<Value = BlockSpan> {
    any::<(u32, u32, u32)>().prop_map(|(index, begin, length)| BlockSpan { index, begin, length })
}

fn handshakes() -> impl Strategy<Value = Message<Bytes>> {
    any::<([u8; 20], [u8; 20], bool, bool)>().prop_map(|(info_hash, peer_id, fast, extended)| {
        let (info_hash, peer_id) = (InfoHash(info_hash), PeerId(peer_id));
        Message::Handshake(Box::new(Handshake { info_hash, peer_id, fast, extended }))
    })
}

fn bytes(longest: u32) -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..=longest as usize).prop_map(Bytes::from)
}

/// Every kind but the handshake, within [`LIMITS`].
fn messages() -> impl Strategy<Value = Message<Bytes>> {
    let numbers = prop_oneof![0_u32..2000, any::<u32>()];
    let bitfield = prop::collection::vec(0..77_u32, 0..90).prop_map(|pieces| {
        let mut set = Bitfield::none(77);
        for piece in pieces {
            set.insert(PieceIndex(piece));
        }
        Message::bitfield(set)
    });
    let piece = (numbers.clone(), numbers.clone(), bytes(300));
    let extended = (any::<u8>(), bytes(200));
    prop_oneof![
        Just(Message::KeepAlive),
        Just(Message::Choke),
        Just(Message::Unchoke),
        Just(Message::Interested),
        Just(Message::NotInterested),
        numbers.clone().prop_map(|index| Message::Have { index }),
        bitfield,
        spans().prop_map(Message::Request),
        piece.prop_map(|(index, begin, data)| Message::Piece { index, begin, data }),
        spans().prop_map(Message::Cancel),
        any::<u16>().prop_map(Message::Port),
        numbers.clone().prop_map(|index| Message::SuggestPiece { index }),
        Just(Message::HaveAll),
        Just(Message::HaveNone),
        spans().prop_map(Message::RejectRequest),
        numbers.prop_map(|index| Message::AllowedFast { index }),
        extended.prop_map(|(id, payload)| Message::Extended(Box::new(Extended { id, payload }))),
    ]
}

/// A stream as [`Decoder::new`] expects it with a handshake.
fn streams() -> impl Strategy<Value = Vec<Message<Bytes>>> {
    (handshakes(), prop::collection::vec(messages(), 0..12))
        .prop_map(|(first, rest)| [vec![first], rest].concat())
}

/// The same message as the simulator has it.
fn without_bytes(message: &Message<Bytes>) -> Message<Virtual> {
    match message.clone() {
        Message::Piece { index, begin, data } => {
            Message::Piece { index, begin, data: Virtual::new(Payload::len(&data)) }
        }
        Message::Handshake(handshake) => Message::Handshake(handshake),
        Message::Bitfield(set) => Message::Bitfield(set),
        Message::Have { index } => Message::Have { index },
        Message::Request(span) => Message::Request(span),
        Message::Cancel(span) => Message::Cancel(span),
        Message::Port(port) => Message::Port(port),
        Message::SuggestPiece { index } => Message::SuggestPiece { index },
        Message::RejectRequest(span) => Message::RejectRequest(span),
        Message::AllowedFast { index } => Message::AllowedFast { index },
        Message::Extended(extended) => Message::Extended(extended),
        Message::KeepAlive => Message::KeepAlive,
        Message::Choke => Message::Choke,
        Message::Unchoke => Message::Unchoke,
        Message::Interested => Message::Interested,
        Message::NotInterested => Message::NotInterested,
        Message::HaveAll => Message::HaveAll,
        Message::HaveNone => Message::HaveNone,
    }
}

/// One of each kind, in the order of [`MessageKind::ALL`].
fn one_of_each() -> Vec<Message<Bytes>> {
    let span = BlockSpan { index: 3, begin: 0, length: 16_384 };
    let (info_hash, peer_id) = (InfoHash(*b"12345678901234567890"), PeerId(*b"-MB0001-abcdefghijkl"));
    vec![
        Message::Handshake(Box::new(Handshake { info_hash, peer_id, fast: true, extended: false })),
        Message::KeepAlive,
        Message::Choke,
        Message::Unchoke,
        Message::Interested,
        Message::NotInterested,
        Message::Have { index: 76 },
        Message::bitfield(Bitfield::all(77)),
        Message::Request(span),
        Message::Piece { index: 3, begin: 16_384, data: Bytes::from_static(b"block") },
        Message::Cancel(span),
        Message::Port(6881),
        Message::SuggestPiece { index: 9 },
        Message::HaveAll,
        Message::HaveNone,
        Message::RejectRequest(span),
        Message::AllowedFast { index: 10 },
        Message::Extended(Box::new(Extended {
            id: 0,
            payload: Bytes::from_static(b"d1:md11:ut_metadatai1eee"),
        })),
    ]
}

#[test]
fn every_kind_is_tested() {
    assert_eq!(one_of_each().iter().map(Message::kind).collect::<Vec<_>>(), MessageKind::ALL);
}

#[test]
fn the_bytes_of_every_kind_are_pinned() {
    let bep3 = one_of_each().iter().fold(String::new(), |text, message| {
        let bytes = encoded(Encoding::Bep3, core::slice::from_ref(message));
        text + message.kind().name() + " " + &format!("{bytes:x}") + "\n"
    });
    insta::assert_snapshot!("bep3", bep3);
    let json = one_of_each().iter().fold(String::new(), |text, message| {
        let bytes = encoded(Encoding::Json, core::slice::from_ref(message));
        text + core::str::from_utf8(&bytes[4..]).unwrap() + "\n"
    });
    insta::assert_snapshot!("json", json);
}

#[test]
fn every_single_cut_and_byte_by_byte_decode_alike() {
    for encoding in ENCODINGS {
        let messages = one_of_each();
        let stream = encoded(encoding, &messages);
        let expected: Vec<_> = messages.into_iter().map(Ok).collect();
        for cut in 0..=stream.len() {
            let (head, tail) = stream.split_at(cut);
            let (events, left) = decoded(&mut Decoder::new(encoding, true, LIMITS), [head, tail]);
            assert_eq!((&events, left), (&expected, 0), "{encoding:?} cut at {cut}");
        }
        let (events, _) = decoded(&mut Decoder::new(encoding, true, LIMITS), stream.chunks(1));
        assert_eq!(events, expected);
    }
}

#[test]
fn a_truncated_stream_brings_what_is_whole_and_waits() {
    for encoding in ENCODINGS {
        let messages = one_of_each();
        let stream = encoded(encoding, &messages);
        let mut ends = Vec::new();
        for message in &messages {
            let start = ends.last().copied().unwrap_or(0);
            ends.push(start + usize::try_from(encoded_len(encoding, message)).unwrap());
        }
        for end in 0..stream.len() {
            let (events, _) = decoded(&mut Decoder::new(encoding, true, LIMITS), [&stream[..end]]);
            let whole = ends.iter().filter(|&&whole| whole <= end).count();
            assert_eq!(
                events,
                messages[..whole].iter().cloned().map(Ok).collect::<Vec<_>>(),
                "{encoding:?} {end}"
            );
        }
    }
}

#[test]
fn a_block_is_sent_as_header_and_slice() {
    let data = Bytes::from_static(b"block data");
    let header = bep3::piece_header(7, 16_384, Payload::len(&data));
    let whole = encoded(Encoding::Bep3, &[Message::Piece { index: 7, begin: 16_384, data: data.clone() }]);
    assert_eq!([&header, data.as_ref()].concat(), whole);
}

#[test]
fn a_block_is_a_slice_of_the_read_buffer() {
    let data = Bytes::from(vec![7; 300]);
    let mut source = encoded(Encoding::Bep3, &[Message::Piece { index: 7, begin: 0, data }]);
    let place = source[bep3::PIECE_HEADER_LEN..].as_ptr();
    match Decoder::new(Encoding::Bep3, false, LIMITS).decode(&mut source) {
        Ok(Some(Message::Piece { data, .. })) => assert_eq!(data.as_ptr(), place),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_bytes_tell_the_encoding() {
    for encoding in ENCODINGS {
        let stream = encoded(encoding, &one_of_each());
        let first_told = (0..stream.len()).find(|&len| detect(&stream[..len]) != Ok(None)).unwrap();
        assert!(first_told <= 5);
        for len in first_told..stream.len() {
            assert_eq!(detect(&stream[..len]), Ok(Some(encoding)));
        }
    }
    for other in [
        &b"GET 3\n"[..],
        b"\x00\x00\x00\x00\x00",
        b"\x00\x00\x00\x02\x05",
        b"{\"type\"",
        b"\x80\x00\x00\x00{",
    ] {
        assert_eq!(detect(other), Err(WireError::UnknownProtocol), "{other:?}");
    }
}

#[test]
fn without_metadata_a_bitfield_is_as_long_as_its_bytes() {
    let limits = Limits::without_metadata();
    for encoding in ENCODINGS {
        let stream = encoded(encoding, &[Message::bitfield(Bitfield::all(77))]);
        let (events, _) = decoded(&mut Decoder::new(encoding, false, limits), [&stream[..]]);
        match &events[..] {
            [Ok(Message::Bitfield(set))] => assert_eq!((set.pieces.len(), set.pieces.count()), (80, 77)),
            other => panic!("{other:?}"),
        }
    }
}

proptest! {
    #[test]
    fn messages_come_back_wherever_the_stream_is_cut(
        stream in streams(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        for encoding in ENCODINGS {
            let bytes = encoded(encoding, &stream);
            let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let parts = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]);
            let (events, left) = decoded(&mut Decoder::new(encoding, true, LIMITS), parts);
            let expected: Vec<_> = stream.iter().cloned().map(Ok).collect();
            prop_assert_eq!(events, expected);
            prop_assert_eq!(left, 0);
        }
    }

    #[test]
    fn the_length_is_known_without_encoding(stream in streams()) {
        for encoding in ENCODINGS {
            for message in &stream {
                let len = encoded(encoding, core::slice::from_ref(message)).len() as u64;
                prop_assert_eq!(encoded_len(encoding, message), len);
                prop_assert_eq!(encoded_len(encoding, &without_bytes(message)), len);
            }
        }
    }

    #[test]
    fn any_bytes_decode_alike_however_they_are_cut(
        messages in streams(),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        handshake: bool,
    ) {
        for encoding in ENCODINGS {
            let mut bytes = encoded(encoding, &messages);
            for (at, byte) in &flips {
                let at = at.index(bytes.len());
                bytes[at] = *byte;
            }
            let whole = decoded(&mut Decoder::new(encoding, handshake, LIMITS), [&bytes[..]]);
            for part in [1, 7] {
                let cut = decoded(&mut Decoder::new(encoding, handshake, LIMITS), bytes.chunks(part));
                prop_assert_eq!(&whole.0, &cut.0);
            }
        }
    }
}

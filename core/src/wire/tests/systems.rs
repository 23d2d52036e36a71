//! What holds for the encodings of the five systems: round trips, lengths, cuts, bounds, and what they have no word for.

use super::*;
use crate::geometry::Geometry;
use crate::wire::text::s4::MAX_GET;
use crate::wire::text::{MAX_LINE, TextError};

const FRAMED: [Encoding; 3] = [Encoding::S1, Encoding::S2, Encoding::S5];
const SYSTEMS: [Encoding; 5] = [Encoding::S1, Encoding::S2, Encoding::S3, Encoding::S4, Encoding::S5];

/// 77 pieces of 300 bytes; the last one has 200.
fn names() -> Names {
    let geometry = Some(Geometry::new(76 * 300 + 200, 300, 300).unwrap());
    Names { file: "a film=1, 100%.mp4".into(), port: 6001, geometry, ..Names::USUAL }
}

fn written(encoding: Encoding, messages: &[Message<Bytes>]) -> BytesMut {
    let names = names();
    let mut out = BytesMut::new();
    for message in messages {
        encode(Speech { encoding, names: &names }, message, &mut out).unwrap();
    }
    out
}

fn decoder(encoding: Encoding, handshake: bool) -> Decoder {
    Decoder::new(Speech { encoding, names: &names() }, handshake, LIMITS)
}

fn only(encoding: Encoding, stream: &[u8]) -> Result<Message<Bytes>, WireError> {
    let (events, _) = decoded(&mut decoder(encoding, false), [stream]);
    match &events[..] {
        [event] => event.clone(),
        other => panic!("{} events: {other:?}", other.len()),
    }
}

fn whole(index: u32) -> BlockSpan {
    BlockSpan { index, begin: 0, length: if index == 76 { 200 } else { 300 } }
}

/// A message that all systems have words for, as they have them: pieces are whole.
fn common() -> impl Strategy<Value = Message<Bytes>> {
    let piece = (0..77_u32, bytes(300));
    prop_oneof![
        (0..77_u32).prop_map(|index| Message::Request(whole(index))),
        piece.prop_map(|(index, data)| Message::Piece { index, begin: 0, data }),
    ]
}

fn framed_messages() -> impl Strategy<Value = Message<Bytes>> {
    prop_oneof![
        3 => common(),
        1 => messages().prop_filter("in JSON only", |message| {
            use Message::{Bitfield, Choke, Have, KeepAlive, Unchoke};
            matches!(message, Bitfield(_) | Choke | Have { .. } | KeepAlive | Unchoke)
        }),
        1 => (0..77_u32).prop_map(|index| Message::Cancel(whole(index))),
    ]
}

/// What a system can say of these.
fn spoken(encoding: Encoding, messages: &[Message<Bytes>]) -> Vec<Message<Bytes>> {
    let spoken = messages.iter().filter(|message| encoding.speaks(message.kind()));
    spoken.cloned().map(|message| introduced(encoding, message)).collect()
}

/// In S2 and S5 an inventory says whose it is.
fn introduced(encoding: Encoding, message: Message<Bytes>) -> Message<Bytes> {
    match message {
        Message::Bitfield(mut inventory) if matches!(encoding, Encoding::S2 | Encoding::S5) => {
            inventory.peer_id = Some(names().peer_id);
            Message::Bitfield(inventory)
        }
        other => other,
    }
}

/// The stream in parts.
fn parts<'a>(stream: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
    cuts.extend([0, stream.len()]);
    cuts.sort_unstable();
    cuts.windows(2).map(|cut| &stream[cut[0]..cut[1]]).collect()
}

#[test]
fn a_system_says_what_it_has_words_for_and_writes_nothing_of_the_rest() {
    let names = names();
    for encoding in SYSTEMS {
        for message in one_of_each() {
            let (kind, mut out) = (message.kind(), BytesMut::new());
            let speech = Speech { encoding, names: &names };
            let said = encode(speech, &message, &mut out);
            assert_eq!(said.is_ok(), encoding.speaks(kind), "{encoding:?} {kind:?}");
            assert_eq!(out.len() as u64, encoded_len(speech, &message));
            if said.is_err() {
                assert_eq!((said, out.len()), (Err(Unspoken { encoding, kind }), 0));
            }
        }
    }
}

#[test]
fn s1_is_interested_unless_it_says_that_it_will_say_so() {
    let theirs = |text: &str| {
        let (events, left) = decoded(&mut decoder(Encoding::S1, true), [&framed(text.as_bytes())[..]]);
        assert_eq!(left, 0);
        events.into_iter().map(Result::unwrap).collect::<Vec<_>>()
    };
    let [Message::Handshake(handshake), Message::Interested] =
        &theirs(r#"{"type":"handshake","peer_id":"p1"}"#)[..]
    else {
        panic!()
    };
    assert_eq!((handshake.info_hash, handshake.peer_id), (names().info_hash, peer_id("p1").unwrap()));
    assert!(!handshake.fast && !handshake.extended);
    assert!(matches!(
        &theirs(r#"{"type":"handshake","peer_id":"p1","interest":true}"#)[..],
        [Message::Handshake(_)]
    ));
    let hex = "ab".repeat(20);
    assert_eq!(peer_id(&hex), Some(PeerId([0xAB; 20])));
    assert_ne!(peer_id("p1"), peer_id("p2"));
    assert_eq!((peer_id(""), peer_id(&"x".repeat(65))), (None, None));
}

#[test]
fn an_s4_request_is_as_many_as_it_has_blocks_and_answers_join_to_it() {
    let ask = |offset: u64, size: u64| {
        let line = format!("GET a%20film%3D1%2C%20100%25.mp4 {offset} {size}\n");
        decoded(&mut decoder(Encoding::S4, false), [line.as_bytes()]).0
    };
    let span = |index, begin, length| Ok(Message::Request(BlockSpan { index, begin, length }));
    assert_eq!(ask(250, 400), [span(0, 250, 50), span(1, 0, 300), span(2, 0, 50)]);
    assert_eq!(ask(22_999, 1), [span(76, 199, 1)]);
    for (offset, size) in [(0, 0), (0, 23_001), (23_000, 1), (u64::MAX, 2), (0, MAX_GET + 1)] {
        assert_eq!(ask(offset, size), [Err(TextError::Range { offset, size }.into())]);
    }
}

#[test]
fn text_that_is_no_request_ends_the_connection() {
    let s3 = |line: &str| only(Encoding::S3, line.as_bytes());
    assert_eq!(s3("GET 76\r\n"), Ok(Message::Request(whole(76))));
    assert_eq!(s3("GET 77\n"), Err(TextError::PieceIndex { index: 77 }.into()));
    for line in
        ["\n", "GET\n", "get 1\n", "GET -1\n", "GET +1\n", "GET 1 2\n", "GET 4294967296\n", "GET 1 #ab\n"]
    {
        assert_eq!(s3(line), Err(TextError::Malformed.into()), "{line:?}");
    }
    assert_eq!(only(Encoding::S3, b"GET \xff\n"), Err(TextError::Malformed.into()));
    for line in ["GET a 1\n", "GET %ff 0 1\n", "SIZE a\n", "GET  0 1\n"] {
        assert_eq!(only(Encoding::S4, line.as_bytes()), Err(TextError::Malformed.into()), "{line:?}");
    }
    assert_eq!(only(Encoding::S4, b"GET other 0 1\n"), Err(TextError::OtherFile.into()));
    for encoding in [Encoding::S3, Encoding::S4] {
        assert_eq!(only(encoding, &vec![b'x'; MAX_LINE]), Err(TextError::LongLine.into()));
        let mut usual = Decoder::new(encoding, false, LIMITS);
        let line = &b"GET 1\n"[..];
        assert_eq!(usual.decode(&mut line.into()), Err(TextError::NoGeometry.into()));
    }
}

#[test]
fn frames_of_the_systems_are_bounded_before_anything_is_kept() {
    for encoding in FRAMED {
        for prefix in [u32::MAX, 64 << 20, 77 * 9 + 1024 + 1] {
            let mut source = BytesMut::with_capacity(16);
            source.extend_from_slice(&prefix.to_be_bytes());
            let capacity = source.capacity();
            let error = decoder(encoding, false).decode(&mut source).unwrap_err();
            assert!(matches!(error, WireError::Json(JsonError::Length { len, .. }) if len == prefix));
            assert_eq!(source.capacity(), capacity);
        }
    }
}

#[test]
fn what_is_known_is_read_strictly_and_what_is_not_is_passed_over() {
    use JsonError::{Base64, DataLength, Field, Missing, NotAnObject, PieceIndex, Syntax, UnknownType};

    let s5 = |text: &str| match only(Encoding::S5, &framed(text.as_bytes())) {
        Ok(message) => Ok(message),
        Err(WireError::Json(error)) => Err(error),
        Err(other) => panic!("{other:?}"),
    };
    let kind = MessageKind::Piece;
    assert_eq!(s5(r#"{"bloco":7,"x":[{"y":null}],"tipo":"PEDIDO"}"#), Ok(Message::Request(whole(7))));
    assert_eq!(s5(r#"{"tipo":"NOVO_PEER","id":"p2"}"#), Err(UnknownType));
    assert_eq!(s5(r#"{"type":"PEDIDO","bloco":7}"#), Err(UnknownType));
    assert_eq!(s5(r#"{"tipo":"PEDIDO"}"#), Err(Missing { kind: MessageKind::Request, key: "bloco" }));
    assert_eq!(s5(r#"["PEDIDO"]"#), Err(NotAnObject));
    assert_eq!(s5(r#"{"tipo":"ESTOQUE","blocos":[77]}"#), Err(PieceIndex { index: 77, pieces: 77 }));
    assert_eq!(s5(r#"{"tipo":"BLOCO","bloco":1,"dados":"YQ"}"#), Err(Base64 { kind, key: "dados" }));
    let long = format!(r#"{{"tipo":"BLOCO","bloco":1,"dados":"{}"}}"#, "AAAA".repeat(101));
    assert_eq!(s5(&long), Err(DataLength { kind, key: "dados", min: 0, max: 300 }));
    for wrong in [
        r#"{"tipo":"PEDIDO","tipo":"PEDIDO","bloco":1}"#,
        r#"{"tipo":"PEDIDO","bloco":"1"}"#,
        r#"{"tipo":"PEDIDO","bloco":1.0}"#,
        r#"{"tipo":"PEDIDO","bloco":-1}"#,
        r#"{"tipo":"PEDIDO","bloco":4294967296}"#,
        r#"{"tipo":"PEDIDO","bloco":null}"#,
        r#"{"tipo":"ESTOQUE","blocos":{}}"#,
        r#"{"tipo":5}"#,
    ] {
        assert!(matches!(s5(wrong), Err(Field { .. })), "{wrong}: {:?}", s5(wrong));
    }
    for broken in ["{", r#"{"tipo":"PEDIDO","bloco":1} x"#, &format!(r#"{{"x":{}"#, "[".repeat(1_000))] {
        assert!(matches!(s5(broken), Err(Syntax { .. })), "{broken}: {:?}", s5(broken));
    }
}

proptest! {
    #[test]
    fn system_messages_come_back_wherever_the_stream_is_cut(
        messages in prop::collection::vec(framed_messages(), 0..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        for encoding in FRAMED {
            let messages = spoken(encoding, &messages);
            let stream = written(encoding, &messages);
            let (events, left) = decoded(&mut decoder(encoding, false), parts(&stream, &cuts));
            prop_assert_eq!(events, messages.into_iter().map(Ok).collect::<Vec<_>>());
            prop_assert_eq!(left, 0);
        }
    }

    #[test]
    fn bare_answers_are_understood_by_who_has_asked(
        pieces in prop::collection::vec((0..77_u32, any::<u8>()), 0..8),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let asked: Vec<Message<Bytes>> =
            pieces.iter().map(|&(index, _)| Message::Request(whole(index))).collect();
        let answers: Vec<Message<Bytes>> = pieces
            .iter()
            .map(|&(index, byte)| {
                let data = vec![byte; whole(index).length as usize].into();
                Message::Piece { index, begin: 0, data }
            })
            .collect();
        for encoding in [Encoding::S3, Encoding::S4] {
            let lines = written(encoding, &asked);
            let (heard, left) = decoded(&mut decoder(encoding, false), parts(&lines, &cuts));
            prop_assert_eq!((heard, left), (asked.iter().cloned().map(Ok).collect::<Vec<_>>(), 0));
            let mut reader = decoder(encoding, false);
            for request in &asked {
                reader.sent(request);
            }
            let stream = written(encoding, &answers);
            let (heard, left) = decoded(&mut reader, parts(&stream, &cuts));
            prop_assert_eq!((heard, left), (answers.iter().cloned().map(Ok).collect::<Vec<_>>(), 0));
        }
    }

    #[test]
    fn the_length_of_system_messages_is_known_without_encoding(message in framed_messages()) {
        let names = names();
        for encoding in SYSTEMS {
            let speech = Speech { encoding, names: &names };
            let mut out = BytesMut::new();
            let _unspoken = encode(speech, &message, &mut out);
            prop_assert_eq!(encoded_len(speech, &message), out.len() as u64);
            prop_assert_eq!(encoded_len(speech, &without_bytes(&message)), out.len() as u64);
        }
    }

    #[test]
    fn any_bytes_decode_alike_in_every_system_however_they_are_cut(
        messages in prop::collection::vec(framed_messages(), 1..8),
        flips in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        handshake: bool,
    ) {
        for encoding in SYSTEMS {
            let mut bytes = written(encoding, &spoken(encoding, &messages));
            for (at, byte) in flips.iter().filter(|_| !bytes.is_empty()).copied().collect::<Vec<_>>() {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let whole = decoded(&mut decoder(encoding, handshake), [&bytes[..]]);
            for part in [1, 7] {
                let cut = decoded(&mut decoder(encoding, handshake), bytes.chunks(part));
                prop_assert_eq!(&whole.0, &cut.0);
            }
        }
    }

    #[test]
    fn every_byte_of_an_s4_request_is_asked_for_once(from in 0_u64..23_000, size in 1_u64..23_000) {
        prop_assume!(from + size <= 23_000);
        let line = format!("GET a%20film%3D1%2C%20100%25.mp4 {from} {size}\n");
        let mut next = from;
        for event in decoded(&mut decoder(Encoding::S4, false), [line.as_bytes()]).0 {
            let Ok(Message::Request(span)) = event else { panic!("{event:?}") };
            prop_assert_eq!(u64::from(span.index) * 300 + u64::from(span.begin), next);
            prop_assert!(names().geometry.unwrap().checked_span(span).is_some() && span.length <= 300);
            next += u64::from(span.length);
        }
        prop_assert_eq!(next, from + size);
    }
}

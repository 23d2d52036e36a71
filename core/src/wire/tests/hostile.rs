//! Streams that a peer may send to do harm: each is a typed error, at once, and costs no memory.

use super::*;

fn open(encoding: Encoding) -> Decoder {
    Decoder::new(encoding, false, LIMITS)
}

/// The only thing that the stream decodes to.
fn only(encoding: Encoding, stream: &[u8]) -> Result<Message<Bytes>, WireError> {
    let (events, _) = decoded(&mut open(encoding), [stream]);
    match &events[..] {
        [event] => event.clone(),
        other => panic!("{} events: {other:?}", other.len()),
    }
}

fn json(text: &str) -> Result<Message<Bytes>, JsonError> {
    match only(Encoding::Json, &framed(text.as_bytes())) {
        Ok(message) => Ok(message),
        Err(WireError::Json(error)) => Err(error),
        Err(other) => panic!("{other:?}"),
    }
}

#[test]
fn a_long_prefix_is_refused_before_anything_is_kept() {
    use WireError::{Bep3, Json};

    for (encoding, longest) in [(Encoding::Bep3, 309), (Encoding::Json, 400 + 512)] {
        for prefix in [u32::MAX, 1 << 31, 64 << 20, longest + 1] {
            let mut source = BytesMut::with_capacity(16);
            source.extend_from_slice(&prefix.to_be_bytes());
            let capacity = source.capacity();
            let error = open(encoding).decode(&mut source).unwrap_err();
            let (Bep3(Bep3Error::TooLong { len, max }) | Json(JsonError::Length { len, max })) = error else {
                panic!("{error:?}");
            };
            assert_eq!((len, max), (prefix, longest));
            assert_eq!(source.capacity(), capacity);
        }
        let mut source = BytesMut::from(&longest.to_be_bytes()[..]);
        assert_eq!(open(encoding).decode(&mut source), Ok(None));
    }
}

#[test]
fn before_the_handshake_little_is_kept() {
    let decoder = Decoder::new(Encoding::Bep3, true, LIMITS);
    assert_eq!(decoder.max_buffered(), 68);
    let decoder = Decoder::new(Encoding::Json, true, LIMITS);
    assert_eq!(decoder.max_buffered(), 4 + 512);
    let (events, _) = decoded(&mut Decoder::new(Encoding::Json, true, LIMITS), [&513_u32.to_be_bytes()[..]]);
    assert_eq!(events, [Err(JsonError::Length { len: 513, max: 512 }.into())]);
}

#[test]
fn a_known_id_has_its_length_and_no_other() {
    // Id, and the legal lengths under LIMITS.
    let legal = [
        (0, 1..=1),
        (1, 1..=1),
        (2, 1..=1),
        (3, 1..=1),
        (4, 5..=5),
        (5, 11..=11),
        (6, 13..=13),
        (7, 9..=309),
        (8, 13..=13),
        (9, 3..=3),
        (13, 5..=5),
        (14, 1..=1),
        (15, 1..=1),
        (16, 13..=13),
        (17, 5..=5),
        (20, 2..=202),
    ];
    for (id, legal) in legal {
        for len in 1_u16..=309 {
            let mut frame = u32::from(len).to_be_bytes().to_vec();
            frame.push(id);
            if legal.contains(&len) {
                frame.resize(4 + usize::from(len), 0);
                assert!(only(Encoding::Bep3, &frame).is_ok(), "id {id}, length {len}");
            } else {
                // Refused by the first five bytes.
                match only(Encoding::Bep3, &frame) {
                    Err(WireError::Bep3(Bep3Error::Length { len: got, .. })) => {
                        assert_eq!(got, u32::from(len));
                    }
                    other => panic!("id {id}, length {len}: {other:?}"),
                }
            }
        }
    }
}

#[test]
fn unknown_messages_can_be_skipped() {
    for id in [10, 11, 12, 18, 19, 21, 0xff] {
        let have = encoded(Encoding::Bep3, &[Message::Have { index: 3 }]);
        let stream = [&framed(&[&[id][..], &[b'x'; 100]].concat()), &framed(&[id])[..], &have].concat();
        let expected = [
            Err(Bep3Error::UnknownId { id, len: 101 }.into()),
            Err(Bep3Error::UnknownId { id, len: 1 }.into()),
            Ok(Message::Have { index: 3 }),
        ];
        for part in [1, 50, 1000] {
            assert_eq!(decoded(&mut open(Encoding::Bep3), stream.chunks(part)).0, expected);
        }
    }
    let have = encoded(Encoding::Json, &[Message::Have { index: 3 }]);
    let stream = [&framed(br#"{"type":"ESTOQUE"}"#), &have[..]].concat();
    let expected = [Err(JsonError::UnknownType.into()), Ok(Message::Have { index: 3 })];
    assert_eq!(decoded(&mut open(Encoding::Json), [&stream[..]]).0, expected);
}

#[test]
fn a_wrong_handshake_ends_at_its_first_wrong_byte() {
    let whole = encoded(Encoding::Bep3, &one_of_each()[..1]);
    for at in 0..20 {
        let mut stream = whole.clone();
        stream[at] ^= 0x20;
        let (events, _) = decoded(&mut Decoder::new(Encoding::Bep3, true, LIMITS), [&stream[..=at]]);
        let (expected, received) = (whole[at], stream[at]);
        assert_eq!(events, [Err(Bep3Error::Handshake { at, expected, received }.into())]);
    }
}

#[test]
fn reserved_bits_that_are_not_ours_are_ignored() {
    let mut stream = encoded(Encoding::Bep3, &one_of_each()[..1]);
    stream[20..28].fill(0xff);
    let (events, _) = decoded(&mut Decoder::new(Encoding::Bep3, true, LIMITS), [&stream[..]]);
    match &events[..] {
        [Ok(Message::Handshake(handshake))] => assert!(handshake.fast && handshake.extended),
        other => panic!("{other:?}"),
    }
    stream[25] = !0x10;
    stream[27] = !0x04;
    let (events, _) = decoded(&mut Decoder::new(Encoding::Bep3, true, LIMITS), [&stream[..]]);
    match &events[..] {
        [Ok(Message::Handshake(handshake))] => assert!(!handshake.fast && !handshake.extended),
        other => panic!("{other:?}"),
    }
}

#[test]
fn spare_bits_are_refused() {
    let mut stream = framed(&[5, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0b0000_0100]);
    assert_eq!(only(Encoding::Bep3, &stream), Err(Bep3Error::SpareBits.into()));
    *stream.last_mut().unwrap() = 0b0000_1000;
    assert!(only(Encoding::Bep3, &stream).is_ok());
    assert_eq!(json(r#"{"type":"bitfield","bits":"AAAAAAAAAAAABA=="}"#), Err(JsonError::SpareBits));
    assert!(json(r#"{"type":"bitfield","bits":"AAAAAAAAAAAACA=="}"#).is_ok());
}

#[test]
fn json_without_a_handshake_first_or_with_two() {
    let handshake = encoded(Encoding::Json, &one_of_each()[..1]);
    for other in ["choke", "estoque"] {
        let mut decoder = Decoder::new(Encoding::Json, true, LIMITS);
        let other = framed(format!(r#"{{"type":"{other}"}}"#).as_bytes());
        assert_eq!(decoded(&mut decoder, [&other[..]]).0, [Err(JsonError::NoHandshake.into())]);
    }
    let mut decoder = Decoder::new(Encoding::Json, true, LIMITS);
    let (events, _) = decoded(&mut decoder, [&handshake[..], &handshake[..]]);
    assert_eq!(events[1], Err(JsonError::SecondHandshake.into()));
    assert_eq!(only(Encoding::Json, &handshake), Err(JsonError::SecondHandshake.into()));
}

#[test]
fn json_that_others_write_is_read() {
    for text in [
        r#"{"type": "request", "index": 3, "begin": 0, "length": 16384}"#,
        " {\n\"length\" : 16384 ,\r\n\t\"begin\":0,\"index\":3,\"\\u0074ype\":\"re\\u0071uest\"} ",
    ] {
        assert_eq!(json(text), Ok(Message::Request(BlockSpan { index: 3, begin: 0, length: 16_384 })));
    }
    // Some encoders write an escape before each slash.
    let data = Bytes::from_static(&[0xff; 3]);
    let expected = Ok(Message::Piece { index: 0, begin: 0, data });
    assert_eq!(json(r#"{"type":"piece","index":0,"begin":0,"data":"\/\/\/\/"}"#), expected);
}

#[test]
fn json_that_is_not_exactly_a_message() {
    let wrong_field = [
        r#"{"type":"have","index":3,"index":3}"#,
        r#"{"type":"have","type":"have","index":3}"#,
        r#"{"type":"have","index":3,"extra":1}"#,
        r#"{"type":"have","index":3,"":1}"#,
        r#"{"type":"have","index":"3"}"#,
        r#"{"type":"have","index":null}"#,
        r#"{"type":"choke","index":null}"#,
        r#"{"type":"have","index":3.0}"#,
        r#"{"type":"have","index":3e0}"#,
        r#"{"type":"have","index":-0}"#,
        r#"{"type":"have","index":-1}"#,
        r#"{"type":"have","index":4294967296}"#,
        r#"{"type":"have","index":true}"#,
        r#"{"type":"have","index":[3]}"#,
        r#"{"type":"port","port":65536}"#,
        r#"{"type":3}"#,
        r#"{"type":null}"#,
        r#"{"index":3}"#,
        "{}",
    ];
    for text in wrong_field {
        assert!(matches!(json(text), Err(JsonError::Field { .. })), "{text}: {:?}", json(text));
    }
    let no_json = [
        r#"{"type":"have","index":03}"#,
        r#"{"type":"have","index":3,}"#,
        r#"{"type":"have","index":3}}"#,
        r#"{"type":"have","index":3}{"#,
        r#"{"type":"have","index":3"#,
        r#"{"type":"have""#,
        "{'type':'choke'}",
        "{\"type\":\"cho\nke\"}",
        r#"{"type":"\ud800"}"#,
        "{",
        " ",
    ];
    for text in no_json {
        assert!(matches!(json(text), Err(JsonError::Syntax { .. })), "{text}: {:?}", json(text));
    }
    for text in ["[]", r#"["have",3]"#, "\"have\"", "3", "null", "x", "\u{feff}{}"] {
        assert_eq!(json(text), Err(JsonError::NotAnObject), "{text}");
    }
    let invalid_text = framed(b"{\"type\":\"\xff\"}");
    assert!(matches!(only(Encoding::Json, &invalid_text), Err(WireError::Json(JsonError::Syntax { .. }))));
    assert_eq!(only(Encoding::Json, &[0; 4]), Err(JsonError::Length { len: 0, max: 912 }.into()));
    for name in ["", "Choke", "choke ", "estoque", "choke\\u0000"] {
        assert_eq!(json(&format!(r#"{{"type":"{name}"}}"#)), Err(JsonError::UnknownType), "{name}");
    }
}

#[test]
fn json_keys_must_fit_the_type() {
    let kind = MessageKind::Request;
    let text = r#"{"type":"request","index":3,"begin":0}"#;
    assert_eq!(json(text), Err(JsonError::Missing { kind, key: "length" }));
    let text = r#"{"type":"request","index":3,"begin":0,"length":1,"data":""}"#;
    assert_eq!(json(text), Err(JsonError::Unexpected { kind, key: "data" }));
    let kind = MessageKind::Choke;
    for (key, value) in
        [("index", "0"), ("fast", "true"), ("info_hash", "\"\""), ("port", "1"), ("payload", "\"\"")]
    {
        let text = format!(r#"{{"type":"choke","{key}":{value}}}"#);
        assert_eq!(json(&text), Err(JsonError::Unexpected { kind, key }));
    }
}

#[test]
fn json_depth_costs_nothing() {
    for bomb in ["[".repeat(800), "{\"type\":".repeat(90), "{\"a\":".repeat(150)] {
        assert!(json(&bomb).is_err());
        assert!(json(&format!(r#"{{"type":{bomb}"#)).is_err());
        assert!(json(&format!(r#"{{"index":{bomb}"#)).is_err());
    }
}

#[test]
fn base64_is_canonical_and_bounded() {
    let kind = MessageKind::Piece;
    let piece = |data: &str| json(&format!(r#"{{"type":"piece","index":0,"begin":0,"data":"{data}"}}"#));
    let message =
        |data: &'static [u8]| Ok(Message::Piece { index: 0, begin: 0, data: Bytes::from_static(data) });
    assert_eq!(piece(""), message(b""));
    assert_eq!(piece("QQ=="), message(b"A"));
    for wrong in [
        "QQ", "QQ=", "QR==", "QQ===", "Q", "Q===", "QQ==QQ==", "QQ-_", "QQ =", " QQ==", "QQ\\n==", "====",
        "é",
    ] {
        assert_eq!(piece(wrong), Err(JsonError::Base64 { kind, key: "data" }), "{wrong:?}");
    }
    assert!(piece(&"AAAA".repeat(100)).is_ok());
    let too_long = Err(JsonError::DataLength { kind, key: "data", min: 0, max: 300 });
    assert_eq!(piece(&"AAAA".repeat(101)), too_long);
    // Longer than a block can be, and no base64: the length is judged first.
    assert_eq!(piece(&"!".repeat(401)), too_long);

    let kind = MessageKind::Bitfield;
    for bits in ["", "AAAAAAAAAAAA", "AAAAAAAAAAAAAAA=", "AAAAAAAAAAAAAAAA"] {
        let text = format!(r#"{{"type":"bitfield","bits":"{bits}"}}"#);
        assert_eq!(json(&text), Err(JsonError::DataLength { kind, key: "bits", min: 10, max: 10 }), "{bits}");
    }
}

#[test]
fn handshake_texts_are_forty_hex_digits() {
    let digits = "00112233445566778899aAbBcCdDeEfF01234567";
    let shake = |info_hash: &str| {
        let text = format!(
            r#"{{"type":"handshake","info_hash":"{info_hash}","peer_id":"{digits}","fast":false,"extended":true}}"#
        );
        decoded(&mut Decoder::new(Encoding::Json, true, LIMITS), [&framed(text.as_bytes())[..]]).0.remove(0)
    };
    assert!(shake(digits).is_ok());
    let wrong = Err(JsonError::Hex { kind: MessageKind::Handshake, key: "info_hash" }.into());
    for text in ["", &digits[1..], &format!("{digits}0"), &format!("{digits}00"), &digits.replace('4', "g")] {
        assert_eq!(shake(text), wrong, "{text}");
    }
    assert_eq!(shake(&digits.replace("00", "+0")), wrong);
    assert_eq!(shake(&digits.replace("00", "é")), wrong);
}

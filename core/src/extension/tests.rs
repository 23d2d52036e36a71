use core::net::SocketAddr;

use bytes::Bytes;
use proptest::prelude::*;

use super::*;

fn handshake() -> ExtensionHandshake {
    ExtensionHandshake {
        metadata_size: Some(20_000),
        port: Some(6881),
        reqq: Some(250),
        upload_only: Some(true),
        client: Some("MiniBit 1".into()),
        your_ip: Some([10, 0, 0, 7].into()),
        ..ExtensionHandshake::offering(true, true)
    }
}

#[test]
fn a_handshake_is_written_as_bep_10_has_it() {
    let expected: &[u8] = b"d1:md11:ut_metadatai2e6:ut_pexi1ee13:metadata_sizei20000e1:pi6881e4:reqqi250e\
        11:upload_onlyi1e1:v9:MiniBit 16:yourip4:\x0a\0\0\x07e";
    assert_eq!(handshake().to_payload(), expected);
    assert_eq!(ExtensionHandshake::parse(expected), Ok(handshake()));
}

/// What rtorrent 0.9.8 and libtorrent 2.1 send, with keys that mean nothing here.
#[test]
fn handshakes_of_others_are_understood() {
    let rtorrent = b"d1:ei0e1:md11:ut_metadatai2e6:ut_pexi0ee1:pi6890e4:reqqi2048e1:v17:libTorrent 0.13.8e";
    let read = ExtensionHandshake::parse(rtorrent).unwrap();
    assert_eq!((read.ut_metadata, read.ut_pex, read.reqq), (Some(2), Some(0), Some(2048)));
    let libtorrent =
        b"d12:complete_agoi-1e1:md11:lt_donthavei7e10:share_modei8e11:upload_onlyi3e12:ut_holepunchi4ee\
        1:pi6881e4:reqqi2000e11:upload_onlyi0e1:v18:libtorrent/2.1.1.06:yourip4:\x7f\0\0\x01e";
    let read = ExtensionHandshake::parse(libtorrent).unwrap();
    assert_eq!((read.ut_metadata, read.upload_only, read.port), (None, Some(false), Some(6881)));
    assert_eq!(read.your_ip, Some([127, 0, 0, 1].into()));
}

/// Keys that are not sorted, on the outside and within.
#[test]
fn messages_may_have_their_keys_in_any_order() {
    let read = ExtensionHandshake::parse(b"d1:pi6881e1:md6:ut_pexi1e11:ut_metadatai2eee").unwrap();
    assert_eq!((read.port, read.ut_pex, read.ut_metadata), (Some(6881), Some(1), Some(2)));
    let read = PexMessage::parse(b"d7:dropped6:\x01\x02\x03\x04\x1a\x2b5:added0:e").unwrap();
    assert_eq!(read.dropped, ["1.2.3.4:6699".parse().unwrap()]);
    let request = MetadataMessage::parse(&Bytes::from_static(b"d5:piecei3e8:msg_typei0ee"));
    assert_eq!(request, Ok(Some(MetadataMessage::Request { piece: 3 })));
}

#[test]
fn numbers_that_cannot_be_are_left_out() {
    let wild =
        b"d1:md11:ut_metadatai256e6:ut_pexi-1ee13:metadata_sizei4294967296e1:pi0e4:reqqi9223372036854775807e\
        1:v4:a\x1b[b6:yourip3:abce";
    let read = ExtensionHandshake::parse(wild).unwrap();
    let expected =
        ExtensionHandshake { reqq: Some(u32::MAX), client: Some("a[b".into()), ..Default::default() };
    assert_eq!(read, expected);
    for size in ["0", "-1", "10000001"] {
        let text = format!("d13:metadata_sizei{size}ee");
        assert_eq!(ExtensionHandshake::parse(text.as_bytes()).unwrap().metadata_size, None, "{size}");
    }
    let none = ExtensionHandshake::parse(b"d4:reqqi0ee").unwrap();
    assert_eq!(none.reqq, Some(1), "one request at a time is the least");
    assert_eq!(ExtensionHandshake::parse(b"le"), Err(ExtensionError::NotADictionary));
}

#[test]
fn a_long_name_is_cut() {
    let name = "x".repeat(5_000);
    let payload = ExtensionHandshake { client: Some(name), ..Default::default() }.to_payload();
    assert_eq!(ExtensionHandshake::parse(&payload).unwrap().client.unwrap().len(), MAX_CLIENT_LEN);
}

/// The examples of BEP 9.
#[test]
fn metadata_messages_are_those_of_bep_9() {
    let cases = [
        (&b"d8:msg_typei0e5:piecei0ee"[..], MetadataMessage::Request { piece: 0 }),
        (b"d8:msg_typei2e5:piecei0ee", MetadataMessage::Reject { piece: 0 }),
        (
            b"d8:msg_typei1e5:piecei0e10:total_sizei4eexxxx",
            MetadataMessage::Data { piece: 0, total_size: 4, data: Bytes::from_static(b"xxxx") },
        ),
    ];
    for (payload, message) in cases {
        assert_eq!(message.to_payload(), payload);
        assert_eq!(MetadataMessage::parse(&Bytes::from_static(payload)), Ok(Some(message)));
    }
}

#[test]
fn metadata_that_contradicts_itself_is_refused() {
    let parse = |payload: &'static [u8]| MetadataMessage::parse(&Bytes::from_static(payload));
    let raw = |len, expected| Err(ExtensionError::Raw { len, expected });
    let value = |key| Err(ExtensionError::Value { key });
    assert_eq!(parse(b"d8:msg_typei1e5:piecei0e10:total_sizei4eexxx"), raw(3, 4));
    assert_eq!(parse(b"d8:msg_typei1e5:piecei0e10:total_sizei4eexxxxx"), raw(5, 4));
    assert_eq!(parse(b"d8:msg_typei1e5:piecei1e10:total_sizei4eexxxx"), value("piece"));
    assert_eq!(parse(b"d8:msg_typei1e5:piecei4294967295e10:total_sizei4eexxxx"), value("piece"));
    assert_eq!(parse(b"d8:msg_typei1e5:piecei0e10:total_sizei10000001ee"), value("total_size"));
    assert_eq!(parse(b"d8:msg_typei0e5:piecei0eex"), raw(1, 0));
    assert_eq!(parse(b"d8:msg_typei0e5:piecei-1ee"), value("piece"));
    assert_eq!(parse(b"d5:piecei0ee"), value("msg_type"));
    assert_eq!(parse(b"d8:msg_typei9ee"), Ok(None), "unknown kinds are passed over");
}

#[test]
fn metadata_is_cut_into_pieces_of_16_kib() {
    assert_eq!([0, 1, 16_384, 16_385].map(metadata_piece_count), [0, 1, 1, 2]);
    let len = |size, piece| metadata_piece_len(size, piece);
    assert_eq!([len(0, 0), len(1, 0), len(16_384, 1)], [None, Some(1), None]);
    assert_eq!([len(20_000, 0), len(20_000, 1), len(20_000, 2)], [Some(16_384), Some(3_616), None]);
}

#[test]
fn peers_are_exchanged_in_both_families() {
    let message = PexMessage {
        added: vec![
            ("10.0.0.1:6881".parse().unwrap(), PexFlags { upload_only: true, reachable: false }),
            ("[2001:db8::1]:80".parse().unwrap(), PexFlags { upload_only: false, reachable: true }),
        ],
        dropped: vec!["10.0.0.2:1".parse().unwrap(), "[2001:db8::2]:2".parse().unwrap()],
    };
    let payload = message.to_payload();
    assert!(payload.starts_with(b"d5:added6:\x0a\0\0\x01\x1a\xe17:added.f1:\x026:added618:"));
    assert_eq!(PexMessage::parse(&payload), Ok(message));
}

#[test]
fn no_more_than_fifty_peers_are_read_or_sent() {
    let many: Vec<SocketAddr> = (0..200).map(|port| ([10, 0, 0, 1], 1_000 + port).into()).collect();
    let added = many.iter().map(|&addr| (addr, PexFlags::default())).collect();
    let sent = PexMessage { added, dropped: many }.to_payload();
    let mut long = b"d5:added1200:".to_vec();
    long.extend([7; 1200]);
    long.extend(b"7:dropped7:ABCDEFGe");
    for (payload, dropped) in [(&sent[..], 50), (&long, 1)] {
        let read = PexMessage::parse(payload).unwrap();
        assert_eq!((read.added.len(), read.dropped.len()), (50, dropped));
    }
}

/// Bytes that look like bencoding more often than bytes drawn at random.
fn like_bencoding() -> impl Strategy<Value = Vec<u8>> {
    let keys =
        ["m", "p", "v", "reqq", "yourip", "added", "added.f", "added6", "dropped", "msg_type", "piece"];
    let more = ["total_size", "metadata_size", "ut_metadata", "ut_pex", "upload_only"];
    let key = proptest::sample::select([&keys[..], &more].concat());
    let string = key.prop_map(|key| format!("{}:{key}", key.len()).into_bytes());
    let number = any::<i64>().prop_map(|number| format!("i{number}e").into_bytes());
    let small = (-1..4_i64).prop_map(|number| format!("i{number}e").into_bytes());
    let raw = proptest::collection::vec(any::<u8>(), 0..40)
        .prop_map(|bytes| [format!("{}:", bytes.len()).as_bytes(), &bytes].concat());
    let punctuation = proptest::sample::select(vec![b"d".to_vec(), b"e".to_vec(), b"l".to_vec()]);
    let token = prop_oneof![3 => string, 1 => number, 3 => small, 2 => raw, 2 => punctuation];
    proptest::collection::vec(token, 0..24).prop_map(|tokens| [&b"d"[..], &tokens.concat()].concat())
}

proptest! {
    /// Whatever comes: no panic, and what is read is within its bounds and survives being written again.
    #[test]
    fn hostile_payloads_are_harmless(payload in prop_oneof![
        like_bencoding(),
        proptest::collection::vec(any::<u8>(), 0..200),
    ]) {
        if let Ok(read) = ExtensionHandshake::parse(&payload) {
            prop_assert!(read.metadata_size.is_none_or(|size| size > 0 && size <= 10_000_000));
            prop_assert!(read.port != Some(0) && read.reqq != Some(0));
            prop_assert_eq!(ExtensionHandshake::parse(&read.to_payload()).unwrap().reqq, read.reqq);
        }
        if let Ok(read) = PexMessage::parse(&payload) {
            prop_assert!(read.added.len() <= MAX_PEX_PEERS && read.dropped.len() <= MAX_PEX_PEERS);
            let again = PexMessage::parse(&read.to_payload()).unwrap();
            prop_assert_eq!(again.added.len(), read.added.len());
        }
        if let Ok(Some(read)) = MetadataMessage::parse(&payload.into()) {
            prop_assert_eq!(MetadataMessage::parse(&read.to_payload()), Ok(Some(read)));
        }
    }

    #[test]
    fn handshakes_survive_the_wire(
        ids in any::<(Option<u8>, Option<u8>)>(),
        size in proptest::option::of(1..10_000_000_u32),
        numbers in any::<(Option<core::num::NonZeroU16>, Option<core::num::NonZeroU32>, Option<bool>)>(),
        client in proptest::option::of("[a-zA-Z0-9 /.é-]{0,20}"),
        your_ip in any::<Option<core::net::Ipv4Addr>>(),
    ) {
        let handshake = ExtensionHandshake {
            ut_metadata: ids.0,
            ut_pex: ids.1,
            metadata_size: size,
            port: numbers.0.map(Into::into),
            reqq: numbers.1.map(Into::into),
            upload_only: numbers.2,
            client,
            your_ip: your_ip.map(Into::into),
        };
        prop_assert_eq!(ExtensionHandshake::parse(&handshake.to_payload()), Ok(handshake));
    }

    #[test]
    fn metadata_survives_the_wire(size in 1..60_000_u32, piece in 0..4_u32, fill in any::<u8>()) {
        if let Some(len) = metadata_piece_len(size, piece) {
            let data = vec![fill; len as usize].into();
            let message = MetadataMessage::Data { piece, total_size: size, data };
            prop_assert_eq!(MetadataMessage::parse(&message.to_payload()), Ok(Some(message)));
        }
    }
}

//! Torrents that are made come back; torrents that lie are refused.

use proptest::prelude::*;
use sha1::{Digest as _, Sha1};

use super::MetainfoError as E;
use super::*;

/// A string in bencoding.
fn text(text: &str) -> String {
    format!("{}:{text}", text.len())
}

/// The `info` dictionary of a file; `keys` stand in its place.
fn single(len: i64, piece_len: i64, pieces: usize) -> String {
    let pieces = text(&"h".repeat(20 * pieces));
    format!("d6:lengthi{len}e4:name1:f12:piece lengthi{piece_len}e6:pieces{pieces}e")
}

/// The `info` dictionary of a directory with files of one byte each; a path is written with slashes.
fn directory(paths: &[&str]) -> String {
    let files = paths.iter().fold(String::new(), |files, path| {
        let names: String = path.split('/').map(text).collect();
        files + "d6:lengthi1e4:pathl" + &names + "ee"
    });
    format!("d5:filesl{files}e4:name1:d12:piece lengthi16384e6:pieces{}e", text(&"h".repeat(20)))
}

fn parse_info(info: &str) -> Result<Metainfo, E> {
    Metainfo::parse(format!("d4:info{info}e").as_bytes())
}

fn paths(paths: &[&str]) -> Result<(), E> {
    parse_info(&directory(paths)).map(drop)
}

#[test]
fn a_file_is_read() {
    let info = single(80_000, 32_768, 3);
    let bytes = format!("d8:announce6:http:/4:info{info}e");
    let metainfo = Metainfo::parse(bytes.as_bytes()).unwrap();
    assert_eq!(metainfo.name(), "f");
    assert_eq!(metainfo.directory(), None);
    let file = File { path: vec!["f".into()], len: 80_000, offset: 0, padding: false, sha1: None };
    assert_eq!(metainfo.files(), [file]);
    let geometry = metainfo.geometry();
    assert_eq!((geometry.len(), geometry.piece_count(), geometry.nominal_block_len()), (80_000, 3, 16_384));
    assert_eq!(metainfo.piece_hash(geometry.piece(2).unwrap()), Some(b"hhhhhhhhhhhhhhhhhhhh"));
    assert_eq!(metainfo.info_hash(), InfoHash(Sha1::digest(info.as_bytes()).into()));
    assert_eq!(metainfo.info(), info.as_bytes());
    assert_eq!(metainfo.trackers(), [["http:/"]]);
    assert!(!metainfo.is_private());
    assert_eq!(metainfo.to_bytes(), bytes.as_bytes());
}

#[test]
fn the_info_hash_is_of_the_bytes_as_they_stand() {
    // Keys that are not known here count, as they do for everybody else.
    let info = single(1, 1, 1).replace("12:piece", "4:nonei1e12:piece");
    let metainfo = parse_info(&info).unwrap();
    assert_eq!(metainfo.info_hash(), InfoHash(Sha1::digest(info.as_bytes()).into()));
    assert_eq!(Metainfo::parse(&metainfo.to_bytes()), Ok(metainfo));
}

#[test]
fn an_info_dictionary_from_peers_must_have_the_hash_that_was_asked_for() {
    let info = single(1, 1, 1);
    let expected = InfoHash(Sha1::digest(info.as_bytes()).into());
    let metainfo = Metainfo::from_info(info.as_bytes(), expected).unwrap();
    assert_eq!(metainfo, parse_info(&info).unwrap());
    let other = single(2, 2, 1);
    let received = InfoHash(Sha1::digest(other.as_bytes()).into());
    assert_eq!(Metainfo::from_info(other.as_bytes(), expected), Err(E::InfoHash { expected, received }));
    let garbage = InfoHash(Sha1::digest(b"de!").into());
    assert!(matches!(Metainfo::from_info(b"de!", garbage), Err(E::Bencode(_))));
}

#[test]
fn a_directory_is_read_and_padding_is_told_apart() {
    let pad = "d4:attr1:p6:lengthi3e4:pathl4:.pad1:3ee";
    let files = format!("d6:lengthi1e4:pathl1:aee{pad}d6:lengthi0e4:pathl1:b1:cee{pad}");
    let info = format!("d5:filesl{files}e4:name1:d12:piece lengthi4e6:pieces{}e", text(&"h".repeat(40)));
    let metainfo = parse_info(&info).unwrap();
    assert_eq!(metainfo.directory(), Some("d"));
    let files: Vec<_> = metainfo
        .files()
        .iter()
        .map(|file| (file.path.join("/"), file.offset, file.len, file.padding))
        .collect();
    let expected = [("a", 0, 1, false), (".pad/3", 1, 3, true), ("b/c", 4, 0, false), (".pad/3", 4, 3, true)];
    assert_eq!(files, expected.map(|(path, offset, len, padding)| (path.to_owned(), offset, len, padding)));
    // Blocks are no longer than pieces.
    assert_eq!(metainfo.geometry().nominal_block_len(), 4);
}

#[test]
fn hashes_of_whole_files_come_back() {
    let hashes = [[1; HASH_LEN], [2; HASH_LEN]];
    let digests = |builder: Builder| {
        let metainfo = builder.sha1(hashes.into()).build(&[[0; HASH_LEN]]).unwrap();
        metainfo.files().iter().map(|file| file.sha1).collect::<Vec<_>>()
    };
    assert_eq!(digests(Builder::file("f", 5)), [Some(hashes[0])]);
    let paths = ["a", "b", "c"].map(|name| (vec![name.to_owned()], 1));
    assert_eq!(digests(Builder::directory("d", paths.into())), [Some(hashes[0]), Some(hashes[1]), None]);
    // In another form it is not what BEP 47 means.
    let old = single(1, 1, 1).replace("e6:pieces", "e4:sha13:abc6:pieces");
    let sorted = single(1, 1, 1).strip_suffix('e').unwrap().to_owned() + "4:sha13:abce";
    assert!(parse_info(&old).is_err(), "keys are in order");
    assert_eq!(parse_info(&sorted).unwrap().files()[0].sha1, None);
}

#[test]
fn lengths_that_cannot_be() {
    let range = |key, value| Err(E::Range { key, value });
    assert_eq!(parse_info(&single(1, 0, 1)), range("piece length", 0));
    assert_eq!(parse_info(&single(1, -1, 1)), range("piece length", -1));
    assert_eq!(parse_info(&single(1, i64::MAX, 1)), range("piece length", i64::MAX.into()));
    assert_eq!(parse_info(&single(1, 1 << 29, 1)).map(drop), Ok(()));
    assert_eq!(parse_info(&single(1, (1 << 29) + 1, 1)), range("piece length", (1 << 29) + 1));
    assert_eq!(parse_info(&single(-1, 16_384, 1)), range("length", -1));
    assert_eq!(parse_info(&single(0, 16_384, 0)), Err(GeometryError::Empty.into()));
    assert_eq!(
        parse_info(&single(i64::MAX, 1, 1)),
        Err(GeometryError::TooManyPieces(i64::MAX as u64).into())
    );
    assert_eq!(parse_info(&single(100, 50, 1)), Err(E::HashCount { expected: 2, received: 1 }));
    assert_eq!(parse_info(&single(100, 50, 3)), Err(E::HashCount { expected: 2, received: 3 }));
    assert_eq!(parse_info(&single(100, 50, 0)), Err(E::HashCount { expected: 2, received: 0 }));
    let ragged = single(100, 50, 2).replace("40:h", "41:hh");
    assert_eq!(parse_info(&ragged), Err(E::Hashes { len: 41 }));

    let two = |a: i64, b: i64| {
        directory(&["a", "b"]).replacen("i1e", &format!("i{a}e"), 1).replacen("i1e", &format!("i{b}e"), 1)
    };
    assert_eq!(parse_info(&two(i64::MAX, 2)), range("length", 2));
    assert_eq!(parse_info(&two(i64::MAX, i64::MAX)), range("length", i64::MAX.into()));
    assert_eq!(parse_info(&two(5, -3)), range("length", -3));
    assert_eq!(parse_info(&two(0, 0)), Err(GeometryError::Empty.into()));
    assert_eq!(parse_info(&directory(&[])), Err(GeometryError::Empty.into()));
}

#[test]
fn what_is_missing_or_of_the_wrong_type() {
    let whole = single(1, 1, 1);
    for (part, key) in [
        ("6:lengthi1e", "length"),
        ("4:name1:f", "name"),
        ("12:piece lengthi1e", "piece length"),
        ("6:pieces20:hhhhhhhhhhhhhhhhhhhh", "pieces"),
    ] {
        assert_eq!(parse_info(&whole.replace(part, "")), Err(E::Missing { key }));
        let name = part.split_at(part.find(key).unwrap() + key.len()).0;
        assert_eq!(parse_info(&whole.replace(part, &format!("{name}le"))), Err(E::Type { key }));
    }
    assert_eq!(parse_info("le"), Err(E::Type { key: "info" }));
    assert_eq!(Metainfo::parse(b"le"), Err(E::Type { key: "" }));
    assert_eq!(Metainfo::parse(b"de"), Err(E::Missing { key: "info" }));
    assert_eq!(Metainfo::parse(b"").map(drop), Err(BencodeError::Truncated { at: 0 }.into()));
    assert_eq!(parse_info(&format!("d5:filesle{}", &whole[1..])), Err(E::FileAndDirectory));
    assert_eq!(
        parse_info("d9:file treede12:meta versioni2e4:name1:x12:piece lengthi16384ee"),
        Err(E::OnlyV2)
    );
    for (value, expected) in
        [("i0e", Ok(false)), ("i1e", Ok(true)), ("i2e", Err(E::Range { key: "private", value: 2 }))]
    {
        let info = format!("{}7:private{value}e", &whole[..whole.len() - 1]);
        assert_eq!(parse_info(&info).map(|metainfo| metainfo.is_private()), expected);
    }
    let directory = directory(&["a"]);
    for (from, to, error) in [
        ("6:lengthi1e", "", E::Missing { key: "length" }),
        ("4:pathl1:ae", "", E::Missing { key: "path" }),
        ("4:pathl1:ae", "4:path1:a", E::Type { key: "path" }),
        ("4:pathl1:ae", "4:pathli1ee", E::Type { key: "path" }),
        ("d6:length", "d4:attr1:l6:length", E::Symlink { file: 0 }),
        ("d6:lengthi1e4:pathl1:aee", "i1e", E::Type { key: "files" }),
    ] {
        assert_eq!(parse_info(&directory.replace(from, to)), Err(error), "{from} -> {to}");
    }
}

#[test]
fn names_that_do_harm() {
    use PathError as P;
    let long = "x".repeat(256);
    let cases = [
        ("", P::Empty),
        (".", P::Dots),
        ("..", P::Dots),
        ("...", P::Dots),
        (".. ", P::Dots),
        (" ", P::Dots),
        ("a\\b", P::Separator),
        ("..\\x", P::Separator),
        ("a\0", P::Control(0)),
        ("\x1b[2J", P::Control(0x1b)),
        ("a\n", P::Control(10)),
        ("\u{85}", P::Control(0x85)),
        ("C:", P::Drive),
        ("c:x", P::Drive),
        ("con", P::Reserved),
        ("NUL.txt", P::Reserved),
        ("Aux .tar.gz", P::Reserved),
        ("prn ", P::Reserved),
        ("CONIN$", P::Reserved),
        ("nul:x", P::Reserved),
        ("com1", P::Reserved),
        ("LPT9.x", P::Reserved),
        ("COM¹", P::Reserved),
        (long.as_str(), P::TooLong { len: 256 }),
    ];
    for (name, error) in cases {
        for path in [name.to_owned(), format!("a/{name}"), format!("{name}/a")] {
            assert_eq!(paths(&["ok", &path]), Err(E::Path { file: 1, error }), "{path:?}");
        }
        let info = single(1, 1, 1).replace("4:name1:f", &format!("4:name{}", text(name)));
        assert_eq!(parse_info(&info), Err(E::Name(error)), "{name:?}");
    }
    // A separator within one element, and a path without any.
    for name in ["../../etc/passwd", "/etc/passwd", "a/b"] {
        let info = directory(&["a"]).replace("l1:ae", &format!("l{}e", text(name)));
        assert_eq!(parse_info(&info), Err(E::Path { file: 0, error: P::Separator }));
    }
    let info = directory(&["a"]).replace("l1:ae", "le");
    assert_eq!(parse_info(&info), Err(E::Path { file: 0, error: P::NoElements }));
    let mut bytes = format!("d4:info{}e", directory(&["a"])).into_bytes();
    let at = bytes.windows(5).position(|window| window == b"l1:ae").unwrap();
    bytes[at + 3] = 0xff;
    assert_eq!(Metainfo::parse(&bytes), Err(E::Path { file: 0, error: P::NotText }));
}

#[test]
fn names_that_do_not() {
    let long = "x".repeat(255);
    let names = [
        "a",
        ".hidden",
        "..a",
        "a..",
        "a b",
        "com",
        "com10",
        "console",
        "nullable.txt",
        "1:2",
        "Δελτίο",
        &long,
    ];
    assert_eq!(paths(&names), Ok(()));
    assert_eq!(paths(&[&vec!["d"; 100].join("/")]), Ok(()));
    let too_deep = Err(E::Path { file: 0, error: PathError::TooDeep });
    assert_eq!(paths(&[&vec!["d"; 101].join("/")]), too_deep);
    assert_eq!(paths(&[&vec!["d"; 100_000].join("/")]), too_deep);
}

#[test]
fn files_in_each_others_way() {
    let collision = |first, second| Err(E::Collision { first, second });
    assert_eq!(paths(&["a", "b", "a"]), collision(0, 2));
    assert_eq!(paths(&["b/c", "a", "b"]), collision(2, 0));
    assert_eq!(paths(&["a/b/c", "a!", "a/b"]), collision(2, 0));
    assert_eq!(paths(&["a", "a!b", "a/b", "ab"]), collision(0, 2));
    assert_eq!(paths(&["a/b", "a/c", "ab", "a!", "A/b"]), Ok(()));
}

#[test]
fn numbers_of_things_are_bounded() {
    let numbered: Vec<String> = (0..=MAX_FILES).map(|number| number.to_string()).collect();
    let numbered: Vec<&str> = numbered.iter().map(String::as_str).collect();
    assert_eq!(paths(&numbered), Err(E::TooManyFiles));
    let info = directory(&numbered[1..]).replacen("i16384e", "i100000e", 1);
    assert_eq!(parse_info(&info).map(|metainfo| metainfo.files().len()), Ok(MAX_FILES));
    let deep: Vec<String> = (0..MAX_NAMES / 50).map(|number| "d/".repeat(50) + &number.to_string()).collect();
    assert_eq!(paths(&deep.iter().map(String::as_str).collect::<Vec<_>>()), Err(E::TooManyNames));
    let trackers = |number: usize| {
        let urls = "0:1:u".repeat(number);
        let info = single(1, 1, 1);
        Metainfo::parse(format!("d13:announce-listll0:el{urls}ee4:info{info}e").as_bytes())
    };
    assert_eq!(trackers(MAX_TRACKERS).map(|metainfo| metainfo.trackers().len()), Ok(1));
    assert_eq!(trackers(MAX_TRACKERS + 1), Err(E::TooManyTrackers));
    assert_eq!(Metainfo::parse(&vec![b'l'; MAX_LEN + 1]), Err(E::TooLong { len: MAX_LEN + 1 }));
}

#[test]
fn remarks_may_be_in_any_encoding_but_urls_may_not() {
    let info = single(1, 1, 1);
    let bytes = [b"d7:comment2:\xe9!4:info", info.as_bytes(), b"e"].concat();
    assert_eq!(Metainfo::parse(&bytes).unwrap().comment(), Some("\u{fffd}!"));
    let bytes = [b"d8:announce2:\xe9!4:info", info.as_bytes(), b"e"].concat();
    assert_eq!(Metainfo::parse(&bytes), Err(E::NotText { key: "announce" }));
}

#[test]
fn every_truncation_and_every_flipped_bit_is_survived() {
    let metainfo =
        Builder::directory("d", vec![(vec!["a".into(), "b".into()], 5), (vec!["c".into()], 20_000)])
            .tier(["http://a/announce", "udp://b"])
            .comment("hi")
            .build(&[[7; 20]; 2])
            .unwrap();
    let bytes = metainfo.to_bytes();
    for at in 0..bytes.len() {
        assert!(matches!(Metainfo::parse(&bytes[..at]), Err(E::Bencode(_))), "{at}");
        for bit in 0..8 {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1 << bit;
            if let Ok(parsed) = Metainfo::parse(&bytes) {
                assert_eq!(Metainfo::parse(&parsed.to_bytes()), Ok(parsed));
            }
        }
    }
}

#[test]
fn a_piece_length_is_chosen() {
    let chosen = |len| Builder::file("f", len).geometry().map(|geometry| geometry.nominal_piece_len());
    assert_eq!(chosen(1), Ok(16 << 10));
    assert_eq!(chosen(2048 * (16 << 10)), Ok(16 << 10));
    assert_eq!(chosen(2048 * (16 << 10) + 1), Ok(32 << 10));
    assert_eq!(chosen(1 << 40), Ok(16 << 20));
    assert_eq!(chosen(0), Err(GeometryError::Empty.into()));
    assert_eq!(chosen(u64::MAX), Err(GeometryError::TooManyPieces(u64::MAX.div_ceil(16 << 20)).into()));
    assert_eq!(Builder::file("f", 1).piece_len(0).geometry(), Err(GeometryError::PieceLength(0).into()));
}

#[test]
fn nothing_is_made_that_would_not_be_read() {
    let hashes = [[0; 20]];
    assert_eq!(Builder::file("..", 1).build(&hashes), Err(E::Name(PathError::Dots)));
    assert_eq!(Builder::file("f", 1).build(&[]), Err(E::HashCount { expected: 1, received: 0 }));
    let same = vec![(vec!["a".to_owned()], 1); 2];
    assert_eq!(Builder::directory("d", same).build(&hashes), Err(E::Collision { first: 0, second: 1 }));
    let large = Builder::file("f", 600_000).piece_len(1);
    assert!(matches!(large.build(&vec![[0; 20]; 600_000]), Err(E::TooLong { .. })));
}

#[test]
fn content_of_another_length_is_not_hashed() {
    let hasher = PieceHasher::new(Builder::file("f", 40).piece_len(16).geometry().unwrap());
    let mut short = hasher.clone();
    assert_eq!(short.update(&[0; 39]), Ok(()));
    assert_eq!(short.finish(), Err(E::ContentLength { expected: 40, received: 39 }));
    let mut long = hasher;
    assert_eq!(long.update(&[0; 41]), Err(E::ContentLength { expected: 40, received: 41 }));
}

proptest! {
    #[test]
    fn what_was_made_is_read(
        lens in prop::collection::vec(0_u64..5000, 1..6),
        is_directory: bool,
        piece_len in 1_u32..3000,
        part in 1_usize..4000,
        private: bool,
        tiers in prop::collection::vec(prop::collection::vec("[a-z]{1,9}", 1..3), 0..3),
        comment in prop::option::of(".{0,9}"),
        date in prop::option::of(any::<i64>()),
    ) {
        let total: u64 = if is_directory { lens.iter().sum() } else { lens[0] };
        prop_assume!(total > 0);
        let mut builder = if is_directory {
            let file = |(number, &len): (usize, &u64)| (vec!["dir".into(), number.to_string()], len);
            Builder::directory("top", lens.iter().enumerate().map(file).collect())
        } else {
            Builder::file("top", total)
        };
        builder = builder.piece_len(piece_len).private(private);
        for tier in &tiers {
            builder = builder.tier(tier);
        }
        if let Some(comment) = &comment {
            builder = builder.comment(comment);
        }
        if let Some(date) = date {
            builder = builder.creation_date(date);
        }

        let content: Vec<u8> = (0..total).map(|at| at.to_le_bytes()[0]).collect();
        let mut hasher = PieceHasher::new(builder.geometry().unwrap());
        for part in content.chunks(part) {
            hasher.update(part).unwrap();
        }
        let hashes = hasher.finish().unwrap();
        let expected: Vec<[u8; 20]> =
            content.chunks(piece_len as usize).map(|piece| Sha1::digest(piece).into()).collect();
        prop_assert_eq!(&hashes, &expected);

        let metainfo = builder.build(&hashes).unwrap();
        prop_assert_eq!(Metainfo::parse(&metainfo.to_bytes()), Ok(metainfo.clone()));
        prop_assert_eq!(metainfo.geometry().len(), total);
        prop_assert_eq!(metainfo.files().iter().map(|file| file.len).sum::<u64>(), total);
        prop_assert_eq!(metainfo.is_private(), private);
        prop_assert_eq!(metainfo.announce(), tiers.first().map(|tier| tier[0].as_str()));
        prop_assert_eq!(metainfo.trackers(), tiers);
        prop_assert_eq!(metainfo.comment(), comment.as_deref());
        prop_assert_eq!(metainfo.creation_date(), date);
        for (piece, hash) in metainfo.geometry().pieces().zip(&expected) {
            prop_assert_eq!(metainfo.piece_hash(piece), Some(hash));
        }
    }
}

//! Hostile input, and agreement with another strict parser.

use std::borrow::Cow;

use proptest::prelude::*;

use super::BencodeError as E;
use super::*;

/// What a value is, apart from where it stands.
fn item(value: Value<'_>) -> Item<'_> {
    match value {
        Value::Integer(number) => Item::Integer(number),
        Value::Bytes(bytes) => Item::Bytes(bytes.into()),
        Value::List(list) => list.iter().map(item).collect(),
        Value::Dict(dict) => Item::dict(dict.iter().map(|(key, value)| (key, item(value)))),
    }
}

/// What bendy, an independent parser, takes the input for.
fn oracle(input: &[u8]) -> Option<Item<'_>> {
    use bendy::decoding::{Decoder, Object};

    fn read<'a>(object: Object<'_, 'a>) -> Option<Item<'a>> {
        Some(match object {
            Object::Integer(number) => Item::Integer(number.parse().ok()?),
            Object::Bytes(bytes) => Item::Bytes(bytes.into()),
            Object::List(mut list) => {
                let mut items = Vec::new();
                while let Some(object) = list.next_object().ok()? {
                    items.push(read(object)?);
                }
                Item::List(items)
            }
            Object::Dict(mut dict) => {
                let mut entries = Vec::new();
                while let Some((key, object)) = dict.next_pair().ok()? {
                    entries.push((key, read(object)?));
                }
                Item::dict(entries)
            }
        })
    }
    let mut decoder = Decoder::new(input).with_max_depth(MAX_DEPTH as usize);
    let item = read(decoder.next_object().ok()??)?;
    decoder.next_object().ok()?.is_none().then_some(item)
}

#[test]
fn values_are_read() {
    assert_eq!(parse(b"i0e"), Ok(Value::Integer(0)));
    assert_eq!(parse(b"i-42e"), Ok(Value::Integer(-42)));
    assert_eq!(parse(b"i9223372036854775807e"), Ok(Value::Integer(i64::MAX)));
    assert_eq!(parse(b"i-9223372036854775808e"), Ok(Value::Integer(i64::MIN)));
    assert_eq!(parse(b"0:"), Ok(Value::Bytes(b"")));
    assert_eq!(parse(b"2:\xff\x00"), Ok(Value::Bytes(b"\xff\x00")));
    assert_eq!(item(parse(b"le").unwrap()), Item::List(vec![]));
    let dict = parse(b"d0:i1e1:al2:xxe2:aade1:bi2ee").unwrap().as_dict().unwrap();
    assert_eq!(dict.get(""), Some(Value::Integer(1)));
    assert_eq!(dict.get("b"), Some(Value::Integer(2)));
    assert_eq!(dict.get("aa").and_then(Value::as_dict).map(Dict::as_bytes), Some(&b"de"[..]));
    for absent in ["0", "ab", "c"] {
        assert_eq!(dict.get(absent), None);
    }
}

#[test]
fn what_is_not_canonical_is_refused() {
    let cases: [(&[u8], E); 40] = [
        (b"", E::Truncated { at: 0 }),
        (b"i", E::Truncated { at: 1 }),
        (b"i-", E::Truncated { at: 2 }),
        (b"i12", E::Truncated { at: 3 }),
        (b"ie", E::Unexpected { at: 1, byte: b'e' }),
        (b"i-e", E::Unexpected { at: 2, byte: b'e' }),
        (b"i--1e", E::Unexpected { at: 2, byte: b'-' }),
        (b"i+1e", E::Unexpected { at: 1, byte: b'+' }),
        (b"i 1e", E::Unexpected { at: 1, byte: b' ' }),
        (b"i1.5e", E::Unexpected { at: 2, byte: b'.' }),
        (b"i03e", E::LeadingZero { at: 1 }),
        (b"i00e", E::LeadingZero { at: 1 }),
        (b"i-0e", E::LeadingZero { at: 1 }),
        (b"i-03e", E::LeadingZero { at: 2 }),
        (b"i9223372036854775808e", E::Range { at: 1 }),
        (b"i-9223372036854775809e", E::Range { at: 2 }),
        (b"i99999999999999999999e", E::Range { at: 1 }),
        (b"01:a", E::LeadingZero { at: 0 }),
        (b"00:", E::LeadingZero { at: 0 }),
        (b"1", E::Truncated { at: 1 }),
        (b"1:", E::StringLength { at: 0, len: 1, left: 0 }),
        (b"4000000000:a", E::StringLength { at: 0, len: 4_000_000_000, left: 1 }),
        (b"9223372036854775807:a", E::StringLength { at: 0, len: i64::MAX as u64, left: 1 }),
        (b"18446744073709551616:a", E::Range { at: 0 }),
        (b"-1:a", E::Unexpected { at: 0, byte: b'-' }),
        (b"1a", E::Unexpected { at: 1, byte: b'a' }),
        (b":", E::Unexpected { at: 0, byte: b':' }),
        (b"e", E::Unexpected { at: 0, byte: b'e' }),
        (b"l", E::Truncated { at: 1 }),
        (b"li1e", E::Truncated { at: 4 }),
        (b"d1:a", E::Truncated { at: 4 }),
        (b"d1:ai", E::Truncated { at: 5 }),
        (b"d1:ai-", E::Truncated { at: 6 }),
        (b"d1:ae", E::Unexpected { at: 4, byte: b'e' }),
        (b"di1ei2ee", E::Key { at: 1 }),
        (b"dlei2ee", E::Key { at: 1 }),
        (b"d1:bi1e1:ai2ee", E::KeyOrder { at: 7 }),
        (b"d1:ai1e1:ai2ee", E::KeyOrder { at: 7 }),
        (b"d2:aai1e1:ai2ee", E::KeyOrder { at: 8 }),
        (b"i1ei2e", E::Trailing { at: 3 }),
    ];
    for (input, error) in cases {
        assert_eq!(parse(input), Err(error), "{}", input.escape_ascii());
        assert_eq!(oracle(input), None, "{}", input.escape_ascii());
    }
}

/// Programs that do not sort are understood where no hash depends on it. What is deeper in it is not looked at more strictly.
#[test]
fn keys_in_any_order_are_found() {
    let said = b"d1:bi1e1:ad1:zi2e1:yi3ee1:bi4ee";
    assert_eq!(parse(said), Err(E::KeyOrder { at: 7 }));
    let dict = parse_any_order(said).unwrap().as_dict().unwrap();
    assert_eq!(dict.get("b"), Some(Value::Integer(1)), "the first one");
    let inner = dict.get("a").and_then(Value::as_dict).unwrap();
    assert_eq!((inner.get("y"), inner.get("z")), (Some(Value::Integer(3)), Some(Value::Integer(2))));
    assert_eq!((dict.get("c"), inner.get("a")), (None, None));
    assert_eq!(parse_any_order(b"d1:bi1e1:ai03ee"), Err(E::LeadingZero { at: 11 }));
    assert_eq!(parse_any_order(b"d1:bi1eee"), Err(E::Trailing { at: 8 }));
    assert_eq!(parse_prefix(b"d1:bi1e1:ai2eeraw").map(|(_, rest)| rest), Ok(&b"raw"[..]));
}

#[test]
fn what_follows_a_value_can_be_had() {
    let (value, rest) = parse_prefix(b"d8:msg_typei1eeraw").unwrap();
    assert_eq!((value.as_dict().unwrap().as_bytes(), rest), (&b"d8:msg_typei1ee"[..], &b"raw"[..]));
}

#[test]
fn depth_is_bounded_and_costs_no_stack() {
    let nested = |open: &str, close: &str, depth: usize| open.repeat(depth) + "i1e" + &close.repeat(depth);
    for (open, close) in [("l", "e"), ("d1:a", "e")] {
        assert!(parse(nested(open, close, 32).as_bytes()).is_ok());
        let at = 32 * open.len();
        assert_eq!(parse(nested(open, close, 33).as_bytes()), Err(E::Depth { at }));
        assert_eq!(parse(nested(open, close, 200_000).as_bytes()), Err(E::Depth { at }));
        assert_eq!(parse(open.repeat(200_000).as_bytes()), Err(E::Depth { at }));
    }
}

#[test]
fn the_number_of_values_is_bounded() {
    let list = |len: u32| [b"l", "0:".repeat(len as usize).as_bytes(), b"e"].concat();
    assert!(parse(&list(MAX_TOKENS - 1)).is_ok());
    assert_eq!(parse(&list(MAX_TOKENS)), Err(E::Tokens { at: 2 * MAX_TOKENS as usize - 1 }));
}

#[test]
fn what_is_written_already_is_written_as_it_is() {
    let inner = Encoded::new(bytes::Bytes::from_static(b"d1:ai1ee")).unwrap();
    let outer = Item::dict([("z", Item::from(7)), ("info", Item::Encoded(&inner))]);
    assert_eq!(outer.to_bytes(), b"d4:infod1:ai1ee1:zi7ee");
    assert_eq!(Encoded::new(bytes::Bytes::from_static(b"i1ei2e")), Err(E::Trailing { at: 3 }));
}

fn items() -> impl Strategy<Value = Item<'static>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..12).prop_map(Cow::from);
    let leaf = prop_oneof![any::<i64>().prop_map(Item::Integer), bytes().prop_map(Item::Bytes)];
    leaf.prop_recursive(5, 40, 5, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Item::List),
            prop::collection::btree_map(bytes(), inner, 0..5).prop_map(Item::Dict),
        ]
    })
}

proptest! {
    #[test]
    fn what_was_written_is_read(written in items()) {
        let bytes = written.to_bytes();
        prop_assert_eq!(item(parse(&bytes).unwrap()), written);
    }

    #[test]
    fn every_truncation_is_an_error(written in items()) {
        let bytes = written.to_bytes();
        for end in 0..bytes.len() {
            prop_assert!(parse(&bytes[..end]).is_err());
        }
    }

    /// What we accept the oracle accepts, as the same value, and it is written to the same bytes again.
    /// The other way round: what the oracle accepts, and fits in our integers, we accept.
    #[test]
    fn agrees_with_another_strict_parser(
        written in items(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), "[-0-9:eild]", 0..3_u8), 0..4),
    ) {
        let mut bytes = written.to_bytes();
        for (at, new, how) in edits {
            let at = at.index(bytes.len());
            let new = new.as_bytes()[0];
            match how {
                0 => bytes[at] = new,
                1 => bytes.insert(at, new),
                _ if bytes.len() > 1 => { bytes.remove(at); }
                _ => {}
            }
        }
        let ours = parse(&bytes).ok().map(item);
        if let Some(ours) = &ours {
            prop_assert_eq!(ours.to_bytes(), &bytes[..]);
        }
        prop_assert_eq!(ours, oracle(&bytes), "{}", bytes.escape_ascii());
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes: Vec<u8>) {
        prop_assert_eq!(parse(&bytes).ok().map(item), oracle(&bytes));
    }
}

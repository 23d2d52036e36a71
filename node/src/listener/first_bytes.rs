//! Telling protocols apart by the first bytes of a connection.

use bytes::BytesMut;
use minibit_core::InfoHash;
use minibit_core::config::Encoding;
use minibit_core::wire::json::Introduction;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::Opening;
use crate::limits::FIRST_BYTES;

/// In the handshake of BEP 3 the info-hash stands here.
const INFO_HASH_AT: std::ops::Range<usize> = 28..48;

/// Reads until the first bytes say what the connection is; `None` when it is nothing of ours.
pub(super) async fn first_bytes(mut stream: TcpStream) -> Option<(TcpStream, BytesMut, Opening)> {
    let mut prefix = BytesMut::with_capacity(FIRST_BYTES);
    loop {
        match tell(&prefix) {
            Told::Opening(opening) => return Some((stream, prefix, opening)),
            Told::Nothing => return None,
            Told::More if prefix.len() == FIRST_BYTES => return None,
            Told::More => {}
        }
        let room = FIRST_BYTES - prefix.len();
        if (&mut stream).take(room as u64).read_buf(&mut prefix).await.ok()? == 0 {
            return None;
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Opening(Opening),
    /// More bytes are needed.
    More,
    /// It is no protocol of ours.
    Nothing,
}

/// Tells a protocol from the first bytes.
fn tell(first: &[u8]) -> Told {
    const HANDSHAKE: &[u8] = b"\x13BitTorrent protocol";
    match first {
        [] => Told::More,
        [19, ..] => {
            let known = first.len().min(HANDSHAKE.len());
            if first[..known] != HANDSHAKE[..known] {
                return Told::Nothing;
            }
            let info_hash = first.get(INFO_HASH_AT).and_then(|bytes| bytes.try_into().ok()).map(InfoHash);
            info_hash.map_or(Told::More, |info_hash| {
                Told::Opening(Opening::Peer {
                    encoding: Encoding::Bep3,
                    info_hash: Some(info_hash),
                    port: None,
                })
            })
        }
        [0, ..] => tell_json(first),
        _ => {
            let methods = [&b"GET "[..], b"HEAD ", b"POST "];
            let opens = |method: &&&[u8]| first.iter().zip(method.iter()).all(|(a, b)| a == b);
            match methods.iter().find(opens) {
                Some(method) if first.len() >= method.len() => Told::Opening(Opening::Http),
                Some(_) => Told::More,
                None => Told::Nothing,
            }
        }
    }
}

/// JSON comes in frames: four bytes of length, then an object. Peers name the `type` of their message, all others a `command`.
/// Whoever takes over checks the rest.
fn tell_json(first: &[u8]) -> Told {
    let [a, b, c, d, object @ ..] = first else { return Told::More };
    match object {
        [] => return Told::More,
        [b'{' | b' ' | b'\t' | b'\n' | b'\r', ..] => {}
        _ => return Told::Nothing,
    }
    let len = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
    let object = &object[..object.len().min(len)];
    let all_here = object.len() == len || first.len() == FIRST_BYTES;
    let find = |text: &[u8]| object.windows(text.len()).position(|window| window == text);
    match (find(b"\"command\""), find(b"\"type\"")) {
        (Some(command), kind) if kind.is_none_or(|kind| command < kind) => Told::Opening(Opening::Command),
        (_, Some(_)) if all_here => {
            let info_hash = find(b"\"info_hash\"").and_then(|at| info_hash_after(&object[at + 11..]));
            let port = Introduction::parse(object).map(|introduction| introduction.port);
            Told::Opening(Opening::Peer { encoding: Encoding::Json, info_hash, port })
        }
        _ if all_here => Told::Nothing,
        _ => Told::More,
    }
}

/// The forty digits of `: "…"`.
fn info_hash_after(text: &[u8]) -> Option<InfoHash> {
    let digits = text.splitn(3, |&byte| byte == b'"').nth(1)?;
    let (pairs, []) = digits.as_chunks::<2>() else { return None };
    let mut hash = [0; 20];
    if pairs.len() != hash.len() {
        return None;
    }
    for (byte, pair) in hash.iter_mut().zip(pairs) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(InfoHash(hash))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(text: &str) -> Vec<u8> {
        let len = u32::try_from(text.len()).unwrap();
        [&len.to_be_bytes()[..], text.as_bytes()].concat()
    }

    fn peer(encoding: Encoding, info_hash: Option<[u8; 20]>) -> Told {
        Told::Opening(Opening::Peer { encoding, info_hash: info_hash.map(InfoHash), port: None })
    }

    /// What is told when the bytes come one by one, and how many that took.
    fn told(bytes: &[u8]) -> (Told, usize) {
        let decided =
            (0..=bytes.len()).map(|len| (tell(&bytes[..len]), len)).find(|(told, _)| *told != Told::More);
        decided.unwrap_or((Told::More, bytes.len()))
    }

    #[test]
    fn a_handshake_is_told_with_its_swarm() {
        let mut handshake = b"\x13BitTorrent protocol\0\0\0\0\0\x10\0\x05".to_vec();
        handshake.extend([7; 20]);
        handshake.extend([9; 20]);
        assert_eq!(told(&handshake), (peer(Encoding::Bep3, Some([7; 20])), 48));
        assert_eq!(told(b"\x13BitTorrent protocok"), (Told::Nothing, 20));
    }

    #[test]
    fn json_is_told_by_its_first_key() {
        let hash = "0123456789abcdef0123456789abcdef01234567";
        let expected = [
            0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
            0x01, 0x23, 0x45, 0x67,
        ];
        let handshake = framed(&format!(r#"{{"type":"handshake","info_hash":"{hash}","peer_id":"x"}}"#));
        assert_eq!(told(&handshake), (peer(Encoding::Json, Some(expected)), handshake.len()));
        let other_order = framed(&format!(r#" {{ "info_hash" : "{hash}", "type": "handshake"}}"#));
        assert_eq!(told(&other_order).0, peer(Encoding::Json, Some(expected)));
        let introduction = framed(&format!(r#"{{"type":"introduction","info_hash":"{hash}","port":6881}}"#));
        let introduced =
            Opening::Peer { encoding: Encoding::Json, info_hash: Some(InfoHash(expected)), port: Some(6881) };
        assert_eq!(told(&introduction), (Told::Opening(introduced), introduction.len()));
        let nameless = framed(r#"{"type":"bitfield","bits":"AA=="}"#);
        assert_eq!(told(&nameless).0, peer(Encoding::Json, None));
        let broken = framed(r#"{"type":"handshake","info_hash":"xyz"}"#);
        assert_eq!(told(&broken).0, peer(Encoding::Json, None));
        assert_eq!(told(&framed(r#"{"command":"list"}"#)).0, Told::Opening(Opening::Command));
        assert_eq!(
            told(&framed(r#"{"command":"search","query":"\"type\""}"#)).0,
            Told::Opening(Opening::Command)
        );
        assert_eq!(told(&framed(r#"{"what":"else"}"#)).0, Told::Nothing);
        assert_eq!(told(b"\0\0\0\x20[1]"), (Told::Nothing, 5));
    }

    #[test]
    fn a_long_inventory_is_told_before_all_of_it_has_come() {
        let text = format!(r#"{{"type":"bitfield","bits":"{}"}}"#, "A".repeat(5000));
        assert_eq!(told(&framed(&text)), (peer(Encoding::Json, None), FIRST_BYTES));
        let nothing = format!(r#"{{"x":"{}"}}"#, "A".repeat(5000));
        assert_eq!(told(&framed(&nothing)), (Told::Nothing, FIRST_BYTES));
    }

    #[test]
    fn http_is_told_by_its_method() {
        assert_eq!(told(b"GET /announce HTTP/1.1\r\n"), (Told::Opening(Opening::Http), 4));
        assert_eq!(told(b"POST /x"), (Told::Opening(Opening::Http), 5));
        assert_eq!(told(b"HEAD /"), (Told::Opening(Opening::Http), 5));
        assert_eq!(told(b"GEX"), (Told::Nothing, 3));
        assert_eq!(told(b"SSH-2.0"), (Told::Nothing, 1));
        assert_eq!(told(b""), (Told::More, 0));
    }
}

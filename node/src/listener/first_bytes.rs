//! Telling protocols apart by the first bytes of a connection.

use bytes::BytesMut;
use minibit_core::InfoHash;
use minibit_core::config::Encoding;
use minibit_core::wire::text::s3::Get;
use minibit_core::wire::text::s4::Line;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;

use super::{Named, Opening};
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

#[derive(Clone, Debug, PartialEq, Eq)]
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
            info_hash.map_or(Told::More, |info_hash| peer(Encoding::Bep3, Named::InfoHash(info_hash)))
        }
        [0, ..] => tell_json(first),
        _ => tell_text(first),
    }
}

const fn peer(encoding: Encoding, named: Named) -> Told {
    Told::Opening(Opening::Peer { encoding, named })
}

/// JSON comes in frames: four bytes of length, then an object. Peers name the `type` of their message, or its `tipo`; who asks a
/// tracker or for a name, a `command`. Whoever takes over checks the rest.
fn tell_json(first: &[u8]) -> Told {
    let [a, b, c, d, object @ ..] = first else { return Told::More };
    match object {
        [] => return Told::More,
        [b'{' | b' ' | b'\t' | b'\n' | b'\r', ..] => {}
        _ => return Told::Nothing,
    }
    let len = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
    let object = Object(&object[..object.len().min(len)]);
    let all_here = object.0.len() == len || first.len() == FIRST_BYTES;
    let keys = ["command", "type", "tipo"].map(|key| object.position(key).map(|at| (at, key)));
    let opening = match keys.into_iter().flatten().min() {
        Some((_, "command")) => object.text("command").map(command),
        Some((_, "tipo")) if object.text("tipo") == Some("REGISTRO") => Some(Opening::Service(Encoding::S5)),
        Some((_, "type")) if matches!(object.text("type"), Some("register_peer" | "get_peers")) => {
            Some(Opening::Service(Encoding::S2))
        }
        Some((_, key)) if all_here => {
            Some(Opening::Peer { encoding: spoken(key, &object), named: object.named() })
        }
        _ => None,
    };
    match opening {
        Some(opening) => Told::Opening(opening),
        None if all_here => Told::Nothing,
        None => Told::More,
    }
}

/// S1's commands are written in capitals, ours are not.
fn command(name: &str) -> Opening {
    if name.starts_with(|first: char| first.is_ascii_uppercase()) {
        Opening::Service(Encoding::S1)
    } else {
        Opening::Command
    }
}

/// What a peer speaks. Native JSON and S1 both open with a handshake: ours says whether it knows BEP 6.
fn spoken(key: &str, object: &Object<'_>) -> Encoding {
    match (key, object.text("type")) {
        ("tipo", _) => Encoding::S5,
        (_, Some("have_blocks" | "announce_block" | "block_request")) => Encoding::S2,
        (_, Some("handshake")) if object.position("fast").is_none() => Encoding::S1,
        _ => Encoding::Json,
    }
}

/// The beginning of an object, looked at without being read: what is taken for a key may be something else. Whoever takes over
/// reads it.
struct Object<'a>(&'a [u8]);

impl<'a> Object<'a> {
    /// Where the key stands, quotes included.
    fn position(&self, key: &str) -> Option<usize> {
        let key = key.as_bytes();
        let quoted = |window: &[u8]| matches!(window, [b'"', inner @ .., b'"'] if inner == key);
        self.0.windows(key.len() + 2).position(quoted)
    }

    /// The text that is the key's value, if it is plain.
    fn text(&self, key: &str) -> Option<&'a str> {
        let behind = &self.0[self.position(key)? + key.len() + 2..];
        let mut parts = behind.splitn(3, |&byte| byte == b'"');
        let (between, text, _end) = (parts.next()?, parts.next()?, parts.next()?);
        let is_value = between.iter().filter(|byte| !byte.is_ascii_whitespace()).eq(b":");
        std::str::from_utf8(text).ok().filter(|text| is_value && !text.contains('\\'))
    }

    fn named(&self) -> Named {
        let info_hash = self.text("info_hash").and_then(InfoHash::from_hex).map(Named::InfoHash);
        let file = || self.text("file").map(|file| Named::File(file.to_owned()));
        info_hash.or_else(file).unwrap_or(Named::Unnamed)
    }
}

/// Lines of text: HTTP, whose target begins with a slash, what S4 asks its tracker, and what S3 and S4 ask peers.
fn tell_text(first: &[u8]) -> Told {
    const COMMANDS: [&[u8]; 6] =
        [b"register ", b"search ", b"unregister ", b"heartbeat ", b"update ", b"list"];
    let begins = |word: &[u8]| first.iter().zip(word).all(|(a, b)| a == b);
    let opens = |word: &[u8]| begins(word) && first.len() >= word.len();
    if opens(b"HEAD ") || opens(b"POST ") || opens(b"GET /") {
        return Told::Opening(Opening::Http);
    }
    if opens(b"SIZE ") {
        return Told::Opening(Opening::Size);
    }
    if COMMANDS.into_iter().any(opens) {
        return Told::Opening(Opening::Service(Encoding::S4));
    }
    if opens(b"GET ") {
        return tell_get(first);
    }
    let words = [&b"HEAD "[..], b"POST ", b"GET ", b"SIZE "].into_iter().chain(COMMANDS);
    if words.into_iter().any(begins) { Told::More } else { Told::Nothing }
}

/// A request of S3 or S4, which has to be seen whole.
fn tell_get(first: &[u8]) -> Told {
    let Some(end) = first.iter().position(|&byte| byte == b'\n') else { return Told::More };
    let Ok(line) = std::str::from_utf8(&first[..end]) else { return Told::Nothing };
    if let Ok(Get { info_hash, .. }) = Get::parse(line) {
        return peer(Encoding::S3, info_hash.map_or(Named::Unnamed, Named::InfoHash));
    }
    match Line::parse(line) {
        Ok(Line::Get { file, .. }) => peer(Encoding::S4, Named::File(file.into_owned())),
        _ => Told::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(text: &str) -> Vec<u8> {
        let len = u32::try_from(text.len()).unwrap();
        [&len.to_be_bytes()[..], text.as_bytes()].concat()
    }

    fn of(encoding: Encoding, info_hash: Option<[u8; 20]>) -> Told {
        peer(encoding, info_hash.map_or(Named::Unnamed, |hash| Named::InfoHash(InfoHash(hash))))
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
        assert_eq!(told(&handshake), (of(Encoding::Bep3, Some([7; 20])), 48));
        assert_eq!(told(b"\x13BitTorrent protocok"), (Told::Nothing, 20));
    }

    #[test]
    fn json_is_told_by_its_first_key() {
        let hash = "0123456789abcdef0123456789abcdef01234567";
        let expected = [
            0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
            0x01, 0x23, 0x45, 0x67,
        ];
        let handshake =
            framed(&format!(r#"{{"type":"handshake","info_hash":"{hash}","peer_id":"x","fast":true}}"#));
        assert_eq!(told(&handshake), (of(Encoding::Json, Some(expected)), handshake.len()));
        let other_order =
            framed(&format!(r#" {{ "info_hash" : "{hash}", "type": "handshake" , "fast":true}}"#));
        assert_eq!(told(&other_order).0, of(Encoding::Json, Some(expected)));
        let nameless = framed(r#"{"type":"bitfield","bits":"AA=="}"#);
        assert_eq!(told(&nameless).0, of(Encoding::Json, None));
        let broken = framed(r#"{"type":"handshake","info_hash":"xyz","fast":false}"#);
        assert_eq!(told(&broken).0, of(Encoding::Json, None));
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
        assert_eq!(told(&framed(&text)), (of(Encoding::Json, None), FIRST_BYTES));
        let nothing = format!(r#"{{"x":"{}"}}"#, "A".repeat(5000));
        assert_eq!(told(&framed(&nothing)), (Told::Nothing, FIRST_BYTES));
    }

    #[test]
    fn http_is_told_by_its_method() {
        assert_eq!(told(b"GET /announce HTTP/1.1\r\n"), (Told::Opening(Opening::Http), 5));
        assert_eq!(told(b"POST /x"), (Told::Opening(Opening::Http), 5));
        assert_eq!(told(b"HEAD /"), (Told::Opening(Opening::Http), 5));
        assert_eq!(told(b"GEX"), (Told::Nothing, 3));
        assert_eq!(told(b"TSH-2.0"), (Told::Nothing, 1));
        assert_eq!(told(b"SSH-2.0"), (Told::Nothing, 2));
        assert_eq!(told(b""), (Told::More, 0));
    }

    #[test]
    fn the_systems_are_told_by_their_own_words() {
        let service = |encoding| Told::Opening(Opening::Service(encoding));
        let file = |encoding| peer(encoding, Named::File("movie.mp4".into()));
        let of_json = [
            (r#"{"command":"REGISTER","peer_id":"p1"}"#, service(Encoding::S1)),
            (r#"{"peer_id":"p1","command" : "GET_PEERS"}"#, service(Encoding::S1)),
            (r#"{"type":"handshake","peer_id":"p1","file":"movie.mp4"}"#, file(Encoding::S1)),
            (r#"{"type":"handshake","peer_id":"p1"}"#, of(Encoding::S1, None)),
            (r#"{"type":"register_peer","peer_id":"p1","port":9101}"#, service(Encoding::S2)),
            (r#"{"type":"have_blocks","peer_id":"p1","blocks":[]}"#, of(Encoding::S2, None)),
            (r#"{"tipo":"REGISTRO","id":"p1","porta":9001}"#, service(Encoding::S5)),
            (r#"{"tipo":"ESTOQUE","id":"p1","porta":9001,"blocos":[1]}"#, of(Encoding::S5, None)),
        ];
        for (text, expected) in of_json {
            assert_eq!(told(&framed(text)).0, expected, "{text}");
        }
        let hash = "0123456789abcdef0123456789abcdef01234567";
        let of_text = [
            ("GET 3\n".to_owned(), of(Encoding::S3, None)),
            (
                format!("GET 3 #{hash}\r\n"),
                peer(Encoding::S3, Named::InfoHash(InfoHash::from_hex(hash).unwrap())),
            ),
            ("GET movie.mp4 0 16384\n".into(), file(Encoding::S4)),
            ("GET movie\n".into(), Told::Nothing),
            ("GET a b c\n".into(), Told::Nothing),
            ("GET 3".into(), Told::More),
            ("SIZE movie.mp4\n".into(), Told::Opening(Opening::Size)),
            ("SI".into(), Told::More),
            ("register 10.0.0.1:1 a\n".into(), service(Encoding::S4)),
            ("list\n".into(), service(Encoding::S4)),
            ("delete *\n".into(), Told::Nothing),
        ];
        for (text, expected) in of_text {
            assert_eq!(told(text.as_bytes()).0, expected, "{text}");
        }
    }
}

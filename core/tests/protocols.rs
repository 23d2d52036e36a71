//! Runs every example of `PROTOCOLS.md`: a block that nobody runs is an error, and so is a message without an example.
//!
//! A block is labelled with what it is, and each of its lines is one example with its bytes as they travel (`\n`, `\x1f`):
//!
//! | label | what is checked |
//! |---|---|
//! | `<encoding> peer` | the bytes are read as a message, and this message is written as these bytes |
//! | `<encoding> peer read` | the bytes are read as messages; ours are written otherwise |
//! | `<encoding> peer refused` | the bytes end the connection |
//! | `<encoding> answer` | `> request` is read, `< bytes` is what answers it |
//! | `<system> tracker` | `1> question` on connection 1 is read and answered by a tracker with `1< answer`; both are written as they stand, and read back |

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};

use bytes::{Bytes, BytesMut};
use minibit_core::announce::{AnnounceEvent, AnnounceRequest, Totals};
use minibit_core::catalogue::{Catalogue, CatalogueConfig, Description};
use minibit_core::config::Encoding;
use minibit_core::metainfo::{Builder, Metainfo, PieceHasher};
use minibit_core::tracker::directory::{Directory, Ends};
use minibit_core::tracker::json::{self, Answer, Command};
use minibit_core::tracker::systems::frames::{Question, Reply};
use minibit_core::tracker::systems::s3::{Datagram, Response, is_text};
use minibit_core::tracker::systems::{Opening, Systems, Ticket, Told, s4, tell};
use minibit_core::tracker::{Announcer, Tracker, TrackerConfig};
use minibit_core::wire::text::s4::{Line, size_answer};
use minibit_core::wire::{Decoder, Limits, Names, Speech, encode, encoded_len};
use minibit_core::{BlockSpan, Instant, Message, MessageKind, PeerId, Seed};
use sha1::{Digest as _, Sha1};

const PAGE: &str = include_str!("../PROTOCOLS.md");
/// The file of all examples.
const CONTENT: &[u8] = b"The quick brown fox.";
const PEER_ID: PeerId = PeerId(*b"-MB0001-000000000001");
/// The tracker as its guests see it.
const TRACKER: [u8; 4] = [10, 0, 0, 9];

fn metainfo() -> Metainfo {
    let digest = Sha1::digest(CONTENT).into();
    let builder = Builder::file("movie.mp4", CONTENT.len() as u64).piece_len(8).sha1(vec![digest]);
    let mut hasher = PieceHasher::new(builder.geometry().unwrap());
    hasher.update(CONTENT).unwrap();
    builder.build(&hasher.finish().unwrap()).unwrap()
}

/// Where a block begins, its label, its lines.
fn blocks() -> Vec<(usize, &'static str, Vec<&'static str>)> {
    let mut blocks = Vec::new();
    let mut open: Option<(usize, &str, Vec<&str>)> = None;
    for (number, line) in PAGE.lines().enumerate() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(label), None) => open = Some((number + 1, label, Vec::new())),
            (None, Some((_, _, lines))) if !line.is_empty() => lines.push(line),
            (None, _) => {}
        }
    }
    assert!(open.is_none(), "the last block has no end");
    blocks
}

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        if first != b'\\' {
            bytes.push(first);
            continue;
        }
        let (&kind, tail) = rest.split_first().expect("something after a backslash");
        rest = tail;
        bytes.push(match kind {
            b'n' => b'\n',
            b'x' => {
                let digits = str::from_utf8(&rest[..2]).unwrap();
                rest = &rest[2..];
                u8::from_str_radix(digits, 16).unwrap()
            }
            other => panic!("\\{} is no escape", char::from(other)),
        });
    }
    bytes
}

/// As the page writes it: the length before an object in digits, all of it.
fn escaped(bytes: &[u8]) -> String {
    let prefix = if bytes.first() == Some(&0) { 4 } else { 0 };
    bytes.iter().enumerate().fold(String::new(), |text, (at, &byte)| match byte {
        b'\n' if at >= prefix => text + "\\n",
        0x20..0x7f if at >= prefix => text + core::str::from_utf8(&[byte]).unwrap(),
        _ => format!("{text}\\x{byte:02x}"),
    })
}

fn encoding(name: &str) -> Encoding {
    serde_json::from_value(name.into()).unwrap_or_else(|_| panic!("{name} is no encoding"))
}

fn names() -> Names {
    let metainfo = metainfo();
    Names {
        info_hash: metainfo.info_hash(),
        peer_id: PEER_ID,
        port: 6001,
        file: "movie.mp4".into(),
        geometry: metainfo.geometry().into(),
    }
}

/// All that the bytes are read as.
fn read(encoding: Encoding, bytes: &[u8]) -> Result<Vec<Message<Bytes>>, String> {
    let names = names();
    let limits = Limits::of(&metainfo().geometry());
    let handshake = bytes.windows(11).any(|window| window == b"\"handshake\"");
    let mut decoder = Decoder::new(Speech { encoding, names: &names }, handshake, limits);
    let mut source = BytesMut::from(bytes);
    let mut messages = Vec::new();
    loop {
        match decoder.decode(&mut source) {
            Ok(Some(message)) => messages.push(message),
            Ok(None) => break,
            Err(error) if error.is_unknown_message() => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    if source.is_empty() { Ok(messages) } else { Err(format!("{} bytes are left", source.len())) }
}

/// What a peer's connection is that opens with these bytes.
fn told(bytes: &[u8]) -> Option<Encoding> {
    match tell(bytes, true) {
        Told::Opening(Opening::Peer { encoding, .. }) => Some(encoding),
        _ => None,
    }
}

fn written(encoding: Encoding, message: &Message<Bytes>) -> Vec<u8> {
    let names = names();
    let mut out = BytesMut::new();
    encode(Speech { encoding, names: &names }, message, &mut out).unwrap();
    assert_eq!(encoded_len(Speech { encoding, names: &names }, message), out.len() as u64);
    out.to_vec()
}

/// The bytes of a request's answer: what is there, closed if not all of it is.
fn answered(encoding: Encoding, request: &[u8]) -> Vec<u8> {
    if encoding == Encoding::S4
        && let Ok(text) = core::str::from_utf8(request)
        && let Ok(Line::Size { file }) = Line::parse(text)
    {
        return size_answer((file == "movie.mp4").then_some(CONTENT.len() as u64)).into_bytes();
    }
    let Ok(messages) = read(encoding, request) else { return Vec::new() };
    let mut out = Vec::new();
    for message in messages {
        let Message::Request(BlockSpan { index, begin, length }) = message else { panic!("{message:?}") };
        let from = index as usize * 8 + begin as usize;
        let data = Bytes::from_static(&CONTENT[from..from + length as usize]);
        out.extend(written(encoding, &Message::Piece { index, begin, data }));
    }
    out
}

/// A tracker that gives the file of the examples itself.
struct Host {
    tracker: Tracker<SocketAddr>,
    catalogue: Catalogue<SocketAddr>,
    systems: Systems,
    now: Instant,
}

impl Host {
    fn new() -> Self {
        let metainfo = metainfo();
        let mut tracker = Tracker::new(TrackerConfig::default(), Seed::from_number(1));
        let mut catalogue = Catalogue::new(CatalogueConfig::default());
        let now = Instant::from_secs(1_000);
        let own = SocketAddr::from(([0, 0, 0, 0], 9000));
        let description = Description::of(&metainfo, metainfo.to_bytes().into());
        catalogue.publish(now, description, own, true).unwrap();
        let request = AnnounceRequest::plain(AnnounceEvent::None, Totals::default(), 0);
        let who = Announcer { addr: own, id: PEER_ID };
        tracker.announce(now, metainfo.info_hash(), who, &request).unwrap();
        Self { tracker, catalogue, systems: Systems::new([0; 16]), now }
    }

    /// What is sent, and to whom, when this has come from a connection (or an address).
    fn hear(&mut self, system: &str, from: &str, bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
        let mut directory =
            Directory { tracker: &mut self.tracker, catalogue: &mut self.catalogue, open: true };
        let peer: IpAddr = match from.parse() {
            Ok(number) => [10, 0, 0, number].into(),
            Err(_) => from.parse::<SocketAddr>().unwrap().ip(),
        };
        let ends = Ends { peer, local: TRACKER.into() };
        let answer = match system {
            "s3" => {
                let mut reply = Vec::new();
                assert!(is_text(bytes));
                let from = from.parse().unwrap();
                self.systems.datagram(self.now, &mut directory, from, Some(ends.local), bytes, &mut reply);
                reply
            }
            "s4" => {
                let line = core::str::from_utf8(bytes).unwrap().strip_suffix('\n').unwrap();
                self.systems.line(self.now, &mut directory, ends, line).into_bytes()
            }
            "json" => {
                let answer = match Command::parse(&bytes[4..]) {
                    Ok(command) => directory.handle(self.now, ends, command),
                    Err(error) => Answer::Error(json::Refusal::BadRequest, error.to_string()),
                };
                let mut out = BytesMut::new();
                answer.encode(&mut out);
                out.to_vec()
            }
            _ => {
                let ticket = Ticket(from.parse().unwrap());
                let system = encoding(system);
                let turn = self.systems.handle(self.now, &mut directory, ends, ticket, system, &bytes[4..]);
                let mut sent = vec![(from.to_owned(), turn.answer.to_vec())];
                sent.extend(
                    turn.push.into_iter().map(|(Ticket(to), frame)| (to.to_string(), frame.to_vec())),
                );
                return sent;
            }
        };
        if answer.is_empty() { Vec::new() } else { vec![(from.to_owned(), answer)] }
    }
}

/// A question or answer is written as it stands.
fn comes_back(system: &str, question: bool, bytes: &[u8]) -> bool {
    let mut out = BytesMut::new();
    match (system, question) {
        ("s3", true) => {
            let parsed = Datagram::parse(bytes).unwrap();
            return parsed.to_text([10, 0, 0, 1].into()).into_bytes() == bytes;
        }
        ("s3", false) => return Response::parse(bytes).is_some(),
        ("s4", true) => {
            let line = core::str::from_utf8(bytes).unwrap();
            return s4::Command::parse(line)
                .is_ok_and(|command| command.to_line([10, 0, 0, 1].into()) == line);
        }
        ("s4", false) => return bytes.starts_with(b"OK") || bytes.starts_with(b"ERR "),
        ("json", true) => Command::parse(&bytes[4..]).unwrap().encode(&mut out),
        ("json", false) => Answer::parse(&bytes[4..]).unwrap().encode(&mut out),
        (_, true) => {
            Question::parse(encoding(system), &bytes[4..]).unwrap().encode(encoding(system), &mut out);
        }
        (_, false) => Reply::parse(encoding(system), &bytes[4..]).unwrap().encode(encoding(system), &mut out),
    }
    out == bytes
}

/// A conversation with a tracker, as it stands in a block; where it is wrong, the block as it should be.
fn conversation(system: &str, lines: &[&str], lenient: bool) -> String {
    let mut host = Host::new();
    let mut played = Vec::new();
    for line in lines.iter().filter(|line| line.contains("> ")) {
        let (from, text) = line.split_once("> ").unwrap();
        let bytes = unescaped(text);
        if system != "s3" {
            let told = tell(&bytes, true);
            let expected = match system {
                "json" => Opening::Command,
                _ => Opening::Tracker(encoding(system)),
            };
            assert!(told == Told::Opening(expected) || lenient, "{line}: {told:?}");
        }
        assert!(lenient || comes_back(system, true, &bytes), "{line}");
        played.push((*line).to_owned());
        for (to, answer) in host.hear(system, from, &bytes) {
            assert!(comes_back(system, false, &answer), "{line}: {}", escaped(&answer));
            played.push(format!("{to}< {}", escaped(&answer)));
        }
    }
    played.join("\n")
}

#[test]
fn every_example_of_the_page_is_what_happens() {
    let mut wrong = Vec::new();
    let mut shown: BTreeSet<(String, MessageKind)> = BTreeSet::new();
    for (number, label, lines) in blocks() {
        let words: Vec<&str> = label.split(' ').collect();
        match words[..] {
            [name, "peer"] => {
                let encoding = encoding(name);
                for line in lines {
                    let bytes = unescaped(line);
                    match read(encoding, &bytes).as_deref() {
                        Ok([message]) => {
                            shown.insert((name.to_owned(), message.kind()));
                            if message.kind() == MessageKind::Handshake || encoding.answers_bare() {
                                assert_eq!(told(&bytes), Some(encoding), "{line}");
                            }
                            let again = written(encoding, message);
                            if again != bytes {
                                wrong.push(format!("{number}: {line}\n     is {}", escaped(&again)));
                            }
                        }
                        other => wrong.push(format!("{number}: {line}\n     is {other:?}")),
                    }
                }
            }
            [name, "peer", "read"] => {
                for line in lines {
                    if let Err(error) = read(encoding(name), &unescaped(line)) {
                        wrong.push(format!("{number}: {line}: {error}"));
                    }
                }
            }
            [name, "peer", "refused"] => {
                for line in lines {
                    if let Ok(messages) = read(encoding(name), &unescaped(line)) {
                        wrong.push(format!("{number}: {line}: {messages:?}"));
                    }
                }
            }
            [name, "answer"] => {
                for pair in lines.chunks(2) {
                    let asked = unescaped(pair[0].strip_prefix("> ").expect("first what is asked"));
                    let answer = escaped(&answered(encoding(name), &asked));
                    if pair[1] != format!("< {answer}") {
                        wrong.push(format!("{number}: {}\n     is < {answer}", pair[0]));
                    }
                }
            }
            [name, "tracker"] | [name, "tracker", "read"] => {
                let played = conversation(name, &lines, words.len() == 3);
                if played != lines.join("\n") {
                    wrong.push(format!("{number}: the conversation is\n{played}"));
                }
            }
            _ => wrong.push(format!("{number}: nobody runs {label:?}")),
        }
    }
    let unseen: Vec<_> = ["json", "s1", "s2", "s3", "s4", "s5"]
        .into_iter()
        .flat_map(|name| MessageKind::ALL.map(|kind| (name.to_owned(), kind)))
        .filter(|(name, kind)| encoding(name).speaks(*kind) && !shown.contains(&(name.clone(), *kind)))
        // A keep-alive of S3 and S4 has no bytes, and their answers are shown beside the requests.
        .filter(|(name, kind)| {
            !(matches!(&name[..], "s3" | "s4") && matches!(kind, MessageKind::KeepAlive | MessageKind::Piece))
        })
        .collect();
    assert!(wrong.is_empty() && unseen.is_empty(), "{}\nwithout an example: {unseen:?}", wrong.join("\n"));
}

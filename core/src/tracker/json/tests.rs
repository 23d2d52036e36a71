use proptest::prelude::*;

use super::*;
use crate::catalogue::QueryError;
use crate::id::{InfoHash, PeerId};
use core::time::Duration;

const HASH: InfoHash = InfoHash([0xAB; 20]);
const ID: PeerId = PeerId([0xCD; 20]);
const HEX: &str = "abababababababababababababababababababab";
const ID_HEX: &str = "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd";

/// Every command as it is written, with the value that it stands for.
fn commands() -> Vec<(String, Command)> {
    let registration = Registration {
        info_hash: HASH,
        peer_id: ID,
        port: 6881,
        name: "movie.mp4".into(),
        size: 1_048_576,
        files: 1,
        left: 0,
        metainfo: Some(Bytes::from_static(b"d4:infode")),
    };
    let bare = Registration { metainfo: None, ..registration.clone() };
    let head = format!(
        r#"{{"command":"register","info_hash":"{HEX}","peer_id":"{ID_HEX}","port":6881,"name":"movie.mp4","size":1048576,"files":1,"left":0"#
    );
    vec![
        (format!(r#"{head},"metainfo":"ZDQ6aW5mb2Rl"}}"#), Command::Register(Box::new(registration))),
        (format!("{head}}}"), Command::Register(Box::new(bare))),
        (
            format!(
                r#"{{"command":"update","info_hash":"{HEX}","peer_id":"{ID_HEX}","port":6881,"left":16384}}"#
            ),
            Command::Update { info_hash: HASH, peer_id: ID, port: 6881, left: 16_384 },
        ),
        (
            format!(r#"{{"command":"get-peers","info_hash":"{HEX}","port":6881,"numwant":50}}"#),
            Command::GetPeers { info_hash: HASH, port: 6881, numwant: 50 },
        ),
        (r#"{"command":"heartbeat","port":6881}"#.into(), Command::Heartbeat { port: 6881, info_hash: None }),
        (
            format!(r#"{{"command":"heartbeat","info_hash":"{HEX}","port":6881}}"#),
            Command::Heartbeat { port: 6881, info_hash: Some(HASH) },
        ),
        (
            format!(r#"{{"command":"unregister","info_hash":"{HEX}","port":6881}}"#),
            Command::Unregister { port: 6881, info_hash: Some(HASH) },
        ),
        (
            r#"{"command":"unregister","port":6881}"#.into(),
            Command::Unregister { port: 6881, info_hash: None },
        ),
        (r#"{"command":"list"}"#.into(), Command::List),
        (r#"{"command":"search","text":"movie"}"#.into(), Command::Search { text: "movie".into() }),
        (
            r#"{"command":"metainfo","text":"movie.mp4"}"#.into(),
            Command::Metainfo { text: "movie.mp4".into() },
        ),
    ]
}

fn answers() -> Vec<(String, Answer)> {
    let file = File {
        info_hash: HASH,
        name: "movie \"1\".mp4".into(),
        size: 1_048_576,
        files: 1,
        seeders: 1,
        leechers: 2,
        age: Duration::from_secs(61),
    };
    let file_text = format!(
        r#"{{"info_hash":"{HEX}","name":"movie \"1\".mp4","size":1048576,"files":1,"seeders":1,"leechers":2,"age":61}}"#
    );
    let error = |refusal, message: &str| Answer::Error(refusal, message.into());
    vec![
        (
            r#"{"ok":"peers","interval":1800,"seeders":1,"leechers":2,"peers":[{"ip":"192.0.2.7","port":6881},{"ip":"2001:db8::7","port":6881}]}"#.into(),
            Answer::Peers(Peers {
                interval: Duration::from_mins(30),
                seeders: 1,
                leechers: 2,
                peers: vec!["192.0.2.7:6881".parse().unwrap(), "[2001:db8::7]:6881".parse().unwrap()],
            }),
        ),
        (
            r#"{"ok":"alive","swarms":3,"interval":60}"#.into(),
            Answer::Alive { swarms: 3, interval: Duration::from_mins(1) },
        ),
        (r#"{"ok":"done"}"#.into(), Answer::Done),
        (
            format!(r#"{{"ok":"files","files":[{file_text}],"more":false}}"#),
            Answer::Files { files: vec![file.clone()], more: false },
        ),
        (
            format!(r#"{{"ok":"metainfo","info_hash":"{HEX}","metainfo":"ZDQ6aW5mb2Rl"}}"#),
            Answer::Metainfo { info_hash: HASH, metainfo: Bytes::from_static(b"d4:infode") },
        ),
        (
            format!(r#"{{"error":"ambiguous","message":"two","files":[{file_text},{file_text}]}}"#),
            error(Refusal::Ambiguous(vec![file.clone(), file]), "two"),
        ),
        (r#"{"error":"not-found","message":"no file"}"#.into(), error(Refusal::NotFound, "no file")),
        (r#"{"error":"refused","message":"full"}"#.into(), error(Refusal::Refused, "full")),
        (r#"{"error":"bad-request","message":"what?"}"#.into(), error(Refusal::BadRequest, "what?")),
    ]
}

fn framed(text: &str) -> Vec<u8> {
    [&u32::try_from(text.len()).unwrap().to_be_bytes(), text.as_bytes()].concat()
}

#[test]
fn the_examples_are_written_and_read_to_the_byte() {
    for (text, command) in commands() {
        let mut out = BytesMut::new();
        command.encode(&mut out);
        assert_eq!(out, framed(&text), "{text}");
        assert_eq!(Command::parse(text.as_bytes()), Ok(command));
    }
    for (text, answer) in answers() {
        let mut out = BytesMut::new();
        answer.encode(&mut out);
        assert_eq!(out, framed(&text), "{text}");
        assert_eq!(Answer::parse(text.as_bytes()), Ok(answer));
    }
}

#[test]
fn a_frame_is_taken_when_it_is_there_and_nothing_is_reserved_before() {
    let stream = [framed(r#"{"command":"list"}"#), framed(r#"{"command":"heartbeat","port":1}"#)].concat();
    for cut in 0..stream.len() {
        let (mut source, mut taken) = (BytesMut::new(), Vec::new());
        for part in [&stream[..cut], &stream[cut..]] {
            source.extend_from_slice(part);
            while let Some(frame) = take_frame(&mut source, MAX_SMALL_FRAME).unwrap() {
                taken.push(Command::parse(&frame).unwrap());
            }
        }
        assert_eq!(taken, [Command::List, Command::Heartbeat { port: 1, info_hash: None }]);
    }
    for len in [0, MAX_SMALL_FRAME + 1, u32::MAX] {
        let mut source = BytesMut::from(&len.to_be_bytes()[..]);
        let capacity = source.capacity();
        let refused = take_frame(&mut source, MAX_SMALL_FRAME);
        assert_eq!(refused, Err(CommandError::Length { len, max: MAX_SMALL_FRAME }));
        assert_eq!(source.capacity(), capacity);
    }
    let mut source = BytesMut::from(&MAX_FRAME.to_be_bytes()[..]);
    assert_eq!(take_frame(&mut source, MAX_FRAME), Ok(None));
    assert!(source.capacity() < 100);
}

#[test]
fn what_is_no_command_is_told_apart() {
    use CommandError::{Base64, Field, Hex, Missing, NotAnObject, Port, Query, Syntax, Unexpected, Unknown};

    let parse = |text: &str| Command::parse(text.as_bytes()).unwrap_err();
    assert!(matches!(parse(""), Syntax { .. }));
    assert!(matches!(parse("{"), Syntax { .. }));
    assert!(matches!(parse(r#"{"command":"list"} x"#), Syntax { .. }));
    assert_eq!(parse(r#"["list"]"#), NotAnObject);
    assert_eq!(parse("{}"), Missing { key: "command" });
    assert_eq!(parse(r#"{"command":"LIST"}"#), Unknown { key: "command" });
    assert_eq!(parse(r#"{"command":"list","port":1}"#), Unexpected { key: "port" });
    assert_eq!(parse(r#"{"command":"heartbeat"}"#), Missing { key: "port" });
    assert_eq!(parse(r#"{"command":"heartbeat","port":0}"#), Port);
    for broken in [
        r#"{"command":"list","command":"list"}"#,
        r#"{"command":"list","type":"choke"}"#,
        r#"{"command":null}"#,
        r#"{"command":"heartbeat","port":null}"#,
        r#"{"command":"heartbeat","port":65536}"#,
        r#"{"command":"heartbeat","port":-1}"#,
        r#"{"command":"heartbeat","port":1.0}"#,
        r#"{"command":"heartbeat","port":"1"}"#,
        r#"{"command":{"command":"list"}}"#,
    ] {
        assert!(matches!(parse(broken), Field { line: 1, .. }), "{broken}: {:?}", parse(broken));
    }
    assert_eq!(parse(r#"{"command":"search","text":"  "}"#), Query(QueryError::Empty));
    let long = format!(r#"{{"command":"metainfo","text":"{}"}}"#, "x".repeat(256));
    assert_eq!(parse(&long), Query(QueryError::TooLong { len: 256 }));
    let short = format!(r#"{{"command":"get-peers","info_hash":"{}","port":0,"numwant":1}}"#, &HEX[1..]);
    assert_eq!(parse(&short), Hex { key: "info_hash" });
    let register = commands().remove(0).0;
    for broken in ["ZDQ6aW5mb2R", "ZDQ6aW5mb2Rl=", "ZDQ6 aW5mb2Rl", "ZDQ6aW5mb2R_"] {
        assert_eq!(parse(&register.replace("ZDQ6aW5mb2Rl", broken)), Base64 { key: "metainfo" });
    }
    let deep = format!(r#"{{"command":{}"#, "[".repeat(100_000));
    assert!(matches!(parse(&deep), Syntax { .. } | Field { .. }));
}

#[test]
fn what_is_no_answer_is_told_apart() {
    use CommandError::{Missing, TooMany, Unexpected, Unknown};

    let parse = |text: &str| Answer::parse(text.as_bytes()).unwrap_err();
    assert_eq!(parse("{}"), Missing { key: "ok" });
    assert_eq!(parse(r#"{"ok":"done","error":"refused","message":""}"#), Unexpected { key: "error" });
    assert_eq!(parse(r#"{"ok":"done","message":""}"#), Unexpected { key: "message" });
    assert_eq!(parse(r#"{"ok":"yes"}"#), Unknown { key: "ok" });
    assert_eq!(parse(r#"{"error":"refused"}"#), Missing { key: "message" });
    let peers = |port| {
        format!(
            r#"{{"ok":"peers","interval":1,"seeders":0,"leechers":0,"peers":[{{"ip":"::1","port":{port}}}]}}"#
        )
    };
    assert_eq!(parse(&peers(0)), CommandError::Port);
    assert!(Answer::parse(peers(1).as_bytes()).is_ok());
    let peer = r#"{"ip":"::1","port":1}"#;
    let many = peers(1).replace(peer, &vec![peer; MAX_PEERS + 1].join(","));
    assert_eq!(parse(&many), TooMany { key: "peers", max: MAX_PEERS });
    let files = answers().remove(3).0;
    assert_eq!(parse(&files.replace("movie ", "../")), Unknown { key: "name" });
    let long = format!(r#"{{"error":"refused","message":"{}"}}"#, "é".repeat(400));
    let Ok(Answer::Error(Refusal::Refused, message)) = Answer::parse(long.as_bytes()) else { panic!() };
    assert_eq!(message, "é".repeat(250), "what others say is cut");
}

#[test]
fn the_longest_command_and_answer_are_within_their_frames() {
    let mut registration = match commands().remove(0).1 {
        Command::Register(registration) => *registration,
        other => panic!("{other:?}"),
    };
    registration.name = "\u{7f}".repeat(255);
    registration.metainfo = Some(vec![0; metainfo::MAX_LEN].into());
    let mut out = BytesMut::new();
    Command::Register(Box::new(registration)).encode(&mut out);
    assert!(out.len() <= MAX_FRAME as usize + 4, "{}", out.len());
    let frame = take_frame(&mut out, MAX_FRAME).unwrap().unwrap();
    assert!(Command::parse(&frame).is_ok());
}

proptest! {
    #[test]
    fn bytes_never_panic(bytes: Vec<u8>, cut in 0_usize..300) {
        let _refused = (Command::parse(&bytes), Answer::parse(&bytes));
        let mut source = BytesMut::from(&bytes[..]);
        let _refused = take_frame(&mut source, MAX_SMALL_FRAME);
        for text in commands().into_iter().map(|it| it.0).chain(answers().into_iter().map(|it| it.0)) {
            let mut text = text.into_bytes();
            let at = cut % text.len();
            text[at] = bytes.first().copied().unwrap_or(b'"');
            let _refused = (Command::parse(&text), Answer::parse(&text));
        }
    }

    #[test]
    fn any_text_survives(text in "\\PC{1,60}", size: u64) {
        prop_assume!(!text.trim().is_empty());
        let text = text.trim().to_owned();
        prop_assume!(text.len() <= 255);
        let search = Command::Search { text: text.clone() };
        let registration = Registration {
            info_hash: HASH, peer_id: ID, port: 1, name: text, size, files: 1, left: size, metainfo: None,
        };
        for command in [search, Command::Register(Box::new(registration))] {
            let mut out = BytesMut::new();
            command.encode(&mut out);
            let frame = take_frame(&mut out, MAX_SMALL_FRAME).unwrap().unwrap();
            prop_assert_eq!(Command::parse(&frame), Ok(command));
        }
    }
}

//! What strangers may do with the systems' words, to a tracker of ours that seeds: the connection ends, or the question is refused, and the
//! next one who comes is served. That no datagram has an answer longer than itself is tested where addresses can be false, in the
//! core.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream, UdpSocket};

use super::{S1, S3, S4, S5, System, World, ask, connect, frame};
use crate::support::{PATIENCE, Place};

/// Says this, and nothing more.
fn say(to: SocketAddr, bytes: &[u8]) -> TcpStream {
    let mut stream = connect(to);
    // That the other end has closed meanwhile is found out when reading.
    let _ = stream.write_all(bytes);
    stream
}

/// Everything that comes until the other end closes the connection.
#[track_caller]
fn until_closed(mut stream: TcpStream) -> Vec<u8> {
    let (mut heard, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        match stream.read(&mut chunk) {
            Ok(0) => return heard,
            Ok(len) => heard.extend_from_slice(&chunk[..len]),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return heard,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => panic!("not closed: {error}"),
        }
    }
}

/// An honest node comes, and gets everything.
#[track_caller]
fn still_serves(world: &mut World) {
    assert!(world.tracker.is_running());
    let there = Place::new();
    let ended = world.leecher(&there, &[]).wait();
    assert_eq!(ended.code, Some(0), "{}", ended.err);
    assert_eq!(there.read("movie.mp4"), world.here.read("movie.mp4"));
}

#[test]
fn questions_in_frames() {
    let mut world = World::start(&S5);
    let at = world.at;
    // A length that no question has, nonsense, half a frame.
    assert_eq!(until_closed(say(at, b"\0\xff\xff\xff{\"command\":\"REGISTER\"")), b"");
    assert_eq!(until_closed(say(at, &frame(r#"{"quem":"REGISTRO"}"#))), b"");
    let half = say(at, &frame(r#"{"tipo":"REGISTRO","id":"p1","porta":9001}"#)[..30]);
    half.shutdown(Shutdown::Write).unwrap();
    assert_eq!(until_closed(half), b"");
    // What is refused leaves the connection as it was.
    let mut stream = connect(at);
    let refused = [
        (
            r#"{"command":"REGISTER","peer_id":"p","port":1,"file":"nothing","blocks":[]}"#,
            "no file of this name",
        ),
        (r#"{"command":"REGISTER","peer_id":"","port":1,"file":"movie.mp4","blocks":[]}"#, "error"),
        (r#"{"command":"REGISTER","peer_id":"p","port":0,"file":"movie.mp4","blocks":[]}"#, "error"),
        (
            r#"{"command":"REGISTER","peer_id":"p","port":1,"file":"movie.mp4","blocks":[4294967295]}"#,
            "error",
        ),
        (r#"{"command":"REGISTER","port":1,"file":"movie.mp4","blocks":"all"}"#, "error"),
        (r#"{"command":"UPDATE_BLOCKS","peer_id":"p","file":"movie.mp4","blocks":[1]}"#, "error"),
        (r#"{"command":"GET_PEERS","peer_id":"p","file":"movie.mp4","file":"movie.mp4"}"#, "error"),
    ];
    for (question, expected) in refused {
        let answer = ask(&mut stream, question);
        assert!(answer.contains(expected), "{question}: {answer}");
    }
    let long = format!(r#"{{"command":"GET_PEERS","peer_id":"p","file":"{}"}}"#, "x".repeat(3_900));
    assert!(ask(&mut stream, &long).contains("error"));
    let answer = ask(&mut stream, r#"{"command":"GET_PEERS","peer_id":"p","file":"movie.mp4"}"#);
    assert!(answer.contains(r#""peer_id":"tracker""#), "{answer}");
    still_serves(&mut world);
}

#[test]
fn hundreds_that_register_and_stay_keep_nobody_out() {
    let mut world = World::start(&S5);
    let question = frame(r#"{"tipo":"REGISTRO","id":"p","porta":1}"#);
    let crowd: Vec<TcpStream> = (0..600).map(|_| say(world.at, &question)).collect();
    still_serves(&mut world);
    drop(crowd);
}

#[test]
fn lines_of_text() {
    let mut world = World::start(&S4);
    let at = world.at;
    let endless = say(at, format!("register 127.0.0.1:1 {}", "x".repeat(70_000)).as_bytes());
    assert_eq!(until_closed(endless), b"");
    let half = say(at, b"register 127.0.0.1:1 ha");
    half.shutdown(Shutdown::Write).unwrap();
    assert_eq!(until_closed(half), b"");
    let many = format!("register 127.0.0.1:1 {}\n", "a ".repeat(30_000));
    let files = (0..100_000).map(|number| format!("f{number} ")).collect::<Vec<_>>().concat();
    let lines = [
        many.as_str(),
        "register nobody file\n",
        "register 127.0.0.1:0 file\n",
        "register 127.0.0.1:1 %ff%fe\n",
        "heartbeat 127.0.0.1:9\n",
        "search\n",
        "list \u{1b}[2J\n",
    ];
    let mut stream = say(at, lines.concat().as_bytes());
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    assert_eq!(answers.lines().filter(|line| line.starts_with("ERR ")).count(), lines.len(), "{answers}");
    // In as many lines as it takes, a hundred thousand files are too many.
    let update = |part: &[u8]| format!("update 127.0.0.1:1 {}\n", String::from_utf8_lossy(part));
    let flood = files.as_bytes().chunks(60_000).map(update).collect::<Vec<_>>().concat();
    let mut stream = say(at, format!("register 127.0.0.1:1\n{flood}").as_bytes());
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    assert!(answers.starts_with("OK\nERR "), "{answers}");
    still_serves(&mut world);
}

#[test]
fn datagrams() {
    let mut world = World::start(&S3);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(world.at).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let long = format!("UPDATE 127.0.0.1 1 [{}]", "0,2,".repeat(1_900));
    let nonsense = [
        "JOIN ",
        "JOIN 127.0.0.1",
        "JOIN 127.0.0.1 0",
        "JOIN 127.0.0.1 70000",
        "JOIN 127.0.0.1 1 #00",
        "JOIN 127.0.0.1 1 cookie!!",
        "UPDATE 127.0.0.1 1 [0-4294967295]",
        "UPDATE 127.0.0.1 1 [9-0]",
        "UPDATE 127.0.0.1 1 [,,,",
        long.as_str(),
    ];
    let mut answer = [0; 9000];
    let mut join = || {
        socket.send(b"JOIN 127.0.0.1 6001").unwrap();
        let len = socket.recv(&mut answer).unwrap();
        String::from_utf8_lossy(&answer[..len]).into_owned()
    };
    // The seeder has to be there first.
    while !join().starts_with("PEERLIST 127.0.0.1:") {
        std::thread::yield_now();
    }
    for datagram in nonsense {
        socket.send(datagram.as_bytes()).unwrap();
    }
    let text = join();
    assert!(text.starts_with("PEERLIST 127.0.0.1:"), "nothing before it has an answer: {text}");
    still_serves(&mut world);
}

/// Peers of a system that do not keep to it, at a node that seeds.
fn peers(system: &'static System, closed: &[&[u8]]) {
    let mut world = World::start(system);
    // The tracker's own port where it seeds, the seeder's otherwise.
    let at = world.seeds_at;
    for bytes in closed {
        let stream = say(at, bytes);
        let heard = until_closed(stream);
        assert!(heard.len() < 1_000, "{} bytes for {:?}", heard.len(), String::from_utf8_lossy(bytes));
    }
    still_serves(&mut world);
}

#[test]
fn peers_of_s1() {
    let hello = frame(r#"{"type":"handshake","peer_id":"p1","file":"movie.mp4"}"#);
    let after = |bytes: &[u8]| [&hello, bytes].concat();
    peers(
        &S1,
        &[
            &frame(r#"{"type":"handshake","peer_id":"p1","file":"other"}"#),
            &after(&hello),
            &after(b"\x7f\xff\xff\xff{"),
            &after(&frame(r#"{"type":"request_block","block_index":4294967295}"#)),
            &after(&frame(r#"{"type":"have","block_index":99}"#)),
            &after(&frame(r#"{"type":"block_data","block_index":0,"data":"????"}"#)),
        ],
    );
}

#[test]
fn peers_of_s3() {
    peers(&S3, &[b"GET 99\n", b"GET 4294967296\n", b"GET -1\n", b"GET 1 #00\n", b"GET 1 and more\n"]);
}

#[test]
fn peers_of_s4() {
    let endless = [b"GET ", &b"x".repeat(2_000)[..]].concat();
    peers(
        &S4,
        &[
            b"GET other.mp4 0 1\n",
            b"GET movie.mp4 300000 2\n",
            b"GET movie.mp4 18446744073709551615 18446744073709551615\n",
            b"GET movie.mp4 0 4194305\n",
            b"SIZE other.mp4\nGET other.mp4 0 1\n",
            b"SIZE movie.mp4\nSIZE\n",
            &endless,
        ],
    );
}

/// Who says all that it has to say and closes its own direction still has its answers: `printf … | nc`.
#[test]
fn who_has_asked_may_close_its_own_direction() {
    let asked = b"SIZE movie.mp4\nGET movie.mp4 0 5\nGET movie.mp4 299999 2\nGET movie.mp4 0 300001\n";
    for (system, asked, expected) in [(&S3, &b"GET 9\n"[..], 5_089), (&S4, asked, 10 + 5 + 2 + 300_001)] {
        let world = World::start(system);
        for _ in 0..20 {
            let stream = say(world.seeds_at, asked);
            stream.shutdown(Shutdown::Write).unwrap();
            assert_eq!(until_closed(stream).len(), expected);
        }
    }
}

#[test]
fn peers_of_s5() {
    let inventory = frame(r#"{"tipo":"ESTOQUE","id":"p1","porta":9001,"blocos":[]}"#);
    let after = |bytes: &[u8]| [&inventory, bytes].concat();
    peers(
        &S5,
        &[
            &frame(r#"{"tipo":"ESTOQUE","id":"p1","porta":9001,"blocos":[10]}"#),
            &after(b"\0\xff\xff\xff{"),
            &after(&frame(r#"{"tipo":"PEDIDO"}"#)),
            &after(&frame(r#"{"tipo":"PEDIDO","bloco":77}"#)),
            &after(&frame(r#"{"tipo":"BLOCO","bloco":2,"dados":"Zm94Lg"}"#)),
        ],
    );
}

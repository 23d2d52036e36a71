//! The trackers of S2 and S5 are peers: whoever has registered may speak to them as to a peer on the same connection.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;

use super::{S1, S2, S5, World, ask, connect, frame};

/// The next message.
#[track_caller]
fn receive(stream: &mut TcpStream) -> Value {
    let mut len = [0; 4];
    stream.read_exact(&mut len).unwrap();
    let mut text = vec![0; u32::from_be_bytes(len) as usize];
    stream.read_exact(&mut text).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// The next message of this kind; others in between are passed over.
#[track_caller]
fn receive_kind(stream: &mut TcpStream, key: &str, kind: &str) -> Value {
    loop {
        let message = receive(stream);
        if message[key] == kind {
            return message;
        }
    }
}

fn say(stream: &mut TcpStream, text: &str) {
    stream.write_all(&frame(text)).unwrap();
}

/// The bytes behind base64 are those of the file's block.
#[track_caller]
fn assert_is_block(world: &World, index: usize, data: &Value) {
    use base64::Engine as _;
    let bytes = base64::engine::general_purpose::STANDARD.decode(data.as_str().unwrap()).unwrap();
    let file = world.here.read("movie.mp4");
    let end = file.len().min((index + 1) << 15);
    assert!(bytes == file[index << 15..end], "block {index}");
}

#[test]
fn s5_all_on_the_connection_of_the_registration() {
    let world = World::start(&S5);
    let mut stream = connect(world.at);
    // Before anybody has registered a peer's message is none.
    let answer = ask(&mut stream, r#"{"tipo":"REGISTRO","id":"p1","porta":0}"#);
    assert!(answer.contains("ERRO"), "{answer}");
    say(&mut stream, r#"{"tipo":"PEDIDO","bloco":0}"#);
    assert_eq!(receive(&mut stream)["tipo"], "ERRO");
    let answer = ask(&mut stream, r#"{"tipo":"REGISTRO","id":"p1","porta":9001}"#);
    assert!(answer.contains("LISTA_PEERS"), "{answer}");
    // Several in one go, the last block among them, which is shorter; and one that is not there.
    let requests = [
        r#"{"tipo":"ESTOQUE","id":"p1","porta":9001,"blocos":[]}"#,
        r#"{"tipo":"PEDIDO","bloco":3}"#,
        r#"{ "bloco" : 9 , "tipo" : "PEDIDO" }"#,
    ];
    stream.write_all(&requests.map(frame).concat()).unwrap();
    for index in [3, 9] {
        let block = receive_kind(&mut stream, "tipo", "BLOCO");
        assert_eq!(block["bloco"], index);
        assert_is_block(&world, index, &block["dados"]);
    }
    // It goes on telling of others, and answers as a tracker.
    let mut other = connect(world.at);
    ask(&mut other, r#"{"tipo":"REGISTRO","id":"p2","porta":9002}"#);
    assert_eq!(receive_kind(&mut stream, "tipo", "NOVO_PEER")["id"], "p2");
    say(&mut stream, r#"{"tipo":"REGISTRO","id":"p1","porta":9001}"#);
    let list = receive_kind(&mut stream, "tipo", "LISTA_PEERS");
    assert!(list["peers"].as_array().unwrap().iter().any(|peer| peer["id"] == "p2"), "{list}");
    // Its inventory comes by itself.
    let stock = receive_kind(&mut stream, "tipo", "ESTOQUE");
    assert_eq!(stock["blocos"].as_array().unwrap().len(), 10, "{stock}");
    // What makes no sense between peers ends that part of the connection; who has registered stays so.
    say(&mut stream, r#"{"tipo":"PEDIDO","bloco":77}"#);
    ask(&mut other, r#"{"tipo":"REGISTRO","id":"p3","porta":9003}"#);
    assert_eq!(receive_kind(&mut stream, "tipo", "NOVO_PEER")["id"], "p3");
}

/// What is neither a question nor for anybody here is refused, and the connection goes on.
#[test]
fn what_nobody_here_understands_is_refused() {
    let world = World::start(&S1);
    let mut stream = connect(world.at);
    let register = r#"{"command":"REGISTER","peer_id":"p1","port":6001,"file":"movie.mp4","blocks":[]}"#;
    assert!(ask(&mut stream, register).contains("\"ok\""));
    let answer = ask(&mut stream, r#"{"command":"UNREGISTER","peer_id":"p1","file":"movie.mp4"}"#);
    assert!(answer.contains("\"error\""), "{answer}");
    // S2's and S5's words at a tracker that does not seed.
    for (register, message) in [
        (r#"{"type":"register_peer","peer_id":"p1","port":1}"#, r#"{"type":"block_request","block":1}"#),
        (r#"{"tipo":"REGISTRO","id":"p1","porta":1}"#, r#"{"tipo":"PEDIDO","bloco":1}"#),
    ] {
        let mut stream = connect(world.at);
        assert!(ask(&mut stream, register).contains("movie.mp4"));
        let answer = ask(&mut stream, message);
        assert!(answer.contains("this tracker is no peer of this file"), "{answer}");
        assert!(ask(&mut stream, register).contains("movie.mp4"));
    }
}

#[test]
fn s2_all_on_the_connection_of_the_registration() {
    let world = World::start(&S2);
    let mut stream = connect(world.at);
    let answer = ask(&mut stream, r#"{"type":"register_peer","peer_id":"p1","port":9101}"#);
    assert!(answer.contains("registered"), "{answer}");
    say(&mut stream, r#"{"type":"have_blocks","peer_id":"p1","blocks":[]}"#);
    let have = receive_kind(&mut stream, "type", "have_blocks");
    assert_eq!(have["blocks"].as_array().unwrap().len(), 10, "{have}");
    receive_kind(&mut stream, "type", "unchoke");
    say(&mut stream, r#"{"type":"block_request","block":9}"#);
    let block = receive_kind(&mut stream, "type", "block_data");
    assert_is_block(&world, 9, &block["data"]);
    say(&mut stream, r#"{"type":"get_peers","peer_id":"p1"}"#);
    let peers = receive_kind(&mut stream, "type", "peers");
    assert_eq!(peers["peers"][0]["peer_id"], "tracker", "{peers}");
}

//! `search` and `list` as programs: what they print of what others say, and how they end.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use bytes::BytesMut;
use minibit_core::InfoHash;
use minibit_core::tracker::json::{self, Answer, File, MAX_SMALL_FRAME};

/// Runs the program without a terminal, and without a tracker of the environment.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_node"));
    command.args(arguments).env_remove("MINIBIT_TRACKER").env("NO_COLOR", "1").stdin(Stdio::null());
    let Output { status, stdout, stderr } = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (status.code().expect("it was not killed"), text(stdout), text(stderr))
}

/// A tracker that gives every question the same answer.
fn tracker(answer: Answer) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, mut received, mut chunk) = (stream.unwrap(), BytesMut::new(), [0; 1024]);
            let is_question = loop {
                match json::take_frame(&mut received, MAX_SMALL_FRAME) {
                    Ok(Some(_)) => break true,
                    // It does not speak S4.
                    Err(_) => break false,
                    Ok(None) => {}
                }
                match stream.read(&mut chunk).unwrap() {
                    0 => break true,
                    read => received.extend_from_slice(&chunk[..read]),
                }
            };
            if !is_question {
                continue;
            }
            let mut out = BytesMut::new();
            answer.encode(&mut out);
            stream.write_all(&out).unwrap();
        }
    });
    addr
}

fn file(number: u8, name: &str) -> File {
    let age = Duration::from_mins(3);
    File {
        info_hash: InfoHash([number; 20]),
        name: name.into(),
        size: 3 << 20,
        files: 1,
        seeders: 2,
        leechers: 1,
        age,
    }
}

#[test]
fn files_are_a_table_for_people_and_an_object_for_programs() {
    // The name is one that a file can have, and turns text around on a screen.
    let files = vec![file(1, "movie.mp4"), file(2, "song \u{202e}3pm.exe")];
    let addr = tracker(Answer::Files { files, more: false }).to_string();
    let (code, out, err) = run(&["list", "--no-lan", "--tracker", &addr]);
    assert_eq!((code, err.as_str()), (0, ""));
    assert_eq!(out.lines().count(), 3, "{out}");
    assert!(
        out.contains("movie.mp4")
            && out.contains("3.0 MiB")
            && out.contains("3min")
            && out.contains("01010101")
    );

    let (code, out, _) = run(&["search", "MOVIE", "--json", "--no-lan", "--tracker", &addr]);
    let value: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &value["schema"]), (0, &1.into()));
    let files = value["files"].as_array().unwrap();
    assert_eq!(files.len(), 1, "what does not fit is not shown, whoever says so");
    assert_eq!((&files[0]["name"], &files[0]["seeders"]), (&"movie.mp4".into(), &2.into()));
    assert_eq!((&files[0]["size"], &files[0]["age"]), (&(3 << 20).into(), &180.into()));
}

#[test]
fn nothing_is_exit_code_3_and_says_why() {
    let empty = tracker(Answer::Files { files: Vec::new(), more: false }).to_string();
    let (code, out, err) = run(&["search", "film\u{7}", "--no-lan", "--tracker", &empty]);
    assert_eq!((code, out.as_str()), (3, ""));
    assert!(
        err.contains("nobody has a file with") && err.contains("hint: ") && !err.contains('\u{7}'),
        "{err}"
    );

    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let (code, out, err) = run(&["list", "--json", "--no-lan", "--tracker", &nobody]);
    assert_eq!((code, out.as_str()), (3, ""));
    assert!(err.contains(&format!("the tracker {nobody} did not answer")), "{err}");

    let arguments = ["get", "film", "--no-lan", "--tracker", &nobody, "--listen", "127.0.0.1", "--port", "0"];
    let (code, out, err) = run(&arguments);
    assert_eq!((code, out.as_str()), (3, ""));
    assert!(err.contains(&format!("nobody has \"film\"; the tracker {nobody} did not answer")), "{err}");
    assert!(!err.contains("--tracker URL"), "one was asked: {err}");

    let (code, _, err) = run(&["list", "--interface", "nosuch0"]);
    assert_eq!(code, 3);
    assert!(err.contains("no network interface nosuch0 is up; there are:"), "{err}");
}

#[test]
fn a_tracker_that_says_nothing_is_waited_for_as_long_as_was_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    let (code, _, err) = run(&["list", "--no-lan", "--timeout", "200ms", "--tracker", &addr]);
    assert_eq!(code, 3);
    assert!(err.contains("did not answer"), "{err}");
}

/// Nobody was asked, so nobody can be said to have nothing.
#[test]
fn without_a_tracker_and_a_network_there_is_nobody_to_ask() {
    let get = ["get", "film", "--no-lan", "--listen", "127.0.0.1", "--port", "0"];
    for arguments in [&["list", "--no-lan"][..], &["search", "film", "--no-lan"], &get] {
        let (code, out, err) = run(arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}");
        assert!(err.contains("error: there is nobody to ask") && err.contains("hint: --tracker"), "{err}");
    }
}

#[test]
fn what_cannot_be_meant_is_exit_code_2() {
    for arguments in [
        &["search"][..],
        &["search", "  ", "--no-lan", "--tracker", "127.0.0.1:1"],
        &["list", "--tracker", "https://tracker.lan/announce"],
        &["list", "--no-lan", "--interface", "eth0"],
        &["list", "--timeout", "soon"],
        &[],
    ] {
        let (code, out, _) = run(arguments);
        assert_eq!((code, out.as_str()), (2, ""), "{arguments:?}");
    }
}

//! `sim replay` on what two nodes recorded of each other.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::process::{Command as Process, Output as Finished};

use bytes::Bytes;
use minibit_core::boundary::{DiskDone, DiskOp, Net};
use minibit_core::torrent::{Identity, Particulars, Torrent};
use minibit_core::trace::{Origin, Recorder};
use minibit_core::{
    Bitfield, Command, ConnId, Geometry, InfoHash, Input, Instant, Outbox, Output, PeerId, Profile, Seed,
};

/// One of the two, and its record.
struct Node {
    torrent: Torrent<Net>,
    recorder: Recorder,
    record: String,
    /// Its name for the connection between them.
    conn: ConnId,
}

impl Node {
    fn new(number: u8, have: Bitfield) -> Self {
        let origin = Origin {
            config: Profile::Bittorrent.config().for_lan(),
            geometry: Geometry::new(1 << 17, 1 << 15, 1 << 14).unwrap(),
            identity: Identity { info_hash: InfoHash([7; 20]), peer_id: PeerId([number; 20]), stream: 0 },
            particulars: Particulars::default(),
            have,
            start: Instant::ZERO,
            seed: Seed::from_number(number.into()),
        };
        let record = Recorder::header(&origin);
        Self { torrent: origin.torrent(), recorder: Recorder::new(), record, conn: ConnId::new(0, 0) }
    }
}

fn addr(number: u16) -> SocketAddr {
    ([127, 0, 0, 1], 6881 + number).into()
}

/// The records of a seeder and of a leecher that gets everything from it, over a wire that takes a millisecond.
fn records() -> [String; 2] {
    let mut nodes = [Node::new(0, Bitfield::all(4)), Node::new(1, Bitfield::none(4))];
    let mut inputs = VecDeque::from([
        (0, Input::Command(Command::Start)),
        (1, Input::Command(Command::Start)),
        (1, Input::Command(Command::AddPeers(vec![addr(0)]))),
    ]);
    let mut outbox = Outbox::<Net>::new();
    let mut now = Instant::ZERO;
    while let Some((me, input)) = inputs.pop_front() {
        now = now.after_nanos(1_000_000);
        let other = 1 - me;
        let node = &mut nodes[me];
        node.recorder.input(now, &input);
        node.torrent.handle_input(now, input, &mut outbox);
        while let Some(output) = outbox.pop() {
            nodes[me].recorder.output(&output);
            match output {
                Output::Connect { conn, .. } => {
                    nodes[me].conn = conn;
                    inputs.push_back((other, Input::Incoming { ticket: 0, addr: addr(1) }));
                }
                Output::Accept { conn, .. } => {
                    nodes[me].conn = conn;
                    inputs.push_back((other, Input::Connected { conn: nodes[other].conn }));
                }
                Output::Send { to, message } => {
                    let bytes = message.credited_len();
                    inputs.push_back((other, Input::Message { from: nodes[other].conn, message }));
                    inputs.push_back((me, Input::Sent { to, bytes }));
                }
                Output::Disk(op) => inputs.push_back((me, Input::Disk(done(&op)))),
                Output::Disconnect { .. } => {
                    inputs.push_back((other, Input::Disconnected { conn: nodes[other].conn }));
                }
                Output::Event(_) | Output::Announce(_) | Output::Refuse { .. } => {}
            }
        }
        let node = &mut nodes[me];
        node.record += &node.recorder.line(node.torrent.poll_timeout());
    }
    assert!(nodes[1].torrent.is_complete());
    nodes.map(|node| node.record)
}

fn done(op: &DiskOp<Bytes>) -> DiskDone<Bytes> {
    match *op {
        DiskOp::Read { conn, span } => {
            let data = Bytes::from(vec![0; span.length as usize]);
            DiskDone::Read { conn, index: span.index, begin: span.begin, data }
        }
        DiskOp::Write { block, .. } => DiskDone::Written { block },
        DiskOp::Verify { piece } => DiskDone::Verified { piece, ok: true },
        DiskOp::Fingerprint { piece } => DiskDone::Fingerprints { piece, blocks: Box::default() },
    }
}

/// What the program says of a record: exit code, standard output, standard error.
fn replay(record: &str) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("film.ndjson"), record).unwrap();
    let mut process = Process::new(env!("CARGO_BIN_EXE_sim"));
    process.args(["replay", "film.ndjson"]).current_dir(folder.path()).env("NO_COLOR", "1");
    let Finished { status, stdout, stderr } = process.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn a_record_is_replayed() {
    for record in records() {
        let (code, out, err) = replay(&record);
        assert_eq!((code, &err[..]), (Some(0), ""));
        assert!(out.contains("all as recorded\n4 of 4 pieces"), "{out}");
    }
}

#[test]
fn a_line_that_was_changed_is_found() {
    let [_, record] = records();
    let at = record.lines().position(|line| line.contains("\"out\":[{\"write\":[0,1,16384]}")).unwrap() + 1;
    let changed = record.replacen("{\"write\":[0,1,16384]}", "{\"write\":[0,0,16384]}", 1);
    let (code, out, err) = replay(&changed);
    assert_eq!((code, &out[..]), (Some(1), ""));
    let expected = format!(
        "error: film.ndjson was recorded by other code, or changed\n  line      {at}\n  time      0.0"
    );
    assert!(err.starts_with(&expected), "{err}");
    assert!(
        err.ends_with("expected  {\"write\":[0,0,16384]}\n  got       {\"write\":[0,1,16384]}\n"),
        "{err}"
    );
}

#[test]
fn a_file_that_is_no_record_is_named_with_its_line() {
    let [record, _] = records();
    let torn = &record[..record.len() - 9];
    let last = record.lines().count();
    for (text, line) in [("", 1), ("{\"minibit_trace\":9}\n", 1), (torn, last)] {
        let (code, out, err) = replay(text);
        assert_eq!((code, &out[..]), (Some(2), ""));
        assert!(err.starts_with(&format!("error: film.ndjson: line {line}: ")), "{err}");
    }
}

#[test]
fn the_help_has_an_example() {
    let help = Process::new(env!("CARGO_BIN_EXE_sim")).args(["replay", "--help"]).output().unwrap();
    assert!(String::from_utf8(help.stdout).unwrap().contains("sim replay film.ndjson"));
}

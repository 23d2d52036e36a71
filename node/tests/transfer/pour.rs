//! `get -o -`: content that is passed on while it comes.

use std::fs;
use std::io::Read as _;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use crate::support::{Place, content, skipped};

const PIECE: usize = 32 * 1024;

/// `get -o -` from a peer; temporary files go to a directory of their own, `tmp`.
fn pouring(there: &Place, torrent: &Path, from: SocketAddr) -> Command {
    fs::create_dir_all(there.join("tmp")).unwrap();
    let from = from.to_string();
    let network = ["--peer", &from, "--no-lan", "--listen", "127.0.0.1", "--port", "0", "--timeout", "20s"];
    let mut command = there.command(&[&["get", torrent.to_str().unwrap(), "-o", "-"], &network[..]].concat());
    command
        .env("TMPDIR", there.join("tmp"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// Is nothing left behind, neither where the program runs nor among temporary files?
fn is_clean(there: &Place) -> bool {
    let names = |directory: &Path| fs::read_dir(directory).unwrap().count();
    names(there.path()) == 1 && names(&there.join("tmp")) == 0
}

#[test]
fn the_content_alone_goes_to_standard_output() {
    let (here, there) = (Place::new(), Place::new());
    here.write("movie.mp4", content(3_000_001));
    let (torrent, _) = here.create("movie.mp4");
    let (_seeder, addr) = here.seed("movie.mp4.torrent", &[]);
    let mut getting = pouring(&there, &torrent, addr).spawn().unwrap();
    let sum = Command::new("sha256sum").stdin(getting.stdout.take().unwrap()).output().unwrap();
    let ended = getting.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.success(), "{said}");
    let expected =
        Command::new("sha256sum").stdin(fs::File::open(here.join("movie.mp4")).unwrap()).output().unwrap();
    assert_eq!(sum.stdout, expected.stdout);
    for part in ["movie.mp4: 2.9 MiB in ", "from 1 peer", "verified"] {
        assert!(said.contains(part), "{part:?} is not in {said}");
    }
    assert!(is_clean(&there));
}

/// Pieces 0, 1 and 3 can be had: what has no gap before it comes at once, and what follows the gap is kept back.
#[test]
fn what_has_come_is_passed_on_before_the_rest_is_there() {
    let (here, there) = (Place::new(), Place::new());
    let all = content(5 * PIECE);
    here.write("file", &all);
    let (torrent, _) = here.create("file");
    let mut some = all.clone();
    for damaged in [2, 4] {
        some[damaged * PIECE] ^= 1;
    }
    here.write("file", some);
    let (_seeder, addr) = here.seed("file.torrent", &[]);
    let mut getting = pouring(&there, &torrent, addr).spawn().unwrap();
    let mut out = getting.stdout.take().unwrap();
    let mut first = vec![0; 2 * PIECE];
    out.read_exact(&mut first).unwrap();
    assert_eq!(first, all[..2 * PIECE]);
    interrupt(&getting);
    let mut rest = Vec::new();
    out.read_to_end(&mut rest).unwrap();
    assert_eq!(rest, b"", "nothing after a gap");
    let ended = getting.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(130), "{said}");
    assert!(said.contains("interrupted; ") && !said.contains("goes on from there"), "{said}");
    assert!(is_clean(&there));
}

fn interrupt(child: &Child) {
    let sent = Command::new("kill").args(["-s", "INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn who_has_read_enough_may_go() {
    let (here, there) = (Place::new(), Place::new());
    let all = content(3_000_001);
    here.write("file", &all);
    let (torrent, _) = here.create("file");
    let (_seeder, addr) = here.seed("file.torrent", &[]);
    let mut getting = pouring(&there, &torrent, addr).spawn().unwrap();
    let mut out = getting.stdout.take().unwrap();
    let mut first = [0; 10];
    out.read_exact(&mut first).unwrap();
    assert_eq!(first, all[..10]);
    drop(out);
    let ended = getting.wait_with_output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.success() && !said.contains("error"), "{said}");
    assert!(is_clean(&there));
}

#[test]
fn what_cannot_be_one_stream_is_refused() {
    let (here, there) = (Place::new(), Place::new());
    here.write("photos/a", content(1_000));
    here.write("photos/b", content(1_000));
    let (torrent, _) = here.create("photos");
    let nobody = SocketAddr::from(([127, 0, 0, 1], 9));
    let refused = |command: &mut Command, why: &str| {
        let ended = command.output().unwrap();
        let said = String::from_utf8(ended.stderr).unwrap();
        assert_eq!((ended.status.code(), ended.stdout), (Some(2), Vec::new()), "{said}");
        assert!(said.contains(why), "{said}");
    };
    refused(
        &mut pouring(&there, &torrent, nobody),
        "photos is a directory, and standard output takes a single file",
    );
    refused(pouring(&there, &torrent, nobody).arg("--json"), "cannot both go to standard output");
    assert!(is_clean(&there));
}

/// Standard output may be a file on a disk that is full.
#[test]
fn an_output_that_takes_nothing_is_told_of() {
    let (here, there) = (Place::new(), Place::new());
    here.write("file", content(100_000));
    let (torrent, _) = here.create("file");
    let (_seeder, addr) = here.seed("file.torrent", &[]);
    let full = fs::OpenOptions::new().write(true).open("/dev/full");
    let Ok(full) = full else {
        skipped("there is no /dev/full here");
        return;
    };
    let ended = pouring(&there, &torrent, addr).stdout(full).output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot write to standard output: No space left"), "{said}");
}

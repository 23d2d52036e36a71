//! Torrent files that mean harm, through the real program: they are refused with a message, and nothing is written.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Kibibytes of memory that the program is allowed, those of its threads' stacks among them.
const MEMORY: u32 = 64 << 10;
/// A program that does not come to an end by then hangs.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

fn text(bytes: &[u8]) -> Vec<u8> {
    [bytes.len().to_string().as_bytes(), b":", bytes].concat()
}

/// A torrent of one piece with these entries in the place of the sound ones; each is a key and bencode.
fn torrent(changes: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let sound = [
        ("length", b"i10e".to_vec()),
        ("name", b"4:name".to_vec()),
        ("piece length", b"i16384e".to_vec()),
        ("pieces", text(&[7; 20])),
    ];
    let mut entries: Vec<(&str, Vec<u8>)> =
        sound.into_iter().filter(|(key, _)| changes.iter().all(|(changed, _)| changed != key)).collect();
    entries.extend(changes.iter().filter(|(_, value)| !value.is_empty()).cloned());
    entries.sort_unstable();
    let info: Vec<u8> =
        entries.into_iter().flat_map(|(key, value)| [text(key.as_bytes()), value].concat()).collect();
    [&b"d4:infod"[..], &info, b"ee"].concat()
}

fn named(name: &[u8]) -> Vec<u8> {
    torrent(&[("name", text(name))])
}

fn number(key: &'static str, number: &str) -> Vec<u8> {
    torrent(&[(key, format!("i{number}e").into_bytes())])
}

/// A directory of files, each of a length and a path.
fn files(files: &[(&str, &[&[u8]])]) -> Vec<u8> {
    let one = |(len, path): &(&str, &[&[u8]])| {
        let names: Vec<u8> = path.iter().flat_map(|name| text(name)).collect();
        [&b"d6:lengthi"[..], len.as_bytes(), b"e4:pathl", &names, b"ee"].concat()
    };
    let list: Vec<u8> = files.iter().flat_map(one).collect();
    torrent(&[("length", Vec::new()), ("files", [&b"l"[..], &list, b"e"].concat())])
}

/// So many files of no length beside one of ten bytes.
fn many_files(count: usize) -> Vec<u8> {
    let mut list = b"ld6:lengthi10e4:pathl1:xee".to_vec();
    (1..count).for_each(|at| list.extend(format!("d6:lengthi0e4:pathl6:{at:06}ee").bytes()));
    list.push(b'e');
    torrent(&[("length", Vec::new()), ("files", list)])
}

fn hostile() -> Vec<(&'static str, Vec<u8>)> {
    let nested = |open: &[u8], depth: usize| [&b"d4:info"[..], &open.repeat(depth)].concat();
    vec![
        ("empty", Vec::new()),
        ("garbage", vec![0xa5; 100_000]),
        ("cut off", named(b"name")[..60].to_vec()),
        ("something behind it", [named(b"name"), b"e".to_vec()].concat()),
        ("the parent", named(b"..")),
        ("itself", named(b".")),
        ("a name without characters", named(b"")),
        ("a name in the parent", named(b"../name")),
        ("an absolute name", named(b"/tmp/name")),
        ("a name with NUL", named(b"na\0me")),
        ("a name of a megabyte", named(&[b'n'; 1_000_000])),
        ("a path in the parent", files(&[("10", &[b"..", b"name"])])),
        ("a path through the parent", files(&[("10", &[b"a", b"..", b"..", b"name"])])),
        ("an absolute path", files(&[("10", &[b"/etc/name"])])),
        ("a path with an empty name", files(&[("10", &[b"a", b"", b"b"])])),
        ("a path of nothing", files(&[("10", &[])])),
        ("a path with NUL", files(&[("10", &[b"a\0b"])])),
        ("two files of one name", files(&[("5", &[b"a"]), ("5", &[b"a"])])),
        ("a file that is a directory", files(&[("5", &[b"a"]), ("5", &[b"a", b"b"])])),
        ("no files", files(&[])),
        (
            "lengths that overflow",
            files(&[("9223372036854775807", &[b"a"]), ("9223372036854775807", &[b"b"])]),
        ),
        ("three lengths that overflow", {
            let long = "9223372036854775807";
            files(&[(long, &[b"a"]), (long, &[b"b"]), (long, &[b"c"])])
        }),
        ("a negative length among others", files(&[("20", &[b"a"]), ("-10", &[b"b"])])),
        ("too many files", many_files(100_001)),
        ("pieces of no length", number("piece length", "0")),
        ("pieces of negative length", number("piece length", "-16384")),
        ("pieces of 2^31", number("piece length", "2147483648")),
        ("pieces of 2^63", number("piece length", "9223372036854775808")),
        ("pieces of 2^63 - 1", number("piece length", "9223372036854775807")),
        ("no length", number("length", "0")),
        ("a negative length", number("length", "-10")),
        ("a length of 2^63 - 1", number("length", "9223372036854775807")),
        ("a length of 2^64", number("length", "18446744073709551616")),
        ("a length with a leading zero", number("length", "010")),
        ("no number", number("length", "")),
        ("half a hash", torrent(&[("pieces", text(&[7; 10]))])),
        ("no hashes", torrent(&[("pieces", text(b""))])),
        ("too many hashes", torrent(&[("pieces", text(&[7; 2000]))])),
        ("a string of 2^63 bytes", b"d4:info9223372036854775808:x".to_vec()),
        ("lists in lists", nested(b"l", 9_999_000)),
        ("dictionaries in dictionaries", nested(b"d1:a", 2_499_000)),
        ("more than ten megabytes", vec![b'l'; 11 << 20]),
        ("four million numbers", [&b"d4:infol"[..], &b"i1e".repeat(3_000_000)].concat()),
    ]
}

/// Runs the program with little memory. Exit code and what it said.
fn run(place: &Path, arguments: &[&str]) -> (Option<i32>, String, Duration) {
    let begun = Instant::now();
    let mut command = Command::new("timeout");
    command.args([&ENDS_WITHIN.as_secs().to_string(), "sh", "-c"]);
    command.arg(format!("ulimit -d {MEMORY} && exec \"$0\" \"$@\"")).arg(env!("CARGO_BIN_EXE_node"));
    command.args(arguments).current_dir(place).env_remove("MINIBIT_TRACKER");
    let output = command.stdin(Stdio::null()).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned(), begun.elapsed())
}

#[test]
fn hostile_torrents_are_refused() {
    let place = TempDir::new().unwrap();
    let mut slowest = (Duration::ZERO, "");
    for (name, bytes) in hostile() {
        fs::write(place.path().join("it.torrent"), bytes).unwrap();
        let get = ["get", "it.torrent", "--no-lan", "--listen", "127.0.0.1", "--timeout", "1s", "-o", "out"];
        for arguments in [&["inspect", "it.torrent"][..], &["inspect", "--json", "it.torrent"], &get] {
            let (code, said, took) = run(place.path(), arguments);
            assert!(matches!(code, Some(1 | 2)), "{name}: {arguments:?} ends with {code:?}: {said}");
            assert!(said.contains("torrent"), "{name}: {said:?}");
            assert!(said.len() < 2_000, "{name}: {} bytes of message", said.len());
            slowest = slowest.max((took, name));
        }
        let left: Vec<_> =
            fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["it.torrent"], "{name}");
    }
    eprintln!("{:?} at most: {}", slowest.0, slowest.1);
}

/// What is large and sound is shown.
#[test]
fn the_largest_torrent_is_shown_in_little_memory() {
    let place = TempDir::new().unwrap();
    fs::write(place.path().join("it.torrent"), many_files(100_000)).unwrap();
    for arguments in [&["inspect", "it.torrent"][..], &["inspect", "--json", "it.torrent"]] {
        let (code, said, took) = run(place.path(), arguments);
        assert_eq!(code, Some(0), "{arguments:?}: {said}");
        eprintln!("{arguments:?}: {took:?}");
    }
}

//! The real program: what it writes, what it says and how it ends.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use tempfile::TempDir;

/// A place of its own for each test, in which the program runs.
struct Place(TempDir);

impl Place {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// 40 000 bytes: three pieces, the last one short.
    fn with_movie() -> Self {
        let place = Self::new();
        place.write(
            "movie.mp4",
            (0..40_000_u32).map(|at| u8::try_from(at * 7 % 251).unwrap()).collect::<Vec<_>>(),
        );
        place
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_node"));
        command.current_dir(self.path()).args(arguments).env("NO_COLOR", "1");
        command
    }

    fn run(&self, arguments: &[&str]) -> Ended {
        let Output { status, stdout, stderr } = self.command(arguments).output().unwrap();
        Ended {
            code: status.code().expect("it was not killed"),
            out: String::from_utf8(stdout).unwrap(),
            err: String::from_utf8(stderr).unwrap(),
        }
    }

    /// Names in the place itself.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn inspect(&self, file: &str) -> serde_json::Value {
        let ended = self.run(&["inspect", file, "--json"]);
        assert_eq!(ended.code, 0, "{}", ended.err);
        serde_json::from_str(&ended.out).unwrap()
    }
}

#[derive(Debug)]
struct Ended {
    code: i32,
    out: String,
    err: String,
}

impl Ended {
    #[track_caller]
    fn fails(&self, code: i32, said: &[&str]) {
        assert_eq!((self.code, self.out.as_str()), (code, ""), "{}", self.err);
        for part in said {
            assert!(self.err.contains(part), "{part:?} is not in {:?}", self.err);
        }
    }
}

#[test]
fn a_file_becomes_a_torrent_with_the_info_hash_that_others_compute() {
    let place = Place::with_movie();
    let made = place.run(&["create", "movie.mp4"]);
    assert_eq!((made.code, made.out.as_str()), (0, "movie.mp4.torrent\n"), "{}", made.err);
    assert!(made.err.contains("39.1 KiB in 1 file, 3 pieces of 16.0 KiB"), "{}", made.err);
    let seen = place.inspect("movie.mp4.torrent");
    // Computed by another bencoder.
    assert_eq!(seen["info_hash"], "7e9273541d314a86d971af7bd5eb2a72da5c22bb");
    assert_eq!(
        (&seen["length"], &seen["pieces"], &seen["directory"]),
        (&40_000.into(), &3.into(), &().into())
    );
    assert_eq!(seen["trackers"], serde_json::json!([]));
    assert_eq!(place.names(), ["movie.mp4", "movie.mp4.torrent"], "nothing else is left behind");

    let text = place.run(&["inspect", "movie.mp4.torrent"]);
    assert!(
        text.out.starts_with("name       movie.mp4\ninfo-hash  7e9273541d314a86d971af7bd5eb2a72da5c22bb\n"),
        "{}",
        text.out
    );
}

#[test]
fn a_directory_goes_in_by_the_bytes_of_its_names() {
    let place = Place::new();
    place.write("photos/b.txt", "x".repeat(20_000));
    place.write("photos/a/z.txt", "");
    place.write("photos/a/deep/c.txt", "fourth");
    place.write("photos/B.txt", "second");
    let options =
        ["-o", "out.torrent", "-l", "32 KiB", "-p", "-t", "http://t.lan/announce", "-t", "udp://u.lan:6969"];
    let made = place.run(&[&["create", "photos/"], &options[..]].concat());
    assert_eq!((made.code, made.out.as_str()), (0, "out.torrent\n"), "{}", made.err);
    let seen = place.inspect("out.torrent");
    let paths: Vec<_> =
        seen["files"].as_array().unwrap().iter().map(|file| file["path"].to_string()).collect();
    assert_eq!(paths, [r#"["B.txt"]"#, r#"["a","deep","c.txt"]"#, r#"["a","z.txt"]"#, r#"["b.txt"]"#]);
    assert_eq!(seen["info_hash"], "5afd4e3f86fde3ef1559c94bff9790355d295d91");
    assert_eq!(seen["trackers"], serde_json::json!([["http://t.lan/announce"], ["udp://u.lan:6969"]]));
    assert_eq!((&seen["directory"], &seen["private"]), (&"photos".into(), &true.into()));

    let again = place.run(&[
        "create",
        "photos",
        "-o",
        "again.torrent",
        "-l",
        "32768",
        "-p",
        "-t",
        "http://t.lan/announce",
    ]);
    assert_eq!(again.code, 0, "{}", again.err);
    assert_eq!(place.inspect("again.torrent")["info_hash"], seen["info_hash"]);
}

/// Many pieces, hashed in any order by all cores; and lines where there is no terminal for a bar.
#[test]
fn long_work_tells_how_far_it_is() {
    let place = Place::with_movie();
    fs::File::create(place.path().join("zeros")).unwrap().set_len(256 * 1024 * 1024 + 1).unwrap();
    let made = place.run(&["create", "zeros", "-l", "1 MiB"]);
    assert_eq!(made.code, 0, "{}", made.err);
    let told: Vec<_> = made.err.lines().filter(|line| line.starts_with("hashed ")).collect();
    let tenths: Vec<_> = (1..=10).map(|tenth| format!("hashed {tenth}0 %")).collect();
    assert_eq!(told, tenths);
    let torrent = fs::read(place.path().join("zeros.torrent")).unwrap();
    // SHA-1 of 1 MiB of zeros, and of one zero, computed by another program.
    let hash = |bytes: &[u8]| torrent.windows(20).filter(|window| *window == bytes).count();
    let mebibyte = b"\x3b\x71\xf4\x3f\xf3\x0f\x4b\x15\xb5\xcd\x85\xdd\x9e\x95\xeb\xc7\xe8\x4e\xb5\xa3";
    let zero = b"\x5b\xa9\x3c\x9d\xb0\xcf\xf9\x3f\x52\xb5\x21\xd7\x42\x0e\x43\xf6\xed\xa2\x78\x4f";
    assert_eq!((hash(mebibyte), hash(zero)), (256, 1));
    assert!(!place.run(&["create", "movie.mp4"]).err.contains("hashed"), "what is done at once");
}

#[test]
fn what_is_there_is_replaced_by_force_alone() {
    let place = Place::with_movie();
    place.write("movie.mp4.torrent", "mine");
    place.run(&["create", "movie.mp4"]).fails(2, &["error: movie.mp4.torrent exists", "hint: ", "--force"]);
    assert_eq!(fs::read(place.path().join("movie.mp4.torrent")).unwrap(), b"mine");
    let forced = place.run(&["create", "movie.mp4", "--force"]);
    assert_eq!(forced.code, 0, "{}", forced.err);
    assert_eq!(place.inspect("movie.mp4.torrent")["pieces"], 3);
    assert_eq!(place.names(), ["movie.mp4", "movie.mp4.torrent"]);
}

#[test]
fn wrong_usage_is_told_with_code_2_and_touches_nothing() {
    let place = Place::with_movie();
    place.write("empty/nothing.txt", "");
    place.run(&["create"]).fails(2, &["<PATH>", "Usage: "]);
    place.run(&["create", "mvoie.mp4"]).fails(2, &["cannot find mvoie.mp4"]);
    place.run(&["create", "empty"]).fails(2, &["there is nothing in empty"]);
    place.run(&["create", "movie.mp4", "-l", "20 KiB"]).fails(2, &["20480 bytes are no power of two"]);
    place.run(&["create", "movie.mp4", "-l", "1 GiB"]).fails(2, &["16 KiB to 512 MiB"]);
    place.run(&["create", "movie.mp4", "-l", "big"]).fails(2, &["expected a size"]);
    place.run(&["create", "movie.mp4", "-t", "tracker.lan"]).fails(2, &["expected a URL"]);
    place.run(&["create", "movie.mp4", "-t", "file:///etc/passwd"]).fails(2, &["expected a URL"]);
    place.run(&["create", "movie.mp4", "--private"]).fails(2, &["--tracker <URL>"]);
    place.run(&["inspect", "no.torrent"]).fails(2, &["cannot open no.torrent"]);
    place.run(&["crate", "movie.mp4"]).fails(2, &["create"]);
    place.run(&[]).fails(2, &["Usage: "]);
    assert_eq!(place.names(), ["empty", "movie.mp4"]);
}

#[test]
fn what_cannot_be_done_is_told_with_code_1() {
    let place = Place::with_movie();
    place.write("bad.torrent", "d4:infod4:name1:ae");
    place.write("huge.torrent", vec![b'0'; 10_000_002]);
    place
        .run(&["inspect", "bad.torrent"])
        .fails(1, &["bad.torrent is not a sound torrent file: the input ends"]);
    fs::File::create(place.path().join("huger.torrent")).unwrap().set_len(1 << 30).unwrap();
    // No more is read than is needed to say so.
    for arguments in [
        &["inspect", "huge.torrent"][..],
        &["get", "huger.torrent", "--no-lan"],
        &["seed", "huger.torrent", "--no-lan"],
    ] {
        place.run(arguments).fails(1, &["10000001 bytes of metainfo are more than"]);
    }
    fs::remove_file(place.path().join("huger.torrent")).unwrap();
    place
        .run(&["create", "movie.mp4", "-o", "no/such/place.torrent"])
        .fails(1, &["cannot write no/such/place.torrent"]);
    assert_eq!(place.names(), ["bad.torrent", "huge.torrent", "movie.mp4"]);
}

#[cfg(unix)]
#[test]
fn links_are_neither_followed_nor_left_out() {
    let place = Place::new();
    place.write("photos/a.txt", "a");
    std::os::unix::fs::symlink("/etc/hostname", place.path().join("photos/b.txt")).unwrap();
    place.run(&["create", "photos"]).fails(1, &["photos/b.txt is a symbolic link"]);
}

/// Torrents come from strangers: what they say may not reach the terminal as commands to it.
#[test]
fn control_characters_in_a_comment_are_shown_and_not_sent() {
    let place = Place::with_movie();
    place.run(&["create", "movie.mp4"]);
    let torrent = fs::read(place.path().join("movie.mp4.torrent")).unwrap();
    let hostile = [b"d7:comment10:\x1b[2Jgotcha", &torrent[1..]].concat();
    place.write("hostile.torrent", hostile);
    let seen = place.run(&["inspect", "hostile.torrent"]);
    assert_eq!(seen.code, 0, "{}", seen.err);
    assert!(seen.out.contains(r"comment    \u{1b}[2Jgotcha"), "{}", seen.out);
    assert!(!seen.out.contains('\x1b'));
}

#[test]
fn who_takes_it_for_nodejs_is_told() {
    let place = Place::new();
    place.write("app.js", "console.log(1)");
    let directory = Path::new(env!("CARGO_BIN_EXE_node")).parent().unwrap().to_str().unwrap();
    let scripts =
        ["app.js", "missing.mjs", "./lib/index.cjs", "server.ts"].map(|script| vec![script, "--port", "1"]);
    let flags = ["-e", "--eval", "-p", "--import=./a.js", "--watch"].map(|flag| vec![flag, "1"]);
    for arguments in scripts.into_iter().chain(flags) {
        let run = |path: &str| {
            let Output { status, stderr, .. } = place.command(&arguments).env("PATH", path).output().unwrap();
            (status.code(), String::from_utf8(stderr).unwrap())
        };
        let (code, first) = run(&format!("{directory}:/usr/bin"));
        let sentence =
            format!("error: this is minibit's node, not Node.js; your PATH has {directory} first\nhint: ");
        assert!(code == Some(2) && first.starts_with(&sentence), "{arguments:?}: {first}");
        let (code, elsewhere) = run("/nowhere");
        let sentence = "error: this is minibit's node, not Node.js\nhint: Node.js is another program";
        assert!(code == Some(2) && elsewhere.starts_with(sentence), "{arguments:?}: {elsewhere}");
    }
    place.run(&["missing"]).fails(2, &["unrecognized subcommand"]);
}

#[test]
fn help_has_examples_under_the_name_that_was_typed() {
    let place = Place::new();
    let program = env!("CARGO_BIN_EXE_node");
    let long = place.run(&["--help"]);
    assert_eq!(long.code, 0);
    for part in ["Examples:", &format!("{program} create movie.mp4"), "Exit codes:", "not Node.js"] {
        assert!(long.out.contains(part), "{part:?} is not in {}", long.out);
    }
    let create = place.run(&["create", "--help"]);
    assert!(create.out.contains("Examples:") && create.out.contains("16 KiB to 512 MiB"), "{}", create.out);
    assert!(create.out.contains(&format!("Usage: {program} create")), "{}", create.out);
    assert!(place.run(&["--version"]).out.ends_with(&format!("{}\n", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn a_closed_pipe_is_no_failure() {
    let place = Place::with_movie();
    place.run(&["create", "movie.mp4"]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output = place.command(&["inspect", "movie.mp4.torrent"]).stdout(writer).output().unwrap();
    assert_eq!((output.status.code(), output.stderr), (Some(0), vec![]));
}

#[test]
fn shells_complete_and_manuals_are_written() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ended = place.run(&["completions", shell]);
        assert_eq!((ended.code, ended.err.as_str()), (0, ""));
        assert!(ended.out.contains("seed-after"), "{shell}: {}", ended.out);
    }
    place.run(&["completions", "cmd"]).fails(2, &["possible values: bash"]);

    let ended = place.run(&["man"]);
    assert_eq!((ended.code, ended.err.as_str()), (0, ""));
    assert!(ended.out.contains(".TH node 1") && ended.out.contains("Exit codes:"), "{}", ended.out);
    assert_eq!(place.run(&["man", "pages"]).code, 0);
    let page = |name: &str| fs::read_to_string(place.path().join("pages").join(name)).unwrap();
    for name in ["create", "inspect", "seed", "get", "search", "list", "tracker", "completions", "man"] {
        let page = page(&format!("node-{name}.1"));
        assert!(page.contains("Examples:") && page.contains(&format!("node {name}")), "{page}");
    }
    place.write("file", "");
    place.run(&["man", "file"]).fails(1, &["cannot write manual pages into file"]);
}

#[test]
fn short_help_is_short_and_long_help_has_examples() {
    let place = Place::new();
    for name in ["create", "inspect", "seed", "get", "search", "list", "tracker", "completions", "man"] {
        let long = place.run(&[name, "--help"]);
        assert!(long.code == 0 && long.out.contains("Examples:\n"), "{name}: {}", long.out);
        let short = place.run(&[name, "-h"]);
        assert!(short.code == 0 && short.out.lines().count() <= 50, "{name}: {}", short.out);
    }
}

#[test]
fn a_file_is_no_directory_to_put_things_in() {
    let place = Place::with_movie();
    assert_eq!(place.run(&["create", "movie.mp4"]).code, 0);
    let ended = place.run(&["get", "movie.mp4.torrent", "-o", "movie.mp4", "--no-lan", "--port", "0"]);
    ended.fails(2, &["error: movie.mp4 is no directory"]);
}

//! `node` alone: the conversation of S4, in a terminal and by a pipe.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use nix::pty::openpty;
use tempfile::TempDir;

/// Nothing here takes so long, unless it never ends.
const PATIENCE: Duration = Duration::from_secs(20);

fn node(place: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_node"));
    command.current_dir(place).env("NO_COLOR", "1").env("TERM", "xterm");
    command.env_remove("MINIBIT_TRACKER").env_remove("MINIBIT_PROFILE");
    command
}

/// What comes of lines that a program writes: the exit code, standard output and standard error.
fn piped(command: &mut Command, lines: &str) -> (Option<i32>, String, String) {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // It may end before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(lines.as_bytes());
    let ended = child.wait_with_output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (ended.status.code(), text(ended.stdout), text(ended.stderr))
}

#[test]
fn lines_of_a_program_are_done_without_a_word_in_between() {
    let place = TempDir::new().unwrap();
    let (code, out, err) = piped(&mut node(place.path()), "\n  help\nexit\nhelp\n");
    assert_eq!((code, err.as_str()), (Some(0), ""));
    assert!(out.starts_with("list  ") && out.matches("search TEXT").count() == 1, "{out}");
    assert!(!out.contains('>') && !out.contains("type help"), "{out}");
    let (code, out, _) = piped(&mut node(place.path()), "help");
    assert!(code == Some(0) && out.contains("search TEXT"), "the end of the lines is the end: {out}");
}

#[test]
fn the_first_line_of_a_program_that_goes_wrong_ends_it() {
    let place = TempDir::new().unwrap();
    let (code, out, err) = piped(&mut node(place.path()), "hlep\nhelp\n");
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.starts_with("error: this is not known here"), "{err}");
    let (code, _, err) = piped(&mut node(place.path()), "download missing.torrent\nhelp\n");
    assert!(code == Some(2) && err.contains("cannot open missing.torrent"), "{err}");
}

#[test]
fn no_lines_at_all_are_no_conversation() {
    let place = TempDir::new().unwrap();
    let (code, out, err) = piped(&mut node(place.path()), "");
    assert_eq!((code, out.as_str()), (Some(2), ""));
    assert!(err.contains("Usage: "), "{err}");
}

/// What the tracker and the profile of the environment are, the lines go by.
#[test]
fn a_file_of_s4_is_downloaded_in_its_words() {
    let (here, there) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let content: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    fs::write(here.path().join("film.bin"), &content).unwrap();
    let (_tracker, addr) = tracker(here.path(), &["--profile", "s4"]);
    let seed =
        ["seed", "film.bin", "--profile", "s4", "--tracker", &addr, "--no-lan", "--listen", "127.0.0.1"];
    let seed = Speaking::start(node(here.path()).args(seed).args(["--port", "0"]));
    seed.says("seeding ");
    let mut prompt = node(there.path());
    prompt.env("MINIBIT_TRACKER", addr).env("MINIBIT_PROFILE", "s4").stdin(Stdio::piped());
    let mut prompt = Running(prompt.stdout(Stdio::null()).spawn().unwrap());
    prompt.0.stdin.take().unwrap().write_all(b"download film.bin\n").unwrap();
    let start = Instant::now();
    // In other words than S4's it would look for somebody who speaks them, and never end.
    let ended = loop {
        if let Some(ended) = prompt.0.try_wait().unwrap() {
            break ended;
        }
        assert!(start.elapsed() < PATIENCE, "nobody is understood");
        thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(ended.code(), Some(0));
    assert_eq!(fs::read(there.path().join("film.bin")).unwrap(), content);
}

/// A program that is stopped with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// One whose lines on standard error are read to the end, whoever waits for some of them.
struct Speaking {
    lines: Receiver<String>,
    _program: Running,
}

impl Speaking {
    fn start(command: &mut Command) -> Self {
        let mut program = Running(command.stderr(Stdio::piped()).spawn().unwrap());
        let stderr = BufReader::new(program.0.stderr.take().unwrap());
        let (said, lines) = channel();
        thread::spawn(move || stderr.lines().map_while(Result::ok).for_each(|line| drop(said.send(line))));
        Self { lines, _program: program }
    }

    /// Waits for a line that begins so, and returns the rest of it.
    #[track_caller]
    fn says(&self, what: &str) -> String {
        loop {
            let line = self.lines.recv_timeout(PATIENCE).expect(what);
            if let Some(rest) = line.strip_prefix(what) {
                return rest.to_owned();
            }
        }
    }
}

/// A tracker, and where it is.
fn tracker(place: &Path, more: &[&str]) -> (Speaking, String) {
    let options = ["tracker", "--listen", "127.0.0.1:0", "--no-lan"];
    let tracker = Speaking::start(node(place).args(options).args(more));
    let addr = tracker.says("listening on ").split(',').next().unwrap().to_owned();
    (tracker, addr)
}

#[test]
fn a_file_is_listed_found_and_downloaded() {
    let (here, there) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    // On a network where others give files, too.
    let name = format!("prompt {}.bin", std::process::id());
    let content: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
    fs::write(here.path().join(&name), &content).unwrap();
    let (tracker, addr) = tracker(here.path(), &["--seed", &name]);
    tracker.says("seeding ");

    let said = format!("list\nsearch {}\ndownload \"{name}\" got\n", name.to_uppercase());
    let (code, out, err) = piped(node(there.path()).env("MINIBIT_TRACKER", addr), &said);
    assert_eq!(code, Some(0), "{err}");
    assert_eq!(out.matches(&name).count(), 3, "listed, found, and where it is now: {out}");
    assert!(out.ends_with(&format!("got/{name}\n")), "{out}");
    assert_eq!(fs::read(there.path().join("got").join(name)).unwrap(), content);
}

/// A person at a terminal.
struct Person {
    keys: File,
    screen: Receiver<Vec<u8>>,
    seen: String,
    program: Running,
}

impl Person {
    fn sits_down(place: &Path) -> Self {
        let terminal = openpty(None, None).unwrap();
        let end = || Stdio::from(terminal.slave.try_clone().unwrap());
        let child = node(place).stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
        let keys = File::from(terminal.master);
        let mut output = keys.try_clone().unwrap();
        let (shown, screen) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            // It ends with an error when the program has ended.
            while let Ok(len @ 1..) = output.read(&mut buffer) {
                let _ = shown.send(buffer[..len].to_vec());
            }
        });
        Self { keys, screen, seen: String::new(), program: Running(child) }
    }

    fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until this is on the screen, below what was seen before.
    #[track_caller]
    fn sees(&mut self, what: &str) {
        while !self.seen.contains(what) {
            let Ok(more) = self.screen.recv_timeout(PATIENCE) else {
                panic!("{what:?} is not in {:?}", self.seen)
            };
            self.seen.push_str(&String::from_utf8_lossy(&more));
        }
        let end = self.seen.find(what).unwrap() + what.len();
        self.seen.drain(..end);
    }
}

#[test]
fn lines_in_a_terminal_can_be_edited_and_come_back() {
    let place = TempDir::new().unwrap();
    let mut person = Person::sits_down(place.path());
    person.sees("type help for what can be done");
    person.sees("> ");
    // A typo at the end, one at the beginning.
    person.types("elpx\x7f\x01h\r");
    person.sees("search TEXT");
    person.sees("> ");
    person.types("\x1b[A\r");
    person.sees("search TEXT");
    person.sees("> ");
    // What goes wrong is said, and the conversation goes on.
    person.types("hlep\r");
    person.sees("error: this is not known here");
    person.sees("> ");
    // Ctrl+C takes back what was typed, Ctrl+D on an empty line is the end.
    person.types("download\x03");
    person.sees("> ");
    person.types("\x04");
    assert!(person.program.0.wait().unwrap().success());
}

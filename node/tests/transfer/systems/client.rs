//! A client of one of the systems, in Python.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};

use crate::support::{PATIENCE, Place, skipped};

/// Is there a Python that is new enough? Says so when there is not, and the test proves nothing.
pub(super) fn has_python() -> bool {
    let new_enough = "import sys; sys.exit(sys.version_info < (3, 10))";
    let found =
        Command::new("python3").args(["-c", new_enough]).status().is_ok_and(|status| status.success());
    if !found {
        skipped("there is no python3 of version 3.10 or later");
    }
    found
}

/// The client while it runs. Killed when it is dropped.
pub(super) struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<String>,
    log: Arc<Mutex<String>>,
    out: Place,
    /// Where it listens.
    pub(super) addr: SocketAddr,
}

impl Client {
    /// Starts it in a place where the files are that it is told of.
    pub(super) fn start(system: &str, place: &Place, tracker: SocketAddr, more: &[&str]) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/clients/{system}.py"));
        let out = Place::new();
        let mut child = Command::new("python3")
            .current_dir(place.path())
            // Nothing is left behind in the source tree.
            .args(["-B", "-u"])
            .arg(script)
            .args(["--tracker", &tracker.to_string(), "--second", "0.05", "--out"])
            .arg(out.path())
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        let mut stderr = child.stderr.take().unwrap();
        let (lines_in, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                let _ = lines_in.send(line);
            }
        });
        let log = Arc::new(Mutex::new(String::new()));
        let logged = Arc::clone(&log);
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            while let Ok(len @ 1..) = stderr.read(&mut chunk) {
                logged.lock().unwrap().push_str(&String::from_utf8_lossy(&chunk[..len]));
            }
        });
        let addr = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut client = Self { child, stdin, lines, log, out, addr };
        let port = client.says("listening ");
        client.addr.set_port(port.parse().unwrap());
        client
    }

    /// Waits for a line that begins so, and returns the rest of it.
    #[track_caller]
    pub(super) fn says(&mut self, what: &str) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    if let Some(rest) = line.strip_prefix(what) {
                        return rest.to_owned();
                    }
                }
                Err(error) => panic!("{what:?} was not said ({error}):\n{}", self.log()),
            }
        }
    }

    /// What it has to say to people.
    pub(super) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// A file that it has fetched.
    pub(super) fn file(&self, name: &str) -> Vec<u8> {
        fs::read(self.out.join(name)).unwrap()
    }

    /// Tells it to end; how often it has served somebody.
    #[track_caller]
    pub(super) fn stop(mut self) -> u32 {
        drop(self.stdin.take());
        self.says("served ").parse().unwrap()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

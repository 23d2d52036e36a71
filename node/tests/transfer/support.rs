//! The real program in places of its own, and peers that a test plays itself.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use minibit_core::PeerId;
use minibit_core::config::Encoding;
use minibit_core::message::{Handshake, Message};
use minibit_core::metainfo::Metainfo;
use minibit_core::wire::{self, Decoder};
use tempfile::TempDir;

/// Nothing here takes so long, unless it never ends.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A directory in which the program runs.
pub(crate) struct Place(TempDir);

impl Place {
    pub(crate) fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Makes a torrent file of something here, with pieces of 32 KiB.
    pub(crate) fn create(&self, name: &str) -> (PathBuf, Metainfo) {
        let output = self.command(&["create", name, "-l", "32 KiB"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let file = self.join(&format!("{name}.torrent"));
        let metainfo = Metainfo::parse(&fs::read(&file).unwrap()).unwrap();
        (file, metainfo)
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_node"));
        command.current_dir(self.path()).args(arguments).env("NO_COLOR", "1").env_remove("MINIBIT_TRACKER");
        command
    }

    /// Starts the program.
    pub(crate) fn start(&self, arguments: &[&str]) -> Program {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let (lines_in, lines) = channel();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = lines_in.send(line);
            }
        });
        Program { child, lines, said: Vec::new() }
    }

    /// Seeds something here on a port of its own and waits until it can be reached.
    pub(crate) fn seed(&self, what: &str, more: &[&str]) -> (Program, SocketAddr) {
        let arguments = ["seed", what, "--listen", "127.0.0.1", "--port", "0"];
        let no_lan: &[&str] = if more.contains(&"--no-lan") { &[] } else { &["--no-lan"] };
        let mut program = self.start(&[&arguments[..], no_lan, more].concat());
        let line = program.says("seeding on port ");
        let digits: String = line.chars().filter(char::is_ascii_digit).collect();
        let addr = SocketAddr::from(([127, 0, 0, 1], digits.parse().unwrap()));
        (program, addr)
    }

    /// Gets something into this place from a peer, and waits until that has ended.
    pub(crate) fn get(&self, torrent: &Path, from: SocketAddr, more: &[&str]) -> Ended {
        let torrent = torrent.to_str().unwrap();
        let from = from.to_string();
        let arguments = [
            "get",
            torrent,
            "--peer",
            &from,
            "--no-lan",
            "--listen",
            "127.0.0.1",
            "--port",
            "0",
            "--timeout",
            "20s",
        ];
        self.start(&[&arguments[..], more].concat()).wait()
    }
}

/// Says why a test proves nothing here. Written so that it is seen even when the test's own words are not.
pub(crate) fn skipped(reason: &str) {
    writeln!(std::io::stderr(), "SKIPPED: {reason}").expect("standard error is open");
}

/// Bytes that no two blocks have in common.
pub(crate) fn content(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut bytes: Vec<u8> = (0..len.div_ceil(8)).flat_map(|_| next().to_le_bytes()).collect();
    bytes.truncate(len);
    bytes
}

/// The program while it runs. Killed when it is dropped.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Program {
    /// Waits until a line on standard error contains this, and returns the line.
    #[track_caller]
    pub(crate) fn says(&mut self, what: &str) -> String {
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => {
                    self.said.push(line.clone());
                    if line.contains(what) {
                        return line;
                    }
                }
                Err(error) => panic!("{what:?} was not said ({error}), but {:#?}", self.said),
            }
        }
    }

    /// Sends a signal, by the name that `kill` knows it by.
    pub(crate) fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    #[track_caller]
    pub(crate) fn wait(mut self) -> Ended {
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            match self.child.try_wait().unwrap() {
                Some(status) => break status,
                None if Instant::now() > deadline => panic!("it does not end"),
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        let mut out = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut out).unwrap();
        self.said.extend(self.lines.iter());
        Ended { code: status.code(), out, err: self.said.join("\n") }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    #[track_caller]
    pub(crate) fn is_done(&self) -> &Self {
        assert_eq!(self.code, Some(0), "{}", self.err);
        self
    }
}

/// A peer that the test plays: what it sends is up to the test.
pub(crate) struct Stranger {
    stream: TcpStream,
    decoder: Decoder,
    received: BytesMut,
}

impl Stranger {
    /// Connects and says nothing.
    pub(crate) fn connect(to: SocketAddr, metainfo: &Metainfo) -> Self {
        Self::over(TcpStream::connect_timeout(&to, PATIENCE).unwrap(), metainfo)
    }

    pub(crate) fn over(stream: TcpStream, metainfo: &Metainfo) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        let limits = wire::Limits::of(&metainfo.geometry());
        Self { stream, decoder: Decoder::new(Encoding::Bep3, true, limits), received: BytesMut::new() }
    }

    /// Connects and shakes hands.
    pub(crate) fn greet(to: SocketAddr, metainfo: &Metainfo, name: u8) -> Self {
        let mut stranger = Self::connect(to, metainfo);
        stranger.shake_hands(metainfo, name);
        stranger
    }

    pub(crate) fn shake_hands(&mut self, metainfo: &Metainfo, name: u8) {
        self.shake_hands_with(metainfo, name, true);
    }

    /// Without the fast extension.
    pub(crate) fn shake_hands_plainly(&mut self, metainfo: &Metainfo, name: u8) {
        self.shake_hands_with(metainfo, name, false);
    }

    fn shake_hands_with(&mut self, metainfo: &Metainfo, name: u8, fast: bool) {
        self.send(&Message::Handshake(Box::new(Handshake {
            info_hash: metainfo.info_hash(),
            peer_id: PeerId([name; 20]),
            fast,
            extended: false,
        })));
        assert!(matches!(self.receive(), Some(Message::Handshake(_))));
    }

    /// Sends a message; that the other end has closed meanwhile is found out when reading.
    pub(crate) fn send(&mut self, message: &Message<Bytes>) {
        let mut bytes = BytesMut::new();
        wire::encode(Encoding::Bep3, message, &mut bytes).expect("every message has its bytes");
        self.send_bytes(&bytes);
    }

    pub(crate) fn send_bytes(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// The next message; `None` when the other end has closed the connection.
    #[track_caller]
    pub(crate) fn receive(&mut self) -> Option<Message<Bytes>> {
        loop {
            if let Some(message) = self.decoder.decode(&mut self.received).unwrap() {
                return Some(message);
            }
            let mut chunk = vec![0; 65_536];
            match self.stream.read(&mut chunk) {
                Ok(0) => return None,
                Ok(len) => self.received.extend_from_slice(&chunk[..len]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => panic!("{error}"),
            }
        }
    }

    /// Reads until such a message comes.
    #[track_caller]
    pub(crate) fn receive_until(&mut self, wanted: impl Fn(&Message<Bytes>) -> bool) -> Message<Bytes> {
        loop {
            match self.receive() {
                Some(message) if wanted(&message) => return message,
                Some(_) => {}
                None => panic!("closed"),
            }
        }
    }

    /// Is the connection closed by the other end, whatever it says before?
    #[track_caller]
    pub(crate) fn is_let_go(&mut self) {
        while self.receive().is_some() {}
    }
}

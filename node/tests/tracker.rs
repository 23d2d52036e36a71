//! `node tracker` as a program: it says where it is, serves both protocols, and ends when it is told to.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A tracker that is stopped with the test, whatever happens.
struct Tracker {
    child: Child,
    addr: SocketAddr,
}

impl Tracker {
    fn start(arguments: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_node"))
            .args(["tracker", "--listen", "127.0.0.1:0"])
            .args(arguments)
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut first = String::new();
        BufReader::new(child.stderr.take().unwrap()).read_line(&mut first).unwrap();
        let addr = first.strip_prefix("listening on ").and_then(|rest| rest.split(',').next());
        let addr = addr.unwrap_or_else(|| panic!("{first}")).parse().unwrap();
        Self { child, addr }
    }

    fn get(&self, target: &str) -> String {
        let mut stream = TcpStream::connect(self.addr).unwrap();
        write!(stream, "GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }
}

impl Drop for Tracker {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_serves_and_ends_when_told_to() {
    let mut tracker = Tracker::start(&["--udp"]);
    let hash = "a".repeat(20);
    let answer =
        tracker.get(&format!("/announce?info_hash={hash}&peer_id={hash}&port=5&left=1&event=started"));
    assert!(answer.contains("10:incompletei1e"), "{answer}");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(tracker.addr).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    socket.send(b"\0\0\x04\x17\x27\x10\x19\x80\0\0\0\0abcd").unwrap();
    let mut reply = [0; 64];
    assert_eq!(socket.recv(&mut reply).unwrap(), 16);
    assert_eq!(reply[..8], *b"\0\0\0\0abcd");
    assert!(tracker.get("/").contains("1 swarm,"));
    kill(Pid::from_raw(tracker.child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    assert!(tracker.child.wait().unwrap().success());
}

#[test]
fn udp_can_be_left_out() {
    let tracker = Tracker::start(&["--no-udp"]);
    assert!(tracker.get("/metrics").contains("minibit_tracker_swarms 0"));
    let socket = UdpSocket::bind(tracker.addr).unwrap();
    drop(socket);
}

#[test]
fn a_port_that_is_taken_is_an_error_with_a_reason() {
    let tracker = Tracker::start(&[]);
    let output = Command::new(env!("CARGO_BIN_EXE_node"))
        .args(["tracker", "--listen", &tracker.addr.to_string()])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    let reason = format!("error: cannot listen on port {}: Address already in use", tracker.addr.port());
    assert!(said.starts_with(&reason), "{said}");
}

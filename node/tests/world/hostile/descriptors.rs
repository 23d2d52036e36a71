//! Few descriptors (R12): a node that has run out of them neither ends nor spins, and goes on when there are some again.

use std::fs;
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use super::Victim;

/// Hundredths of a second of processor time in two seconds.
const SPINS: u64 = 100;

#[test]
fn sixty_four_descriptors_are_enough() {
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 64 && exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_node")]);
    command.env_remove("MINIBIT_TRACKER").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut victim = Victim::run(command);
    let mut friend = victim.connect(b'f');
    victim.fetch(&mut friend, 0);
    let flood: Vec<TcpStream> = (0..200)
        .filter_map(|_| TcpStream::connect_timeout(&victim.addr, Duration::from_secs(1)).ok())
        .collect();
    let before = processor_time(&victim);
    thread::sleep(Duration::from_secs(2));
    let spent = processor_time(&victim) - before;
    assert!(spent < SPINS, "{spent} hundredths of a second of processor time in two seconds");
    // Those who say nothing give way to who speaks, and who was there is served on.
    victim.fetch(&mut friend, 1);
    victim.fetch(&mut victim.connect(b'a'), 2);
    drop(flood);
    for number in 0..40 {
        victim.fetch(&mut victim.connect(number), u32::from(number));
    }
    victim.fetch(&mut friend, 3);
    assert!(victim.process.ended().is_none());
}

/// Of the process, in hundredths of a second.
fn processor_time(victim: &Victim) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", victim.process.pid())).unwrap();
    let (_, fields) = stat.rsplit_once(") ").expect("the name is in brackets");
    let fields: Vec<&str> = fields.split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

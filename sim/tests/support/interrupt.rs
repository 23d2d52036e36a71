//! Ctrl+C, at a moment when the program is known to listen.

use std::process::{Child, Command, Output};

/// Waits until the program listens and `ready` holds, interrupts it, and waits for its end.
pub(crate) fn interrupt(mut child: Child, ready: impl Fn() -> bool) -> Output {
    let pid = child.id().to_string();
    let listens =
        || std::fs::read_to_string(format!("/proc/{pid}/status")).is_ok_and(|status| caught(&status));
    while child.try_wait().unwrap().is_none() && !(listens() && ready()) {
        std::thread::yield_now();
    }
    // It may have come to its end by itself; then there is nobody to tell.
    let _told = Command::new("kill").args(["-INT", &pid]).output().unwrap();
    child.wait_with_output().unwrap()
}

/// Is SIGINT among the signals that the process handles?
fn caught(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 2 != 0)
}

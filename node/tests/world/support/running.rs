//! Programs that run beside a test, and end with it.

use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// A program that is ended when dropped.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    name: String,
}

impl Running {
    /// Starts it.
    pub(crate) fn start(command: &mut Command) -> Self {
        let name = format!("{command:?}");
        let child = command.spawn().unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { child, name }
    }

    /// One that was started elsewhere.
    pub(crate) fn of(child: Child, name: &str) -> Self {
        Self { child, name: name.into() }
    }

    /// The process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Has it ended?
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap_or_else(|error| panic!("{}: {error}", self.name))
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self, at_most: Duration) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.ended() {
                return status;
            }
            assert!(start.elapsed() < at_most, "still running after {at_most:?}: {}", self.name);
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Asks it to end, as Ctrl+C does.
    pub(crate) fn interrupt(&self) {
        signal(self.pid(), "INT");
    }

    /// Ends it without a warning.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Sends a signal to a process by its id.
pub(crate) fn signal(pid: u32, name: &str) {
    let status =
        Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).stderr(Stdio::null()).status();
    assert!(status.is_ok_and(|status| status.success()), "kill -{name} {pid}");
}

/// Asks again and again until the answer is yes.
pub(crate) fn until(what: &str, at_most: Duration, mut question: impl FnMut() -> bool) {
    let start = Instant::now();
    while !question() {
        assert!(start.elapsed() < at_most, "not after {at_most:?}: {what}");
        thread::sleep(Duration::from_millis(50));
    }
}

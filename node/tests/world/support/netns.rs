//! Network namespaces: hosts of a network of our own, without a cable.
//!
//! They need root and `ip` (Debian: iproute2). Where these are missing the tests that use them are skipped, and say so.

use std::ffi::OsStr;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// A network namespace; gone when dropped, with all that was made in it.
#[derive(Debug)]
pub(crate) struct Namespace {
    name: String,
}

impl Namespace {
    /// A namespace with nothing but loopback.
    ///
    /// # Errors
    /// Why there can be none, in words.
    pub(crate) fn new() -> Result<Self, String> {
        let name = format!("mb{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        ip(&["netns", "add", &name])?;
        let namespace = Self { name };
        namespace.ip(&["link", "set", "lo", "up"])?;
        Ok(namespace)
    }

    /// The name that `ip netns` knows it by.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// `ip ARGUMENTS` inside.
    pub(crate) fn ip(&self, arguments: &[&str]) -> Result<(), String> {
        let mut inside = vec!["-n", &self.name];
        inside.extend(arguments);
        ip(&inside)
    }

    /// A program that will run inside. What it says is dropped unless it is asked for.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Nothing to do about it if it fails; names are not used again.
        let _ = ip(&["netns", "del", &self.name]);
    }
}

/// Says why a test proves nothing here. Written so that it is seen even when the test's own words are not.
pub(crate) fn skipped(reason: &str) {
    writeln!(std::io::stderr(), "SKIPPED: {reason}").expect("standard error is open");
}

/// `ip ARGUMENTS`, outside of any namespace of ours.
pub(crate) fn ip(arguments: &[&str]) -> Result<(), String> {
    let output = Command::new("ip").args(arguments).output().map_err(|error| format!("ip: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("ip {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr).trim()))
}

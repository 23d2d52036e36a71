//! What is said when something goes wrong, and the exit codes.
//!
//! 0: done. 1: it could not be done, or a torrent file is not in order. 2: it was asked for in a wrong way, and nothing was
//! touched. 3: what was asked for was not found, not in time, or is more than one thing. 130: the user has interrupted it. A
//! closed pipe is no failure: who pipes into `head` has seen enough.

use std::fmt;
use std::io;
use std::process::ExitCode;

/// It could not be done.
const FAILED: u8 = 1;
/// It was asked for in a wrong way.
const USAGE: u8 = 2;
/// Not found, not in time, or ambiguous.
const NOT_FOUND: u8 = 3;
/// As shells say it: 128 and the number of the signal.
pub(crate) const INTERRUPTED: u8 = 130;

/// Why the program ends without having done what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    error: anyhow::Error,
    code: u8,
    hint: Option<String>,
}

impl Failure {
    /// What was asked for cannot be meant; nothing was touched.
    pub(crate) fn usage(error: anyhow::Error) -> Self {
        Self { error, code: USAGE, hint: None }
    }

    /// Nobody has what was asked for, or nobody had it in time, or it could be several things.
    pub(crate) fn not_found(error: anyhow::Error) -> Self {
        Self { error, code: NOT_FOUND, hint: None }
    }

    /// The user does not want it any more.
    pub(crate) fn interrupted(error: anyhow::Error) -> Self {
        Self { error, code: INTERRUPTED, hint: None }
    }

    /// What to do about it.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }

    pub(crate) fn is_closed_pipe(&self) -> bool {
        let closed = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
        self.error.downcast_ref().is_some_and(closed)
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { error: error.into(), code: FAILED, hint: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {:#}", self.error)?;
        self.hint.iter().try_for_each(|hint| writeln!(f, "hint: {hint}"))
    }
}

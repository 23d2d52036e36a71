//! What is said when something goes wrong, and the exit codes.
//!
//! 0: done. 1: it could not be done, or a torrent file is not in order. 2: it was asked for in a wrong way, and nothing was
//! touched. A closed pipe is no failure: who pipes into `head` has seen enough.

use std::fmt;
use std::io;
use std::process::ExitCode;

/// Why the program ends without having done what was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    error: anyhow::Error,
    usage: bool,
    hint: Option<String>,
}

impl Failure {
    /// What was asked for cannot be meant; nothing was touched.
    pub(crate) fn usage(error: anyhow::Error) -> Self {
        Self { error, usage: true, hint: None }
    }

    /// What to do about it.
    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(if self.usage { 2 } else { 1 })
    }

    pub(crate) fn is_closed_pipe(&self) -> bool {
        let closed = |error: &io::Error| error.kind() == io::ErrorKind::BrokenPipe;
        self.error.downcast_ref().is_some_and(closed)
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { error: error.into(), usage: false, hint: None }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "error: {:#}", self.error)?;
        self.hint.iter().try_for_each(|hint| writeln!(f, "hint: {hint}"))
    }
}

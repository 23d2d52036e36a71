//! Where the lines come from: a person in a terminal, or anything else.

use std::io::{self, BufRead as _, IsTerminal as _};

use rustyline::Editor;
use rustyline::config::Config;
use rustyline::error::ReadlineError;
use rustyline::history::MemHistory;

/// What stands before each line in a terminal.
const PROMPT: &str = "> ";
/// Lines that come back with the arrow keys. They are forgotten at the end: a tool like this has no state that nobody asked for.
const HISTORY: usize = 100;

/// A source of lines.
#[derive(Debug)]
pub(crate) enum Input {
    /// A terminal, where lines can be edited.
    Person(Box<Editor<(), MemHistory>>),
    /// A pipe or a file.
    Program,
}

impl Input {
    /// Where to take lines from when nothing was typed after the program's name; `None` when something was, or when nobody is there.
    pub(crate) fn wanted() -> Option<Self> {
        if std::env::args_os().len() != 1 {
            return None;
        }
        if !io::stdin().is_terminal() {
            let has_any = io::stdin().lock().fill_buf().is_ok_and(|bytes| !bytes.is_empty());
            return has_any.then_some(Self::Program);
        }
        if !io::stdout().is_terminal() {
            return None;
        }
        let config = Config::builder().auto_add_history(true).max_history_size(HISTORY);
        let editor = Editor::with_history(config.ok()?.build(), MemHistory::new()).ok()?;
        Some(Self::Person(Box::new(editor)))
    }

    /// Is there somebody to talk to?
    pub(crate) const fn is_person(&self) -> bool {
        matches!(self, Self::Person(_))
    }

    /// The next line; `None` when there are no more. Ctrl+C takes back what was typed.
    ///
    /// # Errors
    /// When the system cannot read.
    pub(crate) fn line(&mut self) -> io::Result<Option<String>> {
        match self {
            Self::Person(editor) => loop {
                return match editor.readline(PROMPT) {
                    Ok(line) => Ok(Some(line)),
                    Err(ReadlineError::Interrupted) => continue,
                    Err(ReadlineError::Eof) => Ok(None),
                    Err(ReadlineError::Io(error)) => Err(error),
                    Err(error) => Err(io::Error::other(error)),
                };
            },
            Self::Program => {
                let mut line = String::new();
                let len = io::stdin().lock().read_line(&mut line)?;
                Ok((len > 0).then_some(line))
            }
        }
    }
}

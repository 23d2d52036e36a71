//! What is wrong at one place of a scenario, before it is known where in the text that place is.

use super::path::FieldPath;

/// Something wrong at a place of a scenario.
#[derive(Clone, Debug)]
pub(crate) struct Problem {
    /// Where.
    pub(crate) path: FieldPath,
    /// What.
    pub(crate) what: String,
    /// What to do about it.
    pub(crate) hint: Option<String>,
    /// Is it the key that is wrong, and not its value?
    pub(crate) key: bool,
}

impl Problem {
    /// A problem with the value at the path.
    pub(crate) fn new(path: &FieldPath, what: impl Into<String>) -> Self {
        Self { path: path.clone(), what: what.into(), hint: None, key: false }
    }

    /// With what to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// It is the key, not its value.
    pub(crate) fn about_key(mut self) -> Self {
        self.key = true;
        self
    }
}

/// Gives the problem when the condition does not hold.
pub(crate) fn ensure(holds: bool, problem: impl FnOnce() -> Problem) -> Result<(), Problem> {
    if holds { Ok(()) } else { Err(problem()) }
}

//! What several pages have: cards, checks, and tables that sort. `page/parts.html` shows them.

use serde::Serialize;

use crate::scenario::Verdict;

/// A figure that one looks at first.
#[derive(Clone, Debug, Serialize)]
pub struct Card {
    /// What it is.
    pub label: String,
    /// The figure.
    pub value: String,
    /// What it is to be read with.
    pub note: String,
    /// `good`, `bad` or nothing.
    pub class: &'static str,
}

impl Card {
    /// A figure that is neither good nor bad.
    pub fn plain(label: impl Into<String>, value: String, note: String) -> Self {
        Self { label: label.into(), value, note, class: "" }
    }
}

/// An `expect` rule and what came of it.
#[derive(Clone, Debug, Serialize)]
pub struct Check {
    /// Whose rule it is; empty where that is clear.
    variant: String,
    text: String,
    measured: String,
    passed: bool,
}

impl Check {
    /// What came of a rule of a variant.
    pub fn new(variant: &str, verdict: &Verdict) -> Self {
        let digits = |value: f64| {
            let text = format!("{value:.3}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        };
        Self {
            variant: variant.to_owned(),
            text: verdict.text.clone(),
            measured: verdict.measured.map_or_else(|| "nothing to measure".to_owned(), digits),
            passed: verdict.passed,
        }
    }
}

/// A table.
#[derive(Clone, Debug, Serialize)]
pub struct Table {
    /// The heads; the second says whether the column is one of numbers.
    pub columns: Vec<(String, bool)>,
    /// The rows, as long as the heads.
    pub rows: Vec<Vec<Cell>>,
}

/// A cell of a table.
#[derive(Clone, Debug, Serialize)]
pub struct Cell {
    /// What is shown.
    text: String,
    /// What it is sorted by in a column of numbers.
    key: Option<f64>,
    /// `good`, `bad` or nothing.
    class: &'static str,
}

impl Cell {
    /// A word.
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), key: None, class: "" }
    }

    /// A number in words. One that is not finite is sorted behind all others.
    pub fn number(text: String, key: f64) -> Self {
        Self { text, key: Some(key).filter(|key| key.is_finite()), class: "" }
    }

    /// A number that there may not be.
    pub fn number_or(nothing: &str, value: Option<f64>, shown: impl FnOnce(f64) -> String) -> Self {
        value.map_or_else(|| Self::text(nothing), |value| Self::number(shown(value), value))
    }

    /// A judgement.
    pub fn judged(text: impl Into<String>, class: &'static str) -> Self {
        Self { class, ..Self::text(text) }
    }
}

//! Variants of a scenario side by side: which is better, by how much, and how sure that is.
//!
//! A [`plan`] says what is compared: one or several cases, each of two or more variants, the first of which the others are
//! held against. [`execute`] runs all of them on the same seeds and makes each run a row of [`measures`] ([`rows`]). [`evidence`]
//! has the statistics over the rows, [`words`] the sentences that follow from them, [`baseline`] holds them against an
//! earlier report, [`files`] and [`page`] write the report.

pub mod baseline;
pub mod evidence;
pub mod execute;
pub mod files;
pub mod measures;
pub mod notes;
pub mod page;
pub mod pairing;
pub mod plan;
pub mod rows;
pub mod summary;
#[cfg(test)]
mod testing;
pub mod words;

pub use evidence::{Evidence, Finding};
pub use execute::{CaseRuns, VariantRuns, run_cases};
pub use measures::Measure;
pub use plan::{Axis, Case, Variant};
pub use rows::Row;

//! A deterministic simulator of swarms that drives the real protocol core.
pub mod results;
pub mod scenario;

//! A deterministic simulator of swarms that drives the real protocol core.
pub mod cli;
pub mod compare;
pub mod digest;
pub mod network;
pub mod population;
pub mod queue;
pub mod report;
pub mod results;
pub mod run;
pub mod scenario;
pub mod statistics;
pub mod sweep;
pub mod validate;
pub mod world;

//! What many runs say together, and how sure that is.
//!
//! The unit of evidence is the seed. Peers of one run share a swarm, so their download times are no independent
//! observations; each run is first made one number (its median download, say), and everything here is about those numbers:
//! [`bootstrap`] says how far their mean or median may be off, [`paired`] compares two variants seed by seed. Nothing is ever
//! dropped: what a run did not reach is infinite, and stays so.
//!
//! [`distribution`] has the quantiles, which the peers of a run are made one number with.

pub mod bootstrap;
pub mod distribution;
pub mod paired;

pub use bootstrap::{Estimate, Interval, LEAST_SEEDS};
pub use distribution::{Distribution, float, float_len, mean, quantile, rounded};
pub use paired::{Change, Verdict};

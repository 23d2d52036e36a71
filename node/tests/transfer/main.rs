//! The real program on loopback: files go from one to another and arrive as they were, and whoever does not keep to the protocol
//! harms nobody else.

mod extended;
mod get;
mod hostile;
mod lan;
mod options;
mod pour;
mod support;
mod systems;
mod trackers;
mod whole;

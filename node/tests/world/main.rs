//! The real program in the world: among today's clients, on a network, killed, and among peers that mean harm.
//!
//! Hosts are network namespaces, which need root and `ip` (Debian: iproute2); clients come from Debian. What is missing on
//! a machine is said, and the tests that need it are skipped. `WORLD_VERBOSE=1` shows what the programs say. Much of the time
//! goes by waiting for other programs' timers: run with many test threads.
#![expect(clippy::print_stderr, reason = "a skipped test says why")]

mod support {
    pub(crate) mod content;
    pub(crate) mod netns;
    pub(crate) mod peer;
    pub(crate) mod running;
}

mod disk;
mod hostile;
mod interop;
mod lan;
mod resume;

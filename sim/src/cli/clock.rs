//! What a command costs on this machine: shown, and never written.

use cpu_time::ProcessTime;

/// Time that something took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cost {
    /// Seconds on the wall.
    pub(super) wall: f64,
    /// Seconds of all processors together.
    pub(super) cpu: f64,
}

/// Measures what something takes.
#[derive(Debug)]
pub(super) struct ProcessWall {
    wall: std::time::Instant,
    cpu: ProcessTime,
}

impl ProcessWall {
    #[expect(
        clippy::disallowed_methods,
        reason = "what a run takes is measured with the real clock, and shown, not written"
    )]
    pub(super) fn start() -> Self {
        Self { wall: std::time::Instant::now(), cpu: ProcessTime::now() }
    }

    pub(super) fn stop(&self) -> Cost {
        Cost { wall: self.wall.elapsed().as_secs_f64(), cpu: self.cpu.elapsed().as_secs_f64() }
    }
}

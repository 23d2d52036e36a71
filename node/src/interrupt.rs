//! Ctrl+C, and SIGTERM, which means the same.
//!
//! The first one asks to stop: good-byes are said and files are closed. The second one ends the program at once; what is on the
//! disk is checked when it is started again.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

use crate::failure::INTERRUPTED;

/// Tells whether the user wants to stop.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// Begins to listen for signals, in a task of the present runtime.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub(crate) fn listen() -> io::Result<Self> {
        let mut interrupts = signal(SignalKind::interrupt())?;
        let mut terminations = signal(SignalKind::terminate())?;
        let (asked, receiver) = watch::channel(false);
        tokio::spawn(async move {
            either(&mut interrupts, &mut terminations).await;
            asked.send_replace(true);
            either(&mut interrupts, &mut terminations).await;
            std::process::exit(INTERRUPTED.into());
        });
        Ok(Self(receiver))
    }

    /// Waits until the user wants to stop.
    pub(crate) async fn asked(&mut self) {
        if self.0.wait_for(|&asked| asked).await.is_err() {
            // The listening task never ends before the program does.
            std::future::pending::<()>().await;
        }
    }
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

//! What `seed` and `get` have in common: the engine, the port that others reach it at, and its end.

use std::sync::Arc;

use anyhow::Context as _;
use tokio::task::JoinHandle;

use crate::cli::Network;
use crate::clock::Clock;
use crate::engine::{self, Engine, Limiter, Listener};
use crate::failure::Failure;
use crate::interrupt::Interrupt;

/// A running engine that others can reach.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) clock: Clock,
    pub(crate) engine: engine::Handle,
    pub(crate) interrupt: Interrupt,
    /// The port that others reach us at.
    pub(crate) port: u16,
    running: JoinHandle<()>,
}

impl Session {
    /// Binds the port and starts the engine.
    pub(crate) fn start(network: &Network) -> Result<Self, Failure> {
        let clock = Clock::start();
        let interrupt = Interrupt::listen().context("cannot listen for signals")?;
        let listener = Listener::bind(network.listen, network.port).with_context(|| match network.port {
            Some(port) => format!("cannot listen on port {port}"),
            None => "cannot listen on any port".into(),
        })?;
        let port = listener.local_addr().context("cannot tell the port")?.port();
        let limiter = |rate: Option<u64>| rate.map(|rate| Arc::new(Limiter::new(rate, clock)));
        let options = engine::Options {
            dial_from: network.listen,
            port,
            down: limiter(network.down),
            up: limiter(network.up),
            verbose: network.verbose,
        };
        let (engine, handle) = Engine::new(clock, options).context("the system gives no random numbers")?;
        let running = tokio::spawn(engine.run());
        let door = handle.clone();
        tokio::spawn(listener.run(move |visitor| door.arrived(visitor)));
        Ok(Self { clock, engine: handle, interrupt, port, running })
    }

    /// Says good-bye to everyone and closes the files.
    pub(crate) async fn stop(self) {
        self.engine.stop().await;
        // A panic of the engine has been shown already.
        let _ = self.running.await;
    }
}

/// Runs a command on a runtime of one thread, which is all that moving bytes takes. Threads that hash or read still are left
/// alone when it ends.
pub(crate) fn run<T>(command: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("cannot start")?;
    let ended = runtime.block_on(command);
    runtime.shutdown_background();
    ended
}

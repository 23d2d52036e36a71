//! `node seed`: offer files, and keep offering them.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use minibit_core::metainfo::Metainfo;

use crate::cli::Seed;
use crate::clock::Clock;
use crate::engine::{Engine, NewTorrent};
use crate::failure::Failure;
use crate::storage;

pub(crate) fn run(options: &Seed) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(seed(options))
}

async fn seed(options: &Seed) -> Result<(), Failure> {
    let clock = Clock::start();
    let listener = crate::engine::Listener::bind(options.network.listen, options.network.port)
        .context("cannot listen")?;
    let port = listener.local_addr()?.port();
    let (engine, handle) = Engine::new(
        clock,
        crate::engine::Options { dial_from: options.network.listen, ..Default::default() },
    )?;
    let running = tokio::spawn(engine.run());
    let door = handle.clone();
    tokio::spawn(listener.run(move |visitor| door.arrived(visitor)));
    for path in &options.paths {
        let metainfo = Arc::new(Metainfo::parse(&std::fs::read(path)?)?);
        let opened = storage::open(&metainfo, Path::new("."), storage::Mode::Seed, &mut |_, _| {})?;
        let mut config = options.choices.config();
        config.announcing = None;
        handle
            .add(NewTorrent {
                metainfo,
                config,
                storage: opened.storage,
                have: opened.have,
                peers: options.network.peers.clone(),
            })
            .await;
    }
    writeln!(io::stderr(), "seeding on port {port}")?;
    running.await?;
    Ok(())
}

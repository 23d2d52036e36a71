//! `node get`: fetch what somebody seeds.

use std::io::{self, Write as _};
use std::sync::Arc;

use anyhow::Context as _;
use minibit_core::metainfo::Metainfo;

use crate::cli::Get;
use crate::clock::Clock;
use crate::engine::{Engine, NewTorrent, TransferPhase};
use crate::failure::Failure;
use crate::storage;

pub(crate) fn run(options: &Get) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(get(options))
}

async fn get(options: &Get) -> Result<(), Failure> {
    let clock = Clock::start();
    let listener = crate::engine::Listener::bind(options.network.listen, options.network.port)
        .context("cannot listen")?;
    let (engine, handle) = Engine::new(
        clock,
        crate::engine::Options { dial_from: options.network.listen, ..Default::default() },
    )?;
    let running = tokio::spawn(engine.run());
    let door = handle.clone();
    tokio::spawn(listener.run(move |visitor| door.arrived(visitor)));
    let metainfo = Arc::new(Metainfo::parse(&std::fs::read(&options.what)?)?);
    let opened = storage::open(&metainfo, &options.output, storage::Mode::Download, &mut |_, _| {})?;
    let mut config = options.choices.config();
    config.announcing = None;
    let len = metainfo.geometry().len();
    let start = clock.now();
    let mut status = handle
        .add(NewTorrent {
            metainfo,
            config,
            storage: opened.storage,
            have: opened.have,
            peers: options.network.peers.clone(),
        })
        .await
        .context("engine")?;
    let ended = status.wait_for(|status| status.phase != TransferPhase::Running).await?.clone();
    let took = clock.now() - start;
    writeln!(
        io::stderr(),
        "{:?} {took:?} {} MB/s sent {} received {}",
        ended.phase,
        len as f64 / took.as_secs_f64() / 1e6,
        ended.sent.total(),
        ended.received.total()
    )?;
    handle.stop().await;
    running.await?;
    Ok(())
}

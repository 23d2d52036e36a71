//! Messages into bytes: what leaves on a connection, and what of it were blocks.

use std::io::{self, IoSlice};
use std::sync::Arc;

use minibit_core::ConnId;
use tokio::io::AsyncWriteExt as _;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::sleep;

use super::Shared;
use crate::engine::event::{Event, SwarmId};
use crate::engine::outbound::{Batch, Outbound};
use crate::engine::rate::Paced;
use crate::engine::stream::WriteHalf;
use crate::limits::{HELD_BACK, LAST_PIECE, LAST_WORDS, WRITE_SLICES};

/// The task that writes.
pub(super) struct Writer {
    pub(super) swarm: SwarmId,
    pub(super) conn: ConnId,
    /// Free when the socket is closed.
    pub(super) _place: Option<OwnedSemaphorePermit>,
    pub(super) stream: WriteHalf,
    pub(super) outbound: Arc<Outbound>,
    /// Bytes of blocks that have left.
    pub(super) answered: watch::Sender<u64>,
    pub(super) paced: Option<Paced>,
    /// Bytes whose turn has come and that the socket had no room for.
    pub(super) paid: usize,
    pub(super) shared: Shared,
}

impl Writer {
    pub(super) async fn run(mut self) {
        let outbound = Arc::clone(&self.outbound);
        // The other end may not be reading: last words do not hold the connection for long.
        let patience = async {
            let patience = if outbound.closed().await { LAST_PIECE } else { LAST_WORDS };
            sleep(patience).await;
        };
        tokio::select! {
            () = self.send_all() => {}
            () = patience => {}
        }
    }

    async fn send_all(&mut self) {
        let (swarm, conn) = (self.swarm, self.conn);
        while let Some(mut batch) = self.outbound.next().await {
            while !batch.is_sent() {
                if self.paid == 0 {
                    self.wait_for_turn(&mut batch).await;
                }
                let Ok(written) = self.write(&batch).await else {
                    // The reader would notice it, too, if it reads.
                    let _ = self.shared.events.send(Event::Gone { swarm, conn }).await;
                    return;
                };
                let bytes = batch.advance(written);
                self.answered.send_modify(|answered| *answered += u64::from(bytes));
                if bytes > 0 && self.shared.events.send(Event::Sent { swarm, conn, bytes }).await.is_err() {
                    return;
                }
            }
            if let Some(paced) = self.paced.as_mut().filter(|_| self.outbound.is_empty()) {
                paced.rest();
            }
        }
    }

    /// Where the rate is limited, waits for a turn and for the end of it. That may take long, and is not the peer's fault: the core is told so.
    async fn wait_for_turn(&mut self, batch: &mut Batch) {
        let Self { swarm, conn, outbound, paced: Some(paced), paid, shared, .. } = self else { return };
        let (swarm, conn) = (*swarm, *conn);
        let turn = async {
            let most = paced.most();
            let turn = paced.turn().await;
            // What was said while we waited goes with the rest where there is room.
            outbound.add_to(batch, most);
            *paid = batch.turn(most);
            turn.take(*paid).await;
        };
        let tell = async {
            loop {
                sleep(HELD_BACK).await;
                // Where the engine has ended, nobody has to be told.
                let _ = shared.events.send(Event::Sent { swarm, conn, bytes: 0 }).await;
            }
        };
        tokio::select! {
            () = turn => {}
            () = tell => {}
        }
    }

    /// One system call.
    async fn write(&mut self, batch: &Batch) -> io::Result<usize> {
        let most = if self.paced.is_some() { self.paid } else { usize::MAX };
        let mut slices = [IoSlice::new(&[]); WRITE_SLICES];
        let count = batch.slices(&mut slices, most);
        let written = self.stream.write_vectored(&slices[..count]).await?;
        self.paid = self.paid.saturating_sub(written);
        Ok(written)
    }
}

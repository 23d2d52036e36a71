//! What a connection does when every block that its peer has is asked of others already.
//!
//! First it takes work over from the back of the longest queue, until the two are nearly level: work stealing, as among processors. A
//! neighbour that serves us slowly, or serves others before us, does not hold up what another one could send now. At the very end, when
//! every block is asked for, it asks for what is late a second and a third time (Cohen 2003, *Endgame Mode*). Where three have been asked and
//! [`Timeouts::silent`](crate::config::Timeouts) is set, who has given something takes the place of one that never has: it would be waited for until its
//! requests time out.

use crate::boundary::{Env, Outbox};
use crate::id::{BlockRef, ConnId};
use crate::message::Message;
use crate::time::{Instant, nanos};
use crate::torrent::Torrent;
use crate::torrent::peer::{Outstanding, Peer};

/// By so many more requests a queue must be longer than ours, and so many at its front are left alone: they may be on their way. A peer's
/// credit is two blocks.
const MARGIN: usize = 2;

impl<E: Env> Torrent<E> {
    /// Takes back the last request of the connection with the most that this peer could answer; its block counts as asked for.
    pub(crate) fn steal(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) -> Option<BlockRef> {
        let peer = self.conns.get(conn).filter(|peer| !peer.peer_choking && !peer.pieces.is_full())?;
        let spared = peer.outstanding.len() + MARGIN;
        let mut longest: Option<(usize, ConnId, usize)> = None;
        for (other, victim) in self.conns.iter() {
            let len = victim.outstanding.len();
            if other == conn || len <= longest.map_or(spared, |(len, ..)| len) {
                continue;
            }
            let could = |request: &Outstanding| self.may_take_over(peer, request.block);
            if let Some(at) = victim.outstanding.iter().rposition(could).filter(|&at| at >= spared) {
                longest = Some((len, other, at));
            }
        }
        let (_, other, at) = longest?;
        self.take_back(now, other, at, out)
    }

    /// May a request for the block move to this peer, and would it answer?
    fn may_take_over(&self, peer: &Peer<E>, block: BlockRef) -> bool {
        peer.would_send(block.piece) && self.partials.may_move(block)
    }

    /// Takes one request of a connection back; its block counts as asked for still.
    fn take_back(&mut self, now: Instant, conn: ConnId, at: usize, out: &mut Outbox<E>) -> Option<BlockRef> {
        let peer = self.conns.get_mut(conn)?;
        let block = peer.outstanding.remove(at)?.block;
        peer.expect(block);
        peer.settle();
        peer.last_sent = now;
        out.send(conn, Message::Cancel(self.geometry.span(block)));
        Some(block)
    }

    /// Everything is asked for: a peer with nothing to do is asked for a block that another one is late with.
    pub(crate) fn endgame_block(
        &mut self,
        now: Instant,
        conn: ConnId,
        out: &mut Outbox<E>,
    ) -> Option<BlockRef> {
        let peer = self.conns.get(conn)?;
        let idle = peer.outstanding.is_empty() && !peer.peer_choking;
        if !self.config.endgame || !idle || self.picker.wanted_count() > 0 || self.partials.any_free() {
            return None;
        }
        let mut late: Vec<Outstanding> = Vec::new();
        for (other, peer_with) in self.conns.iter() {
            if other != conn {
                late.extend(
                    peer_with.outstanding.iter().filter(|request| peer.would_send(request.block.piece)),
                );
            }
        }
        late.sort_by_key(|request| (request.asked, request.block));
        let block =
            late.iter().map(|request| request.block).find(|&block| self.partials.may_ask_again(block));
        if let Some(block) = block {
            self.partials.ask_again(block);
            return Some(block);
        }
        self.relieve_the_silent(now, conn, out)
    }

    /// Takes back the oldest request of the one that has been silent longest, of those that have never sent a block; the block counts as
    /// asked for.
    fn relieve_the_silent(&mut self, now: Instant, conn: ConnId, out: &mut Outbox<E>) -> Option<BlockRef> {
        let peer = self.conns.get(conn).filter(|peer| peer.downloaded > 0)?;
        let patience = nanos(self.config.timeouts.silent?).saturating_mul(self.timeout_scale());
        let could = |request: &Outstanding| self.may_take_over(peer, request.block);
        let silent =
            self.conns.iter().filter(|(_, other)| other.downloaded == 0).filter_map(|(other, silent)| {
                let since = silent.owing_since.filter(|&since| now.nanos_since(since) >= patience)?;
                silent.outstanding.iter().position(could).map(|at| (since, other, at))
            });
        let (_, other, at) = silent.min()?;
        self.take_back(now, other, at, out)
    }
}

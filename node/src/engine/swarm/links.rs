//! The connections of a swarm, by the slots of the core's ids: dialled, open, forgotten.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use minibit_core::{ConnId, Input, Message};
use tokio::task::AbortHandle;

use super::Swarm;
use crate::engine::dial::dial;
use crate::engine::event::Event;
use crate::engine::link::{Link, Opened};

/// How far a connection has come, as far as sockets go.
#[derive(Debug)]
pub(super) enum State {
    Dialling(AbortHandle),
    /// `from`: the other end's address, until its first block has come. `held`: what it has said behind a request that there is no
    /// room for.
    Open {
        link: Link,
        unflushed: bool,
        from: Option<SocketAddr>,
        held: VecDeque<Message<Bytes>>,
    },
}

impl Swarm {
    pub(super) fn send(&mut self, to: ConnId, message: Message<Bytes>) {
        let Some(State::Open { link, unflushed, .. }) = state_mut(&mut self.links, to) else { return };
        // What an encoding has no word for is not said.
        if !link.speaks(message.kind()) {
            return;
        }
        if !std::mem::replace(unflushed, true) {
            self.unflushed.push(to);
        }
        self.seen.sent.count(message.kind());
        if link.send(message).is_err() {
            self.forget(to);
            self.followups.push_back(Input::Disconnected { conn: to });
        }
    }

    pub(super) fn connect(&mut self, conn: ConnId, addr: SocketAddr) {
        let (swarm, from, events) = (self.id, self.dial_from, self.shared.events.clone());
        let dialling = tokio::spawn(async move {
            let stream = dial(addr, from).await.ok();
            // Nobody is left to be told when the engine has ended.
            let _ = events.send(Event::Dialled { swarm, conn, stream }).await;
        });
        self.place(conn, State::Dialling(dialling.abort_handle()));
    }

    /// Gives a connection its tasks, and returns the messages that have come already.
    pub(super) fn open(&mut self, conn: ConnId, opened: Opened) -> Vec<Message<Bytes>> {
        let limits = self.machine.limits();
        let from = opened.stream.peer_addr().ok();
        let names = Arc::clone(&self.names);
        let (link, messages) =
            Link::start((self.id, conn), opened, names, self.config.handshake, limits, &self.shared);
        self.place(conn, State::Open { link, unflushed: false, from, held: VecDeque::new() });
        messages
    }

    pub(super) fn place(&mut self, conn: ConnId, state: State) {
        if self.links.len() <= conn.slot() {
            self.links.resize_with(conn.slot() + 1, || None);
        }
        self.links[conn.slot()] = Some((conn, state));
    }

    pub(super) fn state_mut(&mut self, conn: ConnId) -> Option<&mut State> {
        state_mut(&mut self.links, conn)
    }

    pub(super) fn forget(&mut self, conn: ConnId) {
        if self.state_mut(conn).is_some()
            && let Some((_, State::Dialling(dialling))) = self.links[conn.slot()].take()
        {
            dialling.abort();
        }
    }
}

fn state_mut(links: &mut [Option<(ConnId, State)>], conn: ConnId) -> Option<&mut State> {
    let (owner, state) = links.get_mut(conn.slot())?.as_mut()?;
    (*owner == conn).then_some(state)
}

//! The connections of a swarm, by the slots of the core's ids: dialled, open, forgotten.

use std::net::SocketAddr;

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
    Open { link: Link, unflushed: bool, has_given: bool },
}

impl Swarm {
    pub(super) fn send(&mut self, to: ConnId, message: Message<Bytes>) {
        let Some(State::Open { link, unflushed, .. }) = state_mut(&mut self.links, to) else { return };
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
        let (encoding, introduction) = (self.config.encoding, self.introduction.clone());
        let dialling = tokio::spawn(async move {
            let opened = dial(addr, from, introduction).await.ok().map(|(stream, prefix)| Opened {
                stream,
                prefix,
                encoding,
                place: None,
            });
            // Nobody is left to be told when the engine has ended.
            let _ = events.send(Event::Dialled { swarm, conn, opened }).await;
        });
        self.place(conn, State::Dialling(dialling.abort_handle()));
    }

    /// Gives a connection its tasks, and returns the messages that have come already.
    pub(super) fn open(&mut self, conn: ConnId, opened: Opened) -> Vec<Message<Bytes>> {
        let limits = self.machine.limits();
        let (link, messages) = Link::start(self.id, conn, opened, &self.config, limits, &self.shared);
        self.place(conn, State::Open { link, unflushed: false, has_given: false });
        messages
    }

    /// Says who we are to a peer that has been let in and waits for that, where there is no handshake.
    pub(super) fn introduce(&mut self, conn: ConnId) {
        let Some(introduction) = self.introduction.clone() else { return };
        let Some(State::Open { link, unflushed, .. }) = state_mut(&mut self.links, conn) else { return };
        link.introduce(&introduction);
        if !std::mem::replace(unflushed, true) {
            self.unflushed.push(conn);
        }
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

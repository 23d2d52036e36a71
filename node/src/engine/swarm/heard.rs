//! What peers have said, on its way to the core.
//!
//! A client that does not understand a reject may keep more requests open than are queued for it. Then what it says waits from the
//! first request on that there is no room for, and nothing more is read from its connection, until blocks have left.

use std::collections::VecDeque;

use bytes::Bytes;
use minibit_core::{ConnId, Input, Instant, Message};

use super::Swarm;
use super::links::State;

impl Swarm {
    pub(crate) fn messages(&mut self, now: Instant, conn: ConnId, messages: Vec<Message<Bytes>>) {
        let Some(State::Open { held, .. }) = self.state_mut(conn) else { return };
        if !held.is_empty() {
            held.extend(messages);
            return;
        }
        let mut messages = messages.into_iter();
        while let Some(message) = messages.next() {
            if self.has_room_for(conn, &message) {
                self.message(now, conn, message);
                continue;
            }
            // A message may have ended the connection; what came behind it is not looked at.
            let Some(State::Open { link, held, .. }) = self.state_mut(conn) else { return };
            link.read_on(false);
            held.push_back(message);
            held.extend(messages);
            self.holding.push(conn);
            return;
        }
    }

    /// Takes in what had to wait, as far as there is room now.
    pub(super) fn go_on(&mut self, now: Instant) {
        for conn in std::mem::take(&mut self.holding) {
            while let Some(State::Open { link, held, .. }) = self.state_mut(conn) {
                let Some(message) = held.pop_front() else {
                    *held = VecDeque::new();
                    link.read_on(true);
                    break;
                };
                if self.has_room_for(conn, &message) {
                    self.message(now, conn, message);
                } else if let Some(State::Open { held, .. }) = self.state_mut(conn) {
                    held.push_front(message);
                    self.holding.push(conn);
                    break;
                }
            }
        }
    }

    fn has_room_for(&self, conn: ConnId, message: &Message<Bytes>) -> bool {
        !matches!(message, Message::Request(_)) || self.machine.takes_request(conn)
    }

    fn message(&mut self, now: Instant, conn: ConnId, message: Message<Bytes>) {
        let Some(State::Open { link, from, .. }) = self.state_mut(conn) else { return };
        link.received(&message);
        if matches!(message, Message::Piece { .. })
            && let Some(from) = from.take()
        {
            // One that is called for each piece anew is one source.
            self.seen.sources += u32::from(self.sources.insert(from));
        }
        self.seen.received.count(message.kind());
        self.input(now, Input::Message { from: conn, message });
    }
}

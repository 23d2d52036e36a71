//! What is to be done, in the order in which it is to be done.

use std::collections::VecDeque;

use super::{Env, Event, Output};
use crate::id::ConnId;
use crate::message::Message;

/// Where a `Torrent` puts what it wants done: owned by the caller, shared by all participants of a simulation.
#[derive(Debug)]
pub struct Outbox<E: Env> {
    queue: VecDeque<Output<E>>,
}

impl<E: Env> Outbox<E> {
    /// An empty outbox.
    pub const fn new() -> Self {
        Self { queue: VecDeque::new() }
    }

    /// The oldest output; the driver calls this until there is none.
    pub fn pop(&mut self) -> Option<Output<E>> {
        self.queue.pop_front()
    }

    /// Has everything been taken out?
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn push(&mut self, output: Output<E>) {
        self.queue.push_back(output);
    }

    pub(crate) fn send(&mut self, to: ConnId, message: Message<E::Data>) {
        self.push(Output::Send { to, message });
    }

    pub(crate) fn event(&mut self, event: Event<E::Addr>) {
        self.push(Output::Event(event));
    }
}

impl<E: Env> Default for Outbox<E> {
    fn default() -> Self {
        Self::new()
    }
}

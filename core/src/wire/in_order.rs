//! Bare answers in the order of their requests, whatever the order in which a disk reads them.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::id::BlockSpan;
use crate::message::Message;

/// Holds answers back until those that were asked for before them have gone.
///
/// What is held is bounded by the requests that a peer may have waiting, and by the blocks that the core reads for it at a time.
#[derive(Debug, Default)]
pub struct InOrder {
    asked: VecDeque<(BlockSpan, Option<Bytes>)>,
}

impl InOrder {
    /// Nothing was asked for.
    pub const fn new() -> Self {
        Self { asked: VecDeque::new() }
    }

    /// A request has come in.
    pub fn asked(&mut self, span: BlockSpan) {
        self.asked.push_back((span, None));
    }

    /// A message is to be sent. What can be sent now, in order; what is no answer is not held back.
    pub fn send(&mut self, message: Message<Bytes>) -> Vec<Message<Bytes>> {
        let Message::Piece { index, begin, data } = message else { return vec![message] };
        let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let span = BlockSpan { index, begin, length };
        let place = self.asked.iter_mut().find(|(asked, answer)| *asked == span && answer.is_none());
        if let Some((_, answer)) = place {
            *answer = Some(data);
        }
        let mut ready = Vec::new();
        while let Some((span, Some(_))) = self.asked.front() {
            let BlockSpan { index, begin, .. } = *span;
            if let Some((_, Some(data))) = self.asked.pop_front() {
                ready.push(Message::Piece { index, begin, data });
            }
        }
        ready
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_leave_in_the_order_of_the_requests_and_nothing_else_waits() {
        let span = |index| BlockSpan { index, begin: 0, length: 3 };
        let piece = |index: u32| Message::Piece { index, begin: 0, data: Bytes::from_static(b"abc") };
        let mut order = InOrder::new();
        for index in [4, 2, 9] {
            order.asked(span(index));
        }
        assert_eq!(order.send(piece(9)), []);
        assert_eq!(order.send(Message::KeepAlive), [Message::KeepAlive]);
        assert_eq!(order.send(piece(4)), [piece(4)]);
        assert_eq!(order.send(piece(7)), [], "nobody has asked for it");
        assert_eq!(order.send(piece(2)), [piece(2), piece(9)]);
    }
}

//! What happened, in order; as lines that a person can read.

use minibit_core::announce::AnnounceRequest;
use minibit_core::boundary::{DisconnectReason, DiskOp, Event};
use minibit_core::message::MessageKind;
use minibit_core::{Bitfield, BlockSpan, Instant, Message};

use super::Medium;

/// One thing that a member did.
#[derive(Clone, Debug)]
pub(crate) struct Entry<E: Medium> {
    pub(crate) at: Instant,
    pub(crate) member: usize,
    pub(crate) what: What<E>,
}

/// What it did.
#[derive(Clone, Debug)]
pub(crate) enum What<E: Medium> {
    Dialled(usize),
    Sent(usize, Message<E::Data>),
    Closed(usize, DisconnectReason),
    Event(Event<E::Addr>),
    Disk(DiskOp<E::Data>),
    Announced(Box<AnnounceRequest>),
}

impl<E: Medium> Entry<E> {
    /// The message, if one was sent.
    pub(crate) fn message(&self) -> Option<(usize, &Message<E::Data>)> {
        if let What::Sent(to, message) = &self.what { Some((*to, message)) } else { None }
    }

    /// Was a message of this kind sent?
    pub(crate) fn is(&self, kind: MessageKind) -> bool {
        self.message().is_some_and(|(_, message)| message.kind() == kind)
    }

    /// A line: when, who, to whom, what. Disk operations have none.
    pub(crate) fn line(&self, names: &[&str]) -> Option<String> {
        let member = names[self.member];
        let rest = match &self.what {
            What::Dialled(to) => format!("{member} dials {}", names[*to]),
            What::Sent(to, message) => format!("{member} → {}  {}", names[*to], describe::<E>(message)),
            What::Closed(to, reason) => format!("{member} leaves {}: {reason:?}", names[*to]),
            What::Event(Event::PieceCompleted { piece }) => format!("{member} has piece #{}", piece.get()),
            What::Event(Event::Completed) => format!("{member} has everything"),
            What::Event(event) => format!("{member}: {event:?}"),
            What::Disk(_) | What::Announced(_) => return None,
        };
        let millis = self.at.as_nanos() / 1_000_000;
        Some(format!("{}.{:03} s  {rest}", millis / 1_000, millis % 1_000))
    }
}

fn describe<E: Medium>(message: &Message<E::Data>) -> String {
    let name = message.kind().name().replace('_', "-");
    let span = |span: &BlockSpan| format!("{name} #{}[{}+{}]", span.index, span.begin, span.length);
    match message {
        Message::Have { index } | Message::AllowedFast { index } | Message::SuggestPiece { index } => {
            format!("{name} #{index}")
        }
        Message::Bitfield(inventory) => format!("{name} {}", draw(&inventory.pieces)),
        Message::Request(asked) | Message::Cancel(asked) | Message::RejectRequest(asked) => span(asked),
        Message::Piece { index, begin, .. } => {
            span(&BlockSpan { index: *index, begin: *begin, length: message.payload_len() })
        }
        _ => name,
    }
}

fn draw(pieces: &Bitfield) -> String {
    let mut drawing = vec![b'.'; pieces.len() as usize];
    pieces.iter().for_each(|piece| drawing[piece.index()] = b'*');
    String::from_utf8(drawing).expect("dots and stars")
}

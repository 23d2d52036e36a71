//! Writing.

use bytes::{Bytes, BytesMut};

use crate::id::BlockSpan;
use crate::message::Message;
use crate::payload::Payload;
use crate::wire::sink::{Length, Sink, prefix};

/// The length of the encoded message.
pub(in crate::wire) fn encoded_len<D: Payload>(message: &Message<D>) -> u64 {
    object_len(message).saturating_add(4)
}

/// Appends the encoded message.
pub(in crate::wire) fn encode(message: &Message<Bytes>, out: &mut BytesMut) {
    prefix(object_len(message), out);
    object(message, out);
}

fn object_len<D: Payload>(message: &Message<D>) -> u64 {
    let mut len = Length::default();
    object(message, &mut len);
    len.0
}

fn object<D: Payload>(message: &Message<D>, sink: &mut impl Sink<D>) {
    sink.text("{\"type\":\"");
    sink.text(message.kind().name());
    sink.text("\"");
    match message {
        Message::Handshake(handshake) => {
            sink.text(",\"info_hash\":\"");
            sink.hex(&handshake.info_hash.0);
            sink.text("\",\"peer_id\":\"");
            sink.hex(&handshake.peer_id.0);
            sink.text("\",\"fast\":");
            sink.text(if handshake.fast { "true" } else { "false" });
            sink.text(",\"extended\":");
            sink.text(if handshake.extended { "true" } else { "false" });
        }
        Message::KeepAlive
        | Message::Choke
        | Message::Unchoke
        | Message::Interested
        | Message::NotInterested
        | Message::HaveAll
        | Message::HaveNone => {}
        Message::Have { index } | Message::SuggestPiece { index } | Message::AllowedFast { index } => {
            sink.text(",\"index\":");
            sink.number((*index).into());
        }
        Message::Bitfield(inventory) => {
            let set = &inventory.pieces;
            sink.text(",\"bits\":\"");
            sink.bitfield(set);
            sink.text("\"");
        }
        Message::Request(span) | Message::Cancel(span) | Message::RejectRequest(span) => {
            let BlockSpan { index, begin, length } = *span;
            sink.text(",\"index\":");
            sink.number(index.into());
            sink.text(",\"begin\":");
            sink.number(begin.into());
            sink.text(",\"length\":");
            sink.number(length.into());
        }
        Message::Piece { index, begin, data } => {
            sink.text(",\"index\":");
            sink.number((*index).into());
            sink.text(",\"begin\":");
            sink.number((*begin).into());
            sink.text(",\"data\":\"");
            sink.data(data);
            sink.text("\"");
        }
        Message::Port(port) => {
            sink.text(",\"port\":");
            sink.number((*port).into());
        }
        Message::Extended(extended) => {
            sink.text(",\"id\":");
            sink.number(extended.id.into());
            sink.text(",\"payload\":\"");
            sink.base64(&extended.payload);
            sink.text("\"");
        }
    }
    sink.text("}");
}

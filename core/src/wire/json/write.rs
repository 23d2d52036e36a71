//! Writing. One description of the objects serves two sinks: a buffer, and a counter, so that the length that the simulator
//! counts cannot differ from what the node sends.

use core::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::{BufMut as _, Bytes, BytesMut};

use super::base64_len;
use crate::bitfield::Bitfield;
use crate::id::BlockSpan;
use crate::message::Message;
use crate::payload::Payload;
use crate::wire::bits;

/// Where the parts of an object go. Nothing needs an escape: texts are our own, everything else is digits or base64.
trait Sink<D> {
    fn text(&mut self, text: &str);
    fn number(&mut self, number: u32);
    fn hex(&mut self, bytes: &[u8; 20]);
    fn base64(&mut self, bytes: &[u8]);
    fn bitfield(&mut self, set: &Bitfield);
    fn data(&mut self, data: &D);
}

/// The length of the encoded message.
pub(in crate::wire) fn encoded_len<D: Payload>(message: &Message<D>) -> u64 {
    let mut len = Length(4);
    object(message, &mut len);
    len.0
}

/// Appends the encoded message.
pub(in crate::wire) fn encode(message: &Message<Bytes>, out: &mut BytesMut) {
    let len = encoded_len(message).saturating_sub(4);
    out.put_u32(u32::try_from(len).expect("a message is shorter than 4 GiB"));
    object(message, out);
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
            sink.number(*index);
        }
        Message::Bitfield(set) => {
            sink.text(",\"bits\":\"");
            sink.bitfield(set);
            sink.text("\"");
        }
        Message::Request(span) | Message::Cancel(span) | Message::RejectRequest(span) => {
            let BlockSpan { index, begin, length } = *span;
            sink.text(",\"index\":");
            sink.number(index);
            sink.text(",\"begin\":");
            sink.number(begin);
            sink.text(",\"length\":");
            sink.number(length);
        }
        Message::Piece { index, begin, data } => {
            sink.text(",\"index\":");
            sink.number(*index);
            sink.text(",\"begin\":");
            sink.number(*begin);
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

/// Counts bytes.
struct Length(u64);

impl Length {
    fn add(&mut self, bytes: u64) {
        self.0 = self.0.saturating_add(bytes);
    }
}

impl<D: Payload> Sink<D> for Length {
    fn text(&mut self, text: &str) {
        self.add(text.len() as u64);
    }

    fn number(&mut self, number: u32) {
        self.add(number.checked_ilog10().map_or(1, |log| u64::from(log).saturating_add(1)));
    }

    fn hex(&mut self, _: &[u8; 20]) {
        self.add(40);
    }

    fn base64(&mut self, bytes: &[u8]) {
        self.add(base64_len(bytes.len() as u64));
    }

    fn bitfield(&mut self, set: &Bitfield) {
        self.add(base64_len(bits::byte_len(set.len()).into()));
    }

    fn data(&mut self, data: &D) {
        self.add(base64_len(data.len().into()));
    }
}

impl Sink<Bytes> for BytesMut {
    fn text(&mut self, text: &str) {
        self.put_slice(text.as_bytes());
    }

    fn number(&mut self, number: u32) {
        write!(self, "{number}").expect("a growing buffer takes everything");
    }

    fn hex(&mut self, bytes: &[u8; 20]) {
        for byte in bytes {
            write!(self, "{byte:02x}").expect("a growing buffer takes everything");
        }
    }

    fn base64(&mut self, bytes: &[u8]) {
        // In parts of a multiple of three bytes, which need no padding: no second buffer of the block's size.
        let mut text = [0; 4096];
        for part in bytes.chunks(3072) {
            let len = STANDARD.encode_slice(part, &mut text).expect("3072 bytes are 4096 characters");
            self.put_slice(text.get(..len).unwrap_or(&text));
        }
    }

    fn bitfield(&mut self, set: &Bitfield) {
        let bytes: Vec<u8> = bits::to_wire(set).collect();
        Sink::base64(self, &bytes);
    }

    fn data(&mut self, data: &Bytes) {
        Sink::base64(self, data);
    }
}

//! Who is there, on connections that open without a handshake.
//!
//! A stream says where it comes from, which is a port that nobody listens on, and not for what. A handshake makes up for that; where the
//! protocol has none ([`Config::handshake`]), the two ends introduce themselves with one frame each, before any message: so an address
//! is a peer, as it is in a simulation, and nobody is connected to another one twice because it came from elsewhere. It is no message
//! and is not counted: to the protocol it is what a segment that opens a connection is. A decoder skips it.
//!
//! ```json
//! {"type":"introduction","info_hash":"<40 hex digits>","port":6881}
//! ```
//!
//! The end that has dialled speaks at once, the other one when it accepts, so that who hears its introduction has been let in.
//!
//! [`Config::handshake`]: crate::config::Config::handshake

use bytes::{BufMut as _, BytesMut};

use super::fields::Fields;
use crate::id::InfoHash;

/// The `type` of the frame; no message has it.
const NAME: &str = "introduction";

/// One end of a connection without a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Introduction {
    /// The swarm.
    pub info_hash: InfoHash,
    /// The port on which this end listens.
    pub port: u16,
}

impl Introduction {
    /// Appends the frame, its length prefix included.
    pub fn encode(self, out: &mut BytesMut) {
        let (info_hash, port) = (self.info_hash.to_hex(), self.port);
        let object = format!(r#"{{"type":"{NAME}","info_hash":"{info_hash}","port":{port}}}"#);
        out.put_u32(u32::try_from(object.len()).unwrap_or(u32::MAX));
        out.put_slice(object.as_bytes());
    }

    /// Reads the object of a frame; `None` when it is no introduction.
    pub fn parse(object: &[u8]) -> Option<Self> {
        let fields = Fields::parse(object).ok().filter(|fields| fields.names(NAME))?;
        fields.introduction().map(|(info_hash, port)| Self { info_hash, port })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Encoding;
    use crate::message::Message;
    use crate::wire::{Decoder, Limits, encode};

    const INTRODUCTION: Introduction = Introduction { info_hash: InfoHash([0xab; 20]), port: 6881 };

    #[test]
    fn it_is_read_as_it_was_written_and_nothing_else_is_taken_for_it() {
        let mut frame = BytesMut::new();
        INTRODUCTION.encode(&mut frame);
        let hash = "ab".repeat(20);
        let object = format!(r#"{{"type":"introduction","info_hash":"{hash}","port":6881}}"#);
        assert_eq!(frame[4..], *object.as_bytes());
        assert_eq!(frame[..4], u32::try_from(object.len()).unwrap().to_be_bytes());
        assert_eq!(Introduction::parse(&frame[4..]), Some(INTRODUCTION));
        for wrong in [
            object.replace("introduction", "handshake"),
            object.replace("6881", "65536"),
            object.replace(",\"port\":6881", ""),
            object.replace("abab", "xyxy"),
            object.replace('}', ""),
            String::new(),
        ] {
            assert_eq!(Introduction::parse(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn to_a_decoder_it_is_nothing() {
        let mut stream = BytesMut::new();
        INTRODUCTION.encode(&mut stream);
        encode(Encoding::Json, &Message::Unchoke, &mut stream);
        let limits = Limits { pieces: Some(10), block_len: 16_384, extended_len: 0 };
        let mut decoder = Decoder::new(Encoding::Json, false, limits);
        assert!(decoder.decode(&mut stream).is_err_and(|error| error.is_unknown_message()));
        assert_eq!(decoder.decode(&mut stream), Ok(Some(Message::Unchoke)));
        assert!(stream.is_empty());
    }
}

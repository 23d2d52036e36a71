//! The words of the three systems: keys, and names of messages.

use crate::config::Encoding;
use crate::message::MessageKind;

/// What a system calls its messages and their keys.
#[derive(Debug)]
pub(in crate::wire) struct Words {
    /// The key of the name of the message.
    pub(super) kind: &'static str,
    /// What the sender calls itself.
    pub(super) id: &'static str,
    /// The index of a piece.
    pub(super) index: &'static str,
    /// The indices of pieces.
    pub(super) blocks: &'static str,
    /// The bytes of a piece.
    pub(super) data: &'static str,
    /// Does an inventory say whose it is …
    pub(super) inventory_has_id: bool,
    /// … and where the sender listens?
    pub(super) inventory_port: Option<&'static str>,
    names: &'static [(MessageKind, &'static str)],
}

/// The last four are ours: S1 leaves open how a choker hears of interest, and how a newcomer hears of what is there.
const S1: Words = Words {
    kind: "type",
    id: "peer_id",
    index: "block_index",
    blocks: "blocks",
    data: "data",
    inventory_has_id: false,
    inventory_port: None,
    names: &[
        (MessageKind::Handshake, "handshake"),
        (MessageKind::Have, "have"),
        (MessageKind::Request, "request_block"),
        (MessageKind::Piece, "block_data"),
        (MessageKind::Choke, "choke"),
        (MessageKind::Unchoke, "unchoke"),
        (MessageKind::Bitfield, "bitfield"),
        (MessageKind::Interested, "interested"),
        (MessageKind::NotInterested, "not_interested"),
        (MessageKind::Cancel, "cancel_block"),
        (MessageKind::KeepAlive, "keep_alive"),
    ],
};

/// The last four are ours: S2 says nothing of who is served, so nobody could know when to ask.
const S2: Words = Words {
    index: "block",
    inventory_has_id: true,
    names: &[
        (MessageKind::Bitfield, "have_blocks"),
        (MessageKind::Have, "announce_block"),
        (MessageKind::Request, "block_request"),
        (MessageKind::Piece, "block_data"),
        (MessageKind::Choke, "choke"),
        (MessageKind::Unchoke, "unchoke"),
        (MessageKind::Cancel, "cancel_block"),
        (MessageKind::KeepAlive, "keep_alive"),
    ],
    ..S1
};

/// The last two are ours.
const S5: Words = Words {
    kind: "tipo",
    id: "id",
    index: "bloco",
    blocks: "blocos",
    data: "dados",
    inventory_has_id: true,
    inventory_port: Some("porta"),
    names: &[
        (MessageKind::Bitfield, "ESTOQUE"),
        (MessageKind::Request, "PEDIDO"),
        (MessageKind::Piece, "BLOCO"),
        (MessageKind::Cancel, "CANCELAR"),
        (MessageKind::KeepAlive, "VIVO"),
    ],
};

impl Words {
    /// The words of an encoding, if it is one of these.
    pub(in crate::wire) const fn of(encoding: Encoding) -> Option<&'static Self> {
        match encoding {
            Encoding::S1 => Some(&S1),
            Encoding::S2 => Some(&S2),
            Encoding::S5 => Some(&S5),
            Encoding::Bep3 | Encoding::Json | Encoding::S3 | Encoding::S4 => None,
        }
    }

    /// What a kind of message is called.
    pub(in crate::wire) fn name(&self, kind: MessageKind) -> Option<&'static str> {
        self.names.iter().find(|(named, _)| *named == kind).map(|&(_, name)| name)
    }

    /// The kind of message that is called so.
    pub(super) fn named(&self, name: &str) -> Option<MessageKind> {
        self.names.iter().find(|(_, known)| *known == name).map(|&(kind, _)| kind)
    }
}

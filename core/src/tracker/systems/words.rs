//! What S1, S2 and S5 call the tracker's questions and answers, and their keys.

use crate::config::Encoding;

/// The words of a system.
#[derive(Debug)]
pub(super) struct Words {
    /// The key of the name of a question …
    pub(super) question: &'static str,
    /// … and of an answer.
    pub(super) answer: &'static str,
    /// Joins a swarm.
    pub(super) join: &'static str,
    /// Asks for peers, where joining does not.
    pub(super) peers: Option<&'static str>,
    /// Tells of new pieces.
    pub(super) update: Option<&'static str>,
    /// Answers that say no more than yes, or describe the file …
    pub(super) done: &'static str,
    /// … and those with peers.
    pub(super) listed: &'static str,
    /// Somebody has joined.
    pub(super) joined: Option<&'static str>,
    /// It cannot be done.
    pub(super) error: &'static str,
    pub(super) message: &'static str,
    pub(super) id: &'static str,
    pub(super) port: &'static str,
    pub(super) file: &'static str,
    pub(super) size: &'static str,
    pub(super) block_size: &'static str,
    pub(super) total_blocks: &'static str,
    pub(super) blocks: &'static str,
    /// Do answers say who has what?
    pub(super) inventories: bool,
}

const S1: Words = Words {
    question: "command",
    answer: "status",
    join: "REGISTER",
    peers: Some("GET_PEERS"),
    update: Some("UPDATE_BLOCKS"),
    done: "ok",
    listed: "ok",
    joined: None,
    error: "error",
    message: "message",
    id: "peer_id",
    port: "port",
    file: "file",
    size: "size",
    block_size: "block_size",
    total_blocks: "total_blocks",
    blocks: "blocks",
    inventories: true,
};

const S2: Words = Words {
    question: "type",
    answer: "type",
    join: "register_peer",
    peers: Some("get_peers"),
    update: None,
    done: "registered",
    listed: "peers",
    inventories: false,
    ..S1
};

const S5: Words = Words {
    question: "tipo",
    answer: "tipo",
    join: "REGISTRO",
    peers: None,
    done: "LISTA_PEERS",
    listed: "LISTA_PEERS",
    joined: Some("NOVO_PEER"),
    error: "ERRO",
    message: "mensagem",
    id: "id",
    port: "porta",
    file: "arquivo",
    size: "tamanho",
    block_size: "tamanho_bloco",
    total_blocks: "total_blocos",
    blocks: "blocos",
    ..S2
};

impl Words {
    /// The words of an encoding, if it is one of these.
    pub(super) const fn of(system: Encoding) -> Option<&'static Self> {
        match system {
            Encoding::S1 => Some(&S1),
            Encoding::S2 => Some(&S2),
            Encoding::S5 => Some(&S5),
            Encoding::Bep3 | Encoding::Json | Encoding::S3 | Encoding::S4 => None,
        }
    }
}

//! Short forms of protocol choices: `"choking": "none"`, `"requests": {"paced": "1 s"}`.

use minibit_core::config::ChokeAlgorithm;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{self, MapAccess};
use serde::{Deserialize, Serialize, Serializer};

use super::super::short::{Short, short};
use super::super::units::{self, Time};
use super::{
    AnnounceInterval, Announcing, AnnouncingNumbers, Broadcast, BroadcastNumbers, Choking, ChokingNumbers,
    Inventory, Paced, PacedNumbers, Requests, RequestsForm, choke_algorithm,
};

short! {
    Choking: "Whom to serve: the algorithm alone, or with its numbers.",
    Requests: "When and how many blocks are asked for.",
    Inventory: "How peers learn what we have.",
    Announcing: "How the tracker is asked; `false`: not at all.",
    Paced: "One request per interval over all connections.",
    AnnounceInterval: "A time, or \"tracker\" for the tracker's own interval.",
    Broadcast: "The whole bitfield again and again.",
}

/// The form of [`Inventory`] that is an object.
#[derive(Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum InventoryForm {
    /// The whole bitfield again and again.
    Broadcast(Broadcast),
}

impl Short for Choking {
    const EXPECTED: &'static str =
        "an algorithm such as \"tit-for-tat\", or an object such as {\"slots\": 4}";

    fn from_text(text: &str) -> Option<Result<Self, String>> {
        let algorithm = ChokeAlgorithm::deserialize(StrDeserializer::<de::value::Error>::new(text));
        let algorithm = algorithm.map_err(|error| error.to_string());
        Some(algorithm.map(|it| Self(ChokingNumbers { algorithm: Some(it), ..ChokingNumbers::default() })))
    }

    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        ChokingNumbers::deserialize(MapAccessDeserializer::new(map)).map(Self)
    }

    fn forms(generator: &mut SchemaGenerator) -> Vec<Schema> {
        vec![choke_algorithm(generator), generator.subschema_for::<ChokingNumbers>()]
    }
}

impl Short for Requests {
    const EXPECTED: &'static str =
        "\"pipelined\", {\"pipelined\": {…}}, {\"fixed\": 5} or {\"paced\": \"1 s\"}";

    fn from_text(text: &str) -> Option<Result<Self, String>> {
        (text == "pipelined").then_some(Ok(Self(RequestsForm::Pipelined {
            min: None,
            max: None,
            slack: None,
        })))
    }

    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        RequestsForm::deserialize(MapAccessDeserializer::new(map)).map(Self)
    }

    fn forms(generator: &mut SchemaGenerator) -> Vec<Schema> {
        vec![json_schema!({ "const": "pipelined" }), generator.subschema_for::<RequestsForm>()]
    }
}

impl Short for Paced {
    const EXPECTED: &'static str = "a time such as \"1 s\", or an object with `interval`";

    fn from_text(text: &str) -> Option<Result<Self, String>> {
        Some(units::parse(text).map(|interval| Self(PacedNumbers { interval, ask_all_when_unknown: None })))
    }

    fn from_number(number: u64) -> Option<Result<Self, String>> {
        Some(units::bare(number).map(|interval| Self(PacedNumbers { interval, ask_all_when_unknown: None })))
    }

    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        PacedNumbers::deserialize(MapAccessDeserializer::new(map)).map(Self)
    }

    fn forms(generator: &mut SchemaGenerator) -> Vec<Schema> {
        vec![generator.subschema_for::<Time>(), generator.subschema_for::<PacedNumbers>()]
    }
}

impl Short for Inventory {
    const EXPECTED: &'static str = "\"have\", \"have-to-all\", \"tracker\", or {\"broadcast\": \"4 s\"}";

    fn from_text(text: &str) -> Option<Result<Self, String>> {
        let kinds = [Self::Have, Self::HaveToAll, Self::Tracker];
        kinds.into_iter().find(|kind| kind.word() == Some(text)).map(Ok)
    }

    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        let InventoryForm::Broadcast(broadcast) =
            InventoryForm::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Self::Broadcast(broadcast))
    }

    fn forms(generator: &mut SchemaGenerator) -> Vec<Schema> {
        vec![
            json_schema!({ "enum": ["have", "have-to-all", "tracker"] }),
            generator.subschema_for::<InventoryForm>(),
        ]
    }
}

impl Serialize for Inventory {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Broadcast(broadcast) => InventoryForm::Broadcast(broadcast.clone()).serialize(serializer),
            kind => kind.word().serialize(serializer),
        }
    }
}

impl Inventory {
    /// The kinds that are one word.
    const fn word(&self) -> Option<&'static str> {
        match self {
            Self::Have => Some("have"),
            Self::HaveToAll => Some("have-to-all"),
            Self::Tracker => Some("tracker"),
            Self::Broadcast(_) => None,
        }
    }
}

impl Short for Broadcast {
    const EXPECTED: &'static str = "a time such as \"4 s\", or an object with `interval`";

    fn from_text(text: &str) -> Option<Result<Self, String>> {
        Some(units::parse(text).map(|interval| Self(BroadcastNumbers { interval, on_connect: None })))
    }

    fn from_number(number: u64) -> Option<Result<Self, String>> {
        Some(units::bare(number).map(|interval| Self(BroadcastNumbers { interval, on_connect: None })))
    }

    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        BroadcastNumbers::deserialize(MapAccessDeserializer::new(map)).map(Self)
    }

    fn forms(generator: &mut SchemaGenerator) -> Vec<Schema> {
        vec![generator.subschema_for::<Time>(), generator.subschema_for::<BroadcastNumbers>()]
    }
}

impl Short for Announcing {
    const EXPECTED: &'static str = "true, false, or an object such as {\"numwant\": 50}";

    fn from_flag(flag: bool) -> Option<Self> {
        Some(Self::Flag(flag))
    }

    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        AnnouncingNumbers::deserialize(MapAccessDeserializer::new(map)).map(Self::Numbers)
    }

    fn forms(generator: &mut SchemaGenerator) -> Vec<Schema> {
        vec![json_schema!({ "type": "boolean" }), generator.subschema_for::<AnnouncingNumbers>()]
    }
}

impl Serialize for Announcing {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Numbers(numbers) => numbers.serialize(serializer),
        }
    }
}

impl Short for AnnounceInterval {
    const EXPECTED: &'static str = "a time such as \"30 s\", or \"tracker\"";

    fn from_text(text: &str) -> Option<Result<Self, String>> {
        Some(if text == "tracker" { Ok(Self::Tracker) } else { units::parse(text).map(Self::Every) })
    }

    fn from_number(number: u64) -> Option<Result<Self, String>> {
        Some(units::bare(number).map(Self::Every))
    }

    fn forms(generator: &mut SchemaGenerator) -> Vec<Schema> {
        vec![generator.subschema_for::<Time>(), json_schema!({ "const": "tracker" })]
    }
}

impl Serialize for AnnounceInterval {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Tracker => serializer.serialize_str("tracker"),
            Self::Every(time) => time.serialize(serializer),
        }
    }
}

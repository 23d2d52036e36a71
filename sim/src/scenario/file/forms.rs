//! Short forms of the file's parts: `"tracker": false`, `"pieces": "all"`, `"leave": "stay"`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess};
use serde::{Deserialize, Serialize, Serializer};

use super::super::choices::Choices;
use super::super::short::{Short, short};
use super::super::units::Time;
use super::super::values::{Dist, DistForm};
use super::{
    Arrivals, ArrivalsForm, Leave, LeaveForm, Neighbours, Pieces, SomePieces, Tracker, TrackerChoice,
    TrackerSeed,
};

short! {
    TrackerChoice: "The tracker; `true`: one with all defaults; `false`: none.",
    TrackerSeed: "Does the tracker seed the content too, and with which protocol choices?",
    Neighbours: "Who knows whom, without a tracker.",
    Pieces: "What a peer has when it joins.",
    Arrivals: "When the peers of a group join.",
    Leave: "When the peers of a group leave: whichever comes first.",
}

impl Short for TrackerChoice {
    const EXPECTED: &'static str = "true, false, or an object such as {\"max_peers\": 50}";

    fn from_flag(flag: bool) -> Option<Self> {
        Some(Self::Flag(flag))
    }

    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        Tracker::deserialize(MapAccessDeserializer::new(map)).map(Box::new).map(Self::Tracker)
    }

    fn forms(generator: &mut SchemaGenerator) -> Vec<Schema> {
        vec![json_schema!({ "type": "boolean" }), generator.subschema_for::<Tracker>()]
    }
}

impl Serialize for TrackerChoice {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Tracker(tracker) => tracker.serialize(serializer),
        }
    }
}

impl Short for TrackerSeed {
    const EXPECTED: &'static str = "true, false, or protocol choices such as {\"profile\": \"s5\"}";

    fn from_flag(flag: bool) -> Option<Self> {
        Some(Self::Flag(flag))
    }

    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        Choices::deserialize(MapAccessDeserializer::new(map)).map(Box::new).map(Self::Choices)
    }

    fn forms(generator: &mut SchemaGenerator) -> Vec<Schema> {
        vec![json_schema!({ "type": "boolean" }), generator.subschema_for::<Choices>()]
    }
}

impl Serialize for TrackerSeed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Flag(flag) => serializer.serialize_bool(*flag),
            Self::Choices(choices) => choices.serialize(serializer),
        }
    }
}

/// The form of [`Neighbours`] that is an object.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum NeighboursForm {
    /// Each peer knows so many others, drawn; acquaintance is mutual.
    Degree(u32),
}

impl Short for Neighbours {
    const EXPECTED: &'static str =
        "\"mesh\", \"random_contacts\", {\"degree\": 10}, or pairs of names such as [[\"a\", \"b-1\"]]";

    fn from_text(text: &str) -> Option<Result<Self, String>> {
        match text {
            "mesh" => Some(Ok(Self::Mesh)),
            "random_contacts" => Some(Ok(Self::RandomContacts)),
            _ => None,
        }
    }

    fn from_seq<'de, A: SeqAccess<'de>>(seq: A) -> Result<Self, A::Error> {
        Vec::deserialize(SeqAccessDeserializer::new(seq)).map(Self::Pairs)
    }

    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        let NeighboursForm::Degree(degree) = NeighboursForm::deserialize(MapAccessDeserializer::new(map))?;
        Ok(Self::Degree(degree))
    }

    fn forms(generator: &mut SchemaGenerator) -> Vec<Schema> {
        vec![
            json_schema!({ "enum": ["mesh", "random_contacts"] }),
            generator.subschema_for::<NeighboursForm>(),
            generator.subschema_for::<Vec<[String; 2]>>(),
        ]
    }
}

impl Short for Pieces {
    const EXPECTED: &'static str = "\"none\", \"all\", a number, or an object such as {\"share\": 0.3}";

    fn from_text(text: &str) -> Option<Result<Self, String>> {
        match text {
            "none" => Some(Ok(Self::None)),
            "all" => Some(Ok(Self::All)),
            _ => None,
        }
    }

    fn from_number(number: u64) -> Option<Result<Self, String>> {
        let count = u32::try_from(number).map_err(|_| format!("there are no {number} pieces"));
        Some(count.map(|count| Self::Some(SomePieces::Random(count))))
    }

    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        SomePieces::deserialize(MapAccessDeserializer::new(map)).map(Self::Some)
    }

    fn forms(generator: &mut SchemaGenerator) -> Vec<Schema> {
        let words = json_schema!({ "enum": ["none", "all"] });
        vec![words, generator.subschema_for::<u32>(), generator.subschema_for::<SomePieces>()]
    }
}

impl Serialize for Pieces {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::None => serializer.serialize_str("none"),
            Self::All => serializer.serialize_str("all"),
            Self::Some(some) => some.serialize(serializer),
        }
    }
}

impl Short for Arrivals {
    const EXPECTED: &'static str = "\"together\", or an object such as {\"staggered\": {\"every\": \"1 s\"}}";

    fn from_text(text: &str) -> Option<Result<Self, String>> {
        (text == "together").then_some(Ok(Self(ArrivalsForm::Together(Time(0)))))
    }

    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        ArrivalsForm::deserialize(MapAccessDeserializer::new(map)).map(Self)
    }

    fn forms(generator: &mut SchemaGenerator) -> Vec<Schema> {
        vec![json_schema!({ "const": "together" }), generator.subschema_for::<ArrivalsForm>()]
    }
}

impl Short for Leave {
    const EXPECTED: &'static str =
        "\"stay\", \"on_completion\", or an object such as {\"after_completion\": \"5 min\"}";

    fn from_text(text: &str) -> Option<Result<Self, String>> {
        let at_once = || Dist(DistForm::Fixed(Time(0)));
        match text {
            "stay" => Some(Ok(Self::default())),
            "on_completion" => {
                Some(Ok(Self(LeaveForm { after_completion: Some(at_once()), ..LeaveForm::default() })))
            }
            _ => None,
        }
    }

    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        LeaveForm::deserialize(MapAccessDeserializer::new(map)).map(Self)
    }

    fn forms(generator: &mut SchemaGenerator) -> Vec<Schema> {
        let words = json_schema!({ "enum": ["stay", "on_completion"] });
        vec![words, generator.subschema_for::<LeaveForm>()]
    }
}

impl Serialize for Leave {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 == LeaveForm::default() {
            serializer.serialize_str("stay")
        } else {
            self.0.serialize(serializer)
        }
    }
}

//! The small values of the file format: distributions, shares, rates with or without a limit, sets of pieces.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{MapAccess, SeqAccess};
use serde::{Deserialize, Serialize, Serializer};

use super::short::{Short, short};
use super::units::{self, Bytes, Rate, Time};

short! {
    Dist: "A time, or the distribution that it is drawn from.",
    Share: "A share: a number between 0 and 1, or a percentage such as \"30 %\".",
    Percent: "An addition: a number such as 0.03, or a percentage such as \"3 %\".",
    LinkRate: "A rate; or two, between which each peer draws its own; or \"unlimited\".",
    Window: "A size, or \"unlimited\".",
    Ceiling: "A number, or \"unlimited\".",
    PieceSpan: "One piece, or the first and the last of several, such as \"0-39\". Pieces count from 0.",
    Quota: "A size, a number of pieces, or a number of copies of the whole content.",
}

/// A fixed or drawn time.
#[derive(Clone, Debug, PartialEq)]
pub struct Dist(pub DistForm);

impl Serialize for Dist {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            DistForm::Fixed(time) => time.serialize(serializer),
            drawn => drawn.serialize(serializer),
        }
    }
}

/// A distribution of times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DistForm {
    /// Always this time.
    Fixed(Time),
    /// Uniform between the two.
    Uniform([Time; 2]),
    /// Exponential.
    Exponential {
        /// The mean.
        mean: Time,
    },
    /// Weibull. Measured session times have shapes of 0.3 to 0.7 (Stutzbach and Rejaie 2006).
    Weibull {
        /// The scale: 63 % of the values are below.
        scale: Time,
        /// The shape; below 1 the tail is heavier than the exponential's.
        #[schemars(range(min = 0.05, max = 100))]
        shape: f64,
    },
    /// Log-normal.
    LogNormal {
        /// The median.
        median: Time,
        /// The standard deviation of the logarithm.
        #[schemars(range(min = 0, max = 10))]
        sigma: f64,
    },
}

impl Short for Dist {
    const EXPECTED: &'static str =
        "a time such as \"1.5 s\", or a distribution such as {\"uniform\": [\"1 s\", \"2 s\"]}";

    fn from_text(text: &str) -> Option<Result<Self, String>> {
        Some(units::parse(text).map(|time| Self(DistForm::Fixed(time))))
    }

    fn from_number(number: u64) -> Option<Result<Self, String>> {
        Some(units::bare(number).map(|time| Self(DistForm::Fixed(time))))
    }

    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        DistForm::deserialize(MapAccessDeserializer::new(map)).map(Self)
    }

    fn forms(generator: &mut SchemaGenerator) -> Vec<Schema> {
        vec![generator.subschema_for::<Time>(), generator.subschema_for::<DistForm>()]
    }
}

/// A share in parts per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share(pub u32);

/// An addition in parts per million.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Percent(pub u32);

/// The most that may be added: as much again, tenfold.
const MOST_ADDED: f64 = 10.0;

/// Parts per million of a number between 0 and `max`.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
fn ppm(number: f64, max: f64) -> Result<u32, String> {
    if (0.0..=max).contains(&number) {
        Ok((number * 1e6 + 0.5) as u32)
    } else {
        Err(format!("{number} is not between 0 and {max}\nwrite e.g. 0.3 or \"30 %\""))
    }
}

/// Parts per million of a percentage.
fn percentage(text: &str, max: f64) -> Result<u32, String> {
    let number = text.trim().strip_suffix('%').and_then(|number| number.trim_end().parse::<f64>().ok());
    match number {
        Some(number) if (0.0..=max * 100.0).contains(&number) => ppm(number / 100.0, max),
        Some(number) => {
            Err(format!("{number} % is not between 0 % and {} %\nwrite e.g. \"30 %\" or 0.3", max * 100.0))
        }
        None => Err(format!("{text:?} is not a percentage\nwrite e.g. \"30 %\" or 0.3")),
    }
}

/// The number that is written for parts per million.
fn serialize_ppm<S: Serializer>(ppm: u32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(f64::from(ppm) / 1e6)
}

macro_rules! part {
    ($name:ident, $max:expr, $expected:literal) => {
        impl Short for $name {
            const EXPECTED: &'static str = $expected;

            fn from_text(text: &str) -> Option<Result<Self, String>> {
                Some(percentage(text, $max).map(Self))
            }

            #[expect(clippy::cast_precision_loss, reason = "large numbers are refused anyway")]
            fn from_number(number: u64) -> Option<Result<Self, String>> {
                Some(ppm(number as f64, $max).map(Self))
            }

            fn from_float(number: f64) -> Option<Result<Self, String>> {
                Some(ppm(number, $max).map(Self))
            }

            fn forms(_: &mut SchemaGenerator) -> Vec<Schema> {
                vec![
                    json_schema!({ "type": "number", "minimum": 0, "maximum": $max }),
                    json_schema!({ "type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*%\s*$", "examples": ["30 %"] }),
                ]
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serialize_ppm(self.0, serializer)
            }
        }
    };
}

part!(Share, 1.0, "a share such as 0.3 or \"30 %\"");
part!(Percent, MOST_ADDED, "an addition such as 0.03 or \"3 %\"");

/// What the one word for no limit is.
const UNLIMITED: &str = "unlimited";

fn unlimited_schema() -> Schema {
    json_schema!({ "const": UNLIMITED })
}

/// Capacity of a link's direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum LinkRate {
    /// This rate.
    Fixed(Rate),
    /// Drawn between the two.
    Uniform([Rate; 2]),
    /// No limit.
    #[serde(serialize_with = "serialize_unlimited")]
    Unlimited,
}

fn serialize_unlimited<S: Serializer>(serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(UNLIMITED)
}

impl Short for LinkRate {
    const EXPECTED: &'static str = "a rate such as \"5 Mbit/s\", two rates to draw between, or \"unlimited\"";

    fn from_text(text: &str) -> Option<Result<Self, String>> {
        Some(if text == UNLIMITED { Ok(Self::Unlimited) } else { units::parse(text).map(Self::Fixed) })
    }

    fn from_number(number: u64) -> Option<Result<Self, String>> {
        Some(units::bare(number).map(Self::Fixed))
    }

    fn from_seq<'de, A: SeqAccess<'de>>(seq: A) -> Result<Self, A::Error> {
        <[Rate; 2]>::deserialize(SeqAccessDeserializer::new(seq)).map(Self::Uniform)
    }

    fn forms(generator: &mut SchemaGenerator) -> Vec<Schema> {
        let rate = generator.subschema_for::<Rate>();
        let two = json_schema!({ "type": "array", "items": rate.clone(), "minItems": 2, "maxItems": 2 });
        vec![rate, two, unlimited_schema()]
    }
}

/// A number of bytes that may be without limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Window {
    /// At most so many.
    Bytes(Bytes),
    /// No limit.
    #[serde(serialize_with = "serialize_unlimited")]
    Unlimited,
}

impl Short for Window {
    const EXPECTED: &'static str = "a size such as \"64 KiB\", or \"unlimited\"";

    fn from_text(text: &str) -> Option<Result<Self, String>> {
        Some(if text == UNLIMITED { Ok(Self::Unlimited) } else { units::parse(text).map(Self::Bytes) })
    }

    fn from_number(number: u64) -> Option<Result<Self, String>> {
        Some(units::bare(number).map(Self::Bytes))
    }

    fn forms(generator: &mut SchemaGenerator) -> Vec<Schema> {
        vec![generator.subschema_for::<Bytes>(), unlimited_schema()]
    }
}

/// A number that may be without limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Ceiling {
    /// At most so many.
    Number(u32),
    /// No limit.
    #[serde(serialize_with = "serialize_unlimited")]
    Unlimited,
}

impl Short for Ceiling {
    const EXPECTED: &'static str = "a whole number, or \"unlimited\"";

    fn from_text(text: &str) -> Option<Result<Self, String>> {
        (text == UNLIMITED).then_some(Ok(Self::Unlimited))
    }

    fn from_number(number: u64) -> Option<Result<Self, String>> {
        let ceiling = u32::try_from(number).map(Self::Number);
        Some(ceiling.map_err(|_| format!("{number} is too large\nwrite \"unlimited\" for no limit")))
    }

    fn forms(generator: &mut SchemaGenerator) -> Vec<Schema> {
        vec![generator.subschema_for::<u32>(), unlimited_schema()]
    }
}

/// Pieces in a row: the first and the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PieceSpan(pub u32, pub u32);

impl Short for PieceSpan {
    const EXPECTED: &'static str = "the number of a piece, or a range such as \"0-39\"";

    fn from_text(text: &str) -> Option<Result<Self, String>> {
        let ends = text.split_once('-').unwrap_or((text, text));
        Some(match (ends.0.trim().parse(), ends.1.trim().parse()) {
            (Ok(first), Ok(last)) if first <= last => Ok(Self(first, last)),
            _ => Err(format!("{text:?} is not a range of pieces\nwrite e.g. \"0-39\"")),
        })
    }

    fn from_number(number: u64) -> Option<Result<Self, String>> {
        let index = u32::try_from(number);
        Some(index.map(|index| Self(index, index)).map_err(|_| format!("there is no piece {number}")))
    }

    fn forms(generator: &mut SchemaGenerator) -> Vec<Schema> {
        let range = json_schema!({ "type": "string", "pattern": r"^\s*[0-9]+(\s*-\s*[0-9]+)?\s*$", "examples": ["0-39"] });
        vec![generator.subschema_for::<u32>(), range]
    }
}

impl Serialize for PieceSpan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.0 == self.1 {
            serializer.serialize_u32(self.0)
        } else {
            serializer.collect_str(&format_args!("{}-{}", self.0, self.1))
        }
    }
}

/// How much is to be uploaded before leaving.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Quota(pub QuotaForm);

/// The units of a quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum QuotaForm {
    /// Bytes of block data.
    Bytes(Bytes),
    /// As many bytes as so many pieces have.
    Pieces(u32),
    /// As many bytes as so many copies of the content have.
    Copies(u32),
}

impl Short for Quota {
    const EXPECTED: &'static str = "a size such as \"10 MiB\", {\"pieces\": 80} or {\"copies\": 1}";

    fn from_text(text: &str) -> Option<Result<Self, String>> {
        Some(units::parse(text).map(|bytes| Self(QuotaForm::Bytes(bytes))))
    }

    fn from_number(number: u64) -> Option<Result<Self, String>> {
        Some(units::bare(number).map(|bytes| Self(QuotaForm::Bytes(bytes))))
    }

    fn from_map<'de, A: MapAccess<'de>>(map: A) -> Result<Self, A::Error> {
        QuotaForm::deserialize(MapAccessDeserializer::new(map)).map(Self)
    }

    fn forms(generator: &mut SchemaGenerator) -> Vec<Schema> {
        vec![generator.subschema_for::<Bytes>(), generator.subschema_for::<QuotaForm>()]
    }
}

//! Values with a short form beside the full one: `"20 ms"` where a whole distribution may stand.
//!
//! Serde's untagged enums could read them too, but their only error is that nothing fits. Here the form is chosen by the JSON
//! type, so that a mistake inside of it is reported where it is.

use std::marker::PhantomData;

use schemars::{Schema, SchemaGenerator};
use serde::de::{Error, MapAccess, SeqAccess, Unexpected, Visitor};

/// How a value is read from each JSON type. Errors of the first three are a message and, on a second line, a hint.
pub(super) trait Short: Sized {
    /// What may stand here, for errors.
    const EXPECTED: &'static str;

    /// From a string; `None`: strings may not stand here.
    fn from_text(_text: &str) -> Option<Result<Self, String>> {
        None
    }

    /// From a whole number; `None`: numbers may not stand here.
    fn from_number(_number: u64) -> Option<Result<Self, String>> {
        None
    }

    /// From any other number; `None`: such numbers may not stand here.
    fn from_float(_number: f64) -> Option<Result<Self, String>> {
        None
    }

    /// From `true` or `false`; `None`: they may not stand here.
    fn from_flag(_flag: bool) -> Option<Self> {
        None
    }

    /// From an array.
    fn from_seq<'de, A: SeqAccess<'de>>(_seq: A) -> Result<Self, A::Error> {
        Err(A::Error::invalid_type(Unexpected::Seq, &Self::EXPECTED))
    }

    /// From an object.
    fn from_map<'de, A: MapAccess<'de>>(_map: A) -> Result<Self, A::Error> {
        Err(A::Error::invalid_type(Unexpected::Map, &Self::EXPECTED))
    }

    /// The schemas of all the forms.
    fn forms(generator: &mut SchemaGenerator) -> Vec<Schema>;
}

/// Reads a [`Short`].
pub(super) struct ShortVisitor<T>(PhantomData<T>);

impl<T> ShortVisitor<T> {
    pub(super) const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T: Short> ShortVisitor<T> {
    fn given<E: Error>(read: Option<Result<T, String>>, unexpected: Unexpected<'_>) -> Result<T, E> {
        match read {
            Some(read) => read.map_err(E::custom),
            None => Err(E::invalid_type(unexpected, &T::EXPECTED)),
        }
    }
}

impl<'de, T: Short> Visitor<'de> for ShortVisitor<T> {
    type Value = T;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(T::EXPECTED)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
        Self::given(T::from_text(text), Unexpected::Str(text))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<T, E> {
        Self::given(T::from_number(number), Unexpected::Unsigned(number))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<T, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(number), &T::EXPECTED)),
        }
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<T, E> {
        Self::given(T::from_float(number), Unexpected::Float(number))
    }

    fn visit_bool<E: Error>(self, flag: bool) -> Result<T, E> {
        T::from_flag(flag).ok_or_else(|| E::invalid_type(Unexpected::Bool(flag), &T::EXPECTED))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<T, A::Error> {
        T::from_seq(seq)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::from_map(map)
    }
}

/// Makes [`Short`] types readable, and their schema the choice between their forms.
macro_rules! short {
    ($($name:ident: $doc:literal),* $(,)?) => {$(
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any($crate::scenario::short::ShortVisitor::new())
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
                let forms = <$name as $crate::scenario::short::Short>::forms(generator);
                schemars::json_schema!({ "description": $doc, "anyOf": forms })
            }
        }
    )*};
}

pub(super) use short;

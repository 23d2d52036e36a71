//! Quantities as people write them: `"10 MiB"`, `"5 Mbit/s"`, `"2 h 5 m"`; or a bare whole number in the base unit.
//!
//! One parser serves sizes, rates and times. It works in integers: what is written in decimal is exact, where a library
//! that goes through floating point gives or takes a unit. A result between two whole base units is rounded to the nearest.

use std::borrow::Cow;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A kind of quantity: its name, its units, its bounds.
pub trait Quantity: Sized + Copy {
    /// What it is called, with its article: `a rate`.
    const NAME: &'static str;
    /// The base unit of bare numbers, in the plural.
    const BASE: &'static str;
    /// An example of how to write it.
    const EXAMPLE: &'static str;
    /// Units and how many base units each is.
    const UNITS: &'static [(&'static str, u64)];
    /// The largest allowed value and how to write it.
    const MAX: (u64, &'static str);
    /// May several be put together, as in `2 h 5 m`?
    const COMPOUND: bool = false;

    /// From base units.
    fn from_base(value: u64) -> Self;
    /// In base units.
    fn base(self) -> u64;
}

/// Number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bytes(pub u64);

/// Bits per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate(pub u64);

/// A time span in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub u64);

impl Quantity for Bytes {
    const NAME: &'static str = "a size";
    const BASE: &'static str = "bytes";
    const EXAMPLE: &'static str = "10 MiB";
    const UNITS: &'static [(&'static str, u64)] = &[
        ("B", 1),
        ("kB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("TB", 1_000_000_000_000),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
        ("TiB", 1 << 40),
    ];
    const MAX: (u64, &'static str) = (1 << 50, "1024 TiB");

    fn from_base(value: u64) -> Self {
        Self(value)
    }

    fn base(self) -> u64 {
        self.0
    }
}

impl Quantity for Rate {
    const NAME: &'static str = "a rate";
    const BASE: &'static str = "bits per second";
    const EXAMPLE: &'static str = "5 Mbit/s";
    const UNITS: &'static [(&'static str, u64)] = &[
        ("bit/s", 1),
        ("kbit/s", 1_000),
        ("Mbit/s", 1_000_000),
        ("Gbit/s", 1_000_000_000),
        ("bps", 1),
        ("kbps", 1_000),
        ("Mbps", 1_000_000),
        ("Gbps", 1_000_000_000),
        ("B/s", 8),
        ("kB/s", 8_000),
        ("MB/s", 8_000_000),
        ("GB/s", 8_000_000_000),
        ("KiB/s", 8 << 10),
        ("MiB/s", 8 << 20),
        ("GiB/s", 8 << 30),
    ];
    const MAX: (u64, &'static str) = (100_000_000_000_000, "100000 Gbit/s");

    fn from_base(value: u64) -> Self {
        Self(value)
    }

    fn base(self) -> u64 {
        self.0
    }
}

impl Quantity for Time {
    const NAME: &'static str = "a time";
    const BASE: &'static str = "nanoseconds";
    const EXAMPLE: &'static str = "1.5 s";
    const UNITS: &'static [(&'static str, u64)] = &[
        ("ns", 1),
        ("us", 1_000),
        ("µs", 1_000),
        ("ms", 1_000_000),
        ("s", 1_000_000_000),
        ("m", 60_000_000_000),
        ("min", 60_000_000_000),
        ("h", 3_600_000_000_000),
        ("d", 86_400_000_000_000),
    ];
    const MAX: (u64, &'static str) = (36_500 * 86_400_000_000_000, "36500 d");
    const COMPOUND: bool = true;

    fn from_base(value: u64) -> Self {
        Self(value)
    }

    fn base(self) -> u64 {
        self.0
    }
}

impl Time {
    /// As the standard library's type.
    pub const fn duration(self) -> Duration {
        Duration::from_nanos(self.0)
    }
}

impl From<Duration> for Time {
    /// Saturates at 584 years, far above [`Quantity::MAX`].
    fn from(duration: Duration) -> Self {
        Self(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
    }
}

/// Reads a quantity.
///
/// # Errors
/// What is wrong and, on the next line, a hint.
pub fn parse<Q: Quantity>(text: &str) -> Result<Q, String> {
    let unlike = || format!("{text:?} is not {}\nwrite e.g. {:?}", Q::NAME, Q::EXAMPLE);
    let mut rest = text.trim();
    if rest.starts_with(['-', '−']) {
        return Err(format!("{text:?} is negative\nwrite {}, e.g. {:?}", Q::NAME, Q::EXAMPLE));
    }
    let mut total: u128 = 0;
    let mut parts = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.' || c == '_')).unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let after = after.trim_start();
        let end = after.find(|c: char| c.is_whitespace() || c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        if number.is_empty() || (parts > 0 && !Q::COMPOUND) {
            return Err(unlike());
        }
        let factor = factor::<Q>(text, unit)?;
        let part = scaled(number, factor).ok_or_else(unlike)?;
        total = total.saturating_add(part);
        rest = after.trim_start();
        parts += 1;
    }
    if parts == 0 {
        return Err(unlike());
    }
    let (max, max_text) = Q::MAX;
    match u64::try_from(total) {
        Ok(value) if value <= max => Ok(Q::from_base(value)),
        _ => Err(format!("{text:?} is too large\nat most {max_text:?}")),
    }
}

/// How many base units the unit is.
fn factor<Q: Quantity>(text: &str, unit: &str) -> Result<u64, String> {
    if let Some(&(_, factor)) = Q::UNITS.iter().find(|(name, _)| *name == unit) {
        return Ok(factor);
    }
    if unit.is_empty() {
        return Err(format!(
            "{text:?} has no unit\nwrite e.g. {:?}, or a bare number without quotes for {}",
            Q::EXAMPLE,
            Q::BASE
        ));
    }
    let foreign = [(Bytes::NAME, Bytes::UNITS), (Rate::NAME, Rate::UNITS), (Time::NAME, Time::UNITS)];
    let foreign = foreign.iter().find(|(_, units)| units.iter().any(|(name, _)| *name == unit));
    if let Some((name, _)) = foreign {
        return Err(format!("{text:?} is {name}, not {}\nwrite e.g. {:?}", Q::NAME, Q::EXAMPLE));
    }
    let known: Vec<&str> = Q::UNITS.iter().map(|(name, _)| *name).collect();
    let meant = known.iter().find(|name| name.eq_ignore_ascii_case(unit));
    let meant = meant.map_or(String::new(), |name| format!("did you mean `{name}`? "));
    Err(format!("{text:?} has no known unit: `{unit}`\n{meant}the units are {}", known.join(", ")))
}

/// A decimal number times a factor, rounded to the nearest whole; `None` when it is no number.
fn scaled(number: &str, factor: u64) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let whole: String = whole.chars().filter(|&c| c != '_').collect();
    let bad =
        whole.is_empty() || fraction.contains(['.', '_']) || (number.contains('.') && fraction.is_empty());
    if bad || whole.len() > 20 {
        return None;
    }
    // More digits than these are below every rounding.
    let fraction = &fraction[..fraction.len().min(18)];
    let scale = 10_u128.pow(u32::try_from(fraction.len()).ok()?);
    let mantissa = whole.parse::<u128>().ok()?.checked_mul(scale)?;
    let mantissa = mantissa.checked_add(if fraction.is_empty() { 0 } else { fraction.parse().ok()? })?;
    let product = mantissa.saturating_mul(factor.into());
    Some((product.saturating_add(scale / 2)) / scale)
}

/// Reads a bare number.
pub(super) fn bare<Q: Quantity>(value: u64) -> Result<Q, String> {
    let (max, max_text) = Q::MAX;
    if value <= max {
        Ok(Q::from_base(value))
    } else {
        Err(format!("{value} {} are too many\nat most {max_text:?}", Q::BASE))
    }
}

struct QuantityVisitor<Q>(std::marker::PhantomData<Q>);

impl<Q: Quantity> Visitor<'_> for QuantityVisitor<Q> {
    type Value = Q;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} such as {:?}, or a whole number of {}", Q::NAME, Q::EXAMPLE, Q::BASE)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Q, E> {
        parse(text).map_err(E::custom)
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Q, E> {
        bare(value).map_err(E::custom)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Q, E> {
        match u64::try_from(value) {
            Ok(value) => self.visit_u64(value),
            Err(_) => {
                Err(E::custom(format!("{value} is negative\nwrite {}, e.g. {:?}", Q::NAME, Q::EXAMPLE)))
            }
        }
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Q, E> {
        Err(E::custom(format!(
            "{value} has no unit\nwrite e.g. {:?}; bare numbers are whole {}",
            Q::EXAMPLE,
            Q::BASE
        )))
    }
}

/// The schema of a quantity: a string with a unit, or a whole number.
fn schema<Q: Quantity>() -> Schema {
    let units: Vec<&str> = Q::UNITS.iter().map(|(name, _)| *name).collect();
    let one = format!(r"[0-9][0-9_]*(\.[0-9]+)?\s*({})", units.join("|"));
    let pattern = if Q::COMPOUND { format!(r"^\s*{one}(\s*{one})*\s*$") } else { format!(r"^\s*{one}\s*$") };
    json_schema!({
        "description": format!("{} such as {:?}, or a whole number of {}.", Q::NAME.replacen('a', "A", 1), Q::EXAMPLE, Q::BASE),
        "anyOf": [
            { "type": "string", "pattern": pattern, "examples": [Q::EXAMPLE] },
            { "type": "integer", "minimum": 0, "maximum": Q::MAX.0 },
        ],
    })
}

macro_rules! quantity {
    ($($name:ident),*) => {$(
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_any(QuantityVisitor(std::marker::PhantomData))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_u64(self.base())
            }
        }

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                schema::<$name>()
            }
        }
    )*};
}

quantity!(Bytes, Rate, Time);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_exact() {
        assert_eq!(parse("10 MiB"), Ok(Bytes(10_485_760)));
        assert_eq!(parse("1.25 MB/s"), Ok(Rate(10_000_000)));
        assert_eq!(parse("250kB/s"), Ok(Rate(2_000_000)));
        assert_eq!(parse("640 kbit/s"), Ok(Rate(640_000)));
        assert_eq!(parse("1.07 s"), Ok(Time(1_070_000_000)));
        assert_eq!(parse("0.3 s"), Ok(Time(300_000_000)));
        assert_eq!(parse(" 2 h 5 m "), Ok(Time(7_500_000_000_000)));
        assert_eq!(parse("1h30m"), Ok(Time(5_400_000_000_000)));
        assert_eq!(parse("1_000 B"), Ok(Bytes(1_000)));
        assert_eq!(parse("0.1 KiB"), Ok(Bytes(102)), "102.4 is nearest to 102");
        assert_eq!(parse("15 µs"), Ok(Time(15_000)));
    }

    #[test]
    fn what_is_no_quantity_is_refused_with_the_reason() {
        let cases: [(&str, &str); 12] = [
            ("5 MB", "is a size, not a rate"),
            ("5", "has no unit"),
            ("", "is not a rate"),
            ("Mbit/s", "is not a rate"),
            ("-5 Mbit/s", "is negative"),
            ("5 mbit/s", "did you mean `Mbit/s`?"),
            ("5 parsecs", "has no known unit: `parsecs`"),
            ("1 Mbit/s 2 Mbit/s", "is not a rate"),
            ("1.2.3 Mbit/s", "is not a rate"),
            ("1. Mbit/s", "is not a rate"),
            ("99999999999999999999 Gbit/s", "is too large"),
            ("999999999999999999999999999 Gbit/s", "is not a rate"),
        ];
        for (text, reason) in cases {
            let error = parse::<Rate>(text).unwrap_err();
            assert!(error.contains(reason), "{text:?}: {error}");
        }
    }
}

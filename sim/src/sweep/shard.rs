//! Parts of a plan, and how sets of their numbers are written.

use std::fmt::{self, Write as _};
use std::str::FromStr;

/// Part `number` of `of`.
///
/// It has every `of`-th group of runs, so that each shard gets some of every cell and all take about as long. A group is the runs of one
/// cell on one seed, one per policy: pairs are never torn apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    number: u32,
    of: u32,
}

/// Most shards of a plan.
pub const MOST: u32 = 1_000_000;

impl Shard {
    /// The whole.
    pub const WHOLE: Self = Self { number: 0, of: 1 };

    /// Part `number`, from 0, of `of`.
    pub fn new(number: u32, of: u32) -> Option<Self> {
        (number < of && of <= MOST).then_some(Self { number, of })
    }

    /// Its number, from 0.
    pub const fn number(self) -> u32 {
        self.number
    }

    /// How many there are.
    pub const fn of(self) -> u32 {
        self.of
    }

    /// Does it have this group of runs?
    pub fn has(self, group: u64) -> bool {
        group % u64::from(self.of) == u64::from(self.number)
    }

    /// The name of its file once it is committed; until then `.part` follows.
    pub fn file_name(self) -> String {
        format!("shard-{}-of-{}.csv", self.number, self.of)
    }

    /// The shard whose committed file has this name.
    pub fn of_file_name(name: &str) -> Option<Self> {
        let (number, of) = name.strip_prefix("shard-")?.strip_suffix(".csv")?.split_once("-of-")?;
        let shard = Self::new(number.parse().ok()?, of.parse().ok()?)?;
        (shard.file_name() == name).then_some(shard)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts =
            text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        let (number, of) = parts.ok_or("write number/count, such as 0/100")?;
        Self::new(number, of).ok_or_else(|| match of {
            0 => "there is at least one shard".to_owned(),
            _ if of > MOST => format!("there are at most {MOST} shards"),
            _ => format!("shards of {of} are numbered from 0 to {}", of - 1),
        })
    }
}

/// Ascending numbers as engines write arrays: `13,57-60`.
pub fn array(numbers: impl IntoIterator<Item = u32>) -> String {
    let mut text = String::new();
    let mut numbers = numbers.into_iter().peekable();
    while let Some(first) = numbers.next() {
        let mut last = first;
        while let Some(next) = numbers.next_if(|&next| next == last + 1) {
            last = next;
        }
        let comma = if text.is_empty() { "" } else { "," };
        let _infallible = match last - first {
            0 => write!(text, "{comma}{first}"),
            _ => write!(text, "{comma}{first}-{last}"),
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_written_as_engines_read_them() {
        assert_eq!(array([13, 57, 58, 59, 60]), "13,57-60");
        assert_eq!(array([0, 1, 3, 5, 6]), "0-1,3,5-6");
        assert_eq!(array([]), "");
    }

    #[test]
    fn every_group_is_in_one_shard() {
        for of in [1, 2, 7, 100] {
            for group in 0..300 {
                let owners = (0..of).filter(|&number| Shard::new(number, of).unwrap().has(group));
                assert_eq!(owners.collect::<Vec<_>>(), [u32::try_from(group).unwrap() % of]);
            }
        }
    }

    #[test]
    fn shards_are_read_strictly() {
        let shard: Shard = "3/7".parse().unwrap();
        assert_eq!((shard.number(), shard.of(), shard.to_string().as_str()), (3, 7, "3/7"));
        for wrong in ["", "3", "7/7", "0/0", "-1/3", "1/3/4", "0/1000001", "a/b"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
        assert_eq!(Shard::of_file_name("shard-3-of-7.csv"), Some(shard));
        for wrong in ["shard-3-of-7.csv.part", "shard-03-of-7.csv", "shard-7-of-7.csv", "runs.csv"] {
            assert_eq!(Shard::of_file_name(wrong), None, "{wrong}");
        }
    }
}

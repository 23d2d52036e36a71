//! `--set path=value`: values that replace those of the file, before anything is checked.
//!
//! A path goes by keys, by indices, and in `groups` also by the group's name: `groups.leechers.count=10`. A value is JSON when it
//! reads as JSON, and a string otherwise, so that `network.window=64 KiB` needs no second pair of quotes.

use std::ops::Range;

use serde_json::{Map, Value};

use super::error::choice;
use super::path::{FieldPath, Step};

/// An override that has been applied.
#[derive(Clone, Debug)]
pub(super) struct Override {
    /// The flag as it was given, for errors.
    pub(super) flag: String,
    /// Where in the flag the value is.
    pub(super) value: Range<usize>,
    /// What it replaced.
    pub(super) path: FieldPath,
}

/// What is wrong with a flag.
#[derive(Clone, Debug)]
pub(super) struct BadFlag {
    /// The flag as it was given.
    pub(super) flag: String,
    /// Where in it.
    pub(super) span: Range<usize>,
    /// What.
    pub(super) what: String,
    /// What to do about it.
    pub(super) hint: String,
}

/// What stands before the path in a flag.
const FLAG: &str = "--set ";

/// Applies `path=value` to the tree.
pub(super) fn apply(tree: &mut Value, text: &str) -> Result<Override, BadFlag> {
    let flag = format!("{FLAG}{text}");
    let bad =
        |span: Range<usize>, what: String, hint: String| BadFlag { flag: flag.clone(), span, what, hint };
    let Some((way, value)) = text.split_once('=') else {
        let hint = "write `path=value`, e.g. `groups.leechers.count=10`".to_owned();
        return Err(bad(FLAG.len()..flag.len(), format!("the override {text:?} has no value"), hint));
    };
    let value_span = FLAG.len() + way.len() + 1..flag.len();
    let mut place = tree;
    let mut path = FieldPath::root();
    let mut at = FLAG.len();
    for name in way.split('.') {
        let span = at..at + name.len();
        at = span.end + 1;
        if name.is_empty() {
            let hint = "write e.g. `groups.leechers.count=10`".to_owned();
            return Err(bad(
                FLAG.len()..FLAG.len() + way.len(),
                "the path has an empty step".to_owned(),
                hint,
            ));
        }
        let next = step(place, name, &path).map_err(|(what, hint)| bad(span, what, hint))?;
        place = match &next {
            Step::Key(key) => match place {
                Value::Object(map) => map.entry(key.clone()).or_insert_with(|| Value::Object(Map::new())),
                // `true` stands for an object with all defaults.
                other => {
                    *other = Value::Object(Map::new());
                    &mut other[key.as_str()]
                }
            },
            Step::Index(index) => &mut place[*index],
        };
        path.0.push(next);
    }
    *place = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
    Ok(Override { flag, value: value_span, path })
}

/// The step that a name means here; otherwise what is wrong, and a hint.
fn step(place: &Value, name: &str, path: &FieldPath) -> Result<Step, (String, String)> {
    match place {
        Value::Object(_) | Value::Bool(true) => Ok(Step::Key(name.to_owned())),
        Value::Array(items) => {
            let by_name =
                items.iter().position(|item| item.get("name").and_then(Value::as_str) == Some(name));
            let index = by_name.or_else(|| name.parse().ok().filter(|&index| index < items.len()));
            index.map(Step::Index).ok_or_else(|| {
                let names: Vec<&str> = items.iter().filter_map(|item| item.get("name")?.as_str()).collect();
                let hint = match items.len() {
                    0 => "it is empty".to_owned(),
                    _ if !names.is_empty() => choice(name, &names),
                    len => format!("indices go from 0 to {}", len - 1),
                };
                (format!("`{path}` has no item `{name}`"), hint)
            })
        }
        other => {
            let hint = format!("replace it as a whole: `{path}=…`");
            Err((format!("`{path}` is {other}: it has nothing inside"), hint))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn applied(text: &str) -> Result<Value, BadFlag> {
        let mut tree =
            json!({"seed": 1, "groups": [{"name": "a"}, {"name": "b", "count": 2}], "tracker": true});
        apply(&mut tree, text).map(|_| tree)
    }

    #[test]
    fn paths_go_by_key_index_and_name() {
        assert_eq!(applied("seed=4").unwrap()["seed"], json!(4));
        assert_eq!(applied("groups.0.count=7").unwrap()["groups"][0]["count"], json!(7));
        assert_eq!(applied("groups.b.count=7").unwrap()["groups"][1]["count"], json!(7));
        assert_eq!(applied("tracker.interval=1 min").unwrap()["tracker"]["interval"], json!("1 min"));
        assert_eq!(
            applied("network.latency.one_way=\"20 ms\"").unwrap()["network"]["latency"]["one_way"],
            json!("20 ms")
        );
        assert_eq!(
            applied("groups.a.leave={\"after_completion\": 0}").unwrap()["groups"][0]["leave"]["after_completion"],
            0
        );
        assert_eq!(applied("expect=[]").unwrap()["expect"], json!([]));
        assert_eq!(applied("description=a=b").unwrap()["description"], json!("a=b"));
    }

    #[test]
    fn paths_that_lead_nowhere_are_refused_at_the_step() {
        for (text, marked) in [
            ("seed", "seed"),
            ("groups.c.count=1", "c"),
            ("groups.2=1", "2"),
            ("seed.x=1", "x"),
            ("a..b=1", "a..b"),
            ("=1", ""),
        ] {
            let error = applied(text).unwrap_err();
            assert_eq!(&error.flag[error.span], marked, "{text}");
        }
    }
}

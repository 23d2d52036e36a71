//! Where in a JSON text a value is, and keys that stand twice.
//!
//! Serde knows the line of a syntax error, but of nothing else once there is a tree. So the text is scanned a second time,
//! only when a place is asked for. The scanner relies on the text being valid JSON, nested no deeper than `serde_json` allows.

use std::collections::BTreeMap;
use std::ops::Range;

use super::path::{FieldPath, Step};

/// Where a value is: byte ranges of its key, when it has one, and of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) key: Option<Range<usize>>,
    pub(super) value: Range<usize>,
    /// Was the whole path there? Otherwise this is the last value on the way.
    pub(super) whole: bool,
}

/// A key that stands twice in an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Duplicate {
    pub(super) key: String,
    pub(super) first: Range<usize>,
    pub(super) second: Range<usize>,
}

/// Finds the value of a path, or the last value on the way to it.
pub(super) fn locate(text: &str, path: &FieldPath) -> Place {
    let mut scanner = Scanner { text, at: 0 };
    scanner.space();
    let mut place = Place { key: None, value: scanner.at..scanner.at, whole: false };
    for step in &path.0 {
        let (entered, key) = match step {
            Step::Key(key) => {
                let key = scanner.enter_object(key);
                (key.is_some(), key)
            }
            Step::Index(index) => (scanner.enter_array(*index), None),
        };
        if !entered {
            // The scanner has left the container; its start is remembered.
            scanner.at = place.value.start;
            scanner.value();
            place.value.end = scanner.at;
            return place;
        }
        place = Place { key, value: scanner.at..scanner.at, whole: false };
    }
    scanner.value();
    place.value.end = scanner.at;
    place.whole = true;
    place
}

/// The first key that stands twice in the same object.
pub(super) fn duplicate_key(text: &str) -> Option<Duplicate> {
    let mut scanner = Scanner { text, at: 0 };
    scanner.space();
    scanner.duplicate()
}

struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// Skips this byte, when it comes next.
    fn eat(&mut self, byte: u8) -> bool {
        let there = self.peek() == Some(byte);
        self.at += usize::from(there);
        there
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Skips a string and gives its range, quotes included.
    fn string(&mut self) -> Range<usize> {
        let start = self.at;
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'"' => break,
                _ => {}
            }
        }
        start..self.at.min(self.text.len())
    }

    /// Skips a value.
    fn value(&mut self) {
        let mut depth = 0_u32;
        loop {
            self.space();
            match self.peek() {
                None => return,
                Some(b'"') => drop(self.string()),
                Some(b'{' | b'[') => {
                    depth += 1;
                    self.at += 1;
                }
                Some(b'}' | b']') => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                Some(b',' | b':') => self.at += 1,
                Some(_) => {
                    while !matches!(
                        self.peek(),
                        None | Some(b',' | b':' | b'}' | b']' | b' ' | b'\t' | b'\n' | b'\r')
                    ) {
                        self.at += 1;
                    }
                }
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// Goes to the value of a key of the object that comes next; gives the key's range.
    fn enter_object(&mut self, wanted: &str) -> Option<Range<usize>> {
        if !self.eat(b'{') {
            return None;
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return None;
            }
            let key = self.string();
            self.space();
            self.eat(b':');
            self.space();
            if decoded(&self.text[key.clone()]) == wanted {
                return Some(key);
            }
            self.value();
            self.space();
            self.eat(b',');
        }
    }

    /// Goes to an item of the array that comes next; is there one?
    fn enter_array(&mut self, wanted: usize) -> bool {
        if !self.eat(b'[') {
            return false;
        }
        for _ in 0..wanted {
            self.space();
            if matches!(self.peek(), None | Some(b']')) {
                return false;
            }
            self.value();
            self.space();
            self.eat(b',');
        }
        self.space();
        !matches!(self.peek(), None | Some(b']'))
    }

    /// The first duplicate key within the value that comes next.
    fn duplicate(&mut self) -> Option<Duplicate> {
        if self.eat(b'[') {
            loop {
                self.space();
                if self.peek().is_none() || self.eat(b']') {
                    return None;
                }
                if let Some(duplicate) = self.duplicate() {
                    return Some(duplicate);
                }
                self.space();
                self.eat(b',');
            }
        }
        if !self.eat(b'{') {
            self.value();
            return None;
        }
        let mut keys = BTreeMap::new();
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                self.eat(b'}');
                return None;
            }
            let second = self.string();
            let key = decoded(&self.text[second.clone()]);
            if let Some(first) = keys.insert(key.clone(), second.clone()) {
                return Some(Duplicate { key, first, second });
            }
            self.space();
            self.eat(b':');
            self.space();
            if let Some(duplicate) = self.duplicate() {
                return Some(duplicate);
            }
            self.space();
            self.eat(b',');
        }
    }
}

/// What a quoted string says.
fn decoded(quoted: &str) -> String {
    serde_json::from_str(quoted).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#" { "a" : [1, {"b\u0063": "x\"}"} , [] ], "d": {"e": -1.5e3} } "#;

    fn at(path: &FieldPath) -> (&'static str, bool) {
        let place = locate(TEXT, path);
        (&TEXT[place.value], place.whole)
    }

    #[test]
    fn values_are_found() {
        let root = FieldPath::root();
        let a = root.key("a");
        assert_eq!(at(&root), (TEXT.trim(), true));
        assert_eq!(at(&a.index(0)), ("1", true));
        assert_eq!(at(&a.index(1).key("bc")), (r#""x\"}""#, true));
        assert_eq!(at(&a.index(2)), ("[]", true));
        assert_eq!(at(&root.key("d").key("e")), ("-1.5e3", true));
        let key = locate(TEXT, &root.key("d")).key.unwrap();
        assert_eq!(&TEXT[key], "\"d\"");
    }

    #[test]
    fn what_is_not_there_gives_what_should_hold_it() {
        let root = FieldPath::root();
        assert_eq!(at(&root.key("d").key("f")), (r#"{"e": -1.5e3}"#, false));
        assert_eq!(at(&root.key("a").index(3)), (r#"[1, {"b\u0063": "x\"}"} , [] ]"#, false));
        assert_eq!(at(&root.key("a").index(2).index(0)), ("[]", false));
        assert_eq!(at(&root.key("a").index(0).key("x")), ("1", false));
        assert_eq!(at(&root.key("z").key("y")), (TEXT.trim(), false));
    }

    #[test]
    fn keys_that_stand_twice_are_found_at_any_depth() {
        assert_eq!(duplicate_key(TEXT), None);
        let text = r#"{"a": [{"b": 1, "c": {}, "\u0062": 2}], "c": 0}"#;
        let duplicate = duplicate_key(text).unwrap();
        assert_eq!(duplicate.key, "b");
        assert_eq!(&text[duplicate.first], "\"b\"");
        assert_eq!(&text[duplicate.second], "\"\\u0062\"");
    }
}

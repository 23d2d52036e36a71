//! How things are written for people.

use std::fmt::Write as _;

use bytesize::ByteSize;

/// A size in bytes with its nearest binary unit: `1.5 KiB`.
pub(crate) fn size(bytes: u64) -> String {
    ByteSize::b(bytes).display().iec().to_string()
}

/// A text out of a torrent file that shall not move the cursor, change colours or break the line.
pub(crate) fn harmless(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, character| {
        if character.is_control() {
            write!(shown, "{}", character.escape_default()).expect("a String takes everything");
        } else {
            shown.push(character);
        }
        shown
    })
}

/// `1 piece`, `2 pieces`.
pub(crate) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

//! How things are written for people.

use std::fmt::Write as _;

use bytesize::ByteSize;

/// A size in bytes with its nearest binary unit: `1.5 KiB`.
pub(crate) fn size(bytes: u64) -> String {
    ByteSize::b(bytes).display().iec().to_string()
}

/// A text of somebody else that shall not move the cursor, change colours, break the line or turn the direction of what follows.
pub(crate) fn harmless(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut shown, character| {
        if character.is_control() || turns(character) {
            write!(shown, "{}", character.escape_default()).expect("a String takes everything");
        } else {
            shown.push(character);
        }
        shown
    })
}

/// Marks that change the direction of text: with one, `exe.3pm` is shown as `mp3.exe`.
const fn turns(character: char) -> bool {
    matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// `1 piece`, `2 pieces`.
pub(crate) fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// The name as a shell takes it.
pub(crate) fn quoted(name: &str) -> String {
    let plain = |character: char| character.is_alphanumeric() || "-._+,@%/:".contains(character);
    if name.chars().all(plain) && !name.starts_with('-') {
        return name.into();
    }
    let separator = if name.starts_with('-') { "-- " } else { "" };
    format!("{separator}'{}'", name.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_quoted_where_a_shell_would_not_take_them() {
        assert_eq!(quoted("movie.mp4"), "movie.mp4");
        assert_eq!(quoted("a film.mp4"), "'a film.mp4'");
        assert_eq!(quoted("it's; rm"), r"'it'\''s; rm'");
        assert_eq!(quoted("-rf"), "-- '-rf'");
    }
}

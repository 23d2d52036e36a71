//! Files as a table: name, size, seeds, peers, age, and enough of the info-hash to name one of two.

use std::fmt::Write as _;
use std::time::Duration;

use minibit_core::catalogue::MIN_DIGITS;
use owo_colors::OwoColorize as _;

use crate::names::{Found, Named};
use crate::show;

/// The widest name that is shown; others lose their middle, because names of one series differ at the end.
const WIDEST: usize = 60;

/// The table, with its head. Digits of the info-hash are as many as a command takes for a name, or more where two are alike. What is
/// known by its name alone comes last, with `-` for what is not known.
pub(crate) fn render(found: &[Found], named: &[Named]) -> String {
    let all = found.iter().map(|found| &found.name).chain(named.iter().map(|named| &named.name));
    let shown: Vec<_> = all.map(|name| shorten(&show::harmless(name))).collect();
    let width = shown.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(4);
    let digits = digits(found);
    let mut text = String::new();
    let head = format!(
        "{:width$}  {:>10}  {:>5}  {:>5}  {:>5}  {:digits$}",
        "name", "size", "seeds", "peers", "age", "id"
    );
    let _infallible = writeln!(text, "{}", head.trim_end().bold());
    for (found, name) in found.iter().zip(&shown) {
        let hash = found.info_hash.to_hex();
        let line = format!(
            "{name:width$}  {:>10}  {:>5}  {:>5}  {:>5}  ",
            show::size(found.size),
            found.seeders,
            found.leechers,
            age(found.age),
        );
        let _infallible = writeln!(text, "{line}{}", (&hash[..digits]).dimmed());
    }
    for (named, name) in named.iter().zip(&shown[found.len()..]) {
        let size = named.size.map_or_else(|| "-".into(), show::size);
        let line = format!("{name:width$}  {size:>10}  {:>5}  {:>5}  {:>5}  ", named.sources.len(), 0, "-");
        let _infallible = writeln!(text, "{line}{}", "-".dimmed());
    }
    text
}

/// As many digits as tell all apart.
fn digits(found: &[Found]) -> usize {
    let mut hashes: Vec<_> = found.iter().map(|found| found.info_hash.to_hex()).collect();
    hashes.sort_unstable();
    let common = |pair: &[String]| pair[0].bytes().zip(pair[1].bytes()).take_while(|(a, b)| a == b).count();
    let needed = hashes.windows(2).map(|pair| common(pair) + 1).max().unwrap_or(0);
    needed.clamp(MIN_DIGITS, 40)
}

fn shorten(name: &str) -> String {
    let len = name.chars().count();
    if len <= WIDEST {
        return name.to_owned();
    }
    let half = (WIDEST - 1) / 2;
    let (start, end) = (name.chars().take(WIDEST - 1 - half), name.chars().skip(len - half));
    start.chain(['…']).chain(end).collect()
}

/// A time in its largest unit: `59s`, `2h`, `3d`.
fn age(age: Duration) -> String {
    let seconds = age.as_secs();
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3600 => format!("{}min", seconds / 60),
        3600..86_400 => format!("{}h", seconds / 3600),
        _ => format!("{}d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use minibit_core::InfoHash;

    use super::*;

    fn found(name: &str, hash: [u8; 20], age: u64) -> Found {
        Found {
            info_hash: InfoHash(hash),
            name: name.into(),
            size: 1_572_864,
            files: 1,
            seeders: 1,
            leechers: 12,
            age: Duration::from_secs(age),
            origins: Vec::new(),
        }
    }

    fn named(name: &str, size: Option<u64>) -> Named {
        Named { name: name.into(), size, sources: vec![([192, 0, 2, 1], 7001).into()], trackers: Vec::new() }
    }

    #[test]
    fn a_table_of_what_there_is() {
        let mut like = [0xAB; 20];
        like[5] = 0;
        let table = render(
            &[
                found("movie.mp4", [0xAB; 20], 59),
                found("evil\u{1b}[2J\nname", [1; 20], 60),
                found(&format!("{}.part1.rar", "x".repeat(90)), like, 86_400 * 3),
            ],
            &[named("song.mp3", Some(5)), named("notes", None)],
        );
        insta::assert_snapshot!(anstream::adapter::strip_str(&table).to_string());
    }
}

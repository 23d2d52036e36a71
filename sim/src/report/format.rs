//! Numbers as text: exact decimals for files, short ones with units for people.

use minibit_core::time::NANOS_PER_SEC;

use crate::statistics::float;

/// Nanoseconds as seconds with nine digits, exactly: files must not depend on how floats are printed.
pub fn exact_seconds(nanos: u64) -> String {
    format!("{}.{:09}", nanos / NANOS_PER_SEC, nanos % NANOS_PER_SEC)
}

/// `numerator / denominator` with `digits` digits, rounded half up in integers; empty when the denominator is zero.
pub fn exact_ratio(numerator: u128, denominator: u128, digits: u32) -> String {
    if denominator == 0 {
        return String::new();
    }
    let unit = 10_u128.pow(digits);
    let scaled = (numerator * unit + denominator / 2) / denominator;
    format!("{}.{:0width$}", scaled / unit, scaled % unit, width = digits as usize)
}

/// Digits in groups of three: `16,603`.
pub fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number for people: grouped when large, three significant digits when small.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rounded, not negative and below 2^53"
)]
pub fn number(value: f64) -> String {
    if value >= 999.5 {
        grouped(value.round().min(9e15) as u64)
    } else if value >= 99.95 || (value - value.round()).abs() < 1e-9 {
        let text = format!("{value:.1}");
        text.strip_suffix(".0").unwrap_or(&text).to_owned()
    } else if value >= 9.995 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

/// A time for people: `350 ms`, `41.2 s`, `12 min 5 s`, `3 h 20 min`.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "rounded, not negative and below 2^53"
)]
pub fn duration(seconds: f64) -> String {
    let seconds = seconds.clamp(0.0, 1e12);
    if seconds == 0.0 {
        "0 s".to_owned()
    } else if seconds < 0.000_999_5 {
        format!("{:.0} µs", seconds * 1e6)
    } else if seconds < 0.9995 {
        format!("{:.0} ms", seconds * 1e3)
    } else if seconds < 9.995 {
        format!("{seconds:.2} s")
    } else if seconds < 599.95 {
        format!("{seconds:.1} s")
    } else if seconds < 7199.5 {
        let whole = seconds.round() as u64;
        format!("{} min {} s", whole / 60, whole % 60)
    } else {
        let minutes = (seconds / 60.0).round() as u64;
        format!("{} h {} min", grouped(minutes / 60), minutes % 60)
    }
}

/// A download time for people; `None` is said in words.
pub fn duration_or_never(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "not finished".to_owned(), duration)
}

/// The binary unit that suits a size: its divisor and its name.
pub fn byte_unit(bytes: f64) -> (f64, &'static str) {
    const UNITS: [(f64, &str); 5] = [
        (1_099_511_627_776.0, "TiB"),
        (1_073_741_824.0, "GiB"),
        (1_048_576.0, "MiB"),
        (1024.0, "KiB"),
        (1.0, "B"),
    ];
    UNITS.into_iter().find(|&(unit, _)| bytes >= unit).unwrap_or((1.0, "B"))
}

/// A size for people: `64 MiB`.
pub fn bytes(value: u64) -> String {
    let (unit, name) = byte_unit(float(value));
    format!("{} {name}", number(float(value) / unit))
}

/// A share for people, `78 %`: never `100 %` when something is missing, nor `0 %` when there is something.
pub fn percent(share: f64) -> String {
    let text = if share > 0.0 && share < 0.01 || share > 0.99 && share < 1.0 {
        format!("{:.1}", (share * 100.0).clamp(0.1, 99.9))
    } else {
        format!("{:.0}", share * 100.0)
    };
    format!("{text} %")
}

/// A number with its sign and two digits: `+1.00`, `−0.51`.
pub fn signed(value: f64) -> String {
    format!("{}{:.2}", if value < 0.0 { "−" } else { "+" }, value.abs())
}

/// `1 peer`, `5 peers`.
pub fn count(number: usize, noun: &str) -> String {
    format!("{} {noun}{}", grouped(number as u64), if number == 1 { "" } else { "s" })
}

/// `text` with at most `limit` characters; what is cut is in the middle, for names differ at their ends.
pub fn shortened(text: &str, limit: usize) -> String {
    if text.chars().count() <= limit {
        return text.to_owned();
    }
    let tail = limit / 3;
    let head = text.chars().take(limit.saturating_sub(tail + 1));
    let rest = text.chars().skip(text.chars().count() - tail);
    head.chain(['…']).chain(rest).collect()
}

/// The ends of an interval, their unit said once: `−0.9 to +1.4 %`.
pub fn between(low: &str, high: &str) -> String {
    if low == high {
        return low.to_owned();
    }
    let parts = low.split_once(' ').zip(high.split_once(' '));
    let alike = parts.filter(|((_, low), (_, high))| low == high && !low.contains(' '));
    format!("{} to {high}", alike.map_or(low, |((number, _), _)| number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_get_exact_decimals() {
        assert_eq!(exact_seconds(125_190_000_000), "125.190000000");
        assert_eq!(exact_seconds(1), "0.000000001");
        assert_eq!(exact_seconds(u64::MAX), "18446744073.709551615");
        assert_eq!(exact_ratio(2, 3, 6), "0.666667");
        assert_eq!(exact_ratio(5, 2, 3), "2.500");
        assert_eq!(exact_ratio(1, 0, 6), "");
    }

    #[test]
    fn people_get_short_numbers() {
        let numbers = [0.0, 0.125, 3.0, 12.34, 357.5, 1234.4, 1e7].map(number);
        assert_eq!(numbers, ["0", "0.12", "3", "12.3", "357.5", "1,234", "10,000,000"]);
        let times = [0.0, 0.000_05, 0.35, 1.0, 41.23, 125.19, 725.0, 12_000.0].map(duration);
        assert_eq!(
            times,
            ["0 s", "50 µs", "350 ms", "1.00 s", "41.2 s", "125.2 s", "12 min 5 s", "3 h 20 min"]
        );
        assert_eq!([64 << 20, 1023, 1536].map(bytes), ["64 MiB", "1,023 B", "1.50 KiB"]);
        assert_eq!([0.0, 0.0001, 0.5, 0.9999, 1.0].map(percent), ["0 %", "0.1 %", "50 %", "99.9 %", "100 %"]);
        assert_eq!([grouped(0), grouped(999), grouped(1000)], ["0", "999", "1,000"]);
        assert_eq!(shortened("a-very-long-name-17", 12), "a-very-…e-17");
        assert_eq!(shortened("leecher", 7), "leecher");
    }

    #[test]
    fn a_unit_is_said_once_where_it_is_the_same() {
        assert_eq!(between("−0.9 %", "+1.4 %"), "−0.9 to +1.4 %");
        assert_eq!(between("+0", "+0"), "+0");
        assert_eq!(between("350 ms", "1.20 s"), "350 ms to 1.20 s");
        assert_eq!(between("10 min 5 s", "12 min 5 s"), "10 min 5 s to 12 min 5 s");
        assert_eq!(between("+3.0 %", "never reached"), "+3.0 % to never reached");
    }
}

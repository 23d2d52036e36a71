//! What must hold of the results: `p95(download_s{group=leechers}) < 60 s`.
//!
//! A rule is an aggregate of a metric, over all peers or those of one group, of all runs together, and a bound. The grammar is
//! `aggregate(metric)` or `aggregate(metric{group=name})`, one of `< <= > >=`, a number, perhaps a unit. Peers of the
//! seeding tracker's kind are in no group and never count.

use super::{Aggregate, Comparison, Expectation, Metric};
use crate::scenario::error::choice;
use crate::scenario::units::{self, Bytes, Time};

mod evaluate;

pub use evaluate::{Verdict, evaluate};

/// Names of metrics.
const METRICS: [(&str, Metric); 6] = [
    ("download_s", Metric::DownloadTime),
    ("messages_sent", Metric::MessagesSent),
    ("payload_up", Metric::PayloadUp),
    ("payload_down", Metric::PayloadDown),
    ("completed", Metric::Completed),
    ("duration_s", Metric::Duration),
];

/// What is wrong with a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BadRule {
    /// What.
    pub(super) what: String,
    /// What to do about it.
    pub(super) hint: String,
}

fn bad<T>(what: String, hint: impl Into<String>) -> Result<T, BadRule> {
    Err(BadRule { what, hint: hint.into() })
}

/// Reads a rule; `groups` are the names that it may use.
pub(super) fn parse(text: &str, groups: &[&str]) -> Result<Expectation, BadRule> {
    const SHAPE: &str = "write e.g. `p95(download_s) < 60 s` or `mean(messages_sent{group=leechers}) <= 500`";
    let split = text.find(['<', '>']).map(|at| text.split_at(at));
    let Some((left, right)) = split else {
        return bad(format!("the rule {text:?} compares with nothing"), SHAPE);
    };
    let operators = [
        ("<=", Comparison::LessOrEqual),
        (">=", Comparison::GreaterOrEqual),
        ("<", Comparison::Less),
        (">", Comparison::Greater),
    ];
    let operator = operators.iter().find_map(|(op, comparison)| Some((right.strip_prefix(op)?, *comparison)));
    let Some((bound, comparison)) = operator else {
        return bad(format!("the rule {text:?} compares with nothing"), SHAPE);
    };
    let call = left.trim().strip_suffix(')').and_then(|call| call.split_once('('));
    let Some((aggregate, metric)) = call else {
        return bad(format!("`{}` is no aggregate of a metric", left.trim()), SHAPE);
    };
    let (metric, group) = match metric.trim().strip_suffix('}').and_then(|metric| metric.split_once('{')) {
        Some((metric, filter)) => (metric, Some(self::group(filter, groups)?)),
        None => (metric, None),
    };
    let metric = self::metric(metric.trim())?;
    let aggregate = self::aggregate(aggregate.trim(), metric)?;
    if metric == Metric::Duration && group.is_some() {
        return bad(
            "a run's duration belongs to no group".to_owned(),
            "write e.g. `max(duration_s) < 10 min`",
        );
    }
    let threshold = threshold(bound.trim(), metric)?;
    Ok(Expectation { text: text.trim().to_owned(), metric, group, aggregate, comparison, threshold })
}

fn group(filter: &str, groups: &[&str]) -> Result<String, BadRule> {
    let Some(("group", name)) = filter.split_once('=').map(|(key, name)| (key.trim(), name.trim())) else {
        return bad(format!("`{{{filter}}}` chooses nothing"), "write {group=name}");
    };
    let name = name.trim_matches(['"', '\'']);
    if groups.contains(&name) {
        Ok(name.to_owned())
    } else {
        bad(format!("there is no group `{name}`"), choice(name, groups))
    }
}

fn metric(name: &str) -> Result<Metric, BadRule> {
    if let Some((_, metric)) = METRICS.iter().find(|(known, _)| *known == name) {
        return Ok(*metric);
    }
    let names: Vec<&str> = METRICS.iter().map(|(name, _)| *name).collect();
    bad(format!("there is no metric `{name}`"), choice(name, &names))
}

fn aggregate(name: &str, metric: Metric) -> Result<Aggregate, BadRule> {
    let quantile = |percent: f64| Aggregate::Quantile(percent / 100.0);
    match name {
        "min" => Ok(Aggregate::Min),
        "max" => Ok(Aggregate::Max),
        "mean" => Ok(Aggregate::Mean),
        "median" => Ok(quantile(50.0)),
        "sum" => Ok(Aggregate::Sum),
        "share" if metric == Metric::Completed => Ok(Aggregate::Mean),
        "share" => bad("only `completed` has a share".to_owned(), "write `share(completed)`"),
        _ => {
            let percent = name.strip_prefix('p').and_then(|percent| percent.parse::<f64>().ok());
            if let Some(percent) = percent.filter(|percent| (0.0..=100.0).contains(percent)) {
                return Ok(quantile(percent));
            }
            let known = ["min", "max", "mean", "median", "sum", "share", "p95"];
            bad(format!("there is no aggregate `{name}`"), choice(name, &known))
        }
    }
}

/// The bound in the metric's unit: seconds, bytes, messages, a share.
#[expect(
    clippy::cast_precision_loss,
    reason = "bounds of more than 53 bits are not compared to the last one"
)]
fn threshold(text: &str, metric: Metric) -> Result<f64, BadRule> {
    let number = text.parse::<f64>().ok().filter(|number| number.is_finite());
    let read = match (metric, number) {
        (_, Some(number)) => Ok(number),
        (Metric::DownloadTime | Metric::Duration, None) => {
            units::parse(text).map(|Time(time)| time as f64 / 1e9)
        }
        (Metric::PayloadUp | Metric::PayloadDown, None) => {
            units::parse(text).map(|Bytes(bytes)| bytes as f64)
        }
        (Metric::Completed, None) => {
            match text.strip_suffix('%').and_then(|percent| percent.trim().parse::<f64>().ok()) {
                Some(percent) => Ok(percent / 100.0),
                None => Err(format!("{text:?} is not a share\nwrite e.g. 0.95 or 95 %")),
            }
        }
        (Metric::MessagesSent, None) => Err(format!("{text:?} is not a number\nwrite e.g. 500")),
    };
    read.map_err(|message| {
        let (what, hint) = message.split_once('\n').unwrap_or((&message, ""));
        BadRule { what: what.to_owned(), hint: hint.to_owned() }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_read() {
        let rule = parse(" p95( download_s{group = leechers} ) <= 1.5 min ", &["leechers"]).unwrap();
        assert_eq!(rule.text, "p95( download_s{group = leechers} ) <= 1.5 min");
        assert_eq!(rule.metric, Metric::DownloadTime);
        assert_eq!(rule.group.as_deref(), Some("leechers"));
        assert_eq!(rule.aggregate, Aggregate::Quantile(0.95));
        assert_eq!(rule.comparison, Comparison::LessOrEqual);
        assert!((rule.threshold - 90.0).abs() < 1e-9);
        let rule = parse("share(completed)>=95%", &[]).unwrap();
        assert_eq!((rule.aggregate, rule.comparison), (Aggregate::Mean, Comparison::GreaterOrEqual));
        assert!((rule.threshold - 0.95).abs() < 1e-9);
        let rule = parse("sum(payload_up) < 10 MiB", &[]).unwrap();
        assert!((rule.threshold - 10_485_760.0).abs() < 1e-9);
        assert_eq!(parse("median(messages_sent) > 3", &[]).unwrap().aggregate, Aggregate::Quantile(0.5));
    }

    #[test]
    fn bad_rules_say_why() {
        for (text, what) in [
            ("", "compares with nothing"),
            ("p95(download_s)", "compares with nothing"),
            ("p95 < 3", "`p95` is no aggregate of a metric"),
            ("p101(download_s) < 3", "no aggregate `p101`"),
            ("avg(download_s) < 3", "no aggregate `avg`"),
            ("max(download) < 3", "no metric `download`"),
            ("max(download_s{group=b}) < 3", "no group `b`"),
            ("max(download_s{peer=b}) < 3", "chooses nothing"),
            ("share(download_s) < 3", "only `completed` has a share"),
            ("max(duration_s{group=a}) < 3", "belongs to no group"),
            ("max(download_s) < 3 MB", "is a size, not a time"),
            ("max(download_s) < ", "is not a time"),
            ("max(messages_sent) < NaN", "is not a number"),
            ("max(messages_sent) == 3", "compares with nothing"),
        ] {
            let error = parse(text, &["a"]).unwrap_err();
            assert!(error.what.contains(what), "{text:?}: {}", error.what);
        }
    }
}

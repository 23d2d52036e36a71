//! What a sweep found, in sentences: made of the cells, so that they cannot say anything else.

use super::cells::Cell;
use super::plan::Plan;
use crate::compare::Measure;
use crate::report::format::{between, count};
use crate::statistics::{Estimate, Interval, Verdict};

/// Up to so many cells are named one by one.
const NAMED: usize = 6;

/// What the second of two policies did to the measure, cell by cell.
#[derive(Debug)]
struct Tally<'a> {
    lower: Vec<&'a Cell>,
    higher: Vec<&'a Cell>,
    undecided: Vec<&'a Cell>,
}

impl<'a> Tally<'a> {
    /// Of the policy with this number, which is not the first.
    fn new(cells: &'a [Cell], policy: usize) -> Self {
        let with = |wanted: &[Verdict]| {
            cells.iter().filter(|cell| wanted.contains(&cell.changes[policy - 1].verdict())).collect()
        };
        Self {
            lower: with(&[Verdict::Lower]),
            higher: with(&[Verdict::Higher]),
            undecided: with(&[Verdict::NotShown, Verdict::TooFewSeeds]),
        }
    }
}

/// From so many cells on it matters that each interval stands for itself.
const MANY: usize = 5;

/// The report's first sentence.
pub fn headline(plan: &Plan, cells: &[Cell]) -> String {
    match plan.policy_count() {
        1 => {
            let measure = plan.measure;
            let value = |cell: &Cell| cell.values[0].value;
            let order = |a: &&Cell, b: &&Cell| value(a).total_cmp(&value(b));
            let least = cells.iter().min_by(order).map_or(0.0, value);
            let most = cells.iter().max_by(order).map_or(0.0, value);
            format!("The {} goes from {} to {}", measure.title(), measure.shown(least), measure.shown(most))
        }
        2 => policy(plan, cells, 1),
        more => format!(
            "{} against {}: {}",
            count(more - 1, "policy").replace("policys", "policies"),
            plan.policy_label(0),
            (1..more).map(|number| policy(plan, cells, number)).collect::<Vec<_>>().join("; ")
        ),
    }
}

/// How a policy compares with the first, over all cells.
pub fn policy(plan: &Plan, cells: &[Cell], number: usize) -> String {
    let (first, other) = (plan.policy_label(0), plan.policy_label(number));
    let tally = Tally::new(cells, number);
    let (lower, higher) = words(plan.measure);
    let all = count(cells.len(), "cell");
    let range = |side: &[&Cell]| range(plan.measure, side, number);
    let said = |word: &str, side: &[&Cell]| {
        format!(
            "With {other} the {} is {word} than with {first} in {} of {all} ({})",
            plan.measure.title(),
            side.len(),
            range(side)
        )
    };
    match (tally.lower.as_slice(), tally.higher.as_slice()) {
        ([], []) => format!("No difference shown between {first} and {other} in any of {all}"),
        ([], up) => said(higher, up),
        (down, []) => said(lower, down),
        (down, up) => format!("{}, {lower} in {} ({})", said(higher, up), down.len(), range(down)),
    }
}

fn words(measure: Measure) -> (&'static str, &'static str) {
    if measure.is_time() { ("shorter", "longer") } else { ("lower", "higher") }
}

/// From the smallest change to the largest.
fn range(measure: Measure, cells: &[&Cell], policy: usize) -> String {
    let mut changes: Vec<f64> = cells.iter().map(|cell| cell.changes[policy - 1].estimate.value).collect();
    changes.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    let shown = |change: f64| measure.shown_change(change);
    match changes.as_slice() {
        [] => String::new(),
        [only] => shown(*only),
        [least, .., most] => format!("{} to {}", shown(*least), shown(*most)),
    }
}

/// Further sentences: where the difference is largest, where none is shown, and what must not be read into it.
pub fn details(plan: &Plan, cells: &[Cell]) -> Vec<String> {
    let mut sentences = Vec::new();
    for number in 1..plan.policy_count() {
        let tally = Tally::new(cells, number);
        let decided = tally.lower.iter().chain(&tally.higher);
        let size = |cell: &&&Cell| cell.changes[number - 1].estimate.value.abs();
        if let Some(most) = decided.max_by(|a, b| size(a).total_cmp(&size(b))) {
            let change = &most.changes[number - 1].estimate;
            let (policy, place) = (plan.policy_label(number), at(plan, most));
            let shown = shown(plan.measure, change);
            sentences.push(format!("With {policy} the largest change is at {place}: {shown}."));
        }
        match tally.undecided.as_slice() {
            [] => {}
            few if few.len() <= NAMED => {
                let places: Vec<String> = few.iter().map(|cell| at(plan, cell)).collect();
                sentences.push(format!("No difference is shown at {}.", places.join("; at ")));
            }
            many => sentences.push(format!("No difference is shown in {}.", count(many.len(), "cell"))),
        }
    }
    if plan.policy_count() > 1 && cells.len() >= MANY {
        sentences.push(
            "Each interval stands for itself and is of 95 %: of twenty cells in which there is no difference one seems to have one.".to_owned(),
        );
    }
    let unfinished: usize = cells.iter().map(|cell| cell.unfinished).sum();
    if unfinished > 0 {
        let runs = count(usize::try_from(plan.runs()).unwrap_or(usize::MAX), "run");
        sentences.push(format!(
            "{unfinished} of {runs} got stuck or reached a limit; they count as never finished."
        ));
    }
    sentences
}

/// Where a cell is, in words.
pub fn at(plan: &Plan, cell: &Cell) -> String {
    let axes = plan.axes.iter().zip(&cell.labels);
    axes.map(|(axis, label)| format!("{} {label}", axis.title())).collect::<Vec<_>>().join(", ")
}

/// A change and its interval in words.
pub fn shown(measure: Measure, change: &Estimate) -> String {
    let value = measure.shown_change(change.value);
    match change.interval {
        None => format!("{value} (too few seeds for an interval)"),
        Some(interval) if interval.low.is_infinite() => value,
        Some(interval) => format!("{value} ({})", range_of(measure, interval)),
    }
}

/// The ends of an interval of a change.
pub fn range_of(measure: Measure, interval: Interval) -> String {
    between(&measure.shown_change(interval.low), &measure.shown_change(interval.high))
}

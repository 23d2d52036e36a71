//! The heat maps: what the policies change, and the values themselves.

use super::Material;
use crate::report::ReportError;
use crate::report::format::between;
use crate::report::plot::Figure;
use crate::report::plot::heat::{Cell as Drawn, Heat, Panel, Shade, figure};
use crate::statistics::Verdict;
use crate::sweep::cells::Cell;
use crate::sweep::words;

/// The figures, the one about changes first where there are any.
pub(super) fn figures(material: &Material<'_>) -> Result<Vec<Figure>, ReportError> {
    let mut figures = Vec::new();
    if material.plan.policies.is_some() {
        figures.push(change(material)?);
    }
    figures.push(value(material)?);
    Ok(figures)
}

fn change(material: &Material<'_>) -> Result<Figure, ReportError> {
    let plan = material.plan;
    let finite = material.cells.iter().flat_map(|cell| &cell.changes).map(|change| change.estimate.value);
    let most = finite.filter(|value| value.is_finite()).fold(1e-9, |most: f64, value| most.max(value.abs()));
    let cell = |cell: &Cell, policy: usize| {
        let change = &cell.changes[policy - 1];
        let shown = plan.measure.shown_change(change.estimate.value);
        let interval = change.estimate.interval.filter(|interval| interval.low.is_finite());
        let interval = interval.map_or_else(String::new, |interval| words::range_of(plan.measure, interval));
        match change.verdict() {
            Verdict::Lower | Verdict::Higher => {
                Drawn { text: shown, note: interval, shade: Shade::Change(change.estimate.value / most) }
            }
            Verdict::NotShown => {
                Drawn { text: "not shown".to_owned(), note: interval, shade: Shade::Undecided }
            }
            Verdict::TooFewSeeds => {
                Drawn { text: shown, note: "too few seeds".to_owned(), shade: Shade::Undecided }
            }
        }
    };
    let first = plan.policy_label(0);
    let subtitle = format!(
        "Change of the {} from {first} to {}: mean over {} seeds, paired, with its 95 % interval. Orange: more; blue: less; grey: no difference \
         shown.",
        plan.measure.title(),
        (1..plan.policy_count()).map(|policy| plan.policy_label(policy)).collect::<Vec<_>>().join(" or "),
        plan.seeds,
    );
    figure("change", &material.headline, &subtitle, &heat(material, 1, cell))
}

fn value(material: &Material<'_>) -> Result<Figure, ReportError> {
    let plan = material.plan;
    let values = || material.cells.iter().flat_map(|cell| &cell.values).map(|estimate| estimate.value);
    let finite = || values().filter(|value| value.is_finite());
    let (low, high) = (finite().fold(f64::INFINITY, f64::min), finite().fold(f64::NEG_INFINITY, f64::max));
    let cell = |cell: &Cell, policy: usize| {
        let estimate = &cell.values[policy];
        let note = estimate.interval.map_or_else(String::new, |interval| {
            between(&plan.measure.shown(interval.low), &plan.measure.shown(interval.high))
        });
        let level = if high > low { (estimate.value - low) / (high - low) } else { 0.5 };
        Drawn { text: plan.measure.shown(estimate.value), note, shade: Shade::Level(level) }
    };
    let title = if plan.policies.is_none() {
        material.headline.clone()
    } else if finite().next().is_none() {
        format!("The {} was reached nowhere", plan.measure.title())
    } else {
        format!(
            "The {} goes from {} to {}",
            plan.measure.title(),
            plan.measure.shown(low),
            plan.measure.shown(high)
        )
    };
    let subtitle = format!(
        "Mean over {} seeds (median where one of them did not get there), with its 95 % interval. Yellow: the most; violet: the least.",
        plan.seeds
    );
    figure("value", &title, &subtitle, &heat(material, 0, cell))
}

/// Panels for the policies from `first` on; of more than two axes, one for each combination of those before the last two.
fn heat(material: &Material<'_>, first: usize, cell: impl Fn(&Cell, usize) -> Drawn) -> Heat {
    let plan = material.plan;
    let (columns, before) = plan.axes.split_last().expect("a sweep has an axis");
    let (rows, slices) = before.split_last().map_or((None, before), |(rows, slices)| (Some(rows), slices));
    let size = columns.values.len() * rows.map_or(1, |axis| axis.values.len());
    let several = plan.policy_count() - first > 1;
    let panels = material.cells.chunks(size).flat_map(|cells| {
        let place =
            slices.iter().zip(&cells[0].labels).map(|(axis, label)| format!("{} {label}", axis.title()));
        let place: Vec<String> = place.collect();
        let cell = &cell;
        (first..plan.policy_count()).map(move |policy| {
            let policy_name = several.then(|| plan.policy_label(policy));
            let title = policy_name.into_iter().chain(place.clone()).collect::<Vec<_>>().join(", ");
            Panel { title, cells: cells.iter().map(|it| cell(it, policy)).collect() }
        })
    });
    Heat {
        rows_name: rows.map_or_else(String::new, |axis| axis.title().to_owned()),
        rows: rows.map_or_else(|| vec![String::new()], |axis| axis.labels().collect()),
        columns_name: columns.title().to_owned(),
        columns: columns.labels().collect(),
        panels: panels.collect(),
    }
}

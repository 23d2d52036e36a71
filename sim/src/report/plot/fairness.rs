//! `fairness`: what peers gave back of what they took.

use super::axis::Unit;
use super::bars::{self, Row};
use super::ecdf::{self, Band, Mark, Plot};
use super::{FEW, Figure, curves_of, group_colour, group_key, group_key_height, spoken_scope};
use crate::report::format::{self, number, percent};
use crate::report::summary::{Summary, downloads};
use crate::report::{ReportError, ReportInput};
use crate::results::{PeerResult, RunResult};
use crate::statistics::{Distribution, float, float_len};

const NAME: &str = "fairness";

/// Block data sent over block data received, of a peer that downloads and received something.
pub fn ratio(peer: &PeerResult) -> Option<f64> {
    (downloads(peer) && peer.payload_down > 0).then(|| float(peer.payload_up) / float(peer.payload_down))
}

/// Draws the figure.
///
/// # Errors
/// When it cannot be drawn.
pub(super) fn figure(input: &ReportInput<'_>, summary: &Summary) -> Result<Figure, ReportError> {
    let of_run = |run: &RunResult, group: Option<usize>| {
        let peers = run.peers.iter().filter(|peer| group.is_none_or(|group| peer.group == Some(group)));
        Distribution::new(peers.filter_map(ratio).collect(), 0)
    };
    let all = Distribution::new(input.runs.iter().flat_map(|run| &run.peers).filter_map(ratio).collect(), 0);
    let title = title(&all);
    if all.is_empty() {
        return super::empty(NAME, &title, "No peer received a block.");
    }
    let subtitle = format!("Block data sent ÷ block data received · {}", spoken_scope(input));
    if all.len() <= FEW {
        let rows = rows(input, summary);
        let key = group_key_height(summary);
        let mark = (1.0, "1: as much given as taken".to_owned());
        return Figure::new(NAME, &title, &subtitle, bars::body(rows.len()) + key, |canvas| {
            group_key(canvas, summary);
            canvas.shifted(key, |canvas| bars::draw(canvas, &rows, Unit::Number, "", Some(&mark)));
        });
    }
    let series = curves_of(
        summary,
        |group| input.runs.iter().map(|run| of_run(run, group)).collect(),
        |values| {
            let shown = |value: Option<f64>| value.map_or_else(|| "none".to_owned(), number);
            vec![
                format!("median {}", shown(values.median())),
                format!("5 % below {}", shown(values.quantile(0.05))),
            ]
        },
    );
    let mark = Mark { value: 1.0, text: "as much given as taken".to_owned() };
    let plot =
        Plot { unit: Unit::Number, axis: "share ratio", reach: 1.0, marks: &[mark], band: Band::Range };
    let figure =
        Figure::new(NAME, &title, &subtitle, ecdf::BODY, |canvas| ecdf::draw(canvas, &series, &plot))?;
    Ok(figure.with_hover(ecdf::told(&series, &plot)))
}

fn rows(input: &ReportInput<'_>, summary: &Summary) -> Vec<Row> {
    let mut rows = Vec::new();
    for run in input.runs {
        for peer in &run.peers {
            let Some(ratio) = ratio(peer) else { continue };
            rows.push(Row {
                label: if input.runs.len() > 1 {
                    format!("{} · run {}", peer.name, run.run)
                } else {
                    peer.name.clone()
                },
                segments: vec![(ratio, group_colour(summary, peer.group))],
                text: number(ratio),
                note: format!("{} sent", format::bytes(peer.payload_up)),
                tick: None,
                whisker: None,
            });
        }
    }
    rows
}

/// What the data say.
fn title(all: &Distribution) -> String {
    let (Some(low), Some(high)) = (all.quantile(0.0), all.quantile(1.0)) else {
        return "Nobody took anything".to_owned();
    };
    if high == 0.0 {
        return "No peer gave anything back".to_owned();
    }
    if all.len() <= FEW {
        let ends = if all.len() == 1 {
            number(low)
        } else {
            format!("between {} and {}", number(low), number(high))
        };
        return format!("Peers give {ends} times what they take");
    }
    let below = all.finite().partition_point(|&ratio| ratio < 1.0);
    let share = percent(float_len(below) / float_len(all.len()));
    let median = all.median().map_or_else(String::new, number);
    format!("The median peer gives {median} times what it takes; {share} give less than they take")
}

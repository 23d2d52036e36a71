//! `download_time`: how long it took, peer by peer when they are few, as a distribution when they are many.

use super::axis::Unit;
use super::bars::{self, Row};
use super::ecdf::{self, Band, Mark, Plot};
use super::palette::GHOST;
use super::{FEW, Figure, curves_of, group_colour, group_key, group_key_height, spoken_scope};
use crate::report::format::{self, count, duration, duration_or_never};
use crate::report::summary::{Summary, downloads};
use crate::report::{ReportError, ReportInput, piece_count};
use crate::results::{Outcome, PeerResult};
use crate::statistics::{Distribution, float};

const NAME: &str = "download_time";

/// Draws the figure.
///
/// # Errors
/// When it cannot be drawn.
pub(super) fn figure(input: &ReportInput<'_>, summary: &Summary) -> Result<Figure, ReportError> {
    let title = title(input, summary);
    let all = &summary.overall.downloads;
    let subtitle = |what: &str, band: bool| {
        let band = if band { " · band = range over the runs" } else { "" };
        format!("{what} · {}{band}", spoken_scope(input))
    };
    if all.is_empty() {
        return super::empty(NAME, &title, "Nobody joined incomplete.");
    }
    if all.len() <= FEW {
        let rows = rows(input, summary);
        let key = group_key_height(summary);
        let mark = summary
            .bound
            .as_ref()
            .map(|bound| (bound.t_min_s, format!("no protocol is faster than {}", duration(bound.t_min_s))));
        let subtitle = subtitle("Time from joining to the last verified piece", false);
        return Figure::new(NAME, &title, &subtitle, bars::body(rows.len()) + key, |canvas| {
            let axis = if mark.is_some() { "" } else { "download time" };
            group_key(canvas, summary);
            canvas.shifted(key, |canvas| bars::draw(canvas, &rows, Unit::Time, axis, mark.as_ref()));
        });
    }
    if all.finite().is_empty() {
        return nobody(input, summary);
    }
    let series = curves_of(
        summary,
        |group| of_runs(input, group, |peers| Distribution::of_times(peers.map(PeerResult::download_time))),
        |values| {
            if values.finite().is_empty() {
                return vec![format!("none of {} finished", format::grouped(values.len() as u64))];
            }
            let mut notes = vec![
                format!("median {}", duration_or_never(values.median())),
                format!("p95 {}", duration_or_never(values.quantile(0.95))),
            ];
            if values.infinite() > 0 {
                notes.push(format!(
                    "{} of {} not finished",
                    format::grouped(values.infinite() as u64),
                    format::grouped(values.len() as u64)
                ));
            }
            notes
        },
    );
    let mark = summary
        .bound
        .as_ref()
        .map(|bound| Mark { value: bound.t_min_s, text: format!("T_min {}", duration(bound.t_min_s)) });
    let subtitle = subtitle("Share of peers that finished within a time", input.runs.len() > 1);
    let plot = Plot {
        unit: Unit::Time,
        axis: "download time",
        reach: 0.0,
        marks: mark.as_slice(),
        band: Band::Range,
    };
    let figure =
        Figure::new(NAME, &title, &subtitle, ecdf::BODY, |canvas| ecdf::draw(canvas, &series, &plot))?;
    Ok(figure.with_hover(ecdf::told(&series, &plot)))
}

/// What there is to see when many downloaded and nobody finished: how far they came.
fn nobody(input: &ReportInput<'_>, summary: &Summary) -> Result<Figure, ReportError> {
    let series = curves_of(
        summary,
        |group| {
            of_runs(input, group, |peers| {
                Distribution::new(peers.map(|peer| share(input, peer)).collect(), 0)
            })
        },
        |values| {
            vec![
                format!("none of {} finished", format::grouped(values.len() as u64)),
                format!("median {}", values.median().map_or_else(String::new, format::percent)),
            ]
        },
    );
    let shares =
        of_runs(input, None, |peers| Distribution::new(peers.map(|peer| share(input, peer)).collect(), 0));
    let pooled = Distribution::new(shares.iter().flat_map(Distribution::finite).copied().collect(), 0);
    let median = pooled.median().map_or_else(String::new, format::percent);
    let title = format!("Nobody finished; the median peer ended with {median} of the pieces");
    let subtitle = format!("Share of peers that ended with at most so many pieces · {}", spoken_scope(input));
    let plot =
        Plot { unit: Unit::Share, axis: "pieces held at the end", reach: 1.0, marks: &[], band: Band::Range };
    let figure =
        Figure::new(NAME, &title, &subtitle, ecdf::BODY, |canvas| ecdf::draw(canvas, &series, &plot))?;
    Ok(figure.with_hover(ecdf::told(&series, &plot)))
}

/// The values of those of a group (`None`: of all) who download, in each run.
fn of_runs(
    input: &ReportInput<'_>,
    group: Option<usize>,
    values: impl Fn(&mut dyn Iterator<Item = &PeerResult>) -> Distribution,
) -> Vec<Distribution> {
    let chosen = |peer: &&PeerResult| downloads(peer) && group.is_none_or(|group| peer.group == Some(group));
    input.runs.iter().map(|run| values(&mut run.peers.iter().filter(chosen))).collect()
}

/// The share of the pieces that a peer ended with.
fn share(input: &ReportInput<'_>, peer: &PeerResult) -> f64 {
    float(peer.pieces.into()) / float(piece_count(input.scenario).max(1).into())
}

fn rows(input: &ReportInput<'_>, summary: &Summary) -> Vec<Row> {
    let many_runs = input.runs.len() > 1;
    let mut rows: Vec<(Option<f64>, f64, Row)> = Vec::new();
    for run in input.runs {
        for peer in run.peers.iter().filter(|peer| downloads(peer)) {
            let time = peer.download_time().map(|time| time.as_secs_f64());
            let until = peer.left.unwrap_or(run.end);
            let shown =
                time.unwrap_or_else(|| peer.joined.map_or(0.0, |joined| (until - joined).as_secs_f64()));
            let why = match peer.outcome {
                Outcome::Aborted => "left",
                Outcome::Crashed => "crashed",
                _ => "not finished",
            };
            let colour = group_colour(summary, peer.group);
            let row = Row {
                label: if many_runs {
                    format!("{} · run {}", peer.name, run.run)
                } else {
                    peer.name.clone()
                },
                segments: vec![(shown, if time.is_some() { colour } else { GHOST })],
                text: time.map_or_else(|| why.to_owned(), duration),
                note: if time.is_some() {
                    String::new()
                } else {
                    format!("had {}", format::percent(share(input, peer)))
                },
                tick: None,
                whisker: None,
            };
            rows.push((time, shown, row));
        }
    }
    rows.sort_by(|a, b| {
        let key = |row: &(Option<f64>, f64, Row)| (row.0.unwrap_or(f64::INFINITY), row.1);
        key(a).0.total_cmp(&key(b).0).then(key(a).1.total_cmp(&key(b).1))
    });
    rows.into_iter().map(|(_, _, row)| row).collect()
}

/// What the data say.
fn title(input: &ReportInput<'_>, summary: &Summary) -> String {
    let all = &summary.overall.downloads;
    let (Some(first), Some(last)) = (all.finite().first(), all.finite().last()) else {
        return if all.is_empty() {
            "There was nothing to download".to_owned()
        } else {
            "Nobody finished".to_owned()
        };
    };
    let groups: Vec<_> = summary.downloading().map(|(_, group)| group).collect();
    if all.infinite() > 0 {
        let median = all
            .median()
            .map_or_else(String::new, |median| format!("; the median download took {}", duration(median)));
        return format!(
            "{} of {} did not finish{median}",
            format::grouped(all.infinite() as u64),
            count(all.len(), "peer")
        );
    }
    if all.len() <= FEW {
        if all.len() == 1 {
            return format!("The download took {}", duration(*last));
        }
        let names = |wanted: f64| {
            let peers = input.runs.iter().flat_map(|run| &run.peers).filter(|peer| downloads(peer));
            let mut found = peers.filter(|peer| {
                peer.download_time().is_some_and(|time| time.as_secs_f64().to_bits() == wanted.to_bits())
            });
            found.next().map_or_else(String::new, |peer| format::shortened(&peer.name, 24))
        };
        if duration(*first) == duration(*last) {
            return format!("All {} take {}", count(all.len(), "download"), duration(*last));
        }
        return format!(
            "{} is the fastest with {}, {} the slowest with {}",
            names(*first),
            duration(*first),
            names(*last),
            duration(*last)
        );
    }
    if groups.len() > 1 {
        let mut medians: Vec<_> = groups
            .iter()
            .filter_map(|group| Some((group.downloads.median()?, group.name.as_str())))
            .collect();
        medians.sort_by(|a, b| a.0.total_cmp(&b.0));
        if let (Some(fast), Some(slow)) = (medians.first(), medians.last())
            && duration(fast.0) != duration(slow.0)
        {
            return format!(
                "{} is the fastest group: median {}, against {} of {}",
                format::shortened(fast.1, 24),
                duration(fast.0),
                duration(slow.0),
                format::shortened(slow.1, 24)
            );
        }
    }
    let p95 = duration_or_never(all.quantile(0.95));
    format!("Half of the peers finish within {}, 95 % within {p95}", duration_or_never(all.median()))
}

//! `swarm`: every peer's way to the whole file at one glance.
//!
//! A row per peer from the first to complete to the last, time to the right, colour the share of pieces held. With more
//! peers or samples than pixels, neighbours share a cell that shows their mean. The cells are one small picture; the
//! page's script reads shares back from its colours.

use super::axis::{Scale, Unit};
use super::canvas::{Canvas, LABEL, MARGIN, TICK, WIDTH, width_of};
use super::hover::{self, Hover};
use super::palette::{AXIS, BLACK, LIGHT, WHITE, viridis};
use super::raster::Cells;
use super::{Figure, Frame, first_run_of};
use crate::report::format::{self, count, duration, percent};
use crate::report::summary::downloads;
use crate::report::{ReportError, ReportInput, piece_count};
use crate::results::{Outcome, PeerResult, RunResult};
use crate::statistics::{float, float_len};
use minibit_core::Instant;

const NAME: &str = "swarm";
/// Most rows of cells, and most cells in a row.
pub(super) const ROWS: usize = 420;
pub(super) const COLUMNS: usize = 840;
/// Up to so many peers have their names written and their ends marked.
const NAMED: usize = 30;
/// While absent: a grey of which a fifth is opaque, its colours multiplied by that.
pub(super) const ABSENT: [u8; 4] = [8, 9, 10, 20];

/// Draws the figure of the first run.
///
/// # Errors
/// When it cannot be drawn.
pub(super) fn figure(input: &ReportInput<'_>, frame: &Frame<'_>) -> Result<Figure, ReportError> {
    let name = frame.name(NAME);
    let Some(run) = input.runs.first().filter(|run| run.timeline.len() > 1 && run.end.as_nanos() > 0) else {
        return super::empty(&name, "No time passed", "There is nothing to show over time.");
    };
    let order = order(run);
    if order.is_empty() {
        return super::empty(&name, "Nobody joined", "The swarm stayed empty.");
    }
    let named = order.len() <= NAMED;
    let row = if named { (300.0 / float_len(order.len())).clamp(18.0, 36.0) } else { 0.0 };
    let height =
        if named { row * float_len(order.len()) } else { 420.0_f64.min(float_len(order.len()) * 8.0) };
    let labels = || order.iter().filter(|_| named).map(|&peer| format::shortened(&run.peers[peer].name, 26));
    let left = MARGIN + labels().map(|label| width_of(&label, LABEL)).fold(54.0, f64::max) + 12.0;
    let right = WIDTH - MARGIN - 8.0;
    let end = frame.end(run);
    let cells = cells(input, run, &order, end, (left, right), height);
    let time = Scale::new((0.0, end.as_secs_f64()), (left, right), Unit::Time, 8.0, false);
    let key = if named { "dot = complete, cross = left or crashed" } else { "white line = complete" };
    let subtitle = format!(
        "A row per peer in the order of completion, colour = share of pieces, {key}{}",
        first_run_of(input)
    );
    let told = Hover::Cells(hover::Cells {
        area: [left, 0.0, right - left, height],
        end_s: end.as_secs_f64(),
        colours: hover::colours(),
        rows: bins(order.len(), ROWS).map(|bin| row_name(run, &order[bin])).collect(),
        words: ["absent", "complete", "of pieces"],
    });
    let title = frame.title(&title(run));
    let figure = Figure::with_cells(&name, &title, &subtitle, height + 62.0, cells, |canvas| {
        legend(canvas, height + 44.0, right, "of pieces");
        time.draw_below(canvas, height, None);
        canvas.path(&[(left, height), (right, height)], 1.0, AXIS);
        if named {
            marks(canvas, run, &order, &time, (left, row));
        } else {
            frontier(canvas, run, &order, &time, height);
            for (share, text) in [(0.0, "1".to_owned()), (1.0, format::grouped(order.len() as u64))] {
                canvas.text(left - 8.0, 8.0 + (height - 16.0) * share, &text, TICK.right());
            }
            canvas.text(left - 8.0, height / 2.0, "peer", TICK.right());
        }
    })?;
    Ok(figure.with_hover(told))
}

/// The peers that joined: seeds, then by completion, then those who did not complete, fullest first. The tracker is
/// shown among few peers only.
fn order(run: &RunResult) -> Vec<usize> {
    let named = run.peers.len() <= NAMED;
    let shown = |peer: &PeerResult| peer.joined.is_some() && (named || peer.group.is_some());
    let mut order: Vec<usize> = (0..run.peers.len()).filter(|&number| shown(&run.peers[number])).collect();
    order.sort_by_key(|&number| {
        let peer = &run.peers[number];
        let class = match (downloads(peer), peer.completed) {
            (false, _) => 0,
            (true, Some(_)) => 1,
            (true, None) => 2,
        };
        (class, peer.completed, std::cmp::Reverse(peer.pieces), number)
    });
    order
}

/// `len` items in at most `limit` bins of nearly equal size.
pub(super) fn bins(len: usize, limit: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    let count = len.min(limit);
    (0..count).map(move |bin| bin * len / count..(bin + 1) * len / count)
}

/// The cells: for each row and column the mean share of those present, or nothing.
#[expect(clippy::cast_possible_truncation, reason = "at most a few hundred, or a byte")]
fn cells(
    input: &ReportInput<'_>,
    run: &RunResult,
    order: &[usize],
    end: Instant,
    (left, right): (f64, f64),
    height: f64,
) -> Cells {
    let pieces = u64::from(piece_count(input.scenario)).max(1);
    let columns = columns(run, end);
    let mut rgba = Vec::with_capacity(order.len().min(ROWS) * columns.len() * 4);
    for bin in bins(order.len(), ROWS) {
        for column in &columns {
            let (mut sum, mut present) = (0, 0);
            for held in order[bin.clone()].iter().filter_map(|&peer| held(run, peer, column)) {
                sum += u64::from(held);
                present += 1;
            }
            match (sum * 255).checked_div(present * pieces) {
                Some(level) => {
                    let (red, green, blue) = viridis(level.min(255) as u8);
                    rgba.extend([red, green, blue, 255]);
                }
                None => rgba.extend(ABSENT),
            }
        }
    }
    Cells {
        origin: (left as f32, 0.0),
        size: ((right - left) as f32, height as f32),
        columns: columns.len() as u32,
        rows: order.len().min(ROWS) as u32,
        rgba,
    }
}

/// What a column shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Column {
    /// Its middle.
    time: Instant,
    /// The last sample that is not later.
    sample: usize,
}

/// Samples are evenly spaced but for the last one, which is at the run's end.
fn columns(run: &RunResult, end: Instant) -> Vec<Column> {
    middles(end)
        .map(|time| {
            let later = run.timeline.partition_point(|sample| sample.time <= time);
            Column { time, sample: later.saturating_sub(1) }
        })
        .collect()
}

/// The middles of all columns of a map that ends there.
pub(super) fn middles(end: Instant) -> impl Iterator<Item = Instant> {
    let width = end.as_nanos() / COLUMNS as u64;
    (0..COLUMNS as u64).map(move |column| Instant::from_nanos(width * column + width / 2))
}

/// Pieces that a peer holds at a column; `None` while it is absent. Joining, completion and leaving are known exactly,
/// what lies between them from the samples.
fn held(run: &RunResult, number: usize, column: &Column) -> Option<u32> {
    let peer = &run.peers[number];
    let present = peer.joined.is_some_and(|joined| joined <= column.time)
        && peer.left.is_none_or(|left| column.time < left)
        && column.time <= run.end;
    let held = match peer.completed {
        Some(completed) if completed <= column.time => peer.pieces,
        _ => match run.progress[column.sample][number] {
            u32::MAX => peer.initial_pieces,
            held => held,
        },
    };
    present.then_some(held)
}

/// Names, and a mark where a peer completes or leaves.
fn marks(canvas: &mut Canvas<'_>, run: &RunResult, order: &[usize], time: &Scale, (left, row): (f64, f64)) {
    for (number, &index) in order.iter().enumerate() {
        let peer = &run.peers[index];
        let y = row * (float_len(number) + 0.5);
        canvas.text(left - 10.0, y, &format::shortened(&peer.name, 26), LABEL.right());
        if number > 0 {
            let edge = y - row / 2.0;
            canvas.path(&[(left, edge), (time.at(time.end()), edge)], 1.0, WHITE);
        }
        if let Some(completed) = peer.completed {
            canvas.dot((time.at(completed.as_secs_f64()), y), 4.0, WHITE, BLACK);
        }
        if let Some(left) = peer.left {
            let x = time.at(left.as_secs_f64());
            let arm = 4.5;
            for stroke in [(4.0, WHITE), (2.0, BLACK)] {
                canvas.path(&[(x - arm, y - arm), (x + arm, y + arm)], stroke.0, stroke.1);
                canvas.path(&[(x - arm, y + arm), (x + arm, y - arm)], stroke.0, stroke.1);
            }
        }
    }
}

/// The line of finished.
fn frontier(canvas: &mut Canvas<'_>, run: &RunResult, order: &[usize], time: &Scale, height: f64) {
    let row = height / float_len(order.len());
    let complete = order.iter().enumerate().filter_map(|(i, &peer)| Some((i, run.peers[peer].completed?)));
    let mut points = Vec::new();
    for (number, at) in complete {
        let x = time.at(at.as_secs_f64());
        points.extend([(x, row * float_len(number)), (x, row * (float_len(number) + 1.0))]);
    }
    points.dedup_by(|a, b| (a.0 - b.0).abs() < 0.25 && (a.1 - b.1).abs() < 0.25);
    canvas.path(&points, 1.75, LIGHT);
}

/// The scale of the colours, below the plot at the right.
pub(super) fn legend(canvas: &mut Canvas<'_>, y: f64, right: f64, whole: &str) {
    const STEPS: u8 = 51;
    let (start, width) = (right - 250.0, 160.0);
    canvas.text(start - 8.0, y, "0 %", TICK.right());
    for step in 0..STEPS {
        let x = start + width * f64::from(step) / f64::from(STEPS);
        let rgb = viridis(step * 5);
        let colour = super::palette::Colour { rgb, alpha: 1.0 };
        // Each step reaches below the next one: no seams.
        let end = start + width * f64::from((step + 2).min(STEPS)) / f64::from(STEPS);
        canvas.rect((x, y - 6.0), (end, y + 6.0), colour);
    }
    canvas.text(start + width + 8.0, y, &format!("100 % {whole}"), TICK);
}

fn row_name(run: &RunResult, peers: &[usize]) -> String {
    match peers {
        [] => String::new(),
        [one] => run.peers[*one].name.clone(),
        [first, .., last] => {
            format!("{} … {} ({})", run.peers[*first].name, run.peers[*last].name, count(peers.len(), "peer"))
        }
    }
}

/// What the data say.
fn title(run: &RunResult) -> String {
    let downloading = || run.peers.iter().filter(|peer| downloads(peer));
    let all = downloading().count();
    let finished: Vec<_> = downloading().filter_map(|peer| peer.completed).collect();
    let gone_early =
        downloading().filter(|peer| matches!(peer.outcome, Outcome::Aborted | Outcome::Crashed)).count();
    let gone = if gone_early > 0 {
        format!(", {} left early", format::grouped(gone_early as u64))
    } else {
        String::new()
    };
    match finished.iter().max() {
        _ if all == 0 => "Nobody had anything to download".to_owned(),
        Some(last) if finished.len() == all && all > 1 => {
            let peers =
                if all == 2 { "Both peers".to_owned() } else { format!("All {}", count(all, "peer")) };
            format!("{peers} are complete after {}", duration(last.as_secs_f64()))
        }
        Some(last) if all == 1 => format!("The peer is complete after {}", duration(last.as_secs_f64())),
        Some(_) => format!(
            "{} of {} become complete ({}){gone}",
            format::grouped(finished.len() as u64),
            count(all, "peer"),
            percent(float_len(finished.len()) / float_len(all))
        ),
        None => {
            let most = downloading().map(|peer| peer.pieces).max().unwrap_or(0);
            format!("Nobody becomes complete; the fullest holds {}", pieces_of(run, most))
        }
    }
}

fn pieces_of(run: &RunResult, most: u32) -> String {
    let all = run.progress.iter().flatten().filter(|&&held| held != u32::MAX).max().copied().unwrap_or(0);
    let all = run.peers.iter().map(|peer| peer.pieces).max().unwrap_or(0).max(all).max(1);
    if most == all { count(most as usize, "piece") } else { percent(float(most.into()) / float(all.into())) }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Case;
    use super::*;

    #[test]
    fn bins_cover_everything_once() {
        for (len, limit) in [(1, 5), (5, 5), (1000, 420), (10_000, 420)] {
            let all: Vec<usize> = bins(len, limit).flatten().collect();
            assert_eq!(all, (0..len).collect::<Vec<_>>());
            assert!(bins(len, limit).count() <= limit);
        }
    }

    #[test]
    fn cells_show_who_had_what_when() {
        let case = Case::tiny();
        let run = &case.runs[0];
        assert_eq!(order(run), [0, 2, 1], "the seed, then by completion");
        let cells = cells(&case.input(), run, &order(run), run.end, (0.0, 100.0), 30.0);
        assert_eq!((cells.rows, cells.columns), (3, 840));
        // Eleven seconds on 840 columns; the leechers join at 1 s.
        let cell = |row: usize, seconds: usize| &cells.rgba[(row * 840 + seconds * 840 / 11 + 5) * 4..][..4];
        let colour = |level| [viridis(level).0, viridis(level).1, viridis(level).2, 255];
        assert_eq!(cell(0, 0), colour(255));
        assert_eq!(cell(2, 0), ABSENT, "not there yet");
        assert_eq!(cell(2, 1), colour(0), "there, but the first sample with it is at 10 s");
        assert_eq!(cell(2, 10), colour(127), "two of four pieces");
        assert_eq!(cell(1, 9), colour(0), "complete only at 9.5 s");
        assert_eq!(cell(1, 10), colour(255));
    }

    #[test]
    fn ten_thousand_peers_fit() {
        let case = Case::swarm(&[("peer", 10_000)], 1, 20);
        let figure = figure(&case.input(), &Frame::default()).unwrap();
        let Some(Hover::Cells(told)) = figure.hover else { panic!("a map") };
        assert_eq!(told.rows.len(), ROWS);
        assert!(figure.svg.len() < 2_000_000, "{}", figure.svg.len());
    }
}

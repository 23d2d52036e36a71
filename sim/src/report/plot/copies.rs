//! `copies`: how the pieces spread, the other view of the swarm.
//!
//! A row per piece, the one that spread first on top, time to the right, colour the share of the peers present that hold it.
//! Grey is where nobody has it. A steep edge from dark to bright in all rows at the same time is a swarm that keeps its
//! pieces equally rare; slow rows at the bottom are those that everybody will wait for.

use super::axis::{Scale, Unit};
use super::canvas::{MARGIN, TICK, WIDTH};
use super::hover::{self, Hover};
use super::palette::{AXIS, viridis};
use super::raster::Cells;
use super::swarm::{ABSENT, COLUMNS, legend, middles};
use super::{Figure, Frame, first_run_of};
use crate::report::format::{count, duration, grouped, number};
use crate::report::{ReportError, ReportInput, piece_count};
use crate::results::{Copies, RunResult};
use crate::statistics::{float, float_len};

const NAME: &str = "copies";
const LEFT: f64 = MARGIN + 66.0;
const RIGHT: f64 = WIDTH - MARGIN - 8.0;

/// Draws the figure of the first run.
///
/// # Errors
/// When it cannot be drawn.
pub(super) fn figure(input: &ReportInput<'_>, frame: &Frame<'_>) -> Result<Figure, ReportError> {
    let name = frame.name(NAME);
    let shown = |run: &&RunResult| run.copies.times.len() > 1 && run.end.as_nanos() > 0;
    let Some(run) = input.runs.first().filter(shown) else {
        return super::empty(&name, "No time passed", "There is nothing to show over time.");
    };
    let end = frame.end(run);
    let order = order(&run.copies);
    let height = (float_len(order.len()) * 5.0).clamp(80.0, 420.0);
    let pieces = piece_count(input.scenario);
    let bins = if (pieces as usize) > order.len() {
        format!(" · {} pieces in {} rows, each the rarest of its row", grouped(pieces.into()), order.len())
    } else {
        String::new()
    };
    let subtitle = format!(
        "A row per piece in the order of spreading, colour = share of the peers present that hold it, grey = nobody{bins}{}",
        first_run_of(input)
    );
    let title = frame.title(&title(run));
    let told = Hover::Cells(hover::Cells {
        area: [LEFT, 0.0, RIGHT - LEFT, height],
        end_s: end.as_secs_f64(),
        colours: hover::colours(),
        rows: order.iter().map(|&bin| row_name(bin, order.len(), pieces as usize)).collect(),
        words: ["nobody has it", "everybody has it", "of those present"],
    });
    #[expect(clippy::cast_possible_truncation, reason = "at most a few hundred")]
    let cells = Cells {
        origin: (LEFT as f32, 0.0),
        size: ((RIGHT - LEFT) as f32, height as f32),
        columns: COLUMNS as u32,
        rows: order.len() as u32,
        rgba: rgba(run, &order, end),
    };
    let time = Scale::new((0.0, end.as_secs_f64()), (LEFT, RIGHT), Unit::Time, 8.0, false);
    let figure = Figure::with_cells(&name, &title, &subtitle, height + 62.0, cells, |canvas| {
        legend(canvas, height + 44.0, RIGHT, "of peers");
        time.draw_below(canvas, height, None);
        canvas.path(&[(LEFT, height), (RIGHT, height)], 1.0, AXIS);
        for (share, text) in [(0.0, "first"), (0.5, "piece"), (1.0, "last")] {
            canvas.text(LEFT - 8.0, 8.0 + (height - 16.0) * share, text, TICK.right());
        }
    })?;
    Ok(figure.with_hover(told))
}

/// The bins in the order of spreading: those with the most copies over time first.
fn order(copies: &Copies) -> Vec<usize> {
    let bins = copies.rarest.first().map_or(0, Vec::len);
    let total = |bin: usize| copies.rarest.iter().map(|row| u64::from(row[bin])).sum::<u64>();
    let mut order: Vec<usize> = (0..bins).collect();
    order.sort_by_cached_key(|&bin| std::cmp::Reverse(total(bin)));
    order
}

fn row_name(bin: usize, bins: usize, pieces: usize) -> String {
    let (first, last) = (bin * pieces / bins, (bin + 1) * pieces / bins - 1);
    if first == last { format!("piece {first}") } else { format!("pieces {first} to {last}") }
}

/// The cells, row by row.
fn rgba(run: &RunResult, order: &[usize], end: minibit_core::Instant) -> Vec<u8> {
    let copies = &run.copies;
    let samples: Vec<Option<usize>> = middles(end)
        .map(|time| {
            let later = copies.times.partition_point(|&taken| taken <= time);
            (time <= run.end).then(|| later.saturating_sub(1))
        })
        .collect();
    let mut rgba = Vec::with_capacity(order.len() * samples.len() * 4);
    for &bin in order {
        for sample in &samples {
            let cell = sample.map(|sample| (copies.rarest[sample][bin], copies.present[sample]));
            match cell.filter(|&(held, _)| held > 0) {
                Some((held, present)) => {
                    let level = u64::from(held) * 255 / u64::from(present.max(1));
                    let (red, green, blue) = viridis(u8::try_from(level).unwrap_or(u8::MAX));
                    rgba.extend([red, green, blue, 255]);
                }
                None => rgba.extend(ABSENT),
            }
        }
    }
    rgba
}

/// What the data say.
fn title(run: &RunResult) -> String {
    let copies = &run.copies;
    let lost = copies.rarest.last().map_or(0, |row| row.iter().filter(|&&held| held == 0).count());
    if lost > 0 {
        return format!("At the end nobody has {}", count(lost, "piece"));
    }
    let twice = copies.rarest.iter().position(|row| row.iter().all(|&held| held >= 2));
    let half = copies.rarest.len() / 2;
    let ends = |row: &[u32]| (row.iter().copied().min().unwrap_or(0), row.iter().copied().max().unwrap_or(0));
    let (rarest, commonest) = ends(&copies.rarest[half]);
    let spread = format!(
        "half-way the rarest piece has {}, the commonest {}",
        count(rarest as usize, "copy").replace("copys", "copies"),
        number(float(commonest.into()))
    );
    match twice {
        Some(sample) if sample > 0 => format!(
            "Every piece has a second copy after {}; {spread}",
            duration(copies.times[sample].as_secs_f64())
        ),
        _ => format!("{}{}", spread[..1].to_uppercase(), &spread[1..]),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::testing::Case;
    use super::*;

    #[test]
    fn cells_show_which_share_holds_what() {
        let case = Case::tiny();
        let run = &case.runs[0];
        let order = order(&run.copies);
        assert_eq!(order, [0, 1, 2, 3], "the last two pieces spread later");
        let cells = rgba(run, &order, run.end);
        let cell =
            |row: usize, seconds: usize| &cells[(row * COLUMNS + seconds * COLUMNS / 11 + 5) * 4..][..4];
        let colour = |level| [viridis(level).0, viridis(level).1, viridis(level).2, 255];
        assert_eq!(cell(0, 0), colour(255), "one of one");
        assert_eq!(cell(3, 10), colour(170), "two of three");
        assert_eq!(
            title(run),
            "Every piece has a second copy after 10.0 s; half-way the rarest piece has 2 copies, the commonest 3"
        );
    }

    #[test]
    fn a_run_that_ends_before_its_frame_is_grey_from_then_on() {
        let case = Case::tiny();
        let run = &case.runs[0];
        let cells = rgba(run, &[0], minibit_core::Instant::from_secs(22));
        assert_eq!(cells[(COLUMNS - 1) * 4..][..4], ABSENT);
        assert_ne!(cells[(COLUMNS / 2 - 2) * 4..][..4], ABSENT);
    }

    #[test]
    fn lost_pieces_are_said() {
        let mut case = Case::tiny();
        case.runs[0].copies.rarest[2][1] = 0;
        assert_eq!(title(&case.runs[0]), "At the end nobody has 1 piece");
    }
}

//! `messages_sent`: what the peers say to each other, per peer when they are few, by kind when they are many.

use minibit_core::MessageKind;

use super::axis::Unit;
use super::bars::{self, Row};
use super::palette::{self, Colour, MUTED};
use super::{Figure, spoken_scope};
use crate::report::format::{self, number, percent};
use crate::report::summary::Summary;
use crate::report::{ReportError, ReportInput};
use crate::results::{KINDS, PeerResult, RunResult, Tally, kind_name};
use crate::statistics::{float, float_len};

const NAME: &str = "messages_sent";
/// Most peers that get a row of their own.
const ROWS: usize = 24;
/// What messages are for. Index of a class is its colour.
const CLASSES: [&str; 6] =
    ["blocks", "requests", "inventory", "choking and interest", "tracker", "connection"];

/// The class of a kind of message.
pub(super) fn class_of(kind: usize) -> usize {
    match MessageKind::ALL.get(kind) {
        Some(MessageKind::Piece) => 0,
        Some(MessageKind::Request | MessageKind::Cancel | MessageKind::RejectRequest) => 1,
        Some(
            MessageKind::Have
            | MessageKind::Bitfield
            | MessageKind::HaveAll
            | MessageKind::HaveNone
            | MessageKind::SuggestPiece,
        ) => 2,
        Some(
            MessageKind::Choke | MessageKind::Unchoke | MessageKind::Interested | MessageKind::NotInterested,
        ) => 3,
        None => 4,
        Some(_) => 5,
    }
}

fn colour_of(class: usize) -> Colour {
    if class == 5 { MUTED } else { palette::series(class) }
}

/// Draws the figure.
///
/// # Errors
/// When it cannot be drawn.
pub(super) fn figure(input: &ReportInput<'_>, summary: &Summary) -> Result<Figure, ReportError> {
    let title = title(summary);
    if summary.overall.messages() == 0 {
        return super::empty(NAME, &title, "Nobody sent anything.");
    }
    let rows_of_peers: usize = input.runs.iter().map(|run| senders(run).count()).sum();
    let (rows, what) = if rows_of_peers <= ROWS { per_peer(input) } else { per_kind(input) };
    let subtitle = format!("{what} · {}", spoken_scope(input));
    let used: Vec<_> = (0..CLASSES.len())
        .filter(|&class| summary.overall.messages_by_kind.iter().any(|kind| kind_class(kind.kind) == class))
        .map(|class| (CLASSES[class], colour_of(class)))
        .collect();
    Figure::new(NAME, &title, &subtitle, bars::body(rows.len()) + 26.0, |canvas| {
        bars::key(canvas, 4.0, &used);
        canvas.shifted(26.0, |canvas| bars::draw(canvas, &rows, Unit::Number, "messages sent", None));
    })
}

fn kind_class(name: &str) -> usize {
    (0..KINDS).find(|&kind| kind_name(kind) == name).map_or(5, class_of)
}

fn senders(run: &RunResult) -> impl Iterator<Item = &PeerResult> {
    run.peers.iter().filter(|peer| peer.joined.is_some())
}

fn sum(peer: &PeerResult) -> u64 {
    peer.sent.iter().map(|tally| tally.count).sum()
}

/// A row per peer, in the order of the scenario; the classes side by side.
fn per_peer(input: &ReportInput<'_>) -> (Vec<Row>, String) {
    let mut ticked = false;
    let mut rows = Vec::new();
    for run in input.runs {
        for peer in senders(run) {
            let total = sum(peer);
            let mut classes = [0; CLASSES.len()];
            for (kind, tally) in peer.sent.iter().enumerate() {
                classes[class_of(kind)] += tally.count;
            }
            let segments = classes.iter().enumerate();
            let partial = peer.messages_sent != total && peer.messages_sent > 0;
            ticked |= partial;
            rows.push(Row {
                label: if input.runs.len() > 1 {
                    format!("{} · run {}", peer.name, run.run)
                } else {
                    peer.name.clone()
                },
                segments: segments.map(|(class, &count)| (float(count), colour_of(class))).collect(),
                text: format::grouped(peer.messages_sent),
                note: if partial { format!("of {}", format::grouped(total)) } else { String::new() },
                tick: partial.then(|| float(peer.messages_sent)),
                whisker: None,
            });
        }
    }
    let what = if ticked {
        "By peer and purpose; the stroke is the count until completion, the bar the whole run"
    } else {
        "By peer and purpose"
    };
    (rows, what.to_owned())
}

/// A row per kind: the mean over the runs, and their range.
fn per_kind(input: &ReportInput<'_>) -> (Vec<Row>, String) {
    let mut kinds: Vec<usize> = (0..KINDS).collect();
    kinds.sort_by_key(|&kind| (class_of(kind), kind));
    let total_of =
        |run: &RunResult, kind: usize| -> u64 { run.peers.iter().map(|peer| peer.sent[kind].count).sum() };
    let grand: u64 = input
        .runs
        .iter()
        .flat_map(|run| &run.peers)
        .flat_map(|peer| &peer.sent)
        .map(|tally: &Tally| tally.count)
        .sum();
    let mut rows = Vec::new();
    for kind in kinds {
        let totals: Vec<f64> = input.runs.iter().map(|run| float(total_of(run, kind))).collect();
        let all: f64 = totals.iter().sum();
        if all == 0.0 {
            continue;
        }
        let mean = all / float_len(totals.len());
        let range = totals
            .iter()
            .fold((f64::INFINITY, 0.0), |(low, high), &total: &f64| (total.min(low), total.max(high)));
        rows.push(Row {
            label: kind_name(kind).replace('_', " "),
            segments: vec![(mean, colour_of(class_of(kind)))],
            text: number(mean),
            note: percent(all / float(grand)),
            tick: None,
            whisker: (totals.len() > 1).then_some(range),
        });
    }
    let what = if input.runs.len() > 1 {
        "All peers together by kind, mean per run; whisker = range over the runs"
    } else {
        "All peers together by kind, with shares of the total"
    };
    (rows, what.to_owned())
}

/// What the data say.
fn title(summary: &Summary) -> String {
    let Some(mean) = summary.overall.messages_sent_per_peer.mean else {
        return "Nobody downloaded".to_owned();
    };
    let blocks: u64 = summary
        .overall
        .messages_by_kind
        .iter()
        .filter(|kind| kind_class(kind.kind) == 0)
        .map(|kind| kind.count)
        .sum();
    let all = summary.overall.messages();
    let share = if all == 0 { 0.0 } else { float(blocks) / float(all) };
    let senders = summary.overall.completed + summary.overall.unfinished;
    let who = if senders == 1 { "The peer sends" } else { "A peer sends" };
    let average = if senders == 1 { "" } else { " on average" };
    format!("{who} {} messages{average}; {} of all carry a block", number(mean), percent(share))
}

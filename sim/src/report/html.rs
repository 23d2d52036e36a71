//! `index.html` of a report on runs: everything on one page that needs nothing else, not even scripts.
//!
//! The figures stand in the page as SVG; text and lines take the page's colours, so that they suit light, dark and
//! paper. The small script at the end sorts the table of peers and tells what is under the pointer in a
//! picture; its last line marks the document as ready, for a headless check.

use serde::Serialize;

use super::format::{bytes, count, duration, exact_seconds, grouped, number, percent};
use super::parts::{Card, Cell, Check, Table};
use super::plot::{Figures, ratio};
use super::summary::{Spread, Summary};
use super::template::{self, Picture};
use super::{ReportError, ReportInput, group_name, hex};
use crate::compare::Measure;
use crate::results::{PeerResult, RunResult};
use crate::statistics::float;

/// Most rows of the table of peers; `peers.csv` has all of them.
const ROWS: usize = 2000;

/// What the template is filled with.
#[derive(Serialize)]
struct Page<'a> {
    headline: &'a str,
    scenario: &'a str,
    description: &'a str,
    facts: Vec<String>,
    cards: Vec<Card>,
    checks: Vec<Check>,
    figures: Vec<Picture<'a>>,
    kinds: Vec<Kind>,
    several: bool,
    /// Is a lower bound known?
    bounded: bool,
    runs: Vec<RunRow>,
    peers: Table,
    shown: Option<String>,
    command: &'a str,
}

#[derive(Serialize)]
struct Kind {
    name: String,
    count: String,
    bytes: String,
    share: String,
    /// Length of its bar in per cent of the longest.
    width: String,
}

#[derive(Serialize)]
struct RunRow {
    run: u32,
    seed: u64,
    ending: String,
    end: String,
    completed: String,
    efficiency: Option<String>,
    digest: String,
}

/// The page.
///
/// # Errors
/// When the template fails, which would be a bug.
pub fn page(input: &ReportInput<'_>, summary: &Summary, figures: &Figures) -> Result<Vec<u8>, ReportError> {
    let rows: usize = input.runs.iter().map(|run| run.peers.len()).sum();
    let peers = input.runs.iter().flat_map(|run| run.peers.iter().map(move |peer| row(input, run, peer)));
    let page = Page {
        headline: &summary.headline,
        scenario: &input.scenario.name,
        description: &input.scenario.description,
        facts: facts(input),
        cards: cards(input, summary),
        checks: input.verdicts.iter().map(|verdict| Check::new("", verdict)).collect(),
        figures: figures.list.iter().map(Picture::new).collect::<Result<_, _>>()?,
        kinds: kinds(summary),
        several: input.runs.len() > 1,
        bounded: summary.bound.is_some(),
        runs: runs(input, summary),
        peers: Table {
            columns: COLUMNS[first_column(input)..].iter().map(|&(head, n)| (head.to_owned(), n)).collect(),
            rows: peers.take(ROWS).collect(),
        },
        shown: (rows > ROWS)
            .then(|| format!("the first {} of {}", grouped(ROWS as u64), grouped(rows as u64))),
        command: input.command,
    };
    template::render("run.html", &page)
}

/// The line below the headline.
fn facts(input: &ReportInput<'_>) -> Vec<String> {
    let peers: u64 = input.scenario.groups.iter().map(|group| u64::from(group.count)).sum();
    let mut facts = vec![
        count(usize::try_from(peers).unwrap_or(usize::MAX), "peer"),
        format!(
            "{} in {}",
            bytes(input.scenario.content.len),
            count(super::piece_count(input.scenario) as usize, "piece")
        ),
    ];
    match input.runs {
        [] => {}
        [run] => facts.extend([format!("seed {}", run.seed), format!("digest {}", hex(run.digest))]),
        [first, .., last] => {
            facts.push(format!("{}, seeds {} to {}", count(input.runs.len(), "run"), first.seed, last.seed));
        }
    }
    facts.push(format!("minibit {}", env!("CARGO_PKG_VERSION")));
    facts
}

fn cards(input: &ReportInput<'_>, summary: &Summary) -> Vec<Card> {
    let all = &summary.overall;
    let times = &all.download_s;
    let shown = |seconds: Option<f64>| seconds.map_or_else(|| "–".to_owned(), duration);
    let or_never = |seconds: Option<f64>| seconds.map_or_else(|| "unfinished".to_owned(), duration);
    let or_dash = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), number);
    let unfinished = all.unfinished;
    let finished = format!(
        "{} of {} finished",
        grouped(all.completed as u64),
        grouped((all.completed + unfinished) as u64)
    );
    let mut cards = vec![
        Card::plain("median download", or_never(times.median), format!("mean {}", shown(times.mean))),
        Card::plain(
            "p95 download",
            or_never(times.p95),
            if unfinished == 0 { format!("slowest {}", shown(times.max)) } else { finished },
        ),
        Card::plain(
            "messages per peer",
            or_dash(all.messages_sent_per_peer.mean),
            range(&all.messages_sent_per_peer),
        ),
    ];
    let (moved, seeded) = input
        .runs
        .iter()
        .filter_map(|run| run.timeline.last())
        .fold((0, 0), |(all, seeds), sample| (all + sample.payload, seeds + sample.payload_from_seeds));
    if moved > 0 {
        cards.push(Card::plain(
            "served by peers",
            percent(float(u64::saturating_sub(moved, seeded)) / float(moved)),
            format!("of {}, rest by seeds", bytes(moved)),
        ));
    }
    if let Some(bound) = &summary.bound {
        cards.push(Card::plain(
            Measure::Efficiency.title(),
            bound.efficiency.map_or_else(|| "–".to_owned(), percent),
            format!("T_min {}", duration(bound.t_min_s)),
        ));
    }
    if all.wire_up_bytes > 0 {
        let overhead = all.wire_up_bytes.saturating_sub(all.payload_up_bytes);
        cards.push(Card::plain(
            "protocol overhead",
            percent(float(overhead) / float(all.wire_up_bytes)),
            format!("of {} sent", bytes(all.wire_up_bytes)),
        ));
    }
    cards
}

fn range(spread: &Spread) -> String {
    match (spread.min, spread.max) {
        (Some(min), Some(max)) => format!("from {} to {}", number(min), number(max)),
        _ => "nobody downloaded".to_owned(),
    }
}

fn kinds(summary: &Summary) -> Vec<Kind> {
    let kinds = &summary.overall.messages_by_kind;
    let most = kinds.iter().map(|kind| kind.count).max().unwrap_or(0).max(1);
    let all: u64 = kinds.iter().map(|kind| kind.count).sum();
    let row = |kind: &super::summary::Kind| Kind {
        name: kind.kind.replace('_', " "),
        count: grouped(kind.count),
        bytes: bytes(kind.bytes),
        share: percent(float(kind.count) / float(all.max(1))),
        width: format!("{:.2}", float(kind.count) / float(most) * 100.0),
    };
    kinds.iter().map(row).collect()
}

fn runs(input: &ReportInput<'_>, summary: &Summary) -> Vec<RunRow> {
    let row = |(run, figures): (&RunResult, &super::summary::Run)| RunRow {
        run: run.run,
        seed: run.seed,
        ending: figures.ending.replace('_', " "),
        end: duration(run.end.as_secs_f64()),
        completed: format!("{} of {}", figures.completed, figures.completed + figures.unfinished),
        efficiency: figures.efficiency.map(|value| Measure::Efficiency.shown(value)),
        digest: figures.digest.clone(),
    };
    input.runs.iter().zip(&summary.runs).map(row).collect()
}

/// The number of the run is not shown when there is one.
fn first_column(input: &ReportInput<'_>) -> usize {
    usize::from(input.runs.len() <= 1)
}

/// Heads of the table of peers; the second says whether the column is one of numbers.
const COLUMNS: [(&str, bool); 13] = [
    ("run", true),
    ("peer", false),
    ("group", false),
    ("joined", true),
    ("complete", true),
    ("download", true),
    ("outcome", false),
    ("messages sent", true),
    ("received", true),
    ("data sent", true),
    ("received", true),
    ("ratio", true),
    ("pieces", true),
];

fn row(input: &ReportInput<'_>, run: &RunResult, peer: &PeerResult) -> Vec<Cell> {
    let integer = |value: u64| Cell::number(grouped(value), float(value));
    let size = |value: u64| Cell::number(bytes(value), float(value));
    let time = |nanos: Option<u64>| {
        nanos.map_or_else(
            || Cell::text(""),
            |nanos| {
                let text = exact_seconds(nanos);
                Cell::number(format!("{} s", &text[..text.len() - 6]), float(nanos))
            },
        )
    };
    let instant = |instant: Option<minibit_core::Instant>| time(instant.map(minibit_core::Instant::as_nanos));
    let mut cells = vec![
        integer(run.run.into()),
        Cell::text(&peer.name),
        Cell::text(group_name(input.scenario, peer)),
        instant(peer.joined),
        instant(peer.completed),
        time(peer.download_time().map(minibit_core::time::nanos)),
        Cell::text(peer.outcome.name().replace('_', " ")),
        integer(peer.messages_sent),
        integer(peer.messages_received),
        size(peer.payload_up),
        size(peer.payload_down),
        Cell::number_or("", ratio(peer), |ratio| format!("{ratio:.2}")),
        integer(peer.pieces.into()),
    ];
    cells.drain(..first_column(input));
    cells
}

#[cfg(test)]
mod tests {
    use super::super::testing::Case;
    use super::*;

    fn page_of(case: &Case) -> String {
        let input = case.input();
        let summary = Summary::new(&input);
        let figures = Figures::new(&input, &summary).unwrap();
        String::from_utf8(page(&input, &summary, &figures).unwrap()).unwrap()
    }

    #[test]
    fn the_page_asks_nobody_for_anything() {
        // `url(#…)` is a part of the page itself: what a zoomed figure is cut to.
        let page = page_of(&Case::swarm(&[("fast", 8), ("slow", 6)], 2, 30)).replace("url(#", "");
        for address in ["http:", "https:", "src=\"/", "href=\"/", "url(", "@import", "<link", "<iframe"] {
            assert!(!page.contains(address), "{address}");
        }
        assert!(page.contains("dataset.state = \"READY\";\n</script>"), "the last line of the script");
    }

    #[test]
    fn on_paper_there_is_nothing_to_point_at() {
        let page = page_of(&Case::swarm(&[("peer", 3)], 1, 10));
        let print = &page[page.find("@media print").unwrap()..page.find("</style>").unwrap()];
        let hidden = print.lines().find(|line| line.contains("display: none")).unwrap();
        for what in ["#tip", ".hint", "button.zoom", "line.reader"] {
            assert!(hidden.contains(what), "{what}: {print}");
        }
        assert!(!print.contains("position: absolute") && !print.contains("cursor:"), "{print}");
    }

    #[test]
    fn names_are_text_and_not_markup() {
        let mut case = Case::swarm(&[("peer", 3)], 1, 10);
        let evil = "</script><img onerror=x>&\"'";
        case.runs[0].peers[0].name = evil.to_owned();
        case.scenario.name = evil.to_owned();
        case.scenario.groups[0].name = evil.to_owned();
        case.verdicts[0].text = evil.to_owned();
        let page = page_of(&case);
        assert!(!page.contains("<img"));
        assert_eq!(page.matches("</script>").count(), page.matches("<script").count());
    }

    #[test]
    fn a_stuck_run_and_a_broken_rule_are_on_top() {
        let page = page_of(&Case::swarm(&[("peer", 4)], 1, 10).stuck());
        let headline = page.find("<h1>Stuck since").unwrap();
        assert!(headline < page.find("class=\"cards\"").unwrap());
        assert!(page.contains("max messages_sent &lt; 400"));
    }

    #[test]
    fn long_tables_are_cut_and_say_so() {
        let page = page_of(&Case::swarm(&[("peer", 2500)], 1, 4));
        assert!(page.contains("the first 2,000 of 2,501"));
        let (_, peers) = page.split_once("<h2>Peers</h2>").unwrap();
        assert_eq!(peers.matches("<tr><td").count(), ROWS);
    }
}

//! The tables: `peers.csv`, `timeline.csv`, `messages.csv`.
//!
//! Times are seconds with nine digits, made of integers; an empty cell is a value that does not exist. Columns are only
//! ever added at the end.

use csv::{Terminator, Writer, WriterBuilder};
use minibit_core::{Instant, time::nanos};

use super::format::{exact_ratio, exact_seconds};
use super::{ReportError, ReportInput, group_name, piece_count};
use crate::results::{KINDS, Sample, kind_name};

/// A table in memory; the rows come from our own counters, so that only memory can run out.
///
/// # Errors
/// When a row has another number of cells than the header.
pub fn table(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> Result<Vec<u8>, ReportError> {
    let mut writer: Writer<Vec<u8>> =
        WriterBuilder::new().terminator(Terminator::Any(b'\n')).from_writer(Vec::new());
    writer.write_record(header)?;
    for row in rows {
        writer.write_record(row)?;
    }
    writer.into_inner().map_err(|error| ReportError::Csv(error.into_error().into()))
}

fn time(instant: Option<Instant>) -> String {
    instant.map(|instant| exact_seconds(instant.as_nanos())).unwrap_or_default()
}

/// `peers.csv`: a row per peer and run.
///
/// # Errors
/// When a row cannot be written.
pub fn peers(input: &ReportInput<'_>) -> Result<Vec<u8>, ReportError> {
    const HEADER: [&str; 21] = [
        "run",
        "seed",
        "peer",
        "group",
        "joined_s",
        "completed_s",
        "download_s",
        "left_s",
        "outcome",
        "messages_sent",
        "messages_received",
        "payload_up_bytes",
        "payload_down_bytes",
        "wire_up_bytes",
        "wire_down_bytes",
        "pieces",
        "initial_pieces",
        "messages_sent_total",
        "messages_received_total",
        "share_ratio",
        "mean_down_bytes_per_s",
    ];
    let rows = input.runs.iter().flat_map(|run| {
        run.peers.iter().map(move |peer| {
            let download = peer.download_time().map(nanos);
            let rate =
                |nanos: u64| exact_ratio(u128::from(peer.payload_down) * 1_000_000_000, nanos.into(), 3);
            vec![
                run.run.to_string(),
                run.seed.to_string(),
                peer.name.clone(),
                group_name(input.scenario, peer).to_owned(),
                time(peer.joined),
                time(peer.completed),
                download.map(exact_seconds).unwrap_or_default(),
                time(peer.left),
                peer.outcome.name().to_owned(),
                peer.messages_sent.to_string(),
                peer.messages_received.to_string(),
                peer.payload_up.to_string(),
                peer.payload_down.to_string(),
                peer.wire_up.to_string(),
                peer.wire_down.to_string(),
                peer.pieces.to_string(),
                peer.initial_pieces.to_string(),
                total(&peer.sent.map(|tally| tally.count)),
                total(&peer.received.map(|tally| tally.count)),
                exact_ratio(peer.payload_up.into(), peer.payload_down.into(), 6),
                download.map(rate).unwrap_or_default(),
            ]
        })
    });
    table(&HEADER, rows)
}

fn total(counts: &[u64; KINDS]) -> String {
    counts.iter().sum::<u64>().to_string()
}

/// `timeline.csv`: a row per sample and run. Rates are means since the row before.
///
/// # Errors
/// When a row cannot be written.
pub fn timeline(input: &ReportInput<'_>) -> Result<Vec<u8>, ReportError> {
    const HEADER: [&str; 15] = [
        "run",
        "seed",
        "time_s",
        "leechers",
        "seeds",
        "completed",
        "payload_bytes",
        "payload_from_seeds_bytes",
        "messages",
        "min_copies",
        "total_copies",
        "mean_copies",
        "payload_bytes_per_s",
        "payload_from_seeds_bytes_per_s",
        "messages_per_s",
    ];
    let pieces = piece_count(input.scenario);
    let rows = input.runs.iter().flat_map(|run| {
        run.timeline.iter().enumerate().map(move |(i, sample)| {
            let before = i.checked_sub(1).map(|i| &run.timeline[i]);
            let rate = |field: fn(&Sample) -> u64| {
                before.map_or_else(String::new, |before| {
                    let change = field(sample).saturating_sub(field(before));
                    let elapsed = sample.time.nanos_since(before.time);
                    exact_ratio(u128::from(change) * 1_000_000_000, elapsed.into(), 3)
                })
            };
            vec![
                run.run.to_string(),
                run.seed.to_string(),
                exact_seconds(sample.time.as_nanos()),
                sample.leechers.to_string(),
                sample.seeds.to_string(),
                sample.completed.to_string(),
                sample.payload.to_string(),
                sample.payload_from_seeds.to_string(),
                sample.messages.to_string(),
                sample.min_copies.to_string(),
                sample.total_copies.to_string(),
                exact_ratio(sample.total_copies.into(), pieces.into(), 3),
                rate(|sample| sample.payload),
                rate(|sample| sample.payload_from_seeds),
                rate(|sample| sample.messages),
            ]
        })
    });
    table(&HEADER, rows)
}

/// `messages.csv`: number and encoded bytes by peer, kind and direction over the whole run. Kinds that did not occur
/// have no row.
///
/// # Errors
/// When a row cannot be written.
pub fn messages(input: &ReportInput<'_>) -> Result<Vec<u8>, ReportError> {
    const HEADER: [&str; 8] = ["run", "seed", "peer", "group", "kind", "direction", "count", "bytes"];
    let rows = input.runs.iter().flat_map(|run| {
        run.peers.iter().flat_map(move |peer| {
            (0..KINDS).flat_map(move |kind| {
                let sides = [("sent", peer.sent[kind]), ("received", peer.received[kind])];
                sides.into_iter().filter(|(_, tally)| tally.count > 0).map(move |(direction, tally)| {
                    vec![
                        run.run.to_string(),
                        run.seed.to_string(),
                        peer.name.clone(),
                        group_name(input.scenario, peer).to_owned(),
                        kind_name(kind).to_owned(),
                        direction.to_owned(),
                        tally.count.to_string(),
                        tally.bytes.to_string(),
                    ]
                })
            })
        })
    });
    table(&HEADER, rows)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Case, text};
    use super::*;

    #[test]
    fn tables_of_a_tiny_swarm() {
        let case = Case::tiny();
        insta::assert_snapshot!("peers", text(peers(&case.input())));
        insta::assert_snapshot!("timeline", text(timeline(&case.input())));
        insta::assert_snapshot!("messages", text(messages(&case.input())));
    }

    #[test]
    fn names_are_quoted_where_the_format_needs_it() {
        let mut case = Case::tiny();
        case.runs[0].peers[1].name = "a,\"b\"\n".to_owned();
        let table = peers(&case.input()).unwrap();
        let mut reader = csv::Reader::from_reader(table.as_slice());
        let names: Vec<_> = reader.records().map(|row| row.unwrap()[2].to_owned()).collect();
        assert_eq!(names[1], "a,\"b\"\n");
        assert_eq!(names.len(), case.runs[0].peers.len());
    }
}

//! Rows for the tests.

use super::measures::Measure;
use super::rows::Row;

/// A row per median download time; ten peers, all of which finish unless the time is infinite.
pub(super) fn rows(medians: &[f64]) -> Vec<Row> {
    let row = |(run, &median): (u32, &f64)| {
        let unfinished = if median.is_finite() { 0.0 } else { 6.0 };
        let value = |measure| match measure {
            Measure::MedianDownload => Some(median),
            Measure::P95Download | Measure::LastDownload => Some(median * 2.0),
            Measure::MeanFinished => Some(12.5),
            Measure::Unfinished => Some(unfinished),
            Measure::Messages => Some(120.0),
            Measure::Waste => Some(0.01),
            Measure::FromSeeds => Some(0.2),
            Measure::Efficiency => None,
        };
        Row {
            run,
            seed: u64::from(run) + 1,
            ending: if median.is_finite() { "finished" } else { "stuck" }.to_owned(),
            end: 100_000_000_000,
            completed: if median.is_finite() { 10 } else { 4 },
            events: 1000,
            digest: format!("{run:016x}"),
            values: Measure::ALL.map(value),
        }
    };
    (0..).zip(medians).map(row).collect()
}

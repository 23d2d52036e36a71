//! What a tracker knows, counted: for the page, for programs, for Prometheus.

use std::fmt::Write as _;

use minibit_core::tracker::Scrape;
use minibit_core::{InfoHash, Instant};
use serde_json::json;

use super::Tally;
use crate::limits::STATUS_SWARMS;
use crate::registry::Registry;

/// One swarm.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) info_hash: InfoHash,
    /// What it is about, when somebody has published that: announces tell no names.
    pub(super) file: Option<Named>,
    pub(super) counted: Scrape,
}

/// A file, or a directory, as it is published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    pub(super) name: String,
    /// Length of all files in bytes.
    pub(super) len: u64,
    pub(super) files: u32,
}

impl Row {
    fn peers(&self) -> u64 {
        u64::from(self.counted.seeders) + u64::from(self.counted.leechers)
    }
}

/// The state of a tracker at a moment.
#[derive(Clone, Debug)]
pub(super) struct Status {
    pub(super) taken: Instant,
    pub(super) swarms: usize,
    pub(super) seeders: u64,
    pub(super) leechers: u64,
    /// Leechers without those that are partial seeds (BEP 21).
    pub(super) downloaders: u64,
    pub(super) downloads: u64,
    /// The swarms with most peers, those first.
    pub(super) rows: Vec<Row>,
}

impl Status {
    /// Counts everything: O(swarms).
    pub(super) fn take(now: Instant, registry: &Registry) -> Self {
        let mut status = Self {
            taken: now,
            swarms: registry.tracker.swarm_count(),
            seeders: 0,
            leechers: 0,
            downloaders: 0,
            downloads: 0,
            rows: Vec::new(),
        };
        for (info_hash, counted) in registry.tracker.swarms() {
            status.seeders += u64::from(counted.seeders);
            status.leechers += u64::from(counted.leechers);
            status.downloaders += u64::from(counted.downloaders);
            status.downloads += counted.downloaded;
            status.rows.push(Row { info_hash, file: None, counted });
            if status.rows.len() >= 2 * STATUS_SWARMS {
                status.keep_the_largest();
            }
        }
        status.keep_the_largest();
        for row in &mut status.rows {
            row.file = registry.catalogue.get(now, row.info_hash).map(|listed| Named {
                name: listed.name.to_owned(),
                len: listed.len,
                files: listed.files,
            });
        }
        status
    }

    fn keep_the_largest(&mut self) {
        self.rows.sort_by_key(|row| std::cmp::Reverse(row.peers()));
        self.rows.truncate(STATUS_SWARMS);
    }

    /// Keys are added, never changed; `schema` is counted up when that cannot be helped.
    pub(super) fn json(&self, tally: &Tally) -> String {
        let swarms: Vec<_> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "info_hash": row.info_hash.to_hex(),
                    "name": row.file.as_ref().map(|file| &file.name),
                    "size": row.file.as_ref().map(|file| file.len),
                    "files": row.file.as_ref().map(|file| file.files),
                    "seeders": row.counted.seeders,
                    "leechers": row.counted.leechers,
                    "downloaders": row.counted.downloaders,
                    "completed": row.counted.downloaded,
                })
            })
            .collect();
        let asked = |[announces, scrapes, refused]: [u64; 3]| json!({ "announces": announces, "scrapes": scrapes, "refused": refused });
        let value = json!({
            "schema": 1,
            "uptime_seconds": self.uptime(),
            "swarms": self.swarms,
            "seeders": self.seeders,
            "leechers": self.leechers,
            "downloaders": self.downloaders,
            "completed": self.downloads,
            "http": asked(tally.http.get()),
            "udp": asked(tally.udp.get()),
            "largest_swarms": swarms,
        });
        format!("{value:#}\n")
    }

    /// The text format of Prometheus, version 0.0.4.
    pub(super) fn metrics(&self, tally: &Tally, connections: usize) -> String {
        let mut out = String::new();
        let mut metric = |name: &str, kind: &str, help: &str, values: &[(&str, u64)]| {
            let head =
                writeln!(out, "# HELP minibit_tracker_{name} {help}\n# TYPE minibit_tracker_{name} {kind}");
            let lines = values
                .iter()
                .try_for_each(|(labels, value)| writeln!(out, "minibit_tracker_{name}{labels} {value}"));
            head.and(lines).expect("a String takes everything");
        };
        metric("uptime_seconds", "gauge", "Time since the tracker was started.", &[("", self.uptime())]);
        metric(
            "swarms",
            "gauge",
            "Swarms in the registry, those without peers included.",
            &[("", self.swarms as u64)],
        );
        let peers = [("{role=\"seeder\"}", self.seeders), ("{role=\"leecher\"}", self.leechers)];
        metric("peers", "gauge", "Peers in all swarms.", &peers);
        metric(
            "completed",
            "gauge",
            "Downloads that were reported complete, of the swarms in the registry.",
            &[("", self.downloads)],
        );
        metric("http_connections", "gauge", "Open HTTP connections.", &[("", connections as u64)]);
        let (http, udp) = (tally.http.get(), tally.udp.get());
        let table = [
            ("announces_total", "Announces that were answered."),
            ("scrapes_total", "Scrapes that were answered."),
            ("refused_total", "Requests that were refused with a reason."),
        ];
        for ((name, help), (http, udp)) in table.into_iter().zip(http.into_iter().zip(udp)) {
            metric(name, "counter", help, &[("{protocol=\"http\"}", http), ("{protocol=\"udp\"}", udp)]);
        }
        out
    }

    pub(super) fn uptime(&self) -> u64 {
        (self.taken - Instant::ZERO).as_secs()
    }
}

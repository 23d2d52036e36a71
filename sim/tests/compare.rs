//! `sim compare` as its users meet it: the same bytes with any number of threads, baselines, errors, signals.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

#[cfg(target_os = "linux")]
#[path = "support/interrupt.rs"]
mod interrupt;

/// A folder with `swarm.json`, in which the program runs.
struct Sandbox(TempDir);

#[derive(Debug)]
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Sandbox {
    fn new() -> Self {
        let sandbox = Self(tempfile::tempdir().unwrap());
        sandbox.write("swarm.json", &swarm());
        sandbox
    }

    fn write(&self, name: &str, scenario: &Value) {
        std::fs::write(self.path(name), scenario.to_string()).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
        command.args(arguments).current_dir(self.0.path()).env("NO_COLOR", "1").env("COLUMNS", "100");
        command
    }

    fn sim(&self, arguments: &[&str]) -> Run {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Run { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// All files of a report, by name.
    fn files(&self, folder: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let root = self.path(folder);
        let (mut files, mut folders) = (BTreeMap::new(), vec![root.clone()]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.insert(path.strip_prefix(&root).unwrap().to_owned(), std::fs::read(&path).unwrap());
                }
            }
        }
        files
    }
}

/// A slow seed and four peers: done in a few milliseconds.
fn swarm() -> Value {
    json!({
        "content": { "size": "1 MiB", "piece": "64 KiB" },
        "neighbours": "mesh",
        "defaults": { "up": "256 KiB/s", "down": "1 MiB/s" },
        "groups": [{ "name": "seed", "pieces": "all" }, { "name": "peer", "count": 4 }]
    })
}

const PIECES: [&str; 2] = ["--vary", "pieces=rarest-first,sequential"];

#[test]
fn the_report_is_the_same_with_any_number_of_threads() {
    let sandbox = Sandbox::new();
    for threads in ["1", "3"] {
        let run = sandbox.sim(&[
            "compare",
            "swarm.json",
            PIECES[0],
            PIECES[1],
            "--runs",
            "8",
            "--threads",
            threads,
            "--out",
            threads,
        ]);
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{run:?}");
        assert!(run.out.contains("median download") && run.out.contains("see index.html"), "{}", run.out);
    }
    let (one, three) = (sandbox.files("1"), sandbox.files("3"));
    assert_eq!(one.keys().collect::<Vec<_>>(), three.keys().collect::<Vec<_>>());
    for (name, bytes) in &one {
        assert!(*bytes == three[name], "{}", name.display());
    }
    for name in [
        "index.html",
        "summary.json",
        "summary.md",
        "runs.csv",
        "peers.csv",
        "messages.csv",
        "scenario.json",
        "manifest.json",
        "figures/paired.svg",
        "figures/2-copies.png",
    ] {
        assert!(one.contains_key(Path::new(name)), "{name}");
    }
    let manifest: Value = serde_json::from_slice(&one[Path::new("manifest.json")]).unwrap();
    assert_eq!(manifest["command"], "sim compare swarm.json --vary pieces=rarest-first,sequential --runs 8");
    assert_eq!(manifest["runs"].as_array().unwrap().len(), 16);
}

/// The tables and the summary tell the same story: medians are computed here again from `peers.csv`.
#[test]
fn the_summary_is_what_the_tables_give() {
    let sandbox = Sandbox::new();
    let run = sandbox.sim(&[
        "compare",
        "swarm.json",
        PIECES[0],
        PIECES[1],
        "--runs",
        "7",
        "--out",
        "r",
        "--format",
        "json",
    ]);
    let summary: Value = serde_json::from_str(&run.out).unwrap();
    let files = sandbox.files("r");
    assert_eq!(run.out.as_bytes(), files[Path::new("summary.json")].as_slice());
    let mut times: BTreeMap<(String, String), Vec<f64>> = BTreeMap::new();
    let mut reader = csv::Reader::from_reader(files[Path::new("peers.csv")].as_slice());
    for row in reader.records() {
        let row = row.unwrap();
        if let Ok(seconds) = row[7].parse() {
            times.entry((row[1].to_owned(), row[3].to_owned())).or_default().push(seconds);
        }
    }
    let median = |times: &Vec<f64>| {
        let mut times = times.clone();
        times.sort_by(f64::total_cmp);
        f64::midpoint(times[1], times[2])
    };
    let variants = summary["cases"][0]["variants"].as_array().unwrap();
    let mut by_seed: Vec<Vec<f64>> = Vec::new();
    for variant in variants {
        let name = variant["name"].as_str().unwrap();
        let medians: Vec<f64> = (1..=7)
            .map(|seed: u32| {
                let times = &times[&(name.to_owned(), seed.to_string())];
                assert_eq!(times.len(), 4);
                median(times)
            })
            .collect();
        let mean = medians.iter().sum::<f64>() / 7.0;
        let told = variant["measures"]
            .as_array()
            .unwrap()
            .iter()
            .find(|values| values["measure"] == "median_download");
        assert!((told.unwrap()["mean"].as_f64().unwrap() - mean).abs() < 1e-5, "{name}");
        by_seed.push(medians);
    }
    let change = by_seed[0].iter().zip(&by_seed[1]).map(|(a, b)| b / a - 1.0).sum::<f64>() / 7.0;
    let told = summary["cases"][0]["changes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|change| change["measure"] == "median_download");
    assert!((told.unwrap()["value"].as_f64().unwrap() - change).abs() < 1e-5);
}

#[test]
fn a_baseline_is_held_against_now() {
    let sandbox = Sandbox::new();
    assert_eq!(
        sandbox.sim(&["compare", "swarm.json", PIECES[0], PIECES[1], "--runs", "6", "--out", "old"]).code,
        Some(0)
    );
    let same = sandbox.sim(&["compare", "--baseline", "old"]);
    assert_eq!(same.code, Some(0), "{same:?}");
    assert!(same.out.contains("swarm, rarest-first: unchanged, event by event"), "{}", same.out);
    assert!(same.out.contains("✓ nothing is worse than the baseline"), "{}", same.out);

    // The policy that the user is working on has got worse: everybody waits for the same piece.
    let slots = ["--set", "groups.seed.choking.slots=1", "--set", "groups.peer.uploads=false"];
    let worse: Vec<&str> = ["compare", "swarm.json", PIECES[0], PIECES[1], "--baseline", "old"]
        .into_iter()
        .chain(slots)
        .collect();
    let failed = sandbox.sim(&worse);
    assert_eq!(failed.code, Some(1), "{failed:?}");
    assert!(failed.out.contains("✗ swarm, rarest-first: median download changed by +"), "{}", failed.out);
    assert!(failed.out.contains("which `median_download > +5%` does not allow"), "{}", failed.out);
    let lenient: Vec<&str> = worse.iter().copied().chain(["--fail-on", "waste > +90%"]).collect();
    assert_eq!(sandbox.sim(&lenient).code, Some(0));
}

#[test]
fn the_report_of_a_run_is_a_baseline_too() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.sim(&["run", "swarm.json", "--runs", "2", "--out", "old"]).code, Some(0));
    let same = sandbox.sim(&["compare", "--baseline", "old", "--format", "json"]);
    let told: Value = serde_json::from_str(&same.out).unwrap();
    assert_eq!((same.code, &told["variants"][0]["unchanged"]), (Some(0), &json!(true)), "{same:?}");
    assert_eq!(told["failures"], json!([]));
}

#[test]
fn what_is_no_baseline_is_refused_with_the_reason() {
    let sandbox = Sandbox::new();
    sandbox.sim(&["compare", "swarm.json", PIECES[0], PIECES[1], "--runs", "2", "--out", "old"]);
    let refused = |arguments: &[&str], why: &str| {
        let run = sandbox.sim(arguments);
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{run:?}");
        assert!(run.err.contains(why), "{why}: {}", run.err);
    };
    refused(&["compare", "--baseline", "nowhere"], "cannot read nowhere/scenario.json");
    let against = ["compare", "swarm.json", "--baseline", "old"];
    refused(
        &against,
        "the baseline has no variant `swarm` of `swarm`; it has `rarest-first` of `swarm`, `sequential` of `swarm`",
    );
    let other = |set| [&against[..], &PIECES, &["--set", set]].concat();
    refused(&other("groups.peer.count=9"), "`swarm` has not the same peers");
    refused(&other("content.size=2 MiB"), "`swarm` has not the same content");
    refused(&["compare", "--baseline", "old", "--runs", "3"], "run as recorded");
    refused(&["compare", "--baseline", "old", "--fail-on", "speed > 1%"], "there is no measure `speed`");
    let runs = sandbox.path("old/runs.csv");
    let text = std::fs::read_to_string(&runs).unwrap();
    std::fs::write(&runs, text.replacen("p95_download", "p99_download", 1)).unwrap();
    refused(
        &["compare", "--baseline", "old"],
        "the column `p95_download` is missing: another version of sim wrote it",
    );
}

#[test]
fn wrong_usage_is_answered_with_a_hint() {
    let sandbox = Sandbox::new();
    for (arguments, hint) in [
        (vec!["compare"], "which scenario?"),
        (vec!["compare", "swarm.json"], "add --vary"),
        (vec!["compare", "swarm.json", "--vary", "pieces"], "write e.g. --vary pieces=rarest-first,random"),
        (vec!["compare", "swarm.json", "--vary", "pieces=rarest-first,rarest-first"], "twice"),
        (vec!["compare", "swarm.json", "--vary", "pieces=rarest-first,randon"], "did you mean `random`?"),
        (
            vec!["compare", "swarm.json", "--vary", "piece_seletion=random,sequential"],
            "did you mean `piece_selection`?",
        ),
        (
            vec!["compare", "swarm.json", "swarm.json", "--vary", "slots=1,2"],
            "two scenarios have the same name",
        ),
    ] {
        let run = sandbox.sim(&arguments);
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{arguments:?}: {run:?}");
        assert!(run.err.contains(hint), "{arguments:?}: {}", run.err);
        assert!(!sandbox.path("reports").exists());
    }
}

#[test]
fn the_list_of_reports_has_what_is_there() {
    let sandbox = Sandbox::new();
    sandbox.sim(&["compare", "swarm.json", PIECES[0], PIECES[1], "--runs", "2"]);
    sandbox.sim(&["run", "swarm.json"]);
    let list = sandbox.sim(&["report", "--index"]);
    assert_eq!((list.code, list.out.as_str()), (Some(0), "2 reports in reports/index.html\n"), "{list:?}");
    let page = std::fs::read_to_string(sandbox.path("reports/index.html")).unwrap();
    assert!(
        page.contains("href=\"swarm/index.html\"") && page.contains("href=\"swarm_by_pieces/index.html\"")
    );
}

/// Ctrl+C: nothing half-done is left, the exit code says what happened, and the same command again gives what it would have given.
#[cfg(target_os = "linux")]
#[test]
fn an_interrupted_comparison_writes_nothing() {
    let sandbox = Sandbox::new();
    let compare = |runs: &'static str| {
        ["compare", "swarm.json", PIECES[0], PIECES[1], "--runs", runs, "--out", "report"]
    };
    assert_eq!(sandbox.sim(&compare("2")).code, Some(0));
    let before = sandbox.files("report");
    let mut long = sandbox.command(&compare("100000"));
    let child = long.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let output = interrupt::interrupt(child, || true);
    assert_eq!(output.status.code(), Some(130));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "interrupted: nothing is written\n");
    assert!(output.stdout.is_empty());
    assert!(sandbox.files("report") == before, "the earlier report is as it was");
    assert_eq!(sandbox.sim(&compare("2")).code, Some(0));
    assert!(sandbox.files("report") == before);
}

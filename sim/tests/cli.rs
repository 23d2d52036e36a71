//! The program `sim` as its users meet it: exit codes, what is written where, signals.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder with scenarios, in which the program runs.
struct Sandbox(TempDir);

impl Sandbox {
    /// A folder that has `swarm.json`: a seed and two leechers, done in seconds.
    fn new() -> Self {
        let sandbox = Self(tempfile::tempdir().unwrap());
        sandbox.write("swarm.json", &swarm());
        sandbox
    }

    fn write(&self, name: &str, scenario: &Value) {
        std::fs::write(self.path(name), serde_json::to_string_pretty(scenario).unwrap()).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
        command.args(arguments).current_dir(self.0.path()).env("NO_COLOR", "1").env("COLUMNS", "100");
        command
    }

    /// Runs the program to its end.
    fn sim(&self, arguments: &[&str]) -> Run {
        Run::new(&self.command(arguments).output().unwrap())
    }

    /// All files below a folder, by path, with their contents.
    fn files(&self, folder: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let (mut files, mut folders) = (BTreeMap::new(), vec![self.path(folder)]);
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.insert(path.clone(), std::fs::read(&path).unwrap());
                }
            }
        }
        files
    }

    fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

/// What came of it.
#[derive(Debug)]
struct Run {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Run {
    fn new(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        Self { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

fn swarm() -> Value {
    json!({
        "content": { "size": "1 MiB", "piece": "64 KiB" },
        "neighbours": "mesh",
        "defaults": { "up": "256 KiB/s", "down": "1 MiB/s" },
        "groups": [{ "name": "seed", "pieces": "all" }, { "name": "leecher", "count": 2 }]
    })
}

fn shipped(name: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios").join(name).to_str().unwrap().to_owned()
}

/// What is printed, without what the machine's clock says, and without the digests, which are written down elsewhere.
fn without_clock(out: &str) -> String {
    let line = |line: &str| match line.split_once(" s in ").zip(line.split_once("CPU-s); ")) {
        Some(((virtual_time, _), (_, rest))) if virtual_time.starts_with("virtual time") => {
            let (events, _) = rest.split_once(" events").unwrap();
            format!("{virtual_time} s in … s (… CPU-s); {events} events, … per CPU-s")
        }
        _ if line.starts_with("digest ") => "digest …".to_owned(),
        _ => line.to_owned(),
    };
    out.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_report_goes_to_its_default_folder_or_where_it_is_told() {
    let sandbox = Sandbox::new();
    let run = sandbox.sim(&["run", "swarm.json"]);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{run:?}");
    assert_eq!(sandbox.names(), ["reports", "swarm.json"]);
    let report = sandbox.files("reports/swarm");
    for name in ["peers.csv", "timeline.csv", "messages.csv", "summary.json", "manifest.json", "index.html"] {
        assert!(report.contains_key(&sandbox.path("reports/swarm").join(name)), "{name}");
    }
    let elsewhere = sandbox.sim(&["run", "swarm.json", "--out", "else/where"]);
    assert_eq!(elsewhere.code, Some(0));
    let bytes = |files: BTreeMap<PathBuf, Vec<u8>>| files.into_values().collect::<Vec<_>>();
    assert!(bytes(report) == bytes(sandbox.files("else/where")), "the folder's name is in no file");
}

#[test]
fn the_table_is_as_it_was() {
    let sandbox = Sandbox::new();
    let run = sandbox.sim(&["run", "swarm.json", "--runs", "2"]);
    insta::assert_snapshot!("table", without_clock(&run.out));
}

#[test]
fn help_is_as_it_was() {
    let sandbox = Sandbox::new();
    for (name, arguments) in
        [("help", &["--help"][..]), ("help_run", &["run", "--help"]), ("help_bench", &["bench", "--help"])]
    {
        let run = sandbox.sim(arguments);
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
        insta::assert_snapshot!(name, run.out);
    }
    assert_eq!(sandbox.names(), ["swarm.json"]);
}

#[test]
fn the_command_line_changes_the_scenario() {
    let sandbox = Sandbox::new();
    let summary = |arguments: &[&str]| -> Value {
        let run = sandbox.sim(&[&["run", "swarm.json", "--format", "json"], arguments].concat());
        assert_eq!((run.code, run.err.as_str()), (Some(0), ""), "{run:?}");
        let written = std::fs::read_to_string(sandbox.path("reports/swarm/summary.json")).unwrap();
        assert_eq!(run.out, written);
        serde_json::from_str(&run.out).unwrap()
    };
    let seeds = |summary: &Value| -> Vec<u64> {
        summary["runs"].as_array().unwrap().iter().map(|run| run["seed"].as_u64().unwrap()).collect()
    };
    let plain = summary(&[]);
    assert_eq!((plain["schema"].as_u64(), seeds(&plain)), (Some(1), vec![1]));
    assert_eq!(plain["groups"][1]["count"], 2);
    let changed = summary(&["--seed", "7", "--runs", "3", "--set", "groups.leecher.count=5"]);
    assert_eq!(seeds(&changed), [7, 8, 9]);
    assert_eq!(changed["groups"][1]["count"], 15, "five in each of three runs");
    assert_ne!(plain["runs"][0]["digest"], changed["runs"][0]["digest"]);
}

#[test]
fn rules_decide_about_success() {
    let sandbox = Sandbox::new();
    let mut scenario = swarm();
    for (rule, code, mark) in [("max(download_s) < 1 s", 1, '✗'), ("max(download_s) < 1 min", 0, '✓')] {
        scenario["expect"] = json!([rule]);
        sandbox.write("ruled.json", &scenario);
        let run = sandbox.sim(&["run", "ruled.json"]);
        assert_eq!(run.code, Some(code), "{run:?}");
        assert!(run.out.contains(&format!("{mark} {rule}")), "{}", run.out);
        assert!(sandbox.path("reports/ruled/manifest.json").exists(), "a failed run has its report, too");
    }
}

#[test]
fn a_stuck_swarm_says_what_is_missing_and_who_had_it() {
    let sandbox = Sandbox::new();
    let mut scenario = swarm();
    scenario["groups"][0]["leave"] = json!({ "abort_after": "3 s" });
    sandbox.write("stuck.json", &scenario);
    let run = sandbox.sim(&["run", "stuck.json"]);
    assert_eq!(run.code, Some(1), "{run:?}");
    let line = run.out.lines().find(|line| line.contains("stuck")).expect("it says so");
    assert!(line.contains("2 peers incomplete") && line.contains("; nobody has piece "), "{line}");
    assert!(line.contains("last held by seed until 3.0 s"), "{line}");
    // With rules, it is the rules that count.
    scenario["expect"] = json!(["share(completed) <= 0"]);
    sandbox.write("expected.json", &scenario);
    assert_eq!(sandbox.sim(&["run", "expected.json"]).code, Some(0));
}

#[test]
fn a_wrong_scenario_or_command_writes_nothing() {
    let sandbox = Sandbox::new();
    let mut broken = swarm();
    broken["groups"][1]["conut"] = json!(3);
    sandbox.write("broken.json", &broken);
    let before = sandbox.names();
    for (arguments, says) in [
        (&["run", "broken.json"][..], "conut"),
        (&["run", "absent.json"], "absent.json"),
        (&["run", "swarm.json", "--set", "groups.nobody.count=2"], "nobody"),
        (&["run", "swarm.json", "--runs", "0"], "--runs"),
        (&["run", "swarm.json", "--colour", "never"], "--colour"),
        (&["run", "swarm.json", "--runs", "2", "--trace", "t.ndjson"], "--runs 1"),
        (&["run", "swarm.json", "--check", "--trace", "t.ndjson"], "--check"),
        (&["bench", "broken.json"], "conut"),
        (&["walk"], "walk"),
        (&[], "Usage"),
    ] {
        let run = sandbox.sim(arguments);
        assert_eq!((run.code, run.out.as_str()), (Some(2), ""), "{arguments:?}: {run:?}");
        assert!(run.err.contains(says), "{arguments:?}: {}", run.err);
        assert_eq!(sandbox.names(), before, "{arguments:?}");
    }
    assert!(sandbox.sim(&["run", "broken.json"]).err.contains("broken.json:"), "the place is named");
}

#[test]
fn check_says_that_runs_are_equal() {
    let sandbox = Sandbox::new();
    let run = sandbox.sim(&["run", "swarm.json", "--check", "--runs", "2"]);
    assert_eq!(run.code, Some(0));
    assert!(run.out.contains("each run done twice: equal"), "{}", run.out);
    let digests = |out: &str| {
        out.lines().find_map(|line| Some(line.strip_prefix("digest ")?[..33].to_owned())).unwrap()
    };
    assert_eq!(digests(&run.out), digests(&sandbox.sim(&["run", "swarm.json", "--runs", "2"]).out));
}

#[test]
fn a_trace_is_one_object_per_line_and_is_told_on_standard_error() {
    let sandbox = Sandbox::new();
    let run = sandbox.sim(&["run", "swarm.json", "--trace", "events.ndjson", "--format", "json"]);
    assert_eq!(run.code, Some(0));
    assert!(serde_json::from_str::<Value>(&run.out).is_ok(), "nothing else on standard output");
    assert!(run.err.contains("events.ndjson"), "{}", run.err);
    let trace = std::fs::read_to_string(sandbox.path("events.ndjson")).unwrap();
    let lines: Vec<Value> = trace.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.len() > 200 && lines.is_sorted_by_key(|line| line["t_ns"].as_u64()));
    let completed = lines.iter().filter(|line| line["event"] == "completed").count();
    assert_eq!(completed, 2);
    assert_eq!(sandbox.names(), ["events.ndjson", "reports", "swarm.json"]);
}

#[test]
fn the_schema_is_the_committed_one() {
    let run = Sandbox::new().sim(&["schema"]);
    assert_eq!((run.code, run.err.as_str()), (Some(0), ""));
    assert_eq!(run.out, std::fs::read_to_string(shipped("schema.json")).unwrap());
}

/// What people are told about files and folders that are not what they should be: the snapshot is to be read.
#[cfg(unix)]
#[test]
fn errors_say_what_is_wrong_and_where_and_what_to_do() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("folder")).unwrap();
    std::fs::write(sandbox.path("file"), "no folder\n").unwrap();
    sandbox.write("sweep.json", &json!({ "scenario": "swarm.json", "axes": [], "seeds": 1 }));
    let before = sandbox.files(".");
    let commands = [
        "run absent.json",
        "run folder",
        "run sweep.json",
        "run swarm.json --out file",
        "run swarm.json --out file/below",
        "run swarm.json --trace folder",
        "run swarm.json --trace absent/events.ndjson",
        "run swarm.json --trace events.ndjson --runs 2",
        "compare swarm.json",
        "compare swarm.json --vary pieces=random,rarest-first --out file",
        "compare --baseline folder",
        "bench absent.json",
        "replay absent.ndjson",
        "replay folder",
        "replay swarm.json",
        "sweep plan swarm.json",
        "sweep run sweep.json --out runs --shard 2/2",
        "sweep status folder",
        "merge folder",
        "report folder",
        "report --index folder",
        "report --index absent",
    ];
    let mut told = String::new();
    for command in commands {
        let run = sandbox.sim(&command.split(' ').collect::<Vec<_>>());
        assert_eq!(
            (run.code, run.out.as_str()),
            (Some(if command.contains("absent/") { 1 } else { 2 }), ""),
            "{command}"
        );
        writeln!(told, "$ sim {command}\n{}", run.err).unwrap();
    }
    assert!(before == sandbox.files("."), "nothing is written");
    insta::assert_snapshot!(told);
}

#[test]
fn bench_measures_and_writes_nothing() {
    let sandbox = Sandbox::new();
    let run = sandbox.sim(&["bench", "swarm.json"]);
    assert_eq!(run.code, Some(0));
    assert!(run.out.contains("messages") && run.out.contains("digest"), "{}", run.out);
    assert_eq!(sandbox.names(), ["swarm.json"]);
}

/// A reader that goes away, such as `head`, is no error.
#[test]
fn a_closed_pipe_is_no_error() {
    let sandbox = Sandbox::new();
    for arguments in [&["schema"][..], &["run", "swarm.json"], &["run", "swarm.json", "--format", "json"]] {
        let mut child =
            sandbox.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]), "{arguments:?}");
    }
}

#[cfg(unix)]
mod signals {
    use std::time::Duration;

    use super::*;

    /// A swarm that takes far longer than a test.
    fn long() -> Value {
        let mut scenario = swarm();
        scenario["content"]["size"] = json!("4 GiB");
        scenario["content"]["piece"] = json!("1 MiB");
        scenario["groups"][1]["count"] = json!(100);
        scenario
    }

    fn signal(child: &std::process::Child, name: &str) {
        let status = Command::new("kill").args([name, &child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Starts the program and gives it time to get under way, of which nothing can be seen from outside.
    #[expect(clippy::disallowed_methods, reason = "a real process takes real time")]
    fn start(sandbox: &Sandbox, arguments: &[&str], time: Duration) -> std::process::Child {
        let mut command = sandbox.command(arguments);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        std::thread::sleep(time);
        child
    }

    /// Interrupts the program once it listens: a signal that comes too early kills it.
    fn interrupt(sandbox: &Sandbox, arguments: &[&str]) -> Run {
        let try_after = |millis| {
            let child = start(sandbox, arguments, Duration::from_millis(millis));
            signal(&child, "-INT");
            Run::new(&child.wait_with_output().unwrap())
        };
        let run = try_after(300);
        if run.code.is_some() { run } else { try_after(5_000) }
    }

    #[test]
    fn an_interrupt_ends_runs_with_a_report() {
        let sandbox = Sandbox::new();
        sandbox.write("long.json", &long());
        for arguments in [
            &["run", "long.json"][..],
            &["run", "long.json", "--trace", "trace.ndjson"],
            &["run", "swarm.json", "--runs", "100000", "--out", "reports/long"],
        ] {
            let run = interrupt(&sandbox, arguments);
            assert_eq!(run.code, Some(130), "{arguments:?}: {}", run.err);
            let says = format!("{}{}", run.out, run.err);
            assert!(
                says.contains("interrupted at") || says.contains("of 100000 runs had begun"),
                "{arguments:?}"
            );
            let written = sandbox.files(".");
            assert!(sandbox.path("reports/long/manifest.json").exists());
            let unfinished = |path: &&PathBuf| path.to_string_lossy().contains(".part");
            assert_eq!(written.keys().find(unfinished), None, "{arguments:?}");
            std::fs::remove_dir_all(sandbox.path("reports")).unwrap();
        }
    }

    #[test]
    fn a_killed_run_leaves_the_earlier_report() {
        let sandbox = Sandbox::new();
        assert_eq!(sandbox.sim(&["run", "swarm.json", "--out", "report"]).code, Some(0));
        let before = sandbox.files("report");
        sandbox.write("long.json", &long());
        let mut child = start(&sandbox, &["run", "long.json", "--out", "report"], Duration::from_millis(300));
        child.kill().unwrap();
        assert_eq!(child.wait().unwrap().code(), None, "killed");
        assert!(before == sandbox.files("report"), "the report is as it was");
    }
}

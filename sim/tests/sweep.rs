//! Sweeps as their users meet them. Above all the law: however a plan is cut, and however often those who do it are killed, what
//! is merged is the same, byte for byte.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

#[cfg(target_os = "linux")]
#[path = "support/interrupt.rs"]
mod interrupt;

/// Two cells by two, two policies, six seeds: 48 runs of a few milliseconds.
fn sweep() -> Value {
    json!({
        "description": "A sweep for tests.",
        "scenario": {
            "content": { "size": "2 MiB", "piece": "64 KiB" },
            "groups": [
                { "name": "seed", "pieces": "all", "up": "1 Mbit/s" },
                { "name": "peers", "count": 6, "up": "1 Mbit/s", "down": "8 Mbit/s", "arrivals": { "poisson": { "per_second": 1 } } }
            ],
            "stop": { "time": "1 h" }
        },
        "axes": [
            { "path": "groups.seed.up", "name": "upload of the seed", "values": ["1 Mbit/s", "4 Mbit/s"] },
            { "path": "slots", "values": [2, 4] }
        ],
        "policies": { "path": "pieces", "values": ["rarest-first", "random"] },
        "seeds": 6
    })
}

/// A folder with `sweep.json`, in which the program runs.
struct Sandbox(TempDir);

impl Sandbox {
    fn new() -> Self {
        let sandbox = Self(tempfile::tempdir().unwrap());
        sandbox.write("sweep.json", &sweep());
        sandbox
    }

    fn write(&self, name: &str, value: &Value) {
        std::fs::write(self.path(name), serde_json::to_string_pretty(value).unwrap()).unwrap();
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
        command
            .args(arguments.split(' '))
            .current_dir(self.0.path())
            .env("NO_COLOR", "1")
            .env("COLUMNS", "100");
        command
    }

    /// Runs the program to its end: exit code, standard output, standard error.
    fn sim(&self, arguments: &str) -> (Option<i32>, String, String) {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    /// Runs the program, which is to succeed, and gives its standard output.
    fn good(&self, arguments: &str) -> String {
        let (code, out, err) = self.sim(arguments);
        assert_eq!(code, Some(0), "{arguments}: {err}");
        out
    }

    /// The merged rows of a sweep that is done in one go.
    fn whole(&self) -> String {
        self.good("sweep run sweep.json --out whole");
        assert_eq!(self.good("merge whole"), "whole/runs.csv\n");
        self.read("whole/runs.csv")
    }
}

#[test]
fn the_law_seven_shards_in_any_order_give_what_one_gives() {
    let sandbox = Sandbox::new();
    let whole = sandbox.whole();
    assert_eq!(whole.lines().count(), 49);
    for (jobs, shard) in [(1, 3), (2, 6), (1, 0), (3, 5), (1, 1), (2, 4), (1, 2)] {
        sandbox.good(&format!("sweep run sweep.json --shard {shard}/7 --out parts -j {jobs}"));
    }
    sandbox.good("merge parts");
    assert!(whole == sandbox.read("parts/runs.csv"));
    // What was done in another way beside it changes nothing, for it agrees.
    sandbox.good("sweep run sweep.json --shard 1/2 --out parts");
    sandbox.good("merge parts");
    assert!(whole == sandbox.read("parts/runs.csv"));
}

#[cfg(unix)]
#[test]
#[expect(clippy::disallowed_methods, reason = "a real process is killed at a real time")]
fn the_law_who_is_killed_again_and_again_gives_it_too() {
    let sandbox = Sandbox::new();
    let whole = sandbox.whole();
    let (mut kills, mut with_rows, mut draw) = (0_u32, 0, std::process::id());
    let part = sandbox.path("killed/shard-0-of-1.csv.part");
    let finished = sandbox.path("killed/shard-0-of-1.csv");
    while !finished.exists() {
        let mut child =
            sandbox.command("sweep run sweep.json --out killed -j 2").stderr(Stdio::null()).spawn().unwrap();
        // Any moment, a little later each time so that there is progress on slow machines, too.
        draw = draw.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let millis = u64::from(draw >> 24) / 4 + 5 * u64::from(kills);
        std::thread::sleep(std::time::Duration::from_millis(millis));
        child.kill().unwrap();
        if child.wait().unwrap().code().is_none() {
            kills += 1;
            with_rows += u32::from(std::fs::read_to_string(&part).is_ok_and(|rows| rows.lines().count() > 1));
            // It may have died between the last rename and its own end.
            if !finished.exists() {
                assert_ne!(sandbox.sim("merge killed").0, Some(0), "half a sweep is not merged");
            }
        }
        // A torn row, as a crash of the machine may leave it.
        if kills == 2
            && let Ok(mut file) = std::fs::OpenOptions::new().append(true).open(&part)
        {
            std::io::Write::write_all(&mut file, b"0123,4,torn").unwrap();
        }
    }
    assert!(
        kills >= 1 && with_rows >= 1,
        "{kills} kills, {with_rows} of them with rows: the test tested nothing"
    );
    sandbox.good("merge killed");
    assert!(whole == sandbox.read("killed/runs.csv"), "after {kills} kills");
}

/// Ctrl+C in the middle: whole rows stay, the exit code says what happened, the same command goes on, and the merge is the law's.
#[cfg(target_os = "linux")]
#[test]
fn the_law_who_is_interrupted_goes_on_where_it_was() {
    let sandbox = Sandbox::new();
    let mut longer = sweep();
    longer["seeds"] = json!(20);
    sandbox.write("sweep.json", &longer);
    let whole = sandbox.whole();
    // Where others keep the processors busy, it may be done before it hears of the interrupt.
    let stopped = (0..50).find_map(|attempt| {
        let folder = format!("stopped-{attempt}");
        let part = sandbox.path(&folder).join("shard-0-of-1.csv.part");
        let mut command = sandbox.command(&format!("sweep run sweep.json --out {folder} -j 1"));
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let begun = || std::fs::read_to_string(&part).is_ok_and(|rows| rows.lines().count() > 3);
        let output = interrupt::interrupt(child, begun);
        (output.status.code() != Some(0)).then_some((folder, part, output))
    });
    let (folder, part, output) = stopped.expect("one of fifty is interrupted in time");
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(130), &b""[..]), "{output:?}");
    let rows = std::fs::read_to_string(&part).unwrap();
    let done = rows.lines().count() - 1;
    assert!((3..160).contains(&done) && rows.ends_with('\n'), "{done} whole rows");
    assert!(rows.lines().all(|row| whole.lines().any(|other| other == row)), "each of them as it will be");
    let said = String::from_utf8(output.stderr).unwrap();
    let to_do = format!("interrupted: {} runs to do\n  hint: the same command goes on\n", 160 - done);
    assert!(said.ends_with(&to_do), "{said}");
    let (code, _, err) = sandbox.sim(&format!("merge {folder}"));
    assert_eq!(code, Some(1), "half a sweep is not merged: {err}");
    let (code, _, err) = sandbox.sim(&format!("sweep run sweep.json --out {folder}"));
    assert_eq!(code, Some(0));
    let resumed = format!("shard 0/1 is done ({} runs, {done} had been done before)", 160 - done);
    assert!(err.contains(&resumed), "{err}");
    sandbox.good(&format!("merge {folder}"));
    assert!(whole == sandbox.read(&format!("{folder}/runs.csv")));
}

/// The page's commands, as they stand there, in a folder that has the sweep's file and nothing else.
#[cfg(unix)]
#[test]
fn the_command_of_a_report_makes_it_again() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.path("my sweeps")).unwrap();
    sandbox.write("my sweeps/sweep.json", &sweep());
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sim"));
        let output = command.args(arguments).current_dir(sandbox.0.path()).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    };
    run(&["sweep", "run", "my sweeps/sweep.json", "--out", "first"]);
    run(&["merge", "first"]);
    run(&["report", "first", "--out", "report"]);
    let manifest: Value = serde_json::from_str(&sandbox.read("report/manifest.json")).unwrap();
    let command = manifest["command"].as_str().unwrap();
    let page = sandbox.read("report/index.html");
    let shown = page.replace("&#x2f;", "/").replace("&#x27;", "'").replace("&amp;", "&");
    assert!(shown.contains(&format!("<pre><code>{command}</code></pre>")), "{command}");
    let program = Path::new(env!("CARGO_BIN_EXE_sim")).parent().unwrap();
    let path = std::env::join_paths(
        [program.to_owned()].into_iter().chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let shell = Command::new("sh")
        .args(["-c", command])
        .current_dir(sandbox.0.path())
        .env("PATH", path.unwrap())
        .output();
    let shell = shell.unwrap();
    assert!(shell.status.success(), "{command}: {shell:?}");
    for file in ["manifest.json", "index.html", "summary.md", "runs.csv"] {
        assert_eq!(sandbox.read(&format!("report/{file}")), sandbox.read(&format!("reports/sweep/{file}")));
    }
}

#[test]
fn status_says_what_is_missing_as_engines_take_it() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.sim("sweep status parts").0, Some(2), "nobody has worked there");
    for shard in [0, 5] {
        sandbox.good(&format!("sweep run sweep.json --shard {shard}/8 --out parts"));
    }
    assert_eq!(sandbox.good("sweep status parts"), "1-4,6-7\n");
    let (code, _, err) = sandbox.sim("merge parts");
    assert_eq!(code, Some(1));
    assert!(
        err.contains("36 of 48 runs are missing") && err.contains("do shards 1-4,6-7 of 8 again"),
        "{err}"
    );
    assert!(!sandbox.path("parts/runs.csv").exists());
    assert_eq!(sandbox.good("sweep status parts --of 2"), "0-1\n");
    // To submit everything again is safe: what is committed is not touched.
    let before = std::fs::metadata(sandbox.path("parts/shard-0-of-8.csv")).unwrap().modified().unwrap();
    for shard in 0..8 {
        sandbox.good(&format!("sweep run sweep.json --shard {shard}/8 --out parts"));
    }
    let after = std::fs::metadata(sandbox.path("parts/shard-0-of-8.csv")).unwrap().modified().unwrap();
    assert_eq!(before, after);
    assert_eq!(sandbox.good("sweep status parts"), "");
}

#[test]
fn pairs_are_never_torn_apart() {
    let sandbox = Sandbox::new();
    sandbox.good("sweep run sweep.json --shard 2/5 --out parts");
    let rows = sandbox.read("parts/shard-2-of-5.csv");
    let mut indices: Vec<u64> =
        rows.lines().skip(1).map(|row| row.split(',').nth(1).unwrap().parse().unwrap()).collect();
    indices.sort_unstable();
    assert_eq!(indices, [4, 5, 14, 15, 24, 25, 34, 35, 44, 45]);
}

#[test]
fn two_results_for_one_run_are_an_alarm() {
    let sandbox = Sandbox::new();
    sandbox.good("sweep run sweep.json --out parts");
    sandbox.good("sweep run sweep.json --shard 0/2 --out parts");
    let file = sandbox.path("parts/shard-0-of-2.csv");
    let rows = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, rows.replace(",finished,", ",stuck,")).unwrap();
    let (code, out, err) = sandbox.sim("merge parts");
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(
        err.contains("determinism broken") && err.contains(",finished,") && err.contains(",stuck,"),
        "{err}"
    );
    assert!(!sandbox.path("parts/runs.csv").exists());
}

#[test]
fn a_folder_belongs_to_one_plan_and_rows_to_their_plan() {
    let sandbox = Sandbox::new();
    sandbox.good("sweep run sweep.json --shard 0/2 --out parts");
    let mut other = sweep();
    other["seeds"] = json!(7);
    sandbox.write("other.json", &other);
    let (code, _, err) = sandbox.sim("sweep run other.json --shard 1/2 --out parts");
    assert_eq!(code, Some(2));
    assert!(err.contains("holds runs of plan"), "{err}");
    // A file that somebody copies in is found out, too.
    sandbox.good("sweep run other.json --shard 1/2 --out others");
    std::fs::copy(sandbox.path("others/shard-1-of-2.csv"), sandbox.path("parts/shard-1-of-2.csv")).unwrap();
    let (code, _, err) = sandbox.sim("merge parts");
    assert_eq!(code, Some(1));
    assert!(err.contains("shard-1-of-2.csv, line 2: a row of plan"), "{err}");
}

#[test]
fn a_plan_has_a_hash_that_everything_is_in() {
    let sandbox = Sandbox::new();
    let hash = |change: &dyn Fn(&mut Value)| {
        let mut changed = sweep();
        change(&mut changed);
        sandbox.write("changed.json", &changed);
        let plan: Value =
            serde_json::from_str(&sandbox.good("sweep plan changed.json --format json")).unwrap();
        plan["plan"].as_str().unwrap().to_owned()
    };
    let original = hash(&|_| ());
    assert_eq!(
        original,
        hash(&|sweep| sweep["scenario"]["seed"] = json!(1)),
        "what is the default says nothing new"
    );
    let changes: [&dyn Fn(&mut Value); 5] = [
        &|sweep| sweep["seeds"] = json!(7),
        &|sweep| sweep["scenario"]["seed"] = json!(2),
        &|sweep| sweep["set"] = json!({ "groups.peers.count": 7 }),
        &|sweep| sweep["axes"][0]["values"][0] = json!("1.5 Mbit/s"),
        &|sweep| sweep["policies"]["values"][1] = json!("sequential"),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        assert_ne!(original, hash(change), "change {number}");
    }
    let text = sandbox.good("sweep plan sweep.json");
    assert!(text.contains("48 runs = 4 cells × 6 seeds") && text.contains("of processor time"), "{text}");
    assert!(text.ends_with(&format!("plan {}\n", hash(&|sweep| sweep["name"] = json!("sweep")))), "{text}");
}

#[test]
fn a_report_is_made_of_what_was_merged() {
    let sandbox = Sandbox::new();
    sandbox.good("sweep run sweep.json --shard 0/2 --out parts");
    assert_eq!(sandbox.sim("report parts").0, Some(1), "nothing is merged");
    sandbox.good("sweep run sweep.json --shard 1/2 --out parts");
    sandbox.good("merge parts");
    sandbox.good("report parts");
    sandbox.whole();
    sandbox.good("report whole --out elsewhere");
    for file in [
        "index.html",
        "summary.md",
        "cells.csv",
        "runs.csv",
        "figures/change.svg",
        "figures/change.png",
        "figures/value.png",
        "manifest.json",
    ] {
        let read = |folder: &str| std::fs::read(sandbox.path(folder).join(file)).unwrap();
        assert!(read("reports/sweep") == read("elsewhere"), "{file}");
    }
    assert_eq!(sandbox.read("elsewhere/runs.csv"), sandbox.read("whole/runs.csv"));
}

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/sweeps")
}

/// Written anew with `cargo sim schema sweep > scenarios/sweeps/schema.json`.
#[test]
fn shipped_sweeps_are_valid_and_their_schema_is_current() {
    let text = std::fs::read_to_string(shipped().join("schema.json")).unwrap();
    assert!(text == minibit_sim::sweep::schema(), "run `sim schema sweep > scenarios/sweeps/schema.json`");
    let validator = jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap();
    let mut seen = 0;
    for entry in std::fs::read_dir(shipped()).unwrap() {
        let path = entry.unwrap().path();
        if path.ends_with("schema.json") {
            continue;
        }
        let value: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let errors: Vec<String> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", path.display());
        let sweep = minibit_sim::sweep::load(&path)
            .unwrap_or_else(|error| panic!("{:?}", miette::Report::new(error)));
        assert!(sweep.plan.description.len() > 60, "{}", path.display());
        seen += 1;
    }
    assert!(seen >= 1, "the sweeps are there");
}

/// What people are told about broken sweeps: the snapshot is to be read.
#[test]
fn errors_say_what_is_wrong_and_where_and_what_to_do() {
    let sandbox = Sandbox::new();
    let good = serde_json::to_string_pretty(&sweep()).unwrap();
    let changes = [
        ("unknown key", r#""axes": ["#, r#""axis": ["#),
        ("a value that is no rate", r#""4 Mbit/s""#, r#""4 MB""#),
        ("a path that leads nowhere", "groups.seed.up", "groups.sed.up"),
        ("a field that groups do not have", r#""slots""#, r#""slot""#),
        ("a value twice", "\"4 Mbit/s\"", "\"1 Mbit/s\""),
        ("two ways to say the same", "\"4 Mbit/s\"", "\"1000 kbit/s\""),
        ("an axis of seeds", r#""slots""#, r#""seed""#),
        ("no seeds", r#""seeds": 6"#, r#""seeds": 0"#),
        ("a policy that there is not", r#""random""#, r#""rnadom""#),
        ("a mistake in the scenario", r#""count": 6"#, r#""conut": 6"#),
        ("not JSON", r#""seeds": 6"#, r#""seeds": 6,"#),
    ];
    let mut told = String::new();
    for (about, part, with) in changes {
        assert!(good.contains(part), "{about}");
        std::fs::write(sandbox.path("broken.json"), good.replacen(part, with, 1)).unwrap();
        let (code, out, err) = sandbox.sim("sweep run broken.json --out parts");
        assert_eq!((code, out.as_str()), (Some(2), ""), "{about}: {err}");
        writeln!(told, "{about}\n{err}").unwrap();
    }
    let mut elsewhere = sweep();
    elsewhere["scenario"] = json!("absent.json");
    sandbox.write("broken.json", &elsewhere);
    write!(told, "a scenario that is not there\n{}", sandbox.sim("sweep plan broken.json").2).unwrap();
    assert!(!sandbox.path("parts").exists(), "nothing is written");
    insta::assert_snapshot!(told);
}

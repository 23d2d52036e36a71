//! What people are told about broken scenarios. The snapshot is to be read: each message says what, where, what was expected,
//! and what to do.

use std::fmt::Write as _;
use std::path::Path;

use miette::{GraphicalReportHandler, GraphicalTheme};
use minibit_sim::scenario::{self, ScenarioError};
use proptest::prelude::*;

/// A good scenario, which most of the broken ones differ from in one place.
const GOOD: &str = r#"{
  "content": { "size": "10 MiB", "piece": "256 KiB", "block": "16 KiB" },
  "network": { "latency": { "one_way": "10 ms" } },
  "tracker": { "max_peers": 50 },
  "groups": [
    { "name": "seed", "pieces": "all", "up": "5 Mbit/s" },
    {
      "name": "leechers",
      "count": 4,
      "up": "1 Mbit/s",
      "down": "8 Mbit/s"
    }
  ],
  "stop": { "time": "1 h" },
  "expect": ["share(completed) >= 0.9"]
}
"#;

/// What it is about; the part that is replaced; with what.
const CHANGES: &[(&str, &str, &str)] = &[
    ("unknown key, near to a known one", r#""count": 4"#, r#""conut": 4"#),
    ("unknown key, near to nothing", r#""max_peers": 50"#, r#""colour": "red""#),
    ("unknown key at the top", r#""stop": {"#, r#""stops": {"#),
    (
        "unknown key in an object of one key",
        r#""count": 4"#,
        r#""arrivals": { "stagered": { "every": "1 s" } }"#,
    ),
    ("two keys where one says what is meant", r#""count": 4"#, r#""pieces": { "first": 2, "last": 2 }"#),
    ("no key where one says what is meant", r#""count": 4"#, r#""pieces": {}"#),
    ("missing key", r#""size": "10 MiB", "#, ""),
    ("missing key in an item", r#""name": "leechers","#, ""),
    ("missing key in a form", r#""count": 4"#, r#""arrivals": { "staggered": { "start": "1 s" } }"#),
    ("a string for a number", r#""count": 4"#, r#""count": "four""#),
    ("a fraction for a whole number", r#""count": 4"#, r#""count": 4.5"#),
    ("a number for a string", r#""name": "leechers""#, r#""name": 7"#),
    ("an object for an array", r#"["share(completed) >= 0.9"]"#, "{}"),
    ("a number for an object", r#"{ "time": "1 h" }"#, "3600"),
    ("a word for true or false", r#""count": 4"#, r#""endgame": "yes""#),
    ("null", r#""count": 4"#, r#""count": null"#),
    ("a size for a rate", r#""5 Mbit/s""#, r#""5 MB""#),
    ("a rate for a size", r#""10 MiB""#, r#""10 Mbit/s""#),
    ("a time without a unit", r#""1 h""#, r#""3600""#),
    ("a unit in wrong case", r#""256 KiB""#, r#""256 kib""#),
    ("an unknown unit", r#""1 h""#, r#""1 fortnight""#),
    ("a negative time", r#""10 ms""#, r#""-10 ms""#),
    ("a negative number", r#""count": 4"#, r#""count": -4"#),
    ("a number beyond its type", r#""count": 4"#, r#""count": 5000000000"#),
    (
        "a connection per piece, and nobody who says whom to ask",
        r#""count": 4"#,
        r#""connections": { "per_piece": 1 }"#,
    ),
    ("nobody who says who has what", r#""count": 4"#, r#""inventory": "tracker""#),
    ("no connection at a time", r#""count": 4"#, r#""profile": "s3", "connections": { "per_piece": 0 }"#),
    ("a fraction without a unit", r#""10 MiB""#, "1.5"),
    ("too large a size", r#""10 MiB""#, r#""99999999 TiB""#),
    ("no peers", r#""count": 4"#, r#""count": 0"#),
    ("too many peers", r#""count": 4"#, r#""count": 1000001"#),
    ("an empty content", r#""10 MiB""#, r#""0 B""#),
    ("a piece longer than the content", r#""256 KiB""#, r#""256 MiB""#),
    ("a block longer than a piece", r#""16 KiB""#, r#""1 MiB""#),
    ("too many pieces", r#""piece": "256 KiB", "block": "16 KiB""#, r#""piece": 1"#),
    ("a link of no rate", r#""up": "1 Mbit/s""#, r#""up": "0 bit/s""#),
    ("no link", r#""up": "5 Mbit/s""#, r#""count": 1"#),
    ("a capacity and an uplink", r#""down": "8 Mbit/s""#, r#""capacity": "8 Mbit/s""#),
    ("classes and an uplink", r#""down": "8 Mbit/s""#, r#""classes": [{ "up": "8 Mbit/s" }]"#),
    ("bounds in the wrong order", r#""8 Mbit/s""#, r#"["8 Mbit/s", "1 Mbit/s"]"#),
    ("three bounds", r#""8 Mbit/s""#, r#"["1 Mbit/s", "2 Mbit/s", "3 Mbit/s"]"#),
    ("a name that stands twice", r#""name": "leechers""#, r#""name": "seed""#),
    ("a name with a space", r#""name": "leechers""#, r#""name": "my leechers""#),
    ("names that clash", r#""name": "seed""#, r#""name": "leechers-1""#),
    ("nobody has a piece", r#""pieces": "all", "#, ""),
    ("more pieces than there are", r#""count": 4"#, r#""pieces": 41"#),
    ("a piece that is not there", r#""count": 4"#, r#""pieces": { "exactly": [0, "38-40"] }"#),
    ("a share above one", r#""count": 4"#, r#""pieces": { "share": "130 %" }"#),
    ("an unknown profile", r#""count": 4"#, r#""profile": "bittorent""#),
    ("an unknown strategy", r#""count": 4"#, r#""piece_selection": "rarest""#),
    ("an unknown choker", r#""count": 4"#, r#""choking": "tit-for-tot""#),
    ("no pending requests", r#""count": 4"#, r#""requests": { "fixed": 0 }"#),
    ("bounds of the pipeline", r#""count": 4"#, r#""requests": { "pipelined": { "min": 200 } }"#),
    ("times that do not fit together", r#""count": 4"#, r#""timeouts": { "idle": "30 s" }"#),
    ("a latency given twice", r#""one_way": "10 ms""#, r#""one_way": "10 ms", "rtt": "20 ms""#),
    ("no latency", r#"{ "one_way": "10 ms" }"#, "{}"),
    ("a latency that says not which", r#"{ "one_way": "10 ms" }"#, r#""10 ms""#),
    ("a drawn latency that says not when", r#""10 ms""#, r#"{ "uniform": ["1 ms", "2 ms"] }"#),
    (
        "places that lack a latency",
        r#""one_way": "10 ms""#,
        r#""one_way_between": { "eu": { "eu": "5 ms" }, "us": { "us": "5 ms" } }"#,
    ),
    ("a group without a place", r#""one_way": "10 ms""#, r#""rtt_between": { "eu": { "eu": "5 ms" } }"#),
    (
        "a shape of no distribution",
        r#""count": 4"#,
        r#""leave": { "crash_after": { "weibull": { "scale": "1 h", "shape": 0 } } }"#,
    ),
    (
        "a distribution without a number",
        r#""count": 4"#,
        r#""leave": { "crash_after": { "exponential": {} } }"#,
    ),
    ("an arrival rate of nothing", r#""count": 4"#, r#""arrivals": { "poisson": { "per_second": 0 } }"#),
    ("times for other peers", r#""count": 4"#, r#""count": 4, "arrivals": { "at": ["1 s", "2 s"] }"#),
    (
        "neighbours who say nothing",
        r#""tracker": { "max_peers": 50 }"#,
        r#""neighbours": "mesh", "defaults": { "up": "1 MB/s", "down": "1 MB/s", "profile": "s3" }"#,
    ),
    ("words that an encoding has not", r#""count": 4"#, r#""encoding": "s5""#),
    ("a tracker and neighbours", r#""stop": {"#, r#""neighbours": "mesh", "stop": {"#),
    ("neither tracker nor neighbours", r#"{ "max_peers": 50 }"#, "false"),
    ("an unknown neighbour", r#""tracker": { "max_peers": 50 }"#, r#""neighbours": [["seed", "leecher-1"]]"#),
    (
        "a group for a neighbour",
        r#""tracker": { "max_peers": 50 }"#,
        r#""neighbours": [["seed", "leechers"]]"#,
    ),
    (
        "a neighbour beyond the group",
        r#""tracker": { "max_peers": 50 }"#,
        r#""neighbours": [["seed", "leechers-5"]]"#,
    ),
    ("too high a degree", r#""tracker": { "max_peers": 50 }"#, r#""neighbours": { "degree": 5 }"#),
    (
        "random contacts without a rate",
        r#""tracker": { "max_peers": 50 }"#,
        r#""neighbours": "random_contacts""#,
    ),
    (
        "too many random contacts",
        r#""tracker": { "max_peers": 50 }"#,
        r#""neighbours": "random_contacts", "defaults": { "contacts_per_second": 1e9 }"#,
    ),
    (
        "paced requests of those who meet by chance",
        r#""tracker": { "max_peers": 50 }"#,
        r#""neighbours": "random_contacts", "defaults": { "contacts_per_second": 1, "profile": "s1" }"#,
    ),
    ("a rate of contacts in a mesh", r#""count": 4"#, r#""contacts_per_second": 1"#),
    ("a tracker that forgets too soon", r#""max_peers": 50"#, r#""timeout": "1 s""#),
    ("a seeding tracker without a link", r#""max_peers": 50"#, r#""seed": true"#),
    ("a run of no time", r#""1 h""#, r#""0 s""#),
    ("a timeline of too many rows", r#""stop": {"#, r#""timeline": "0.1 ms", "stop": {"#),
    ("a timeline of no time", r#""stop": {"#, r#""timeline": 0, "stop": {"#),
    (
        "allowed-fast pieces without the extension",
        r#""count": 4"#,
        r#""fast_extension": false, "allowed_fast": 5"#,
    ),
    ("a rule about an unknown metric", "share(completed) >= 0.9", "p95(download) < 60 s"),
    ("a rule about an unknown group", "share(completed) >= 0.9", "p95(download_s{group=lechers}) < 60 s"),
    ("a rule with a wrong unit", "share(completed) >= 0.9", "p95(download_s) < 60 MB"),
    ("a rule that compares with nothing", "share(completed) >= 0.9", "p95(download_s)"),
    ("a key that stands twice", r#""count": 4"#, r#""up": "2 Mbit/s""#),
    ("a comma too many", "\"share(completed) >= 0.9\"]", "\"share(completed) >= 0.9\",]"),
    ("a missing comma", r#""count": 4,"#, r#""count": 4"#),
    ("a comment", r#""count": 4,"#, "\"count\": 4, // of them"),
    ("a unit without quotes", r#""10 MiB""#, "10 MiB"),
    ("a trace that is not there", r#""count": 4"#, r#""arrivals": { "trace": "nowhere.csv" }"#),
    ("a trace of too few rows", r#""count": 4"#, r#""count": 4, "arrivals": { "trace": "short.csv" }"#),
    ("a trace without the column", r#""count": 4"#, r#""arrivals": { "trace": "column.csv" }"#),
    ("a trace with a word", r#""count": 4"#, r#""arrivals": { "trace": "word.csv" }"#),
    ("a trace with a ragged row", r#""count": 4"#, r#""arrivals": { "trace": "ragged.csv" }"#),
];

/// Overrides of the good scenario.
const FLAGS: &[&str] = &[
    "groups.leechers.count=0",
    "groups.lechers.count=5",
    "groups.leechers.conut=5",
    "groups.leechers.up=5 MB",
    "seed",
    "seed.more=1",
    "stop.time=",
    "network.latency.rtt=20 ms",
    "groups.seed.pieces=null",
    "groups=[]",
    "groups.leechers.pieces.some=1",
    "groups.leechers.arrivals.staggered.start=1 s",
    "=1",
];

fn traces() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("short.csv", "join_s,comment\n0.5,first\n1,second\n\n"),
        ("column.csv", "time,comment\n0.5,first\n"),
        ("word.csv", "comment,join_s\r\nfirst,0.5\r\nsecond,soon\r\n"),
        ("ragged.csv", "comment,join_s\nfirst,0.5\nsecond\n"),
    ] {
        std::fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn rendered(error: &ScenarioError, folder: &Path) -> String {
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_width(100);
    let mut text = String::new();
    handler.render_report(&mut text, error).unwrap();
    text.replace(&folder.display().to_string(), "FOLDER")
}

#[test]
fn errors_say_what_is_wrong_and_where_and_what_to_do() {
    let traces = traces();
    let folder = traces.path();
    let mut all = String::new();
    let mut show = |title: &str, result: Result<scenario::Scenario, ScenarioError>| {
        let Err(error) = result else { panic!("{title}: this is read without an error") };
        writeln!(all, "── {title}\n{}", rendered(&error, folder)).unwrap();
    };
    assert!(scenario::parse("good.json", GOOD, &[], folder).is_ok());
    for (title, part, replacement) in CHANGES {
        assert!(GOOD.contains(part), "{title}: {part} is not in the good scenario");
        let text = GOOD.replacen(part, replacement, 1);
        show(title, scenario::parse("broken.json", &text, &[], folder));
    }
    for flag in FLAGS {
        show(&format!("--set {flag}"), scenario::parse("good.json", GOOD, &[(*flag).to_owned()], folder));
    }
    let one_line = GOOD.replace("count", "conut").replace('\n', &" ".repeat(40));
    for (title, text) in [
        ("an empty file", ""),
        ("only space", " \n\t"),
        ("no object", "[1, 2]"),
        ("not JSON at all", "name: yaml\n"),
        ("cut off", &GOOD[..200]),
        ("one long line", &one_line),
    ] {
        show(title, scenario::parse("broken.json", text, &[], folder));
    }
    show("nested deeply", scenario::parse("broken.json", &"[".repeat(10_000), &[], folder));
    for (title, name, bytes) in [
        ("not UTF-8", "latin1.json", b"{\n  \"description\": \"Z\xfcrich\"\n}".to_vec()),
        ("huge", "huge.json", vec![b' '; (16 << 20) + 1]),
    ] {
        let file = folder.join(name);
        std::fs::write(&file, bytes).unwrap();
        show(title, scenario::load(&file, &[]));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = folder.path().join("missing.json");
    for path in [missing.as_path(), folder.path()] {
        let error = scenario::load(path, &[]).unwrap_err();
        assert!(
            matches!(&error, ScenarioError::Unreadable { path: named, .. } if named == path),
            "{error:?}"
        );
        assert!(error.to_string().contains(&path.display().to_string()));
    }
}

#[test]
fn a_byte_order_mark_is_no_error() {
    assert!(scenario::parse("bom.json", &format!("\u{feff}{GOOD}"), &[], Path::new("")).is_ok());
}

/// A text with some characters cut out, doubled or replaced.
fn mutated() -> impl Strategy<Value = String> {
    let everything = include_str!("everything.json");
    let piece = prop_oneof![
        Just(String::new()),
        Just("0".to_owned()),
        Just("-1".to_owned()),
        Just("1e308".to_owned()),
        Just("18446744073709551615".to_owned()),
        Just("null".to_owned()),
        Just("\"\"".to_owned()),
        Just("{}".to_owned()),
        Just("[]".to_owned()),
        Just("\"4294967295-0 ü %\"".to_owned()),
        "\\PC{0,4}",
    ];
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0_usize..4, piece), 1..4);
    (prop_oneof![Just(GOOD), Just(everything)], edits).prop_map(|(text, edits)| {
        // Tokens, so that most of the mutants are JSON and get far.
        let mut tokens: Vec<String> = Vec::new();
        for part in text.split_inclusive(['{', '}', '[', ']', ',', ':', ' ', '\n']) {
            let (body, mark) = part.split_at(part.len() - 1);
            tokens.extend([body.to_owned(), mark.to_owned()].into_iter().filter(|token| !token.is_empty()));
        }
        for (index, cut, piece) in edits {
            let at = index.index(tokens.len());
            let end = (at + cut).min(tokens.len());
            tokens.splice(at..end, [piece]);
        }
        tokens.concat()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    /// Whatever stands in a file: a scenario or an error that can be shown, and never a panic.
    #[test]
    fn nothing_panics(text in mutated(), flag in "[a-z.0-9=]{0,12}", flagged: bool) {
        let flags = if flagged { vec![flag] } else { Vec::new() };
        match scenario::parse("mutant.json", &text, &flags, Path::new("")) {
            Ok(scenario) => {
                let resolved = scenario::resolved_json(&scenario).to_string();
                let again = scenario::parse("again.json", &resolved, &[], Path::new(""));
                prop_assert_eq!(again.ok(), Some(scenario));
            }
            Err(error) => prop_assert!(!rendered(&error, Path::new("FOLDER")).is_empty()),
        }
    }
}

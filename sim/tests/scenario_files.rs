//! The shipped scenarios and the schema: they are valid, current, and survive being resolved, written and read again.

use std::path::{Path, PathBuf};

use minibit_sim::scenario::{self, Scenario};
use serde_json::Value;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios")
}

/// All scenarios that ship, with the text of each.
fn shipped() -> Vec<(PathBuf, String)> {
    let files = |folder: PathBuf| std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = files(folder()).chain(files(folder().join("bench"))).collect();
    files.retain(|file| {
        file.extension().is_some_and(|ending| ending == "json") && !file.ends_with("schema.json")
    });
    files.sort();
    assert!(files.len() >= 12, "the scenarios are there");
    files.into_iter().map(|file| (file.clone(), std::fs::read_to_string(&file).unwrap())).collect()
}

fn load(file: &Path) -> Scenario {
    scenario::load(file, &[]).unwrap_or_else(|error| panic!("{:?}", miette::Report::new(error)))
}

/// Written anew with `UPDATE_SCHEMA=1 cargo test -p minibit-sim --test scenario_files`.
#[test]
fn the_committed_schema_is_current() {
    let file = folder().join("schema.json");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&file, scenario::schema()).unwrap();
    }
    let committed = std::fs::read_to_string(&file).unwrap();
    assert!(committed == scenario::schema(), "run `sim schema > scenarios/schema.json`");
}

#[test]
fn shipped_scenarios_are_valid_and_described() {
    let schema: Value = serde_json::from_str(&scenario::schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (file, text) in shipped() {
        let value: Value = serde_json::from_str(&text).unwrap();
        let errors: Vec<String> = validator
            .iter_errors(&value)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", file.display());
        let target = value["$schema"].as_str().expect("editors find the schema");
        assert!(
            file.parent().unwrap().join(target).canonicalize().unwrap().ends_with("scenarios/schema.json")
        );
        let scenario = load(&file);
        assert_eq!(Some(scenario.name.as_str()), file.file_stem().and_then(|stem| stem.to_str()));
        assert!(scenario.description.len() > 60 && !scenario.expect.is_empty(), "{}", file.display());
    }
}

/// The schema refuses what the reader refuses, at least where names and types are concerned.
#[test]
fn the_schema_refuses_wrong_keys_and_types() {
    let schema: Value = serde_json::from_str(&scenario::schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let (_, text) = &shipped()[0];
    for (pointer, value) in [
        ("/content/size", "5 Mbit/s".into()),
        ("/content/size", Value::from(-1)),
        ("/content/size", Value::Null),
        ("/groups/0/up", "5 MB".into()),
        ("/groups/0/pieces", "some".into()),
        ("/groups/0/profile", "s9".into()),
        ("/groups/0/arrivals", serde_json::json!({"stagered": {"every": "1 s"}})),
        ("/groups/0", serde_json::json!({"name": "a", "conut": 3})),
        ("/groups", serde_json::json!([])),
    ] {
        let mut changed: Value = serde_json::from_str(text).unwrap();
        *changed.pointer_mut(pointer).unwrap() = value;
        assert!(!validator.is_valid(&changed), "{pointer} is {}", changed.pointer(pointer).unwrap());
    }
}

#[test]
fn resolved_scenarios_say_everything_and_read_back_the_same() {
    let schema: Value = serde_json::from_str(&scenario::schema()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let everything = include_str!("everything.json").to_owned();
    for (file, text) in shipped().into_iter().chain([(folder().join("everything.json"), everything)]) {
        let name = file.display().to_string();
        let first = scenario::parse(&name, &text, &[], &folder())
            .unwrap_or_else(|error| panic!("{:?}", miette::Report::new(error)));
        let resolved = scenario::resolved_json(&first);
        assert!(
            validator.is_valid(&resolved),
            "{name}: {:#?}",
            validator.iter_errors(&resolved).map(|e| e.to_string()).collect::<Vec<_>>()
        );
        let text = serde_json::to_string_pretty(&resolved).unwrap();
        let second = scenario::parse("other.json", &text, &[], Path::new(""))
            .unwrap_or_else(|error| panic!("{:?}", miette::Report::new(error)));
        assert_eq!(first, second, "{name}");
        assert_eq!(text, serde_json::to_string_pretty(&scenario::resolved_json(&second)).unwrap(), "{name}");
    }
}

/// What a manifest holds: a change of a default shows here, and must be meant. (The profile's choices have a table of their own.)
#[test]
fn the_resolved_form_of_a_small_scenario() {
    let text = r#"{
        "description": "the least",
        "content": {"size": "1 MiB"},
        "groups": [
            {"name": "seed", "pieces": "all", "up": "5 Mbit/s"},
            {"name": "leechers", "count": 2, "up": "1 Mbit/s", "down": "5 Mbit/s"}
        ]
    }"#;
    let scenario = scenario::parse("small.json", text, &[], Path::new("")).unwrap();
    let mut resolved = scenario::resolved_json(&scenario);
    for group in resolved["groups"].as_array_mut().unwrap() {
        let choices = ["choking", "requests", "timeouts", "limits", "announcing", "allowed_fast"];
        for key in choices {
            let removed = group.as_object_mut().unwrap().shift_remove(key);
            assert!(removed.is_some(), "{key} is said");
        }
    }
    insta::assert_snapshot!(serde_json::to_string_pretty(&resolved).unwrap());
}

#[test]
fn overrides_are_applied_before_anything_is_checked() {
    let file = folder().join("free_riders.json");
    let flags = [
        "seed=9",
        "groups.contributors.count=7",
        "defaults.choking=none",
        "network.latency.rtt=1 s",
        "name=other",
    ];
    let flags = flags.map(str::to_owned);
    let scenario = scenario::load(&file, &flags).unwrap();
    assert_eq!((scenario.seed, scenario.name.as_str(), scenario.groups[1].count), (9, "other", 7));
    assert_eq!(scenario.network.latency, scenario::Latency::Constant(std::time::Duration::from_millis(500)));
    assert_eq!(scenario.groups[0].config.choking.algorithm, minibit_core::config::ChokeAlgorithm::None);
}

/// `W-PS` and `W-SGB` are other people's workloads: the numbers are theirs.
#[test]
fn the_bench_scenarios_are_what_they_claim() {
    use minibit_core::config::Requests;
    use scenario::{InitialPieces, Latency, Link, LinkDist};
    for peers in [100, 300, 1000] {
        let scenario = load(&folder().join(format!("bench/w-ps-{peers}.json")));
        let [group] = &scenario.groups[..] else { panic!("one group") };
        assert_eq!((group.count, &group.pieces), (peers, &InitialPieces::SeedShare { ppm: 100_000 }));
        let capacities = [640_000, 1_024_000, 2_048_000, 4_096_000];
        assert_eq!(
            group.link,
            LinkDist::Classes(capacities.map(|capacity| (1, Link::Shared(capacity))).to_vec())
        );
        assert_eq!(group.config.requests, Requests::Fixed(5));
        assert_eq!(group.config.choking.parallel_uploads, Some(10));
        assert_eq!(group.config.limits.connections, 80);
        assert!(matches!(scenario.network.latency, Latency::PerMessage(_)));
        assert_eq!(scenario.content.len, 62 * 16 * 16 * 1024);
        assert_eq!(scenario.tracker.map(|tracker| tracker.max_peers), Some(50));
    }
    for peers in [100, 300] {
        let scenario = load(&folder().join(format!("bench/w-sgb-{peers}.json")));
        let counts: Vec<u32> = scenario.groups.iter().map(|group| group.count).collect();
        assert_eq!(counts, [peers / 10, peers - peers / 10]);
        for group in &scenario.groups {
            assert_eq!(
                group.link,
                LinkDist::Fixed(Link::Duplex { up: Some(2_000_000), down: Some(2_000_000) })
            );
            assert_eq!(group.config.requests, Requests::Fixed(1));
            assert_eq!(group.config.choking.interval.as_secs(), 30);
        }
        assert_eq!(scenario.content.len, 62 * 16 * 16 * 1024);
    }
}

/// The five peers of S5's report: the numbers are its authors'.
#[test]
fn the_five_peers_are_those_of_the_report() {
    use scenario::{Arrivals, InitialPieces, MessageCount};
    for (file, blocks, initial) in
        [("5peers_pdf", 5, 0), ("5peers_png", 16, 1), ("5peers_mp3", 61, 6), ("5peers_mp4", 131, 14)]
    {
        let scenario = load(&folder().join(format!("{file}.json")));
        assert_eq!(scenario.content.len / u64::from(scenario.content.piece_len), blocks);
        assert_eq!(scenario.content.block_len, scenario.content.piece_len);
        let [group] = &scenario.groups[..] else { panic!("one group") };
        let pieces = if initial == 0 { InitialPieces::None } else { InitialPieces::Random(initial) };
        assert_eq!((group.count, &group.pieces), (5, &pieces));
        assert_eq!(u64::from(initial), blocks / 9);
        let half = std::time::Duration::from_millis(500);
        assert_eq!(group.arrivals, Arrivals::Staggered { start: std::time::Duration::ZERO, every: half });
        assert_eq!(group.message_count, MessageCount::UntilComplete);
        assert_eq!(group.config, minibit_core::Profile::S5.config());
        assert_eq!(scenario.tracker.unwrap().seed, minibit_core::Profile::S5.tracker_seed_config());
    }
}

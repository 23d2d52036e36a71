//! Results are the same bytes on every machine, in debug and in release builds: digests that are written down here.
//!
//! A change of the protocol or of the model moves them; then the tables in the documentation move, too. The test prints
//! the new table.

use std::path::{Path, PathBuf};

use minibit_sim::report::{self, ReportInput};
use minibit_sim::scenario::{self, Scenario, evaluate, resolved_json};
use minibit_sim::world::{Controls, simulate, simulate_twice};
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

/// The shipped scenarios and the digest of their first run.
const DIGESTS: [(&str, u64); 18] = [
    ("5peers_mp3", 0xaed2_18ad_548b_c3af),
    ("5peers_mp4", 0x231a_2061_4394_d517),
    ("5peers_mp4_bittorrent", 0x0ea6_a301_01e2_9bb5),
    ("5peers_pdf", 0x1118_1332_cffb_099d),
    ("5peers_png", 0x2e26_7263_62e3_cce8),
    ("churn", 0xddf0_2ab0_3c1e_5014),
    ("five_systems", 0xfd60_c56f_f311_4d99),
    ("flash_crowd", 0xd270_c8b7_f5f4_5ec6),
    ("free_riders", 0xc7e7_1482_16c6_ed10),
    ("rarest_vs_random_downlink", 0x92d4_fece_21f0_1afd),
    ("rarest_vs_random_plenty", 0x3dc7_aaf2_ecc2_481f),
    ("rarest_vs_random_scarce", 0xe37c_aadf_d683_75da),
    ("seed_leaves", 0x87e9_7610_f5b8_35d4),
    ("bench/w-ps-100", 0x9a63_54da_57b5_74b2),
    ("bench/w-ps-1000", 0xc151_d8e6_556f_2617),
    ("bench/w-ps-300", 0x71d9_155f_3d62_c44f),
    ("bench/w-sgb-100", 0xb7d4_479e_ceeb_fcd2),
    ("bench/w-sgb-300", 0x5d09_8d86_af61_6a77),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios")
}

fn load(name: &str) -> Scenario {
    scenario::load(&folder().join(format!("{name}.json")), &[])
        .unwrap_or_else(|error| panic!("{:?}", miette::Report::new(error)))
}

#[test]
fn digests_are_those_that_are_written_down() {
    let measured: Vec<u64> =
        DIGESTS.par_iter().map(|(name, _)| simulate(&load(name), 0, Controls::default()).digest).collect();
    let row = |((name, _), digest): (&(&str, u64), &u64)| {
        let hex = format!("{digest:016x}").into_bytes();
        let groups: Vec<_> = hex.chunks(4).map(String::from_utf8_lossy).collect();
        format!("    (\"{name}\", 0x{}),\n", groups.join("_"))
    };
    let expected: Vec<u64> = DIGESTS.iter().map(|(_, digest)| *digest).collect();
    let table: String = DIGESTS.iter().zip(&measured).map(row).collect();
    assert!(measured == expected, "the digests are now\n{table}");
}

/// The table has every shipped scenario.
#[test]
fn no_scenario_is_forgotten() {
    for prefix in ["", "bench/"] {
        for entry in std::fs::read_dir(folder().join(prefix)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if let Some(name) = name.strip_suffix(".json").filter(|name| *name != "schema") {
                let name = format!("{prefix}{name}");
                assert!(DIGESTS.iter().any(|(pinned, _)| *pinned == name), "{name} has no digest here");
            }
        }
    }
}

#[test]
fn two_runs_side_by_side_never_part() {
    for name in ["5peers_mp4", "seed_leaves"] {
        let scenario = load(name);
        let once = simulate(&scenario, 0, Controls::default());
        let twice = simulate_twice(&scenario, 0, &Controls::default()).unwrap();
        assert!(once == twice, "{name}: all results are equal, not only the digest");
    }
}

#[test]
fn reports_in_two_folders_have_the_same_bytes() {
    let scenario = load("5peers_mp4_bittorrent");
    let bytes = || {
        let runs: Vec<_> = (0..2).map(|run| simulate(&scenario, run, Controls::default())).collect();
        let verdicts = evaluate(&scenario.expect, &scenario, &runs);
        let resolved = resolved_json(&scenario);
        let input = ReportInput {
            scenario: &scenario,
            runs: &runs,
            verdicts: &verdicts,
            resolved: &resolved,
            command: "sim run",
        };
        let dir = tempfile::tempdir().unwrap();
        let paths = report::write(dir.path(), &input).unwrap();
        let named = |path: PathBuf| (path.file_name().unwrap().to_owned(), std::fs::read(&path).unwrap());
        paths.into_iter().map(named).collect::<Vec<_>>()
    };
    let first = bytes();
    assert!(first.len() > 10 && first == bytes());
}

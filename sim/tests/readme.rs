//! What README.md shows is what there is: its scenario is valid, and so is every command that it gives for a scenario file.

use std::path::{Path, PathBuf};

use minibit_sim::scenario::{load, parse};
use minibit_sim::sweep;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn readme() -> String {
    std::fs::read_to_string(root().join("README.md")).unwrap()
}

/// The fenced blocks in this language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    text.split(&fence).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

#[test]
fn the_scenario_is_valid() {
    let shown = blocks(&readme(), "json");
    assert_eq!(shown.len(), 1, "one scenario is shown");
    let scenario = parse("lab.json", &shown[0], &[], Path::new("")).unwrap();
    assert_eq!(scenario.groups.len(), 3);
}

#[test]
fn every_command_names_a_file_that_is_there_and_values_that_fit() {
    let mut seen = 0;
    for line in
        blocks(&readme(), "sh").iter().flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>())
    {
        let words: Vec<&str> = line.split_whitespace().collect();
        let Some(file) = words.iter().find(|word| word.starts_with("scenarios/")) else { continue };
        let sets = words.windows(2).filter(|pair| pair[0] == "--set").map(|pair| pair[1].to_owned());
        let result = if file.starts_with("scenarios/sweeps/") {
            sweep::load(&root().join(file)).map(drop)
        } else {
            load(&root().join(file), &sets.collect::<Vec<_>>()).map(drop)
        };
        result.unwrap_or_else(|error| panic!("{line}: {:?}", miette::Report::new(error)));
        seen += 1;
    }
    assert!(seen >= 4, "only {seen} commands found");
}
